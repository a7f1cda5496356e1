//! Prints what checking a birth of about 1 KiB with five sealed fields costs. Run it in release.

use std::hint::black_box;
use std::io::Write as _;
use std::time::Instant;

use contract::document::{Document, Tape};
use contract::limits::Limits;
use contract::{Contract, Definition, Workspace, compile};
use serde_json::json;

fn definition() -> Result<Definition, serde_json::Error> {
    let text = |longest: u32| json!({"type": "string", "maxLength": longest});
    let person = json!({
        "type": "object", "additionalProperties": false, "required": ["personId", "name"],
        "properties": {
            "personId": {"type": "string", "pattern": "^[0-9]{9}$"}, "name": text(200),
            "birthDate": {"type": "string", "format": "date"}, "role": {"enum": ["mother", "father", "child"]}
        }
    });
    let schema = json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "type": "object", "additionalProperties": false,
        "required": ["child", "registrationOffice", "registeredOn"],
        "properties": {
            "child": {"$ref": "#/$defs/person"}, "mother": {"$ref": "#/$defs/person"},
            "registrationOffice": text(100), "registeredOn": {"type": "string", "format": "date"},
            "entry": {"type": "integer", "minimum": 1}, "place": text(100), "remarks": text(1000),
            "codes": {"type": "array", "items": text(10), "maxItems": 20},
            "attachments": {"type": "array", "items": {
                "type": "object", "additionalProperties": false,
                "properties": {"name": text(100), "bytes": {"type": "integer"}, "kind": text(20)}
            }}
        },
        "$defs": {"person": person}
    });
    serde_json::from_value(json!({
        "topic": "civil.birth.registered", "version": 1, "format": "json-schema", "key": "subject",
        "schema": schema.to_string(), "subject": ["/child/personId", "/mother/personId"],
        "classify": {
            "/child/personId": "personal", "/child/name": "personal", "/child/birthDate": "personal",
            "/child/role": "public", "/mother/personId": "personal", "/mother/name": "personal",
            "/mother/birthDate": "public", "/mother/role": "public",
            "/registrationOffice": "public", "/registeredOn": "public", "/entry": "public", "/place": "public",
            "/remarks": "public", "/codes": "public", "/attachments": "public"
        }
    }))
}

fn document() -> String {
    let attachment = |name: &str| json!({"name": name, "bytes": 48_211, "kind": "application/pdf"});
    json!({
        "child": {"personId": "123456789", "name": "Ada Lovelace Byron", "birthDate": "2026-01-31", "role": "child"},
        "mother": {"personId": "987654321", "name": "Anne Isabella Milbanke", "role": "mother"},
        "registrationOffice": "Civil Registry North", "registeredOn": "2026-02-02", "entry": 20_260_017,
        "place": "General Hospital, Ward 4", "codes": ["A01", "B17", "C99"],
        "remarks": "Entered on notice of the hospital. ".repeat(10),
        "attachments": [attachment("notice-of-birth.pdf"), attachment("declaration-of-name.pdf"), attachment("identity.pdf")]
    })
    .to_string()
}

/// The fastest of several rounds, in nanoseconds for one call.
fn fastest(mut call: impl FnMut()) -> f64 {
    const CALLS: u32 = 20_000;
    let round = |_| {
        let start = Instant::now();
        (0..CALLS).for_each(|_| call());
        start.elapsed().as_nanos() as f64 / f64::from(CALLS)
    };
    (0..15).map(round).collect::<Vec<f64>>().into_iter().fold(f64::INFINITY, f64::min)
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let contract: Contract = compile(&definition()?).map_err(|faults| format!("{faults:?}"))?;
    let text = document();
    let mut work = Workspace::default();
    let checked = contract.check(text.as_bytes(), &mut work).map_err(|wrong| format!("{wrong:?}"))?;
    let mut tape = Tape::default();
    let parse = fastest(|| {
        if let Ok(document) = Document::parse_on(black_box(text.as_bytes()), &Limits::default(), &mut tape) {
            document.give_back(&mut tape);
        }
    });
    let check = fastest(|| {
        black_box(contract.check(black_box(text.as_bytes()), &mut work).is_ok());
    });
    let mut out = std::io::stdout().lock();
    writeln!(
        out,
        "{} bytes, {} spans, {} subjects",
        text.len(),
        checked.spans.len(),
        checked.subjects.len()
    )?;
    writeln!(out, "parse {parse:.0} ns; parse, validate and find the spans {check:.0} ns")?;
    writeln!(out, "{}", avro()?)?;
    Ok(())
}

/// The same for an Avro document of 1 KiB with five sealed fields.
fn avro() -> Result<String, Box<dyn std::error::Error>> {
    let field = |name: &str, of: serde_json::Value| json!({"name": name, "type": of});
    let person = |name: &str| {
        let fields = [
            field("personId", json!("string")),
            field("name", json!("string")),
            field("birthDate", json!({"type": "int", "logicalType": "date"})),
        ];
        json!({"type": "record", "name": name, "fields": fields})
    };
    let fields = [
        field("child", person("Child")),
        field("mother", json!(["null", person("Mother")])),
        field("registrationOffice", json!("string")),
        field("registeredOn", json!({"type": "int", "logicalType": "date"})),
        field("codes", json!({"type": "array", "items": "string"})),
        field("remarks", json!("string")),
    ];
    let schema = json!({"type": "record", "name": "Birth", "fields": fields});
    let definition: Definition = serde_json::from_value(json!({
        "topic": "civil.birth.registered", "version": 1, "format": "avro", "key": "subject",
        "schema": schema.to_string(), "subject": ["/child/personId", "/mother/personId"],
        "classify": {
            "/child": "personal", "/child/birthDate": "public", "/mother": "personal", "/mother/birthDate": "public",
            "/registrationOffice": "internal", "/registeredOn": "public", "/codes": "public", "/remarks": "public"
        }
    }))?;
    let contract = compile(&definition).map_err(|faults| format!("{faults:?}"))?;
    let mut data = Vec::new();
    let number = |out: &mut Vec<u8>, number: i64| {
        let mut rest = (number << 1 ^ number >> 63) as u64;
        while rest >= 0x80 {
            out.push(rest as u8 | 0x80);
            rest >>= 7;
        }
        out.push(rest as u8);
    };
    let text = |out: &mut Vec<u8>, text: &str| {
        number(out, text.len() as i64);
        out.extend_from_slice(text.as_bytes());
    };
    text(&mut data, "123456789");
    text(&mut data, "Ada Lovelace Byron");
    number(&mut data, 20_484);
    number(&mut data, 1);
    text(&mut data, "987654321");
    text(&mut data, "Anne Isabella Milbanke");
    number(&mut data, 9_876);
    text(&mut data, "Civil Registry North");
    number(&mut data, 20_486);
    number(&mut data, 3);
    ["A01", "B17", "C99"].iter().for_each(|code| text(&mut data, code));
    number(&mut data, 0);
    text(&mut data, &"Entered on notice of the hospital. ".repeat(26));
    let mut work = Workspace::default();
    let spans = contract.check(&data, &mut work).map_err(|wrong| format!("{wrong:?}"))?.spans.len();
    let check = fastest(|| {
        black_box(contract.check(black_box(&data), &mut work).is_ok());
    });
    Ok(format!("avro: {} bytes, {spans} spans; validate and find the spans {check:.0} ns", data.len()))
}
