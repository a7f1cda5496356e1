//! The bytes of a segment's head, directory and pages.

use crate::embedded::change::SegmentKey;
use crate::embedded::frame::PAGE_BYTES;
use crate::embedded::place::Spot;
use crate::little_endian::{crc32c, put_u32, put_u64, u32_at, u64_at};
use crate::stream::{LaneId, Offset, StreamId};

/// `CJS1`, little-endian.
pub(in crate::embedded) const SEGMENT_MAGIC: u32 = u32::from_le_bytes(*b"CJS1");

/// Bytes of the head that mean something; it is padded to a page.
pub(super) const HEAD_BYTES: usize = 104;
/// Bytes of a page before its entries: CRC-32C and page number.
const PAGE_HEAD_BYTES: usize = 8;
/// Bytes of an index entry.
pub(super) const SPOT_BYTES: usize = 24;
/// Bytes of a mark entry.
pub(super) const MARK_BYTES: usize = 12;
/// Bytes of a directory entry.
pub(super) const PART_BYTES: usize = 40;

/// Index entries on a page.
pub(super) const SPOTS_PER_PAGE: usize = (PAGE_BYTES - PAGE_HEAD_BYTES) / SPOT_BYTES;
/// Mark entries on a page.
pub(super) const MARKS_PER_PAGE: usize = (PAGE_BYTES - PAGE_HEAD_BYTES) / MARK_BYTES;

/// A segment's head: what it holds and where.
#[derive(Copy, Clone, Debug, Eq, PartialEq)]
pub(in crate::embedded) struct Shape {
    pub(in crate::embedded) salt: u64,
    pub(in crate::embedded) key: SegmentKey,
    pub(in crate::embedded) generation: u32,
    pub(in crate::embedded) streams: u32,
    pub(in crate::embedded) records: u32,
    pub(in crate::embedded) marks: u32,
    /// Where the index pages begin; the records stand between the head's page and here.
    pub(super) index_at: u64,
    pub(super) marks_at: u64,
    /// Where directory and fences stand, to the file's end.
    pub(super) tail_at: u64,
    pub(super) tail_bytes: u64,
    pub(super) tail_crc: u32,
}

impl Shape {
    pub(super) fn encode(&self) -> Vec<u8> {
        let mut bytes = vec![0; PAGE_BYTES];
        put_u32(&mut bytes, 4, SEGMENT_MAGIC);
        put_u64(&mut bytes, 8, self.salt);
        put_u64(&mut bytes, 16, self.key.seq);
        put_u32(&mut bytes, 24, self.key.shelf);
        put_u32(&mut bytes, 28, self.generation);
        put_u32(&mut bytes, 32, u32::from(self.key.lane.0));
        put_u32(&mut bytes, 36, self.streams);
        put_u32(&mut bytes, 40, self.records);
        put_u32(&mut bytes, 44, self.marks);
        put_u64(&mut bytes, 48, self.index_at);
        put_u64(&mut bytes, 56, self.marks_at);
        put_u64(&mut bytes, 64, self.tail_at);
        put_u64(&mut bytes, 72, self.tail_bytes);
        put_u32(&mut bytes, 80, self.tail_crc);
        let crc = crc32c(&bytes[4..HEAD_BYTES]);
        put_u32(&mut bytes, 0, crc);
        bytes
    }

    /// The head, if it is whole.
    pub(super) fn decode(bytes: &[u8]) -> Option<Self> {
        let whole = bytes.len() >= HEAD_BYTES
            && u32_at(bytes, 4) == SEGMENT_MAGIC
            && u32_at(bytes, 0) == crc32c(&bytes[4..HEAD_BYTES]);
        whole.then(|| Self {
            salt: u64_at(bytes, 8),
            key: SegmentKey { lane: LaneId(bytes[32]), seq: u64_at(bytes, 16), shelf: u32_at(bytes, 24) },
            generation: u32_at(bytes, 28),
            streams: u32_at(bytes, 36),
            records: u32_at(bytes, 40),
            marks: u32_at(bytes, 44),
            index_at: u64_at(bytes, 48),
            marks_at: u64_at(bytes, 56),
            tail_at: u64_at(bytes, 64),
            tail_bytes: u64_at(bytes, 72),
            tail_crc: u32_at(bytes, 80),
        })
    }

    pub(super) fn mark_pages(&self) -> usize {
        (self.marks as usize).div_ceil(MARKS_PER_PAGE)
    }
}

/// A directory entry: one stream's records in a segment.
#[derive(Copy, Clone, Debug, Eq, PartialEq)]
pub(in crate::embedded) struct StreamPart {
    pub(in crate::embedded) stream: StreamId,
    pub(in crate::embedded) count: u32,
    pub(in crate::embedded) first: Offset,
    pub(in crate::embedded) last_ms: u64,
    /// Where its records begin in the file.
    pub(in crate::embedded) position: u32,
    pub(in crate::embedded) bytes: u32,
    /// The place of its first record in the index.
    pub(in crate::embedded) ordinal: u32,
}

impl StreamPart {
    pub(super) fn encode(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.stream.0.to_le_bytes());
        out.extend_from_slice(&self.count.to_le_bytes());
        out.extend_from_slice(&self.first.to_le_bytes());
        out.extend_from_slice(&self.last_ms.to_le_bytes());
        out.extend_from_slice(&self.position.to_le_bytes());
        out.extend_from_slice(&self.bytes.to_le_bytes());
        out.extend_from_slice(&u64::from(self.ordinal).to_le_bytes());
    }

    pub(super) fn decode(bytes: &[u8]) -> Self {
        Self {
            stream: StreamId(u32_at(bytes, 0)),
            count: u32_at(bytes, 4),
            first: u64_at(bytes, 8),
            last_ms: u64_at(bytes, 16),
            position: u32_at(bytes, 24),
            bytes: u32_at(bytes, 28),
            ordinal: u32_at(bytes, 32),
        }
    }
}

pub(super) fn encode_spot(spot: &Spot, out: &mut Vec<u8>) {
    out.extend_from_slice(&spot.position.to_le_bytes());
    out.extend_from_slice(&spot.length.to_le_bytes());
    out.extend_from_slice(&spot.time_ms.to_le_bytes());
    out.extend_from_slice(&spot.primary.to_le_bytes());
}

pub(super) fn decode_spot(bytes: &[u8]) -> Spot {
    Spot {
        position: u32_at(bytes, 0),
        length: u32_at(bytes, 4),
        time_ms: u64_at(bytes, 8),
        primary: u64_at(bytes, 16),
    }
}

/// Lays entries of `size` bytes onto pages, each with its checksum and number.
pub(super) fn pages(entries: &[u8], size: usize) -> Vec<u8> {
    let per_page = (PAGE_BYTES - PAGE_HEAD_BYTES) / size * size;
    let mut out = Vec::with_capacity(entries.len().div_ceil(per_page) * PAGE_BYTES);
    for (number, chunk) in entries.chunks(per_page).enumerate() {
        let start = out.len();
        out.resize(start + PAGE_BYTES, 0);
        let page = &mut out[start..];
        put_u32(page, 4, number as u32);
        page[PAGE_HEAD_BYTES..PAGE_HEAD_BYTES + chunk.len()].copy_from_slice(chunk);
        let crc = crc32c(&page[4..]);
        put_u32(page, 0, crc);
    }
    out
}

/// The entries of one page, if it is whole and the one it should be.
pub(super) fn page_entries(page: &[u8], number: usize) -> Option<&[u8]> {
    let whole = u32_at(page, 4) as usize == number && u32_at(page, 0) == crc32c(&page[4..PAGE_BYTES]);
    whole.then(|| &page[PAGE_HEAD_BYTES..PAGE_BYTES])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_head_reads_back_and_no_flipped_bit_in_it_goes_unnoticed() {
        let shape = Shape {
            salt: 1,
            key: SegmentKey { lane: LaneId(2), seq: 3, shelf: 4 },
            generation: 5,
            streams: 6,
            records: 7,
            marks: 8,
            index_at: 9,
            marks_at: 10,
            tail_at: 11,
            tail_bytes: 12,
            tail_crc: 13,
        };
        let bytes = shape.encode();
        assert_eq!(Shape::decode(&bytes), Some(shape));
        for bit in 0..HEAD_BYTES * 8 {
            let mut bytes = bytes.clone();
            bytes[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(Shape::decode(&bytes), None, "bit {bit}");
        }
    }

    #[test]
    fn a_page_is_only_taken_in_its_place() {
        let entries: Vec<u8> = (0..SPOT_BYTES * (SPOTS_PER_PAGE + 1)).map(|n| n as u8).collect();
        let pages = pages(&entries, SPOT_BYTES);
        assert_eq!(pages.len(), 2 * PAGE_BYTES);
        let first = page_entries(&pages, 0).expect("whole");
        assert_eq!(first[..SPOTS_PER_PAGE * SPOT_BYTES], entries[..SPOTS_PER_PAGE * SPOT_BYTES]);
        assert!(page_entries(&pages[PAGE_BYTES..], 0).is_none());
        assert!(page_entries(&pages[PAGE_BYTES..], 1).is_some());
    }
}
