//! Batches that stand or fall together, producers that number them, and reading from given offsets.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking, in its helpers too")]

use crate::common::*;
use crate::quarantine::{at, leaking, watched};
use bus::{Batch, Fetch, Incoming, Outcome, Receipt, RefusalKind, Refused, Sequence, SetApart, Wanted};
use contract::CloudEvent;

fn batch(events: Vec<CloudEvent>, sequence: Option<Sequence>) -> Batch {
    let events: Vec<Incoming> = events.into_iter().map(Ok).collect();
    Batch { partition: 2, sequence, bytes: 1024, read: Box::new(move || events) }
}

async fn submit(world: &World, batch: Batch) -> Vec<Outcome> {
    world.bus.submit(&world.registry, &topic(), batch).await.unwrap().outcomes().await.unwrap()
}

fn offsets(outcomes: &[Outcome]) -> Vec<(&'static str, u64)> {
    let one = |outcome: &Outcome| match outcome {
        Outcome::Accepted(receipt) => ("new", receipt.offset),
        Outcome::Duplicate(receipt) => ("again", receipt.offset),
        Outcome::Refused(refusal) => (refusal.kind.code(), 0),
    };
    outcomes.iter().map(one).collect()
}

fn from_start() -> Fetch {
    let wanted = (0..4).map(|partition| Wanted { partition, offset: 0, max_bytes: 1 << 20 });
    Fetch { wanted: wanted.collect(), max_bytes: 1 << 20 }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_is_placed_where_its_producer_said_and_in_its_order() {
    let folder = tempfile::tempdir().unwrap();
    let world = world(folder.path()).await;
    let outcomes = submit(&world, batch((1..=3).map(birth).collect(), None)).await;
    assert_eq!(offsets(&outcomes), [("new", 0), ("new", 1), ("new", 2)]);
    let fetched = world.bus.fetch(&world.tax, &cleared(), from_start(), |events| events).await.unwrap();
    let portion = &fetched.portions[2];
    let events = portion.events.as_ref().unwrap();
    assert_eq!((portion.first, portion.next, events.len()), (0, 3, 3));
    assert_eq!(events[1].event, birth(2));
    assert!(fetched.portions[0].events.as_ref().unwrap().is_empty());
    let redacted =
        world.bus.fetch(&world.statistics, &uncleared(), from_start(), |events| events).await.unwrap();
    let seen = &redacted.portions[2].events.as_ref().unwrap()[0];
    assert!(!text(&seen.event).contains("child") && seen.about.is_some());
    world.bus.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fetch_gives_no_more_than_was_asked_for_and_at_least_one_event() {
    let folder = tempfile::tempdir().unwrap();
    let world = world(folder.path()).await;
    for partition in 0..4 {
        let births = (1..=10).map(|number| birth(100 * partition as usize + number)).collect();
        let outcomes = submit(&world, Batch { partition, ..batch(births, None) }).await;
        assert_eq!(offsets(&outcomes).len(), 10);
    }
    let fetch = async |partition_bytes: usize, max_bytes: usize| {
        let wanted = (0..4).map(|partition| Wanted { partition, offset: 0, max_bytes: partition_bytes });
        let fetch = Fetch { wanted: wanted.collect(), max_bytes };
        let fetched = world.bus.fetch(&world.tax, &cleared(), fetch, |events| events.len()).await.unwrap();
        let counts: Vec<usize> =
            fetched.portions.into_iter().map(|portion| portion.events.unwrap()).collect();
        (counts, fetched.bytes)
    };
    let (all, bytes) = fetch(1 << 20, 4 << 20).await;
    assert_eq!(all, [10, 10, 10, 10]);
    let one = bytes / 40;
    assert_eq!(fetch(1 << 20, 1 << 20).await, (all, bytes), "one after the other, as each could fill it");
    assert_eq!(fetch(1, 1 << 20).await.0, [1, 1, 1, 1], "a budget that is too small gives one event");
    let (some, some_bytes) = fetch(1 << 20, 14 * one).await;
    assert!(some[0] == 10 && some.iter().sum::<usize>() <= 15, "{some:?}");
    assert!(some_bytes < 15 * one, "at most the last event goes beyond: {some_bytes} of {}", 14 * one);
    world.bus.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_bad_event_keeps_its_whole_batch_out_and_only_it_is_told_why() {
    let folder = tempfile::tempdir().unwrap();
    let world = world(folder.path()).await;
    let mut broken = birth(2);
    broken.data = Some(contract::Data::Json(bytes::Bytes::from_static(b"{}")));
    let outcomes = submit(&world, batch(vec![birth(1), broken, birth(3)], None)).await;
    assert_eq!(offsets(&outcomes), [("abandoned", 0), ("contract", 0), ("abandoned", 0)]);
    let fetched = world.bus.fetch(&world.tax, &cleared(), from_start(), |events| events).await.unwrap();
    assert_eq!(fetched.portions[2].next, 0, "nothing of it was stored");
    // A conflict is found later, by the lane, and has the same effect.
    submit(&world, batch(vec![birth(1)], None)).await;
    let mut other = birth(1);
    other.data = birth(9).data;
    other.subject = None;
    let outcomes = submit(&world, batch(vec![birth(4), other], None)).await;
    assert_eq!(offsets(&outcomes), [("abandoned", 0), ("conflict", 0)]);
    assert_eq!(world.bus.bounds(&topic(), 2).unwrap(), (0, 1));
    world.bus.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_producers_batches_follow_each_other_also_after_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let mut world = world(folder.path()).await;
    let at = |first, epoch| Some(Sequence { producer: 77, epoch, first });
    let two = |from| vec![birth(from), birth(from + 1)];
    assert_eq!(offsets(&submit(&world, batch(two(1), at(0, 0))).await), [("new", 0), ("new", 1)]);
    for restarted in [false, true] {
        if restarted {
            world.bus.close().await;
            world = reopened(world, folder.path()).await;
        }
        let again = submit(&world, batch(two(1), at(0, 0))).await;
        assert_eq!(offsets(&again), [("again", 0), ("again", 1)], "restarted: {restarted}");
        let gap = submit(&world, batch(two(5), at(4, 0))).await;
        assert_eq!(offsets(&gap), [("out-of-order", 0); 2], "restarted: {restarted}");
    }
    assert_eq!(offsets(&submit(&world, batch(two(3), at(2, 0))).await), [("new", 2), ("new", 3)]);
    assert_eq!(offsets(&submit(&world, batch(two(5), at(0, 1))).await), [("new", 4), ("new", 5)]);
    assert_eq!(offsets(&submit(&world, batch(two(7), at(4, 0))).await), [("fenced", 0); 2]);
    world.bus.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_conflict_within_a_batch_keeps_all_of_it_out() {
    let folder = tempfile::tempdir().unwrap();
    let world = world(folder.path()).await;
    let mut other = birth(1);
    other.data = birth(9).data;
    other.subject = None;
    let outcomes = submit(&world, batch(vec![birth(1), other], None)).await;
    assert_eq!(offsets(&outcomes), [("abandoned", 0), ("conflict", 0)]);
    assert_eq!(world.bus.bounds(&topic(), 2).unwrap(), (0, 0));
    world.bus.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_numbered_batch_of_events_that_were_there_before_counts_all_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let world = world(folder.path()).await;
    let at = |first| Some(Sequence { producer: 5, epoch: 0, first });
    submit(&world, batch(vec![birth(1)], at(0))).await;
    assert_eq!(offsets(&submit(&world, batch(vec![birth(1)], at(1))).await), [("again", 0)]);
    assert_eq!(offsets(&submit(&world, batch(vec![birth(2)], at(2))).await), [("new", 1)]);
    world.bus.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_for_no_partition_and_a_fetch_from_no_place_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let world = world(folder.path()).await;
    let nowhere = Batch { partition: 4, ..batch(vec![birth(1)], None) };
    let refused = world.bus.submit(&world.registry, &topic(), nowhere).await.err().unwrap();
    assert_eq!(refused.kind, RefusalKind::Unknown);
    let forbidden = world.bus.submit(&world.tax, &topic(), batch(vec![birth(1)], None)).await.err().unwrap();
    assert_eq!(forbidden.kind, RefusalKind::Forbidden);
    let wanted = [(9, 0), (2, 1)].map(|(partition, offset)| Wanted { partition, offset, max_bytes: 1 });
    let fetch = Fetch { wanted: wanted.to_vec(), max_bytes: 100 };
    let fetched = world.bus.fetch(&world.tax, &cleared(), fetch, |events| events).await.unwrap();
    let refused: Vec<_> = fetched.portions.into_iter().map(|portion| portion.events.unwrap_err()).collect();
    assert_eq!(refused, [Refused::NoSuchPartition, Refused::OutOfRange]);
    world.bus.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn places_go_exactly_where_they_are_put_and_can_be_forgotten_also_after_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let mut world = world(folder.path()).await;
    let put = |partition, offset| [(partition, offset)].into_iter().collect();
    world.bus.keep_places(&world.tax, &cleared(), put(1, 9)).await.unwrap();
    world.bus.keep_places(&world.tax, &cleared(), put(1, 4)).await.unwrap();
    world.bus.keep_places(&world.tax, &cleared(), put(0, 7)).await.unwrap();
    world.bus.forget_places(&world.tax, &cleared(), vec![0]).await.unwrap();
    world.bus.close().await;
    world = reopened(world, folder.path()).await;
    assert_eq!(world.bus.places(&world.tax, &cleared()).unwrap(), put(1, 4));
    assert!(world.bus.keep_places(&world.tax, &cleared(), put(4, 0)).await.is_err());
    assert!(world.bus.places(&world.statistics, &cleared()).is_err(), "another agency's");
    world.bus.close().await;
}

/// Producers reckon the places of a batch from that of its first event.
#[tokio::test(flavor = "multi_thread")]
async fn a_batch_that_comes_again_has_its_first_place_though_its_first_event_was_released_meanwhile() {
    let folder = tempfile::tempdir().unwrap();
    let (mut world, officer) = watched(folder.path()).await;
    let numbered = || batch(vec![leaking(1), birth(2)], Some(Sequence { producer: 9, epoch: 0, first: 0 }));
    let first = submit(&world, numbered()).await;
    assert_eq!(offsets(&first), [("new", 0), ("new", 1)]);
    let taken = receipt(first[0].clone());
    let released = world.bus.release_quarantined(&officer, at(&taken)).await.unwrap();
    assert_eq!(released.offset, 2);
    for restarted in [false, true] {
        if restarted {
            world = reopened(world, folder.path()).await;
        }
        let again = submit(&world, numbered()).await;
        assert_eq!(offsets(&again), [("again", 0), ("again", 1)], "restarted: {restarted}");
        let told = Receipt { quarantined: Some(SetApart::Released), ..taken.clone() };
        assert_eq!(again[0], Outcome::Duplicate(told));
    }
    // Without numbers it is the one that is read.
    assert_eq!(submit(&world, batch(vec![leaking(1)], None)).await, [Outcome::Duplicate(released)]);
    world.bus.close().await;
}
