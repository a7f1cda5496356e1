//! The parts of a text that could be a code: rows of letters and digits, alone or joined by one separator each.

/// Longest layout of a code, with its separators.
const LONGEST: usize = 24;

/// Fewest digits of a code.
pub(super) const FEWEST_DIGITS: usize = 6;

/// A part of a text that stands by itself.
pub(super) struct Window<'w> {
    /// `9` for a digit, `A` for a letter, separators as they are but a plus, which says no more than a hyphen.
    pub(super) layout: &'w [u8],
    /// Its letters, in upper case, and digits.
    pub(super) code: &'w [u8],
    /// Where it begins.
    pub(super) start: usize,
    /// Where it ends.
    pub(super) end: usize,
}

/// Tells `each` every such part, wherever one can begin. It answers whether to go on from here.
pub(super) fn windows(text: &[u8], mut each: impl FnMut(&Window<'_>) -> bool) {
    let mut at = 0;
    while at < text.len() {
        if !is_word(text[at]) || (at > 0 && is_word(text[at - 1])) {
            at += 1;
            continue;
        }
        from(text, at, &mut each);
        at += text[at..].iter().take_while(|byte| is_word(**byte)).count();
    }
}

/// Every part that begins at `start`.
fn from(text: &[u8], start: usize, each: &mut impl FnMut(&Window<'_>) -> bool) {
    let (mut layout, mut code) = ([0; LONGEST], [0; LONGEST]);
    let (mut written, mut coded, mut digits) = (0, 0, 0);
    for (at, &byte) in text.iter().enumerate().skip(start).take(LONGEST) {
        match byte {
            b'0'..=b'9' => (layout[written], digits) = (b'9', digits + 1),
            b'a'..=b'z' | b'A'..=b'Z' => layout[written] = b'A',
            b'+' => layout[written] = b'-',
            b' ' | b'-' | b'.' | b'/' => layout[written] = byte,
            _ => return,
        }
        written += 1;
        let joins = !byte.is_ascii_alphanumeric();
        if joins && !text.get(at + 1).is_some_and(u8::is_ascii_alphanumeric) {
            return;
        }
        if joins {
            continue;
        }
        code[coded] = byte.to_ascii_uppercase();
        coded += 1;
        if digits >= FEWEST_DIGITS && text.get(at + 1).is_none_or(|next| !is_word(*next)) {
            let window = Window { layout: &layout[..written], code: &code[..coded], start, end: at + 1 };
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

    fn found(text: &str) -> Vec<String> {
        let mut found = Vec::new();
        windows(text.as_bytes(), |window| {
            found.push(String::from_utf8(window.layout.to_vec()).unwrap());
            true
        });
        found
    }

    #[test]
    fn each_part_that_stands_by_itself_is_told() {
        assert_eq!(found("811228-9874"), ["999999", "999999-9999"]);
        assert_eq!(found("a 1234567 b"), ["A 9999999", "A 9999999 A", "9999999", "9999999 A"]);
        assert_eq!(found("x_1234567"), [""; 0]);
        assert_eq!(found("é1234567"), [""; 0]);
        assert_eq!(found("1234567é"), [""; 0]);
        assert_eq!(found("123  4567"), [""; 0]);
        assert_eq!(found("1234567890123456789012345"), [""; 0]);
        assert_eq!(found("12345"), [""; 0]);
    }
}
