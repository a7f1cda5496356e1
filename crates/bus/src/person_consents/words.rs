//! What people said of who may have what is about them, folded: a later word replaces an earlier one.
//!
//! The fold asks for no order. What comes of a set of words is the same however often and in whichever order they are read,
//! so that a table that was read anew is the live one.

use std::collections::{HashMap, HashSet};

use contract::AgencyName;
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

    /// The consent that stands.
    fn standing(&self, now_ms: u64) -> Option<Given> {
        self.given.filter(|given| now_ms < given.until_ms && !self.is_withdrawn(given))
    }

    /// Whether a consent was withdrawn. One that reaches the bus after a withdrawal, but was said before it, does not undo it.
    fn is_withdrawn(&self, given: &Given) -> bool {
        self.withdrawn.is_some_and(|it| {
            let is_later = given.place.is_after(it.place);
            let is_certain = !it.in_several || given.place.time_ms > it.place.time_ms;
            !(is_later && is_certain && given.said_ms >= it.said_ms)
        })
    }

    /// What they come to: by which record, and until when.
    fn outcome(&self, now_ms: u64) -> Option<(Standing, Place, Option<u64>)> {
        match (self.given.filter(|given| !self.is_withdrawn(given)), self.withdrawn) {
            (Some(given), _) => {
                let standing = if now_ms < given.until_ms { Standing::Given } else { Standing::Ended };
                Some((standing, given.place, Some(given.until_ms).filter(|until_ms| *until_ms < u64::MAX)))
            }
            (None, withdrawn) => withdrawn.map(|it| (Standing::Withdrawn, it.place, None)),
        }
    }
}

/// What a person's words of one purpose, to one recipient or to all, come to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Word {
    /// For what.
    pub purpose: String,
    /// Who may have it; none: whoever has that purpose.
    pub recipient: Option<String>,
    /// What became of it.
    pub standing: Standing,
    /// The record that decides.
    pub place: Place,
    /// Until when what was given holds, in milliseconds since 1970; none: until it is withdrawn.
    pub until_ms: Option<u64>,
}

/// What became of a consent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// It stands.
    Given,
    /// It was withdrawn.
    Withdrawn,
    /// Its time has run.
    Ended,
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

/// What consent is asked about.
#[derive(Debug, Clone, Copy)]
pub struct What<'w> {
    /// For what the data are wanted.
    pub purpose: &'w str,
    /// Which agency wants them.
    pub recipient: &'w str,
    /// The agencies whose right it took over.
    pub formerly: &'w [AgencyName],
}

/// Everybody's words, by what one agency's keys call people. At most 128 bytes for each person, purpose and recipient, and
/// what a hash table leaves free.
#[derive(Default)]
pub struct Table {
    /// Purposes and recipients, with the number that stands for each.
    names: HashMap<Box<str>, u32>,
    /// The last number that was given to a name.
    last: u32,
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
        let number = self.last.checked_add(1)?;
        self.last = number;
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
        what: What<'_>,
        now_ms: u64,
        is_gone: impl FnOnce(&Pseudonym) -> bool,
    ) -> bool {
        let Some(purpose) = self.names.get(what.purpose) else { return false };
        let of = |recipient: u32| self.words.get(&(*person, *purpose, recipient)).copied();
        let named = |name: &str| self.names.get(name).and_then(|number| of(*number)).unwrap_or_default();
        let words = of(ANY).unwrap_or_default().with(named(what.recipient));
        // Who took over another's right takes over what was withdrawn from the other; not what was given to it.
        let withdrawn = |former: &AgencyName| Words { given: None, ..named(former.as_str()) };
        let words = what.formerly.iter().map(withdrawn).fold(words, Words::with);
        words.standing(now_ms).is_some_and(|given| given.by.is_none_or(|by| !is_gone(&by)))
    }

    /// What a person said, for each purpose and recipient that they spoke of; of a recipient with what was said to all.
    pub fn said_by(&self, person: &Pseudonym, now_ms: u64) -> Vec<Word> {
        let names: HashMap<u32, &str> = self.names.iter().map(|(name, number)| (*number, &**name)).collect();
        let own = self.words.iter().filter(|((whose, ..), _)| whose == person);
        let of_one = |(&(_, purpose, recipient), words): (&(Pseudonym, u32, u32), &Words)| {
            let to_all = self.words.get(&(*person, purpose, ANY)).copied().unwrap_or_default();
            let words = if recipient == ANY { *words } else { to_all.with(*words) };
            let (standing, place, until_ms) = words.outcome(now_ms)?;
            let purpose = (*names.get(&purpose)?).to_owned();
            let recipient = names.get(&recipient).map(|name| (*name).to_owned());
            Some(Word { purpose, recipient, standing, place, until_ms })
        };
        let mut said: Vec<Word> = own.filter_map(of_one).collect();
        said.sort_by(|a, b| (&a.purpose, &a.recipient).cmp(&(&b.purpose, &b.recipient)));
        said
    }

    /// Drops what changes no answer from `now_ms` on, where topics keep events for `kept_ms`: consent stands no longer than
    /// that, and so a withdrawal that is older ends nothing that would stand.
    pub fn forget(&mut self, now_ms: u64, kept_ms: u64) {
        let is_old = |place: Place| place.time_ms.saturating_add(kept_ms) <= now_ms;
        self.words.retain(|_, words| {
            words.given = words.given.filter(|given| !is_old(given.place));
            words.withdrawn = words.withdrawn.filter(|it| !is_old(it.place));
            *words != Words::default()
        });
        let used: HashSet<u32> =
            self.words.keys().flat_map(|(_, purpose, recipient)| [*purpose, *recipient]).collect();
        self.names.retain(|_, number| used.contains(number));
        if self.words.capacity() / 4 > self.words.len() {
            self.words.shrink_to_fit();
        }
    }

    /// How many words are kept.
    pub fn len(&self) -> usize {
        self.words.len()
    }
}

#[cfg(test)]
mod tests;
