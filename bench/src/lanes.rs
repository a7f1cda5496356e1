//! Whether an emergency alert overtakes everything: a realtime topic's acknowledgement, alone and beside a batch load
//! that takes all the bus has.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use serde_json::json;

use crate::{events, report, setup};

pub async fn run(seconds: usize) {
    let bench = setup::bus(&[("realtime", 1), ("batch", 8)], 4).await;
    let numbers = Arc::new(AtomicUsize::new(0));
    sample(&bench, &numbers, 1).await;
    let idle = sample(&bench, &numbers, seconds).await;
    let stop = Arc::new(AtomicBool::new(false));
    let loads: Vec<_> = (0..16).map(|_| tokio::spawn(load(&bench, numbers.clone(), stop.clone()))).collect();
    tokio::time::sleep(Duration::from_millis(500)).await;
    let (before, started) = (numbers.load(Ordering::Relaxed), Instant::now());
    let loaded = sample(&bench, &numbers, seconds).await;
    let rate = (numbers.load(Ordering::Relaxed) - before) as f64 / started.elapsed().as_secs_f64();
    stop.store(true, Ordering::Relaxed);
    for load in loads {
        load.await.expect("the load");
    }
    println!("  realtime acknowledgement, ms        p50      p99      max   samples");
    for (name, times) in [("idle", &idle), ("beside a batch load", &loaded)] {
        let q = |q| report::quantile(times, q) * 1e3;
        println!("  {name:28}{:>11.2}{:>9.2}{:>9.2}{:>10}", q(0.5), q(0.99), q(1.0), times.len());
    }
    println!("  batch load meanwhile: {rate:.0} events/s");
    let p99 = |times: &[f64]| report::quantile(times, 0.99) * 1e3;
    report::record(
        "lanes",
        &json!({"bench": "lanes", "idle_p99_ms": p99(&idle), "loaded_p99_ms": p99(&loaded), "batch_events_per_s": rate}),
    );
    bench.bus.close().await;
}

/// One alert every 5 ms; the times until its acknowledgement, sorted.
async fn sample(bench: &setup::Bench, numbers: &AtomicUsize, seconds: usize) -> Vec<f64> {
    let topic = &bench.topics[0];
    let mut times = Vec::new();
    let mut tick = tokio::time::interval(Duration::from_millis(5));
    let end = Instant::now() + Duration::from_secs(seconds as u64);
    while Instant::now() < end {
        tick.tick().await;
        let number = numbers.fetch_add(1, Ordering::Relaxed);
        let event = vec![Ok(events::event(topic.as_str(), number, 1000))];
        let started = Instant::now();
        bench.bus.publish(&bench.producer, topic, event).await.expect("the alert is taken");
        times.push(started.elapsed().as_secs_f64());
    }
    times.sort_by(f64::total_cmp);
    times
}

fn load(
    bench: &setup::Bench,
    numbers: Arc<AtomicUsize>,
    stop: Arc<AtomicBool>,
) -> impl Future<Output = ()> + use<> {
    let (bus, producer, topics) = (bench.bus.clone(), bench.producer.clone(), bench.topics.clone());
    async move {
        while !stop.load(Ordering::Relaxed) {
            let first = numbers.fetch_add(256, Ordering::Relaxed);
            let topic = &topics[1 + first / 256 % (topics.len() - 1)];
            let events = (first..first + 256)
                .map(|number| Ok(events::event(topic.as_str(), number, 20_000)))
                .collect();
            bus.publish(&producer, topic, events).await.expect("the load is taken");
        }
    }
}
