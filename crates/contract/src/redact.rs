//! Putting a document together again from its pieces, with what a reader may not have left out or shown in the form that
//! the contract gives, so that it stays a document of its format.

use crate::check::Span;
use crate::definition::Format;
use crate::formats::json::splice::Splice;
use crate::formats::shown;
use crate::frames::{self, CutFrame, Frame, Reframing};
use crate::redaction::Look;

/// Takes the pieces of a cut document in order and appends what is left of it to a buffer. Keeping every span gives the
/// exact bytes back.
#[derive(Debug)]
pub struct Redactor<'o>(Inner<'o>);

#[derive(Debug)]
enum Inner<'o> {
    Avro(Reframing<'o>),
    Json(Splice<'o>),
    Protobuf(Reframing<'o>),
}

impl<'o> Redactor<'o> {
    /// For a document of this format; JSON has no frames.
    pub fn new(format: Format, frames: Vec<CutFrame>, out: &'o mut Vec<u8>) -> Self {
        Self(match format {
            Format::JsonSchema => Inner::Json(Splice::new(out)),
            Format::Avro => Inner::Avro(Reframing::new(frames, out)),
            Format::Protobuf => Inner::Protobuf(Reframing::new(frames, out)),
        })
    }

    /// Bytes that no span was cut from.
    pub fn text(&mut self, bytes: &[u8]) {
        match &mut self.0 {
            Inner::Json(splice) => splice.text(bytes),
            Inner::Avro(reframing) | Inner::Protobuf(reframing) => reframing.text(bytes),
        }
    }

    /// A cut span's exact bytes, put back.
    pub fn keep(&mut self, bytes: &[u8]) {
        match &mut self.0 {
            Inner::Json(splice) => splice.keep(bytes),
            Inner::Avro(reframing) | Inner::Protobuf(reframing) => reframing.keep(bytes),
        }
    }

    /// A cut span, shown in the form that its look says; `bytes` are the span's, `token` stands for the person.
    pub fn show(&mut self, look: Look, bytes: &[u8], token: &str) {
        match &mut self.0 {
            Inner::Json(splice) => splice.show(look, bytes, token),
            Inner::Avro(reframing) => reframing.replace(|out| shown::avro(look, bytes, token, out)),
            Inner::Protobuf(reframing) => reframing.replace(|out| shown::protobuf(look, bytes, token, out)),
        }
    }

    /// A cut span, left out.
    pub fn leave_out(&mut self, look: Look) {
        match &mut self.0 {
            Inner::Json(splice) => splice.leave_out(look.shape),
            Inner::Avro(reframing) => reframing.replace(|out| shown::avro_absent(look, out)),
            Inner::Protobuf(reframing) => reframing.replace(|_| ()),
        }
    }

    /// Ends the document.
    pub fn finish(self) {
        if let Inner::Avro(reframing) | Inner::Protobuf(reframing) = self.0 {
            reframing.finish();
        }
    }
}

/// What becomes of a span.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate<'t> {
    /// Its exact bytes stay.
    Kept,
    /// It is shown in its form, with this token for its person.
    Shown(&'t str),
    /// Nothing of it stays, whatever its form.
    LeftOut,
}

/// A checked document with what `fate` leaves of its spans.
pub fn redact_as<'t>(
    format: Format,
    document: &[u8],
    spans: &[Span],
    frames: &[Frame],
    mut fate: impl FnMut(&Span) -> Fate<'t>,
) -> Vec<u8> {
    let mut out = Vec::with_capacity(document.len());
    let frames = frames::cut(frames, spans);
    let mut redactor = Redactor::new(format, frames, &mut out);
    let mut at = 0;
    for span in spans {
        let (start, end) = (span.start as usize, span.end as usize);
        redactor.text(&document[at..start]);
        match fate(span) {
            Fate::Kept => redactor.keep(&document[start..end]),
            Fate::Shown(token) => redactor.show(span.look, &document[start..end], token),
            Fate::LeftOut => redactor.leave_out(span.look),
        }
        at = end;
    }
    redactor.text(&document[at..]);
    redactor.finish();
    out
}

/// A checked document without the spans for which `leave_out` says so.
pub fn redact(
    format: Format,
    document: &[u8],
    spans: &[Span],
    frames: &[Frame],
    mut leave_out: impl FnMut(&Span) -> bool,
) -> Vec<u8> {
    let fate = |span: &Span| if leave_out(span) { Fate::LeftOut } else { Fate::Kept };
    redact_as(format, document, spans, frames, fate)
}
