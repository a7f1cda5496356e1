//! Where an agency's secrets are kept: a trait, and the secret that comes out of it.

use std::fmt;

use aws_lc_rs::rand;
use zeroize::{Zeroize, ZeroizeOnDrop};

/// A secret of 32 to 64 bytes. Zeroised on drop; its `Debug` shows nothing.
#[derive(Zeroize, ZeroizeOnDrop)]
pub struct Secret {
    bytes: [u8; Secret::LONGEST],
    length: usize,
}

/// A secret of fewer than 32 or more than 64 bytes was offered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SecretLength(
    /// How many bytes it had.
    pub usize,
);

impl Secret {
    /// Fewer bytes would weaken AES-256.
    pub const SHORTEST: usize = 32;
    /// A block of HMAC-SHA-256; more bytes would add nothing.
    pub const LONGEST: usize = 64;

    /// Copies `bytes`; the caller zeroises what it copied from.
    pub fn new(bytes: &[u8]) -> Result<Self, SecretLength> {
        if !(Self::SHORTEST..=Self::LONGEST).contains(&bytes.len()) {
            return Err(SecretLength(bytes.len()));
        }
        let mut secret = Self { bytes: [0; Self::LONGEST], length: bytes.len() };
        secret.bytes[..bytes.len()].copy_from_slice(bytes);
        Ok(secret)
    }

    /// 32 fresh random bytes; `None` where the system gives no randomness.
    pub fn generate() -> Option<Self> {
        let mut secret = Self { bytes: [0; Self::LONGEST], length: Self::SHORTEST };
        rand::fill(&mut secret.bytes[..Self::SHORTEST]).ok()?;
        Some(secret)
    }

    /// The bytes, for a key derivation or a KMS client. Do not copy them into anything that outlives the call.
    pub fn expose(&self) -> &[u8] {
        &self.bytes[..self.length]
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(..)")
    }
}

impl fmt::Display for SecretLength {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a secret has 32 to 64 bytes, not {}", self.0)
    }
}

impl std::error::Error for SecretLength {}

/// Keeps agencies' secrets: wraps them, each under a key-encryption key of its own, and hands them back.
///
/// *Durability.* A wrapped secret is worthless without its key-encryption key, so that key is durable before `wrap`
/// returns. The wrapped bytes are the caller's to keep; the KMS does not remember them. Bytes that the caller loses
/// leave a key behind that nobody needs, and nothing worse. What `destroy` answered `Ok` to stays destroyed over
/// crashes and restarts; after an error it may be destroyed or not, and the caller asks again.
///
/// *Destruction.* The wrapped bytes may lie in any number of old copies, so it is the key-encryption key that goes, out
/// of the reach of whoever has those copies. Other secrets, of the same agency too, stay as they are.
///
/// *Who retries.* The caller, on [`KmsError::Unavailable`] and on nothing else. A client does not retry inside a
/// call, and it bounds how long a call takes: these calls block.
///
/// *Fail closed.* No answer is never an empty secret. While a secret cannot be had, events that need it are refused
/// or wait; they are never stored or handed out in the clear, and a person is never taken for erased.
///
/// *Concurrency.* Any number of calls at a time; two `wrap`s, of one secret too, make two unrelated keys. An `unwrap`
/// beside a `destroy` of the same bytes gives the secret or [`KmsError::Destroyed`]; one that begins after it, the latter.
pub trait Kms: Send + Sync {
    /// Wraps `secret` for `agency` under a key-encryption key of its own, made by this call and durable when it returns.
    fn wrap(&self, agency: &str, secret: &Secret) -> Result<Vec<u8>, KmsError>;

    /// The secret that `wrap` wrapped for the same `agency`. Bytes wrapped for another agency are refused.
    fn unwrap(&self, agency: &str, wrapped: &[u8]) -> Result<Secret, KmsError>;

    /// Destroys the key-encryption key of these wrapped bytes for good: afterwards nobody unwraps them, from whatever
    /// copy. Done already: `Ok`. Bytes wrapped for another agency are refused.
    fn destroy(&self, agency: &str, wrapped: &[u8]) -> Result<(), KmsError>;
}

/// Why a KMS gave no secret. The reasons are the client's words and must not contain key material.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KmsError {
    /// It could not be asked, or did not answer in time. Worth another try later.
    Unavailable(String),
    /// It answered and will not: no such key, no right to it. An operator has to act.
    Denied(String),
    /// The wrapped bytes are not what this KMS made for this agency.
    Tampered,
    /// The key-encryption key of these bytes was destroyed: the secret is gone for good. A service that keeps nothing of
    /// destroyed keys says so too where it was restored from a copy without this one, or is another service.
    Destroyed,
}

impl fmt::Display for KmsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            KmsError::Unavailable(why) => write!(f, "the key management service cannot be reached: {why}"),
            KmsError::Denied(why) => write!(f, "the key management service refuses the key: {why}"),
            KmsError::Tampered => f.write_str(
                "the wrapped secret is not one that the key management service made for this agency",
            ),
            KmsError::Destroyed => f.write_str("the key that the secret was wrapped with was destroyed"),
        }
    }
}

impl std::error::Error for KmsError {}
