//! A contract's Avro schema, read once: every type with its references resolved.
//!
//! Invariants: ids lead into the same list; a union's branches are no unions; the bare primitive types come first, in
//! the order of [`PRIMITIVES`], and stand there once; a string with a logical type, whatever that asks, is another type.

use serde_json::Value;

use super::logical::Rule;

/// A type of one schema.
pub(super) type TypeId = u32;

/// A schema.
pub(crate) struct Schema {
    /// The text that it was read from.
    pub(super) text: Value,
    pub(super) root: TypeId,
    pub(super) types: Vec<Type>,
}

/// One type.
pub(super) struct Type {
    pub(super) kind: Kind,
    /// What its logical type asks of values.
    pub(super) rule: Option<Rule>,
    /// The full name of a record, an enumeration or a fixed type.
    pub(super) name: Option<String>,
    /// Where the text defines it, as a JSON pointer; empty for bare primitives too.
    pub(super) at: String,
}

/// What a value is made of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Kind {
    Null,
    Boolean,
    Int,
    Long,
    Float,
    Double,
    Bytes,
    String,
    /// So many bytes.
    Fixed(usize),
    /// One of these symbols.
    Enum(Vec<Box<str>>),
    Record(Vec<Field>),
    Array(TypeId),
    Map(TypeId),
    Union(Vec<TypeId>),
}

/// A field of a record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Field {
    pub(super) name: Box<str>,
    pub(super) of: TypeId,
}

/// The types that have their names from Avro.
pub(super) const PRIMITIVES: [(&str, Kind); 8] = [
    ("null", Kind::Null),
    ("boolean", Kind::Boolean),
    ("int", Kind::Int),
    ("long", Kind::Long),
    ("float", Kind::Float),
    ("double", Kind::Double),
    ("bytes", Kind::Bytes),
    ("string", Kind::String),
];

impl Schema {
    pub(super) fn type_of(&self, id: TypeId) -> &Type {
        &self.types[id as usize]
    }

    pub(super) fn kind(&self, id: TypeId) -> &Kind {
        &self.type_of(id).kind
    }

    /// Whether a primitive type has a logical one.
    pub(super) fn is_annotated(&self, id: TypeId) -> bool {
        id as usize >= PRIMITIVES.len()
    }

    /// The types that a value may have where `id` stands: a union's branches, or itself.
    pub(super) fn branches<'s>(&'s self, id: &'s TypeId) -> &'s [TypeId] {
        match self.kind(*id) {
            Kind::Union(branches) => branches,
            _ => std::slice::from_ref(id),
        }
    }
}

/// The full name of what is called `name` where `namespace` is in force; a dotted name is full already.
pub(super) fn full_name(name: &str, namespace: &str) -> String {
    if name.contains('.') || namespace.is_empty() { name.to_owned() } else { format!("{namespace}.{name}") }
}

/// The namespace of a full name.
pub(super) fn namespace_of(full_name: &str) -> &str {
    full_name.rsplit_once('.').map_or("", |(namespace, _)| namespace)
}

/// The full name that a definition gives itself.
pub(super) fn defined_name(definition: &Value, namespace: &str) -> String {
    let text = |attribute: &str| definition.get(attribute).and_then(Value::as_str);
    full_name(text("name").unwrap_or_default(), text("namespace").unwrap_or(namespace))
}
