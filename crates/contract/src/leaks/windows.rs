//! The parts of a text that are written like a code, and stand by themselves.

use super::layouts::{Layouts, is_word};
use super::ways::FEWEST_DIGITS;

/// Longest layout of a code, with its separators.
const LONGEST: usize = 24;

/// A part of a text that stands by itself.
pub(super) struct Window<'w> {
    text: &'w [u8],
    /// Where it begins.
    pub(super) start: usize,
    /// Where it ends.
    pub(super) end: usize,
    digits: usize,
}

impl Window<'_> {
    /// Whether it is a bare row of digits.
    pub(super) fn is_row(&self) -> bool {
        self.digits == self.end - self.start
    }

    /// What of it is checked.
    pub(super) fn code(&self) -> Code {
        let mut code = Code { signs: [0; LONGEST], length: 0 };
        let part = self.text[self.start..self.end].iter();
        let signs = part.filter(|byte| byte.is_ascii_alphanumeric()).map(u8::to_ascii_uppercase);
        code.length = code.signs.iter_mut().zip(signs).map(|(kept, sign)| *kept = sign).count();
        code
    }
}

/// The letters, in upper case, and digits of a window.
pub(super) struct Code {
    signs: [u8; LONGEST],
    length: usize,
}

impl Code {
    pub(super) fn signs(&self) -> &[u8] {
        &self.signs[..self.length]
    }
}

/// Tells `each` every such part with what belongs to its layout, wherever one can begin.
pub(super) fn windows<T: Default>(text: &[u8], layouts: &Layouts<T>, mut each: impl FnMut(&Window<'_>, &T)) {
    let mut after_word = false;
    let begins = (text.len() + 1).saturating_sub(layouts.shortest);
    for (at, byte) in text[..begins].iter().enumerate() {
        let is_word = is_word(*byte);
        if is_word && !after_word {
            from(text, at, layouts, &mut each);
        }
        after_word = is_word;
    }
}

/// Every part that begins at `start`.
fn from<T: Default>(text: &[u8], start: usize, layouts: &Layouts<T>, each: &mut impl FnMut(&Window<'_>, &T)) {
    let (mut place, mut digits) = (layouts.begin(), 0);
    for (at, byte) in text.iter().enumerate().skip(start) {
        match layouts.follow(place, *byte) {
            Some(next) => place = next,
            None => return,
        }
        digits += usize::from(byte.is_ascii_digit());
        let Some(written) = layouts.written(place) else { continue };
        let stands_apart = !text.get(at + 1).is_some_and(|next| is_word(*next));
        if stands_apart && digits >= FEWEST_DIGITS {
            each(&Window { text, start, end: at + 1, digits }, written);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WRITTEN: [&str; 6] = ["999999", "999999-9999", "9999999", "A 9999999", "AA9.999/999", "AAXXXXXXXX"];

    #[track_caller]
    fn found(text: &str, wanted: &[&str]) {
        let mut layouts = Layouts::<Vec<&str>>::new();
        WRITTEN.iter().for_each(|layout| layouts.add(layout).push(*layout));
        let mut found = Vec::new();
        windows(text.as_bytes(), &layouts, |_, written| found.extend_from_slice(written));
        assert_eq!(found, wanted, "{text}");
    }

    #[test]
    fn each_part_that_stands_by_itself_is_told() {
        found("811228-9874", &["999999", "999999-9999"]);
        found("811228+9874", &["999999", "999999-9999"]);
        found("a 1234567 b", &["A 9999999", "9999999"]);
        for text in
            ["x_1234567", "é1234567", "1234567é", "123  4567", "12345678", "12345", "811228.9874x", ""]
        {
            found(text, if text.starts_with("8112") { &["999999"] } else { &[] });
        }
    }

    #[test]
    fn where_letters_may_stand_for_digits_there_are_digits_still() {
        found("ab12345678", &["AAXXXXXXXX"]);
        found("abc12345d6", &["AAXXXXXXXX"]);
        found("abcde12345", &[]);
    }
}
