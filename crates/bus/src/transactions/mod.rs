//! Transactions: batches for several topics and places of several subscriptions that become durable together.
//!
//! What a transaction holds is checked and sealed when it comes, and kept beside the log; the commit puts all of it into
//! one group of one lane, which is durable whole or not at all. So nothing in the log was ever uncommitted, and a
//! consumer that reads only what is committed reads everything. What is open when the bus stops is dropped: its producer
//! hears that it cannot be committed, aborts, and sends it again.

mod state;

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Instant;

use contract::{SubscriptionName, TopicName};
use parking_lot::Mutex;
use tokio::sync::{Semaphore, oneshot};

pub use state::Producer;
use state::{Open, Slot, Transactional, coded};

use crate::api::{Caller, Outcome};
use crate::audit_logs::refusal_entry;
use crate::clock::rfc3339;
use crate::lanes::{Fact, Facts, FactsJob, Job, Lane, PublishJob, TransactionJob, Whole, lane_is_down};
use crate::limits::{LANE_ROOM_PATIENCE, PRODUCER_EXPIRY_MS, TRANSACTION_MAX_MS, TRANSACTIONS_ROOM_KIB};
use crate::publish::{Answer, Batch, Terms, prepare_chunk};
use crate::subscriptions::places::Committed;
use crate::topics::Topic;
use crate::{Bus, Refusal, RefusalKind};

use crate::lanes::{after, before};

/// The producers that speak under a transactional id.
pub struct Transactions {
    by_id: Mutex<HashMap<String, Transactional>>,
    /// What all open transactions may hold, in KiB.
    room: Arc<Semaphore>,
}

impl Default for Transactions {
    fn default() -> Self {
        Self { by_id: Mutex::default(), room: Arc::new(Semaphore::new(TRANSACTIONS_ROOM_KIB as usize)) }
    }
}

/// Who speaks, in which transaction.
#[derive(Debug, Clone)]
pub struct Speaker {
    /// The transactional id.
    pub id: String,
    /// The producer.
    pub producer: Producer,
}

impl Bus {
    /// A number and epoch for a transactional producer; whoever had the id before is fenced off. `claimed` is what the
    /// producer had, if it goes on from there.
    pub fn begin_producer(
        &self,
        caller: &Caller,
        id: &str,
        timeout_ms: u64,
        claimed: Option<Producer>,
    ) -> Result<Producer, Refusal> {
        if timeout_ms == 0 || timeout_ms > TRANSACTION_MAX_MS {
            let text = format!("a transaction's timeout is 1 to {TRANSACTION_MAX_MS} ms, not {timeout_ms}");
            return Err(coded(RefusalKind::Malformed, "transaction-timeout", text));
        }
        let now_ms = self.core.clock.now_ms();
        let fresh = number(now_ms);
        let mut all = self.core.transactions.by_id.lock();
        if let Some(known) = all.get_mut(id) {
            is_own(known, caller, id)?;
            return known.next_epoch(claimed, fresh, timeout_ms, now_ms);
        }
        let producer = match claimed {
            Some(before) => Producer { epoch: before.epoch + 1, ..before },
            None => Producer { number: fresh, epoch: 0 },
        };
        let made = Transactional::new(producer, caller.principal.clone(), timeout_ms, now_ms);
        all.insert(id.to_owned(), made);
        Ok(producer)
    }

    /// Opens the producer's transaction for a topic, before its batches come.
    pub fn open_transaction(
        &self,
        caller: &Caller,
        speaker: &Speaker,
        topic: Option<&TopicName>,
    ) -> Result<(), Refusal> {
        let lane = topic.map(|topic| self.core.topics.get(topic).map(|topic| topic.lane)).transpose()?;
        self.with_own(caller, speaker, |known, now_ms| known.open(lane, now_ms).map(drop))
    }

    /// Takes a batch into the producer's transaction: checked and sealed, and not yet in the log. Where something of it
    /// is refused, what became of each event.
    pub async fn stage(
        &self,
        caller: &Caller,
        speaker: &Speaker,
        topic: &TopicName,
        batch: Batch,
        (first, count): (u32, u32),
    ) -> Result<Vec<Option<Outcome>>, Refusal> {
        let topic = self.topic_to_publish(caller, topic).await?;
        let stream = topic.partition(batch.partition)?;
        let kib =
            u32::try_from(batch.bytes.div_ceil(1024)).unwrap_or(u32::MAX).clamp(1, TRANSACTIONS_ROOM_KIB);
        let room = self.core.transactions.room.clone().acquire_many_owned(kib);
        let room = tokio::time::timeout(LANE_ROOM_PATIENCE, room).await;
        let Ok(Ok(room)) = room else {
            let text = "more is held in open transactions than the bus has room for";
            return Err(Refusal::new(RefusalKind::Throttled, text).hint("commit smaller transactions"));
        };
        let lane = topic.lane;
        let slot = self.with_own(caller, speaker, |known, now_ms| {
            known.reserve((stream, lane), (first, count), now_ms)
        })?;
        let Slot::Kept(place) = slot else { return Ok(Vec::new()) };
        let (reply, _) = oneshot::channel();
        let whole = Some(Whole { partition: batch.partition, sequence: None });
        let terms = Terms { publisher: Arc::new(caller.clone()), topic, whole, reply, room };
        let (bus, read) = (self.clone(), batch.read);
        let mut prepared =
            self.core.lane(lane).prepare(move || prepare_chunk(&bus.core, terms, read())).await;
        if let Ok(job) = &mut prepared {
            refuse_at_once(job, &rfc3339(self.core.clock.now_ms()));
        }
        let refused = prepared.as_ref().ok().map(|job| job.outcomes.clone()).unwrap_or_default();
        let first_refusal = refused.iter().flatten().find_map(|outcome| match outcome {
            Outcome::Refused(refusal) => Some(refusal.clone()),
            _ => None,
        });
        let (kept, entries) = match (prepared, first_refusal) {
            (Ok(mut job), Some(refusal)) => (Err(refusal), std::mem::take(&mut job.entries)),
            (prepared, _) => (prepared, Vec::new()),
        };
        let verdict = kept.as_ref().err().cloned();
        if let Some(known) = self.core.transactions.by_id.lock().get_mut(&speaker.id) {
            known.fill(speaker.producer, place, kept);
        }
        // What was refused is told to the audit at once: the transaction will not be.
        if !entries.is_empty() {
            let entries = entries.into_iter().map(|entry| (entry, Vec::new())).collect();
            self.core.lane(lane).record(Facts { entries, ..Facts::default() }).await?;
        }
        match verdict {
            Some(refusal) if refused.is_empty() => Err(refusal),
            _ => Ok(refused),
        }
    }

    /// Takes the place that a subscription's consumer has reached into the transaction.
    pub fn stage_places(
        &self,
        caller: &Caller,
        speaker: &Speaker,
        name: &SubscriptionName,
        next: BTreeMap<u32, u64>,
    ) -> Result<(), Refusal> {
        let subscription = self.may_consume(caller, name)?;
        let topic = self.core.topics.get(&subscription.topic)?;
        for partition in next.keys() {
            topic.partition(*partition)?;
        }
        let lane = topic.lane;
        self.with_own(caller, speaker, |known, now_ms| {
            let open = known.open(Some(lane), now_ms)?;
            open.places.entry(name.clone()).or_default().extend(next);
            Ok(())
        })
    }

    /// Ends the producer's transaction: everything that it holds becomes durable in one step, or nothing of it.
    pub async fn end_transaction(
        &self,
        caller: &Caller,
        speaker: &Speaker,
        commit: bool,
    ) -> Result<(), Refusal> {
        let ended = self.with_own(caller, speaker, |known, _| known.end(commit))?;
        let Some(open) = ended else { return Ok(()) };
        // Goes on to its end even if the caller does not wait for it.
        let (bus, caller, id) = (self.clone(), caller.clone(), speaker.id.clone());
        let committing = tokio::spawn(async move {
            let result = bus.commit_transaction(&caller, open).await;
            if let Some(known) = bus.core.transactions.by_id.lock().get_mut(&id) {
                known.ended(result.is_ok());
            }
            result
        });
        committing.await.map_err(|_| Refusal::unavailable("the commit was broken off"))?
    }

    async fn commit_transaction(&self, caller: &Caller, open: Open) -> Result<(), Refusal> {
        let Some(lane) = open.lane else { return Ok(()) };
        let started = Instant::now();
        let mut publishes: Vec<PublishJob> = open.batches.into_iter().flatten().collect();
        for job in &publishes {
            self.may_publish(caller, &job.topic.name)?;
        }
        let places: Vec<Committed> = open
            .places
            .into_iter()
            .map(|(name, next)| {
                self.may_consume(caller, &name)?;
                Ok(self.committed(&name, next))
            })
            .collect::<Result<_, Refusal>>()?;
        let answers: Vec<(Arc<Topic>, Answer)> = publishes
            .iter_mut()
            .map(|job| {
                let (reply, answer) = oneshot::channel();
                job.reply = reply;
                (job.topic.clone(), answer)
            })
            .collect();
        let facts = self.facts_of_places(lane, places);
        let (reply, durable) = oneshot::channel();
        let job = TransactionJob { publishes, facts: FactsJob { facts, reply } };
        self.core.lane(lane).send(Job::Transaction(job))?;
        durable.await.map_err(|_| lane_is_down())??;
        for (topic, answer) in answers {
            if let Ok(Ok(outcomes)) = answer.await {
                self.count(&topic, &outcomes, started);
            }
        }
        Ok(())
    }

    fn facts_of_places(&self, lane: Lane, places: Vec<Committed>) -> Facts {
        let stream = self.core.streams.places[lane as usize];
        let fact = |place: &Committed| Fact { stream, marks: Vec::new(), body: place.encode() };
        let records = places.iter().map(fact).collect();
        let view = self.core.places.clone();
        let apply: crate::lanes::Apply = Box::new(move |_| places.iter().for_each(|place| view.apply(place)));
        Facts { records, apply: Some(apply), ..Facts::default() }
    }

    /// Drops what is open for too long, and forgets producers that are silent for long.
    pub fn expire_transactions(&self) {
        let now_ms = self.core.clock.now_ms();
        let mut all = self.core.transactions.by_id.lock();
        for (id, known) in all.iter_mut() {
            if known.expire(now_ms) {
                tracing::info!(id, timeout_ms = known.timeout_ms, "a transaction timed out and was dropped");
            }
        }
        all.retain(|_, known| !known.is_idle() || now_ms < known.seen_ms + PRODUCER_EXPIRY_MS);
    }

    fn with_own<T>(
        &self,
        caller: &Caller,
        speaker: &Speaker,
        act: impl FnOnce(&mut Transactional, u64) -> Result<T, Refusal>,
    ) -> Result<T, Refusal> {
        let now_ms = self.core.clock.now_ms();
        let mut all = self.core.transactions.by_id.lock();
        let known = all
            .entry(speaker.id.clone())
            .or_insert_with(|| Transactional::adopted(speaker.producer, caller.principal.clone(), now_ms));
        is_own(known, caller, &speaker.id)?;
        known.speaks(speaker.producer, now_ms)?;
        act(known, now_ms)
    }
}

/// Refuses what the lane would refuse unless it was taken before: a commit is too late to say so, as its producer could not
/// tell which event it was. So what is sent again as it was, within a transaction, is no duplicate where others may read by now
/// what is sealed end to end: it is refused.
fn refuse_at_once(job: &mut PublishJob, time: &str) {
    let (topic, lane) = (&job.topic.name, job.topic.lane);
    for event in &job.ready {
        let Some(refusal) = event.refused.as_deref() else { continue };
        let id = event.marks.first().map(|mark| format!("{mark:016x}"));
        job.entries.push(refusal_entry(&job.publisher, topic, lane, id.as_deref(), refusal, time));
        job.outcomes[event.index] = Some(Outcome::Refused(refusal.clone()));
    }
}

/// A transactional id is its principal's.
fn is_own(known: &Transactional, caller: &Caller, id: &str) -> Result<(), Refusal> {
    if known.principal == caller.principal {
        return Ok(());
    }
    let text = format!("the transactional id {id} is another principal's");
    Err(coded(RefusalKind::Forbidden, "transactional-id", text).hint("use one of your own"))
}

/// A number that grows with time, so that of two producers the later one is known without anything being kept: 44 bits of
/// milliseconds, 18 of chance.
fn number(now_ms: u64) -> u64 {
    let chance = uuid::Uuid::new_v4().as_u128() as u64 & ((1 << 18) - 1);
    (now_ms & ((1 << 44) - 1)) << 18 | chance
}
