//! The audit logs: one Merkle tree per lane over the entries in the lane's audit stream.
//!
//! A leaf's index is its entry's offset, so the journal alone determines the tree. The hashes are a view, kept in
//! level files (C2SP tlog-tiles levels) under `views/audit/<lane>/`; they may be deleted at any time while the bus is
//! down and are folded again.

mod entries;
mod export;
mod levels;

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use audit::{Checkpoint, Hash, Signer, Tile, TileWriter, VerifierKey};
use journal::{Journal, StreamId};
use parking_lot::Mutex;

pub use entries::{
    DecisionOf, DisclosureOf, Entry, consents_entries, decision_entry, disclosure_entries, finding_entry,
    publication_entry, refusal_entry, rotation_entry, shown_entry,
};
pub(crate) use levels::Levels;

use crate::core::Settings;
use crate::lanes::Lane;
use crate::metrics::Metrics;
use crate::open::OpenError;
use crate::streams::Streams;
use crate::topics::Topics;
use crate::{Refusal, RefusalKind, fold, secrets};

/// Leaves after which the level files are synced; what a crash can make us fold again.
const SETTLE_EVERY: u64 = 65_536;

/// One lane's log.
pub struct AuditLog {
    lane: Lane,
    origin: String,
    stream: StreamId,
    journal: Arc<dyn Journal>,
    signer: Signer,
    levels: Levels,
    tree: Mutex<TileWriter>,
    metrics: Arc<Metrics>,
    /// Whether hashes could not be written.
    has_gap: AtomicBool,
}

impl AuditLog {
    fn open(lane: Lane, shared: &Shared<'_>) -> Result<Self, OpenError> {
        let folder = shared.settings.data.join("views/audit").join(lane.name());
        let stream = shared.streams.audit[lane as usize];
        let leaves = shared.journal.bounds(stream)?.next;
        let (levels, settled) = Levels::open(&folder, leaves)?;
        let tree = TileWriter::from_stored(settled, &levels).unwrap_or_default();
        let origin = format!("{}/{}", shared.settings.name, lane.name());
        let log = Self {
            lane,
            stream,
            journal: shared.journal.clone(),
            signer: signer(&origin, &shared.seed)?,
            origin,
            levels,
            tree: Mutex::new(tree),
            metrics: shared.metrics.clone(),
            has_gap: AtomicBool::new(false),
        };
        log.fold()?;
        Ok(log)
    }

    /// Takes in the entries that the level files do not know yet: the same function as live.
    fn fold(&self) -> Result<(), journal::JournalError> {
        let from = self.tree.lock().size();
        let mut hashes = Vec::new();
        fold::each(&*self.journal, self.stream, from, |record| {
            hashes.push(audit::leaf_hash(&record.body));
            if hashes.len() == 4096 {
                self.push(&hashes);
                hashes.clear();
            }
        })?;
        self.push(&hashes);
        Ok(())
    }

    /// The lane made these leaves durable.
    pub fn push(&self, leaves: &[Hash]) {
        if leaves.is_empty() {
            return;
        }
        let mut tree = self.tree.lock();
        let before = tree.size();
        let mut appended: Vec<(u8, Hash)> = Vec::with_capacity(leaves.len() + 2);
        for leaf in leaves {
            tree.push(*leaf, |level, hash| appended.push((level, hash)));
        }
        let size = tree.size();
        // A view: the journal has the entries. Behind a gap nothing is written and nothing is settled, so that the next
        // start folds from before it.
        if !self.has_gap.load(Ordering::SeqCst)
            && let Err(error) = self.levels.append(before, &appended)
        {
            self.has_gap.store(true, Ordering::SeqCst);
            tracing::error!(lane = self.lane.name(), %error, "audit hashes could not be written; tiles and proofs end here until a restart");
        }
        drop(tree);
        self.metrics.tree(self.lane, size);
        if before / SETTLE_EVERY != size / SETTLE_EVERY {
            self.settle();
        }
    }

    /// Syncs the level files, so that the next start goes on from here.
    pub fn settle(&self) {
        let size = self.size();
        if self.has_gap.load(Ordering::SeqCst) {
            return;
        }
        if let Err(error) = self.levels.settle(size) {
            tracing::warn!(lane = self.lane.name(), %error, "audit hashes could not be synced");
        }
    }

    /// How many leaves.
    pub fn size(&self) -> u64 {
        self.tree.lock().size()
    }

    /// The head, to be signed.
    fn head(&self) -> Checkpoint {
        let tree = self.tree.lock();
        Checkpoint { origin: self.origin.clone(), size: tree.size(), root: tree.root() }
    }

    /// The signed head.
    pub fn checkpoint(&self) -> Result<String, Refusal> {
        let signed = self.head().sign(&self.signer);
        signed.map(|signed| signed.note.to_string()).map_err(|error| Refusal::unavailable(error.to_string()))
    }

    /// One leaf.
    pub fn entry(&self, index: u64) -> Result<bytes::Bytes, Refusal> {
        let record = self.journal.read(self.stream, index, 1)?.into_iter().next();
        record.map(|record| record.body).ok_or_else(|| {
            Refusal::new(RefusalKind::Unknown, format!("lane {} has no audit leaf {index}", self.lane.name()))
        })
    }
}

/// What all lanes' logs are opened with.
struct Shared<'a> {
    settings: &'a Settings,
    journal: &'a Arc<dyn Journal>,
    streams: &'a Streams,
    metrics: &'a Arc<Metrics>,
    seed: [u8; 32],
}

/// The logs of all lanes.
pub struct AuditLogs {
    lanes: [Arc<AuditLog>; 3],
    /// Signs certificates of erasure.
    erasures: Signer,
    verifier: VerifierKey,
    name: String,
    topics: Arc<Topics>,
}

impl AuditLogs {
    /// Opens them and folds what is missing.
    pub(crate) fn open(
        settings: &Settings,
        journal: &Arc<dyn Journal>,
        streams: &Streams,
        topics: &Arc<Topics>,
        metrics: &Arc<Metrics>,
    ) -> Result<Self, OpenError> {
        let seed = secrets::file(&key_path(&settings.data), journal.bounds(streams.governance)?.next == 0)?;
        let shared = Shared { settings, journal, streams, metrics, seed };
        let [realtime, standard, batch] = Lane::ALL.map(|lane| AuditLog::open(lane, &shared).map(Arc::new));
        Ok(Self {
            lanes: [realtime?, standard?, batch?],
            erasures: signer(&format!("{}{}", settings.name, audit::certificate::KEY_SUFFIX), &seed)?,
            verifier: signer(&settings.name, &seed)?.verifier().clone(),
            name: settings.name.clone(),
            topics: topics.clone(),
        })
    }

    pub(crate) fn lane(&self, lane: Lane) -> Arc<AuditLog> {
        self.lanes[lane as usize].clone()
    }

    /// The public key, in the form that verifiers of signed notes take.
    pub fn verifier_key(&self) -> String {
        self.verifier.to_string()
    }

    /// Name, checkpoint origin and size of each lane's log.
    pub fn lanes(&self) -> Vec<(String, String, u64)> {
        self.lanes.iter().map(|log| (log.lane.name().to_owned(), log.origin.clone(), log.size())).collect()
    }

    /// Signs a certificate of erasure.
    pub(crate) fn certify(&self, certificate: &audit::Certificate) -> Result<String, Refusal> {
        certificate.sign(&self.erasures).map_err(|error| Refusal::unavailable(error.to_string()))
    }

    fn named(&self, lane: &str) -> Result<&Arc<AuditLog>, Refusal> {
        Lane::named(lane).map(|lane| &self.lanes[lane as usize]).ok_or_else(|| {
            Refusal::new(RefusalKind::Unknown, format!("there is no lane {lane:?}"))
                .hint("the lanes are realtime, standard and batch")
        })
    }

    /// A lane's signed head.
    pub fn checkpoint(&self, lane: &str) -> Result<String, Refusal> {
        self.named(lane)?.checkpoint()
    }

    /// One tile (C2SP tlog-tiles), by what follows the log's prefix: `<L>/<N>[.p/<W>]` or `entries/<N>[.p/<W>]`.
    pub fn tile(&self, lane: &str, path: &str) -> Result<Vec<u8>, Refusal> {
        let log = self.named(lane)?;
        let missing = || Refusal::new(RefusalKind::Unknown, format!("lane {lane} has no tile {path:?}"));
        let tile =
            Tile::parse(&format!("tile/{path}")).filter(|tile| tile.is_in(log.size())).ok_or_else(missing)?;
        match tile.content {
            audit::tiles::Content::Hashes { .. } => tile.read(&log.levels).ok_or_else(missing),
            audit::tiles::Content::Entries => {
                let mut bundle = Vec::new();
                for index in tile.numbers().ok_or_else(missing)? {
                    let entry = log.entry(index)?;
                    audit::tiles::append_entry(&mut bundle, &entry)
                        .map_err(|error| Refusal::unavailable(error.to_string()))?;
                }
                Ok(bundle)
            }
        }
    }
}

fn signer(name: &str, seed: &[u8; 32]) -> Result<Signer, OpenError> {
    Signer::from_seed(name, seed).map_err(|error| {
        let text = format!("the bus's name {name:?} cannot sign checkpoints: {error}");
        OpenError::Refused(Refusal::new(RefusalKind::Malformed, text))
    })
}

fn key_path(data: &Path) -> std::path::PathBuf {
    data.join("audit.key")
}
