//! What each kind of difference is said to be.

use super::Finding;

pub(super) fn finding(kind: &'static str, at: &str) -> Finding {
    let known = DESCRIPTIONS.iter().find(|(known, _)| *known == kind);
    let description = known.map_or(OTHER, |(_, description)| description);
    let path = if at == "#" { "#/" } else { at };
    Finding { kind, path: path.to_owned(), description, info: String::new() }
}

const OTHER: &str = "The {reader} schema admits less at path '{path}' than the {writer} schema";

const DESCRIPTIONS: [(&str, &str); 32] = [
    (
        "TYPE_CHANGED",
        "The type of the {reader} schema at path '{path}' is another than in the {writer} schema",
    ),
    (
        "TYPE_NARROWED",
        "The type of the {reader} schema at path '{path}' is narrower than in the {writer} schema",
    ),
    (
        "ENUM_ARRAY_NARROWED",
        "An enum at path '{path}' in the {reader} schema has fewer values than in the {writer} schema",
    ),
    (
        "ENUM_ARRAY_CHANGED",
        "An enum at path '{path}' in the {reader} schema has other values than in the {writer} schema",
    ),
    (
        "COMBINED_TYPE_NARROWED",
        "A combined type at path '{path}' in the {reader} schema is narrower than in the {writer} schema",
    ),
    (
        "COMBINED_TYPE_SUBSCHEMAS_CHANGED",
        "A combined type at path '{path}' in the {reader} schema does not read all schemas of the one in the {writer} schema",
    ),
    (
        "PRODUCT_TYPE_EXTENDED",
        "A product type at path '{path}' in the {reader} schema asks for more than in the {writer} schema",
    ),
    (
        "SUM_TYPE_NARROWED",
        "A sum type at path '{path}' in the {reader} schema has fewer alternatives than in the {writer} schema",
    ),
    ("NOT_TYPE_EXTENDED", "The {reader} schema refuses more at path '{path}' than the {writer} schema"),
    (
        "SCHEMA_ADDED",
        "The {reader} schema has a schema at path '{path}' that is missing in the {writer} schema",
    ),
    (
        "REQUIRED_ATTRIBUTE_ADDED",
        "The {reader} schema requires a property at path '{path}' that the {writer} schema does not require",
    ),
    (
        "REQUIRED_PROPERTY_ADDED_TO_UNOPEN_CONTENT_MODEL",
        "The {reader} schema requires a property at path '{path}' without default, which is missing in the {writer} schema",
    ),
    (
        "PROPERTY_ADDED_TO_OPEN_CONTENT_MODEL",
        "The {writer} schema has an open content model and lacks a property or item at path '{path}' which is in the {reader} schema",
    ),
    (
        "PROPERTY_ADDED_NOT_COVERED_BY_PARTIALLY_OPEN_CONTENT_MODEL",
        "The {reader} schema has a property or item at path '{path}' which is not covered by the partially open content model of the {writer} schema",
    ),
    (
        "PROPERTY_REMOVED_FROM_CLOSED_CONTENT_MODEL",
        "The {reader} schema has a closed content model and lacks a property or item at path '{path}' which is in the {writer} schema",
    ),
    (
        "PROPERTY_REMOVED_NOT_COVERED_BY_PARTIALLY_OPEN_CONTENT_MODEL",
        "The {writer} schema has a property or item at path '{path}' which is not covered by the partially open content model of the {reader} schema",
    ),
    (
        "ADDITIONAL_PROPERTIES_REMOVED",
        "The {reader} schema admits no additional properties at path '{path}', as the {writer} schema does",
    ),
    (
        "ADDITIONAL_PROPERTIES_NARROWED",
        "The {reader} schema admits fewer additional properties at path '{path}' than the {writer} schema",
    ),
    (
        "ITEM_ADDED_TO_OPEN_CONTENT_MODEL",
        "The {writer} schema has an open content model and lacks a property or item at path '{path}' which is in the {reader} schema",
    ),
    (
        "ITEM_ADDED_NOT_COVERED_BY_PARTIALLY_OPEN_CONTENT_MODEL",
        "The {reader} schema has a property or item at path '{path}' which is not covered by the partially open content model of the {writer} schema",
    ),
    (
        "ITEM_REMOVED_FROM_CLOSED_CONTENT_MODEL",
        "The {reader} schema has a closed content model and lacks a property or item at path '{path}' which is in the {writer} schema",
    ),
    (
        "ITEM_REMOVED_NOT_COVERED_BY_PARTIALLY_OPEN_CONTENT_MODEL",
        "The {writer} schema has a property or item at path '{path}' which is not covered by the partially open content model of the {reader} schema",
    ),
    (
        "ADDITIONAL_ITEMS_REMOVED",
        "The {reader} schema admits no additional items at path '{path}', as the {writer} schema does",
    ),
    (
        "ADDITIONAL_ITEMS_NARROWED",
        "The {reader} schema admits fewer additional items at path '{path}' than the {writer} schema",
    ),
    (
        "DEPENDENCY_ARRAY_ADDED",
        "The {reader} schema has a dependency array at path '{path}' that the {writer} schema has not",
    ),
    (
        "DEPENDENCY_ARRAY_EXTENDED",
        "The {reader} schema has a dependency array at path '{path}' that is longer than in the {writer} schema",
    ),
    (
        "DEPENDENCY_ARRAY_CHANGED",
        "The {reader} schema has a dependency array at path '{path}' that is another than in the {writer} schema",
    ),
    (
        "DEPENDENCY_SCHEMA_ADDED",
        "The {reader} schema has a dependency schema at path '{path}' that the {writer} schema has not",
    ),
    (
        "PATTERN_CHANGED",
        "The pattern at path '{path}' in the {reader} schema is another than in the {writer} schema",
    ),
    (
        "MULTIPLE_OF_CHANGED",
        "The multipleOf at path '{path}' in the {reader} schema is another than in the {writer} schema",
    ),
    (
        "MULTIPLE_OF_EXPANDED",
        "The multipleOf at path '{path}' in the {reader} schema is a multiple of the one in the {writer} schema",
    ),
    (
        "UNIQUE_ITEMS_ADDED",
        "The {reader} schema asks for unique items at path '{path}', as the {writer} schema does not",
    ),
];
