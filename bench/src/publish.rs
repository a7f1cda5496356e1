//! Events per second into the bus, without the network.

use std::sync::Arc;
use std::time::Instant;

use bus::Outcome;
use serde_json::json;

use crate::{events, report, setup};

/// Events of one call: what an HTTP batch or a Kafka produce request brings.
const CALL_EVENTS: usize = 256;
/// Calls under way at once.
const CALLERS: usize = 16;
/// People whom the events are about.
const PEOPLE: usize = 20_000;

/// What one run came to.
pub struct Rate {
    pub events_per_s: f64,
    pub seconds: f64,
}

pub async fn run(count: usize) {
    let bench = setup::bus(&[("standard", 8)], 4).await;
    measure(&bench, 40_000, 1_000_000_000).await;
    let before = report::cpu_by_thread();
    let rate = measure(&bench, count, 0).await;
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

pub async fn run_topics(count: usize) {
    let mut rates = Vec::new();
    for topics in [10, 10_000] {
        let bench = setup::bus(&[("standard", topics)], 4).await;
        measure(&bench, count / 2, 1_000_000_000).await;
        let rate = measure(&bench, count, 0).await;
        println!(
            "  {topics:>6} topics {:>10.0} events/s   {:.0} MiB resident",
            rate.events_per_s,
            report::resident_mib()
        );
        report::record(
            "topics",
            &json!({"bench": "topics", "topics": topics, "events": count, "events_per_s": rate.events_per_s}),
        );
        rates.push(rate.events_per_s);
        bench.bus.close().await;
    }
    println!("  ratio 10,000 : 10 topics = {:.2}", rates[1] / rates[0]);
}

/// Publishes `count` events from `CALLERS` tasks, spread over the topics, each call for one topic.
pub async fn measure(bench: &setup::Bench, count: usize, first: usize) -> Rate {
    let calls = count.div_ceil(CALL_EVENTS);
    let topics = Arc::new(bench.topics.clone());
    // With many topics a call of 256 events for one topic would hide what many topics cost: calls become smaller.
    let size = if topics.len() > 100 { 16 } else { CALL_EVENTS };
    let calls = calls * CALL_EVENTS / size;
    let mut prepared: Vec<Vec<(usize, Vec<bus::Incoming>)>> = (0..CALLERS).map(|_| Vec::new()).collect();
    for call in 0..calls {
        let topic = call % topics.len();
        let name = topics[topic].as_str();
        let events = (0..size).map(|n| Ok(events::event(name, first + call * size + n, PEOPLE))).collect();
        prepared[call % CALLERS].push((topic, events));
    }
    let started = Instant::now();
    let tasks: Vec<_> = prepared
        .into_iter()
        .map(|calls| {
            let (bus, producer, topics) = (bench.bus.clone(), bench.producer.clone(), topics.clone());
            tokio::spawn(async move {
                for (topic, events) in calls {
                    let outcomes =
                        bus.publish(&producer, &topics[topic], events).await.expect("the call is taken");
                    let refused = outcomes.iter().find(|outcome| !matches!(outcome, Outcome::Accepted(_)));
                    assert!(refused.is_none(), "{refused:?}");
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.expect("a caller");
    }
    let seconds = started.elapsed().as_secs_f64();
    Rate { events_per_s: (calls * size) as f64 / seconds, seconds }
}
