//! What the parts of the engine share, and the creation of streams.
//!
//! Locks, in the order in which they may be taken: `upkeep`, `catalogue`, a lane's `writer`, a lane's
//! `next`; the rest are leaves and never held during I/O.

use std::collections::HashSet;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

use parking_lot::{Mutex, RwLock};

use super::append::Lane;
use super::catalogue::{Catalogue, State};
use super::change::Change;
use super::log::Log;
use super::options::Options;
use super::place::{Places, Stream};
use super::segment::Segment;
use super::threads::Bell;
use crate::disk::Disk;
use crate::error::JournalError;
use crate::journal::Listener;
use crate::stream::{LANES_MAX, LaneId, StreamId, StreamSpec};

pub(super) struct Engine {
    pub(super) root: PathBuf,
    pub(super) disk: Arc<dyn Disk>,
    pub(super) options: Options,
    pub(super) salt: u64,
    pub(super) catalogue: Mutex<Catalogue>,
    /// By id.
    pub(super) streams: RwLock<Vec<Arc<Stream>>>,
    /// Lanes that have streams.
    pub(super) lanes: [OnceLock<Lane>; LANES_MAX],
    pub(super) segments: RwLock<Vec<Arc<Segment>>>,
    /// Settled logs that nobody may read any more, or only readers who began before.
    pub(super) retired: Mutex<Vec<Arc<Log>>>,
    /// Streams trimmed since the last sweep.
    pub(super) trimmed: Mutex<HashSet<StreamId>>,
    pub(super) listeners: RwLock<Vec<Listener>>,
    /// Held by whoever settles or sweeps.
    pub(super) upkeep: Mutex<()>,
    pub(super) prepare_bell: Bell,
    pub(super) settle_bell: Bell,
    poison: OnceLock<JournalError>,
    closed: AtomicBool,
    read_only: bool,
    /// Lets other processes in when it is dropped.
    _lock: Box<dyn Send + Sync>,
}

impl Engine {
    pub(super) fn new(
        root: &Path,
        disk: Arc<dyn Disk>,
        options: Options,
        catalogue: Catalogue,
        lock: Box<dyn Send + Sync>,
        read_only: bool,
    ) -> Self {
        Self {
            root: root.to_owned(),
            disk,
            options,
            salt: catalogue.salt(),
            catalogue: Mutex::new(catalogue),
            streams: RwLock::default(),
            lanes: Default::default(),
            segments: RwLock::default(),
            retired: Mutex::default(),
            trimmed: Mutex::default(),
            listeners: RwLock::default(),
            upkeep: Mutex::new(()),
            prepare_bell: Bell::default(),
            settle_bell: Bell::default(),
            poison: OnceLock::new(),
            closed: AtomicBool::new(false),
            read_only,
            _lock: lock,
        }
    }

    pub(super) fn stream(&self, id: StreamId) -> Result<Arc<Stream>, JournalError> {
        let streams = self.streams.read();
        streams.get(id.0 as usize).cloned().ok_or(JournalError::UnknownStream(id))
    }

    pub(super) fn lane(&self, id: LaneId) -> Result<&Lane, JournalError> {
        let lane = self.lanes.get(usize::from(id.0)).and_then(OnceLock::get);
        lane.ok_or(JournalError::UnknownLane(id))
    }

    pub(super) fn open_lanes(&self) -> impl Iterator<Item = &Lane> {
        self.lanes.iter().filter_map(OnceLock::get)
    }

    /// Writes nothing more, for the cause given first.
    pub(super) fn poison(&self, file: &Path, position: u64, cause: &str) -> JournalError {
        let position = format!("{} byte {position}", file.display());
        tracing::error!(%position, cause, "a write failed: the journal takes no more appends");
        let error = self.poison.get_or_init(|| JournalError::Poisoned { cause: cause.to_owned(), position });
        self.ring_all();
        error.clone()
    }

    pub(super) fn is_poisoned(&self) -> bool {
        self.poison.get().is_some()
    }

    pub(super) fn refuse_unless_writable(&self) -> Result<(), JournalError> {
        if let Some(error) = self.poison.get() {
            return Err(error.clone());
        }
        if self.read_only {
            return Err(JournalError::ReadOnly);
        }
        if self.is_closed() { Err(JournalError::Closed) } else { Ok(()) }
    }

    pub(super) fn is_closed(&self) -> bool {
        self.closed.load(Ordering::Acquire)
    }

    pub(super) fn close(&self) {
        self.closed.store(true, Ordering::Release);
        self.ring_all();
    }

    fn ring_all(&self) {
        self.prepare_bell.ring();
        self.settle_bell.ring();
        for lane in self.open_lanes() {
            lane.next.wake();
        }
    }

    /// Makes changes durable in the catalogue; poisons unless the disk was merely full.
    pub(super) fn commit(&self, catalogue: &mut Catalogue, changes: &[Change]) -> Result<(), JournalError> {
        // Checked with the catalogue in hand: after a failure nobody may write it again.
        self.refuse_unless_writable()?;
        let path = Catalogue::path(&self.root);
        catalogue.commit(changes).map_err(|error| match JournalError::io(&path, &error) {
            full @ JournalError::DiskFull { .. } => full,
            _ => self.poison(&path, 0, &error.to_string()),
        })
    }

    pub(super) fn create(&self, specs: &[StreamSpec]) -> Result<Vec<StreamId>, JournalError> {
        self.refuse_unless_writable()?;
        let mut catalogue = self.catalogue.lock();
        let (ids, changes) = changes_to_create(&catalogue.state, specs)?;
        for change in &changes {
            if let Change::Stream { spec, .. } = change {
                self.ensure_lane(spec.lane)?;
            }
        }
        // If we die here, a lane may have an empty log and no stream: harmless.
        self.commit(&mut catalogue, &changes)?;
        let mut streams = self.streams.write();
        for change in &changes {
            let Change::Stream { id, spec } = change else { continue };
            match streams.get(id.0 as usize) {
                Some(known) => known.move_to_shelf(spec.shelf),
                None => streams.push(Arc::new(Stream::new(*id, spec, Places::default()))),
            }
        }
        Ok(ids)
    }

    /// Gives a lane its first log. Under the catalogue's lock, so only once.
    fn ensure_lane(&self, id: LaneId) -> Result<(), JournalError> {
        let slot = self.lanes.get(usize::from(id.0)).ok_or(JournalError::UnknownLane(id))?;
        if slot.get().is_none() {
            let log = self.make_log(id, 1)?;
            slot.get_or_init(|| Lane::starting(log));
            self.prepare_bell.ring();
        }
        Ok(())
    }

    /// An error of the system about a file that nothing depends on yet.
    pub(super) fn spare_error(path: &Path) -> impl Fn(io::Error) -> JournalError + use<'_> {
        move |error| JournalError::io(path, &error)
    }
}

/// What must be added so that all `specs` exist, and their ids. Pure.
fn changes_to_create(
    state: &State,
    specs: &[StreamSpec],
) -> Result<(Vec<StreamId>, Vec<Change>), JournalError> {
    let mut changes = Vec::new();
    let mut fresh = std::collections::HashMap::new();
    let mut ids = Vec::with_capacity(specs.len());
    for spec in specs {
        if usize::from(spec.lane.0) >= LANES_MAX {
            return Err(JournalError::UnknownLane(spec.lane));
        }
        if spec.name.len() > usize::from(u16::MAX) {
            return Err(JournalError::NameTooLong { bytes: spec.name.len() });
        }
        let known = state.by_name.get(&spec.name).map(|id| (*id, &state.streams[id.0 as usize]));
        let known = known.or_else(|| fresh.get(spec.name.as_str()).copied());
        let id = match known {
            Some((id, known)) if known.lane != spec.lane => {
                return Err(JournalError::LaneIsFixed { stream: id, lane: known.lane });
            }
            Some((id, known)) => {
                if known.shelf != spec.shelf {
                    changes.push(Change::Stream { id, spec: spec.clone() });
                }
                id
            }
            None => {
                let id = StreamId((state.streams.len() + fresh.len()) as u32);
                fresh.insert(spec.name.as_str(), (id, spec));
                changes.push(Change::Stream { id, spec: spec.clone() });
                id
            }
        };
        ids.push(id);
    }
    Ok((ids, changes))
}
