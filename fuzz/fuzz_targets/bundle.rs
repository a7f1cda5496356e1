//! An offline verifier reads a stranger's file. Without the signer's key nothing it reads may verify.
#![no_main]

use audit::{VerifierKey, verify::verify};

const KEY: &str = include_str!("bundle.key");

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let key: VerifierKey = VerifierKey::parse(KEY.trim()).expect("a key");
    assert!(verify(bytes, &key, &[]).is_err());
    let _ = audit::Entry::decode(bytes);
    if let Ok(text) = std::str::from_utf8(bytes) {
        let _ = audit::Note::parse(text);
    }
});
