//! Names of Avro types and the places where texts define them (Avro specification, "Names").

use std::collections::BTreeMap;
use std::fmt;

use super::Shape;
use crate::schemas::SchemaFault;
use crate::schemas::layout::Tree;

/// A name with its namespace; displayed with dots.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::schemas) struct FullName {
    /// Empty: none.
    pub(in crate::schemas) namespace: String,
    pub(in crate::schemas) simple: String,
}

impl FullName {
    /// What `name` means where `namespace` encloses it.
    pub(in crate::schemas) fn within(name: &str, namespace: &str) -> FullName {
        match name.rsplit_once('.') {
            Some((space, simple)) => FullName { namespace: space.to_owned(), simple: simple.to_owned() },
            None => FullName { namespace: namespace.to_owned(), simple: name.to_owned() },
        }
    }

    /// The name that a definition gives itself: its `name`, with its `namespace` or the enclosing one.
    pub(in crate::schemas) fn defined(definition: &Tree, enclosing: &str) -> Option<FullName> {
        let namespace = definition.text("namespace").unwrap_or(enclosing);
        definition.text("name").map(|name| FullName::within(name, namespace))
    }

    /// Whether each part of it is a name by Avro's rules.
    pub(super) fn is_valid(&self) -> bool {
        is_name(&self.simple) && (self.namespace.is_empty() || self.namespace.split('.').all(is_name))
    }
}

impl fmt::Display for FullName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.namespace.as_str() {
            "" => f.write_str(&self.simple),
            namespace => write!(f, "{namespace}.{}", self.simple),
        }
    }
}

pub(super) fn is_name(text: &str) -> bool {
    let letter = |c: char| c.is_ascii_alphabetic() || c == '_';
    text.starts_with(letter) && text.chars().all(|c| letter(c) || c.is_ascii_digit())
}

/// The type that a node defines, and whether it takes a name.
pub(in crate::schemas) fn is_definition(node: &Tree) -> bool {
    matches!(node.text("type"), Some("record" | "error" | "enum" | "fixed")) && node.get("name").is_some()
}

/// Every definition in the texts by its full name: its node, the namespace around it, and the text's own name.
pub(in crate::schemas) struct Definitions {
    trees: BTreeMap<String, Tree>,
    found: BTreeMap<FullName, (String, Vec<usize>, String)>,
}

impl Definitions {
    pub(in crate::schemas) fn of(texts: &BTreeMap<String, String>) -> Result<Definitions, SchemaFault> {
        let mut trees = BTreeMap::new();
        let mut found = BTreeMap::new();
        for (name, text) in texts {
            let tree =
                Tree::parse(text).map_err(|fault| SchemaFault::at(&format!("reference {name}"), fault))?;
            collect(&tree, "", &mut Vec::new(), &mut |full, path, enclosing| {
                found.entry(full).or_insert_with(|| (name.clone(), path.to_vec(), enclosing.to_owned()));
            });
            trees.insert(name.clone(), tree);
        }
        Ok(Definitions { trees, found })
    }

    /// The text that defines a name.
    pub(super) fn text_of(&self, name: &FullName) -> Option<(&str, &Tree)> {
        let (text, _, _) = self.found.get(name)?;
        self.trees.get(text).map(|tree| (text.as_str(), tree))
    }

    /// The definition of a name with the namespace that encloses it.
    pub(in crate::schemas) fn definition(&self, name: &FullName) -> Option<(&Tree, &str)> {
        let (text, path, enclosing) = self.found.get(name)?;
        let root = self.trees.get(text)?;
        let node =
            path.iter().try_fold(root, |node, step| children(node).get(*step).map(|(child, _)| *child))?;
        Some((node, enclosing))
    }
}

/// The schemas directly inside one, with the namespace that each is in: `None` for the one around.
fn children(node: &Tree) -> Vec<(&Tree, bool)> {
    match node {
        Tree::Array(branches) => branches.iter().map(|branch| (branch, false)).collect(),
        Tree::Object(_) if is_definition(node) => {
            let fields = node.get("fields").and_then(Tree::items).unwrap_or_default();
            fields.iter().filter_map(|field| field.get("type")).map(|shape| (shape, true)).collect()
        }
        Tree::Object(_) => {
            let inner = ["type", "items", "values"].into_iter().filter_map(|key| node.get(key));
            inner.filter(|inner| !is_word(inner)).map(|inner| (inner, false)).collect()
        }
        _ => Vec::new(),
    }
}

fn is_word(node: &Tree) -> bool {
    node.as_str().is_some_and(|word| Shape::primitive(word).is_some())
}

fn collect(
    node: &Tree,
    enclosing: &str,
    path: &mut Vec<usize>,
    found: &mut impl FnMut(FullName, &[usize], &str),
) {
    let own = if is_definition(node) { FullName::defined(node, enclosing) } else { None };
    let inside = own.as_ref().map_or_else(|| enclosing.to_owned(), |name| name.namespace.clone());
    if let Some(name) = own {
        found(name, path, enclosing);
    }
    for (index, (child, in_definition)) in children(node).into_iter().enumerate() {
        path.push(index);
        collect(child, if in_definition { &inside } else { enclosing }, path, found);
        path.pop();
    }
}
