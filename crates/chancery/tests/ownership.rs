//! Who answers for a topic, by the command line of those concerned: people leave, the topic falls silent, others are
//! named; and an agency ends.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking, in its helpers too")]

mod support;

use std::time::{Duration, Instant};

use bus::clock::{Clock, SystemClock};
use serde_json::json;
use support::{Server, event, stderr, stdout};

const BIRTHS: &str = "civil.birth.registered";
const EVENTS: &str = "/v1/topics/civil.birth.registered/events";
const STRUCTURED: (&str, &str) = ("content-type", "application/cloudevents+json");

/// The bus's clerk looks every few seconds.
fn wait_until(what: &str, mut is_so: impl FnMut() -> bool) {
    let started = Instant::now();
    while !is_so() {
        assert!(started.elapsed() < Duration::from_secs(60), "{what} did not come");
        std::thread::sleep(Duration::from_millis(200));
    }
}

fn govern(server: &Server, token: &str, command: &serde_json::Value) {
    let answer =
        server.post("/v1/govern", token, &[("content-type", "application/json")], &command.to_string());
    assert_eq!(answer.status, 200, "{}", answer.text);
}

fn says(server: &Server, token: &str, arguments: &[&str], wanted: &[&str]) {
    let told = server.cli(token, arguments);
    assert!(told.status.success(), "{arguments:?}: {}", stderr(&told));
    for wanted in wanted {
        assert!(stdout(&told).contains(wanted), "{wanted}: {}", stdout(&told));
    }
}

#[test]
fn a_topic_whose_people_left_falls_silent_until_others_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::with_example(folder.path());
    let operator = server.operator.clone();
    let producer = server.principal("service@civil-registry", "producer");
    let publish = |number: u32| server.post(EVENTS, &producer, &[STRUCTURED], &event(number).to_string());
    assert_eq!(publish(1).status, 201);
    says(&server, &operator, &["topic", "list"], &["OWNERSHIP", "held"]);

    let hasty =
        json!({"confirm_every_s": 31_536_000, "freeze_after_s": 0, "suspend_after_s": 0, "notice_s": 0});
    let standards = json!({"command": "set-standards", "standards": {"ownership": hasty}});
    govern(&server, &operator, &standards);
    for person in ["m.okafor@civil-registry", "l.brandt@civil-registry"] {
        says(&server, &operator, &["principal", "disable", person], &[]);
    }
    wait_until("the suspension", || publish(2).status == 403);
    let refused = publish(2).json();
    let (detail, hint) = (refused["detail"].to_string(), refused["hint"].to_string());
    assert!(detail.contains("takes no events since") && detail.contains("are gone"), "{refused}");
    assert!(hint.contains("a steward of civil-registry, or an operator"), "{refused}");
    says(
        &server,
        &operator,
        &["topic", "show", BIRTHS],
        &["suspended", "steward left", "chancery topic name"],
    );
    let confirm = server.cli(&operator, &["topic", "confirm", BIRTHS]);
    assert!(!confirm.status.success() && stderr(&confirm).contains("are gone"), "{}", stderr(&confirm));

    let people = ["--steward", "a.new@civil-registry", "--deputy", "b.new@civil-registry"];
    says(&server, &operator, &[&["topic", "name", BIRTHS][..], &people].concat(), &["counts as confirmed"]);
    assert_eq!(publish(3).status, 201);
    let steward = server.token_of("a.new@civil-registry");
    says(&server, &steward, &["topic", "confirm", BIRTHS], &["is confirmed"]);
    let wanted = ["held", "by a.new@civil-registry", "civil-registry since"];
    says(&server, &steward, &["topic", "show", BIRTHS], &wanted);
}

#[test]
fn an_agency_is_succeeded_and_its_consumers_go_on_where_they_were() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::with_example(folder.path());
    let operator = server.operator.clone();
    let producer = server.principal("service@civil-registry", "producer");
    assert_eq!(server.post(EVENTS, &producer, &[STRUCTURED], &event(1).to_string()).status, 201);
    let head = server.principal("head@social-insurance", "steward");
    let consumer = server.principal("service@social-insurance", "consumer");

    let today = bus::clock::rfc3339(SystemClock.now_ms())[..10].to_owned();
    let succeed = ["agency", "succeed", "tax-office", "--on", &today, "--rest", "social-insurance"];
    says(&server, &operator, &succeed, &["once each successor accepts"]);
    let people = ["--steward", "x@social-insurance", "--deputy", "y@social-insurance"];
    let accept = ["agency", "accept", "tax-office", "--agency", "social-insurance"];
    says(&server, &head, &[&accept[..], &people].concat(), &["takes over from tax-office"]);
    let shown = || server.get("/v1/agencies/tax-office", &operator).json()["succession"].clone();
    wait_until("the succession", || !shown()["took_place"].as_array().unwrap().is_empty());
    assert_eq!(shown()["took_place"][0]["successors"], json!(["social-insurance"]));

    says(&server, &consumer, &["consume", "tax-office.births"], &["birth-1"]);
    let subscription = server.get("/v1/subscriptions/tax-office.births", &operator).json();
    assert_eq!(
        (&subscription["agency"], &subscription["formerly"][0]["agency"]),
        (&json!("social-insurance"), &json!("tax-office"))
    );
    let owners = ["tax-office since", "social-insurance since"];
    says(&server, &operator, &["topic", "show", "tax.id.assigned"], &owners);
}
