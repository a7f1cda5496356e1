//! Erasing people: their events turn into tombstones for good, what stands in the way is kept to, and nothing says whom it
//! was about.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking, in its helpers too")]

use std::path::Path;
use std::sync::Arc;

use crate::common::*;
use bus::clock::SetClock;
use bus::{Caller, RefusalKind, Subject};
use contract::{AttributeValue, CloudEvent, Data};
use governance::{Command, Role};
use serde_json::{Value, json};

/// 2026-11-26.
const NOW: u64 = 1_795_651_200_000;
const DAY_MS: u64 = 86_400_000;

/// A world past its bootstrap, with those who have a word in erasures.
struct Office {
    world: World,
    officer: Caller,
    other_dpo: Caller,
    stranger: Caller,
}

async fn office(folder: &Path) -> Office {
    staffed(world(folder).await).await
}

async fn staffed(world: World) -> Office {
    let (bus, operator) = (&world.bus, &world.operator);
    let officer = principal(bus, operator, "d@civil-registry", Role::Dpo).await;
    let other_dpo = principal(bus, operator, "d@tax-office", Role::Dpo).await;
    let stranger = principal(bus, operator, "s@statistics", Role::Steward).await;
    Office { world, officer, other_dpo, stranger }
}

fn subject(text: &str) -> Subject {
    Subject::parse(text.to_owned()).unwrap()
}

fn child(number: usize) -> String {
    format!("PID-{number:07}")
}

impl Office {
    async fn asked(&self, who: &str) -> String {
        let reason = "Data Protection Act §17".to_owned();
        self.world.bus.request_erasure(&self.officer, &subject(who), reason).await.unwrap()
    }

    async fn approved(&self, erasure: &str) {
        let command = Command::ApproveErasure { erasure: erasure.to_owned() };
        self.world.bus.govern_erasure(&self.world.operator, command).await.unwrap();
    }

    async fn erased(&self, who: &str) -> String {
        let erasure = self.asked(who).await;
        self.approved(&erasure).await;
        assert_eq!(self.status(&erasure), "carried-out");
        erasure
    }

    fn status(&self, erasure: &str) -> &'static str {
        self.world.bus.erasure(&self.officer, erasure).unwrap().0.status()
    }

    async fn read(&self) -> Vec<CloudEvent> {
        let delivery = self.world.bus.pull(&self.world.tax, &cleared(), all()).await.unwrap();
        let mut events: Vec<CloudEvent> = delivery.events.into_iter().map(|it| it.event).collect();
        events.sort_by(|a, b| a.id.cmp(&b.id));
        events
    }
}

fn is_tombstone(event: &CloudEvent) -> bool {
    event.extensions.contains(&("erased".to_owned(), AttributeValue::Boolean(true)))
}

fn document(event: &CloudEvent) -> Value {
    serde_json::from_str(&text(event)).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_erased_persons_events_are_tombstones_for_good_and_new_ones_are_not() {
    let folder = tempfile::tempdir().unwrap();
    let mut office = office(folder.path()).await;
    for number in [1, 2] {
        receipt(publish(&office.world, birth(number)).await);
    }
    let before = office.read().await;
    assert!(before.iter().all(|event| !is_tombstone(event)));
    office.erased(&child(1)).await;
    for restarted in [false, true] {
        if restarted {
            office.world = reopened(office.world, folder.path()).await;
        }
        let events = office.read().await;
        assert!(is_tombstone(&events[0]) && !is_tombstone(&events[1]), "{events:?}");
        assert_eq!(events[1], before[1]);
        // The class goes as a whole, so that the redacted schema of what is left fits.
        assert_eq!(
            document(&events[0]),
            json!({"registrationOffice": "North", "clerk": "Clerkson 1", "parents": [{}]})
        );
        let named = events[0].subject.as_deref().unwrap();
        assert!(named.len() == 32 && !named.contains("PID"), "{named}");
    }
    let mut again = birth(3);
    again.data = Some(Data::Json(text(&again).replace("PID-0000003", "PID-0000001").into()));
    again.subject = Some(child(1));
    receipt(publish(&office.world, again.clone()).await);
    for restarted in [false, true] {
        if restarted {
            office.world = reopened(office.world, folder.path()).await;
        }
        let events = office.read().await;
        assert!(is_tombstone(&events[0]), "the old one stays erased");
        assert_eq!(events[2], again, "restarted: {restarted}");
    }
    office.erased(&child(1)).await;
    assert!(is_tombstone(&office.read().await[2]), "the person can be erased again");
    office.world.bus.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_event_after_its_persons_erasure_is_a_conflict() {
    let folder = tempfile::tempdir().unwrap();
    let mut office = office(folder.path()).await;
    receipt(publish(&office.world, birth(1)).await);
    office.erased(&child(1)).await;
    for restarted in [false, true] {
        if restarted {
            office.world = reopened(office.world, folder.path()).await;
        }
        let refused = refusal(publish(&office.world, birth(1)).await);
        assert_eq!(refused.kind, RefusalKind::Conflict, "{refused}");
    }
    assert!(is_tombstone(&office.read().await[0]));
    let letter =
        office.world.bus.reject(&office.world.tax, &cleared(), 0, 0, "Zephyrine Q1 is unknown").await;
    let letters = match letter {
        Ok(letter) => letter.reason,
        Err(_) => {
            let places = office.world.bus.pull(&office.world.tax, &cleared(), all()).await.unwrap();
            let (partition, offset) = (places.events[0].partition, places.events[0].offset);
            let reason = "Zephyrine Q1 is unknown";
            office
                .world
                .bus
                .reject(&office.world.tax, &cleared(), partition, offset, reason)
                .await
                .unwrap()
                .reason
        }
    };
    assert!(!letters.contains("Zephyrine"), "nobody can tell any more what it carries: {letters}");
    office.world.bus.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_people_are_wanted_and_who_may_not_ask_learns_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let office = office(folder.path()).await;
    receipt(publish(&office.world, birth(1)).await);
    let bus = &office.world.bus;
    let ask = async |caller: &Caller, who: &str| {
        bus.request_erasure(caller, &subject(who), "because".to_owned()).await.unwrap_err()
    };
    for caller in [&office.stranger, &office.other_dpo, &office.world.registry, &office.world.tax] {
        let (known, unknown) = (ask(caller, &child(1)).await, ask(caller, &child(9)).await);
        assert_eq!(known, unknown, "{}", caller.principal);
    }
    let named =
        bus.request_erasure(&office.officer, &subject(&child(1)), format!("{} wants it", child(1))).await;
    assert_eq!(named.unwrap_err().kind, RefusalKind::Malformed);
    let erasure = office.asked(&child(1)).await;
    let approve = || Command::ApproveErasure { erasure: erasure.clone() };
    let own = bus.govern(&office.officer, approve()).await.unwrap_err();
    assert!(own.text.contains("another person approves it"), "{own}");
    for caller in [&office.stranger, &office.other_dpo] {
        assert_eq!(bus.govern(caller, approve()).await.unwrap_err().kind, RefusalKind::Unknown);
        assert!(bus.erasure(caller, &erasure).is_err() && bus.erasures(caller).is_empty());
    }
    let twice =
        bus.request_erasure(&office.officer, &subject(&child(1)), "again".to_owned()).await.unwrap_err();
    assert!(twice.text.contains(&erasure), "{twice}");
    assert!(!is_tombstone(&office.read().await[0]));
    office.approved(&erasure).await;
    assert!(is_tombstone(&office.read().await[0]));
    let raw = json!({"command": "request-erasure", "erasure": "e", "reason": "r",
        "parts": [{"agency": "civil-registry", "pseudonym": "00".repeat(16)}]});
    let raw = bus.govern(&office.officer, serde_json::from_value(raw).unwrap()).await.unwrap_err();
    assert!(raw.hint.unwrap().contains("POST /v1/erasures"));
    bus.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hold_and_the_duty_to_keep_are_waited_for() {
    let folder = tempfile::tempdir().unwrap();
    let world = world(folder.path()).await;
    let clock = Arc::new(SetClock::at(NOW));
    let office = staffed(reopened_by(world, folder.path(), clock.clone()).await).await;
    let bus = &office.world.bus;
    receipt(publish(&office.world, birth(1)).await);
    let mut change = governance::commands::TopicChange::of(topic());
    change.keep = Some("10d".to_owned());
    bus.govern(&office.world.operator, Command::ChangeTopic(change)).await.unwrap();
    let said = || ("a case".to_owned(), "court 4711".to_owned());
    let of_person = bus.hold_person(&office.officer, &subject(&child(1)), said()).await.unwrap();
    let of_topic = bus.hold_topic(&office.world.operator, topic(), said()).await.unwrap();
    let erasure = office.asked(&child(1)).await;
    office.approved(&erasure).await;
    let standing = || {
        let (state, known) =
            (bus.state(&office.officer).unwrap(), bus.erasure(&office.officer, &erasure).unwrap().0);
        governance::erasure::standing(&state, &known.parts[0], clock_now(bus))
    };
    assert_eq!((office.status(&erasure), standing()), ("approved", "held"));
    for hold in [of_person, of_topic] {
        bus.bring_due().await.unwrap();
        assert_eq!(standing(), "held");
        let command = Command::LiftHold { hold, reason: "over".to_owned() };
        bus.govern(&office.world.operator, command).await.unwrap();
    }
    assert_eq!(standing(), "kept");
    // A younger event lengthens it, and is found when the time comes.
    clock.advance(5 * DAY_MS);
    let mut younger = birth(2);
    younger.data = Some(Data::Json(text(&younger).replace("PID-0000002", "PID-0000001").into()));
    younger.subject = Some(child(1));
    receipt(publish(&office.world, younger).await);
    clock.advance(6 * DAY_MS);
    bus.bring_due().await.unwrap();
    assert_eq!(standing(), "kept");
    assert!(office.read().await.iter().all(|event| !is_tombstone(event)));
    clock.advance(5 * DAY_MS);
    bus.bring_due().await.unwrap();
    assert_eq!((office.status(&erasure), standing()), ("carried-out", "erased"));
    assert!(office.read().await.iter().all(is_tombstone));
    bus.close().await;
}

fn clock_now(bus: &bus::Bus) -> u64 {
    bus.now_ms()
}
