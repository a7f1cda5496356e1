//! Key pairs of agencies (X25519) and the texts that they are kept and published as.

use std::fmt;
use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use hpke::{Deserializable, Kem as _, Serializable};
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use crate::values::{Given, Kem, wrap};

const PUBLIC: &str = "e2e-public1.";
const PRIVATE: &str = "e2e-private1.";
const KEY_BYTES: usize = 32;

/// A text that is no key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyError {
    /// Not a public key of this form.
    Public,
    /// A public key to which nothing can be sealed.
    Weak,
    /// Not a private key of this form; the line of the key file, counted from 1.
    Private(usize),
    /// A key file without a key.
    NoKey,
    /// The system gives no randomness.
    NoRandomness,
}

impl fmt::Display for KeyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            KeyError::Public => write!(f, "not a public key: {PUBLIC} and 43 characters of base64url"),
            KeyError::Weak => f.write_str("a public key that nothing can be sealed for"),
            KeyError::Private(line) => {
                write!(f, "line {line} is no private key: {PRIVATE} and 43 characters of base64url")
            }
            KeyError::NoKey => f.write_str("there is no key in it"),
            KeyError::NoRandomness => f.write_str("the system gives no randomness"),
        }
    }
}

impl std::error::Error for KeyError {}

/// Which key: the first 16 bytes of the SHA-256 of the public key; in displays as hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyId(pub(crate) [u8; 16]);

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for KeyId {
    type Err = KeyError;

    fn from_str(text: &str) -> Result<Self, KeyError> {
        let digits = text.as_bytes();
        if digits.len() != 32 {
            return Err(KeyError::Public);
        }
        let mut id = [0; 16];
        for (byte, pair) in id.iter_mut().zip(digits.chunks_exact(2)) {
            let digit =
                |at: usize| (pair[at] as char).to_digit(16).filter(|_| !pair[at].is_ascii_uppercase());
            let (high, low) = digit(0).zip(digit(1)).ok_or(KeyError::Public)?;
            *byte = (high * 16 + low) as u8;
        }
        Ok(Self(id))
    }
}

/// What others seal for; everybody may know it. Its text is `e2e-public1.…`.
#[derive(Clone, PartialEq, Eq)]
pub struct PublicKey(pub(crate) [u8; KEY_BYTES]);

impl PublicKey {
    /// The key of these bytes (RFC 9180, SerializePublicKey), if something can be sealed for it.
    pub fn from_bytes(bytes: [u8; KEY_BYTES]) -> Result<Self, KeyError> {
        // The highest bit means nothing: two texts would be one key.
        if bytes[KEY_BYTES - 1] & 0x80 != 0 {
            return Err(KeyError::Public);
        }
        let key = Self(bytes);
        // Points of low order give every sealer the same secret; HPKE refuses them (RFC 9180, 7.1.4).
        match wrap(&key, &[], &[], &[], &[0; 32]) {
            Some(_) => Ok(key),
            None => Err(KeyError::Weak),
        }
    }

    /// Its bytes.
    pub fn as_bytes(&self) -> &[u8; KEY_BYTES] {
        &self.0
    }

    /// What it is called.
    pub fn id(&self) -> KeyId {
        let digest: [u8; 32] = Sha256::digest(self.0).into();
        let mut id = [0; 16];
        id.copy_from_slice(&digest[..16]);
        KeyId(id)
    }
}

impl fmt::Display for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{PUBLIC}{}", BASE64.encode(self.0))
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for PublicKey {
    type Err = KeyError;

    fn from_str(text: &str) -> Result<Self, KeyError> {
        let bytes = bytes_of(text, PUBLIC).ok_or(KeyError::Public)?;
        Self::from_bytes(*bytes)
    }
}

/// The 32 bytes behind a prefix.
fn bytes_of(text: &str, prefix: &str) -> Option<Zeroizing<[u8; KEY_BYTES]>> {
    let text = text.strip_prefix(prefix).filter(|text| text.len() <= 64)?;
    let decoded = Zeroizing::new(BASE64.decode(text).ok()?);
    Some(Zeroizing::new(decoded.as_slice().try_into().ok()?))
}

/// What opens. It is overwritten when it is dropped, and shows itself only where it is asked for its text.
#[derive(Clone)]
pub struct PrivateKey {
    pub(crate) secret: <Kem as hpke::Kem>::PrivateKey,
    public: PublicKey,
}

impl PrivateKey {
    /// A new key.
    pub fn generate() -> Result<Self, KeyError> {
        let mut material = Zeroizing::new([0; KEY_BYTES]);
        getrandom::fill(&mut *material).map_err(|_| KeyError::NoRandomness)?;
        let (secret, _) = Kem::gen_keypair_with_rng(&mut Given(&material));
        Ok(Self::of(secret))
    }

    /// The key of these bytes (RFC 9180, SerializePrivateKey).
    pub fn from_bytes(bytes: &[u8; KEY_BYTES]) -> Result<Self, KeyError> {
        let secret = <Kem as hpke::Kem>::PrivateKey::from_bytes(bytes);
        secret.map(Self::of).map_err(|_| KeyError::Private(1))
    }

    fn of(secret: <Kem as hpke::Kem>::PrivateKey) -> Self {
        let public = Kem::sk_to_pk(&secret);
        let mut bytes = [0; KEY_BYTES];
        bytes.copy_from_slice(&public.to_bytes());
        Self { secret, public: PublicKey(bytes) }
    }

    /// The other half.
    pub fn public(&self) -> &PublicKey {
        &self.public
    }

    /// What it is called: as its other half.
    pub fn id(&self) -> KeyId {
        self.public.id()
    }

    /// The key as a text, for its owner's key file and nowhere else.
    pub fn to_text(&self) -> Zeroizing<String> {
        let bytes = Zeroizing::new(<[u8; KEY_BYTES]>::from(self.secret.to_bytes()));
        let mut text = Zeroizing::new(String::with_capacity(PRIVATE.len() + 44));
        text.push_str(PRIVATE);
        BASE64.encode_string(*bytes, &mut text);
        text
    }

    /// A key file with this key: what it is of, and the key on a line of its own.
    pub fn to_file(&self, agency: &str) -> Zeroizing<String> {
        let mut text = Zeroizing::new(String::with_capacity(512));
        text.push_str(&format!(
            "# Opens what is sealed end to end for {agency}. Keep it to those who may read that, and keep a copy:\n\
             # nobody else can open it, the bus and its operator neither.\n\
             # key {}\n# {}\n",
            self.id(),
            self.public
        ));
        text.push_str(&self.to_text());
        text.push('\n');
        text
    }
}

impl fmt::Debug for PrivateKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PrivateKey({})", self.id())
    }
}

impl FromStr for PrivateKey {
    type Err = KeyError;

    fn from_str(text: &str) -> Result<Self, KeyError> {
        let bytes = bytes_of(text, PRIVATE).ok_or(KeyError::Private(1))?;
        Self::from_bytes(&bytes)
    }
}

/// The keys of a key file: one a line, blank lines and those that begin with `#` aside. Key files may be put together.
pub fn read_keys(text: &str) -> Result<Vec<PrivateKey>, KeyError> {
    let mut keys = Vec::new();
    for (number, line) in (1..).zip(text.lines().map(str::trim)) {
        if !line.is_empty() && !line.starts_with('#') {
            keys.push(line.parse().map_err(|_| KeyError::Private(number))?);
        }
    }
    if keys.is_empty() { Err(KeyError::NoKey) } else { Ok(keys) }
}

/// Whom a value is sealed for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recipient {
    /// The agency's name on the bus.
    pub agency: String,
    /// One of its keys.
    pub key: PublicKey,
}
