//! What the bus acknowledged, held against what it keeps. Pure: no I/O, no clock.
//!
//! Invariant: every event that was ever sent is in `events`; it is *acknowledged* once a receipt came, *found* once the
//! log was read past it. An event that was sent and neither acknowledged nor found was not taken, which is allowed until
//! it is sent again.

use std::collections::HashMap;

use crate::events::{EventId, Place};
use crate::violation::Violation;

/// What is known of an event.
#[derive(Debug, Clone, Copy, Default)]
struct Known {
    acknowledged: Option<Place>,
    found: Option<Place>,
}

/// The ledger of all rounds.
#[derive(Debug, Default)]
pub struct Ledger {
    events: HashMap<EventId, Known>,
    /// Acknowledged since the log was last read to its end.
    unsettled: Vec<EventId>,
    /// Sent without an answer.
    in_doubt: Vec<EventId>,
    /// Per topic and partition, the offset that the reading of the log goes on at.
    next: HashMap<(u8, u32), u64>,
    /// Per topic, partition and publisher, the last number that the reading met.
    last: HashMap<(u8, u32, u8), u32>,
    committed: HashMap<(u8, u32), Commits>,
}

/// What is known of a subscription's place in a partition.
#[derive(Debug, Clone, Copy, Default)]
struct Commits {
    acknowledged: u64,
    asked: u64,
}

impl Ledger {
    /// A receipt came.
    pub fn acknowledged(&mut self, event: EventId, receipt: Place) -> Result<(), Violation> {
        let known = self.events.entry(event).or_default();
        if let Some(first) = known.acknowledged.filter(|first| *first != receipt) {
            return Err(Violation::OtherReceipt { event, first, second: receipt });
        }
        if known.acknowledged.is_none() {
            known.acknowledged = Some(receipt);
            self.unsettled.push(event);
        }
        match known.found {
            Some(found) if found != receipt => Err(Violation::Elsewhere { event, receipt, found }),
            _ => Ok(()),
        }
    }

    /// The event was sent, and no answer came.
    pub fn unanswered(&mut self, event: EventId) {
        self.events.entry(event).or_default();
        self.in_doubt.push(event);
    }

    /// The events without an answer, in the order in which each publisher sent them; they are to be sent again.
    pub fn take_unanswered(&mut self) -> Vec<EventId> {
        std::mem::take(&mut self.in_doubt)
    }

    /// Where the event stands in the log, as far as it was read.
    pub fn found_at(&self, event: EventId) -> Option<Place> {
        self.events.get(&event).and_then(|known| known.found)
    }

    /// Reading the log in order met `event` (or something that is none of ours) at `place`.
    pub fn read(&mut self, topic: u8, event: Result<EventId, String>, place: Place) -> Vec<Violation> {
        let mut wrong = Vec::new();
        let name = || crate::governance::TOPICS[usize::from(topic)].name.to_owned();
        let next = self.next.entry((topic, place.partition)).or_default();
        if *next != place.offset {
            wrong.push(Violation::Gap { topic: name(), expected: *next, found: place });
        }
        *next = place.offset + 1;
        let event = match event {
            Ok(event) if self.events.contains_key(&event) => event,
            Ok(event) => {
                let identity = format!("{} {}", event.source(), event.id());
                wrong.push(Violation::Unknown { topic: name(), found: place, identity });
                return wrong;
            }
            Err(identity) => {
                wrong.push(Violation::Unknown { topic: name(), found: place, identity });
                return wrong;
            }
        };
        let known = self.events.entry(event).or_default();
        if let Some(first) = known.found.replace(place) {
            wrong.push(Violation::Twice { event, places: [first, place] });
        }
        if let Some(receipt) = known.acknowledged.filter(|receipt| *receipt != place) {
            wrong.push(Violation::Elsewhere { event, receipt, found: place });
        }
        let last = self.last.insert((topic, place.partition, event.worker), event.serial);
        if let Some(before) = last.filter(|before| *before > event.serial) {
            wrong.push(Violation::OutOfOrder { event, found: place, before });
        }
        wrong
    }

    /// The log was read to its end: what was acknowledged must have been met.
    pub fn settle(&mut self) -> Vec<Violation> {
        let unsettled = std::mem::take(&mut self.unsettled);
        let missing = |event: EventId| {
            let known = self.events.get(&event)?;
            let receipt = known.acknowledged.filter(|_| known.found.is_none())?;
            Some(Violation::Lost { event, receipt })
        };
        unsettled.into_iter().filter_map(missing).collect()
    }

    /// Forgets what reading the log has met, so that all of it is read and settled anew.
    pub fn start_over(&mut self) {
        self.next.clear();
        self.last.clear();
        self.events.values_mut().for_each(|known| known.found = None);
        let acknowledged = self.events.iter().filter(|(_, known)| known.acknowledged.is_some());
        self.unsettled = acknowledged.map(|(event, _)| *event).collect();
    }

    /// A commit of `place` in a partition of the subscription to `topic` was asked for.
    pub fn commit_asked(&mut self, topic: u8, partition: u32, place: u64) {
        let commits = self.committed.entry((topic, partition)).or_default();
        commits.asked = commits.asked.max(place);
    }

    /// It was acknowledged.
    pub fn commit_acknowledged(&mut self, topic: u8, partition: u32, place: u64) {
        self.commit_asked(topic, partition, place);
        let commits = self.committed.entry((topic, partition)).or_default();
        commits.acknowledged = commits.acknowledged.max(place);
    }

    /// The bus says that `subscription` stands at `place`.
    pub fn stands(&self, subscription: &str, topic: u8, partition: u32, place: u64) -> Option<Violation> {
        let Commits { acknowledged, asked } =
            self.committed.get(&(topic, partition)).copied().unwrap_or_default();
        let subscription = subscription.to_owned();
        if place < acknowledged {
            return Some(Violation::Rewound { subscription, partition, committed: acknowledged, place });
        }
        (place > asked).then_some(Violation::Ahead { subscription, partition, asked, place })
    }

    /// How many events were acknowledged, over all rounds.
    pub fn acknowledged_count(&self) -> usize {
        self.events.values().filter(|known| known.acknowledged.is_some()).count()
    }

    /// How many events the reading of the log met.
    pub fn found_count(&self) -> usize {
        self.events.values().filter(|known| known.found.is_some()).count()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(serial: u32) -> EventId {
        EventId { topic: 0, worker: 1, serial }
    }

    fn at(offset: u64) -> Place {
        Place { partition: 2, offset }
    }

    #[test]
    fn what_was_acknowledged_and_is_there_is_no_violation() {
        let mut ledger = Ledger::default();
        for serial in 0..3 {
            ledger.acknowledged(event(serial), at(u64::from(serial))).unwrap();
            assert_eq!(ledger.read(0, Ok(event(serial)), at(u64::from(serial))), []);
        }
        assert_eq!(ledger.settle(), []);
        ledger.start_over();
        assert_eq!(ledger.settle().len(), 3, "after starting over nothing counts as found");
    }

    #[test]
    fn an_acknowledged_event_that_is_missing_is_lost() {
        let mut ledger = Ledger::default();
        ledger.acknowledged(event(0), at(0)).unwrap();
        assert_eq!(ledger.settle(), [Violation::Lost { event: event(0), receipt: at(0) }]);
    }

    #[test]
    fn an_unanswered_event_may_be_there_or_not_but_not_twice() {
        let mut ledger = Ledger::default();
        ledger.unanswered(event(0));
        ledger.unanswered(event(1));
        assert_eq!(ledger.read(0, Ok(event(1)), at(0)), []);
        assert_eq!(ledger.settle(), []);
        assert_eq!(ledger.take_unanswered(), [event(0), event(1)]);
        assert_eq!(
            ledger.read(0, Ok(event(1)), at(1)),
            [Violation::Twice { event: event(1), places: [at(0), at(1)] }]
        );
    }

    #[test]
    fn an_event_at_another_place_than_its_receipt_is_told_in_either_order() {
        let elsewhere = Violation::Elsewhere { event: event(0), receipt: at(5), found: at(0) };
        let mut ledger = Ledger::default();
        ledger.acknowledged(event(0), at(5)).unwrap();
        assert_eq!(ledger.read(0, Ok(event(0)), at(0)), std::slice::from_ref(&elsewhere));
        let mut ledger = Ledger::default();
        ledger.unanswered(event(0));
        assert_eq!(ledger.read(0, Ok(event(0)), at(0)), []);
        assert_eq!(ledger.acknowledged(event(0), at(5)), Err(elsewhere));
    }

    #[test]
    fn a_second_receipt_must_be_the_first_one() {
        let mut ledger = Ledger::default();
        ledger.acknowledged(event(0), at(5)).unwrap();
        assert_eq!(ledger.acknowledged(event(0), at(5)), Ok(()));
        let other = Violation::OtherReceipt { event: event(0), first: at(5), second: at(6) };
        assert_eq!(ledger.acknowledged(event(0), at(6)), Err(other));
    }

    #[test]
    fn gaps_strangers_and_changed_order_are_told() {
        let mut ledger = Ledger::default();
        for serial in 0..3 {
            ledger.unanswered(event(serial));
        }
        assert_eq!(ledger.read(0, Ok(event(2)), at(0)), []);
        assert!(matches!(ledger.read(0, Ok(event(1)), at(1))[..], [Violation::OutOfOrder { before: 2, .. }]));
        assert!(matches!(ledger.read(0, Ok(event(0)), at(3))[0], Violation::Gap { expected: 2, .. }));
        assert!(matches!(ledger.read(0, Ok(event(9)), at(4))[..], [Violation::Unknown { .. }]));
        assert!(matches!(ledger.read(0, Err("x y".into()), at(5))[..], [Violation::Unknown { .. }]));
    }

    #[test]
    fn a_subscription_stands_between_what_was_acknowledged_and_what_was_asked_for() {
        let mut ledger = Ledger::default();
        ledger.commit_acknowledged(0, 1, 10);
        ledger.commit_asked(0, 1, 20);
        for (place, fine) in [(9, false), (10, true), (15, true), (20, true), (21, false)] {
            assert_eq!(ledger.stands("a.b", 0, 1, place).is_none(), fine, "{place}");
        }
        assert_eq!(
            ledger.stands("a.b", 0, 3, 0),
            None,
            "a partition that was never committed stands at its begin"
        );
    }
}
