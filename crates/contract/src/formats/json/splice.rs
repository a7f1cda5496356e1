//! Leaving spans out of a document so that it stays a document.
//!
//! The rule: a member disappears with one adjacent comma, an element becomes `null`, the whole becomes `null`; where
//! something is shown instead, a member keeps its key, and a `null` stays one. It
//! works on text alone, in one pass, so that a store may hold a document in pieces and never its parsed form.

use zeroize::Zeroizing;

use crate::check::Shape;
use crate::redaction::{Look, Redaction};

/// Puts a cut document together again, piece by piece in document order.
///
/// Keeping every span gives the exact bytes back. Invariant: while a comma is owed, nothing but white space has
/// been written since the member that left it.
#[derive(Debug)]
pub(crate) struct Splice<'o> {
    out: &'o mut Vec<u8>,
    /// Where the document begins in `out`; what is before is not ours.
    begin: usize,
    /// A member that was the first of its object has gone: the comma behind it must go too.
    owes_comma: bool,
}

impl<'o> Splice<'o> {
    /// Appends a document to `out`.
    pub(crate) fn new(out: &'o mut Vec<u8>) -> Self {
        let begin = out.len();
        Self { out, begin, owes_comma: false }
    }

    /// Bytes that no span was cut from.
    pub(crate) fn text(&mut self, bytes: &[u8]) {
        let Some(at) = bytes.iter().position(|byte| !is_space(*byte)).filter(|_| self.owes_comma) else {
            self.out.extend_from_slice(bytes);
            return;
        };
        self.owes_comma = false;
        self.out.extend_from_slice(&bytes[..at]);
        self.out.extend_from_slice(&bytes[if bytes[at] == b',' { at + 1 } else { at }..]);
    }

    /// A cut span's exact bytes, put back.
    pub(crate) fn keep(&mut self, bytes: &[u8]) {
        self.out.extend_from_slice(bytes);
    }

    /// A cut span, shown in another form; left out where the form shows nothing of it.
    pub(crate) fn show(&mut self, look: Look, bytes: &[u8], token: &str) {
        let key = if look.shape == Shape::Member { key_end(bytes) } else { Some(0) };
        let shown = key.and_then(|key| Some((&bytes[..key], shown(look.form, &bytes[key..], token)?)));
        match shown {
            Some((key, value)) => {
                self.out.extend_from_slice(key);
                self.out.extend_from_slice(value.as_bytes());
            }
            None => self.leave_out(look.shape),
        }
    }

    /// A cut span, left out.
    pub(crate) fn leave_out(&mut self, shape: Shape) {
        if shape != Shape::Member {
            self.out.extend_from_slice(b"null");
            return;
        }
        let last = self.out[self.begin..].iter().rposition(|byte| !is_space(*byte)).map(|at| self.begin + at);
        match last {
            Some(at) if self.out[at] == b',' => {
                self.out.remove(at);
            }
            _ => self.owes_comma = true,
        }
    }
}

/// The text of what is shown of a value. The value is overwritten behind us, and what of it is shown too.
fn shown(form: Redaction, value: &[u8], token: &str) -> Option<Zeroizing<String>> {
    if form == Redaction::Null || (form.is_text() && value == b"null") {
        return Some(Zeroizing::new("null".to_owned()));
    }
    let value: Zeroizing<String> = Zeroizing::new(serde_json::from_slice(value).ok()?);
    let shown = Zeroizing::new(form.apply(&value, token)?);
    serde_json::to_string(&*shown).ok().map(Zeroizing::new)
}

/// Where a member's value begins: behind its key, the colon and white space.
fn key_end(member: &[u8]) -> Option<usize> {
    let mut escaped = false;
    let quote = member.iter().skip(1).position(|byte| {
        let ends = *byte == b'"' && !escaped;
        escaped = *byte == b'\\' && !escaped;
        ends
    })?;
    let key = quote + 2;
    let colon = key + member[key..].iter().position(|byte| *byte == b':')? + 1;
    Some(colon + member[colon..].iter().position(|byte| !is_space(*byte))?)
}

fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\n' | b'\r' | b'\t')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(form: &str, shape: Shape, bytes: &str) -> String {
        let mut out = Vec::new();
        let look = Look { shape, form: form.parse().unwrap(), in_union: false };
        Splice::new(&mut out).show(look, bytes.as_bytes(), "to\"ken");
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn a_member_keeps_its_key_as_it_was_written() {
        let member = |form: &str, bytes: &str| shown(form, Shape::Member, bytes);
        assert_eq!(member("last 4", r#""a" : "12345678""#), r#""a" : "****5678""#);
        assert_eq!(member("null", r#""a\"\\":{"b":1}"#), r#""a\"\\":null"#);
        assert_eq!(member("first 1", "\"a\\u0022:\"\n:\t\"\\u00e9cole\""), "\"a\\u0022:\"\n:\t\"é****\"");
        assert_eq!(member("pseudonym", r#""a":7"#), "", "what is no text is not shown");
        assert_eq!(member("pseudonym", r#""a":"x""#), r#""a":"to\"ken""#);
        assert_eq!(member("pseudonym", r#""a":null"#), r#""a":null"#);
        for damaged in ["", "\"", "\"a", "\"a\"", "\"a\":", "\"a\": ", "\"a\":\"x"] {
            assert_eq!(member("last 4", damaged), "", "{damaged:?}");
        }
    }

    #[test]
    fn an_element_is_shown_or_null() {
        assert_eq!(shown("year", Shape::Item, "\"1985-03-17\""), "\"1985\"");
        assert_eq!(shown("year", Shape::Item, "\"long ago\""), "null");
    }
}
