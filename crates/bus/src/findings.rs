//! What detectors found since the clerk looked last, on its way to a notice: in events that were placed, told by their lane, or
//! refused for it, told by admission. In memory: each finding stands in the audit as it comes; what dies with the process is told by the next one of its kind. What is quarantined is told on each day on which
//! nobody has decided about it, as in the end it is discarded.

use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicU64, Ordering};

use contract::TopicName;
use contract::check::Leak;
use contract::leaks::detectors;
use governance::leaks::{Answer, Seen};
use parking_lot::Mutex;

use crate::limits::FINDINGS_MAX;
use crate::metrics::Metrics;
use crate::quarantine::{Leaked, Shelf};

/// The findings, by topic, place, detector and answer. Places are contracts' own, and members of a list have one, so a producer cannot
/// make them up.
#[derive(Default)]
pub struct Findings {
    seen: Mutex<HashMap<At, u64>>,
    /// The day on which the officers were last asked about what waits, counted from 1970; none since the start.
    asked_day: AtomicU64,
}

/// Topic, place, detector, and what became of the event: that one waits for a decision is told also where others were refused.
type At = (TopicName, String, &'static str, Answer);

impl Findings {
    /// What was found in one event, of which this became, goes to the counters and on its way to a notice.
    pub fn tell(&self, metrics: &Metrics, topic: &TopicName, found: &[Leak], answer: Answer) {
        for leak in found {
            let detector = detectors()[leak.detector].name;
            metrics.leaked(topic, detector, answer);
            self.note(topic, &place(leak), detector, answer);
        }
    }

    /// A detector found something in an event, of which this became. Where there is no room for another place it is left to
    /// the audit.
    fn note(&self, topic: &TopicName, place: &str, detector: &'static str, answer: Answer) {
        let mut all = self.seen.lock();
        let room = all.len() < FINDINGS_MAX;
        let key = (topic.clone(), without_indices(place), detector, answer);
        match all.get_mut(&key) {
            Some(events) => *events += 1,
            None if room => drop(all.insert(key, 1)),
            None => {}
        }
    }

    /// All of them, which are forgotten, in an order of their own.
    pub fn take(&self) -> Vec<Seen> {
        let taken = std::mem::take(&mut *self.seen.lock());
        let one = |((topic, place, detector, answer), events): (At, u64)| Seen {
            topic,
            place,
            detector: detector.to_owned(),
            answer,
            events,
        };
        let mut seen: Vec<Seen> = taken.into_iter().map(one).collect();
        seen.sort_by(|a, b| {
            (&a.topic, &a.place, &a.detector, a.answer).cmp(&(&b.topic, &b.place, &b.detector, b.answer))
        });
        seen
    }

    /// Whether what waits was asked about on a day.
    pub fn asked_on(&self, day: u64) -> bool {
        self.asked_day.load(Ordering::Relaxed) == day
    }

    /// What waits was asked about on a day.
    pub fn asked(&self, day: u64) {
        self.asked_day.store(day, Ordering::Relaxed);
    }
}

/// What nobody has decided about, by topic, place and detector, but for what is among `seen` already.
pub fn undecided(shelf: &Shelf, seen: &[Seen]) -> Vec<Seen> {
    let mut waiting: BTreeMap<(TopicName, String, String), u64> = BTreeMap::new();
    for topic in shelf.topics() {
        for (_, entry) in shelf.undecided(&topic) {
            for Leaked { place, detector } in entry.found {
                *waiting.entry((topic.clone(), without_indices(&place), detector)).or_default() += 1;
            }
        }
    }
    let one = |((topic, place, detector), events)| Seen {
        topic,
        place,
        detector,
        answer: Answer::Quarantine,
        events,
    };
    let is_seen = |one: &Seen| {
        let mut known = seen.iter().filter(|known| known.answer == one.answer);
        known.any(|known| {
            (&known.topic, &known.place, &known.detector) == (&one.topic, &one.place, &one.detector)
        })
    };
    waiting.into_iter().map(one).filter(|one| !is_seen(one)).collect()
}

/// Where something was found, as it is told.
pub fn place(leak: &Leak) -> String {
    leak.pointer.chars().take(PLACE_CHARS).collect()
}

/// Longest place that is kept.
const PLACE_CHARS: usize = 1000;

/// `/parents/3/name` as `/parents/*/name`.
fn without_indices(place: &str) -> String {
    let is_index = |token: &str| !token.is_empty() && token.bytes().all(|byte| byte.is_ascii_digit());
    let shown = |token| if is_index(token) { "*" } else { token };
    place.split('/').map(shown).collect::<Vec<_>>().join("/")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_of_a_list_are_one_place() {
        for (place, told) in
            [("/a/0/b/12", "/a/*/b/*"), ("/a1", "/a1"), ("", ""), ("attribute dataref", "attribute dataref")]
        {
            assert_eq!(without_indices(place), told);
        }
    }

    #[test]
    fn what_is_found_again_is_counted_and_there_is_an_end_to_places() {
        let (findings, topic): (Findings, TopicName) = (Findings::default(), "a.b".parse().unwrap());
        for number in 0..2 * FINDINGS_MAX {
            findings.note(&topic, &format!("/x{number:06}"), "iban", Answer::Flag);
            findings.note(&topic, "/x000000", "iban", Answer::Flag);
        }
        let seen = findings.take();
        assert_eq!(seen.len(), FINDINGS_MAX);
        assert_eq!((seen[0].answer, seen[0].events), (Answer::Flag, 2 * FINDINGS_MAX as u64 + 1));
        assert_eq!(findings.take(), []);
    }

    #[test]
    fn what_waits_is_told_beside_what_was_refused() {
        let (findings, topic): (Findings, TopicName) = (Findings::default(), "a.b".parse().unwrap());
        for answer in [Answer::Refuse, Answer::Quarantine, Answer::Refuse] {
            findings.note(&topic, "/x", "iban", answer);
        }
        let seen: Vec<_> = findings.take().into_iter().map(|one| (one.answer, one.events)).collect();
        assert_eq!(seen, [(Answer::Refuse, 2), (Answer::Quarantine, 1)]);
    }
}
