//! Fields that are sealed end to end: what a contract may ask, where they are, and what a change of it means.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking, in its helpers too")]

use crate::support::{compiled, definition, object};
use contract::migration::Lens;
use contract::{Class, ContractVersion, Definition, KeyRule, Pointer, Weight, compile, impact};
use serde_json::{Value, json};

fn case(end_to_end: &[&str]) -> Definition {
    let (text, maybe) = (json!({"type": "string"}), json!({"type": ["string", "null"]}));
    let schema = object(json!({
        "person": text, "office": text, "finding": text,
        "tests": {"type": "array", "items": object(json!({"kind": text, "result": maybe}))},
        "byDay": {"type": "object", "additionalProperties": text}
    }));
    let classify = json!({
        "/person": "personal", "/office": "public", "/finding": "special", "/tests/*/kind": "public",
        "/tests/*/result": "special", "/byDay/*": "special"
    });
    let mut definition = definition(&schema, &["/person"], classify);
    definition.end_to_end = end_to_end.iter().map(|class| Class::from(*class)).collect();
    definition
}

#[test]
fn its_values_are_found_with_their_places_and_names_in_maps_are_not_shown() {
    let contract = compiled(&case(&["special"]));
    let document = json!({
        "person": "1", "office": "North", "finding": "a", "tests": [{"kind": "x"}, {"kind": "y", "result": "b"},
        {"kind": "z", "result": null}], "byDay": {"1980~1/x": "c"}
    });
    let values = contract.end_to_end_values(document.to_string().as_bytes()).unwrap();
    let told: Vec<_> = values
        .iter()
        .map(|value| (value.pointer.as_str(), value.shown.as_str(), value.text.as_str()))
        .collect();
    assert_eq!(
        told,
        [
            ("/finding", "/finding", "a"),
            ("/tests/1/result", "/tests/1/result", "b"),
            ("/byDay/1980~01~1x", "/byDay/*", "c")
        ]
    );
    assert!(values.iter().all(|value| value.class == Class::Special));
    let fields: Vec<String> = contract.end_to_end_fields().map(|(pointer, _)| pointer.to_string()).collect();
    assert_eq!(fields, ["/byDay/*", "/finding", "/tests/*/result"]);
    let plain = compiled(&case(&[]));
    let found = plain.end_to_end_values(document.to_string().as_bytes());
    assert!(!plain.is_end_to_end() && found.unwrap().is_empty());
    // What is no document is not one without anything to seal.
    assert!(contract.end_to_end_values(b"{\"finding\": ").is_err());
}

/// What is told of them is bounded by the document, whatever stands above them and however many there are.
#[test]
fn a_long_name_and_very_many_values_are_refused_before_they_are_told() {
    let contract = compiled(&case(&["special"]));
    let told = |rest: Value| {
        let mut document = json!({"person": "1", "office": "North", "finding": "a"});
        document.as_object_mut().unwrap().extend(rest.as_object().unwrap().clone());
        let values = contract.end_to_end_values(document.to_string().as_bytes());
        values.map(|values| values.len()).map_err(|why| why.to_string())
    };
    let long = |bytes: usize| json!({"byDay": {"k".repeat(bytes): ""}});
    let why = told(long(5000)).unwrap_err();
    assert!(why.starts_with("/byDay/*: its place is longer") && !why.contains("kkk"), "{why}");
    assert_eq!(told(long(4000)), Ok(2));
    let many = vec![json!({"kind": "", "result": ""}); 20_000];
    assert!(told(json!({"tests": many})).unwrap_err().contains("than can be told"));
}

#[test]
fn what_cannot_be_is_told() {
    let faults = |definition: &Definition| -> Vec<String> {
        compile(definition).unwrap_err().iter().map(ToString::to_string).collect()
    };
    let with = |schema: Value, classify: Value| {
        let mut definition = definition(&schema, &["/id"], classify);
        definition.end_to_end = [Class::Special].into();
        definition
    };
    let said = |definition: &Definition, text: &str| {
        let faults = faults(definition);
        assert!(faults.iter().any(|fault| fault.contains(text)), "{text}: {faults:?}");
    };
    said(&case(&["internal"]), "end_to_end: internal is nobody's data");
    said(&case(&["public"]), "end_to_end: public is nobody's data");
    said(&case(&["secret"]), "end_to_end: no field is secret");
    said(&case(&["personal"]), "/person: is a subject, and sealed end to end");
    let text = json!({"type": "string"});
    let of = |inner: Value| {
        with(object(json!({"id": text, "a": inner})), json!({"/id": "personal", "/a": "special"}))
    };
    said(
        &of(json!({"type": "integer"})),
        "/a: is special, which is end to end, and may be integer; let it be a string",
    );
    said(&of(object(json!({"b": text}))), "/a: is special, which is end to end, and may be object");
    said(&of(json!({"type": "array", "items": text})), "and may be array");
    said(&of(json!({})), "and may be anything");
    said(&of(json!({"enum": ["ill", "well"]})), "its schema admits no sealed text");
    said(&of(json!({"type": "string", "format": "date"})), "its schema admits no sealed text");
    for (keyword, value) in [
        ("const", json!("ill")),
        ("format", json!("email")),
        ("pattern", json!("^[A-Z]")),
        ("maxLength", json!(20)),
        ("contentEncoding", json!("base64")),
    ] {
        let told = format!("admits no sealed text: it has `{keyword}`; leave `{keyword}` out");
        said(&of(json!({"type": "string", keyword: value})), &told);
        said(&of(json!({"type": "string", "anyOf": [{keyword: value}, {"minLength": 1}]})), &told);
    }
    let free = json!({"type": "string", "minLength": 1, "contentMediaType": "text/plain"});
    compile(&of(free)).unwrap();
    let masked = with(
        object(json!({"id": text, "a": text})),
        json!({"/id": "personal", "/a": {"class": "special", "redact": "last 4"}}),
    );
    said(&masked, "/a: is to be shown as last 4, but is sealed end to end");
    let keyed = Definition { key: KeyRule::At(Pointer::parse("/finding").unwrap()), ..case(&["special"]) };
    said(&keyed, "key: /finding is sealed end to end, differently each time");
    // By whatever words it is covered.
    let people = object(json!({"people": object(json!({"a": text, "b": text}))}));
    let mut covered = definition(&people, &["/people/a"], json!({"/people/*": "personal"}));
    covered.end_to_end = [Class::Personal].into();
    covered.key = KeyRule::At(Pointer::parse("/people/b").unwrap());
    said(&covered, "/people/a: is a subject, and sealed end to end");
    said(&covered, "key: /people/b is sealed end to end, differently each time");
    // What is divided between people is covered in parts; the rule names it as a whole all the same.
    let person = object(json!({"id": text, "finding": text}));
    let several = object(json!({"people": {"type": "array", "items": person}}));
    for classify in [
        json!({"/people": "special", "/people/*/id": "personal"}),
        json!({"/people/*": "special", "/people/*/id": "personal"}),
    ] {
        let mut divided = definition(&several, &["/people/*/id"], classify);
        divided.end_to_end = [Class::Special].into();
        said(&divided, "is special, which is end to end, and may be");
    }
    let mut attribute = case(&["special"]);
    attribute.extensions.insert("ward".to_owned(), Class::Special);
    said(&attribute, "extensions/ward: is special, which is end to end");
}

#[test]
fn asking_for_it_breaks_and_giving_it_up_is_less_protective() {
    let (plain, sealed) = (compiled(&case(&[])), compiled(&case(&["special"])));
    let told = |old, new| -> Vec<_> {
        impact(old, new).into_iter().map(|effect| (effect.what, effect.weight, effect.after)).collect()
    };
    let special = Some(Class::Special);
    let asks = "special is sealed end to end from now on: readers need a key of their agency";
    assert_eq!(told(&plain, &sealed), [(asks.to_owned(), Weight::Breaking, special.clone())]);
    let gives_up = "special is not sealed end to end any more: the bus can open it";
    assert_eq!(told(&sealed, &plain), [(gives_up.to_owned(), Weight::LessProtective, special)]);
    assert_eq!(told(&sealed, &sealed), []);
}

#[test]
fn a_field_that_leaves_such_a_class_is_less_protected_whichever_class_it_comes_to() {
    let finding = |class: &str| {
        let text = json!({"type": "string"});
        let schema = object(json!({"person": text, "office": text, "finding": text}));
        let classify = json!({"/person": "special", "/office": "personal", "/finding": class});
        let mut definition = definition(&schema, &["/person"], classify);
        definition.end_to_end = [Class::Personal].into();
        compiled(&definition)
    };
    let told = |old, new| -> Vec<_> {
        impact(old, new).into_iter().map(|effect| (effect.what, effect.weight)).collect()
    };
    // Stricter, so for its readers it is breaking; and the bus can open it, which is more than that.
    let (sealed, open) = (finding("personal"), finding("special"));
    assert_eq!(
        told(&sealed, &open),
        [
            ("/finding was personal, is special".to_owned(), Weight::Breaking),
            (
                "/finding is not sealed end to end any more: the bus can open it".to_owned(),
                Weight::LessProtective
            ),
        ]
    );
    assert_eq!(
        told(&open, &sealed)[1],
        (
            "/finding is sealed end to end from now on: readers need a key of their agency".to_owned(),
            Weight::Breaking
        )
    );
}

#[test]
fn a_migration_leaves_such_values_alone() {
    let next = |of: Definition, steps: Value| {
        let migration = Some(serde_json::from_value(steps).unwrap());
        compiled(&Definition { version: ContractVersion(2), migration, ..of })
    };
    let old = compiled(&case(&["special"]));
    let faults = |new: &contract::Contract| -> Vec<String> {
        Lens::of(&old, new).map(drop).unwrap_err().iter().map(ToString::to_string).collect()
    };
    assert!(Lens::of(&old, &next(case(&["special"]), json!([]))).is_ok());
    assert!(
        Lens::of(
            &old,
            &next(case(&["special"]), json!([{"mapped": {"at": "/office", "values": {"N": "S"}}}]))
        )
        .is_ok()
    );
    for step in [
        json!({"mapped": {"at": "/finding", "values": {"a": "b"}}}),
        json!({"converted": {"at": "/tests/*/result", "old": "string", "new": "integer"}}),
    ] {
        let told = faults(&next(case(&["special"]), json!([step])));
        assert!(told.iter().any(|fault| fault.contains("is sealed end to end, for its place")), "{told:?}");
    }
    let told = faults(&next(case(&[]), json!([])));
    assert!(
        told.iter().any(|fault| fault.contains("/finding is sealed end to end in one of the versions only")),
        "{told:?}"
    );
}
