//! The bus's own topics: nobody else's, answered for by the bus, and in nobody's way.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on says where")]

use crate::support::{
    DAY_MS, NOW, actor, closed, decided, definition, done, operator, request, small_bus, telling_bus,
};
use governance::notices::{self, KINDS};
use governance::{Actor, Role, Standing, State, apply, clerk, notice};
use serde_json::{Value, json};

fn propose(version: u32, schema: &str) -> Value {
    json!({"command": "propose-contract", "definition": definition("x.one", version, schema)})
}

fn on_subscription(what: &str, name: &str) -> Value {
    json!({"command": what, "subscription": name})
}

#[test]
fn a_bus_that_was_opened_before_has_the_topics_from_then_on_and_tells_nothing_of_before() {
    let state = closed(small_bus());
    let event = decided(&state, &actor("s@a", &[Role::Steward]), propose(2, "other")).unwrap().remove(0);
    let (mut before, mut after) = (state.clone(), state);
    apply(&mut before, &event, NOW);
    assert_eq!(notice(&before, &event, NOW), None);
    let made = notices::missing(&after);
    for event in &made {
        apply(&mut after, event, NOW);
        assert_eq!(notice(&after, event, NOW), None, "the topics tell nothing of themselves: {event:?}");
    }
    assert!(notices::missing(&after).is_empty());
    apply(&mut after, &event, NOW);
    assert_eq!(notice(&after, &event, NOW).unwrap().kind, "contract.proposed");
    for kind in KINDS {
        let topic = after.topic(&kind.topic()).unwrap();
        assert_eq!((topic.owner.as_str(), topic.steward.as_str()), ("central", "steward@central"));
        assert!(topic.newest_active().is_some() && topic.deputy.as_str() == "deputy@central");
    }
}

#[test]
fn the_buss_own_topics_are_nobody_elses() {
    let mut state = telling_bus();
    let steward = actor("steward@central", &[Role::Steward]);
    let own = "bus.contract.proposed";
    let refused = |state: &State, who: &Actor, json: Value| decided(state, who, json).unwrap_err().code;
    assert_eq!(refused(&state, &operator(), crate::support::create_topic("bus.line.opened")), "reserved");
    let other = json!({"command": "propose-contract", "definition": definition(own, 2, "{}")});
    assert_eq!(refused(&state, &steward, other), "reserved");
    for what in ["deprecate-contract", "retire-contract"] {
        let json = json!({"command": what, "topic": own, "version": 1, "sunset": "2027-01-01"});
        let mut json = json;
        if what == "retire-contract" {
            json.as_object_mut().unwrap().remove("sunset");
        }
        assert_eq!(refused(&state, &steward, json), "reserved");
    }
    // What else a steward does is as for every topic.
    done(&mut state, &operator(), json!({"command": "close-bootstrap"}));
    done(&mut state, &actor("c@b", &[Role::Steward]), request("b.proposals", own, &[]));
    done(&mut state, &steward, on_subscription("approve-subscription", "b.proposals"));
    done(
        &mut state,
        &steward,
        json!({"command": "change-topic", "topic": own, "description": "What is proposed."}),
    );
    let topic = state.topic(&crate::support::topic(own)).unwrap();
    let rules = &state.standards().ownership;
    let may =
        |name: &str| governance::may_publish(&actor(name, &[Role::Producer]), topic, rules, NOW).is_ok();
    assert!(may("clerk@bus") && !may("p@central") && !may("p@a"));
}

#[test]
fn the_buss_own_topics_are_answered_for_by_the_bus() {
    let mut state = closed(telling_bus());
    for who in ["steward@central", "deputy@central"] {
        done(&mut state, &operator(), json!({"command": "disable-principal", "principal": who}));
    }
    let rules = state.standards().ownership.clone();
    let mut now = NOW;
    for _ in 0..40 {
        now += 60 * DAY_MS;
        for event in clerk::due(&state, now) {
            apply(&mut state, &event, now);
        }
        for kind in KINDS {
            let topic = state.topic(&kind.topic()).unwrap();
            assert_eq!(governance::ownership::standing(topic, &rules, now), Standing::Held);
            let bus = actor("clerk@bus", &[Role::Producer]);
            governance::may_publish(&bus, topic, &rules, now).unwrap();
        }
    }
    let one = state.topic(&crate::support::topic("x.one")).unwrap();
    assert_eq!(governance::ownership::standing(one, &rules, now), Standing::Suspended);
    // Others can be named all the same, by an operator too, and they stay with the agency that runs the bus.
    let own = "bus.contract.proposed";
    let named =
        json!({"command": "change-topic", "topic": own, "steward": "x@central", "deputy": "y@central"});
    done(&mut state, &operator(), named);
    let offer = json!({"command": "offer-topic", "topic": own, "to": "a", "on": "2030-01-01"});
    let refused = decided(&state, &actor("x@central", &[Role::Steward]), offer).unwrap_err();
    assert_eq!(refused.code, "reserved");
    let ends = json!({"command": "propose-succession", "agency": "central", "on": "2030-01-01",
        "shares": [{"agency": "a", "topics": [own]}]});
    let refused = decided(&state, &operator(), ends).unwrap_err();
    assert!(refused.text.contains("topic bus.contract.proposed is not of central"), "{refused}");
    assert_eq!(refused.text.lines().count(), 1, "{refused}");
}

#[test]
fn the_buss_own_contracts_take_no_number_of_anybody_elses() {
    let (with, without) = (telling_bus(), small_bus());
    let created = crate::support::create_topic("x.three");
    let (mut with, mut without) = (closed(with), closed(without));
    for state in [&mut with, &mut without] {
        done(state, &actor("s@a", &[Role::Steward]), created.clone());
        let number = state.topic(&crate::support::topic("x.three")).unwrap().newest().unwrap().number;
        assert_eq!((number, state.schemas().count()), (5, 5));
    }
    let own: Vec<u32> = with.schemas().own().map(|(number, _)| number).collect();
    assert_eq!(own.len(), KINDS.len());
    for kind in KINDS {
        let number = with.topic(&kind.topic()).unwrap().newest().unwrap().number;
        assert!(own.contains(&number) && with.schemas().numbered(number).is_some());
    }
    assert!(with.schemas().numbered(own.iter().min().unwrap() - 1).is_none());
}
