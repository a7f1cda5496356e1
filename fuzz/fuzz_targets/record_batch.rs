//! Record batches come from producers: any bytes are records or refused, and never more than they claim.
#![no_main]

use bytes::Bytes;
use door_kafka::batch::{Records, split};

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    // A fuzzer does not find checksums: it is set right, so that what is behind it is met.
    let mut bytes = bytes.to_vec();
    if bytes.len() > 21 {
        let crc = crc_fast::checksum(crc_fast::CrcAlgorithm::Crc32Iscsi, &bytes[21..]) as u32;
        bytes[17..21].copy_from_slice(&crc.to_be_bytes());
    }
    let mut rest = Bytes::from(bytes);
    while let Some(header) = split(&mut rest) {
        let Ok(header) = header else { continue };
        if let Ok(records) = Records::of(&header) {
            assert!(records.count() <= header.count as usize + 1);
        }
    }
});
