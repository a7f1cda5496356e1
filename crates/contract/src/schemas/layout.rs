//! JSON texts as trees whose members keep their order and whose numbers keep their text, so that a text can be laid
//! out anew without saying anything else.

use std::fmt;

use serde_json::Value;

use super::SchemaFault;
use crate::document::{self, Document, Kind};
use crate::limits::{DEPTH, DOCUMENT_BYTES, Limits};

/// One JSON value; displayed, the compact text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Tree {
    Null,
    Bool(bool),
    /// As written.
    Number(String),
    String(String),
    Array(Vec<Tree>),
    /// In order; no key twice.
    Object(Vec<(String, Tree)>),
}

impl Tree {
    /// Parses strictly: a key that stands twice is a fault, since only one of both would count.
    pub(super) fn parse(text: &str) -> Result<Tree, SchemaFault> {
        let limits = Limits { document_bytes: DOCUMENT_BYTES, depth: 2 * DEPTH };
        let document = Document::parse(text.as_bytes(), &limits)
            .map_err(|wrong| SchemaFault(format!("the text is not JSON: {wrong}")))?;
        Ok(Tree::of(document.root()))
    }

    fn of(node: document::Node<'_>) -> Tree {
        match node.kind() {
            Kind::Null => Tree::Null,
            Kind::True => Tree::Bool(true),
            Kind::False => Tree::Bool(false),
            Kind::Number => Tree::Number(node.raw().to_owned()),
            Kind::String => Tree::String(node.as_str().unwrap_or_default().into_owned()),
            Kind::Array => Tree::Array(node.items().map(Tree::of).collect()),
            Kind::Object => {
                let members = node.members();
                Tree::Object(
                    members.map(|member| (member.key().into_owned(), Tree::of(member.value()))).collect(),
                )
            }
        }
    }

    pub(super) fn string(text: impl Into<String>) -> Tree {
        Tree::String(text.into())
    }

    pub(super) fn get(&self, name: &str) -> Option<&Tree> {
        self.members().iter().find(|(key, _)| key == name).map(|(_, value)| value)
    }

    pub(super) fn as_str(&self) -> Option<&str> {
        if let Tree::String(text) = self { Some(text) } else { None }
    }

    /// The string member of this name.
    pub(super) fn text(&self, name: &str) -> Option<&str> {
        self.get(name).and_then(Tree::as_str)
    }

    /// The number member of this name, if it is a whole one that is not negative.
    pub(super) fn count(&self, name: &str) -> Option<u64> {
        if let Some(Tree::Number(text)) = self.get(name) { text.parse().ok() } else { None }
    }

    pub(super) fn items(&self) -> Option<&[Tree]> {
        if let Tree::Array(items) = self { Some(items) } else { None }
    }

    /// The members of an object; none of another value.
    pub(super) fn members(&self) -> &[(String, Tree)] {
        if let Tree::Object(members) = self { members } else { &[] }
    }

    /// The strings of an array of strings; none of another value.
    pub(super) fn strings(&self) -> Vec<&str> {
        self.items().unwrap_or_default().iter().filter_map(Tree::as_str).collect()
    }

    /// With the members of all objects sorted.
    pub(super) fn sorted(self) -> Tree {
        match self {
            Tree::Array(items) => Tree::Array(items.into_iter().map(Tree::sorted).collect()),
            Tree::Object(members) => {
                let members = members.into_iter().map(|(key, value)| (key, value.sorted()));
                let mut members: Vec<_> = members.collect();
                members.sort_by(|(a, _), (b, _)| a.cmp(b));
                Tree::Object(members)
            }
            other => other,
        }
    }

    /// The value, where the order of members does not matter.
    pub(super) fn value(&self) -> Value {
        serde_json::from_str(&self.to_string()).unwrap_or(Value::Null)
    }
}

impl fmt::Display for Tree {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let quoted = |text: &str| Value::from(text).to_string();
        match self {
            Tree::Null => f.write_str("null"),
            Tree::Bool(value) => write!(f, "{value}"),
            Tree::Number(text) => f.write_str(text),
            Tree::String(text) => f.write_str(&quoted(text)),
            Tree::Array(items) => {
                f.write_str("[")?;
                for (index, item) in items.iter().enumerate() {
                    write!(f, "{}{item}", if index > 0 { "," } else { "" })?;
                }
                f.write_str("]")
            }
            Tree::Object(members) => {
                f.write_str("{")?;
                for (index, (key, value)) in members.iter().enumerate() {
                    write!(f, "{}{}:{value}", if index > 0 { "," } else { "" }, quoted(key))?;
                }
                f.write_str("}")
            }
        }
    }
}
