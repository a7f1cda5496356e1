//! The document parser against `serde_json`, and the validator over it against the validator over `serde_json`.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking, in its helpers too")]

use std::collections::HashSet;

use contract::document::{Document, DocumentJson, JsonNode, Kind, Mistake, Node};
use contract::limits::Limits;
use proptest::prelude::*;
use serde_json::{Map, Value, json};

fn value(node: Node<'_>) -> Value {
    match node.kind() {
        Kind::Null => Value::Null,
        Kind::True => json!(true),
        Kind::False => json!(false),
        Kind::Number => serde_json::from_str(node.raw()).unwrap(),
        Kind::String => json!(node.as_str().unwrap()),
        Kind::Array => node.items().map(value).collect(),
        Kind::Object => {
            let members = node.members().map(|member| (member.key().into_owned(), value(member.value())));
            Value::Object(members.collect::<Map<_, _>>())
        }
    }
}

/// Whether both parsers say the same; what only ours refuses are duplicate keys and depth.
fn agree(text: &[u8]) {
    let ours = Document::parse(text, &Limits::default());
    let theirs = serde_json::from_slice::<Value>(text);
    match (&ours, &theirs) {
        (Ok(ours), Ok(theirs)) => {
            assert_eq!(&value(ours.root()), theirs, "{}", String::from_utf8_lossy(text))
        }
        (Err(_), Err(_)) => {}
        (Err(wrong), Ok(_)) => assert!(
            matches!(wrong.what, Mistake::DuplicateKey | Mistake::TooDeep(_)),
            "{wrong}: {}",
            String::from_utf8_lossy(text)
        ),
        (Ok(_), Err(wrong)) => panic!("{wrong}: {}", String::from_utf8_lossy(text)),
    }
}

/// The spans of all nodes cut texts that are those values again.
fn spans_hold(node: Node<'_>, text: &str) {
    let cut = |span: std::ops::Range<u32>| &text[span.start as usize..span.end as usize];
    assert_eq!(serde_json::from_str::<Value>(cut(node.span())).unwrap(), value(node));
    for item in node.items() {
        spans_hold(item, text);
    }
    for member in node.members() {
        let whole: Value = serde_json::from_str(&format!("{{{}}}", cut(member.span()))).unwrap();
        assert_eq!(whole[member.key().as_ref()], value(member.value()));
        spans_hold(member.value(), text);
    }
}

fn any_value() -> impl Strategy<Value = Value> {
    let number = prop_oneof![
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        (-10_i64..10).prop_map(Value::from),
        any::<f64>().prop_filter("finite", |n| n.is_finite()).prop_map(Value::from),
    ];
    let text = prop_oneof!["[a-c]{0,2}", "\\PC{0,12}", any::<String>()];
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        number,
        text.clone().prop_map(Value::from)
    ];
    leaf.prop_recursive(4, 40, 6, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            prop::collection::vec((text.clone(), inner), 0..6)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

#[test]
fn awkward_texts_are_judged_as_serde_json_judges_them() {
    let texts = [
        "",
        " ",
        "null",
        " true ",
        "tru",
        "truex",
        "nul",
        "-",
        "-0",
        "0",
        "00",
        "01",
        "1.",
        ".5",
        "1.5e",
        "1e5",
        "1E+5",
        "1e-5",
        "1e999",
        "-1e999",
        "1e-999",
        "+1",
        "0x1",
        "NaN",
        "Infinity",
        "12345678901234567890123",
        "[",
        "]",
        "[]",
        "[,]",
        "[1,]",
        "[1 2]",
        "{}",
        "{",
        "{,}",
        "{\"a\"}",
        "{\"a\":}",
        "{\"a\":1,}",
        "{\"a\":1 \"b\":2}",
        "{a:1}",
        "{1:1}",
        "\"",
        "\"\\\"",
        "\"\\u00e9\"",
        "\"\\ud83e\\udd80\"",
        "\"\\ud83e\"",
        "\"\\udd80\"",
        "\"\\ud83e\\u0041\"",
        "\"\\u12\"",
        "\"\\u12g4\"",
        "\"\\x\"",
        "\"\\/\\b\\f\\n\\r\\t\\\\\"",
        "\"tab\tinside\"",
        "\"\u{7f}\"",
        "[1]x",
        "\u{feff}1",
        "'a'",
        "// c\n1",
        "1 1",
        "\"aaaaaaa\\\"bbbbbbbbbbbbbbbbbb\"",
        "\"12345678\"",
        "\"1234567\\n\"",
        "\"12345678\u{1f}\"",
        "[\"\\ud800\\udc00\"]",
    ];
    for text in texts {
        agree(text.as_bytes());
    }
    agree(b"\"\xff\"");
    agree(b"\"\xed\xa0\x80\"");
    let digits = "1".repeat(400);
    agree(digits.as_bytes());
}

#[test]
fn a_key_twice_is_found_in_small_and_big_objects_and_behind_escapes() {
    for size in [1, 5, 31, 32, 33, 100, 5000] {
        let keys: Vec<String> = (0..size).map(|at| format!("\"key-number-{at:06}-end\":{at}")).collect();
        let good = format!("{{{}}}", keys.join(","));
        assert!(Document::parse(good.as_bytes(), &Limits::default()).is_ok(), "{size}");
        for again in ["key-number-000000-end", "key-number-000000\\u002dend"] {
            let bad = format!("{{{},\"{again}\":0}}", keys.join(","));
            let wrong = Document::parse(bad.as_bytes(), &Limits::default()).unwrap_err();
            assert_eq!(wrong.what, Mistake::DuplicateKey, "{size}");
            assert_eq!(wrong.position, good.len(), "{size}");
        }
    }
    let nested = "{\"a\":{\"b\":1,\"a\":2},\"b\":{\"a\":1}}";
    assert!(Document::parse(nested.as_bytes(), &Limits::default()).is_ok());
}

#[test]
fn the_limits_hold_at_their_edge() {
    let limits = Limits { document_bytes: 10, depth: 3 };
    let parse =
        |text: &str| Document::parse(text.as_bytes(), &limits).map(|_| ()).map_err(|wrong| wrong.what);
    assert_eq!(parse("[[[1]]]"), Ok(()));
    assert_eq!(parse("[[[[]]]]"), Err(Mistake::TooDeep(3)));
    assert_eq!(parse("1234567890"), Ok(()));
    assert_eq!(parse("12345678901"), Err(Mistake::TooLong(10)));
    assert_eq!(parse("[[1],[2]]"), Ok(()), "siblings are no depth");
}

/// Schemas that use every keyword which looks into a value.
fn schemas() -> Vec<Value> {
    vec![
        json!({"type": ["string", "integer"], "minLength": 1, "maxLength": 3}),
        json!({"type": "object", "properties": {"a": {"type": "string"}, "b": {"minimum": 0}}, "required": ["a"]}),
        json!({"type": "object", "properties": {"a": true, "b": true, "c": true}, "additionalProperties": false}),
        json!({"items": {"type": "integer"}, "uniqueItems": true, "minItems": 1}),
        json!({"prefixItems": [{"type": "string"}], "items": {"multipleOf": 2}}),
        json!({"enum": [1, "a", null, [1.0], {"a": 1}]}),
        json!({"const": 1}),
        json!({"propertyNames": {"maxLength": 1, "pattern": "^[a-b]*$"}, "minProperties": 1}),
        json!({"contains": {"type": "null"}, "maxContains": 2}),
        json!({"oneOf": [{"type": "number"}, {"type": "integer"}, {"type": "array"}]}),
        json!({"patternProperties": {"^a": {"type": "boolean"}}, "unevaluatedProperties": {"type": "string"}}),
        json!({"if": {"required": ["a"]}, "then": {"required": ["b"]}, "dependentRequired": {"c": ["a"]}}),
        json!({"not": {"type": "string"}, "exclusiveMaximum": 5}),
        json!({"$ref": "#/$defs/tree", "$defs": {"tree": {"type": ["array", "null", "boolean"], "items": {"$ref": "#/$defs/tree"}}}}),
    ]
}

thread_local! {
    static VALIDATORS: Vec<(jsonschema::Validator, jsonschema::Validator<DocumentJson>)> = schemas()
        .iter()
        .map(|schema| {
            let theirs = jsonschema::options().offline().build(schema).unwrap();
            (theirs, jsonschema::options_for::<DocumentJson>().offline().build(schema).unwrap())
        })
        .collect();
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(600))]

    #[test]
    fn documents_are_what_serde_json_reads(value in any_value(), pretty in any::<bool>()) {
        let text = if pretty { serde_json::to_string_pretty(&value) } else { serde_json::to_string(&value) }.unwrap();
        agree(text.as_bytes());
        let document = Document::parse(text.as_bytes(), &Limits::default()).unwrap();
        spans_hold(document.root(), &text);
    }

    #[test]
    fn spoiled_texts_are_judged_alike(value in any_value(), at in any::<prop::sample::Index>(), byte in any::<u8>(), cut in any::<bool>()) {
        let mut text = serde_json::to_vec(&value).unwrap();
        let at = at.index(text.len());
        if cut { text.truncate(at) } else { text[at] = byte }
        agree(&text);
    }

    #[test]
    fn fragments_of_json_are_judged_alike(parts in prop::collection::vec(
        prop::sample::select(vec!["{", "}", "[", "]", ",", ":", "\"a\"", "\"b\"", "1", "-0.5e3", "null", " ", "\"\\u00e9\"", "\\", "\"", "e", "."]), 0..12)) {
        agree(parts.concat().as_bytes());
    }

    #[test]
    fn the_validator_says_the_same_over_both(value in any_value()) {
        let text = serde_json::to_string(&value).unwrap();
        let document = Document::parse(text.as_bytes(), &Limits::default()).unwrap();
        VALIDATORS.with(|validators| for (theirs, ours) in validators {
            let node = JsonNode::Value(document.root());
            assert_eq!(ours.is_valid(node), theirs.is_valid(&value), "{text}");
            assert_eq!(ours.iter_errors(node).count(), theirs.iter_errors(&value).count(), "{text}");
        });
    }

    #[test]
    fn a_look_up_finds_the_member_of_that_name(names in prop::collection::hash_set("[a-z\\\\\"\u{e9}]{0,10}", 0..40)) {
        let names: HashSet<String> = names;
        let object: Value = Value::Object(names.iter().map(|name| (name.clone(), json!(name))).collect());
        let text = object.to_string();
        let document = Document::parse(text.as_bytes(), &Limits::default()).unwrap();
        for name in &names {
            assert_eq!(document.root().get(name).unwrap().as_str().unwrap(), name.as_str());
        }
        assert!(document.root().get("no such name").is_none());
    }
}
