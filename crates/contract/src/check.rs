//! Checks one document against its contract and finds the spans of its sealed fields, each with whose it is.
//!
//! Budget: 3 µs for a document of 1 KiB with five sealed fields. Nothing but the result is allocated once the
//! workspace has grown. Every format's walk fails closed: a value that the plan does not know is a violation.

use std::fmt;

use crate::Class;
use crate::compile::Contract;
use crate::formats::{Form, avro, json, protobuf};
use crate::frames::Frame;
use crate::leaks;
use crate::limits::Limits;
use crate::redaction::Look;

/// What a sealed span is in the document's syntax; decides what stays when it is left out. In binary formats nothing
/// stays, whatever the shape: the redacted schema has no field there, or one that takes no bytes. Where something is shown
/// instead, its [`Look`] says what.
#[derive(Debug, Copy, Clone, PartialEq, Eq, Hash)]
pub enum Shape {
    /// A whole member, in JSON from its key's opening quote to its value's end: disappears.
    Member,
    /// An element of an array: becomes `null`.
    Item,
    /// The document itself: becomes `null`.
    Whole,
}

/// The bytes of a sealed field.
#[derive(Debug, Copy, Clone, PartialEq, Eq)]
pub struct Span {
    /// First byte.
    pub start: u32,
    /// One past the last byte.
    pub end: u32,
    /// Index in [`Contract::classes`].
    pub class: u16,
    /// Index in [`Checked::subjects`], or [`Span::TOPIC`].
    pub subject: u16,
    /// What it is in the document's syntax, and what is shown in its place.
    pub look: Look,
}

impl Span {
    /// In place of a subject: the field belongs to the topic, not to a person.
    pub const TOPIC: u16 = u16::MAX;
}

/// What orders an event among others.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Key {
    /// A data subject, by its index in [`Checked::subjects`].
    Subject(usize),
    /// A value of the document.
    Value {
        /// A string unescaped, or the text of a number or boolean.
        text: String,
        /// The value's class; what is not public is pseudonymised before it is used.
        class: Class,
    },
}

/// What the bus needs to know of a document that keeps its contract.
#[derive(Clone, PartialEq, Eq)]
pub struct Checked {
    /// The sealed fields in document order; they never overlap.
    pub spans: Vec<Span>,
    /// In binary formats, the lengths that are written before parts of the document in which something is sealed; by
    /// their start. They never overlap but as one inside the other.
    pub frames: Vec<Frame>,
    /// The identifier of each data subject of the document, once: a string unescaped or an integer's text.
    pub subjects: Vec<String>,
    /// What orders the event, by the contract's rule; none where the rule says so or the value is absent.
    pub key: Option<Key>,
    /// The value at the contract's identity pointer, if it has one and the document too.
    pub identity: Option<String>,
    /// What was found in fields that are nobody's, of what the workspace's `watch` looks for; of each detector at most
    /// [`crate::limits::LEAKS`].
    pub leaks: Vec<Leak>,
}

/// Personal data in a field that is classified as nobody's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Leak {
    /// Where, as in [`Violation::pointer`].
    pub pointer: String,
    /// What it is: a place in [`crate::leaks::detectors`].
    pub detector: usize,
}

impl fmt::Debug for Checked {
    /// Counts only: identifiers of persons do not belong into logs.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Checked({} spans, {} subjects)", self.spans.len(), self.subjects.len())
    }
}

/// One way in which a document breaks its contract. Values of fields that are not public are never in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// Where: an RFC 6901 pointer; a token that may itself be personal data is `*`.
    pub pointer: String,
    /// What is wrong, a sentence that begins with the pointer.
    pub text: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// Memory that checks reuse, and the limits that they keep to.
#[derive(Debug, Default)]
pub struct Workspace {
    /// What is looked for in fields that are nobody's; of a field, what its rule does not exempt.
    pub watch: leaks::Set,
    pub(crate) limits: Limits,
    pub(crate) avro: avro::Memory,
    pub(crate) json: json::Memory,
    pub(crate) protobuf: protobuf::Memory,
}

impl Workspace {
    /// A workspace with other limits than the defaults.
    pub fn with_limits(limits: Limits) -> Self {
        Self { limits, ..Self::default() }
    }
}

impl Contract {
    /// Checks a document and finds its sealed fields.
    ///
    /// Refuses what is not one strict document of the contract's format, what the schema does not admit, and a
    /// person's field without the identifier of that person. At most [`crate::limits::VIOLATIONS`] violations are told.
    pub fn check(&self, data: &[u8], work: &mut Workspace) -> Result<Checked, Vec<Violation>> {
        match &self.form {
            Form::Avro(form) => form.check(self, data, work),
            Form::Json(form) => form.check(self, data, work),
            Form::Protobuf(form) => form.check(self, data, work),
        }
    }
}
