//! Which findings were told on the latest day on which one was. Nothing of days before is kept.

use std::collections::BTreeSet;

use contract::TopicName;

use crate::leaks::{Answer, day_of};

/// Topic, place, detector and answer of each.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct LeaksTold {
    day: u64,
    told: BTreeSet<(TopicName, String, String, Answer)>,
}

impl LeaksTold {
    /// One is told at a time, in milliseconds since 1970.
    pub fn note(&mut self, topic: &TopicName, place: &str, detector: &str, answer: Answer, at_ms: u64) {
        let day = day_of(at_ms);
        if day != self.day {
            *self = Self { day, told: BTreeSet::new() };
        }
        self.told.insert((topic.clone(), place.to_owned(), detector.to_owned(), answer));
    }

    /// Whether it was told on that day, UTC.
    pub fn has(&self, topic: &TopicName, place: &str, detector: &str, answer: Answer, at_ms: u64) -> bool {
        self.day == day_of(at_ms)
            && self.told.contains(&(topic.clone(), place.to_owned(), detector.to_owned(), answer))
    }
}
