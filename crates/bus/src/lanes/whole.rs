//! Batches that stand or fall together: nothing of one is placed before all of it is known to fit.

use std::collections::HashMap;

use super::form::{Forming, conflict};
use super::job::{PublishJob, Whole};
use super::sequences::{Sequence, Taken, Verdict};
use crate::api::{Outcome, Receipt};
use crate::record;
use crate::topics::Topic;
use crate::{Refusal, RefusalKind};

impl Forming<'_> {
    /// Decides what can be decided about a whole batch before its events are placed: whether it follows its producer's
    /// last one, and whether an event of it would be refused. A batch that is not taken has no ready events afterwards.
    pub(super) fn judge_whole(&mut self, job: &mut PublishJob) -> Result<(), Refusal> {
        let Some(whole) = job.whole else { return Ok(()) };
        if job.ready.is_empty() {
            return Ok(());
        }
        if let Some(sequence) = whole.sequence {
            match self.verdict(&sequence, job, whole) {
                Verdict::Next => {}
                Verdict::Repeated(offset) => return self.repeated(job, whole, offset),
                Verdict::OutOfOrder { expected } => {
                    self.refuse_all(job, &out_of_order(&job.topic, whole, &sequence, expected));
                    return Ok(());
                }
                Verdict::Fenced => {
                    self.refuse_all(job, &fenced(&sequence));
                    return Ok(());
                }
            }
        }
        let mut own: HashMap<u128, [u8; 16]> = HashMap::with_capacity(job.ready.len());
        for event_number in 0..job.ready.len() {
            let event = &job.ready[event_number];
            let (index, among_themselves) = (event.index, own.insert(event.identity, event.digest));
            let refusal = match self.seen(job, event_number)? {
                Some(Outcome::Refused(refusal)) => refusal,
                _ if among_themselves.is_some_and(|other| other != event.digest) => conflict(job),
                _ => continue,
            };
            self.decided(job, event_number, Outcome::Refused(refusal));
            job.refuse_rest(index);
            return Ok(());
        }
        if let Some(sequence) = whole.sequence {
            let taken = taken(job, whole, sequence, 0);
            self.sequences.apply(&taken, 0);
        }
        Ok(())
    }

    /// Why a transaction cannot be taken whole: an identity in it that was seen with other content.
    pub(super) fn conflict_in(&mut self, jobs: &[PublishJob]) -> Result<Option<Refusal>, Refusal> {
        let mut own: HashMap<u128, [u8; 16]> = HashMap::new();
        for job in jobs {
            for event_number in 0..job.ready.len() {
                let event = &job.ready[event_number];
                let other = own.insert(event.identity, event.digest);
                if other.is_some_and(|other| other != event.digest) {
                    return Ok(Some(unfit(&conflict(job))));
                }
                if let Some(Outcome::Refused(refusal)) = self.seen(job, event_number)? {
                    return Ok(Some(unfit(&refusal)));
                }
            }
        }
        Ok(None)
    }

    /// The record of a producer's batch, once its place is known.
    pub(super) fn note_batch(&mut self, job: &PublishJob) -> Result<(), Refusal> {
        let Some(whole) = job.whole else { return Ok(()) };
        let placed = job.outcomes.iter().find_map(|outcome| match outcome {
            Some(Outcome::Accepted(receipt) | Outcome::Duplicate(receipt)) => Some(receipt.offset),
            _ => None,
        });
        let (Some(sequence), Some(offset), false) = (whole.sequence, placed, job.repeated) else {
            return Ok(());
        };
        let taken = taken(job, whole, sequence, offset);
        self.fact_of_producer(&taken)?;
        self.formed.batches.push(taken);
        Ok(())
    }

    fn verdict(&mut self, sequence: &Sequence, job: &PublishJob, whole: Whole) -> Verdict {
        let stream = job.topic.partitions[whole.partition as usize];
        self.sequences.learn(&self.parts.sequences, sequence, stream);
        self.sequences.judge(sequence, job.outcomes.len() as u32, stream)
    }

    /// A batch that was taken before: each event gets the receipt it got then, or that of what stands for it now.
    fn repeated(&mut self, job: &mut PublishJob, whole: Whole, offset: u64) -> Result<(), Refusal> {
        job.repeated = true;
        for event_number in 0..job.ready.len() {
            let index = job.ready[event_number].index;
            let outcome = match self.seen(job, event_number)? {
                Some(Outcome::Duplicate(receipt)) => receipt,
                _ => self.receipt_at(job, whole, offset + index as u64),
            };
            job.outcomes[index] = Some(Outcome::Duplicate(outcome));
        }
        Ok(())
    }

    /// A batch that was taken before has the place that it was given then, though its first event was quarantined and stands
    /// further on by now: producers reckon the others' places from it (KIP-98).
    pub(super) fn keep_first_place(&self, job: &mut PublishJob) {
        let (true, Some(whole @ Whole { sequence: Some(sequence), .. })) = (job.repeated, job.whole) else {
            return;
        };
        let stream = job.topic.partitions[whole.partition as usize];
        // A batch that was taken in this group has no place yet that could be another.
        let taken = self.parts.sequences.judge(&sequence, job.outcomes.len() as u32, stream);
        if let (Verdict::Repeated(offset), Some(Some(Outcome::Duplicate(now)))) =
            (taken, job.outcomes.first())
            // The same event may have been taken before in another partition, which is nothing that comes back to this one.
            && now.partition == whole.partition
            && now.offset != offset
        {
            job.outcomes[0] = Some(Outcome::Duplicate(self.receipt_at(job, whole, offset)));
        }
    }

    /// The receipt of what stands at a place; without a leaf where retention took it away.
    fn receipt_at(&self, job: &PublishJob, whole: Whole, offset: u64) -> Receipt {
        let stream = job.topic.partitions[whole.partition as usize];
        let found = self.parts.journal.read(stream, offset, 1).unwrap_or_default();
        let stored = found.first().and_then(|found| record::read(&found.body).ok());
        let at = (whole.partition, offset);
        Receipt {
            topic: job.topic.name.clone(),
            partition: whole.partition,
            offset,
            leaf: stored.as_ref().map(|stored| stored.leaf()).unwrap_or_default(),
            quarantined: stored.and_then(|stored| self.parts.identities.set_apart(&job.topic, at, &stored)),
        }
    }

    fn refuse_all(&mut self, job: &mut PublishJob, refusal: &Refusal) {
        job.ready.clear();
        job.outcomes.iter_mut().for_each(|outcome| *outcome = Some(Outcome::Refused(refusal.clone())));
    }
}

impl PublishJob {
    /// The event at `index` was refused, and with it the rest of its batch.
    pub fn refuse_rest(&mut self, index: usize) {
        self.ready.clear();
        for outcome in &mut self.outcomes {
            if !matches!(outcome, Some(Outcome::Refused(_))) {
                *outcome = Some(Outcome::Refused(rest_refused(&self.topic, index)));
            }
        }
    }
}

fn taken(job: &PublishJob, whole: Whole, sequence: Sequence, offset: u64) -> Taken {
    let stream = job.topic.partitions[whole.partition as usize];
    Taken { sequence, count: job.outcomes.len() as u32, stream, offset }
}

fn rest_refused(topic: &Topic, index: usize) -> Refusal {
    let text = format!("topic {}: not stored, because record {index} of its batch was refused", topic.name);
    Refusal::new(RefusalKind::Abandoned, text).hint("mend or leave out that record and send the batch again")
}

/// A transaction of which one event does not fit.
fn unfit(refusal: &Refusal) -> Refusal {
    Refusal { code: Some("transaction-abortable"), ..refusal.clone() }
}

fn out_of_order(topic: &Topic, whole: Whole, sequence: &Sequence, expected: u32) -> Refusal {
    let text = format!(
        "topic {}, partition {}: the batch of producer {} begins with sequence {}, expected is {expected}",
        topic.name, whole.partition, sequence.producer, sequence.first
    );
    Refusal::new(RefusalKind::OutOfOrder, text).hint("a batch before it was lost: send from there again")
}

fn fenced(sequence: &Sequence) -> Refusal {
    let text = format!("producer {} has a newer epoch than {}", sequence.producer, sequence.epoch);
    Refusal::new(RefusalKind::Fenced, text).hint("another instance has taken over; this one must end")
}
