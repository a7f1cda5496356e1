//! What reads as an event writes as one that reads the same.
#![no_main]

use bytes::Bytes;
use contract::cloudevents::{parse_batch, parse_structured, write_structured};

libfuzzer_sys::fuzz_target!(|text: &[u8]| {
    let text = Bytes::copy_from_slice(text);
    let _ = parse_batch(&text);
    if let Ok(event) = parse_structured(&text) {
        let mut written = Vec::new();
        write_structured(&event, &mut written);
        assert_eq!(parse_structured(&written.into()).as_ref(), Ok(&event));
    }
});
