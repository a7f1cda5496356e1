//! Contracts that the tests share.
#![allow(dead_code)]

pub mod avro;
pub mod dice;
pub mod protobuf;

use contract::{Contract, Definition, Pointer, Redaction, compile};
use serde_json::{Value, json};

/// A definition of the given schema, subjects and classes.
pub fn definition(schema: &Value, subject: &[&str], classify: Value) -> Definition {
    serde_json::from_value(json!({
        "topic": "civil.birth.registered",
        "version": 1,
        "format": "json-schema",
        "schema": schema.to_string(),
        "subject": subject,
        "classify": classify,
    }))
    .unwrap()
}

pub fn object(properties: Value) -> Value {
    json!({"type": "object", "properties": properties, "additionalProperties": false})
}

/// A birth: a child, parents who are persons of their own, public and internal parts.
pub fn birth() -> Definition {
    let text = json!({"type": "string"});
    let schema = json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "type": "object",
        "required": ["child", "registrationOffice"],
        "additionalProperties": false,
        "properties": {
            "child": {
                "type": "object",
                "required": ["personId", "name"],
                "additionalProperties": false,
                "properties": {
                    "personId": {"type": "string", "pattern": "^[0-9]{9}$"},
                    "name": {"type": "string", "minLength": 1, "maxLength": 200},
                    "birthDate": {"type": "string", "format": "date"},
                    "weightGrams": {"type": "integer", "minimum": 200, "maximum": 9000}
                }
            },
            "parents": {
                "type": "array",
                "maxItems": 2,
                "items": {
                    "type": "object",
                    "required": ["personId"],
                    "additionalProperties": false,
                    "properties": {"personId": {"type": "integer"}, "name": text}
                }
            },
            "registrationOffice": {"type": "string", "maxLength": 20},
            "registeredOn": {"type": "string", "format": "date"},
            "desk": {"type": "string"},
            "kind": {"enum": ["hospital", "home"]}
        }
    });
    let mut definition = definition(
        &schema,
        &["/child/personId", "/parents/*/personId"],
        json!({
            "/child/personId": "personal", "/child/name": "personal", "/child/birthDate": "personal",
            "/child/weightGrams": "special", "/parents/*/personId": "personal", "/parents/*/name": "personal",
            "/registrationOffice": "public", "/registeredOn": "public", "/desk": "internal", "/kind": "public"
        }),
    );
    definition.key = contract::KeyRule::Subject;
    definition
}

/// The definition with forms for what can have one, by turns.
pub fn with_forms(definition: &Definition, first: usize) -> Definition {
    const FORMS: [&str; 5] = ["first 2", "last 4", "year", "pseudonym", "null"];
    let mut shown = definition.clone();
    for (at, rule) in shown.classify.values_mut().enumerate().filter(|(_, rule)| rule.class.is_sealed()) {
        rule.redact = FORMS[(first + at) % FORMS.len()].parse().unwrap();
    }
    for fault in compile(&shown).err().unwrap_or_default() {
        let place = fault.pointer.parse::<Pointer>().ok();
        if let Some(rule) = place.and_then(|place| shown.classify.get_mut(&place)) {
            rule.redact = Redaction::Absent;
        }
    }
    if compile(&shown).is_ok() { shown } else { definition.clone() }
}

#[track_caller]
pub fn compiled(definition: &Definition) -> Contract {
    compile(definition).unwrap_or_else(|faults| {
        panic!("{}", faults.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))
    })
}
