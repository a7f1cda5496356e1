//! What the bus remembers of a token for SCRAM (RFC 5802, RFC 7677): enough to check a proof, not to make one.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Verifiers of one token for both hashes. On disk in governance events: never rename.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scram {
    /// The salt, in hexadecimal.
    pub salt: String,
    /// The iterations of PBKDF2.
    pub iterations: u32,
    /// For SCRAM-SHA-256.
    pub sha256: Verifier,
    /// For SCRAM-SHA-512.
    pub sha512: Verifier,
}

/// `StoredKey` and `ServerKey` of RFC 5802, section 3, in hexadecimal.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Verifier {
    /// `H(ClientKey)`: what a client's proof is checked with.
    pub stored: String,
    /// What the bus proves itself with.
    pub server: String,
}

impl fmt::Debug for Scram {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Scram({} iterations)", self.iterations)
    }
}
