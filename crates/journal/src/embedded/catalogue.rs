//! The catalogue: which streams exist, where they begin, which logs are settled and which segments are
//! live. It alone decides what a file in the folder means: a segment it does not list is litter, a log
//! at or before its lane's settled number is free.
//!
//! One file of frames, appended to and flushed per change, rewritten when most of it is history. Its
//! first frame holds the folder's salt.

use std::collections::{BTreeMap, HashMap};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::change::{Change, SegmentKey};
use super::frame::{self, CATALOGUE_LANE, Identity, PAGE_BYTES, Tail};
use crate::disk::{Access, Disk, DiskFile};
use crate::error::Finding;
use crate::stream::{LANES_MAX, Offset, StreamId, StreamSpec};

const NAME: &str = "catalogue";
const NEW_NAME: &str = "catalogue.new";
/// Below this it is not worth rewriting.
const REWRITE_BYTES_MIN: u64 = 1 << 20;

/// What the catalogue says, folded.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct State {
    pub(super) streams: Vec<StreamSpec>,
    pub(super) by_name: HashMap<String, StreamId>,
    /// Each stream's first live offset.
    pub(super) firsts: Vec<Offset>,
    /// Each lane's last settled log; logs count from 1.
    pub(super) settled: [u64; LANES_MAX],
    /// Live segments with their generation.
    pub(super) segments: BTreeMap<SegmentKey, u32>,
}

impl State {
    /// Takes in a change; false if it cannot follow on what is there.
    pub(super) fn apply(&mut self, change: &Change) -> bool {
        match change {
            Change::Stream { id, spec } => {
                let index = id.0 as usize;
                if index > self.streams.len() {
                    return false;
                }
                if index == self.streams.len() {
                    self.by_name.insert(spec.name.clone(), *id);
                    self.streams.push(spec.clone());
                    self.firsts.push(0);
                }
                self.streams[index].clone_from(spec);
            }
            Change::Trim { id, first } => match self.firsts.get_mut(id.0 as usize) {
                Some(known) => *known = *first,
                None => return false,
            },
            Change::Settled { lane, seq } => match self.settled.get_mut(usize::from(lane.0)) {
                Some(known) => *known = *seq,
                None => return false,
            },
            Change::Live { key, generation } => _ = self.segments.insert(*key, *generation),
            Change::Gone { key } => _ = self.segments.remove(key),
        }
        true
    }

    /// The fewest changes that lead here.
    fn changes(&self) -> Vec<Change> {
        let ids = || (0..).map(StreamId);
        let streams = ids().zip(&self.streams).map(|(id, spec)| Change::Stream { id, spec: spec.clone() });
        let trims = ids().zip(&self.firsts).filter(|(_, first)| **first > 0);
        let trims = trims.map(|(id, first)| Change::Trim { id, first: *first });
        let settled = (0..).zip(self.settled).filter(|(_, seq)| *seq > 0);
        let settled = settled.map(|(lane, seq)| Change::Settled { lane: crate::stream::LaneId(lane), seq });
        let segments = self.segments.iter();
        let segments = segments.map(|(key, generation)| Change::Live { key: *key, generation: *generation });
        streams.chain(trims).chain(settled).chain(segments).collect()
    }
}

/// The open catalogue.
pub(super) struct Catalogue {
    disk: Arc<dyn Disk>,
    root: PathBuf,
    file: Arc<dyn DiskFile>,
    identity: Identity,
    position: u64,
    number: u32,
    compact_bytes: u64,
    pub(super) state: State,
}

/// What reading a catalogue gave.
pub(super) struct Opened {
    pub(super) catalogue: Catalogue,
    pub(super) torn_bytes: u64,
    pub(super) damage: Option<Finding>,
}

impl Catalogue {
    pub(super) fn path(root: &Path) -> PathBuf {
        root.join(NAME)
    }

    /// Starts a folder.
    pub(super) fn create(disk: &Arc<dyn Disk>, root: &Path) -> io::Result<Self> {
        let identity = Identity { salt: disk.random(), lane: CATALOGUE_LANE, seq: 0 };
        Self::write_new(disk, root, identity, State::default())
    }

    /// Reads the catalogue; `None` when there is none. Writes nothing.
    pub(super) fn open(disk: &Arc<dyn Disk>, root: &Path, access: Access) -> io::Result<Option<Opened>> {
        let path = Self::path(root);
        let file = match disk.open(&path, access) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            other => other?,
        };
        let identity =
            frame::first_identity(&*file)?.unwrap_or(Identity { salt: 0, lane: CATALOGUE_LANE, seq: 0 });
        let mut state = State::default();
        let (mut position, mut number) = (0, 0);
        let mut damage = None;
        while let Some(frame) = frame::read(&*file, identity, position, number)? {
            let changes = Change::decode_all(frame.payload());
            if !changes.is_some_and(|changes| changes.iter().all(|change| state.apply(change))) {
                damage = Some(Finding::new(&path, position, "entries that make no sense; restore a backup"));
                break;
            }
            position += frame::extent(frame.head.payload as usize);
            number += 1;
        }
        let mut torn_bytes = 0;
        match frame::tail(&*file, identity, position, number)? {
            _ if damage.is_some() => {}
            // The first frame is durable before the file gets its name.
            _ if number == 0 => {
                damage =
                    Some(Finding::new(&path, 0, "the catalogue's beginning is damaged; restore a backup"));
            }
            Tail::Clean => {}
            Tail::Torn { bytes } => torn_bytes = bytes,
            Tail::Damaged { next_valid } => {
                let what =
                    format!("damaged entries before valid ones at byte {next_valid}; restore a backup");
                damage = Some(Finding::new(&path, position, what));
            }
        }
        let (disk, root) = (disk.clone(), root.to_owned());
        let catalogue = Self { disk, root, file, identity, position, number, compact_bytes: position, state };
        Ok(Some(Opened { catalogue, torn_bytes, damage }))
    }

    /// The folder's secret.
    pub(super) fn salt(&self) -> u64 {
        self.identity.salt
    }

    /// Makes changes durable, all or none, and takes them in. After an error other than a full disk
    /// the catalogue on disk is unknown and must not be written again.
    pub(super) fn commit(&mut self, changes: &[Change]) -> io::Result<()> {
        if changes.is_empty() {
            return Ok(());
        }
        if self.position > REWRITE_BYTES_MIN.max(4 * self.compact_bytes) {
            self.rewrite()?;
        }
        let payload = Change::encode_all(changes);
        let bytes = frame::framed(self.identity, self.number, changes.len() as u32, &payload);
        // If we die here, recovery finds a torn last frame and cuts it: the change was not answered.
        self.file.write_at(&bytes, self.position)?;
        // A full disk at the write is harmless (the place is written again); at the flush it is not.
        self.file.sync_data().map_err(|error| io::Error::other(error.to_string()))?;
        self.position += bytes.len() as u64;
        self.number += 1;
        for change in changes {
            self.state.apply(change);
        }
        Ok(())
    }

    /// Writes it anew without its history; also what cuts off a torn tail for good.
    pub(super) fn rewrite(&mut self) -> io::Result<()> {
        let identity = Identity { seq: self.identity.seq + 1, ..self.identity };
        *self = Self::write_new(&self.disk, &self.root, identity, self.state.clone())?;
        Ok(())
    }

    fn write_new(disk: &Arc<dyn Disk>, root: &Path, identity: Identity, state: State) -> io::Result<Self> {
        let new = root.join(NEW_NAME);
        let file = disk.open(&new, Access::Create)?;
        let changes = state.changes();
        let bytes = frame::framed(identity, 0, changes.len() as u32, &Change::encode_all(&changes));
        file.write_at(&bytes, 0)?;
        file.sync_data()?;
        // If we die here, the old catalogue still has its name and says the same.
        disk.rename(&new, &Self::path(root))?;
        disk.sync_folder(root)?;
        debug_assert!(bytes.len().is_multiple_of(PAGE_BYTES));
        let position = bytes.len() as u64;
        let (disk, root) = (disk.clone(), root.to_owned());
        Ok(Self { disk, root, file, identity, position, number: 1, compact_bytes: position, state })
    }
}
