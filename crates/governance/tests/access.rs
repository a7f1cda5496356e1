//! Access: who must agree, on which conditions, who speaks for whom, and what is told of a subscription's end.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on says where")]

use crate::support::{NOW, actor, closed, decided, done, operator, request, small_bus};
use governance::events::SubscriptionEvent;
use governance::state::Told;
use governance::{Actor, Event, Role, Side, State, apply, clerk};
use serde_json::{Value, json};

const DAY_MS: u64 = 86_400_000;

fn steward() -> Actor {
    actor("s@a", &[Role::Steward])
}

fn deputy() -> Actor {
    actor("t@a", &[Role::Steward])
}

fn consumer() -> Actor {
    actor("c@b", &[Role::Steward])
}

fn officer() -> Actor {
    actor("d@b", &[Role::Dpo])
}

/// A bus whose bootstrap is over, with these rules of access.
fn with(access: Value) -> State {
    let mut state = small_bus();
    done(&mut state, &operator(), json!({"command": "set-standards", "standards": {"access": access}}));
    closed(state)
}

fn approve(name: &str) -> Value {
    json!({"command": "approve-subscription", "subscription": name})
}

fn delegate(principal: &str, to: &str, until: &str) -> Value {
    json!({"command": "give-delegation", "principal": principal, "to": to, "until": until, "reason": "holidays"})
}

fn refusal(state: &State, actor: &Actor, what: Value) -> String {
    let refused = decided(state, actor, what).unwrap_err();
    format!("{}: {refused}", refused.code)
}

fn is_live(state: &State, name: &str) -> bool {
    state.subscription(&name.parse().unwrap()).unwrap().is_live(NOW)
}

#[test]
fn a_purpose_is_one_of_the_standards() {
    let mut state = with(json!({"purposes": ["p", "statistics"]}));
    done(&mut state, &consumer(), request("b.new", "x.two", &[]));
    let mut other = request("b.more", "x.two", &[]);
    other["purpose"] = "curiosity".into();
    let said = refusal(&state, &consumer(), other);
    assert!(said.contains("purpose: \"curiosity\" is not one of the standards': p; statistics"), "{said}");
}

#[test]
fn a_class_that_two_owners_must_open_is_opened_by_two_people() {
    let mut state = with(json!({"two_owners": ["special"]}));
    done(&mut state, &consumer(), request("b.new", "x.two", &["special"]));
    let asked = |state: &State| {
        let request = state.subscription(&"b.new".parse().unwrap()).unwrap().requested.clone();
        request.unwrap().missing(&state.standards().access)
    };
    assert_eq!(asked(&state), [Side::Owner, Side::Dpo, Side::SecondOwner]);
    done(&mut state, &deputy(), approve("b.new"));
    assert_eq!(asked(&state), [Side::Dpo, Side::SecondOwner]);
    let said = refusal(&state, &deputy(), approve("b.new"));
    assert!(said.starts_with("second-owner: b.new has your approval"), "{said}");
    done(&mut state, &officer(), approve("b.new"));
    assert!(!is_live(&state, "b.new"));
    done(&mut state, &steward(), approve("b.new"));
    assert!(is_live(&state, "b.new"));
    done(&mut state, &consumer(), request("b.plain", "x.two", &["personal"]));
    done(&mut state, &steward(), approve("b.plain"));
    done(&mut state, &officer(), approve("b.plain"));
    assert!(is_live(&state, "b.plain"), "other classes need one of the owner's side");
}

#[test]
fn approvals_may_be_tied_to_conditions() {
    let mut state = with(json!({}));
    let mut tied = approve("b.asked");
    tied["conditions"] = json!(["deleted after a year"]);
    done(&mut state, &steward(), tied);
    done(&mut state, &officer(), approve("b.asked"));
    let subscription = state.subscription(&"b.asked".parse().unwrap()).unwrap();
    let grant = subscription.granted.as_ref().unwrap();
    assert_eq!(grant.conditions().collect::<Vec<_>>(), ["deleted after a year"]);
    let mut empty = approve("b.asked");
    empty["conditions"] = json!([" "]);
    done(
        &mut state,
        &consumer(),
        json!({"command": "change-subscription", "subscription": "b.asked",
        "expires": "2029-01-01"}),
    );
    assert!(refusal(&state, &steward(), empty).contains("conditions: one of them is empty"));
}

#[test]
fn who_is_away_is_spoken_for_by_a_colleague_and_the_fact_says_so() {
    let mut state = with(json!({}));
    let colleague = actor("u@a", &[Role::Steward]);
    assert!(refusal(&state, &colleague, approve("b.asked")).starts_with("not-allowed"));
    done(&mut state, &steward(), delegate("s@a", "u@a", "2026-02-01"));
    let events = done(&mut state, &colleague, approve("b.asked"));
    let [Event::Subscription(SubscriptionEvent::SubscriptionApproved { side: Side::Owner, by, .. })] =
        events.as_slice()
    else {
        panic!("{events:?}")
    };
    assert_eq!((by.principal.as_str(), by.instead_of.as_ref().unwrap().as_str()), ("u@a", "s@a"));
    done(&mut state, &steward(), json!({"command": "end-delegation", "principal": "s@a"}));
    let change = json!({"command": "change-topic", "topic": "x.one", "description": "y"});
    assert!(refusal(&state, &colleague, change.clone()).starts_with("not-allowed"));
    done(&mut state, &operator(), delegate("s@a", "u@a", "2026-02-01"));
    done(&mut state, &colleague, change);
}

#[test]
fn two_people_stay_two_people_when_one_speaks_for_the_other() {
    let mut state = with(json!({"two_owners": ["special"]}));
    done(&mut state, &consumer(), request("b.new", "x.two", &["special"]));
    done(&mut state, &steward(), delegate("s@a", "t@a", "2026-02-01"));
    done(&mut state, &deputy(), approve("b.new"));
    assert!(refusal(&state, &deputy(), approve("b.new")).starts_with("second-owner"));
    done(&mut state, &officer(), delegate("d@b", "c@b", "2026-02-01"));
    let said = refusal(&state, &consumer(), approve("b.new"));
    assert!(said.starts_with("own-request: c@b asked for b.new and cannot approve it too"), "{said}");
}

#[test]
fn a_delegation_is_to_a_colleague_who_is_there_for_a_while_and_by_the_one_who_is_away() {
    let mut state = with(json!({}));
    for (who, what, said) in [
        (steward(), delegate("s@a", "c@b", "2026-02-01"), "no-colleague"),
        (steward(), delegate("s@a", "s@a", "2026-02-01"), "no-colleague"),
        (steward(), delegate("s@a", "t@a", "2026-01-01"), "invalid-day: until: 2026-01-01 is not ahead"),
        (steward(), delegate("s@a", "t@a", "2026-12-01"), "invalid-day: until: 2026-12-01 is further ahead"),
        (deputy(), delegate("s@a", "t@a", "2026-02-01"), "not-allowed"),
        (consumer(), json!({"command": "end-delegation", "principal": "s@a"}), "not-allowed"),
    ] {
        let is = refusal(&state, &who, what);
        assert!(is.starts_with(said), "{is}");
    }
    done(&mut state, &deputy(), delegate("t@a", "u@a", "2026-02-01"));
    assert!(refusal(&state, &steward(), delegate("s@a", "t@a", "2026-02-01")).starts_with("away-too"));
}

#[test]
fn the_end_of_a_subscription_is_told_before_and_when_it_comes_once_each() {
    let mut state = with(json!({"renewal_s": 30 * 86_400}));
    // It runs until 2028-01-01.
    let ends = NOW + 730 * DAY_MS;
    let bring = |state: &mut State, now_ms| {
        let events = clerk::due(state, now_ms);
        events.iter().for_each(|event| apply(state, event, now_ms));
        let tags = events.iter().map(|event| serde_json::to_value(event).unwrap()["event"].clone());
        let of_end = tags.filter(|tag| tag.as_str().unwrap().starts_with("subscription-"));
        of_end.map(|tag| tag.as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    let told =
        |state: &State| state.subscription(&"b.live".parse().unwrap()).unwrap().granted.clone().unwrap().told;
    assert!(bring(&mut state, ends - 31 * DAY_MS).is_empty());
    assert_eq!(bring(&mut state, ends - 30 * DAY_MS), ["subscription-expiring"]);
    assert!(bring(&mut state, ends - 29 * DAY_MS).is_empty(), "once");
    let ends_soon =
        |state: &State, now_ms| state.subscription(&"b.live".parse().unwrap()).unwrap().ends_soon(now_ms);
    assert!(ends_soon(&state, ends - 29 * DAY_MS) && !ends_soon(&state, ends), "then it is over");
    let renewed = {
        let mut state = state.clone();
        done(
            &mut state,
            &consumer(),
            json!({"command": "change-subscription", "subscription": "b.live",
            "expires": "2029-01-01"}),
        );
        assert_eq!(told(&state), Told::Expiring, "until it is approved");
        done(&mut state, &steward(), approve("b.live"));
        state
    };
    assert_eq!(told(&renewed), Told::Nothing);
    assert_eq!(bring(&mut state, ends), ["subscription-expired"]);
    assert!(bring(&mut state, ends + DAY_MS).is_empty());
    assert!(bring(&mut renewed.clone(), ends).is_empty());
}
