//! The classification as a tree that a document is walked along.
//!
//! Invariants: each place where a valid document can have a value has a field; a node that is `whole` has one field
//! for everything below it and no children. Object and array children are kept apart, as one place may admit both.

mod build;

pub(crate) use build::build;

use crate::leaks;
use crate::redaction::Redaction;

/// What a value is and whose.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Field {
    /// Index of the class in the contract's list.
    pub(crate) class: u16,
    pub(crate) sealed: bool,
    /// What is shown in its place.
    pub(crate) form: Redaction,
    /// Index of the subject pointer that says whose it is; none for what belongs to no person.
    pub(crate) owner: Option<u16>,
    /// What must not be found in it; none where it is a person's.
    pub(crate) watch: leaks::Set,
    /// The same of the names that lead to it, where no schema declares them.
    pub(crate) keys: leaks::Set,
}

/// A place of the schema.
#[derive(Debug, Clone, Default)]
pub(crate) struct PlanNode {
    /// What a value that stands here itself is.
    pub(crate) field: Option<Field>,
    /// Whether `field` covers everything below.
    pub(crate) whole: bool,
    /// The members with a place of their own, by name, sorted.
    pub(crate) names: Vec<(Box<str>, u32)>,
    /// All other members.
    pub(crate) others: Option<u32>,
    /// The elements with a place of their own.
    pub(crate) elements: Vec<u32>,
    /// All other elements.
    pub(crate) rest: Option<u32>,
}

impl PlanNode {
    /// The node of the member `name`.
    pub(crate) fn member(&self, name: &str) -> Option<u32> {
        let declared = if self.names.len() <= 8 {
            self.names.iter().find(|(known, _)| **known == *name).map(|(_, node)| *node)
        } else {
            self.names.binary_search_by(|(known, _)| (**known).cmp(name)).ok().map(|at| self.names[at].1)
        };
        declared.or(self.others)
    }

    /// The node of the element at `index`.
    pub(crate) fn element(&self, index: usize) -> Option<u32> {
        self.elements.get(index).copied().or(self.rest)
    }

    /// The nodes directly below.
    pub(crate) fn children(&self) -> impl Iterator<Item = u32> + '_ {
        let names = self.names.iter().map(|(_, node)| *node);
        names.chain(self.others).chain(self.elements.iter().copied()).chain(self.rest)
    }
}

/// Where a part of a document lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Inside {
    /// At a node of the plan.
    Node(u32),
    /// In a place that one rule covers, which watches for these.
    Covered(leaks::Set),
}

impl Inside {
    /// What must not be found in a value there by the rule that covers it.
    pub(crate) fn watch(self) -> leaks::Set {
        match self {
            Inside::Covered(watch) => watch,
            Inside::Node(_) => leaks::Set::NONE,
        }
    }
}

/// Where the identifier of a person stands: found from the ancestor to which all `*` are bound.
#[derive(Debug, Clone)]
pub(crate) struct SubjectPath {
    /// How many tokens lead to that ancestor.
    pub(crate) anchor: usize,
    /// The literal tokens from there.
    pub(crate) rest: Vec<String>,
    /// The pointer as the contract has it.
    pub(crate) pointer: String,
}

/// The classification of a contract.
#[derive(Debug, Clone, Default)]
pub(crate) struct Plan {
    /// The first is the whole document's.
    pub(crate) nodes: Vec<PlanNode>,
    pub(crate) subjects: Vec<SubjectPath>,
}

impl Plan {
    pub(crate) fn node(&self, at: u32) -> &PlanNode {
        &self.nodes[at as usize]
    }

    /// The field of the place that a contract's pointer names; `*` is any other member or element.
    pub(crate) fn field_at(&self, tokens: &[String]) -> Option<Field> {
        let mut node = self.node(0);
        for token in tokens {
            if node.whole {
                break;
            }
            let next = if token == "*" {
                node.others.or(node.rest)
            } else {
                let index = token.parse().ok();
                node.member(token).or_else(|| index.and_then(|index| node.element(index)))
            };
            node = self.node(next?);
        }
        node.field
    }
}
