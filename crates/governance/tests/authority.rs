//! Who may do what: command × role × bootstrap or closed.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on says where")]

use crate::support::{actor, closed, create_topic, decided, definition, operator, request, small_bus};
use governance::{Actor, Role, State};
use serde_json::{Value, json};

/// O operator, S steward of the topics, T their deputy, U another steward of the owner agency, C the consumer agency's
/// steward, D its data protection officer, P producer, K consumer, R regulator.
fn cast() -> Vec<(char, Actor)> {
    vec![
        ('O', operator()),
        ('S', actor("s@a", &[Role::Steward])),
        ('T', actor("t@a", &[Role::Steward])),
        ('U', actor("u@a", &[Role::Steward])),
        ('C', actor("c@b", &[Role::Steward])),
        ('D', actor("d@b", &[Role::Dpo])),
        ('P', actor("p@a", &[Role::Producer])),
        ('K', actor("k@b", &[Role::Consumer])),
        ('R', actor("r@b", &[Role::Regulator])),
    ]
}

fn text(text: &str) -> Value {
    json!({"format": "json-schema", "text": format!("{{}} {text}")})
}

/// Command, who may in the bootstrap, who may afterwards.
fn table() -> Vec<(Value, &'static str, &'static str)> {
    let hash = "11".repeat(32);
    vec![
        (json!({"command": "close-bootstrap"}), "O", "O"),
        (json!({"command": "set-standards", "standards": {"classes": ["secret"]}}), "O", "O"),
        (json!({"command": "register-agency", "agency": "c", "name": "C"}), "O", "O"),
        (json!({"command": "change-agency", "agency": "b", "name": "B"}), "O", "O"),
        (
            json!({"command": "create-principal", "principal": "n@b", "agency": "b", "roles": ["consumer"]}),
            "O",
            "O",
        ),
        (json!({"command": "change-principal", "principal": "k@b", "roles": ["steward"]}), "O", "O"),
        (json!({"command": "issue-token", "principal": "k@b", "token_hash": hash}), "O", "O"),
        (json!({"command": "disable-principal", "principal": "k@b"}), "O", "O"),
        (create_topic("x.three"), "OSTU", "STU"),
        (json!({"command": "change-topic", "topic": "x.one", "description": "y"}), "OST", "ST"),
        (json!({"command": "confirm-topic", "topic": "x.one"}), "OST", "ST"),
        (json!({"command": "propose-contract", "definition": definition("x.one", 2, "other")}), "OST", "ST"),
        (
            json!({"command": "acknowledge-contract", "topic": "x.one", "version": 2, "agency": "b"}),
            "OC",
            "C",
        ),
        (
            json!({"command": "object-to-contract", "topic": "x.one", "version": 2, "agency": "b", "reason": "no"}),
            "OC",
            "C",
        ),
        (
            json!({"command": "override-contract", "topic": "x.one", "version": 2, "reason": "haste"}),
            "OSTR",
            "OSTR",
        ),
        (json!({"command": "activate-contract", "topic": "x.two", "version": 2}), "OST", "ST"),
        (
            json!({"command": "deprecate-contract", "topic": "x.one", "version": 1, "sunset": "2026-06-01"}),
            "OST",
            "ST",
        ),
        (json!({"command": "retire-contract", "topic": "x.two", "version": 2}), "OST", "ST"),
        (request("b.new", "x.two", &["personal"]), "OC", "C"),
        (json!({"command": "approve-subscription", "subscription": "b.asked"}), "OSTD", "STD"),
        (json!({"command": "refuse-subscription", "subscription": "b.asked", "reason": "no"}), "OSTD", "STD"),
        (
            json!({"command": "change-subscription", "subscription": "b.live", "clears": ["internal"]}),
            "OC",
            "C",
        ),
        (
            json!({"command": "revoke-subscription", "subscription": "b.live", "reason": "over"}),
            "OSTCD",
            "STCD",
        ),
        (json!({"command": "register-schema", "subject": "x.one-value", "schema": text("a")}), "OST", "ST"),
        (json!({"command": "delete-schema", "subject": "x.two-value", "version": 2}), "OST", "ST"),
        (
            json!({"command": "set-compatibility", "subject": "x.one-value", "compatibility": "FULL"}),
            "OST",
            "ST",
        ),
        (json!({"command": "set-compatibility", "compatibility": "FULL"}), "O", "O"),
        (json!({"command": "set-mode", "subject": "x.one-value", "mode": "READONLY"}), "OST", "OST"),
        (json!({"command": "set-mode", "mode": "READONLY"}), "O", "O"),
    ]
}

fn check(state: &State, command: &Value, allowed: &str, when: &str) {
    for (letter, actor) in cast() {
        let told = decided(state, &actor, command.clone());
        if allowed.contains(letter) {
            let events = told.unwrap_or_else(|r| panic!("{when}, {letter}: {command} refused: {r}"));
            let done_already = command["command"] == "close-bootstrap" && when == "closed";
            assert_eq!(events.is_empty(), done_already, "{when}, {letter}: {command} did nothing");
        } else {
            let refused = told.err().unwrap_or_else(|| panic!("{when}, {letter}: {command} was allowed"));
            assert_eq!(refused.code, "not-allowed", "{when}, {letter}: {command}: {refused}");
            assert!(refused.text.contains('@'), "names who could: {refused}");
        }
    }
}

#[test]
fn everybody_does_what_is_theirs_and_nothing_else() {
    let (open, closed) = (small_bus(), closed(small_bus()));
    for (command, in_bootstrap, afterwards) in table() {
        check(&open, &command, in_bootstrap, "bootstrap");
        check(&closed, &command, afterwards, "closed");
    }
}

#[test]
fn what_an_operator_does_for_others_is_marked_and_ends_with_the_bootstrap() {
    for (command, in_bootstrap, afterwards) in table() {
        let events = decided(&small_bus(), &operator(), command.clone()).unwrap();
        let marked = serde_json::to_string(&events).unwrap().contains(r#""by_bootstrap":true"#);
        let stands_in = in_bootstrap.contains('O') && !afterwards.contains('O');
        assert_eq!(marked, stands_in, "{command}");
    }
}

#[test]
fn a_bus_opens_once_and_nothing_happens_before() {
    let open = json!({"command": "open-bus", "operator": "x@y", "name": "Y", "token_hash": "22".repeat(32)});
    for (_, actor) in cast() {
        assert_eq!(decided(&small_bus(), &actor, open.clone()).unwrap_err().code, "already-open");
        for (command, ..) in table() {
            assert_eq!(decided(&State::default(), &actor, command).unwrap_err().code, "not-open");
        }
    }
}

#[test]
fn a_disabled_principal_does_nothing_whatever_its_connection_remembers() {
    let mut state = small_bus();
    crate::support::done(
        &mut state,
        &operator(),
        json!({"command": "disable-principal", "principal": "c@b"}),
    );
    let refused =
        decided(&state, &actor("c@b", &[Role::Steward]), request("b.new", "x.two", &[])).unwrap_err();
    assert_eq!(refused.code, "disabled");
}
