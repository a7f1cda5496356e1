//! Tokens: how they are made, and the little that is kept of them.

use std::num::NonZeroU32;
use std::sync::Arc;

use aws_lc_rs::{digest, hmac, pbkdf2};
use contract::PrincipalName;
use governance::{Scram, TokenHash, Verifier};

use crate::api::Caller;
use crate::govern::{hex, unhex};
use crate::{Bus, secrets};

/// What RFC 7677 asks for at least; a token's 256 random bits need no stretching.
const ITERATIONS: u32 = 4096;

const SALT_BYTES: usize = 16;

/// A token that was just made. Its text is nowhere else.
pub struct NewToken {
    /// The token.
    pub text: String,
    /// What is kept of it for bearers.
    pub hash: TokenHash,
    /// What is kept of it for SCRAM.
    pub scram: Option<Arc<Scram>>,
}

impl NewToken {
    /// A token of 256 random bits.
    pub fn make() -> Self {
        let text = secrets::new_token();
        let salt = secrets::random::<SALT_BYTES>();
        let scram = Scram {
            salt: hex(&salt),
            iterations: ITERATIONS,
            sha256: verifier(Mechanism::Sha256, &text, &salt),
            sha512: verifier(Mechanism::Sha512, &text, &salt),
        };
        Self { hash: TokenHash(token_hash(&text)), scram: Some(Arc::new(scram)), text }
    }
}

/// The SHA-256 of a token: all that the bus keeps of it for bearers.
pub fn token_hash(token: &str) -> [u8; 32] {
    let hash = digest::digest(&digest::SHA256, token.as_bytes());
    let mut bytes = [0; 32];
    bytes.copy_from_slice(hash.as_ref());
    bytes
}

/// The hash of a SCRAM mechanism.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mechanism {
    /// SCRAM-SHA-256 (RFC 7677).
    Sha256,
    /// SCRAM-SHA-512.
    Sha512,
}

impl Mechanism {
    /// Its hash.
    pub fn digest(self) -> &'static digest::Algorithm {
        match self {
            Mechanism::Sha256 => &digest::SHA256,
            Mechanism::Sha512 => &digest::SHA512,
        }
    }

    /// Its keyed hash.
    pub fn hmac(self) -> hmac::Algorithm {
        match self {
            Mechanism::Sha256 => hmac::HMAC_SHA256,
            Mechanism::Sha512 => hmac::HMAC_SHA512,
        }
    }

    fn pbkdf2(self) -> pbkdf2::Algorithm {
        match self {
            Mechanism::Sha256 => pbkdf2::PBKDF2_HMAC_SHA256,
            Mechanism::Sha512 => pbkdf2::PBKDF2_HMAC_SHA512,
        }
    }
}

/// RFC 5802, section 3: `StoredKey` and `ServerKey` of a password.
fn verifier(mechanism: Mechanism, password: &str, salt: &[u8]) -> Verifier {
    let iterations = NonZeroU32::new(ITERATIONS).unwrap_or(NonZeroU32::MIN);
    let mut salted = vec![0; mechanism.digest().output_len()];
    pbkdf2::derive(mechanism.pbkdf2(), iterations, salt, password.as_bytes(), &mut salted);
    let key = hmac::Key::new(mechanism.hmac(), &salted);
    let stored = digest::digest(mechanism.digest(), hmac::sign(&key, b"Client Key").as_ref());
    let server = hmac::sign(&key, b"Server Key");
    Verifier { stored: hex(stored.as_ref()), server: hex(server.as_ref()) }
}

/// What a SCRAM exchange with somebody needs.
#[derive(Debug)]
pub struct ScramParty {
    /// The salt.
    pub salt: Vec<u8>,
    /// The iterations.
    pub iterations: u32,
    /// `StoredKey`.
    pub stored: Vec<u8>,
    /// `ServerKey`.
    pub server: Vec<u8>,
    /// Who it is, if the proof fits; `None` for somebody who cannot be.
    pub caller: Option<Caller>,
}

impl Bus {
    /// What an exchange with `user` needs. Somebody unknown gets an answer of the same form, the same one every time, so
    /// that nobody learns who is there.
    pub fn scram_party(&self, user: &str, mechanism: Mechanism) -> ScramParty {
        let state = self.core.state();
        let principal = PrincipalName::parse(user).ok();
        let known = principal.as_ref().and_then(|name| state.principal(name)).filter(|found| !found.disabled);
        let kept = known.and_then(|found| Some((found.actor(), found.scram.clone()?)));
        let party = kept.and_then(|(caller, scram)| {
            let verifier = match mechanism {
                Mechanism::Sha256 => &scram.sha256,
                Mechanism::Sha512 => &scram.sha512,
            };
            Some(ScramParty {
                salt: unhex(&scram.salt)?,
                iterations: scram.iterations,
                stored: unhex(&verifier.stored)?,
                server: unhex(&verifier.server)?,
                caller: Some(caller),
            })
        });
        party.unwrap_or_else(|| self.nobody(user, mechanism))
    }

    fn nobody(&self, user: &str, mechanism: Mechanism) -> ScramParty {
        let salt = self.core.marker.stranger(user).to_be_bytes();
        let key = secrets::random::<64>()[..mechanism.digest().output_len()].to_vec();
        ScramParty {
            salt: salt.to_vec(),
            iterations: ITERATIONS,
            stored: key.clone(),
            server: key,
            caller: None,
        }
    }
}
