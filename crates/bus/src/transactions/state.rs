//! One transactional producer as a state machine, without I/O or clock (KIP-98, KIP-360).
//!
//! Idle → (its first batch or place) → Open: what it says is kept beside the log → (end) → Ending: one atomic step of a
//! lane → Idle. A newer epoch fences off whoever speaks with an older one, and drops what that one had open.

use std::collections::{BTreeMap, HashMap, VecDeque};

use contract::{PrincipalName, SubscriptionName};
use journal::StreamId;

use crate::lanes::{Lane, PublishJob};
use crate::limits::TRANSACTION_MAX_MS;
use crate::{Refusal, RefusalKind};

/// After this epoch a producer gets a new number; clients read epochs as signed.
const LAST_EPOCH: u16 = i16::MAX as u16 - 1;

/// A producer's number and epoch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Producer {
    /// The number; a greater one under the same transactional id is a later one.
    pub number: u64,
    /// The epoch.
    pub epoch: u16,
}

/// How many batches of a partition are recognised when they come again: as many as clients keep in flight.
const RECENT_BATCHES: usize = 5;

/// What an open transaction holds.
pub struct Open {
    /// Which of the producer's transactions it is.
    pub number: u64,
    pub since_ms: u64,
    /// The latency class of all that it holds; none before there is anything.
    pub lane: Option<Lane>,
    /// Batches in the order in which they came; `None` while one is checked and sealed.
    pub batches: Vec<Option<PublishJob>>,
    /// The places that consumers have reached.
    pub places: BTreeMap<SubscriptionName, BTreeMap<u32, u64>>,
    /// Why it cannot be committed, if something of it was refused.
    pub broken: Option<Refusal>,
}

const LOST: &str = "the bus was started again, and what was open then is gone";

enum Stage {
    Idle,
    Open(Open),
    Ending,
}

/// What is to become of a batch.
#[derive(Debug, PartialEq, Eq)]
pub enum Slot {
    /// It has a place kept.
    Kept(Place),
    /// It was kept before.
    Repeated,
}

/// A place that is kept for a batch while it is checked and sealed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    transaction: u64,
    slot: usize,
    stream: StreamId,
    first: u32,
    count: u32,
}

/// Where the numbering of a partition's records stands.
#[derive(Default)]
struct Numbering {
    next: u32,
    /// First number and count of the last batches, the oldest first.
    recent: VecDeque<(u32, u32)>,
}

impl Numbering {
    fn take(&mut self, first: u32, count: u32) {
        self.next = super::after(first, count);
        if self.recent.len() == RECENT_BATCHES {
            self.recent.pop_front();
        }
        self.recent.push_back((first, count));
    }

    /// A batch was refused: its numbers are given again, and what was sent behind it moves up, as clients count too.
    fn give_back(&mut self, first: u32, count: u32) {
        let Some(at) = self.recent.iter().rposition(|batch| *batch == (first, count)) else { return };
        self.recent.remove(at);
        for (behind, _) in self.recent.iter_mut().skip(at) {
            *behind = super::before(*behind, count);
        }
        self.next = super::before(self.next, count);
    }
}

/// A transactional producer.
pub struct Transactional {
    pub producer: Producer,
    pub principal: PrincipalName,
    pub timeout_ms: u64,
    pub seen_ms: u64,
    stage: Stage,
    /// Whether it was taken at its word, after a restart of the bus: nothing was known of it.
    adopted: bool,
    /// Whether a transaction that it may have had open was lost with the bus's memory.
    lost: bool,
    /// How the last transaction ended: a repeated request is answered alike.
    last: Option<bool>,
    /// How many transactions it has opened.
    opened: u64,
    numbering: HashMap<StreamId, Numbering>,
}

impl Transactional {
    /// A producer that begins.
    pub fn new(producer: Producer, principal: PrincipalName, timeout_ms: u64, now_ms: u64) -> Self {
        let (stage, last, opened, numbering) = (Stage::Idle, None, 0, HashMap::new());
        let (adopted, lost) = (false, false);
        Self {
            producer,
            principal,
            timeout_ms,
            seen_ms: now_ms,
            stage,
            adopted,
            lost,
            last,
            opened,
            numbering,
        }
    }

    /// A producer that goes on after the bus has forgotten it. What it had open, if anything, is lost: nothing of it may
    /// be committed before it has aborted.
    pub fn adopted(producer: Producer, principal: PrincipalName, now_ms: u64) -> Self {
        Self { adopted: true, lost: true, ..Self::new(producer, principal, TRANSACTION_MAX_MS, now_ms) }
    }

    /// A new instance takes over, or the present one begins a new epoch: what was open is dropped. `fresh` is the number
    /// for when the epochs are used up.
    pub fn next_epoch(
        &mut self,
        claimed: Option<Producer>,
        fresh: u64,
        timeout_ms: u64,
        now_ms: u64,
    ) -> Result<Producer, Refusal> {
        if matches!(self.stage, Stage::Ending) {
            return Err(self.is_ending());
        }
        if let Some(claimed) = claimed.filter(|claimed| claimed.number <= self.producer.number) {
            // The epoch before is that of a producer whose transaction timed out.
            let known = claimed.number == self.producer.number && claimed.epoch + 1 >= self.producer.epoch;
            if !known {
                return Err(fenced(claimed));
            }
        }
        self.producer = match claimed.filter(|claimed| claimed.number > self.producer.number) {
            Some(later) => Producer { epoch: later.epoch + 1, ..later },
            None if self.producer.epoch >= LAST_EPOCH => Producer { number: fresh, epoch: 0 },
            None => Producer { epoch: self.producer.epoch + 1, ..self.producer },
        };
        (self.stage, self.last) = (Stage::Idle, None);
        (self.adopted, self.lost) = (false, false);
        self.numbering.clear();
        (self.timeout_ms, self.seen_ms) = (timeout_ms, now_ms);
        Ok(self.producer)
    }

    /// Whether the one who speaks is the present instance, and nothing is being ended.
    pub fn speaks(&mut self, said: Producer, now_ms: u64) -> Result<(), Refusal> {
        if said != self.producer {
            let later = (said.number, said.epoch) > (self.producer.number, self.producer.epoch);
            if !(self.adopted && later) {
                return Err(fenced(said));
            }
            // Of two that were forgotten the later one is right, whoever spoke first.
            *self = Self::adopted(said, self.principal.clone(), now_ms);
        }
        if matches!(self.stage, Stage::Ending) {
            return Err(self.is_ending());
        }
        self.seen_ms = now_ms;
        Ok(())
    }

    fn is_ending(&self) -> Refusal {
        let text = "the producer's last transaction is still being committed".to_owned();
        coded(RefusalKind::Throttled, "concurrent-transactions", text).hint("ask again in a moment")
    }

    /// The open transaction; it opens with what first goes into it, and holds what is of one latency class.
    pub fn open(&mut self, lane: Option<Lane>, now_ms: u64) -> Result<&mut Open, Refusal> {
        if self.lost {
            return Err(abortable(LOST));
        }
        if !matches!(self.stage, Stage::Open(_)) {
            self.last = None;
            self.opened += 1;
            let (batches, places) = Default::default();
            let (number, lane, broken) = (self.opened, None, None);
            self.stage = Stage::Open(Open { number, since_ms: now_ms, lane, batches, places, broken });
        }
        let Stage::Open(open) = &mut self.stage else { return Err(no_transaction()) };
        match (open.lane, lane) {
            (Some(one), Some(other)) if one != other => {
                let text = format!(
                    "a transaction is one step of one latency class's log: this one is of class {}, and not of class {}",
                    one.name(),
                    other.name()
                );
                let refusal = coded(RefusalKind::Conflict, "transaction-of-two-classes", text)
                    .hint("end it first, or register both topics in one class");
                open.broken.get_or_insert_with(|| refusal.clone());
                return Err(refusal);
            }
            (None, lane) => open.lane = lane,
            _ => {}
        }
        Ok(open)
    }

    /// Keeps a place for a batch of `count` records that begins with sequence `first`.
    pub fn reserve(
        &mut self,
        (stream, lane): (StreamId, Lane),
        (first, count): (u32, u32),
        now_ms: u64,
    ) -> Result<Slot, Refusal> {
        match self.numbering.get(&stream) {
            Some(known) if known.recent.contains(&(first, count)) => return Ok(Slot::Repeated),
            Some(known) if known.next != first => {
                let text = format!("the batch begins with sequence {first}, expected is {}", known.next);
                return Err(Refusal::new(RefusalKind::OutOfOrder, text)
                    .hint("a batch before it was lost: abort the transaction"));
            }
            _ => {}
        }
        let open = self.open(Some(lane), now_ms)?;
        open.batches.push(None);
        let (transaction, slot) = (open.number, open.batches.len() - 1);
        self.numbering.entry(stream).or_default().take(first, count);
        Ok(Slot::Kept(Place { transaction, slot, stream, first, count }))
    }

    /// Fills a place; one that was given up meanwhile stays so.
    pub fn fill(&mut self, said: Producer, place: Place, batch: Result<PublishJob, Refusal>) {
        if said != self.producer {
            return;
        }
        // Whatever became of the transaction: the producer numbers its next batch as if this one had not been.
        if let (Err(_), Some(numbering)) = (&batch, self.numbering.get_mut(&place.stream)) {
            numbering.give_back(place.first, place.count);
        }
        let Stage::Open(open) = &mut self.stage else { return };
        if open.number != place.transaction {
            return;
        }
        match (batch, open.batches.get_mut(place.slot)) {
            (Ok(job), Some(place)) => *place = Some(job),
            (Err(refusal), _) => open.broken = open.broken.take().or(Some(refusal)),
            (Ok(_), None) => {}
        }
    }

    /// Begins to end; `None` where there is nothing to do. [`Transactional::ended`] follows.
    pub fn end(&mut self, commit: bool) -> Result<Option<Open>, Refusal> {
        if self.lost && commit {
            return Err(abortable(LOST));
        }
        self.lost = false;
        match std::mem::replace(&mut self.stage, Stage::Idle) {
            Stage::Open(open) if commit => {
                if let Some(refusal) = open.broken {
                    return Err(abortable(&refusal.to_string()));
                }
                if open.batches.iter().any(Option::is_none) {
                    return Err(abortable("a batch of the transaction is not acknowledged yet"));
                }
                self.stage = Stage::Ending;
                Ok(Some(open))
            }
            Stage::Open(_) => {
                self.last = Some(false);
                Ok(None)
            }
            Stage::Ending => {
                self.stage = Stage::Ending;
                Err(self.is_ending())
            }
            // A repeated request; and giving up what was given up already does no harm.
            Stage::Idle if !commit || self.last == Some(true) => Ok(None),
            Stage::Idle => Err(no_transaction()),
        }
    }

    /// It is durable, or it is not.
    pub fn ended(&mut self, committed: bool) {
        self.stage = Stage::Idle;
        self.last = committed.then_some(true);
    }

    /// Drops what has been open for too long and fences off whoever opened it.
    pub fn expire(&mut self, now_ms: u64) -> bool {
        let late = matches!(&self.stage, Stage::Open(open) if open.since_ms + self.timeout_ms <= now_ms);
        if late {
            self.stage = Stage::Idle;
            self.producer.epoch += 1;
            self.numbering.clear();
        }
        late
    }

    /// Whether nothing is open.
    pub fn is_idle(&self) -> bool {
        matches!(self.stage, Stage::Idle)
    }
}

fn fenced(said: Producer) -> Refusal {
    let text = format!("producer {} of epoch {} was replaced or timed out", said.number, said.epoch);
    Refusal::new(RefusalKind::Fenced, text).hint("another instance has taken over, or begin a new epoch")
}

fn no_transaction() -> Refusal {
    coded(RefusalKind::Conflict, "no-transaction", "the producer has no transaction open".to_owned())
}

fn abortable(why: &str) -> Refusal {
    coded(
        RefusalKind::Conflict,
        "transaction-abortable",
        format!("the transaction cannot be committed: {why}"),
    )
    .hint("abort it and send it again")
}

pub(super) fn coded(kind: RefusalKind, code: &'static str, text: String) -> Refusal {
    Refusal { code: Some(code), ..Refusal::new(kind, text) }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STREAM: (StreamId, Lane) = (StreamId(3), Lane::Standard);
    const FIRST: Producer = Producer { number: 100, epoch: 0 };

    fn made() -> Transactional {
        Transactional::new(FIRST, PrincipalName::parse("p@a").unwrap(), 1_000, 0)
    }

    fn slot(reserved: Result<Slot, Refusal>) -> Option<usize> {
        match reserved.unwrap() {
            Slot::Kept(place) => Some(place.slot),
            Slot::Repeated => None,
        }
    }

    fn place(one: &mut Transactional, batch: (u32, u32)) -> Place {
        match one.reserve(STREAM, batch, 1).unwrap() {
            Slot::Kept(place) => place,
            Slot::Repeated => panic!("{batch:?} was kept before"),
        }
    }

    fn code(refusal: Result<Option<Open>, Refusal>) -> Option<&'static str> {
        refusal.err().and_then(|refusal| refusal.code)
    }

    #[test]
    fn batches_are_kept_in_order_and_recognised_when_they_come_again() {
        let mut one = made();
        one.speaks(FIRST, 1).unwrap();
        assert_eq!(slot(one.reserve(STREAM, (0, 5), 1)), Some(0));
        assert_eq!(one.reserve(STREAM, (0, 5), 2).unwrap(), Slot::Repeated);
        assert_eq!(slot(one.reserve(STREAM, (5, 1), 3)), Some(1));
        assert_eq!(one.reserve(STREAM, (9, 1), 4).unwrap_err().kind, RefusalKind::OutOfOrder);
        let other = one.reserve((StreamId(4), Lane::Standard), (40, 1), 5);
        assert_eq!(slot(other), Some(2), "another partition");
        assert_eq!(code(one.end(true)), Some("transaction-abortable"), "none is sealed yet");
    }

    #[test]
    fn a_sequence_goes_on_over_an_aborted_transaction() {
        let mut one = made();
        one.reserve(STREAM, (0, 5), 1).unwrap();
        assert!(one.end(false).unwrap().is_none());
        assert_eq!(slot(one.reserve(STREAM, (5, 1), 1)), Some(0));
    }

    #[test]
    fn the_numbers_of_a_refused_batch_are_given_again() {
        let mut one = made();
        place(&mut one, (0, 5));
        let typo = place(&mut one, (5, 1));
        place(&mut one, (6, 2));
        one.fill(FIRST, typo, Err(no_transaction()));
        assert_eq!(slot(one.reserve(STREAM, (5, 2), 2)), None, "the batch behind it moved up");
        assert_eq!(code(one.end(true)), Some("transaction-abortable"));
        assert!(one.end(false).unwrap().is_none());
        assert_eq!(slot(one.reserve(STREAM, (7, 1), 3)), Some(0));
        let typo = place(&mut one, (8, 1));
        assert!(one.end(false).unwrap().is_none());
        one.fill(FIRST, typo, Err(no_transaction()));
        assert_eq!(
            slot(one.reserve(STREAM, (8, 1), 4)),
            Some(0),
            "though its transaction was given up before"
        );
    }

    #[test]
    fn numbers_go_around() {
        let mut numbering = Numbering::default();
        numbering.take(i32::MAX as u32, 3);
        assert_eq!(numbering.next, 2);
        numbering.give_back(i32::MAX as u32, 3);
        assert_eq!((numbering.next, numbering.recent.len()), (i32::MAX as u32, 0));
    }

    #[test]
    fn what_comes_late_for_one_transaction_is_not_put_into_the_next() {
        let mut one = made();
        let late = place(&mut one, (0, 1));
        assert!(one.end(false).unwrap().is_none());
        let (mine, before) = (place(&mut one, (1, 1)), one.opened);
        one.fill(FIRST, late, Err(no_transaction()));
        assert_eq!((mine.transaction, mine.slot, before), (2, 0, 2));
        let Stage::Open(open) = &one.stage else { panic!("it is open") };
        assert!(open.broken.is_none(), "the refusal was of another transaction");
    }

    #[test]
    fn ending_is_repeatable_and_nothing_else_happens_meanwhile() {
        let mut one = made();
        assert_eq!(code(one.end(true)), Some("no-transaction"));
        one.open(None, 1).unwrap();
        assert!(one.end(true).unwrap().is_some());
        assert_eq!(one.speaks(FIRST, 2).unwrap_err().code, Some("concurrent-transactions"));
        assert_eq!(code(one.end(true)), Some("concurrent-transactions"));
        assert!(one.next_epoch(None, 200, 1_000, 2).is_err());
        one.ended(true);
        assert!(one.end(true).unwrap().is_none(), "the answer was lost and is asked for again");
        one.open(None, 3).unwrap();
        assert!(one.end(false).unwrap().is_none() && one.end(false).unwrap().is_none());
    }

    #[test]
    fn a_newer_instance_fences_the_older_and_drops_what_it_had_open() {
        let mut one = made();
        let place = place(&mut one, (0, 5));
        let newer = one.next_epoch(None, 200, 1_000, 2).unwrap();
        assert_eq!(newer, Producer { number: 100, epoch: 1 });
        assert!(one.is_idle());
        assert_eq!(one.speaks(FIRST, 3).unwrap_err().kind, RefusalKind::Fenced);
        one.fill(FIRST, place, Err(no_transaction()));
        assert_eq!(slot(one.reserve(STREAM, (0, 5), 4)), Some(0), "its sequences begin anew");
        assert!(one.next_epoch(Some(newer), 200, 1_000, 5).is_ok(), "it begins a new epoch itself");
        assert!(one.next_epoch(Some(FIRST), 200, 1_000, 6).is_err());
    }

    #[test]
    fn numbers_tell_who_came_later_after_the_bus_has_forgotten() {
        let mut one = made();
        let later = one.next_epoch(Some(Producer { number: 300, epoch: 4 }), 400, 1_000, 1).unwrap();
        assert_eq!(later, Producer { number: 300, epoch: 5 });
        assert!(one.next_epoch(Some(Producer { number: 299, epoch: 9 }), 400, 1_000, 2).is_err());
        one.producer.epoch = LAST_EPOCH;
        assert_eq!(one.next_epoch(None, 400, 1_000, 3).unwrap(), Producer { number: 400, epoch: 0 });
    }

    #[test]
    fn what_was_open_when_the_bus_forgot_cannot_be_committed_and_the_later_of_two_goes_on() {
        let principal = PrincipalName::parse("p@a").unwrap();
        let mut one = Transactional::adopted(FIRST, principal, 0);
        assert_eq!(code(one.end(true)), Some("transaction-abortable"));
        assert_eq!(
            one.reserve(STREAM, (7, 1), 1).unwrap_err().code,
            Some("transaction-abortable"),
            "half of it is gone"
        );
        assert!(one.end(false).unwrap().is_none());
        assert_eq!(slot(one.reserve(STREAM, (7, 1), 1)), Some(0));
        let later = Producer { epoch: 3, ..FIRST };
        one.speaks(later, 2).unwrap();
        assert_eq!(one.speaks(FIRST, 3).unwrap_err().kind, RefusalKind::Fenced);
        assert_eq!(
            code(one.end(true)),
            Some("transaction-abortable"),
            "what the earlier had open is dropped"
        );
        one.next_epoch(Some(later), 200, 1_000, 4).unwrap();
        assert_eq!(one.speaks(Producer { epoch: 9, ..FIRST }, 5).unwrap_err().kind, RefusalKind::Fenced);
    }

    #[test]
    fn what_is_open_for_too_long_is_dropped_and_its_producer_may_go_on_in_a_new_epoch() {
        let mut one = made();
        one.open(None, 10).unwrap();
        assert!(!one.expire(1_009) && one.expire(1_010) && !one.expire(1_011));
        assert_eq!(one.speaks(FIRST, 1_011).unwrap_err().kind, RefusalKind::Fenced);
        assert_eq!(one.next_epoch(Some(FIRST), 200, 1_000, 1_012).unwrap().epoch, 2);
    }

    #[test]
    fn a_transaction_is_of_one_latency_class() {
        let mut one = made();
        one.reserve(STREAM, (0, 5), 1).unwrap();
        let refused = one.reserve((StreamId(9), Lane::Batch), (0, 1), 1).unwrap_err();
        assert_eq!(refused.code, Some("transaction-of-two-classes"));
        assert_eq!(code(one.end(true)), Some("transaction-abortable"));
    }
}
