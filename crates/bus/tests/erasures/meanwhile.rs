//! Erasures while something is being read: what is about the erased is read again, and nothing else.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::*;
use bus::{Delivered, Fetch, Wanted};
use parking_lot::Mutex;

/// The events that a fetch of several subscriptions gives, each by itself, where `at_each` is asked after each reading of
/// events, before they leave, whom to erase then.
async fn fetched(
    office: &Arc<Office>,
    asked: &[Wanted],
    (times, max_bytes): (usize, usize),
    at_each: impl Fn(usize, &[Delivered]) -> Option<String> + Clone + Send + Sync + 'static,
) -> (Vec<Vec<CloudEvent>>, usize) {
    let (read, runtime) = (Arc::new(AtomicUsize::new(0)), tokio::runtime::Handle::current());
    let (counted, of) = (read.clone(), office.clone());
    let present = move |events: Vec<Delivered>| -> Vec<CloudEvent> {
        if !events.is_empty()
            && let Some(who) = at_each(counted.fetch_add(1, Ordering::SeqCst), &events)
        {
            runtime.block_on(of.erased(&who));
        }
        events.into_iter().map(|it| it.event).collect()
    };
    let all = vec![(cleared(), asked.to_vec()); times];
    let fetched = office.world.bus.fetch_all(&office.world.tax, &all, max_bytes, present).await;
    let events = fetched.into_iter().map(|fetched| {
        fetched.unwrap().portions.into_iter().flat_map(|portion| portion.events.unwrap()).collect()
    });
    (events.collect(), read.load(Ordering::SeqCst))
}

fn whole(partition: u32) -> Wanted {
    Wanted { partition, offset: 0, max_bytes: 1 << 20 }
}

#[tokio::test(flavor = "multi_thread")]
async fn erasures_of_others_let_nobody_read_again() {
    let folder = tempfile::tempdir().unwrap();
    let office = Arc::new(office(folder.path()).await);
    let first = receipt(publish(&office.world, birth(1)).await);
    for number in 2..=5 {
        receipt(publish(&office.world, birth(number)).await);
    }
    // At each reading of the first event somebody else is erased.
    let others = |read: usize, _: &[Delivered]| (read < 4).then(|| child(read + 2));
    let (events, read) = fetched(&office, &[whole(first.partition)], (1, 1), others).await;
    assert_eq!((events[0].len(), read), (1, 1), "nobody in it was erased");
    assert!(!is_tombstone(&events[0][0]) && text(&events[0][0]).contains("Zephyrine Q1"));
    office.world.bus.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_read_first_does_not_leave_after_somebody_in_it_was_erased_while_the_rest_was_read() {
    let folder = tempfile::tempdir().unwrap();
    let office = Arc::new(office(folder.path()).await);
    let at = receipt(publish(&office.world, birth(1)).await);
    // The first reading of the event waits while it is read for the second time, and a third one is to come.
    let at_the_second = |read: usize, _: &[Delivered]| (read == 1).then(|| child(1));
    let (events, _) = fetched(&office, &[whole(at.partition)], (3, 1 << 20), at_the_second).await;
    for (topic, events) in events.iter().enumerate() {
        assert!(matches!(&events[..], [one] if is_tombstone(one)), "topic {topic}: {events:?}");
        assert!(!text(&events[0]).contains("Zephyrine"));
    }
    office.world.bus.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fetch_ends_though_somebody_in_it_is_erased_at_each_reading() {
    let folder = tempfile::tempdir().unwrap();
    let office = Arc::new(office(folder.path()).await);
    let mut in_partition = [0; 4];
    for number in 1..=24 {
        in_partition[receipt(publish(&office.world, birth(number)).await).partition as usize] += 1;
    }
    let (partition, many) = in_partition
        .iter()
        .enumerate()
        .max_by_key(|(_, many)| **many)
        .map(|(at, many)| (at as u32, *many))
        .unwrap();
    assert!(many >= 6);
    let gone = Arc::new(Mutex::new(Vec::new()));
    let erased = gone.clone();
    let the_first = move |_: usize, events: &[Delivered]| {
        let who = events.iter().find(|it| !is_tombstone(&it.event))?.event.subject.clone()?;
        erased.lock().push(who.clone());
        Some(who)
    };
    let (events, read) = fetched(&office, &[whole(partition)], (1, 1 << 20), the_first).await;
    assert!(!events[0].is_empty() && events[0].iter().all(is_tombstone), "{events:?}");
    assert!(read < many && read <= 5, "half as much each time: {read} readings of {many} events");
    assert_eq!(read, gone.lock().len() + 1);
    office.world.bus.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fetch_of_one_subscription_is_as_careful() {
    let folder = tempfile::tempdir().unwrap();
    let office = Arc::new(office(folder.path()).await);
    let at = receipt(publish(&office.world, birth(1)).await);
    let (read, runtime) = (AtomicUsize::new(0), tokio::runtime::Handle::current());
    let of = office.clone();
    let present = move |events: Vec<Delivered>| -> Vec<CloudEvent> {
        if read.fetch_add(1, Ordering::SeqCst) == 0 {
            // The parent is in the same class as the child.
            runtime.block_on(of.erased("PAR-0000001"));
        }
        events.into_iter().map(|it| it.event).collect()
    };
    let fetch = Fetch { wanted: vec![whole(at.partition)], max_bytes: 1 << 20 };
    let mut fetched = office.world.bus.fetch(&office.world.tax, &cleared(), fetch, present).await.unwrap();
    let events = fetched.portions.remove(0).events.unwrap();
    assert!(is_tombstone(&events[0]) && !text(&events[0]).contains("Thaddeus"), "{events:?}");
    office.world.bus.close().await;
}
