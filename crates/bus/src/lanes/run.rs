//! The loop itself: take, form, make durable, apply, answer.

use std::sync::{Arc, OnceLock};
use std::thread::{self, JoinHandle};

use crossbeam_channel::{Receiver, TryRecvError, unbounded};
use journal::{Group, Journal, JournalError};
use tokio::sync::Semaphore;

use super::form::{Formed, Forming};
use super::{Admission, FactsJob, Job, Lane, LaneHandle, PublishJob, Sequences, TransactionJob, step_back};
use crate::Refusal;
use crate::audit_logs::AuditLog;
use crate::clock::Clock;
use crate::findings::Findings;
use crate::identities::Identities;
use crate::keyring::Keyring;
use crate::limits::{GROUP_MAX_BYTES, LANE_ROOM_KIB};
use crate::metrics::Metrics;
use crate::quarantine::Shelf;

/// What a lane's thread owns and uses.
pub struct LaneParts {
    /// Which lane.
    pub lane: Lane,
    /// The journal.
    pub journal: Arc<dyn Journal>,
    /// The stream of its audit entries.
    pub audit_stream: journal::StreamId,
    /// Its audit log.
    pub audit: Arc<AuditLog>,
    /// The identities seen in its topics; owned by the thread.
    pub identities: Identities,
    /// The last batches of idempotent producers; owned by the thread.
    pub sequences: Sequences,
    /// The stream that they are folded from.
    pub producers_stream: journal::StreamId,
    /// The stream of marks that found no room at their events.
    pub people_stream: journal::StreamId,
    /// The stream of what is noted of quarantined events.
    pub quarantine_stream: journal::StreamId,
    /// What is quarantined.
    pub quarantine: Arc<Shelf>,
    /// Persons' keys: told which became durable.
    pub keyring: Arc<Keyring>,
    /// The clock.
    pub clock: Arc<dyn Clock>,
    /// What detectors found, on its way to notices.
    pub findings: Arc<Findings>,
    /// Counters.
    pub metrics: Arc<Metrics>,
    /// Told when the journal takes no writes any more.
    pub health: Arc<OnceLock<String>>,
    /// The time of its youngest record, in milliseconds since the epoch. Times never decrease within a lane, whatever
    /// the machine's clock does.
    pub last_ms: u64,
}

/// Starts a lane's threads.
pub fn start(parts: LaneParts) -> std::io::Result<(LaneHandle, JoinHandle<()>)> {
    let (inbox, jobs) = unbounded();
    let admission = Arc::new(Admission::start(parts.lane)?);
    let lane = parts.lane;
    let thread = thread::Builder::new().name(format!("lane-{}", lane.name())).spawn(move || {
        step_back(lane);
        LaneLoop { parts, jobs, unready: None, group: Group::new(), stopping: false }.run();
    })?;
    let room = Arc::new(Semaphore::new(LANE_ROOM_KIB as usize));
    Ok((LaneHandle { inbox, admission, room }, thread))
}

/// What a lane took from its queue for one group.
#[derive(Default)]
struct Waiting {
    publishes: Vec<PublishJob>,
    facts: Vec<FactsJob>,
    transactions: Vec<TransactionJob>,
}

struct LaneLoop {
    parts: LaneParts,
    jobs: Receiver<Job>,
    /// Taken from the queue, but not yet checked and sealed.
    unready: Option<Receiver<PublishJob>>,
    group: Group,
    stopping: bool,
}

impl LaneLoop {
    fn run(mut self) {
        while !self.stopping {
            let Some(taken) = self.take() else { break };
            self.commit(taken);
        }
        self.parts.audit.settle();
    }

    /// Waits for one job, then takes what else is there, up to a group's size. Nothing overtakes: at the first events
    /// that are not ready yet the group is closed.
    fn take(&mut self) -> Option<Waiting> {
        let (mut taken, mut bytes) = (Waiting::default(), 0);
        let mut next = match self.unready.take() {
            Some(promise) => Some(Job::Publish(promise)),
            None => Some(self.jobs.recv().ok()?),
        };
        while let Some(job) = next {
            match job {
                Job::Publish(promise) if bytes == 0 => {
                    // A promise without a sender is a chunk that was given up: its publisher knows already.
                    if let Ok(job) = promise.recv() {
                        bytes += job.bodies.len().max(1);
                        taken.publishes.push(job);
                    }
                }
                Job::Publish(promise) => match promise.try_recv() {
                    Ok(job) => {
                        bytes += job.bodies.len();
                        taken.publishes.push(job);
                    }
                    Err(TryRecvError::Disconnected) => {}
                    Err(TryRecvError::Empty) => {
                        self.unready = Some(promise);
                        break;
                    }
                },
                Job::Facts(job) => {
                    bytes += job.bytes().max(1);
                    taken.facts.push(job);
                }
                Job::Transaction(job) => {
                    bytes += job.bytes().max(1);
                    taken.transactions.push(job);
                }
                Job::Stop => self.stopping = true,
            }
            if bytes >= GROUP_MAX_BYTES || self.stopping {
                break;
            }
            next = self.jobs.try_recv().ok();
        }
        Some(taken)
    }

    fn commit(&mut self, taken: Waiting) {
        self.group.clear();
        self.parts.last_ms = self.parts.clock.now_ms().max(self.parts.last_ms);
        let mut forming = Forming::new(&self.parts, &mut self.group, self.parts.last_ms);
        let formed = forming
            .transactions(taken.transactions)
            .and_then(|()| forming.publishes(taken.publishes))
            .and_then(|()| forming.facts(taken.facts));
        let formed = match formed {
            Ok(()) => forming.finish(),
            Err(error) => return forming.finish().answer_failure(&error),
        };
        if !self.group.is_empty() {
            // If we die in here, recovery sees the whole group or nothing of it; nobody was answered yet.
            if let Err(error) = self.parts.journal.append(self.parts.lane.id(), &mut self.group) {
                tracing::error!(lane = self.parts.lane.name(), %error, "a group did not become durable");
                if matches!(error, JournalError::Poisoned { .. }) {
                    let _ = self.parts.health.set(error.to_string());
                }
                return formed.answer_failure(&Refusal::from(error));
            }
            self.parts.metrics.group(self.parts.lane, self.group.bytes());
        }
        self.apply(&formed);
        formed.answer();
    }

    /// The group is durable: the views learn of it.
    fn apply(&mut self, formed: &Formed) {
        self.parts.audit.push(&formed.leaves);
        self.parts.keyring.became_durable(&formed.keys);
        for taken in &formed.batches {
            self.parts.sequences.apply(taken, self.parts.last_ms);
        }
        for (mark, place) in &formed.identities {
            self.parts.identities.insert(*mark, *place);
        }
        for (noted, offset) in &formed.noted {
            self.parts.quarantine.note(noted, (self.parts.lane, *offset), self.parts.last_ms);
        }
        for found in &formed.found {
            for leaks in &found.leaks {
                self.parts.findings.tell(&self.parts.metrics, &found.topic.name, leaks, found.answer);
            }
        }
    }
}
