//! Reading: find the file and the places under a short lock, read without any.

use std::collections::BTreeSet;
use std::io;
use std::path::Path;

use bytes::Bytes;

use super::engine::Engine;
use super::place::{Extent, Part, Spot, Stream};
use crate::disk::{DiskFile, read_exact};
use crate::encoded;
use crate::error::{Finding, JournalError};
use crate::stream::{Entry, Found, Offset, Record, StreamId};

/// Records of other streams between two of ours that are read along rather than skipped, in bytes.
const GAP_BYTES: u32 = 4096;

/// From so many bytes on a read is one of several that follow each other, most likely.
const AHEAD_MIN_BYTES: u64 = 64 * 1024;

/// Most bytes that are read ahead.
const AHEAD_MAX_BYTES: u64 = 4 * 1024 * 1024;

/// Places copied from a log at once.
const SPOTS_AT_ONCE: usize = 8192;

impl Engine {
    pub(super) fn read(
        &self,
        id: StreamId,
        from: Offset,
        max_bytes: usize,
    ) -> Result<Vec<Record>, JournalError> {
        let stream = self.stream(id)?;
        let next = stream.next();
        let mut budget = Budget { left: max_bytes, any: false };
        let mut records: Vec<Record> = Vec::new();
        while from + (records.len() as u64) < next && budget.is_open() {
            let at = from + records.len() as u64;
            let before = records.len();
            let read = match part_at(&stream, at, next)? {
                Part::Log { log, spots } => {
                    let within = spots.iter().take_while(|spot| budget.take(spot)).count();
                    fetch(&*log.file, &log.path, (id, at), &spots[..within], &mut records)
                }
                Part::Segment { segment, ordinal, count } => {
                    let mut spots = Vec::new();
                    segment.walk(ordinal, count, 1, &mut |spot| {
                        let within = budget.take(&spot);
                        spots.extend(within.then_some(spot));
                        within
                    })?;
                    read_ahead(&*segment.file, &spots);
                    fetch(&*segment.file, &segment.path, (id, at), &spots, &mut records)
                }
            };
            read?;
            if records.len() == before {
                break;
            }
        }
        // Below `first` also when nothing is left at all.
        match stream.places.read().first {
            first if from < first => Err(JournalError::Trimmed { first }),
            _ => Ok(records),
        }
    }

    pub(super) fn entries(
        &self,
        id: StreamId,
        from: Offset,
        visit: &mut dyn FnMut(Entry),
    ) -> Result<(), JournalError> {
        let stream = self.stream(id)?;
        let (mut at, bounds) = (from, stream.bounds());
        if from < bounds.first {
            return Err(JournalError::Trimmed { first: bounds.first });
        }
        while at < bounds.next {
            match part_at(&stream, at, bounds.next)? {
                Part::Log { spots, .. } => {
                    for spot in spots {
                        visit(spot.entry(at));
                        at += 1;
                    }
                }
                Part::Segment { segment, ordinal, count } => {
                    segment.walk_all(ordinal, count, &mut |spot| {
                        visit(spot.entry(at));
                        at += 1;
                    })?
                }
            }
        }
        Ok(())
    }

    pub(super) fn find(&self, mark: u64) -> Result<Vec<Found>, JournalError> {
        let mut found = Vec::new();
        // Logs first: one that is settled meanwhile is then seen twice, and not never.
        for lane in self.open_lanes() {
            let logs: Vec<_> = lane.logs.read().iter().cloned().collect();
            for log in logs {
                let marks = log.marks.read();
                found.extend(marks.iter().filter(|(each, _)| *each == mark).map(|(_, found)| *found));
            }
        }
        let segments = self.segments.read().clone();
        for segment in segments {
            segment.find(mark, &mut found)?;
        }
        let found: BTreeSet<Found> = found.into_iter().collect();
        let streams = self.streams.read();
        let live = |found: &Found| {
            let bounds = streams.get(found.stream.0 as usize).map(|stream| stream.bounds());
            bounds.is_some_and(|bounds| (bounds.first..bounds.next).contains(&found.offset))
        };
        Ok(found.into_iter().filter(live).collect())
    }

    pub(super) fn at_time(&self, id: StreamId, time_ms: u64) -> Result<Offset, JournalError> {
        let stream = self.stream(id)?;
        let bounds = stream.bounds();
        let candidate = {
            let places = stream.places.read();
            let behind = places.extents.partition_point(|extent| extent.last_ms < time_ms);
            match places.extents.get(behind) {
                Some(extent) => Err(extent.clone()),
                None => {
                    let ends_before = |spots: &[Spot]| spots.last().is_none_or(|spot| spot.time_ms < time_ms);
                    let behind = places.tails.partition_point(|tail| ends_before(&tail.spots));
                    Ok(places.tails.get(behind).map_or(bounds.next, |tail| {
                        tail.first + tail.spots.partition_point(|spot| spot.time_ms < time_ms) as u64
                    }))
                }
            }
        };
        let offset = match candidate {
            Ok(offset) => offset,
            Err(extent) => first_at_time(&extent, time_ms)?,
        };
        Ok(offset.clamp(bounds.first, bounds.next))
    }
}

/// The part of the stream that holds `at`, not beyond `next`.
fn part_at(stream: &Stream, at: Offset, next: Offset) -> Result<Part, JournalError> {
    let places = stream.places.read();
    if at < places.first {
        return Err(JournalError::Trimmed { first: places.first });
    }
    let most = usize::try_from(next - at).unwrap_or(usize::MAX).min(SPOTS_AT_ONCE);
    // The invariant of `place.rs`: what lies between `first` and `next` has a place.
    places.part(at, most).ok_or_else(|| {
        let what = format!("{}: no file holds offset {at}; run the doctor", stream.id);
        JournalError::Corrupt(Finding::new(Path::new("catalogue"), 0, what))
    })
}

fn first_at_time(extent: &Extent, time_ms: u64) -> Result<Offset, JournalError> {
    let (mut low, mut high) = (0, extent.count);
    while low < high {
        let middle = low + (high - low) / 2;
        if extent.segment.spot(extent.ordinal + middle)?.time_ms < time_ms {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    Ok(extent.first + u64::from(low))
}

/// How much may still be read; the first record always may.
struct Budget {
    left: usize,
    any: bool,
}

impl Budget {
    fn is_open(&self) -> bool {
        !self.any || self.left > 0
    }

    fn take(&mut self, spot: &Spot) -> bool {
        let length = spot.length as usize;
        let fits = length <= self.left || !self.any;
        self.left = if fits { self.left.saturating_sub(length) } else { 0 };
        self.any = true;
        fits
    }
}

/// Has the disk bring what is read now in one go, and as much again of what follows. Segments are seldom in the cache:
/// the kernel would bring them piece by piece, with a wait for each, as several streams are read from one file.
fn read_ahead(file: &dyn DiskFile, spots: &[Spot]) {
    let (Some(head), Some(last)) = (spots.first(), spots.last()) else { return };
    let length = u64::from(last.position + last.length - head.position);
    if length >= AHEAD_MIN_BYTES {
        file.will_read(u64::from(head.position), length + length.min(AHEAD_MAX_BYTES));
    }
}

/// Reads the records at `spots`, which begin with offset `at`; near ones with one read.
pub(super) fn fetch(
    file: &dyn DiskFile,
    path: &Path,
    (stream, mut at): (StreamId, Offset),
    spots: &[Spot],
    records: &mut Vec<Record>,
) -> Result<(), JournalError> {
    let near = |left: &Spot, right: &Spot| {
        let end = left.position + left.length;
        right.position >= end && right.position - end <= GAP_BYTES
    };
    for run in spots.chunk_by(near) {
        let (Some(head), Some(last)) = (run.first(), run.last()) else { continue };
        let length = (last.position + last.length - head.position) as usize;
        let bytes =
            read_exact(file, u64::from(head.position), length).map_err(|error| match error.kind() {
                io::ErrorKind::UnexpectedEof => JournalError::Corrupt(Finding::new(
                    path,
                    u64::from(head.position),
                    "the file ends too early",
                )),
                _ => JournalError::io(path, &error),
            })?;
        let bytes = Bytes::from(bytes);
        for spot in run {
            let start = (spot.position - head.position) as usize;
            let own = bytes.slice(start..start + spot.length as usize);
            let intact = encoded::head(&own).filter(|found| {
                found.length == spot.length
                    && (found.stream, found.offset) == (stream, at)
                    && encoded::is_intact(&own, found)
            });
            let Some(found) = intact else {
                let what = format!("{stream} offset {at} is damaged; restore this file from a backup");
                return Err(JournalError::Corrupt(Finding::new(path, u64::from(spot.position), what)));
            };
            records.push(encoded::record(&own, &found));
            at += 1;
        }
    }
    Ok(())
}
