//! A person is erased from the command line, with nothing of them in it: the identifier comes from a file or stdin. What is
//! left is a tombstone at every door, and a certificate that anybody checks.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking, in its helpers too")]

#[path = "support/kafka.rs"]
mod kafka;
mod support;

use std::fs;
use std::io::Write;
use std::process::{Command, Output, Stdio};

use kafka_protocol::records::RecordBatchDecoder;
use serde_json::{Value, json};
use support::{Server, chancery, event, stderr, stdout};

const EVENTS: &str = "/v1/topics/civil.birth.registered/events";
const STRUCTURED: (&str, &str) = ("content-type", "application/cloudevents+json");
const PERSON: &str = "2026-1000-0001";

fn run(server: &Server, token: &str, arguments: &[&str]) -> String {
    let done = server.cli(token, arguments);
    assert!(done.status.success(), "{arguments:?}: {}{}", stdout(&done), stderr(&done));
    stdout(&done)
}

fn refused(server: &Server, token: &str, arguments: &[&str]) -> String {
    let done = server.cli(token, arguments);
    assert!(!done.status.success(), "{arguments:?}: {}", stdout(&done));
    stderr(&done)
}

/// As [`Server::cli`], with something on stdin.
fn told(server: &Server, token: &str, arguments: &[&str], said: &str) -> Output {
    let mut child = Command::new(env!("CARGO_BIN_EXE_chancery"))
        .args(["--url", &server.url, "--token", token])
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(said.as_bytes()).unwrap();
    child.wait_with_output().unwrap()
}

fn pulled(server: &Server, token: &str) -> Vec<Value> {
    let answer = server.get("/v1/subscriptions/tax-office.births/events?from=earliest&max=50", token);
    assert_eq!(answer.status, 200, "{}", answer.text);
    let mut events = answer.json().as_array().unwrap().clone();
    events.sort_by_key(|event| event["id"].to_string());
    events
}

/// The records that a Kafka client gets: each value with whether its header says that somebody was erased.
fn fetched(server: &Server, token: &str) -> Vec<(String, bool)> {
    let mut client = kafka::Kafka::connect(&server.kafka, "service@tax-office", token, "reader");
    let (answer, _) = client.fetch("civil.birth.registered", &[0; 4], 100);
    let mut records = Vec::new();
    for partition in answer.responses.into_iter().flat_map(|topic| topic.partitions) {
        assert_eq!(partition.error_code, 0, "{partition:?}");
        let mut batches = partition.records.unwrap_or_default();
        for record in
            RecordBatchDecoder::decode_all(&mut batches).unwrap().into_iter().flat_map(|set| set.records)
        {
            let erased = record
                .headers
                .iter()
                .any(|(name, value)| name.as_str() == "ce_erased" && value.as_deref() == Some(b"true"));
            records.push((String::from_utf8(record.value.unwrap_or_default().to_vec()).unwrap(), erased));
        }
    }
    records
}

#[test]
fn a_person_is_erased_held_and_certified_from_the_command_line() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::with_example(&folder.path().join("data"));
    let producer = server.principal("register@civil-registry", "producer");
    let reader = server.principal("service@tax-office", "consumer");
    let officer = server.principal("officer@civil-registry", "dpo");
    let tax_officer = server.principal("officer@tax-office", "dpo");
    for number in [1, 2] {
        let answer = server.post(EVENTS, &producer, &[STRUCTURED], &event(number).to_string());
        assert_eq!(answer.status, 201, "{}", answer.text);
    }
    assert!(pulled(&server, &reader)[0]["data"]["child"]["personId"] == PERSON);

    let file = folder.path().join("person.txt");
    fs::write(&file, format!("{PERSON}\n")).unwrap();
    let file = file.to_str().unwrap();
    let place =
        ["--json", "hold", "place", "--subject-file", "-", "--reason", "a case", "--reference", "court 4711"];
    let placed = told(&server, &server.operator, &place, PERSON);
    let placed: Value = serde_json::from_slice(&placed.stdout).unwrap();
    let ask = ["--json", "erase", "request", "--subject-file", file, "--reason", "Data Protection Act §17"];
    refused(&server, &reader, &ask);
    let asked: Value = serde_json::from_str(&run(&server, &officer, &ask)).unwrap();
    let id = asked["erasure"].as_str().unwrap();
    assert!(refused(&server, &officer, &["erase", "approve", id]).contains("another person approves it"));
    let approved = run(&server, &server.operator, &["erase", "approve", id]);
    assert!(approved.contains("civil-registry held") && approved.contains("court 4711"), "{approved}");
    assert!(
        refused(&server, &officer, &["erase", "certificate", id, "--out", "x"])
            .contains("nothing to certify")
    );
    let hold = placed["hold"].as_str().unwrap();
    assert!(run(&server, &server.operator, &["hold", "list"]).contains(hold));
    run(&server, &server.operator, &["hold", "lift", hold, "--reason", "over"]);
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(30);
    while !run(&server, &officer, &["erase", "show", id]).contains("carried-out") {
        assert!(std::time::Instant::now() < deadline, "the clerk brings it");
        std::thread::sleep(std::time::Duration::from_millis(200));
    }

    let events = pulled(&server, &reader);
    assert_eq!((&events[0]["erased"], &events[1]["erased"]), (&json!(true), &Value::Null));
    let left = json!({"registrationNumber": "B-2026-000001", "registrationOffice": "Old Town", "registeredOn": "2026-11-23",
        "child": {}, "parents": [{}]});
    assert_eq!(events[0]["data"], left);
    let kafka = fetched(&server, &reader);
    assert!(kafka.iter().any(|(value, erased)| *erased && !value.contains(PERSON)), "{kafka:?}");
    assert!(kafka.iter().any(|(value, erased)| !erased && value.contains("2026-1000-0002")), "{kafka:?}");

    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(30);
    while !run(&server, &officer, &["erase", "show", id]).contains("no answer yet") {
        assert!(std::time::Instant::now() < deadline, "those who were handed events are told");
        std::thread::sleep(std::time::Duration::from_millis(200));
    }
    assert!(run(&server, &tax_officer, &["notices"]).contains(id));
    assert!(run(&server, &tax_officer, &["erase", "references", id]).contains("birth-1"));
    let answered = run(&server, &tax_officer, &["erase", "acknowledge", id, "--deleted"]);
    assert!(
        answered.contains("deleted, says officer@tax-office") && !answered.contains("part "),
        "{answered}"
    );

    let out = folder.path().join("certificate.txt");
    let out = out.to_str().unwrap();
    run(&server, &officer, &["erase", "certificate", id, "--out", out]);
    let key = run(&server, &officer, &["audit", "key"]);
    let verified = chancery(&["verify", out, "--key", key.trim()]);
    assert!(verified.status.success(), "{}", stderr(&verified));
    assert!(stdout(&verified).contains("not in every copy yet"), "{}", stdout(&verified));
    let text = fs::read_to_string(out).unwrap();
    assert!(!text.contains(PERSON));
    fs::write(out, text.replace("carried-out", "withdrawn")).unwrap();
    let forged = chancery(&["verify", out, "--key", key.trim()]);
    assert!(!forged.status.success() && stderr(&forged).contains("NOT VERIFIED"), "{}", stderr(&forged));
    let bundle = folder.path().join("audit.jsonl");
    run(&server, &server.operator, &["audit", "export", "--out", bundle.to_str().unwrap()]);
    assert!(chancery(&["verify", bundle.to_str().unwrap(), "--key", key.trim()]).status.success());
    assert!(!fs::read_to_string(bundle).unwrap().contains(PERSON));
}

#[test]
fn a_body_that_does_not_read_is_not_told_back() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::with_example(folder.path());
    for (path, body) in [
        ("/v1/erasures", json!({"subject": [PERSON], "reason": "r"})),
        ("/v1/consents/show", json!({"subject": [PERSON]})),
        ("/v1/consents/show", json!({"subject": "x", (PERSON): 1})),
        ("/v1/consents/show", json!({"subject": PERSON})),
        ("/v1/erasures", json!({"subject": "x", "reason": "r", (PERSON): 1})),
        ("/v1/holds", json!({"subject": "x", "topic": PERSON, "reason": "r", "reference": "c"})),
        ("/v1/erasures", json!({"subject": "2026-1000-9999", "reason": "r"})),
    ] {
        let answer =
            server.post(path, &server.operator, &[("content-type", "application/json")], &body.to_string());
        assert!((400..500).contains(&answer.status), "{}: {}", answer.status, answer.text);
        assert!(!answer.text.contains("2026-1000"), "{}", answer.text);
    }
}
