//! Demands of consent: terms, standards and the contracts of topics that are believed.

use crate::support::{actor, applied, closed, decided, desired, done, folder, operator, small_bus, topic};
use governance::events::{BusEvent, OwnershipEvent, SuccessionEvent};
use governance::{Desired, Event, Role, State, apply, clerk, person_consent, plan};
use serde_json::{Value, json};

/// A bus on which `consent.record.changed` of `a` is believed.
fn believing() -> State {
    let mut state = small_bus();
    done(&mut state, &operator(), consent_topic(&schema()));
    done(&mut state, &operator(), standards(&["consent.record.changed"]));
    closed(state)
}

fn schema() -> Value {
    let text = std::path::Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../examples/consent/topics/consent.record.changed/v1.schema.json");
    serde_json::from_str(&std::fs::read_to_string(text).unwrap()).unwrap()
}

fn contract(version: u32, schema: &Value) -> Value {
    json!({"topic": "consent.record.changed", "version": version, "format": "json-schema", "schema": schema.to_string(),
        "subject": ["/pii_principal_id"], "key": "subject", "classify": {"/pii_principal_id": "personal"}})
}

fn consent_topic(schema: &Value) -> Value {
    let mut new = crate::support::create_topic("consent.record.changed");
    new["contract"] = contract(1, schema);
    new
}

fn standards(topics: &[&str]) -> Value {
    json!({"command": "set-standards", "standards": {"consent": {"topics": topics}}})
}

#[test]
fn a_demand_narrows_at_once_and_is_dropped_or_changed_by_approval_only() {
    let mut state = believing();
    let (consumer, owner) = (actor("c@b", &[Role::Steward]), actor("s@a", &[Role::Steward]));
    let demand = |purpose: &str| json!({"command": "change-subscription", "subscription": "b.live", "consent": purpose});
    let held = |state: &State| {
        let found = state.subscription(&"b.live".parse().unwrap()).unwrap();
        (found.granted_terms().unwrap().consent.clone(), found.requested.is_some())
    };
    done(&mut state, &consumer, demand("advice"));
    assert_eq!(held(&state), (Some("advice".to_owned()), false));
    for wider in ["statistics", ""] {
        done(&mut state, &consumer, demand(wider));
        assert_eq!(held(&state), (Some("advice".to_owned()), true), "{wider:?} waits");
        done(
            &mut state,
            &consumer,
            json!({"command": "change-subscription", "subscription": "b.live", "consent": "advice"}),
        );
    }
    done(&mut state, &consumer, demand(""));
    done(&mut state, &owner, json!({"command": "approve-subscription", "subscription": "b.live"}));
    assert_eq!(held(&state), (None, false));
    assert!(person_consent::agencies_asking(&state, crate::support::NOW).is_empty());
    done(&mut state, &consumer, demand("advice"));
    let asking: Vec<String> = person_consent::agencies_asking(&state, crate::support::NOW)
        .iter()
        .map(ToString::to_string)
        .collect();
    assert_eq!(asking, ["a"]);
    // Other terms keep the demand.
    let renewed =
        json!({"command": "change-subscription", "subscription": "b.live", "expires": "2027-06-01"});
    done(&mut state, &consumer, renewed);
    assert_eq!(held(&state).0.as_deref(), Some("advice"));
}

#[test]
fn nobody_demands_what_nobody_can_say() {
    let state = closed(small_bus());
    let consumer = actor("c@b", &[Role::Steward]);
    let demand = |purpose: &str| json!({"command": "change-subscription", "subscription": "b.live", "consent": purpose});
    let refused = decided(&state, &consumer, demand("advice")).unwrap_err();
    assert!(refused.text.contains("[consent] topics"), "{refused}");
    let refused = decided(&believing(), &consumer, demand(" advice")).unwrap_err();
    assert!(refused.text.contains("without spaces"), "{refused}");
}

#[test]
fn only_topics_that_say_who_consents_are_believed_and_they_stay_so() {
    let mut state = small_bus();
    for unfit in ["x.one", "x.none"] {
        let refused = decided(&state, &operator(), standards(&[unfit])).unwrap_err();
        assert!(refused.text.contains("consent.topics: ") && refused.text.contains(unfit), "{refused}");
    }
    done(&mut state, &operator(), consent_topic(&schema()));
    done(&mut state, &operator(), standards(&["consent.record.changed"]));
    let propose = |schema: &Value| json!({"command": "propose-contract", "definition": contract(2, schema)});
    let mut without = schema();
    without["properties"]["event"]["required"] = json!(["event_time"]);
    let refused = decided(&state, &operator(), propose(&without)).unwrap_err();
    assert!(refused.text.contains("/event/event_state must be required"), "{refused}");
    let mut more = schema();
    more["properties"]["note"] = json!({"type": "string"});
    done(&mut state, &operator(), propose(&more));
    done(&mut state, &operator(), standards(&[]));
    done(&mut state, &operator(), propose(&without));
}

#[test]
fn a_topic_of_which_events_wait_in_quarantine_is_not_believed() {
    let refused = decided(&small_bus(), &operator(), standards(&["x.one"])).unwrap_err();
    let said = "events of x.one wait in quarantine, and what nobody reads is not heeded: 3 wait for a decision, 1 are released";
    assert!(refused.text.contains(said) && refused.text.contains("let a dpo of a decide"), "{refused}");
    let refused = decided(&small_bus(), &operator(), standards(&["x.two"])).unwrap_err();
    let said =
        "0 wait for a decision, 2 are released and not placed yet; those are placed as soon as they can be";
    assert!(refused.text.contains(said), "nobody has to decide: {refused}");
}

#[test]
fn whose_a_believed_topic_is_and_how_long_it_keeps_only_an_operator_changes_who_takes_it_out_first() {
    let mut state = believing();
    let steward = actor("s@a", &[Role::Steward]);
    let name = "consent.record.changed";
    let offer = json!({"command": "offer-topic", "topic": name, "to": "b", "on": "2027-01-01"});
    let shorter = json!({"command": "change-topic", "topic": name, "retention": "30d"});
    for command in [&offer, &shorter] {
        let refused = decided(&state, &steward, command.clone()).unwrap_err();
        assert_eq!(refused.code, "believed", "{refused}");
    }
    done(&mut state, &operator(), standards(&[]));
    done(&mut state, &steward, shorter);
    done(&mut state, &steward, offer);
    // Nor is it believed while it is on its way to another.
    let refused = decided(&state, &operator(), standards(&[name])).unwrap_err();
    assert!(refused.text.contains("is offered to b"), "{refused}");
    let withdraw = json!({"command": "withdraw-offer", "topic": name, "reason": "it says who consents"});
    done(&mut state, &steward, withdraw);
    done(&mut state, &operator(), standards(&[name]));
}

#[test]
fn what_a_person_consents_to_only_officers_of_the_owner_see_and_who_speaks_for_them() {
    let state = believing();
    let may = |who: &str, role: Role| {
        person_consent::may_show(&state, &actor(who, &[role]), crate::support::NOW)
            .map_err(|refused| refused.text)
    };
    let seen = may("d@a", Role::Dpo).unwrap();
    assert_eq!(seen.iter().map(ToString::to_string).collect::<Vec<_>>(), ["consent.record.changed"]);
    for (who, role) in [
        ("d@b", Role::Dpo),
        ("s@a", Role::Steward),
        ("c@a", Role::Producer),
        ("o@a", Role::Operator),
        ("r@b", Role::Regulator),
    ] {
        assert!(may(who, role).unwrap_err().contains("a dpo of a"), "{who}");
    }
    let nothing =
        person_consent::may_show(&closed(small_bus()), &actor("d@a", &[Role::Dpo]), crate::support::NOW);
    assert!(nothing.unwrap_err().text.contains("no topic"));
}

#[test]
fn an_offer_from_before_it_was_believed_is_neither_accepted_nor_carried_out_meanwhile() {
    let mut state = believing();
    let name = "consent.record.changed";
    let day = "2026-02-01".parse().unwrap();
    let by = governance::By::own("s@a".parse().unwrap());
    let offered = Event::Ownership(OwnershipEvent::TopicOffered {
        topic: topic(name),
        to: "b".parse().unwrap(),
        on: day,
        by,
    });
    apply(&mut state, &offered, crate::support::NOW);
    let taker = actor("c@b", &[Role::Steward]);
    let accept = json!({"command": "accept-topic", "topic": name, "steward": "v@b", "deputy": "w@b"});
    let refused = decided(&state, &taker, accept.clone()).unwrap_err();
    assert_eq!(refused.code, "believed", "{refused}");
    // Nor is one that was accepted before.
    let mut free = state.clone();
    done(&mut free, &operator(), standards(&[]));
    done(&mut free, &taker, accept);
    let after = crate::support::NOW + 60 * crate::support::DAY_MS;
    let moves = |state: &State| {
        clerk::due(state, after)
            .iter()
            .any(|fact| matches!(fact, Event::Ownership(OwnershipEvent::TopicTransferred { topic, .. }) if topic.as_str() == name))
    };
    assert!(moves(&free));
    let standards_again = Event::Bus(BusEvent::StandardsSet {
        standards: state.standards().clone(),
        by: governance::By::own("root@central".parse().unwrap()),
    });
    apply(&mut free, &standards_again, crate::support::NOW);
    assert!(!moves(&free), "believed again by what stands in the journal");
}

#[test]
fn a_succession_with_a_believed_topic_waits_until_an_operator_takes_it_out() {
    let mut state = believing();
    let propose = json!({"command": "propose-succession", "agency": "a", "on": "2026-02-01", "rest": "b"});
    done(&mut state, &operator(), propose);
    let accept = json!({"command": "accept-succession", "agency": "a", "successor": "b", "steward": "v@b", "deputy": "w@b"});
    done(&mut state, &actor("c@b", &[Role::Steward]), accept);
    let day = crate::support::NOW + 31 * crate::support::DAY_MS;
    let a = "a".parse().unwrap();
    let waits = |state: &State| {
        governance::succession::waits(state, &a, state.succession(&a).unwrap(), day).join("; ")
    };
    assert!(waits(&state).contains("consent.record.changed says who consents"), "{}", waits(&state));
    let succeeds = |state: &State| {
        clerk::due(state, day)
            .iter()
            .any(|fact| matches!(fact, Event::Succession(SuccessionEvent::AgencySucceeded { .. })))
    };
    assert!(!succeeds(&state));
    let owner = |state: &State| state.topic(&topic("consent.record.changed")).unwrap().owner.to_string();
    done(&mut state, &operator(), standards(&[]));
    assert!(waits(&state).is_empty() && succeeds(&state));
    while let facts @ [_, ..] = &clerk::due(&state, day)[..] {
        facts.iter().for_each(|fact| apply(&mut state, fact, day));
    }
    assert_eq!(owner(&state), "b");
    done(&mut state, &operator(), standards(&["consent.record.changed"]));
    let seen = person_consent::may_show(&state, &actor("d@b", &[Role::Dpo]), day).unwrap();
    assert_eq!(seen.len(), 1, "its new owner answers for it");
}

#[test]
fn topics_that_are_believed_together_are_kept_equally_long_by_one_agency() {
    let mut state = small_bus();
    done(&mut state, &operator(), consent_topic(&schema()));
    let mut other = consent_topic(&schema());
    other["topic"] = json!("consent.form.entered");
    other["contract"]["topic"] = json!("consent.form.entered");
    other["retention"] = json!("30d");
    done(&mut state, &operator(), other);
    let both = standards(&["consent.record.changed", "consent.form.entered"]);
    let refused = decided(&state, &operator(), both.clone()).unwrap_err();
    assert!(refused.text.contains("keep events equally long"), "{refused}");
    let longer = json!({"command": "change-topic", "topic": "consent.form.entered", "retention": "90d"});
    done(&mut state, &operator(), longer);
    done(&mut state, &operator(), both);
    let mut faster = consent_topic(&schema());
    faster["topic"] = json!("consent.app.tapped");
    faster["contract"]["topic"] = json!("consent.app.tapped");
    faster["latency"] = json!("realtime");
    faster["retention"] = json!("90d");
    done(&mut state, &operator(), faster);
    let all = standards(&["consent.record.changed", "consent.app.tapped"]);
    let refused = decided(&state, &operator(), all).unwrap_err();
    assert!(refused.text.contains("one class of latency"), "{refused}");
}

#[test]
fn a_folder_may_bring_the_topic_and_its_belief_at_once() {
    let mut files = folder("examples/governance");
    files.extend(folder("examples/consent"));
    let subscription = files.get_mut("subscriptions/tax-office.births.yaml").unwrap();
    subscription.push_str("consent: assign tax identifiers\n");
    let wished: Desired = desired(&files);
    let state = applied(&crate::support::opened(), &wished);
    assert!(state.topic(&topic("consent.record.changed")).is_some());
    let believed = &state.standards().consent.topics;
    assert_eq!(believed.iter().map(ToString::to_string).collect::<Vec<_>>(), ["consent.record.changed"]);
    let again = plan(&state, &wished, crate::support::NOW, &crate::support::Check);
    assert!(again.steps.is_empty(), "the second time there is nothing to do: {again}");
    let name = "tax-office.births".parse().unwrap();
    assert_eq!(
        state.subscription(&name).unwrap().granted_terms().unwrap().consent.as_deref(),
        Some("assign tax identifiers")
    );
    let written = Desired::of(&state, crate::support::NOW).to_files();
    assert!(written["subscriptions/tax-office.births.yaml"].contains("consent: assign tax identifiers"));
}

#[test]
fn a_standard_may_ask_for_the_demand() {
    let mut state = small_bus();
    done(&mut state, &operator(), consent_topic(&schema()));
    let policy = "@id(\"special-by-consent\") @reason(\"special categories are handed over by consent\")
        forbid (principal, action in [Action::\"request-subscription\", Action::\"change-subscription\"], resource)
        when { resource.clears.contains(\"special\") } unless { resource has consent };";
    let standards = json!({"command": "set-standards", "standards":
        {"consent": {"topics": ["consent.record.changed"]}, "policies": {"consent.cedar": policy}}});
    done(&mut state, &operator(), standards);
    let mut state = closed(state);
    let consumer = actor("c@b", &[Role::Steward]);
    let mut request = crate::support::request("b.special", "x.two", &["special"]);
    let refused = decided(&state, &consumer, request.clone()).unwrap_err();
    assert!(refused.text.contains("handed over by consent"), "{refused}");
    request["consent"] = json!("advice");
    done(&mut state, &consumer, request);
    let dropped = json!({"command": "change-subscription", "subscription": "b.special", "consent": ""});
    decided(&state, &consumer, dropped).unwrap_err();
}
