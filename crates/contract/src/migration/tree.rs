//! A document to change: containers as trees, scalars as they were written.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::document::{Document, Kind, Malformed, Node};
use crate::limits::Limits;

/// A value of a document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Tree {
    /// `null`, a boolean, a number or a string: its text in JSON.
    Scalar(Box<str>),
    Array(Vec<Tree>),
    /// Members in their order.
    Object(Vec<(Box<str>, Tree)>),
}

impl Tree {
    pub(super) fn parse(document: &[u8]) -> Result<Tree, Malformed> {
        Ok(Tree::of(Document::parse(document, &Limits::default())?.root()))
    }

    fn of(node: Node<'_>) -> Tree {
        match node.kind() {
            Kind::Array => Tree::Array(node.items().map(Tree::of).collect()),
            Kind::Object => Tree::Object(
                node.members().map(|member| (member.key().into(), Tree::of(member.value()))).collect(),
            ),
            _ => Tree::Scalar(node.raw().into()),
        }
    }

    pub(super) fn null() -> Tree {
        Tree::Scalar("null".into())
    }

    pub(super) fn string(content: &str) -> Tree {
        Tree::Scalar(Value::from(content).to_string().into())
    }

    /// The content of a string.
    pub(super) fn as_string(&self) -> Option<String> {
        match self {
            Tree::Scalar(text) if text.starts_with('"') => serde_json::from_str(text).ok(),
            _ => None,
        }
    }

    pub(super) fn member(&mut self, name: &str) -> Option<&mut Tree> {
        match self {
            Tree::Object(members) => {
                members.iter_mut().find(|(known, _)| **known == *name).map(|(_, value)| value)
            }
            _ => None,
        }
    }

    pub(super) fn take(&mut self, name: &str) -> Option<Tree> {
        let Tree::Object(members) = self else { return None };
        let at = members.iter().position(|(known, _)| **known == *name)?;
        Some(members.remove(at).1)
    }

    pub(super) fn is_empty_object(&self) -> bool {
        matches!(self, Tree::Object(members) if members.is_empty())
    }

    pub(super) fn write(&self, out: &mut String) {
        match self {
            Tree::Scalar(text) => out.push_str(text),
            Tree::Array(items) => {
                for (index, item) in items.iter().enumerate() {
                    out.push(if index == 0 { '[' } else { ',' });
                    item.write(out);
                }
                out.push_str(if items.is_empty() { "[]" } else { "]" });
            }
            Tree::Object(members) => {
                for (index, (name, value)) in members.iter().enumerate() {
                    out.push(if index == 0 { '{' } else { ',' });
                    out.push_str(&Value::from(&**name).to_string());
                    out.push(':');
                    value.write(out);
                }
                out.push_str(if members.is_empty() { "{}" } else { "}" });
            }
        }
    }

    pub(super) fn to_text(&self) -> String {
        let mut out = String::new();
        self.write(&mut out);
        out
    }

    /// Tells `each` the path of every place where the two differ, the uppermost only. The order of members says nothing.
    pub(super) fn differences(&self, other: &Tree, path: &mut Vec<String>, each: &mut impl FnMut(&[String])) {
        match (self, other) {
            (Tree::Object(own), Tree::Object(others)) => {
                let (own, others): (BTreeMap<_, _>, BTreeMap<_, _>) = (named(own), named(others));
                let gone = own.keys().filter(|name| !others.contains_key(*name));
                let come = others.keys().filter(|name| !own.contains_key(*name));
                for name in gone.chain(come) {
                    path.push((*name).to_owned());
                    each(path);
                    path.pop();
                }
                for (name, value) in own {
                    let Some(counterpart) = others.get(name) else { continue };
                    path.push(name.to_owned());
                    value.differences(counterpart, path, each);
                    path.pop();
                }
            }
            (Tree::Array(own), Tree::Array(others)) if own.len() == others.len() => {
                for (index, (value, counterpart)) in own.iter().zip(others).enumerate() {
                    path.push(index.to_string());
                    value.differences(counterpart, path, each);
                    path.pop();
                }
            }
            (own, other) if own == other => {}
            _ => each(path),
        }
    }
}

fn named(members: &[(Box<str>, Tree)]) -> BTreeMap<&str, &Tree> {
    members.iter().map(|(name, value)| (&**name, value)).collect()
}

impl From<&Value> for Tree {
    fn from(value: &Value) -> Tree {
        match value {
            Value::Array(items) => Tree::Array(items.iter().map(Tree::from).collect()),
            Value::Object(members) => Tree::Object(
                members.iter().map(|(name, value)| (name.as_str().into(), value.into())).collect(),
            ),
            scalar => Tree::Scalar(scalar.to_string().into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tree(text: &str) -> Tree {
        Tree::parse(text.as_bytes()).unwrap()
    }

    #[test]
    fn a_document_is_written_with_the_digits_that_it_was_read_with() {
        for text in [
            r#"{"b":123456789012345678901234567890.0e0,"a":[1.0,-0,1e2,"\u0041",null,true,[],{}]}"#,
            r#"{"k\"ey":[[]]}"#,
            "7",
        ] {
            assert_eq!(tree(text).to_text(), text);
        }
        assert_eq!(tree("\n { \"a\" : [ ] } ").to_text(), r#"{"a":[]}"#);
    }

    #[test]
    fn a_difference_is_told_once_at_its_uppermost_place() {
        let mut told = Vec::new();
        let (a, b) =
            (r#"{"a":1,"b":[1,2],"c":{"d":1,"e":2},"x":0}"#, r#"{"c":{"e":2,"d":3},"b":[1,3],"a":1,"y":0}"#);
        tree(a).differences(&tree(b), &mut Vec::new(), &mut |path| told.push(path.join("/")));
        assert_eq!(told, ["x", "y", "b/1", "c/d"]);
    }
}
