//! Time until ready, and memory: on an empty folder and on many events.

use std::time::Instant;

use serde_json::json;

use crate::{publish, report, setup};

pub async fn run(events: usize) {
    let empty = setup::temporary();
    let started = Instant::now();
    let (bus, _) = setup::open(empty.path()).await;
    println!(
        "  empty folder    ready in {:>6.0} ms   {:>5.0} MiB resident",
        started.elapsed().as_secs_f64() * 1e3,
        report::resident_mib()
    );
    bus.close().await;
    drop(bus);
    let bench = setup::bus(&[("standard", 8)], 4).await;
    let mut done = 0;
    while done < events {
        let some = (events - done).min(200_000);
        publish::measure(&bench, some, done, publish::CALL_EVENTS).await;
        done += some;
    }
    bench.bus.close().await;
    let (folder, kept) = bench.into_folder();
    let started = Instant::now();
    let (bus, opened) = setup::open(&folder).await;
    let ready_ms = started.elapsed().as_secs_f64() * 1e3;
    println!("  {events:>9} events ready in {ready_ms:>6.0} ms   ({opened})");
    report::record(
        "start",
        &json!({"bench": "start", "events": events, "ready_ms": ready_ms, "identities": opened.identities}),
    );
    bus.close().await;
    drop(kept);
}
