//! Protocol Buffers contracts against a mature library, over rich files, random classifications and random documents.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking, in its helpers too")]

use std::collections::BTreeMap;

use crate::support::protobuf::{RICH, cleared, definition, left, message_of};
use crate::support::{compiled, with_forms};
use contract::redact::{Fate, redact, redact_as};
use contract::{Class, ClassSet, Contract, Definition, Format, Workspace, schemas};
use proptest::prelude::*;
use prost_reflect::prost::Message;
use prost_reflect::{Cardinality, DynamicMessage, FieldDescriptor, Kind, MapKey, MessageDescriptor, Value};
use serde_json::json;

/// Every type of value, in every way in which it may stand.
const SCALARS: &str = r#"syntax = "proto3";
message Scalars {
  string id = 1;
  double a = 2; float b = 3; int32 c = 4; int64 d = 5; uint32 e = 6; uint64 f = 7; sint32 g = 8; sint64 h = 9;
  fixed32 i = 10; fixed64 j = 11; sfixed32 k = 12; sfixed64 l = 13; bool m = 14; string n = 15; bytes o = 16;
  Kind p = 17;
  repeated double ra = 22; repeated float rb = 23; repeated int32 rc = 24; repeated sint64 rh = 29;
  repeated fixed32 ri = 30; repeated sfixed64 rl = 33; repeated bool rm = 34; repeated string rn = 35;
  repeated bytes ro = 36; repeated Kind rp = 37; repeated int64 unpacked = 38 [packed = false];
  optional int32 oc = 44; optional bool om = 54; optional string on = 55; optional Kind op = 57;
  map<int32, double> mc = 64; map<int64, bytes> md = 65; map<uint32, Kind> me = 66; map<uint64, string> mf = 67;
  map<sint32, bool> mg = 68; map<sint64, Scalars.Part> mh = 69; map<fixed32, float> mi = 70;
  map<fixed64, int32> mj = 71; map<sfixed32, sint64> mk = 72; map<sfixed64, fixed64> ml = 73;
  map<bool, Part> mm = 74; map<string, Part> mn = 75;
  oneof one { int32 xc = 84; string xn = 95; Part xq = 98; Kind xp = 97; }
  Part part = 536870911;
  message Part { string text = 1; repeated uint32 numbers = 2; Part more = 3; map<string, Part> named = 4; }
  enum Kind { NONE = 0; SOME = 1; MOST = -5; }
}
"#;

/// What only the older syntax has, and persons in a list.
const OLDER: &str = r#"syntax = "proto2";
package older.things;
message Case {
  required string id = 1;
  repeated Person people = 2;
  optional Office office = 3;
  repeated Office earlier = 4;
  map<int32, Office> by_year = 5;
  repeated int32 loose = 6;
  repeated int32 packed = 7 [packed = true];
  optional Kind kind = 8 [default = LATE];
  repeated Kind kinds = 9;
  oneof outcome { string granted = 10; Office refused_by = 11; bool open = 12; }
  optional string note = 13 [default = "none"];
  enum Kind { EARLY = 1; LATE = 2; NEVER = -1; }
}
message Person {
  required uint64 id = 1;
  optional string name = 2;
  optional Office seen_at = 3;
  repeated string phones = 4;
}
message Office {
  required string code = 1;
  optional Address address = 2;
  optional Office above = 3;
  message Address { required string street = 1; optional Level level = 2; enum Level { GROUND = 0; FIRST = 1; } }
}
"#;

/// A file, and the identifiers of its persons.
pub(crate) const FILES: [(&str, &[&str]); 3] =
    [(RICH, &["/id"]), (SCALARS, &["/id"]), (OLDER, &["/id", "/people/*/id"])];

/// A source of choices that a failing case can be shrunk by.
pub(crate) struct Choices<'c> {
    pub(crate) from: &'c [u32],
    pub(crate) at: usize,
}

impl Choices<'_> {
    fn below(&mut self, count: usize) -> usize {
        self.at += 1;
        self.from[self.at % self.from.len()] as usize % count
    }
}

pub(crate) type Classes = BTreeMap<String, &'static str>;

/// A class for each place that needs one: for all of a message at once, or for what is in it.
pub(crate) fn classified(file: &str, subjects: &[&str], choices: &mut Choices<'_>) -> Classes {
    const CLASSES: [&str; 4] = ["personal", "special", "public", "internal"];
    let places: Vec<String> =
        schemas::places(Format::Protobuf, file).iter().map(ToString::to_string).collect();
    let mut classes = Classes::new();
    for place in places.iter().filter(|place| !place.is_empty()) {
        let above = classes.keys().any(|known| place.starts_with(&format!("{known}/")));
        let holds = places.iter().any(|other| other.starts_with(&format!("{place}/")));
        if above || (holds && choices.below(3) > 0) {
            continue;
        }
        let names_somebody =
            subjects.iter().any(|subject| format!("{subject}/").starts_with(&format!("{place}/")));
        classes.insert(place.clone(), CLASSES[choices.below(if names_somebody { 2 } else { 4 })]);
    }
    classes
}

pub(crate) fn sample(
    described: &MessageDescriptor,
    choices: &mut Choices<'_>,
    depth: usize,
) -> DynamicMessage {
    let mut message = DynamicMessage::new(described.clone());
    for field in described.fields() {
        let must = field.cardinality() == Cardinality::Required || (depth == 0 && field.name() == "id");
        let beside = field.containing_oneof();
        let beside = beside.is_some_and(|oneof| oneof.fields().any(|other| message.has_field(&other)));
        if !must && (depth > 4 || beside || choices.below(3) == 0) {
            continue;
        }
        let is_id = depth == 0 && field.name() == "id";
        let value = if is_id { Value::String("42".to_owned()) } else { value_of(&field, choices, depth) };
        message.set_field(&field, value);
    }
    message
}

fn value_of(field: &FieldDescriptor, choices: &mut Choices<'_>, depth: usize) -> Value {
    if let (true, Kind::Message(entry)) = (field.is_map(), field.kind()) {
        let (key, value) = (entry.map_entry_key_field(), entry.map_entry_value_field());
        let entries = (0..choices.below(3)).map(|at| (key_of(&key.kind(), at), one(&value, choices, depth)));
        return Value::Map(entries.collect());
    }
    if field.is_list() {
        return Value::List((0..choices.below(4)).map(|_| one(field, choices, depth)).collect());
    }
    one(field, choices, depth)
}

fn key_of(kind: &Kind, at: usize) -> MapKey {
    let number = at as i64 - 1;
    match kind {
        Kind::Bool => MapKey::Bool(at == 0),
        Kind::Int32 | Kind::Sint32 | Kind::Sfixed32 => MapKey::I32(number as i32),
        Kind::Int64 | Kind::Sint64 | Kind::Sfixed64 => MapKey::I64(number),
        Kind::Uint32 | Kind::Fixed32 => MapKey::U32(number as u32),
        Kind::Uint64 | Kind::Fixed64 => MapKey::U64(number as u64),
        _ => MapKey::String("k".repeat(at)),
    }
}

fn one(field: &FieldDescriptor, choices: &mut Choices<'_>, depth: usize) -> Value {
    let number = [0, 1, -1, 300, -70_000, i64::MAX, i64::MIN, 1 << 31][choices.below(8)];
    match field.kind() {
        Kind::Bool => Value::Bool(number > 0),
        Kind::Int32 | Kind::Sint32 | Kind::Sfixed32 => Value::I32(number as i32),
        Kind::Int64 | Kind::Sint64 | Kind::Sfixed64 => Value::I64(number),
        Kind::Uint32 | Kind::Fixed32 => Value::U32(number as u32),
        Kind::Uint64 | Kind::Fixed64 => Value::U64(number as u64),
        Kind::Float => Value::F32(number as f32),
        Kind::Double => Value::F64(number as f64),
        Kind::String => Value::String("ö".repeat(choices.below(150))),
        Kind::Bytes => Value::Bytes(vec![0xff; choices.below(20)].into()),
        Kind::Enum(of) => {
            Value::EnumNumber(of.values().nth(choices.below(of.values().len())).unwrap().number())
        }
        Kind::Message(inner) => Value::Message(sample(&inner, choices, depth + 1)),
    }
}

/// What must be left of documents, by the classification alone.
struct Expected<'c> {
    classes: &'c Classes,
    set: &'c ClassSet,
}

impl Expected<'_> {
    /// Whether what stands here is left; none where that is decided further down.
    fn stays(&self, path: &str) -> Option<bool> {
        let places = std::iter::successors(Some(path), |path| path.rsplit_once('/').map(|(above, _)| above));
        let mut classes = places.filter_map(|place| self.classes.get(place));
        classes.next().map(|class| self.set.clears(&Class::from(*class)))
    }

    fn message(&self, whole: &DynamicMessage, left: &DynamicMessage, path: &str) {
        assert_eq!(left.unknown_fields().count(), 0, "{path}");
        for (field, value) in whole.fields() {
            let path = format!("{path}/{}", field.name());
            let remains = left.get_field_by_name(field.name());
            let is_there = left.has_field_by_name(field.name());
            match self.stays(&path) {
                Some(true) => self.value(value, remains.as_deref(), &path),
                Some(false) => assert!(remains.is_none(), "{path} is in the redacted file"),
                None if field.is_list() || field.is_map() => self.value(value, remains.as_deref(), &path),
                None => {
                    assert!(is_there, "{path}");
                    self.value(value, remains.as_deref(), &path);
                }
            }
        }
        assert!(left.fields().all(|(field, _)| whole.has_field_by_name(field.name())), "{path}");
    }

    fn value(&self, whole: &Value, left: Option<&Value>, path: &str) {
        let below = format!("{path}/*");
        let gone = self.stays(&below) == Some(false);
        match (whole, left) {
            (Value::List(_) | Value::Map(_), None) => assert!(gone, "{path} is gone"),
            (Value::List(_) | Value::Map(_), Some(_)) if gone => panic!("{path} is in the redacted file"),
            (Value::List(whole), Some(Value::List(left))) => {
                assert_eq!(whole.len(), left.len(), "{path}");
                whole.iter().zip(left).for_each(|(whole, left)| self.value(whole, Some(left), &below));
            }
            (Value::Map(whole), Some(Value::Map(left))) => {
                assert_eq!(whole.len(), left.len(), "{path}");
                whole.iter().for_each(|(key, whole)| self.value(whole, left.get(key), &below));
            }
            (Value::Message(whole), Some(Value::Message(left))) => self.message(whole, left, path),
            (whole, left) => assert_eq!(Some(whole), left, "{path}"),
        }
    }
}

/// What is shown in other forms the library reads too, by the redacted file.
fn forms_are_read(contract: &Contract, data: &[u8], cleared: &ClassSet) {
    let checked = contract.check(data, &mut Workspace::default()).unwrap();
    let redacted = message_of(&contract.redacted_schema(cleared));
    for fate in [Fate::Shown("0123456789abcdef"), Fate::LeftOut] {
        let left = redact_as(Format::Protobuf, data, &checked.spans, &checked.frames, |span| {
            if cleared.clears(&contract.classes()[span.class as usize]) { Fate::Kept } else { fate }
        });
        is_known(&DynamicMessage::decode(redacted.clone(), &left[..]).unwrap());
    }
}

fn is_known(message: &DynamicMessage) {
    fn below(value: &Value) {
        match value {
            Value::Message(inner) => is_known(inner),
            Value::List(list) => list.iter().for_each(below),
            Value::Map(entries) => entries.values().for_each(below),
            _ => {}
        }
    }
    assert_eq!(message.unknown_fields().count(), 0);
    message.fields().for_each(|(_, value)| below(value));
}

fn contract(file: &str, subjects: &[&str], classes: &Classes) -> Definition {
    definition(file, subjects, json!(classes))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(150))]

    #[test]
    fn the_library_reads_what_is_left_by_the_redacted_file(
        file in 0..FILES.len(),
        classes in prop::collection::vec(any::<u32>(), 61..=61),
        document in prop::collection::vec(any::<u32>(), 127..=127),
    ) {
        let (file, subjects) = FILES[file];
        let turn = classes[0] as usize % 5;
        let classes = classified(file, subjects, &mut Choices { from: &classes, at: 0 });
        let contract = compiled(&contract(file, subjects, &classes));
        let whole = sample(&message_of(file), &mut Choices { from: &document, at: 0 }, 0);
        let data = whole.encode_to_vec();
        let sets: [&[&str]; 4] = [&[], &["internal"], &["personal"], &["internal", "special"]];
        for set in sets {
            let set = cleared(set);
            let text = contract.redacted_schema(&set);
            let remains = DynamicMessage::decode(message_of(&text), &left(&contract, &data, &set)[..]).unwrap();
            Expected { classes: &classes, set: &set }.message(&whole, &remains, "");
        }
        prop_assert_eq!(&left(&contract, &data, &cleared(&["internal", "personal", "special"])), &data);
        let shown = compiled(&with_forms(contract.definition(), turn));
        for set in sets {
            forms_are_read(&shown, &data, &cleared(set));
        }
    }

    #[test]
    fn what_is_taken_of_damaged_documents_the_library_takes(
        file in 0..FILES.len(),
        classes in prop::collection::vec(any::<u32>(), 61..=61),
        document in prop::collection::vec(any::<u32>(), 127..=127),
        damage in prop::collection::vec(any::<(prop::sample::Index, prop::sample::Index, u8)>(), 40),
    ) {
        let (file, subjects) = FILES[file];
        let classes = classified(file, subjects, &mut Choices { from: &classes, at: 0 });
        let contract = compiled(&contract(file, subjects, &classes));
        let described = message_of(file);
        let data = sample(&described, &mut Choices { from: &document, at: 0 }, 0).encode_to_vec();
        let mut work = Workspace::default();
        for (at, other, byte) in damage {
            let mut data = data.clone();
            let at = at.index(data.len());
            match byte % 4 {
                0 => data.truncate(at),
                1 => data[at] ^= 1 << (byte >> 4 & 7),
                2 => data[at] = byte,
                _ => { let moved = data.remove(at); data.insert(other.index(data.len() + 1), moved); }
            }
            let Ok(checked) = contract.check(&data, &mut work) else { continue };
            let read = DynamicMessage::decode(described.clone(), &data[..]);
            prop_assert!(read.is_ok_and(|read| read.unknown_fields().count() == 0));
            prop_assert!(checked.spans.windows(2).all(|pair| pair[0].end <= pair[1].start));
            prop_assert_eq!(&redact(Format::Protobuf, &data, &checked.spans, &checked.frames, |_| false), &data);
            let open = redact(Format::Protobuf, &data, &checked.spans, &checked.frames, |_| true);
            let redacted = message_of(&contract.redacted_schema(&ClassSet::default()));
            let read = DynamicMessage::decode(redacted, &open[..]);
            prop_assert!(read.is_ok_and(|read| read.unknown_fields().count() == 0));
        }
    }
}
