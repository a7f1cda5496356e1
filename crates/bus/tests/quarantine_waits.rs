//! What is released while something is in its way: keys that are out of reach, the same event once more, a topic that is about to be
//! believed. It waits no longer than that, keeps nothing else, and is placed once.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking, in its helpers too")]

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use crate::common::*;
use crate::erasures::{child, office};
use crate::person_consents::{Word, believes};
use crate::quarantine::{at, leaking, note, notes, read, round_done, round_of, watched};
use crate::quarantine_decided::{leak, leaking_round, of_consent, records};
use bus::clock::SystemClock;
use bus::limits::QUARANTINE_NOTES_KEPT;
use bus::{Batch, Bus, Outcome, RefusalKind, SetApart};
use contract::CloudEvent;
use governance::{Command, Role};
use journal::Journal;
use seal::{Kms, KmsError, Secret};
use serde_json::json;

const DAY_MS: u64 = 24 * 3600 * 1000;

/// A service that gives one agency's keys or does not answer.
struct Service {
    of: &'static str,
    is_away: AtomicBool,
}

impl Kms for Service {
    fn wrap(&self, agency: &str, secret: &Secret) -> Result<Vec<u8>, KmsError> {
        TestKms.wrap(agency, secret)
    }

    fn unwrap(&self, agency: &str, wrapped: &[u8]) -> Result<Secret, KmsError> {
        match agency == self.of && self.is_away.load(Ordering::SeqCst) {
            true => Err(KmsError::Unavailable("no route to it".to_owned())),
            false => TestKms.unwrap(agency, wrapped),
        }
    }

    fn destroy(&self, agency: &str, wrapped: &[u8]) -> Result<(), KmsError> {
        TestKms.destroy(agency, wrapped)
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn while_keys_are_out_of_reach_a_release_waits_keeps_no_other_topic_and_is_placed_once_afterwards() {
    let folder = tempfile::tempdir().unwrap();
    let (world, officer) = watched(folder.path()).await;
    let other = principal(&world.bus, &world.operator, "d@statistics", Role::Dpo).await;
    let counter = principal(&world.bus, &world.operator, "c@statistics", Role::Producer).await;
    let rounds = round_of(&world, "statistics", "standard").await;
    let birth = receipt(publish(&world, leaking(1)).await);
    let event = CloudEvent { source: "urn:xx:statistics:rounds".to_owned(), ..leaking_round(&rounds, 1) };
    let round = receipt(world.bus.publish(&counter, &rounds, vec![Ok(event)]).await.unwrap().remove(0));
    assert!(birth.quarantined.is_some() && round.quarantined.is_some(), "{birth:?} {round:?}");
    let service = Arc::new(Service { of: "civil-registry", is_away: AtomicBool::new(true) });
    let mut world = over(world, folder.path(), None, service.clone()).await;
    for _ in 0..2 {
        let told = world.bus.release_quarantined(&officer, at(&birth)).await.unwrap_err();
        assert_eq!(told.kind, RefusalKind::Unavailable, "{told}");
        assert!(told.text.contains("the keys of agency civil-registry"), "{told}");
    }
    assert_eq!(world.bus.quarantined(&officer, &topic()).unwrap(), [], "it is decided");
    world.bus.govern(&other, Command::ReleaseQuarantined(at(&round))).await.unwrap();
    until(async || {
        world.bus.bring_due().await.unwrap();
        (world.bus.bounds(&rounds, 0).unwrap().1 == round.offset + 2).then_some(())
    })
    .await;
    assert_eq!(world.bus.bounds(&topic(), birth.partition).unwrap().1, birth.offset + 1, "it waits");
    service.is_away.store(false, Ordering::SeqCst);
    // Nobody asks for it once more.
    until(async || {
        world.bus.bring_due().await.unwrap();
        (world.bus.bounds(&topic(), birth.partition).unwrap().1 == birth.offset + 2).then_some(())
    })
    .await;
    for restarted in [false, true] {
        if restarted {
            world = reopened(world, folder.path()).await;
        }
        world.bus.bring_due().await.unwrap();
        let placed = world.bus.release_quarantined(&officer, at(&birth)).await.unwrap();
        assert_eq!((placed.offset, placed.quarantined), (birth.offset + 1, None));
        assert_eq!(world.bus.bounds(&topic(), birth.partition).unwrap().1, birth.offset + 2, "once");
        assert_eq!(read(&world).await, ["birth-1"]);
    }
    world.bus.close().await;
}

/// What was held for longer than its identity is remembered is sent once more, into quarantine, and meets its own release there.
#[tokio::test(flavor = "multi_thread")]
async fn a_release_that_meets_the_same_event_in_its_group_comes_later_and_once() {
    let folder = tempfile::tempdir().unwrap();
    let (world, officer) = watched(folder.path()).await;
    // Decisions are in another lane, which is not held.
    let round = round_of(&world, "civil-registry", "batch").await;
    let (gate, clock) = (Gate::before("audit.round.done"), later());
    let world = over_by(world, folder.path(), Some(&gate), Arc::new(TestKms), clock.clone()).await;
    let said = ("a case".to_owned(), "court 4711".to_owned());
    world.bus.hold_topic(&officer, round.clone(), said).await.unwrap();
    let publish = async |event| {
        let outcomes = world.bus.publish(&world.registry, &round, vec![Ok(event)]).await.unwrap();
        outcomes.into_iter().next().unwrap()
    };
    let mut taken = Vec::new();
    for number in 1..=6 {
        taken.push(receipt(publish(leaking_round(&round, number)).await));
    }
    clock.advance(91 * DAY_MS);
    let mut met = None;
    for (number, taken) in (1..).zip(&taken) {
        gate.hold_lane(true);
        let (bus, registry, name) = (world.bus.clone(), world.registry.clone(), round.clone());
        let before = tokio::spawn(async move {
            let event = round_done(&name, 10 + number);
            receipt(bus.publish(&registry, &name, vec![Ok(event)]).await.unwrap().remove(0))
        });
        until(async || gate.is_lane_waiting().then_some(())).await;
        let event = leaking_round(&round, number);
        let batch =
            Batch { partition: 0, sequence: None, bytes: 1024, read: Box::new(move || vec![Ok(event)]) };
        let again = world.bus.submit(&world.registry, &round, batch).await.unwrap();
        let (bus, officer, place) = (world.bus.clone(), officer.clone(), at(taken));
        let is_decided = {
            let (bus, officer, round, offset) = (bus.clone(), officer.clone(), round.clone(), taken.offset);
            move || !bus.quarantined(&officer, &round).unwrap().iter().any(|it| it.offset == offset)
        };
        let release = tokio::spawn(async move { bus.release_quarantined(&officer, place).await });
        until(async || is_decided().then_some(())).await;
        // Until it is in the lane's queue too.
        tokio::time::sleep(Duration::from_millis(200 * number as u64)).await;
        gate.hold_lane(false);
        before.await.unwrap();
        let again = receipt(again.outcomes().await.unwrap().remove(0));
        assert!(matches!(again.quarantined, Some(SetApart::Waits(_))), "{again:?}");
        // Where they did not meet, as the clerk was at it or the machine slow, the next one is tried.
        if let Err(told) = release.await.unwrap() {
            assert_eq!(told.kind, RefusalKind::Unavailable, "{told}");
            if told.text.contains("it was sent again at the same moment") {
                met = Some((number, taken, again));
                break;
            }
        }
    }
    let (number, taken, again) = met.expect("they never met in a group");
    let placed = until(async || {
        world.bus.bring_due().await.unwrap();
        world.bus.release_quarantined(&officer, at(taken)).await.ok()
    })
    .await;
    assert!(placed.quarantined.is_none() && placed.offset > again.offset, "{placed:?}");
    // The other one stands for the same event: there is nothing to place.
    assert_eq!(world.bus.release_quarantined(&officer, at(&again)).await.unwrap(), placed);
    assert_eq!(publish(leaking_round(&round, number)).await, Outcome::Duplicate(placed.clone()));
    world.bus.bring_due().await.unwrap();
    assert_eq!(world.bus.bounds(&round, 0).unwrap().1, placed.offset + 1, "once");
    world.bus.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_on_its_way_into_quarantine_keeps_its_topic_from_being_believed_and_what_comes_then_does_not()
 {
    let folder = tempfile::tempdir().unwrap();
    let mut office = office(folder.path()).await;
    let keeper = believes(&office, "civil-registry").await;
    let gate = Gate::before("consent.record.changed");
    office.world = gated(office.world, folder.path(), &gate).await;
    let (bus, operator) = (&office.world.bus, &office.world.operator);
    let withdraw = || {
        let (bus, keeper) = (bus.clone(), keeper.clone());
        async move { Word::of(&child(1), "withdrawn").published(&bus, &keeper, leak()).await }
    };
    let discard_all = async || {
        for one in bus.quarantined(operator, &records()).unwrap() {
            let (topic, partition, offset) = (records(), one.partition, one.offset);
            let reason = "it is sent again".to_owned();
            let at = governance::commands::QuarantinedAt { topic, partition, offset, reason };
            bus.discard_quarantined(office.officer(), at).await.unwrap();
        }
    };
    let mut is_met = false;
    for slow in 1..=5 {
        bus.govern(operator, of_consent(bus, operator, false)).await.unwrap();
        gate.hold_lane(true);
        let first = tokio::spawn(withdraw());
        until(async || gate.is_lane_waiting().then_some(())).await;
        // Nothing waits yet, so that governance has nothing against it.
        let believing = tokio::spawn({
            let (bus, operator, believe) = (bus.clone(), operator.clone(), of_consent(bus, operator, true));
            async move { bus.govern(&operator, believe).await }
        });
        tokio::time::sleep(Duration::from_millis(200 * slow)).await;
        let second = tokio::spawn(withdraw());
        tokio::time::sleep(Duration::from_millis(100 * slow)).await;
        gate.hold_lane(false);
        let (first, second, believing) =
            (first.await.unwrap(), second.await.unwrap(), believing.await.unwrap());
        // Else the machine was slow, and something else was in the group or in the way.
        if let (Outcome::Accepted(first), Outcome::Refused(second)) = (first, second) {
            assert!(first.quarantined.is_some());
            assert!(second.text.contains("takes nothing into quarantine"), "{second}");
            let refused = believing.unwrap_err();
            let said = "1 wait for a decision, 0 are released and not placed yet";
            assert!(
                refused.text.contains("in quarantine by now") && refused.text.contains(said),
                "{refused}"
            );
            is_met = true;
            break;
        }
        discard_all().await;
    }
    assert!(is_met, "the lane never had the one before the other");
    // What was about to be closed is open again.
    let third = receipt(withdraw().await);
    assert!(third.quarantined.is_some());
    let refused = bus.govern(operator, of_consent(bus, operator, true)).await.unwrap_err();
    assert!(refused.text.contains("wait in quarantine"), "{refused}");
    discard_all().await;
    bus.govern(operator, of_consent(bus, operator, true)).await.unwrap();
    assert!(matches!(withdraw().await, Outcome::Refused(_)));
    bus.close().await;
}

/// A hold may keep it waiting for years, and each start reads the notes.
#[tokio::test(flavor = "multi_thread")]
async fn what_waits_for_long_keeps_few_notes_of_what_came_behind_it_and_stays_what_it_was() {
    let folder = tempfile::tempdir().unwrap();
    let (world, officer) = watched(folder.path()).await;
    let said = ("a case".to_owned(), "court 4711".to_owned());
    world.bus.hold_topic(&officer, topic(), said).await.unwrap();
    let taken = receipt(publish(&world, leaking(1)).await);
    receipt(publish(&world, leaking(2)).await);
    let before = world.bus.quarantined(&officer, &topic()).unwrap();
    let World { bus, operator, registry, tax, statistics } = world;
    bus.close().await;
    drop(bus);
    let journal = Arc::new(journal(folder.path()).await);
    let (stream, many) = (notes(&journal).id, QUARANTINE_NOTES_KEPT + 10);
    note(
        &journal,
        many as usize,
        |number| json!({"what": "placed", "topic": topic(), "partition": 0, "offset": 1_000 + number, "placed": 1}),
    );
    let opened =
        Bus::open(settings(folder.path()), journal.clone(), Arc::new(TestKms), Arc::new(SystemClock)).await;
    let (bus, _) = opened.unwrap();
    let mut world = World { bus, operator, registry, tax, statistics };
    // A start looks at once for what is not needed any more.
    until(async || (journal.bounds(stream).unwrap().first >= many).then_some(())).await;
    assert_eq!(world.bus.quarantined(&officer, &topic()).unwrap(), before);
    drop(journal);
    world = reopened(world, folder.path()).await;
    assert_eq!(world.bus.quarantined(&officer, &topic()).unwrap(), before, "since when too");
    let placed = world.bus.release_quarantined(&officer, at(&taken)).await.unwrap();
    world = reopened(world, folder.path()).await;
    assert_eq!(world.bus.quarantined(&officer, &topic()).unwrap().len(), 1);
    assert_eq!(world.bus.release_quarantined(&officer, at(&taken)).await.unwrap(), placed);
    assert_eq!(read(&world).await, ["birth-1"]);
    world.bus.close().await;
}
