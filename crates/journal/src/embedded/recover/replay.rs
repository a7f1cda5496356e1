//! Reading a lane's logs again.

use std::collections::VecDeque;
use std::io;
use std::sync::Arc;

use super::{BLANK, Logs, Reading};
use crate::disk::{Disk, read_exact};
use crate::embedded::append::Writer;
use crate::embedded::frame::{self, Frame, Tail};
use crate::embedded::log::{Log, lane_folder, log_path, log_seq};
use crate::embedded::place::Spot;
use crate::error::Finding;
use crate::group::{FRONT_BYTES, Pushed, walk};
use crate::stream::{Found, LaneId};

/// A lane as its logs tell.
pub(super) struct LaneEnd {
    pub(super) writer: Writer,
    /// Unsettled logs, the last of which is the writer's.
    pub(super) logs: Logs,
    /// The empty log after the writer's.
    pub(super) prepared: Option<Arc<Log>>,
    /// Settled logs.
    pub(super) free: Vec<Arc<Log>>,
    /// Empty logs after that, whose numbers the writer will come to again.
    surplus: Vec<Arc<Log>>,
    /// Where the writer's last frame is.
    last_frame: Option<(u64, usize)>,
    /// Logs and positions of torn frames.
    torn: Vec<(Arc<Log>, u64)>,
}

/// One log, read to its end.
struct Read {
    log: Arc<Log>,
    frames: u32,
    last_frame: Option<(u64, usize)>,
    /// What the first frame says that the log before had.
    previous: u32,
    since_ms: Option<u64>,
    tail: Tail,
}

/// Reads a lane; `None` when it has no logs.
pub(super) fn replay_lane(reading: &mut Reading, lane: LaneId) -> io::Result<Option<LaneEnd>> {
    let settled = reading.state.settled[usize::from(lane.0)];
    let names = reading.disk.list(&lane_folder(&reading.root, lane))?;
    let mut seqs: Vec<u64> = names.iter().filter_map(|name| log_seq(name)).collect();
    seqs.sort_unstable();
    let mut free = Vec::new();
    let mut reads: Vec<Read> = Vec::new();
    for seq in seqs {
        let log = open_log(reading, lane, seq)?;
        if seq <= settled {
            free.push(log);
            continue;
        }
        let read = replay_log(reading, log)?;
        check_sequence(reading, settled, reads.last(), &read);
        reads.push(read);
    }
    let has_streams = reading.state.streams.iter().any(|spec| spec.lane == lane);
    if reads.is_empty() && has_streams {
        let path = log_path(&reading.root, lane, settled + 1);
        reading.findings.push(Finding::new(&path, 0, "missing; restore the folder from a backup"));
    }
    Ok(end_of(reading, reads, free))
}

fn open_log(reading: &Reading, lane: LaneId, seq: u64) -> io::Result<Arc<Log>> {
    let file = reading.disk.open(&log_path(&reading.root, lane, seq), reading.access)?;
    let capacity = file.len()?;
    Ok(Arc::new(Log::new(&reading.root, lane, seq, file, capacity)))
}

/// A log must follow on the one before, which must be whole once this one has begun.
fn check_sequence(reading: &mut Reading, settled: u64, before: Option<&Read>, read: &Read) {
    if read.frames == 0 {
        return;
    }
    let expected = before.map_or(settled, |before| before.log.seq) + 1;
    if read.log.seq != expected {
        let path = log_path(&reading.root, read.log.lane, expected);
        reading.findings.push(Finding::new(&path, 0, "missing; restore the folder from a backup"));
    }
    if let Some(before) = before.filter(|before| before.frames != read.previous) {
        let what = format!(
            "group {} of {} is damaged; restore the folder from a backup",
            before.frames + 1,
            read.previous
        );
        reading.findings.push(Finding::new(&before.log.path, before.log.used(), what));
    }
}

fn replay_log(reading: &mut Reading, log: Arc<Log>) -> io::Result<Read> {
    let identity = log.identity(reading.salt);
    let (mut position, mut frames, mut previous) = (0, 0, 0);
    let (mut last_frame, mut since_ms) = (None, None);
    while let Some(frame) = frame::read(&*log.file, identity, position, frames)? {
        if frames == 0 {
            previous = frame.head.previous;
            since_ms = walk(frame.payload()).next().map(|record| record.time_ms);
        }
        replay_frame(reading, &log, position, &frame);
        last_frame = Some((position, FRONT_BYTES + frame.head.payload as usize));
        position += frame::extent(frame.head.payload as usize);
        frames += 1;
    }
    log.set_used(position);
    let tail = frame::tail(&*log.file, identity, position, frames)?;
    if let Tail::Damaged { next_valid } = tail {
        let what = format!(
            "group {} of this log is damaged, and a valid one follows at byte {next_valid}; \
             restore the folder from a backup",
            frames + 1
        );
        reading.findings.push(Finding::new(&log.path, position, what));
    }
    Ok(Read { log, frames, last_frame, previous, since_ms, tail })
}

fn replay_frame(reading: &mut Reading, log: &Arc<Log>, position: u64, frame: &Frame) {
    let start = position + FRONT_BYTES as u64;
    let mut records = 0;
    for record in walk(frame.payload()) {
        records += 1;
        if let Err(what) = replay_record(reading, log, start, &record) {
            reading.findings.push(Finding::new(&log.path, start + record.position as u64, what));
        }
    }
    if records != frame.head.records {
        reading.findings.push(Finding::new(&log.path, position, "fewer records than the group's head says"));
    }
    reading.report.groups += 1;
    reading.report.records += u64::from(records);
}

fn replay_record(
    reading: &mut Reading,
    log: &Arc<Log>,
    start: u64,
    record: &Pushed<'_>,
) -> Result<(), String> {
    let id = record.stream;
    let places = reading.places.get_mut(id.0 as usize).ok_or_else(|| format!("{id} is in no catalogue"))?;
    let expected = match (places.tails.back(), places.extents.last()) {
        (Some(tail), _) => tail.end(),
        (None, Some(extent)) => extent.end(),
        (None, None) => 0,
    };
    // What was trimmed may be missing, and only that.
    let trimmed_gap = record.offset > expected && record.offset <= places.first;
    if record.offset != expected && !trimmed_gap {
        return Err(format!("{id} goes on at offset {} where {expected} is next", record.offset));
    }
    places.push(log, record.offset, Spot::new(start + record.position as u64, &record.head, record.primary));
    let found = Found { stream: id, offset: record.offset };
    log.marks.write().extend(record.marks().map(|mark| (mark, found)));
    Ok(())
}

/// Sorts the logs of a lane into full ones, the writer's and prepared ones.
fn end_of(reading: &mut Reading, reads: Vec<Read>, free: Vec<Arc<Log>>) -> Option<LaneEnd> {
    let mut torn = Vec::new();
    for read in &reads {
        if let Tail::Torn { bytes } = read.tail {
            reading.report.torn_bytes_cut += bytes;
            torn.push((read.log.clone(), read.log.used()));
        }
    }
    let last = reads.iter().rposition(|read| read.frames > 0).unwrap_or(0);
    let mut logs = VecDeque::new();
    let mut prepared = None;
    let mut surplus = Vec::new();
    let mut writer = None;
    for (index, read) in reads.into_iter().enumerate() {
        if index > last {
            let follows = index == last + 1;
            if follows {
                prepared = Some(read.log)
            } else {
                surplus.push(read.log)
            }
            continue;
        }
        logs.push_back(read.log.clone());
        if index == last {
            let (position, number) = (read.log.used(), read.frames);
            let end =
                Writer { log: read.log, position, number, previous: read.previous, since_ms: read.since_ms };
            writer = Some((end, read.last_frame));
        }
    }
    let (writer, last_frame) = writer?;
    Some(LaneEnd { writer, logs, prepared, free, surplus, last_frame, torn })
}

impl LaneEnd {
    /// Makes what was read durable and what was cut unreadable. May be done again after a crash in it.
    pub(super) fn repair(&self, disk: &dyn Disk) -> io::Result<()> {
        for (log, position) in &self.torn {
            log.file.write_at(&BLANK, *position)?;
            log.file.sync_data()?;
        }
        if let Some((position, length)) = self.last_frame {
            // Only this frame can be in the kernel's memory and not on the disk. The same bytes again:
            // a crash in the middle of it changes nothing.
            let bytes = read_exact(&*self.writer.log.file, position, length)?;
            self.writer.log.file.write_at(&bytes, position)?;
            self.writer.log.file.sync_data()?;
        }
        for log in &self.surplus {
            disk.remove(&log.path)?;
        }
        Ok(())
    }
}
