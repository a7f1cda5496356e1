//! Sweeping: giving back the space of trimmed records that are settled.
//!
//! A segment with nothing live is removed; one of which less than half is live is written again
//! without the rest, so that one stream's long life does not keep another's records.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::change::{Change, SegmentKey};
use super::engine::Engine;
use super::segment::{Segment, Shelved, StreamPart};
use crate::disk::read_exact;
use crate::encoded;
use crate::error::{Finding, JournalError};
use crate::group::walk;
use crate::stream::Offset;

impl Engine {
    pub(super) fn sweep(&self) -> Result<(), JournalError> {
        let _turn = self.upkeep.lock();
        let trimmed = std::mem::take(&mut *self.trimmed.lock());
        let mut touched: BTreeMap<SegmentKey, Arc<Segment>> = BTreeMap::new();
        for id in &trimmed {
            let stream = self.stream(*id)?;
            let places = stream.places.read();
            let dead = places.extents.iter().take_while(|extent| extent.first < places.first);
            touched.extend(dead.map(|extent| (extent.segment.shape.key, extent.segment.clone())));
        }
        let swept = self.sweep_segments(touched.into_values());
        if swept.is_err() {
            // Not done: looked at again in the next round.
            self.trimmed.lock().extend(trimmed);
        }
        swept
    }

    fn sweep_segments(&self, touched: impl Iterator<Item = Arc<Segment>>) -> Result<(), JournalError> {
        let mut gone = Vec::new();
        for segment in touched {
            let mut live_bytes = 0;
            let mut all_bytes = 0;
            for part in &segment.parts {
                let live = live_count(part, self.stream(part.stream)?.bounds().first);
                live_bytes += u64::from(part.bytes) * u64::from(live) / u64::from(part.count.max(1));
                all_bytes += u64::from(part.bytes);
            }
            if live_bytes == 0 {
                gone.push(segment);
            } else if live_bytes * 2 < all_bytes {
                self.refuse_unless_writable()?;
                self.rewrite(&segment)?;
            }
        }
        let changes: Vec<_> = gone.iter().map(|segment| Change::Gone { key: segment.shape.key }).collect();
        // If we die here, the segments are still listed and hold nothing live: swept again with the
        // next trim. After it they are litter.
        self.commit(&mut self.catalogue.lock(), &changes)?;
        for segment in gone {
            self.replace(&segment, None)?;
        }
        Ok(())
    }

    /// Writes the live records of a segment as its next generation.
    fn rewrite(&self, old: &Arc<Segment>) -> Result<(), JournalError> {
        let mut kept = Vec::new();
        for part in &old.parts {
            let first = self.stream(part.stream)?.bounds().first;
            if live_count(part, first) > 0 {
                kept.push((part, first, part_bytes(old, part)?));
            }
        }
        let mut streams = Vec::with_capacity(kept.len());
        for (part, first, bytes) in &kept {
            let mut records = Vec::with_capacity(part.count as usize);
            for record in walk(bytes).filter(|record| record.offset >= *first) {
                let own = &bytes[record.position..record.position + record.head.length as usize];
                if !encoded::is_intact(own, &record.head) {
                    let at = u64::from(part.position) + record.position as u64;
                    let what = "a record is damaged; restore this file from a backup";
                    return Err(JournalError::Corrupt(Finding::new(&old.path, at, what)));
                }
                records.push((record.head, own));
            }
            streams.push(Shelved { stream: part.stream, records });
        }
        let (key, generation) = (old.shape.key, old.shape.generation + 1);
        let new = Arc::new(self.write_segment(key, generation, &streams)?);
        // If we die before this, the new generation is litter; after it, the old one is.
        self.commit(&mut self.catalogue.lock(), &[Change::Live { key, generation }])?;
        self.replace(old, Some(new))
    }

    /// Puts `new` in the place of `old` for readers and removes the old file. Readers that hold it
    /// finish with it.
    fn replace(&self, old: &Arc<Segment>, new: Option<Arc<Segment>>) -> Result<(), JournalError> {
        let mut extents: BTreeMap<_, _> = new.iter().flat_map(|new| new.extents()).collect();
        {
            let mut segments = self.segments.write();
            segments.retain(|each| !Arc::ptr_eq(each, old));
            segments.extend(new.clone());
        }
        for part in &old.parts {
            let stream = self.stream(part.stream)?;
            let mut places = stream.places.write();
            let Some(index) = places.extents.iter().position(|each| Arc::ptr_eq(&each.segment, old)) else {
                continue;
            };
            match extents.remove(&part.stream) {
                Some(extent) => places.extents[index] = extent,
                None => _ = places.extents.remove(index),
            }
        }
        // If we die here or it fails, recovery removes it as litter.
        if let Err(error) = self.disk.remove(&old.path) {
            tracing::warn!(file = %old.path.display(), %error, "a trimmed segment could not be removed");
        }
        Ok(())
    }
}

fn live_count(part: &StreamPart, first: Offset) -> u32 {
    let dead = first.saturating_sub(part.first).min(u64::from(part.count));
    part.count - dead as u32
}

fn part_bytes(segment: &Segment, part: &StreamPart) -> Result<Vec<u8>, JournalError> {
    read_exact(&*segment.file, u64::from(part.position), part.bytes as usize)
        .map_err(|error| JournalError::io(&segment.path, &error))
}
