//! Leaving spans out of a document so that it stays a document.
//!
//! The rule: a member disappears with one adjacent comma, an element becomes `null`, the whole becomes `null`. It
//! works on text alone, in one pass, so that a store may hold a document in pieces and never its parsed form.

use crate::check::{Shape, Span};

/// Puts a cut document together again, piece by piece in document order.
///
/// Keeping every span gives the exact bytes back. Invariant: while a comma is owed, nothing but white space has
/// been written since the member that left it.
#[derive(Debug)]
pub struct Splice<'o> {
    out: &'o mut Vec<u8>,
    /// Where the document begins in `out`; what is before is not ours.
    begin: usize,
    /// A member that was the first of its object has gone: the comma behind it must go too.
    owes_comma: bool,
}

impl<'o> Splice<'o> {
    /// Appends a document to `out`.
    pub fn new(out: &'o mut Vec<u8>) -> Self {
        let begin = out.len();
        Self { out, begin, owes_comma: false }
    }

    /// Bytes that no span was cut from.
    pub fn text(&mut self, bytes: &[u8]) {
        let Some(at) = bytes.iter().position(|byte| !is_space(*byte)).filter(|_| self.owes_comma) else {
            self.out.extend_from_slice(bytes);
            return;
        };
        self.owes_comma = false;
        self.out.extend_from_slice(&bytes[..at]);
        self.out.extend_from_slice(&bytes[if bytes[at] == b',' { at + 1 } else { at }..]);
    }

    /// A cut span's exact bytes, put back.
    pub fn keep(&mut self, bytes: &[u8]) {
        self.out.extend_from_slice(bytes);
    }

    /// A cut span, left out.
    pub fn leave_out(&mut self, shape: Shape) {
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

    /// Ends the document.
    pub fn finish(self) {}
}

fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\n' | b'\r' | b'\t')
}

/// The document without the spans for which `leave_out` says so. The spans are in document order.
pub fn redact(document: &[u8], spans: &[Span], mut leave_out: impl FnMut(&Span) -> bool) -> Vec<u8> {
    let mut out = Vec::with_capacity(document.len());
    let mut splice = Splice::new(&mut out);
    let mut at = 0;
    for span in spans {
        let (start, end) = (span.start as usize, span.end as usize);
        splice.text(&document[at..start]);
        if leave_out(span) {
            splice.leave_out(span.shape);
        } else {
            splice.keep(&document[start..end]);
        }
        at = end;
    }
    splice.text(&document[at..]);
    splice.finish();
    out
}
