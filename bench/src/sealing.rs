//! What it costs to publish an event with personal fields, beside the same event in a contract that says all is public.
//!
//! Processor time of the whole process for each event, the commit with it: where both are on the same two processors, rates
//! say less. The three take turns, so that what else the machine does is spread over all.

use std::collections::BTreeMap;

use serde_json::json;

use crate::{publish, report, setup};

const ROUNDS: usize = 3;

/// So many people that nobody comes twice; their numbers have eleven digits.
const MANY: usize = 99_999_999_977;

/// What is published.
const WAYS: [&str; 3] = ["all public", "personal, people known", "personal, a new person"];

pub async fn run(count: usize) {
    let sealed = setup::topic("bench.sealed.happened", "standard", 4);
    let open = sealed
        .replace("bench.sealed", "bench.open")
        .replace("key: subject", "key: none")
        .replace("  subject: /child/personId\n", "")
        .replace(": personal", ": public");
    let topics = vec![("bench.open.happened".to_owned(), open), ("bench.sealed.happened".to_owned(), sealed)];
    // Names and numbers of people would be found where all is public: nothing is looked for in either.
    let standards = BTreeMap::from([(
        "standards/standards.toml".to_owned(),
        "[leaks]\notherwise = \"ignore\"\nemail = \"ignore\"\ntelephone = \"ignore\"\n".to_owned(),
    )]);
    let bench = setup::bus_of(topics, standards).await;
    for topic in 0..2 {
        cpu_s(&bench, topic, (0, 40_000), publish::PEOPLE).await;
    }
    let mut sums = [0.0; WAYS.len()];
    let mut next = 1_000_000;
    for round in 0..ROUNDS {
        for (at, name) in WAYS.iter().enumerate() {
            let people = if at == 2 { MANY } else { publish::PEOPLE };
            let spent = cpu_s(&bench, usize::from(at > 0), (next, count), people).await;
            next += count + publish::CALL_EVENTS;
            let us = spent * 1e6 / count as f64;
            println!("  round {round}  {name:26}{us:>8.2} µs an event");
            sums[at] += us / ROUNDS as f64;
        }
    }
    let [open, warm, new] = sums;
    println!("  known people {:+.2} µs, new people {:+.2} µs", warm - open, new - open);
    report::record("sealing", &json!({"bench": "sealing", "open_us": open, "warm_us": warm, "new_us": new}));
    bench.bus.close().await;
}

/// Seconds of processor time that it takes to publish events to one topic.
async fn cpu_s(bench: &setup::Bench, topic: usize, (first, count): (usize, usize), people: usize) -> f64 {
    let calls = publish::calls(&bench.topics[topic], (first, count), people);
    let before = report::cpu_s();
    publish::all(bench, calls).await;
    report::cpu_s() - before
}
