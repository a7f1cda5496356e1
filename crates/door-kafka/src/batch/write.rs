//! A batch as it goes out: plain, with the offsets that its records have in the log.

use crc_fast::{CrcAlgorithm, checksum};

use super::{HEAD_BYTES, number};

/// Writes one batch, record by record.
pub struct Writer {
    out: Vec<u8>,
    first: Option<(u64, u64)>,
    last: (u64, u64),
    count: i32,
    attributes: u16,
}

/// The attributes of a batch that holds no events.
const CONTROL: u16 = 0x20;

impl Writer {
    /// A batch of about `bytes`; a guess that saves copying.
    pub fn with_capacity(bytes: usize) -> Self {
        let mut out = Vec::with_capacity(HEAD_BYTES + bytes);
        out.resize(HEAD_BYTES, 0);
        Self { out, first: None, last: (0, 0), count: 0, attributes: 0 }
    }

    /// Adds the record at `offset`, of a time in milliseconds since the epoch.
    pub fn record<'h>(
        &mut self,
        offset: u64,
        time_ms: u64,
        key: Option<&[u8]>,
        value: Option<&[u8]>,
        headers: &[(&'h str, &'h [u8])],
    ) {
        let (base, base_ms) = *self.first.get_or_insert((offset, time_ms));
        let (time, place) = (time_ms as i64 - base_ms as i64, (offset - base) as i64);
        let mut length = 1 + number::length(time) + number::length(place);
        length += part_length(key) + part_length(value) + number::length(headers.len() as i64);
        let header =
            |(name, value): &(&str, &[u8])| part_length(Some(name.as_bytes())) + part_length(Some(value));
        length += headers.iter().map(header).sum::<usize>();
        let out = &mut self.out;
        number::put(out, length as i64);
        out.push(0);
        number::put(out, time);
        number::put(out, place);
        part(out, key);
        part(out, value);
        number::put(out, headers.len() as i64);
        for (name, value) in headers {
            part(out, Some(name.as_bytes()));
            part(out, Some(value));
        }
        self.last = (offset, self.last.1.max(time_ms));
        self.count += 1;
    }

    /// A batch of one control record at `offset`, the end of a transaction: consumers of every client pass over it, and go on
    /// behind it. For places that hold nothing for them.
    pub fn passed(offset: u64) -> Vec<u8> {
        let mut writer = Self { attributes: CONTROL, ..Self::with_capacity(32) };
        // Version 0, type 1 (commit); version 0, no coordinator.
        writer.record(offset, 0, Some(&[0, 0, 0, 1]), Some(&[0; 6]), &[]);
        writer.finish()
    }

    /// The batch; nothing where there is no record.
    pub fn finish(mut self) -> Vec<u8> {
        let Some((offset, time_ms)) = self.first else { return Vec::new() };
        let length = (self.out.len() - 12) as i32;
        let mut head = Vec::with_capacity(HEAD_BYTES);
        head.extend((offset as i64).to_be_bytes());
        head.extend(length.to_be_bytes());
        // Leader epoch 0: there is one leader, always.
        head.extend(0i32.to_be_bytes());
        head.push(2);
        head.extend([0; 4]);
        head.extend(self.attributes.to_be_bytes());
        head.extend(((self.last.0 - offset) as i32).to_be_bytes());
        head.extend((time_ms as i64).to_be_bytes());
        head.extend((self.last.1 as i64).to_be_bytes());
        // No producer: its sequences end here.
        head.extend((-1i64).to_be_bytes());
        head.extend((-1i16).to_be_bytes());
        head.extend((-1i32).to_be_bytes());
        head.extend(self.count.to_be_bytes());
        self.out[..HEAD_BYTES].copy_from_slice(&head);
        let crc = checksum(CrcAlgorithm::Crc32Iscsi, &self.out[21..]) as u32;
        self.out[17..21].copy_from_slice(&crc.to_be_bytes());
        self.out
    }
}

fn part_length(bytes: Option<&[u8]>) -> usize {
    bytes.map_or(1, |bytes| number::length(bytes.len() as i64) + bytes.len())
}

fn part(out: &mut Vec<u8>, bytes: Option<&[u8]>) {
    match bytes {
        None => number::put(out, -1),
        Some(bytes) => {
            number::put(out, bytes.len() as i64);
            out.extend_from_slice(bytes);
        }
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use proptest::prelude::*;

    use super::super::{BatchFault, Record, Records, split};
    use super::*;

    fn part() -> impl Strategy<Value = Option<Vec<u8>>> {
        proptest::option::of(proptest::collection::vec(any::<u8>(), 0..200))
    }

    type Parts = (Option<Vec<u8>>, Option<Vec<u8>>, Vec<(String, Vec<u8>)>);

    fn record() -> impl Strategy<Value = Parts> {
        let header = ("[a-z_]{1,12}", proptest::collection::vec(any::<u8>(), 0..20));
        (part(), part(), proptest::collection::vec(header, 0..4))
    }

    fn written(records: &[Parts], offset: u64) -> Vec<u8> {
        let mut writer = Writer::with_capacity(0);
        for (at, (key, value, headers)) in records.iter().enumerate() {
            let headers: Vec<(&str, &[u8])> =
                headers.iter().map(|(name, value)| (name.as_str(), &value[..])).collect();
            writer.record(offset + at as u64, 1000 + at as u64, key.as_deref(), value.as_deref(), &headers);
        }
        writer.finish()
    }

    proptest! {
        #[test]
        fn a_batch_reads_as_it_was_written(records in proptest::collection::vec(record(), 1..20), offset in 0u64..1 << 40) {
            let mut bytes = Bytes::from([written(&records, offset), written(&records, offset)].concat());
            for _ in 0..2 {
                let header = split(&mut bytes).unwrap().unwrap();
                let read: Vec<Record> = Records::of(&header).unwrap().map(Result::unwrap).collect();
                let wanted: Vec<Record> = records.iter().cloned().map(|(key, value, headers)| Record {
                    key: key.map(Bytes::from),
                    value: value.map(Bytes::from),
                    headers: headers.into_iter().map(|(name, value)| (name.into(), Some(value.into()))).collect(),
                }).collect();
                prop_assert_eq!(read, wanted);
            }
            prop_assert!(split(&mut bytes).is_none());
        }

        #[test]
        fn a_flipped_bit_is_noticed(records in proptest::collection::vec(record(), 1..5), at in 16usize..1000, bit in 0u8..8) {
            let mut bytes = written(&records, 3);
            let at = at % bytes.len();
            prop_assume!(at >= 16);
            bytes[at] ^= 1u8 << bit;
            prop_assert!(split(&mut Bytes::from(bytes)).unwrap().is_err());
        }

        #[test]
        fn any_bytes_are_records_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..300), count in 1i32..40, codec in 0u16..5) {
            let header = super::super::Header {
                codec, transactional: false, producer: -1, epoch: -1, sequence: -1, count, records: bytes.into(),
            };
            if let Ok(records) = Records::of(&header) {
                prop_assert!(records.count() <= count as usize + 1);
            }
        }
    }

    #[test]
    fn a_place_that_is_passed_over_is_a_control_record() {
        let batch = Writer::passed(7);
        assert_eq!(&batch[..8], &7u64.to_be_bytes());
        assert_eq!(batch[21..23], [0, 0x20]);
        // Whole, and of the kind that nobody publishes.
        assert_eq!(split(&mut Bytes::from(batch)).unwrap().err(), Some(BatchFault::Control));
    }

    #[test]
    fn what_is_no_batch_is_told_apart() {
        let whole = written(&[(None, Some(b"v".to_vec()), Vec::new())], 0);
        let fault = |bytes: Vec<u8>| split(&mut Bytes::from(bytes)).unwrap().unwrap_err();
        let with = |at: usize, byte: u8| {
            let mut bytes = whole.clone();
            bytes[at] = byte;
            bytes
        };
        assert_eq!(fault(with(16, 1)), BatchFault::OldFormat(1));
        assert_eq!(fault(with(20, !whole[20])), BatchFault::Checksum);
        assert!(matches!(fault(with(8, 0x7f)), BatchFault::Damaged(_)));
        assert!(matches!(fault(whole[..40].to_vec()), BatchFault::Damaged(_)));
        assert!(matches!(fault(b"x".to_vec()), BatchFault::Damaged(_)));
    }
}
