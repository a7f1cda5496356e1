//! Who answers for a topic, as a table: every state × command × role, with what is said where it is refused.
//!
//! `ownership.txt` is what the rules say, in the words that people get. `WRITE_TABLE=1 cargo test` writes it anew; a
//! change of it is read line by line before it is committed.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on says where")]

use std::fmt::Write;

use crate::support::{Check, DAY_MS, NOW, actor, closed, command, definition, operator, small_bus, topic};
use governance::{
    Actor, Event, Refused, Role, Standing, State, apply, clerk, decide, may_consume, may_publish,
};
use serde_json::{Value, json};

const TABLE: &str = include_str!("ownership.txt");

/// Who asks: the topic's steward and deputy, another steward of their agency, a steward and a data protection officer of
/// an agency that reads it, the operator, and those who publish and consume.
fn cast() -> [(&'static str, Actor); 8] {
    [
        ("steward", actor("s@a", &[Role::Steward])),
        ("deputy", actor("t@a", &[Role::Steward])),
        ("colleague", actor("u@a", &[Role::Steward])),
        ("reader", actor("c@b", &[Role::Steward])),
        ("dpo", actor("d@b", &[Role::Dpo])),
        ("operator", operator()),
        ("producer", actor("p@a", &[Role::Producer])),
        ("consumer", actor("k@b", &[Role::Consumer])),
    ]
}

fn named(people: Value) -> Value {
    let mut command = json!({"command": "change-topic", "topic": "x.one"});
    command.as_object_mut().unwrap().extend(people.as_object().unwrap().clone());
    command
}

/// What of a topic can be asked for. `publish` and `consume` are the two rights of the hot path.
fn commands() -> Vec<(&'static str, Value)> {
    let on = |what: &str| json!({"command": what, "topic": "x.one", "version": 2});
    vec![
        ("publish", Value::Null),
        ("consume", Value::Bool(true)),
        ("confirm", json!({"command": "confirm-topic", "topic": "x.one"})),
        ("name a deputy", named(json!({"deputy": "w@a"}))),
        ("name both", named(json!({"steward": "v@a", "deputy": "w@a"}))),
        ("name somebody of another agency", named(json!({"steward": "c@b", "deputy": "w@a"}))),
        ("describe it otherwise", named(json!({"description": "y"}))),
        (
            "propose a version",
            json!({"command": "propose-contract", "definition": definition("x.one", 2, "{} more")}),
        ),
        (
            "register a schema",
            json!({"command": "register-schema", "subject": "x.one-value",
                "schema": {"format": "json-schema", "text": "{} word"}}),
        ),
        ("activate", on("activate-contract")),
        (
            "override",
            json!({"command": "override-contract", "topic": "x.one", "version": 2, "reason": "haste"}),
        ),
        ("withdraw the version", on("retire-contract")),
        (
            "acknowledge",
            json!({"command": "acknowledge-contract", "topic": "x.one", "version": 2, "agency": "b"}),
        ),
        ("approve a subscription", json!({"command": "approve-subscription", "subscription": "b.asked"})),
        (
            "refuse a subscription",
            json!({"command": "refuse-subscription", "subscription": "b.asked", "reason": "no"}),
        ),
        (
            "revoke a subscription",
            json!({"command": "revoke-subscription", "subscription": "b.live", "reason": "over"}),
        ),
    ]
}

/// Asks for something at a time; a refusal fails the test.
fn done(state: &mut State, who: &Actor, what: Value, now: u64) {
    let events = decide(state, who, &command(what.clone()), now, &Check);
    events.unwrap_or_else(|refused| panic!("{refused}: {what}")).iter().for_each(|e| apply(state, e, now));
}

/// What the clerk brings at a time; the tags of it.
fn brought(state: &mut State, now: u64) -> Vec<String> {
    let mut tags = Vec::new();
    loop {
        let events = clerk::due(state, now);
        if events.is_empty() {
            return tags;
        }
        events.iter().for_each(|event| apply(state, event, now));
        let of_it = |event: &&Event| format!("{event:?}").contains("x.one");
        tags.extend(events.iter().filter(of_it).map(tag));
    }
}

/// A day after another, with the clerk at work, up to a day after 2026-01-01.
fn lived(mut state: State, from: u64, to: u64) -> State {
    (from..=to).for_each(|day| drop(brought(&mut state, NOW + day * DAY_MS)));
    state
}

fn gone(mut state: State, person: &str, day: u64) -> State {
    let end = json!({"command": "disable-principal", "principal": person});
    done(&mut state, &operator(), end, NOW + day * DAY_MS);
    state
}

/// Each state with the day on which it is asked. The standards are those that a bus begins with: a confirmation every
/// 365 days, a freeze 56 days later, a suspension 91 days after that.
fn states() -> Vec<(&'static str, State, u64)> {
    let mut begun = closed(small_bus());
    // So that the version does not go live by itself in the meantime.
    let breaking = json!({"command": "propose-contract", "definition": definition("x.one", 2, "other")});
    done(&mut begun, &actor("s@a", &[Role::Steward]), breaking, NOW);
    let due = lived(begun.clone(), 0, 366);
    let orphaned = lived(begun.clone(), 0, 422);
    let suspended = lived(begun.clone(), 0, 513);
    let one_gone = gone(begun.clone(), "s@a", 1);
    let both_gone = lived(gone(one_gone.clone(), "t@a", 2), 2, 3);
    let long_gone = lived(both_gone.clone(), 3, 94);
    let mut healed = long_gone.clone();
    let people = named(json!({"steward": "u@a", "deputy": "w@a"}));
    done(&mut healed, &operator(), people, NOW + 95 * DAY_MS);
    vec![
        ("held", begun, 1),
        ("held, its steward gone", one_gone, 2),
        ("confirmation due", due, 367),
        ("orphaned: nobody confirmed it", orphaned, 422),
        ("orphaned: both gone", both_gone, 3),
        ("suspended: nobody confirmed it", suspended, 513),
        ("suspended: both gone", long_gone, 94),
        ("healed by the operator, who named u@a and w@a", healed, 96),
    ]
}

fn right(state: &State, who: &Actor, publishes: bool, now: u64) -> Result<Vec<Event>, Refused> {
    let rules = &state.standards().ownership;
    if publishes {
        return may_publish(who, state.topic(&topic("x.one")).unwrap(), rules, now).map(|()| Vec::new());
    }
    let subscription = state.subscription(&"b.live".parse().unwrap()).unwrap();
    may_consume(who, subscription, now).map(|()| Vec::new())
}

fn outcome(state: &State, who: &Actor, what: &Value, now: u64) -> String {
    let who = match state.principal(&who.principal) {
        Some(known) if known.disabled => return "(gone)".to_owned(),
        _ => who,
    };
    let right_asked = what.is_null() || what.is_boolean();
    let said = match right_asked {
        true => right(state, who, what.is_null(), now),
        false => decide(state, who, &command(what.clone()), now, &Check),
    };
    match said {
        Ok(_) if right_asked => "may".to_owned(),
        Ok(events) if events.is_empty() => "is so already".to_owned(),
        Ok(events) => events.iter().map(tag).collect::<Vec<_>>().join(", "),
        Err(refused) => format!("✗ {}: {}", refused.code, refused.to_string().replace('\n', " / ")),
    }
}

fn tag(event: &Event) -> String {
    serde_json::to_value(event).unwrap()["event"].as_str().unwrap().to_owned()
}

fn table() -> String {
    let mut text = String::new();
    for (name, state, day) in &states() {
        let now = NOW + day * DAY_MS;
        writeln!(text, "## {name}").unwrap();
        for (what, command) in &commands() {
            writeln!(text, "{what}").unwrap();
            let mut said: Vec<(String, Vec<&str>)> = Vec::new();
            for (role, who) in cast() {
                let outcome = outcome(state, &who, command, now);
                match said.iter_mut().find(|(known, _)| *known == outcome) {
                    Some((_, roles)) => roles.push(role),
                    None => said.push((outcome, vec![role])),
                }
            }
            for (outcome, roles) in said.iter().filter(|(outcome, _)| outcome != "(gone)") {
                writeln!(text, "    {}: {outcome}", roles.join(", ")).unwrap();
            }
        }
        writeln!(text).unwrap();
    }
    text
}

#[test]
fn who_may_do_what_with_a_topic_is_as_the_table_says() {
    let table = table();
    if std::env::var_os("WRITE_TABLE").is_some() {
        std::fs::write(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/ownership.txt"), &table).unwrap();
        return;
    }
    for (line, (is, should)) in table.lines().zip(TABLE.lines()).enumerate() {
        assert_eq!(is, should, "line {}", line + 1);
    }
    assert_eq!(table.len(), TABLE.len());
}

#[test]
fn people_are_told_each_stage_once_and_before_it_comes() {
    let mut state = closed(small_bus());
    let mut told = Vec::new();
    for day in 0..700 {
        let tags = brought(&mut state, NOW + day * DAY_MS);
        told.extend(tags.into_iter().map(|tag| (day, tag)));
    }
    let told: Vec<(u64, &str)> = told.iter().map(|(day, tag)| (*day, tag.as_str())).collect();
    assert_eq!(
        told,
        [
            (14, "contract-activated"),
            (365, "confirmation-due"),
            (407, "freeze-ahead"),
            (421, "topic-orphaned"),
            (498, "suspension-ahead"),
            (512, "topic-suspended"),
        ]
    );
    let confirm = json!({"command": "confirm-topic", "topic": "x.one"});
    done(&mut state, &actor("t@a", &[Role::Steward]), confirm, NOW + 700 * DAY_MS);
    assert_eq!(brought(&mut state, NOW + 701 * DAY_MS), [""; 0]);
    assert_eq!(brought(&mut state, NOW + 1065 * DAY_MS), ["confirmation-due"]);
}

#[test]
fn a_bus_that_stood_still_takes_nobody_by_surprise() {
    let mut state = closed(small_bus());
    let years = NOW + 3650 * DAY_MS;
    assert_eq!(brought(&mut state, years), ["contract-activated", "confirmation-due"]);
    let rules = state.standards().ownership.clone();
    let one = state.topic(&topic("x.one")).unwrap();
    let standing = |days: u64| governance::ownership::standing(one, &rules, years + days * DAY_MS);
    assert_eq!((standing(0), standing(55)), (Standing::ConfirmationDue, Standing::ConfirmationDue));
    assert_eq!((standing(56), standing(9999)), (Standing::Orphaned, Standing::Orphaned));
}

#[test]
fn milder_standards_do_not_unsay_what_was_told() {
    let mut state = lived(closed(small_bus()), 0, 513);
    let now = NOW + 513 * DAY_MS;
    let milder = json!({"command": "set-standards", "standards": {"ownership": {"confirm_every_s": 9999 * 86400u64,
        "suspend_after_s": 9999 * 86400u64}}});
    done(&mut state, &operator(), milder, now);
    let one = state.topic(&topic("x.one")).unwrap();
    assert_eq!(governance::ownership::standing(one, &state.standards().ownership, now), Standing::Suspended);
    assert_eq!(brought(&mut state, now), [""; 0]);
}
