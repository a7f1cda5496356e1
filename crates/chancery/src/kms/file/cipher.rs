//! AES-256-GCM as the file KMS uses it: a random nonce (12 bytes), the ciphertext, the tag (16 bytes).
//!
//! Buffers that hold plaintext have their whole size from the start, so that growing leaves no copy behind.

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use aws_lc_rs::rand;
use zeroize::Zeroizing;

/// Bytes of a key.
pub const KEY_BYTES: usize = 32;

const NONCE_BYTES: usize = 12;
const TAG_BYTES: usize = 16;

/// Why nothing could be encrypted.
pub const NO_RANDOMNESS: &str = "the system gives no random bytes";

/// Bytes of a key.
pub type Key = Zeroizing<[u8; KEY_BYTES]>;

/// Random bytes; `None` where the system gives none.
pub fn random<const N: usize>() -> Option<Zeroizing<[u8; N]>> {
    let mut bytes = Zeroizing::new([0; N]);
    rand::fill(&mut *bytes).ok()?;
    Some(bytes)
}

/// A key for use.
pub fn usable(key: &[u8; KEY_BYTES]) -> LessSafeKey {
    LessSafeKey::new(UnboundKey::new(&AES_256_GCM, key).expect("AES-256 keys have 32 bytes"))
}

/// Encrypts `plain` with `about` as associated data; `None` where the system gives no random bytes.
pub fn encrypt(key: &LessSafeKey, about: &[u8], plain: &[u8]) -> Option<Vec<u8>> {
    let nonce = random::<NONCE_BYTES>()?;
    let mut bytes = Zeroizing::new(Vec::with_capacity(NONCE_BYTES + plain.len() + TAG_BYTES));
    bytes.extend(&*nonce);
    bytes.extend(plain);
    let unique = Nonce::assume_unique_for_key(*nonce);
    let tag = key.seal_in_place_separate_tag(unique, Aad::from(about), &mut bytes[NONCE_BYTES..]).ok()?;
    bytes.extend(tag.as_ref());
    Some(std::mem::take(&mut *bytes))
}

/// What [`encrypt`] was given; `None` where the key, `about` or the bytes are others.
pub fn decrypt(key: &LessSafeKey, about: &[u8], bytes: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
    let (nonce, sealed) = bytes.split_first_chunk::<NONCE_BYTES>()?;
    let mut opened = Zeroizing::new(sealed.to_vec());
    let nonce = Nonce::assume_unique_for_key(*nonce);
    let length = key.open_in_place(nonce, Aad::from(about), &mut opened).ok()?.len();
    opened.truncate(length);
    Some(opened)
}
