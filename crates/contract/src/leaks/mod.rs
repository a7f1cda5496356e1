//! Finds personal data where a contract says that there is none: in what travels and is stored in the clear.
//!
//! A [`Detector`] knows one kind of data by its form and, where it has one, its checksum. Forms that hardly come about by
//! chance count wherever they stand; the others, such as a bare row of nine digits, only where the words before them or
//! the name of their field speak of what they would be ([`Set`] `expected`). Nothing that is found is ever repeated: what
//! leaves here is which detector it was.
//!
//! One pass counts what a text has; each way of looking says what it needs of that (`ways.rs`), and most texts have what
//! none of them needs.

mod checks;
mod digits;
mod elsewhere;
mod layouts;
mod national;
mod smells;
mod ways;
mod windows;
mod words;

use std::sync::LazyLock;

use ways::{Hits, LAYOUTS, WAYS};
use windows::windows;
use words::Vocabulary;

/// What is looked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Detector {
    /// Its name in the standards, such as `nl-bsn`.
    pub name: &'static str,
    /// What it finds, as in "holds a Dutch burgerservicenummer".
    pub what: &'static str,
}

/// Detectors by their place in [`detectors`].
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct Set(u64);

impl Set {
    /// None.
    pub const NONE: Set = Set(0);

    /// All of them.
    pub fn all() -> Set {
        detectors().iter().enumerate().fold(Set::NONE, |set, (at, _)| set.with(at))
    }

    /// Those of these names; what is no name of a detector is passed over.
    pub fn named<'n>(names: impl IntoIterator<Item = &'n String>) -> Set {
        names.into_iter().filter_map(|name| detector(name)).fold(Set::NONE, Set::with)
    }

    /// Whether the detector at this place is one of them.
    pub fn has(self, at: usize) -> bool {
        self.0 & (1 << at) != 0
    }

    /// With the detector at this place.
    pub fn with(self, at: usize) -> Set {
        Set(self.0 | (1 << at))
    }

    /// The places of those that are in it.
    pub fn places(self) -> impl Iterator<Item = usize> {
        let mut left = self.0;
        std::iter::from_fn(move || {
            let next = (left != 0).then(|| left.trailing_zeros() as usize);
            left &= left.wrapping_sub(1);
            next
        })
    }

    /// Those that are in both.
    pub fn and(self, others: Set) -> Set {
        Set(self.0 & others.0)
    }

    /// Those that are in either.
    pub fn or(self, others: Set) -> Set {
        Set(self.0 | others.0)
    }

    /// Without those.
    pub fn without(self, others: Set) -> Set {
        Set(self.0 & !others.0)
    }

    /// Whether there is none.
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Those whose data the name of a field speaks of, as `personalEmail` and `citizen_bsn` do.
    pub fn expected_by(name: &str) -> Set {
        VOCABULARY.spoken_of(name)
    }
}

const NATIONAL: usize = national::FORMS.len();
const IBAN: usize = NATIONAL;
const CARD: usize = NATIONAL + 1;
const EMAIL: usize = NATIONAL + 2;
const TELEPHONE: usize = NATIONAL + 3;
const MRZ: usize = NATIONAL + 4;
const COORDINATES: usize = NATIONAL + 5;
const COUNT: usize = NATIONAL + 6;

/// Every detector there is. A place in it means nothing beyond one run of the program.
pub fn detectors() -> &'static [Detector] {
    static ALL: LazyLock<Vec<Detector>> = LazyLock::new(|| {
        let national = national::FORMS.iter().map(|form| Detector { name: form.name, what: form.what });
        let others = [
            ("iban", "a bank account number (IBAN)"),
            ("payment-card", "the number of a payment card"),
            ("email", "an e-mail address"),
            ("telephone", "a telephone number"),
            ("mrz", "the machine-readable zone of a passport or card"),
            ("coordinates", "the place of a home"),
        ];
        national.chain(others.map(|(name, what)| Detector { name, what })).collect()
    });
    &ALL
}

/// The detector of this name.
pub fn detector(name: &str) -> Option<usize> {
    detectors().iter().position(|one| one.name == name)
}

/// The words that speak of what detectors find, each with a detector.
fn spoken() -> impl Iterator<Item = (&'static str, usize)> {
    let national = national::FORMS.iter().map(|form| [form.words, national::WORDS].concat());
    let others = [words::ACCOUNT, words::CARD, words::EMAIL, words::TELEPHONE, words::PASSPORT, words::HOME];
    let all = national.chain(others.map(<[_]>::to_vec)).enumerate();
    all.flat_map(|(at, words)| words.into_iter().map(move |word| (word, at)))
}

static VOCABULARY: LazyLock<Vocabulary> = LazyLock::new(|| Vocabulary::of(spoken()));

/// What may stand in a text, and what its place says of it.
#[derive(Debug, Clone, Copy, Default)]
pub struct Search<'n> {
    /// What is looked for.
    pub wanted: Set,
    /// Those of which a weak form counts too.
    pub expected: Set,
    /// A name whose words may speak of them as well; asked only when a weak form was found.
    pub named: &'n str,
    /// Whether the text is a number, which has no form of its own: then all forms are weak.
    pub is_number: bool,
}

/// The detectors that find something in the text.
pub fn scan(text: &str, search: Search<'_>) -> Set {
    let mut hits = Hits::of(text, search);
    if !hits.may_be_any() {
        return Set::NONE;
    }
    for way in &WAYS {
        if way.may_find(&hits) {
            (way.look)(&mut hits);
        }
    }
    hits.told
}

/// What the whole text is, if it is the national identifier of a person and one of those that are looked for: in whatever
/// layout, where a digit checks the others; else in one that is telling.
pub fn national_identifier(text: &str, wanted: Set) -> Option<&'static Detector> {
    let text = text.trim().as_bytes();
    let mut found = None;
    windows(text, &LAYOUTS, |window, written| {
        if found.is_none() && (window.start, window.end) == (0, text.len()) {
            let counts = |at: &usize| {
                let form = national::FORMS.get(*at);
                form.is_some_and(|form| {
                    (written.sure.has(*at) || form.is_checked) && (form.fits)(window.code().signs())
                })
            };
            found = written.sure.or(written.weak).and(wanted).places().find(counts);
        }
    });
    found.map(|at| &detectors()[at])
}

const _: () = assert!(COUNT <= 64, "a set of detectors is one word");

#[cfg(test)]
mod tests;
