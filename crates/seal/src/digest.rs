//! Keyed digests: HMAC-SHA-256 over parts that cannot run into each other.

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

/// A key of digests, made ready; zeroised on drop.
pub(crate) struct DigestKey(Hmac<Sha256>);

impl DigestKey {
    pub(crate) fn new(key: &[u8; 32]) -> Self {
        Self(Hmac::new_from_slice(key).expect("HMAC takes keys of any length"))
    }
}

/// The first 16 bytes of HMAC-SHA-256 over the parts, each preceded by its length as u64 little-endian, so that
/// `["ab", "c"]` and `["a", "bc"]` differ.
pub(crate) fn keyed_digest(key: &DigestKey, parts: &[&[u8]]) -> [u8; 16] {
    let mut hmac = key.0.clone();
    for part in parts {
        hmac.update(&(part.len() as u64).to_le_bytes());
        hmac.update(part);
    }
    first_half(hmac)
}

/// The first 16 bytes of HMAC-SHA-256 over one text as it is.
pub(crate) fn keyed_name(key: &DigestKey, text: &[u8]) -> [u8; 16] {
    let mut hmac = key.0.clone();
    hmac.update(text);
    first_half(hmac)
}

fn first_half(hmac: Hmac<Sha256>) -> [u8; 16] {
    let tag = hmac.finalize().into_bytes();
    let mut digest = [0; 16];
    digest.copy_from_slice(&tag[..16]);
    digest
}
