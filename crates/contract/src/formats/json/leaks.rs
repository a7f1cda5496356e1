//! Personal data where the classification says there is none.

use super::walk::Walk;
use crate::check::Leak;
use crate::document::{Kind, Member, Node};
use crate::leaks::{Search, Set, scan};
use crate::limits;

/// What was found in a value: its node, and the detector.
pub(super) type Found = (u32, usize);

/// Bytes of a member's name that may speak of what it holds. Each value asks anew, and names can be as long as documents.
const NAME_BYTES: usize = 256;

impl<'d> Walk<'_, 'd, '_> {
    /// Looks for what must not be in a value, nor in what it holds; `named`: the nearest member, whose name is asked only
    /// where it matters.
    pub(super) fn look(&mut self, value: Node<'d>, wanted: Set, named: Option<Member<'d>>) {
        let name = named.map(|member| member.key()).unwrap_or_default();
        let search = Search {
            wanted,
            named: &name[..name.floor_char_boundary(NAME_BYTES)],
            is_number: value.kind() == Kind::Number,
            ..Search::default()
        };
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
                    if !self.form.declared.contains(&*key) {
                        self.look_at_key(&key, member.value(), wanted);
                    }
                    self.look(member.value(), wanted, Some(member));
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
