//! What is found compatible really reads: values of an older Avro schema, encoded, decode under the newer one.

use crate::support::dice::Dice;
use apache_avro::Schema;
use apache_avro::reader::datum::GenericDatumReader;
use apache_avro::types::Value;
use apache_avro::writer::datum::GenericDatumWriter;
use contract::Format;
use contract::schemas::Source;
use contract::schemas::compatibility::reading;
use proptest::prelude::*;
use serde_json::{Value as Json, json};

/// A type of the generated schemas. Named ones are called after the place they stand at.
#[derive(Debug, Clone)]
enum Kind {
    Word(&'static str),
    Array(Box<Kind>),
    Map(Box<Kind>),
    Union(Vec<Kind>),
    Enum(usize, bool),
    Fixed(usize),
    Record(Vec<(String, Kind, bool)>),
}

const WORDS: [&str; 8] = ["null", "boolean", "int", "long", "float", "double", "string", "bytes"];

fn kind(dice: &mut Dice, depth: usize) -> Kind {
    match dice.below(if depth == 0 { 6 } else { 12 }) {
        0..4 => Kind::Word(dice.pick(&WORDS)),
        4 => Kind::Enum(1 + dice.below(3), dice.once_in(4)),
        5 => Kind::Fixed(1 + dice.below(2)),
        6 => Kind::Array(Box::new(kind(dice, depth - 1))),
        7 => Kind::Map(Box::new(kind(dice, depth - 1))),
        8 | 9 => union(dice, depth),
        _ => Kind::Record(
            (0..1 + dice.below(3))
                .map(|index| (format!("f{index}"), kind(dice, depth - 1), dice.once_in(3)))
                .collect(),
        ),
    }
}

fn union(dice: &mut Dice, depth: usize) -> Kind {
    let mut branches: Vec<Kind> = Vec::new();
    for _ in 0..1 + dice.below(3) {
        let branch = kind(dice, depth - 1);
        let is_new = |other: &Kind| std::mem::discriminant(other) != std::mem::discriminant(&branch);
        let is_word = matches!(branch, Kind::Word(_));
        let repeats = branches.iter().any(|other| match (other, &branch) {
            (Kind::Word(one), Kind::Word(other)) => one == other,
            _ => !is_word && !is_new(other),
        });
        if !repeats && !matches!(branch, Kind::Union(_)) {
            branches.push(branch);
        }
    }
    Kind::Union(if branches.is_empty() { vec![Kind::Word("null")] } else { branches })
}

/// A next version: mostly the same, with some changes of every sort, good and bad.
fn changed(kind: &Kind, dice: &mut Dice, depth: usize) -> Kind {
    if dice.once_in(30) {
        return self::kind(dice, depth);
    }
    match kind {
        Kind::Word(word) if dice.once_in(3) => Kind::Word(match *word {
            "int" => dice.pick(&["long", "float", "double"]),
            "long" => dice.pick(&["float", "double", "int"]),
            "float" => dice.pick(&["double", "int"]),
            "string" => "bytes",
            "bytes" => "string",
            word => word,
        }),
        Kind::Word(word) if *word != "null" && dice.once_in(6) => {
            Kind::Union(vec![Kind::Word("null"), Kind::Word(word)])
        }
        Kind::Word(word) => Kind::Word(word),
        Kind::Array(items) => Kind::Array(Box::new(changed(items, dice, depth.saturating_sub(1)))),
        Kind::Map(values) => Kind::Map(Box::new(changed(values, dice, depth.saturating_sub(1)))),
        Kind::Union(branches) => {
            let mut branches: Vec<Kind> = branches.clone();
            if dice.once_in(4) {
                branches.reverse();
            }
            if dice.once_in(5) && branches.len() > 1 {
                branches.pop();
            }
            let has = |word: &str| {
                branches.iter().any(|other| matches!(other, Kind::Word(known) if *known == word))
            };
            if dice.once_in(3) && !has("boolean") {
                branches.push(Kind::Word("boolean"));
            }
            Kind::Union(branches)
        }
        Kind::Enum(symbols, default) => Kind::Enum(
            (symbols + dice.below(3)).saturating_sub(dice.below(2)).max(1),
            *default || dice.once_in(4),
        ),
        Kind::Fixed(size) => Kind::Fixed(if dice.once_in(6) { size + 1 } else { *size }),
        Kind::Record(fields) => {
            let mut fields: Vec<_> = fields
                .iter()
                .map(|(name, kind, default)| {
                    (name.clone(), changed(kind, dice, depth.saturating_sub(1)), *default)
                })
                .collect();
            if dice.once_in(3) && fields.len() > 1 {
                fields.remove(0);
            }
            if dice.once_in(2) {
                fields.push((
                    "added".to_owned(),
                    self::kind(dice, depth.saturating_sub(1)),
                    !dice.once_in(5),
                ));
            }
            if dice.once_in(3) {
                fields.reverse();
            }
            Kind::Record(fields)
        }
    }
}

fn schema(kind: &Kind, name: &str) -> Json {
    match kind {
        Kind::Word(word) => json!(word),
        Kind::Array(items) => json!({"type": "array", "items": schema(items, &format!("{name}_i"))}),
        Kind::Map(values) => json!({"type": "map", "values": schema(values, &format!("{name}_v"))}),
        Kind::Union(branches) => branches.iter().map(|branch| schema(branch, &format!("{name}_b"))).collect(),
        Kind::Enum(count, false) => {
            json!({"type": "enum", "name": format!("{name}_e"), "symbols": symbols(*count)})
        }
        Kind::Enum(count, true) => {
            json!({"type": "enum", "name": format!("{name}_e"), "symbols": symbols(*count), "default": "S0"})
        }
        Kind::Fixed(size) => json!({"type": "fixed", "name": format!("{name}_f"), "size": size}),
        Kind::Record(fields) => {
            let fields: Vec<Json> = fields
                .iter()
                .map(|(field, kind, default)| {
                    let mut out = json!({"name": field, "type": schema(kind, &format!("{name}_{field}"))});
                    if let Some(value) = default.then(|| self::default(kind)).flatten() {
                        out["default"] = value;
                    }
                    out
                })
                .collect();
            json!({"type": "record", "name": name, "fields": fields})
        }
    }
}

fn symbols(count: usize) -> Vec<String> {
    (0..count).map(|index| format!("S{index}")).collect()
}

fn default(kind: &Kind) -> Option<Json> {
    Some(match kind {
        Kind::Word("null") => Json::Null,
        Kind::Word("boolean") => json!(true),
        Kind::Word("int" | "long") => json!(7),
        Kind::Word("float" | "double") => json!(7.5),
        Kind::Word(_) => json!("x"),
        Kind::Array(_) => json!([]),
        Kind::Map(_) => json!({}),
        Kind::Union(branches) => return default(branches.first()?),
        Kind::Enum(..) => json!("S0"),
        Kind::Fixed(size) => json!("x".repeat(*size)),
        Kind::Record(_) => return None,
    })
}

fn value(kind: &Kind, dice: &mut Dice) -> Value {
    match kind {
        Kind::Word("null") => Value::Null,
        Kind::Word("boolean") => Value::Boolean(dice.once_in(2)),
        Kind::Word("int") => Value::Int(dice.below(1000) as i32 - 500),
        Kind::Word("long") => Value::Long((dice.below(1 << 30) as i64 - 5) << 20),
        Kind::Word("float") => Value::Float(dice.below(100) as f32 / 4.0),
        Kind::Word("double") => Value::Double(dice.below(100) as f64 / 8.0),
        Kind::Word("bytes") => Value::Bytes(b"bytes"[..dice.below(5)].to_vec()),
        Kind::Word(_) => Value::String("string"[..dice.below(6)].to_owned()),
        Kind::Array(items) => Value::Array((0..dice.below(3)).map(|_| value(items, dice)).collect()),
        Kind::Map(values) => {
            Value::Map((0..dice.below(3)).map(|index| (format!("k{index}"), value(values, dice))).collect())
        }
        Kind::Union(branches) => {
            let index = dice.below(branches.len());
            Value::Union(index as u32, Box::new(value(&branches[index], dice)))
        }
        Kind::Enum(count, _) => {
            let index = dice.below(*count);
            Value::Enum(index as u32, format!("S{index}"))
        }
        Kind::Fixed(size) => Value::Fixed(*size, vec![7; *size]),
        Kind::Record(fields) => {
            Value::Record(fields.iter().map(|(name, kind, _)| (name.clone(), value(kind, dice))).collect())
        }
    }
}

/// Whether the pair that follows from a seed is compatible; then values of the older schema must read.
fn reads(seed: u64) -> Result<bool, String> {
    let mut dice = Dice::of(seed);
    let old = kind(&mut dice, 3);
    let new = changed(&old, &mut dice, 3);
    let (old_text, new_text) = (schema(&old, "R").to_string(), schema(&new, "R").to_string());
    let source = |text: &str| Source::alone(Format::Avro, text);
    let found = reading(&source(&new_text), &source(&old_text))
        .map_err(|fault| format!("{old_text}\n{new_text}\n{fault}"))?;
    let own = reading(&source(&old_text), &source(&old_text)).map_err(|fault| fault.to_string())?;
    if !own.is_empty() {
        return Err(format!("does not read itself: {own:?}\n{old_text}"));
    }
    if !found.is_empty() {
        return Ok(false);
    }
    let told = |what: &str, error: &dyn std::fmt::Display| {
        format!("{what}: {error}\nold {old_text}\nnew {new_text}")
    };
    let writer = Schema::parse_str(&old_text).map_err(|error| told("old", &error))?;
    let reader = Schema::parse_str(&new_text).map_err(|error| told("new", &error))?;
    for _ in 0..10 {
        let value = value(&old, &mut dice);
        let bytes = GenericDatumWriter::builder(&writer)
            .build()
            .and_then(|writer| writer.write_value_to_vec(value.clone()))
            .map_err(|error| told("encode", &error))?;
        GenericDatumReader::builder(&writer)
            .reader_schema(&reader)
            .build()
            .and_then(|reader| reader.read_value(&mut bytes.as_slice()))
            .map_err(|error| told(&format!("{value:?}"), &error))?;
    }
    Ok(true)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1000, ..ProptestConfig::default() })]

    #[test]
    fn values_of_an_older_schema_decode_under_a_newer_one_that_reads_it(seed: u64) {
        if let Err(wrong) = reads(seed) {
            prop_assert!(false, "{}", wrong);
        }
    }
}

#[test]
fn the_generated_pairs_are_neither_all_compatible_nor_all_incompatible() {
    let compatible = (0..3000).filter(|seed| reads(*seed).unwrap()).count();
    assert!((900..2700).contains(&compatible), "{compatible} of 3000");
}
