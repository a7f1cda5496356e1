//! Whether the defaults of fields are values of their types (Avro specification, "Complex Types", `default`).

use super::{Schema, Shape, TypeId};
use crate::schemas::SchemaFault;
use crate::schemas::layout::Tree;

/// A fault where a field's default is no value of its type.
pub(super) fn check(schema: &Schema) -> Result<(), SchemaFault> {
    for each in &schema.types {
        let Shape::Record { name, fields } = &each.shape else { continue };
        for field in fields {
            if let Some(default) = &field.default
                && !is_value(schema, field.shape, default)
            {
                let problem = format!(
                    "the default of the field {} is no {}",
                    field.name,
                    expected(schema, field.shape)
                );
                return Err(SchemaFault::at(&name.name.to_string(), problem));
            }
        }
    }
    Ok(())
}

fn expected(schema: &Schema, id: TypeId) -> String {
    match schema.shape(id) {
        // Readers before Avro 1.12 take a default for the first branch only.
        Shape::Union(branches) => match branches.first() {
            Some(first) => format!("{}, the first branch of its union", schema.shape(*first).kind()),
            None => "value: its union has no branches".to_owned(),
        },
        shape => shape.kind().to_owned(),
    }
}

fn is_value(schema: &Schema, id: TypeId, value: &Tree) -> bool {
    match (schema.shape(id), value) {
        (Shape::Null, Tree::Null) | (Shape::Boolean, Tree::Bool(_)) | (Shape::String, Tree::String(_)) => {
            true
        }
        (Shape::Int, Tree::Number(text)) => text.parse::<i32>().is_ok(),
        (Shape::Long, Tree::Number(text)) => text.parse::<i64>().is_ok(),
        (Shape::Float | Shape::Double, Tree::Number(_)) => true,
        (Shape::Bytes, Tree::String(text)) => text.chars().all(is_byte),
        (Shape::Fixed { size, .. }, Tree::String(text)) => {
            text.chars().all(is_byte) && text.chars().count() as u64 == *size
        }
        (Shape::Enum { symbols, .. }, Tree::String(text)) => symbols.contains(text),
        (Shape::Array(items), Tree::Array(values)) => {
            values.iter().all(|value| is_value(schema, *items, value))
        }
        (Shape::Map(values), Tree::Object(members)) => {
            members.iter().all(|(_, value)| is_value(schema, *values, value))
        }
        (Shape::Union(branches), value) => {
            branches.first().is_some_and(|first| is_value(schema, *first, value))
        }
        (Shape::Record { fields, .. }, Tree::Object(_)) => fields.iter().all(|field| {
            let given = value.get(&field.name);
            given.map_or(field.default.is_some(), |given| is_value(schema, field.shape, given))
        }),
        _ => false,
    }
}

fn is_byte(c: char) -> bool {
    u32::from(c) < 256
}
