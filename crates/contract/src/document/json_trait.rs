//! Lets the JSON Schema validator read a [`Document`](super::Document) in place.

use std::borrow::Cow;

use jsonschema::JsonType;
use jsonschema::json::{Array, Json, JsonNumber, Node as JsonNodeTrait, NodeIdentity, Object};
use serde_json::{Number, Value};

use super::{Items, Kind, Members, Node};

/// The representation that validators are compiled for.
#[derive(Debug)]
pub enum DocumentJson {}

/// A value of a document, or a member's name while `propertyNames` looks at it.
#[derive(Debug, Clone, Copy)]
pub enum JsonNode<'a> {
    /// A value of a document.
    Value(Node<'a>),
    /// A member's name as a string.
    Name(&'a str),
}

impl Json for DocumentJson {
    type Node<'a> = JsonNode<'a>;
    type PreparedKey = Box<str>;
    type StringBuffer = ();

    // A look-up here walks the members, so one pass over them replaces many look-ups.
    const KEYS_PER_LOOKUP: usize = 8;
    const ACYCLIC: bool = true;

    fn prepare_key(key: &str) -> Box<str> {
        key.into()
    }

    fn with_string_node<T>((): &mut (), string: &str, f: impl FnOnce(JsonNode<'_>) -> T) -> T {
        f(JsonNode::Name(string))
    }
}

impl<'a> JsonNodeTrait<'a, DocumentJson> for JsonNode<'a> {
    type Object = JsonObject<'a>;
    type Array = JsonArray<'a>;
    type Number = NumberText<'a>;

    fn as_object(&self) -> Option<JsonObject<'a>> {
        match self {
            JsonNode::Value(node) if node.kind() == Kind::Object => Some(JsonObject(*node)),
            _ => None,
        }
    }

    fn as_array(&self) -> Option<JsonArray<'a>> {
        match self {
            JsonNode::Value(node) if node.kind() == Kind::Array => Some(JsonArray(*node)),
            _ => None,
        }
    }

    fn as_string(&self) -> Option<Cow<'a, str>> {
        match self {
            JsonNode::Value(node) => node.as_str(),
            JsonNode::Name(name) => Some(Cow::Borrowed(name)),
        }
    }

    fn as_number(&self) -> Option<NumberText<'a>> {
        match self {
            JsonNode::Value(node) if node.kind() == Kind::Number => Some(NumberText(node.raw())),
            _ => None,
        }
    }

    fn as_boolean(&self) -> Option<bool> {
        match self {
            JsonNode::Value(node) => match node.kind() {
                Kind::True => Some(true),
                Kind::False => Some(false),
                _ => None,
            },
            JsonNode::Name(_) => None,
        }
    }

    fn is_null(&self) -> bool {
        matches!(self, JsonNode::Value(node) if node.kind() == Kind::Null)
    }

    fn is_number(&self) -> bool {
        matches!(self, JsonNode::Value(node) if node.kind() == Kind::Number)
    }

    fn json_type(&self) -> JsonType {
        match self {
            JsonNode::Name(_) => JsonType::String,
            JsonNode::Value(node) => match node.kind() {
                Kind::Null => JsonType::Null,
                Kind::True | Kind::False => JsonType::Boolean,
                Kind::Number => JsonType::Number,
                Kind::String => JsonType::String,
                Kind::Array => JsonType::Array,
                Kind::Object => JsonType::Object,
            },
        }
    }

    fn string_length_within(&self, min: u64, max: u64) -> Option<bool> {
        let text = self.as_string()?;
        // A code point takes one to four bytes; counting is needed only where those bounds leave it open.
        let bytes = text.len() as u64;
        if bytes < min || bytes.div_ceil(4) > max {
            return Some(false);
        }
        if min <= bytes.div_ceil(4) && bytes <= max {
            return Some(true);
        }
        Some((min..=max).contains(&(text.chars().count() as u64)))
    }

    fn equals_value(&self, expected: &Value) -> bool {
        match expected {
            Value::String(text) => self.as_string().is_some_and(|own| own == text.as_str()),
            Value::Null => self.is_null(),
            Value::Bool(boolean) => self.as_boolean() == Some(*boolean),
            other => jsonschema::json::cmp::equal(&self.to_value(), other),
        }
    }

    fn to_value(&self) -> Cow<'a, Value> {
        Cow::Owned(match self {
            JsonNode::Value(node) => value_of(*node),
            JsonNode::Name(name) => Value::String((*name).to_owned()),
        })
    }

    fn identity(&self) -> Option<NodeIdentity> {
        match self {
            JsonNode::Value(node) => {
                Some(NodeIdentity::tagged(std::ptr::from_ref(node.document) as usize, node.index))
            }
            JsonNode::Name(_) => None,
        }
    }
}

/// The value as the owned tree of `serde_json`, for cold paths.
pub(crate) fn value_of(node: Node<'_>) -> Value {
    match node.kind() {
        Kind::Null => Value::Null,
        Kind::True => Value::Bool(true),
        Kind::False => Value::Bool(false),
        Kind::Number => Value::Number(NumberText(node.raw()).parsed()),
        Kind::String => Value::String(node.as_str().unwrap_or_default().into_owned()),
        Kind::Array => Value::Array(node.items().map(value_of).collect()),
        Kind::Object => Value::Object(
            node.members().map(|member| (member.key().into_owned(), value_of(member.value()))).collect(),
        ),
    }
}

/// An object that the validator looks into.
#[derive(Debug, Clone, Copy)]
pub struct JsonObject<'a>(Node<'a>);

/// An array that the validator looks into.
#[derive(Debug, Clone, Copy)]
pub struct JsonArray<'a>(Node<'a>);

/// Iterates an object's members for the validator.
#[derive(Debug, Clone)]
pub struct JsonMembers<'a>(Members<'a>);

/// Iterates an array's elements for the validator.
#[derive(Debug, Clone)]
pub struct JsonItems<'a>(Items<'a>);

impl<'a> Iterator for JsonMembers<'a> {
    type Item = (Cow<'a, str>, JsonNode<'a>);

    fn next(&mut self) -> Option<Self::Item> {
        self.0.next().map(|member| (member.key(), JsonNode::Value(member.value())))
    }
}

impl<'a> Iterator for JsonItems<'a> {
    type Item = JsonNode<'a>;

    fn next(&mut self) -> Option<Self::Item> {
        self.0.next().map(JsonNode::Value)
    }
}

impl<'a> Object<'a, DocumentJson> for JsonObject<'a> {
    type Node = JsonNode<'a>;
    type MemberName = Cow<'a, str>;
    type MembersIter = JsonMembers<'a>;

    fn len(&self) -> usize {
        self.0.len()
    }

    fn get(&self, key: &Box<str>) -> Option<JsonNode<'a>> {
        self.0.get(key).map(JsonNode::Value)
    }

    fn members(&self) -> JsonMembers<'a> {
        JsonMembers(self.0.members())
    }
}

impl<'a> Array<'a, DocumentJson> for JsonArray<'a> {
    type Node = JsonNode<'a>;
    type ElementsIter = JsonItems<'a>;

    fn len(&self) -> usize {
        self.0.len()
    }

    fn elements(&self) -> JsonItems<'a> {
        JsonItems(self.0.items())
    }
}

/// A number as it is written.
#[derive(Debug, Clone, Copy)]
pub struct NumberText<'a>(&'a str);

impl NumberText<'_> {
    fn is_plain(&self) -> bool {
        !self.0.bytes().any(|byte| matches!(byte, b'.' | b'e' | b'E'))
    }

    /// The parser refused numbers beyond 64-bit floats, so the fallback is never taken.
    fn parsed(&self) -> Number {
        serde_json::from_str(self.0).unwrap_or_else(|_| Number::from(0))
    }
}

impl JsonNumber for NumberText<'_> {
    fn as_u64(&self) -> Option<u64> {
        self.0.parse().ok()
    }

    fn as_i64(&self) -> Option<i64> {
        // `-0` is a float to serde_json; say the same.
        if self.0 == "-0" { None } else { self.0.parse().ok() }
    }

    fn as_f64(&self) -> Option<f64> {
        self.0.parse().ok()
    }

    fn as_str(&self) -> Cow<'_, str> {
        Cow::Borrowed(self.0)
    }

    fn to_number(&self) -> Cow<'_, Number> {
        Cow::Owned(self.parsed())
    }

    fn is_integer(&self) -> bool {
        self.is_plain() || self.as_f64().is_some_and(|number| number.fract() == 0.0)
    }
}
