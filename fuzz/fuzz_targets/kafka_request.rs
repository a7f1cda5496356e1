//! Requests come from anybody who reaches the port: what fits its form is decoded or refused, and takes no more memory
//! than its bytes account for.
#![no_main]

use bytes::Bytes;
use door_kafka::measure;
use kafka_protocol::messages::{ApiKey, RequestKind};

libfuzzer_sys::fuzz_target!(|input: (i16, i16, &[u8])| {
    let (code, version, body) = input;
    let Ok(key) = ApiKey::try_from(code % 90) else { return };
    let version = version % 19;
    if measure::fits(key, version, body) {
        let _ = RequestKind::decode(key, &mut Bytes::copy_from_slice(body), version);
    }
});
