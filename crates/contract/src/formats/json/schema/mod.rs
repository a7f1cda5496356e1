//! What a JSON Schema says about places in a document: which members and elements it knows, which types they have,
//! and where a `$ref` leads.
//!
//! Everything here errs to the wide side: a place or a type that some valid document may have is reported, even
//! where the schema's finer conditions would exclude it. Classification is complete only then.

mod place;
mod redacted;
mod resolve;
mod texts;
mod types;

use serde_json::Value;

pub(crate) use redacted::redacted;
pub(crate) use resolve::Ids;
pub(crate) use texts::Texts;

/// A schema inside the contract's schema document, with the base that its references are relative to.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Site<'s> {
    pub(crate) schema: &'s Value,
    pub(crate) base: usize,
}

impl Site<'_> {
    /// Tells the schemas of one document apart.
    pub(crate) fn key(&self) -> usize {
        std::ptr::from_ref(self.schema) as usize
    }
}

/// Keywords whose value is one schema.
pub(crate) const SCHEMA_KEYWORDS: [&str; 11] = [
    "additionalProperties",
    "contains",
    "contentSchema",
    "else",
    "if",
    "items",
    "not",
    "propertyNames",
    "then",
    "unevaluatedItems",
    "unevaluatedProperties",
];

/// Keywords whose value is a list of schemas.
pub(crate) const LIST_KEYWORDS: [&str; 4] = ["allOf", "anyOf", "oneOf", "prefixItems"];

/// Keywords whose value maps names to schemas.
pub(crate) const MAP_KEYWORDS: [&str; 5] =
    ["$defs", "definitions", "dependentSchemas", "patternProperties", "properties"];

/// The schemas directly inside `schema`, each with its path from there.
pub(crate) fn subschemas(schema: &Value) -> Vec<(Vec<&str>, usize, &Value)> {
    let mut found = Vec::new();
    let Some(members) = schema.as_object() else { return found };
    for (keyword, value) in members {
        let keyword = keyword.as_str();
        if SCHEMA_KEYWORDS.contains(&keyword) {
            found.push((vec![keyword], 0, value));
        } else if LIST_KEYWORDS.contains(&keyword) {
            let list = value.as_array().map(Vec::as_slice).unwrap_or_default();
            found.extend(list.iter().enumerate().map(|(index, schema)| (vec![keyword], index + 1, schema)));
        } else if MAP_KEYWORDS.contains(&keyword) {
            let named = value.as_object().into_iter().flatten();
            found.extend(named.map(|(name, schema)| (vec![keyword, name.as_str()], 0, schema)));
        }
    }
    found
}
