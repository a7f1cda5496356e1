//! Keyed digests: HMAC-SHA-256 over parts that cannot run into each other.

use aws_lc_rs::hmac;

/// The first 16 bytes of HMAC-SHA-256 over the parts, each preceded by its length as u64 little-endian, so that
/// `["ab", "c"]` and `["a", "bc"]` differ.
pub(crate) fn keyed_digest(key: &hmac::Key, parts: &[&[u8]]) -> [u8; 16] {
    let mut context = hmac::Context::with_key(key);
    for part in parts {
        context.update(&(part.len() as u64).to_le_bytes());
        context.update(part);
    }
    first_half(&context.sign())
}

/// The first 16 bytes of HMAC-SHA-256 over one text as it is.
pub(crate) fn keyed_name(key: &hmac::Key, text: &[u8]) -> [u8; 16] {
    first_half(&hmac::sign(key, text))
}

fn first_half(tag: &hmac::Tag) -> [u8; 16] {
    let mut digest = [0; 16];
    digest.copy_from_slice(&tag.as_ref()[..16]);
    digest
}
