//! The registry: a topic's subject is its contract, a free one its agency's.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on says where")]

use crate::support::{actor, closed, decided, done, operator, small_bus, topic, version};
use governance::state::schemas::Home;
use governance::{Actor, Role, State, Status};
use serde_json::{Value, json};

fn steward() -> Actor {
    actor("s@a", &[Role::Steward])
}

fn schema(text: &str) -> Value {
    json!({"format": "json-schema", "text": text})
}

fn register(subject: &str, schema: Value) -> Value {
    json!({"command": "register-schema", "subject": subject, "schema": schema})
}

fn delete(subject: &str, version: Option<u32>, permanently: bool) -> Value {
    json!({"command": "delete-schema", "subject": subject, "version": version, "permanently": permanently})
}

fn versions(state: &State, subject: &str) -> Vec<(u32, u32, bool)> {
    state.listed(subject).iter().map(|it| (it.version, it.number, it.deleted)).collect()
}

#[test]
fn a_schema_under_a_topics_subject_is_a_proposal_like_every_other() {
    let mut state = closed(small_bus());
    done(&mut state, &steward(), json!({"command": "retire-contract", "topic": "x.one", "version": 2}));
    let told = done(&mut state, &steward(), register("x.one-value", schema("{} a!")));
    assert_eq!(told.len(), 1, "nothing but the proposal: {told:?}");
    let topic = state.topic(&topic("x.one")).unwrap();
    let proposed = &topic.versions[&version(3)];
    assert_eq!(proposed.status, Status::Proposed);
    let classes: Vec<(String, String)> = proposed
        .definition
        .classify
        .iter()
        .map(|(at, rule)| (at.to_string(), rule.class.to_string()))
        .collect();
    assert_eq!(classes, [("/a".to_owned(), "personal".to_owned())], "the tag PII says so");
    let listed = state.listed("x.one-value");
    assert_eq!(listed.iter().map(|it| it.in_force).collect::<Vec<_>>(), [true, false, false]);
    assert!(
        decided(&state, &steward(), register("x.one-value", schema("{}   a!"))).unwrap().is_empty(),
        "stands there"
    );
    let refused = decided(&state, &actor("p@a", &[Role::Producer]), register("x.one-value", schema("{} b")))
        .unwrap_err();
    assert_eq!(refused.code, "not-allowed", "a producer's serializer changes no contract");
    let stands = decided(&state, &actor("p@a", &[Role::Producer]), register("x.one-value", schema("{}")));
    assert!(stands.unwrap().is_empty(), "and needs no right for what stands there");
}

#[test]
fn other_text_takes_the_place_of_what_is_only_proposed() {
    let mut state = closed(small_bus());
    done(&mut state, &steward(), register("x.one-value", schema("{} a")));
    done(&mut state, &steward(), register("x.one-value", schema("{} b")));
    let listed = state.listed("x.one-value");
    assert_eq!(
        listed.iter().map(|it| (it.version, &*it.schema.text)).collect::<Vec<_>>(),
        [(1, "{}"), (2, "{} b")]
    );
    let (schema, home) = state.schemas().numbered(listed[1].number - 1).unwrap();
    assert_eq!(
        (&*schema.text, home),
        ("{} a", &Home::Contract(topic("x.one"), version(2))),
        "its id stays known"
    );
    assert_eq!(state.version_numbered(&topic("x.one"), listed[1].number - 1), None, "but names no version");
}

#[test]
fn rules_and_tags_classify_what_comes_next() {
    let mut state = closed(small_bus());
    let definition = json!({"topic": "x.one", "version": 2, "format": "json-schema", "schema": "{} a b",
        "classify": {"/a": "special", "/b": "public"}});
    done(&mut state, &steward(), json!({"command": "propose-contract", "definition": definition}));
    let mut next = schema("{} a c");
    next["metadata"] = json!({"tags": {"**.c": ["INTERNAL", "whatever"]}});
    done(&mut state, &steward(), register("x.one-value", next.clone()));
    let proposed = state.topic(&topic("x.one")).unwrap().versions[&version(2)].clone();
    let rules = serde_json::to_value(&proposed.definition.classify).unwrap();
    assert_eq!(rules, json!({"/a": "special", "/c": "internal"}), "/b is gone, /c is tagged");
    assert_eq!(proposed.schema.metadata, Some(next["metadata"].clone()), "kept as given");
}

#[test]
fn what_a_client_does_not_say_stands_as_it_is() {
    let mut state = closed(small_bus());
    let mut tagged = schema("{}");
    tagged["metadata"] = json!({"properties": {"owner": "desk"}});
    done(&mut state, &steward(), register("free", tagged.clone()));
    assert!(decided(&state, &steward(), register("free", schema("{}"))).unwrap().is_empty(), "it stands");
    tagged["metadata"] = json!({"properties": {"owner": "other"}});
    done(&mut state, &steward(), register("free", tagged));
    done(&mut state, &steward(), register("free", schema("{} b")));
    let metadata = |version: usize| state.listed("free")[version].schema.metadata.clone().unwrap();
    assert_eq!(metadata(2), metadata(1), "of the latest");
}

#[test]
fn a_schema_that_breaks_its_readers_is_refused_by_the_subjects_mode() {
    let mut state = closed(small_bus());
    let refused = decided(&state, &steward(), register("x.one-value", schema("other"))).unwrap_err();
    assert_eq!((refused.code, refused.text.contains("is lost")), ("incompatible", true), "{refused}");
    done(
        &mut state,
        &steward(),
        json!({"command": "set-compatibility", "subject": "x.one-value", "compatibility": "NONE"}),
    );
    done(&mut state, &steward(), register("x.one-value", schema("other")));
    let proposed = &state.topic(&topic("x.one")).unwrap().versions[&version(2)];
    assert_eq!(proposed.definition.compatibility, "NONE");
    done(&mut state, &steward(), json!({"command": "set-compatibility", "subject": "x.one-value"}));
    assert_eq!(state.schemas().settings("x.one-value").compatibility, None);
}

#[test]
fn a_contracts_version_ends_by_its_life_and_never_disappears() {
    let mut state = closed(small_bus());
    let code = |state: &State, command| decided(state, &steward(), command).unwrap_err().code;
    assert_eq!(code(&state, delete("x.one-value", None, false)), "operation-not-permitted");
    assert_eq!(code(&state, delete("x.one-value", Some(1), false)), "not-deprecated");
    assert_eq!(code(&state, delete("x.one-value", Some(2), true)), "operation-not-permitted");
    assert_eq!(code(&state, delete("x.three-value", Some(1), false)), "unknown");
    done(&mut state, &steward(), delete("x.one-value", Some(2), false));
    assert_eq!(state.listed("x.one-value").iter().map(|it| it.deleted).collect::<Vec<_>>(), [false, true]);
}

#[test]
fn a_free_subject_belongs_to_the_agency_that_began_it() {
    let mut state = closed(small_bus());
    done(&mut state, &steward(), register("address", schema("{}")));
    done(&mut state, &actor("u@a", &[Role::Steward]), register("address", schema("{} b")));
    let refused =
        decided(&state, &actor("c@b", &[Role::Steward]), register("address", schema("{} c"))).unwrap_err();
    assert_eq!(refused.code, "not-allowed");
    let of_b = done(&mut state, &actor("c@b", &[Role::Steward]), register("other", schema("{}")));
    assert_eq!(of_b.len(), 1);
    let numbers = versions(&state, "address");
    assert_eq!(versions(&state, "other")[0].1, numbers[0].1, "the same text has one id");
    assert!(numbers[0].1 > state.listed("x.one-value")[0].number, "and no contract's");
}

#[test]
fn deleting_is_soft_then_permanent_and_numbers_are_not_given_again() {
    let mut state = closed(small_bus());
    for text in ["{}", "{} b"] {
        done(&mut state, &steward(), register("address", schema(text)));
    }
    let code = |state: &State, command| decided(state, &steward(), command).unwrap_err().code;
    assert_eq!(code(&state, delete("address", Some(1), true)), "version-not-soft-deleted");
    assert_eq!(code(&state, delete("address", None, true)), "subject-not-soft-deleted");
    assert_eq!(code(&state, delete("address", Some(9), false)), "unknown-version");
    done(&mut state, &steward(), delete("address", Some(2), false));
    assert_eq!(code(&state, delete("address", Some(2), false)), "version-soft-deleted");
    done(&mut state, &steward(), delete("address", Some(2), true));
    done(&mut state, &steward(), register("address", schema("{} c")));
    assert_eq!(versions(&state, "address").iter().map(|it| it.0).collect::<Vec<_>>(), [1, 3]);
    done(&mut state, &steward(), delete("address", None, false));
    assert_eq!(code(&state, delete("address", None, false)), "subject-soft-deleted");
    done(&mut state, &steward(), delete("address", None, true));
    assert!(state.listed("address").is_empty());
}

#[test]
fn what_others_refer_to_is_not_deleted_and_is_put_into_contracts() {
    let mut state = closed(small_bus());
    done(&mut state, &steward(), register("address", schema("{} street")));
    let mut next = schema("{} home");
    next["references"] = json!([{"name": "Address", "subject": "address", "version": 1}]);
    done(&mut state, &steward(), register("x.one-value", next.clone()));
    let proposed = &state.topic(&topic("x.one")).unwrap().versions[&version(2)];
    assert_eq!(proposed.definition.schema, "{} home + {} street", "the contract stands alone");
    assert_eq!(proposed.schema.text, "{} home");
    let refused = decided(&state, &steward(), delete("address", Some(1), false)).unwrap_err();
    assert_eq!(refused.code, "referenced");
    next["references"][0]["version"] = json!(7);
    assert_eq!(
        decided(&state, &steward(), register("x.two-value", next)).unwrap_err().code,
        "invalid-schema"
    );
}

#[test]
fn a_frozen_subject_takes_nothing_new() {
    let mut state = closed(small_bus());
    done(
        &mut state,
        &operator(),
        json!({"command": "set-mode", "subject": "x.one-value", "mode": "READONLY"}),
    );
    let refused = decided(&state, &steward(), register("x.one-value", schema("{} a"))).unwrap_err();
    assert_eq!(refused.code, "read-only");
    assert!(
        decided(&state, &steward(), register("x.one-value", schema("{}"))).unwrap().is_empty(),
        "it stands there"
    );
    done(&mut state, &operator(), json!({"command": "set-mode", "mode": "READONLY"}));
    assert_eq!(decided(&state, &steward(), register("free", schema("{}"))).unwrap_err().code, "read-only");
}

#[test]
fn a_value_of_no_topic_says_how_a_topic_begins() {
    let refused =
        decided(&closed(small_bus()), &steward(), register("no.topic-value", schema("{}"))).unwrap_err();
    assert_eq!(refused.code, "unknown");
    assert!(refused.hint.unwrap().contains("begins with its contract"));
}
