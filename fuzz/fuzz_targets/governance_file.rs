//! Governance folders come from outside the bus.
#![no_main]

use std::collections::BTreeMap;

libfuzzer_sys::fuzz_target!(|text: &str| {
    for path in
        ["agencies/a.yaml", "topics/a.b.c/topic.yaml", "subscriptions/a.b.yaml", "standards/standards.toml"]
    {
        let files = BTreeMap::from([(path.to_owned(), text.to_owned())]);
        let _ = governance::Desired::from_files(&files);
    }
});
