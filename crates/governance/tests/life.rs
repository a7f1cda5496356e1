//! The lives of contracts, subscriptions, topics and principals, as stories.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on says where")]

use crate::support::*;
use governance::{Role, State, Status, may_consume, may_publish, may_read_metadata};
use serde_json::{Value, json};

fn refused(state: &State, who: &str, role: Role, command: Value) -> &'static str {
    decided(state, &actor(who, &[role]), command).unwrap_err().code
}

fn status(state: &State, name: &str, number: u32) -> Status {
    state.topic(&topic(name)).unwrap().versions[&version(number)].status
}

#[test]
fn a_new_version_waits_for_every_subscribed_agency() {
    let mut state = closed(small_bus());
    let (owner, consumer) = (actor("s@a", &[Role::Steward]), actor("c@b", &[Role::Steward]));
    let other = json!({"command": "propose-contract", "definition": definition("x.one", 2, "other")});
    done(&mut state, &owner, other);
    let activate = json!({"command": "activate-contract", "topic": "x.one", "version": 2});
    let waiting = decided(&state, &owner, activate.clone()).unwrap_err();
    let text = "v2 of x.one cannot go live yet\nb has not agreed";
    assert_eq!((waiting.code, waiting.text.as_str()), ("not-acknowledged", text));

    let object = json!({"command": "object-to-contract", "topic": "x.one", "version": 2, "agency": "b", "reason": "too soon"});
    done(&mut state, &consumer, object);
    let objected = decided(&state, &owner, activate.clone()).unwrap_err();
    assert_eq!(objected.code, "objected");
    assert!(objected.text.contains("b objects: too soon"), "{objected}");

    let acknowledge =
        json!({"command": "acknowledge-contract", "topic": "x.one", "version": 2, "agency": "b"});
    done(&mut state, &consumer, acknowledge.clone());
    done(&mut state, &owner, activate);
    assert_eq!(status(&state, "x.one", 2), Status::Active);
    assert_eq!(status(&state, "x.one", 1), Status::Active);
    assert_eq!(decided(&state, &consumer, acknowledge), Ok(Vec::new()));
}

#[test]
fn other_text_under_the_same_number_needs_new_agreement() {
    let mut state = closed(small_bus());
    let owner = actor("s@a", &[Role::Steward]);
    let acknowledge =
        json!({"command": "acknowledge-contract", "topic": "x.one", "version": 2, "agency": "b"});
    done(&mut state, &actor("c@b", &[Role::Steward]), acknowledge);
    done(
        &mut state,
        &owner,
        json!({"command": "propose-contract", "definition": definition("x.one", 2, "other")}),
    );
    let activate = json!({"command": "activate-contract", "topic": "x.one", "version": 2});
    assert_eq!(decided(&state, &owner, activate).unwrap_err().code, "not-acknowledged");
}

#[test]
fn a_version_ends_by_way_of_its_sunset() {
    let mut state = closed(small_bus());
    let owner = actor("s@a", &[Role::Steward]);
    let retire = json!({"command": "retire-contract", "topic": "x.one", "version": 1});
    assert_eq!(decided(&state, &owner, retire.clone()).unwrap_err().code, "not-deprecated");
    let deprecate =
        |day: &str| json!({"command": "deprecate-contract", "topic": "x.one", "version": 1, "sunset": day});
    assert_eq!(decided(&state, &owner, deprecate("2025-01-01")).unwrap_err().code, "sunset-passed");
    done(&mut state, &owner, deprecate("2026-01-02"));
    assert_eq!(decided(&state, &owner, retire.clone()).unwrap_err().code, "before-sunset");
    let found = state.topic(&topic("x.one")).unwrap();
    let (before, after) = (NOW, NOW + 86_400_000);
    assert_eq!((found.active_versions().count(), found.newest_active()), (0, None));
    assert_eq!(found.versions_taking_events(before).count(), 1);
    assert_eq!(found.versions_taking_events(after).count(), 0);
    assert!(governance::decide(&state, &owner, &command(retire), after, &Check).is_ok());
}

#[test]
fn contract_proposals_are_refused_with_their_reason() {
    let state = closed(small_bus());
    let propose = |definition: Value| json!({"command": "propose-contract", "definition": definition});
    let mut keyed = definition("x.one", 3, "{}");
    keyed["key"] = json!("/id");
    for (definition, code) in [
        (definition("x.one", 1, "other"), "version-exists"),
        (definition("x.one", 4, "{}"), "version-gap"),
        (definition("x.one", 3, "bad"), "invalid-contract"),
        (definition("x.nine", 1, "{}"), "unknown"),
        (keyed, "key-is-fixed"),
    ] {
        assert_eq!(refused(&state, "s@a", Role::Steward, propose(definition.clone())), code, "{definition}");
    }
}

#[test]
fn a_registration_hears_everything_that_is_wrong_at_once() {
    let state = closed(small_bus());
    let poor = json!({"command": "create-topic", "topic": "x.three", "retention": "1h", "partitions": 65,
        "contract": definition("x.other", 0, "bad")});
    let told = decided(&state, &actor("u@a", &[Role::Steward]), poor).unwrap_err();
    assert_eq!(told.code, "invalid-topic");
    let starts: Vec<&str> = told.text.lines().map(|line| line.split(':').next().unwrap()).collect();
    let expected = [
        "owner",
        "steward",
        "deputy",
        "description",
        "legal_basis",
        "retention",
        "partitions",
        "contract",
        "contract",
        "schema",
        "schema",
    ];
    assert_eq!(starts, expected, "{told}");

    for (field, value, says) in [
        ("owner", "nobody", "there is no agency nobody"),
        ("steward", "x@b", "x@b is not of the owner agency a"),
        ("deputy", "s@a", "is the steward"),
    ] {
        let mut new = create_topic("x.three");
        new[field] = json!(value);
        let told = decided(&small_bus(), &operator(), new).unwrap_err();
        assert!(told.code == "invalid-topic" && told.text.contains(says), "{told}");
    }
}

#[test]
fn whoever_is_named_steward_becomes_a_principal_without_a_token() {
    let mut state = closed(small_bus());
    let steward = actor("s@a", &[Role::Steward]);
    let change = json!({"command": "change-topic", "topic": "x.one", "steward": "new@a", "deputy": "p@a"});
    done(&mut state, &steward, change);
    let known = state.principal(&"new@a".parse().unwrap()).unwrap();
    assert!(known.token_hash.is_none() && known.roles.contains(Role::Steward));
    let promoted = state.principal(&"p@a".parse().unwrap()).unwrap();
    assert!(promoted.roles.contains(Role::Producer) && promoted.roles.contains(Role::Steward));
    assert_eq!(
        refused(&state, "s@a", Role::Steward, json!({"command": "change-topic", "topic": "x.one"})),
        "not-allowed"
    );
}

#[test]
fn what_orders_events_never_changes_in_place() {
    let state = closed(small_bus());
    for (field, value, code) in [
        ("latency", json!("realtime"), "latency-is-fixed"),
        ("partitions", json!(2), "partitions-are-fixed"),
        ("key", json!("subject"), "key-is-fixed"),
        ("owner", json!("b"), "owner-is-fixed"),
        ("retention", json!("101y"), "invalid-topic"),
    ] {
        let mut change = json!({"command": "change-topic", "topic": "x.one"});
        change[field] = value;
        assert_eq!(refused(&state, "s@a", Role::Steward, change), code, "{field}");
    }
}

#[test]
fn a_subscription_to_personal_data_needs_both_approvals() {
    for [first, second] in [["s@a", "d@b"], ["d@b", "t@a"]] {
        let mut state = closed(small_bus());
        let name = "b.asked".parse().unwrap();
        let approve = json!({"command": "approve-subscription", "subscription": "b.asked"});
        let role = |who: &str| if who == "d@b" { Role::Dpo } else { Role::Steward };
        done(&mut state, &actor(first, &[role(first)]), approve.clone());
        assert_eq!(state.subscription(&name).unwrap().status(NOW), "requested");
        assert_eq!(decided(&state, &actor(first, &[role(first)]), approve.clone()).unwrap(), Vec::new());
        done(&mut state, &actor(second, &[role(second)]), approve);
        assert!(state.subscription(&name).unwrap().is_live(NOW));
    }
}

#[test]
fn wider_terms_wait_while_the_old_ones_hold_and_narrower_ones_hold_at_once() {
    let mut state = closed(small_bus());
    let (consumer, owner) = (actor("c@b", &[Role::Steward]), actor("s@a", &[Role::Steward]));
    let change = |clears: &[&str]| json!({"command": "change-subscription", "subscription": "b.live", "clears": clears});
    let clears = |state: &State| {
        let found = state.subscription(&"b.live".parse().unwrap()).unwrap();
        assert!(found.is_live(NOW));
        found.granted_terms().unwrap().clears.iter().map(ToString::to_string).collect::<Vec<_>>()
    };
    done(&mut state, &consumer, change(&["internal"]));
    assert!(clears(&state).is_empty());
    done(&mut state, &owner, json!({"command": "approve-subscription", "subscription": "b.live"}));
    assert_eq!(clears(&state), ["internal"]);
    // Clearing a class about a person now asks its data protection officer too, and refusing it leaves what holds.
    done(&mut state, &consumer, change(&["special"]));
    done(&mut state, &owner, json!({"command": "approve-subscription", "subscription": "b.live"}));
    assert_eq!(clears(&state), ["internal"]);
    let refuse = json!({"command": "refuse-subscription", "subscription": "b.live", "reason": "no need"});
    done(&mut state, &actor("d@b", &[Role::Dpo]), refuse);
    assert_eq!(clears(&state), ["internal"]);
    done(&mut state, &consumer, change(&[]));
    assert!(clears(&state).is_empty());
}

#[test]
fn subscription_requests_are_refused_with_their_reason() {
    let state = closed(small_bus());
    let with = |field: &str, value: Value| {
        let mut wish = request("b.new", "x.one", &[]);
        wish[field] = value;
        wish
    };
    for (wish, code) in [
        (with("subscription", json!("bb.new")), "bad-name"),
        (with("subscription", json!("b.live")), "exists"),
        (with("topic", json!("x.nine")), "unknown"),
        (with("purpose", json!(" ")), "invalid-terms"),
        (with("clears", json!(["secret"])), "invalid-terms"),
        (with("expires", json!("2026-01-01")), "invalid-terms"),
        (with("expires", json!("2037-01-01")), "invalid-terms"),
    ] {
        assert_eq!(refused(&state, "c@b", Role::Steward, wish.clone()), code, "{wish}");
    }
}

#[test]
fn a_revoked_subscription_is_over_until_it_is_approved_anew() {
    let mut state = closed(small_bus());
    let consumer = actor("k@b", &[Role::Consumer]);
    let live =
        |state: &State| may_consume(&consumer, state.subscription(&"b.live".parse().unwrap()).unwrap(), NOW);
    assert!(live(&state).is_ok());
    let revoke = json!({"command": "revoke-subscription", "subscription": "b.live", "reason": "misuse"});
    done(&mut state, &actor("s@a", &[Role::Steward]), revoke);
    assert_eq!(live(&state).unwrap_err().code, "subscription-not-live");
    let steward = actor("c@b", &[Role::Steward]);
    let other = decided(&state, &steward, request("b.live", "x.two", &[])).unwrap_err();
    assert_eq!(other.code, "other-topic");
    done(&mut state, &steward, request("b.live", "x.one", &[]));
    assert!(live(&state).is_err());
    done(
        &mut state,
        &actor("t@a", &[Role::Steward]),
        json!({"command": "approve-subscription", "subscription": "b.live"}),
    );
    assert!(live(&state).is_ok());
}

#[test]
fn the_hot_path_lets_through_whom_it_should() {
    let state = small_bus();
    let one = state.topic(&topic("x.one")).unwrap();
    let subscription = state.subscription(&"b.live".parse().unwrap()).unwrap();
    let (a, b) = (agency("a"), agency("b"));
    for (name, role, publishes, consumes, reads_a, reads_b) in [
        ("p@a", Role::Producer, true, false, true, false),
        ("p@b", Role::Producer, false, false, false, true),
        ("k@b", Role::Consumer, false, true, false, true),
        ("k@a", Role::Consumer, false, false, true, false),
        ("s@a", Role::Steward, false, false, true, false),
        ("r@z", Role::Regulator, false, false, true, true),
        ("root@central", Role::Operator, false, false, true, true),
    ] {
        let actor = actor(name, &[role]);
        assert_eq!(may_publish(&actor, one, &state.standards().ownership, NOW).is_ok(), publishes, "{name}");
        assert_eq!(may_consume(&actor, subscription, NOW).is_ok(), consumes, "{name}");
        assert_eq!(may_read_metadata(&actor, &[&a]).is_ok(), reads_a, "{name}");
        assert_eq!(may_read_metadata(&actor, &[&b]).is_ok(), reads_b, "{name}");
    }
    let consumer = actor("k@b", &[Role::Consumer]);
    let day = governance::Date::parse("2028-01-01").unwrap().starts_ms();
    assert!(may_consume(&consumer, subscription, day - 1).is_ok());
    assert!(may_consume(&consumer, subscription, day).is_err());
}

#[test]
fn a_token_leads_to_its_principal_until_another_is_issued_or_it_is_disabled() {
    let mut state = small_bus();
    let root = operator();
    let issue = |who: &str, byte: &str| json!({"command": "issue-token", "principal": who, "token_hash": byte.repeat(32)});
    let whose =
        |state: &State, byte: u8| state.principal_by_token_hash(&[byte; 32]).map(|p| p.principal.to_string());
    done(&mut state, &root, issue("k@b", "11"));
    assert_eq!(decided(&state, &root, issue("p@a", "11")).unwrap_err().code, "token-taken");
    done(&mut state, &root, issue("k@b", "12"));
    assert_eq!((whose(&state, 0x11), whose(&state, 0x12).as_deref()), (None, Some("k@b")));
    done(&mut state, &root, json!({"command": "disable-principal", "principal": "k@b"}));
    assert_eq!(whose(&state, 0x12), None);
    assert_eq!(decided(&state, &root, issue("k@b", "13")).unwrap_err().code, "disabled");
}

#[test]
fn neither_the_last_operator_nor_a_topics_stewards_role_can_be_taken_away() {
    let state = small_bus();
    for (command, code) in [
        (json!({"command": "disable-principal", "principal": "root@central"}), "last-operator"),
        (
            json!({"command": "change-principal", "principal": "root@central", "roles": ["steward"]}),
            "last-operator",
        ),
        (json!({"command": "change-principal", "principal": "s@a", "roles": ["producer"]}), "still-steward"),
        (json!({"command": "change-principal", "principal": "u@a", "roles": []}), "no-roles"),
        (
            json!({"command": "create-principal", "principal": "u@a", "agency": "b", "roles": ["dpo"]}),
            "other-agency",
        ),
    ] {
        assert_eq!(decided(&state, &operator(), command.clone()).unwrap_err().code, code, "{command}");
    }
}
