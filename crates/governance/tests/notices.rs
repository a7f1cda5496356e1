//! What agencies are told of each kind of fact, as a table: the notice, whom it concerns, what is wanted of whom.
//!
//! `notices.txt` is what the rules say. `WRITE_TABLE=1 cargo test` writes it anew; a change of it is read line by line
//! before it is committed.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on says where")]

use std::collections::BTreeSet;
use std::fmt::Write;

use crate::support::{
    Check, DAY_MS, NOW, actor, agency, closed, command, decided, definition, done, operator, request,
    telling_bus,
};
use contract::check::Workspace;
use contract::compile::compile;
use governance::events::ContractEvent;
use governance::notices::{self, KINDS, Kind, Way};
use governance::state::{EventAt, Handed, Person};
use governance::{
    Actor, ContractCheck, Event, Notice, Role, State, apply, carrying, clerk, decide, erasure, leaks, notice,
};
use serde_json::{Value, json};

const TABLE: &str = include_str!("notices.txt");

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
    acts.chain(keys_of_agencies())
        .chain(colleagues_and_neighbours())
        .chain(nobody_answers())
        .chain(people_are_erased())
        .collect()
}

fn topic_act(what: &str, topic: &str, more: Value) -> Value {
    let mut command = json!({"command": what, "topic": topic});
    command.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    command
}

/// `b` publishes a key, which is retired.
fn keys_of_agencies() -> Vec<Act> {
    let (officer, steward) = (Some(actor("d@b", &[Role::Dpo])), Some(actor("c@b", &[Role::Steward])));
    let publish =
        json!({"command": "publish-sealing-key", "agency": "b", "public_key": crate::support::PUBLIC_KEY});
    let retire = json!({"command": "retire-sealing-key", "agency": "b", "key": crate::support::KEY_ID,
        "reason": "a newer\none"});
    vec![(0, officer, publish), (0, steward, retire)]
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

/// In the end, three people shall be erased.
fn people_are_erased() -> Vec<Act> {
    let (root, officer) = (|| Some(operator()), || Some(actor("d@a", &[Role::Dpo])));
    let reader = Some(actor("c@b", &[Role::Steward]));
    let person = |first: char| json!({"agency": "a", "pseudonym": first.to_string().repeat(32)});
    let ask = |name: &str, first: char| json!({"command": "request-erasure", "erasure": name, "parts": [person(first)], "reason": "the law,\n§17"});
    let on = |what: &str, name: &str| json!({"command": what, "erasure": name, "reason": "not this one"});
    let approve = json!({"command": "approve-erasure", "erasure": "e-1"});
    let hold = |name: &str, on: Value| json!({"command": "place-hold", "hold": name, "on": on, "reason": "a case is open", "reference": "court 4711"});
    let lift = |name: &str| json!({"command": "lift-hold", "hold": name, "reason": "the case is closed"});
    let officer_of =
        json!({"command": "create-principal", "principal": "d@a", "agency": "a", "roles": ["dpo"]});
    let answer =
        json!({"command": "acknowledge-erasure", "erasure": "e-1", "agency": "b", "kept": "Tax Act §147"});
    let deleted = json!({"command": "acknowledge-erasure", "erasure": "e-1", "agency": "b"});
    let quarantined = |what: &str, offset: u64| json!({"command": what, "topic": "x.one", "partition": 2, "offset": offset, "reason": "looked\nat it"});
    vec![
        (0, root(), officer_of),
        (0, root(), ask("e-1", '1')),
        (0, root(), hold("h-1", json!({"person": [person('1')]}))),
        (0, root(), hold("h-2", json!({"topic": "x.one"}))),
        (
            0,
            officer(),
            json!({"command": "confirm-public", "topic": "x.one", "fields": ["/desk/email"], "reason": "the desk's"}),
        ),
        (0, root(), json!({"command": "tell-leaks"})),
        (0, root(), json!({"command": "tell-leaks"})),
        (0, officer(), quarantined("release-quarantined", 17)),
        (0, officer(), approve),
        (0, root(), lift("h-1")),
        (0, root(), lift("h-2")),
        (0, officer(), quarantined("discard-quarantined", 18)),
        (0, root(), json!({"command": "erase-due"})),
        (0, root(), json!({"command": "trace"})),
        (0, reader.clone(), answer),
        (0, reader, deleted),
        (0, officer(), ask("e-2", '2')),
        (0, root(), on("decline-erasure", "e-2")),
        (0, officer(), ask("e-3", '3')),
        (0, officer(), on("withdraw-erasure", "e-3")),
    ]
}

/// What detectors found. Told of again on the same day, it is no fact.
fn leaked() -> Vec<leaks::Seen> {
    let seen = |place: &str, detector: &str, answer, events| leaks::Seen {
        topic: crate::support::topic("x.one"),
        place: place.to_owned(),
        detector: detector.to_owned(),
        answer,
        events,
    };
    vec![
        seen("/desk", "iban", leaks::Answer::Quarantine, 3),
        seen("/desk", "email", leaks::Answer::Flag, 1),
        seen("", "mrz", leaks::Answer::Refuse, 12),
    ]
}

/// What the bus brings, and whom it finds.
fn erased(state: &State, json: &Value, now: u64) -> Vec<Event> {
    if json["command"] == "erase-due" {
        return erasure::due(state, now, &|person: &Person| Check.events_about(person));
    }
    let handed =
        Handed { subscription: "b.more".parse().unwrap(), topic: crate::support::topic("x.one"), events: 12 };
    let at =
        |offset| EventAt { topic: handed.topic.clone(), partition: 1, offset, id: format!("i-{offset}") };
    let found = (vec![handed.clone()], (0..12).map(at).collect());
    erasure::traced(state, "e-1", &agency("a"), [(agency("b"), found)].into())
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
    let on_two = |what: &str| json!({"command": what, "topic": "x.two", "version": 2});
    let mut carrying_all =
        json!({"command": "propose-contract", "definition": definition("x.two", 2, "other")});
    carrying_all["definition"]["migration"] = json!([]);
    let mut agreed = on_two("acknowledge-contract");
    agreed["agency"] = "b".into();
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
        (0, owner.clone(), crate::support::create_topic("x.three")),
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
        (0, owner.clone(), carrying_all),
        (200, owner.clone(), on("retire-contract", 1)),
        (0, owner.clone(), on_two("activate-contract")),
        (0, owner.clone(), on_subscription("set-aside", "b.more")),
        (0, reader.clone(), agreed),
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

/// What the bus finds when it reads for a subscription.
fn set_aside(state: &State, json: &Value) -> Vec<Event> {
    let name = json["subscription"].as_str().unwrap().parse().unwrap();
    let events = carrying::set_aside(state, &name, crate::support::version(2));
    let mut told = state.clone();
    events.iter().for_each(|event| apply(&mut told, event, NOW));
    assert_eq!(carrying::set_aside(&told, &name, crate::support::version(2)), [], "once");
    assert_eq!(
        carrying::set_aside(&told, &name, crate::support::version(3)).len(),
        1,
        "but for another version"
    );
    events
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
            Some(_) if json["command"] == "tell-leaks" => Ok(leaks::to_tell(&state, &leaked(), now)),
            Some(_) if json["command"] == "set-aside" => Ok(set_aside(&state, &json)),
            Some(_) if json["command"] == "erase-due" || json["command"] == "trace" => {
                Ok(erased(&state, &json, now))
            }
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
    assert_eq!(
        not_told,
        ["bus-opened", "erasure-asked-of", "erasure-looked", "schema-deleted"],
        "a kind of fact never came about"
    );
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
        .find(|event| matches!(event, Event::Contract(ContractEvent::ContractActivated { topic, .. }) if topic.as_str() == "x.one"));
    let event = live.unwrap();
    apply(&mut state, event, later);
    let told = notice(&state, event, later).unwrap();
    assert_eq!((told.kind, told.by.as_str()), ("contract.activated", "clerk@bus"));
    assert_eq!(told.concerns, [agency("a"), agency("b")]);
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
