//! Violations in plain words. No value is shown, and of a map no key: most fields of such documents are only as long as
//! the bytes beside them say, and a wrong length would show what stands next to them.

use super::Form;
use super::cursor::Damage;
use super::schema::MessageId;
use super::walk::{Step, Token};
use crate::check::Violation;
use crate::compile::Contract;
use crate::pointer::Pointer;
use crate::subjects::Why;

pub(super) struct Explainer<'e> {
    pub(super) contract: &'e Contract,
    pub(super) form: &'e Form,
}

impl Explainer<'_> {
    /// The bytes at `at` are not what the file says.
    pub(super) fn damage(&self, way: &[Step], damage: Damage, at: usize) -> Violation {
        let pointer = self.pointer(way);
        let text = format!("{} cannot be read as Protocol Buffers: {damage} (byte {at})", named(&pointer));
        Violation { pointer, text }
    }

    /// A message has not all of its required fields.
    pub(super) fn missing(&self, way: &[Step], message: MessageId, field: usize) -> Violation {
        let name = &self.form.schema.field(message, field).name;
        let pointer = format!("{}/{name}", self.pointer(way));
        Violation { text: format!("{pointer} is missing"), pointer }
    }

    /// A sealed field belongs to no one.
    pub(super) fn orphan(&self, way: &[Step], why: Why) -> Violation {
        let pointer = self.pointer(way);
        let subjects = &self.contract.plan.subjects;
        let text = why.text(named(&pointer), |at| &subjects[at as usize].pointer);
        Violation { pointer, text }
    }

    pub(super) fn pointer(&self, way: &[Step]) -> String {
        let mut tokens = Vec::with_capacity(way.len() + 1);
        for step in way {
            if let Some(field) = step.field {
                tokens.push(self.form.schema.field(step.message, field).name.to_string());
            }
            match step.token {
                Token::One => {}
                Token::Item(index) => tokens.push(index.to_string()),
                Token::Entry => tokens.push("*".to_owned()),
            }
        }
        Pointer::from_tokens(tokens).to_string()
    }
}

fn named(pointer: &str) -> &str {
    if pointer.is_empty() { "the document" } else { pointer }
}
