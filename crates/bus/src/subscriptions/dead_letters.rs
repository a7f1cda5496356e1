//! Events that a subscription could not process: references with a reason, never a copy. A fold over the
//! `dead-letters/…` streams.
//!
//! rejected → waiting; waiting → redriven (delivered again before anything else) → resolved when its delivery is
//! committed, or rejected again; waiting → discarded. A letter goes with its event when retention takes that away.

use std::collections::{BTreeMap, BTreeSet};

use contract::{PrincipalName, SubscriptionName, TopicName};
use governance::clerk::clerk;
use journal::{Journal, JournalError, StreamId};
use parking_lot::RwLock;
use serde::{Deserialize, Serialize};

use crate::api::DeadLetter;

/// Which letter: subscription, partition, offset.
pub type LetterKey = (SubscriptionName, u32, u64);

/// What happened to a letter. On disk: never rename.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Happened {
    /// A consumer could not process the event.
    Rejected {
        /// The topic.
        topic: TopicName,
        /// What it said.
        reason: String,
    },
    /// It is to be delivered again.
    Redriven,
    /// Its redelivery was processed.
    Resolved,
    /// It is given up.
    Discarded {
        /// Why.
        reason: String,
    },
}

/// The record of one step of a letter's life.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Step {
    /// The subscription.
    pub subscription: SubscriptionName,
    /// The event's partition.
    pub partition: u32,
    /// The event's offset.
    pub offset: u64,
    /// What happened.
    pub what: Happened,
    /// Who did it.
    pub by: PrincipalName,
}

impl Step {
    /// The journal's form.
    pub fn encode(&self) -> Vec<u8> {
        serde_json::to_vec(self).expect("names and texts always encode")
    }
}

/// The view.
#[derive(Default)]
pub struct DeadLetters {
    by_subscription: RwLock<BTreeMap<SubscriptionName, Letters>>,
}

/// The letters of one subscription, by partition and offset.
#[derive(Default)]
struct Letters {
    all: BTreeMap<(u32, u64), DeadLetter>,
    /// Those that wait for redelivery.
    redriven: BTreeSet<(u32, u64)>,
    /// How many the bus made by itself that nobody has decided about.
    by_the_bus: usize,
}

impl Letters {
    /// Puts a letter in place of what was there, or takes that away.
    fn put(&mut self, at: (u32, u64), letter: Option<DeadLetter>) {
        let waits = |letter: &DeadLetter| usize::from(!letter.redriven && letter.by == clerk());
        self.redriven.remove(&at);
        self.redriven.extend(letter.as_ref().filter(|letter| letter.redriven).map(|_| at));
        self.by_the_bus += letter.as_ref().map_or(0, waits);
        let before = match letter {
            Some(letter) => self.all.insert(at, letter),
            None => self.all.remove(&at),
        };
        self.by_the_bus -= before.as_ref().map_or(0, waits);
    }
}

impl DeadLetters {
    /// The letters of one subscription, or all.
    pub fn list(&self, subscription: Option<&SubscriptionName>) -> Vec<DeadLetter> {
        let all = self.by_subscription.read();
        let own = |letters: &Letters| letters.all.values().cloned().collect::<Vec<_>>();
        match subscription {
            Some(name) => all.get(name).map(own).unwrap_or_default(),
            None => all.values().flat_map(own).collect(),
        }
    }

    /// How many letters a subscription has.
    pub fn count(&self, subscription: &SubscriptionName) -> usize {
        self.by_subscription.read().get(subscription).map_or(0, |letters| letters.all.len())
    }

    /// How many of them the bus made by itself, and nobody has decided about.
    pub fn by_the_bus(&self, subscription: &SubscriptionName) -> usize {
        self.by_subscription.read().get(subscription).map_or(0, |letters| letters.by_the_bus)
    }

    /// One letter.
    pub fn get(&self, (name, partition, offset): &LetterKey) -> Option<DeadLetter> {
        self.by_subscription.read().get(name)?.all.get(&(*partition, *offset)).cloned()
    }

    /// Whether an event is a letter that does not wait for redelivery.
    pub fn is_aside(&self, name: &SubscriptionName, partition: u32, offset: u64) -> bool {
        let all = self.by_subscription.read();
        let letter = all.get(name).and_then(|letters| letters.all.get(&(partition, offset)));
        letter.is_some_and(|letter| !letter.redriven)
    }

    /// The letters of a subscription that wait for redelivery, in these partitions.
    pub fn redriven(&self, subscription: &SubscriptionName, partitions: &[u32]) -> Vec<(u32, u64, u32)> {
        let all = self.by_subscription.read();
        let Some(letters) = all.get(subscription) else { return Vec::new() };
        let mine = letters.redriven.iter().filter(|(partition, _)| partitions.contains(partition));
        mine.filter_map(|at| Some((at.0, at.1, letters.all.get(at)?.attempts))).collect()
    }

    /// The letters of a subscription in a partition whose events are gone are gone too.
    pub fn forget_before(&self, subscription: &SubscriptionName, partition: u32, first: u64) {
        let mut all = self.by_subscription.write();
        let Some(letters) = all.get_mut(subscription) else { return };
        let gone = letters.all.range((partition, 0)..(partition, first));
        let gone: Vec<(u32, u64)> = gone.map(|(at, _)| *at).collect();
        gone.into_iter().for_each(|at| letters.put(at, None));
    }

    /// A step is durable.
    pub fn apply(&self, step: &Step, at_ms: u64) {
        let (name, at) = (&step.subscription, (step.partition, step.offset));
        let mut all = self.by_subscription.write();
        let letters = all.entry(name.clone()).or_default();
        let known = letters.all.get(&at);
        match &step.what {
            Happened::Rejected { topic, reason } => {
                let letter = DeadLetter {
                    id: letter_id(&(name.clone(), step.partition, step.offset)),
                    subscription: name.clone(),
                    topic: topic.clone(),
                    partition: step.partition,
                    offset: step.offset,
                    reason: reason.clone(),
                    by: step.by.clone(),
                    at_ms,
                    attempts: known.map_or(0, |letter| letter.attempts) + 1,
                    redriven: false,
                };
                letters.put(at, Some(letter));
            }
            Happened::Redriven => {
                let redriven = known.map(|letter| DeadLetter { redriven: true, ..letter.clone() });
                letters.put(at, redriven);
            }
            Happened::Resolved | Happened::Discarded { .. } => letters.put(at, None),
        }
    }

    /// Folds a stream from its first record on.
    pub fn fold(&self, journal: &dyn Journal, stream: StreamId) -> Result<(), JournalError> {
        crate::fold::each(journal, stream, 0, |record| {
            if let Ok(step) = serde_json::from_slice::<Step>(&record.body) {
                self.apply(&step, record.time_ms);
            }
        })
    }
}

/// `<subscription>:<partition>:<offset>`.
pub fn letter_id((subscription, partition, offset): &LetterKey) -> String {
    format!("{subscription}:{partition}:{offset}")
}

/// Reads a letter's id.
pub fn parse_letter_id(id: &str) -> Option<LetterKey> {
    let (rest, offset) = id.rsplit_once(':')?;
    let (subscription, partition) = rest.rsplit_once(':')?;
    Some((SubscriptionName::parse(subscription).ok()?, partition.parse().ok()?, offset.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn step(what: Happened) -> Step {
        let subscription = SubscriptionName::parse("tax-office.births").unwrap();
        let by = PrincipalName::parse("reader@tax-office").unwrap();
        Step { subscription, partition: 1, offset: 7, what, by }
    }

    fn rejected() -> Happened {
        let topic = TopicName::parse("civil.birth.registered").unwrap();
        Happened::Rejected { topic, reason: "no such municipality".to_owned() }
    }

    #[test]
    fn a_letter_lives_from_rejection_to_resolution() {
        let letters = DeadLetters::default();
        let key = parse_letter_id("tax-office.births:1:7").unwrap();
        assert_eq!(letter_id(&key), "tax-office.births:1:7");
        letters.apply(&step(rejected()), 5);
        assert_eq!(letters.get(&key).unwrap().attempts, 1);
        assert!(letters.redriven(&key.0, &[1]).is_empty());
        letters.apply(&step(Happened::Redriven), 6);
        assert_eq!(letters.redriven(&key.0, &[1]), [(1, 7, 1)]);
        assert!(letters.redriven(&key.0, &[0]).is_empty());
        letters.apply(&step(rejected()), 7);
        assert_eq!(letters.get(&key).unwrap().attempts, 2);
        letters.apply(&step(Happened::Resolved), 8);
        assert!(letters.list(None).is_empty());
    }

    #[test]
    fn what_the_bus_sets_aside_is_counted_until_somebody_decides_about_it() {
        let letters = DeadLetters::default();
        let at = |offset: u64, what: Happened, by: PrincipalName| {
            letters.apply(&Step { offset, by, ..step(what) }, 5);
            let name = step(rejected()).subscription;
            (letters.count(&name), letters.by_the_bus(&name), letters.redriven(&name, &[1]).len())
        };
        let reader = || step(rejected()).by;
        assert_eq!(at(1, rejected(), clerk()), (1, 1, 0));
        assert_eq!(at(1, rejected(), clerk()), (1, 1, 0), "the same again");
        assert_eq!(at(2, rejected(), reader()), (2, 1, 0));
        assert_eq!(at(3, rejected(), clerk()), (3, 2, 0));
        assert_eq!(at(1, Happened::Redriven, reader()), (3, 1, 1));
        assert_eq!(at(1, rejected(), clerk()), (3, 2, 0));
        assert_eq!(at(1, Happened::Redriven, reader()), (3, 1, 1));
        assert_eq!(at(1, Happened::Resolved, reader()), (2, 1, 0));
        assert_eq!(at(3, Happened::Discarded { reason: "old".to_owned() }, reader()), (1, 0, 0));
        assert_eq!(at(9, Happened::Redriven, reader()), (1, 0, 0), "what is not there comes not to be");
        let name = step(rejected()).subscription;
        letters.forget_before(&name, 0, 100);
        letters.forget_before(&name, 1, 2);
        assert_eq!(letters.count(&name), 1);
        letters.forget_before(&name, 1, 3);
        assert_eq!(letters.count(&name), 0);
    }
}
