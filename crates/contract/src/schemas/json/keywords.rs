//! Where JSON Schema has schemas in schemas, in the drafts 4 to 2020-12.

use serde_json::Value;

/// How an inner schema is applied to what the outer one describes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::schemas) enum Applied<'s> {
    /// To the same value.
    Here,
    /// To the member of this name.
    Member(&'s str),
    /// To members of other names.
    OtherMembers,
    /// To the element at this index.
    Element(usize),
    /// To elements of any or other indexes.
    OtherElements,
    /// To nothing: it is only kept there to be referred to, or tells what must not be.
    Nowhere,
}

const HERE: [&str; 4] = ["if", "then", "else", "not"];
const HERE_LISTS: [&str; 3] = ["allOf", "anyOf", "oneOf"];
const KEPT: [&str; 2] = ["definitions", "$defs"];

/// The schemas directly inside one, each with the tokens that lead to it.
pub(in crate::schemas) fn subschemas(schema: &Value) -> Vec<(Vec<String>, Applied<'_>, &Value)> {
    let mut found = Vec::new();
    let Some(members) = schema.as_object() else { return found };
    for (keyword, value) in members {
        let path = |token: String| vec![keyword.clone(), token];
        let map = || value.as_object().into_iter().flatten();
        let list = || value.as_array().into_iter().flatten().enumerate();
        match keyword.as_str() {
            word if HERE.contains(&word) => {
                let applied = if word == "not" { Applied::Nowhere } else { Applied::Here };
                found.push((vec![keyword.clone()], applied, value));
            }
            word if HERE_LISTS.contains(&word) => {
                found.extend(list().map(|(index, inner)| (path(index.to_string()), Applied::Here, inner)));
            }
            word if KEPT.contains(&word) => {
                found.extend(map().map(|(name, inner)| (path(name.clone()), Applied::Nowhere, inner)));
            }
            "properties" => {
                found.extend(map().map(|(name, inner)| (path(name.clone()), Applied::Member(name), inner)))
            }
            "patternProperties" => {
                found.extend(map().map(|(name, inner)| (path(name.clone()), Applied::OtherMembers, inner)));
            }
            "dependentSchemas" | "dependencies" => {
                let schemas = map().filter(|(_, inner)| !inner.is_array());
                found.extend(schemas.map(|(name, inner)| (path(name.clone()), Applied::Here, inner)));
            }
            "additionalProperties" | "unevaluatedProperties" => {
                found.push((vec![keyword.clone()], Applied::OtherMembers, value));
            }
            "items" if value.is_array() => {
                found.extend(
                    list().map(|(index, inner)| (path(index.to_string()), Applied::Element(index), inner)),
                );
            }
            "prefixItems" => {
                found.extend(
                    list().map(|(index, inner)| (path(index.to_string()), Applied::Element(index), inner)),
                );
            }
            "items" | "additionalItems" | "unevaluatedItems" | "contains" => {
                found.push((vec![keyword.clone()], Applied::OtherElements, value));
            }
            "propertyNames" | "contentSchema" => found.push((vec![keyword.clone()], Applied::Nowhere, value)),
            _ => {}
        }
    }
    found
}
