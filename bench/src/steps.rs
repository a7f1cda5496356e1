//! Where an event's processor time goes: each step alone, on one core, in one run.

use std::hint::black_box;
use std::time::Instant;

use contract::Definition;
use contract::check::Workspace;
use contract::compile::compile;
use contract::leaks::{Search, Set, scan};
use serde_json::json;

use crate::{events, report};

const ROUNDS: usize = 20_000;

pub fn run() {
    let definition: Definition = serde_json::from_value(json!({
        "topic": "bench.standard0.happened", "version": 1, "format": "json-schema", "schema": events::SCHEMA,
        "subject": ["/child/personId"], "key": "subject",
        "classify": classify(),
    }))
    .expect("a definition");
    let contract = compile(&definition).expect("a contract");
    let texts: Vec<String> = (0..1000).map(|number| events::data(number, 1000)).collect();
    let mut workspace = Workspace::default();
    println!("  one core, ns per event:");
    time("check (parse, validate, spans)", |n| {
        black_box(contract.check(texts[n % 1000].as_bytes(), &mut workspace)).is_ok()
    });
    workspace.watch = Set::all();
    time("check, and personal data in what is nobody's", |n| {
        black_box(contract.check(texts[n % 1000].as_bytes(), &mut workspace)).is_ok()
    });
    let references: Vec<String> = (0..1000).map(reference).collect();
    let search = Search { wanted: Set::all(), ..Search::default() };
    time("personal data in five references", |n| {
        (0..5).all(|at| scan(black_box(&references[(n + at) % 1000]), search).is_empty())
    });
    time("audit hash of the sealed form", |n| {
        black_box(audit::leaf_hash(texts[n % 1000].as_bytes()));
        true
    });
}

/// What offices give their things: numbers of cases, permits and invoices.
fn reference(number: usize) -> String {
    match number % 5 {
        0 => format!("2026-{number:06}"),
        1 => format!("permit {}/{number:05}", number % 90),
        2 => format!("urn:xx:permits:{number:010}"),
        3 => "Registry Office North".to_owned(),
        _ => format!("INV{number:08}"),
    }
}

fn classify() -> serde_json::Value {
    let lines = events::CLASSIFY.lines().filter_map(|line| line.trim().split_once(": "));
    lines.map(|(pointer, class)| (pointer.to_owned(), class.into())).collect::<serde_json::Map<_, _>>().into()
}

fn time(name: &str, mut step: impl FnMut(usize) -> bool) {
    for n in 0..ROUNDS / 10 {
        black_box(step(n));
    }
    let started = Instant::now();
    for n in 0..ROUNDS {
        assert!(step(n), "{name}");
    }
    let ns = started.elapsed().as_nanos() as f64 / ROUNDS as f64;
    println!("    {name:40}{ns:>8.0}");
    report::record("steps", &json!({"bench": "steps", "step": name, "ns": ns}));
}
