//! Avro contracts against the mature library, over random schemas, classifications and documents.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking, in its helpers too")]

use std::collections::{BTreeMap, HashMap};

use crate::support::avro::{decoded, definition, long, record, written};
use crate::support::with_forms;
use apache_avro::Schema;
use apache_avro::types::Value as Datum;
use contract::redact::{Fate, redact, redact_as};
use contract::{Class, ClassSet, Contract, Format, Span, Workspace, compile};
use proptest::prelude::*;
use serde_json::{Map, Value, json};

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

    fn yes(&mut self) -> bool {
        self.below(2) == 0
    }
}

const CLASSES: [&str; 4] = ["public", "internal", "personal", "special"];

/// A schema and its classification, made together.
pub(crate) struct Made<'c> {
    choices: Choices<'c>,
    pub(crate) classify: BTreeMap<String, &'static str>,
    pub(crate) subjects: Vec<String>,
    named: HashMap<String, Value>,
}

impl Made<'_> {
    fn class(&mut self, path: &str) {
        let class = CLASSES[self.choices.below(4)];
        self.classify.insert(path.to_owned(), class);
    }

    fn name(&mut self, stem: &str) -> String {
        format!("{stem}{}", self.named.len() + 1)
    }

    fn keep(&mut self, definition: Value) -> Value {
        self.named.insert(definition["name"].as_str().unwrap().to_owned(), definition.clone());
        definition
    }

    fn leaf(&mut self) -> Value {
        const PRIMITIVES: [&str; 8] =
            ["null", "boolean", "int", "long", "float", "double", "bytes", "string"];
        const LOGICAL: [(&str, &str); 4] =
            [("int", "date"), ("int", "time-millis"), ("long", "time-micros"), ("long", "timestamp-micros")];
        match self.choices.below(15) {
            at @ 0..=7 => json!(PRIMITIVES[at]),
            at @ 8..=11 => json!({"type": LOGICAL[at - 8].0, "logicalType": LOGICAL[at - 8].1}),
            12 => json!({"type": "bytes", "logicalType": "decimal", "precision": 4, "scale": 2}),
            13 => {
                let name = self.name("Enum");
                self.keep(json!({"type": "enum", "name": name, "symbols": ["a", "b", "c"]}))
            }
            _ => {
                let (name, size) = (self.name("Fixed"), self.choices.below(3));
                self.keep(json!({"type": "fixed", "name": name, "size": size}))
            }
        }
    }

    fn any(&mut self, path: &str, depth: usize) -> Value {
        if depth == 0 || self.choices.below(3) == 0 {
            self.class(path);
            return self.leaf();
        }
        // Sometimes one rule covers everything below, beside the rules that the places get anyway.
        if self.choices.below(5) == 0 {
            self.class(path);
        }
        match self.choices.below(9) {
            0 | 1 => json!({"type": "array", "items": self.any(&format!("{path}/*"), depth - 1)}),
            2 => json!({"type": "map", "values": self.any(&format!("{path}/*"), depth - 1)}),
            3 => self.union(path, depth),
            4 => {
                let inner = self.record(path, depth, &["a", "b"]);
                json!(["null", inner])
            }
            5 => self.shared(path, depth),
            6 => self.people(path, depth),
            7 => self.recursive(path),
            _ => self.record(path, depth, &["a", "b", "c"]),
        }
    }

    fn record(&mut self, path: &str, depth: usize, names: &[&str]) -> Value {
        let name = self.name("Record");
        self.named.insert(name.clone(), Value::Null);
        let fields: Vec<(&str, Value)> =
            names.iter().map(|field| (*field, self.any(&format!("{path}/{field}"), depth - 1))).collect();
        self.keep(record(&name, &fields))
    }

    fn union(&mut self, path: &str, depth: usize) -> Value {
        let mut branches = vec![json!("null")];
        if self.choices.yes() {
            self.class(path);
            branches.push(json!("string"));
        }
        if self.choices.yes() {
            branches.push(json!({"type": "array", "items": self.any(&format!("{path}/*"), depth - 1)}));
        } else if self.choices.yes() {
            branches.push(json!({"type": "map", "values": self.any(&format!("{path}/*"), depth - 1)}));
        }
        branches.push(self.record(path, depth, &["a", "b"]));
        if self.choices.yes() {
            branches.push(self.record(path, depth, &["b", "c"]));
        }
        Value::Array(branches)
    }

    /// One type at two places, which may have different classes.
    fn shared(&mut self, path: &str, depth: usize) -> Value {
        let prefix = format!("{path}/a");
        let inner = self.record(&prefix, depth, &["a", "b"]);
        let below: Vec<String> =
            self.classify.keys().filter_map(|at| at.strip_prefix(&prefix)).map(str::to_owned).collect();
        for at in below {
            self.class(&format!("{path}/b{at}"));
        }
        let (name, reference) = (self.name("Shared"), inner["name"].clone());
        self.keep(record(&name, &[("a", inner), ("b", reference)]))
    }

    /// Persons of their own, but not in maps, and not in types that stand in two places.
    fn people(&mut self, path: &str, depth: usize) -> Value {
        let name = self.name("Person");
        self.named.insert(name.clone(), Value::Null);
        let below = format!("{path}/*");
        self.subjects.push(format!("{below}/id"));
        self.classify.insert(format!("{below}/id"), "personal");
        self.classify.insert(format!("{below}/owner"), "special");
        let more = self.any(&format!("{below}/more"), depth - 1);
        let id = if self.choices.yes() { json!("long") } else { json!("string") };
        let person = self.keep(record(&name, &[("owner", json!("string")), ("more", more), ("id", id)]));
        json!({"type": "array", "items": if self.choices.yes() { json!(["null", person]) } else { person }})
    }

    fn recursive(&mut self, path: &str) -> Value {
        self.class(path);
        let name = self.name("Node");
        let children = json!({"type": "array", "items": name});
        self.keep(record(&name, &[("value", json!("string")), ("children", children)]))
    }
}

pub(crate) fn made(choices: &[u32]) -> (Value, Made<'_>) {
    let mut made = Made {
        choices: Choices { from: choices, at: 0 },
        classify: BTreeMap::from([("/id".to_owned(), "personal")]),
        subjects: vec!["/id".to_owned()],
        named: HashMap::new(),
    };
    let fields: Vec<(&str, Value)> =
        ["a", "b", "c"].iter().map(|name| (*name, made.any(&format!("/{name}"), 3))).collect();
    let mut schema = record("Root", &[&fields[..], &[("id", json!("string"))]].concat());
    if made.choices.yes() {
        schema["namespace"] = json!("some.space");
    }
    (schema, made)
}

/// A value of a schema; the texts of what is not public say so.
pub(crate) struct Sample<'c, 'm> {
    pub(crate) choices: Choices<'c>,
    pub(crate) made: &'m Made<'m>,
    pub(crate) persons: i64,
}

const SECRET: &str = "SECRET";

impl Sample<'_, '_> {
    fn text(&mut self, path: &str) -> String {
        let public = class_of(self.made, path) == "public";
        format!("{}{}", if public { "open" } else { SECRET }, "x".repeat(self.choices.below(90)))
    }

    pub(crate) fn value(&mut self, schema: &Value, path: &str, depth: usize) -> Datum {
        let kind = schema.as_str().or(schema["type"].as_str());
        let number = self.choices.below(86_400_000) as i64 - 1;
        match (kind, schema["logicalType"].as_str()) {
            (Some("null"), _) => Datum::Null,
            (Some("boolean"), _) => Datum::Boolean(self.choices.yes()),
            (_, Some("date")) => Datum::Date(number as i32 / 100),
            (_, Some("time-millis")) => Datum::TimeMillis(number.max(0) as i32),
            (_, Some("time-micros")) => Datum::TimeMicros(number.max(0) * 1000),
            (_, Some("timestamp-micros")) => Datum::TimestampMicros(number << (number % 30).max(0)),
            (_, Some("decimal")) => Datum::Decimal(((number % 10_000) as i16).to_be_bytes().into()),
            (Some("int"), _) => Datum::Int(number as i32),
            (Some("long"), _) => Datum::Long(-number << (number % 40).max(0)),
            (Some("float"), _) => Datum::Float(number as f32 / 7.0),
            (Some("double"), _) => Datum::Double(number as f64 / 7.0),
            (Some("bytes"), _) => Datum::Bytes(self.text(path).into()),
            (Some("string"), _) => Datum::String(self.text(path)),
            (Some("fixed"), _) => {
                let size = schema["size"].as_u64().unwrap() as usize;
                Datum::Fixed(size, vec![7; size])
            }
            (Some("enum"), _) => {
                let symbol = self.choices.below(3);
                Datum::Enum(symbol as u32, schema["symbols"][symbol].as_str().unwrap().to_owned())
            }
            (Some("array"), _) => {
                let count = if depth > 6 { 0 } else { self.choices.below(4) };
                let path = format!("{path}/*");
                Datum::Array((0..count).map(|_| self.value(&schema["items"], &path, depth + 1)).collect())
            }
            (Some("map"), _) => {
                let count = self.choices.below(3);
                let path = format!("{path}/*");
                let entry = |at| (format!("key{at}"), self.value(&schema["values"], &path, depth + 1));
                Datum::Map((0..count).map(entry).collect())
            }
            (Some("record"), _) => self.record(schema, path, depth),
            (Some(name), _) => self.value(&self.made.named[name].clone(), path, depth),
            (None, _) => {
                let branches = schema.as_array().unwrap();
                let branch = self.choices.below(branches.len());
                Datum::Union(branch as u32, Box::new(self.value(&branches[branch], path, depth + 1)))
            }
        }
    }

    fn record(&mut self, schema: &Value, path: &str, depth: usize) -> Datum {
        self.persons += 1;
        let person = self.persons;
        let is_person = schema["name"].as_str().is_some_and(|name| name.starts_with("Person"));
        let fields = schema["fields"].as_array().unwrap().iter().map(|field| {
            let name = field["name"].as_str().unwrap();
            let value = match (name, field["type"].as_str()) {
                ("owner", _) if is_person => Datum::String(format!("of:{person};")),
                ("id", Some("long")) => Datum::Long(person),
                ("id", Some(_)) => Datum::String(person.to_string()),
                _ => self.value(&field["type"], &format!("{path}/{name}"), depth + 1),
            };
            (name.to_owned(), value)
        });
        Datum::Record(fields.collect())
    }
}

/// The class of a place: that of the rule at it, or at the nearest place above. `*` in a rule stands for every step that
/// no rule names beside it.
pub(crate) fn class_of<'m>(made: &Made<'m>, path: &str) -> &'static str {
    let steps: Vec<&str> = path.split('/').skip(1).collect();
    let mut rules: Vec<(Vec<&str>, &'static str)> =
        made.classify.iter().map(|(at, class)| (at.split('/').skip(1).collect(), *class)).collect();
    let mut nearest = "unclassified";
    for (depth, step) in steps.iter().enumerate() {
        rules.retain(|(rule, _)| rule.len() > depth);
        let named = rules.iter().any(|(rule, _)| rule[depth] == *step);
        rules.retain(|(rule, _)| rule[depth] == *step || (!named && rule[depth] == "*"));
        if let Some((_, class)) = rules.iter().find(|(rule, _)| rule.len() == depth + 1) {
            nearest = class;
        }
    }
    nearest
}

/// Avro's bytes with blocks of any lengths, with and without their sizes.
pub(crate) fn write(value: &Datum, choices: &mut Choices<'_>, out: &mut Vec<u8>) {
    match value {
        Datum::Null => {}
        Datum::Boolean(value) => out.push(u8::from(*value)),
        Datum::Int(number) | Datum::Date(number) | Datum::TimeMillis(number) => {
            out.extend(long((*number).into()));
        }
        Datum::Long(number) | Datum::TimeMicros(number) | Datum::TimestampMicros(number) => {
            out.extend(long(*number));
        }
        Datum::Float(number) => out.extend(number.to_le_bytes()),
        Datum::Double(number) => out.extend(number.to_le_bytes()),
        Datum::String(text) => write(&Datum::Bytes(text.clone().into()), choices, out),
        Datum::Decimal(decimal) => write(&Datum::Bytes(decimal.try_into().unwrap()), choices, out),
        Datum::Bytes(bytes) => {
            out.extend(long(bytes.len() as i64));
            out.extend(bytes);
        }
        Datum::Fixed(_, bytes) => out.extend(bytes),
        Datum::Enum(symbol, _) => out.extend(long((*symbol).into())),
        Datum::Union(branch, inner) => {
            out.extend(long((*branch).into()));
            write(inner, choices, out);
        }
        Datum::Record(fields) => fields.iter().for_each(|(_, value)| write(value, choices, out)),
        Datum::Array(items) => {
            let items = items.iter().map(|item| {
                let mut out = Vec::new();
                write(item, choices, &mut out);
                out
            });
            let items: Vec<Vec<u8>> = items.collect();
            blocks(&items, choices, out);
        }
        Datum::Map(entries) => {
            let entries = entries.iter().map(|(key, value)| {
                let mut out = Vec::new();
                write(&Datum::String(key.clone()), choices, &mut out);
                write(value, choices, &mut out);
                out
            });
            let entries: Vec<Vec<u8>> = entries.collect();
            blocks(&entries, choices, out);
        }
        other => panic!("no value is made of {other:?}"),
    }
}

fn blocks(items: &[Vec<u8>], choices: &mut Choices<'_>, out: &mut Vec<u8>) {
    let mut rest = items;
    while !rest.is_empty() {
        let (block, behind) = rest.split_at(choices.below(rest.len()) + 1);
        let bytes = block.concat();
        if choices.yes() {
            out.extend(long(-(block.len() as i64)));
            out.extend(long(bytes.len() as i64));
        } else {
            out.extend(long(block.len() as i64));
        }
        out.extend(bytes);
        rest = behind;
    }
    out.extend(long(0));
}

/// Each value that holds no other is left exactly where its class is cleared, and nothing else is there.
fn agree(made: &Made<'_>, cleared: &ClassSet, whole: &Datum, left: Option<&Datum>, path: &str) {
    match (whole, left) {
        (Datum::Union(branch, inner), Some(Datum::Union(same, left))) => {
            assert_eq!(branch, same, "{path}");
            let gone = matches!(&**left, Datum::Record(fields) if fields.is_empty());
            agree(made, cleared, inner, (!gone).then_some(left), path);
        }
        (Datum::Union(_, inner), left) => {
            assert!(left.is_none_or(|left| *left == Datum::Null), "{path}: {left:?}");
            agree(made, cleared, inner, None, path);
        }
        (Datum::Null, _) => {}
        (Datum::Record(fields), left) => {
            let remaining = match left {
                Some(Datum::Record(remaining)) => &remaining[..],
                _ => &[],
            };
            let known = |name: &String| fields.iter().any(|(field, _)| field == name);
            assert!(remaining.iter().all(|(name, _)| known(name)), "{path}: {remaining:?}");
            for (name, value) in fields {
                let left = remaining.iter().find(|(field, _)| field == name).map(|(_, left)| left);
                agree(made, cleared, value, left, &format!("{path}/{name}"));
            }
        }
        (Datum::Array(items), left) => {
            let remaining = match left {
                Some(Datum::Array(remaining)) => {
                    assert_eq!(remaining.len(), items.len(), "{path}");
                    &remaining[..]
                }
                _ => &[],
            };
            for (at, item) in items.iter().enumerate() {
                let left = remaining.get(at).filter(|left| **left != Datum::Null);
                agree(made, cleared, item, left, &format!("{path}/*"));
            }
        }
        (Datum::Map(entries), left) => {
            let remaining = match left {
                Some(Datum::Map(remaining)) => {
                    assert_eq!(remaining.len(), entries.len(), "{path}");
                    Some(remaining)
                }
                _ => None,
            };
            for (key, value) in entries {
                // Where the entries of another map in the place are not all alike, an entry's key stays.
                let left = remaining.map(|remaining| &remaining[key]).filter(|left| **left != Datum::Null);
                agree(made, cleared, value, left, &format!("{path}/*"));
            }
        }
        (leaf, left) => {
            // Bytes that take none have nothing to leave out.
            if *leaf == Datum::Fixed(0, Vec::new()) {
                return;
            }
            let class = Class::from(class_of(made, path));
            let kept = class == Class::Public || cleared.clears(&class);
            assert_eq!(left, kept.then_some(leaf), "{path} is {class}, {cleared:?}");
        }
    }
}

/// No span holds what belongs to another person than its own.
fn spans_are_whose_they_say(spans: &[Span], subjects: &[String], data: &[u8]) {
    for span in spans.iter().filter(|span| span.subject != Span::TOPIC) {
        let bytes = String::from_utf8_lossy(&data[span.start as usize..span.end as usize]);
        for owned in bytes.split("of:").skip(1) {
            let person = owned.split(';').next().unwrap();
            assert_eq!(person, subjects[span.subject as usize]);
        }
    }
}

fn clearances() -> Vec<ClassSet> {
    let sets: [&[&str]; 5] =
        [&[], &["internal"], &["personal"], &["special"], &["internal", "personal", "special"]];
    sets.iter().map(|set| set.iter().map(|class| Class::from(*class)).collect()).collect()
}

fn left_of(contract: &Contract, data: &[u8], cleared: &ClassSet) -> Vec<u8> {
    let checked = contract.check(data, &mut Workspace::default()).unwrap();
    redact(Format::Avro, data, &checked.spans, &checked.frames, |span| {
        !cleared.clears(&contract.classes()[span.class as usize])
    })
}

/// A made contract, if it can be one: a rule may cover several persons.
fn contract_of(schema: &Value, made: &Made<'_>) -> Option<Contract> {
    let classify: Map<String, Value> =
        made.classify.iter().map(|(at, class)| (at.clone(), json!(class))).collect();
    let subjects: Vec<&str> = made.subjects.iter().map(String::as_str).collect();
    let definition = definition(schema, &subjects, Value::Object(classify));
    match compile(&definition) {
        Ok(contract) => Some(contract),
        Err(faults) => {
            let known = |fault: &contract::Fault| {
                let text = fault.to_string();
                [
                    "is a map, and",
                    "several persons",
                    "which `*` that is",
                    "no such place",
                    "identifies a person",
                    "is a subject, but may be",
                    "is a map's value of several types",
                ]
                .iter()
                .any(|known| text.contains(known))
            };
            assert!(faults.iter().all(known), "{faults:#?}\n{schema:#}");
            None
        }
    }
}

/// Checks one made contract with documents; says how many were checked.
fn documents_agree(schema_choices: &[u32], document_choices: &[u32]) -> usize {
    let (schema, made) = made(schema_choices);
    let Some(contract) = contract_of(&schema, &made) else { return 0 };
    let text = schema.to_string();
    let library = Schema::parse_str(&text).unwrap();
    let shown = with_forms(contract.definition(), schema_choices[0] as usize % 5);
    let shown = compile(&shown).unwrap();
    let redacted: Vec<(ClassSet, String)> =
        clearances().into_iter().map(|set| (set.clone(), contract.redacted_schema(&set))).collect();
    assert_eq!(serde_json::from_str::<Value>(&redacted[4].1).unwrap(), schema);
    for round in 0..6 {
        let choices = Choices { from: document_choices, at: round * 17 };
        let mut sample = Sample { choices, made: &made, persons: 0 };
        let value = sample.value(&schema, "", 0);
        let mut data = Vec::new();
        write(&value, &mut sample.choices, &mut data);
        assert_eq!(decoded(&text, &data).as_ref(), Ok(&value), "the test writes what the library reads");
        for data in [&data, &written(&library, value.clone())] {
            let checked = match contract.check(data, &mut Workspace::default()) {
                Ok(checked) => checked,
                // Another branch of a union than the one with the person: what belongs to nobody is refused.
                Err(wrong) if wrong.iter().all(|it| it.text.starts_with("no one to whom")) => continue,
                Err(wrong) => panic!("{wrong:?}\n{schema:#}"),
            };
            assert!(checked.spans.windows(2).all(|pair| pair[0].end <= pair[1].start));
            assert!(checked.spans.iter().all(|span| span.start < span.end));
            spans_are_whose_they_say(&checked.spans, &checked.subjects, data);
            for (cleared, redacted) in &redacted {
                let left = left_of(&contract, data, cleared);
                let left = decoded(redacted, &left)
                    .unwrap_or_else(|wrong| panic!("{wrong}\n{schema:#}\n{redacted}\n{:?}", made.classify));
                agree(&made, cleared, &value, Some(&left), "");
            }
            if round < 2 {
                forms_are_read(&shown, data);
            }
            let all = &redacted[4].0;
            assert_eq!(left_of(&contract, data, all), **data, "keeping everything gives the bytes back");
        }
    }
    6
}

/// What is shown in other forms the library reads too, and it says no secret.
fn forms_are_read(contract: &Contract, data: &[u8]) {
    let checked = contract.check(data, &mut Workspace::default()).unwrap();
    for cleared in clearances().into_iter().take(3) {
        let redacted = contract.redacted_schema(&cleared);
        for fate in [Fate::Shown("0123456789abcdef"), Fate::LeftOut] {
            let clears = |span: &Span| cleared.clears(&contract.classes()[span.class as usize]);
            let left = redact_as(Format::Avro, data, &checked.spans, &checked.frames, |span| {
                if clears(span) { Fate::Kept } else { fate }
            });
            let read = decoded(&redacted, &left);
            assert!(read.is_ok(), "{read:?}\n{redacted}\n{:?}", contract.definition().classify);
            let is_open = !cleared.is_empty();
            assert!(is_open || !String::from_utf8_lossy(&left).contains(SECRET), "{redacted}");
        }
    }
}

/// Damages a document; what is accepted all the same the library reads too, and no text shows what is not public.
fn damage_is_noticed(schema_choices: &[u32], document_choices: &[u32], flips: &[(usize, u8)]) {
    let (schema, made) = made(schema_choices);
    let Some(contract) = contract_of(&schema, &made) else { return };
    let text = schema.to_string();
    let mut sample = Sample { choices: Choices { from: document_choices, at: 0 }, made: &made, persons: 0 };
    let value = sample.value(&schema, "", 0);
    let mut data = Vec::new();
    write(&value, &mut sample.choices, &mut data);
    let mut work = Workspace::default();
    for end in 0..data.len() {
        assert!(contract.check(&data[..end], &mut work).is_err(), "cut at {end} of {}", data.len());
    }
    for (at, bit) in flips {
        let mut data = data.clone();
        let at = at % data.len();
        data[at] ^= 1 << (bit % 8);
        match contract.check(&data, &mut work) {
            Ok(checked) => {
                assert!(decoded(&text, &data).is_ok(), "the library refuses {data:?}");
                assert_eq!(redact(Format::Avro, &data, &checked.spans, &checked.frames, |_| false), data);
                redact(Format::Avro, &data, &checked.spans, &checked.frames, |_| true);
            }
            Err(wrong) => {
                assert!(!wrong.is_empty());
                for violation in wrong {
                    assert!(!violation.text.contains(SECRET), "{violation}");
                }
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(250))]

    #[test]
    fn the_library_reads_what_is_left_by_the_redacted_schema(
        schema in prop::collection::vec(any::<u32>(), 61..=61),
        document in prop::collection::vec(any::<u32>(), 127..=127),
    ) {
        documents_agree(&schema, &document);
    }

    #[test]
    fn no_damage_is_accepted_that_the_library_refuses(
        schema in prop::collection::vec(any::<u32>(), 61..=61),
        document in prop::collection::vec(any::<u32>(), 127..=127),
        flips in prop::collection::vec(any::<(usize, u8)>(), 40),
    ) {
        damage_is_noticed(&schema, &document, &flips);
    }
}

#[test]
fn most_of_the_made_contracts_hold_together() {
    let pseudo = |seed: u64, count: u64| {
        let word = |at: u64| {
            let mixed = (seed * 1_000 + at + 1).wrapping_mul(6_364_136_223_846_793_005);
            (mixed.rotate_left(23).wrapping_mul(1_442_695_040_888_963_407) >> 33) as u32
        };
        (0..count).map(word).collect::<Vec<u32>>()
    };
    let documents: usize =
        (0..100).map(|seed| documents_agree(&pseudo(seed, 61), &pseudo(seed + 1000, 127))).sum();
    assert!(documents > 300, "only {documents} documents, so the property says little");
}
