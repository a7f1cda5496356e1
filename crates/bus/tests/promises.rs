//! What the bus promises, each promise by its name.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking, in its helpers too")]

use std::sync::Arc;

use crate::common::*;
use bus::clock::SetClock;
use bus::{Outcome, Pull, RefusalKind};
use contract::{AttributeValue, Data};
use governance::Command;

#[tokio::test(flavor = "multi_thread")]
async fn a_cleared_subscription_gets_the_exact_bytes_and_another_a_redacted_document() {
    let folder = tempfile::tempdir().unwrap();
    let world = world(folder.path()).await;
    let event = birth(1);
    receipt(publish(&world, event.clone()).await);
    let opened = world.bus.pull(&world.tax, &cleared(), all()).await.unwrap();
    assert_eq!(opened.events[0].event, event);
    let redacted = world.bus.pull(&world.statistics, &uncleared(), all()).await.unwrap();
    let seen = &redacted.events[0].event;
    let document: serde_json::Value = serde_json::from_str(&text(seen)).unwrap();
    assert_eq!(document["registrationOffice"], "North");
    assert!(document.get("child").is_none() && document.get("clerk").is_none(), "{document}");
    let subject = seen.subject.as_deref().unwrap();
    assert!(!subject.contains("PID") && subject.len() == 32, "{subject}");
    world.bus.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_event_again_gets_the_first_receipt_and_other_content_is_refused_even_after_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let mut world = world(folder.path()).await;
    let first = receipt(publish(&world, birth(1)).await);
    assert_eq!(publish(&world, birth(1)).await, Outcome::Duplicate(first.clone()));
    let mut other = birth(1);
    other.data = birth(2).data;
    other.subject = None;
    for restarted in [false, true] {
        if restarted {
            world.bus.close().await;
            drop(world.bus.clone());
            world = reopened(world, folder.path()).await;
        }
        assert_eq!(
            publish(&world, birth(1)).await,
            Outcome::Duplicate(first.clone()),
            "restarted: {restarted}"
        );
        let refusal = refusal(publish(&world, other.clone()).await);
        assert_eq!(refusal.kind, RefusalKind::Conflict, "{refusal}");
    }
    let mut same_batch = vec![Ok(birth(7)), Ok(birth(7))];
    same_batch.push(Ok(birth(8)));
    let outcomes = world.bus.publish(&world.registry, &topic(), same_batch).await.unwrap();
    let seven = receipt(outcomes[0].clone());
    assert_eq!(outcomes[1], Outcome::Duplicate(seven));
    receipt(outcomes[2].clone());
    world.bus.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_names_contract_field_and_steward_and_no_personal_value() {
    let folder = tempfile::tempdir().unwrap();
    let world = world(folder.path()).await;
    let mut event = birth(1);
    let data = text(&event).replace("2026-11-01", "2026-13-01");
    event.data = Some(Data::Json(data.into()));
    let said = refusal(publish(&world, event).await).to_string();
    for wanted in
        ["civil.birth.registered v1", "/child/birthDate", "is not a date", "civil-registry", "m.okafor"]
    {
        assert!(said.contains(wanted), "{wanted}: {said}");
    }
    assert!(!said.contains("2026-13-01"), "{said}");
    let mut event = birth(2);
    event.id = "birth-of-PID-0000002".to_owned();
    let said = refusal(publish(&world, event).await).to_string();
    assert!(said.contains("attribute id"), "{said}");
    assert!(!said.contains("PID-0000002"), "{said}");
    let mut event = birth(3);
    event.source = "urn:xx:somebody-else:x".to_owned();
    assert_eq!(refusal(publish(&world, event).await).kind, RefusalKind::Contract);
    world.bus.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn only_the_owners_producer_publishes_and_only_the_subscriber_reads() {
    let folder = tempfile::tempdir().unwrap();
    let world = world(folder.path()).await;
    let refused = world.bus.publish(&world.tax, &topic(), vec![Ok(birth(1))]).await.unwrap_err();
    assert_eq!(refused.kind, RefusalKind::Forbidden, "{refused}");
    let refused = world.bus.pull(&world.statistics, &cleared(), all()).await.unwrap_err();
    assert_eq!(refused.kind, RefusalKind::Forbidden, "{refused}");
    let refused = world.bus.pull(&world.operator, &cleared(), all()).await.unwrap_err();
    assert_eq!(refused.kind, RefusalKind::Forbidden, "{refused}");
    world.bus.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_revoked_subscription_gets_no_further_byte_even_while_it_waits() {
    let folder = tempfile::tempdir().unwrap();
    let world = world(folder.path()).await;
    let waiting = {
        let (bus, tax) = (world.bus.clone(), world.tax.clone());
        tokio::spawn(async move { bus.pull(&tax, &cleared(), Pull { wait_ms: 20_000, ..all() }).await })
    };
    tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    let revoke =
        Command::RevokeSubscription { subscription: cleared(), reason: "the purpose ended".to_owned() };
    world.bus.govern(&world.operator, revoke).await.unwrap();
    let refused = waiting.await.unwrap().unwrap_err();
    assert_eq!(refused.kind, RefusalKind::Forbidden, "{refused}");
    receipt(publish(&world, birth(1)).await);
    assert!(world.bus.pull(&world.tax, &cleared(), all()).await.is_err());
    world.bus.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_waiting_consumer_is_woken_by_the_next_event() {
    let folder = tempfile::tempdir().unwrap();
    let world = world(folder.path()).await;
    let waiting = {
        let (bus, tax) = (world.bus.clone(), world.tax.clone());
        tokio::spawn(async move { bus.pull(&tax, &cleared(), Pull { wait_ms: 20_000, ..all() }).await })
    };
    tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    receipt(publish(&world, birth(1)).await);
    assert_eq!(waiting.await.unwrap().unwrap().events.len(), 1);
    world.bus.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn committed_places_and_dead_letters_survive_a_restart_and_a_redriven_letter_comes_first() {
    let folder = tempfile::tempdir().unwrap();
    let mut world = world(folder.path()).await;
    for number in 0..20 {
        receipt(publish(&world, birth(number)).await);
    }
    let delivery = world.bus.pull(&world.tax, &cleared(), all()).await.unwrap();
    assert_eq!(delivery.events.len(), 20);
    let bad = &delivery.events[3];
    let (partition, offset) = (bad.partition, bad.offset);
    let value = text(&bad.event);
    let name = value.split("\"name\":\"").nth(2).unwrap().split('"').next().unwrap().to_owned();

    let refused =
        world.bus.reject(&world.tax, &cleared(), partition, offset, &format!("cannot read {name}")).await;
    assert!(refused.is_err(), "a reason with a personal value was kept");
    world.bus.reject(&world.tax, &cleared(), partition, offset, "the office North is unknown").await.unwrap();
    world.bus.commit(&world.tax, &cleared(), &delivery.cursor).await.unwrap();
    world = reopened(world, folder.path()).await;
    assert!(world.bus.pull(&world.tax, &cleared(), all()).await.unwrap().events.is_empty());
    let letters = world.bus.dead_letters(&world.tax, Some(&cleared())).unwrap();
    assert_eq!(letters.len(), 1);
    world.bus.redrive(&world.tax, &letters[0].id).await.unwrap();
    receipt(publish(&world, birth(100)).await);
    let again = world.bus.pull(&world.tax, &cleared(), all()).await.unwrap();
    assert_eq!(
        (again.events[0].partition, again.events[0].offset, again.events[0].redriven),
        (partition, offset, 1)
    );
    assert_eq!(again.events.len(), 2);
    world.bus.commit(&world.tax, &cleared(), &again.cursor).await.unwrap();
    assert!(world.bus.dead_letters(&world.tax, None).unwrap().is_empty());
    assert!(world.bus.pull(&world.tax, &cleared(), all()).await.unwrap().events.is_empty());
    world.bus.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_publisher_sends_first_stands_first() {
    let folder = tempfile::tempdir().unwrap();
    let world = world(folder.path()).await;
    // Large and small events in turn, so that what is sent later is often ready earlier.
    let event = |number: usize| {
        let mut event = birth(number);
        if (number / 64).is_multiple_of(2) {
            let office = format!("\"registrationOffice\":\"{}\"", "North ".repeat(500));
            let data = text(&event).replace("\"registrationOffice\":\"North\"", &office);
            event.data = Some(Data::Json(data.into()));
        }
        Ok(event)
    };
    let calls = (0..10).map(|call| {
        let events = (0..320).map(|number| event(call * 320 + number)).collect();
        let (bus, registry) = (world.bus.clone(), world.registry.clone());
        async move { bus.publish(&registry, &topic(), events).await }
    });
    // Polled in this order, as a pipelining client's requests are.
    let answers = futures_util::future::join_all(calls).await;
    let mut places: [Vec<u64>; 4] = Default::default();
    for outcome in answers.into_iter().flat_map(Result::unwrap) {
        let receipt = receipt(outcome);
        places[receipt.partition as usize].push(receipt.offset);
    }
    for offsets in places {
        assert_eq!(offsets, (0..offsets.len() as u64).collect::<Vec<_>>());
    }
    world.bus.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_consumers_share_a_subscriptions_partitions() {
    let folder = tempfile::tempdir().unwrap();
    let world = world(folder.path()).await;
    for number in 0..40 {
        receipt(publish(&world, birth(number)).await);
    }
    let pull = |name: &str| Pull { consumer: Some(name.to_owned()), ..all() };
    world.bus.pull(&world.tax, &cleared(), pull("a")).await.unwrap();
    let b = world.bus.pull(&world.tax, &cleared(), pull("b")).await.unwrap();
    let a = world.bus.pull(&world.tax, &cleared(), pull("a")).await.unwrap();
    let partitions = |delivery: &bus::Delivery| {
        delivery.events.iter().map(|event| event.partition).collect::<std::collections::BTreeSet<_>>()
    };
    assert!(partitions(&a).is_disjoint(&partitions(&b)));
    assert_eq!(a.events.len() + b.events.len(), 40);
    world.bus.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_affair_is_traced_across_topics_with_who_was_handed_it() {
    let folder = tempfile::tempdir().unwrap();
    let world = world(folder.path()).await;
    let extension = |name: &str, value: &str| (name.to_owned(), AttributeValue::String(value.to_owned()));
    let mut cause = birth(1);
    cause.extensions = vec![extension("correlationid", "affair-1")];
    let mut effect = birth(2);
    effect.extensions = vec![extension("causationid", "birth-1")];
    for event in [cause, effect, birth(3)] {
        receipt(publish(&world, event).await);
    }
    world.bus.pull(&world.tax, &cleared(), all()).await.unwrap();
    let steps = world.bus.trace(&world.operator, "birth-2").unwrap();
    let ids: Vec<&str> = steps.iter().map(|step| step.id.as_str()).collect();
    assert_eq!(ids, ["birth-1", "birth-2"]);
    assert_eq!(steps[0].disclosed[0].subscription, cleared());
    assert_eq!(steps[0].disclosed[0].opened, ["internal", "personal"]);
    assert!(world.bus.trace(&world.operator, "nothing").is_err());
    world.bus.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_exported_audit_verifies_offline_and_a_changed_byte_is_found() {
    let folder = tempfile::tempdir().unwrap();
    let mut world = world(folder.path()).await;
    for number in 0..300 {
        receipt(publish(&world, birth(number)).await);
    }
    world.bus.pull(&world.tax, &cleared(), all()).await.unwrap();
    let earlier: Vec<String> = world
        .bus
        .audit()
        .lanes()
        .iter()
        .map(|(lane, ..)| world.bus.audit().checkpoint(lane).unwrap())
        .collect();
    world = reopened(world, folder.path()).await;
    receipt(publish(&world, birth(1000)).await);
    let mut bundle = Vec::new();
    world.bus.audit().export(0, true, &mut bundle).unwrap();
    let key = audit::VerifierKey::parse(&world.bus.audit().verifier_key()).unwrap();
    let previous: Vec<&str> = earlier.iter().map(String::as_str).collect();
    let report = audit::verify(&bundle[..], &key, &previous);
    assert!(report.is_ok(), "{report:?}");
    let at = bundle.windows(11).rposition(|window| window == b"publication").unwrap() + 60;
    bundle[at] ^= 1;
    assert!(audit::verify(&bundle[..], &key, &[]).is_err());
    let proof = world.bus.audit().prove(&topic(), 0, 0).unwrap();
    assert_eq!(proof["topic"], "civil.birth.registered");
    world.bus.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn all_views_rebuilt_from_nothing_equal_the_live_ones() {
    let folder = tempfile::tempdir().unwrap();
    let mut world = world(folder.path()).await;
    for number in 0..500 {
        receipt(publish(&world, birth(number)).await);
    }
    let delivery =
        world.bus.pull(&world.tax, &cleared(), Pull { max: 100, ..Pull::default() }).await.unwrap();
    world.bus.commit(&world.tax, &cleared(), &delivery.cursor).await.unwrap();
    let state = world.bus.state(&world.operator).unwrap();
    let lag = world.bus.lag(&world.tax, &cleared()).unwrap();
    let checkpoints = |world: &World| -> Vec<String> {
        world
            .bus
            .audit()
            .lanes()
            .iter()
            .map(|(lane, ..)| world.bus.audit().checkpoint(lane).unwrap())
            .collect()
    };
    let heads = checkpoints(&world);
    world.bus.close().await;
    std::fs::remove_dir_all(folder.path().join("views")).unwrap();
    world = reopened(world, folder.path()).await;
    assert_eq!(*world.bus.state(&world.operator).unwrap(), *state);
    assert_eq!(world.bus.lag(&world.tax, &cleared()).unwrap(), lag);
    assert_eq!(checkpoints(&world), heads);
    for number in 0..500 {
        assert!(matches!(publish(&world, birth(number)).await, Outcome::Duplicate(_)), "{number}");
    }
    world.bus.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clock_that_was_set_back_does_not_stop_the_bus() {
    let folder = tempfile::tempdir().unwrap();
    let mut world = world(folder.path()).await;
    let first = receipt(publish(&world, birth(1)).await);
    let an_hour_ago = world.bus.now_ms() - 3_600_000;
    world = reopened_by(world, folder.path(), Arc::new(SetClock::at(an_hour_ago))).await;
    let second = receipt(publish(&world, birth(2)).await);
    assert_eq!((second.leaf > first.leaf, world.bus.now_ms()), (true, an_hour_ago));
    assert_eq!(world.bus.pull(&world.tax, &cleared(), all()).await.unwrap().events.len(), 2);
    world.bus.close().await;
}
