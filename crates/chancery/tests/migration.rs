//! A breaking change that nobody has to wait for: one agency agrees and reads the new version, another says nothing and
//! goes on by the old one, by both doors, over a restart, until it agrees.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking, in its helpers too")]

#[path = "support/kafka.rs"]
mod kafka;
mod support;

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use support::{Server, event, stderr, stdout};

const BIRTHS: &str = "civil.birth.registered";
const EVENTS: &str = "/v1/topics/civil.birth.registered/events";
const STRUCTURED: (&str, &str) = ("content-type", "application/cloudevents+json");
const STEPS: &str = "  migration:
    - renamed: {from: /child/name, to: /child/fullName}
    - removed: /child/placeOfBirth
      value: not recorded any more
";

/// The example's topic folder, with version 2: the child's name stands elsewhere, and the place of birth is gone.
fn second_version(at: &Path, steps: &str) -> PathBuf {
    let example =
        concat!(env!("CARGO_MANIFEST_DIR"), "/../../examples/governance/topics/civil.birth.registered");
    let folder = at.join("topics").join(BIRTHS);
    fs::create_dir_all(&folder).unwrap();
    let read = |name: &str| fs::read_to_string(Path::new(example).join(name)).unwrap();
    let yaml = read("topic.yaml")
        .replace("version: 1", "version: 2")
        .replace("v1.schema", "v2.schema")
        .replace("/child/name", "/child/fullName")
        .replace("    /child/placeOfBirth: personal\n", "");
    let mut schema: Value = serde_json::from_str(&read("v1.schema.json")).unwrap();
    let child = schema.pointer_mut("/properties/child").unwrap();
    let properties = child["properties"].as_object_mut().unwrap();
    properties.remove("placeOfBirth");
    let name = properties.remove("name").unwrap();
    properties.insert("fullName".to_owned(), name);
    child["required"] = json!(["personId", "fullName", "dateOfBirth", "sex"]);
    fs::write(folder.join("topic.yaml"), yaml + steps).unwrap();
    fs::write(folder.join("v2.schema.json"), schema.to_string()).unwrap();
    at.to_owned()
}

fn second_event(number: u32) -> Value {
    let mut event = event(number);
    let child = event["data"]["child"].as_object_mut().unwrap();
    let name = child.remove("name").unwrap();
    child.insert("fullName".to_owned(), name);
    child.remove("placeOfBirth");
    event
}

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

/// The data of all events that a subscription is handed over HTTP, by id.
fn pulled(server: &Server, token: &str, subscription: &str) -> Vec<Value> {
    let answer = server.get(&format!("/v1/subscriptions/{subscription}/events?from=earliest&max=50"), token);
    assert_eq!(answer.status, 200, "{}", answer.text);
    let mut events = answer.json().as_array().unwrap().clone();
    events.sort_by_key(|event| event["id"].to_string());
    events.into_iter().map(|event| event["data"].clone()).collect()
}

struct Readers {
    tax: String,
    permits: String,
    insurance: String,
}

/// Each gets what it agreed to: of the birth that is version 1, and of the one that is version 2.
fn each_reads_its_version(server: &Server, readers: &Readers) {
    let tax = pulled(server, &readers.tax, "tax-office.births");
    assert_eq!(tax[0]["child"]["name"], "Wilhelmina Q1", "what was published as version 1 stays so");
    assert_eq!(tax[1]["child"]["fullName"], "Wilhelmina Q2");
    let insurance = pulled(server, &readers.insurance, "social-insurance.births");
    assert_eq!(insurance[1]["child"]["name"], "Wilhelmina Q2");
    assert_eq!(insurance[1]["child"]["placeOfBirth"], "not recorded any more");
    assert_eq!(insurance[1]["child"]["fullName"], Value::Null);
    let permits = pulled(server, &readers.permits, "permits-office.births");
    let nothing_of_persons = json!({"registrationOffice": "Old Town", "child": {}, "parents": [{}]});
    assert_eq!(permits, [nothing_of_persons.clone(), nothing_of_persons]);

    let fetched = |agency: &str, token: &str| {
        let mut client = kafka::Kafka::connect(&server.kafka, &format!("service@{agency}"), token, "reader");
        let values = client.values(BIRTHS, 4);
        assert_eq!(values.len(), 2, "{values:?}");
        values.concat()
    };
    assert!(fetched("tax-office", &readers.tax).contains(r#""fullName":"Wilhelmina Q2""#));
    let insurance = fetched("social-insurance", &readers.insurance);
    assert!(
        insurance.contains(r#""name":"Wilhelmina Q2""#) && !insurance.contains("fullName"),
        "{insurance}"
    );
    let permits = fetched("permits-office", &readers.permits);
    assert!(!permits.contains("Wilhelmina") && !permits.contains("not recorded"), "{permits}");
}

#[test]
fn who_does_not_agree_goes_on_by_the_version_that_it_reads() {
    let (data, work) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let mut server = Server::with_example(data.path());
    let operator = server.operator.clone();
    let producer = server.principal("service@civil-registry", "producer");
    let reader = |agency: &str| server.principal(&format!("service@{agency}"), "consumer");
    let readers = Readers {
        tax: reader("tax-office"),
        permits: reader("permits-office"),
        insurance: reader("social-insurance"),
    };
    let steward = server.token_of("m.okafor@civil-registry");
    let tax_steward = server.principal("head@tax-office", "steward");
    let publish = |server: &Server, event: Value| {
        let answer = server.post(EVENTS, &producer, &[STRUCTURED], &event.to_string());
        assert_eq!(answer.status, 201, "{}", answer.text);
    };
    publish(&server, event(1));

    // What the schemas show to be lost is refused with the step to write.
    let lossy = "  migration:\n    - renamed: {from: /child/name, to: /child/fullName}\n    - removed: /child/placeOfBirth\n";
    let folder = second_version(&work.path().join("lossy"), lossy);
    let said = refused(&server, &steward, &["apply", folder.to_str().unwrap()]);
    let wanted = "v1 asks for /child/placeOfBirth, which not each document of v2 gives back; let v2 ask for it, or write the \
                  step `removed: /child/placeOfBirth` with a `value`";
    assert!(said.contains(wanted), "{said}");

    // A migration that real events do not survive is refused with the places.
    let wrong = "  migration:\n    - renamed: {from: /child/name, to: /child/fullName}\n    - removed: /child/placeOfBirth\n      value: \"\"\n";
    let folder = second_version(&work.path().join("wrong"), wrong);
    let planned = server.cli(&steward, &["plan", folder.to_str().unwrap()]);
    assert_eq!(planned.status.code(), Some(1), "{}", stderr(&planned));
    let planned = stdout(&planned);
    assert!(
        planned.contains("would be refused: contract v2 of civil.birth.registered: the migration"),
        "{planned}"
    );
    assert!(
        planned.contains("v1: /child/placeOfBirth is not valid") && !planned.contains("Riverside"),
        "{planned}"
    );
    let said = refused(&server, &steward, &["apply", folder.to_str().unwrap()]);
    for wanted in [
        "the migration of v2 of civil.birth.registered does not carry each event",
        "v1: /child/placeOfBirth is not valid",
    ] {
        assert!(said.contains(wanted), "{wanted}: {said}");
    }
    assert!(!said.contains("Riverside"), "{said}");

    let folder = second_version(&work.path().join("right"), STEPS);
    let applied = run(&server, &steward, &["apply", folder.to_str().unwrap()]);
    assert!(applied.contains("is carried by its migration"), "{applied}");
    let status = run(&server, &steward, &["contract", "status", BIRTHS]);
    for wanted in [
        "its migration carries those who do not agree",
        "tried on the latest 1 events of v1: 1 fit, 1 come back valid, 0 the same",
        "/child/placeOfBirth comes back different in 1",
        "/child/name is gone (breaking)",
    ] {
        assert!(status.contains(wanted), "{wanted}: {status}");
    }
    run(&server, &tax_steward, &["contract", "acknowledge", BIRTHS, "2", "--agency", "tax-office"]);
    let not_yet = refused(&server, &steward, &["contract", "can-i", BIRTHS, "2"]);
    assert!(
        not_yet.contains("goes on by the version that it reads (permits-office, social-insurance)"),
        "{not_yet}"
    );
    let standards = json!({"command": "set-standards", "standards": {"changes": {"notice_s": 0}}});
    let json_body = [("content-type", "application/json")];
    let set = server.post("/v1/govern", &operator, &json_body, &standards.to_string());
    assert_eq!(set.status, 200, "{}", set.text);
    run(&server, &steward, &["contract", "can-i", BIRTHS, "2"]);
    run(&server, &steward, &["contract", "activate", BIRTHS, "2"]);
    let status = run(&server, &steward, &["contract", "status", BIRTHS]);
    assert!(status.contains("permits-office is carried on it by migration"), "{status}");
    assert!(!status.contains("tax-office is carried"), "{status}");

    publish(&server, second_event(2));
    each_reads_its_version(&server, &readers);
    server.end();
    let mut server = Server::start(data.path());
    each_reads_its_version(&server, &readers);

    // An acknowledgement ends it.
    let permits_steward = server.principal("head@permits-office", "steward");
    let shown = run(&server, &permits_steward, &["subscription", "show", "permits-office.births"]);
    assert!(shown.contains("carried on v1 by migration"), "{shown}");
    let insurance_steward = server.principal("head@social-insurance", "steward");
    let agree = ["contract", "acknowledge", BIRTHS, "2", "--agency", "social-insurance"];
    run(&server, &insurance_steward, &agree);
    let insurance = pulled(&server, &readers.insurance, "social-insurance.births");
    assert_eq!(insurance[1]["child"]["fullName"], "Wilhelmina Q2");
    server.end();
}

#[test]
fn a_folder_is_written_with_its_migration() {
    let (data, work) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let mut server = Server::with_example(data.path());
    let steward = server.token_of("m.okafor@civil-registry");
    let folder = second_version(&work.path().join("right"), STEPS);
    run(&server, &steward, &["apply", folder.to_str().unwrap()]);
    let operator = server.operator.clone();
    let standards = json!({"command": "set-standards", "standards": {"changes": {"notice_s": 0}}});
    server.post("/v1/govern", &operator, &[("content-type", "application/json")], &standards.to_string());
    run(&server, &steward, &["contract", "activate", BIRTHS, "2"]);
    let out = work.path().join("out");
    run(&server, &operator, &["export", "governance", "--out", out.to_str().unwrap()]);
    let written = fs::read_to_string(out.join("topics").join(BIRTHS).join("topic.yaml")).unwrap();
    assert!(written.contains("migration:") && written.contains("not recorded any more"), "{written}");
    let again = server.cli(&operator, &["plan", out.to_str().unwrap()]);
    assert_eq!(again.status.code(), Some(0), "{}", stdout(&again));
    let odcs = run(&server, &operator, &["export", "odcs", BIRTHS]);
    assert!(odcs.contains("migration"), "{odcs}");
    server.end();
}

/// A bus on which version 2 is live, with these steps, as nobody ever published there.
fn test_bus(data: &Path, folder: &Path, steps: &str) -> Server {
    let server = Server::with_example(data);
    let (steward, operator) = (server.token_of("m.okafor@civil-registry"), server.operator.clone());
    run(&server, &steward, &["apply", second_version(folder, steps).to_str().unwrap()]);
    let standards = json!({"command": "set-standards", "standards": {"changes": {"notice_s": 0}}});
    server.post("/v1/govern", &operator, &[("content-type", "application/json")], &standards.to_string());
    run(&server, &steward, &["contract", "activate", BIRTHS, "2"]);
    server
}

#[test]
fn a_promoted_version_brings_its_migration_which_is_tried_on_the_events_there() {
    let (data, work) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let at = |name: &str| data.path().join(name);
    let production = Server::with_example(&at("production"));
    let producer = production.principal("service@civil-registry", "producer");
    let answer = production.post(EVENTS, &producer, &[STRUCTURED], &event(1).to_string());
    assert_eq!(answer.status, 201, "{}", answer.text);
    let steward = production.token_of("m.okafor@civil-registry");
    let promote = |from: &Server, more: &[&str]| {
        let between = ["promote", BIRTHS, "--from", &from.url, "--to", &production.url];
        let tokens = ["--from-token", &from.operator, "--to-token", &steward];
        support::chancery(&[&between[..], &tokens, more].concat())
    };

    let empty = STEPS.replace("not recorded any more", "\"\"");
    let mut lossy = test_bus(&at("lossy"), &work.path().join("lossy"), &empty);
    let shown = promote(&lossy, &[]);
    assert_eq!(shown.status.code(), Some(2), "{}", stderr(&shown));
    let said = stdout(&shown);
    assert!(said.contains("would be refused: contract v2 of civil.birth.registered"), "{said}");
    assert!(said.contains("v1: /child/placeOfBirth is not valid"), "{said}");
    assert_eq!(promote(&lossy, &["--yes"]).status.code(), Some(1));
    lossy.end();

    let mut right = test_bus(&at("right"), &work.path().join("right"), STEPS);
    let promoted = promote(&right, &["--yes"]);
    assert!(promoted.status.success(), "{}", stderr(&promoted));
    assert!(stdout(&promoted).contains("is carried by its migration"), "{}", stdout(&promoted));
    let status = run(&production, &steward, &["contract", "status", BIRTHS]);
    assert!(status.contains("tried on the latest 1 events of v1: 1 fit, 1 come back valid"), "{status}");
    right.end();
}
