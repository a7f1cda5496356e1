//! Avro schemas as types that know each other: names are resolved, also those that other texts define.

mod defaults;
mod names;
mod read;
pub(super) mod text;

use std::collections::BTreeSet;

pub(super) use names::{Definitions, FullName};

use super::layout::Tree;
use super::{SchemaFault, Source};

/// The index of a type in its [`Schema`].
pub(super) type TypeId = usize;

/// A schema, read and found right.
#[derive(Debug)]
pub(super) struct Schema {
    types: Vec<Type>,
    pub(super) root: TypeId,
}

/// One type, with what is said beside it.
#[derive(Debug)]
pub(super) struct Type {
    pub(super) shape: Shape,
    /// Precision and scale, of a decimal.
    pub(super) decimal: Option<(u64, u64)>,
    /// `confluent:tags`.
    pub(super) tags: BTreeSet<String>,
}

#[derive(Debug)]
pub(super) enum Shape {
    Null,
    Boolean,
    Int,
    Long,
    Float,
    Double,
    Bytes,
    String,
    Array(TypeId),
    Map(TypeId),
    Union(Vec<TypeId>),
    Record { name: Named, fields: Vec<Field> },
    Enum { name: Named, symbols: Vec<String>, default: Option<String> },
    Fixed { name: Named, size: u64 },
}

/// What a named type is called.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Named {
    pub(super) name: FullName,
    pub(super) aliases: Vec<FullName>,
}

#[derive(Debug)]
pub(super) struct Field {
    pub(super) name: String,
    pub(super) aliases: Vec<String>,
    pub(super) shape: TypeId,
    pub(super) default: Option<Tree>,
    pub(super) tags: BTreeSet<String>,
}

impl Schema {
    /// Reads a text with what it refers to.
    pub(super) fn read(source: &Source) -> Result<Schema, SchemaFault> {
        let tree = Tree::parse(&source.text)?;
        let schema = read::read(&tree, source.bounded_references()?)?;
        defaults::check(&schema)?;
        Ok(schema)
    }

    pub(super) fn get(&self, id: TypeId) -> &Type {
        &self.types[id]
    }

    pub(super) fn shape(&self, id: TypeId) -> &Shape {
        &self.types[id].shape
    }
}

impl Shape {
    /// What Avro calls the type.
    pub(super) fn kind(&self) -> &'static str {
        match self {
            Shape::Null => "null",
            Shape::Boolean => "boolean",
            Shape::Int => "int",
            Shape::Long => "long",
            Shape::Float => "float",
            Shape::Double => "double",
            Shape::Bytes => "bytes",
            Shape::String => "string",
            Shape::Array(_) => "array",
            Shape::Map(_) => "map",
            Shape::Union(_) => "union",
            Shape::Record { .. } => "record",
            Shape::Enum { .. } => "enum",
            Shape::Fixed { .. } => "fixed",
        }
    }

    pub(super) fn primitive(name: &str) -> Option<Shape> {
        Some(match name {
            "null" => Shape::Null,
            "boolean" => Shape::Boolean,
            "int" => Shape::Int,
            "long" => Shape::Long,
            "float" => Shape::Float,
            "double" => Shape::Double,
            "bytes" => Shape::Bytes,
            "string" => Shape::String,
            _ => return None,
        })
    }

    pub(super) fn name(&self) -> Option<&Named> {
        match self {
            Shape::Record { name, .. } | Shape::Enum { name, .. } | Shape::Fixed { name, .. } => Some(name),
            _ => None,
        }
    }
}
