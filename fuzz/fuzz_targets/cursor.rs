//! Cursors come back from clients.
#![no_main]

libfuzzer_sys::fuzz_target!(|text: &str| {
    if let Ok(cursor) = bus::Cursor::parse(text) {
        assert_eq!(bus::Cursor::parse(&cursor.encode()).ok(), Some(cursor));
    }
});
