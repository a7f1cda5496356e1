//! Avro texts laid out anew.

use super::names::{FullName, is_definition};
use super::{Shape, names::Definitions};
use crate::schemas::layout::Tree;

/// A primitive that stands as an object with nothing but its `type` becomes its name.
pub(in crate::schemas) fn canonical(node: Tree) -> Tree {
    match node {
        Tree::Array(branches) => Tree::Array(branches.into_iter().map(canonical).collect()),
        Tree::Object(mut members) => {
            for (key, value) in &mut members {
                match key.as_str() {
                    "type" | "items" | "values" => *value = canonical(std::mem::replace(value, Tree::Null)),
                    "fields" => {
                        if let Tree::Array(fields) = value {
                            fields.iter_mut().for_each(canonical_field);
                        }
                    }
                    _ => {}
                }
            }
            if let [(key, word)] = members.as_slice()
                && key == "type"
                && word.as_str().is_some_and(|word| Shape::primitive(word).is_some())
            {
                return word.clone();
            }
            Tree::Object(members)
        }
        other => other,
    }
}

/// A field is no schema: `{"name": …, "type": …}` keeps its object, its type does not.
fn canonical_field(field: &mut Tree) {
    if let Tree::Object(members) = field {
        for (key, value) in members {
            if key == "type" {
                *value = canonical(std::mem::replace(value, Tree::Null));
            }
        }
    }
}

/// Attributes in this order, then the others by name. The first seven are those of Avro's parsing canonical form.
const ORDER: [&str; 14] = [
    "name",
    "type",
    "fields",
    "symbols",
    "items",
    "values",
    "size",
    "namespace",
    "aliases",
    "doc",
    "default",
    "order",
    "logicalType",
    "precision",
];

/// With names in full, and attributes in one order.
pub(in crate::schemas) fn normalized(node: Tree, namespace: &str) -> Tree {
    match node {
        Tree::String(word) if Shape::primitive(&word).is_none() => {
            Tree::String(FullName::within(&word, namespace).to_string())
        }
        Tree::Array(branches) => {
            Tree::Array(branches.into_iter().map(|branch| normalized(branch, namespace)).collect())
        }
        Tree::Object(_) if is_definition(&node) => definition(node, namespace),
        Tree::Object(members) => {
            let members = members.into_iter().map(|(key, value)| match key.as_str() {
                "type" if is_structure(&value) => (key, value),
                "type" | "items" | "values" => (key, normalized(value, namespace)),
                _ => (key, value.sorted()),
            });
            ordered(members.collect())
        }
        other => other,
    }
}

fn is_structure(value: &Tree) -> bool {
    matches!(value.as_str(), Some("array" | "map"))
}

fn definition(node: Tree, namespace: &str) -> Tree {
    let name = FullName::defined(&node, namespace);
    let Tree::Object(members) = node else { return node };
    let Some(name) = name else { return Tree::Object(members) };
    // A name without a dot would be taken for one of the namespace around it.
    let needs_none = name.namespace.is_empty() && !namespace.is_empty();
    let kept = members.into_iter().filter(|(key, _)| key != "namespace").map(|(key, value)| {
        let value = match (key.as_str(), value) {
            ("name", _) => Tree::String(name.to_string()),
            ("fields", Tree::Array(fields)) => {
                Tree::Array(fields.into_iter().map(|each| field(each, &name.namespace)).collect())
            }
            ("aliases", Tree::Array(aliases)) => Tree::Array(
                aliases
                    .iter()
                    .filter_map(Tree::as_str)
                    .map(|alias| Tree::String(FullName::within(alias, &name.namespace).to_string()))
                    .collect(),
            ),
            ("type" | "symbols", value) => value,
            (_, value) => value.sorted(),
        };
        (key, value)
    });
    let mut members: Vec<_> = kept.collect();
    if needs_none {
        members.push(("namespace".to_owned(), Tree::string("")));
    }
    ordered(members)
}

fn field(node: Tree, namespace: &str) -> Tree {
    let Tree::Object(members) = node else { return node };
    let members = members.into_iter().map(|(key, value)| match key.as_str() {
        "type" => (key, normalized(value, namespace)),
        "aliases" => (key, value),
        _ => (key, value.sorted()),
    });
    ordered(members.collect())
}

fn ordered(mut members: Vec<(String, Tree)>) -> Tree {
    let place = |key: &str| ORDER.iter().position(|known| *known == key).unwrap_or(ORDER.len());
    members.sort_by(|(a, _), (b, _)| place(a).cmp(&place(b)).then_with(|| a.cmp(b)));
    Tree::Object(members)
}

/// With every name that another text defines replaced by its definition where it first stands.
pub(in crate::schemas) fn standalone(node: Tree, references: &Definitions) -> Tree {
    Inlining { references, defined: Vec::new() }.schema(node, "")
}

struct Inlining<'r> {
    references: &'r Definitions,
    defined: Vec<FullName>,
}

impl Inlining<'_> {
    fn schema(&mut self, node: Tree, namespace: &str) -> Tree {
        match node {
            Tree::String(word) if Shape::primitive(&word).is_none() => self.name(&word, namespace),
            Tree::Array(branches) => {
                Tree::Array(branches.into_iter().map(|branch| self.schema(branch, namespace)).collect())
            }
            Tree::Object(_) if is_definition(&node) => self.definition(node, namespace),
            Tree::Object(members) => {
                let members = members.into_iter().map(|(key, value)| match key.as_str() {
                    "type" if is_structure(&value) => (key, value),
                    "type" | "items" | "values" => (key, self.schema(value, namespace)),
                    _ => (key, value),
                });
                Tree::Object(members.collect())
            }
            other => other,
        }
    }

    fn name(&mut self, word: &str, namespace: &str) -> Tree {
        let name = FullName::within(word, namespace);
        match self.references.definition(&name) {
            Some((definition, enclosing)) if !self.defined.contains(&name) => {
                self.definition(definition.clone(), enclosing)
            }
            _ => Tree::String(name.to_string()),
        }
    }

    fn definition(&mut self, node: Tree, namespace: &str) -> Tree {
        let name = FullName::defined(&node, namespace);
        let Tree::Object(members) = node else { return node };
        let Some(name) = name else { return Tree::Object(members) };
        if self.defined.contains(&name) {
            return Tree::String(name.to_string());
        }
        self.defined.push(name.clone());
        let mut own = Vec::new();
        for (key, value) in members {
            match (key.as_str(), value) {
                ("namespace", _) => {}
                ("name", _) => {
                    own.push((key, Tree::string(&name.simple)));
                    own.push(("namespace".to_owned(), Tree::string(&name.namespace)));
                }
                ("fields", Tree::Array(fields)) => {
                    let fields = fields.into_iter().map(|field| self.field(field, &name.namespace));
                    own.push((key, Tree::Array(fields.collect())));
                }
                (_, value) => own.push((key, value)),
            }
        }
        Tree::Object(own)
    }

    fn field(&mut self, node: Tree, namespace: &str) -> Tree {
        let Tree::Object(members) = node else { return node };
        let members = members.into_iter().map(|(key, value)| match key.as_str() {
            "type" => (key, self.schema(value, namespace)),
            _ => (key, value),
        });
        Tree::Object(members.collect())
    }
}
