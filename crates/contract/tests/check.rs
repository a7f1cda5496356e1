//! Checking documents: which bytes are whose, and what is refused in which words.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking, in its helpers too")]

use crate::support::{birth, compiled, definition, object};
use contract::{Class, Key, Look, Shape, Span, Violation, Workspace};
use serde_json::json;

const BIRTH: &str = r#"{"child": {"personId": "123456789", "name": "Ada", "weightGrams": 3200},
 "parents": [{"personId": 7, "name": "Ann"}, {"personId": 8}], "registrationOffice": "North", "desk": "4"}"#;

/// Each span's class, subject and text.
fn found(definition: &contract::Definition, text: &str) -> Vec<(String, String, String)> {
    let contract = compiled(definition);
    let checked = contract.check(text.as_bytes(), &mut Workspace::default()).unwrap();
    let subject = |span: &Span| match span.subject {
        Span::TOPIC => "topic".to_owned(),
        person => checked.subjects[person as usize].clone(),
    };
    let part = |span: &Span| {
        let class = contract.classes()[span.class as usize].to_string();
        (class, subject(span), text[span.start as usize..span.end as usize].to_owned())
    };
    checked.spans.iter().map(part).collect()
}

fn row(class: &str, subject: &str, text: &str) -> (String, String, String) {
    (class.to_owned(), subject.to_owned(), text.to_owned())
}

fn violations(definition: &contract::Definition, text: &str) -> Vec<Violation> {
    compiled(definition).check(text.as_bytes(), &mut Workspace::default()).unwrap_err()
}

#[track_caller]
fn refused(definition: &contract::Definition, text: &str, said: &[&str]) {
    let texts: Vec<String> = violations(definition, text).iter().map(ToString::to_string).collect();
    assert_eq!(texts, said, "{text}");
}

#[test]
fn spans_are_the_sealed_members_in_order_each_with_its_person() {
    assert_eq!(
        found(&birth(), BIRTH),
        [
            row("personal", "123456789", r#""personId": "123456789""#),
            row("personal", "123456789", r#""name": "Ada""#),
            row("special", "123456789", r#""weightGrams": 3200"#),
            row("personal", "7", r#""personId": 7"#),
            row("personal", "7", r#""name": "Ann""#),
            row("personal", "8", r#""personId": 8"#),
            row("internal", "topic", r#""desk": "4""#),
        ]
    );
}

#[test]
fn a_workspace_can_be_used_again_after_a_refusal() {
    let contract = compiled(&birth());
    let mut work = Workspace::default();
    let first = contract.check(BIRTH.as_bytes(), &mut work).unwrap();
    contract.check(b"{\"a\"", &mut work).unwrap_err();
    contract.check(b"{}", &mut work).unwrap_err();
    assert_eq!(contract.check(BIRTH.as_bytes(), &mut work).unwrap(), first);
    assert_eq!(first.key, Some(Key::Subject(0)));
}

#[test]
fn one_rule_on_an_inner_place_makes_one_span() {
    let child = object(json!({"personId": {"type": "string"}, "name": {"type": "string"}}));
    let mut definition =
        definition(&object(json!({"child": child})), &["/child/personId"], json!({"/child": "personal"}));
    assert_eq!(
        found(&definition, r#"{"child":{"name":"A","personId":"1"}}"#),
        [row("personal", "1", r#""child":{"name":"A","personId":"1"}"#)]
    );
    definition.classify.insert("/child/name".parse().unwrap(), Class::Special.into());
    assert_eq!(
        found(&definition, r#"{"child":{"name":"A","personId":"1"}}"#),
        [row("special", "1", r#""name":"A""#), row("personal", "1", r#""personId":"1""#)]
    );
}

#[test]
fn one_rule_over_several_persons_makes_one_span_for_each() {
    let person = object(json!({"id": {"type": "integer"}, "name": {"type": "string"}}));
    let schema = object(json!({"people": {"type": "array", "items": person}}));
    let definition = definition(&schema, &["/people/*/id"], json!({"/people": "personal"}));
    assert_eq!(
        found(&definition, r#"{"people":[{"id":1,"name":"A"},{"id":2}]}"#),
        [row("personal", "1", r#"{"id":1,"name":"A"}"#), row("personal", "2", r#"{"id":2}"#)]
    );
}

#[test]
fn the_whole_document_can_be_one_span() {
    let schema = json!({"type": "string"});
    let definition = definition(&schema, &[], json!({"": "internal"}));
    let contract = compiled(&definition);
    let checked = contract.check(b" \"x\" ", &mut Workspace::default()).unwrap();
    let whole = Span { start: 1, end: 4, class: 0, subject: Span::TOPIC, look: Look::absent(Shape::Whole) };
    assert_eq!(checked.spans, [whole]);
}

#[test]
fn a_map_binds_the_star_to_its_own_key() {
    let person = object(json!({"id": {"type": "string"}, "phone": {"type": "string"}}));
    let schema = object(json!({"people": {"type": "object", "additionalProperties": person}}));
    let definition = definition(
        &schema,
        &["/people/*/id"],
        json!({"/people/*/id": "personal", "/people/*/phone": "personal"}),
    );
    assert_eq!(
        found(&definition, r#"{"people":{"a":{"id":"1","phone":"p"},"b":{"phone":"q","id":"2"}}}"#),
        [
            row("personal", "1", r#""id":"1""#),
            row("personal", "1", r#""phone":"p""#),
            row("personal", "2", r#""phone":"q""#),
            row("personal", "2", r#""id":"2""#),
        ]
    );
}

#[test]
fn a_star_does_not_reach_into_a_member_that_rules_name() {
    let node = object(json!({"value": {"type": "string"}, "below": {"$ref": "#/$defs/node"}}));
    let mut schema =
        object(json!({"id": {"type": "string"}, "tree": object(json!({"root": {"$ref": "#/$defs/node"},
        "leaf": object(json!({"value": {"type": "string"}}))}))}));
    schema["$defs"] = json!({"node": node});
    let classify =
        json!({"/id": "personal", "/tree": "internal", "/tree/*/*": "public", "/tree/root": "special"});
    let definition = definition(&schema, &["/id"], classify);
    assert_eq!(
        found(
            &definition,
            r#"{"id":"1","tree":{"root":{"value":"v","below":{"value":"w"}},"leaf":{"value":"x"}}}"#
        ),
        [
            row("personal", "1", r#""id":"1""#),
            row("special", "1", r#""root":{"value":"v","below":{"value":"w"}}"#),
        ],
        "the public of any member is not that of the tree's root"
    );
}

#[test]
fn escaped_keys_are_the_same_keys() {
    let text = "{\"child\":{\"personId\":\"123456789\",\"n\\u0061me\":\"Ada\"},\"registrationOffice\":\"N\"}";
    assert_eq!(found(&birth(), text)[1], row("personal", "123456789", "\"n\\u0061me\":\"Ada\""));
}

#[test]
fn a_key_at_a_pointer_comes_with_its_class() {
    let mut definition = birth();
    definition.key = contract::KeyRule::At("/desk".parse().unwrap());
    let checked = compiled(&definition).check(BIRTH.as_bytes(), &mut Workspace::default()).unwrap();
    assert_eq!(checked.key, Some(Key::Value { text: "4".to_owned(), class: Class::Internal }));
    definition.key = contract::KeyRule::At("/child/personId".parse().unwrap());
    let checked = compiled(&definition).check(BIRTH.as_bytes(), &mut Workspace::default()).unwrap();
    assert_eq!(checked.key, Some(Key::Subject(0)));
}

#[test]
fn public_values_are_shown_and_others_withheld() {
    let base = |extra: &str| {
        format!(r#"{{"child":{{"personId":"123456789","name":"Ada"}},"registrationOffice":"N"{extra}}}"#)
    };
    refused(
        &birth(),
        &base(r#","registeredOn":"2026-13-01""#),
        &[r#"/registeredOn "2026-13-01" is not a date"#],
    );
    refused(&birth(), &base(r#","kind":"car""#), &[r#"/kind "car" is not one of "hospital", "home""#]);
    refused(&birth(), &base(r#","desk":5"#), &["/desk is not a string (value withheld: internal)"]);
    refused(
        &birth(),
        &base(r#","parents":[{"personId":7},{"personId":8},{"personId":9}]"#),
        &["/parents has more than 2 elements"],
    );
    refused(
        &birth(),
        &base(r#","parents":[{"personId":7,"name":9}]"#),
        &["/parents/0/name is not a string (value withheld: personal)"],
    );
    let child = |child: &str| format!(r#"{{"child":{child},"registrationOffice":"N"}}"#);
    let cases = [
        (
            r#"{"personId":"12","name":"Ada"}"#,
            "/child/personId does not match the pattern ^[0-9]{9}$ (value withheld: personal)",
        ),
        (
            r#"{"personId":"123456789","name":""}"#,
            "/child/name is shorter than 1 characters (value withheld: personal)",
        ),
        (r#"{"personId":"123456789"}"#, "/child/name is missing"),
        (
            r#"{"personId":"123456789","name":"A","birthDate":"2026-13-01"}"#,
            "/child/birthDate is not a date (value withheld: personal)",
        ),
        (
            r#"{"personId":"123456789","name":"A","weightGrams":1}"#,
            "/child/weightGrams is less than 200 (value withheld: special)",
        ),
        (
            r#"{"personId":"123456789","name":"A","nmae":1}"#,
            r#"/child has a member that the contract does not know; did you mean "name"?"#,
        ),
        ("7", "/child is not an object (value withheld: unclassified)"),
    ];
    for (text, said) in cases {
        refused(&birth(), &child(text), &[said]);
    }
}

#[test]
fn an_undeclared_name_that_is_no_slip_is_not_told() {
    for name in ["Zephyrine Quill", "d"] {
        let text = format!(
            r#"{{"child":{{"personId":"123456789","name":"A"}},"registrationOffice":"N","{name}":1}}"#
        );
        let said = "the document has a member that the contract does not know; it knows child, desk, kind, parents, \
             registeredOn, registrationOffice";
        refused(&birth(), &text, &[said]);
    }
}

#[test]
fn a_field_without_its_person_is_refused() {
    let child = object(json!({"personId": {"type": ["string", "null"]}, "name": {"type": "string"}}));
    let classes = json!({"/child/personId": "personal", "/child/name": "personal"});
    let definition = definition(&object(json!({"child": child})), &["/child/personId"], classes);
    let missing = "no one to whom /child/name belongs: /child/personId is missing";
    refused(&definition, r#"{"child":{"name":"A"}}"#, &[missing]);
    refused(
        &definition,
        r#"{"child":{"name":"A","personId":null}}"#,
        &[missing, "no one to whom /child/personId belongs: /child/personId is missing"],
    );
    let empty = violations(&definition, r#"{"child":{"personId":""}}"#);
    assert!(empty[0].text.contains("must be a string of 1 to 512 bytes"), "{empty:?}");
}

#[test]
fn a_text_that_is_not_one_strict_document_is_refused() {
    let cases = [
        ("{", "the document is not valid JSON: the text ends inside a value (byte 1)"),
        (
            r#"{"a":1,"\u0061":2}"#,
            "the document is not valid JSON: an object has the same key twice (byte 7)",
        ),
        ("[1] 2", "the document is not valid JSON: something follows the document (byte 4)"),
        ("[NaN]", "the document is not valid JSON: a value is expected (byte 1)"),
        (
            "\"\u{1}\"",
            "the document is not valid JSON: a control character in a string must be escaped (byte 1)",
        ),
        (r#""\ud800""#, "the document is not valid JSON: half of a surrogate pair (byte 1)"),
    ];
    for (text, said) in cases {
        refused(&birth(), text, &[said]);
    }
    let deep = "[".repeat(65) + &"]".repeat(65);
    refused(&birth(), &deep, &["the document is not valid JSON: nested deeper than 64 levels (byte 64)"]);
}

#[test]
fn a_map_keyed_by_persons_does_not_leak_its_keys() {
    let schema = object(json!({"byId": {"type": "object", "additionalProperties": {"type": "integer"}}}));
    let definition = definition(&schema, &[], json!({"/byId/*": "internal"}));
    refused(
        &definition,
        r#"{"byId":{"123456789":"x"}}"#,
        &["/byId/* is not an integer (value withheld: internal)"],
    );
}

#[test]
fn a_choice_says_what_is_wrong_with_the_closest_form() {
    let form = |name: &str| object(json!({name: {"type": "string"}}));
    let schema = json!({"oneOf": [form("a"), form("b")]});
    let definition = definition(&schema, &[], json!({"/a": "public", "/b": "internal"}));
    let said = violations(&definition, r#"{"a":1}"#);
    assert_eq!(said.len(), 1);
    assert!(
        said[0]
            .text
            .starts_with("the document fits none of the forms that the contract admits here; closest: "),
        "{said:?}"
    );
}

#[test]
fn at_most_ten_violations_are_told() {
    let schema = json!({"type": "array", "items": {"type": "integer"}});
    let definition = definition(&schema, &[], json!({"/*": "public"}));
    let text = serde_json::to_string(&vec!["x"; 50]).unwrap();
    assert_eq!(violations(&definition, &text).len(), 10);
}
