//! Checks one document against its contract and finds the spans of its sealed fields, each with whose it is.
//!
//! Budget: 3 µs for a document of 1 KiB with five sealed fields. Nothing but the result is allocated once the
//! workspace has grown. The walk fails closed: a value that the plan does not know is a violation.

use std::collections::HashMap;
use std::fmt;

use crate::Class;
use crate::compile::{Contract, KeyPlan};
use crate::document::{Document, JsonNode, Kind, Node, Tape};
use crate::explain::Explainer;
use crate::limits::{self, Limits};
use crate::plan::{Field, PlanNode};

/// What a sealed span is in the document's syntax; decides what stays when it is left out.
#[derive(Debug, Copy, Clone, PartialEq, Eq, Hash)]
pub enum Shape {
    /// A whole member, from its key's opening quote to its value's end: disappears.
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
    /// What it is in the document's syntax.
    pub shape: Shape,
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
    /// The identifier of each data subject of the document, once: a string unescaped or an integer's text.
    pub subjects: Vec<String>,
    /// What orders the event, by the contract's rule; none where the rule says so or the value is absent.
    pub key: Option<Key>,
    /// The value at the contract's identity pointer, if it has one and the document too.
    pub identity: Option<String>,
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
    limits: Limits,
    tape: Tape,
    walked: Walked,
}

/// What a walk leaves for the next to reuse.
#[derive(Debug, Default)]
struct Walked {
    /// The nodes from the root down to the one being walked.
    ancestors: Vec<u32>,
    /// Subjects found already: by the node that the pointer starts from, and the pointer's index.
    owners: Vec<(u32, u16, u16)>,
    /// The subjects' indices by their identifiers, once they are many.
    interned: HashMap<String, u16>,
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
    /// Refuses what is not one strict JSON document, what the schema does not admit, and a person's field without
    /// the identifier of that person. At most [`limits::VIOLATIONS`] violations are told.
    pub fn check(&self, data: &[u8], work: &mut Workspace) -> Result<Checked, Vec<Violation>> {
        let document = Document::parse_on(data, &work.limits, &mut work.tape).map_err(|wrong| {
            vec![Violation { pointer: String::new(), text: format!("the document is not valid JSON: {wrong}") }]
        })?;
        let checked = self.check_document(&document, &mut work.walked);
        document.give_back(&mut work.tape);
        checked
    }

    fn check_document(&self, document: &Document<'_>, walked: &mut Walked) -> Result<Checked, Vec<Violation>> {
        let explainer = Explainer { contract: self, document };
        if !self.validator.is_valid(JsonNode::Value(document.root())) {
            return Err(explainer.schema_violations());
        }
        walked.ancestors.clear();
        walked.owners.clear();
        walked.interned.clear();
        let mut walk = Walk {
            contract: self,
            document,
            walked,
            spans: Vec::with_capacity(8),
            subjects: Vec::new(),
            orphans: Vec::new(),
        };
        let key_subject = walk.key_subject();
        walk.value(document.root(), 0, Place { shape: Shape::Whole, start: document.root().span().start });
        if !walk.orphans.is_empty() {
            let orphans = std::mem::take(&mut walk.orphans);
            return Err(orphans.into_iter().map(|orphan| explainer.orphan(&orphan)).collect());
        }
        let key = match &self.key {
            KeyPlan::None => None,
            KeyPlan::Subject => key_subject.or((!walk.subjects.is_empty()).then_some(0)).map(Key::Subject),
            KeyPlan::At(tokens, class) => walk.key_value(tokens, *class),
        };
        let identity = self.definition.identity.as_ref();
        let identity = identity.and_then(|pointer| scalar_text(document.root().at(pointer.tokens())?));
        Ok(Checked { spans: walk.spans, subjects: walk.subjects, key, identity })
    }
}

/// A field that no one can be found for.
#[derive(Debug, Clone)]
pub(crate) struct Orphan {
    /// The value's node.
    pub(crate) node: u32,
    pub(crate) why: Why,
}

/// Why a field cannot be sealed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Why {
    /// The identifier of the person at this subject pointer is missing or null.
    NoIdentifier(u16),
    /// It is no string or plain integer, is empty, or is too long.
    NotAnIdentifier(u16),
    /// The document is about too many persons.
    TooManySubjects,
    /// The plan has no field for it; the schema's places and the validator disagree.
    Unclassified,
}

#[derive(Clone, Copy)]
struct Place {
    shape: Shape,
    start: u32,
}

struct Walk<'c, 'd, 'w> {
    contract: &'c Contract,
    document: &'d Document<'d>,
    walked: &'w mut Walked,
    spans: Vec<Span>,
    subjects: Vec<String>,
    orphans: Vec<Orphan>,
}

impl<'d> Walk<'_, 'd, '_> {
    fn value(&mut self, value: Node<'d>, node: u32, place: Place) {
        let contract = self.contract;
        let node = contract.plan.node(node);
        self.walked.ancestors.push(value.index());
        if node.whole {
            self.seal(value, node.field, place);
        } else {
            match value.kind() {
                Kind::Object => self.members(value, node),
                Kind::Array => self.elements(value, node),
                // Beside an object or array, `null` says only that it is absent.
                Kind::Null if node.field.is_none() => {}
                _ => self.seal(value, node.field, place),
            }
        }
        self.walked.ancestors.pop();
    }

    fn members(&mut self, object: Node<'d>, node: &PlanNode) {
        for member in object.members() {
            let child = match member.plain_key() {
                Some(key) => node.member(key),
                None => node.member(&member.key()),
            };
            let start = member.span().start;
            match child {
                Some(child) => self.value(member.value(), child, Place { shape: Shape::Member, start }),
                None => self.orphan(member.value(), Why::Unclassified),
            }
        }
    }

    fn elements(&mut self, array: Node<'d>, node: &PlanNode) {
        for (index, element) in array.items().enumerate() {
            let start = element.span().start;
            match node.element(index) {
                Some(child) => self.value(element, child, Place { shape: Shape::Item, start }),
                None => self.orphan(element, Why::Unclassified),
            }
        }
    }

    fn orphan(&mut self, value: Node<'d>, why: Why) {
        if self.orphans.len() < limits::VIOLATIONS {
            self.orphans.push(Orphan { node: value.index(), why });
        }
    }

    fn seal(&mut self, value: Node<'d>, field: Option<Field>, place: Place) {
        let Some(field) = field else { return self.orphan(value, Why::Unclassified) };
        if !field.sealed {
            return;
        }
        let subject = match field.owner {
            None => Ok(Span::TOPIC),
            Some(pointer) => self.owner(pointer),
        };
        match subject {
            Ok(subject) => self.spans.push(Span {
                start: place.start,
                end: value.span().end,
                class: field.class,
                subject,
                shape: place.shape,
            }),
            Err(why) => self.orphan(value, why),
        }
    }

    /// The index of the person that this subject pointer names for the value being walked.
    fn owner(&mut self, pointer: u16) -> Result<u16, Why> {
        let contract = self.contract;
        let path = &contract.plan.subjects[pointer as usize];
        let from = self.walked.ancestors.get(path.anchor).copied().ok_or(Why::Unclassified)?;
        // Fields of one person stand together, so the latest entries are the ones asked for.
        let known = self.walked.owners.iter().rev().take(8).find(|(node, of, _)| (*node, *of) == (from, pointer));
        if let Some((_, _, subject)) = known {
            return Ok(*subject);
        }
        let identifier = self.document.node(from).at(&path.rest).ok_or(Why::NoIdentifier(pointer))?;
        let subject = self.intern(identifier, pointer)?;
        self.walked.owners.push((from, pointer, subject));
        Ok(subject)
    }

    fn intern(&mut self, identifier: Node<'d>, pointer: u16) -> Result<u16, Why> {
        let bad = Why::NotAnIdentifier(pointer);
        let text = match identifier.kind() {
            Kind::Null => return Err(Why::NoIdentifier(pointer)),
            Kind::String => identifier.as_str().ok_or(bad)?,
            // 1, 1.0 and 1e0 are one number but three texts; only the plain one names a person.
            Kind::Number if identifier.raw().bytes().all(|byte| byte.is_ascii_digit()) => identifier.raw().into(),
            _ => return Err(bad),
        };
        if text.is_empty() || text.len() > limits::SUBJECT_BYTES {
            return Err(bad);
        }
        let many = self.subjects.len() > limits::KEYS_COMPARED_IN_PAIRS;
        let known = if many {
            self.walked.interned.get(text.as_ref()).copied()
        } else {
            self.subjects.iter().position(|known| *known == *text).map(|at| at as u16)
        };
        if let Some(known) = known {
            return Ok(known);
        }
        if self.subjects.len() >= limits::SUBJECTS {
            return Err(Why::TooManySubjects);
        }
        let index = self.subjects.len() as u16;
        self.subjects.push(text.into_owned());
        match self.subjects.len() {
            below if below <= limits::KEYS_COMPARED_IN_PAIRS => {}
            first if first == limits::KEYS_COMPARED_IN_PAIRS + 1 => {
                let all = self.subjects.iter().cloned().zip(0..);
                self.walked.interned.extend(all);
            }
            _ => {
                self.walked.interned.insert(self.subjects[index as usize].clone(), index);
            }
        }
        Ok(index)
    }

    /// The person whom the contract's first subject pointer names, where it orders events.
    fn key_subject(&mut self) -> Option<usize> {
        let first = match self.contract.key {
            KeyPlan::Subject => self.contract.definition.subject.first()?,
            _ => return None,
        };
        let identifier = self.document.root().at(first.tokens())?;
        self.intern(identifier, 0).ok().map(usize::from)
    }

    fn key_value(&mut self, tokens: &[String], class: u16) -> Option<Key> {
        let value = self.document.root().at(tokens)?;
        let contract = self.contract;
        if contract.definition.subject.iter().any(|subject| subject.tokens() == tokens) {
            return self.intern(value, 0).ok().map(|subject| Key::Subject(subject.into()));
        }
        let class = contract.classes.get(class as usize).cloned()?;
        scalar_text(value).map(|text| Key::Value { text, class })
    }
}

/// A string unescaped, or the text of a number or boolean.
fn scalar_text(value: Node<'_>) -> Option<String> {
    match value.kind() {
        Kind::String => value.as_str().map(|text| text.into_owned()),
        Kind::Number | Kind::True | Kind::False => Some(value.raw().to_owned()),
        Kind::Null | Kind::Array | Kind::Object => None,
    }
}
