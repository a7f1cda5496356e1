//! The ways in which personal data is looked for in a text, and what a text must have for each.

use std::sync::LazyLock;

use super::elsewhere::{self, CARD_SURE, CARD_WEAK, FEWEST_DIALLED, SHORTEST_IBAN};
use super::layouts::Layouts;
use super::windows::{Window, windows};
use super::words::near;
use super::{CARD, COORDINATES, EMAIL, IBAN, MRZ, NATIONAL, Search, Set, TELEPHONE, VOCABULARY, national};

/// A way of looking for some detectors' data, and what a text must have for it to find anything.
pub(super) struct Way {
    finds: Set,
    /// Fewest bytes.
    bytes: usize,
    /// Fewest signs.
    signs: Signs,
    pub(super) look: fn(&mut Hits<'_>),
}

/// All of them.
pub(super) const WAYS: [Way; 6] = [
    Way { finds: Set(1 << EMAIL), bytes: 6, signs: Signs { ats: 1, ..Signs::NONE }, look: addresses },
    Way { finds: CODES, bytes: 8, signs: Signs::of_digits(FEWEST_DIGITS), look: codes },
    Way {
        finds: Set(1 << IBAN),
        bytes: SHORTEST_IBAN,
        signs: Signs::of_digits(FEWEST_DIGITS),
        look: accounts,
    },
    Way {
        finds: Set(1 << TELEPHONE),
        bytes: FEWEST_DIALLED,
        signs: Signs::of_digits(FEWEST_DIALLED),
        look: telephones,
    },
    // Two dates with their check digits.
    Way { finds: Set(1 << MRZ), bytes: 30, signs: Signs { fillers: 1, ..Signs::of_digits(14) }, look: zones },
    // Four decimals, twice.
    Way {
        finds: Set(1 << COORDINATES),
        bytes: 12,
        signs: Signs { dots: 2, ..Signs::of_digits(8) },
        look: places,
    },
];

/// What a text has, or must have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Signs {
    pub(super) digits: usize,
    pub(super) dots: usize,
    pub(super) ats: usize,
    /// The `<` of machine-readable zones.
    pub(super) fillers: usize,
}

impl Signs {
    const NONE: Signs = Signs { digits: 0, dots: 0, ats: 0, fillers: 0 };

    const fn of_digits(digits: usize) -> Signs {
        Signs { digits, ..Signs::NONE }
    }

    /// Those of a text.
    pub(super) fn of(text: &[u8]) -> Signs {
        let mut signs = Signs::NONE;
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

    fn has(&self, fewest: &Signs) -> bool {
        self.digits >= fewest.digits
            && self.dots >= fewest.dots
            && self.ats >= fewest.ats
            && self.fillers >= fewest.fillers
    }
}

/// Those that are written in a layout: national identifiers and payment cards.
const CODES: Set = Set(((1 << NATIONAL) - 1) | (1 << CARD));

/// Fewest digits in a text in which anything but an address of mail is found.
pub(super) const FEWEST_DIGITS: usize = 6;

impl Way {
    /// Whether it may find something that is looked for.
    pub(super) fn may_find(&self, hits: &Hits<'_>) -> bool {
        let Hits { text, signs, search, .. } = hits;
        text.len() >= self.bytes && signs.has(&self.signs) && !search.wanted.and(self.finds).is_empty()
    }
}

/// What was found in one text.
pub(super) struct Hits<'t> {
    text: &'t str,
    signs: Signs,
    search: Search<'t>,
    pub(super) told: Set,
    looks: usize,
    /// What the words before a place speak of, kept for what else may begin there.
    near: Option<(usize, Set)>,
    /// What those of the name do.
    name: Option<Set>,
}

/// How often words are looked for in one text. What stands behind so many numbers that could be persons' is a list of
/// something else, or was told by its first ones.
const LOOKS: usize = 512;

impl<'t> Hits<'t> {
    /// None yet.
    pub(super) fn of(text: &'t str, search: Search<'t>) -> Self {
        let signs = Signs::of(text.as_bytes());
        Hits { text, signs, search, told: Set::NONE, looks: 0, near: None, name: None }
    }

    /// Whether any way may find something, by what all need.
    pub(super) fn may_be_any(&self) -> bool {
        self.signs.digits >= FEWEST_DIGITS || self.signs.ats > 0
    }

    /// Those of some detectors that would be told if they found something at a place; `sure`: whose form is telling.
    fn would_tell(&mut self, likely: Set, sure: Set, start: usize) -> Set {
        let Search { wanted, expected, is_number, .. } = self.search;
        let likely = likely.and(wanted).without(self.told);
        let alone = if is_number { expected } else { expected.or(sure) };
        if likely.without(alone).is_empty() { likely } else { likely.and(alone.or(self.spoken_of(start))) }
    }

    /// Tells what a detector found at a place, if that counts.
    fn tell(&mut self, at: usize, is_sure: bool, start: usize) {
        let found = Set::NONE.with(at);
        let told = self.would_tell(found, if is_sure { found } else { Set::NONE }, start);
        self.told = self.told.or(told);
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

/// What is written in a layout.
#[derive(Default)]
pub(super) struct Written {
    /// Codes for which it is telling by itself.
    pub(super) sure: Set,
    /// Others.
    pub(super) weak: Set,
}

/// All that codes are written in.
pub(super) static LAYOUTS: LazyLock<Layouts<Written>> = LazyLock::new(|| {
    let national = national::FORMS.iter().map(|form| (form.sure, form.weak));
    let mut layouts = Layouts::<Written>::new();
    for (at, (sure, weak)) in national.chain([(CARD_SURE, CARD_WEAK)]).enumerate() {
        let at = if at == NATIONAL { CARD } else { at };
        for layout in sure {
            let written = layouts.add(layout);
            written.sure = written.sure.with(at);
        }
        for layout in weak {
            let written = layouts.add(layout);
            written.weak = written.weak.with(at);
        }
    }
    layouts
});

/// Addresses of mail.
fn addresses(hits: &mut Hits<'_>) {
    let text = hits.text.as_bytes();
    let is_address = memchr::memchr_iter(b'@', text).any(|at| elsewhere::is_email(text, at));
    if is_address {
        hits.tell(EMAIL, true, 0);
    }
}

/// Codes that are written in a layout of theirs.
fn codes(hits: &mut Hits<'_>) {
    let text = hits.text.as_bytes();
    windows(text, &LAYOUTS, |window, written| {
        // What a hyphen or dot joins to more is part of some longer name; of a bare row, a slash says so too.
        let signs: &[u8] = if window.is_row() { b"-./:+" } else { b"-." };
        let is_part = || joins(text, window.start, -1, signs) || joins(text, window.end, 0, signs);
        let sure = if written.sure.is_empty() || is_part() { Set::NONE } else { written.sure };
        let (mut likely, is_crowded) = (written.sure.or(written.weak), hits.looks >= LOOKS / 2);
        // Words are asked before the digits, as near a number of a case there are none; in a text with very many numbers
        // after them, so that the few that could be persons' are still looked at.
        if is_crowded {
            likely = fitting(likely.and(hits.search.wanted), window);
        }
        let asked = hits.would_tell(likely, sure, window.start);
        hits.told = hits.told.or(if is_crowded { asked } else { fitting(asked, window) });
    });
}

/// Those of which a window is one.
fn fitting(likely: Set, window: &Window<'_>) -> Set {
    if likely.is_empty() {
        return Set::NONE;
    }
    let code = window.code();
    let code = code.signs();
    let fits = |at: &usize| match national::FORMS.get(*at) {
        Some(form) => (form.fits)(code),
        None => elsewhere::is_payment_card(code),
    };
    likely.places().filter(fits).fold(Set::NONE, Set::with)
}

/// Whether a sign beside a window joins it to something else.
pub(super) fn joins(text: &[u8], at: usize, by: isize, signs: &[u8]) -> bool {
    let beside = at.checked_add_signed(by).and_then(|at| text.get(at));
    let further = at.checked_add_signed(if by < 0 { by - 1 } else { by + 1 }).and_then(|at| text.get(at));
    beside.is_some_and(|byte| signs.contains(byte)) && further.is_some_and(u8::is_ascii_alphanumeric)
}

/// Bank accounts.
fn accounts(hits: &mut Hits<'_>) {
    let text = hits.text.as_bytes();
    for (at, byte) in text[..text.len() + 1 - SHORTEST_IBAN].iter().enumerate() {
        if byte.is_ascii_uppercase() && begins(text, at) && elsewhere::iban(text, at) {
            hits.tell(IBAN, true, at);
        }
    }
}

/// Telephone numbers: from a plus on, or as they are dialled within a country.
fn telephones(hits: &mut Hits<'_>) {
    let text = hits.text.as_bytes();
    for (at, byte) in text[..text.len() + 1 - FEWEST_DIALLED].iter().enumerate() {
        match byte {
            b'+' if elsewhere::is_telephone(text, at) => hits.tell(TELEPHONE, true, at),
            b'0' | b'(' if begins(text, at) && elsewhere::is_dialled(text, at) => {
                hits.tell(TELEPHONE, false, at)
            }
            _ => {}
        }
    }
}

/// Whether no letter or digit stands before a place.
fn begins(text: &[u8], at: usize) -> bool {
    at == 0 || !text[at - 1].is_ascii_alphanumeric()
}

/// Places on the map.
fn places(hits: &mut Hits<'_>) {
    let text = hits.text.as_bytes();
    for (at, byte) in text.iter().enumerate() {
        let is_begin = (byte.is_ascii_digit() || *byte == b'-') && begins(text, at);
        if is_begin && elsewhere::is_place(text, at) {
            hits.tell(COORDINATES, false, at);
        }
    }
}

/// Rows of the signs of a machine-readable zone, over the ends of its lines.
pub(super) fn zones(hits: &mut Hits<'_>) {
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
        if (1..=3).any(of_equal_length) {
            hits.tell(MRZ, true, at);
        }
        at += row.len() + 1;
    }
}
