//! Topics, and all that an agency has, go to others: on the day, by both sides' word, whole, with both histories.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on says where")]

use crate::support::{
    Check, DAY_MS, NOW, actor, agency, closed, command, definition, operator, small_bus, topic,
};
use governance::events::{ContractEvent, OwnershipEvent};
use governance::{Actor, Event, Refused, Role, State, apply, clerk, decide, may_consume, may_publish};
use serde_json::{Value, json};

/// Asks at a time; what was decided is so.
fn ask(state: &mut State, who: &Actor, what: &Value, day: u64) -> Result<Vec<Event>, Refused> {
    let now = NOW + day * DAY_MS;
    let events = decide(state, who, &command(what.clone()), now, &Check)?;
    events.iter().for_each(|event| apply(state, event, now));
    Ok(events)
}

fn done(state: &mut State, who: &Actor, what: &Value, day: u64) {
    ask(state, who, what, day).unwrap_or_else(|refused| panic!("{refused}: {what}"));
}

/// What the clerk brings until nothing is due, applied; without the contracts that go live.
fn brought(state: &mut State, day: u64) -> Vec<Event> {
    let mut brought = Vec::new();
    loop {
        let events = clerk::due(state, NOW + day * DAY_MS);
        if events.is_empty() {
            return brought;
        }
        events.iter().for_each(|event| apply(state, event, NOW + day * DAY_MS));
        brought.extend(
            events
                .into_iter()
                .filter(|event| !matches!(event, Event::Contract(ContractEvent::ContractActivated { .. }))),
        );
    }
}

fn steward(name: &str) -> Actor {
    actor(name, &[Role::Steward])
}

/// 2026-02-01 is day 31.
fn offer(to: &str) -> Value {
    json!({"command": "offer-topic", "topic": "x.one", "to": to, "on": "2026-02-01"})
}

fn take(first: &str, second: &str) -> Value {
    json!({"command": "accept-topic", "topic": "x.one", "steward": first, "deputy": second})
}

fn take_back() -> Value {
    json!({"command": "withdraw-offer", "topic": "x.one", "reason": "not yet"})
}

/// State × command × who asks → what comes of it. `+` is done, else the code of the refusal.
#[test]
fn an_offer_is_made_by_the_owner_and_taken_by_the_other_agency() {
    let held = closed(small_bus());
    let mut offered = held.clone();
    done(&mut offered, &steward("s@a"), &offer("b"), 0);
    let mut taken = offered.clone();
    done(&mut taken, &steward("c@b"), &take("v@b", "w@b"), 1);
    let mut given = taken.clone();
    brought(&mut given, 31);
    let states = [("held", held), ("offered", offered), ("taken", taken), ("given", given)];
    let cast =
        [("owner", steward("s@a")), ("taker", steward("c@b")), ("new", steward("v@b")), ("root", operator())];
    let commands = [
        ("offer", offer("b")),
        ("offer to itself", offer("a")),
        ("offer to nobody", offer("z")),
        ("take", take("v@b", "w@b")),
        ("take with one person", take("v@b", "v@b")),
        ("take with others", take("s@a", "v@b")),
        ("take back", take_back()),
        ("change", json!({"command": "change-topic", "topic": "x.one", "description": "y"})),
    ];
    let mut lines = Vec::new();
    for (when, state) in &states {
        for (what, command) in &commands {
            let said = cast.each_ref().map(|(_, who)| match ask(&mut state.clone(), who, command, 31) {
                Ok(events) if events.is_empty() => "=",
                Ok(_) => "+",
                Err(refused) => refused.code,
            });
            lines.push(format!("{when} | {what} | {}", said.join(" ")));
        }
    }
    let no = "not-allowed";
    let expected = [
        format!("held | offer | + {no} {no} {no}"),
        format!("held | offer to itself | own-topic {no} {no} {no}"),
        format!("held | offer to nobody | unknown {no} {no} {no}"),
        "held | take | not-offered not-offered not-offered not-offered".to_owned(),
        "held | take with one person | not-offered not-offered not-offered not-offered".to_owned(),
        "held | take with others | not-offered not-offered not-offered not-offered".to_owned(),
        "held | take back | not-offered not-offered not-offered not-offered".to_owned(),
        format!("held | change | + {no} {no} {no}"),
        format!("offered | offer | = {no} {no} {no}"),
        format!("offered | offer to itself | own-topic {no} {no} {no}"),
        format!("offered | offer to nobody | unknown {no} {no} {no}"),
        format!("offered | take | {no} + + {no}"),
        format!("offered | take with one person | {no} invalid-people invalid-people {no}"),
        format!("offered | take with others | {no} invalid-people invalid-people {no}"),
        format!("offered | take back | + + + {no}"),
        format!("offered | change | + {no} {no} {no}"),
        format!("taken | offer | = {no} {no} {no}"),
        format!("taken | offer to itself | own-topic {no} {no} {no}"),
        format!("taken | offer to nobody | unknown {no} {no} {no}"),
        format!("taken | take | {no} = = {no}"),
        format!("taken | take with one person | {no} invalid-people invalid-people {no}"),
        format!("taken | take with others | {no} invalid-people invalid-people {no}"),
        format!("taken | take back | + + + {no}"),
        format!("taken | change | + {no} {no} {no}"),
        format!("given | offer | {no} {no} own-topic {no}"),
        format!("given | offer to itself | {no} {no} + {no}"),
        format!("given | offer to nobody | {no} {no} unknown {no}"),
        "given | take | not-offered not-offered not-offered not-offered".to_owned(),
        "given | take with one person | not-offered not-offered not-offered not-offered".to_owned(),
        "given | take with others | not-offered not-offered not-offered not-offered".to_owned(),
        "given | take back | not-offered not-offered not-offered not-offered".to_owned(),
        format!("given | change | {no} {no} + {no}"),
    ];
    assert_eq!(lines, expected);
}

#[test]
fn a_topic_changes_hands_on_its_day_and_its_history_says_so() {
    let mut state = closed(small_bus());
    done(&mut state, &steward("s@a"), &offer("b"), 0);
    assert_eq!(brought(&mut state, 40), [], "nobody accepted it");
    done(&mut state, &steward("c@b"), &take("v@b", "w@b"), 1);
    assert_eq!(brought(&mut state, 30), [], "its day has not come");
    let root = operator();
    done(&mut state, &root, &json!({"command": "disable-principal", "principal": "w@b"}), 2);
    assert_eq!(brought(&mut state, 31), [], "who was named is gone");
    done(&mut state, &steward("c@b"), &take("v@b", "x@b"), 32);
    let moved = brought(&mut state, 33);
    assert!(matches!(&moved[..], [Event::Ownership(OwnershipEvent::TopicTransferred { .. })]), "{moved:?}");
    assert_eq!(brought(&mut state, 33), []);

    let one = state.topic(&topic("x.one")).unwrap();
    let owners: Vec<(&str, u64)> =
        one.stewardship.owners.iter().map(|it| (it.agency.as_str(), it.since_ms)).collect();
    assert_eq!(owners, [("a", NOW), ("b", NOW + 33 * DAY_MS)]);
    assert_eq!(one.stewardship.owner_at(NOW + 33 * DAY_MS - 1).unwrap(), &agency("a"));
    assert_eq!((one.owner.as_str(), one.sealed_by.as_str()), ("b", "a"));
    assert_eq!(one.stewardship.confirmed.by.principal.as_str(), "c@b");
    let rules = &state.standards().ownership;
    let may = |who: &str| may_publish(&actor(who, &[Role::Producer]), one, rules, NOW + 33 * DAY_MS).is_ok();
    assert_eq!((may("p@a"), may("p@b")), (false, true));
}

fn succeed(shares: Value, rest: Value) -> Value {
    json!({"command": "propose-succession", "agency": "b", "on": "2026-02-01", "shares": shares, "rest": rest})
}

fn accept(successor: &str, first: &str, second: &str) -> Value {
    json!({"command": "accept-succession", "agency": "b", "successor": successor, "steward": first, "deputy": second})
}

/// Agency `b` reads `x.one` twice, has topic `y.one` and a subject; `c` and `d` are there to succeed it.
fn before() -> State {
    let mut state = small_bus();
    let root = operator();
    for name in ["c", "d"] {
        done(&mut state, &root, &json!({"command": "register-agency", "agency": name, "name": name}), 0);
        let steward = format!("m@{name}");
        let create = json!({"command": "create-principal", "principal": steward, "agency": name, "roles": ["steward"]});
        done(&mut state, &root, &create, 0);
    }
    let own = json!({"command": "create-topic", "topic": "y.one", "owner": "b", "steward": "c@b", "deputy": "e@b",
        "description": "x", "legal_basis": "§1", "retention": "90d", "contract": definition("y.one", 1, "{}")});
    done(&mut state, &root, &own, 0);
    let subject =
        json!({"command": "register-schema", "subject": "types", "schema": {"format": "avro", "text": "t"}});
    done(&mut state, &steward("c@b"), &subject, 0);
    closed(state)
}

#[test]
fn agencies_merge_in_one_act_and_every_name_stays() {
    let mut state = before();
    done(&mut state, &operator(), &succeed(json!([]), json!("c")), 0);
    assert_eq!(brought(&mut state, 31), []);
    done(&mut state, &steward("m@c"), &accept("c", "v@c", "w@c"), 1);
    let moved = brought(&mut state, 31);
    let tags: Vec<Value> = moved.iter().map(|e| serde_json::to_value(e).unwrap()["event"].clone()).collect();
    let expected = [
        "topic-transferred",
        "subscription-moved",
        "subscription-moved",
        "subject-moved",
        "agency-succeeded",
    ];
    assert_eq!(tags, expected);
    assert!(state.topics().all(|topic| topic.owner != agency("b")));
    let live = state.subscription(&"b.live".parse().unwrap()).unwrap();
    assert_eq!((live.agency.as_str(), live.formerly[0].agency.as_str()), ("c", "b"));
    let now = NOW + 31 * DAY_MS;
    let may = |who: &str| may_consume(&actor(who, &[Role::Consumer]), live, now).is_ok();
    assert_eq!((may("k@b"), may("k@c")), (false, true));
    assert_eq!(state.schemas().free("types").unwrap().agency, agency("c"));
    assert_eq!(state.agency(&agency("b")).unwrap().succeeded[0].successors, [agency("c")].into());
    assert!(state.succession(&agency("b")).is_none());

    // The subscription lives on under its name: its new agency asks for what it wants, and its old one cannot.
    let wish = |agency: &str| {
        json!({"command": "request-subscription", "subscription": "b.live", "topic": "x.one",
        "agency": agency, "purpose": "p", "legal_basis": "l", "expires": "2027-01-01"})
    };
    let revoke = json!({"command": "revoke-subscription", "subscription": "b.live", "reason": "over"});
    done(&mut state, &steward("v@c"), &revoke, 32);
    assert_eq!(ask(&mut state, &steward("c@b"), &wish("b"), 33).unwrap_err().code, "other-agency");
    done(&mut state, &steward("v@c"), &wish("c"), 33);
}

#[test]
fn an_agency_is_split_whole_or_not_at_all() {
    let mut state = before();
    let list = json!([{"agency": "c", "topics": ["y.one"], "subjects": ["types"]},
        {"agency": "d", "subscriptions": ["b.live", "b.asked"]}]);
    done(&mut state, &operator(), &succeed(list, Value::Null), 0);
    done(&mut state, &steward("m@c"), &accept("c", "v@c", "w@c"), 1);
    assert_eq!(brought(&mut state, 31), [], "d has not agreed, so nothing goes to c either");
    done(&mut state, &steward("m@d"), &accept("d", "v@d", "w@d"), 1);
    // Something that nobody would get keeps all of it from happening.
    let another = json!({"command": "create-topic", "topic": "y.two", "owner": "b", "steward": "c@b", "deputy": "e@b",
        "description": "x", "legal_basis": "§1", "retention": "90d", "contract": definition("y.two", 1, "{}")});
    let mut grown = state.clone();
    done(&mut grown, &steward("c@b"), &another, 2);
    assert_eq!(brought(&mut grown, 31), []);
    let waits = governance::succession::waits(
        &grown,
        &agency("b"),
        grown.succession(&agency("b")).unwrap(),
        NOW + 31 * DAY_MS,
    );
    assert_eq!(waits, ["topic y.two: nobody gets it"]);

    assert_eq!(brought(&mut state, 31).len(), 5);
    let owner = |state: &State, name: &str| state.topic(&topic(name)).unwrap().owner.to_string();
    assert_eq!(owner(&state, "y.one"), "c");
    assert!(state.subscriptions().all(|it| it.agency == agency("d")));
}

#[test]
fn what_is_wrong_with_a_succession_is_said_line_by_line() {
    let state = before();
    let table = [
        (succeed(json!([]), Value::Null), "invalid-shares", "name a successor"),
        (succeed(json!([]), json!("b")), "invalid-shares", "b does not succeed itself"),
        (succeed(json!([]), json!("z")), "invalid-shares", "there is no agency z"),
        (
            succeed(json!([{"agency": "c", "topics": ["x.one"]}]), json!("d")),
            "invalid-shares",
            "topic x.one is not of b",
        ),
        (
            succeed(
                json!([{"agency": "c", "topics": ["y.one"]}, {"agency": "d", "topics": ["y.one"]}]),
                json!("d"),
            ),
            "invalid-shares",
            "topic y.one is given twice",
        ),
        (
            succeed(json!([{"agency": "c", "topics": ["y.one"]}]), Value::Null),
            "invalid-shares",
            "subscription b.live: nobody gets it",
        ),
    ];
    for (command, code, says) in table {
        let refused = ask(&mut state.clone(), &operator(), &command, 0).unwrap_err();
        assert_eq!(refused.code, code, "{command}");
        assert!(refused.text.contains(says), "{refused}");
    }
    let good = succeed(json!([]), json!("c"));
    for (who, command, code) in [
        (steward("c@b"), good.clone(), "not-allowed"),
        (operator(), json!({"command": "withdraw-succession", "agency": "b", "reason": "r"}), "not-proposed"),
        (steward("m@c"), accept("c", "v@c", "w@c"), "not-proposed"),
    ] {
        assert_eq!(ask(&mut state.clone(), &who, &command, 0).unwrap_err().code, code, "{command}");
    }
    let mut proposed = state;
    done(&mut proposed, &operator(), &good, 0);
    let withdraw = json!({"command": "withdraw-succession", "agency": "b", "reason": "r"});
    for (who, command, code) in [
        (operator(), accept("c", "v@c", "w@c"), "not-allowed"),
        (steward("m@d"), accept("d", "v@d", "w@d"), "not-a-successor"),
        (steward("m@c"), accept("c", "c@b", "w@c"), "invalid-people"),
        (steward("c@b"), withdraw.clone(), "not-allowed"),
        (operator(), json!({"command": "withdraw-succession", "agency": "b", "reason": " "}), "no-reason"),
    ] {
        assert_eq!(ask(&mut proposed.clone(), &who, &command, 0).unwrap_err().code, code, "{command}");
    }
    for who in [operator(), steward("m@c")] {
        done(&mut proposed.clone(), &who, &withdraw, 0);
    }
}
