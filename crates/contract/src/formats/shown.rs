//! Sealed spans of binary formats as they are shown in a redacted document, byte by byte.
//!
//! A fragment comes from the seal and was checked when it was sealed; still nothing is trusted of it: what does not read is
//! not shown.

use crate::redaction::Look;
use crate::varint;

/// The branches of what the redacted schema has for a text that is shown: `["null", "string"]`, zigzag.
const NULL_BRANCH: u64 = 0;
const TEXT_BRANCH: u64 = 2;

/// In Avro a value's place stays, as `null` or as a union of `null` and the text that is shown.
pub(crate) fn avro(look: Look, fragment: &[u8], token: &str, out: &mut Vec<u8>) {
    match avro_text(look, fragment).and_then(|text| look.form.apply(text, token)) {
        Some(text) => {
            varint::put(out, TEXT_BRANCH);
            varint::put(out, (text.len() as u64) << 1);
            out.extend_from_slice(text.as_bytes());
        }
        None => avro_absent(look, out),
    }
}

/// The same where nothing is shown.
pub(crate) fn avro_absent(look: Look, out: &mut Vec<u8>) {
    if look.form.is_text() {
        varint::put(out, NULL_BRANCH);
    }
}

fn avro_text(look: Look, fragment: &[u8]) -> Option<&str> {
    let text = match look.in_union {
        true => varint::take(fragment)?.1,
        false => fragment,
    };
    // A branch without bytes is `null`.
    let (length, text) = varint::take(text)?;
    let is_whole = length & 1 == 0 && length >> 1 == text.len() as u64;
    std::str::from_utf8(text).ok().filter(|_| is_whole)
}

/// In Protocol Buffers the field stays with its tag, where something is shown.
pub(crate) fn protobuf(look: Look, fragment: &[u8], token: &str, out: &mut Vec<u8>) {
    let Some((tag, text)) = protobuf_text(fragment) else { return };
    if let Some(text) = look.form.apply(text, token) {
        out.extend_from_slice(tag);
        varint::put(out, text.len() as u64);
        out.extend_from_slice(text.as_bytes());
    }
}

fn protobuf_text(fragment: &[u8]) -> Option<(&[u8], &str)> {
    let (_, rest) = varint::take(fragment)?;
    let tag = &fragment[..fragment.len() - rest.len()];
    let (length, text) = varint::take(rest)?;
    let text = std::str::from_utf8(text).ok().filter(|text| text.len() as u64 == length)?;
    Some((tag, text))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::{Redaction, Shape};

    fn look(form: Redaction, in_union: bool) -> Look {
        Look { shape: Shape::Member, form, in_union }
    }

    fn in_avro(look: Look, fragment: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        avro(look, fragment, "ab", &mut out);
        out
    }

    #[test]
    fn a_text_in_avro_is_shown_as_a_branch_and_null_stays_null() {
        let last = look(Redaction::Last(1), false);
        assert_eq!(in_avro(last, b"\x0aabcde"), b"\x02\x0a****e");
        let nullable = look(Redaction::Last(1), true);
        for index in [b"\x00", b"\x02"] {
            assert_eq!(in_avro(nullable, &[index, &b"\x0aabcde"[..]].concat()), b"\x02\x0a****e");
            assert_eq!(in_avro(nullable, index), b"\0", "null");
            assert_eq!(
                in_avro(nullable, &[index, &b"\0"[..]].concat()),
                b"\x02\x08****",
                "an empty text is none"
            );
        }
        assert_eq!(in_avro(look(Redaction::Pseudonym, true), b"\x02\0"), b"\x02\x04ab");
        assert_eq!(in_avro(look(Redaction::Year, false), b"\x0aabcde"), b"\0");
        assert_eq!(in_avro(look(Redaction::Null, true), b"\x02\x0aabcde"), b"");
    }

    #[test]
    fn a_text_in_protocol_buffers_keeps_its_tag() {
        let mut out = Vec::new();
        protobuf(look(Redaction::First(1), false), b"\x82\x01\x05abcde", "", &mut out);
        assert_eq!(out, b"\x82\x01\x05a****");
        protobuf(look(Redaction::Year, false), b"\x82\x01\x05abcde", "", &mut out);
        assert_eq!(out.len(), 8, "what is no date is left out");
    }

    proptest! {
        #[test]
        fn whatever_the_bytes_nothing_breaks(fragment in prop::collection::vec(any::<u8>(), 0..40), byte: u8) {
            let mut out = Vec::new();
            avro(Look::of(byte), &fragment, "token", &mut out);
            protobuf(Look::of(byte), &fragment, "token", &mut out);
        }
    }
}
