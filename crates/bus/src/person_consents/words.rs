//! What people said of who may have what is about them, folded: a later word replaces an earlier one.
//!
//! The fold asks for no order. What comes of a set of words is the same however often and in whichever order they are read,
//! so that a table that was read anew is the live one.

use std::collections::HashMap;

use governance::person_consent::{PURPOSE_MAX_BYTES, Recipients, Record};
use journal::StreamId;
use seal::Pseudonym;

/// Where a word stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// When it became durable, in milliseconds since 1970.
    pub time_ms: u64,
    /// The partition.
    pub stream: StreamId,
    /// The offset.
    pub offset: u64,
}

impl Place {
    /// Whether it is later than another for certain: of one moment, only what one partition holds has an order.
    fn is_after(self, other: Place) -> bool {
        match self.time_ms == other.time_ms {
            true => self.stream == other.stream && self.offset > other.offset,
            false => self.time_ms > other.time_ms,
        }
    }
}

/// The last time that consent was given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Given {
    place: Place,
    /// When the person said so, in milliseconds since 1970; never after it became durable.
    said_ms: u64,
    /// From when on it does not hold any more, in milliseconds since 1970.
    until_ms: u64,
    /// What the person is called where the record stands.
    by: Option<Pseudonym>,
}

/// The latest that it was withdrawn, by either measure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Withdrawn {
    place: Place,
    said_ms: u64,
    /// Whether several partitions have one of that moment.
    in_several: bool,
}

/// What one person said of one purpose, to one recipient or to all.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Words {
    given: Option<Given>,
    withdrawn: Option<Withdrawn>,
}

impl Words {
    fn give(&mut self, new: Given) {
        if self.given.is_none_or(|known| known.place < new.place) {
            self.given = Some(new);
        }
    }

    fn withdraw(&mut self, new: Withdrawn) {
        let known = self.withdrawn.unwrap_or(new);
        let (early, late) = if known.place < new.place { (known, new) } else { (new, known) };
        let of_one_moment = early.place.time_ms == late.place.time_ms;
        let several = early.in_several || early.place.stream != late.place.stream;
        self.withdrawn = Some(Withdrawn {
            place: late.place,
            said_ms: known.said_ms.max(new.said_ms),
            in_several: late.in_several || (of_one_moment && several),
        });
    }

    /// What both come to.
    fn with(mut self, other: Words) -> Words {
        other.given.into_iter().for_each(|given| self.give(given));
        other.withdrawn.into_iter().for_each(|withdrawn| self.withdraw(withdrawn));
        self
    }

    /// The consent that stands. One that reaches the bus after a withdrawal, but was said before it, does not undo it.
    fn standing(&self, now_ms: u64) -> Option<Given> {
        let after = |given: &Given, it: Withdrawn| {
            let is_later = given.place.is_after(it.place);
            let is_certain = !it.in_several || given.place.time_ms > it.place.time_ms;
            is_later && is_certain && given.said_ms >= it.said_ms
        };
        self.given.filter(|given| now_ms < given.until_ms && self.withdrawn.is_none_or(|it| after(given, it)))
    }
}

/// One record as the fold takes it.
pub struct Said<'r> {
    /// What it says.
    pub record: &'r Record,
    /// Where it stands.
    pub place: Place,
    /// How long its topic keeps events, in milliseconds: it stands no longer, from when it was said.
    pub kept_ms: u64,
    /// What the person is called there.
    pub by: Option<Pseudonym>,
}

/// Everybody's words, by what one agency's keys call people. At most 128 bytes for each person, purpose and recipient, and
/// what a hash table leaves free.
#[derive(Default)]
pub struct Table {
    /// Purposes and recipients, with the number that stands for each.
    names: HashMap<Box<str>, u32>,
    words: HashMap<(Pseudonym, u32, u32), Words>,
}

/// Stands for every recipient.
const ANY: u32 = 0;

impl Table {
    /// Takes a person's record.
    pub fn fold(&mut self, person: Pseudonym, said: &Said<'_>) {
        for (purpose, recipients) in &said.record.purposes {
            let Some(purpose) = self.number(purpose) else { continue };
            match recipients {
                Recipients::Any => self.add((person, purpose, ANY), said),
                Recipients::Named(named) => {
                    for recipient in named.iter().filter_map(|name| self.number(name)).collect::<Vec<_>>() {
                        self.add((person, purpose, recipient), said);
                    }
                }
            }
        }
    }

    /// The number of a name; none of one that nobody can ask for.
    fn number(&mut self, name: &str) -> Option<u32> {
        if name.len() > PURPOSE_MAX_BYTES {
            return None;
        }
        if let Some(number) = self.names.get(name) {
            return Some(*number);
        }
        let number = u32::try_from(self.names.len() + 1).ok()?;
        self.names.insert(name.into(), number);
        Some(number)
    }

    fn add(&mut self, key: (Pseudonym, u32, u32), said: &Said<'_>) {
        let Said { record, place, kept_ms, by } = *said;
        let said_ms = record.event_ms.map_or(place.time_ms, |at_ms| at_ms.min(place.time_ms));
        let words = self.words.entry(key).or_default();
        if record.given {
            // A time before its own counts from what was said, not from what was written of it later.
            let valid_ms = record.until_ms.zip(record.event_ms).map(|(until, at)| until.saturating_sub(at));
            let until_ms = valid_ms.map_or(u64::MAX, |valid_ms| said_ms.saturating_add(valid_ms));
            // Not from when it was written: a withdrawal that it is older than would be gone before it.
            let until_ms = until_ms.min(said_ms.saturating_add(kept_ms));
            words.give(Given { place, said_ms, until_ms, by });
        } else {
            words.withdraw(Withdrawn { place, said_ms, in_several: false });
        }
    }

    /// Whether a person's consent stands, that a recipient has what is about them for a purpose. `is_gone` is asked whether
    /// who gave it was erased where they gave it.
    pub fn stands(
        &self,
        person: &Pseudonym,
        (purpose, recipient): (&str, &str),
        now_ms: u64,
        is_gone: impl FnOnce(&Pseudonym) -> bool,
    ) -> bool {
        let Some(purpose) = self.names.get(purpose) else { return false };
        let of =
            |recipient: u32| self.words.get(&(*person, *purpose, recipient)).copied().unwrap_or_default();
        let named = self.names.get(recipient).map(|number| of(*number)).unwrap_or_default();
        let standing = of(ANY).with(named).standing(now_ms);
        standing.is_some_and(|given| given.by.is_none_or(|by| !is_gone(&by)))
    }

    /// How many words are kept.
    pub fn len(&self) -> usize {
        self.words.len()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const PURPOSES: [&str; 2] = ["advice", "statistics"];
    const AGENCIES: [&str; 2] = ["tax-office", "courts"];
    const KEPT_MS: u64 = 400;

    fn person(number: u8) -> Pseudonym {
        Pseudonym([number; 16])
    }

    /// What one record says, of people, purposes and recipients of whom there are two each.
    #[derive(Debug, Clone)]
    struct Step {
        person: u8,
        purpose: usize,
        recipients: Recipients,
        given: bool,
        /// How long before it became durable it was said.
        before_ms: u64,
        /// The partition.
        stream: u32,
        valid_ms: Option<u64>,
    }

    prop_compose! {
        fn step()(person in 0..2u8, purpose in 0..2usize, given: bool, before_ms in 0..20u64,
            valid_ms in proptest::option::of(1..100u64), stream in 0..2u32,
            named in proptest::option::of(proptest::collection::vec(0..2usize, 1..3))) -> Step {
            let names = |named: Vec<usize>| named.into_iter().map(|one| AGENCIES[one].to_owned()).collect();
            let recipients = named.map_or(Recipients::Any, |named| Recipients::Named(names(named)));
            Step { person, purpose, recipients, given, before_ms, stream, valid_ms }
        }
    }

    /// Each step a record of its own moment, ten milliseconds after the one before.
    fn records(steps: &[Step]) -> Vec<(u8, Record, Place)> {
        let one = |(at, step): (usize, &Step)| {
            let time_ms = 1_000 + 10 * at as u64;
            let event_ms = time_ms - step.before_ms;
            let record = Record {
                principal: String::new(),
                purposes: vec![(PURPOSES[step.purpose].to_owned(), step.recipients.clone())],
                given: step.given,
                event_ms: Some(event_ms),
                until_ms: step.valid_ms.map(|valid_ms| event_ms + valid_ms),
            };
            (step.person, record, Place { time_ms, stream: StreamId(step.stream), offset: at as u64 })
        };
        steps.iter().enumerate().map(one).collect()
    }

    fn folded(records: &[(u8, Record, Place)], order: impl Iterator<Item = usize>) -> Table {
        let mut table = Table::default();
        for at in order {
            let (who, record, place) = &records[at];
            let said = Said { record, place: *place, kept_ms: KEPT_MS, by: None };
            table.fold(person(*who), &said);
        }
        table
    }

    fn all() -> impl Iterator<Item = (u8, &'static str, &'static str)> {
        (0..2)
            .flat_map(|who| PURPOSES.map(|purpose| (who, purpose)))
            .flat_map(|(who, purpose)| AGENCIES.map(|it| (who, purpose, it)))
    }

    fn concerns(record: &Record, (purpose, agency): (&str, &str)) -> bool {
        record.purposes.iter().any(|(of, whom)| {
            of == purpose
                && match whom {
                    Recipients::Any => true,
                    Recipients::Named(named) => named.iter().any(|name| name == agency),
                }
        })
    }

    proptest! {
        #[test]
        fn read_again_in_any_order_and_twice_it_comes_to_the_same(
            steps in proptest::collection::vec(step(), 0..20), seed: u64, now_ms in 1_000..1_700u64,
        ) {
            let records = records(&steps);
            let live = folded(&records, 0..records.len());
            let mut order: Vec<usize> = (0..records.len()).chain(0..records.len()).collect();
            order.sort_by_key(|at| (*at as u64 + 1).wrapping_mul(seed | 1).rotate_left(17));
            let again = folded(&records, order.into_iter());
            for (who, purpose, agency) in all() {
                let stands = |table: &Table| table.stands(&person(who), (purpose, agency), now_ms, |_| false);
                prop_assert_eq!(stands(&live), stands(&again));
            }
        }

        #[test]
        fn it_stands_only_if_the_last_word_gave_it_and_neither_time_nor_its_topic_ended_it(
            steps in proptest::collection::vec(step(), 0..20), now_ms in 1_000..1_700u64,
        ) {
            let records = records(&steps);
            let table = folded(&records, 0..records.len());
            for (who, purpose, agency) in all() {
                let mine = |(of, record, _): &&(u8, Record, Place)| *of == who && concerns(record, (purpose, agency));
                let stands = table.stands(&person(who), (purpose, agency), now_ms, |_| false);
                let Some((_, last, _)) = records.iter().rfind(mine) else {
                    prop_assert!(!stands, "nobody said anything");
                    continue;
                };
                let over = last.until_ms.is_some_and(|until_ms| now_ms >= until_ms) || now_ms >= last.event_ms.unwrap_or_default() + KEPT_MS;
                let withdrawn_later = records.iter().filter(mine).any(|(_, it, _)| !it.given && it.event_ms > last.event_ms);
                prop_assert_eq!(stands, last.given && !over && !withdrawn_later);
            }
        }
    }

    #[test]
    fn what_is_kept_of_a_word_is_small() {
        assert!(size_of::<((Pseudonym, u32, u32), Words)>() <= 128);
    }

    #[test]
    fn who_was_erased_where_they_consented_consents_to_nothing() {
        let step = Step {
            person: 0,
            purpose: 0,
            recipients: Recipients::Any,
            given: true,
            before_ms: 0,
            stream: 0,
            valid_ms: None,
        };
        let (_, record, place) = records(&[step]).remove(0);
        let mut table = Table::default();
        table.fold(person(0), &Said { record: &record, place, kept_ms: u64::MAX, by: Some(person(9)) });
        let stands = |gone: bool| {
            table.stands(&person(0), (PURPOSES[0], AGENCIES[0]), 2_000, |by| *by == person(9) && gone)
        };
        assert!(stands(false) && !stands(true));
    }

    #[test]
    fn of_one_moment_only_one_partition_has_an_order_and_otherwise_nobody_consents() {
        let word = |given, stream, offset| {
            let record = Record {
                principal: String::new(),
                purposes: vec![(PURPOSES[0].to_owned(), Recipients::Any)],
                given,
                event_ms: Some(1_000),
                until_ms: None,
            };
            (0, record, Place { time_ms: 1_000, stream: StreamId(stream), offset })
        };
        let stands = |records: &[(u8, Record, Place)]| {
            let orders = [(0..records.len()).collect::<Vec<_>>(), (0..records.len()).rev().collect()];
            let [live, again] = orders.map(|order| {
                folded(records, order.into_iter()).stands(
                    &person(0),
                    (PURPOSES[0], AGENCIES[0]),
                    1_001,
                    |_| false,
                )
            });
            assert_eq!(live, again);
            live
        };
        assert!(stands(&[word(false, 1, 3), word(true, 1, 4)]));
        assert!(!stands(&[word(true, 1, 3), word(false, 1, 4)]));
        assert!(!stands(&[word(true, 0, 900), word(false, 1, 3)]));
        assert!(!stands(&[word(false, 0, 900), word(false, 1, 3), word(true, 1, 4)]));
    }
}
