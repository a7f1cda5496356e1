//! A JSON document as a flat tape of nodes over the borrowed text.
//!
//! Invariants: the text is valid UTF-8 and one strict RFC 8259 value; no object has a key twice (compared after
//! unescaping); every cell's span lies in the text; a container's descendants follow it up to `next`. An object's
//! member is a key cell followed by its value's cells.

mod json_trait;
mod parse;
mod string;

use std::borrow::Cow;
use std::fmt;
use std::ops::Range;

use crate::limits::Limits;

pub(crate) use json_trait::value_of;
pub use json_trait::{DocumentJson, JsonNode};

/// A text that is not one strict JSON document. Says what and where, never which value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Malformed {
    /// What is wrong.
    pub what: Mistake,
    /// The byte at which it is noticed, counted from 0.
    pub position: usize,
}

/// Why a text is not a document.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mistake {
    /// Longer than the limit, in bytes.
    TooLong(usize),
    /// A batch has more events than this.
    TooMany(usize),
    /// Nested deeper than the limit.
    TooDeep(usize),
    /// Not UTF-8.
    NotUtf8,
    /// The text ends inside a value.
    Ends,
    /// Something else stands where this should.
    Expected(&'static str),
    /// A control character stands in a string without an escape.
    ControlCharacter,
    /// A backslash is followed by something that is no escape.
    Escape,
    /// A `\u` escape is half of a surrogate pair.
    LoneSurrogate,
    /// A number that a 64-bit float cannot hold.
    NumberTooLarge,
    /// An object has this key twice.
    DuplicateKey,
    /// Something follows the document.
    Trailing,
}

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.what {
            Mistake::TooLong(limit) => return write!(f, "longer than {limit} bytes"),
            Mistake::TooMany(limit) => return write!(f, "more than {limit} events in one batch"),
            Mistake::TooDeep(limit) => write!(f, "nested deeper than {limit} levels")?,
            Mistake::NotUtf8 => f.write_str("not UTF-8")?,
            Mistake::Ends => f.write_str("the text ends inside a value")?,
            Mistake::Expected(what) => write!(f, "{what} is expected")?,
            Mistake::ControlCharacter => f.write_str("a control character in a string must be escaped")?,
            Mistake::Escape => f.write_str("not a JSON escape")?,
            Mistake::LoneSurrogate => f.write_str("half of a surrogate pair")?,
            Mistake::NumberTooLarge => f.write_str("a number beyond what a 64-bit float holds")?,
            Mistake::DuplicateKey => f.write_str("an object has the same key twice")?,
            Mistake::Trailing => f.write_str("something follows the document")?,
        }
        write!(f, " (byte {})", self.position)
    }
}

impl std::error::Error for Malformed {}

/// What kind of value a node is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// `null`.
    Null,
    /// `true`.
    True,
    /// `false`.
    False,
    /// A number; its text is kept.
    Number,
    /// A string.
    String,
    /// An array.
    Array,
    /// An object.
    Object,
}

/// One node of the tape.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Cell {
    /// First byte of the value (of a key: its opening quote).
    pub(crate) start: u32,
    /// One past its last byte.
    pub(crate) end: u32,
    /// Index one past the node's descendants.
    pub(crate) next: u32,
    /// Members of an object, elements of an array.
    pub(crate) count: u32,
    pub(crate) kind: Kind,
    /// Of a string or key: whether it contains an escape.
    pub(crate) escaped: bool,
}

/// The reusable memory of parsed documents.
#[derive(Debug, Default)]
pub struct Tape {
    cells: Vec<Cell>,
    keys: Vec<parse::SeenKey>,
}

/// A parsed document. See the module's invariants.
#[derive(Debug)]
pub struct Document<'a> {
    text: &'a str,
    cells: Vec<Cell>,
}

impl<'a> Document<'a> {
    /// Parses one document.
    pub fn parse(text: &'a [u8], limits: &Limits) -> Result<Document<'a>, Malformed> {
        Self::parse_on(text, limits, &mut Tape::default())
    }

    /// Parses one document into the tape's memory; [`Document::give_back`] returns it for the next.
    pub fn parse_on(text: &'a [u8], limits: &Limits, tape: &mut Tape) -> Result<Document<'a>, Malformed> {
        let text = parse::parse(text, limits, tape)?;
        Ok(Document { text, cells: std::mem::take(&mut tape.cells) })
    }

    /// Ends the document and gives its memory back to the tape.
    pub fn give_back(self, tape: &mut Tape) {
        tape.cells = self.cells;
    }

    /// The document's value.
    pub fn root(&self) -> Node<'_> {
        Node { document: self, index: 0 }
    }

    /// The node with this [`Node::index`].
    pub(crate) fn node(&self, index: u32) -> Node<'_> {
        Node { document: self, index }
    }

    /// The whole text.
    pub fn text(&self) -> &'a str {
        self.text
    }
}

/// One value of a document.
#[derive(Debug, Clone, Copy)]
pub struct Node<'d> {
    document: &'d Document<'d>,
    index: u32,
}

/// One member of an object.
#[derive(Debug, Clone, Copy)]
pub struct Member<'d> {
    document: &'d Document<'d>,
    key: u32,
}

impl<'d> Node<'d> {
    fn cell(&self) -> &'d Cell {
        &self.document.cells[self.index as usize]
    }

    /// What kind of value it is.
    pub fn kind(&self) -> Kind {
        self.cell().kind
    }

    /// The value's bytes in the text.
    pub fn span(&self) -> Range<u32> {
        let cell = self.cell();
        cell.start..cell.end
    }

    /// The value's text as written.
    pub fn raw(&self) -> &'d str {
        let cell = self.cell();
        &self.document.text[cell.start as usize..cell.end as usize]
    }

    /// The content of a string, unescaped.
    pub fn as_str(&self) -> Option<Cow<'d, str>> {
        (self.kind() == Kind::String).then(|| string::content(self.document, self.cell()))
    }

    /// The members of an object in their order; none of another value.
    pub fn members(&self) -> Members<'d> {
        let cell = self.cell();
        let left = if cell.kind == Kind::Object { cell.count } else { 0 };
        Members { document: self.document, at: self.index + 1, left }
    }

    /// The elements of an array in their order; none of another value.
    pub fn items(&self) -> Items<'d> {
        let cell = self.cell();
        let left = if cell.kind == Kind::Array { cell.count } else { 0 };
        Items { document: self.document, at: self.index + 1, left }
    }

    /// How many members or elements it has.
    pub fn len(&self) -> usize {
        self.cell().count as usize
    }

    /// Whether it has no members or elements.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The value of the member `name`.
    pub fn get(&self, name: &str) -> Option<Node<'d>> {
        self.members().find(|member| member.is_named(name)).map(|member| member.value())
    }

    /// The value that the literal tokens lead to; array elements by their index.
    pub fn at<S: AsRef<str>>(&self, tokens: &[S]) -> Option<Node<'d>> {
        tokens.iter().try_fold(*self, |node, token| match node.kind() {
            Kind::Object => node.get(token.as_ref()),
            Kind::Array => token.as_ref().parse().ok().and_then(|index| node.items().nth(index)),
            _ => None,
        })
    }

    /// A number that tells the nodes of one document apart; [`Document::node`] finds the node again.
    pub(crate) fn index(&self) -> u32 {
        self.index
    }
}

impl<'d> Member<'d> {
    fn cell(&self) -> &'d Cell {
        &self.document.cells[self.key as usize]
    }

    /// The key, unescaped.
    pub fn key(&self) -> Cow<'d, str> {
        string::content(self.document, self.cell())
    }

    /// The key where it is written without an escape.
    pub(crate) fn plain_key(&self) -> Option<&'d str> {
        let cell = self.cell();
        (!cell.escaped).then(|| &self.document.text[cell.start as usize + 1..cell.end as usize - 1])
    }

    /// Whether the unescaped key is `name`.
    pub fn is_named(&self, name: &str) -> bool {
        match self.plain_key() {
            Some(key) => key == name,
            None => self.key() == name,
        }
    }

    /// The member's value.
    pub fn value(&self) -> Node<'d> {
        Node { document: self.document, index: self.key + 1 }
    }

    /// The whole member's bytes, from the key's opening quote to the value's end.
    pub fn span(&self) -> Range<u32> {
        self.cell().start..self.value().cell().end
    }
}

/// Iterates the members of an object.
#[derive(Debug, Clone)]
pub struct Members<'d> {
    document: &'d Document<'d>,
    at: u32,
    left: u32,
}

impl<'d> Iterator for Members<'d> {
    type Item = Member<'d>;

    fn next(&mut self) -> Option<Member<'d>> {
        self.left = self.left.checked_sub(1)?;
        let member = Member { document: self.document, key: self.at };
        self.at = member.value().cell().next;
        Some(member)
    }
}

/// Iterates the elements of an array.
#[derive(Debug, Clone)]
pub struct Items<'d> {
    document: &'d Document<'d>,
    at: u32,
    left: u32,
}

impl<'d> Iterator for Items<'d> {
    type Item = Node<'d>;

    fn next(&mut self) -> Option<Node<'d>> {
        self.left = self.left.checked_sub(1)?;
        let node = Node { document: self.document, index: self.at };
        self.at = node.cell().next;
        Some(node)
    }
}
