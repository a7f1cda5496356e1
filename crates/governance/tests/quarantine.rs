//! What becomes of quarantined events: the owner's data protection officer decides, once.

use governance::events::LeakEvent;
use governance::{Actor, Event, Refused, Role, State, quarantine};
use serde_json::{Value, json};

use crate::support::{NOW, actor, closed, decided, done, operator, small_bus, topic};

fn world() -> State {
    let mut state = small_bus();
    let officer = json!({"command": "create-principal", "principal": "d@a", "agency": "a", "roles": ["dpo"]});
    done(&mut state, &operator(), officer);
    closed(state)
}

fn officer(name: &str) -> Actor {
    actor(name, &[Role::Dpo])
}

fn on(what: &str, offset: u64) -> Value {
    json!({"command": what, "topic": "x.one", "partition": 2, "offset": offset, "reason": "looked at it"})
}

fn code(decided: Result<Vec<Event>, Refused>) -> &'static str {
    decided
        .map_or_else(|refused| refused.code, |events| if events.is_empty() { "so already" } else { "done" })
}

#[test]
fn an_officer_of_the_owner_decides_and_nobody_else() {
    let mut state = world();
    for what in ["release-quarantined", "discard-quarantined"] {
        for other in [operator(), officer("d@b"), actor("s@a", &[Role::Steward])] {
            assert_eq!(code(decided(&state, &other, on(what, 17))), "not-allowed", "{what} {other:?}");
        }
        let mut without = on(what, 17);
        without["reason"] = json!(" ");
        assert_eq!(code(decided(&state, &officer("d@a"), without)), "no-reason");
        assert_eq!(code(decided(&state, &officer("d@a"), on(what, 21))), "unknown");
        assert_eq!(code(decided(&state, &officer("d@a"), on(what, 17))), "done");
    }
    let speaks = json!({"command": "give-delegation", "principal": "d@a", "to": "s@a", "until": "2026-02-01", "reason": "leave"});
    done(&mut state, &officer("d@a"), speaks);
    let events = done(&mut state, &actor("s@a", &[Role::Steward]), on("release-quarantined", 17));
    assert!(
        matches!(&events[0], Event::Leak(LeakEvent::QuarantineReleased { by, .. }) if by.instead_of.is_some()),
        "{events:?}"
    );
}

#[test]
fn it_is_decided_once() {
    let state = world();
    let officer = officer("d@a");
    assert_eq!(code(decided(&state, &officer, on("release-quarantined", 19))), "so already");
    assert_eq!(code(decided(&state, &officer, on("discard-quarantined", 20))), "so already");
    let refused = decided(&state, &officer, on("discard-quarantined", 19)).unwrap_err();
    assert_eq!(
        (refused.code, &*refused.text),
        ("decided", "the event at x.one, partition 2, offset 19 was released already")
    );
    assert_eq!(code(decided(&state, &officer, on("release-quarantined", 20))), "decided");
}

#[test]
fn a_reason_never_says_what_was_found() {
    let state = world();
    for what in ["release-quarantined", "discard-quarantined"] {
        for (reason, wanted) in [
            ("it is NL91 ABNA 0417 1643 00", "personal-data"),
            ("of 811228-9874", "personal-data"),
            ("111222333", "personal-data"),
            (&*"long ".repeat(200), "reason-too-long"),
            ("case 2026-17, the desk's own", "done"),
        ] {
            let mut command = on(what, 17);
            command["reason"] = json!(reason);
            let decided = decided(&state, &officer("d@a"), command);
            assert!(decided.as_ref().err().is_none_or(|refused| !refused.text.contains("ABNA")));
            assert_eq!(code(decided), wanted, "{what} {reason}");
        }
    }
}

#[test]
fn what_was_replaced_is_discarded_and_not_released() {
    let state = world();
    let refused = decided(&state, &officer("d@a"), on("release-quarantined", 16)).unwrap_err();
    assert!(
        refused.code == "replaced" && refused.hint.as_deref().unwrap().starts_with("discard it"),
        "{refused:?}"
    );
    assert_eq!(code(decided(&state, &officer("d@a"), on("discard-quarantined", 16))), "done");
}

#[test]
fn a_hold_on_the_topic_keeps_what_is_quarantined() {
    let mut state = world();
    let hold = json!({"command": "place-hold", "hold": "h-1", "on": {"topic": "x.one"}, "reason": "a case", "reference": "court 4711"});
    done(&mut state, &operator(), hold);
    assert_eq!(code(decided(&state, &officer("d@a"), on("discard-quarantined", 17))), "held");
    assert_eq!(code(decided(&state, &officer("d@a"), on("release-quarantined", 17))), "done");
}

#[test]
fn those_who_answer_for_the_topic_or_oversee_all_see_what_waits_and_only_the_officer_the_event() {
    let state = world();
    let known = state.topic(&topic("x.one")).unwrap();
    let sees = |actor: &Actor| {
        let list = quarantine::may_list(&state, actor, known, NOW).is_ok();
        (list, quarantine::may_show(&state, actor, known, NOW).is_ok())
    };
    for (who, seen) in [
        (officer("d@a"), (true, true)),
        (actor("s@a", &[Role::Steward]), (true, false)),
        (operator(), (true, false)),
        (actor("r@b", &[Role::Regulator]), (true, false)),
        (officer("d@b"), (false, false)),
        (actor("p@a", &[Role::Producer]), (false, false)),
    ] {
        assert_eq!(sees(&who), seen, "{who:?}");
    }
}
