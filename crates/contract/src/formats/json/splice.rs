//! Leaving spans out of a document so that it stays a document.
//!
//! The rule: a member disappears with one adjacent comma, an element becomes `null`, the whole becomes `null`. It
//! works on text alone, in one pass, so that a store may hold a document in pieces and never its parsed form.

use crate::check::Shape;

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

fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\n' | b'\r' | b'\t')
}
