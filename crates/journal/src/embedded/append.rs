//! Appending: check the group, write it as one frame, flush, show it to readers, tell the listeners.
//!
//! Budget: 60 µs of CPU for a group of 256 KiB with 200 records.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use parking_lot::{Mutex, RwLock};

use super::engine::Engine;
use super::frame::{self, FrameHead, PAGE_BYTES};
use super::log::Log;
use super::options::Upkeep;
use super::place::{Spot, Stream};
use super::prepare::Next;
use crate::error::JournalError;
use crate::group::{FRONT_BYTES, Group};
use crate::stream::{Found, LaneId, Offset, StreamId};

/// A lane: its logs and who writes to the last of them.
pub(super) struct Lane {
    pub(super) id: LaneId,
    pub(super) writer: Mutex<Writer>,
    /// The file that comes after the writer's.
    pub(super) next: Next,
    /// Unsettled logs, oldest first; the last is the writer's.
    pub(super) logs: RwLock<VecDeque<Arc<Log>>>,
}

/// The end of a lane. `position`, `number` and `previous` are the coming frame's.
pub(super) struct Writer {
    pub(super) log: Arc<Log>,
    pub(super) position: u64,
    pub(super) number: u32,
    pub(super) previous: u32,
    /// When the log's first frame was written, in milliseconds of the engine's clock.
    pub(super) since_ms: Option<u64>,
}

impl Lane {
    /// A lane whose first log is `log`.
    pub(super) fn starting(log: Arc<Log>) -> Self {
        let writer = Writer { log: log.clone(), position: 0, number: 0, previous: 0, since_ms: None };
        Self::new(writer, VecDeque::from([log]), Next::default())
    }

    pub(super) fn new(writer: Writer, logs: VecDeque<Arc<Log>>, next: Next) -> Self {
        Self { id: writer.log.lane, writer: Mutex::new(writer), next, logs: RwLock::new(logs) }
    }
}

impl Engine {
    pub(super) fn append(&self, lane: LaneId, group: &mut Group) -> Result<(), JournalError> {
        self.refuse_unless_writable()?;
        if group.is_empty() {
            return Ok(());
        }
        let lane = self.lane(lane)?;
        let rotated = {
            let mut writer = lane.writer.lock();
            let streams = self.stage(lane.id, group)?;
            let rotated = self.make_room(lane, &mut writer, group).inspect_err(|_| unstage(&streams))?;
            let start = self.write(&mut writer, group)?;
            let touched = show(&writer.log, start, group, &streams);
            for listener in self.listeners.read().iter() {
                listener(&touched);
            }
            rotated
        };
        if rotated {
            self.prepare_bell.ring();
            self.settle_bell.ring();
        }
        if self.options.upkeep == Upkeep::Inline {
            self.upkeep_inline();
        }
        Ok(())
    }

    /// Checks the group and moves its streams' staged ends. All of them are left as they were when it
    /// is refused. Returns each record's stream.
    fn stage(&self, lane: LaneId, group: &Group) -> Result<Vec<Arc<Stream>>, JournalError> {
        let all = self.streams.read();
        let mut streams: Vec<Arc<Stream>> = Vec::with_capacity(group.records());
        for record in group.iter() {
            let refused = match all.get(record.stream.0 as usize) {
                None => Some(JournalError::UnknownStream(record.stream)),
                Some(stream) => match stage_one(stream, lane, record.offset, record.time_ms) {
                    None => {
                        streams.push(stream.clone());
                        None
                    }
                    refused => refused,
                },
            };
            if let Some(error) = refused {
                unstage(&streams);
                return Err(error);
            }
        }
        Ok(streams)
    }

    /// Goes to the next log if the group does not fit this one; tells whether it did.
    fn make_room(&self, lane: &Lane, writer: &mut Writer, group: &Group) -> Result<bool, JournalError> {
        // Asked again with the lock in hand: the group before this one may have poisoned the engine.
        self.refuse_unless_writable()?;
        let bytes = frame::extent(group.bytes());
        if writer.position + bytes <= writer.log.capacity {
            return Ok(false);
        }
        let limit = self.options.log_bytes();
        if bytes > limit {
            return Err(JournalError::GroupTooLarge { bytes, limit });
        }
        self.rotate(lane, writer)?;
        Ok(true)
    }

    /// Makes the prepared log the lane's last. Nothing is written: the file has had its name since it
    /// was prepared, and its first frame will say how many frames came before.
    pub(super) fn rotate(&self, lane: &Lane, writer: &mut Writer) -> Result<(), JournalError> {
        let log = lane.next.take(self, lane, writer.log.seq + 1)?;
        lane.logs.write().push_back(log.clone());
        *writer = Writer { log, position: 0, number: 0, previous: writer.number, since_ms: None };
        Ok(())
    }

    /// One write, one flush. Returns where the records begin in the file.
    fn write(&self, writer: &mut Writer, group: &mut Group) -> Result<u64, JournalError> {
        let (payload, records) = (group.bytes(), group.records() as u32);
        let head =
            FrameHead { number: writer.number, payload: payload as u32, records, previous: writer.previous };
        let bytes = group.padded(PAGE_BYTES);
        frame::seal(bytes, writer.log.identity(self.salt), head);
        let log = &writer.log;
        // If we die here, the frame is torn or whole; either way the group was not acknowledged, and
        // recovery drops or keeps all of it.
        let written = log.file.write_at(bytes, writer.position).and_then(|()| log.file.sync_data());
        group.unpad(payload);
        written.map_err(|error| self.poison(&log.path, writer.position, &error.to_string()))?;
        let start = writer.position + FRONT_BYTES as u64;
        writer.position += frame::extent(payload);
        writer.number += 1;
        writer.since_ms.get_or_insert_with(|| (self.options.clock)());
        log.set_used(writer.position);
        Ok(start)
    }
}

fn stage_one(stream: &Stream, lane: LaneId, offset: Offset, time_ms: u64) -> Option<JournalError> {
    let (next, last_ms) = (stream.staged_next.load(Relaxed), stream.staged_ms.load(Relaxed));
    if stream.lane != lane {
        return Some(JournalError::WrongLane { stream: stream.id, lane, belongs: stream.lane });
    }
    if offset != next {
        return Some(JournalError::OffsetNotNext { stream: stream.id, offset, next });
    }
    if time_ms < last_ms {
        return Some(JournalError::TimeWentBack { stream: stream.id, time_ms, last_ms });
    }
    stream.staged_next.store(next + 1, Relaxed);
    stream.staged_ms.store(time_ms, Relaxed);
    None
}

fn unstage(streams: &[Arc<Stream>]) {
    for stream in streams {
        stream.unstage();
    }
}

/// Makes the group's records visible and returns the touched streams with their new ends. Marks come
/// first: whoever can read a record can find it.
fn show(log: &Arc<Log>, start: u64, group: &Group, streams: &[Arc<Stream>]) -> Vec<(StreamId, Offset)> {
    let mut marks = log.marks.write();
    for record in group.iter() {
        let found = Found { stream: record.stream, offset: record.offset };
        marks.extend(record.marks().map(|mark| (mark, found)));
    }
    drop(marks);
    let mut touched: Vec<&Arc<Stream>> = Vec::new();
    for (record, stream) in group.iter().zip(streams) {
        if record.offset == stream.next() {
            touched.push(stream);
        }
        let spot = Spot::new(start + record.position as u64, &record.head, record.primary);
        stream.places.write().push(log, record.offset, spot);
    }
    for stream in &touched {
        stream.commit_staged();
    }
    touched.iter().map(|stream| (stream.id, stream.next())).collect()
}
