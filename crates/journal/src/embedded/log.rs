//! A lane's log files: preallocated, filled frame by frame, settled, then recycled under a new number.
//!
//! A recycled file keeps the settled records of its former life until new frames overwrite them. That
//! is the price of pure overwrites (a flush that writes no file-system metadata); what was to be
//! unreadable for ever is sealed, and its key is what gets destroyed. [`crate::Options::recycle_logs`]
//! turns it off.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::RwLock;

use super::frame::Identity;
use crate::disk::DiskFile;
use crate::stream::{Found, LaneId};

/// The folder of a lane's logs.
pub(super) fn lane_folder(root: &Path, lane: LaneId) -> PathBuf {
    root.join(format!("lane-{}", lane.0))
}

/// The file of a log.
pub(super) fn log_path(root: &Path, lane: LaneId, seq: u64) -> PathBuf {
    lane_folder(root, lane).join(format!("{seq:012}.log"))
}

/// The number in a log's file name.
pub(super) fn log_seq(name: &str) -> Option<u64> {
    name.strip_suffix(".log")?.parse().ok()
}

/// One log file.
pub(super) struct Log {
    pub(super) lane: LaneId,
    pub(super) seq: u64,
    pub(super) path: PathBuf,
    pub(super) file: Arc<dyn DiskFile>,
    pub(super) capacity: u64,
    /// Bytes of durable frames.
    used: AtomicU64,
    /// Marks of its records, in the order in which they were appended; looked through by `find`.
    pub(super) marks: RwLock<Vec<(u64, Found)>>,
}

impl Log {
    pub(super) fn new(root: &Path, lane: LaneId, seq: u64, file: Arc<dyn DiskFile>, capacity: u64) -> Self {
        let path = log_path(root, lane, seq);
        Self { lane, seq, path, file, capacity, used: AtomicU64::new(0), marks: RwLock::default() }
    }

    pub(super) fn identity(&self, salt: u64) -> Identity {
        Identity { salt, lane: self.lane.0, seq: self.seq }
    }

    pub(super) fn used(&self) -> u64 {
        self.used.load(Ordering::Acquire)
    }

    pub(super) fn set_used(&self, bytes: u64) {
        self.used.store(bytes, Ordering::Release);
    }
}
