//! The parts of a text that are written like a code, and stand by themselves.

use super::layouts::{Layouts, is_word};

/// Longest layout of a code, with its separators.
const LONGEST: usize = 24;

/// Fewest digits of a code.
pub(super) const FEWEST_DIGITS: usize = 6;

/// A part of a text that stands by itself.
pub(super) struct Window<'w> {
    /// Its letters, in upper case, and digits.
    pub(super) code: &'w [u8],
    /// Where it begins.
    pub(super) start: usize,
    /// Where it ends.
    pub(super) end: usize,
}

impl Window<'_> {
    /// Whether it is a bare row of digits.
    pub(super) fn is_row(&self) -> bool {
        self.digits() == self.end - self.start
    }

    fn digits(&self) -> usize {
        self.code.iter().filter(|sign| sign.is_ascii_digit()).count()
    }
}

/// Tells `each` every such part with what is written like it, wherever one can begin.
pub(super) fn windows<T>(text: &[u8], layouts: &Layouts<T>, mut each: impl FnMut(&Window<'_>, &[T])) {
    let mut after_word = false;
    for (at, byte) in text.iter().enumerate() {
        let is_word = is_word(*byte);
        if is_word && !after_word {
            from(text, at, layouts, &mut each);
        }
        after_word = is_word;
    }
}

/// Every part that begins at `start`.
fn from<T>(text: &[u8], start: usize, layouts: &Layouts<T>, each: &mut impl FnMut(&Window<'_>, &[T])) {
    let mut place = layouts.begin();
    for at in start..text.len() {
        match layouts.follow(place, text[at]) {
            Some(next) => place = next,
            None => return,
        }
        let Some(written) = layouts.written(place) else { continue };
        if text.get(at + 1).is_some_and(|next| is_word(*next)) {
            continue;
        }
        let mut code = [0; LONGEST];
        let signs = text[start..=at].iter().filter(|byte| byte.is_ascii_alphanumeric());
        let length = code.iter_mut().zip(signs).map(|(kept, sign)| *kept = sign.to_ascii_uppercase()).count();
        let window = Window { code: &code[..length], start, end: at + 1 };
        if window.digits() >= FEWEST_DIGITS {
            each(&window, written);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WRITTEN: [&str; 6] = ["999999", "999999-9999", "9999999", "A 9999999", "AA9.999/999", "AAXXXXXXXX"];

    #[track_caller]
    fn found(text: &str, wanted: &[&str]) {
        let mut layouts = Layouts::new();
        WRITTEN.iter().for_each(|layout| layouts.add(layout, *layout));
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
