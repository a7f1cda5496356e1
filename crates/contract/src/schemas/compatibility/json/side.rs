//! One schema of a comparison, with what of it counts.

use serde_json::Value;

use crate::places::Types;
use crate::schemas::json::{Documents, Place};

/// A schema as one side of a comparison.
#[derive(Debug, Clone, Copy)]
pub(super) struct Side<'s> {
    documents: &'s Documents,
    place: Place<'s>,
    /// Values of other types are left out of the comparison.
    only: Option<&'static str>,
    /// Its combined schemas are left out.
    words_only: bool,
}

/// Tells sides apart: the schema, the one type that counts, and whether combined schemas are left out.
pub(super) type Key = (usize, Option<&'static str>, bool);

/// How the members of a group go together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Criterion {
    All,
    Any,
    One,
}

/// Schemas that go together.
pub(super) struct Group<'s> {
    pub(super) criterion: Criterion,
    pub(super) members: Vec<Side<'s>>,
    /// The word that it stands under.
    pub(super) word: &'static str,
}

impl Group<'_> {
    pub(super) fn is_product(&self) -> bool {
        self.criterion == Criterion::All
    }
}

/// What may stand where a schema declares nothing.
#[derive(Clone, Copy)]
pub(super) enum Rest<'s> {
    Open,
    Closed,
    Partly(Side<'s>),
}

/// Every word that may keep a value from being valid.
const CONSTRAINING: [&str; 38] = [
    "$ref",
    "$dynamicRef",
    "$recursiveRef",
    "type",
    "enum",
    "const",
    "multipleOf",
    "maximum",
    "exclusiveMaximum",
    "minimum",
    "exclusiveMinimum",
    "maxLength",
    "minLength",
    "pattern",
    "items",
    "prefixItems",
    "additionalItems",
    "unevaluatedItems",
    "maxItems",
    "minItems",
    "uniqueItems",
    "contains",
    "maxProperties",
    "minProperties",
    "required",
    "properties",
    "patternProperties",
    "additionalProperties",
    "unevaluatedProperties",
    "propertyNames",
    "dependencies",
    "dependentRequired",
    "dependentSchemas",
    "allOf",
    "anyOf",
    "oneOf",
    "not",
    "if",
];

const REFERENCES: [&str; 3] = ["$ref", "$dynamicRef", "$recursiveRef"];

/// `$ref`s that only lead to `$ref`s are followed so far.
const REFERENCES_IN_A_ROW: usize = 64;

impl<'s> Side<'s> {
    pub(super) fn root(documents: &'s Documents) -> Side<'s> {
        Side { documents, place: documents.root(), only: None, words_only: false }
    }

    pub(super) fn key(&self) -> Key {
        (self.place.key(), self.only, self.words_only)
    }

    pub(super) fn schema(&self) -> &'s Value {
        self.place.schema
    }

    pub(super) fn get(&self, word: &str) -> Option<&'s Value> {
        self.place.schema.get(word)
    }

    /// The schema that stands in this one.
    pub(super) fn inside(&self, schema: &'s Value) -> Side<'s> {
        let place = self.documents.inside(self.place, schema);
        Side { documents: self.documents, place, only: None, words_only: false }
    }

    /// The schema under a word.
    pub(super) fn under(&self, word: &str) -> Option<Side<'s>> {
        self.get(word).map(|schema| self.inside(schema))
    }

    /// The schemas in the object under a word.
    pub(super) fn map(&self, word: &str) -> impl Iterator<Item = (&'s String, Side<'s>)> + use<'s> {
        let side = *self;
        let members = self.get(word).and_then(Value::as_object).into_iter().flatten();
        members.map(move |(name, schema)| (name, side.inside(schema)))
    }

    /// The schemas in the array under a word.
    pub(super) fn list(&self, word: &str) -> Vec<Side<'s>> {
        let items = self.get(word).and_then(Value::as_array).into_iter().flatten();
        items.map(|schema| self.inside(schema)).collect()
    }

    /// The strings in the array under a word.
    pub(super) fn strings(&self, word: &str) -> Vec<&'s str> {
        self.get(word).and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str).collect()
    }

    pub(super) fn words_only(self) -> Side<'s> {
        Side { words_only: true, ..self }
    }

    pub(super) fn only(self, name: &'static str) -> Side<'s> {
        Side { only: Some(name), ..self }
    }

    /// With the restriction that another side has.
    pub(super) fn restricted_as(self, other: Side<'s>) -> Side<'s> {
        Side { only: other.only, ..self }
    }

    pub(super) fn is_whole(&self) -> bool {
        !self.words_only
    }

    /// Where its `$ref` leads, as long as nothing beside the `$ref` counts.
    pub(super) fn followed(self) -> Side<'s> {
        let mut side = self;
        for _ in 0..REFERENCES_IN_A_ROW {
            match side.referred() {
                Some(target) if !side.has_words_beside_ref() => side = target,
                _ => break,
            }
        }
        side
    }

    fn referred(&self) -> Option<Side<'s>> {
        let place = self.documents.follow(self.place)?.ok()?;
        Some(Side { place, ..*self })
    }

    fn has_words_beside_ref(&self) -> bool {
        !self.documents.has_lone_refs(self.place)
            && CONSTRAINING.iter().any(|word| !REFERENCES.contains(word) && self.get(word).is_some())
    }

    /// Whether any value is valid.
    pub(super) fn is_anything(&self) -> bool {
        match self.schema() {
            Value::Bool(value) => *value,
            schema => !CONSTRAINING.iter().any(|word| schema.get(word).is_some()),
        }
    }

    /// Whether no value is valid.
    pub(super) fn is_nothing(&self) -> bool {
        let is_not_anything = || self.under("not").is_some_and(|inner| inner.is_anything());
        *self.schema() == Value::Bool(false) || is_not_anything()
    }

    /// The types that its own words admit.
    pub(super) fn types(&self) -> Types {
        let named = match self.get("type") {
            Some(Value::String(name)) => Types::named(name),
            Some(Value::Array(names)) => names
                .iter()
                .filter_map(Value::as_str)
                .fold(Types::NONE, |types, name| types.or(Types::named(name))),
            _ => Types::ANY_JSON,
        };
        let listed = self.values().map_or(Types::ANY_JSON, |values| {
            values.iter().fold(Types::NONE, |types, value| types.or(type_of(value)))
        });
        named.and(listed).and(self.only.map_or(Types::ANY_JSON, Types::named))
    }

    /// The values of its `enum` or `const`.
    pub(super) fn values(&self) -> Option<Vec<&'s Value>> {
        match (self.get("const"), self.get("enum")) {
            (Some(value), _) => Some(vec![value]),
            (None, Some(Value::Array(values))) => Some(values.iter().collect()),
            _ => None,
        }
    }

    /// The groups of schemas that a value must be valid for beside the own words. Words beside a `$ref` are one.
    pub(super) fn groups(&self) -> Vec<Group<'s>> {
        let kinds = [(Criterion::All, "allOf"), (Criterion::Any, "anyOf"), (Criterion::One, "oneOf")];
        let listed =
            kinds.into_iter().map(|(criterion, word)| Group { criterion, members: self.list(word), word });
        let referred = self.referred().map(|target| Group {
            criterion: Criterion::All,
            members: vec![Side { only: None, words_only: false, ..target }],
            word: "$ref",
        });
        listed.filter(|group| !group.members.is_empty()).chain(referred).collect()
    }

    /// Whether other schemas than its own words say which members or elements there may be.
    fn is_combined(&self) -> bool {
        let words = ["allOf", "anyOf", "oneOf", "if", "not", "dependentSchemas", "dependencies", "contains"];
        words.iter().chain(&REFERENCES).any(|word| self.get(word).is_some())
    }

    /// What may stand beside what is declared: under `word`, or else under `unevaluated`.
    pub(super) fn rest(&self, word: &str, unevaluated: &str) -> Rest<'s> {
        let inner = self.under(word).or_else(|| self.under(unevaluated).filter(|_| !self.is_combined()));
        match inner {
            None => Rest::Open,
            Some(inner) if inner.is_anything() => Rest::Open,
            Some(inner) if inner.is_nothing() => Rest::Closed,
            Some(inner) => Rest::Partly(inner),
        }
    }

    /// The word `unevaluated…`, where what it leaves depends on combined schemas.
    pub(super) fn entangled(&self, unevaluated: &str) -> Option<&'s Value> {
        let inner = self.under(unevaluated)?;
        (self.is_combined() && !inner.is_anything()).then(|| inner.schema())
    }
}

fn type_of(value: &Value) -> Types {
    match value {
        Value::Null => Types::NULL,
        Value::Bool(_) => Types::BOOLEAN,
        Value::Number(number) if number.as_f64().is_some_and(|value| value.fract() == 0.0) => Types::INTEGER,
        Value::Number(_) => Types::NUMBER,
        Value::String(_) => Types::STRING,
        Value::Array(_) => Types::ARRAY,
        Value::Object(_) => Types::OBJECT,
    }
}
