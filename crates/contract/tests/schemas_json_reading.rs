//! What is found compatible really reads: documents that are valid under an older JSON Schema are valid under the
//! newer one.

use crate::support::dice::Dice;
use contract::Format;
use contract::schemas::Source;
use contract::schemas::compatibility::reading;
use jsonschema::{Draft, Validator};
use proptest::prelude::*;
use serde_json::{Map, Value, json};

const NAMES: [&str; 4] = ["a", "b", "ab", "c"];

fn schema(dice: &mut Dice, depth: usize) -> Value {
    if depth > 0 && dice.once_in(5) {
        return combined(dice, depth);
    }
    match dice.below(if depth == 0 { 8 } else { 12 }) {
        0 => json!({}),
        1 => json!({"type": dice.pick(&["null", "boolean"])}),
        2 | 3 => number(dice),
        4 | 5 => string(dice),
        6 => json!({"type": ["string", "null"], "maxLength": dice.below(4)}),
        7 => listed(dice),
        8 | 9 => array(dice, depth),
        _ => object(dice, depth),
    }
}

fn set(schema: &mut Value, word: &str, value: impl Into<Value>, dice: &mut Dice, once_in: usize) {
    if dice.once_in(once_in) {
        schema[word] = value.into();
    }
}

fn number(dice: &mut Dice) -> Value {
    let mut out = json!({"type": dice.pick(&["integer", "number"])});
    let (low, high) = (dice.below(4), 3 + dice.below(5));
    set(&mut out, "minimum", low, dice, 3);
    set(&mut out, "exclusiveMinimum", low, dice, 5);
    set(&mut out, "maximum", high, dice, 3);
    set(&mut out, "exclusiveMaximum", high, dice, 5);
    let step = 1 + dice.below(4);
    set(&mut out, "multipleOf", step, dice, 5);
    out
}

fn string(dice: &mut Dice) -> Value {
    let mut out = json!({"type": "string"});
    let (low, high) = (dice.below(3), 1 + dice.below(4));
    set(&mut out, "minLength", low, dice, 3);
    set(&mut out, "maxLength", high, dice, 3);
    let pattern = dice.pick(&["^a", "b"]);
    set(&mut out, "pattern", pattern, dice, 6);
    out
}

fn listed(dice: &mut Dice) -> Value {
    let all = [json!("a"), json!("b"), json!(1), json!(2.5), Value::Null, json!([])];
    let values: Vec<Value> = all.iter().filter(|_| dice.once_in(2)).cloned().collect();
    if values.is_empty() { json!({"const": "a"}) } else { json!({"enum": values}) }
}

fn array(dice: &mut Dice, depth: usize) -> Value {
    let mut out = json!({"type": "array"});
    if dice.once_in(2) {
        let prefix: Vec<Value> = (0..1 + dice.below(2)).map(|_| schema(dice, depth - 1)).collect();
        out["prefixItems"] = prefix.into();
    }
    let items = if dice.once_in(4) { json!(false) } else { schema(dice, depth - 1) };
    set(&mut out, "items", items, dice, 2);
    let (low, high) = (dice.below(2), 1 + dice.below(3));
    set(&mut out, "minItems", low, dice, 4);
    set(&mut out, "maxItems", high, dice, 4);
    set(&mut out, "uniqueItems", true, dice, 6);
    if dice.once_in(8) {
        out["contains"] = schema(dice, 0);
        let (low, high) = (dice.below(2), 1 + dice.below(2));
        set(&mut out, "minContains", low, dice, 3);
        set(&mut out, "maxContains", high, dice, 3);
    }
    out
}

fn object(dice: &mut Dice, depth: usize) -> Value {
    let mut out = json!({"type": "object", "properties": {}});
    for name in NAMES {
        if dice.once_in(2) {
            out["properties"][name] = schema(dice, depth - 1);
        }
    }
    let required: Vec<&str> = NAMES.into_iter().filter(|_| dice.once_in(5)).collect();
    set(&mut out, "required", required, dice, 2);
    let additional = if dice.once_in(2) { json!(false) } else { schema(dice, depth - 1) };
    let word = dice.pick(&["additionalProperties", "additionalProperties", "unevaluatedProperties"]);
    set(&mut out, word, additional, dice, 2);
    if dice.once_in(4) {
        out["patternProperties"] = json!({dice.pick(&["^a", "b"]): schema(dice, depth - 1)});
    }
    let (low, high) = (dice.below(2), 1 + dice.below(4));
    set(&mut out, "minProperties", low, dice, 6);
    set(&mut out, "maxProperties", high, dice, 6);
    set(&mut out, "propertyNames", json!({"maxLength": 1 + high % 2}), dice, 8);
    set(&mut out, "dependentRequired", json!({"a": ["b"]}), dice, 8);
    set(&mut out, "dependentSchemas", json!({"b": {"maxProperties": high}}), dice, 8);
    out
}

/// `oneOf` only of different types: what is added to one is taken for disjoint, as Confluent takes it.
fn combined(dice: &mut Dice, depth: usize) -> Value {
    let many =
        |dice: &mut Dice| -> Vec<Value> { (0..1 + dice.below(3)).map(|_| schema(dice, depth - 1)).collect() };
    match dice.below(7) {
        0 | 1 => json!({"anyOf": many(dice)}),
        2 => json!({"allOf": many(dice)}),
        3 => {
            let all = [string(dice), number(dice), json!({"type": "null"})];
            json!({"oneOf": all[dice.below(2)..]})
        }
        4 => json!({"not": schema(dice, depth - 1)}),
        5 => json!({"if": schema(dice, 0), "then": schema(dice, 0), "else": schema(dice, 0)}),
        _ => {
            let mut out = object(dice, depth);
            out["allOf"] = many(dice).into();
            out
        }
    }
}

/// A next version: mostly the same, with changes of every sort, good and bad.
fn changed(schema: &Value, dice: &mut Dice, is_in_one: bool) -> Value {
    if dice.once_in(25) && !is_in_one {
        return self::schema(dice, 1);
    }
    let Value::Object(members) = schema else { return schema.clone() };
    let mut out = Map::new();
    for (word, value) in members {
        if dice.once_in(9) && !(is_in_one && word == "type") {
            continue;
        }
        let value = match (word.as_str(), value) {
            ("properties" | "patternProperties", Value::Object(inner)) => {
                let kept = inner
                    .iter()
                    .filter(|_| !dice.once_in(8))
                    .map(|(name, inner)| (name.clone(), inner.clone()));
                let kept: Vec<_> = kept.collect();
                let mut kept: Map<String, Value> =
                    kept.into_iter().map(|(name, inner)| (name, changed(&inner, dice, false))).collect();
                if dice.once_in(6) {
                    kept.insert("c".to_owned(), self::schema(dice, 0));
                }
                Value::Object(kept)
            }
            ("prefixItems" | "anyOf" | "allOf" | "oneOf", Value::Array(inner)) => {
                let mut inner: Vec<Value> =
                    inner.iter().map(|inner| changed(inner, dice, word == "oneOf")).collect();
                if dice.once_in(5) && word != "oneOf" {
                    inner.push(self::schema(dice, 0));
                }
                if dice.once_in(6) && inner.len() > 1 {
                    inner.remove(0);
                }
                inner.into()
            }
            ("items" | "additionalProperties" | "not" | "if" | "then" | "else" | "contains", inner) => {
                changed(inner, dice, false)
            }
            ("enum", Value::Array(values)) if dice.once_in(2) => {
                let mut values = values.clone();
                if dice.once_in(2) && values.len() > 1 {
                    values.pop();
                } else if !values.contains(&json!("z")) {
                    values.push(json!("z"));
                }
                values.into()
            }
            ("type", Value::String(name)) if name == "integer" && dice.once_in(3) => json!("number"),
            ("required", Value::Array(names)) if dice.once_in(3) => names[..names.len() / 2].into(),
            (_, Value::Number(number)) if dice.once_in(3) => {
                let changed = number.as_u64().unwrap_or(1) + dice.below(3) as u64;
                json!(changed.saturating_sub(1).max(u64::from(word == "multipleOf")))
            }
            (_, value) => value.clone(),
        };
        out.insert(word.clone(), value);
    }
    Value::Object(out)
}

/// A document that is likely, not surely, valid.
fn document(schema: &Value, dice: &mut Dice, depth: usize) -> Value {
    let branches = ["anyOf", "oneOf", "allOf"].iter().find_map(|word| schema.get(*word)?.as_array());
    if let Some(branches) = branches.filter(|_| schema.get("type").is_none() || dice.once_in(3)) {
        let index = dice.below(branches.len());
        return document(&branches[index], dice, depth);
    }
    if let Some(values) = schema.get("enum").and_then(Value::as_array) {
        return values[dice.below(values.len())].clone();
    }
    if let Some(value) = schema.get("const") {
        return value.clone();
    }
    let named = match schema.get("type") {
        Some(Value::String(name)) => Some(name.as_str()),
        Some(Value::Array(names)) => names[dice.below(names.len())].as_str(),
        _ => None,
    };
    let name =
        named.unwrap_or_else(|| dice.pick(&["null", "integer", "number", "string", "array", "object"]));
    match name {
        "null" => Value::Null,
        "boolean" => json!(dice.once_in(2)),
        "integer" => json!(dice.below(9) as i64 - 1),
        "number" => json!(dice.below(36) as f64 / 4.0 - 1.0),
        "string" => json!(dice.pick(&["", "a", "b", "ab", "bab", "abab", "z"])),
        "array" if depth > 0 => {
            let prefix = schema.get("prefixItems").and_then(Value::as_array).cloned().unwrap_or_default();
            let other = schema.get("items").cloned().unwrap_or_default();
            let count = dice.below(4);
            (0..count).map(|index| document(prefix.get(index).unwrap_or(&other), dice, depth - 1)).collect()
        }
        "object" if depth > 0 => {
            let mut out = Map::new();
            let properties = schema.get("properties");
            let other = schema.get("additionalProperties").cloned().unwrap_or_default();
            let required = schema.get("required").and_then(Value::as_array).cloned().unwrap_or_default();
            for name in NAMES {
                let known = properties.and_then(|properties| properties.get(name));
                if required.contains(&json!(name)) || dice.once_in(if known.is_some() { 2 } else { 4 }) {
                    out.insert(name.to_owned(), document(known.unwrap_or(&other), dice, depth - 1));
                }
            }
            Value::Object(out)
        }
        "array" => json!([]),
        _ => json!({}),
    }
}

fn validator(schema: &Value) -> Option<Validator> {
    jsonschema::options().with_draft(Draft::Draft202012).build(schema).ok()
}

#[derive(Debug, Default, Clone, Copy)]
struct Tally {
    compatible: usize,
    documents: usize,
}

fn reads(seed: u64) -> Result<Tally, String> {
    let mut dice = Dice::of(seed);
    let mut old = schema(&mut dice, 2);
    let mut new = changed(&old, &mut dice, false);
    for schema in [&mut old, &mut new] {
        if schema.is_object() {
            schema["$schema"] = json!("https://json-schema.org/draft/2020-12/schema");
        }
    }
    let source = |schema: &Value| Source::alone(Format::JsonSchema, schema.to_string());
    let Ok(found) = reading(&source(&new), &source(&old)) else { return Ok(Tally::default()) };
    let own = reading(&source(&old), &source(&old)).map_err(|fault| fault.to_string())?;
    if !own.is_empty() {
        return Err(format!("does not read itself: {own:?}\n{old}"));
    }
    if !found.is_empty() {
        return Ok(Tally::default());
    }
    let (Some(writer), Some(reader)) = (validator(&old), validator(&new)) else {
        return Ok(Tally::default());
    };
    let mut tally = Tally { compatible: 1, documents: 0 };
    for _ in 0..40 {
        let document = document(&old, &mut dice, 3);
        if writer.is_valid(&document) {
            tally.documents += 1;
            if let Err(wrong) = reader.validate(&document) {
                return Err(format!("{wrong}\ndocument {document}\nold {old}\nnew {new}"));
            }
        }
    }
    Ok(tally)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, ..ProptestConfig::default() })]

    #[test]
    fn documents_of_an_older_schema_are_valid_under_a_newer_one_that_reads_it(seed: u64) {
        if let Err(wrong) = reads(seed) {
            prop_assert!(false, "{}", wrong);
        }
    }
}

#[test]
fn the_generated_pairs_are_neither_all_compatible_nor_all_incompatible() {
    let tallies: Vec<Tally> = (0..3000).map(|seed| reads(seed).unwrap()).collect();
    let compatible: usize = tallies.iter().map(|tally| tally.compatible).sum();
    let documents: usize = tallies.iter().map(|tally| tally.documents).sum();
    assert!((900..2700).contains(&compatible), "{compatible} of 3000");
    assert!(documents > 10 * compatible, "{documents} valid documents of {compatible} pairs");
}
