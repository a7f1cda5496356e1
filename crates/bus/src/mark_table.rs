//! From mark to place, in memory: which identities were seen, whose keys are where.
//!
//! A slot is 16 bytes (64-bit mark, 24-bit stream, 40-bit offset). The table is split into shards so that growing
//! moves few slots at once. Several places may carry one mark: the caller compares the record behind each.

use hashbrown::HashTable;
use journal::{Offset, StreamId};

const SHARDS: usize = 1024;
const OFFSET_BITS: u32 = 40;

/// One place in the journal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// The stream.
    pub stream: StreamId,
    /// The offset.
    pub offset: Offset,
}

impl Place {
    /// Twelve bytes: the stream's number and the offset, little-endian.
    pub fn encode(self) -> [u8; 12] {
        let mut bytes = [0; 12];
        bytes[..4].copy_from_slice(&self.stream.0.to_le_bytes());
        bytes[4..].copy_from_slice(&self.offset.to_le_bytes());
        bytes
    }

    /// Reads what [`Place::encode`] wrote.
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        let (stream, offset) = bytes.split_first_chunk::<4>()?;
        let offset = offset.try_into().ok()?;
        Some(Self { stream: StreamId(u32::from_le_bytes(*stream)), offset: u64::from_le_bytes(offset) })
    }
}

#[derive(Clone, Copy)]
struct Slot {
    mark: u64,
    packed: u64,
}

impl Slot {
    fn place(self) -> Place {
        let offset = self.packed & ((1 << OFFSET_BITS) - 1);
        Place { stream: StreamId((self.packed >> OFFSET_BITS) as u32), offset }
    }
}

/// The table. Owner: whoever holds it mutably; it has no locks.
pub struct MarkTable {
    shards: Vec<HashTable<Slot>>,
}

impl Default for MarkTable {
    fn default() -> Self {
        Self { shards: (0..SHARDS).map(|_| HashTable::new()).collect() }
    }
}

impl MarkTable {
    /// The places that carry `mark` and satisfy `is_it`; the first one found.
    pub fn find(&self, mark: u64, mut is_it: impl FnMut(Place) -> bool) -> Option<Place> {
        let slot = self.shards[shard(mark)].find(mark, |slot| slot.mark == mark && is_it(slot.place()))?;
        Some(slot.place())
    }

    /// Remembers a place. `is_live` tells which old places still count: when a shard is full, the others are dropped
    /// before it grows.
    pub fn insert(&mut self, mark: u64, place: Place, is_live: impl Fn(Place) -> bool) {
        debug_assert!(place.stream.0 < 1 << (64 - OFFSET_BITS) && place.offset < 1 << OFFSET_BITS);
        let packed = u64::from(place.stream.0) << OFFSET_BITS | place.offset;
        let table = &mut self.shards[shard(mark)];
        if table.len() == table.capacity() {
            table.retain(|slot| is_live(slot.place()));
        }
        table.insert_unique(mark, Slot { mark, packed }, |slot| slot.mark);
    }

    /// How many places are remembered.
    pub fn len(&self) -> usize {
        self.shards.iter().map(HashTable::len).sum()
    }
}

/// The shard comes from the middle of the mark: the table itself uses the top and the bottom bits.
fn shard(mark: u64) -> usize {
    (mark >> 40) as usize % SHARDS
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashMap;

    use proptest::prelude::*;

    fn place(n: u64) -> Place {
        Place { stream: StreamId((n % 7) as u32), offset: n }
    }

    proptest! {
        #[test]
        fn what_was_inserted_is_found_and_nothing_else(marks in proptest::collection::vec(0u64..500, 0..800)) {
            let mut table = MarkTable::default();
            let mut model: HashMap<u64, Vec<Place>> = HashMap::new();
            for (n, mark) in marks.iter().enumerate() {
                let mark = mark.wrapping_mul(0x9e37_79b9_7f4a_7c15);
                table.insert(mark, place(n as u64), |_| true);
                model.entry(mark).or_default().push(place(n as u64));
            }
            for (mark, places) in &model {
                for wanted in places {
                    prop_assert_eq!(table.find(*mark, |p| p == *wanted), Some(*wanted));
                }
            }
            prop_assert_eq!(table.find(1, |_| true), None);
            prop_assert_eq!(table.len(), marks.len());
        }
    }

    #[test]
    fn what_is_not_live_is_dropped_before_a_shard_grows() {
        let mut table = MarkTable::default();
        for n in 0..100_000u64 {
            // One shard only, so that it must sweep; only the last hundred are live.
            table.insert(n << 50 | n & 0xff, place(n), |p| p.offset + 100 > n);
        }
        assert!(table.len() < 1_000, "{}", table.len());
    }
}
