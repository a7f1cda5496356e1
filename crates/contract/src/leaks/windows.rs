//! The parts of a text that could be a code: rows of letters and digits, alone or joined by one separator each.

/// Longest layout of a code, with its separators.
const LONGEST: usize = 24;

/// Fewest digits of a code.
pub(super) const FEWEST_DIGITS: usize = 6;

/// How something is written, three bits for each sign: whether it is a digit, a letter, or which separator. A plus says no
/// more than a hyphen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Layout(u128);

impl Layout {
    const NOTHING: Layout = Layout(0);

    /// The layout of `9999.99.999`: `9` a digit, `A` a letter, the rest as it stands.
    pub(super) const fn of(written: &str) -> Layout {
        let (bytes, mut layout, mut at) = (written.as_bytes(), Layout::NOTHING, 0);
        while at < bytes.len() {
            layout = Layout(layout.0 << 3 | sign(bytes[at]));
            at += 1;
        }
        layout
    }
}

/// What a byte is in a layout; 0 for what stands in none.
const fn sign(byte: u8) -> u128 {
    match byte {
        b'0'..=b'9' => 1,
        b'a'..=b'z' | b'A'..=b'Z' => 2,
        b' ' => 3,
        b'-' | b'+' => 4,
        b'.' => 5,
        b'/' => 6,
        _ => 0,
    }
}

/// A part of a text that stands by itself.
pub(super) struct Window<'w> {
    /// How it is written.
    pub(super) layout: Layout,
    /// Its letters, in upper case, and digits.
    pub(super) code: &'w [u8],
    /// How many of them are digits.
    digits: usize,
    /// Where it begins.
    pub(super) start: usize,
    /// Where it ends.
    pub(super) end: usize,
}

impl Window<'_> {
    /// Whether it is a bare row of digits.
    pub(super) fn is_row(&self) -> bool {
        self.digits == self.end - self.start
    }

    /// Whether it is one row, that begins with six letters.
    pub(super) fn is_lettered(&self) -> bool {
        self.code.len() == self.end - self.start && self.code.iter().take(6).all(u8::is_ascii_uppercase)
    }
}

/// Tells `each` every such part, wherever one can begin. It answers whether to go on from here.
pub(super) fn windows(text: &[u8], mut each: impl FnMut(&Window<'_>) -> bool) {
    let (mut at, mut after_word) = (0, false);
    while at < text.len() {
        if after_word || !is_word(text[at]) {
            after_word = is_word(text[at]);
            at += 1;
            continue;
        }
        from(text, at, &mut each);
        after_word = true;
        at += 1;
    }
}

/// Every part that begins at `start`.
fn from(text: &[u8], start: usize, each: &mut impl FnMut(&Window<'_>) -> bool) {
    let (mut layout, mut code, mut coded, mut digits) = (Layout::NOTHING, [0; LONGEST], 0, 0);
    for (at, &byte) in text.iter().enumerate().skip(start).take(LONGEST) {
        let sign = sign(byte);
        layout = Layout(layout.0 << 3 | sign);
        let next = text.get(at + 1).copied();
        match sign {
            0 => return,
            1 | 2 => {
                code[coded] = byte.to_ascii_uppercase();
                coded += 1;
                digits += usize::from(sign == 1);
            }
            _ if next.is_some_and(|next| next.is_ascii_alphanumeric()) => continue,
            _ => return,
        }
        if digits >= FEWEST_DIGITS && next.is_none_or(|next| !is_word(next)) {
            let window = Window { layout, code: &code[..coded], digits, start, end: at + 1 };
            if !each(&window) {
                return;
            }
        }
    }
}

/// Whether a code cannot begin or end beside it.
fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || !byte.is_ascii()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn found(text: &str, wanted: &[&str]) {
        let mut found = Vec::new();
        windows(text.as_bytes(), |window| {
            found.push(window.layout);
            true
        });
        let wanted: Vec<Layout> = wanted.iter().map(|written| Layout::of(written)).collect();
        assert_eq!(found, wanted, "{text}");
    }

    #[test]
    fn each_part_that_stands_by_itself_is_told() {
        found("811228-9874", &["999999", "999999-9999"]);
        found("a 1234567 b", &["A 9999999", "A 9999999 A", "9999999", "9999999 A"]);
        for text in ["x_1234567", "é1234567", "1234567é", "123  4567", "1234567890123456789012345", "12345"]
        {
            found(text, &[]);
        }
    }

    #[test]
    fn what_is_written_differently_has_another_layout() {
        let written = ["9", "99", "A", "9A", "A9", "9-9", "9.9", "9/9", "9 9", ""];
        let layouts: std::collections::BTreeSet<Layout> = written.iter().map(|one| Layout::of(one)).collect();
        assert_eq!(layouts.len(), written.len());
        assert_eq!(Layout::of("9+9"), Layout::of("1-2"));
    }
}
