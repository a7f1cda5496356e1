//! Finds personal data where a contract says that there is none: in what travels and is stored in the clear.
//!
//! A [`Detector`] knows one kind of data by its form and, where it has one, its checksum. Forms that hardly come about by
//! chance count wherever they stand; the others, such as a bare row of nine digits, only where the words before them or
//! the name of their field speak of what they would be ([`Set`] `expected`). Nothing that is found is ever repeated: what
//! leaves here is which detector it was.
//!
//! Most texts have too few digits and no sign of the rest, and are left after one pass.

mod checks;
mod digits;
mod elsewhere;
mod layouts;
mod national;
mod smells;
mod windows;
mod words;

use std::sync::LazyLock;

use elsewhere::{CARD_SURE, CARD_WEAK};
use layouts::Layouts;
use windows::{FEWEST_DIGITS, windows};
use words::{Vocabulary, near};

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

/// The words that speak of what detectors find.
static VOCABULARY: LazyLock<Vocabulary> = LazyLock::new(|| {
    let national = national::FORMS.iter().map(|form| [form.words, national::WORDS].concat());
    let others = [words::ACCOUNT, words::CARD, words::EMAIL, words::TELEPHONE, words::PASSPORT, words::HOME];
    let all = national.chain(others.map(<[_]>::to_vec)).enumerate();
    Vocabulary::of(all.flat_map(|(at, words)| words.into_iter().map(move |word| (word, at))))
});

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
    let bytes = text.as_bytes();
    let signs = signs(bytes);
    if search.wanted.is_empty() || (signs.digits < FEWEST_DIGITS && signs.ats == 0) {
        return Set::NONE;
    }
    let mut hits = Hits { text, search, told: Set::NONE, looks: 0, near: None, name: None };
    if signs.ats > 0 && search.wanted.has(EMAIL) {
        let is_email = memchr::memchr_iter(b'@', bytes).any(|at| elsewhere::is_email(bytes, at));
        if is_email && hits.would_tell(EMAIL, true, 0) {
            hits.tell(EMAIL);
        }
    }
    if signs.digits < FEWEST_DIGITS {
        return hits.told;
    }
    codes(&mut hits);
    numbers(&mut hits);
    if signs.dots >= 2 {
        places(&mut hits);
    }
    if signs.fillers > 0 {
        zones(&mut hits);
    }
    hits.told
}

/// What was found in one text.
struct Hits<'t> {
    text: &'t str,
    search: Search<'t>,
    told: Set,
    looks: usize,
    /// What the words before a place speak of, kept for what else may begin there.
    near: Option<(usize, Set)>,
    /// What those of the name do.
    name: Option<Set>,
}

/// How often words are looked for in one text. What stands behind so many numbers that could be persons' is a list of
/// something else, or was told by its first ones.
const LOOKS: usize = 512;

impl Hits<'_> {
    /// Whether something would be told if a detector found it at a place.
    fn would_tell(&mut self, at: usize, is_sure: bool, start: usize) -> bool {
        let Search { wanted, expected, is_number, .. } = self.search;
        wanted.has(at)
            && !self.told.has(at)
            && ((is_sure && !is_number) || expected.has(at) || self.spoken_of(start).has(at))
    }

    fn tell(&mut self, at: usize) {
        self.told = self.told.with(at);
    }

    /// What the words before a place speak of, and those of the name.
    fn spoken_of(&mut self, start: usize) -> Set {
        let near = match self.near {
            Some((known, set)) if known == start => set,
            _ if self.looks == LOOKS => Set::NONE,
            _ => {
                self.looks += 1;
                VOCABULARY.spoken_of(near(self.text, start))
            }
        };
        self.near = Some((start, near));
        near.or(*self.name.get_or_insert_with(|| VOCABULARY.spoken_of(self.search.named)))
    }
}

/// What the whole text is, if it is the national identifier of a person and one of those that are looked for: in whatever
/// layout, where a digit checks the others; else in one that is telling.
pub fn national_identifier(text: &str, wanted: Set) -> Option<&'static Detector> {
    let text = text.trim().as_bytes();
    let mut found = None;
    windows(text, &LAYOUTS, |window, written| {
        let counts = |one: &&Written| {
            let is_national =
                national::FORMS.get(one.at).is_some_and(|known| one.is_sure || known.is_checked);
            is_national && wanted.has(one.at) && (one.fits)(window.code)
        };
        if (window.start, window.end) == (0, text.len()) {
            found = found.or_else(|| written.iter().find(counts).map(|one| one.at));
        }
    });
    found.map(|at| &detectors()[at])
}

/// What tells quickly that there is nothing.
struct Signs {
    digits: usize,
    dots: usize,
    ats: usize,
    fillers: usize,
}

fn signs(text: &[u8]) -> Signs {
    let mut signs = Signs { digits: 0, dots: 0, ats: 0, fillers: 0 };
    // Small counters in a row are added by the vector unit.
    for part in text.chunks(192) {
        let (mut digits, mut dots, mut ats, mut fillers) = (0u8, 0u8, 0u8, 0u8);
        for byte in part {
            digits += u8::from(byte.is_ascii_digit());
            dots += u8::from(*byte == b'.');
            ats += u8::from(*byte == b'@');
            fillers += u8::from(*byte == b'<');
        }
        signs.digits += usize::from(digits);
        signs.dots += usize::from(dots);
        signs.ats += usize::from(ats);
        signs.fillers += usize::from(fillers);
    }
    signs
}

/// One way in which a code is written.
struct Written {
    /// The detector's place.
    at: usize,
    is_sure: bool,
    fits: fn(&[u8]) -> bool,
}

/// All of them.
static LAYOUTS: LazyLock<Layouts<Written>> = LazyLock::new(|| {
    let national = national::FORMS.iter().enumerate();
    let national = national.map(|(at, form)| (at, form.sure, form.weak, form.fits));
    let card = (CARD, CARD_SURE, CARD_WEAK, elsewhere::is_payment_card as fn(&[u8]) -> bool);
    let mut layouts = Layouts::new();
    for (at, sure, weak, fits) in national.chain([card]) {
        for (ways, is_sure) in [(sure, true), (weak, false)] {
            ways.iter().for_each(|layout| layouts.add(layout, Written { at, is_sure, fits }));
        }
    }
    layouts
});

/// Codes that are written in a layout of theirs.
fn codes(hits: &mut Hits<'_>) {
    let text = hits.text.as_bytes();
    windows(text, &LAYOUTS, |window, written| {
        // What a hyphen or dot joins to more is part of some longer name; of a bare row, a slash says so too.
        let signs: &[u8] = if window.is_row() { b"-./:+" } else { b"-." };
        let is_part = joins(text, window.start, -1, signs) || joins(text, window.end, 0, signs);
        for one in written {
            let is_sure = one.is_sure && !is_part;
            // Words are asked before the digits, as near a number of a case there are none; in a text with very many numbers
            // after them, so that the few that could be persons' are still looked at.
            let digits_first = hits.looks >= LOOKS / 2;
            let fits = || (one.fits)(window.code);
            let is_one = (!digits_first || fits())
                && hits.would_tell(one.at, is_sure, window.start)
                && (digits_first || fits());
            if is_one {
                hits.tell(one.at);
            }
        }
    });
}

/// Whether a sign beside a window joins it to something else.
fn joins(text: &[u8], at: usize, by: isize, signs: &[u8]) -> bool {
    let beside = at.checked_add_signed(by).and_then(|at| text.get(at));
    let further = at.checked_add_signed(if by < 0 { by - 1 } else { by + 1 }).and_then(|at| text.get(at));
    beside.is_some_and(|byte| signs.contains(byte)) && further.is_some_and(u8::is_ascii_alphanumeric)
}

/// What begins with a sign of its own: accounts and telephone numbers.
fn numbers(hits: &mut Hits<'_>) {
    let text = hits.text.as_bytes();
    for (at, byte) in text.iter().enumerate() {
        let begins = || at == 0 || !text[at - 1].is_ascii_alphanumeric();
        let (found, is_sure) = match byte {
            b'A'..=b'Z' if begins() && elsewhere::iban(text, at) => (IBAN, true),
            b'+' if elsewhere::is_telephone(text, at) => (TELEPHONE, true),
            b'0' | b'(' if begins() && elsewhere::is_dialled(text, at) => (TELEPHONE, false),
            _ => continue,
        };
        if hits.would_tell(found, is_sure, at) {
            hits.tell(found);
        }
    }
}

/// Places on the map.
fn places(hits: &mut Hits<'_>) {
    let text = hits.text.as_bytes();
    for (at, byte) in text.iter().enumerate() {
        let begins =
            (byte.is_ascii_digit() || *byte == b'-') && (at == 0 || !text[at - 1].is_ascii_alphanumeric());
        if begins && elsewhere::is_place(text, at) && hits.would_tell(COORDINATES, false, at) {
            hits.tell(COORDINATES);
        }
    }
}

/// Rows of the signs of a machine-readable zone, over the ends of its lines.
fn zones(hits: &mut Hits<'_>) {
    let text = hits.text.as_bytes();
    let is_sign = |byte: u8| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'<';
    let mut at = 0;
    while at < text.len() {
        let row = text[at..].iter().take_while(|byte| is_sign(**byte) || byte.is_ascii_whitespace());
        let row = &text[at..at + row.count()];
        let lines: Vec<&[u8]> = row.split(u8::is_ascii_whitespace).filter(|line| !line.is_empty()).collect();
        let of_equal_length = |count: usize| {
            lines.windows(count).any(|lines| {
                lines.iter().all(|line| line.len() == lines[0].len()) && elsewhere::is_mrz(&lines.concat())
            })
        };
        if (1..=3).any(of_equal_length) && hits.would_tell(MRZ, true, at) {
            hits.tell(MRZ);
        }
        at += row.len() + 1;
    }
}

const _: () = assert!(COUNT <= 64, "a set of detectors is one word");

#[cfg(test)]
mod tests;
