//! Avro contracts and documents that the tests share.

use apache_avro::Schema;
use apache_avro::reader::datum::GenericDatumReader;
use apache_avro::types::Value as Datum;
use apache_avro::writer::datum::GenericDatumWriter;
use contract::{Definition, Format};
use serde_json::{Value, json};

/// A definition of the given Avro schema, subjects and classes.
pub fn definition(schema: &Value, subject: &[&str], classify: Value) -> Definition {
    Definition { format: Format::Avro, ..super::definition(schema, subject, classify) }
}

/// A record of these fields, each a name and a type.
pub fn record(name: &str, fields: &[(&str, Value)]) -> Value {
    let fields: Vec<Value> = fields.iter().map(|(name, of)| json!({"name": name, "type": of})).collect();
    json!({"type": "record", "name": name, "fields": fields})
}

/// The value as the library writes it.
#[track_caller]
pub fn encoded(schema: &str, value: Value) -> Vec<u8> {
    let schema = Schema::parse_str(schema).unwrap();
    let value = Datum::try_from(value).unwrap().resolve(&schema).unwrap();
    written(&schema, value)
}

/// The value as the library writes it.
#[track_caller]
pub fn written(schema: &Schema, value: Datum) -> Vec<u8> {
    GenericDatumWriter::builder(schema).build().unwrap().write_value_to_vec(value).unwrap()
}

/// The value that the library reads; every byte must belong to it.
pub fn decoded(schema: &str, mut bytes: &[u8]) -> Result<Datum, String> {
    let schema = Schema::parse_str(schema).map_err(|error| error.to_string())?;
    let reader = GenericDatumReader::builder(&schema).build().map_err(|error| error.to_string())?;
    let value = reader.read_value(&mut bytes).map_err(|error| error.to_string())?;
    if bytes.is_empty() { Ok(value) } else { Err(format!("{} bytes are left", bytes.len())) }
}

/// A number as Avro writes it.
pub fn long(number: i64) -> Vec<u8> {
    let mut rest = (number << 1 ^ number >> 63) as u64;
    let mut out = Vec::new();
    while rest >= 0x80 {
        out.push(rest as u8 | 0x80);
        rest >>= 7;
    }
    out.push(rest as u8);
    out
}

/// A text as Avro writes it.
pub fn text(text: &str) -> Vec<u8> {
    [long(text.len() as i64), text.as_bytes().to_vec()].concat()
}

/// A birth: a child, parents who are persons of their own, public and internal parts. The child's identifier stands
/// behind what it owns.
pub fn birth() -> Definition {
    let parent = record("Parent", &[("name", json!(["null", "string"])), ("personId", json!("long"))]);
    let child = record(
        "Child",
        &[
            ("name", json!("string")),
            ("birthDate", json!({"type": "int", "logicalType": "date"})),
            ("weightGrams", json!(["null", "int"])),
            ("personId", json!("string")),
        ],
    );
    let kind = json!({"type": "enum", "name": "Kind", "symbols": ["hospital", "home"]});
    let mut schema = record(
        "Birth",
        &[
            ("child", child),
            ("parents", json!({"type": "array", "items": parent})),
            ("registrationOffice", json!("string")),
            ("registeredOn", json!({"type": "int", "logicalType": "date"})),
            ("desk", json!("string")),
            ("kind", kind),
        ],
    );
    schema["namespace"] = json!("civil.birth");
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

/// The value of a document of [`birth`].
pub fn ada() -> Value {
    json!({
        "child": {"name": "Ada", "birthDate": 20_000, "weightGrams": 3200, "personId": "123456789"},
        "parents": [{"name": "Ann", "personId": 7}, {"name": null, "personId": 8}],
        "registrationOffice": "North", "registeredOn": 20_001, "desk": "4", "kind": "home"
    })
}
