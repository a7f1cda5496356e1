//! The texts that a binary document has at some of its places, and the document with others in their stead.
//!
//! A second walk finds them, for contracts that want something sealed end to end and for the tools that seal and open: the
//! walk that checks pays nothing for it. It reads the same bytes by the same functions, but neither counts nor compares: a
//! field that stands twice, a key that does. What is to be sure of what it found has the document checked before.

use std::borrow::Cow;
use std::fmt;

use crate::compile::Fault;
use crate::definition::Format;
use crate::formats::{avro, protobuf};
use crate::frames::{self, Frame, Reframing};
use crate::plan::{Field, Plan};
use crate::pointer::Pointer;
use crate::varint;

/// A text of a document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Text<'d> {
    /// Where it stands, a JSON pointer of names as the schema writes them, positions, and maps' keys. It may hold a
    /// person's identifier, as a key.
    pub pointer: String,
    /// The same as it may be shown: `*` for a key that no schema declares.
    pub shown: String,
    /// What stands there.
    pub text: &'d str,
    /// What the plan says of it, where one was laid over the document.
    pub(crate) field: Option<Field>,
    /// The first byte of its length.
    pub(crate) start: u32,
    /// One past its last byte.
    pub(crate) end: u32,
}

/// Texts of one binary document, in its order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Texts<'d> {
    format: Format,
    data: &'d [u8],
    found: Vec<Text<'d>>,
    /// The lengths around them.
    frames: Vec<Frame>,
}

impl<'d> Texts<'d> {
    /// Each of them.
    pub fn iter(&self) -> std::slice::Iter<'_, Text<'d>> {
        self.found.iter()
    }

    /// The document with what `other` says in place of each text, to the byte as it was everywhere else but for the lengths
    /// around them. Nothing: the text stays.
    pub fn replaced(&self, mut other: impl FnMut(&Text<'d>) -> Option<String>) -> Vec<u8> {
        let mut out = Vec::with_capacity(self.data.len());
        let spans = self.found.iter().map(|text| (text.start, text.end));
        let mut document = Reframing::new(frames::cut_at(&self.frames, spans), &mut out);
        let mut at = 0;
        for text in &self.found {
            let (start, end) = (text.start as usize, text.end as usize);
            document.text(&self.data[at..start]);
            match other(text) {
                None => document.keep(&self.data[start..end]),
                Some(other) => document.replace(|out| {
                    let length = other.len() as u64;
                    varint::put(out, if self.format == Format::Avro { length << 1 } else { length });
                    out.extend_from_slice(other.as_bytes());
                }),
            }
            at = end;
        }
        document.text(&self.data[at..]);
        document.finish();
        out
    }
}

/// Why nothing is found in a document: it is none of its schema. No value is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unreadable(pub(crate) String);

impl fmt::Display for Unreadable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Unreadable {}

/// A schema alone, by which the texts of binary documents are found: that of what a reader is handed, say.
pub struct Reading(Schema);

enum Schema {
    Avro(Box<avro::Reading>),
    Protobuf(Box<protobuf::Reading>),
}

impl Reading {
    /// By the schema of this text; nothing where its documents are JSON.
    pub fn new(format: Format, schema: &str) -> Result<Option<Self>, Vec<Fault>> {
        Ok(match format {
            Format::JsonSchema => None,
            Format::Avro => Some(Self(Schema::Avro(Box::new(avro::Reading::new(schema)?)))),
            Format::Protobuf => Some(Self(Schema::Protobuf(Box::new(protobuf::Reading::new(schema)?)))),
        })
    }

    /// The texts of a document that are `wanted`. Of messages that a file imports nothing is looked at.
    pub fn texts<'d>(&self, data: &'d [u8], wanted: impl Fn(&str) -> bool) -> Result<Texts<'d>, Unreadable> {
        let wanted = |_: Option<Field>, text: &str| wanted(text);
        let finding = Finding::new(None, &wanted);
        match &self.0 {
            Schema::Avro(reading) => reading.texts(data, finding),
            Schema::Protobuf(reading) => reading.texts(data, finding),
        }
    }
}

/// A step of the way to a text.
pub(crate) enum Token<'w> {
    /// A name that the schema declares.
    Name(Cow<'w, str>),
    /// A position.
    Index(usize),
    /// A name that it does not: it may be personal.
    Key(Cow<'w, str>),
}

/// The way to a text.
#[derive(Default)]
pub(crate) struct Way<'w>(Vec<Token<'w>>);

impl<'w> Way<'w> {
    pub(crate) fn enter(&mut self, token: Token<'w>) {
        self.0.push(token);
    }

    pub(crate) fn leave(&mut self) {
        self.0.pop();
    }

    /// As it is.
    pub(crate) fn pointer(&self) -> String {
        self.told(|key| key)
    }

    /// As it may be shown.
    pub(crate) fn shown(&self) -> String {
        self.told(|_| "*")
    }

    fn told(&self, key: impl Fn(&str) -> &str) -> String {
        let tokens = self.0.iter().map(|token| match token {
            Token::Name(name) => name.to_string(),
            Token::Index(index) => index.to_string(),
            Token::Key(name) => key(name).to_owned(),
        });
        Pointer::from_tokens(tokens).to_string()
    }
}

/// Where a walk is, in the plan that is laid over the document.
#[derive(Clone, Copy)]
pub(crate) enum At {
    /// At a node.
    Node(u32),
    /// Below one that covers all there is as a whole: no text of its own stands there.
    Covered,
    /// No plan is laid over it.
    Anywhere,
}

/// What a walk looks for, and what it has found.
pub(crate) struct Finding<'w, 'd> {
    pub(crate) plan: Option<&'w Plan>,
    wanted: &'w dyn Fn(Option<Field>, &str) -> bool,
    pub(crate) way: Way<'w>,
    found: Vec<Text<'d>>,
    pub(crate) frames: Vec<Frame>,
}

impl<'w, 'd> Finding<'w, 'd> {
    pub(crate) fn new(plan: Option<&'w Plan>, wanted: &'w dyn Fn(Option<Field>, &str) -> bool) -> Self {
        Self { plan, wanted, way: Way::default(), found: Vec::new(), frames: Vec::new() }
    }

    /// The document.
    pub(crate) fn root(&self) -> At {
        if self.plan.is_some() { At::Node(0) } else { At::Anywhere }
    }

    /// A text that stands here; its length begins at `start`, it ends before `end`.
    pub(crate) fn text(&mut self, at: At, text: &'d str, (start, end): (usize, usize)) {
        let field = match (at, self.plan) {
            (At::Covered, _) => return,
            (At::Node(node), Some(plan)) => plan.node(node).field,
            _ => None,
        };
        if (self.wanted)(field, text) {
            let (pointer, shown) = (self.way.pointer(), self.way.shown());
            let (start, end) = (start as u32, end as u32);
            self.found.push(Text { pointer, shown, text, field, start, end });
        }
    }

    /// How many texts are found, to tell whether any is in a frame.
    pub(crate) fn count(&self) -> usize {
        self.found.len()
    }

    /// What was found in all.
    pub(crate) fn texts(self, format: Format, data: &'d [u8]) -> Texts<'d> {
        Texts { format, data, found: self.found, frames: self.frames }
    }
}

/// The longest document whose places are counted.
pub(crate) fn is_too_long(data: &[u8]) -> bool {
    data.len() > crate::limits::DOCUMENT_BYTES_CEILING
}
