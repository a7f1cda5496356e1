//! Where persons' keys lie, in memory: at most 21 bytes each, however the tables have grown.
//!
//! A slot is 8 bytes: 24 bits of the key's mark, 3 bits that say which stream, 37 bits of offset. With the 10 bits that
//! choose its shard, 34 bits of the mark tell keys apart; the caller compares the record behind each place, so that two
//! alike cost a read and nothing else. A shard grows by itself, so that growing moves few slots at once.

use hashbrown::HashTable;
use journal::StreamId;

use crate::mark_table::Place;

const SHARDS: usize = 1024;
const TAG_BITS: u32 = 24;
const OFFSET_BITS: u32 = 37;
/// Those of two epochs, a stream for each lane: more are never in use at once.
const STREAMS: usize = 8;

/// The table. Owner: whoever holds it mutably; it has no locks.
pub struct KeyTable {
    streams: [Option<StreamId>; STREAMS],
    shards: Vec<HashTable<u64>>,
}

impl Default for KeyTable {
    fn default() -> Self {
        Self { streams: [None; STREAMS], shards: (0..SHARDS).map(|_| HashTable::new()).collect() }
    }
}

impl KeyTable {
    /// Lets places be in these streams.
    pub fn begin(&mut self, streams: &[StreamId]) {
        for stream in
            streams.iter().filter(|stream| !self.streams.contains(&Some(**stream))).collect::<Vec<_>>()
        {
            // One ends before the next but one begins (`Stage::Settled`).
            let free = self.streams.iter_mut().find(|slot| slot.is_none());
            *free.expect("the streams of two epochs have room") = Some(*stream);
        }
    }

    /// Makes room for so many more, so that a start leaves no memory behind that was outgrown.
    pub fn reserve(&mut self, more: usize) {
        let each = more / SHARDS;
        self.shards.iter_mut().for_each(|shard| shard.reserve(each, |slot| spread(tag_of(*slot))));
    }

    /// The places that the mark may lead to and that satisfy `is_it`; the first one found.
    pub fn find(&self, mark: u64, mut is_it: impl FnMut(Place) -> bool) -> Option<Place> {
        let tag = tag(mark);
        let slot = self.shards[shard(mark)]
            .find(spread(tag), |slot| tag_of(*slot) == tag && self.place(*slot).is_some_and(&mut is_it))?;
        self.place(*slot)
    }

    /// Remembers a place.
    pub fn insert(&mut self, mark: u64, place: Place) {
        let slot = self.slot(mark, place);
        self.shards[shard(mark)].insert_unique(spread(tag(mark)), slot, |slot| spread(tag_of(*slot)));
    }

    /// Remembers that a key lies somewhere else now.
    pub fn replace(&mut self, mark: u64, from: Place, to: Place) {
        let (from, to) = (self.slot(mark, from), self.slot(mark, to));
        match self.shards[shard(mark)].find_mut(spread(tag(mark)), |slot| *slot == from) {
            Some(slot) => *slot = to,
            None => {
                self.shards[shard(mark)].insert_unique(spread(tag(mark)), to, |slot| spread(tag_of(*slot)));
            }
        }
    }

    /// Forgets the places in these streams, which may be used no more.
    pub fn end(&mut self, streams: &[StreamId]) {
        let is_over = |slot: &Option<StreamId>| slot.is_some_and(|stream| streams.contains(&stream));
        let over: Vec<u64> =
            (0..).zip(&self.streams).filter(|(_, slot)| is_over(slot)).map(|(at, _)| at).collect();
        for table in &mut self.shards {
            table.retain(|slot| !over.contains(&stream_of(*slot)));
        }
        self.streams.iter_mut().filter(|slot| is_over(slot)).for_each(|slot| *slot = None);
    }

    /// How many places are remembered.
    pub fn len(&self) -> usize {
        self.shards.iter().map(HashTable::len).sum()
    }

    fn place(&self, slot: u64) -> Option<Place> {
        let stream = self.streams[stream_of(slot) as usize]?;
        Some(Place { stream, offset: slot & ((1 << OFFSET_BITS) - 1) })
    }

    fn slot(&self, mark: u64, place: Place) -> u64 {
        let stream = self.streams.iter().position(|stream| *stream == Some(place.stream));
        let stream = stream.expect("streams are begun before keys are in them") as u64;
        debug_assert!(place.offset < 1 << OFFSET_BITS);
        tag(mark) << (64 - TAG_BITS) | stream << OFFSET_BITS | place.offset
    }
}

fn shard(mark: u64) -> usize {
    (mark >> 54) as usize
}

fn tag(mark: u64) -> u64 {
    mark >> 30 & ((1 << TAG_BITS) - 1)
}

fn tag_of(slot: u64) -> u64 {
    slot >> (64 - TAG_BITS)
}

fn stream_of(slot: u64) -> u64 {
    slot >> OFFSET_BITS & (STREAMS as u64 - 1)
}

/// The table wants entropy at both ends.
fn spread(tag: u64) -> u64 {
    tag.wrapping_mul(0x9e37_79b9_7f4a_7c15)
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use proptest::prelude::*;

    use super::*;

    fn place(stream: u32, offset: u64) -> Place {
        Place { stream: StreamId(stream), offset }
    }

    proptest! {
        #[test]
        fn it_is_a_map_from_marks_to_places(steps in proptest::collection::vec((0u64..60, 0u32..6, any::<bool>()), 0..300)) {
            let mut table = KeyTable::default();
            table.begin(&(0..6).map(StreamId).collect::<Vec<_>>());
            let mut model: HashMap<u64, Vec<Place>> = HashMap::new();
            for (n, (key, stream, moves)) in (0u64..).zip(steps) {
                let mark = key.wrapping_mul(0x9e37_79b9_7f4a_7c15);
                let places = model.entry(mark).or_default();
                let to = place(stream, n);
                match places.pop().filter(|_| moves) {
                    Some(from) => table.replace(mark, from, to),
                    None => table.insert(mark, to),
                }
                // What was popped and not moved is still there.
                if !moves { model.entry(mark).or_default().push(to) } else { model.insert(mark, vec![to]); }
            }
            for (mark, places) in &model {
                for wanted in places {
                    prop_assert_eq!(table.find(*mark, |place| place == *wanted), Some(*wanted));
                }
            }
        }
    }

    #[test]
    fn what_is_in_streams_that_are_over_is_forgotten_and_their_places_are_used_again() {
        let mut table = KeyTable::default();
        for epoch in 0..20u32 {
            let streams = [StreamId(10 * epoch), StreamId(10 * epoch + 1), StreamId(10 * epoch + 2)];
            table.begin(&streams);
            table.begin(&streams);
            for n in 0..100u64 {
                table.insert(n << 32, place(streams[0].0, n));
            }
            if let Some(before) = epoch.checked_sub(1) {
                let before = 10 * before;
                table.end(&[StreamId(before), StreamId(before + 1), StreamId(before + 2)]);
            }
            assert_eq!(table.len(), 100);
            assert_eq!(table.find(7 << 32, |place| place.offset == 7), Some(place(streams[0].0, 7)));
        }
    }

    #[test]
    fn ten_million_keys_are_within_their_memory() {
        // A hundredth of it, in a hundredth of the shards' load: the slots' size is what counts.
        let mut table = KeyTable::default();
        table.begin(&[StreamId(0)]);
        for n in 0..100_000u64 {
            table.insert(n.wrapping_mul(0x9e37_79b9_7f4a_7c15), place(0, n));
        }
        let bytes: usize = table.shards.iter().map(HashTable::allocation_size).sum();
        assert!(bytes <= 100_000 * 21, "{bytes} bytes for 100,000 keys");
    }
}
