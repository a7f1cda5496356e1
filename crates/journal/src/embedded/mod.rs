//! The embedded engine: one process, one folder.
//!
//! A lane appends its groups to its own preallocated log, one write and one flush each; a full log is
//! *settled*: its records are rewritten, stream by stream, into one segment per shelf, and its file is
//! used again. A small catalogue says what exists and which files count.
//!
//! ```text
//! DIR/catalogue                              streams, trims, settled logs, live segments
//! DIR/lane-<lane>/<seq>.log                  groups as they came
//! DIR/segments/<lane>-<seq>-<shelf>.<generation>.segment
//! ```
//!
//! Differences from a plain log-and-segments design, and why:
//! - A catalogue entry, not a rename, makes segments live: all shelves of a log become live in the same
//!   flush that frees the log, so recovery never weighs one file's presence against another's.
//! - Frames are aligned to pages (see `frame.rs`), so no write touches a page with acknowledged data.
//! - The last frame of each active log is written and flushed again at recovery: after a failed flush
//!   the kernel shows data that is not on the disk, and what we show must be durable.
//!
//! Invariants: an append holds only its lane's lock during I/O; a reader holds none; only the settling
//! thread removes what readers may look at, and what they hold stays readable until they let go.
//! After a failed write or flush of a log or the catalogue nothing is written any more (*poisoned*).

mod append;
mod catalogue;
mod change;
mod check;
mod engine;
mod frame;
mod log;
mod options;
mod place;
mod prepare;
mod read;
mod recover;
mod report;
mod segment;
mod settle;
mod sweep;
mod threads;
mod trim;

use std::fmt;
use std::path::Path;
use std::sync::Arc;

use engine::Engine;
pub use options::{Options, Upkeep};
pub use report::{OpenError, Recovered};

use crate::disk::Disk;
use crate::error::{Finding, JournalError};
use crate::group::Group;
use crate::journal::{Journal, Listener};
use crate::stream::{Bounds, Entry, Found, LaneId, Offset, Record, StreamId, StreamInfo, StreamSpec};

/// A journal in a folder of this machine. Dropping it closes it.
pub struct Embedded {
    engine: Arc<Engine>,
    threads: threads::Threads,
}

impl Embedded {
    /// Opens a folder for this process alone, makes it if there is none, and recovers what a crash
    /// left. Refuses with the file and byte position when acknowledged data is damaged; nothing is
    /// written then.
    pub fn open(
        folder: impl AsRef<Path>,
        disk: Arc<dyn Disk>,
        options: Options,
    ) -> Result<(Self, Recovered), OpenError> {
        let upkeep = options.upkeep;
        let (engine, recovered) = recover::open(folder.as_ref(), disk, options)?;
        let engine = Arc::new(engine);
        let threads = threads::Threads::start(&engine, upkeep)?;
        Ok((Self { engine, threads }, recovered))
    }

    /// Opens a folder that no process serves, for looking only: writes nothing, cuts nothing, and
    /// goes on past damage as far as it can, which is returned.
    pub fn open_read_only(
        folder: impl AsRef<Path>,
        disk: Arc<dyn Disk>,
        options: Options,
    ) -> Result<(Self, Recovered, Vec<Finding>), OpenError> {
        let (engine, recovered, findings) = recover::open_read_only(folder.as_ref(), disk, options)?;
        Ok((Self { engine: Arc::new(engine), threads: threads::Threads::none() }, recovered, findings))
    }

    /// Reads every byte of catalogue, logs and segments and verifies every checksum.
    pub fn check(&self) -> Vec<Finding> {
        check::check(&self.engine)
    }

    /// Closes each lane's log and settles all that is unsettled, and rewrites or removes what is
    /// trimmed, before it returns. Upkeep does all this by itself; this is for tests and for an operator
    /// who wants it now.
    pub fn settle(&self) -> Result<(), JournalError> {
        self.engine.refuse_unless_writable()?;
        self.engine.settle_everything()
    }

    /// Stops the background threads; later appends are refused, reading still works.
    pub fn close(&self) {
        self.engine.close();
        self.threads.join();
    }
}

impl Drop for Embedded {
    fn drop(&mut self) {
        self.close();
    }
}

impl fmt::Debug for Embedded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Embedded").field("folder", &self.engine.root).finish_non_exhaustive()
    }
}

impl Journal for Embedded {
    fn create(&self, specs: &[StreamSpec]) -> Result<Vec<StreamId>, JournalError> {
        self.engine.create(specs)
    }

    fn streams(&self) -> Vec<StreamInfo> {
        self.engine.streams.read().iter().map(|stream| stream.info()).collect()
    }

    fn append(&self, lane: LaneId, group: &mut Group) -> Result<(), JournalError> {
        self.engine.append(lane, group)
    }

    fn read(&self, stream: StreamId, from: Offset, max_bytes: usize) -> Result<Vec<Record>, JournalError> {
        self.engine.read(stream, from, max_bytes)
    }

    fn entries(
        &self,
        stream: StreamId,
        from: Offset,
        visit: &mut dyn FnMut(Entry),
    ) -> Result<(), JournalError> {
        self.engine.entries(stream, from, visit)
    }

    fn find(&self, mark: u64) -> Result<Vec<Found>, JournalError> {
        self.engine.find(mark)
    }

    fn at_time(&self, stream: StreamId, time_ms: u64) -> Result<Offset, JournalError> {
        self.engine.at_time(stream, time_ms)
    }

    fn bounds(&self, stream: StreamId) -> Result<Bounds, JournalError> {
        Ok(self.engine.stream(stream)?.bounds())
    }

    fn trim_all(&self, cuts: &[(StreamId, Offset)]) -> Result<(), JournalError> {
        self.engine.trim_all(cuts)
    }

    fn watch(&self, listener: Listener) {
        self.engine.listeners.write().push(listener);
    }
}
