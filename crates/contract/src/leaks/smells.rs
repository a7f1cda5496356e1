//! Fields that are classified as public, and whose name or description speaks of a person. The bus asks a human who knows:
//! `officeEmail` is nobody's, `email` may be.

use std::collections::BTreeMap;

use serde_json::Value;

use super::words::Spoken;
use super::{Set, detectors, words};
use crate::compile::Contract;
use crate::outline::Outline;
use crate::{Class, Format, Pointer};

/// How deep a schema is read for descriptions.
const DEPTH_MAX: usize = 32;

/// Words of a description that are looked at, from each [`STEP`]th on.
const STEP: usize = 4;

impl Contract {
    /// The public fields that speak of a person, with what they speak of. Descriptions are those of JSON Schema
    /// (`description`) and Avro (`doc`); of Protocol Buffers there are names only.
    pub fn smells(&self) -> BTreeMap<Pointer, &'static str> {
        let schema = match self.definition().format {
            Format::JsonSchema | Format::Avro => {
                serde_json::from_str(&self.definition().schema).unwrap_or_default()
            }
            Format::Protobuf => Value::Null,
        };
        let mut described = BTreeMap::new();
        describe(&schema, &Pointer::root(), DEPTH_MAX, &mut described);
        let mut smells = BTreeMap::new();
        look(&self.outline(), ("", ""), &described, &mut smells);
        smells
    }
}

/// Elements and other members go by the name and the description of what they are in.
fn look<'o>(
    field: &'o Outline,
    around: (&'o str, &'o str),
    described: &BTreeMap<Pointer, &'o str>,
    smells: &mut BTreeMap<Pointer, &'static str>,
) {
    let own = described.get(&field.pointer).copied();
    let (name, text) = match field.name.as_str() {
        "*" => (around.0, own.unwrap_or(around.1)),
        name => (name, own.unwrap_or_default()),
    };
    let holds_text = field.types.iter().any(|one| matches!(*one, "string" | "integer" | "number"));
    if field.class == Some(Class::Public)
        && holds_text
        && let Some(what) = spoken_of(name).or_else(|| described_as(text))
    {
        smells.insert(field.pointer.clone(), what);
    }
    let below = field.fields.iter().chain(field.elements.as_deref());
    below.for_each(|below| look(below, (name, text), described, smells));
}

/// What of a person a name speaks of.
fn spoken_of(name: &str) -> Option<&'static str> {
    let spoken = Spoken::of(name);
    let of_any = |(_, words): &&(&str, &[&str])| words.iter().any(|word| spoken.has(word));
    let person = words::PERSON.iter().find(of_any).map(|(what, _)| *what);
    let detected = || Set::expected_by(name).places().next().map(|at| detectors()[at].what);
    person.or_else(detected)
}

/// The same of a description, some words at a time.
fn described_as(text: &str) -> Option<&'static str> {
    let words: Vec<&str> = text.split_whitespace().collect();
    (0..words.len()).step_by(STEP).find_map(|from| {
        let some = &words[from..words.len().min(from + 2 * STEP)];
        spoken_of(&some.join(" "))
    })
}

/// The descriptions in a schema, by the place that they are of.
fn describe<'s>(schema: &'s Value, at: &Pointer, depth: usize, found: &mut BTreeMap<Pointer, &'s str>) {
    let Some(deeper) = depth.checked_sub(1) else { return };
    let text = schema["description"].as_str().or(schema["doc"].as_str());
    if let Some(text) = text {
        found.entry(at.clone()).or_insert(text);
    }
    for (name, below) in schema["properties"].as_object().into_iter().flatten() {
        describe(below, &at.child(name.as_str()), deeper, found);
    }
    for field in schema["fields"].as_array().into_iter().flatten() {
        let Some(name) = field["name"].as_str() else { continue };
        let place = at.child(name);
        if let Some(text) = field["doc"].as_str() {
            found.insert(place.clone(), text);
        }
        describe(&field["type"], &place, deeper, found);
    }
    if schema["items"].is_object() {
        describe(&schema["items"], &at.child("*"), deeper, found);
    }
    for one in schema.as_array().into_iter().flatten() {
        describe(one, at, deeper, found);
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking, in its helpers too")]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::compile::compile;
    use crate::definition::Definition;

    /// What smells in a JSON Schema whose every member is of the class.
    fn smells(properties: Value, class: &str) -> Vec<(String, &'static str)> {
        let schema = json!({"type": "object", "additionalProperties": false, "properties": properties});
        let names = properties.as_object().unwrap().keys();
        let classify: serde_json::Map<String, Value> =
            names.map(|name| (format!("/{name}"), json!(class))).collect();
        let definition: Definition = serde_json::from_value(json!({
            "topic": "x.y.happened", "version": 1, "format": "json-schema", "schema": schema.to_string(),
            "classify": classify,
        }))
        .unwrap();
        let contract = compile(&definition).unwrap();
        contract.smells().into_iter().map(|(field, what)| (field.to_string(), what)).collect()
    }

    #[test]
    fn names_speak_in_many_ways_and_things_of_offices_do_not() {
        let text = || json!({"type": "string"});
        let properties = json!({
            "surname": text(), "date_of_birth": text(), "achternaam": text(), "contactEmail": text(), "citizenBsn": text(),
            "office": text(), "courtName": text(), "registrationNumber": text(), "municipality": text(), "title": text(),
            "wasBornHere": {"type": "boolean"}, "hasEmail": {"type": "boolean"}, "total": {"type": "number"},
        });
        let found = smells(properties.clone(), "public");
        let fields: Vec<&str> = found.iter().map(|(field, _)| field.as_str()).collect();
        assert_eq!(fields, ["/achternaam", "/citizenBsn", "/contactEmail", "/date_of_birth", "/surname"]);
        assert_eq!(found[4].1, "a person's name");
        assert!(
            smells(properties, "internal").is_empty(),
            "what nobody reads without clearance is for the owner to judge"
        );
    }

    #[test]
    fn descriptions_speak_wherever_in_them() {
        let described = |text: &str| json!({"a": {"type": "string", "description": text}});
        let long =
            format!("{}the date of birth as entered", "a remark of the office that it makes ".repeat(20));
        assert_eq!(smells(described(&long), "public"), [("/a".to_owned(), "a person's birth")]);
        assert_eq!(smells(described("Number of the entry in the register."), "public"), []);
        let nested = json!({"rows": {"type": "array", "items": {
            "type": "object", "additionalProperties": false,
            "properties": {"x": {"type": "string", "description": "The applicant's surname"}}
        }}});
        assert_eq!(smells(nested, "public"), [("/rows/*/x".to_owned(), "a person's name")]);
        let listed = json!({"emails": {"type": "array", "items": {"type": "string"}}});
        assert_eq!(smells(listed, "public"), [("/emails/*".to_owned(), "an e-mail address")]);
    }
}
