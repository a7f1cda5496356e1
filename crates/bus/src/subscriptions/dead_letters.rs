//! Events that a subscription could not process: references with a reason, never a copy. A fold over the
//! `dead-letters/…` streams.
//!
//! rejected → waiting; waiting → redriven (delivered again before anything else) → resolved when its delivery is
//! committed, or rejected again; waiting → discarded.

use std::collections::BTreeMap;

use contract::{PrincipalName, SubscriptionName, TopicName};
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
    letters: RwLock<BTreeMap<LetterKey, DeadLetter>>,
}

impl DeadLetters {
    /// The letters of one subscription, or all.
    pub fn list(&self, subscription: Option<&SubscriptionName>) -> Vec<DeadLetter> {
        let letters = self.letters.read();
        letters
            .values()
            .filter(|letter| subscription.is_none_or(|name| letter.subscription == *name))
            .cloned()
            .collect()
    }

    /// One letter.
    pub fn get(&self, key: &LetterKey) -> Option<DeadLetter> {
        self.letters.read().get(key).cloned()
    }

    /// The letters of a subscription that wait for redelivery, in these partitions.
    pub fn redriven(&self, subscription: &SubscriptionName, partitions: &[u32]) -> Vec<(u32, u64, u32)> {
        let letters = self.letters.read();
        let mine = letters.range((subscription.clone(), 0, 0)..=(subscription.clone(), u32::MAX, u64::MAX));
        mine.filter(|(_, letter)| letter.redriven && partitions.contains(&letter.partition))
            .map(|(_, letter)| (letter.partition, letter.offset, letter.attempts))
            .collect()
    }

    /// A step is durable.
    pub fn apply(&self, step: &Step, at_ms: u64) {
        let key = (step.subscription.clone(), step.partition, step.offset);
        let mut letters = self.letters.write();
        match &step.what {
            Happened::Rejected { topic, reason } => {
                let attempts = letters.get(&key).map_or(0, |letter| letter.attempts) + 1;
                let letter = DeadLetter {
                    id: letter_id(&key),
                    subscription: step.subscription.clone(),
                    topic: topic.clone(),
                    partition: step.partition,
                    offset: step.offset,
                    reason: reason.clone(),
                    by: step.by.clone(),
                    at_ms,
                    attempts,
                    redriven: false,
                };
                letters.insert(key, letter);
            }
            Happened::Redriven => {
                if let Some(letter) = letters.get_mut(&key) {
                    letter.redriven = true;
                }
            }
            Happened::Resolved | Happened::Discarded { .. } => drop(letters.remove(&key)),
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
}
