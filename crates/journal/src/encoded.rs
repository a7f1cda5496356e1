//! A record as bytes: the same in a group, in a log and in a segment (docs/formats/journal.md, "Record").
//!
//! The checksum is made once, when the record is pushed, and travels with it: a settled record that
//! still has it is what the caller pushed, whatever was copied in between.

use bytes::Bytes;

use crate::little_endian::{crc32c, put_u32, u32_at, u64_at};
use crate::stream::{MARKS_MAX, Marks, Offset, Record, StreamId};

/// Bytes before the marks.
pub(crate) const HEAD_BYTES: usize = 32;

/// The fixed part of a record.
#[derive(Copy, Clone, Debug, Eq, PartialEq)]
pub(crate) struct Head {
    pub(crate) length: u32,
    pub(crate) stream: StreamId,
    pub(crate) marks: usize,
    pub(crate) offset: Offset,
    pub(crate) time_ms: u64,
}

/// Appends a record. Its length must fit 32 bits and its marks [`MARKS_MAX`]: our callers' duty.
pub(crate) fn encode(out: &mut Vec<u8>, stream: StreamId, at: (Offset, u64), marks: &[u64], body: &[&[u8]]) {
    let start = out.len();
    let length = HEAD_BYTES + 8 * marks.len() + body.iter().map(|part| part.len()).sum::<usize>();
    assert!(marks.len() <= MARKS_MAX, "a record carries at most {MARKS_MAX} marks");
    assert!(u32::try_from(length).is_ok(), "a record is shorter than 4 GiB");
    let mut head = [0; HEAD_BYTES];
    put_u32(&mut head, 4, length as u32);
    put_u32(&mut head, 8, stream.0);
    head[12] = marks.len() as u8;
    head[16..24].copy_from_slice(&at.0.to_le_bytes());
    head[24..32].copy_from_slice(&at.1.to_le_bytes());
    out.reserve(length);
    out.extend_from_slice(&head);
    for mark in marks {
        out.extend_from_slice(&mark.to_le_bytes());
    }
    for part in body {
        out.extend_from_slice(part);
    }
    let crc = crc32c(&out[start + 4..]);
    put_u32(out, start, crc);
}

/// Reads a head whose record lies wholly within `bytes`; `None` if its lengths cannot be.
pub(crate) fn head(bytes: &[u8]) -> Option<Head> {
    if bytes.len() < HEAD_BYTES {
        return None;
    }
    let length = u32_at(bytes, 4);
    let marks = usize::from(bytes[12]);
    let fits =
        marks <= MARKS_MAX && length as usize >= HEAD_BYTES + 8 * marks && length as usize <= bytes.len();
    fits.then(|| Head {
        length,
        stream: StreamId(u32_at(bytes, 8)),
        marks,
        offset: u64_at(bytes, 16),
        time_ms: u64_at(bytes, 24),
    })
}

/// Whether the record at the start of `bytes` is what was pushed.
pub(crate) fn is_intact(bytes: &[u8], head: &Head) -> bool {
    u32_at(bytes, 0) == crc32c(&bytes[4..head.length as usize])
}

/// The marks of the record at the start of `bytes`.
pub(crate) fn marks<'a>(bytes: &'a [u8], head: &Head) -> impl Iterator<Item = u64> + use<'a> {
    let count = head.marks;
    (0..count).map(move |index| u64_at(bytes, HEAD_BYTES + 8 * index))
}

/// The first mark, 0 when there is none.
pub(crate) fn primary(bytes: &[u8], head: &Head) -> u64 {
    if head.marks == 0 { 0 } else { u64_at(bytes, HEAD_BYTES) }
}

/// Takes the whole record at the start of `bytes`; its body shares their memory.
pub(crate) fn record(bytes: &Bytes, head: &Head) -> Record {
    let mut values = [0; MARKS_MAX];
    for (slot, mark) in values.iter_mut().zip(marks(bytes, head)) {
        *slot = mark;
    }
    Record {
        offset: head.offset,
        time_ms: head.time_ms,
        marks: Marks::new(&values[..head.marks]),
        body: bytes.slice(HEAD_BYTES + 8 * head.marks..head.length as usize),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_record_reads_back_as_it_was_pushed(
            stream: u32, offset: u64, time_ms: u64,
            marks in proptest::collection::vec(any::<u64>(), 0..=MARKS_MAX),
            body in proptest::collection::vec(any::<u8>(), 0..300),
            cut in 0_usize..300,
        ) {
            let (left, right) = body.split_at(cut.min(body.len()));
            let mut out = vec![7];
            encode(&mut out, StreamId(stream), (offset, time_ms), &marks, &[left, right]);
            let bytes = Bytes::from(out).slice(1..);
            let head = head(&bytes).expect("a whole record");
            prop_assert!(is_intact(&bytes, &head));
            prop_assert_eq!(head.stream, StreamId(stream));
            let back = record(&bytes, &head);
            prop_assert_eq!((back.offset, back.time_ms), (offset, time_ms));
            prop_assert_eq!(&*back.marks, &marks[..]);
            prop_assert_eq!(&back.body[..], &body[..]);
        }

        #[test]
        fn no_flipped_bit_goes_unnoticed(body in proptest::collection::vec(any::<u8>(), 0..64), bit in 0_usize..768) {
            let mut out = Vec::new();
            encode(&mut out, StreamId(3), (4, 5), &[6], &[&body]);
            let bit = bit % (out.len() * 8);
            out[bit / 8] ^= 1 << (bit % 8);
            let noticed = head(&out).is_none_or(|head| !is_intact(&out, &head));
            prop_assert!(noticed);
        }
    }
}
