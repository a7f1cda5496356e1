//! Whose each sealed span of a binary document is, found out when the walk is over: an identifier may stand behind what
//! it owns.

use std::borrow::Cow;
use std::fmt::Write as _;

use crate::check::{Checked, Key, Leak, Span};
use crate::compile::{Contract, KeyPlan};
use crate::frames::Frame;
use crate::limits;
use crate::subjects::{Subjects, Why};

/// A value that the walk was asked for.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(in crate::formats) enum Found<'v> {
    Text(&'v str),
    Long(i64),
    /// More than the signed numbers hold.
    Unsigned(u64),
    Float(f32),
    Double(f64),
    Boolean(bool),
    Bytes(&'v [u8]),
}

impl<'v> Found<'v> {
    /// The value as a text; bytes have none.
    pub(in crate::formats) fn text(self) -> Option<Cow<'v, str>> {
        Some(match self {
            Found::Text(text) => text.into(),
            Found::Long(number) => number.to_string().into(),
            Found::Unsigned(number) => number.to_string().into(),
            Found::Float(number) => number.to_string().into(),
            Found::Double(number) => number.to_string().into(),
            Found::Boolean(value) => value.to_string().into(),
            Found::Bytes(_) => return None,
        })
    }
}

/// What a walk has found beside persons.
pub(in crate::formats) struct Walked<'v> {
    pub(in crate::formats) spans: Vec<Span>,
    pub(in crate::formats) frames: Vec<Frame>,
    pub(in crate::formats) key: Option<Found<'v>>,
    pub(in crate::formats) identity: Option<Found<'v>>,
    pub(in crate::formats) leaks: Vec<Leak>,
}

/// One visit of a place that binds a subject pointer's last `*`, and the identifier found there.
#[derive(Debug, Clone, Copy)]
struct Visit {
    pointer: u16,
    subject: Option<Result<u16, Why>>,
    /// Bytes of `texts`.
    identifier: Option<(u32, u32)>,
}

/// Whose a span is to be.
#[derive(Debug, Clone, Copy)]
struct Owned {
    /// Index of a visit.
    visit: u32,
    /// Whether the value is `null` and its person would stand in it, so that it is about nobody.
    about_nobody: bool,
}

/// The persons of one document while it is walked.
#[derive(Debug, Default)]
pub(in crate::formats) struct Persons {
    visits: Vec<Visit>,
    /// The visit under way, by subject pointer.
    current: Vec<u32>,
    texts: String,
    /// For each span that belongs to a person, its index and whose it is.
    owned: Vec<(u32, Owned)>,
    subjects: Subjects,
}

impl Persons {
    /// Forgets the last document; `pointers` is the number of subject pointers, each of which has the whole document as
    /// its first visit.
    pub(in crate::formats) fn begin(&mut self, pointers: usize) {
        self.visits.clear();
        self.current.clear();
        self.texts.clear();
        self.owned.clear();
        self.subjects.take();
        for pointer in 0..pointers {
            self.current.push(0);
            self.visit(pointer as u16);
        }
    }

    /// A place that binds this subject pointer is entered.
    pub(in crate::formats) fn visit(&mut self, pointer: u16) {
        self.current[pointer as usize] = self.visits.len() as u32;
        self.visits.push(Visit { pointer, subject: None, identifier: None });
    }

    /// That place is left: nothing behind it belongs to its person.
    pub(in crate::formats) fn leave(&mut self, pointer: u16) {
        self.current[pointer as usize] = pointer.into();
    }

    /// The value at this subject pointer.
    pub(in crate::formats) fn identified(&mut self, pointer: u16, found: Found<'_>) {
        let visit = &mut self.visits[self.current[pointer as usize] as usize];
        let start = self.texts.len() as u32;
        match found {
            Found::Text(text) if text.len() <= limits::SUBJECT_BYTES => self.texts.push_str(text),
            // Only plain digits name a person, in every format.
            Found::Long(number) if number >= 0 => {
                let _ = write!(self.texts, "{number}");
            }
            Found::Unsigned(number) => {
                let _ = write!(self.texts, "{number}");
            }
            _ => {
                visit.subject = Some(Err(Why::NotAnIdentifier(pointer)));
                return;
            }
        }
        visit.identifier = Some((start, self.texts.len() as u32));
    }

    /// The span of this index belongs to the person whom the subject pointer names here.
    pub(in crate::formats) fn own(&mut self, span: usize, pointer: u16, about_nobody: bool) {
        let visit = self.current[pointer as usize];
        self.owned.push((span as u32, Owned { visit, about_nobody }));
    }

    /// The person whom the document as a whole names at this pointer.
    pub(in crate::formats) fn first(&mut self, pointer: u16) -> Option<u16> {
        self.subject(pointer.into()).ok()
    }

    /// Says of each span whose it is; the indices of those that are nobody's, with why.
    pub(in crate::formats) fn settle(&mut self, spans: &mut [Span]) -> Vec<(u32, Why)> {
        let mut orphans = Vec::new();
        for at in 0..self.owned.len() {
            let (span, owned) = self.owned[at];
            match self.subject(owned.visit) {
                Ok(subject) => spans[span as usize].subject = subject,
                Err(Why::NoIdentifier(_)) if owned.about_nobody => {}
                Err(why) => orphans.push((span, why)),
            }
            if orphans.len() >= limits::VIOLATIONS {
                break;
            }
        }
        orphans
    }

    fn subject(&mut self, visit: u32) -> Result<u16, Why> {
        let Visit { pointer, subject, identifier } = self.visits[visit as usize];
        if let Some(known) = subject {
            return known;
        }
        let subject = match identifier {
            None => Err(Why::NoIdentifier(pointer)),
            Some((start, end)) => self.subjects.index_of(&self.texts[start as usize..end as usize], pointer),
        };
        self.visits[visit as usize].subject = Some(subject);
        subject
    }

    /// The person whom the contract's first subject pointer names, where it orders events; asked before spans are
    /// settled, so that it is the first of all.
    pub(in crate::formats) fn ordering(&mut self, contract: &Contract) -> Option<usize> {
        let one = contract.plan.subjects.first().is_some_and(|path| path.anchor == 0);
        let orders = matches!(contract.key, KeyPlan::Subject);
        if one && orders { self.first(0).map(usize::from) } else { None }
    }

    /// What is found, when everybody is known.
    pub(in crate::formats) fn conclude(
        &mut self,
        contract: &Contract,
        ordering: Option<usize>,
        walked: Walked<'_>,
    ) -> Checked {
        let key = match &contract.key {
            KeyPlan::None => None,
            KeyPlan::Subject => {
                ordering.or_else(|| (!self.subjects.is_empty()).then_some(0)).map(Key::Subject)
            }
            KeyPlan::At(tokens, class) => {
                let subjects = &contract.definition.subject;
                match subjects.iter().position(|subject| subject.tokens() == tokens) {
                    Some(subject) => self.first(subject as u16).map(|subject| Key::Subject(subject.into())),
                    None => walked.key.and_then(Found::text).map(|text| Key::Value {
                        text: text.into_owned(),
                        class: contract.classes[*class as usize].clone(),
                    }),
                }
            }
        };
        let identity = walked.identity.and_then(Found::text).map(Cow::into_owned);
        let subjects = self.subjects.take();
        let Walked { spans, frames, leaks, .. } = walked;
        Checked { spans, frames, subjects, key, identity, leaks }
    }
}
