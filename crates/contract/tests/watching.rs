//! Personal data in fields that are nobody's is found in every format, and told by place and kind only.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking, in its helpers too")]

use crate::support::{avro, compiled, definition, object, protobuf};
use contract::leaks::{Set, detectors};
use contract::{Definition, Workspace, compile};
use serde_json::{Value, json};

/// Places and detectors of what is found.
#[track_caller]
fn found(definition: &Definition, data: &[u8]) -> Vec<(String, &'static str)> {
    let mut work = Workspace::default();
    work.watch = Set::all();
    let checked = compiled(definition).check(data, &mut work).unwrap();
    checked.leaks.into_iter().map(|leak| (leak.pointer, detectors()[leak.detector].name)).collect()
}

fn at(place: &str, detector: &'static str) -> (String, &'static str) {
    (place.to_owned(), detector)
}

fn json_contract(classify: Value) -> Definition {
    let text = json!({"type": "string"});
    let schema = object(json!({
        "note": text, "person": text, "on": {"type": "string", "format": "date-time"}, "kind": {"enum": ["NL91ABNA0417164300"]},
        "bsn": {"type": ["string", "integer"]}, "amount": {"type": "integer"}, "desk": text,
        "lines": {"type": "array", "items": text},
        "by": {"type": "object", "additionalProperties": object(json!({"text": text}))}
    }));
    definition(&schema, &["/person"], classify)
}

fn classes() -> Value {
    json!({
        "/note": "public", "/person": "personal", "/on": "public", "/kind": "public", "/bsn": "internal", "/amount": "public",
        "/desk": {"class": "public", "may_hold": ["email"]}, "/lines": "public", "/by/*/text": "public"
    })
}

#[test]
fn json_is_looked_through_where_it_is_nobodys() {
    let definition = json_contract(classes());
    for (document, wanted) in [
        (json!({"note": "write to a.b@mail.example"}), vec![at("/note", "email")]),
        (json!({"person": "write to a.b@mail.example"}), vec![]),
        (json!({"desk": "a.b@mail.example"}), vec![]),
        (json!({"desk": "pay to NL91ABNA0417164300"}), vec![at("/desk", "iban")]),
        (json!({"kind": "NL91ABNA0417164300", "on": "2026-11-26T10:00:00Z"}), vec![]),
        (json!({"bsn": "123456782"}), vec![at("/bsn", "nl-bsn")]),
        (json!({"bsn": 123456782}), vec![at("/bsn", "nl-bsn")]),
        (json!({"amount": 123456782, "note": "123456782"}), vec![]),
        (json!({"lines": ["x", "+31 6 1234 5678"]}), vec![at("/lines/1", "telephone")]),
        (json!({"by": {"a.b@mail.example": {"text": "x"}}}), vec![at("/by/*", "email")]),
        (json!({"by": {"bsn": {"text": "x"}, "x": {"text": "123456782"}}}), vec![]),
        (json!({"note": "caf\u{e9} \"811228-9874\""}), vec![at("/note", "se-personnummer")]),
    ] {
        assert_eq!(found(&definition, document.to_string().as_bytes()), wanted, "{document}");
    }
    let escaped = br#"{"note": "a.b\u0040mail.example"}"#;
    assert_eq!(found(&definition, escaped), [at("/note", "email")]);
    let escaped = br#"{"\u0062sn": "123456782"}"#;
    assert_eq!(found(&definition, escaped), [at("/bsn", "nl-bsn")]);
}

#[test]
fn what_one_rule_covers_is_looked_through_with_all_that_is_in_it() {
    let definition = json_contract(json!({"": "public"}));
    let definition = Definition { subject: Vec::new(), ..definition };
    let document = json!({"bsn": 123456782, "by": {"NL91ABNA0417164300": {"text": "a.b@mail.example"}}, "amount": 123456782});
    let wanted = [at("/bsn", "nl-bsn"), at("/by/*", "iban"), at("/by/*/text", "email")];
    assert_eq!(found(&definition, document.to_string().as_bytes()), wanted);
}

#[test]
fn nothing_is_looked_for_unless_asked() {
    let document = json!({"note": "a.b@mail.example"}).to_string();
    let checked =
        compiled(&json_contract(classes())).check(document.as_bytes(), &mut Workspace::default()).unwrap();
    assert_eq!(checked.leaks, []);
}

#[test]
fn a_document_tells_so_many_findings_and_no_more() {
    let lines: Vec<String> = (0..100).map(|at| format!("a{at}@mail.example")).collect();
    let found = found(&json_contract(classes()), json!({"lines": lines}).to_string().as_bytes());
    assert_eq!(found.len(), contract::limits::LEAKS);
    // What is told of one kind hides none of another.
    let lines: Vec<String> = lines.into_iter().chain(["NL91ABNA0417164300".to_owned()]).collect();
    let found = self::found(&json_contract(classes()), json!({"lines": lines}).to_string().as_bytes());
    assert_eq!(found.last(), Some(&at("/lines/100", "iban")));
}

#[test]
fn a_name_that_no_schema_declares_speaks_too_and_may_hold_what_its_entries_may() {
    let text = json!({"type": "string"});
    let schema = object(json!({"by": {"type": "object", "additionalProperties": text}}));
    let of = |rule: Value| definition(&schema, &[], json!({"/by/*": rule}));
    let document =
        json!({"by": {"bsn": "123456782", "order": "123456782", "NL91ABNA0417164300": "x"}}).to_string();
    let wanted = [at("/by/*", "nl-bsn"), at("/by/*", "iban")];
    assert_eq!(found(&of(json!("public")), document.as_bytes()), wanted);
    let exempt = of(json!({"class": "public", "may_hold": ["iban", "nl-bsn"]}));
    assert_eq!(found(&exempt, document.as_bytes()), []);
}

#[test]
fn keys_inside_of_what_is_a_persons_are_sealed_with_it() {
    let map = json!({"type": "map", "values": "string"});
    let inner = avro::record("Inner", &[("by", map.clone())]);
    let schema = avro::record(
        "Note",
        &[("person", json!("string")), ("inner", inner), ("more", json!(["null", map]))],
    );
    let classify = json!({"/person": "personal", "/inner": "personal", "/more": "personal"});
    let definition = avro::definition(&schema, &["/person"], classify);
    let bytes = |text: &str| [avro::long(text.len() as i64), text.as_bytes().to_vec()].concat();
    let entry = [avro::long(1), bytes("NL91ABNA0417164300"), bytes("x"), avro::long(0)].concat();
    let data = [bytes("1"), entry.clone(), avro::long(1), entry].concat();
    assert_eq!(found(&definition, &data), []);
}

#[test]
fn avro_is_looked_through_where_it_is_nobodys() {
    let inner = avro::record("Inner", &[("bsn", json!("long")), ("text", json!(["null", "string"]))]);
    let schema = avro::record(
        "Note",
        &[
            ("person", json!("string")),
            ("note", json!("string")),
            ("inner", inner),
            ("by", json!({"type": "map", "values": "string"})),
            ("day", json!({"type": "int", "logicalType": "date"})),
        ],
    );
    let classify = json!({"/person": "personal", "/note": "public", "/inner": "public", "/by/*": "public", "/day": "public"});
    let definition = avro::definition(&schema, &["/person"], classify);
    let document = json!({
        "person": "a.b@mail.example", "note": "see NL91ABNA0417164300", "day": 1,
        "inner": {"bsn": 123456782, "text": "+31 6 1234 5678"}, "by": {"811228-9874": "c.d@mail.example"}
    });
    let wanted = [
        at("/note", "iban"),
        at("/inner/bsn", "nl-bsn"),
        at("/inner/text", "telephone"),
        at("/by/*", "se-personnummer"),
        at("/by/*", "email"),
    ];
    assert_eq!(found(&definition, &avro::encoded(&schema.to_string(), document)), wanted);
}

#[test]
fn protobuf_is_looked_through_where_it_is_nobodys() {
    use protobuf::{bytes, number};
    let schema = r#"syntax = "proto3";
        import "google/protobuf/wrappers.proto";
        message Note {
          string person = 1;
          string note = 2;
          Inner inner = 3;
          map<string, string> by = 4;
          repeated int64 bsn = 5;
          google.protobuf.StringValue said = 6;
        }
        message Inner { string text = 1; }"#;
    let classify = json!({
        "/person": "personal", "/note": "public", "/inner": "public", "/by/*": "public", "/bsn": "internal", "/said": "public"
    });
    let definition = protobuf::definition(schema, &["/person"], classify);
    let data = [
        bytes(1, b"a.b@mail.example"),
        bytes(2, b"see NL91ABNA0417164300"),
        bytes(3, &bytes(1, b"+31 6 1234 5678")),
        bytes(4, &[bytes(1, b"811228-9874"), bytes(2, b"c.d@mail.example")].concat()),
        number(5, 123_456_782),
        bytes(6, &bytes(1, b"e.f@mail.example")),
    ];
    let wanted = [
        at("/note", "iban"),
        at("/inner/text", "telephone"),
        at("/by/*", "se-personnummer"),
        at("/by/*", "email"),
        at("/bsn/0", "nl-bsn"),
        at("/said/value", "email"),
    ];
    assert_eq!(found(&definition, &data.concat()), wanted);
}

#[test]
fn what_a_field_may_hold_is_named_rightly() {
    let classify = |rule: Value| json!({"": "public", "/note": rule});
    let faults = |rule: Value| {
        let definition = Definition { subject: Vec::new(), ..json_contract(classify(rule)) };
        let faults = compile(&definition).map(|_| Vec::new()).unwrap_or_else(|faults| faults);
        faults.iter().map(ToString::to_string).collect::<Vec<_>>()
    };
    assert_eq!(faults(json!({"class": "public", "may_hold": ["email", "iban"]})), [""; 0]);
    let wrong = faults(json!({"class": "public", "may_hold": ["e-mail"]}));
    assert!(
        wrong.len() == 1
            && wrong[0].starts_with("/note: may hold \"e-mail\", which is not known; use one of at-svnr, ")
    );
    let person = Definition { ..json_contract(json!({"": {"class": "personal", "may_hold": ["email"]}})) };
    let wrong = compile(&person).map(|_| Vec::new()).unwrap_or_else(|faults| faults);
    assert_eq!(
        wrong[0].to_string(),
        "the document: is personal, so that nothing is looked for in it; leave `may_hold` out"
    );
}
