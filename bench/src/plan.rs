//! What a whole state's governance folder takes to plan and to apply, without the network: files read, compared,
//! decided, and for `apply` durable.

use std::collections::BTreeMap;
use std::time::Instant;

use bus::{Bus, Caller};
use serde_json::json;

use crate::{events, report, setup};

const SUBSCRIPTIONS_PER_TOPIC: usize = 5;
const AGENCIES: usize = 50;
/// What a plan may take.
const PLAN_MAX_MS: f64 = 2_000.0;

type Files = BTreeMap<String, String>;

pub async fn run(topics: usize) {
    let temporary = setup::temporary();
    let (bus, opened) = setup::open(temporary.path()).await;
    let operator = bus.identify(&opened.operator_token.expect("the first start")).expect("the operator");
    let bench = Bench { bus, operator };
    let files = folder(topics);
    let one = changed(&files, "topics/bench.topic0.happened/topic.yaml", "Measured.", "Measured again.");
    let bytes: usize = files.values().map(String::len).sum();
    println!(
        "  {topics} topics, {} subscriptions: {} files, {:.1} MiB",
        topics * SUBSCRIPTIONS_PER_TOPIC,
        files.len(),
        bytes as f64 / 1024.0 / 1024.0
    );
    let all = AGENCIES + topics + topics * SUBSCRIPTIONS_PER_TOPIC;
    bench.plan("everything new", &files, all).await;
    bench.apply("everything new", &files, all).await;
    bench.plan("nothing changed", &files, 0).await;
    bench.apply("nothing changed", &files, 0).await;
    bench.plan("one topic changed", &one, 1).await;
    bench.apply("one topic changed", &one, 1).await;
    let next = next_versions(&one);
    bench.plan("a new contract for every topic", &next, 2 * topics).await;
    bench.apply("a new contract for every topic", &next, 2 * topics).await;
    let held = with_policies(&next);
    bench.plan("the shipped policies, and whom they hit", &held, 1).await;
    bench.apply("the shipped policies", &held, 1).await;
    bench.bus.close().await;
}

struct Bench {
    bus: Bus,
    operator: Caller,
}

impl Bench {
    async fn plan(&self, what: &str, files: &Files, steps: usize) {
        let started = Instant::now();
        let plan = self.bus.plan(&self.operator, files, false).await.expect("the folder reads");
        let ms = told("plan", what, started);
        assert_eq!(plan.steps.len(), steps, "{what}");
        if ms > PLAN_MAX_MS {
            println!("    above {PLAN_MAX_MS:.0} ms");
        }
    }

    async fn apply(&self, what: &str, files: &Files, steps: usize) {
        let started = Instant::now();
        let plan = self.bus.apply(&self.operator, files, false).await.expect("the folder applies");
        told("apply", what, started);
        assert_eq!(plan.steps.len(), steps, "{what}");
    }
}

fn told(verb: &str, what: &str, started: Instant) -> f64 {
    let ms = started.elapsed().as_secs_f64() * 1e3;
    println!("  {verb:6}{what:34}{ms:>8.0} ms");
    report::record("plan", &json!({"bench": "plan", "verb": verb, "what": what, "ms": ms}));
    ms
}

/// Agencies, topics dealt out among them, and subscriptions of the agencies that come next.
fn folder(topics: usize) -> Files {
    let mut files = Files::new();
    for number in 0..AGENCIES {
        let text = format!(
            "agency: office{number}\nname: Office {number}\nmandate: Bench Act\ncontacts: [desk@office{number}.example]\n\
             dpo: dpo@office{number}.example\nsources: [\"urn:xx:office{number}:\"]\n"
        );
        files.insert(format!("agencies/office{number}.yaml"), text);
    }
    for number in 0..topics {
        let (name, owner) = (format!("bench.topic{number}.happened"), number % AGENCIES);
        let text = setup::topic(&name, "standard", 4);
        let text = text.replace("owner: bench", &format!("owner: office{owner}"));
        files.insert(format!("topics/{name}/topic.yaml"), text.replace("@bench", &format!("@office{owner}")));
        files.insert(format!("topics/{name}/v1.schema.json"), events::SCHEMA.to_owned());
        for reader in 1..=SUBSCRIPTIONS_PER_TOPIC {
            let agency = format!("office{}", (number + reader) % AGENCIES);
            let subscription = format!("{agency}.topic{number}");
            let text = format!(
                "subscription: {subscription}\ntopic: {name}\nagency: {agency}\npurpose: measure\n\
                 legal_basis: Bench Act §{reader}\nclears: [internal, personal]\nexpires: 2030-01-01\n"
            );
            files.insert(format!("subscriptions/{subscription}.yaml"), text);
        }
    }
    files
}

fn changed(files: &Files, path: &str, from: &str, to: &str) -> Files {
    let mut files = files.clone();
    let text = files.get_mut(path).expect("a file of the folder");
    *text = text.replace(from, to);
    files
}

/// A second version of every contract, with one field more.
fn next_versions(files: &Files) -> Files {
    let mut next = Files::new();
    for (path, text) in files {
        if path.ends_with("/topic.yaml") {
            let text = text.replace("version: 1", "version: 2").replace("v1.schema.json", "v2.schema.json");
            next.insert(path.clone(), format!("{}\n    /clerk: internal\n", text.trim_end()));
        } else if path.ends_with("/v1.schema.json") {
            let field = r#""clerk": {"type": "string", "maxLength": 80}, "weightGrams""#;
            let schema = text.replace(r#""weightGrams""#, field);
            next.insert(path.replace("v1.", "v2."), schema);
        } else {
            next.insert(path.clone(), text.clone());
        }
    }
    next
}

/// The folder with standards that look at every topic and subscription.
fn with_policies(files: &Files) -> Files {
    let mut files = files.clone();
    files.insert("standards/standards.toml".to_owned(), String::new());
    files.insert("standards/defaults.cedar".to_owned(), bus::POLICY_DEFAULTS.to_owned());
    files
}
