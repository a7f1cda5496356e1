//! Lengths stay true when something inside what they measure is left out.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking, in its helpers too")]

use contract::check::{Checked, Shape, Span};
use contract::frames::{self, Coding, Frame};
use contract::redact::redact;
use contract::{Format, Look, Redactor};
use proptest::prelude::*;

/// A made-up binary document: bytes, sealed bytes, and parts with their length before them.
#[derive(Debug, Clone)]
enum Part {
    Plain(Vec<u8>),
    Sealed(Vec<u8>),
    Framed(bool, Vec<Part>),
}

fn part() -> impl Strategy<Value = Part> {
    let leaf = prop_oneof![
        proptest::collection::vec(any::<u8>(), 0..4).prop_map(Part::Plain),
        proptest::collection::vec(any::<u8>(), 1..90).prop_map(Part::Sealed),
    ];
    leaf.prop_recursive(4, 40, 5, |inner| {
        (any::<bool>(), proptest::collection::vec(inner, 0..5))
            .prop_map(|(zigzag, parts)| Part::Framed(zigzag, parts))
    })
}

fn length(out: &mut Vec<u8>, length: usize, zigzag: bool) {
    let mut number = (length as u64) << u64::from(zigzag);
    while number >= 0x80 {
        out.push(number as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}

/// The bytes of a document; `keep` says which sealed parts are in it, by their order.
fn bytes_of(parts: &[Part], keep: &[bool], seen: &mut usize) -> Vec<u8> {
    let mut out = Vec::new();
    for part in parts {
        match part {
            Part::Plain(bytes) => out.extend(bytes),
            Part::Sealed(bytes) => {
                if keep[*seen % keep.len()] {
                    out.extend(bytes);
                }
                *seen += 1;
            }
            Part::Framed(zigzag, parts) => {
                let inner = bytes_of(parts, keep, seen);
                length(&mut out, inner.len(), *zigzag);
                out.extend(inner);
            }
        }
    }
    out
}

/// What a checker would find in the whole document.
fn find(parts: &[Part], at: &mut u32, checked: &mut Checked) {
    for part in parts {
        match part {
            Part::Plain(bytes) => *at += bytes.len() as u32,
            Part::Sealed(bytes) => {
                let end = *at + bytes.len() as u32;
                checked.spans.push(Span {
                    start: *at,
                    end,
                    class: 0,
                    subject: 0,
                    look: Look::absent(Shape::Member),
                });
                *at = end;
            }
            Part::Framed(zigzag, parts) => {
                let inner = bytes_of(parts, &[true], &mut 0);
                let mut prefix = Vec::new();
                length(&mut prefix, inner.len(), *zigzag);
                let content = *at + prefix.len() as u32;
                let coding = if *zigzag { Coding::Zigzag } else { Coding::Varint };
                checked.frames.push(Frame { start: *at, content, end: content + inner.len() as u32, coding });
                *at = content;
                find(parts, at, checked);
            }
        }
    }
}

fn checked(parts: &[Part]) -> Checked {
    let mut checked = Checked {
        spans: Vec::new(),
        frames: Vec::new(),
        subjects: Vec::new(),
        key: None,
        identity: None,
        leaks: Vec::new(),
    };
    find(parts, &mut 0, &mut checked);
    checked
}

proptest! {
    #[test]
    fn what_is_left_is_the_document_written_without_what_is_gone(
        parts in proptest::collection::vec(part(), 0..6),
        keep in proptest::collection::vec(any::<bool>(), 1..9),
    ) {
        let whole = bytes_of(&parts, &[true], &mut 0);
        let mut number = 0;
        let left = redact(Format::Protobuf, &whole, &checked(&parts).spans, &checked(&parts).frames, |_| {
            number += 1;
            !keep[(number - 1) % keep.len()]
        });
        prop_assert_eq!(left, bytes_of(&parts, &keep, &mut 0));
    }

    #[test]
    fn frames_read_as_they_were_written(parts in proptest::collection::vec(part(), 0..6)) {
        let checked = checked(&parts);
        let frames = frames::cut(&checked.frames, &checked.spans);
        let mut out = Vec::new();
        frames::encode(&frames, &mut out);
        out.extend(b"rest");
        prop_assert_eq!(frames::decode(&out), Some((frames, &b"rest"[..])));
    }

    #[test]
    fn any_bytes_are_frames_or_none_and_never_break_the_redactor(
        given in proptest::collection::vec(any::<u8>(), 0..60),
        pieces in proptest::collection::vec((any::<bool>(), proptest::collection::vec(any::<u8>(), 0..9)), 0..9),
    ) {
        let Some((frames, _)) = frames::decode(&given) else { return Ok(()) };
        let mut out = Vec::new();
        let mut redactor = Redactor::new(Format::Avro, frames, &mut out);
        for (gone, bytes) in &pieces {
            redactor.text(bytes);
            if *gone {
                redactor.leave_out(Look::absent(Shape::Member));
            }
        }
        redactor.finish();
    }
}
