//! Preparing each lane's next log file beforehand, so that an append never waits for allocation.

use std::sync::Arc;

use parking_lot::{Condvar, Mutex};

use super::append::Lane;
use super::engine::Engine;
use super::log::{Log, lane_folder, log_path};
use super::options::Upkeep;
use crate::disk::Access;
use crate::error::JournalError;
use crate::stream::LaneId;

/// The file after a lane's last.
#[derive(Default)]
pub(super) struct Next {
    slot: Mutex<Slot>,
    changed: Condvar,
}

#[derive(Default)]
enum Slot {
    #[default]
    Wanted,
    Ready(Arc<Log>),
    Failed(JournalError),
}

impl Next {
    pub(super) fn ready(log: Arc<Log>) -> Self {
        Self { slot: Mutex::new(Slot::Ready(log)), changed: Condvar::new() }
    }

    pub(super) fn is_wanted(&self) -> bool {
        matches!(*self.slot.lock(), Slot::Wanted)
    }

    pub(super) fn is_ready(&self) -> bool {
        matches!(*self.slot.lock(), Slot::Ready(_))
    }

    pub(super) fn wake(&self) {
        // With the lock in hand, or a waiter between its look and its sleep would miss it.
        let _slot = self.slot.lock();
        self.changed.notify_all();
    }

    fn put(&self, outcome: Result<Arc<Log>, JournalError>) {
        let mut slot = self.slot.lock();
        *slot = outcome.map_or_else(Slot::Failed, Slot::Ready);
        self.changed.notify_all();
    }

    /// Takes the prepared file, which has number `seq`. An earlier failure is tried again once.
    pub(super) fn take(&self, engine: &Engine, lane: &Lane, seq: u64) -> Result<Arc<Log>, JournalError> {
        let mut slot = self.slot.lock();
        if matches!(*slot, Slot::Failed(_)) {
            *slot = Slot::Wanted;
        }
        loop {
            match std::mem::take(&mut *slot) {
                Slot::Ready(log) => return Ok(log),
                Slot::Failed(error) => {
                    *slot = Slot::Failed(error.clone());
                    return Err(error);
                }
                Slot::Wanted if engine.options.upkeep == Upkeep::Inline => {
                    return engine.make_log(lane.id, seq);
                }
                Slot::Wanted => {
                    engine.refuse_unless_writable()?;
                    engine.prepare_bell.ring();
                    self.changed.wait(&mut slot);
                }
            }
        }
    }
}

impl Engine {
    /// Prepares what is wanted, for lanes that are not too far ahead of the settling.
    pub(super) fn prepare_wanted(&self) {
        for lane in self.open_lanes() {
            if self.refuse_unless_writable().is_err() {
                return;
            }
            let last = lane.logs.read().back().map(|log| log.seq);
            let behind = lane.logs.read().len() >= self.options.unsettled_logs_max.max(2);
            if let Some(last) = last.filter(|_| lane.next.is_wanted() && !behind) {
                lane.next.put(self.make_log(lane.id, last + 1));
            }
        }
    }

    /// Makes the file of a log, from a settled one if there is one. Its name is durable when it returns,
    /// so whatever is flushed into it later is found again.
    pub(super) fn make_log(&self, lane: LaneId, seq: u64) -> Result<Arc<Log>, JournalError> {
        let path = log_path(&self.root, lane, seq);
        let folder = lane_folder(&self.root, lane);
        let failed = Self::spare_error(&path);
        self.disk.make_folder(&folder).map_err(&failed)?;
        let bytes = self.options.log_bytes();
        if let Some(old) = self.take_retired(bytes) {
            // If we die here, the file has the old name, is settled, and is free at recovery; or it has
            // the new one, and its frames name another log, so that it is empty.
            self.disk.rename(&old.path, &path).map_err(&failed)?;
            self.disk.sync_folder(&folder).map_err(&failed)?;
            self.disk.sync_folder(&lane_folder(&self.root, old.lane)).map_err(&failed)?;
            return Ok(Arc::new(Log::new(&self.root, lane, seq, old.file.clone(), bytes)));
        }
        let made = self.disk.open(&path, Access::Create).and_then(|file| {
            file.allocate(bytes)?;
            file.sync_data()?;
            self.disk.sync_folder(&folder)?;
            Ok(file)
        });
        // A file that could not be made whole is not tried again but made anew.
        let file = made.inspect_err(|_| _ = self.disk.remove(&path)).map_err(&failed)?;
        Ok(Arc::new(Log::new(&self.root, lane, seq, file, bytes)))
    }

    /// A settled log that no reader holds.
    fn take_retired(&self, bytes: u64) -> Option<Log> {
        if !self.options.recycle_logs {
            return None;
        }
        let mut retired = self.retired.lock();
        let free = retired.iter().position(|log| Arc::strong_count(log) == 1 && log.capacity == bytes)?;
        Arc::into_inner(retired.swap_remove(free))
    }
}
