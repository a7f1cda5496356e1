//! Transactions: all of one at once, or nothing; nothing before its commit, nothing after its abort.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking, in its helpers too")]

use std::collections::BTreeMap;

use crate::common::*;
use bus::{Batch, Incoming, Outcome, Refusal, RefusalKind, Speaker};
use contract::CloudEvent;

fn batch(partition: u32, events: Vec<CloudEvent>) -> Batch {
    let events: Vec<Incoming> = events.into_iter().map(Ok).collect();
    Batch { partition, sequence: None, bytes: 1024, read: Box::new(move || events) }
}

fn begin(world: &World, id: &str) -> Speaker {
    let producer = world.bus.begin_producer(&world.registry, id, 60_000, None).unwrap();
    Speaker { id: id.to_owned(), producer }
}

async fn stage(
    world: &World,
    speaker: &Speaker,
    partition: u32,
    first: u32,
    numbers: &[usize],
) -> Vec<Option<Outcome>> {
    let events: Vec<CloudEvent> = numbers.iter().map(|number| birth(*number)).collect();
    let count = events.len() as u32;
    let batch = batch(partition, events);
    world.bus.stage(&world.registry, speaker, &topic(), batch, (first, count)).await.unwrap()
}

async fn end(world: &World, speaker: &Speaker, commit: bool) -> Result<(), Refusal> {
    world.bus.end_transaction(&world.registry, speaker, commit).await
}

/// How many events each partition has.
fn ends(world: &World) -> Vec<u64> {
    (0..4).map(|partition| world.bus.bounds(&topic(), partition).unwrap().1).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_there_before_the_commit_and_all_of_it_afterwards() {
    let folder = tempfile::tempdir().unwrap();
    let world = world(folder.path()).await;
    let speaker = begin(&world, "t");
    stage(&world, &speaker, 0, 0, &[1, 2]).await;
    stage(&world, &speaker, 3, 0, &[3]).await;
    stage(&world, &speaker, 0, 2, &[4]).await;
    assert!(stage(&world, &speaker, 0, 2, &[4]).await.is_empty(), "a repeated batch is kept once");
    assert_eq!(ends(&world), [0; 4]);
    end(&world, &speaker, true).await.unwrap();
    assert_eq!(ends(&world), [3, 0, 0, 1]);
    end(&world, &speaker, true).await.unwrap();
    assert_eq!(ends(&world), [3, 0, 0, 1], "asked for again, it is not done again");
    let world = reopened(world, folder.path()).await;
    assert_eq!(ends(&world), [3, 0, 0, 1]);
    world.bus.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_aborted_transaction_leaves_nothing_but_its_persons_may_come_again() {
    let folder = tempfile::tempdir().unwrap();
    let world = world(folder.path()).await;
    let speaker = begin(&world, "t");
    stage(&world, &speaker, 0, 0, &[1]).await;
    end(&world, &speaker, false).await.unwrap();
    stage(&world, &speaker, 0, 1, &[1]).await;
    end(&world, &speaker, true).await.unwrap();
    assert_eq!(ends(&world), [1, 0, 0, 0]);
    let world = reopened(world, folder.path()).await;
    let seen = world.bus.pull(&world.tax, &cleared(), all()).await.unwrap();
    assert_eq!(seen.events[0].event, birth(1), "its keys are durable with it");
    world.bus.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_event_that_does_not_fit_keeps_the_whole_transaction_out() {
    let folder = tempfile::tempdir().unwrap();
    let world = world(folder.path()).await;
    publish(&world, birth(1)).await;
    let before = ends(&world);
    let speaker = begin(&world, "t");
    // The same identity with other content: the lane alone can know.
    let mut other = birth(1);
    other.data = birth(9).data;
    other.subject = None;
    stage(&world, &speaker, 0, 0, &[5]).await;
    world.bus.stage(&world.registry, &speaker, &topic(), batch(1, vec![other]), (0, 1)).await.unwrap();
    let refused = end(&world, &speaker, true).await.unwrap_err();
    assert_eq!((refused.kind, refused.code), (RefusalKind::Conflict, Some("transaction-abortable")));
    assert_eq!(ends(&world), before);
    // Broken by its contract: said at once, and the commit is refused.
    let mut broken = birth(6);
    broken.data = Some(contract::Data::Json(bytes::Bytes::from_static(b"{}")));
    let told =
        world.bus.stage(&world.registry, &speaker, &topic(), batch(0, vec![birth(7), broken]), (1, 2)).await;
    let told = told.unwrap();
    assert!(
        matches!(&told[1], Some(Outcome::Refused(refusal)) if refusal.kind == RefusalKind::Contract),
        "{told:?}"
    );
    assert_eq!(end(&world, &speaker, true).await.unwrap_err().code, Some("transaction-abortable"));
    end(&world, &speaker, false).await.unwrap();
    assert_eq!(ends(&world), before);
    world.bus.close().await;
}

/// Java's producer gives the numbers of a refused batch to the next one. Taken for the refused one again, that would be
/// acknowledged and lost.
#[tokio::test(flavor = "multi_thread")]
async fn what_follows_a_refused_batch_under_its_numbers_is_not_taken_for_it() {
    let folder = tempfile::tempdir().unwrap();
    let world = world(folder.path()).await;
    let speaker = begin(&world, "t");
    stage(&world, &speaker, 0, 0, &[1]).await;
    end(&world, &speaker, true).await.unwrap();
    let mut broken = birth(2);
    broken.data = Some(contract::Data::Json(bytes::Bytes::from_static(b"{}")));
    let told = world.bus.stage(&world.registry, &speaker, &topic(), batch(0, vec![broken]), (1, 1)).await;
    assert!(matches!(&told.unwrap()[0], Some(Outcome::Refused(_))));
    end(&world, &speaker, false).await.unwrap();
    stage(&world, &speaker, 0, 1, &[3]).await;
    end(&world, &speaker, true).await.unwrap();
    assert_eq!(ends(&world), [2, 0, 0, 0]);
    world.bus.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_open_at_a_restart_is_gone_and_cannot_be_committed() {
    let folder = tempfile::tempdir().unwrap();
    let world = world(folder.path()).await;
    let speaker = begin(&world, "t");
    stage(&world, &speaker, 0, 0, &[1]).await;
    let world = reopened(world, folder.path()).await;
    assert_eq!(end(&world, &speaker, true).await.unwrap_err().code, Some("transaction-abortable"));
    end(&world, &speaker, false).await.unwrap();
    stage(&world, &speaker, 0, 1, &[1]).await;
    end(&world, &speaker, true).await.unwrap();
    assert_eq!(ends(&world), [1, 0, 0, 0]);
    world.bus.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn places_move_with_the_commit_and_a_transactional_id_is_its_principals() {
    let folder = tempfile::tempdir().unwrap();
    let world = world(folder.path()).await;
    publish(&world, birth(1)).await;
    let producer = world.bus.begin_producer(&world.tax, "t", 60_000, None).unwrap();
    let speaker = Speaker { id: "t".to_owned(), producer };
    let next = BTreeMap::from([(0, 1)]);
    world.bus.stage_places(&world.tax, &speaker, &cleared(), next.clone()).unwrap();
    assert!(world.bus.places(&world.tax, &cleared()).unwrap().is_empty());
    let stranger = world.bus.end_transaction(&world.registry, &speaker, true).await.unwrap_err();
    assert_eq!(stranger.code, Some("transactional-id"));
    world.bus.end_transaction(&world.tax, &speaker, true).await.unwrap();
    assert_eq!(world.bus.places(&world.tax, &cleared()).unwrap(), next);
    let world = reopened(world, folder.path()).await;
    assert_eq!(world.bus.places(&world.tax, &cleared()).unwrap(), next);
    world.bus.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_newer_instance_takes_over_and_the_former_is_fenced() {
    let folder = tempfile::tempdir().unwrap();
    let world = world(folder.path()).await;
    let former = begin(&world, "t");
    stage(&world, &former, 0, 0, &[1]).await;
    let newer = begin(&world, "t");
    assert_eq!(end(&world, &former, true).await.unwrap_err().kind, RefusalKind::Fenced);
    stage(&world, &newer, 0, 0, &[2]).await;
    end(&world, &newer, true).await.unwrap();
    assert_eq!(ends(&world), [1, 0, 0, 0]);
    world.bus.close().await;
}
