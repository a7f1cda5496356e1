//! Putting a document together again from its pieces, with what a reader may not have left out, so that it stays a
//! document of its format.

use crate::check::{Shape, Span};
use crate::definition::Format;
use crate::formats::json::splice::Splice;
use crate::frames::{self, CutFrame, Frame, Reframing};

/// Takes the pieces of a cut document in order and appends what is left of it to a buffer. Keeping every span gives the
/// exact bytes back.
#[derive(Debug)]
pub struct Redactor<'o>(Inner<'o>);

#[derive(Debug)]
enum Inner<'o> {
    Json(Splice<'o>),
    Binary(Reframing<'o>),
}

impl<'o> Redactor<'o> {
    /// For a document of this format; JSON has no frames.
    pub fn new(format: Format, frames: Vec<CutFrame>, out: &'o mut Vec<u8>) -> Self {
        Self(match format {
            Format::JsonSchema => Inner::Json(Splice::new(out)),
            Format::Avro | Format::Protobuf => Inner::Binary(Reframing::new(frames, out)),
        })
    }

    /// Bytes that no span was cut from.
    pub fn text(&mut self, bytes: &[u8]) {
        match &mut self.0 {
            Inner::Json(splice) => splice.text(bytes),
            Inner::Binary(reframing) => reframing.text(bytes),
        }
    }

    /// A cut span's exact bytes, put back.
    pub fn keep(&mut self, bytes: &[u8]) {
        match &mut self.0 {
            Inner::Json(splice) => splice.keep(bytes),
            Inner::Binary(reframing) => reframing.keep(bytes),
        }
    }

    /// A cut span, left out.
    pub fn leave_out(&mut self, shape: Shape) {
        match &mut self.0 {
            Inner::Json(splice) => splice.leave_out(shape),
            Inner::Binary(reframing) => reframing.leave_out(),
        }
    }

    /// Ends the document.
    pub fn finish(self) {
        if let Inner::Binary(reframing) = self.0 {
            reframing.finish();
        }
    }
}

/// A checked document without the spans for which `leave_out` says so.
pub fn redact(
    format: Format,
    document: &[u8],
    spans: &[Span],
    frames: &[Frame],
    mut leave_out: impl FnMut(&Span) -> bool,
) -> Vec<u8> {
    let mut out = Vec::with_capacity(document.len());
    let frames = frames::cut(frames, spans);
    let mut redactor = Redactor::new(format, frames, &mut out);
    let mut at = 0;
    for span in spans {
        let (start, end) = (span.start as usize, span.end as usize);
        redactor.text(&document[at..start]);
        if leave_out(span) {
            redactor.leave_out(span.shape);
        } else {
            redactor.keep(&document[start..end]);
        }
        at = end;
    }
    redactor.text(&document[at..]);
    redactor.finish();
    out
}
