//! Public fields that speak of a person come into a contract when a data protection officer of its owner has confirmed them.

use governance::{Actor, Refused, Role, State};
use serde_json::{Value, json};

use crate::support::{actor, closed, create_topic, decided, definition, done, operator, small_bus};

fn world() -> State {
    let mut state = small_bus();
    let officer = json!({"command": "create-principal", "principal": "d@a", "agency": "a", "roles": ["dpo"]});
    done(&mut state, &operator(), officer);
    closed(state)
}

fn steward() -> Actor {
    actor("u@a", &[Role::Steward])
}

fn officer(name: &str) -> Actor {
    actor(name, &[Role::Dpo])
}

fn confirm(topic: &str, fields: &[&str]) -> Value {
    json!({"command": "confirm-public", "topic": topic, "fields": fields, "reason": "the desk's"})
}

fn new_topic(schema: &str) -> Value {
    let mut new = create_topic("x.new");
    new["contract"] = definition("x.new", 1, schema);
    new
}

fn code(decided: Result<Vec<governance::Event>, Refused>) -> &'static str {
    decided.map_or_else(|refused| refused.code, |_| "taken")
}

#[test]
fn a_new_topic_is_registered_when_each_of_its_fields_is_confirmed() {
    let mut state = world();
    assert_eq!(code(decided(&state, &steward(), new_topic("office"))), "taken");
    let wanted = new_topic("office email? phone?");
    let refused = decided(&state, &steward(), wanted.clone()).unwrap_err();
    assert_eq!(refused.code, "public-not-confirmed");
    assert!(refused.text.starts_with("/email speaks of an e-mail address and is public"), "{refused}");
    let hint = refused.hint.unwrap();
    assert!(
        hint.contains("a dpo of a (d@a)") && hint.contains("confirm-public x.new /email /phone"),
        "{hint}"
    );
    // Another agency's officer speaks for topics of that agency.
    done(&mut state, &officer("d@b"), confirm("x.new", &["/email", "/phone"]));
    done(&mut state, &officer("d@a"), confirm("x.new", &["/email"]));
    assert_eq!(code(decided(&state, &steward(), wanted.clone())), "public-not-confirmed");
    done(&mut state, &officer("d@a"), confirm("x.new", &["/phone"]));
    assert!(decided(&state, &officer("d@a"), confirm("x.new", &["/email", "/phone"])).unwrap().is_empty());
    done(&mut state, &steward(), wanted);
}

#[test]
fn a_new_version_is_proposed_when_each_of_its_fields_is_confirmed_by_the_owners_officer_and_nobody_else() {
    let mut state = world();
    let propose = json!({"command": "propose-contract", "definition": definition("x.one", 2, "{} email?")});
    assert_eq!(
        code(decided(&state, &actor("s@a", &[Role::Steward]), propose.clone())),
        "public-not-confirmed"
    );
    for other in [steward(), officer("d@b"), operator(), actor("s@a", &[Role::Steward])] {
        assert_eq!(code(decided(&state, &other, confirm("x.one", &["/email"]))), "not-allowed", "{other:?}");
    }
    let mut without = confirm("x.one", &["/email"]);
    without["reason"] = json!(" ");
    assert_eq!(code(decided(&state, &officer("d@a"), without)), "no-reason");
    assert_eq!(code(decided(&state, &officer("d@a"), confirm("x.one", &[]))), "malformed");
    done(&mut state, &officer("d@a"), confirm("x.one", &["/email"]));
    done(&mut state, &actor("s@a", &[Role::Steward]), propose);
}

#[test]
fn what_is_public_already_is_not_asked_about_again() {
    let mut state = small_bus();
    done(&mut state, &operator(), new_topic("email?"));
    let officer = json!({"command": "create-principal", "principal": "d@a", "agency": "a", "roles": ["dpo"]});
    done(&mut state, &operator(), officer);
    let state = closed(state);
    let propose =
        |schema| json!({"command": "propose-contract", "definition": definition("x.new", 2, schema)});
    assert_eq!(code(decided(&state, &actor("s@a", &[Role::Steward]), propose("email? more"))), "taken");
    let wider = propose("email? more phone?");
    assert_eq!(code(decided(&state, &actor("s@a", &[Role::Steward]), wider)), "public-not-confirmed");
}

#[test]
fn in_the_bootstrap_what_the_operator_registers_counts_as_confirmed() {
    let state = small_bus();
    assert_eq!(code(decided(&state, &operator(), new_topic("email?"))), "taken");
}
