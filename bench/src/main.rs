//! Benchmarks, side by side in one run. `bench NAME` runs one, `bench` all; tables on stdout, JSON lines in
//! `target/bench/`. Absolute figures belong to the machine; the ratios are what to compare.

mod events;
mod kafka;
mod keys;
mod lanes;
mod plan;
mod publish;
mod report;
mod sealing;
mod setup;
mod start;
mod steps;

const BENCHES: [(&str, &str); 9] = [
    (
        "publish",
        "events/s into the bus: 1 KiB JSON, five personal fields, eight topics, all rules, fsync before the answer",
    ),
    (
        "kafka",
        "events/s through the Kafka door with librdkafka beside it on the same processors, and its ceiling with its mock",
    ),
    ("topics", "the same with 10 and with 10,000 topics"),
    ("steps", "where an event's processor time goes, step by step on one core"),
    ("sealing", "what personal fields cost of an event's processor time, beside the same event with none"),
    ("lanes", "a realtime topic's acknowledgement, idle and beside a saturating batch load"),
    (
        "plan",
        "what a state's governance folder takes to plan and to apply: 1,000 topics, 5,000 subscriptions (--topics N)",
    ),
    ("keys", "disk and memory of many persons' keys, and the change to another epoch (--keys N)"),
    ("start", "time until ready and memory, on an empty folder and on many events (--events N)"),
];

/// As in the binary.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() {
    let args: Vec<String> = std::env::args().skip(1).collect();
    if let [word, folder] = &args[..]
        && word == "opened"
    {
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("a runtime");
        return runtime.block_on(keys::opened(folder.as_ref()));
    }
    let wanted = args.first().filter(|arg| !arg.starts_with("--"));
    if wanted.is_some_and(|name| !BENCHES.iter().any(|(known, _)| known == name)) {
        BENCHES.iter().for_each(|(name, what)| println!("{name:10}{what}"));
        std::process::exit(64);
    }
    let number = |flag: &str, default: usize| {
        let at = args.iter().position(|arg| arg == flag);
        at.and_then(|at| args.get(at + 1)?.parse().ok()).unwrap_or(default)
    };
    for (name, what) in BENCHES {
        if wanted.is_some_and(|wanted| wanted != name) {
            continue;
        }
        println!("\n{name}: {what}");
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("a runtime");
        match name {
            "publish" => {
                runtime.block_on(publish::run(number("--events", 400_000)));
                steps::run();
            }
            "kafka" => runtime.block_on(kafka::run(number("--events", 400_000))),
            "topics" => runtime.block_on(publish::run_topics(number("--events", 300_000))),
            "steps" if wanted.is_some() => steps::run(),
            "sealing" => runtime.block_on(sealing::run(number("--events", 480_000))),
            "lanes" => runtime.block_on(lanes::run(number("--seconds", 8))),
            "plan" => runtime.block_on(plan::run(number("--topics", 1_000))),
            "keys" => runtime.block_on(keys::run(number("--keys", 1_000_000))),
            "start" => runtime.block_on(start::run(number("--events", 1_000_000))),
            _ => {}
        }
    }
}
