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

    /// Each of them, for good.
    pub(crate) fn into_found(self) -> Vec<Text<'d>> {
        self.found
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
    Avro(Box<avro::Schema>),
    Protobuf(Box<protobuf::Schema>),
}

impl Reading {
    /// By the schema of this text; nothing where its documents are JSON.
    pub fn new(format: Format, schema: &str) -> Result<Option<Self>, Vec<Fault>> {
        Ok(match format {
            Format::JsonSchema => None,
            Format::Avro => Some(Self(Schema::Avro(Box::new(avro::read(schema)?)))),
            Format::Protobuf => Some(Self(Schema::Protobuf(Box::new(protobuf::Schema::read(schema)?)))),
        })
    }

    /// The texts of a document that are `wanted`, where something sealed can stand. Of messages that a file imports nothing is looked at.
    pub fn texts<'d>(&self, data: &'d [u8], wanted: impl Fn(&str) -> bool) -> Result<Texts<'d>, Unreadable> {
        let wanted = |_: Option<Field>, text: &str| wanted(text);
        let finding = Finding::new(None, &wanted, Room::of_any());
        match &self.0 {
            Schema::Avro(schema) => avro::texts(schema, data, finding),
            Schema::Protobuf(schema) => protobuf::texts(schema, data, finding),
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

impl Token<'_> {
    /// How many bytes of a pointer it takes, with the slash before it (RFC 6901, 3).
    fn bytes(&self) -> usize {
        match self {
            Token::Index(index) => 2 + index.checked_ilog10().unwrap_or(0) as usize,
            Token::Name(name) | Token::Key(name) => {
                1 + name.len() + name.bytes().filter(|byte| matches!(byte, b'~' | b'/')).count()
            }
        }
    }
}

/// The way to a text.
#[derive(Default)]
pub(crate) struct Way<'w> {
    tokens: Vec<Token<'w>>,
    /// How long the pointer is.
    bytes: usize,
}

impl<'w> Way<'w> {
    pub(crate) fn enter(&mut self, token: Token<'w>) {
        self.bytes += token.bytes();
        self.tokens.push(token);
    }

    pub(crate) fn leave(&mut self) {
        self.bytes -= self.tokens.pop().map_or(0, |token| token.bytes());
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
        let tokens = self.tokens.iter().map(|token| match token {
            Token::Name(name) => name.to_string(),
            Token::Index(index) => index.to_string(),
            Token::Key(name) => key(name).to_owned(),
        });
        Pointer::from_tokens(tokens).to_string()
    }
}

/// Room for the texts that are found. Each is told with its whole way: a long key above very many empty texts would be copied
/// for each of them.
pub(crate) struct Room(usize);

impl Room {
    /// For the texts of a document of so many bytes of which all that are found are sealed, or are refused: a sealed text
    /// says its place, so that it is longer than what is told of it takes.
    pub(crate) fn of_sealed(data: &[u8]) -> Self {
        Self(4 * data.len() + 64 * 1024)
    }

    /// For texts that are still to be sealed, or that only look as if they were; on the machine of who sent or reads them.
    pub(crate) fn of_any() -> Self {
        Self(256 * 1024 * 1024)
    }

    /// Takes the room of a text that stands here.
    pub(crate) fn take(&mut self, way: &Way<'_>) -> Result<(), Unreadable> {
        if way.bytes > PLACE_BYTES {
            let place = way.shown();
            let why = "its place is longer than 4,096 bytes, and nothing can be sealed for such a place";
            return Err(Unreadable(format!("{place}: {why}")));
        }
        let left = self.0.checked_sub(TEXT_BYTES + 2 * way.bytes);
        self.0 = left.ok_or_else(|| {
            Unreadable("more of it is to be sealed end to end, and is not, than can be told".to_owned())
        })?;
        Ok(())
    }
}

/// The longest place that a sealed value can name, as a pointer (`docs/formats/end-to-end.md`).
const PLACE_BYTES: usize = 4096;

/// What is told of a text beside its place.
const TEXT_BYTES: usize = 256;

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
    room: Room,
    /// Why there is no answer, if there is none.
    failed: Option<Unreadable>,
    found: Vec<Text<'d>>,
    pub(crate) frames: Vec<Frame>,
}

impl<'w, 'd> Finding<'w, 'd> {
    pub(crate) fn new(
        plan: Option<&'w Plan>,
        wanted: &'w dyn Fn(Option<Field>, &str) -> bool,
        room: Room,
    ) -> Self {
        let (way, failed, found, frames) = (Way::default(), None, Vec::new(), Vec::new());
        Self { plan, wanted, way, room, failed, found, frames }
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
        // Without a plan it may be anybody's text: where nothing can be sealed, nothing is.
        let is_nobodys = self.plan.is_none() && self.way.bytes > PLACE_BYTES;
        if self.failed.is_none() && (self.wanted)(field, text) && !is_nobodys {
            if let Err(why) = self.room.take(&self.way) {
                self.failed = Some(why);
                return;
            }
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
    pub(crate) fn texts(self, format: Format, data: &'d [u8]) -> Result<Texts<'d>, Unreadable> {
        match self.failed {
            None => Ok(Texts { format, data, found: self.found, frames: self.frames }),
            Some(why) => Err(why),
        }
    }
}

/// The longest document whose places are counted.
pub(crate) fn is_too_long(data: &[u8]) -> bool {
    data.len() > crate::limits::DOCUMENT_BYTES_CEILING
}
