//! Personal data where the classification says there is none.

use std::collections::HashMap;

use super::walk::Walk;
use crate::check::Leak;
use crate::document::{Kind, Member, Node};
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

/// What the name of a value says of it.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Named<'d> {
    /// What a declared name speaks of.
    pub(super) expected: Set,
    /// A name that no schema declares.
    pub(super) name: &'d str,
}

impl<'d> Walk<'_, 'd, '_> {
    /// What the name of a member says of its value; `is_declared`: by the schema.
    pub(super) fn named(&self, member: &Member<'d>, is_declared: bool) -> Named<'d> {
        let speaking = &self.form.speaking;
        match member.plain_key() {
            Some(name) if !is_declared => Named { expected: Set::NONE, name },
            Some(name) if !speaking.is_empty() => {
                Named { expected: speaking.get(name).copied().unwrap_or_default(), name: "" }
            }
            _ => Named::default(),
        }
    }

    /// Looks for what must not be in a value, nor in what it holds.
    pub(super) fn look(&mut self, value: Node<'d>, wanted: Set, named: Named<'d>) {
        let Named { expected, name } = named;
        let is_number = value.kind() == Kind::Number;
        let search = Search { wanted, expected, named: name, is_number };
        match value.kind() {
            Kind::String => {
                if let Some(text) = value.as_str() {
                    self.look_at(&text, value, search);
                }
            }
            Kind::Number => self.look_at(value.raw(), value, search),
            Kind::Array => value.items().for_each(|item| self.look(item, wanted, named)),
            Kind::Object => {
                for member in value.members() {
                    let key = member.key();
                    let is_declared = self.form.declared.contains(&*key);
                    if !is_declared {
                        self.look_at_key(&key, member.value(), wanted);
                    }
                    self.look(member.value(), wanted, self.named(&member, is_declared));
                }
            }
            Kind::Null | Kind::True | Kind::False => {}
        }
    }

    /// Looks at a member's name that the schema does not declare.
    pub(super) fn look_at_key(&mut self, key: &str, value: Node<'d>, wanted: Set) {
        self.look_at(key, value, Search { wanted, ..Search::default() });
    }

    fn look_at(&mut self, text: &str, value: Node<'d>, search: Search<'_>) {
        for detector in scan(text, search).places() {
            let known = self.found.iter().filter(|(_, known)| *known == detector).count();
            if known < limits::LEAKS && !self.found.contains(&(value.index(), detector)) {
                self.found.push((value.index(), detector));
            }
        }
    }

    /// What was found, each with its place.
    pub(super) fn leaks(&self, pointer: impl Fn(u32) -> String) -> Vec<Leak> {
        let leak = |(node, detector): &Found| Leak { pointer: pointer(*node), detector: *detector };
        self.found.iter().map(leak).collect()
    }
}
