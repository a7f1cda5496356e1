//! Settling: a full log becomes one segment per shelf, and its file becomes free.
//!
//! Nothing of it is seen by readers but the moment in which a stream's tail becomes an extent.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::append::Lane;
use super::change::{Change, SegmentKey};
use super::engine::Engine;
use super::frame::{self, Frame};
use super::log::Log;
use super::place::Extent;
use super::segment::{self, Segment, Shelved};
use crate::disk::Access;
use crate::encoded;
use crate::error::{Finding, JournalError};
use crate::group::walk;
use crate::stream::StreamId;

/// Free log files that are kept for recycling; more are removed.
const SPARE_LOGS_MAX: usize = 2;

impl Engine {
    /// One round of the settling thread.
    pub(super) fn upkeep_round(&self) {
        let done = self.rotate_old_logs().and_then(|()| self.settle_full_logs()).and_then(|()| self.sweep());
        match done {
            Ok(()) | Err(JournalError::Closed | JournalError::ReadOnly | JournalError::Poisoned { .. }) => {}
            Err(error @ JournalError::DiskFull { .. }) => {
                tracing::warn!(%error, "settling waits for space");
            }
            // The records are still in their log. But a disk that refuses here is not to be trusted
            // with acknowledgements, and logs must not pile up unseen.
            Err(error) => _ = self.poison(&self.root, 0, &error.to_string()),
        }
    }

    /// What the background threads would do, done by the appending thread.
    pub(super) fn upkeep_inline(&self) {
        self.upkeep_round();
        self.prepare_wanted();
    }

    /// Settles all that exists when it is called, and sweeps.
    pub(super) fn settle_everything(&self) -> Result<(), JournalError> {
        self.settle_full_logs()?;
        for lane in self.open_lanes() {
            let mut writer = lane.writer.lock();
            if writer.number > 0 {
                self.rotate(lane, &mut writer)?;
            }
        }
        self.settle_full_logs()?;
        self.sweep()
    }

    fn rotate_old_logs(&self) -> Result<(), JournalError> {
        let now_ms = (self.options.clock)();
        for lane in self.open_lanes() {
            let mut writer = lane.writer.lock();
            let is_old = writer
                .since_ms
                .is_some_and(|since| now_ms.saturating_sub(since) > self.options.log_age_max_ms);
            // Never waits here: appends would wait with it.
            if is_old && lane.next.is_ready() {
                self.rotate(lane, &mut writer)?;
                self.prepare_bell.ring();
            }
        }
        Ok(())
    }

    fn settle_full_logs(&self) -> Result<(), JournalError> {
        let _turn = self.upkeep.lock();
        for lane in self.open_lanes() {
            loop {
                let oldest = {
                    let logs = lane.logs.read();
                    logs.front().filter(|_| logs.len() > 1).cloned()
                };
                let Some(log) = oldest else { break };
                self.refuse_unless_writable()?;
                self.settle(lane, log)?;
                self.prepare_bell.ring();
            }
        }
        Ok(())
    }

    fn settle(&self, lane: &Lane, log: Arc<Log>) -> Result<(), JournalError> {
        let frames = self.frames(&log)?;
        let streams = self.by_stream(&log, &frames)?;
        let mut shelves: BTreeMap<u32, Vec<Shelved<'_>>> = BTreeMap::new();
        for shelved in streams {
            let shelf = self.stream(shelved.stream)?.shelf();
            shelves.entry(shelf).or_default().push(shelved);
        }
        let mut segments = Vec::with_capacity(shelves.len());
        for (shelf, streams) in &shelves {
            let key = SegmentKey { lane: lane.id, seq: log.seq, shelf: *shelf };
            segments.push(Arc::new(self.write_segment(key, 0, streams)?));
        }
        let mut changes: Vec<_> =
            segments.iter().map(|each| Change::Live { key: each.shape.key, generation: 0 }).collect();
        changes.push(Change::Settled { lane: lane.id, seq: log.seq });
        // If we die before this, the segments are litter and the log is settled again; after it, the
        // log is free.
        self.commit(&mut self.catalogue.lock(), &changes)?;
        self.segments.write().extend(segments.iter().cloned());
        self.move_places(&log, &frames, &segments)?;
        lane.logs.write().pop_front();
        self.retire(log);
        Ok(())
    }

    /// All frames of a log, verified again: what is settled is what was appended.
    fn frames(&self, log: &Log) -> Result<Vec<Frame>, JournalError> {
        let (mut frames, mut position) = (Vec::new(), 0);
        while position < log.used() {
            let frame = frame::read(&*log.file, log.identity(self.salt), position, frames.len() as u32)
                .map_err(|error| JournalError::io(&log.path, &error))?
                .ok_or_else(|| damaged(log, position))?;
            position += frame::extent(frame.head.payload as usize);
            frames.push(frame);
        }
        Ok(frames)
    }

    /// The log's live records by stream, ascending.
    fn by_stream<'a>(&self, log: &Log, frames: &'a [Frame]) -> Result<Vec<Shelved<'a>>, JournalError> {
        let mut by_stream: BTreeMap<StreamId, Vec<_>> = BTreeMap::new();
        for frame in frames {
            for record in walk(frame.payload()) {
                let bytes = &frame.payload()[record.position..record.position + record.head.length as usize];
                if !encoded::is_intact(bytes, &record.head) {
                    return Err(damaged(log, 0));
                }
                by_stream.entry(record.stream).or_default().push((record.head, bytes));
            }
        }
        let mut streams = Vec::with_capacity(by_stream.len());
        for (stream, mut records) in by_stream {
            let first = self.stream(stream)?.bounds().first;
            records.retain(|(head, _)| head.offset >= first);
            if !records.is_empty() {
                streams.push(Shelved { stream, records });
            }
        }
        Ok(streams)
    }

    /// Writes a segment whose name is durable when this returns, and opens it.
    pub(super) fn write_segment(
        &self,
        key: SegmentKey,
        generation: u32,
        streams: &[Shelved<'_>],
    ) -> Result<Segment, JournalError> {
        let folder = Segment::folder(&self.root);
        let path = folder.join(Segment::name(key, generation));
        let written = self.disk.make_folder(&folder).and_then(|()| {
            let file = self.disk.open(&path, Access::CreateCold)?;
            segment::write(&file, self.salt, (key, generation), streams, self.options.settle_chunk_bytes)?;
            self.disk.sync_folder(&folder)?;
            Ok(file)
        });
        let file = written
            .inspect_err(|_| _ = self.disk.remove(&path))
            .map_err(|error| JournalError::io(&path, &error))?;
        Segment::open(&path, file, self.salt, key, generation)
    }

    /// Each stream's tail in the log becomes its extent in a segment.
    fn move_places(
        &self,
        log: &Arc<Log>,
        frames: &[Frame],
        segments: &[Arc<Segment>],
    ) -> Result<(), JournalError> {
        let mut touched: BTreeMap<StreamId, Option<Extent>> = BTreeMap::new();
        for frame in frames {
            touched.extend(walk(frame.payload()).map(|record| (record.stream, None)));
        }
        for segment in segments {
            touched.extend(segment.extents().map(|(stream, extent)| (stream, Some(extent))));
        }
        for (id, extent) in touched {
            let stream = self.stream(id)?;
            let mut places = stream.places.write();
            if places.tails.front().is_some_and(|tail| Arc::ptr_eq(&tail.log, log)) {
                places.tails.pop_front();
            }
            places.extents.extend(extent);
        }
        Ok(())
    }

    /// Sets a settled log's file free, and removes files that nobody will need.
    fn retire(&self, log: Arc<Log>) {
        let mut retired = self.retired.lock();
        retired.push(log);
        let keep = if self.options.recycle_logs { SPARE_LOGS_MAX } else { 0 };
        while retired.len() > keep {
            let log = retired.remove(0);
            // If we die here or it fails, recovery finds a settled log and sets it free again. Readers
            // that hold it keep the file without its name.
            if let Err(error) = self.disk.remove(&log.path) {
                tracing::warn!(file = %log.path.display(), %error, "a settled log could not be removed");
            }
        }
    }
}

fn damaged(log: &Log, position: u64) -> JournalError {
    JournalError::Corrupt(Finding::new(&log.path, position, "acknowledged data is damaged; run the doctor"))
}
