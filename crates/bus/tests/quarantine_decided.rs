//! What was decided about quarantined events: it is told as it is, brought in order and past what is stuck, and meets what comes at
//! the same moment.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking, in its helpers too")]

use std::collections::BTreeMap;
use std::time::Duration;

use crate::carrying::{STEPS, of_office, pulled, second_birth, second_version};
use crate::common::*;
use crate::erasures::office;
use crate::person_consents::{Word, believes};
use crate::quarantine::{ACCOUNT, at, leaking, read, round, round_done, set, watched};
use bus::{Batch, Bus, Caller, Incoming, Outcome, Receipt, RefusalKind, SetApart};
use contract::{AttributeValue, CloudEvent, ContractVersion, TopicName};
use governance::commands::QuarantinedAt;
use governance::leaks::{Answer, Leaks};
use governance::{Command, Standards};

const DAY_MS: u64 = 24 * 3600 * 1000;

#[tokio::test(flavor = "multi_thread")]
async fn what_was_sent_again_when_it_was_not_remembered_any_more_is_not_placed_beside_itself() {
    let folder = tempfile::tempdir().unwrap();
    let (world, officer) = watched(folder.path()).await;
    let clock = later();
    let world = reopened_by(world, folder.path(), clock.clone()).await;
    let (same, other) =
        (receipt(publish(&world, leaking(1)).await), receipt(publish(&world, leaking(2)).await));
    // Only what is held waits longer than an identity is remembered.
    let said = ("a case".to_owned(), "court 4711".to_owned());
    world.bus.hold_topic(&officer, topic(), said).await.unwrap();
    clock.advance(91 * 24 * 3600 * 1000);
    let flags = Leaks { otherwise: Answer::Flag, by_detector: BTreeMap::new() };
    set(&world, Standards { leaks: flags, ..Standards::default() }).await;
    let again = receipt(publish(&world, leaking(1)).await);
    assert!(again.quarantined.is_none() && again.offset != same.offset, "{again:?}");
    receipt(publish(&world, birth(2)).await);
    let refused = world.bus.release_quarantined(&officer, at(&other)).await.unwrap_err();
    assert!(
        refused.kind == RefusalKind::Conflict && refused.text.contains("was published since"),
        "{refused}"
    );
    for _ in 0..2 {
        assert_eq!(world.bus.release_quarantined(&officer, at(&same)).await.unwrap(), again);
    }
    let world = reopened_by(world, folder.path(), clock.clone()).await;
    world.bus.bring_due().await.unwrap();
    assert_eq!(world.bus.release_quarantined(&officer, at(&same)).await.unwrap(), again);
    assert_eq!(read(&world).await, ["birth-1", "birth-2"]);
    world.bus.close().await;
}

/// Decided while the time is over for which its identity is remembered, and another event of it comes before it is placed.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_released_is_not_placed_beside_another_event_of_its_identity() {
    let folder = tempfile::tempdir().unwrap();
    let (world, officer) = watched(folder.path()).await;
    let clock = later();
    let world = reopened_by(world, folder.path(), clock.clone()).await;
    let said = ("a case".to_owned(), "court 4711".to_owned());
    world.bus.hold_topic(&officer, topic(), said).await.unwrap();
    let mut taken = Vec::new();
    for number in 1..=3 {
        taken.push(receipt(publish(&world, leaking(number)).await));
    }
    clock.advance(91 * DAY_MS);
    let mut replaced = None;
    for (number, taken) in (1..).zip(&taken) {
        world.bus.govern(&officer, Command::ReleaseQuarantined(at(taken))).await.unwrap();
        // Where the clerk was quicker, the next one is tried.
        if let Outcome::Accepted(_) = publish(&world, birth(number)).await {
            replaced = Some(taken);
            break;
        }
    }
    let replaced = replaced.expect("the clerk was quicker each time");
    let before = refusals(&world);
    let refused = world.bus.release_quarantined(&officer, at(replaced)).await.unwrap_err();
    assert!(refused.kind == RefusalKind::Conflict && refused.text.contains("is not placed"), "{refused}");
    world.bus.bring_due().await.unwrap();
    assert_eq!(refusals(&world), before, "its publisher has nothing to do with it");
    let before = read(&world).await;
    clock.advance(91 * DAY_MS);
    world.bus.bring_due().await.unwrap();
    let placed = world.bus.release_quarantined(&officer, at(replaced)).await.unwrap();
    assert_eq!(placed.quarantined, None);
    assert_eq!(read(&world).await.len(), before.len() + 1);
    world.bus.close().await;
}

/// How many refused events the audit knows.
fn refusals(world: &World) -> usize {
    let mut bundle = Vec::new();
    world.bus.export_audit(false, &mut bundle).unwrap();
    String::from_utf8(bundle).unwrap().matches("refusal").count()
}

/// Else the release would be durable, and neither placed nor to be discarded until the other's identity is not remembered any more.
#[tokio::test(flavor = "multi_thread")]
async fn what_another_quarantined_event_of_its_identity_replaced_is_not_released() {
    let folder = tempfile::tempdir().unwrap();
    let (world, officer) = watched(folder.path()).await;
    let clock = later();
    let world = reopened_by(world, folder.path(), clock.clone()).await;
    let said = ("a case".to_owned(), "court 4711".to_owned());
    let hold = world.bus.hold_topic(&officer, topic(), said).await.unwrap();
    let first = receipt(publish(&world, leaking(1)).await);
    clock.advance(91 * DAY_MS);
    let other = CloudEvent { ty: "civil.birth.registered.v1".to_owned(), ..leaking(1) };
    let second = receipt(publish(&world, other).await);
    assert!(first.quarantined.is_some() && second.quarantined.is_some(), "{first:?} {second:?}");
    let refused = world.bus.release_quarantined(&officer, at(&first)).await.unwrap_err();
    assert_eq!((refused.kind, refused.code), (RefusalKind::Conflict, Some("replaced")), "{refused}");
    world.bus.release_quarantined(&officer, at(&second)).await.unwrap();
    let lift = Command::LiftHold { hold, reason: "it is over".to_owned() };
    world.bus.govern(&officer, lift).await.unwrap();
    world.bus.discard_quarantined(&officer, at(&first)).await.unwrap();
    assert_eq!(read(&world).await, ["birth-1"]);
    world.bus.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn releases_of_a_partition_keep_their_order() {
    let folder = tempfile::tempdir().unwrap();
    let (world, officer) = watched(folder.path()).await;
    let events: Vec<Incoming> = (0..6).map(|number| Ok(leaking(number))).collect();
    let batch = Batch { partition: 1, sequence: None, bytes: 1024, read: Box::new(move || events) };
    let submitted = world.bus.submit(&world.registry, &topic(), batch).await.unwrap();
    let taken: Vec<Receipt> = submitted.outcomes().await.unwrap().into_iter().map(receipt).collect();
    let order = [4, 0, 5, 2, 3, 1];
    for number in order {
        world.bus.govern(&officer, Command::ReleaseQuarantined(at(&taken[number]))).await.unwrap();
    }
    // All at once, and the last one first.
    let mut placing = tokio::task::JoinSet::new();
    for number in order.into_iter().rev() {
        let (bus, officer, at) = (world.bus.clone(), officer.clone(), at(&taken[number]));
        placing.spawn(async move { (number, bus.release_quarantined(&officer, at).await.unwrap().offset) });
    }
    world.bus.bring_due().await.unwrap();
    let mut placed = placing.join_all().await;
    placed.sort_by_key(|(_, offset)| *offset);
    assert_eq!(placed.into_iter().map(|(number, _)| number).collect::<Vec<_>>(), order);
    assert_eq!(read(&world).await.len(), 6);
    world.bus.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn while_one_release_is_stuck_the_others_go_on_and_who_sends_it_again_is_told_so() {
    let folder = tempfile::tempdir().unwrap();
    let (world, officer) = watched(folder.path()).await;
    let round = round(&world).await;
    let (births, rounds) = (receipt(publish(&world, leaking(1)).await), receipt(done(&world, &round).await));
    assert!(rounds.quarantined.is_some());
    let gate = Gate::before("civil.birth.registered");
    let world = gated(world, folder.path(), &gate).await;
    world.bus.govern(&officer, Command::ReleaseQuarantined(at(&births))).await.unwrap();
    gate.shut(true);
    world.bus.govern(&officer, Command::ReleaseQuarantined(at(&rounds))).await.unwrap();
    for _ in 0..2 {
        tokio::time::timeout(Duration::from_secs(20), world.bus.bring_due()).await.unwrap().unwrap();
    }
    assert_eq!(world.bus.bounds(&round, 0).unwrap().1, 2, "it is placed");
    let again = publish(&world, leaking(1)).await;
    // Else the clerk had come by before the gate was shut.
    if world.bus.bounds(&topic(), births.partition).unwrap().1 == births.offset + 1 {
        let told = Receipt { quarantined: Some(SetApart::Released), ..births.clone() };
        assert_eq!(again, Outcome::Duplicate(told));
    }
    gate.shut(false);
    let told = until(async || {
        world.bus.bring_due().await.unwrap();
        match publish(&world, leaking(1)).await {
            Outcome::Duplicate(told) if told.quarantined.is_none() => Some(told),
            _ => None,
        }
    })
    .await;
    assert_eq!((told.partition, told.offset), (births.partition, births.offset + 1));
    assert_eq!(read(&world).await, ["birth-1"]);
    world.bus.close().await;
}

async fn done(world: &World, round: &TopicName) -> Outcome {
    world.bus.publish(&world.registry, round, vec![Ok(leaking_round(round, 1))]).await.unwrap().remove(0)
}

pub fn leaking_round(round: &TopicName, number: usize) -> CloudEvent {
    CloudEvent {
        extensions: vec![(
            "dataref".to_owned(),
            AttributeValue::String(format!("https://x.example/{DUTCH}")),
        )],
        ..round_done(round, number)
    }
}

/// A bank account.
const DUTCH: &str = "NL91ABNA0417164300";

/// The topic that says what people consent to.
pub fn records() -> TopicName {
    "consent.record.changed".parse().unwrap()
}

/// Standards that quarantine, by which it is believed or not.
pub fn of_consent(bus: &Bus, operator: &Caller, is_believed: bool) -> Command {
    let leaks = Leaks { otherwise: Answer::Quarantine, by_detector: BTreeMap::new() };
    let mut standards = Standards { leaks, ..bus.state(operator).unwrap().standards().clone() };
    standards.consent.topics = is_believed.then(records).into_iter().collect();
    Command::SetStandards { standards }
}

/// An attribute that a record of it is quarantined for.
pub fn leak() -> Vec<(String, AttributeValue)> {
    vec![("dataref".to_owned(), AttributeValue::String("https://x.example/811228-9874".to_owned()))]
}

/// A word about a consent that nobody reads would not be heeded.
#[tokio::test(flavor = "multi_thread")]
async fn nothing_comes_into_the_quarantine_of_a_topic_while_it_is_going_to_be_believed() {
    let folder = tempfile::tempdir().unwrap();
    let office = office(folder.path()).await;
    let keeper = believes(&office, "civil-registry").await;
    let (bus, operator) = (&office.world.bus, &office.world.operator);
    let records = records();
    let standards = |is_believed| of_consent(bus, operator, is_believed);
    let (mut believed, mut refused) = (0, 0);
    for _ in 0..30 {
        bus.govern(operator, standards(false)).await.unwrap();
        let mut words = tokio::task::JoinSet::new();
        for number in 0..6 {
            let (bus, keeper) = (bus.clone(), keeper.clone());
            words.spawn(async move {
                tokio::time::sleep(Duration::from_micros(number * 700)).await;
                let child = crate::erasures::child(1);
                Word::of(&child, "withdrawn").published(&bus, &keeper, leak()).await
            });
        }
        let is_believed = bus.govern(operator, standards(true)).await.is_ok();
        let told = words.join_all().await;
        let waiting = bus.quarantined(operator, &records).unwrap();
        let taken = told.iter().filter(|told| matches!(told, Outcome::Accepted(_))).count();
        assert_eq!(taken, waiting.len(), "{told:?}");
        assert!(!is_believed || waiting.is_empty(), "{waiting:?}");
        believed += usize::from(is_believed);
        refused += told.len() - taken;
        for one in waiting {
            let (topic, partition, offset) = (records.clone(), one.partition, one.offset);
            let reason = "it is sent again".to_owned();
            let at = QuarantinedAt { topic, partition, offset, reason };
            bus.discard_quarantined(office.officer(), at).await.unwrap();
        }
    }
    assert!(believed == 0 || refused > 0, "{believed} {refused}");
    bus.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_carried_and_a_trial_of_a_migration_pass_over_what_is_quarantined() {
    let folder = tempfile::tempdir().unwrap();
    let (world, officer) = watched(folder.path()).await;
    for number in 1..=3 {
        receipt(publish(&world, birth(number)).await);
    }
    let first = receipt(publish(&world, leaking(4)).await);
    world.bus.apply(&world.operator, &second_version(STEPS), true).await.unwrap();
    let state = world.bus.state(&world.operator).unwrap();
    let rehearsal = state.topic(&topic()).unwrap().versions[&ContractVersion(2)].rehearsal.clone().unwrap();
    assert_eq!((rehearsal.events, rehearsal.unreadable, rehearsal.fit_old), (3, 0, 3));
    let second = receipt(publish(&world, of_office(5, ACCOUNT)).await);
    assert!(first.quarantined.is_some() && second.quarantined.is_some());
    receipt(publish(&world, second_birth(6)).await);
    let seen = async |wanted: &[usize]| {
        for (caller, name) in [(&world.tax, cleared()), (&world.statistics, uncleared())] {
            let seen = pulled(&world, caller, &name).await;
            let ids: Vec<&str> = seen.iter().map(|one| one.event.id.as_str()).collect();
            assert_eq!(ids, wanted.iter().map(|number| format!("birth-{number}")).collect::<Vec<_>>());
            for one in seen {
                assert!(text(&one.event).contains("registrationOffice"), "{}", text(&one.event));
            }
        }
    };
    seen(&[1, 2, 3, 6]).await;
    for taken in [&first, &second] {
        world.bus.release_quarantined(&officer, at(taken)).await.unwrap();
    }
    seen(&[1, 2, 3, 4, 5, 6]).await;
    world.bus.close().await;
}
