//! Where each stream's records are, in memory.
//!
//! Invariants: a stream's extents come before its tails, both ascend and leave no gap from `first`
//! to `next`. Only the stream's lane (under its writer's lock) adds to the last tail; only the settling
//! thread turns the first tail into an extent, and it does so in one step for readers.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use parking_lot::RwLock;

use super::log::Log;
use super::segment::Segment;
use crate::encoded::Head;
use crate::stream::{Bounds, Entry, LaneId, Offset, StreamId, StreamInfo, StreamSpec};

/// One record's place in its file.
#[derive(Copy, Clone, Debug, Eq, PartialEq)]
pub(super) struct Spot {
    pub(super) position: u32,
    pub(super) length: u32,
    pub(super) time_ms: u64,
    pub(super) primary: u64,
}

impl Spot {
    pub(super) fn new(position: u64, head: &Head, primary: u64) -> Self {
        Self { position: position as u32, length: head.length, time_ms: head.time_ms, primary }
    }

    pub(super) fn entry(&self, offset: Offset) -> Entry {
        Entry { offset, time_ms: self.time_ms, primary: self.primary }
    }
}

/// The records of one stream in one unsettled log.
pub(super) struct Tail {
    pub(super) log: Arc<Log>,
    pub(super) first: Offset,
    pub(super) spots: Vec<Spot>,
}

impl Tail {
    pub(super) fn end(&self) -> Offset {
        self.first + self.spots.len() as u64
    }
}

/// The records of one stream in one segment.
#[derive(Clone)]
pub(super) struct Extent {
    pub(super) segment: Arc<Segment>,
    pub(super) first: Offset,
    pub(super) count: u32,
    /// The place of the first one in the segment's index.
    pub(super) ordinal: u32,
    /// The time of the last one.
    pub(super) last_ms: u64,
}

impl Extent {
    pub(super) fn end(&self) -> Offset {
        self.first + u64::from(self.count)
    }
}

/// What a stream has, by where it is.
#[derive(Default)]
pub(super) struct Places {
    pub(super) first: Offset,
    pub(super) extents: Vec<Extent>,
    pub(super) tails: VecDeque<Tail>,
}

/// A part of a stream that lies in one file.
pub(super) enum Part {
    /// Spots copied from a tail.
    Log { log: Arc<Log>, spots: Vec<Spot> },
    /// Records from this ordinal on, so many of them.
    Segment { segment: Arc<Segment>, ordinal: u32, count: u32 },
}

impl Places {
    /// The part that holds `from`, which must be within the stream. At most `spots_max` spots.
    pub(super) fn part(&self, from: Offset, spots_max: usize) -> Option<Part> {
        let behind = self.extents.partition_point(|extent| extent.end() <= from);
        if let Some(extent) = self.extents.get(behind).filter(|extent| extent.first <= from) {
            let skip = (from - extent.first) as u32;
            return Some(Part::Segment {
                segment: extent.segment.clone(),
                ordinal: extent.ordinal + skip,
                count: extent.count - skip,
            });
        }
        let behind = self.tails.partition_point(|tail| tail.end() <= from);
        let tail = self.tails.get(behind).filter(|tail| tail.first <= from)?;
        let skip = (from - tail.first) as usize;
        let spots = tail.spots[skip..].iter().take(spots_max).copied().collect();
        Some(Part::Log { log: tail.log.clone(), spots })
    }

    /// One past the last record that is stored.
    pub(super) fn end(&self) -> Offset {
        let extents = self.extents.last().map_or(0, Extent::end);
        self.tails.back().map_or(extents, Tail::end).max(self.first)
    }

    /// The time of the last record that is stored, 0 without one.
    pub(super) fn last_ms(&self) -> u64 {
        let tail = self.tails.iter().rev().find_map(|tail| tail.spots.last());
        tail.map_or_else(|| self.extents.last().map_or(0, |extent| extent.last_ms), |spot| spot.time_ms)
    }

    /// Adds a record of `log` at the end.
    pub(super) fn push(&mut self, log: &Arc<Log>, offset: Offset, spot: Spot) {
        match self.tails.back_mut() {
            Some(tail) if Arc::ptr_eq(&tail.log, log) => tail.spots.push(spot),
            _ => self.tails.push_back(Tail { log: log.clone(), first: offset, spots: vec![spot] }),
        }
    }
}

/// A stream.
pub(super) struct Stream {
    pub(super) id: StreamId,
    pub(super) lane: LaneId,
    name: String,
    shelf: AtomicU32,
    /// Durable end and its last time; written by the lane's writer.
    next: AtomicU64,
    last_ms: AtomicU64,
    /// The end with the group that is being appended, and that record's time; the lane's writer's own.
    pub(super) staged_next: AtomicU64,
    pub(super) staged_ms: AtomicU64,
    pub(super) places: RwLock<Places>,
}

impl Stream {
    pub(super) fn new(id: StreamId, spec: &StreamSpec, places: Places) -> Self {
        let (next, last_ms) = (places.end(), places.last_ms());
        Self {
            id,
            lane: spec.lane,
            name: spec.name.clone(),
            shelf: AtomicU32::new(spec.shelf),
            next: AtomicU64::new(next),
            last_ms: AtomicU64::new(last_ms),
            staged_next: AtomicU64::new(next),
            staged_ms: AtomicU64::new(last_ms),
            places: RwLock::new(places),
        }
    }

    pub(super) fn info(&self) -> StreamInfo {
        let spec = StreamSpec { name: self.name.clone(), lane: self.lane, shelf: self.shelf() };
        StreamInfo { id: self.id, spec }
    }

    pub(super) fn shelf(&self) -> u32 {
        self.shelf.load(Ordering::Relaxed)
    }

    pub(super) fn move_to_shelf(&self, shelf: u32) {
        self.shelf.store(shelf, Ordering::Relaxed);
    }

    pub(super) fn next(&self) -> Offset {
        self.next.load(Ordering::Acquire)
    }

    /// What was staged is durable now.
    pub(super) fn commit_staged(&self) {
        self.last_ms.store(self.staged_ms.load(Ordering::Relaxed), Ordering::Relaxed);
        self.next.store(self.staged_next.load(Ordering::Relaxed), Ordering::Release);
    }

    /// What was staged was refused.
    pub(super) fn unstage(&self) {
        self.staged_next.store(self.next(), Ordering::Relaxed);
        self.staged_ms.store(self.last_ms.load(Ordering::Relaxed), Ordering::Relaxed);
    }

    pub(super) fn bounds(&self) -> Bounds {
        // `next` is read second: it only grows, and `first` never passes it.
        let first = self.places.read().first;
        Bounds { first, next: self.next() }
    }
}
