//! Any bytes as an Avro document: refused with words, or accepted, and then what is kept whole is the same bytes.
#![no_main]

use std::sync::LazyLock;

use contract::redact::redact;
use contract::{Contract, Definition, Format, Workspace, compile};

/// Every kind of type, in records, arrays, maps and unions, with persons of their own.
static CONTRACT: LazyLock<Contract> = LazyLock::new(|| {
    let definition: Definition =
        serde_json::from_str(include_str!("avro.definition.json")).expect("a definition");
    compile(&definition).unwrap_or_else(|faults| panic!("{faults:?}"))
});

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let mut work = Workspace::default();
    match CONTRACT.check(data, &mut work) {
        Err(violations) => assert!(!violations.is_empty()),
        Ok(checked) => {
            assert!(checked.spans.windows(2).all(|pair| pair[0].end <= pair[1].start));
            assert_eq!(redact(Format::Avro, data, &checked.spans, &checked.frames, |_| false), data);
            redact(Format::Avro, data, &checked.spans, &checked.frames, |_| true);
        }
    }
});
