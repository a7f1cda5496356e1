//! The keys of people and of agencies.
//!
//! - A person's key seals what is about them in the topics of one agency. Destroying it (with its wrapped forms) is
//!   erasure.
//! - An agency has two secrets. The *lasting* one makes pseudonyms and digests, which must not change; the *epoch*
//!   one wraps people's keys and is replaced by re-wrapping them, without touching an event.
//! - Derivation labels are frozen: changing one orphans everything sealed before.
//! - No `Debug` of anything here shows a byte of a key.

use std::fmt;

use aws_lc_rs::aead::{self, LessSafeKey};
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

use crate::digest::{DigestKey, keyed_digest, keyed_name};
use crate::kms::Secret;
use crate::random::{self, KEY_BYTES, NONCE_BYTES};

/// How many envelopes one key may seal: random 96-bit nonces keep the chance of a collision below 2⁻³² up to here
/// (NIST SP 800-38D, section 8.3). A person's key comes nowhere near. A topic's own key does at a high rate, which is
/// why [`AgencyKeys::pseudonym_of_topic`] takes an era: begin a new one well before.
pub const SEALS_PER_KEY: u64 = 1 << 32;

const TAG_BYTES: usize = 16;

mod label {
    //! HKDF info texts. Frozen.
    pub const SEALING: &[u8] = b"chancery/v1/person/sealing";
    pub const CONTENT: &[u8] = b"chancery/v1/person/content-digest";
    pub const PSEUDONYM_OF_PERSON: &[u8] = b"chancery/v1/agency/pseudonym/person";
    pub const PSEUDONYM_AFTER: &[u8] = b"chancery/v1/agency/pseudonym/after-erasure";
    pub const PSEUDONYM_FOR_READER: &[u8] = b"chancery/v1/agency/pseudonym/for-reader";
    pub const PSEUDONYM_OF_TOPIC: &[u8] = b"chancery/v1/agency/pseudonym/topic";
    pub const AGENCY_CONTENT: &[u8] = b"chancery/v1/agency/content-digest";
    pub const WRAPPING: &[u8] = b"chancery/v1/agency/wrapping";
    pub const WRAPPED: &[u8] = b"chancery/v1/wrapped-key";
}

/// What a person (or a topic's own key) is called outside the seal: 16 bytes of HMAC-SHA-256. Hex as text.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Pseudonym(pub [u8; 16]);

impl Pseudonym {
    /// Parses 32 lower-case hex digits, the form that `Display` writes.
    pub fn parse(text: &str) -> Option<Self> {
        let digits = text.as_bytes();
        if digits.len() != 32 {
            return None;
        }
        let value = |digit: u8| match digit {
            b'0'..=b'9' => Some(digit - b'0'),
            b'a'..=b'f' => Some(digit - b'a' + 10),
            _ => None,
        };
        let mut bytes = [0; 16];
        for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
            *byte = value(pair[0])? << 4 | value(pair[1])?;
        }
        Some(Self(bytes))
    }
}

impl fmt::Display for Pseudonym {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Pseudonym {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Pseudonym({self})")
    }
}

/// A person's data key, and the two keys that are made from it; zeroised on drop. The AES key schedule is made anew for
/// each use and overwritten when it is freed, which costs what fetching a kept one from cold memory does, and is a tenth of
/// its size; what HMAC begins with is as small as its key and is kept. What making a key leaves on the stack is overwritten
/// by what comes after, and by nothing else. Drop keys that are not in use.
#[derive(Clone, ZeroizeOnDrop)]
pub struct PersonKey {
    master: [u8; KEY_BYTES],
    sealing: [u8; KEY_BYTES],
    content: DigestKey,
}

impl PersonKey {
    /// A fresh random key; `None` when the random generator fails, and then nothing may be sealed.
    pub fn generate() -> Option<Self> {
        let master = random::key().ok()?;
        Some(Self::from_master(&master))
    }

    fn from_master(master: &[u8; KEY_BYTES]) -> Self {
        // The master is uniformly random, so HKDF's extract step would add nothing (RFC 5869, section 3.3).
        let keys = DigestKey::new(master);
        Self {
            master: *master,
            sealing: *expand(&keys, label::SEALING),
            content: DigestKey::new(&expand(&keys, label::CONTENT)),
        }
    }

    /// The cipher, made ready.
    pub(crate) fn sealing(&self) -> LessSafeKey {
        aes_key(&self.sealing)
    }

    /// A digest by which the same content is recognised. Keyed, so that content cannot be guessed from it, and gone
    /// with the key. Parts are delimited: moving a byte between two parts changes the digest.
    pub fn content_digest(&self, parts: &[&[u8]]) -> [u8; 16] {
        keyed_digest(&self.content, parts)
    }
}

impl fmt::Debug for PersonKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PersonKey(..)")
    }
}

/// The two secrets of an agency, as its KMS unwrapped them.
#[derive(Debug)]
pub struct AgencySecrets {
    /// Makes pseudonyms and digests. Never replaced: replacing it would orphan every person's key.
    pub lasting: Secret,
    /// Wraps people's keys. Replaced at each epoch.
    pub epoch: Secret,
}

/// What an agency's secrets are used for, derived once. One per agency and epoch.
pub struct AgencyKeys {
    epoch: u32,
    wrapping: LessSafeKey,
    people: DigestKey,
    after_erasure: DigestKey,
    for_reader: DigestKey,
    topics: DigestKey,
    content: DigestKey,
}

impl AgencyKeys {
    /// Derives the keys with HKDF-SHA-256. `epoch` numbers `secrets.epoch`; the same number must always come with
    /// the same secret.
    pub fn derive(epoch: u32, secrets: &AgencySecrets) -> Self {
        let (lasting, now) = (extract(&secrets.lasting), extract(&secrets.epoch));
        let digest_key = |label| DigestKey::new(&expand(&lasting, label));
        let (people, after_erasure) =
            (digest_key(label::PSEUDONYM_OF_PERSON), digest_key(label::PSEUDONYM_AFTER));
        let (for_reader, topics) =
            (digest_key(label::PSEUDONYM_FOR_READER), digest_key(label::PSEUDONYM_OF_TOPIC));
        let content = digest_key(label::AGENCY_CONTENT);
        let wrapping = aes_key(&expand(&now, label::WRAPPING));
        Self { epoch, wrapping, people, after_erasure, for_reader, topics, content }
    }

    /// Which epoch's secret wraps.
    pub fn epoch(&self) -> u32 {
        self.epoch
    }

    /// The pseudonym of the person whom `text` identifies. The same in every epoch.
    pub fn pseudonym_of_person(&self, text: &str) -> Pseudonym {
        Pseudonym(keyed_name(&self.people, text.as_bytes()))
    }

    /// What a person is called after an erasure, from what they were called before. Their events begin anew under a new
    /// key: what was sealed under the old pseudonym stays erased, and nobody without the agency's secret can tell that
    /// both are one person.
    pub fn pseudonym_after(&self, erased: &Pseudonym) -> Pseudonym {
        Pseudonym(keyed_name(&self.after_erasure, &erased.0))
    }

    /// What this agency, as a reader, is told of a person in place of what the agency that sealed the event calls them. The
    /// same in all topics that the other agency sealed; another reader is told another name, and nobody without this
    /// agency's secret can tell that both are one person.
    pub fn pseudonym_for_reader(&self, of: &Pseudonym) -> Pseudonym {
        Pseudonym(keyed_name(&self.for_reader, &of.0))
    }

    /// The pseudonym under which a topic's own key is kept, for fields that are about no person. Made with another
    /// key than people's pseudonyms, so that no person's identifier can name a topic's key. `era` begins at 0 and is
    /// raised before a key has sealed [`SEALS_PER_KEY`] envelopes.
    pub fn pseudonym_of_topic(&self, topic: &str, era: u32) -> Pseudonym {
        Pseudonym(keyed_digest(&self.topics, &[topic.as_bytes(), &era.to_le_bytes()]))
    }

    /// As [`PersonKey::content_digest`], for events that are about nobody.
    pub fn content_digest(&self, parts: &[&[u8]]) -> [u8; 16] {
        keyed_digest(&self.content, parts)
    }

    /// Wraps a person's key for storage; `None` when the random generator fails. An epoch may wrap
    /// [`SEALS_PER_KEY`] keys.
    pub fn wrap(&self, key: &PersonKey, pseudonym: &Pseudonym) -> Option<WrappedKey> {
        let nonce = random::nonce().ok()?;
        let mut wrapped = WrappedKey([0; WrappedKey::BYTES]);
        wrapped.0[..4].copy_from_slice(&self.epoch.to_le_bytes());
        wrapped.0[4..16].copy_from_slice(&nonce);
        wrapped.0[16..48].copy_from_slice(&key.master);
        let associated = aead::Aad::from(wrapped_by(self.epoch, pseudonym));
        let nonce = aead::Nonce::assume_unique_for_key(nonce);
        let sealed = self.wrapping.seal_in_place_separate_tag(nonce, associated, &mut wrapped.0[16..48]);
        let Ok(tag) = sealed else {
            wrapped.0.zeroize();
            return None;
        };
        wrapped.0[48..].copy_from_slice(tag.as_ref());
        Some(wrapped)
    }

    /// The key that [`wrap`](Self::wrap) wrapped for the same person in the same epoch.
    pub fn unwrap(&self, wrapped: &WrappedKey, pseudonym: &Pseudonym) -> Result<PersonKey, UnwrapError> {
        if wrapped.epoch() != self.epoch {
            return Err(UnwrapError::OtherEpoch { wrapped: wrapped.epoch(), have: self.epoch });
        }
        let mut nonce = [0; NONCE_BYTES];
        nonce.copy_from_slice(&wrapped.0[4..16]);
        let mut master = Zeroizing::new([0; KEY_BYTES]);
        self.wrapping
            .open_separate_gather(
                aead::Nonce::assume_unique_for_key(nonce),
                aead::Aad::from(wrapped_by(self.epoch, pseudonym)),
                &wrapped.0[16..48],
                &wrapped.0[48..],
                master.as_mut(),
            )
            .map_err(|_| UnwrapError::Tampered { pseudonym: *pseudonym })?;
        Ok(PersonKey::from_master(&master))
    }
}

impl fmt::Debug for AgencyKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "AgencyKeys {{ epoch: {}, .. }}", self.epoch)
    }
}

/// A person's key at rest: epoch (u32 little-endian), nonce (12), ciphertext (32), tag (16).
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct WrappedKey(pub [u8; WrappedKey::BYTES]);

impl WrappedKey {
    /// The size of every wrapped key, so that a store can overwrite one in its place.
    pub const BYTES: usize = 4 + NONCE_BYTES + KEY_BYTES + TAG_BYTES;

    /// The epoch whose secret unwraps it.
    pub fn epoch(&self) -> u32 {
        u32::from_le_bytes([self.0[0], self.0[1], self.0[2], self.0[3]])
    }
}

impl fmt::Debug for WrappedKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "WrappedKey {{ epoch: {}, .. }}", self.epoch())
    }
}

/// Why a wrapped key gave no key. Neither means that the person was erased: an erased person has no wrapped key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UnwrapError {
    /// It was wrapped in another epoch; use that epoch's keys.
    OtherEpoch {
        /// The epoch it was wrapped in.
        wrapped: u32,
        /// The epoch of the keys that were used.
        have: u32,
    },
    /// The bytes were altered, or belong to another person or agency.
    Tampered {
        /// Whose key it was taken for.
        pseudonym: Pseudonym,
    },
}

impl fmt::Display for UnwrapError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            UnwrapError::OtherEpoch { wrapped, have } => {
                write!(
                    f,
                    "the key was wrapped in epoch {wrapped}, not {have}: unwrap it with that epoch's keys"
                )
            }
            UnwrapError::Tampered { pseudonym } => {
                write!(
                    f,
                    "the wrapped key of {pseudonym} was altered or is another's: restore it from a backup"
                )
            }
        }
    }
}

impl std::error::Error for UnwrapError {}

fn wrapped_by(epoch: u32, pseudonym: &Pseudonym) -> [u8; label::WRAPPED.len() + 4 + 16] {
    let mut associated = [0; label::WRAPPED.len() + 4 + 16];
    let (head, rest) = associated.split_at_mut(label::WRAPPED.len());
    head.copy_from_slice(label::WRAPPED);
    rest[..4].copy_from_slice(&epoch.to_le_bytes());
    rest[4..].copy_from_slice(&pseudonym.0);
    associated
}

/// HKDF-SHA-256's extract step without a salt, made ready for expansion (RFC 5869, 2.2).
fn extract(secret: &Secret) -> DigestKey {
    let mut extracted = Zeroizing::new([0; KEY_BYTES]);
    DigestKey::new(&[0; KEY_BYTES]).tag(&mut extracted, |hmac| hmac.update(secret.expose()));
    DigestKey::new(&extracted)
}

/// HKDF-SHA-256's expand step, for one key: its first block (RFC 5869, 2.3).
fn expand(from: &DigestKey, label: &[u8]) -> Zeroizing<[u8; KEY_BYTES]> {
    let mut key = Zeroizing::new([0; KEY_BYTES]);
    from.tag(&mut key, |hmac| {
        hmac.update(label);
        hmac.update(&[1]);
    });
    key
}

fn aes_key(bytes: &[u8; KEY_BYTES]) -> LessSafeKey {
    LessSafeKey::new(aead::UnboundKey::new(&aead::AES_256_GCM, bytes).expect("32 bytes are an AES-256 key"))
}

#[cfg(test)]
mod tests;
