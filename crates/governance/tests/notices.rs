//! What agencies are told of each kind of fact, as a table: the notice, whom it concerns, what is wanted of whom.
//!
//! `notices.txt` is what the rules say. `WRITE_TABLE=1 cargo test` writes it anew; a change of it is read line by line
//! before it is committed.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on says where")]

mod support;

use std::collections::BTreeSet;
use std::fmt::Write;

use contract::check::Workspace;
use contract::compile::compile;
use governance::notices::{self, KINDS, Kind, Way};
use governance::{Actor, Event, Notice, Role, Standing, State, apply, clerk, decide, notice};
use serde_json::{Value, json};
use support::{
    Check, NOW, actor, agency, closed, command, decided, definition, done, operator, request, small_bus,
};

const TABLE: &str = include_str!("notices.txt");
const DAY_MS: u64 = 86_400_000;

/// The small bus, with the bus's own topics.
fn telling_bus() -> State {
    let mut state = small_bus();
    notices::missing(&state).iter().for_each(|event| apply(&mut state, event, NOW));
    state
}

fn on(what: &str, version: u32) -> Value {
    json!({"command": what, "topic": "x.one", "version": version})
}

fn with(what: &str, field: &str, text: &str) -> Value {
    let mut command = on(what, 2);
    command["agency"] = "b".into();
    command[field] = text.into();
    command
}

fn propose(version: u32, schema: &str) -> Value {
    json!({"command": "propose-contract", "definition": definition("x.one", version, schema)})
}

fn on_subscription(what: &str, name: &str) -> Value {
    json!({"command": what, "subscription": name})
}

fn because(what: &str, name: &str) -> Value {
    json!({"command": what, "subscription": name, "reason": "the purpose\nended"})
}

/// After so many days somebody does something, or the clerk brings what time brings.
type Act = (u64, Option<Actor>, Value);

/// Who does what, day by day: every kind of fact comes about.
fn story() -> Vec<Act> {
    let acts = contracts_and_subscriptions().into_iter();
    let acts = acts.map(|(days, who, command)| (days, Some(who), command));
    acts.chain(colleagues_and_neighbours()).chain(nobody_answers()).collect()
}

fn topic_act(what: &str, topic: &str, more: Value) -> Value {
    let mut command = json!({"command": what, "topic": topic});
    command.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    command
}

/// From July 2026 on: people leave, a topic changes hands, an agency is succeeded.
fn colleagues_and_neighbours() -> Vec<Act> {
    let root = || Some(operator());
    let (owner, colleague) =
        (|| Some(actor("s@a", &[Role::Steward])), || Some(actor("u@a", &[Role::Steward])));
    let (reader, courts) = (|| Some(actor("c@b", &[Role::Steward])), || Some(actor("e@c", &[Role::Steward])));
    let people = |agency: &str| json!({"steward": format!("f@{agency}"), "deputy": format!("g@{agency}")});
    let offer = || topic_act("offer-topic", "x.two", json!({"to": "b", "on": "2026-09-01"}));
    let mut asked = request("c.ones", "x.one", &[]);
    asked["agency"] = "c".into();
    let succeed = || json!({"command": "propose-succession", "agency": "c", "on": "2026-10-01", "rest": "b"});
    let mut agree = json!({"command": "accept-succession", "agency": "c", "successor": "b"});
    agree.as_object_mut().unwrap().extend(people("b").as_object().unwrap().clone());
    let free =
        json!({"command": "register-schema", "subject": "courts", "schema": {"format": "avro", "text": "u"}});
    let delegate = json!({"command": "give-delegation", "principal": "s@a", "to": "u@a", "until": "2026-08-01",
        "reason": "holidays"});
    let steward =
        json!({"command": "create-principal", "principal": "e@c", "agency": "c", "roles": ["steward"]});
    vec![
        (0, owner(), delegate),
        (0, colleague(), on_subscription("approve-subscription", "b.more")),
        (0, colleague(), topic_act("offer-topic", "x.one", json!({"to": "b", "on": "2026-09-01"}))),
        (0, owner(), json!({"command": "end-delegation", "principal": "s@a"})),
        (0, owner(), topic_act("withdraw-offer", "x.one", json!({"reason": "not\nyet"}))),
        (0, owner(), offer()),
        (0, reader(), topic_act("accept-topic", "x.two", people("b"))),
        (60, None, Value::Null),
        (0, root(), steward),
        (0, courts(), asked),
        (0, root(), json!({"command": "set-mode", "mode": "READWRITE"})),
        (0, courts(), free),
        (0, root(), succeed()),
        (0, reader(), json!({"command": "withdraw-succession", "agency": "c", "reason": "the law is late"})),
        (0, root(), succeed()),
        (0, reader(), agree),
        (30, None, Value::Null),
    ]
}

/// From October 2026 on: `x.one` is left alone until somebody is named.
fn nobody_answers() -> Vec<Act> {
    let root = || Some(operator());
    let leaves = |who: &str| json!({"command": "disable-principal", "principal": who});
    let confirms = topic_act("confirm-topic", "x.one", json!({}));
    vec![
        (0, root(), leaves("t@a")),
        (0, Some(actor("s@a", &[Role::Steward])), confirms),
        (365, None, Value::Null),
        (45, None, Value::Null),
        (15, None, Value::Null),
        (0, root(), leaves("s@a")),
        (80, None, Value::Null),
        (15, None, Value::Null),
        (0, root(), topic_act("change-topic", "x.one", json!({"steward": "u@a", "deputy": "v@a"}))),
    ]
}

fn contracts_and_subscriptions() -> Vec<(u64, Actor, Value)> {
    let (root, owner) = (operator(), actor("s@a", &[Role::Steward]));
    let (reader, dpo) = (actor("c@b", &[Role::Steward]), actor("d@b", &[Role::Dpo]));
    let regulator = actor("r@b", &[Role::Regulator]);
    let overriding = |who: &Actor| {
        let mut command = on("override-contract", 2);
        command["reason"] = "the law starts\ntomorrow".into();
        (0, who.clone(), command)
    };
    let mut sunset = on("deprecate-contract", 1);
    sunset["sunset"] = "2026-06-01".into();
    let in_bootstrap = request("b.more", "x.two", &[]);
    let wider = json!({"command": "change-subscription", "subscription": "b.live", "clears": ["internal"]});
    let narrower = json!({"command": "change-subscription", "subscription": "b.asked", "clears": []});
    let principal =
        json!({"command": "create-principal", "principal": "n@c", "agency": "c", "roles": ["consumer"]});
    let free =
        json!({"command": "register-schema", "subject": "free", "schema": {"format": "avro", "text": "t"}});
    vec![
        (0, root.clone(), json!({"command": "register-agency", "agency": "c", "name": "Courts"})),
        (0, root.clone(), json!({"command": "change-agency", "agency": "c", "name": "The courts"})),
        (0, root.clone(), principal),
        (0, root.clone(), json!({"command": "change-principal", "principal": "n@c", "roles": ["producer"]})),
        (
            0,
            root.clone(),
            json!({"command": "issue-token", "principal": "n@c", "token_hash": "11".repeat(32)}),
        ),
        (0, root.clone(), json!({"command": "disable-principal", "principal": "n@c"})),
        (0, root.clone(), in_bootstrap),
        (0, root.clone(), json!({"command": "close-bootstrap"})),
        (
            0,
            root.clone(),
            json!({"command": "set-standards", "standards": {"changes": {"notice_s": 864000}}}),
        ),
        (0, owner.clone(), support::create_topic("x.three")),
        (
            0,
            owner.clone(),
            json!({"command": "change-topic", "topic": "x.one", "steward": "s@a", "retention": "30d"}),
        ),
        (0, owner.clone(), free),
        (
            0,
            owner.clone(),
            json!({"command": "set-compatibility", "subject": "x.one-value", "compatibility": "FULL"}),
        ),
        (0, root.clone(), json!({"command": "set-mode", "mode": "READONLY"})),
        (0, owner.clone(), propose(2, "{} more")),
        (0, owner.clone(), propose(2, "other")),
        (0, reader.clone(), with("object-to-contract", "reason", "too soon")),
        (0, owner.clone(), with("answer-objection", "answer", "we wait a week")),
        (0, reader.clone(), with("acknowledge-contract", "agency", "b")),
        (0, owner.clone(), propose(2, "another")),
        overriding(&root),
        overriding(&regulator),
        (0, owner.clone(), on("activate-contract", 2)),
        (0, owner.clone(), sunset),
        (200, owner.clone(), on("retire-contract", 1)),
        (0, owner.clone(), propose(3, "another one")),
        (0, owner.clone(), on("retire-contract", 3)),
        (0, owner.clone(), on_subscription("approve-subscription", "b.asked")),
        (0, dpo, on_subscription("approve-subscription", "b.asked")),
        (0, reader.clone(), narrower),
        (0, reader.clone(), wider),
        (0, owner.clone(), because("refuse-subscription", "b.live")),
        (0, reader, because("revoke-subscription", "b.live")),
    ]
}

fn line(state: &State, event: &Event, at_ms: u64) -> String {
    let tag = serde_json::to_value(event).unwrap()["event"].as_str().unwrap().to_owned();
    let Some(notice) = notice(state, event, at_ms) else { return format!("{tag}\n    –\n") };
    let concerns: Vec<&str> = notice.concerns.iter().map(|agency| agency.as_str()).collect();
    let mut told =
        format!("{tag}\n    bus.{}: {}\n    concerns {}\n", notice.kind, notice.text, concerns.join(", "));
    for ask in &notice.asks {
        let by = ask.by.as_ref().map(|by| format!(" by {by}")).unwrap_or_default();
        writeln!(told, "    {} of {}{by}: {}", ask.wanted, ask.agency, ask.how).unwrap();
    }
    told
}

/// What the bus would refuse of its own notices, it would never tell.
fn fits_its_contract(notice: &Notice) {
    let kind = Kind::named(notice.kind).unwrap();
    let contract = compile(&notices::topics::definition(&kind)).unwrap_or_else(|faults| panic!("{faults:?}"));
    let data = serde_json::to_vec(notice).unwrap();
    if let Err(violations) = contract.check(&data, &mut Workspace::default()) {
        panic!("{}: {violations:?}", String::from_utf8_lossy(&data));
    }
}

#[test]
fn every_kind_of_fact_gives_the_notice_of_the_table() {
    let (mut state, mut now) = (telling_bus(), NOW);
    let (mut told, mut tags, mut kinds) = (String::new(), BTreeSet::new(), BTreeSet::new());
    for (days, who, json) in story() {
        now += days * DAY_MS;
        told +=
            &format!("# {}\n", json["command"].as_str().map_or(format!("{days} days later"), str::to_owned));
        let events = match who {
            Some(who) => decide(&state, &who, &command(json.clone()), now, &Check),
            None => Ok(clerk::due(&state, now)),
        };
        for event in events.unwrap_or_else(|refused| panic!("{refused}: {json}")) {
            apply(&mut state, &event, now);
            told += &line(&state, &event, now);
            tags.insert(serde_json::to_value(&event).unwrap()["event"].as_str().unwrap().to_owned());
            let notice = notice(&state, &event, now);
            kinds.extend(notice.as_ref().map(|notice| notice.kind));
            notice.iter().for_each(fits_its_contract);
        }
    }
    let all: BTreeSet<&str> = KINDS.iter().map(|kind| kind.name).collect();
    assert_eq!(kinds, all, "a kind of notice never came about");
    let facts = include_str!("events.jsonl").lines();
    let facts: BTreeSet<String> = facts
        .map(|fact| serde_json::from_str::<Value>(fact).unwrap()["event"].as_str().unwrap().to_owned())
        .collect();
    let not_told: Vec<&String> = facts.difference(&tags).collect();
    assert_eq!(not_told, ["bus-opened", "schema-deleted"], "a kind of fact never came about");
    let own = state.topics().filter(|topic| notices::is_own(&topic.name));
    assert!(
        own.into_iter().all(|topic| topic.stewardship.told.is_empty() && topic.owner == agency("central"))
    );
    if std::env::var_os("WRITE_TABLE").is_some() {
        std::fs::write(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/notices.txt"), &told).unwrap();
    }
    assert_eq!(told, TABLE);
}

#[test]
fn what_time_brings_is_told_too() {
    let mut state = closed(telling_bus());
    done(&mut state, &actor("s@a", &[Role::Steward]), propose(2, "{} more"));
    let later = NOW + 15 * DAY_MS;
    let due = clerk::due(&state, later);
    let live = due
        .iter()
        .find(|event| matches!(event, Event::ContractActivated { topic, .. } if topic.as_str() == "x.one"));
    let event = live.unwrap();
    apply(&mut state, event, later);
    let told = notice(&state, event, later).unwrap();
    assert_eq!((told.kind, told.by.as_str()), ("contract.activated", "clerk@bus"));
    assert_eq!(told.concerns, [agency("a"), agency("b")]);
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
    assert_eq!(refused(&state, &operator(), support::create_topic("bus.line.opened")), "reserved");
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
    let topic = state.topic(&support::topic(own)).unwrap();
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
    let one = state.topic(&support::topic("x.one")).unwrap();
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
    let created = support::create_topic("x.three");
    let (mut with, mut without) = (closed(with), closed(without));
    for state in [&mut with, &mut without] {
        done(state, &actor("s@a", &[Role::Steward]), created.clone());
        let number = state.topic(&support::topic("x.three")).unwrap().newest().unwrap().number;
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

#[test]
fn an_agency_is_told_from_the_day_on_which_it_wished_so() {
    let mut state = telling_bus();
    let wish = |notices: Value| json!({"command": "change-agency", "agency": "b", "notices": notices});
    let since = |state: &State, way: Way| state.agency(&agency("b")).unwrap().since.get(way);
    assert_eq!(since(&state, Way::Email), None);
    let mut later = |notices: Value, at_ms: u64| {
        let events = decide(&state, &operator(), &command(wish(notices)), at_ms, &Check).unwrap();
        events.iter().for_each(|event| apply(&mut state, event, at_ms));
        (since(&state, Way::Email), since(&state, Way::Webhook))
    };
    assert_eq!(later(json!({"email": ["x@b.example"]}), NOW), (Some(NOW), None));
    let both = json!({"email": ["y@b.example"], "webhook": "https://b.example/x", "digest": "daily"});
    assert_eq!(later(both, NOW + 5), (Some(NOW), Some(NOW + 5)));
    assert_eq!(later(json!({"webhook": "https://b.example/y"}), NOW + 9), (None, Some(NOW + 5)));
    let bad = decided(&state, &operator(), wish(json!({"webhook": "http://b.example", "kinds": ["births"]})));
    let refused = bad.unwrap_err();
    assert!(refused.code == "invalid-agency" && refused.text.lines().count() == 2, "{refused}");
}
