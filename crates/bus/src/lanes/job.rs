//! What a lane takes: events that are ready to commit, and facts of the bus itself.

use std::ops::Range;
use std::sync::Arc;

use contract::ContractVersion;
use contract::check::Leak;
use crossbeam_channel::Receiver;
use journal::{Offset, StreamId};
use seal::Pseudonym;
use smallvec::SmallVec;
use tokio::sync::{OwnedSemaphorePermit, oneshot};

use super::Sequence;
use crate::Refusal;
use crate::api::{Caller, Outcome};
use crate::audit_logs::Entry;
use crate::keyring::{StoredKey, mark_of};
use crate::quarantine::{Key, Leaked};
use crate::topics::Topic;

/// One thing that a lane takes from its queue.
pub enum Job {
    /// Events of one publisher for one topic, still being checked and sealed. Its place in the queue is its place in
    /// the log: whatever finishes first, what was sent first stands first.
    Publish(Receiver<PublishJob>),
    /// Facts of the bus: disclosures, decisions, places, dead letters; and where the answer goes.
    Facts(FactsJob),
    /// Events and facts that become durable together, or not at all.
    Transaction(TransactionJob),
    /// Everything before it is durable when the lane answers, and the lane ends.
    Stop,
}

/// Events of one publisher for one topic, checked and sealed.
pub struct PublishJob {
    /// The topic.
    pub topic: Arc<Topic>,
    /// Who publishes.
    pub publisher: Arc<Caller>,
    /// The events that may go in, in the publisher's order.
    pub ready: Vec<ReadyEvent>,
    /// The bodies of all of them, one after the other.
    pub bodies: Vec<u8>,
    /// What becomes of each event, index-aligned with the call; `None` where the lane decides.
    pub outcomes: Vec<Option<Outcome>>,
    /// Audit entries of what was refused before it came here.
    pub entries: Vec<Entry>,
    /// Where its events stand or fall together, and are placed where their producer said.
    pub whole: Option<Whole>,
    /// Whether its producer sent it before, by its numbers.
    pub repeated: bool,
    /// Where the outcomes go.
    pub reply: oneshot::Sender<Result<Vec<Outcome>, Refusal>>,
    /// Its part of the lane's room, given back when the job is dropped after the answer.
    #[allow(dead_code, reason = "held, not read")]
    pub room: OwnedSemaphorePermit,
}

/// Events that stand or fall together in one partition.
#[derive(Debug, Clone, Copy)]
pub struct Whole {
    /// The partition.
    pub partition: u32,
    /// What an idempotent producer says of the batch.
    pub sequence: Option<Sequence>,
}

/// One event, checked and sealed.
pub struct ReadyEvent {
    /// Its place in the call.
    pub index: usize,
    /// The contract version that it was checked against.
    pub contract: ContractVersion,
    /// Its partition.
    pub partition: u32,
    /// Digest of topic, source and id; the low half is the primary mark.
    pub identity: u128,
    /// Further marks to find it by.
    pub marks: SmallVec<[u64; 4]>,
    /// Keyed digest of its content.
    pub digest: [u8; 16],
    /// RFC 6962 leaf hash of its body.
    pub hash: audit::Hash,
    /// Its body within the job's `bodies`.
    pub body: Range<usize>,
    /// Persons' keys that are not durable yet and that this event needs.
    pub new_keys: NewKeys,
    /// What was found in it that its contract says is not there; told when it is placed. Nearly always nothing.
    pub found: Vec<Leak>,
    /// Why it is not taken, unless it was taken before.
    pub refused: Option<Box<Refusal>>,
    /// Why it is quarantined: its own key, and what was found. Its body is sealed whole under that.
    pub quarantined: Option<Quarantined>,
    /// Where it is quarantined, if it was and is placed as its own record now.
    pub released: Option<Offset>,
}

/// What makes a quarantined event.
pub struct Quarantined {
    /// What its key is called.
    pub key: Pseudonym,
    /// What was found in it.
    pub found: Vec<Leaked>,
}

/// A person's key that must become durable with the first event sealed under it.
#[derive(Debug, Clone, Copy)]
pub struct NewKey {
    /// Its record, as of when it was wrapped.
    pub stored: StoredKey,
}

/// Those of one event: seldom more than one person is new.
pub type NewKeys = SmallVec<[NewKey; 1]>;

impl NewKey {
    /// The mark it is found by.
    pub fn mark(&self) -> u64 {
        mark_of(&self.stored.pseudonym)
    }
}

/// A record of the bus itself.
pub struct Fact {
    /// Its stream; must be of the lane that it is given to.
    pub stream: StreamId,
    /// Marks to find it by.
    pub marks: Vec<u64>,
    /// The record.
    pub body: Vec<u8>,
}

/// Runs on the lane's thread once the facts are durable, in commit order: the place where views apply them.
pub type Apply = Box<dyn FnOnce(&Committed) + Send>;

/// Facts that become durable together.
#[derive(Default)]
pub struct Facts {
    /// Records of the bus.
    pub records: Vec<Fact>,
    /// Audit entries with their marks.
    pub entries: Vec<(Entry, Vec<u64>)>,
    /// Quarantined events that are noted anew where they still wait.
    pub waiting: Vec<Key>,
    /// What to do when they are durable.
    pub apply: Option<Apply>,
}

/// Facts in a lane's queue.
pub struct FactsJob {
    /// The facts.
    pub facts: Facts,
    /// Where the answer goes.
    pub reply: oneshot::Sender<Result<Committed, Refusal>>,
}

/// A transaction in a lane's queue.
pub struct TransactionJob {
    /// Its events, checked and sealed; none of them refused.
    pub publishes: Vec<PublishJob>,
    /// Its facts, and where the answer goes.
    pub facts: FactsJob,
}

impl TransactionJob {
    pub(super) fn finish_refused(self, refusal: &Refusal) {
        for job in self.publishes {
            let _ = job.reply.send(Err(refusal.clone()));
        }
        self.facts.finish(Err(refusal.clone()));
    }

    pub(super) fn bytes(&self) -> usize {
        self.publishes.iter().map(|job| job.bodies.len()).sum::<usize>() + self.facts.bytes()
    }
}

/// Where facts went.
#[derive(Debug, Clone, Default)]
pub struct Committed {
    /// When, in milliseconds since the epoch.
    pub at_ms: u64,
    /// The offset of each record.
    pub offsets: Vec<Offset>,
    /// The audit leaf of each entry.
    pub leaves: Vec<u64>,
}

impl FactsJob {
    pub(super) fn finish(self, result: Result<Committed, Refusal>) {
        if let (Ok(committed), Some(apply)) = (&result, self.facts.apply) {
            apply(committed);
        }
        // Whoever asked may have gone; the facts stand all the same.
        let _ = self.reply.send(result);
    }

    pub(super) fn bytes(&self) -> usize {
        let small = self.facts.entries.len() + self.facts.waiting.len();
        self.facts.records.iter().map(|fact| fact.body.len()).sum::<usize>() + 256 * small
    }
}
