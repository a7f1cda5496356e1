//! Violations in plain words. A number is shown only where the classification says `public`, and a map's key only where
//! what it leads to is public, so that a map keyed by persons does not leak through a pointer. Texts are not shown, nor
//! are keys of a damaged document: a wrong length makes a public text of whatever stands beside it.

use super::Form;
use super::cursor::Damage;
use super::logical::Rule;
use super::program::Op;
use super::schema::Kind;
use super::walk::{Step, Token};
use crate::Class;
use crate::check::Violation;
use crate::compile::Contract;
use crate::formats::persons::Found;
use crate::limits;
use crate::pointer::Pointer;
use crate::subjects::Why;

pub(super) struct Explainer<'e> {
    pub(super) contract: &'e Contract,
    pub(super) form: &'e Form,
    pub(super) data: &'e [u8],
}

impl Explainer<'_> {
    /// The bytes at `at` are not what the schema says.
    pub(super) fn damage(&self, way: &[Step], damage: Damage, at: usize) -> Violation {
        let pointer = self.pointer(way, false);
        let text = format!("{} cannot be read as Avro: {damage} (byte {at})", named(&pointer));
        Violation { pointer, text }
    }

    /// A map has the same key twice.
    pub(super) fn key_twice(&self, way: &[Step]) -> Violation {
        self.violation(way, "has the same key twice")
    }

    /// A sealed field belongs to no one.
    pub(super) fn orphan(&self, way: &[Step], why: Why) -> Violation {
        let pointer = self.pointer(way, true);
        let subjects = &self.contract.plan.subjects;
        let text = why.text(named(&pointer), |at| &subjects[at as usize].pointer);
        Violation { pointer, text }
    }

    /// A value does not keep its logical type's rule.
    pub(super) fn rule_broken(&self, way: &[Step], op: &Op, rule: &Rule, found: Found<'_>) -> Violation {
        let complaint = match rule {
            Rule::Between { what, .. } => format!("is not {what}"),
            Rule::Uuid => "is not a UUID".to_owned(),
            Rule::Decimal(digits) => format!("is not a decimal of at most {} digits", digits.precision),
        };
        let class = op.class.map(|class| &self.contract.classes[class as usize]);
        match (class.or_else(|| self.class(way)), found) {
            (Some(Class::Public), Found::Long(number)) => {
                self.violation(way, &format!("{number} {complaint}"))
            }
            (Some(Class::Public), _) => self.violation(way, &complaint),
            (class, _) => {
                let class = class.map_or("unclassified", Class::as_str);
                self.violation(way, &format!("{complaint} (value withheld: {class})"))
            }
        }
    }

    fn violation(&self, way: &[Step], complaint: &str) -> Violation {
        let pointer = self.pointer(way, true);
        Violation { text: format!("{} {complaint}", named(&pointer)), pointer }
    }

    /// The class that covers the end of a way.
    fn class(&self, way: &[Step]) -> Option<&Class> {
        let classes = way.iter().rev().map(|step| self.form.program.op(step.op).class);
        let root = self.form.program.op(self.form.program.root).class;
        let class = classes.chain([root]).flatten().next()?;
        self.contract.classes.get(class as usize)
    }

    /// The pointer as it may be shown; `keys` says whether the keys on the way are what they seem.
    pub(super) fn pointer(&self, way: &[Step], keys: bool) -> String {
        let tokens = way.iter().enumerate().map(|(at, step)| match step.token {
            Token::Field(record, field) => match self.form.schema.kind(record) {
                Kind::Record(fields) => fields[field as usize].name.to_string(),
                _ => "*".to_owned(),
            },
            Token::Item(index) => index.to_string(),
            Token::Entry(start, end) => match self.class(&way[..=at]) {
                Some(Class::Public) if keys => {
                    let key = String::from_utf8_lossy(&self.data[start as usize..end as usize]);
                    cut(&key, limits::SHOWN_NAME_CHARS)
                }
                _ => "*".to_owned(),
            },
        });
        Pointer::from_tokens(tokens).to_string()
    }
}

fn named(pointer: &str) -> &str {
    if pointer.is_empty() { "the document" } else { pointer }
}

fn cut(text: &str, chars: usize) -> String {
    match text.char_indices().nth(chars) {
        None => text.to_owned(),
        Some((at, _)) => format!("{}…", &text[..at]),
    }
}
