//! The steps of a migration, applied to a document: forward in their order, back in the other.
//!
//! What is not there is passed over: a field that a producer left out, or that was left out for a reader, is absent
//! before and after. Whether a document that comes out is one of the other version is for that version's contract to say.

use std::collections::BTreeMap;

use serde_json::Value;

use super::step::{Scalar, Step};
use super::tree::Tree;
use super::{Misfit, faults};
use crate::compile::{Contract, Fault};
use crate::pointer::Pointer;
use crate::{ContractVersion, formats};

/// The steps from one version to the next, made ready.
#[derive(Debug, Clone)]
pub struct Lens {
    version: ContractVersion,
    /// Each step as it is named in faults, and what it does.
    changes: Vec<(String, Change)>,
}

#[derive(Debug, Clone)]
enum Change {
    /// In each place that `above` leads to.
    Move {
        above: Vec<String>,
        from: Path,
        to: Path,
    },
    /// `is_new`: in the newer version; else it was in the older.
    Field {
        parent: Vec<String>,
        name: String,
        value: Option<Tree>,
        is_new: bool,
    },
    Texts {
        at: Vec<String>,
        forward: BTreeMap<String, String>,
        back: BTreeMap<String, String>,
        otherwise: Option<String>,
    },
    Types {
        at: Vec<String>,
        old: Scalar,
        new: Scalar,
    },
}

/// The members that lead to a field.
#[derive(Debug, Clone)]
struct Path {
    tokens: Vec<String>,
    /// How many of the objects on the way the other version has too; the others go when they are empty.
    shared: usize,
}

/// Which way a document goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    Forward,
    Back,
}

impl Lens {
    /// The migration of `new`, which leads from `old` to it; without one, everything that is wrong about that.
    pub fn of(old: &Contract, new: &Contract) -> Result<Lens, Vec<Fault>> {
        let found = faults::faults(old, new);
        if !found.is_empty() {
            return Err(found);
        }
        let declared = |it: &Contract| formats::declared(it.definition.format, &it.definition.schema);
        let (before, after) = (declared(old), declared(new));
        let steps = new.definition.migration.as_deref().unwrap_or_default();
        let named = |(index, step): (usize, &Step)| {
            let name = format!("step {} ({step})", index + 1);
            (name, change(step, &|at| before.contains_key(at), &|at| after.contains_key(at)))
        };
        Ok(Lens { version: new.definition.version, changes: steps.iter().enumerate().map(named).collect() })
    }

    /// A document of the older version as one of the newer.
    pub fn forward(&self, document: &[u8]) -> Result<Vec<u8>, Misfit> {
        self.apply(document, Way::Forward)
    }

    /// A document of the newer version as one of the older.
    pub fn back(&self, document: &[u8]) -> Result<Vec<u8>, Misfit> {
        self.apply(document, Way::Back)
    }

    fn apply(&self, document: &[u8], way: Way) -> Result<Vec<u8>, Misfit> {
        let mut tree = self.read(document)?;
        match way {
            Way::Forward => self.forward_tree(&mut tree)?,
            Way::Back => self.back_tree(&mut tree)?,
        }
        Ok(tree.to_text().into_bytes())
    }

    pub(super) fn read(&self, document: &[u8]) -> Result<Tree, Misfit> {
        Tree::parse(document).map_err(|wrong| Misfit::new(self.version, format!("the document is {wrong}")))
    }

    pub(super) fn forward_tree(&self, tree: &mut Tree) -> Result<(), Misfit> {
        self.changes.iter().try_for_each(|(name, change)| {
            change.apply(tree, Way::Forward).map_err(|wrong| self.misfit(name, wrong))
        })
    }

    pub(super) fn back_tree(&self, tree: &mut Tree) -> Result<(), Misfit> {
        self.changes.iter().rev().try_for_each(|(name, change)| {
            change.apply(tree, Way::Back).map_err(|wrong| self.misfit(name, wrong))
        })
    }

    fn misfit(&self, step: &str, wrong: &str) -> Misfit {
        Misfit::new(self.version, format!("{step}: {wrong}"))
    }
}

/// A step made ready; `before` and `after` know the places of the two versions.
fn change(step: &Step, before: &dyn Fn(&str) -> bool, after: &dyn Fn(&str) -> bool) -> Change {
    match step {
        Step::Renamed { from, to } => {
            let (above, _) = divided(from);
            let path = |pointer: &Pointer, other: &dyn Fn(&str) -> bool| {
                let tokens = pointer.tokens()[above.len()..].to_vec();
                let is_shared = |count: &usize| {
                    let container = pointer.tokens()[..above.len() + count].iter().cloned();
                    other(&Pointer::from_tokens(container).to_string())
                };
                let shared = (1..tokens.len()).rev().find(is_shared).unwrap_or(0);
                Path { tokens, shared }
            };
            Change::Move { from: path(from, after), to: path(to, before), above: above.to_vec() }
        }
        Step::Added { at, value } => field(at, value, true),
        Step::Removed { at, value } => field(at, value, false),
        Step::Mapped { at, values, otherwise } => Change::Texts {
            at: at.tokens().to_vec(),
            forward: values.clone(),
            back: values.iter().map(|(old, new)| (new.clone(), old.clone())).collect(),
            otherwise: otherwise.clone(),
        },
        Step::Converted { at, old, new } => Change::Types { at: at.tokens().to_vec(), old: *old, new: *new },
    }
}

fn field(at: &Pointer, value: &Option<Value>, is_new: bool) -> Change {
    let (name, parent) = at.tokens().split_last().map_or((String::new(), &[][..]), |(n, p)| (n.clone(), p));
    Change::Field { parent: parent.to_vec(), name, value: value.as_ref().map(Tree::from), is_new }
}

/// A pointer up to its last `*`, and the rest.
pub(super) fn divided(pointer: &Pointer) -> (&[String], &[String]) {
    let tokens = pointer.tokens();
    tokens.split_at(tokens.iter().rposition(|token| token == "*").map_or(0, |at| at + 1))
}

impl Change {
    fn apply(&self, tree: &mut Tree, way: Way) -> Result<(), &'static str> {
        match self {
            Change::Move { above, from, to } => {
                let (from, to) = if way == Way::Forward { (from, to) } else { (to, from) };
                each(tree, above, &mut |node| relocate(node, from, to))
            }
            Change::Field { parent, name, value, is_new } => {
                let comes = *is_new == (way == Way::Forward);
                each(tree, parent, &mut |node| {
                    match value {
                        _ if !comes => drop(node.take(name)),
                        Some(value) => put_where_none_is(node, name, value),
                        None => {}
                    }
                    Ok(())
                })
            }
            Change::Texts { at, forward, back, otherwise } => {
                let (known, otherwise) = match way {
                    Way::Forward => (forward, None),
                    Way::Back => (back, otherwise.as_ref()),
                };
                each(tree, at, &mut |node| {
                    let text = node.as_string();
                    let other = text.and_then(|text| known.get(&text).or(otherwise).cloned());
                    other.into_iter().for_each(|other| *node = Tree::string(&other));
                    Ok(())
                })
            }
            Change::Types { at, old, new } => {
                let wanted = if way == Way::Forward { new } else { old };
                each(tree, at, &mut |node| {
                    *node = converted(node, *wanted)?;
                    Ok(())
                })
            }
        }
    }
}

/// Calls `visit` on each value that the tokens lead to.
fn each(
    tree: &mut Tree,
    tokens: &[String],
    visit: &mut dyn FnMut(&mut Tree) -> Result<(), &'static str>,
) -> Result<(), &'static str> {
    let Some((token, rest)) = tokens.split_first() else { return visit(tree) };
    match tree {
        Tree::Scalar(_) => Ok(()),
        Tree::Object(members) if token == "*" => {
            members.iter_mut().try_for_each(|(_, value)| each(value, rest, visit))
        }
        Tree::Object(_) => tree.member(token).map_or(Ok(()), |value| each(value, rest, visit)),
        Tree::Array(items) if token == "*" => items.iter_mut().try_for_each(|item| each(item, rest, visit)),
        Tree::Array(items) => {
            let item = token.parse().ok().and_then(|index: usize| items.get_mut(index));
            item.map_or(Ok(()), |item| each(item, rest, visit))
        }
    }
}

fn relocate(node: &mut Tree, from: &Path, to: &Path) -> Result<(), &'static str> {
    let Some((name, containers)) = from.tokens.split_last() else { return Ok(()) };
    let container = containers.iter().try_fold(&mut *node, |at, token| at.member(token));
    if let Some(value) = container.and_then(|container| container.take(name)) {
        put(node, &to.tokens, value)?;
    }
    drop_empty(node, containers, from.shared);
    Ok(())
}

fn put(node: &mut Tree, tokens: &[String], value: Tree) -> Result<(), &'static str> {
    let Some((name, rest)) = tokens.split_first() else { return Ok(()) };
    if rest.is_empty() && node.member(name).is_some() {
        return Err("another field stands there already");
    }
    let Tree::Object(members) = node else { return Err("what it is to stand in is no object") };
    if rest.is_empty() {
        members.push((name.as_str().into(), value));
        return Ok(());
    }
    let at = members.iter().position(|(known, _)| **known == **name).unwrap_or_else(|| {
        members.push((name.as_str().into(), Tree::Object(Vec::new())));
        members.len() - 1
    });
    put(&mut members[at].1, rest, value)
}

fn put_where_none_is(node: &mut Tree, name: &str, value: &Tree) {
    if node.member(name).is_none()
        && let Tree::Object(members) = node
    {
        members.push((name.into(), value.clone()));
    }
}

/// Drops the objects on the way that are empty and that the other version does not have.
fn drop_empty(node: &mut Tree, containers: &[String], shared: usize) {
    let Some((name, rest)) = containers.split_first() else { return };
    let Some(container) = node.member(name) else { return };
    drop_empty(container, rest, shared.saturating_sub(1));
    if shared == 0 && container.is_empty_object() {
        node.take(name);
    }
}

/// The same value as another type; `null` is one of every type.
fn converted(value: &Tree, wanted: Scalar) -> Result<Tree, &'static str> {
    let Tree::Scalar(text) = value else { return Err("is an object or an array") };
    if &**text == "null" {
        return Ok(value.clone());
    }
    let content = value.as_string();
    match (wanted, content) {
        (Scalar::String, Some(_)) => Ok(value.clone()),
        (Scalar::String, None) => Ok(Tree::string(text)),
        (Scalar::Boolean, content) => match content.as_deref().unwrap_or(text) {
            said @ ("true" | "false") => Ok(Tree::Scalar(said.into())),
            _ => Err("is neither true nor false"),
        },
        (Scalar::Integer, content) => {
            let said = content.as_deref().unwrap_or(text);
            integer(said).map(|text| Tree::Scalar(text.into())).ok_or("is no whole number")
        }
        (Scalar::Number, content) => {
            let said = content.as_deref().unwrap_or(text);
            match Tree::parse(said.as_bytes()) {
                Ok(Tree::Scalar(number))
                    if number.starts_with(['-', '0', '1', '2', '3', '4', '5', '6', '7', '8', '9']) =>
                {
                    Ok(Tree::Scalar(number))
                }
                _ => Err("is no number"),
            }
        }
    }
}

/// The text of a whole number in JSON, which begins with no 0.
fn integer(said: &str) -> Option<String> {
    let (sign, digits) = said.strip_prefix('-').map_or(("", said), |digits| ("-", digits));
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let significant = digits.trim_start_matches('0');
    Some(format!("{sign}{}", if significant.is_empty() { "0" } else { significant }))
}
