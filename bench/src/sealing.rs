//! What it costs to publish an event with personal fields, beside the same event in a contract that says all is public.
//!
//! Two figures for each event, the commit with it: processor time of the whole process until it rests again, and time, while
//! all processors are kept busy. All take turns in small portions, so that what else the machine does falls on all alike.

use std::collections::BTreeMap;
use std::fmt;
use std::time::{Duration, Instant};

use serde_json::json;

use crate::{publish, report, setup};

/// Events of one portion.
const PORTION: usize = 30_000;

/// Events before a portion about known people; as many for each way, and enough that each of them comes twice.
const WARMING: usize = 2 * publish::PEOPLE;

/// So many people that nobody comes twice; their numbers have eleven digits.
const MANY: usize = 99_999_999_977;

/// What is published: of which topic, about how many people.
const WAYS: [(&str, usize, usize); 4] = [
    ("all public", 0, publish::PEOPLE),
    ("personal, 1,000 people", 1, 1_000),
    ("personal, 20,000 people", 1, publish::PEOPLE),
    ("personal, a new person each", 1, MANY),
];

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
        cost(&bench, topic, (0, WARMING), publish::PEOPLE).await;
    }
    let mut costs: [Vec<Cost>; WAYS.len()] = Default::default();
    let mut next = 1_000_000;
    for round in 0..count.div_ceil(PORTION).max(2) {
        // In another order each time: the journal settles its full logs at a pace of its own.
        for at in 0..WAYS.len() {
            let way = (at * (1 + 2 * (round / WAYS.len() % 2)) + round) % WAYS.len();
            let (_, topic, people) = WAYS[way];
            if people <= publish::PEOPLE {
                // Keys are warm: the many new people before have taken their places in memory.
                cost(&bench, topic, (next, WARMING), people).await;
                next += WARMING + publish::CALL_EVENTS;
            }
            costs[way].push(cost(&bench, topic, (next, PORTION), people).await);
            next += PORTION + publish::CALL_EVENTS;
        }
    }
    println!(
        "  {:30}{:>12}{:>12}    more (means of {} portions)",
        "µs an event",
        "processor",
        "time",
        costs[0].len()
    );
    for (way, (name, ..)) in costs.iter().zip(WAYS) {
        let of = |of: fn(&Cost) -> f64| {
            (Mean::of(way.iter().map(of)), Mean::of(more(way, &costs[0]).map(|more| of(&more))))
        };
        let ((cpu_us, more_cpu_us), (us, more_us)) = (of(|cost| cost.cpu_us), of(|cost| cost.us));
        println!("  {name:30}{:>12.2}{:>12.2}    {more_cpu_us} {more_us}", cpu_us.value, us.value);
        report::record(
            "sealing",
            &json!({
                "bench": "sealing", "way": name, "cpu_us": cpu_us.value, "us": us.value,
                "more_cpu_us": more_cpu_us.value, "more_us": more_us.value,
                "more_cpu_us_error": more_cpu_us.error, "more_us_error": more_us.error,
            }),
        );
    }
    bench.bus.close().await;
}

/// What an event costs, in microseconds.
#[derive(Clone, Copy)]
struct Cost {
    cpu_us: f64,
    us: f64,
}

/// By how much events cost more than those of the same rounds cost where all is public.
fn more<'c>(way: &'c [Cost], public: &'c [Cost]) -> impl Iterator<Item = Cost> + 'c {
    let less = |(a, b): (&Cost, &Cost)| Cost { cpu_us: a.cpu_us - b.cpu_us, us: a.us - b.us };
    way.iter().zip(public).map(less)
}

/// A mean, not a median: full logs are settled in some portions and not in others.
struct Mean {
    value: f64,
    /// The standard error.
    error: f64,
}

impl Mean {
    fn of(values: impl Iterator<Item = f64>) -> Self {
        let values: Vec<f64> = values.collect();
        let count = values.len() as f64;
        let value = values.iter().sum::<f64>() / count;
        let squares = values.iter().map(|one| (one - value).powi(2)).sum::<f64>();
        Self { value, error: (squares / (count - 1.0) / count).sqrt() }
    }
}

impl fmt::Display for Mean {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:+.2} ±{:.2}", self.value, self.error)
    }
}

/// What it costs to publish events to one topic, with what the bus does on account of them afterwards.
async fn cost(bench: &setup::Bench, topic: usize, (first, count): (usize, usize), people: usize) -> Cost {
    let calls = publish::calls(&bench.topics[topic], (first, count), people);
    let (before, started) = (report::cpu_s(), Instant::now());
    publish::all(bench, calls).await;
    let us = started.elapsed().as_secs_f64();
    idle().await;
    let per_event = 1e6 / count as f64;
    Cost { cpu_us: (report::cpu_s() - before) * per_event, us: us * per_event }
}

/// Waits until the bus has nothing to do any more: full logs are settled behind the events that filled them.
async fn idle() {
    const LOOK: Duration = Duration::from_millis(30);
    loop {
        let before = report::cpu_s();
        tokio::time::sleep(LOOK).await;
        if report::cpu_s() - before < LOOK.as_secs_f64() / 20.0 {
            return;
        }
    }
}
