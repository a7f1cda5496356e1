//! Where a delivery ended, as an opaque text for consumers.

use std::collections::BTreeMap;
use std::fmt::Write;

use crate::{Refusal, RefusalKind};

/// The next offset to process per partition, and the redriven dead letters that the delivery held, or one before it from which it
/// went on.
///
/// Text form, version 1: `1` then `.p<partition>-<offset>` and `.r<partition>-<offset>-<attempts>`, in order. Opaque to
/// consumers, but safe in URLs and headers. One that was given before attempts were named reads as one of all attempts.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Cursor {
    /// The next offset per partition.
    pub next: BTreeMap<u32, u64>,
    /// Redriven dead letters (partition, offset) that were handed over and not committed, and how often each was rejected then;
    /// 0 where that is not known.
    pub redriven: Vec<((u32, u64), u32)>,
}

impl Cursor {
    /// The text form.
    pub fn encode(&self) -> String {
        let mut text = String::from("1");
        for (partition, offset) in &self.next {
            let _ = write!(text, ".p{partition}-{offset}");
        }
        for ((partition, offset), attempts) in &self.redriven {
            let _ = write!(text, ".r{partition}-{offset}-{attempts}");
        }
        text
    }

    /// Reads the text form.
    pub fn parse(text: &str) -> Result<Self, Refusal> {
        let malformed = || {
            Refusal::new(RefusalKind::Malformed, "this is not a cursor of the bus")
                .hint("give back the cursor of a delivery unchanged (header Chancery-Cursor)")
        };
        let mut parts = text.split('.');
        if parts.next() != Some("1") {
            return Err(malformed());
        }
        let mut cursor = Cursor::default();
        for part in parts {
            let (partition, rest) =
                part.get(1..).and_then(|rest| rest.split_once('-')).ok_or_else(malformed)?;
            let (offset, attempts) =
                rest.split_once('-').map_or((rest, None), |(offset, attempts)| (offset, Some(attempts)));
            let partition = partition.parse().map_err(|_| malformed())?;
            let offset = offset.parse().map_err(|_| malformed())?;
            match (part.as_bytes()[0], attempts) {
                (b'p', None) => drop(cursor.next.insert(partition, offset)),
                (b'r', attempts) => {
                    let attempts = attempts.unwrap_or("0").parse().map_err(|_| malformed())?;
                    cursor.redriven.push(((partition, offset), attempts));
                }
                _ => return Err(malformed()),
            }
        }
        Ok(cursor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_cursor_reads_as_it_was_written(next in proptest::collection::btree_map(any::<u32>(), any::<u64>(), 0..5),
            redriven in proptest::collection::vec(any::<((u32, u64), u32)>(), 0..3)) {
            let cursor = Cursor { next, redriven };
            prop_assert_eq!(Cursor::parse(&cursor.encode()).unwrap(), cursor);
        }

        #[test]
        fn any_text_is_a_cursor_or_refused(text in ".{0,40}") {
            let _ = Cursor::parse(&text);
        }
    }

    #[test]
    fn a_cursor_of_before_names_letters_of_all_attempts() {
        assert_eq!(Cursor::parse("1.p0-5.r1-7").unwrap().redriven, [((1, 7), 0)]);
    }

    #[test]
    fn garbage_is_refused() {
        for text in [
            "",
            "2",
            "1.",
            "1.p",
            "1.px-1",
            "1.q1-1",
            "1.p1-1-1",
            "1.r1-1-",
            "1.r1-1-1-1",
            "earliest",
            "1.é1-1",
        ] {
            assert!(Cursor::parse(text).is_err(), "{text:?}");
        }
    }
}
