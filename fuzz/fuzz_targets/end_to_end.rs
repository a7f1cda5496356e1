//! Damaged sealed values are told, never followed; what reads opens nothing without its key.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let text = String::from_utf8_lossy(bytes);
    let _ = end_to_end::Sealed::parse(&text);
    let _ = end_to_end::Sealed::parse(&format!("{}{text}", end_to_end::PREFIX));
    let _ = text.parse::<end_to_end::KeyId>();
    let _ = end_to_end::read_keys(&text);
    let event = end_to_end::documents::Event { topic: "a.b.c", source: "s", id: "1" };
    let _ = end_to_end::documents::open(&text, &[], &event);
});
