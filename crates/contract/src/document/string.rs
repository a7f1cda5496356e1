//! Strings: finding their end eight bytes at a time, and unescaping.

use std::borrow::Cow;

use super::{Cell, Document};

const ONES: u64 = 0x0101_0101_0101_0101;
const HIGHS: u64 = 0x8080_8080_8080_8080;

/// The first position from `at` that holds a quote, a backslash or a control character; the length when none does.
///
/// Eight bytes are looked at together. A borrow can only raise a false mark above a true one, so the lowest mark
/// is exact.
pub(super) fn find_special(text: &[u8], mut at: usize) -> usize {
    while let Some(chunk) = text.get(at..at + 8).and_then(|chunk| <[u8; 8]>::try_from(chunk).ok()) {
        let word = u64::from_le_bytes(chunk);
        let quote = word ^ (ONES * u64::from(b'"'));
        let slash = word ^ (ONES * u64::from(b'\\'));
        let marks = (quote.wrapping_sub(ONES) & !quote)
            | (slash.wrapping_sub(ONES) & !slash)
            | (word.wrapping_sub(ONES * 0x20) & !word);
        let marks = marks & HIGHS;
        if marks != 0 {
            return at + marks.trailing_zeros() as usize / 8;
        }
        at += 8;
    }
    let tail = text.get(at..).unwrap_or(&[]);
    at + tail.iter().position(|&b| b == b'"' || b == b'\\' || b < 0x20).unwrap_or(tail.len())
}

/// The content of a string or key cell.
pub(super) fn content<'d>(document: &'d Document<'d>, cell: &Cell) -> Cow<'d, str> {
    let inner = &document.text[cell.start as usize + 1..cell.end as usize - 1];
    if cell.escaped { Cow::Owned(unescape(inner)) } else { Cow::Borrowed(inner) }
}

/// Unescapes the content of a string whose escapes the parser has already found well-formed.
pub(super) fn unescape(inner: &str) -> String {
    let mut out = String::with_capacity(inner.len());
    let mut rest = inner;
    while let Some(at) = rest.find('\\') {
        out.push_str(&rest[..at]);
        let escape = rest.as_bytes().get(at + 1).copied().unwrap_or(b'\\');
        let mut used = 2;
        match escape {
            b'b' => out.push('\u{8}'),
            b'f' => out.push('\u{c}'),
            b'n' => out.push('\n'),
            b'r' => out.push('\r'),
            b't' => out.push('\t'),
            b'u' => {
                let (unit, length) = unicode(rest, at);
                out.push(unit);
                used = length;
            }
            plain => out.push(char::from(plain)),
        }
        rest = rest.get(at + used..).unwrap_or("");
    }
    out.push_str(rest);
    out
}

/// The character that the `\u` escape at `at` stands for, and how many bytes it takes (with its second half).
fn unicode(text: &str, at: usize) -> (char, usize) {
    let unit = |from: usize| text.get(from..from + 4).and_then(|hex| u32::from_str_radix(hex, 16).ok());
    let high = unit(at + 2).unwrap_or(0);
    if let Some(character) = char::from_u32(high) {
        return (character, 6);
    }
    let low = unit(at + 8).unwrap_or(0);
    let joined = 0x1_0000 + ((high & 0x3ff) << 10) + (low & 0x3ff);
    (char::from_u32(joined).unwrap_or(char::REPLACEMENT_CHARACTER), 12)
}
