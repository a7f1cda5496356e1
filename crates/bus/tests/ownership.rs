//! A topic that nobody answers for, and one that changes hands, as those who publish and consume meet them.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking, in its helpers too")]

use std::path::Path;
use std::sync::Arc;

use crate::common::*;
use bus::clock::{Clock, SetClock};
use bus::{Batch, Bus, Caller, Outcome, RefusalKind};
use contract::{CloudEvent, PrincipalName};
use governance::{Command, Role, Roles};
use serde_json::{Value, json};

const DAY_MS: u64 = 86_400_000;

/// The world by a clock that the test sets.
async fn timed_world(folder: &Path) -> (World, Arc<SetClock>) {
    let (made, clock) = (world(folder).await, later());
    (reopened_by(made, folder, clock.clone()).await, clock)
}

/// Lets days pass, with the clerk at work.
async fn pass(bus: &Bus, clock: &SetClock, days: u64) {
    clock.advance(days * DAY_MS);
    while !bus.bring_due().await.unwrap().is_empty() {}
}

async fn govern(bus: &Bus, caller: &Caller, command: Value) -> Result<(), bus::Refusal> {
    let command: Command = serde_json::from_value(command).unwrap();
    bus.govern(caller, command).await.map(drop)
}

/// Somebody who was named in a folder, with a token now.
async fn person(world: &World, name: &str) -> Caller {
    let made = world.bus.issue_token(&world.operator, PrincipalName::parse(name).unwrap()).await.unwrap();
    world.bus.identify(&made.token).unwrap()
}

async fn new(world: &World, name: &str, role: Role) -> Caller {
    let principal = PrincipalName::parse(name).unwrap();
    let agency = principal.agency();
    let made =
        world.bus.create_principal(&world.operator, principal, agency, Roles::from(role)).await.unwrap();
    world.bus.identify(&made.token).unwrap()
}

fn confirm() -> Value {
    json!({"command": "confirm-topic", "topic": "civil.birth.registered"})
}

#[tokio::test(flavor = "multi_thread")]
async fn a_suspended_topic_takes_no_event_by_any_door_and_heals_when_somebody_answers_for_it() {
    let folder = tempfile::tempdir().unwrap();
    let (world, clock) = timed_world(folder.path()).await;
    let steward = person(&world, "m.okafor@civil-registry").await;
    receipt(publish(&world, birth(1)).await);
    for days in [366, 57] {
        pass(&world.bus, &clock, days).await;
        // Frozen for change, it still takes events.
    }
    receipt(publish(&world, birth(2)).await);
    let change = json!({"command": "change-topic", "topic": "civil.birth.registered", "description": "y"});
    let frozen = govern(&world.bus, &steward, change.clone()).await.unwrap_err();
    assert_eq!(frozen.code, Some("topic-orphaned"), "{frozen}");

    pass(&world.bus, &clock, 92).await;
    let one = world.bus.publish(&world.registry, &topic(), vec![Ok(birth(3))]).await.unwrap_err();
    let batch = Batch { partition: 0, sequence: None, bytes: 1000, read: Box::new(|| vec![Ok(birth(3))]) };
    let other = world.bus.submit(&world.registry, &topic(), batch).await.err().unwrap();
    for refused in [one, other] {
        assert_eq!((refused.kind, refused.code), (RefusalKind::Forbidden, Some("topic-suspended")));
        let said = refused.to_string();
        assert!(said.contains("chancery topic confirm civil.birth.registered"), "{said}");
        assert!(said.contains("m.okafor@civil-registry"), "{said}");
    }
    // Its consumers go on reading.
    let read = world.bus.pull(&world.tax, &cleared(), all()).await.unwrap();
    assert_eq!(read.events.len(), 2);

    let world = reopened_by(world, folder.path(), clock.clone()).await;
    let still = world.bus.publish(&world.registry, &topic(), vec![Ok(birth(3))]).await.unwrap_err();
    assert_eq!(still.code, Some("topic-suspended"), "after a restart");
    govern(&world.bus, &steward, confirm()).await.unwrap();
    receipt(publish(&world, birth(3)).await);
    govern(&world.bus, &steward, change).await.unwrap();

    let live = world.bus.state(&world.operator).unwrap();
    let world = reopened_by(world, folder.path(), clock.clone()).await;
    assert_eq!(*world.bus.state(&world.operator).unwrap(), *live, "rebuilt from the journal");
    world.bus.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_topic_that_changes_hands_stays_readable_and_recognises_what_was_published_before() {
    let folder = tempfile::tempdir().unwrap();
    let (world, clock) = timed_world(folder.path()).await;
    let steward = person(&world, "m.okafor@civil-registry").await;
    let taker = new(&world, "head@statistics", Role::Steward).await;
    let theirs = new(&world, "register@statistics", Role::Producer).await;
    let first = receipt(publish(&world, birth(1)).await);
    let day = jiff_day(clock.now_ms() + 10 * DAY_MS);
    let name = "civil.birth.registered";
    let offer = json!({"command": "offer-topic", "topic": name, "to": "statistics", "on": day});
    govern(&world.bus, &steward, offer).await.unwrap();
    let accept = json!({"command": "accept-topic", "topic": name, "steward": "x@statistics", "deputy": "y@statistics"});
    govern(&world.bus, &taker, accept).await.unwrap();
    let early = world.bus.publish(&theirs, &topic(), vec![Ok(birth(2))]).await.unwrap_err();
    assert_eq!(early.code, Some("not-allowed"), "{early}");
    pass(&world.bus, &clock, 11).await;

    let mut world = world;
    for restarted in [false, true] {
        if restarted {
            world = reopened_by(world, folder.path(), clock.clone()).await;
        }
        let late = world.bus.publish(&world.registry, &topic(), vec![Ok(birth(9))]).await.unwrap_err();
        assert_eq!(late.code, Some("not-allowed"), "{late}");
        let again = one(&world, &theirs, birth(1)).await;
        assert_eq!(again, Outcome::Duplicate(first.clone()), "the same person has the same keys");
        receipt(one(&world, &theirs, birth(10 + usize::from(restarted))).await);
    }
    let read = world.bus.pull(&world.tax, &cleared(), all()).await.unwrap();
    let mut subjects: Vec<String> = read.events.iter().filter_map(|it| it.event.subject.clone()).collect();
    subjects.sort();
    assert_eq!(subjects, ["PID-0000001", "PID-0000010", "PID-0000011"], "opened, from before and after");

    let regulator = new(&world, "watch@statistics", Role::Regulator).await;
    let traced = world.bus.trace(&regulator, "birth-1").unwrap();
    assert_eq!(traced[0].agency.as_str(), "civil-registry", "who owned it when it was published");
    let dpo = new(&world, "dpo@statistics", Role::Dpo).await;
    let owner = dpo.agency.clone();
    let report = world.bus.person_disclosures(&dpo, "PID-0000001", Some(&owner)).unwrap();
    assert_eq!(report.len(), 1, "{report:?}");
    world.bus.close().await;
}

async fn one(world: &World, caller: &Caller, event: CloudEvent) -> Outcome {
    world.bus.publish(caller, &topic(), vec![Ok(event)]).await.unwrap().remove(0)
}

/// The day of a time, `2030-01-01`.
fn jiff_day(at_ms: u64) -> String {
    bus::clock::rfc3339(at_ms)[..10].to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_subscription_that_goes_to_another_agency_keeps_its_name_and_its_place() {
    let folder = tempfile::tempdir().unwrap();
    let (world, clock) = timed_world(folder.path()).await;
    let head = new(&world, "head@statistics", Role::Steward).await;
    let theirs = new(&world, "desk@statistics", Role::Consumer).await;
    receipt(publish(&world, birth(1)).await);
    let read = world.bus.pull(&world.tax, &cleared(), all()).await.unwrap();
    world.bus.commit(&world.tax, &cleared(), &read.cursor).await.unwrap();
    receipt(publish(&world, birth(2)).await);

    let day = jiff_day(clock.now_ms());
    let propose =
        json!({"command": "propose-succession", "agency": "tax-office", "on": day, "rest": "statistics"});
    govern(&world.bus, &world.operator, propose).await.unwrap();
    let accept = json!({"command": "accept-succession", "agency": "tax-office", "successor": "statistics",
        "steward": "x@statistics", "deputy": "y@statistics"});
    govern(&world.bus, &head, accept).await.unwrap();
    pass(&world.bus, &clock, 0).await;

    let former = world.bus.pull(&world.tax, &cleared(), all()).await.unwrap_err();
    assert_eq!(former.kind, RefusalKind::Forbidden, "{former}");
    let read = world.bus.pull(&theirs, &cleared(), all()).await.unwrap();
    let ids: Vec<&str> = read.events.iter().map(|it| it.event.id.as_str()).collect();
    assert_eq!(ids, ["birth-2"], "from where the former agency was");
    let world = reopened_by(world, folder.path(), clock.clone()).await;
    assert_eq!(world.bus.pull(&theirs, &cleared(), all()).await.unwrap().events.len(), 1);
    world.bus.close().await;
}
