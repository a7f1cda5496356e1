//! Keyed digests: HMAC-SHA-256 (RFC 2104, FIPS 180-4) over parts that cannot run into each other.
//!
//! A key is held as the two states of SHA-256 that HMAC begins with, so that using it costs no more than the text. No
//! library gives these away, so HMAC's two lines and SHA-256's padding are written here, around the library's compression
//! function; a test holds them against the `hmac` crate.

use std::slice;

use sha2::block_api::compress256;
use zeroize::{Zeroize, ZeroizeOnDrop};

const BLOCK_BYTES: usize = 64;
const DIGEST_BYTES: usize = 32;

/// SHA-256's initial hash value (FIPS 180-4, 5.3.3).
const INITIAL: [u32; 8] =
    [0x6a09_e667, 0xbb67_ae85, 0x3c6e_f372, 0xa54f_f53a, 0x510e_527f, 0x9b05_688c, 0x1f83_d9ab, 0x5be0_cd19];

/// A key of digests, made ready; zeroised on drop. What making and moving one leaves on the stack is overwritten by what comes
/// after.
#[derive(Clone, ZeroizeOnDrop)]
pub(crate) struct DigestKey {
    inner: [u32; 8],
    outer: [u32; 8],
}

impl DigestKey {
    pub(crate) fn new(key: &[u8; 32]) -> Self {
        let begun = |pad: u8| {
            let mut block = [pad; BLOCK_BYTES];
            block.iter_mut().zip(key).for_each(|(byte, key)| *byte ^= key);
            let mut state = INITIAL;
            compress256(&mut state, slice::from_ref(&block));
            block.zeroize();
            state
        };
        Self { inner: begun(0x36), outer: begun(0x5c) }
    }

    /// HMAC-SHA-256 of what `parts` writes; into `tag`, which may be a key, and is the caller's to overwrite.
    pub(crate) fn tag(&self, tag: &mut [u8; DIGEST_BYTES], parts: impl FnOnce(&mut Running)) {
        let mut inner = Running::after_a_block(self.inner);
        parts(&mut inner);
        inner.finish(tag);
        let mut outer = Running::after_a_block(self.outer);
        outer.update(tag);
        outer.finish(tag);
    }
}

/// SHA-256 on its way.
pub(crate) struct Running {
    state: [u32; 8],
    /// What does not fill a block yet.
    block: [u8; BLOCK_BYTES],
    filled: usize,
    /// All bytes so far.
    length: u64,
}

impl Running {
    fn after_a_block(state: [u32; 8]) -> Self {
        Self { state, block: [0; BLOCK_BYTES], filled: 0, length: BLOCK_BYTES as u64 }
    }

    pub(crate) fn update(&mut self, mut bytes: &[u8]) {
        self.length += bytes.len() as u64;
        if self.filled > 0 {
            let (now, later) = bytes.split_at(bytes.len().min(BLOCK_BYTES - self.filled));
            self.block[self.filled..self.filled + now.len()].copy_from_slice(now);
            self.filled += now.len();
            if self.filled < BLOCK_BYTES {
                return;
            }
            compress256(&mut self.state, slice::from_ref(&self.block));
            bytes = later;
        }
        let (blocks, rest) = bytes.as_chunks::<BLOCK_BYTES>();
        compress256(&mut self.state, blocks);
        self.block[..rest.len()].copy_from_slice(rest);
        self.filled = rest.len();
    }

    /// A one bit, zeros, and the length in bits (FIPS 180-4, 5.1.1).
    fn finish(mut self, digest: &mut [u8; DIGEST_BYTES]) {
        self.block[self.filled] = 0x80;
        self.block[self.filled + 1..].fill(0);
        if self.filled + 1 > BLOCK_BYTES - 8 {
            compress256(&mut self.state, slice::from_ref(&self.block));
            self.block.fill(0);
        }
        self.block[BLOCK_BYTES - 8..].copy_from_slice(&(self.length * 8).to_be_bytes());
        compress256(&mut self.state, slice::from_ref(&self.block));
        for (bytes, word) in digest.as_chunks_mut::<4>().0.iter_mut().zip(self.state) {
            *bytes = word.to_be_bytes();
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.state.zeroize();
        self.block.zeroize();
    }
}

/// The first 16 bytes of HMAC-SHA-256 over the parts, each preceded by its length as u64 little-endian, so that
/// `["ab", "c"]` and `["a", "bc"]` differ.
pub(crate) fn keyed_digest(key: &DigestKey, parts: &[&[u8]]) -> [u8; 16] {
    first_half(key, |running| {
        for part in parts {
            running.update(&(part.len() as u64).to_le_bytes());
            running.update(part);
        }
    })
}

/// The first 16 bytes of HMAC-SHA-256 over one text as it is.
pub(crate) fn keyed_name(key: &DigestKey, text: &[u8]) -> [u8; 16] {
    first_half(key, |running| running.update(text))
}

fn first_half(key: &DigestKey, parts: impl FnOnce(&mut Running)) -> [u8; 16] {
    let (mut tag, mut half) = ([0; DIGEST_BYTES], [0; 16]);
    key.tag(&mut tag, parts);
    half.copy_from_slice(&tag[..16]);
    half
}

#[cfg(test)]
mod tests {
    use hmac::{Hmac, KeyInit, Mac};
    use proptest::prelude::*;
    use sha2::Sha256;

    use super::*;

    proptest! {
        /// Whatever is digested, in whatever pieces: it is HMAC-SHA-256.
        #[test]
        fn it_is_hmac(
            key: [u8; 32],
            parts in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..200), 0..6),
        ) {
            let mut hmac = Hmac::<Sha256>::new_from_slice(&key).unwrap();
            parts.iter().for_each(|part| hmac.update(part));
            let mut tag = [0; 32];
            DigestKey::new(&key).tag(&mut tag, |running| parts.iter().for_each(|part| running.update(part)));
            prop_assert!(hmac.verify_slice(&tag).is_ok());
        }
    }

    /// The lengths at which padding needs another block, and those around them.
    #[test]
    fn it_is_hmac_at_every_length() {
        let (key, text) = ([7; 32], [3; 300]);
        for length in 0..=text.len() {
            let mut hmac = Hmac::<Sha256>::new_from_slice(&key).unwrap();
            hmac.update(&text[..length]);
            let mut tag = [0; 32];
            DigestKey::new(&key).tag(&mut tag, |running| running.update(&text[..length]));
            assert!(hmac.verify_slice(&tag).is_ok(), "{length}");
        }
    }
}
