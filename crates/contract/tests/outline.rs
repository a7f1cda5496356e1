//! The fields of contracts as trees: the same in all three languages.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking, in its helpers too")]

use contract::{Class, Contract, Definition, Outline, Redaction, compile};
use serde_json::{Value, json};

fn contract(format: &str, schema: &str) -> Contract {
    let definition: Definition = serde_json::from_value(json!({
        "topic": "civil.birth.registered", "version": 1, "format": format, "schema": schema,
        "subject": ["/child/id", "/parents/*/id"], "key": "subject",
        "classify": {
            "/child": "personal", "/parents/*": {"class": "personal", "of": "/parents/*/id"},
            "/notes": "internal", "/office": "public",
        },
    }))
    .unwrap();
    compile(&definition).unwrap_or_else(|faults| panic!("{faults:#?}"))
}

/// One line a place: how deep, its name, its types, whether it must be there, its class, whose it is and what is shown of it.
fn lines(outline: &Outline, depth: usize, told: &mut Vec<String>) {
    let required = if outline.required { "!" } else { "" };
    let class = outline.class.as_ref().map_or("", Class::as_str);
    let of = outline.of.as_deref().unwrap_or_default();
    let line =
        format!("{}{}{required} {} {class} {of}", "  ".repeat(depth), outline.name, outline.types.join("|"));
    let shown =
        if outline.redact == Redaction::Absent { String::new() } else { format!(" {}", outline.redact) };
    told.push(format!("{}{shown}", line.trim_end()));
    for below in outline.fields.iter().chain(outline.elements.as_deref()) {
        lines(below, depth + 1, told);
    }
}

#[track_caller]
fn check(format: &str, schema: &str, expected: &str) {
    let mut told = Vec::new();
    lines(&contract(format, schema).outline(), 0, &mut told);
    let expected: Vec<&str> = expected.lines().skip(1).collect();
    assert_eq!(told, expected, "\n{}", told.join("\n"));
}

#[test]
fn json_schema() {
    let person = json!({
        "type": "object", "required": ["id"], "additionalProperties": false,
        "properties": {"id": {"type": "string"}, "name": {"type": ["string", "null"]}},
    });
    let schema: Value = json!({
        "type": "object", "required": ["child", "office"], "additionalProperties": false,
        "properties": {
            "child": person, "parents": {"type": "array", "items": {"$ref": "#/$defs/person"}},
            "notes": {"type": "object", "additionalProperties": {"type": "integer"}}, "office": {"type": "string"},
        },
        "$defs": {"person": person},
    });
    check(
        "json-schema",
        &schema.to_string(),
        "
 object
  child! object personal /child/id
    id! string personal /child/id
    name null|string personal /child/id
  notes object internal
    * integer internal
  office! string public
  parents array
    * object personal /parents/*/id
      id! string personal /parents/*/id
      name null|string personal /parents/*/id",
    );
}

#[test]
fn avro() {
    let schema = r#"{"type": "record", "name": "Birth", "fields": [
        {"name": "child", "type": {"type": "record", "name": "Person", "fields": [
            {"name": "id", "type": "string"}, {"name": "name", "type": ["null", "string"]}]}},
        {"name": "parents", "type": {"type": "array", "items": "Person"}},
        {"name": "notes", "type": ["null", {"type": "map", "values": "long"}]}, {"name": "office", "type": "string"}]}"#;
    check(
        "avro",
        schema,
        "
 object
  child! object personal /child/id
    id! string personal /child/id
    name null|string personal /child/id
  notes null|object internal
    * integer internal
  office! string public
  parents! array
    * object personal /parents/*/id
      id! string personal /parents/*/id
      name null|string personal /parents/*/id",
    );
}

#[test]
fn protobuf() {
    let schema = r#"syntax = "proto2";
        message Birth {
          required Person child = 1; repeated Person parents = 2; map<string, int64> notes = 3; optional string office = 4;
        }
        message Person { required string id = 1; optional bytes name = 2; }"#;
    check(
        "protobuf",
        schema,
        "
 object
  child! object personal /child/id
    id! string personal /child/id
    name bytes personal /child/id
  notes object internal
    * integer internal
  office string public
  parents array
    * object personal /parents/*/id
      id! string personal /parents/*/id
      name bytes personal /parents/*/id",
    );
}
