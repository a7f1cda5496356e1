//! Damaged sealed forms are told, never followed.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let _ = seal::SealedForm::parse(bytes);
});
