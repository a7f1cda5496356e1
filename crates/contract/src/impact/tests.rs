use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::*;
use crate::{ContractVersion, FieldRule, Format, KeyRule, TopicName, compile};

fn definition(schema: Value, classify: &[(&str, &str)]) -> Definition {
    let rule =
        |(at, class): &(&str, &str)| (Pointer::parse(at).unwrap(), FieldRule::from(Class::from(*class)));
    Definition {
        topic: TopicName::parse("civil.birth.registered").unwrap(),
        version: ContractVersion(1),
        format: Format::JsonSchema,
        schema: schema.to_string(),
        compatibility: "BACKWARD".to_owned(),
        subject: Vec::new(),
        classify: classify.iter().map(rule).collect(),
        key: KeyRule::None,
        extensions: BTreeMap::new(),
        identity: None,
        identity_window_s: None,
        end_to_end: BTreeSet::new(),
        migration: None,
    }
}

fn object(properties: Value) -> Value {
    json!({"type": "object", "properties": properties, "additionalProperties": false})
}

fn told(old: &Definition, new: &Definition) -> Vec<(String, Weight)> {
    let effects = impact(&compile(old).unwrap(), &compile(new).unwrap());
    effects.into_iter().map(|effect| (effect.what, effect.weight)).collect()
}

fn said(old: &Definition, new: &Definition) -> Vec<(String, &'static str)> {
    told(old, new).into_iter().map(|(what, weight)| (what, weight.as_str())).collect()
}

fn pairs(expected: &[(&str, &'static str)]) -> Vec<(String, &'static str)> {
    expected.iter().map(|(what, weight)| ((*what).to_owned(), *weight)).collect()
}

#[test]
fn a_rule_for_a_place_that_the_schema_does_not_list_is_compared_too() {
    let text = || json!({"type": "string"});
    let map = object(json!({"contacts": {"type": "object", "additionalProperties": text()}}));
    let same = object(json!({"name": text(), "child": {"$ref": "#"}}));
    let classes = ["/name", "/child/name", "/child/child"].map(|at| (at, "internal"));
    let opened = [("/name", "internal"), ("/child/name", "public"), ("/child/child", "internal")];
    for (schema, before, after, what) in [
        (
            map,
            &[("/contacts/*", "internal")][..],
            &[("/contacts/*", "internal"), ("/contacts/phone", "public")][..],
            "/contacts/phone was internal, is public",
        ),
        (same, &classes[..], &opened[..], "/child/name was internal, is public"),
    ] {
        let (old, new) = (definition(schema.clone(), before), definition(schema, after));
        assert_eq!(said(&old, &new), pairs(&[(what, "less-protective")]));
    }
}

#[test]
fn a_form_that_shows_more_or_other_things_is_less_protective_and_one_that_shows_less_is_breaking() {
    let form = |redact: &str, class: &str| {
        let mut definition = definition(object(json!({"a": {"type": "string"}})), &[("/a", class)]);
        definition.classify.values_mut().for_each(|rule| rule.redact = redact.parse().unwrap());
        definition
    };
    for (before, after, weight) in [
        ("absent", "null", "less-protective"),
        ("null", "last 4", "less-protective"),
        ("last 4", "first 4", "less-protective"),
        ("year", "month", "less-protective"),
        ("month", "year", "breaking"),
        ("last 4", "absent", "breaking"),
    ] {
        let effects =
            impact(&compile(&form(before, "internal")).unwrap(), &compile(&form(after, "internal")).unwrap());
        let [effect] = &effects[..] else { panic!("{effects:?}") };
        assert_eq!(effect.weight.as_str(), weight, "{before} to {after}");
        assert_eq!(effect.touches(&ClassSet::default()), Touch::Everybody);
    }
    assert_eq!(
        said(&form("last 4", "internal"), &form("absent", "public")),
        pairs(&[("/a was internal, is public", "less-protective")])
    );
    assert_eq!(
        said(&form("absent", "internal"), &form("last 4", "internal")),
        pairs(&[("/a was absent to who is not cleared, is shown as last 4", "less-protective")])
    );
}

#[test]
fn each_field_that_comes_goes_or_changes_is_told_with_what_it_means() {
    let old = definition(
        object(json!({"a": {"type": "string"}, "b": {"type": "integer"}, "n": {"type": ["string", "null"]},
            "list": {"type": "array", "items": {"type": "string"}}, "gone": {"type": "array", "items": {"type": "string"}}})),
        &[("/a", "public"), ("/b", "public"), ("/n", "public"), ("/list", "public"), ("/gone", "public")],
    );
    let new = definition(
        object(json!({"a": {"type": ["string", "null"]}, "c": {"type": "number"}, "n": {"type": "string"},
            "list": {"type": "array", "items": {"type": "boolean"}}})),
        &[("/a", "internal"), ("/c", "public"), ("/n", "public"), ("/list", "public")],
    );
    let expected = [
        ("/a was string, is null or string", "breaking"),
        ("/a was public, is internal", "breaking"),
        ("/b is gone", "breaking"),
        ("/c is new: number, public", "compatible"),
        ("/gone is gone", "breaking"),
        ("/list/* was string, is boolean", "breaking"),
        ("/n was null or string, is string", "compatible"),
    ];
    assert_eq!(said(&old, &new), pairs(&expected));
    assert_eq!(said(&old, &old), []);
}

#[test]
fn what_hands_something_to_somebody_who_did_not_have_it_is_less_protective() {
    let person = |classes: [&str; 2], subject: &str, of: Option<&str>| {
        let text = json!({"type": "string"});
        let mut definition = definition(
            object(json!({"id": text, "other": text, "name": text, "note": text})),
            &[("/id", "personal"), ("/other", "personal"), ("/name", classes[0]), ("/note", classes[1])],
        );
        definition.subject = vec![Pointer::parse("/id").unwrap(), Pointer::parse(subject).unwrap()];
        definition.subject.dedup();
        let name = definition.classify.get_mut(&Pointer::parse("/name").unwrap()).unwrap();
        name.of = of.map(|of| Pointer::parse(of).unwrap());
        definition
    };
    let old = person(["personal", "internal"], "/other", Some("/id"));
    let cases = [
        (
            person(["public", "internal"], "/other", Some("/id")),
            "/name was personal, is public",
            "less-protective",
        ),
        (
            person(["special", "internal"], "/other", Some("/id")),
            "/name was personal, is special",
            "breaking",
        ),
        (
            person(["personal", "personal"], "/other", Some("/id")),
            "/note was internal, is personal",
            "breaking",
        ),
        (
            person(["personal", "public"], "/other", Some("/id")),
            "/note was internal, is public",
            "less-protective",
        ),
        (
            person(["personal", "internal"], "/other", Some("/other")),
            "/name belonged to the person at /id, belongs to the person at /other",
            "less-protective",
        ),
    ];
    for (new, what, weight) in cases {
        assert_eq!(said(&old, &new)[0], (what.to_owned(), weight));
    }
    let fewer = person(["personal", "internal"], "/id", Some("/id"));
    assert!(said(&old, &fewer).contains(&("subject was /id, /other, is /id".to_owned(), "less-protective")));
    assert!(said(&fewer, &old).contains(&("subject was /id, is /id, /other".to_owned(), "compatible")));
}

#[test]
fn a_reader_hears_what_a_change_is_to_them() {
    let effect = |before: Option<Class>, after: Option<Class>| Effect {
        what: String::new(),
        weight: Weight::Breaking,
        before,
        after,
    };
    let cleared: ClassSet = [Class::Personal].into_iter().collect();
    let (public, personal, special) = (Some(Class::Public), Some(Class::Personal), Some(Class::Special));
    for (before, after, with, without) in [
        (public.clone(), None, Touch::Loses, Touch::Loses),
        (personal.clone(), None, Touch::Loses, Touch::Nothing),
        (personal.clone(), public.clone(), Touch::Reads, Touch::Gains),
        (public, personal.clone(), Touch::Reads, Touch::Loses),
        (personal, special.clone(), Touch::Loses, Touch::Nothing),
        (None, special, Touch::Nothing, Touch::Nothing),
        (None, None, Touch::Everybody, Touch::Everybody),
    ] {
        let effect = effect(before, after);
        assert_eq!(
            (effect.touches(&cleared), effect.touches(&ClassSet::default())),
            (with, without),
            "{effect:?}"
        );
    }
}

#[test]
fn parts_that_promise_less_break_and_bounds_are_told_without_weight() {
    let old = definition(json!({"type": "string"}), &[("", "public")]);
    let bound = Definition { schema: json!({"type": "string", "maxLength": 3}).to_string(), ..old.clone() };
    let what = "the schema says other things of the same fields (bounds, patterns, descriptions)";
    assert_eq!(said(&old, &bound), pairs(&[(what, "compatible")]));
    let mode = |mode: &str| Definition { compatibility: mode.to_owned(), ..old.clone() };
    for (from, to, weight) in [
        ("BACKWARD", "FULL", "compatible"),
        ("BACKWARD", "BACKWARD_TRANSITIVE", "compatible"),
        ("BACKWARD_TRANSITIVE", "FULL", "breaking"),
        ("FULL", "FORWARD", "breaking"),
        ("NONE", "FORWARD", "compatible"),
        ("BACKWARD", "NONE", "breaking"),
    ] {
        let what = format!("compatibility was {from}, is {to}");
        assert_eq!(said(&mode(from), &mode(to)), [(what, weight)]);
    }
    let window = |seconds| Definition { identity_window_s: seconds, ..old.clone() };
    assert_eq!(weight_of(&window(Some(60)), &window(Some(30))), Weight::Breaking);
    assert_eq!(weight_of(&window(None), &window(Some(30))), Weight::Breaking);
    assert_eq!(weight_of(&window(Some(30)), &window(Some(60))), Weight::Compatible);
    let with = |class: &str| Definition {
        extensions: BTreeMap::from([("office".to_owned(), class.into())]),
        ..old.clone()
    };
    assert_eq!(said(&old, &with("public")), pairs(&[("attribute office is new: public", "compatible")]));
    assert_eq!(said(&with("public"), &old), pairs(&[("attribute office is gone", "breaking")]));
    assert_eq!(weight_of(&with("internal"), &with("public")), Weight::LessProtective);
}

fn weight_of(old: &Definition, new: &Definition) -> Weight {
    told(old, new).into_iter().map(|(_, weight)| weight).max().unwrap_or_default()
}
