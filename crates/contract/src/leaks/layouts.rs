//! How codes are written, as a tree: a text is followed sign by sign, and left as soon as no code goes on like that.

/// What a byte is in a layout, and whether a code can stand beside it.
const fn class(byte: u8) -> u8 {
    match byte {
        b'0'..=b'9' => DIGIT | WORD,
        b'a'..=b'z' | b'A'..=b'Z' => LETTER | WORD,
        b' ' => 2,
        // A plus says no more than a hyphen.
        b'-' | b'+' => 3,
        b'.' => 4,
        b'/' => 5,
        b'_' | 0x80.. => NO_SIGN | WORD,
        _ => NO_SIGN,
    }
}

const DIGIT: u8 = 0;
const LETTER: u8 = 1;
const SIGNS: usize = 6;
const NO_SIGN: u8 = 7;
const SIGN: u8 = 0b111;
const WORD: u8 = 0b1000;

static CLASSES: [u8; 256] = {
    let (mut classes, mut byte) = ([0; 256], 0);
    while byte < 256 {
        classes[byte] = class(byte as u8);
        byte += 1;
    }
    classes
};

/// Whether a code cannot begin behind it, nor end before it.
pub(super) fn is_word(byte: u8) -> bool {
    CLASSES[usize::from(byte)] & WORD != 0
}

/// The tree; to each of its layouts belongs a `T`.
pub(super) struct Layouts<T> {
    places: Vec<Place>,
    written: Vec<T>,
    /// Bytes of the shortest layout.
    pub(super) shortest: usize,
}

/// A place in the tree: which one each sign leads to, and what is written like the way to here. 0 is none: to the first
/// place nothing leads, and the first of what is written is nothing.
#[derive(Clone, Copy, Default)]
pub(super) struct Place {
    next: [u16; SIGNS],
    written: u16,
}

impl<T: Default> Layouts<T> {
    pub(super) fn new() -> Self {
        Self { places: vec![Place::default()], written: vec![T::default()], shortest: usize::MAX }
    }

    /// What belongs to all that is written like `9999.99.999`: `9` a digit, `A` a letter, `X` either, the rest as it
    /// stands.
    pub(super) fn add(&mut self, layout: &str) -> &mut T {
        self.shortest = self.shortest.min(layout.len());
        let mut at = 0;
        for sign in layout.bytes() {
            let signs: &[u8] = if sign == b'X' { &[DIGIT, LETTER] } else { &[class(sign) & SIGN] };
            let known = self.places[at].next[usize::from(signs[0])];
            let next = if known == 0 { number(self.places.len()) } else { known };
            self.places.resize(self.places.len().max(usize::from(next) + 1), Place::default());
            for sign in signs {
                let way = &mut self.places[at].next[usize::from(*sign)];
                assert!(
                    *way == 0 || *way == next,
                    "{layout}: where either may stand, nothing else begins like it"
                );
                *way = next;
            }
            at = usize::from(next);
        }
        let place = &mut self.places[at];
        if place.written == 0 {
            place.written = number(self.written.len());
            self.written.push(T::default());
        }
        &mut self.written[usize::from(place.written)]
    }

    /// Where every way begins.
    pub(super) fn begin(&self) -> &Place {
        &self.places[0]
    }

    /// Where a byte leads from a place.
    pub(super) fn follow(&self, from: &Place, byte: u8) -> Option<&Place> {
        let sign = usize::from(CLASSES[usize::from(byte)] & SIGN);
        let next = *from.next.get(sign)?;
        if next == 0 { None } else { self.places.get(usize::from(next)) }
    }

    /// What is written like the way to a place.
    pub(super) fn written(&self, at: &Place) -> Option<&T> {
        if at.written == 0 { None } else { self.written.get(usize::from(at.written)) }
    }
}

fn number(count: usize) -> u16 {
    u16::try_from(count).expect("layouts are few and short")
}
