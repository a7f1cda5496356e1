//! The life of a contract's version as a table: every state × command × role, with what is said where it is refused.
//!
//! `table.txt` is what the rules say, in the words that people get. `WRITE_TABLE=1 cargo test` writes it anew; a change of
//! it is read line by line before it is committed.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on says where")]

use std::fmt::Write;

use crate::support::{Check, NOW, actor, closed, command, definition, done, operator, small_bus};
use governance::{Actor, Event, Role, State, apply, clerk, decide};
use serde_json::{Value, json};

const TABLE: &str = include_str!("table.txt");
const DAY_MS: u64 = 86_400_000;
const NOT_THEIRS: &str = "✗ not-allowed";

/// Who asks. The topic's deputy is as its steward; other stewards of the owner agency are as anybody.
fn cast() -> [(&'static str, Actor); 6] {
    [
        ("owner", actor("s@a", &[Role::Steward])),
        ("reader", actor("c@b", &[Role::Steward])),
        ("operator", operator()),
        ("regulator", actor("r@b", &[Role::Regulator])),
        ("dpo", actor("d@b", &[Role::Dpo])),
        ("producer", actor("p@a", &[Role::Producer])),
    ]
}

fn on(what: &str) -> Value {
    json!({"command": what, "topic": "x.one", "version": 2})
}

fn with(what: &str, field: &str, text: &str) -> Value {
    let mut command = on(what);
    command["agency"] = "b".into();
    command[field] = text.into();
    command
}

fn propose(schema: &str) -> Value {
    json!({"command": "propose-contract", "definition": definition("x.one", 2, schema)})
}

/// The same, with a migration from the version before.
fn propose_carrying(version: u32, schema: &str) -> Value {
    let mut definition = definition("x.one", version, schema);
    definition["migration"] = json!([]);
    json!({"command": "propose-contract", "definition": definition})
}

fn deprecate(sunset: &str) -> Value {
    let mut command = on("deprecate-contract");
    command["sunset"] = sunset.into();
    command
}

fn override_it() -> Value {
    let mut command = on("override-contract");
    command["reason"] = "haste".into();
    command
}

fn commands() -> Vec<(&'static str, Value)> {
    vec![
        ("propose what breaks", propose("other")),
        ("propose what adds", propose("{} more")),
        ("propose what breaks with a migration", propose_carrying(2, "other")),
        ("propose what breaks with a migration that fails", propose_carrying(2, "other lossy")),
        ("acknowledge", with("acknowledge-contract", "agency", "b")),
        ("object", with("object-to-contract", "reason", "too soon")),
        ("answer", with("answer-objection", "answer", "we wait a week")),
        ("override", override_it()),
        ("activate", on("activate-contract")),
        ("deprecate", deprecate("2026-06-01")),
        ("retire", on("retire-contract")),
        ("retire version 1", first(on("retire-contract"))),
    ]
}

fn first(mut command: Value) -> Value {
    command["version"] = 1.into();
    command
}

/// `b` has said nothing to version 2, which carries it, and which is active since its notice has run.
fn carried(then: &dyn Fn(&State, &Actor, Value) -> State) -> State {
    let [(_, owner), ..] = cast();
    let mut state = then(&closed(small_bus()), &owner, propose_carrying(2, "other"));
    let live = decide(&state, &owner, &command(on("activate-contract")), NOW + 14 * DAY_MS, &Check).unwrap();
    live.iter().for_each(|event| apply(&mut state, event, NOW + 14 * DAY_MS));
    then(&state, &owner, first(deprecate("2026-01-20")))
}

/// The same, with version 3 proposed after it.
fn carried_past(then: &dyn Fn(&State, &Actor, Value) -> State, third: Value) -> State {
    then(&carried(then), &cast()[0].1, third)
}

/// Each state with the day on which it is asked, after 2026-01-01. Version 1 is active, `b` reads the topic, and version 2
/// breaks it, but where said otherwise.
fn states() -> Vec<(&'static str, State, u64)> {
    let [(_, owner), (_, reader), (_, root), (_, regulator), ..] = cast();
    let proposed = |schema: &str| {
        let mut state = closed(small_bus());
        done(&mut state, &owner, propose(schema));
        state
    };
    let then = |state: &State, who: &Actor, what: Value| {
        let mut state = state.clone();
        done(&mut state, who, what);
        state
    };
    let breaking = proposed("other");
    let compatible = proposed("{} more");
    let acknowledged = then(&breaking, &reader, with("acknowledge-contract", "agency", "b"));
    let objected = then(&breaking, &reader, with("object-to-contract", "reason", "never"));
    let answered = then(&objected, &owner, with("answer-objection", "answer", "the law asks for it"));
    let half = then(&objected, &root, override_it());
    let overridden = then(&half, &regulator, override_it());
    let active = then(&acknowledged, &owner, on("activate-contract"));
    let deprecated = then(&active, &owner, deprecate("2026-02-01"));
    let mut ended = deprecated.clone();
    let retire = decide(&ended, &owner, &command(on("retire-contract")), NOW + 40 * DAY_MS, &Check).unwrap();
    retire.iter().for_each(|event| apply(&mut ended, event, NOW + 40 * DAY_MS));
    let unread = then(
        &breaking,
        &owner,
        json!({"command": "revoke-subscription", "subscription": "b.live", "reason": "over"}),
    );
    let overtaken = {
        let third = json!({"command": "propose-contract", "definition": definition("x.one", 3, "{} third")});
        let mut state = then(&acknowledged, &owner, third);
        let mut agreed = with("acknowledge-contract", "agency", "b");
        agreed["version"] = 3.into();
        done(&mut state, &reader, agreed);
        let mut third = on("activate-contract");
        third["version"] = 3.into();
        then(&state, &owner, third)
    };
    let with_migration = then(&closed(small_bus()), &owner, propose_carrying(2, "other"));
    vec![
        ("proposed, compatible, in its notice", compatible.clone(), 0),
        ("proposed, compatible, after its notice", compatible, 14),
        ("proposed, breaking", breaking, 0),
        ("proposed, breaking, read by nobody", unread, 0),
        ("acknowledged", acknowledged, 0),
        ("objected", objected, 0),
        ("objected and answered", answered, 0),
        ("objected, overridden by an operator alone", half, 0),
        ("objected, overridden by an operator and a regulator of another agency", overridden, 0),
        ("acknowledged, overtaken by version 3", overtaken, 0),
        ("proposed, breaking, with a migration, in its notice", with_migration.clone(), 0),
        ("proposed, breaking, with a migration, after its notice", with_migration.clone(), 14),
        (
            "proposed, breaking, with a migration, objected, after its notice",
            then(&with_migration, &reader, with("object-to-contract", "reason", "never")),
            14,
        ),
        ("active, and b is carried on version 1, which is deprecated", carried(&then), 21),
        ("active", active, 0),
        ("deprecated, before its sunset", deprecated.clone(), 0),
        ("deprecated, after its sunset", deprecated, 40),
        ("retired", ended, 41),
    ]
}

fn outcome(state: &State, actor: &Actor, what: &Value, now: u64) -> String {
    match decide(state, actor, &command(what.clone()), now, &Check) {
        Ok(events) if events.is_empty() => "is so already".to_owned(),
        Ok(events) => events.iter().map(tag).collect::<Vec<_>>().join(", "),
        Err(refused) => format!("✗ {}: {}", refused.code, refused.to_string().replace('\n', " / ")),
    }
}

fn tag(event: &Event) -> String {
    let value = serde_json::to_value(event).unwrap();
    value["event"].as_str().unwrap().to_owned()
}

/// Outcomes, each with the roles that get it.
type Outcomes = Vec<(String, Vec<&'static str>)>;

fn outcomes(state: &State, what: &Value, now: u64) -> Outcomes {
    let mut said: Outcomes = Vec::new();
    for (role, actor) in cast() {
        let outcome = outcome(state, &actor, what, now);
        match said.iter_mut().find(|(known, _)| *known == outcome) {
            Some((_, roles)) => roles.push(role),
            None => said.push((outcome, vec![role])),
        }
    }
    said
}

fn write(text: &mut String, what: &str, outcomes: &Outcomes) {
    writeln!(text, "{what}").unwrap();
    for (outcome, roles) in outcomes {
        writeln!(text, "    {}: {outcome}", roles.join(", ")).unwrap();
    }
}

fn table() -> String {
    let (states, commands) = (states(), commands());
    let mut text = "## not theirs, in any state\n".to_owned();
    for (what, command) in &commands {
        let not_theirs = |(_, state, day): &(&str, State, u64)| -> Outcomes {
            let said = outcomes(state, command, NOW + day * DAY_MS);
            said.into_iter().filter(|(outcome, _)| outcome.starts_with(NOT_THEIRS)).collect()
        };
        let not_theirs: Vec<Outcomes> = states.iter().map(not_theirs).collect();
        assert!(not_theirs.iter().all(|outcomes| *outcomes == not_theirs[0]), "{what}: {not_theirs:?}");
        write(&mut text, what, &not_theirs[0]);
    }
    for (name, state, day) in &states {
        let now = NOW + day * DAY_MS;
        writeln!(text, "\n## {name}").unwrap();
        let due = clerk::due(state, now);
        let due: Vec<_> =
            due.iter().filter(|event| format!("{event:?}").contains("x.one")).map(tag).collect();
        if !due.is_empty() {
            writeln!(text, "by itself\n    {}", due.join(", ")).unwrap();
        }
        for (what, command) in &commands {
            let mut said = outcomes(state, command, now);
            said.retain(|(outcome, _)| !outcome.starts_with(NOT_THEIRS));
            write(&mut text, what, &said);
        }
    }
    text
}

#[test]
fn the_life_of_a_contract_is_as_the_table_says() {
    let table = table();
    if std::env::var_os("WRITE_TABLE").is_some() {
        std::fs::write(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/table.txt"), &table).unwrap();
        return;
    }
    for (line, (is, should)) in table.lines().zip(TABLE.lines()).enumerate() {
        assert_eq!(is, should, "line {}", line + 1);
    }
    assert_eq!(table.len(), TABLE.len());
}

/// Version 3 comes while `b` is carried on version 1, asked on the day after its notice.
#[test]
fn who_is_carried_is_carried_on_or_must_agree() {
    let then = |state: &State, who: &Actor, what: Value| {
        let mut state = state.clone();
        done(&mut state, who, what);
        state
    };
    let third = |mut command: Value| {
        command["version"] = 3.into();
        command
    };
    let [(_, owner), (_, reader), ..] = cast();
    let ask = |state: &State, actor: &Actor, what: Value| outcome(state, actor, &what, NOW + 14 * DAY_MS);
    let without = json!({"command": "propose-contract", "definition": definition("x.one", 3, "other more")});
    let without = carried_past(&then, without);
    assert_eq!(
        ask(&without, &owner, third(on("activate-contract"))),
        "✗ not-acknowledged: v3 of x.one cannot go live yet / b has not agreed / a steward of b: acknowledge it, or object \
         with a reason",
        "compatible, but b reads version 1"
    );
    let due = clerk::due(&without, NOW + 14 * DAY_MS);
    assert!(!due.iter().any(|event| format!("{event:?}").contains("x.one")));
    let agreed = then(&without, &reader, third(with("acknowledge-contract", "agency", "b")));
    assert_eq!(
        ask(&agreed, &owner, third(on("activate-contract"))),
        "contract-activated, subscription-caught-up"
    );

    let with_one = carried_past(&then, propose_carrying(3, "other more"));
    let tried = with_one.topic(&crate::support::topic("x.one")).unwrap().versions
        [&crate::support::version(3)]
        .rehearsal
        .clone();
    let back_to: Vec<String> = tried.unwrap().losses.into_keys().collect();
    assert_eq!(back_to, ["v1", "v2"], "tried as far as b is carried");
    assert_eq!(ask(&with_one, &owner, third(on("activate-contract"))), "contract-activated");
    let mut live = with_one;
    let events =
        decide(&live, &owner, &command(third(on("activate-contract"))), NOW + 14 * DAY_MS, &Check).unwrap();
    events.iter().for_each(|event| apply(&mut live, event, NOW + 14 * DAY_MS));
    let serves = |state: &State| state.subscription(&"b.live".parse().unwrap()).unwrap().carried_on();
    assert_eq!(serves(&live), Some(crate::support::version(1)));
    // A version that was withdrawn takes nobody over.
    let mut withdrawn = then(&live, &owner, deprecate("2026-01-10"));
    let gone =
        decide(&withdrawn, &owner, &command(on("retire-contract")), NOW + 14 * DAY_MS, &Check).unwrap();
    gone.iter().for_each(|event| apply(&mut withdrawn, event, NOW + 14 * DAY_MS));
    assert_eq!(
        ask(&withdrawn, &reader, with("acknowledge-contract", "agency", "b")),
        "✗ not-proposed: v2 of x.one is retired, not proposed"
    );
    assert_eq!(serves(&withdrawn), Some(crate::support::version(1)));
    let over = then(&withdrawn, &reader, third(with("acknowledge-contract", "agency", "b")));
    assert_eq!(serves(&over), None, "and the newest takes over past it");
    // Step by step: version 2 first, which version 3 leads back to, then version 3.
    let second = with("acknowledge-contract", "agency", "b");
    assert_eq!(ask(&live, &reader, second.clone()), "contract-acknowledged, subscription-carried");
    let stepped = then(&live, &reader, second);
    assert_eq!(serves(&stepped), Some(crate::support::version(2)));
    let over = then(&stepped, &reader, third(with("acknowledge-contract", "agency", "b")));
    assert_eq!(serves(&over), None);
}
