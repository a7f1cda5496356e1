//! Where an agency's secrets are kept: a trait, and the secret that comes out of it.

use std::fmt;

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

/// Keeps agencies' secrets: creates them and hands them back from their wrapped form.
///
/// *Durability.* A wrapped secret is worthless without the KMS's own key-encryption key, so that key must be durable
/// before `create` returns. The wrapped bytes are the caller's to keep; the KMS does not remember them.
///
/// *Who retries.* The caller, on [`KmsError::Unavailable`] and on nothing else. A client does not retry inside a
/// call, and it bounds how long a call takes: these calls block.
///
/// *Fail closed.* No answer is never an empty secret. While a secret cannot be had, events that need it are refused
/// or wait; they are never stored or handed out in the clear, and a person is never taken for erased.
///
/// *Concurrency.* Any number of calls at a time; two `create`s make two unrelated secrets.
pub trait Kms: Send + Sync {
    /// Makes a fresh secret for `agency`: its wrapped form to be kept, and the secret itself.
    fn create(&self, agency: &str) -> Result<(Vec<u8>, Secret), KmsError>;

    /// The secret that `create` wrapped for the same `agency`. Bytes wrapped for another agency are refused.
    fn unwrap(&self, agency: &str, wrapped: &[u8]) -> Result<Secret, KmsError>;
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
}

impl fmt::Display for KmsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            KmsError::Unavailable(why) => write!(f, "the key management service cannot be reached: {why}"),
            KmsError::Denied(why) => write!(f, "the key management service refuses the key: {why}"),
            KmsError::Tampered => f.write_str(
                "the wrapped secret is not one that the key management service made for this agency",
            ),
        }
    }
}

impl std::error::Error for KmsError {}
