//! What a redaction looks like: documents of each language with values shown in another form, as mature readers see them
//! by the redacted schemas.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking, in its helpers too")]

use crate::support::avro::{self, decoded, long, record};
use crate::support::protobuf::{self, bytes, message_of, number};
use crate::support::{compiled, definition, object};
use contract::redact::{Fate, redact_as};
use contract::{Class, ClassSet, Contract, Definition, FieldRule, Redaction, Workspace, compile};
use proptest::prelude::*;
use prost_reflect::{DynamicMessage, Value as Read};
use serde_json::{Map, Value, json};

const TOKEN: &str = "00112233445566778899aabbccddeeff";

/// A case of one person, in any language.
#[derive(Debug, Clone)]
struct Case {
    id: String,
    name: String,
    phone: Option<String>,
    born: String,
    notes: Vec<String>,
    contacts: Vec<Option<String>>,
}

const OFFICE: &str = "north 7";
const SECRET: &str = "never to be read";

fn rules() -> Value {
    let shown = |redact: &str| json!({"class": "personal", "redact": redact});
    json!({
        "/id": shown("pseudonym"), "/name": shown("first 2"), "/phone": shown("last 4"), "/born": shown("year"),
        "/notes/*": shown("last 3"), "/contacts/*/phone": shown("last 4"), "/contacts/*/kind": "public",
        "/weight": {"class": "personal", "redact": null}, "/office": "public", "/secret": "special",
        "/desk/phone": "public", "/desk/kind": "public"
    })
}

fn json_contract() -> Contract {
    let text = json!({"type": "string"});
    let nullable = json!({"type": ["string", "null"], "minLength": 0});
    let contact = object(json!({"kind": text, "phone": nullable}));
    let mut schema = object(json!({
        "id": {"type": "string", "pattern": "^[a-z0-9]+$"}, "name": text, "phone": nullable,
        "born": {"anyOf": [{"type": "string", "maxLength": 10}, {"type": "string", "minLength": 11}]},
        "notes": {"type": "array", "items": text}, "contacts": {"type": "array", "items": {"$ref": "#/$defs/contact"}},
        "weight": {"type": "integer", "minimum": 200}, "office": {"const": OFFICE}, "secret": text,
        "desk": {"$ref": "#/$defs/contact"}
    }));
    schema["required"] = json!(["id", "name", "phone", "born", "notes", "weight", "office"]);
    schema["$defs"] = json!({ "contact": contact });
    compiled(&definition(&schema, &["/id"], rules()))
}

fn in_json(case: &Case) -> Vec<u8> {
    let contacts = case.contacts.iter().map(|phone| json!({"kind": "k", "phone": phone}));
    let text = json!({
        "id": case.id, "name": case.name, "phone": case.phone, "born": case.born, "notes": case.notes,
        "contacts": contacts.collect::<Vec<_>>(), "weight": 3200, "office": OFFICE, "secret": SECRET,
        "desk": {"kind": "d", "phone": "12"}
    });
    serde_json::to_vec_pretty(&text).unwrap()
}

fn avro_definition() -> Definition {
    let contact = record("Contact", &[("kind", json!("string")), ("phone", json!(["string", "null"]))]);
    let mut schema = record(
        "Case",
        &[
            ("id", json!("string")),
            ("name", json!({"type": "string", "logicalType": "own"})),
            ("phone", json!(["null", "string"])),
            ("born", json!("string")),
            ("notes", json!({"type": "array", "items": "string"})),
            ("contacts", json!({"type": "array", "items": contact})),
            ("weight", json!(["int", "null"])),
            ("office", json!("string")),
            ("secret", json!("string")),
            ("desk", json!("Contact")),
        ],
    );
    schema["fields"][2]["default"] = Value::Null;
    schema["fields"][2]["doc"] = json!("at home");
    avro::definition(&schema, &["/id"], rules())
}

/// Blocks with their sizes, so that frames are mended.
fn in_avro(case: &Case) -> Vec<u8> {
    let text = avro::text;
    let optional = |null: i64, value: &Option<String>| match value {
        None => long(null),
        Some(value) => [long(1 - null), text(value)].concat(),
    };
    let block = |items: Vec<Vec<u8>>| match items.len() as i64 {
        0 => vec![0],
        count => [long(-count), long(items.concat().len() as i64), items.concat(), vec![0]].concat(),
    };
    let contact = |phone: &Option<String>| [text("k"), optional(1, phone)].concat();
    [
        text(&case.id),
        text(&case.name),
        optional(0, &case.phone),
        text(&case.born),
        block(case.notes.iter().map(|note| text(note)).collect()),
        block(case.contacts.iter().map(contact).collect()),
        [long(0), long(3200)].concat(),
        text(OFFICE),
        text(SECRET),
        [text("d"), optional(1, &Some("12".to_owned()))].concat(),
    ]
    .concat()
}

const PROTO: &str = r#"syntax = "proto2";
message Case {
  required string id = 1;
  required string name = 2;
  optional string phone = 3 [default = "none"];
  oneof when { string born = 4; int32 age = 10; }
  repeated string notes = 5;
  repeated Contact contacts = 6;
  optional int32 weight = 7;
  required string office = 8;
  optional string secret = 9;
  optional Contact desk = 11;
  message Contact { required string kind = 1; optional string phone = 2; }
}
"#;

fn protobuf_definition() -> Definition {
    let mut rules = rules();
    rules["/weight"] = json!("personal");
    rules["/age"] = json!("special");
    protobuf::definition(PROTO, &["/id"], rules)
}

fn in_protobuf(case: &Case) -> Vec<u8> {
    let optional =
        |at: u32, value: &Option<String>| value.iter().flat_map(|it| bytes(at, it.as_bytes())).collect();
    let contact = |phone: &Option<String>| -> Vec<u8> {
        let phone: Vec<u8> = optional(2, phone);
        [bytes(1, b"k"), phone].concat()
    };
    let mut out = [bytes(1, case.id.as_bytes()), bytes(2, case.name.as_bytes())].concat();
    out.extend::<Vec<u8>>(optional(3, &case.phone));
    out.extend(bytes(4, case.born.as_bytes()));
    case.notes.iter().for_each(|note| out.extend(bytes(5, note.as_bytes())));
    case.contacts.iter().for_each(|phone| out.extend(bytes(6, &contact(phone))));
    out.extend([number(7, 3200), bytes(8, OFFICE.as_bytes()), bytes(9, SECRET.as_bytes())].concat());
    out.extend(bytes(11, &contact(&Some("12".to_owned()))));
    out
}

/// The document as somebody is handed it who is cleared for `cleared`: in its forms, or as a tombstone.
fn handed(contract: &Contract, document: &[u8], cleared: &ClassSet, shown: bool) -> Vec<u8> {
    let checked = contract.check(document, &mut Workspace::default()).unwrap();
    let format = contract.definition().format;
    redact_as(format, document, &checked.spans, &checked.frames, |span| {
        match cleared.clears(&contract.classes()[usize::from(span.class)]) {
            true => Fate::Kept,
            false if shown => Fate::Shown(TOKEN),
            false => Fate::LeftOut,
        }
    })
}

fn form(text: &str) -> Redaction {
    text.parse().unwrap()
}

/// What must be left, by the rules alone; of what is not shown `absent` says whether it is gone, or `null`.
fn expected(case: &Case, shown: bool, absent: bool) -> Value {
    let last = |count: u8, value: &str| Redaction::Last(count).apply(value, TOKEN).filter(|_| shown);
    let fields = [
        ("id", Some(TOKEN.to_owned()).filter(|_| shown), false),
        ("name", form("first 2").apply(&case.name, TOKEN).filter(|_| shown), false),
        ("phone", case.phone.as_deref().and_then(|phone| last(4, phone)), case.phone.is_none()),
        ("born", form("year").apply(&case.born, TOKEN).filter(|_| shown), false),
    ];
    let mut left = Map::new();
    for (name, value, is_null) in fields {
        // A null that was there is shown as one.
        if value.is_some() || !absent || (is_null && shown) {
            left.insert(name.to_owned(), json!(value));
        }
    }
    if !absent || shown {
        left.insert("weight".to_owned(), Value::Null);
    }
    let contact = |phone: &Option<String>| {
        let mut contact = json!({"kind": "k"});
        let shows = phone.as_deref().and_then(|phone| last(4, phone));
        if shows.is_some() || !absent || (phone.is_none() && shown) {
            contact["phone"] = json!(shows);
        }
        contact
    };
    left.insert("notes".to_owned(), case.notes.iter().map(|note| json!(last(3, note))).collect());
    left.insert("contacts".to_owned(), case.contacts.iter().map(contact).collect());
    left.insert("office".to_owned(), json!(OFFICE));
    left.insert("desk".to_owned(), json!({"kind": "d", "phone": "12"}));
    Value::Object(left)
}

/// Nothing of the planted values is in the bytes, but for at most four characters in a row.
fn no_more_than_the_forms_say(case: &Case, bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let values = [&case.name, &case.id].into_iter().chain(&case.phone).chain(&case.notes);
    let values = values.chain(case.contacts.iter().flatten());
    for value in
        values.filter(|value| value.len() >= 12 && value.bytes().all(|byte| byte.is_ascii_uppercase()))
    {
        for at in 0..=value.len() - 5 {
            assert!(!text.contains(&value[at..at + 5]), "{value}: {text}");
        }
    }
    assert!(!text.contains(SECRET) && !text.contains(&case.id), "{text}");
}

fn text() -> impl Strategy<Value = String> {
    prop_oneof!["[A-Z]{12,20}", "\\PC{0,24}", any::<String>(), "[012][0-9]{3}-0[1-9]-[0-3][0-9]"]
}

fn case() -> impl Strategy<Value = Case> {
    let some = || prop::option::of(text());
    let lists = (prop::collection::vec(text(), 0..4), prop::collection::vec(some(), 0..4));
    ("[a-z0-9]{8,30}", text(), some(), text(), lists).prop_map(
        |(id, name, phone, born, (notes, contacts))| Case { id, name, phone, born, notes, contacts },
    )
}

fn cleared(classes: &[&str]) -> ClassSet {
    classes.iter().map(|class| Class::from(*class)).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn in_json_what_is_shown_fits_the_redacted_schema_and_says_no_more(case in case()) {
        let contract = json_contract();
        let document = in_json(&case);
        for shown in [true, false] {
            let left = handed(&contract, &document, &ClassSet::default(), shown);
            let read: Value = serde_json::from_slice(&left).unwrap();
            prop_assert_eq!(&read, &expected(&case, shown, true));
            let schema: Value = serde_json::from_str(&contract.redacted_schema(&ClassSet::default())).unwrap();
            let validator = jsonschema::options().should_validate_formats(true).build(&schema).unwrap();
            prop_assert!(validator.is_valid(&read), "{schema:#}\n{read:#}");
            no_more_than_the_forms_say(&case, &left);
        }
        let all = cleared(&["personal", "special"]);
        prop_assert_eq!(handed(&contract, &document, &all, true), document);
    }

    #[test]
    fn in_avro_what_is_shown_reads_by_the_redacted_schema_and_says_no_more(case in case()) {
        let contract = compiled(&avro_definition());
        let document = in_avro(&case);
        for shown in [true, false] {
            let left = handed(&contract, &document, &ClassSet::default(), shown);
            let schema = contract.redacted_schema(&ClassSet::default());
            let read = decoded(&schema, &left).map_err(|error| TestCaseError::fail(format!("{error}\n{schema}")))?;
            prop_assert_eq!(Value::try_from(read).unwrap(), expected(&case, shown, false), "{}", schema);
            no_more_than_the_forms_say(&case, &left);
        }
        let all = cleared(&["personal", "special"]);
        prop_assert_eq!(handed(&contract, &document, &all, true), document);
    }

    #[test]
    fn in_protocol_buffers_what_is_shown_reads_by_the_redacted_file_and_says_no_more(case in case()) {
        let contract = compiled(&protobuf_definition());
        let document = in_protobuf(&case);
        let file = contract.redacted_schema(&ClassSet::default());
        for shown in [true, false] {
            let left = handed(&contract, &document, &ClassSet::default(), shown);
            let read = DynamicMessage::decode(message_of(&file), &left[..]).unwrap();
            prop_assert_eq!(read.unknown_fields().count(), 0, "{}", &file);
            let mut expected = expected(&case, shown, true);
            expected["desk"] = json!({"kind": "k", "phone": "12"});
            let members = expected.as_object_mut().unwrap();
            members.remove("weight");
            members.retain(|_, value| !value.is_null());
            // An element that is left out is not there.
            let notes = members["notes"].as_array_mut().unwrap();
            notes.retain(|note| !note.is_null());
            for contact in members["contacts"].as_array_mut().unwrap() {
                contact.as_object_mut().unwrap().retain(|_, value| !value.is_null());
            }
            members.retain(|_, value| value.as_array().is_none_or(|list| !list.is_empty()));
            prop_assert_eq!(said(&read), expected, "{}", &file);
            no_more_than_the_forms_say(&case, &left);
        }
        let all = cleared(&["personal", "special"]);
        prop_assert_eq!(handed(&contract, &document, &all, true), document);
    }
}

/// What stands in a message.
fn said(message: &DynamicMessage) -> Value {
    fn one(value: &Read) -> Value {
        match value {
            Read::String(text) => json!(text),
            Read::List(list) => list.iter().map(one).collect(),
            Read::Message(inner) => said(inner),
            other => panic!("{other:?}"),
        }
    }
    message.fields().map(|(field, value)| (field.name().to_owned(), one(value))).collect()
}

#[test]
fn redacted_schemas_say_what_stands_in_place_of_values() {
    let schema: Value = serde_json::from_str(&json_contract().redacted_schema(&ClassSet::default())).unwrap();
    for place in ["/properties/id", "/properties/born", "/properties/notes/items"] {
        assert_eq!(schema.pointer(place).unwrap(), &json!({"type": ["string", "null"]}), "{place}");
    }
    assert_eq!(schema.pointer("/properties/weight").unwrap(), &json!({"type": "null"}));
    assert!(schema.pointer("/properties/secret").is_none(), "{schema:#}");
    assert_eq!(schema["required"], json!(["notes", "office"]));
    let schema: Value =
        serde_json::from_str(&compiled(&avro_definition()).redacted_schema(&ClassSet::default())).unwrap();
    let shown = |name: &str, of: Value| json!({"name": name, "type": of, "default": null});
    let text = json!(["null", "string"]);
    assert_eq!(schema["fields"][0], shown("id", text.clone()));
    assert_eq!(schema["fields"][2]["doc"], "at home");
    assert_eq!(schema["fields"][4]["type"]["items"], text);
    assert_eq!(schema["fields"][6], shown("weight", json!("null")));
    let file = compiled(&protobuf_definition()).redacted_schema(&ClassSet::default());
    for line in ["optional string name = 2;", "optional string phone = 3;", "reserved 10, 7, 9;"] {
        assert!(file.contains(line), "{line}: {file}");
    }
}

#[test]
fn a_form_that_cannot_be_shown_is_refused_with_what_to_do() {
    let refused = |definition: &Definition, place: &str, rule: Value, told: &str| {
        let mut definition = definition.clone();
        let rule: FieldRule = serde_json::from_value(rule).unwrap();
        definition.classify.insert(place.parse().unwrap(), rule);
        let faults = compile(&definition).expect_err(place);
        let fits = |fault: &contract::Fault| fault.pointer == place && fault.to_string().contains(told);
        assert!(faults.iter().any(fits), "{place}: {faults:?}");
    };
    let personal = |redact: &str| json!({"class": "personal", "redact": redact});
    let (json, avro, proto) =
        (json_contract().definition().clone(), avro_definition(), protobuf_definition());
    for definition in [&json, &avro, &proto] {
        refused(definition, "/weight", personal("last 4"), "make it a string");
        refused(definition, "/notes", personal("last 4"), "name the leaves");
        refused(
            definition,
            "/office",
            json!({"class": "public", "redact": "year"}),
            "nothing of it is redacted",
        );
        refused(definition, "/secret", json!({"class": "internal", "redact": "pseudonym"}), "no person");
    }
    refused(&proto, "/secret", personal("null"), "use `redact: absent`");
    let map = json!({"type": "object", "additionalProperties": {"type": "string"}});
    let mut schema: Value = serde_json::from_str(&json.schema).unwrap();
    schema["properties"]["phones"] = map;
    let with_map = Definition { schema: schema.to_string(), ..json };
    refused(&with_map, "/phones/*", personal("last 4"), "names would show");
    let mut schema: Value = serde_json::from_str(&avro.schema).unwrap();
    schema["fields"][8]["type"] = json!({"type": "enum", "name": "Kind", "symbols": ["a", "b"]});
    refused(
        &Definition { schema: schema.to_string(), ..avro },
        "/secret",
        personal("first 1"),
        "make it a string",
    );
}

#[test]
fn a_rule_says_its_form_only_where_it_has_one() {
    let read = |text: &str| serde_json::from_str::<FieldRule>(text).unwrap();
    let written = |rule: &FieldRule| serde_json::to_string(rule).unwrap();
    for text in [
        r#""personal""#,
        r#"{"class":"personal","redact":"last 4"}"#,
        r#"{"class":"personal","of":"/a/id","redact":"null"}"#,
    ] {
        assert_eq!(written(&read(text)), text);
    }
    assert_eq!(read(r#"{"class":"personal","redact":null}"#).redact, Redaction::Null);
    assert_eq!(written(&read(r#"{"class":"personal","redact":"absent"}"#)), r#""personal""#);
    assert!(serde_json::from_str::<FieldRule>(r#"{"class":"personal","redact":"last 9"}"#).is_err());
}
