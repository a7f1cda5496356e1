//! The JSON reader takes exactly what a mature one takes, but for duplicate keys and its limits.
#![no_main]

use contract::document::{Document, Mistake};
use contract::limits::Limits;

libfuzzer_sys::fuzz_target!(|text: &[u8]| {
    match Document::parse(text, &Limits::default()) {
        Ok(_) => assert!(serde_json::from_slice::<serde_json::Value>(text).is_ok()),
        Err(error) => {
            let stricter = matches!(
                error.what,
                Mistake::DuplicateKey | Mistake::TooDeep(_) | Mistake::TooLong(_) | Mistake::NumberTooLarge
            );
            assert!(stricter || serde_json::from_slice::<serde_json::Value>(text).is_err(), "{error}");
        }
    }
});
