//! Group commit, one loop per latency class.
//!
//! A lane takes what waits for it, forms one atomic group (events, their audit entries, new keys, places), makes it
//! durable with one write and one sync, and only then answers everybody. Each topic lives in one lane, and each lane
//! has its own journal log, its own thread, its own admission threads and its own audit log, so that a real-time
//! topic never waits behind a batch topic's work.
//!
//! Invariants: one thread owns a lane's offsets, identities and audit tree. Nothing is visible before it is durable.

mod admission;
mod form;
mod found;
mod job;
mod place;
mod run;
mod sequences;
mod whole;

use std::sync::Arc;
use std::time::Duration;

use crossbeam_channel::{Sender, bounded};
use governance::Latency;
use journal::LaneId;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use admission::Admission;
pub use job::{
    Apply, Committed, Fact, Facts, FactsJob, Job, NewKey, NewKeys, PublishJob, Quarantined, ReadyEvent,
    TransactionJob, Whole,
};
pub use run::{LaneParts, start};
pub use sequences::{Sequence, Sequences, Taken, after, before};

use crate::limits::{LANE_ROOM_KIB, LANE_ROOM_PATIENCE};
use crate::{Refusal, RefusalKind};

/// A latency class's group-commit loop. The numbers are on disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Lane {
    /// Emergency alerts: never waits.
    Realtime = 0,
    /// The ordinary business of agencies, and the bus's own decisions.
    Standard = 1,
    /// Bulk.
    Batch = 2,
}

impl Lane {
    /// All lanes.
    pub const ALL: [Lane; 3] = [Lane::Realtime, Lane::Standard, Lane::Batch];

    /// The lane of a contract's latency class.
    pub fn of(latency: Latency) -> Self {
        match latency {
            Latency::Realtime => Lane::Realtime,
            Latency::Standard => Lane::Standard,
            Latency::Batch => Lane::Batch,
        }
    }

    /// The lane's name in routes, files and checkpoints.
    pub fn name(self) -> &'static str {
        match self {
            Lane::Realtime => "realtime",
            Lane::Standard => "standard",
            Lane::Batch => "batch",
        }
    }

    /// The lane with this name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|lane| lane.name() == name)
    }

    /// The lane's log in the journal.
    pub fn id(self) -> LaneId {
        LaneId(self as u8)
    }

    /// How far the lane's threads step back for others (Unix nice).
    fn niceness(self) -> i32 {
        match self {
            Lane::Realtime => -5,
            Lane::Standard => 0,
            Lane::Batch => 10,
        }
    }
}

/// The way into one lane.
#[derive(Clone)]
pub struct LaneHandle {
    inbox: Sender<Job>,
    /// The threads that check and seal what is published to this lane.
    admission: Arc<Admission>,
    /// What may be under way at once, in KiB.
    room: Arc<Semaphore>,
}

impl LaneHandle {
    /// Hands over facts and waits until they are durable.
    pub async fn record(&self, facts: Facts) -> Result<Committed, Refusal> {
        let (reply, answer) = tokio::sync::oneshot::channel();
        self.send(Job::Facts(FactsJob { facts, reply }))?;
        answer.await.map_err(|_| lane_is_down())?
    }

    /// Waits for room for `bytes` of events, but not for ever.
    pub async fn room_for(&self, bytes: usize) -> Result<OwnedSemaphorePermit, Refusal> {
        let kib = u32::try_from(bytes.div_ceil(1024)).unwrap_or(u32::MAX).clamp(1, LANE_ROOM_KIB);
        room(self.room.clone(), kib, LANE_ROOM_PATIENCE).await
    }

    /// Queues events whose checking and sealing `prepare` does on an admission thread. The order of calls is the order
    /// of commit.
    pub fn publish(&self, prepare: impl FnOnce() -> PublishJob + Send + 'static) -> Result<(), Refusal> {
        let (done, promise) = bounded(1);
        self.send(Job::Publish(promise))?;
        // Where the lane is gone the job is dropped with its reply, and the publisher learns it that way.
        self.admission.run(move || drop(done.send(prepare())));
        Ok(())
    }

    /// Has events checked and sealed on an admission thread, for a commit to come.
    pub async fn prepare(
        &self,
        prepare: impl FnOnce() -> PublishJob + Send + 'static,
    ) -> Result<PublishJob, Refusal> {
        let (done, prepared) = tokio::sync::oneshot::channel();
        self.admission.run(move || drop(done.send(prepare())));
        prepared.await.map_err(|_| Refusal::unavailable("the batch was given up; the bus's log says why"))
    }

    /// Puts a job into the lane's queue.
    pub fn send(&self, job: Job) -> Result<(), Refusal> {
        self.inbox.send(job).map_err(|_| lane_is_down())
    }
}

async fn room(room: Arc<Semaphore>, kib: u32, patience: Duration) -> Result<OwnedSemaphorePermit, Refusal> {
    match tokio::time::timeout(patience, room.acquire_many_owned(kib)).await {
        Ok(permit) => permit.map_err(|_| lane_is_down()),
        Err(_) => Err(Refusal::new(RefusalKind::Throttled, "more is published than the bus can take now")
            .hint("send the same events again a little later; what was taken already is recognised")),
    }
}

/// The answer when a lane's thread is gone.
pub fn lane_is_down() -> Refusal {
    Refusal::unavailable("the bus is stopping and takes nothing any more")
        .hint("send it again when it is back")
}

/// Names the current thread's priority; best effort, since an unprivileged process may only step back.
fn step_back(lane: Lane) {
    let me = rustix::thread::gettid();
    let _ = rustix::process::setpriority_process(Some(me), lane.niceness());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_publisher_that_finds_no_room_is_told_to_come_again() {
        let lane = Arc::new(Semaphore::new(2));
        let held = room(lane.clone(), 2, Duration::from_secs(5)).await.unwrap();
        let refusal = room(lane.clone(), 1, Duration::from_millis(1)).await.unwrap_err();
        assert_eq!(refusal.kind, RefusalKind::Throttled);
        drop(held);
        assert!(room(lane, 2, Duration::from_secs(5)).await.is_ok());
    }
}
