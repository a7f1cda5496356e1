//! Avro documents: which bytes are whose, and what is refused in which words.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking, in its helpers too")]

use crate::support::avro::{ada, birth, decoded, definition, encoded, long, record, text};
use crate::support::compiled;
use contract::impact;
use contract::redact::redact;
use contract::{
    Class, ClassSet, Contract, Definition, Format, Key, KeyRule, Look, Shape, Span, Workspace, compile,
};
use serde_json::{Value, json};

/// Each span's class, subject and bytes.
fn found(definition: &Definition, data: &[u8]) -> Vec<(String, String, Vec<u8>)> {
    let contract = compiled(definition);
    let checked = contract.check(data, &mut Workspace::default()).unwrap();
    let part = |span: &Span| {
        let class = contract.classes()[span.class as usize].to_string();
        let subject = match span.subject {
            Span::TOPIC => "topic".to_owned(),
            person => checked.subjects[person as usize].clone(),
        };
        (class, subject, data[span.start as usize..span.end as usize].to_vec())
    };
    checked.spans.iter().map(part).collect()
}

fn row(class: &str, subject: &str, bytes: impl Into<Vec<u8>>) -> (String, String, Vec<u8>) {
    (class.to_owned(), subject.to_owned(), bytes.into())
}

#[track_caller]
fn refused(definition: &Definition, data: &[u8], said: &[&str]) {
    let wrong = compiled(definition).check(data, &mut Workspace::default()).unwrap_err();
    let texts: Vec<String> = wrong.iter().map(ToString::to_string).collect();
    assert_eq!(texts, said, "{data:?}");
}

#[track_caller]
fn faults(definition: &Definition, said: &[&str]) {
    let faults = compile(definition).map(|_| Vec::new()).unwrap_or_else(|faults| faults);
    assert_eq!(faults.iter().map(ToString::to_string).collect::<Vec<_>>(), said);
}

/// The document that is left for a reader who is cleared for these classes.
fn left(contract: &Contract, data: &[u8], cleared: &[&str]) -> Vec<u8> {
    let cleared: ClassSet = cleared.iter().map(|class| Class::from(*class)).collect();
    let checked = contract.check(data, &mut Workspace::default()).unwrap();
    redact(Format::Avro, data, &checked.spans, &checked.frames, |span| {
        !cleared.clears(&contract.classes()[span.class as usize])
    })
}

fn redacted_schema(contract: &Contract, cleared: &[&str]) -> Value {
    let cleared: ClassSet = cleared.iter().map(|class| Class::from(*class)).collect();
    serde_json::from_str(&contract.redacted_schema(&cleared)).unwrap()
}

/// Redacted for no class at all, by the redacted schema, as JSON.
fn left_value(definition: &Definition, data: &[u8]) -> Value {
    let contract = compiled(definition);
    let schema = contract.redacted_schema(&ClassSet::default());
    let value =
        decoded(&schema, &left(&contract, data, &[])).unwrap_or_else(|wrong| panic!("{wrong}\n{schema}"));
    value.try_into().unwrap()
}

/// A record with one field `f` of this type.
fn one(of: Value) -> Value {
    record("One", &[("f", of)])
}

#[test]
fn spans_are_the_sealed_fields_in_order_each_with_its_person() {
    let data = encoded(&birth().schema, ada());
    assert_eq!(
        found(&birth(), &data),
        [
            row("personal", "123456789", text("Ada")),
            row("personal", "123456789", long(20_000)),
            row("special", "123456789", [long(1), long(3200)].concat()),
            row("personal", "123456789", text("123456789")),
            row("personal", "7", [long(1), text("Ann")].concat()),
            row("personal", "7", long(7)),
            row("personal", "8", long(0)),
            row("personal", "8", long(8)),
            row("internal", "topic", text("4")),
        ]
    );
    let checked = compiled(&birth()).check(&data, &mut Workspace::default()).unwrap();
    assert_eq!(checked.subjects, ["123456789", "7", "8"]);
    assert_eq!((checked.key, checked.frames), (Some(Key::Subject(0)), Vec::new()));
}

#[test]
fn a_workspace_can_be_used_again_after_a_refusal() {
    let contract = compiled(&birth());
    let data = encoded(&birth().schema, ada());
    let mut work = Workspace::default();
    let first = contract.check(&data, &mut work).unwrap();
    for end in 0..data.len() {
        contract.check(&data[..end], &mut work).unwrap_err();
    }
    assert_eq!(contract.check(&data, &mut work).unwrap(), first);
}

#[test]
fn one_rule_on_an_inner_place_makes_one_span() {
    let child = record("Child", &[("name", json!("string")), ("id", json!("int"))]);
    let definition = definition(&one(child), &["/f/id"], json!({"/f": "personal"}));
    let data = [text("Ada"), long(5)].concat();
    assert_eq!(found(&definition, &data), [row("personal", "5", data.clone())]);
    assert_eq!(left_value(&definition, &data), json!({}));
}

#[test]
fn one_rule_over_several_persons_makes_one_span_for_each() {
    let person = record("Person", &[("name", json!("string")), ("id", json!("int"))]);
    let people = json!({"type": "array", "items": ["null", person]});
    let definition = definition(&one(people), &["/f/*/id"], json!({"/f": "personal"}));
    let items = [[long(1), text("A"), long(1)].concat(), long(0), [long(1), text("B"), long(2)].concat()];
    let data = [long(3), items.concat(), long(0)].concat();
    let expected = [
        row("personal", "1", items[0].clone()),
        row("personal", "topic", items[1].clone()),
        row("personal", "2", items[2].clone()),
    ];
    assert_eq!(found(&definition, &data), expected);
    assert_eq!(left_value(&definition, &data), json!({"f": [null, null, null]}));
}

/// `*` takes on a record's fields too, as it does in `classify`; and nobody is taken for the person before.
#[test]
fn each_person_is_bound_where_a_star_leads_to_items_in_one_branch_and_to_fields_in_another() {
    let person = record("Person", &[("name", json!("string")), ("id", json!("int"))]);
    let named = record("Couple", &[("one", json!("Person")), ("other", json!("Person"))]);
    let list = json!({"type": "array", "items": person});
    let people = json!({"type": "array", "items": [list, named]});
    let definition = definition(&one(people), &["/f/*/*/id"], json!({"/f": "personal"}));
    let person = |name: &str, id| [text(name), long(id)].concat();
    let ada = [long(1), person("Ada", 1), long(0)].concat();
    let data = [long(2), long(0), ada, long(1), person("Ben", 2), person("Cid", 3), long(0)].concat();
    let expected = [("Ada", 1), ("Ben", 2), ("Cid", 3)];
    let expected = expected.map(|(name, id)| row("personal", &id.to_string(), person(name, id)));
    assert_eq!(found(&definition, &data), expected);
}

#[test]
fn a_null_in_place_of_a_person_belongs_to_the_topic_but_not_a_null_identifier() {
    let mother = record("Person", &[("id", json!(["null", "string"])), ("name", json!("string"))]);
    let definition = definition(&one(json!(["null", mother])), &["/f/id"], json!({"/f": "personal"}));
    assert_eq!(found(&definition, &long(0)), [row("personal", "topic", long(0))]);
    let nameless = [long(1), long(0), text("Ann")].concat();
    refused(&definition, &nameless, &["no one to whom /f belongs: /f/id is missing"]);
}

#[test]
fn the_whole_document_can_be_one_span() {
    let definition = definition(&json!("string"), &[], json!({"": "internal"}));
    let contract = compiled(&definition);
    let checked = contract.check(&text("x"), &mut Workspace::default()).unwrap();
    let whole = Span { start: 0, end: 2, class: 0, subject: Span::TOPIC, look: Look::absent(Shape::Whole) };
    assert_eq!(checked.spans, [whole]);
    assert_eq!(redacted_schema(&contract, &[]), json!("null"));
    assert_eq!(left_value(&definition, &text("x")), json!(null));
}

#[test]
fn what_takes_no_bytes_is_not_sealed() {
    let schema = record(
        "R",
        &[
            ("a", json!("null")),
            ("b", record("Empty", &[])),
            ("c", json!({"type": "fixed", "name": "F", "size": 0})),
            ("d", json!("int")),
        ],
    );
    let definition = definition(&schema, &[], json!({"": "internal", "/d": "public"}));
    assert_eq!(found(&definition, &long(3)), []);
    assert_eq!(left_value(&definition, &long(3)), json!({"d": 3}));
}

#[test]
fn a_map_sealed_throughout_is_sealed_with_its_keys() {
    let definition = definition(
        &record("R", &[("m", json!({"type": "map", "values": "string"})), ("id", json!("string"))]),
        &["/id"],
        json!({"/m/*": "personal", "/id": "personal"}),
    );
    let map = [long(-1), long(4), text("k"), text("v"), long(0)].concat();
    let data = [map.clone(), text("1")].concat();
    assert_eq!(found(&definition, &data), [row("personal", "1", map), row("personal", "1", text("1"))]);
    assert_eq!(left_value(&definition, &data), json!({}));
    let checked = compiled(&definition).check(&data, &mut Workspace::default()).unwrap();
    assert_eq!(checked.frames, [], "what is sealed as a whole needs no frame inside");
}

#[test]
fn a_map_sealed_in_parts_keeps_its_keys() {
    let value = record("V", &[("a", json!("int")), ("b", json!("string"))]);
    let definition = definition(
        &one(json!({"type": "map", "values": value})),
        &[],
        json!({"/f/*/a": "public", "/f/*/b": "internal"}),
    );
    let data = [long(-1), long(5), text("k"), long(7), text("x"), long(0)].concat();
    assert_eq!(found(&definition, &data), [row("internal", "topic", text("x"))]);
    assert_eq!(left_value(&definition, &data), json!({"f": {"k": {"a": 7}}}));
    let left = left(&compiled(&definition), &data, &[]);
    assert_eq!(left, [long(-1), long(3), text("k"), long(7), long(0)].concat(), "the block's size is mended");
}

#[test]
fn a_map_whose_values_are_of_several_types_and_classes_is_refused() {
    let value = record("V", &[("a", json!("int"))]);
    let map = |values: Value, classify: Value| {
        compile(&definition(&one(json!({"type": "map", "values": values})), &[], classify))
    };
    let classes = json!({"/f/*": "internal", "/f/*/a": "public"});
    let faults = map(json!(["string", value]), classes.clone()).unwrap_err();
    let told = faults.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ");
    assert!(told.contains("/f/*: is a map's value of several types") && told.contains("one class"), "{told}");
    // Of one class it is sealed with its keys; without a text beside the record nothing goes as a whole.
    map(json!(["string", value]), json!({"/f/*": "internal"})).unwrap();
    map(json!(["null", value]), json!({"/f/*/a": "internal"})).unwrap();
    map(json!(["string", value]), json!({"/f/*": "public", "/f/*/a": "internal"})).unwrap();
}

#[test]
fn a_map_in_a_union_becomes_an_empty_branch() {
    let schema = one(json!(["null", {"type": "map", "values": "string"}, "string"]));
    let definition = definition(&schema, &[], json!({"/f/*": "internal", "/f": "public"}));
    let map = [long(1), text("k"), text("v"), long(0)].concat();
    let data = [long(1), map.clone()].concat();
    assert_eq!(found(&definition, &data), [row("internal", "topic", map)]);
    assert_eq!(left_value(&definition, &data), json!({"f": {}}));
    assert_eq!(found(&definition, &long(0)), []);
    assert_eq!(left_value(&definition, &long(0)), json!({"f": null}));
    let contract = compiled(&definition);
    let empty = json!({"type": "record", "name": "LeftOut1", "fields": []});
    assert_eq!(redacted_schema(&contract, &[])["fields"][0]["type"], json!(["null", empty, "string"]));
}

#[test]
fn sizes_of_blocks_are_mended_one_in_the_other() {
    let inner = record("In", &[("a", json!("int")), ("b", json!("string"))]);
    let list = json!({"type": "array", "items": {"type": "array", "items": inner}});
    let definition = definition(&one(list), &[], json!({"/f/*/*/a": "public", "/f/*/*/b": "internal"}));
    let block = |items: &[u8]| [long(-1), long(items.len() as i64), items.to_vec(), long(0)].concat();
    let with = |b: &[u8]| block(&block(&[long(5), b.to_vec()].concat()));
    let data = with(&text(&"x".repeat(200)));
    let contract = compiled(&definition);
    assert_eq!(contract.check(&data, &mut Workspace::default()).unwrap().frames.len(), 2);
    assert_eq!(left(&contract, &data, &[]), with(&[]));
    assert_eq!(left(&contract, &data, &["internal"]), data);
}

#[test]
fn the_items_of_a_list_are_left_out_one_by_one_where_the_list_has_no_rule() {
    let definition =
        definition(&one(json!({"type": "array", "items": "int"})), &[], json!({"/f/*": "internal"}));
    let data = [long(2), long(5), long(6), long(-1), long(1), long(7), long(0)].concat();
    assert_eq!(found(&definition, &data).len(), 3);
    assert_eq!(left_value(&definition, &data), json!({"f": [null, null, null]}));
}

#[test]
fn keys_and_identities_are_found_at_their_pointers() {
    let definition = |key: &str, identity: &str| Definition {
        key: KeyRule::At(key.parse().unwrap()),
        identity: Some(identity.parse().unwrap()),
        ..birth()
    };
    let data = encoded(&birth().schema, ada());
    let check = |definition: Definition| {
        let checked = compiled(&definition).check(&data, &mut Workspace::default()).unwrap();
        (checked.key, checked.identity)
    };
    let value = |text: &str, class| Some(Key::Value { text: text.to_owned(), class });
    assert_eq!(check(definition("/desk", "/kind")), (value("4", Class::Internal), Some("home".to_owned())));
    assert_eq!(
        check(definition("/registeredOn", "/registrationOffice")),
        (value("20001", Class::Public), Some("North".to_owned()))
    );
    assert_eq!(
        check(definition("/child/weightGrams", "/desk")),
        (value("3200", Class::Special), Some("4".to_owned()))
    );
    assert_eq!(check(definition("/child/personId", "/desk")).0, Some(Key::Subject(0)));
    assert_eq!(check(definition("/parents/1/personId", "/desk")).0, value("8", Class::Personal));
    assert_eq!(check(definition("/parents/9/personId", "/desk")).0, None);
}

#[test]
fn a_subject_can_be_the_item_of_an_index() {
    let person = record("P", &[("name", json!("string")), ("id", json!("int"))]);
    let definition = definition(
        &record("R", &[("note", json!("string")), ("people", json!({"type": "array", "items": person}))]),
        &["/people/1/id"],
        json!({"": "personal"}),
    );
    let data = [text("n"), long(2), text("A"), long(1), text("B"), long(2), long(0)].concat();
    assert!(found(&definition, &data).iter().all(|(_, subject, _)| subject == "2"));
    let data = [text("n"), long(0)].concat();
    let said = compiled(&definition).check(&data, &mut Workspace::default()).unwrap_err();
    assert!(said[0].text.starts_with("no one to whom "), "{said:?}");
}

#[test]
fn a_field_without_its_person_is_refused() {
    let person = |of: Value| record("P", &[("name", json!("string")), ("id", of)]);
    let classes = json!({"/name": "personal", "/id": "personal"});
    let make = |of: Value| definition(&person(of), &["/id"], classes.clone());
    let missing = ["/name", "/id"].map(|at| format!("no one to whom {at} belongs: /id is missing"));
    let data = [text("A"), long(0)].concat();
    refused(&make(json!(["null", "string"])), &data, &[&missing[0], &missing[1]]);
    let bad = ["/name", "/id"].map(|at| {
        format!("no one to whom {at} belongs: /id must be a string of 1 to 512 bytes or an integer in plain digits (value withheld)")
    });
    refused(&make(json!("string")), &[text("A"), text("")].concat(), &[&bad[0], &bad[1]]);
    refused(&make(json!("long")), &[text("A"), long(-5)].concat(), &[&bad[0], &bad[1]]);
    let long_one = [text("A"), text(&"9".repeat(513))].concat();
    refused(&make(json!("string")), &long_one, &[&bad[0], &bad[1]]);
}

#[test]
fn damage_is_told_with_the_place_and_the_byte() {
    let list = |of: Value| json!({"type": "array", "items": of});
    let map = |of: Value| json!({"type": "map", "values": of});
    let choice = json!({"type": "enum", "name": "E", "symbols": ["a", "b"]});
    let cases: Vec<(Value, Vec<u8>, &str)> = vec![
        (json!("int"), vec![], "/f cannot be read as Avro: the document ends inside it (byte 0)"),
        (json!("int"), long(1 << 31), "/f cannot be read as Avro: an int of more than 32 bits (byte 5)"),
        (json!("long"), vec![0xff; 10], "/f cannot be read as Avro: a number of more than 64 bits (byte 0)"),
        (
            json!("long"),
            vec![0x80, 0],
            "/f cannot be read as Avro: a number written with more bytes than it needs (byte 0)",
        ),
        (json!("boolean"), vec![2], "/f cannot be read as Avro: a boolean that is neither 0 nor 1 (byte 1)"),
        (json!("double"), vec![2], "/f cannot be read as Avro: the document ends inside it (byte 0)"),
        (
            json!("string"),
            long(5),
            "/f cannot be read as Avro: a length that reaches over the end of the document (byte 1)",
        ),
        (json!("bytes"), long(-5), "/f cannot be read as Avro: a negative length (byte 1)"),
        (
            json!("string"),
            vec![4, 0xc3, 0x28],
            "/f cannot be read as Avro: a text that is not UTF-8 (byte 3)",
        ),
        (choice, long(2), "/f cannot be read as Avro: the enumeration has no symbol 2 (byte 1)"),
        (json!(["null", "int"]), long(-1), "/f cannot be read as Avro: the union has no branch -1 (byte 1)"),
        (
            list(json!("int")),
            [long(-1), long(2), long(1), long(0)].concat(),
            "/f cannot be read as Avro: a block whose size is not that of its items (byte 3)",
        ),
        (
            list(json!("int")),
            [long(-1), long(9), long(1), long(0)].concat(),
            "/f cannot be read as Avro: a length that reaches over the end of the document (byte 2)",
        ),
        (
            list(json!("int")),
            [long(-1), long(-1), long(1), long(0)].concat(),
            "/f cannot be read as Avro: a negative length (byte 2)",
        ),
        (
            list(json!("int")),
            [long(2), long(1)].concat(),
            "/f/1 cannot be read as Avro: the document ends inside it (byte 2)",
        ),
        (
            list(json!("null")),
            [long(i64::MIN), long(0), long(0)].concat(),
            "/f cannot be read as Avro: more items than the document has bytes for (byte 11)",
        ),
        (
            list(json!("null")),
            [long(1 << 40), long(0)].concat(),
            "/f cannot be read as Avro: more items than the document has bytes for (byte 6)",
        ),
        (
            map(json!("int")),
            [long(1), text("k")].concat(),
            "/f/* cannot be read as Avro: the document ends inside it (byte 3)",
        ),
        (
            map(json!("int")),
            [long(2), text("k"), long(1), text("k"), long(2), long(0)].concat(),
            "/f has the same key twice",
        ),
        (
            json!("null"),
            vec![0],
            "the document cannot be read as Avro: something follows the document (byte 0)",
        ),
    ];
    for (of, data, said) in cases {
        refused(&definition(&one(of), &[], json!({"": "public"})), &data, &[said]);
    }
}

#[test]
fn many_empty_items_are_counted_and_not_walked_without_end() {
    let definition = definition(&one(json!({"type": "array", "items": "null"})), &[], json!({"": "public"}));
    let contract = compiled(&definition);
    let check = |count: i64| contract.check(&[long(count), long(0)].concat(), &mut Workspace::default());
    assert!(check(1024).is_ok());
    assert!(check(1030).is_err());
}

#[test]
fn a_document_has_its_limits() {
    let node = record("Node", &[("next", json!(["null", "Node"]))]);
    let definition = definition(&node, &[], json!({"": "internal"}));
    let contract = compiled(&definition);
    let nested = |depth: usize| [vec![2; depth - 1], vec![0]].concat();
    assert!(contract.check(&nested(64), &mut Workspace::default()).is_ok());
    let said = contract.check(&nested(65), &mut Workspace::default()).unwrap_err();
    assert!(
        said[0].text.ends_with("/next cannot be read as Avro: nested deeper than 64 levels (byte 64)"),
        "{said:?}"
    );
    let small = contract::limits::Limits { document_bytes: 3, depth: 64 };
    let said = contract.check(&nested(4), &mut Workspace::with_limits(small)).unwrap_err();
    assert_eq!(said[0].text, "the document cannot be read as Avro: longer than 3 bytes");
}

#[test]
fn logical_types_are_kept_and_only_public_values_shown() {
    let date = json!({"type": "int", "logicalType": "date"});
    let millis = json!({"type": "int", "logicalType": "time-millis"});
    let micros = json!({"type": "long", "logicalType": "time-micros"});
    let uuid = json!({"type": "string", "logicalType": "uuid"});
    let decimal = json!({"type": "bytes", "logicalType": "decimal", "precision": 3, "scale": 2});
    let cases: Vec<(Value, Vec<u8>, &str, &str)> = vec![
        (date.clone(), long(2_932_897), "2932897", "is not a date of the years 1 to 9999"),
        (date, long(-719_163), "-719163", "is not a date of the years 1 to 9999"),
        (millis.clone(), long(86_400_000), "86400000", "is not a time of day in milliseconds"),
        (millis, long(-1), "-1", "is not a time of day in milliseconds"),
        (micros, long(86_400_000_000), "86400000000", "is not a time of day in microseconds"),
        (uuid, text("8c7b2c9e"), "", "is not a UUID"),
        (decimal, [long(2), vec![3, 232]].concat(), "", "is not a decimal of at most 3 digits"),
    ];
    for (of, data, value, said) in cases {
        let public = definition(&one(of.clone()), &[], json!({"/f": "public"}));
        refused(&public, &data, &[&format!("/f {value} {said}").replace("  ", " ")]);
        let internal = definition(&one(of), &[], json!({"": "internal"}));
        refused(&internal, &data, &[&format!("/f {said} (value withheld: internal)")]);
    }
    let accepted = [
        (json!({"type": "int", "logicalType": "date"}), long(2_932_896)),
        (json!({"type": "int", "logicalType": "time-millis"}), long(86_399_999)),
        (json!({"type": "long", "logicalType": "timestamp-micros"}), long(i64::MIN)),
        (json!({"type": "string", "logicalType": "uuid"}), text("8c7b2c9e-53f6-4f8e-9c1d-0123456789ab")),
        (
            json!({"type": "bytes", "logicalType": "decimal", "precision": 3}),
            [long(2), vec![3, 231]].concat(),
        ),
        (json!({"type": "string", "logicalType": "of-our-own"}), text("x")),
    ];
    for (of, data) in accepted {
        assert_eq!(found(&definition(&one(of), &[], json!({"": "public"})), &data), []);
    }
}

#[test]
fn a_map_keyed_by_persons_does_not_leak_its_keys() {
    let date = json!({"type": "int", "logicalType": "date"});
    let make =
        |class: &str| definition(&one(json!({"type": "map", "values": date})), &[], json!({"/f/*": class}));
    let data = [long(1), text("123456789"), long(99_999_999), long(0)].concat();
    let said = "/f/* is not a date of the years 1 to 9999 (value withheld: internal)";
    refused(&make("internal"), &data, &[said]);
    let said = "/f/123456789 99999999 is not a date of the years 1 to 9999";
    refused(&make("public"), &data, &[said]);
}

#[test]
fn at_most_ten_violations_are_told() {
    let date = json!({"type": "int", "logicalType": "date"});
    let definition =
        definition(&one(json!({"type": "array", "items": date})), &[], json!({"/f/*": "public"}));
    let data = [long(50), long(99_999_999).repeat(50), long(0)].concat();
    assert_eq!(compiled(&definition).check(&data, &mut Workspace::default()).unwrap_err().len(), 10);
}

#[test]
fn a_schema_must_be_avro_that_means_one_thing() {
    let schema = |text: &str| Definition {
        schema: text.to_owned(),
        ..definition(&json!("string"), &[], json!({"": "public"}))
    };
    let field =
        |of: &str| format!(r#"{{"type": "record", "name": "R", "fields": [{{"name": "f", "type": {of}}}]}}"#);
    let cases: Vec<(String, &str)> = vec![
        ("{".to_owned(), "schema: is not JSON: the text ends inside a value (byte 1); correct the text"),
        (
            r#"{"type": "string", "type": "int"}"#.to_owned(),
            "schema: is not JSON: an object has the same key twice (byte 19); correct the text",
        ),
        ("7".to_owned(), "schema: is no type; write a type's name, an object or a list of types"),
        (
            field(r#""Other""#),
            "schema/fields/0/type: \"Other\" is no type that is defined before this place; define it where it stands first; nothing is ever fetched",
        ),
        (
            field("[]"),
            "schema/fields/0/type: is a union without branches; name the types that may stand here",
        ),
        (
            field(r#"["null", {"type": ["int"]}]"#),
            "schema/fields/0/type/1: is a union directly in a union; list its branches in the outer one",
        ),
        (
            field(r#"{"type": "array"}"#),
            "schema/fields/0/type: does not say its `items`; add the type of what it holds",
        ),
        (
            field(r#"{"type": "fixed", "name": "F"}"#),
            "schema/fields/0/type: does not say its `size`; add the number of bytes",
        ),
        (
            field(r#"{"type": "enum", "name": "E", "symbols": []}"#),
            "schema/fields/0/type: does not list its `symbols`; add at least one, as texts",
        ),
        (
            field(r#"{"type": "enum", "name": "R", "symbols": ["a"]}"#),
            "schema/fields/0/type: defines R a second time; refer to the first, or rename one",
        ),
        (
            field(r#"{"type": "enum", "name": "string", "symbols": ["a"]}"#),
            "schema/fields/0/type: \"string\" is no name for a type; give it one of letters, digits and _, other than those of Avro's own types",
        ),
        (field(r#"{"items": "int"}"#), "schema/fields/0/type: does not say its type; add `type`"),
        (
            field(r#"{"type": "bytes", "logicalType": "decimal"}"#),
            "schema/fields/0/type: the decimal's precision is not said; say `precision` (1 to 1000) and `scale` (0 to precision) as whole numbers",
        ),
        (
            field(r#"{"type": "fixed", "name": "F", "size": 1, "logicalType": "decimal", "precision": 3}"#),
            "schema/fields/0/type: 1 bytes cannot hold every decimal of 3 digits; make `size` larger or `precision` smaller",
        ),
        (
            field(r#"{"type": "bytes", "logicalType": "big-decimal"}"#),
            "schema/fields/0/type: the logical type big-decimal is read differently by different libraries; use decimal, with `precision` and `scale`",
        ),
        (
            field(r#"{"type": {"type": "int"}, "logicalType": "date"}"#),
            "schema/fields/0/type: has a logical type, but not on the type itself, so readers would ignore it; move `logicalType` into the type's own definition",
        ),
    ];
    for (text, said) in cases {
        faults(&schema(&text), &[said]);
    }
    let said = compile(&schema(&field(r#"["int", {"type": "int", "logicalType": "date"}]"#))).unwrap_err();
    assert!(said[0].problem.starts_with("is not valid Avro: "), "two branches of one type: {said:?}");
    let said = compile(&schema(&field(r#"{"type": "long", "logicalType": "date"}"#))).unwrap_err();
    assert!(said[0].problem.contains("logical type date does not stand on this type"), "{said:?}");
}

#[test]
fn every_place_is_classified() {
    let leaf = json!("string");
    let said = |at: &str| {
        format!("{at}: is not classified; add {at:?} to `classify`: public, internal, personal or special")
    };
    let cases = [
        (one(leaf.clone()), "/f"),
        (one(json!({"type": "array", "items": leaf})), "/f/*"),
        (one(json!({"type": "map", "values": leaf})), "/f/*"),
        (one(json!(["null", record("In", &[("g", leaf.clone())])])), "/f/g"),
        (json!([record("A", &[("a", leaf.clone())]), record("B", &[])]), "/a"),
    ];
    for (schema, at) in cases {
        faults(&definition(&schema, &[], json!({})), &[&said(at)]);
        compiled(&definition(&schema, &[], json!({at: "internal"})));
    }
    let tree = record("Node", &[("value", leaf), ("next", json!(["null", "Node"]))]);
    faults(
        &definition(&tree, &[], json!({"/value": "public"})),
        &[
            "/next: the schema comes round to itself here and nothing covers it; classify \"/next\" or a place above it, so that one class covers every depth",
        ],
    );
    compiled(&definition(&tree, &[], json!({"/value": "public", "/next": "internal"})));
    faults(
        &definition(&one(json!("int")), &[], json!({"/f": "public", "/g": "public"})),
        &[
            "/g: is classified, but the schema has no such place; correct the pointer or remove the line from `classify`",
        ],
    );
}

#[test]
fn people_are_named_by_texts_and_integers_and_not_inside_maps() {
    let make = |of: Value| definition(&one(of), &["/f"], json!({"/f": "personal"}));
    compiled(&make(json!("long")));
    compiled(&make(json!({"type": "string", "logicalType": "uuid"})));
    for (of, types) in [(json!("bytes"), "bytes"), (json!("double"), "number")] {
        let said = format!(
            "/f: is a subject, but may be {types}; an identifier is a string or an integer: say so with `type`"
        );
        faults(&make(of), &[&said]);
    }
    let person = record("P", &[("id", json!("string"))]);
    let map = one(json!({"type": "map", "values": person}));
    faults(
        &definition(&map, &["/f/*/id"], json!({"/f/*/id": "personal"})),
        &["/f: is a map, and /f/*/id names another person in each of its entries; use an array of records"],
    );
    let list = json!({"type": "array", "items": {"type": "array", "items": person}});
    let fields = record("R", &[("m", json!({"type": "map", "values": "P"}))]);
    faults(
        &definition(&one(json!([list, fields])), &["/f/*/*/id"], json!({"/f": "personal"})),
        &[
            "/f/*: is a map, and /f/*/*/id names another person in each of its entries; use an array of records",
        ],
    );
    let mut bytes = definition(&one(json!("bytes")), &[], json!({"/f": "public"}));
    bytes.identity = Some("/f".parse().unwrap());
    faults(&bytes, &["identity: /f is bytes; name a string, a number or a boolean"]);
}

#[test]
fn the_redacted_schema_keeps_what_others_wrote() {
    let schema = json!({
        "type": "record", "name": "Person", "namespace": "civil", "doc": "A person.", "owner": {"team": 7},
        "fields": [
            {"name": "id", "type": "string", "confluent:tags": ["PII"]},
            {"name": "office", "type": ["null", "string"], "default": null, "aliases": ["bureau"], "order": "ignore"},
            {"name": "note", "type": {"type": "string", "avro.java.string": "String"}, "default": "none"}
        ]
    });
    let definition =
        definition(&schema, &["/id"], json!({"/id": "personal", "/office": "public", "/note": "internal"}));
    let contract = compiled(&definition);
    assert_eq!(redacted_schema(&contract, &["internal", "personal"]), schema);
    let mut expected = schema.clone();
    expected["fields"].as_array_mut().unwrap().remove(0);
    assert_eq!(redacted_schema(&contract, &["internal"]), expected);
    expected["fields"].as_array_mut().unwrap().remove(1);
    assert_eq!(redacted_schema(&contract, &[]), expected);
}

#[test]
fn a_type_with_two_fates_has_two_definitions() {
    let address = record("Address", &[("city", json!("string")), ("street", json!("string"))]);
    let mut schema = record(
        "R",
        &[
            ("gone", address),
            ("work", json!("Address")),
            ("home", json!("Address")),
            ("second", json!({"type": "array", "items": "Address"})),
        ],
    );
    schema["namespace"] = json!("a.b");
    let definition = definition(
        &schema,
        &[],
        json!({
            "/gone": "internal", "/work": "public", "/home/city": "public", "/home/street": "internal",
            "/second/*/city": "public", "/second/*/street": "internal"
        }),
    );
    let redacted = redacted_schema(&compiled(&definition), &[]);
    let types: Vec<&Value> =
        redacted["fields"].as_array().unwrap().iter().map(|field| &field["type"]).collect();
    let city = json!({"name": "city", "type": "string"});
    let street = json!({"name": "street", "type": "string"});
    assert_eq!(*types[0], json!({"type": "record", "name": "Address", "fields": [city, street]}));
    assert_eq!(
        *types[1],
        json!({"type": "record", "name": "Address_redacted1", "namespace": "a.b", "fields": [city]})
    );
    assert_eq!(*types[2], json!({"type": "array", "items": "a.b.Address_redacted1"}));
    let address = |street: &str| json!({"city": "c", "street": street});
    let value =
        json!({"gone": address("1"), "work": address("2"), "home": address("3"), "second": [address("4")]});
    let left = json!({"work": address("2"), "home": {"city": "c"}, "second": [{"city": "c"}]});
    assert_eq!(left_value(&definition, &encoded(&definition.schema, value)), left);
}

#[test]
fn a_definition_that_moves_keeps_its_namespace() {
    let inner = json!({"type": "record", "name": "In", "namespace": "x", "fields": [
        {"name": "e", "type": {"type": "enum", "name": "E", "symbols": ["a"]}}
    ]});
    let schema = json!({"type": "record", "name": "y.R", "fields": [
        {"name": "gone", "type": inner}, {"name": "e", "type": "x.E"}
    ]});
    let definition = definition(&schema, &[], json!({"/gone": "internal", "/e": "public"}));
    let redacted = redacted_schema(&compiled(&definition), &[]);
    assert_eq!(
        redacted["fields"],
        json!([{"name": "e", "type": {"type": "enum", "name": "E", "namespace": "x", "symbols": ["a"]}}])
    );
    let data = encoded(&definition.schema, json!({"gone": {"e": "a"}, "e": "a"}));
    assert_eq!(left_value(&definition, &data), json!({"e": "a"}));
}

#[test]
fn the_fields_that_changed_are_named() {
    let old = definition(
        &record("R", &[("a", json!("string")), ("b", json!({"type": "array", "items": "int"}))]),
        &[],
        json!({"": "public"}),
    );
    let new = definition(
        &record("R", &[("a", json!(["null", "bytes"])), ("c", json!("double"))]),
        &[],
        json!({"": "public"}),
    );
    let differences = |old: &Definition, new: &Definition| -> Vec<String> {
        impact(&compiled(old), &compiled(new)).into_iter().map(|effect| effect.what).collect()
    };
    let said = differences(&old, &new);
    assert_eq!(said, ["/a was string, is null or bytes", "/b is gone", "/c is new: number, public"]);
    let laid_out = Definition { schema: format!(" {} ", old.schema), ..old.clone() };
    assert!(differences(&old, &laid_out).is_empty());
}
