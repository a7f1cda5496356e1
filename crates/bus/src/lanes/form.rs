//! Forming one group: who gets which offset, which leaf covers what, which event was here before.
//!
//! Nothing here touches a view: a group that does not become durable leaves no trace.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use audit::{Hash, Range};
use journal::{Group, Offset, StreamId};

use super::found::Found;
use super::job::{Committed, FactsJob, NewKey, PublishJob, ReadyEvent, TransactionJob};
use super::run::LaneParts;
use super::sequences::{Sequences, Taken};
use crate::api::{Outcome, Receipt};
use crate::audit_logs::{self, Entry};
use crate::clock::rfc3339;
use crate::identities::Seen;
use crate::keyring::Epoch;
use crate::mark_table::Place;
use crate::quarantine::{Closed, Noted, SetApart};
use crate::{Refusal, RefusalKind};

/// A group in the making.
pub struct Forming<'a> {
    pub(super) parts: &'a LaneParts,
    pub(super) group: &'a mut Group,
    pub(super) now_ms: u64,
    pub(super) time: String,
    next: HashMap<StreamId, Offset>,
    pending: HashMap<u128, ([u8; 16], Receipt)>,
    pub(super) keys_pending: HashSet<u64>,
    /// The topics that take nothing into quarantine; the same for the whole group, so that a batch in it is taken or is not.
    pub(super) closed: Closed,
    /// The epoch that the group's keys go to.
    pub(super) epoch: Arc<Epoch>,
    /// What is known of the producers of this group's batches, with those batches.
    pub(super) sequences: Sequences,
    pub(super) formed: Formed,
    scratch: Vec<u8>,
}

/// What a durable group changes, and whom to tell.
#[derive(Default)]
pub struct Formed {
    /// Hashes of the new audit leaves, in order.
    pub leaves: Vec<Hash>,
    /// Identities that were seen for the first time.
    pub identities: Vec<(u64, Place)>,
    /// Persons' keys with their places.
    pub keys: Vec<(NewKey, Place)>,
    /// Batches of idempotent producers.
    pub batches: Vec<Taken>,
    /// What is noted of quarantined events, with its place.
    pub noted: Vec<(Noted, Offset)>,
    /// What was found in events that were placed.
    pub found: Vec<Found>,
    publishes: Vec<PublishJob>,
    facts: Vec<(FactsJob, Committed)>,
    refused: Vec<(TransactionJob, Refusal)>,
}

impl Formed {
    /// Tells everybody that it is durable.
    pub fn answer(mut self) {
        self.refuse();
        for job in self.publishes {
            let outcomes =
                job.outcomes.into_iter().map(|outcome| outcome.unwrap_or_else(undecided)).collect();
            let _ = job.reply.send(Ok(outcomes));
        }
        for (job, committed) in self.facts {
            job.finish(Ok(committed));
        }
    }

    /// Tells everybody that nothing of it was taken.
    pub fn answer_failure(mut self, error: &Refusal) {
        self.refuse();
        for job in self.publishes {
            let _ = job.reply.send(Err(error.clone()));
        }
        for (job, _) in self.facts {
            job.finish(Err(error.clone()));
        }
    }

    /// Tells those whose transaction did not fit.
    fn refuse(&mut self) {
        for (job, refusal) in self.refused.drain(..) {
            job.finish_refused(&refusal);
        }
    }
}

fn undecided() -> Outcome {
    Outcome::Refused(Refusal::unavailable("the event was not decided").hint("send it again"))
}

/// Where an event of a run stands: which job, which of its events.
type Spot = (usize, usize);

impl<'a> Forming<'a> {
    /// Starts a group at `now_ms`.
    pub fn new(parts: &'a LaneParts, group: &'a mut Group, now_ms: u64) -> Self {
        Self {
            parts,
            group,
            now_ms,
            time: rfc3339(now_ms),
            next: HashMap::new(),
            pending: HashMap::new(),
            keys_pending: HashSet::new(),
            closed: parts.quarantine.closed(),
            epoch: parts.keyring.running(),
            sequences: Sequences::default(),
            formed: Formed::default(),
            scratch: Vec::new(),
        }
    }

    /// What came of it.
    pub fn finish(self) -> Formed {
        self.formed
    }

    /// Takes in published events: one audit entry per publisher, topic and contract version.
    pub fn publishes(&mut self, mut jobs: Vec<PublishJob>) -> Result<(), Refusal> {
        // Stable, so that what one publisher sent for one topic stays in its order.
        jobs.sort_by(|a, b| {
            let topic = a.topic.name.cmp(&b.topic.name);
            topic.then_with(|| a.publisher.principal.cmp(&b.publisher.principal))
        });
        let mut result = Ok(());
        let mut start = 0;
        while start < jobs.len() && result.is_ok() {
            let same = |job: &PublishJob| {
                job.topic.name == jobs[start].topic.name
                    && job.publisher.principal == jobs[start].publisher.principal
            };
            let end = start + jobs[start..].iter().take_while(|job| same(job)).count();
            result = self.run(&mut jobs[start..end]);
            start = end;
        }
        self.formed.publishes.append(&mut jobs);
        result
    }

    /// The jobs of one publisher for one topic.
    fn run(&mut self, jobs: &mut [PublishJob]) -> Result<(), Refusal> {
        let mut segment: Vec<Spot> = Vec::new();
        for job_number in 0..jobs.len() {
            self.judge_whole(&mut jobs[job_number])?;
            for event_number in 0..jobs[job_number].ready.len() {
                if jobs[job_number].outcomes[jobs[job_number].ready[event_number].index].is_some() {
                    continue;
                }
                let spot = (job_number, event_number);
                let version = jobs[job_number].ready[event_number].contract;
                if segment.first().is_some_and(|first| ready(jobs, *first).contract != version) {
                    self.segment(jobs, &mut segment)?;
                }
                match self.seen(&jobs[job_number], event_number)? {
                    None => {
                        let receipt = self.unplaced(&jobs[job_number], event_number);
                        let event = &jobs[job_number].ready[event_number];
                        self.pending.insert(event.identity, (event.digest, receipt));
                        segment.push(spot);
                    }
                    Some(outcome) => self.decided(&mut jobs[job_number], event_number, outcome),
                }
            }
        }
        self.segment(jobs, &mut segment)?;
        for job in jobs.iter_mut() {
            self.note_batch(job)?;
            self.tell_found(job)?;
            for entry in std::mem::take(&mut job.entries) {
                self.entry(entry, &[])?;
            }
        }
        self.settle_repeats(jobs);
        jobs.iter_mut().for_each(|job| self.keep_first_place(job));
        Ok(())
    }

    /// Whether an event's identity was seen before, durably or in this group.
    pub(super) fn seen(&mut self, job: &PublishJob, event_number: usize) -> Result<Option<Outcome>, Refusal> {
        let event = &job.ready[event_number];
        let refused = || event.refused.as_deref().cloned();
        if let Some((digest, receipt)) = self.pending.get(&event.identity) {
            return Ok(Some(if *digest == event.digest {
                match event.released {
                    // It comes into quarantine anew in this group, which is no answer to a release.
                    Some(quarantined) if receipt.quarantined.is_some() => {
                        Outcome::Refused(again_later(job, event.partition, quarantined))
                    }
                    _ => Outcome::Duplicate(receipt.clone()),
                }
            } else {
                Outcome::Refused(refused().unwrap_or_else(|| conflict(job)))
            }));
        }
        if let Some(quarantined) = event.released {
            return self.released(job, event, quarantined);
        }
        Ok(match self.parts.identities.seen(&job.topic, event.identity, &event.digest, self.now_ms)? {
            Seen::Never => {
                let kept = refused().or_else(|| self.unkept_key(event));
                kept.or_else(|| self.no_room(job, event)).map(Outcome::Refused)
            }
            Seen::Same(receipt) => Some(Outcome::Duplicate(receipt)),
            Seen::Other => Some(Outcome::Refused(refused().unwrap_or_else(|| conflict(job)))),
        })
    }

    /// Why a key that the event needs cannot become durable: its epoch is over, and its agency's keys of the next one are not
    /// open. That is asked before anything is placed, so that it is nobody else's failure.
    fn unkept_key(&self, event: &ReadyEvent) -> Option<Refusal> {
        let is_old = |key: &&NewKey| key.stored.wrapped.epoch() != self.epoch.number;
        event
            .new_keys
            .iter()
            .filter(is_old)
            .find_map(|key| self.parts.keyring.record_of(key, &self.epoch).err())
    }

    pub(super) fn decided(&mut self, job: &mut PublishJob, event_number: usize, outcome: Outcome) {
        let event = &job.ready[event_number];
        let index = event.index;
        // A release is no publication: it is tried again, and its publisher has nothing to do with it.
        if let Outcome::Refused(refusal) = &outcome
            && event.released.is_none()
        {
            // Of what was refused before it came here, the mark of its id is kept, as of all such.
            let id = event.refused.as_ref().and(event.marks.first()).map(|mark| format!("{mark:016x}"));
            job.entries.push(audit_logs::refusal_entry(
                &job.publisher,
                &job.topic.name,
                job.topic.lane,
                id.as_deref(),
                refusal,
                &self.time,
            ));
        }
        job.outcomes[index] = Some(outcome);
    }

    /// A receipt whose place is filled in when the segment is placed.
    fn unplaced(&self, job: &PublishJob, event_number: usize) -> Receipt {
        Receipt {
            topic: job.topic.name.clone(),
            partition: job.ready[event_number].partition,
            offset: 0,
            leaf: 0,
            quarantined: job.ready[event_number]
                .quarantined
                .as_ref()
                .map(|of| SetApart::Waits(of.found.clone())),
        }
    }

    /// Places events of one publisher, topic and contract version, and writes the entry that covers them.
    fn segment(&mut self, jobs: &mut [PublishJob], spots: &mut Vec<Spot>) -> Result<(), Refusal> {
        let Some(first) = spots.first().copied() else { return Ok(()) };
        spots.sort_by_key(|spot| ready(jobs, *spot).partition);
        let leaf = self.next_offset(self.parts.audit_stream)?;
        let mut ranges: Vec<Range> = Vec::new();
        let mut hashes: Vec<Hash> = Vec::with_capacity(spots.len());
        for spot in spots.iter() {
            let offset = self.place(&jobs[spot.0], spot.1, leaf)?;
            let event = ready(jobs, *spot);
            match ranges.last_mut() {
                Some(range) if range.partition == event.partition => range.count += 1,
                _ => ranges.push(Range { partition: event.partition, first: offset, count: 1 }),
            }
            hashes.push(event.hash);
            let receipt = Receipt { offset, leaf, ..self.unplaced(&jobs[spot.0], spot.1) };
            if let Some((_, pending)) = self.pending.get_mut(&event.identity) {
                *pending = receipt.clone();
            }
            let index = event.index;
            jobs[spot.0].outcomes[index] = Some(Outcome::Accepted(receipt));
        }
        let (job, version) = (&jobs[first.0], ready(jobs, first).contract);
        let root = audit::merkle_root(&hashes);
        let entry =
            audit_logs::publication_entry(&job.publisher, &job.topic, version, ranges, &root, &self.time);
        self.entry(entry, &[])?;
        spots.clear();
        Ok(())
    }

    /// Puts the record of a producer's batch into the group.
    pub(super) fn fact_of_producer(&mut self, taken: &Taken) -> Result<(), Refusal> {
        let stream = self.parts.producers_stream;
        let offset = self.take_offset(stream)?;
        self.group.push(stream, offset, self.now_ms, &[], &[&taken.encode()]);
        Ok(())
    }

    /// A repeat within the group was answered with a receipt that had no place yet: give it the place.
    fn settle_repeats(&self, jobs: &mut [PublishJob]) {
        for job in jobs {
            for event in &job.ready {
                if let (Some(Outcome::Duplicate(receipt)), Some((_, placed))) =
                    (&mut job.outcomes[event.index], self.pending.get(&event.identity))
                {
                    *receipt = placed.clone();
                }
            }
        }
    }

    /// Takes in transactions, each whole or not at all. They come first in a group, so that nothing else of it can take
    /// an identity from under them.
    pub fn transactions(&mut self, jobs: Vec<TransactionJob>) -> Result<(), Refusal> {
        let mut result = Ok(());
        for job in jobs {
            let judged = if result.is_ok() { self.conflict_in(&job.publishes) } else { Ok(None) };
            match judged {
                Ok(Some(refusal)) => self.formed.refused.push((job, refusal)),
                Ok(None) => {
                    let TransactionJob { publishes, facts } = job;
                    if result.is_ok() {
                        result = self.publishes(publishes);
                    } else {
                        self.formed.publishes.extend(publishes);
                    }
                    result = self.facts(vec![facts]).and(result);
                }
                Err(error) => {
                    self.formed.refused.push((job, error.clone()));
                    result = Err(error);
                }
            }
        }
        result
    }

    /// Takes in facts of the bus.
    pub fn facts(&mut self, jobs: Vec<FactsJob>) -> Result<(), Refusal> {
        let mut result = Ok(());
        for mut job in jobs {
            let committed = if result.is_ok() { self.fact(&mut job) } else { Ok(Committed::default()) };
            let committed = committed.unwrap_or_else(|error| {
                result = Err(error);
                Committed::default()
            });
            self.formed.facts.push((job, committed));
        }
        result
    }

    fn fact(&mut self, job: &mut FactsJob) -> Result<Committed, Refusal> {
        let mut committed = Committed { at_ms: self.now_ms, ..Committed::default() };
        for fact in &job.facts.records {
            let offset = self.take_offset(fact.stream)?;
            self.group.push(fact.stream, offset, self.now_ms, &fact.marks, &[&fact.body]);
            committed.offsets.push(offset);
        }
        for key in &job.facts.waiting {
            self.note_anew(key)?;
        }
        for (entry, marks) in std::mem::take(&mut job.facts.entries) {
            committed.leaves.push(self.entry(entry, &marks)?);
        }
        Ok(committed)
    }

    /// Puts an audit entry into the group; its offset in the audit stream is its leaf index.
    pub(super) fn entry(&mut self, entry: Entry, marks: &[u64]) -> Result<u64, Refusal> {
        self.scratch.clear();
        entry.encode(&mut self.scratch).map_err(|error| Refusal::unavailable(error.to_string()))?;
        let leaf = self.take_offset(self.parts.audit_stream)?;
        self.group.push(self.parts.audit_stream, leaf, self.now_ms, marks, &[&self.scratch]);
        self.formed.leaves.push(audit::leaf_hash(&self.scratch));
        Ok(leaf)
    }

    fn next_offset(&mut self, stream: StreamId) -> Result<Offset, Refusal> {
        if let Some(next) = self.next.get(&stream) {
            return Ok(*next);
        }
        let next = self.parts.journal.bounds(stream)?.next;
        self.next.insert(stream, next);
        Ok(next)
    }

    pub(super) fn take_offset(&mut self, stream: StreamId) -> Result<Offset, Refusal> {
        let offset = self.next_offset(stream)?;
        self.next.insert(stream, offset + 1);
        Ok(offset)
    }
}

fn ready(jobs: &[PublishJob], (job, event): Spot) -> &ReadyEvent {
    &jobs[job].ready[event]
}

/// The refusal of a release while the same event is being taken into quarantine once more.
fn again_later(job: &PublishJob, partition: u32, offset: Offset) -> Refusal {
    let text = format!(
        "topic {}: the event released at {partition}/{offset} is not placed yet: it was sent again at the same moment",
        job.topic.name
    );
    Refusal::unavailable(text).hint("it is placed by itself in a while")
}

/// The refusal of an identity that was seen with other content.
pub(super) fn conflict(job: &PublishJob) -> Refusal {
    let text =
        format!("topic {}: this source and id were published before with other content", job.topic.name);
    Refusal::new(RefusalKind::Conflict, text)
        .hint("an event never changes: publish the correction as a new event with its own id")
}
