//! Protocol Buffers contracts: what is taken, what is sealed, what is left, and what a mature library makes of it.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking, in its helpers too")]

mod support;

use std::collections::BTreeMap;

use contract::redact::redact;
use contract::schemas::{Source, serialized};
use contract::{Checked, Class, ClassSet, Contract, Definition, Format, Workspace, compile, diff};
use proptest::prelude::*;
use prost_reflect::prost::Message;
use prost_reflect::{
    DescriptorPool, DynamicMessage, FieldDescriptor, Kind, MapKey, MessageDescriptor, Value,
};
use serde_json::json;

const RICH: &str = r#"syntax = "proto3";
package xx.births;
import "google/protobuf/timestamp.proto";

message Birth {
  string id = 1;
  Child child = 2;
  repeated Parent parents = 3;
  string office = 4;
  repeated int32 weights = 5;
  map<string, string> notes = 6;
  map<int32, Parent> others = 7;
  oneof found {
    string by_name = 8;
    sint64 by_number = 9;
  }
  google.protobuf.Timestamp at = 10;
  Tree tree = 11;
  optional bool twin = 12;
  Kind kind = 13;
  bytes scan = 14;
  Shared one = 15;
  Shared two = 16;
  fixed64 register = 17;
  double ratio = 18;
  message Child { string name = 1; uint32 grams = 2; Shared shared = 3; }
  enum Kind { UNKNOWN = 0; HOSPITAL = 1; HOME = 2; }
}
message Parent { uint64 person_id = 1; string name = 2; Birth.Kind kind = 3; }
message Tree { string value = 1; repeated Tree children = 2; }
message Shared { string open = 1; string secret = 2; Inner inner = 3; message Inner { string text = 1; } }
message Unused { string nothing = 1; }
"#;

fn definition(schema: &str, subject: &[&str], classify: serde_json::Value) -> Definition {
    serde_json::from_value(json!({
        "topic": "civil.birth.registered", "version": 1, "format": "protobuf", "schema": schema,
        "subject": subject, "classify": classify,
    }))
    .unwrap()
}

fn rich() -> Definition {
    let mut definition = definition(
        RICH,
        &["/id", "/parents/*/person_id"],
        json!({
            "/id": "personal", "/child/name": "personal", "/child/grams": "special", "/child/shared": "public",
            "/parents/*": {"class": "personal", "of": "/parents/*/person_id"}, "/office": "public",
            "/weights": "internal", "/notes": "personal", "/others/*/person_id": "special",
            "/others/*/name": "public", "/others/*/kind": "public", "/by_name": "personal", "/by_number": "public",
            "/at": "public", "/tree": "special", "/twin": "public", "/kind": "internal", "/scan": "special",
            "/one": "public", "/two/open": "public", "/two/secret": "special", "/two/inner": "personal",
            "/register": "public", "/ratio": "public"
        }),
    );
    definition.key = contract::KeyRule::Subject;
    definition
}

fn compiled(definition: &Definition) -> Contract {
    compile(definition).unwrap_or_else(|faults| panic!("{faults:#?}"))
}

fn check(contract: &Contract, data: &[u8]) -> Result<Checked, Vec<String>> {
    let checked = contract.check(data, &mut Workspace::default());
    checked.map_err(|wrong| wrong.iter().map(ToString::to_string).collect())
}

/// The first message of a file, as the library knows it.
fn message_of(text: &str) -> MessageDescriptor {
    let encoded = serialized(&Source::alone(Format::Protobuf, text)).unwrap().unwrap();
    let bytes = base64::Engine::decode(&base64::prelude::BASE64_STANDARD, encoded).unwrap();
    let file = prost_reflect::prost_types::FileDescriptorProto::decode(&bytes[..]).unwrap();
    let mut pool = DescriptorPool::global();
    pool.add_file_descriptor_proto(file).unwrap();
    pool.get_file_by_name("default").unwrap().messages().next().unwrap()
}

fn cleared(classes: &[&str]) -> ClassSet {
    classes.iter().map(|class| Class::from(*class)).collect()
}

/// The document without what is not cleared.
fn left(contract: &Contract, data: &[u8], set: &ClassSet) -> Vec<u8> {
    let checked = contract.check(data, &mut Workspace::default()).unwrap();
    redact(Format::Protobuf, data, &checked.spans, &checked.frames, |span| {
        !set.clears(&contract.classes()[span.class as usize])
    })
}

fn tag(number: u32, wire: u8) -> Vec<u8> {
    varint(u64::from(number << 3 | u32::from(wire)))
}

fn varint(mut number: u64) -> Vec<u8> {
    let mut out = Vec::new();
    while number >= 0x80 {
        out.push(number as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
    out
}

fn bytes(number: u32, content: &[u8]) -> Vec<u8> {
    [tag(number, 2), varint(content.len() as u64), content.to_vec()].concat()
}

fn number(field: u32, value: u64) -> Vec<u8> {
    [tag(field, 0), varint(value)].concat()
}

#[test]
fn spans_are_whole_fields_and_lengths_around_them_are_framed() {
    let contract = compiled(&rich());
    let child = [bytes(1, b"Ada"), number(2, 3200)].concat();
    let parent = |id: u64| [number(1, id), bytes(2, b"Ann")].concat();
    let data =
        [bytes(2, &child), bytes(3, &parent(7)), bytes(3, &parent(8)), bytes(4, b"North"), bytes(1, b"1")]
            .concat();
    let checked = check(&contract, &data).unwrap();
    let found: Vec<(&str, &str, &[u8])> = checked
        .spans
        .iter()
        .map(|span| {
            let bytes = &data[span.start as usize..span.end as usize];
            (
                contract.classes()[span.class as usize].as_str(),
                checked.subjects[span.subject as usize].as_str(),
                bytes,
            )
        })
        .collect();
    assert_eq!(
        found,
        [
            ("personal", "1", &bytes(1, b"Ada")[..]),
            ("special", "1", &number(2, 3200)),
            ("personal", "7", &bytes(3, &parent(7))),
            ("personal", "8", &bytes(3, &parent(8))),
            ("personal", "1", &bytes(1, b"1")),
        ],
        "the identifier may stand behind what it owns"
    );
    assert_eq!(checked.frames.len(), 1, "the child's length alone");
    let open = left(&contract, &data, &cleared(&[]));
    assert_eq!(open, [bytes(2, b""), bytes(4, b"North")].concat());
    assert_eq!(left(&contract, &data, &cleared(&["personal", "special"])), data);
}

#[test]
fn only_what_every_reader_takes_alike_is_taken() {
    let contract = compiled(&rich());
    let id = bytes(1, b"1");
    let entry = |key: &[u8], value: &[u8]| bytes(6, &[bytes(1, key), bytes(2, value)].concat());
    let table: Vec<(Vec<u8>, &str)> = vec![
        (
            number(99, 1),
            "the document cannot be read as Protocol Buffers: field 99, which the contract does not know",
        ),
        (bytes(4, b"a").repeat(2), "/office cannot be read as Protocol Buffers: field 4 is given twice"),
        ([bytes(8, b"a"), number(9, 1)].concat(), "field 9 stands beside another of its oneof"),
        (bytes(4, &[0xc3, 0x28]), "a text that is not UTF-8"),
        (number(4, 1), "field 4 is not encoded as its type is"),
        (number(12, 2), "a boolean that is neither 0 nor 1"),
        (
            bytes(2, &number(2, 1 << 32)),
            "/child/grams cannot be read as Protocol Buffers: a number that its type cannot hold",
        ),
        (number(13, 1 << 40), "a number that its type cannot hold"),
        ([entry(b"k", b"v"), entry(b"k", b"w")].concat(), "a map has the same key twice"),
        (
            bytes(6, &[bytes(1, b"a"), bytes(1, b"b")].concat()),
            "/notes/* cannot be read as Protocol Buffers: field 1 is given twice",
        ),
        (bytes(6, &number(3, 1)), "field 3, which the contract does not know"),
        (vec![0x22, 5, b'a'], "a length that reaches over the end"),
        (vec![0x0b], "field 1 is not encoded as its type is"),
        (bytes(5, &[0x80]), "/weights/0 cannot be read as Protocol Buffers: it ends inside a value"),
        (vec![0x00], "a tag that names no field"),
    ];
    for (wrong, said) in table {
        let told = check(&contract, &[wrong, id.clone()].concat()).unwrap_err();
        assert!(told.len() == 1 && told[0].contains(said), "{told:?} says {said}");
        assert!(told[0].contains("(byte "), "{told:?}");
    }
    let mut deep = bytes(1, b"leaf");
    (0..70).for_each(|_| deep = bytes(2, &deep));
    assert!(
        check(&contract, &[bytes(11, &deep), id.clone()].concat()).unwrap_err()[0].contains("nested deeper")
    );
    for fine in
        [bytes(5, &[1, 2, 3]), [number(5, 1), bytes(5, &[2]), number(5, u64::MAX)].concat(), number(13, 77)]
    {
        check(&contract, &[fine, id.clone()].concat()).unwrap();
    }
}

#[test]
fn a_field_without_its_person_is_refused_and_nothing_is_shown() {
    let contract = compiled(&rich());
    let told = check(&contract, &bytes(2, &bytes(1, b"SECRET"))).unwrap_err();
    assert_eq!(told, ["no one to whom /child/name belongs: /id is missing"]);
    let told = check(&contract, &[bytes(1, b"1"), bytes(3, &bytes(2, b"SECRET"))].concat()).unwrap_err();
    assert_eq!(told, ["no one to whom /parents/0 belongs: /parents/*/person_id is missing"]);
}

#[test]
fn what_proto2_requires_and_closes_is_held() {
    let schema = "syntax = \"proto2\"; message M { required string id = 1; optional K k = 2; enum K { A = 0; B = 1; } }";
    let contract = compiled(&definition(schema, &["/id"], json!({"/id": "personal", "/k": "public"})));
    assert_eq!(check(&contract, &number(2, 1)).unwrap_err(), ["/id is missing"]);
    let told = check(&contract, &[bytes(1, b"1"), number(2, 5)].concat()).unwrap_err();
    assert!(
        told[0].contains("/k cannot be read") && told[0].contains("its enumeration does not have"),
        "{told:?}"
    );
    check(&contract, &[bytes(1, b"1"), number(2, 1)].concat()).unwrap();
}

#[test]
fn key_and_identity_are_found_and_big_numbers_name_people() {
    let schema = "syntax = \"proto3\"; message M { uint64 id = 1; string number = 2; bool open = 3; }";
    let mut definition =
        definition(schema, &["/id"], json!({"/id": "personal", "/number": "public", "/open": "public"}));
    definition.key = contract::KeyRule::At(contract::Pointer::parse("/open").unwrap());
    definition.identity = Some(contract::Pointer::parse("/number").unwrap());
    let checked =
        check(&compiled(&definition), &[number(3, 1), bytes(2, b"N-1"), number(1, u64::MAX)].concat())
            .unwrap();
    assert_eq!(checked.subjects, [u64::MAX.to_string()]);
    assert_eq!(checked.identity.as_deref(), Some("N-1"));
    assert!(matches!(checked.key, Some(contract::Key::Value { text, .. }) if text == "true"));
}

#[test]
fn what_cannot_be_a_contract_says_why() {
    let said = |schema: &str, subject: &[&str], classify| {
        let faults = compile(&definition(schema, subject, classify)).unwrap_err();
        faults.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
    };
    let table = [
        ("syntax = \"proto3\";", json!({}), "declares no message"),
        ("message M { optional group G = 1 { optional int32 x = 2; } }", json!({"": "public"}), "is a group"),
        ("message M { extensions 100 to 200; }", json!({"": "public"}), "may be extended"),
        ("syntax = \"proto3\"; import \"other.proto\"; message M {}", json!({}), "other.proto"),
        (
            "syntax = \"proto3\"; message M { string a = 1; string b = 2; }",
            json!({"/a": "public"}),
            "/b: is not classified",
        ),
        (
            "syntax = \"proto3\"; message M { string a = 1; }",
            json!({"/a": "public", "/z": "public"}),
            "no such place",
        ),
        (
            "syntax = \"proto3\"; message M { M m = 1; string a = 2; }",
            json!({"/a": "public"}),
            "comes round to itself",
        ),
    ];
    for (schema, classify, wanted) in table {
        let told = said(schema, &[], classify);
        assert!(told.contains(wanted), "{told} says {wanted}");
    }
    let list = "syntax = \"proto3\"; message M { repeated P p = 1; message P { string id = 1; } }";
    assert!(said(list, &["/p/0/id"], json!({"/p/*/id": "personal"})).contains("leads into one element"));
}

#[test]
fn the_redacted_file_has_no_trace_of_what_is_left_out() {
    let text = compiled(&rich()).redacted_schema(&cleared(&["internal"]));
    for gone in ["grams", "by_name", "tree", "Tree", "scan", "secret", "Unused", "parents"] {
        assert!(!text.contains(gone) || gone == "secret", "{gone} is in\n{text}");
    }
    assert!(text.contains("Shared_Redacted1") && text.contains("reserved"), "{text}");
    let message = message_of(&text);
    assert_eq!(message.full_name(), "xx.births.Birth");
    assert!(message.get_field_by_name("one").is_some() && message.get_field_by_name("by_number").is_some());
    let whole = compiled(&definition(RICH, &["/id"], json!({"": "personal"})));
    assert_eq!(message_of(&whole.redacted_schema(&cleared(&[]))).fields().len(), 0);
    assert_eq!(compiled(&rich()).redacted_schema(&cleared(&["internal", "personal", "special"])), RICH);
}

/// A source of choices that a failing case can be shrunk by.
struct Choices<'c> {
    from: &'c [u32],
    at: usize,
}

impl Choices<'_> {
    fn below(&mut self, count: usize) -> usize {
        self.at += 1;
        self.from[self.at % self.from.len()] as usize % count
    }
}

/// A class for each place that needs one: for all of a message at once, or for what is in it.
fn classified(choices: &mut Choices<'_>) -> BTreeMap<String, &'static str> {
    const CLASSES: [&str; 4] = ["public", "internal", "personal", "special"];
    let places: Vec<String> = diff::places(Format::Protobuf, RICH).iter().map(ToString::to_string).collect();
    let mut classes: BTreeMap<String, &'static str> = BTreeMap::from([("/id".to_owned(), "personal")]);
    for place in places.iter().filter(|place| !place.is_empty() && *place != "/id") {
        let above = classes.keys().any(|known| place.starts_with(&format!("{known}/")));
        let holds = places.iter().any(|other| other.starts_with(&format!("{place}/")));
        let recursive = place == "/tree";
        if !above && (!holds || recursive || choices.below(3) == 0) {
            classes.insert(place.clone(), CLASSES[choices.below(4)]);
        }
    }
    classes
}

fn sample(described: &MessageDescriptor, choices: &mut Choices<'_>, depth: usize) -> DynamicMessage {
    let mut message = DynamicMessage::new(described.clone());
    for field in described.fields() {
        let is_id = described.full_name() == "xx.births.Birth" && field.name() == "id";
        if !is_id && (depth > 4 || choices.below(4) == 0) {
            continue;
        }
        if field.containing_oneof().is_some_and(|oneof| oneof.fields().any(|other| message.has_field(&other)))
        {
            continue;
        }
        let value = if is_id { Value::String("42".to_owned()) } else { value_of(&field, choices, depth) };
        message.set_field(&field, value);
    }
    message
}

fn value_of(field: &FieldDescriptor, choices: &mut Choices<'_>, depth: usize) -> Value {
    if let (true, Kind::Message(entry)) = (field.is_map(), field.kind()) {
        let of = entry.map_entry_value_field();
        let entries = (0..choices.below(3)).map(|at| {
            let key = match entry.map_entry_key_field().kind() {
                Kind::String => MapKey::String(format!("key{at}")),
                _ => MapKey::I32(at as i32 - 1),
            };
            (key, one(&of, choices, depth))
        });
        return Value::Map(entries.collect());
    }
    if field.is_list() {
        return Value::List((0..choices.below(4)).map(|_| one(field, choices, depth)).collect());
    }
    one(field, choices, depth)
}

fn one(field: &FieldDescriptor, choices: &mut Choices<'_>, depth: usize) -> Value {
    let number = choices.below(1 << 20) as i64 - 1000;
    match field.kind() {
        Kind::Bool => Value::Bool(true),
        Kind::Int32 | Kind::Sint32 | Kind::Sfixed32 => Value::I32(number as i32),
        Kind::Int64 | Kind::Sint64 | Kind::Sfixed64 => Value::I64(number),
        Kind::Uint32 | Kind::Fixed32 => Value::U32(number.unsigned_abs() as u32),
        Kind::Uint64 | Kind::Fixed64 => Value::U64(number.unsigned_abs() << 20),
        Kind::Float => Value::F32(number as f32),
        Kind::Double => Value::F64(number as f64),
        Kind::String => Value::String("x".repeat(choices.below(150) + 1)),
        Kind::Bytes => Value::Bytes(vec![7; choices.below(20) + 1].into()),
        Kind::Enum(_) => Value::EnumNumber(1 + choices.below(2) as i32),
        Kind::Message(inner) => Value::Message(sample(&inner, choices, depth + 1)),
    }
}

/// Every field is left exactly where its class is cleared.
fn agree(
    classes: &BTreeMap<String, &'static str>,
    set: &ClassSet,
    whole: &DynamicMessage,
    left: &DynamicMessage,
    path: &str,
) {
    for (field, value) in whole.fields() {
        let path = format!("{path}/{}", field.name());
        let remains = left.get_field_by_name(field.name()).map(|value| value.into_owned());
        match class_at(classes, &path) {
            Some(class) if set.clears(&Class::from(class)) => {
                let same = remains.as_ref().is_some_and(|remains| is_alike(remains, value));
                assert!(same, "{path} is {class}: {remains:?} of {value:?}");
            }
            Some(class) => {
                assert!(left.get_field_by_name(field.name()).is_none(), "{path} is {class}: {remains:?}")
            }
            None => inside(classes, set, value, remains.as_ref(), &path),
        }
    }
}

/// The rule at a place, or above it.
fn class_at(classes: &BTreeMap<String, &'static str>, path: &str) -> Option<&'static str> {
    let mut path = path;
    loop {
        if let Some(class) = classes.get(path) {
            return Some(class);
        }
        path = path.rsplit_once('/')?.0;
    }
}

fn inside(
    classes: &BTreeMap<String, &'static str>,
    set: &ClassSet,
    whole: &Value,
    left: Option<&Value>,
    path: &str,
) {
    let star = format!("{path}/*");
    let covered = class_at(classes, &star);
    match (whole, left) {
        (Value::Message(whole), Some(Value::Message(left))) => agree(classes, set, whole, left, path),
        (Value::List(whole), left) => {
            let left = left.and_then(Value::as_list).unwrap_or_default();
            match covered {
                Some(class) if set.clears(&Class::from(class)) => {
                    assert_eq!(left.len(), whole.len(), "{path}")
                }
                Some(class) => assert!(left.is_empty(), "{path} is {class}"),
                None => {
                    assert_eq!(left.len(), whole.len(), "{path}");
                    for (whole, left) in whole.iter().zip(left) {
                        inside(classes, set, whole, Some(left), &star);
                    }
                }
            }
        }
        (Value::Map(whole), left) => {
            let left = left.and_then(Value::as_map).cloned().unwrap_or_default();
            match covered {
                Some(class) if set.clears(&Class::from(class)) => {
                    assert_eq!(left.len(), whole.len(), "{path}")
                }
                Some(class) => assert!(left.is_empty(), "{path} is {class}"),
                None => {
                    for (key, whole) in whole {
                        inside(classes, set, whole, left.get(key), &star);
                    }
                }
            }
        }
        (whole, left) => panic!("{path}: {left:?} of {whole:?}"),
    }
}

/// The same value, perhaps of the same message under another name.
fn is_alike(one: &Value, other: &Value) -> bool {
    match (one, other) {
        (Value::Message(one), Value::Message(other)) => one.encode_to_vec() == other.encode_to_vec(),
        (Value::List(one), Value::List(other)) => {
            one.len() == other.len() && one.iter().zip(other).all(|(one, other)| is_alike(one, other))
        }
        (Value::Map(one), Value::Map(other)) => {
            one.len() == other.len()
                && one.iter().all(|(key, one)| other.get(key).is_some_and(|other| is_alike(one, other)))
        }
        (one, other) => one == other,
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn the_library_reads_what_is_left_by_the_redacted_file(
        classes in prop::collection::vec(any::<u32>(), 61..=61),
        document in prop::collection::vec(any::<u32>(), 127..=127),
        flips in prop::collection::vec(any::<(usize, u8)>(), 20),
    ) {
        let classes = classified(&mut Choices { from: &classes, at: 0 });
        let contract = compiled(&definition(RICH, &["/id"], json!(classes)));
        let described = message_of(RICH);
        let whole = sample(&described, &mut Choices { from: &document, at: 0 }, 0);
        let data = whole.encode_to_vec();
        let sets: [&[&str]; 4] = [&[], &["internal"], &["personal"], &["internal", "special"]];
        for set in sets {
            let set = cleared(set);
            let bytes = left(&contract, &data, &set);
            let text = contract.redacted_schema(&set);
            let message = message_of(&text);
            let remains = DynamicMessage::decode(message, &bytes[..]).unwrap();
            prop_assert_eq!(remains.unknown_fields().count(), 0, "{}", text);
            agree(&classes, &set, &whole, &remains, "");
        }
        prop_assert_eq!(&left(&contract, &data, &cleared(&["internal", "personal", "special"])), &data);
        let mut work = Workspace::default();
        for (at, bit) in flips {
            let mut data = data.clone();
            let at = at % data.len();
            data[at] ^= 1 << (bit % 8);
            if let Ok(checked) = contract.check(&data, &mut work) {
                prop_assert!(DynamicMessage::decode(described.clone(), &data[..]).is_ok());
                prop_assert_eq!(&redact(Format::Protobuf, &data, &checked.spans, &checked.frames, |_| false), &data);
                redact(Format::Protobuf, &data, &checked.spans, &checked.frames, |_| true);
            }
        }
    }
}
