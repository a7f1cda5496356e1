//! Any text is looked through for personal data, and nothing is found that was not asked for.
#![no_main]

use contract::leaks::{Search, Set, detectors, national_identifier, scan};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let one = text.len() % detectors().len();
    let wanted = Set::NONE.with(one);
    let found = scan(text, Search { wanted, expected: Set::all(), ..Search::default() });
    assert!(found.without(wanted).is_empty());
    national_identifier(text, wanted);
});
