//! Every refusal of `compile`, with its words.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking, in its helpers too")]

use crate::support::{birth, compiled, definition, object};
use contract::{Class, Definition, KeyRule, compile, compile_with};
use serde_json::{Value, json};

fn faults(definition: &Definition) -> Vec<String> {
    compile(definition)
        .map(|_| Vec::new())
        .unwrap_or_else(|faults| faults.iter().map(ToString::to_string).collect())
}

#[track_caller]
fn refused(definition: &Definition, said: &[&str]) {
    assert_eq!(faults(definition), said);
}

fn schema(properties: Value, classify: Value) -> Definition {
    definition(&object(properties), &[], classify)
}

#[test]
fn a_whole_contract_compiles() {
    let contract = compiled(&birth());
    let names: Vec<&str> = contract.classes().iter().map(Class::as_str).collect();
    assert_eq!(names, ["public", "internal", "personal", "special"]);
    assert!(contract.has_subjects());
}

#[test]
fn a_schema_must_be_json_schema_2020_12_that_refers_only_to_itself() {
    let text = |schema: &str| Definition { schema: schema.to_owned(), ..schema_of_nothing() };
    refused(&text("{"), &["schema: is not JSON: the text ends inside a value (byte 1); correct the text"]);
    refused(
        &text(r#"{"type":"string","type":"null"}"#),
        &["schema: is not JSON: an object has the same key twice (byte 17); correct the text"],
    );
    let said = faults(&text(r#"{"type": "strnig"}"#));
    assert!(said[0].starts_with("schema/type: is not valid JSON Schema 2020-12: "), "{said:?}");
    let said = faults(&text(r#"{"$schema": "http://json-schema.org/draft-07/schema#"}"#));
    assert!(said[0].starts_with("schema/$schema: another language than JSON Schema 2020-12"), "{said:?}");
    refused(
        &text(r#"{"properties": {"a": {"$ref": "https://example.com/a.json"}}}"#),
        &[
            "schema/properties/a/$ref: \"https://example.com/a.json\" leads out of the schema; copy what it refers to under `$defs`; nothing is ever fetched",
        ],
    );
    refused(
        &text(r##"{"$ref": "#/$defs/none"}"##),
        &[
            "schema/$ref: \"#/$defs/none\" leads nowhere in the schema; correct it or add what it refers to under `$defs`",
        ],
    );
    let said = faults(&text(r#"{"type":"string","pattern":"(?=x)"}"#));
    assert_eq!(said.len(), 1, "look-around wants a backtracking engine: {said:?}");
}

fn schema_of_nothing() -> Definition {
    definition(&json!({"type": "string"}), &[], json!({"": "public"}))
}

#[test]
fn references_inside_the_document_are_followed() {
    let schema = json!({
        "$id": "https://example.com/root.json",
        "type": "object", "additionalProperties": false,
        "properties": {
            "a": {"$ref": "#/$defs/a"}, "b": {"$ref": "#named"}, "c": {"$ref": "inner.json"}, "d": {"$ref": "inner.json#/$defs/x"}
        },
        "$defs": {
            "a": {"type": "string"}, "n": {"$anchor": "named", "type": "integer"},
            "i": {"$id": "inner.json", "type": "boolean", "$defs": {"x": {"type": "null"}}}
        }
    });
    compiled(&definition(
        &schema,
        &[],
        json!({"/a": "public", "/b": "internal", "/c": "public", "/d": "public"}),
    ));
    refused(
        &definition(&schema, &[], json!({"/a": "public", "/b": "internal", "/c": "public"})),
        &["/d: is not classified; add \"/d\" to `classify`: public, internal, personal or special"],
    );
}

#[test]
fn every_place_is_classified_wherever_the_schema_says_it() {
    let leaf = json!({"type": "string"});
    let classes = "public, internal, personal or special";
    let cases: Vec<(Value, &str)> = vec![
        (object(json!({"a": leaf})), "/a"),
        (object(json!({"a": {"type": "array", "items": leaf}})), "/a/*"),
        (object(json!({"a": {"type": "array", "prefixItems": [leaf], "items": false}})), "/a/0"),
        (json!({"type": "object", "additionalProperties": leaf}), "/*"),
        (json!({"type": "object", "patternProperties": {"^x": leaf}, "additionalProperties": false}), "/*"),
        (json!({"type": "object", "unevaluatedProperties": leaf}), "/*"),
        (
            json!({"type": "object", "unevaluatedProperties": false, "allOf": [{"properties": {"a": leaf}}]}),
            "/a",
        ),
        (
            json!({"anyOf": [object(json!({"a": leaf})), {"type": "object", "additionalProperties": false}]}),
            "/a",
        ),
        (json!({"oneOf": [object(json!({"a": leaf}))]}), "/a"),
        (json!({"type": "object", "unevaluatedProperties": false, "if": {"properties": {"a": leaf}}}), "/a"),
        (
            json!({"type": "object", "unevaluatedProperties": false, "if": true, "then": {"properties": {"a": leaf}}}),
            "/a",
        ),
        (
            json!({"type": "object", "unevaluatedProperties": false, "if": true, "else": {"properties": {"a": leaf}}}),
            "/a",
        ),
        (
            json!({"type": "object", "unevaluatedProperties": false, "dependentSchemas": {"x": {"properties": {"a": leaf}}}}),
            "/a",
        ),
        (json!({"$ref": "#/$defs/x", "$defs": {"x": object(json!({"a": leaf}))}}), "/a"),
    ];
    for (schema, at) in cases {
        let said = format!("{at}: is not classified; add {at:?} to `classify`: {classes}");
        refused(&definition(&schema, &[], json!({})), &[&said]);
        compiled(&definition(&schema, &[], json!({at: "internal"})));
    }
}

#[test]
fn an_inner_place_that_may_be_a_value_must_say_its_type() {
    let nested = json!({"properties": {"b": {"type": "string"}}, "additionalProperties": false});
    refused(
        &schema(json!({"a": nested}), json!({"/a/b": "public"})),
        &[
            "/a: is not classified; say its `type` (it may be anything), or add \"/a\" to `classify`: public, internal, personal or special",
        ],
    );
    let nullable = json!({"type": ["object", "null"], "properties": {"b": {"type": "string"}}, "additionalProperties": false});
    compiled(&schema(json!({"a": nullable}), json!({"/a/b": "public"})));
}

#[test]
fn an_object_or_array_is_closed_or_classified() {
    let open = json!({"type": "object", "properties": {"a": {"type": "string"}}});
    let said = "/*: the schema admits members or elements here that it does not describe; close \"\" (`additionalProperties: false`, or `items` for an array) or classify \"/*\"";
    refused(&definition(&open, &[], json!({"/a": "public"})), &[said]);
    compiled(&definition(&open, &[], json!({"/a": "public", "/*": "internal"})));
    compiled(&definition(&open, &[], json!({"": "internal"})));
    let array = json!({"type": "array"});
    refused(&definition(&array, &[], json!({})), &[said]);
    compiled(&definition(&array, &[], json!({"/*": "internal"})));
    refused(
        &schema(json!({"a": true}), json!({})),
        &[
            "/a: the schema admits anything here and nothing classifies it; say what may stand here, or classify \"/a\" as public, internal, personal or special",
        ],
    );
}

#[test]
fn a_schema_that_comes_round_needs_one_class_for_every_depth() {
    let tree = object(json!({"value": {"type": "string"}, "next": {"$ref": "#"}}));
    refused(
        &definition(&tree, &[], json!({"/value": "public"})),
        &[
            "/next: the schema comes round to itself here and nothing covers it; classify \"/next\" or a place above it, so that one class covers every depth",
        ],
    );
    compiled(&definition(&tree, &[], json!({"/value": "public", "/next": "internal"})));
    compiled(&definition(
        &tree,
        &[],
        json!({"/value": "public", "/next": "internal", "/next/next/value": "public"}),
    ));
}

#[test]
fn pointers_name_places_that_exist() {
    refused(
        &schema(json!({"a": {"type": "string"}}), json!({"/a": "public", "/b": "public"})),
        &[
            "/b: is classified, but the schema has no such place; correct the pointer or remove the line from `classify`",
        ],
    );
    let mut lost = birth();
    lost.subject.push("/father/personId".parse().unwrap());
    refused(
        &lost,
        &[
            "/father/personId: is a subject, but the schema has no such place; correct the pointer in `subject`",
        ],
    );
    let mut lost = birth();
    lost.key = KeyRule::At("/none".parse().unwrap());
    lost.identity = Some("/nothing".parse().unwrap());
    refused(
        &lost,
        &[
            "key: the schema has no place /none; correct the pointer",
            "identity: the schema has no place /nothing; correct the pointer",
        ],
    );
    lost.key = KeyRule::At("/parents/*/name".parse().unwrap());
    lost.identity = Some("/child".parse().unwrap());
    refused(
        &lost,
        &[
            "key: /parents/*/name names many values; name one, without `*`",
            "identity: /child may be an object or an array; name a string, a number or a boolean",
        ],
    );
    lost.key = KeyRule::None;
    lost.identity = Some("/child/personId".parse().unwrap());
    refused(
        &lost,
        &[
            "identity: /child/personId is about a person; an event's identity is kept in the clear: name another field",
        ],
    );
}

#[test]
fn a_subject_is_a_sealed_identifier() {
    let person = |types: Value, class: &str| {
        definition(&object(json!({"id": {"type": types}})), &["/id"], json!({"/id": class}))
    };
    compiled(&person(json!("string"), "personal"));
    compiled(&person(json!("integer"), "health"));
    refused(
        &person(json!("number"), "personal"),
        &[
            "/id: is a subject, but may be number; an identifier is a string or an integer: say so with `type`",
        ],
    );
    refused(
        &person(json!("string"), "public"),
        &["/id: identifies a person, but is public; classify it as personal, so that it is sealed"],
    );
    refused(
        &person(json!("string"), "internal"),
        &["/id: identifies a person, but is internal; classify it as personal, so that it is sealed"],
    );
}

#[test]
fn a_field_about_a_person_belongs_to_one() {
    refused(
        &schema(json!({"name": {"type": "string"}}), json!({"/name": "personal"})),
        &[
            "/name: is personal, but the contract names no subject; name in `subject` the pointer to the identifier of the person it is about",
        ],
    );
    let person = object(json!({"id": {"type": "string"}, "name": {"type": "string"}}));
    let schema = object(json!({"people": {"type": "array", "items": person}, "note": {"type": "string"}}));
    let classes =
        |note: Value| json!({"/people/*/id": "personal", "/people/*/name": "personal", "/note": note});
    refused(
        &definition(&schema, &["/people/*/id"], classes(json!({"class": "personal", "of": "/note"}))),
        &[
            "/note: belongs to /note, which is not among the contract's subjects; add that pointer to `subject`, or correct `of`",
        ],
    );
    for note in [json!("personal"), json!({"class": "personal", "of": "/people/*/id"})] {
        refused(
            &definition(&schema, &["/people/*/id"], classes(note)),
            &[
                "/note: belongs to /people/*/id, but its own path does not say which `*` that is; say with `of` whose it is, by a subject pointer whose `*` stand in the field's path too",
            ],
        );
    }
}

#[test]
fn a_class_must_be_known_where_the_standards_list_them() {
    let definition =
        definition(&object(json!({"a": {"type": "string"}})), &["/a"], json!({"/a": "biometric"}));
    compiled(&definition);
    assert!(compile_with(&definition, &["biometric".into()]).is_ok());
    let said: Vec<String> =
        compile_with(&definition, &[]).unwrap_err().iter().map(ToString::to_string).collect();
    assert_eq!(
        said,
        [
            "/a: the class \"biometric\" is not known; use public, internal, personal, special or a class of the standards"
        ]
    );
}

#[test]
fn extension_names_have_their_form_and_are_not_taken() {
    let mut definition = schema_of_nothing();
    for name in ["Bad", "has-hyphen", "", "type", "traceparent", "averyveryverylongextensionname"] {
        definition.extensions = [(name.to_owned(), Class::Public)].into();
        let said = faults(&definition);
        let taken = matches!(name, "type" | "traceparent");
        let wanted = if taken {
            "is an attribute that every event may have already"
        } else {
            "is not a name for an extension attribute"
        };
        assert!(said.len() == 1 && said[0].contains(wanted), "{name}: {said:?}");
    }
    definition.extensions = [("erased".to_owned(), Class::Public)].into();
    let own = "extensions/erased: is what the bus alone says of an event; choose another name";
    refused(&definition, &[own]);
    definition.extensions = [("region2".to_owned(), Class::Public)].into();
    compiled(&definition);
}

#[test]
fn all_faults_are_told_at_once() {
    let mut definition =
        schema(json!({"a": {"type": "string"}, "b": {"type": "string"}}), json!({"/c": "personal"}));
    definition.key = KeyRule::Subject;
    definition.extensions = [("X".to_owned(), Class::Public)].into();
    assert_eq!(faults(&definition).len(), 5);
}

#[test]
fn an_extension_about_a_person_needs_a_subject() {
    let mut definition = schema(json!({"a": {"type": "string"}}), json!({"/a": "public"}));
    definition.extensions = [("nationality".to_owned(), Class::Personal)].into();
    refused(
        &definition,
        &[
            "extensions/nationality: is personal, but the contract names no subject; name in `subject` the pointer to the identifier of the person it is about",
        ],
    );
}

#[test]
fn more_classes_than_an_id_can_tell_are_refused() {
    let names: Vec<String> = (0..12).map(|at| format!("f{at}")).collect();
    let properties: serde_json::Map<String, Value> =
        names.iter().map(|name| (name.clone(), json!({"type": "string"}))).collect();
    let classes: serde_json::Map<String, Value> =
        names.iter().map(|name| (format!("/{name}"), json!(format!("class-{name}")))).collect();
    let id = json!({"type": "string"});
    let mut properties = properties;
    properties.insert("id".to_owned(), id);
    let mut classes = classes;
    classes.insert("/id".to_owned(), json!("class-f0"));
    let definition = definition(&object(Value::Object(properties)), &["/id"], Value::Object(classes));
    refused(
        &definition,
        &[
            "classify: has 12 classes that are sealed, of 11 that one contract may; use fewer, or divide the topic",
        ],
    );
}

/// Types of which each leads to the next, none of them nested in the text.
#[test]
fn a_long_chain_of_types_does_not_stop_the_process() {
    let links = 2_000;
    let mut defs = serde_json::Map::new();
    for at in 0..links {
        defs.insert(format!("d{at}"), object(json!({"m": {"$ref": format!("#/$defs/d{}", at + 1)}})));
    }
    defs.insert(format!("d{links}"), json!({"type": "string"}));
    let mut json_schema = object(json!({"m": {"$ref": "#/$defs/d0"}}));
    json_schema["$defs"] = defs.into();
    let link = |at: usize| {
        let of = if at == 0 { json!("string") } else { json!(format!("R{}", at - 1)) };
        json!({"name": format!("r{at}"), "type": {"type": "record", "name": format!("R{at}"), "fields": [{"name": "m", "type": of}]}})
    };
    let avro = json!({"type": "record", "name": "Root", "fields": (0..links).map(link).collect::<Vec<_>>()});
    for (format, schema) in [("json-schema", json_schema), ("avro", avro)] {
        let mut definition = definition(&schema, &[], json!({}));
        definition.format = serde_json::from_value(json!(format)).unwrap();
        contract::schemas::places(definition.format, &definition.schema);
        let told = faults(&definition);
        assert!(
            told.iter().any(|fault| fault.contains("leads to places deeper than 256 levels")),
            "{told:?}"
        );
    }
}
