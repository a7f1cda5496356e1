//! Personal data where the classification says there is none.

use std::collections::HashMap;

use super::walk::Walk;
use crate::check::Leak;
use crate::document::{Kind, Node};
use crate::leaks::{Search, Set, scan};
use crate::limits;

/// The names of members that speak of what a detector finds.
pub(super) type Speaking = HashMap<String, Set>;

/// Those of all declared names.
pub(super) fn speaking<'n>(names: impl IntoIterator<Item = &'n String>) -> Speaking {
    let known = names.into_iter().map(|name| (name.clone(), Set::expected_by(name)));
    known.filter(|(_, expected)| !expected.is_empty()).collect()
}

/// What was found in a value: its node, and the detector.
pub(super) type Found = (u32, usize);

impl<'d> Walk<'_, 'd, '_> {
    /// What the name of a member says of its value.
    pub(super) fn expected(&self, name: &str) -> Set {
        let speaking = &self.form.speaking;
        if speaking.is_empty() { Set::NONE } else { speaking.get(name).copied().unwrap_or_default() }
    }

    /// Looks for what must not be in a value, nor in what it holds.
    pub(super) fn look(&mut self, value: Node<'d>, wanted: Set, expected: Set) {
        match value.kind() {
            Kind::String => {
                if let Some(text) = value.as_str() {
                    self.look_at(&text, value, Search { wanted, expected });
                }
            }
            // A number has no form of its own.
            Kind::Number => {
                self.look_at(value.raw(), value, Search { wanted: wanted.and(expected), expected })
            }
            Kind::Array => value.items().for_each(|item| self.look(item, wanted, expected)),
            Kind::Object => {
                for member in value.members() {
                    let (key, value) = (member.key(), member.value());
                    self.look_at_key(&key, value, wanted);
                    let expected = self.expected(&key);
                    self.look(value, wanted, expected);
                }
            }
            Kind::Null | Kind::True | Kind::False => {}
        }
    }

    /// Looks at a member's name that the schema does not declare.
    pub(super) fn look_at_key(&mut self, key: &str, value: Node<'d>, wanted: Set) {
        if !self.form.declared.contains(key) {
            self.look_at(key, value, Search { wanted, expected: Set::NONE });
        }
    }

    fn look_at(&mut self, text: &str, value: Node<'d>, search: Search) {
        let found = &mut self.found;
        scan(text, search, &mut |detector| {
            if found.len() < limits::LEAKS && !found.contains(&(value.index(), detector)) {
                found.push((value.index(), detector));
            }
        });
    }

    /// What was found, each with its place.
    pub(super) fn leaks(&self, pointer: impl Fn(u32) -> String) -> Vec<Leak> {
        let leak = |(node, detector): &Found| Leak { pointer: pointer(*node), detector: *detector };
        self.found.iter().map(leak).collect()
    }
}
