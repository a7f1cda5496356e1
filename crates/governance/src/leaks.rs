//! What the standards say of personal data that is found where a contract says there is none.

use std::collections::BTreeMap;

use contract::TopicName;
use contract::leaks::{Set, detector, detectors};
use serde::{Deserialize, Serialize};

use crate::clerk::clerk;
use crate::events::LeakEvent;
use crate::{By, Event, State};

/// What happens to an event in which something is found.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Answer {
    /// It is not taken.
    #[default]
    Refuse,
    /// It is taken and read by nobody, until a data protection officer of the topic's owner decides.
    Quarantine,
    /// It is taken, and the finding stands in the audit and among the counters.
    Flag,
    /// Nothing is looked for.
    Ignore,
}

impl Answer {
    /// Its name in files, counters and the audit.
    pub fn as_str(self) -> &'static str {
        match self {
            Answer::Refuse => "refuse",
            Answer::Quarantine => "quarantine",
            Answer::Flag => "flag",
            Answer::Ignore => "ignore",
        }
    }
}

/// The answer to what each detector finds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Leaks {
    /// To what no line names.
    pub otherwise: Answer,
    /// To what one detector finds, by its name.
    #[serde(flatten)]
    pub by_detector: BTreeMap<String, Answer>,
}

impl Default for Leaks {
    /// Offices write their own desks' addresses and numbers into what all may read.
    fn default() -> Self {
        let flagged = ["email", "telephone"].map(|name| (name.to_owned(), Answer::Flag));
        Self { otherwise: Answer::Refuse, by_detector: BTreeMap::from(flagged) }
    }
}

impl Leaks {
    pub(crate) fn is_default(&self) -> bool {
        *self == Self::default()
    }

    /// The detectors whose findings are answered so.
    pub fn answered(&self, answer: Answer) -> Set {
        let given = |name: &str| self.by_detector.get(name).copied().unwrap_or(self.otherwise);
        let answered = detectors().iter().enumerate().filter(|(_, one)| given(one.name) == answer);
        answered.fold(Set::NONE, |set, (at, _)| set.with(at))
    }

    /// What is wrong with it, a line each.
    pub(crate) fn faults(&self) -> impl Iterator<Item = String> + '_ {
        let unknown = self.by_detector.keys().filter(|name| detector(name).is_none());
        unknown.map(|name| {
            let known: Vec<&str> = detectors().iter().map(|one| one.name).collect();
            format!("leaks.{name}: no detector is called so; there are {}", known.join(", "))
        })
    }
}

/// Something that a detector found in events of a topic.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seen {
    /// The topic.
    pub topic: TopicName,
    /// A pointer into the documents, or `attribute` and its name.
    pub place: String,
    /// The detector's name.
    pub detector: String,
    /// What became of the events.
    pub answer: Answer,
    /// How many.
    pub events: u64,
}

/// The day of a time in milliseconds since 1970, UTC, counted from the first: a finding is told once on each.
pub fn day_of(at_ms: u64) -> u64 {
    const DAY_MS: u64 = 24 * 60 * 60 * 1000;
    at_ms / DAY_MS
}

/// The facts that tell of what was seen: of each place, detector and answer of a topic one a day, so that a stream of bad events is
/// one notice.
pub fn to_tell(state: &State, seen: &[Seen], now_ms: u64) -> Vec<Event> {
    let is_new = |one: &&Seen| {
        state.topic(&one.topic).is_some()
            && !state.is_leak_told(&one.topic, &one.place, &one.detector, one.answer, now_ms)
    };
    let fact = |one: &Seen| {
        Event::Leak(LeakEvent::LeakFound {
            topic: one.topic.clone(),
            place: one.place.clone(),
            detector: one.detector.clone(),
            answer: one.answer,
            events: one.events,
            by: By::own(clerk()),
        })
    };
    seen.iter().filter(is_new).map(fact).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_detector_has_one_answer() {
        let leaks = Leaks {
            otherwise: Answer::Flag,
            by_detector: BTreeMap::from([
                ("iban".to_owned(), Answer::Refuse),
                ("email".to_owned(), Answer::Ignore),
            ]),
        };
        let [refused, flagged, ignored] =
            [Answer::Refuse, Answer::Flag, Answer::Ignore].map(|one| leaks.answered(one));
        assert_eq!(refused, Set::named([&"iban".to_owned()]));
        assert_eq!(ignored, Set::named([&"email".to_owned()]));
        assert_eq!(flagged, Set::all().without(refused).without(ignored));
    }

    #[test]
    fn an_unknown_detector_is_a_fault() {
        let leaks =
            Leaks { by_detector: BTreeMap::from([("ibam".to_owned(), Answer::Flag)]), ..Leaks::default() };
        let faults: Vec<String> = leaks.faults().collect();
        assert!(
            faults.len() == 1
                && faults[0].starts_with("leaks.ibam: no detector is called so; there are at-svnr, ")
        );
        assert_eq!(Leaks::default().faults().count(), 0);
    }
}
