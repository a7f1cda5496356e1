//! Who has a word in a person's erasure, and what it waits for.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on says where")]

use std::collections::BTreeMap;

use crate::support::{
    Check, DAY_MS, NOW, actor, agency, closed, command, decided, done, operator, small_bus, telling_bus,
};
use governance::events::ErasureEvent;
use governance::state::Person;
use governance::{Actor, ContractCheck, Event, Role, State, apply, decide, erasure, notice};
use serde_json::{Value, json};

fn person(agency: &str, first: char) -> Value {
    json!({"agency": agency, "pseudonym": first.to_string().repeat(32)})
}

fn ask(name: &str, parts: &[Value]) -> Value {
    json!({"command": "request-erasure", "erasure": name, "parts": parts, "reason": "§17"})
}

fn approve(name: &str) -> Value {
    json!({"command": "approve-erasure", "erasure": name})
}

fn officer(of: &str) -> Actor {
    actor(&format!("d@{of}"), &[Role::Dpo])
}

fn because(what: &str, field: &str, name: &str) -> Value {
    json!({"command": what, field: name, "reason": "r"})
}

fn hold(on: Value) -> Value {
    json!({"command": "place-hold", "hold": "h", "on": on, "reason": "a case", "reference": "court 4711"})
}

fn look(person: &Person) -> Result<BTreeMap<contract::TopicName, u64>, String> {
    Check.events_about(person)
}

fn brought(state: &mut State, now: u64) -> Vec<Event> {
    let events = erasure::due(state, now, &look);
    events.iter().for_each(|event| apply(state, event, now));
    events
}

fn standing(state: &State, of: &str, now: u64) -> &'static str {
    erasure::standing(state, state.erasure("e").unwrap().part(&agency(of)).unwrap(), now)
}

fn status(state: &State) -> &'static str {
    erasure::status(state, state.erasure("e").unwrap())
}

fn code(state: &State, who: &Actor, json: Value) -> &'static str {
    decided(state, who, json).unwrap_err().code
}

#[test]
fn each_part_wants_its_own_officer_and_all_want_two_people() {
    let parts = [person("a", '1'), person("b", '2')];
    for in_bootstrap in [true, false] {
        let mut state = if in_bootstrap { small_bus() } else { closed(small_bus()) };
        done(&mut state, &operator(), ask("e", &parts));
        assert_eq!(code(&state, &operator(), approve("e")), "four-eyes", "in bootstrap: {in_bootstrap}");
        done(&mut state, &actor("q@central", &[Role::Operator]), approve("e"));
        assert_eq!((standing(&state, "a", NOW), standing(&state, "b", NOW)), ("open", "open"));
        let events = done(&mut state, &officer("b"), approve("e"));
        assert_eq!(events.len(), 2, "{events:?}");
        assert_eq!((standing(&state, "a", NOW), standing(&state, "b", NOW)), ("open", "erased"));
        assert!(done(&mut state, &actor("q@central", &[Role::Operator]), approve("e")).is_empty());
        done(&mut state, &officer("a"), approve("e"));
        assert_eq!(status(&state), "carried-out");
        assert_eq!(code(&state, &officer("a"), approve("e")), "erasure-over");
    }
    let mut state = small_bus();
    done(&mut state, &officer("a"), ask("e", &parts));
    assert!(brought(&mut state, NOW).is_empty());
    done(&mut state, &officer("b"), approve("e"));
    assert_eq!(status(&state), "carried-out", "each officer is the other one's second");
}

#[test]
fn who_may_not_know_of_it_hears_that_there_is_none() {
    let mut state = small_bus();
    done(&mut state, &officer("a"), ask("e", &[person("a", '1')]));
    for who in [officer("b"), actor("u@a", &[Role::Steward]), actor("k@b", &[Role::Consumer])] {
        assert_eq!(code(&state, &who, approve("e")), "unknown", "{}", who.principal);
        assert_eq!(
            decided(&state, &who, approve("e")).unwrap_err().code,
            code(&state, &who, approve("none"))
        );
        assert!(erasure::sight(&state, &who, state.erasure("e").unwrap(), NOW).is_none());
    }
    for who in [actor("u@a", &[Role::Steward]), actor("r@b", &[Role::Regulator])] {
        assert_eq!(code(&state, &who, ask("f", &[person("a", '1')])), "not-allowed");
    }
    let (known, unknown) =
        [ask("f", &[person("a", '1')]), ask("f", &[])].map(|it| decided(&state, &officer("b"), it)).into();
    assert_eq!(known.unwrap_err().to_string(), unknown.unwrap_err().to_string());
    assert_eq!(code(&state, &officer("a"), ask("f", &[person("a", '1')])), "exists");
    assert_eq!(code(&state, &officer("a"), ask("e", &[person("a", '2')])), "exists");
}

#[test]
fn a_hold_keeps_a_person_until_it_is_lifted() {
    for on in [json!({"topic": "x.one"}), json!({"person": [person("a", '1')]})] {
        let mut state = closed(small_bus());
        done(&mut state, &officer("a"), hold(on.clone()));
        done(&mut state, &officer("a"), ask("e", &[person("a", '1'), person("b", '2')]));
        done(&mut state, &officer("b"), approve("e"));
        assert_eq!((standing(&state, "a", NOW), standing(&state, "b", NOW)), ("held", "erased"), "{on}");
        assert!(!erasure::is_due(&state, NOW) && brought(&mut state, NOW).is_empty());
        assert_eq!(code(&state, &officer("b"), because("lift-hold", "hold", "h")), "unknown");
        let no_reason = json!({"command": "lift-hold", "hold": "h", "reason": " "});
        assert_eq!(code(&state, &officer("a"), no_reason), "no-reason");
        done(&mut state, &officer("a"), because("lift-hold", "hold", "h"));
        assert!(done(&mut state, &officer("a"), because("lift-hold", "hold", "h")).is_empty());
        assert!(erasure::is_due(&state, NOW));
        assert!(!brought(&mut state, NOW).is_empty());
        assert_eq!(status(&state), "carried-out");
    }
    let state = small_bus();
    assert_eq!(code(&state, &officer("a"), hold(json!({"person": [person("b", '1')]}))), "not-allowed");
    assert_eq!(code(&state, &officer("b"), hold(json!({"topic": "x.one"}))), "not-allowed");
    let mut nameless = hold(json!({"topic": "x.one"}));
    nameless["reference"] = "".into();
    assert_eq!(code(&state, &officer("a"), nameless), "no-reference");
}

#[test]
fn what_the_law_wants_kept_is_waited_for() {
    let mut state = small_bus();
    let keep = |text: &str| json!({"command": "change-topic", "topic": "x.one", "keep": text});
    assert_eq!(code(&state, &operator(), keep("91d")), "invalid-topic");
    done(&mut state, &operator(), keep("10d"));
    let shorter = json!({"command": "change-topic", "topic": "x.one", "retention": "9d"});
    assert_eq!(code(&state, &operator(), shorter), "invalid-topic");
    done(&mut state, &operator(), ask("e", &[person("a", 'y')]));
    done(&mut state, &officer("a"), approve("e"));
    assert_eq!(standing(&state, "a", NOW), "kept");
    assert!(brought(&mut state, NOW + 10 * DAY_MS - 1).is_empty());
    assert_eq!(brought(&mut state, NOW + 10 * DAY_MS).len(), 1);
    let mut state = small_bus();
    done(&mut state, &operator(), keep("10d"));
    done(&mut state, &operator(), ask("e", &[person("a", '1')]));
    done(&mut state, &officer("a"), approve("e"));
    assert_eq!(standing(&state, "a", NOW), "erased", "what is older than the duty");
}

#[test]
fn it_ends_part_by_part_and_is_answered_by_those_who_were_told() {
    let mut state = small_bus();
    done(&mut state, &operator(), ask("e", &[person("a", '1'), person("b", '2')]));
    done(&mut state, &officer("b"), because("decline-erasure", "erasure", "e"));
    assert_eq!((standing(&state, "a", NOW), standing(&state, "b", NOW)), ("open", "declined"));
    assert_eq!(code(&state, &officer("b"), approve("e")), "not-allowed");
    done(&mut state, &officer("a"), approve("e"));
    assert_eq!(status(&state), "carried-out");
    assert_eq!(code(&state, &operator(), because("withdraw-erasure", "erasure", "e")), "erasure-over");
    let answer = |who: &Actor, of: &str, kept: Value, state: &State| {
        let json = json!({"command": "acknowledge-erasure", "erasure": "e", "agency": of, "kept": kept});
        decide(state, who, &command(json), NOW, &Check).map_err(|refused| refused.code)
    };
    assert_eq!(answer(&officer("b"), "b", Value::Null, &state), Err("not-told"));
    let told = erasure::traced(&state, "e", &agency("a"), [(agency("b"), Default::default())].into());
    told.iter().for_each(|event| apply(&mut state, event, NOW));
    assert!(erasure::traced(&state, "e", &agency("a"), Default::default()).is_empty(), "once");
    assert_eq!(answer(&officer("b"), "b", json!(" "), &state), Err("no-reason"));
    assert_eq!(answer(&officer("a"), "b", Value::Null, &state), Err("not-allowed"));
    let kept = answer(&officer("b"), "b", json!("Tax Act"), &state).unwrap();
    kept.iter().for_each(|event| apply(&mut state, event, NOW));
    assert_eq!(answer(&officer("b"), "b", json!("Tax Act"), &state), Ok(Vec::new()));
    assert_eq!(answer(&officer("b"), "b", Value::Null, &state).unwrap().len(), 1);
    let mut state = small_bus();
    done(&mut state, &officer("a"), ask("e", &[person("a", '1')]));
    assert_eq!(code(&state, &officer("b"), because("withdraw-erasure", "erasure", "e")), "unknown");
    done(&mut state, &officer("a"), because("withdraw-erasure", "erasure", "e"));
    assert_eq!(status(&state), "withdrawn");
    done(&mut state, &officer("a"), ask("f", &[person("a", '1')]));
}

/// `x.two` was handed over from `a` to `b`; it stays sealed by `a`.
fn handed_over(mut state: State, name: &str) -> State {
    let fact = json!({"event": "topic-transferred", "topic": name, "owner": "b", "steward": "c@b", "deputy": "e@b",
        "accepted_by": "c@b", "by": "s@a"});
    apply(&mut state, &Event::read(fact.to_string().as_bytes()).unwrap(), NOW);
    state
}

#[test]
fn each_owner_of_a_topic_with_something_in_it_has_a_word_whoever_sealed_it() {
    let second = actor("q@central", &[Role::Operator]);
    let both = [person("a", '2')];
    let bus = || handed_over(closed(small_bus()), "x.two");
    for (asks, other) in [("a", "b"), ("b", "a")] {
        let mut state = bus();
        done(&mut state, &officer(asks), ask("e", &both));
        done(&mut state, &second, approve("e"));
        assert_eq!((status(&state), standing(&state, "a", NOW)), ("requested", "open"));
        assert!(brought(&mut state, NOW).is_empty());
        assert!(erasure::sight(&state, &officer(other), state.erasure("e").unwrap(), NOW).is_some());
        let mut declined = state.clone();
        done(&mut declined, &officer(other), because("decline-erasure", "erasure", "e"));
        assert_eq!(status(&declined), "declined");
        let mut held = state.clone();
        done(&mut held, &officer(other), hold(json!({"person": both})));
        done(&mut held, &officer(other), approve("e"));
        assert_eq!((status(&held), standing(&held, "a", NOW)), ("approved", "held"));
        done(&mut state, &officer(other), approve("e"));
        assert_eq!(status(&state), "carried-out", "{asks} asked");
    }
    // Where nothing of a person is in the topic, its owner has no word; and who owns none of the topics has none either.
    let mut state = bus();
    done(&mut state, &officer("a"), ask("e", &[person("a", '1')]));
    assert_eq!(code(&state, &officer("b"), approve("e")), "not-allowed");
    let mut state = handed_over(bus(), "x.one");
    done(&mut state, &operator(), ask("e", &both));
    assert_eq!(code(&state, &officer("a"), approve("e")), "not-allowed");
    done(&mut state, &officer("b"), approve("e"));
    assert_eq!(status(&state), "carried-out");
}

#[test]
fn what_is_found_later_in_somebody_elses_topic_wants_their_word_too() {
    let mut state = handed_over(small_bus(), "x.two");
    done(&mut state, &operator(), hold(json!({"topic": "x.one"})));
    done(&mut state, &officer("a"), ask("e", &[person("a", '1')]));
    done(&mut state, &actor("q@central", &[Role::Operator]), approve("e"));
    done(&mut state, &operator(), because("lift-hold", "hold", "h"));
    let more = |_: &Person| Ok(["x.one", "x.two"].map(|name| (crate::support::topic(name), 2)).into());
    let events = erasure::due(&state, NOW, &more);
    assert!(matches!(&events[..], [Event::Erasure(ErasureEvent::ErasureLooked { .. })]), "{events:?}");
    events.iter().for_each(|event| apply(&mut state, event, NOW));
    assert_eq!(status(&state), "requested");
    let events = brought(&mut state, NOW);
    assert!(matches!(&events[..], [Event::Erasure(ErasureEvent::ErasureAskedOf { .. })]), "{events:?}");
    assert!(!erasure::is_due(&state, NOW));
}

#[test]
fn an_operators_hold_is_on_all_agencies_also_those_that_seal_nothing_yet() {
    let mut state = closed(small_bus());
    let held = erasure::may_hold(&state, &operator()).unwrap();
    assert_eq!(held, state.agencies().map(|agency| agency.agency.clone()).collect());
    done(&mut state, &operator(), hold(json!({"person": [person("a", '1'), person("b", '2')]})));
    assert!(erasure::may_hold(&state, &officer("b")).is_err(), "its keys seal nothing");
    assert!(erasure::may_see_hold(&state, &officer("a"), state.hold("h").unwrap(), NOW));
    assert!(!erasure::may_see_hold(&state, &officer("b"), state.hold("h").unwrap(), NOW));
}

#[test]
fn one_persons_authority_does_not_count_twice() {
    let mut state = small_bus();
    for (name, roles) in [("d@a", json!(["dpo"])), ("e@a", json!(["steward"]))] {
        let create = json!({"command": "create-principal", "principal": name, "agency": "a", "roles": roles});
        done(&mut state, &operator(), create);
    }
    let away = json!({"command": "give-delegation", "principal": "d@a", "to": "e@a", "until": "2026-02-01", "reason": "away"});
    done(&mut state, &officer("a"), away);
    let speaker = actor("e@a", &[Role::Steward]);
    let mut asked = state.clone();
    done(&mut asked, &officer("a"), ask("e", &[person("a", '1')]));
    assert_eq!(code(&asked, &speaker, approve("e")), "four-eyes");
    let fact = json!({"event": "erasure-requested", "erasure": "e", "parts": [person("a", '1')], "reason": "r",
        "speaks_for": ["a"], "by": "e@a", "by_instead_of": "d@a"});
    apply(&mut state, &Event::read(fact.to_string().as_bytes()).unwrap(), NOW);
    for who in [officer("a"), speaker] {
        assert_eq!(code(&state, &who, approve("e")), "four-eyes", "{}", who.principal);
    }
    done(&mut state, &operator(), approve("e"));
    assert_eq!(status(&state), "carried-out");
}

#[test]
fn a_duty_to_keep_is_not_shortened_while_an_erasure_waits_for_it() {
    let mut state = small_bus();
    let keep = |text: &str| json!({"command": "change-topic", "topic": "x.one", "keep": text});
    done(&mut state, &operator(), keep("10d"));
    done(&mut state, &operator(), ask("e", &[person("a", 'y')]));
    for shorter in ["9d", "0d"] {
        let refused = decided(&state, &operator(), keep(shorter)).unwrap_err();
        assert_eq!(refused.code, "keep-is-waited-for");
        assert!(refused.to_string().contains("x.one"), "{refused}");
    }
    done(&mut state, &operator(), keep("11d"));
    done(&mut state, &officer("a"), because("decline-erasure", "erasure", "e"));
    done(&mut state, &operator(), keep("9d"));
    done(&mut state, &operator(), ask("f", &[person("a", '1')]));
    done(&mut state, &operator(), keep("0d"));
}

#[test]
fn who_comes_to_have_a_word_is_asked_for_it_once() {
    let mut state = closed(telling_bus());
    done(&mut state, &officer("a"), ask("e", &[person("a", '2')]));
    assert!(!erasure::is_due(&state, NOW), "its owner was asked when it began");
    let mut state = handed_over(state, "x.two");
    assert!(erasure::is_due(&state, NOW));
    let events = brought(&mut state, NOW);
    let [Event::Erasure(ErasureEvent::ErasureAskedOf { agency: asked, .. })] = &events[..] else {
        panic!("{events:?}")
    };
    assert_eq!(*asked, agency("b"));
    let told = notice(&state, &events[0], NOW).unwrap();
    assert_eq!((told.kind, &told.concerns[..]), ("erasure.requested", &[agency("b")][..]));
    assert!(told.asks[0].agency == agency("b") && told.asks[0].how.contains("chancery erase approve e"));
    assert!(!erasure::is_due(&state, NOW) && brought(&mut state, NOW).is_empty(), "once");
    // What is found later in somebody else's topic is told in the same way, and what was agreed on to nobody.
    let mut state = handed_over(small_bus(), "x.two");
    done(&mut state, &officer("a"), ask("e", &[person("a", '1')]));
    let found = json!({"event": "erasure-looked", "erasure": "e", "agency": "a", "topics": {"x.two": 2}, "by": "clerk@bus"});
    apply(&mut state, &Event::read(found.to_string().as_bytes()).unwrap(), NOW);
    let mut agreed = state.clone();
    done(&mut agreed, &actor("q@central", &[Role::Operator]), because("decline-erasure", "erasure", "e"));
    assert!(!erasure::is_due(&agreed, NOW));
    assert_eq!(brought(&mut state, NOW).len(), 1);
}

#[test]
fn a_hold_is_told_to_those_who_may_know_it_and_no_more_where_it_stops_an_erasure() {
    let mut state = handed_over(closed(small_bus()), "x.two");
    // The keys of `a` seal what is in a topic that is another agency's by now, and that one holds it.
    done(&mut state, &officer("b"), hold(json!({"topic": "x.two"})));
    done(&mut state, &officer("a"), ask("e", &[person("a", '2')]));
    let known = state.erasure("e").unwrap().clone();
    let holds = |who: &Actor| {
        let sight = erasure::sight(&state, who, &known, NOW).unwrap();
        let waits = erasure::waits(&state, &known, &known.parts[0], &sight, NOW);
        let hold = waits.iter().find_map(|wait| match wait {
            erasure::Wait::Hold(hold) => Some(hold.is_some()),
            _ => None,
        });
        hold.unwrap()
    };
    for who in [officer("b"), operator()] {
        assert!(holds(&who), "{}", who.principal);
    }
    assert!(!holds(&officer("a")), "that there is one, but not which");
}
