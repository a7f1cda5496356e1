//! Recovery: first read everything and change nothing; only if all of it makes sense, repair.
//!
//! A bad frame is a torn tail if nothing valid of the same log follows and no later log has begun. Then
//! its group was not acknowledged and is cut. Anything else means damage to acknowledged data, and the
//! folder is refused. (The very last acknowledged frame, damaged later, cannot be told from a torn one.)

use std::collections::VecDeque;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use super::append::Lane;
use super::catalogue::{Catalogue, Opened, State};
use super::engine::Engine;
use super::frame::PAGE_BYTES;
use super::log::{Log, lane_folder};
use super::options::Options;
use super::place::{Places, Stream};
use super::prepare::Next;
use super::report::{OpenError, Recovered};
use super::segment::Segment;
use crate::disk::{Access, Disk};
use crate::error::Finding;
use crate::stream::{LANES_MAX, LaneId};

mod replay;

use replay::{LaneEnd, replay_lane};

/// What was read, before anything is changed.
pub(super) struct Reading {
    pub(super) disk: Arc<dyn Disk>,
    pub(super) root: std::path::PathBuf,
    pub(super) access: Access,
    pub(super) salt: u64,
    pub(super) state: State,
    /// By stream.
    pub(super) places: Vec<Places>,
    pub(super) findings: Vec<Finding>,
    pub(super) report: Recovered,
}

/// Opens a folder to serve it.
pub(super) fn open(
    root: &Path,
    disk: Arc<dyn Disk>,
    options: Options,
) -> Result<(Engine, Recovered), OpenError> {
    let began = Instant::now();
    let failed = |error: io::Error| OpenError::io(root, &error);
    disk.make_folder(root).map_err(failed)?;
    let lock = lock(&*disk, root, true)?;
    let found = Catalogue::open(&disk, root, Access::Write).map_err(failed)?;
    let is_new = found.is_none();
    let opened = match found {
        Some(opened) => opened,
        None => {
            refuse_orphans(&*disk, root)?;
            let catalogue = Catalogue::create(&disk, root).map_err(failed)?;
            Opened { catalogue, torn_bytes: 0, damage: None }
        }
    };
    let (mut reading, mut catalogue) = Reading::new(root, &disk, Access::Write, opened);
    let segments = reading.segments().map_err(failed)?;
    let ends = reading.lanes().map_err(failed)?;
    let mut findings = std::mem::take(&mut reading.findings).into_iter();
    if let Some(first) = findings.next() {
        return Err(OpenError::Corrupt { first, others: findings.count() });
    }
    if reading.report.torn_bytes_cut > 0 {
        tracing::warn!(bytes = reading.report.torn_bytes_cut, "a group that was being written is cut off");
    }
    if !is_new {
        // Leaves a torn change behind, and what the kernel shows after a failed flush becomes durable.
        catalogue.rewrite().map_err(failed)?;
    }
    for end in &ends {
        end.repair(&*reading.disk).map_err(failed)?;
    }
    reading.remove_litter(&segments).map_err(failed)?;
    reading.report.elapsed_ms = began.elapsed().as_millis() as u64;
    let report = reading.report.clone();
    let engine = Engine::new(root, disk, options, catalogue, lock, false);
    reading.fill(&engine, segments, ends);
    Ok((engine, report))
}

/// Opens a folder to look at it.
pub(super) fn open_read_only(
    root: &Path,
    disk: Arc<dyn Disk>,
    options: Options,
) -> Result<(Engine, Recovered, Vec<Finding>), OpenError> {
    let began = Instant::now();
    let failed = |error: io::Error| OpenError::io(root, &error);
    let lock = lock(&*disk, root, false)?;
    let opened = Catalogue::open(&disk, root, Access::Read).map_err(failed)?;
    let opened = opened.ok_or_else(|| OpenError::NoJournal { folder: root.to_owned() })?;
    let (mut reading, catalogue) = Reading::new(root, &disk, Access::Read, opened);
    let segments = reading.segments().map_err(failed)?;
    let ends = reading.lanes().map_err(failed)?;
    reading.report.elapsed_ms = began.elapsed().as_millis() as u64;
    let (report, findings) = (reading.report.clone(), reading.findings.clone());
    let engine = Engine::new(root, disk, options, catalogue, lock, true);
    reading.fill(&engine, segments, ends);
    Ok((engine, report, findings))
}

fn lock(disk: &dyn Disk, root: &Path, exclusive: bool) -> Result<Box<dyn Send + Sync>, OpenError> {
    disk.lock(root, exclusive).map_err(|error| match error.kind() {
        io::ErrorKind::WouldBlock => OpenError::Locked { folder: root.to_owned() },
        io::ErrorKind::NotFound => OpenError::NoJournal { folder: root.to_owned() },
        _ => OpenError::io(root, &error),
    })
}

/// A folder with logs or segments but without a catalogue has lost it.
fn refuse_orphans(disk: &dyn Disk, root: &Path) -> Result<(), OpenError> {
    let failed = |error: io::Error| OpenError::io(root, &error);
    let lanes = (0..LANES_MAX as u8).map(|lane| lane_folder(root, LaneId(lane)));
    for folder in lanes.chain([Segment::folder(root)]) {
        if !disk.list(&folder).map_err(failed)?.is_empty() {
            let what = format!("missing, although there is data in {}", folder.display());
            return Err(OpenError::Corrupt {
                first: Finding::new(&Catalogue::path(root), 0, what),
                others: 0,
            });
        }
    }
    Ok(())
}

impl Reading {
    fn new(root: &Path, disk: &Arc<dyn Disk>, access: Access, opened: Opened) -> (Self, Catalogue) {
        let state = opened.catalogue.state.clone();
        let places = state.firsts.iter().map(|first| Places { first: *first, ..Places::default() }).collect();
        let report = Recovered {
            torn_bytes_cut: opened.torn_bytes,
            streams: state.streams.len(),
            ..Recovered::default()
        };
        let reading = Self {
            disk: disk.clone(),
            root: root.to_owned(),
            access,
            salt: opened.catalogue.salt(),
            state,
            places,
            findings: opened.damage.into_iter().collect(),
            report,
        };
        (reading, opened.catalogue)
    }

    /// Opens the live segments, in the order in which their records were appended.
    fn segments(&mut self) -> io::Result<Vec<Arc<Segment>>> {
        let mut segments = Vec::with_capacity(self.state.segments.len());
        for (key, generation) in self.state.segments.clone() {
            let path = Segment::folder(&self.root).join(Segment::name(key, generation));
            let file = match self.disk.open(&path, Access::Read) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => {
                    self.findings.push(Finding::new(&path, 0, "missing; restore this file from a backup"));
                    continue;
                }
                other => other?,
            };
            match Segment::open(&path, file, self.salt, key, generation) {
                Ok(segment) => segments.push(Arc::new(segment)),
                Err(error) => self.findings.extend(super::segment::finding(&path, error)),
            }
        }
        for segment in &segments {
            self.take_in(segment);
        }
        self.report.segments = segments.len();
        Ok(segments)
    }

    fn take_in(&mut self, segment: &Arc<Segment>) {
        self.report.settled_records += u64::from(segment.shape.records);
        for (id, extent) in segment.extents() {
            let Some(places) = self.places.get_mut(id.0 as usize) else {
                self.findings.push(Finding::new(&segment.path, 0, format!("{id} is in no catalogue")));
                continue;
            };
            let end = places.extents.last().map_or(0, |last| last.end());
            // What was trimmed may be missing, and only that.
            if extent.first < end || (extent.first > end && extent.first > places.first) {
                let what = format!("{id} goes on at offset {} where {end} is next", extent.first);
                self.findings.push(Finding::new(&segment.path, 0, what));
            }
            places.extents.push(extent);
        }
    }

    fn lanes(&mut self) -> io::Result<Vec<LaneEnd>> {
        let mut ends = Vec::new();
        for lane in (0..LANES_MAX as u8).map(LaneId) {
            ends.extend(replay_lane(self, lane)?);
        }
        Ok(ends)
    }

    /// Removes segments that the catalogue does not list.
    fn remove_litter(&mut self, live: &[Arc<Segment>]) -> io::Result<()> {
        let folder = Segment::folder(&self.root);
        for name in self.disk.list(&folder)? {
            let path = folder.join(&name);
            if !live.iter().any(|segment| segment.path == path) {
                self.disk.remove(&path)?;
                self.report.litter_removed += 1;
            }
        }
        Ok(())
    }

    /// Puts what was read into the engine.
    fn fill(self, engine: &Engine, segments: Vec<Arc<Segment>>, ends: Vec<LaneEnd>) {
        *engine.segments.write() = segments;
        let specs = (0..).map(crate::stream::StreamId).zip(&self.state.streams);
        let streams =
            specs.zip(self.places).map(|((id, spec), places)| Arc::new(Stream::new(id, spec, places)));
        *engine.streams.write() = streams.collect();
        // Trims of which the space was not given back before the crash.
        let trimmed =
            engine.streams.read().iter().filter(|stream| stream.bounds().first > 0).map(|s| s.id).collect();
        *engine.trimmed.lock() = trimmed;
        for end in ends {
            engine.retired.lock().extend(end.free);
            let next = end.prepared.filter(|log| log.capacity == engine.options.log_bytes());
            let slot = &engine.lanes[usize::from(end.writer.log.lane.0)];
            slot.get_or_init(|| Lane::new(end.writer, end.logs, next.map(Next::ready).unwrap_or_default()));
        }
    }
}

/// Zeros over the head of a torn frame, so that nothing of it can ever be taken for a beginning.
const BLANK: [u8; PAGE_BYTES] = [0; PAGE_BYTES];

/// A lane's unsettled logs.
type Logs = VecDeque<Arc<Log>>;
