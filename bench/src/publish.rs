//! Events per second into the bus, without the network.

use std::time::Instant;

use bus::Outcome;
use contract::TopicName;
use serde_json::json;

use crate::{events, report, setup};

/// Events of one call: what an HTTP batch or a Kafka produce request brings.
pub const CALL_EVENTS: usize = 256;
/// Events of a small call.
const SMALL_CALL_EVENTS: usize = 16;
/// Calls under way at once.
const CALLERS: usize = 16;
/// People whom the events are about.
pub const PEOPLE: usize = 20_000;

/// What one run came to.
pub struct Rate {
    pub events_per_s: f64,
    pub seconds: f64,
}

pub async fn run(count: usize) {
    let bench = setup::bus(&[("standard", 8)], 4).await;
    measure(&bench, 40_000, 1_000_000_000, CALL_EVENTS).await;
    let before = report::cpu_by_thread();
    let rate = measure(&bench, count, 0, CALL_EVENTS).await;
    println!(
        "  {:>10.0} events/s   ({count} events of {} bytes in {:.2} s, {CALLERS} callers x {CALL_EVENTS})",
        rate.events_per_s,
        events::data(1, PEOPLE).len(),
        rate.seconds
    );
    println!("  processor time per event, by thread:");
    for (name, seconds) in report::cpu_by_thread() {
        let earlier = before.iter().find(|(known, _)| *known == name).map_or(0.0, |(_, seconds)| *seconds);
        if seconds - earlier > 0.02 {
            println!("    {name:18}{:>8.0} ns", (seconds - earlier) * 1e9 / count as f64);
        }
    }
    report::record(
        "publish",
        &json!({"bench": "publish", "topics": 8, "events": count, "events_per_s": rate.events_per_s}),
    );
    bench.bus.close().await;
}

/// The same with few and with many topics: large calls for one topic each, and small ones, where each event comes to
/// another topic than the last few did.
pub async fn run_topics(count: usize) {
    let mut rates = Vec::new();
    println!("  topics   events a call     events/s    resident");
    for topics in [10, 10_000] {
        let bench = setup::bus(&[("standard", topics)], 4).await;
        // Every topic once: contracts are compiled when they are first needed.
        measure(&bench, topics * SMALL_CALL_EVENTS, 1_000_000_000, SMALL_CALL_EVENTS).await;
        for (round, call_events) in [(1, CALL_EVENTS), (2, SMALL_CALL_EVENTS)] {
            let rate = measure(&bench, count, round * 100_000_000, call_events).await.events_per_s;
            println!("  {topics:>6}{call_events:>16}{rate:>13.0}{:>8.0} MiB", report::resident_mib());
            report::record(
                "topics",
                &json!({"bench": "topics", "topics": topics, "call_events": call_events, "events_per_s": rate}),
            );
            rates.push(rate);
        }
        bench.bus.close().await;
    }
    println!(
        "  ratio 10,000 : 10 topics = {:.2} with large calls, {:.2} with small ones",
        rates[2] / rates[0],
        rates[3] / rates[1]
    );
}

/// Publishes `count` events from `CALLERS` tasks, spread over the topics, each call of `size` for one topic.
pub async fn measure(bench: &setup::Bench, count: usize, first: usize, size: usize) -> Rate {
    let calls: Vec<Call> = (0..count.div_ceil(size))
        .map(|call| {
            let topic = &bench.topics[call % bench.topics.len()];
            (topic.clone(), incoming(topic, (first + call * size, size), PEOPLE))
        })
        .collect();
    let events = calls.len() * size;
    let started = Instant::now();
    all(bench, calls).await;
    let seconds = started.elapsed().as_secs_f64();
    Rate { events_per_s: events as f64 / seconds, seconds }
}

/// A topic, and events for it.
pub type Call = (TopicName, Vec<bus::Incoming>);

/// Calls of usual size for one topic.
pub fn calls(topic: &TopicName, (first, count): (usize, usize), people: usize) -> Vec<Call> {
    let firsts = (first..first + count).step_by(CALL_EVENTS);
    firsts.map(|first| (topic.clone(), incoming(topic, (first, CALL_EVENTS), people))).collect()
}

fn incoming(topic: &TopicName, (first, count): (usize, usize), people: usize) -> Vec<bus::Incoming> {
    (first..first + count).map(|number| Ok(events::event(topic.as_str(), number, people))).collect()
}

/// Publishes all of them from `CALLERS` tasks.
pub async fn all(bench: &setup::Bench, calls: Vec<Call>) {
    let mut prepared: Vec<Vec<Call>> = (0..CALLERS).map(|_| Vec::new()).collect();
    calls.into_iter().enumerate().for_each(|(at, call)| prepared[at % CALLERS].push(call));
    let tasks: Vec<_> = prepared
        .into_iter()
        .map(|calls| {
            let (bus, producer) = (bench.bus.clone(), bench.producer.clone());
            tokio::spawn(async move {
                for (topic, events) in calls {
                    let outcomes = bus.publish(&producer, &topic, events).await.expect("the call is taken");
                    let refused = outcomes.iter().find(|outcome| !matches!(outcome, Outcome::Accepted(_)));
                    assert!(refused.is_none(), "{refused:?}");
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.expect("a caller");
    }
}
