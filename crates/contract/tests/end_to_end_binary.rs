//! Fields that are sealed end to end in Avro and Protocol Buffers: what a contract may ask, and which texts are found and
//! replaced, held against the mature libraries.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking, in its helpers too")]

use std::collections::BTreeMap;

use crate::avro_differential::{self as made_avro, Made, Sample, class_of, made, write};
use crate::protobuf_differential::{self as made_protobuf, Classes, FILES, classified, sample};
use crate::support::avro::{self, decoded, long, record, text};
use crate::support::protobuf::{self, bytes, message_of, number};
use crate::support::{compiled, definition as json_definition, object};
use apache_avro::types::Value as Datum;
use contract::migration::Lens;
use contract::redact::{Fate, redact_as};
use contract::texts::Reading;
use contract::{
    Class, ClassSet, Contract, ContractVersion, Definition, Format, KeyRule, Pointer, Weight, Workspace,
    compile, impact,
};
use proptest::prelude::*;
use prost_reflect::prost::Message;
use prost_reflect::{DynamicMessage, MapKey, ReflectMessage, Value as Known};
use serde_json::{Value, json};

fn special(definition: Definition) -> Definition {
    Definition { end_to_end: [Class::Special].into(), ..definition }
}

const CLASSES: [(&str, &str); 6] = [
    ("/person", "personal"),
    ("/office", "public"),
    ("/finding", "special"),
    ("/tests/*/kind", "public"),
    ("/tests/*/result", "special"),
    ("/by_day/*", "special"),
];

fn classes() -> Value {
    CLASSES.into_iter().collect()
}

fn avro_case() -> Definition {
    let test = record("Test", &[("kind", json!("string")), ("result", json!(["null", "string"]))]);
    let schema = record(
        "Case",
        &[
            ("person", json!("string")),
            ("office", json!("string")),
            ("finding", json!("string")),
            ("tests", json!({"type": "array", "items": test})),
            ("by_day", json!({"type": "map", "values": "string"})),
        ],
    );
    special(avro::definition(&schema, &["/person"], classes()))
}

const FILE: &str = r#"syntax = "proto3";
message Case {
  string person = 1; string office = 2; string finding = 3; repeated Test tests = 4; map<string, string> by_day = 5;
}
message Test { string kind = 1; optional string result = 2; }
"#;

fn protobuf_case() -> Definition {
    special(protobuf::definition(FILE, &["/person"], classes()))
}

fn json_case() -> Definition {
    let text = json!({"type": "string"});
    let schema = object(json!({
        "person": text, "office": text, "finding": text,
        "tests": {"type": "array", "items": object(json!({"kind": text, "result": text}))},
        "by_day": {"type": "object", "additionalProperties": text}
    }));
    special(json_definition(&schema, &["/person"], classes()))
}

/// Two tests, of which the first has no result.
fn avro_document(finding: &str) -> Vec<u8> {
    let tests = [text("x"), long(0), text("y"), long(1), text("b")].concat();
    let by_day = [text("1980/x"), text("c")].concat();
    [
        text("1"),
        text("North"),
        text(finding),
        // With the block's size, and without.
        [long(-2), long(tests.len() as i64), tests, long(0)].concat(),
        [long(1), by_day, long(0)].concat(),
    ]
    .concat()
}

fn protobuf_document(finding: &str) -> Vec<u8> {
    [
        // Fields come in any order.
        bytes(5, &[bytes(2, b"c"), bytes(1, b"1980/x")].concat()),
        bytes(4, &bytes(1, b"x")),
        bytes(1, b"1"),
        bytes(2, b"North"),
        bytes(3, finding.as_bytes()),
        bytes(4, &[bytes(2, b"b"), bytes(1, b"y")].concat()),
    ]
    .concat()
}

fn found(contract: &Contract, data: &[u8]) -> Vec<(String, String, String)> {
    let values = contract.end_to_end_values(data).unwrap().into_iter();
    let mut told: Vec<_> = values.map(|value| (value.pointer, value.shown, value.text)).collect();
    told.sort();
    told
}

#[test]
fn its_values_are_found_with_their_places_and_keys_of_maps_are_not_shown() {
    for (case, document) in [(avro_case(), avro_document("a")), (protobuf_case(), protobuf_document("a"))] {
        let contract = compiled(&case);
        contract.check(&document, &mut Workspace::default()).unwrap();
        let told = found(&contract, &document);
        let told: Vec<_> = told.iter().map(|(at, shown, text)| (&**at, &**shown, &**text)).collect();
        assert_eq!(
            told,
            [
                ("/by_day/1980~1x", "/by_day/*", "c"),
                ("/finding", "/finding", "a"),
                ("/tests/1/result", "/tests/1/result", "b")
            ]
        );
        assert!(contract.end_to_end_values(&document).unwrap().iter().all(|one| one.class == Class::Special));
        let plain = compiled(&Definition { end_to_end: [].into(), ..case });
        assert!(!plain.is_end_to_end() && found(&plain, &document).is_empty());
        // What is no document is not one without anything to seal.
        assert!(contract.end_to_end_values(&document[..document.len() - 1]).is_err());
    }
}

#[test]
fn other_texts_stand_in_place_of_those_and_all_else_stays_to_the_byte() {
    for (case, document) in
        [(avro_case(), avro_document as fn(&str) -> Vec<u8>), (protobuf_case(), protobuf_document)]
    {
        let (contract, plain) = (compiled(&case), document("a"));
        let texts = contract.end_to_end_texts(&plain).unwrap().unwrap();
        assert_eq!(texts.replaced(|_| None), plain);
        for other in ["", "b", &"x".repeat(70_000)] {
            let only =
                |text: &contract::texts::Text<'_>| (text.pointer == "/finding").then(|| other.to_owned());
            assert_eq!(texts.replaced(only), document(other));
        }
        assert_eq!(texts.iter().filter_map(|text| contract.class_of(text)).count(), 3);
    }
}

#[test]
fn in_protocol_buffers_what_is_not_written_is_no_value_and_an_empty_text_is_one() {
    let contract = compiled(&protobuf_case());
    let absent = [bytes(1, b"1"), bytes(4, &bytes(1, b"x"))].concat();
    assert!(found(&contract, &absent).is_empty());
    // A serializer may leave out the value of a map's entry where it is empty.
    let entry = [absent.clone(), bytes(5, &bytes(1, b"k"))].concat();
    assert!(found(&contract, &entry).is_empty());
    let empty = [absent, bytes(3, b""), bytes(4, &bytes(2, b"")), bytes(5, &bytes(2, b""))].concat();
    contract.check(&empty, &mut Workspace::default()).unwrap();
    let places: Vec<String> = found(&contract, &empty).into_iter().map(|(at, ..)| at).collect();
    assert_eq!(places, ["/by_day/", "/finding", "/tests/1/result"]);
}

#[test]
fn in_protocol_buffers_each_way_in_which_a_text_may_stand_is_one() {
    let file = r#"syntax = "proto3";
        message A {
          string id = 1; repeated string many = 2; optional string maybe = 3;
          oneof one { string this = 4; B that = 5; }
          map<int32, B> by_number = 6; map<bool, string> by_flag = 7; map<uint64, string> by_size = 8; repeated int32 numbers = 9;
        }
        message B { string text = 1; B more = 2; }"#;
    let classify = json!({
        "/id": "personal", "/many/*": "special", "/maybe": "special", "/this": "special", "/that/text": "special",
        "/that/more": "personal", "/by_number/*/text": "special", "/by_number/*/more": "personal", "/by_flag/*": "special",
        "/by_size/*": "special", "/numbers": "public"
    });
    let contract = compiled(&special(protobuf::definition(file, &["/id"], classify)));
    let b = |text: &str| [bytes(1, text.as_bytes()), bytes(2, &bytes(1, b"covered"))].concat();
    let document = [
        bytes(1, b"1"),
        bytes(2, b"m0"),
        bytes(9, &[1, 2]),
        bytes(2, b"m1"),
        bytes(3, b"maybe"),
        bytes(5, &b("that")),
        bytes(6, &[number(1, -7_i64 as u64), bytes(2, &b("seven"))].concat()),
        bytes(6, &bytes(2, &b("zero"))),
        bytes(7, &[number(1, 1), bytes(2, b"yes")].concat()),
        bytes(8, &[number(1, u64::MAX), bytes(2, b"most")].concat()),
    ]
    .concat();
    contract.check(&document, &mut Workspace::default()).unwrap();
    let told: Vec<_> = found(&contract, &document).into_iter().map(|(at, _, text)| (at, text)).collect();
    let told: Vec<_> = told.iter().map(|(at, text)| (&**at, &**text)).collect();
    let wanted = [
        ("/by_flag/true", "yes"),
        ("/by_number/-7/text", "seven"),
        ("/by_number/0/text", "zero"),
        ("/by_size/18446744073709551615", "most"),
        ("/many/0", "m0"),
        ("/many/1", "m1"),
        ("/maybe", "maybe"),
        ("/that/text", "that"),
    ];
    assert_eq!(told, wanted);
    let other = [bytes(1, b"1"), bytes(4, b"this")].concat();
    assert_eq!(found(&contract, &other)[0].0, "/this");
}

fn faults(definition: &Definition) -> Vec<String> {
    compile(definition).unwrap_err().iter().map(ToString::to_string).collect()
}

#[track_caller]
fn said(definition: &Definition, text: &str) {
    let faults = faults(definition);
    assert!(faults.iter().any(|fault| fault.contains(text)), "{text}: {faults:?}");
}

#[test]
fn what_cannot_be_in_avro_is_told() {
    let of = |inner: Value, classify: Value| {
        let schema = record("A", &[("id", json!("string")), ("a", inner)]);
        special(avro::definition(&schema, &["/id"], classify))
    };
    let all = json!({"/id": "personal", "/a": "special"});
    let told = |inner: Value, text: &str| said(&of(inner, all.clone()), text);
    told(json!("long"), "/a: is special, which is end to end, and may be integer; let it be a string");
    told(json!("bytes"), "and may be bytes");
    told(json!({"type": "fixed", "name": "F", "size": 4}), "and may be bytes");
    told(json!({"type": "array", "items": "string"}), "and may be array");
    told(json!({"type": "map", "values": "string"}), "and may be object");
    told(record("B", &[("b", json!("string"))]), "and may be object");
    told(json!(["null", "string", "int"]), "and may be null or integer or string");
    told(json!("null"), "and may be null");
    told(
        json!({"type": "enum", "name": "E", "symbols": ["ill", "well"]}),
        "admits no sealed text: it has `enum`; leave `enum` out, and let it be a plain string",
    );
    for logical in ["uuid", "iso-date"] {
        let inner = json!({"type": "string", "logicalType": logical});
        told(inner.clone(), "admits no sealed text: it has `logicalType`; leave `logicalType` out");
        told(json!(["null", inner]), "it has `logicalType`");
    }
    compile(&of(json!({"type": "string", "avro.java.string": "String"}), all.clone())).unwrap();
    let below = json!({"/id": "personal", "/a/*": "special"});
    compile(&of(json!({"type": "array", "items": ["null", "string"]}), below.clone())).unwrap();
    compile(&of(json!({"type": "map", "values": "string"}), below)).unwrap();
    let masked = json!({"/id": "personal", "/a": {"class": "special", "redact": "last 4"}});
    said(&of(json!("string"), masked), "/a: is to be shown as last 4, but is sealed end to end");
}

#[test]
fn what_cannot_be_in_protocol_buffers_is_told() {
    let of = |field: &str, classify: Value| {
        let file = format!(
            "syntax = \"proto3\"; import \"google/protobuf/wrappers.proto\"; message A {{ string id = 1; {field} }} \
             message B {{ string b = 1; }} enum E {{ ILL = 0; }}"
        );
        special(protobuf::definition(&file, &["/id"], classify))
    };
    let all = json!({"/id": "personal", "/a": "special"});
    for (field, text) in [
        ("int32 a = 2;", "/a: is special, which is end to end, and may be integer; let it be a string"),
        ("E a = 2;", "and may be integer"),
        ("bytes a = 2;", "and may be bytes"),
        ("B a = 2;", "and may be object"),
        ("google.protobuf.StringValue a = 2;", "and may be bytes"),
        ("repeated string a = 2;", "and may be array"),
        ("map<string, string> a = 2;", "and may be object"),
        ("oneof o { bool a = 2; }", "and may be boolean"),
    ] {
        said(&of(field, all.clone()), text);
    }
    for field in ["string a = 2;", "optional string a = 2;", "oneof o { string a = 2; }"] {
        compile(&of(field, all.clone())).unwrap();
    }
    for field in ["repeated string a = 2;", "map<int32, string> a = 2;"] {
        compile(&of(field, json!({"/id": "personal", "/a/*": "special"}))).unwrap();
    }
    said(
        &of("map<string, bytes> a = 2;", json!({"/id": "personal", "/a/*": "special"})),
        "/a/*: is special, which is end to end, and may be bytes",
    );
    let masked = json!({"/id": "personal", "/a": {"class": "special", "redact": "first 2"}});
    said(&of("string a = 2;", masked), "/a: is to be shown as first 2, but is sealed end to end");
}

#[test]
fn neither_the_person_nor_what_orders_events_can_be_in_any_format() {
    for case in [json_case(), avro_case(), protobuf_case()] {
        let personal = Definition { end_to_end: [Class::Personal].into(), ..case.clone() };
        said(&personal, "/person: is a subject, and sealed end to end");
        let keyed = Definition { key: KeyRule::At(Pointer::parse("/finding").unwrap()), ..case.clone() };
        said(&keyed, "key: /finding is sealed end to end, differently each time");
        let identity = Definition { identity: Some(Pointer::parse("/finding").unwrap()), ..case.clone() };
        said(&identity, "identity: /finding is about a person");
        let mut attribute = case.clone();
        attribute.extensions.insert("ward".to_owned(), Class::Special);
        said(&attribute, "extensions/ward: is special, which is end to end");
        said(&Definition { end_to_end: ["secret".into()].into(), ..case }, "end_to_end: no field is secret");
    }
}

#[test]
fn a_change_of_it_is_weighed_alike_in_all_formats_and_migrations_are_json_only() {
    for case in [json_case(), avro_case(), protobuf_case()] {
        let plain = compiled(&Definition { end_to_end: [].into(), ..case.clone() });
        let sealed = compiled(&case);
        let weights = |old, new| impact(old, new).iter().map(|effect| effect.weight).collect::<Vec<_>>();
        assert_eq!(weights(&plain, &sealed), [Weight::Breaking]);
        assert_eq!(weights(&sealed, &plain), [Weight::LessProtective]);
        // By the class of one field, in a list too.
        let mut moved = case.clone();
        moved.classify.get_mut(&Pointer::parse("/tests/*/result").unwrap()).unwrap().class = Class::Personal;
        let moved = compiled(&moved);
        let told = |old, new| impact(old, new).into_iter().map(|it| it.what).collect::<Vec<_>>();
        let ends = "/tests/*/result is not sealed end to end any more: the bus can open it";
        assert!(told(&sealed, &moved).contains(&ends.to_owned()), "{:?}", told(&sealed, &moved));
        let begins = "/tests/*/result is sealed end to end from now on: readers need a key of their agency";
        assert!(told(&moved, &sealed).contains(&begins.to_owned()));
        let fields: Vec<String> = sealed.end_to_end_fields().map(|(at, _)| at.to_string()).collect();
        assert_eq!(fields, ["/by_day/*", "/finding", "/tests/*/result"]);
        let next = Definition { version: ContractVersion(2), migration: Some(Vec::new()), ..case.clone() };
        let lens = Lens::of(&sealed, &compiled(&next));
        assert_eq!(lens.is_ok(), case.format == Format::JsonSchema);
    }
}

/// The document as who is cleared for these sees it.
fn shown(contract: &Contract, data: &[u8], cleared: &ClassSet) -> Vec<u8> {
    let checked = contract.check(data, &mut Workspace::default()).unwrap();
    let format = contract.definition().format;
    redact_as(format, data, &checked.spans, &checked.frames, |span| {
        let is_cleared = cleared.clears(&contract.classes()[usize::from(span.class)]);
        if is_cleared { Fate::Kept } else { Fate::Shown("0123456789abcdef") }
    })
}

#[test]
fn what_is_sealed_is_left_out_or_shown_by_a_pseudonym_and_stands_where_it_stood_for_who_is_cleared() {
    for (case, document) in
        [(avro_case(), avro_document("e2e1.a")), (protobuf_case(), protobuf_document("e2e1.a"))]
    {
        let mut forms = case.clone();
        let result = Pointer::parse("/tests/*/result").unwrap();
        forms.classify.get_mut(&Pointer::parse("/finding").unwrap()).unwrap().redact =
            "pseudonym".parse().unwrap();
        if case.format == Format::Avro {
            forms.classify.get_mut(&result).unwrap().redact = "null".parse().unwrap();
        }
        let contract = compiled(&forms);
        let sees = |classes: &[&str]| {
            let cleared: ClassSet = classes.iter().map(|class| Class::from(*class)).collect();
            let (schema, data) = (contract.redacted_schema(&cleared), shown(&contract, &document, &cleared));
            let reading = Reading::new(case.format, &schema).unwrap().unwrap();
            let texts = reading.texts(&data, |_| true).unwrap();
            texts.iter().map(|text| (text.pointer.clone(), text.text.to_owned())).collect::<BTreeMap<_, _>>()
        };
        let (none, cleared) = (sees(&["personal"]), sees(&["special"]));
        assert_eq!(none["/finding"], "0123456789abcdef");
        assert!(
            !none.values().any(|text| text.starts_with("e2e1") || text == "b" || text == "c"),
            "{none:?}"
        );
        assert!(!cleared.contains_key("/person"));
        assert_eq!(
            (&*cleared["/finding"], &*cleared["/tests/1/result"], &*cleared["/by_day/1980~1x"]),
            ("e2e1.a", "b", "c"),
            "by the same pointers as in the whole document"
        );
    }
}

#[test]
fn a_schema_alone_finds_texts_too_and_refuses_what_it_does_not_read() {
    assert!(Reading::new(Format::JsonSchema, "{}").unwrap().is_none());
    assert!(Reading::new(Format::Avro, "{").is_err() && Reading::new(Format::Protobuf, "{").is_err());
    let deep = "syntax = \"proto3\"; message A { A more = 1; string text = 2; }";
    let reading = Reading::new(Format::Protobuf, deep).unwrap().unwrap();
    let nested = |depth: usize| (0..depth).fold(bytes(2, b"x"), |inner, _| bytes(1, &inner));
    let data = nested(60);
    let texts = reading.texts(&data, |_| true).unwrap();
    assert_eq!(texts.iter().next().unwrap().pointer, format!("{}/text", "/more".repeat(60)));
    assert_eq!(texts.replaced(|_| Some("y".repeat(200))), {
        (0..60).fold(bytes(2, "y".repeat(200).as_bytes()), |inner, _| bytes(1, &inner))
    });
    assert!(reading.texts(&nested(5000), |_| true).unwrap_err().to_string().contains("nested deeper"));
    let endless = record("A", &[("more", json!(["null", "A"]))]).to_string();
    let reading = Reading::new(Format::Avro, &endless).unwrap().unwrap();
    let nested = [long(1).repeat(5000), long(0)].concat();
    assert!(reading.texts(&nested, |_| true).unwrap_err().to_string().contains("nested deeper"));
    let many = Reading::new(Format::Avro, r#"{"type": "array", "items": "null"}"#).unwrap().unwrap();
    assert!(many.texts(&long(i64::MAX), |_| true).unwrap_err().to_string().contains("more items"));
}

/// What is told of texts is bounded by the document, whatever stands above them and however many there are.
#[test]
fn a_long_key_and_very_many_texts_are_refused_before_they_are_told() {
    let key = "k".repeat(5000);
    let avro = |by_day: &[Vec<u8>], results: usize| {
        let start = [text("1"), text("North"), text("a")].concat();
        let tests = [long(results as i64), [text(""), long(1), text("")].concat().repeat(results)].concat();
        let tests = if results == 0 { long(0) } else { [tests, long(0)].concat() };
        let by_day = if by_day.is_empty() { long(0) } else { [long(1), by_day.concat(), long(0)].concat() };
        [start, tests, by_day].concat()
    };
    let protobuf = |by_day: &[Vec<u8>], results: usize| {
        let start = [bytes(1, b"1"), bytes(2, b"North"), bytes(3, b"a")].concat();
        let tests = bytes(4, &[bytes(1, b""), bytes(2, b"")].concat()).repeat(results);
        let by_day = if by_day.is_empty() { Vec::new() } else { bytes(5, &by_day.concat()) };
        [start, tests, by_day].concat()
    };
    let of_key = |key: &str| [(text(key), text("")), (bytes(1, key.as_bytes()), bytes(2, b""))];
    let [(avro_key, avro_text), (protobuf_key, protobuf_text)] = of_key(&key);
    let [(avro_short, _), (protobuf_short, _)] = of_key(&key[..4000]);
    let cases = [
        (
            avro_case(),
            avro(&[avro_key, avro_text.clone()], 0),
            avro(&[], 100_000),
            avro(&[avro_short, avro_text], 0),
        ),
        (
            protobuf_case(),
            protobuf(&[protobuf_key, protobuf_text.clone()], 0),
            protobuf(&[], 100_000),
            protobuf(&[protobuf_short, protobuf_text], 0),
        ),
    ];
    for (case, long_key, many, short_enough) in cases {
        let contract = compiled(&case);
        let told = |data: &[u8]| {
            contract.check(data, &mut Workspace::default()).unwrap();
            contract.end_to_end_values(data).map(|values| values.len()).map_err(|why| why.to_string())
        };
        let why = told(&long_key).unwrap_err();
        assert!(why.starts_with("/by_day/*: its place is longer") && !why.contains("kkk"), "{why}");
        assert!(contract.end_to_end_texts(&long_key).is_err());
        assert!(told(&many).unwrap_err().contains("than can be told"));
        assert_eq!(told(&short_enough), Ok(2));
        // Where no plan says whose they are, what nothing can be sealed for is passed by.
        let reading = Reading::new(case.format, &case.schema).unwrap().unwrap();
        assert_eq!(reading.texts(&long_key, |text| text.is_empty()).unwrap().iter().len(), 0);
        assert_eq!(reading.texts(&short_enough, |text| text.is_empty()).unwrap().iter().len(), 1);
    }
}

/// Items that were left out take no byte in what is delivered.
#[test]
fn a_delivered_document_has_as_many_items_as_the_admitted_one() {
    let schema = record(
        "A",
        &[("gone", json!({"type": "array", "items": record("Gone", &[])})), ("kept", json!("string"))],
    );
    let reading = Reading::new(Format::Avro, &schema.to_string()).unwrap().unwrap();
    let data = [long(3000), long(0), text("x")].concat();
    assert_eq!(reading.texts(&data, |_| true).unwrap().iter().next().unwrap().pointer, "/kept");
}

/// Every other time all that is sealed is to be special where it can: texts are few among all types.
fn more_special(classes: &mut BTreeMap<String, &str>, turn: u32) {
    if turn.is_multiple_of(2) {
        let sealed = classes.values_mut().filter(|class| **class != "public");
        sealed.for_each(|class| *class = "special");
    }
}

/// Where the fault is with sealing, the rule at or above it gets another class; none where that cannot be.
fn with_sealed<'c>(
    classes: &mut BTreeMap<String, &'c str>,
    definition: impl Fn(&BTreeMap<String, &'c str>) -> Definition,
) -> Option<Contract> {
    loop {
        let faults = match compile(&special(definition(classes))) {
            Ok(contract) => return Some(contract),
            Err(faults) => faults,
        };
        let mut changed = false;
        for fault in faults.iter().filter(|fault| fault.problem.contains("end to end")) {
            let above = std::iter::successors(Some(&*fault.pointer), |at| Some(at.rsplit_once('/')?.0));
            let rule = above.into_iter().find(|at| classes.contains_key(*at))?.to_owned();
            changed |= classes.insert(rule, "personal") == Some("special");
        }
        if !changed {
            return None;
        }
    }
}

/// The text that a test puts in place of another: shorter, longer or as long.
fn other(text: &str) -> String {
    match text.len() % 3 {
        0 => String::new(),
        1 => format!("<{text}>").repeat(40),
        _ => text.chars().rev().collect(),
    }
}

type Places = BTreeMap<String, String>;

/// The places that the library finds in a datum of a made contract; each text through `change`.
fn sealed_in(made: &Made<'_>, datum: &mut Datum, path: &str, at: &str, found: &mut Places, change: bool) {
    match datum {
        Datum::String(text) if class_of(made, path) == "special" => {
            found.insert(at.to_owned(), text.clone());
            if change {
                *text = other(text);
            }
        }
        Datum::Union(_, inner) => sealed_in(made, inner, path, at, found, change),
        Datum::Record(fields) => fields.iter_mut().for_each(|(name, value)| {
            sealed_in(made, value, &format!("{path}/{name}"), &format!("{at}/{name}"), found, change);
        }),
        Datum::Array(items) => items.iter_mut().enumerate().for_each(|(index, item)| {
            sealed_in(made, item, &format!("{path}/*"), &format!("{at}/{index}"), found, change);
        }),
        Datum::Map(entries) => entries.iter_mut().for_each(|(key, value)| {
            let key = key.replace('~', "~0").replace('/', "~1");
            sealed_in(made, value, &format!("{path}/*"), &format!("{at}/{key}"), found, change);
        }),
        _ => {}
    }
}

/// The walk and the library agree about a document that the contract admits; how many texts were found.
fn avro_agrees(contract: &Contract, made: &Made<'_>, schema: &str, data: &[u8]) -> usize {
    let mut datum = decoded(schema, data).unwrap();
    let mut wanted = Places::new();
    sealed_in(made, &mut datum, "", "", &mut wanted, true);
    let texts = contract.end_to_end_texts(data).unwrap().unwrap();
    let found: Places = texts.iter().map(|text| (text.pointer.clone(), text.text.to_owned())).collect();
    assert_eq!(found, wanted, "{schema}");
    assert_eq!(found.len(), texts.iter().len(), "each place once");
    assert_eq!(texts.replaced(|_| None), data);
    let replaced = texts.replaced(|text| Some(other(text.text)));
    assert_eq!(decoded(schema, &replaced).as_ref(), Ok(&datum), "{schema}");
    assert!(contract.check(&replaced, &mut Workspace::default()).is_ok(), "{schema}");
    found.len()
}

/// The places that the library finds in a message, with whether an empty text there is on the wire.
fn sealed_of(
    classes: &Classes,
    message: &DynamicMessage,
    path: &str,
    at: &str,
    found: &mut Vec<(String, String, bool)>,
) {
    for (field, value) in message.fields() {
        let (path, at) = (format!("{path}/{}", field.name()), format!("{at}/{}", field.name()));
        match value {
            Known::List(items) => items.iter().enumerate().for_each(|(index, item)| {
                sealed_value(classes, item, &format!("{path}/*"), &format!("{at}/{index}"), found, true);
            }),
            Known::Map(entries) => entries.iter().for_each(|(key, value)| {
                let at = format!("{at}/{}", key_text(key));
                sealed_value(classes, value, &format!("{path}/*"), &at, found, false);
            }),
            value => sealed_value(classes, value, &path, &at, found, field.supports_presence()),
        }
    }
}

fn key_text(key: &MapKey) -> String {
    match key {
        MapKey::Bool(key) => key.to_string(),
        MapKey::I32(key) => key.to_string(),
        MapKey::I64(key) => key.to_string(),
        MapKey::U32(key) => key.to_string(),
        MapKey::U64(key) => key.to_string(),
        MapKey::String(key) => key.replace('~', "~0").replace('/', "~1"),
    }
}

fn sealed_value(
    classes: &Classes,
    value: &Known,
    path: &str,
    at: &str,
    found: &mut Vec<(String, String, bool)>,
    is_written: bool,
) {
    match value {
        Known::Message(inner) if !inner.descriptor().full_name().starts_with("google.") => {
            sealed_of(classes, inner, path, at, found);
        }
        Known::String(text) => {
            let places = std::iter::successors(Some(path), |path| Some(path.rsplit_once('/')?.0));
            if places.into_iter().find_map(|place| classes.get(place)) == Some(&"special") {
                found.push((at.to_owned(), text.clone(), is_written || !text.is_empty()));
            }
        }
        _ => {}
    }
}

/// The walk and the library agree about a document that the contract admits; how many texts were found.
fn protobuf_agrees(contract: &Contract, classes: &Classes, file: &str, data: &[u8]) -> usize {
    let described = message_of(file);
    let decode = |data: &[u8]| DynamicMessage::decode(described.clone(), data).unwrap();
    let read = |data: &[u8]| {
        let mut found = Vec::new();
        sealed_of(classes, &decode(data), "", "", &mut found);
        found
    };
    let wanted = read(data);
    let texts = contract.end_to_end_texts(data).unwrap().unwrap();
    let found: Places = texts.iter().map(|text| (text.pointer.clone(), text.text.to_owned())).collect();
    assert_eq!(found.len(), texts.iter().len(), "each place once");
    let texts_of = |all: &[(String, String, bool)]| -> Places {
        all.iter()
            .filter(|(_, text, _)| !text.is_empty())
            .map(|(at, text, _)| (at.clone(), text.clone()))
            .collect()
    };
    let mut not_empty = found.clone();
    not_empty.retain(|_, text| !text.is_empty());
    assert_eq!(not_empty, texts_of(&wanted));
    for (at, _, is_written) in &wanted {
        assert!(found.contains_key(at) || !is_written, "{at}");
    }
    assert_eq!(texts.replaced(|_| None), data);
    let replaced = texts.replaced(|text| Some(format!("{}.", other(text.text))));
    assert!(contract.check(&replaced, &mut Workspace::default()).is_ok());
    let changed: Places = found.iter().map(|(at, text)| (at.clone(), format!("{}.", other(text)))).collect();
    assert_eq!(texts_of(&read(&replaced)), changed);
    // And nothing else is another: the old texts put back, the document says what it said.
    let again = contract.end_to_end_texts(&replaced).unwrap().unwrap();
    let back = again.replaced(|text| Some(found[&text.pointer].clone()));
    assert!(same(&decode(&back), &decode(data)), "{file}");
    found.len()
}

/// Whether two messages say the same, also where that is no number, which is not equal to itself.
fn same(one: &DynamicMessage, other: &DynamicMessage) -> bool {
    let is_same = |(field, value): (_, &Known)| same_value(value, &other.get_field(&field));
    one.fields().count() == other.fields().count() && one.fields().all(is_same)
}

fn same_value(one: &Known, other: &Known) -> bool {
    match (one, other) {
        (Known::F32(one), Known::F32(other)) => one.to_bits() == other.to_bits(),
        (Known::F64(one), Known::F64(other)) => one.to_bits() == other.to_bits(),
        (Known::Message(one), Known::Message(other)) => same(one, other),
        (Known::List(one), Known::List(other)) => {
            one.len() == other.len() && one.iter().zip(other).all(|(one, other)| same_value(one, other))
        }
        (Known::Map(one), Known::Map(other)) => {
            let mut entries = one.iter();
            one.len() == other.len()
                && entries.all(|(key, one)| other.get(key).is_some_and(|other| same_value(one, other)))
        }
        (one, other) => one == other,
    }
}

/// Checks a made contract with a document, and with damaged ones; how many texts were found.
fn random_avro(schema: &[u32], document: &[u32], flips: &[(usize, u8)]) -> usize {
    let turn = schema[0];
    let (schema, mut made) = made(schema);
    more_special(&mut made.classify, turn);
    let subjects: Vec<&str> = made.subjects.iter().map(String::as_str).collect();
    let contract =
        with_sealed(&mut made.classify, |classes| avro::definition(&schema, &subjects, json!(classes)));
    let Some(contract) = contract else { return 0 };
    let text = schema.to_string();
    let mut work = Workspace::default();
    let mut count = 0;
    for round in 0..5 {
        let choices = made_avro::Choices { from: document, at: round * 17 };
        let mut sample = Sample { choices, made: &made, persons: 0 };
        let value = sample.value(&schema, "", 0);
        let mut data = Vec::new();
        write(&value, &mut sample.choices, &mut data);
        // Another branch of a union than the one with the person is refused.
        if contract.check(&data, &mut work).is_err() {
            continue;
        }
        count += avro_agrees(&contract, &made, &text, &data);
        for (at, bit) in flips {
            let mut data = data.clone();
            let at = at % data.len();
            data[at] ^= 1 << (bit % 8);
            if contract.check(&data, &mut work).is_ok() {
                avro_agrees(&contract, &made, &text, &data);
            }
        }
    }
    count
}

fn random_protobuf(file: usize, classes: &[u32], document: &[u32], damage: &[(usize, u8)]) -> usize {
    let (file, subjects) = FILES[file];
    let turn = classes[0];
    let mut classes = classified(file, subjects, &mut made_protobuf::Choices { from: classes, at: 0 });
    more_special(&mut classes, turn);
    let contract = with_sealed(&mut classes, |classes| protobuf::definition(file, subjects, json!(classes)));
    let Some(contract) = contract else { return 0 };
    let whole = sample(&message_of(file), &mut made_protobuf::Choices { from: document, at: 0 }, 0);
    let data = whole.encode_to_vec();
    let mut work = Workspace::default();
    contract.check(&data, &mut work).unwrap();
    let count = protobuf_agrees(&contract, &classes, file, &data);
    for (at, byte) in damage {
        let mut data = data.clone();
        let at = at % data.len();
        if byte % 2 == 0 {
            data[at] ^= 1 << (byte >> 4 & 7)
        } else {
            data[at] = *byte
        }
        if contract.check(&data, &mut work).is_ok() {
            protobuf_agrees(&contract, &classes, file, &data);
        }
    }
    count
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(150))]

    #[test]
    fn just_the_texts_that_the_avro_library_reads_there_are_found_and_replaced(
        schema in prop::collection::vec(any::<u32>(), 61..=61),
        document in prop::collection::vec(any::<u32>(), 127..=127),
        flips in prop::collection::vec(any::<(usize, u8)>(), 30),
    ) {
        random_avro(&schema, &document, &flips);
    }

    #[test]
    fn just_the_texts_that_the_protobuf_library_reads_there_are_found_and_replaced(
        file in 0..FILES.len(),
        classes in prop::collection::vec(any::<u32>(), 61..=61),
        document in prop::collection::vec(any::<u32>(), 127..=127),
        damage in prop::collection::vec(any::<(usize, u8)>(), 30),
    ) {
        random_protobuf(file, &classes, &document, &damage);
    }

    #[test]
    fn whatever_the_bytes_nothing_breaks(data in prop::collection::vec(any::<u8>(), 0..200)) {
        for case in [avro_case(), protobuf_case()] {
            let contract = compiled(&case);
            let admitted = contract.check(&data, &mut Workspace::default()).is_ok();
            let texts = contract.end_to_end_texts(&data);
            prop_assert!(texts.is_ok() || !admitted);
            let reading = Reading::new(case.format, &case.schema).unwrap().unwrap();
            for texts in texts.ok().flatten().into_iter().chain(reading.texts(&data, |_| true).ok()) {
                prop_assert_eq!(&texts.replaced(|_| None), &data);
                texts.replaced(|text| Some(other(text.text)));
            }
        }
    }
}

#[test]
fn many_of_the_made_documents_have_something_sealed() {
    let pseudo = |seed: u64, count: u64| {
        let word = |at: u64| {
            let mixed = (seed * 1_000 + at + 1).wrapping_mul(6_364_136_223_846_793_005);
            (mixed.rotate_left(23).wrapping_mul(1_442_695_040_888_963_407) >> 33) as u32
        };
        (0..count).map(word).collect::<Vec<u32>>()
    };
    let avro: usize =
        (0..150).map(|seed| random_avro(&pseudo(seed, 61), &pseudo(seed + 1000, 127), &[])).sum();
    let protobuf: usize = (0..60)
        .map(|seed| random_protobuf(seed as usize % 3, &pseudo(seed, 61), &pseudo(seed + 1000, 127), &[]))
        .sum();
    assert!(avro > 200 && protobuf > 100, "only {avro} and {protobuf} texts, so the properties say little");
}
