//! The HTTP door as any client meets it: statuses, media types, cursors, server-sent events.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking, in its helpers too")]

mod support;

use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;

use serde_json::{Value, json};
use support::{Server, birth, event};

const EVENTS: &str = "/v1/topics/civil.birth.registered/events";
const STRUCTURED: (&str, &str) = ("content-type", "application/cloudevents+json");
const BATCH: (&str, &str) = ("content-type", "application/cloudevents-batch+json");

#[test]
fn an_event_is_published_in_each_of_the_three_forms_and_known_again_in_each_other() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::with_example(folder.path());
    let token = server.principal("service@civil-registry", "producer");

    let first = server.post(EVENTS, &token, &[STRUCTURED], &event(1).to_string());
    assert_eq!((first.status, first.json()["topic"].as_str()), (201, Some("civil.birth.registered")));
    let binary = [
        ("content-type", "application/json"),
        ("ce-specversion", "1.0"),
        ("ce-id", "birth-1"),
        ("ce-source", "urn:xx:civil-registry:register"),
        ("ce-type", "civil.birth.registered"),
    ];
    let again = server.post(EVENTS, &token, &binary, &birth(1).to_string());
    assert_eq!((again.status, again.json()), (200, first.json()), "{}", again.text);

    let batch = json!([event(1), event(2), {"specversion": "1.0", "id": "x"}]).to_string();
    let some = server.post(EVENTS, &token, &[BATCH], &batch);
    let results = some.json()["results"].clone();
    let statuses: Vec<_> =
        results.as_array().unwrap().iter().map(|result| result["status"].clone()).collect();
    assert_eq!((some.status, statuses), (207, vec![json!("duplicate"), json!("accepted"), json!("refused")]));
    assert_eq!(results[0]["receipt"], first.json());
    assert_eq!(server.post(EVENTS, &token, &[BATCH], &json!([event(3)]).to_string()).status, 200);
    let none = server.post(EVENTS, &token, &[BATCH], "[{}]");
    assert_eq!(none.status, 422, "{}", none.text);
}

#[test]
fn a_refusal_is_a_problem_with_a_stable_type_and_a_way_out() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::with_example(folder.path());
    let token = server.principal("service@civil-registry", "producer");
    let tax = server.principal("service@tax-office", "consumer");
    server.post(EVENTS, &token, &[STRUCTURED], &event(1).to_string());

    let mut typo = event(2);
    typo["data"]["child"]["dateOfBirth"] = "2026-13-01".into();
    let mut other = event(1);
    other["data"]["registrationOffice"] = "Harbour".into();
    let mut large = event(3);
    large["data"]["registrationOffice"] = "x".repeat(2 << 20).into();
    let cases = [
        (EVENTS, &token, typo.to_string(), 422, "contract"),
        (EVENTS, &token, other.to_string(), 409, "conflict"),
        (EVENTS, &tax, event(3).to_string(), 403, "forbidden"),
        (EVENTS, &"wrong".to_owned(), event(3).to_string(), 401, "unauthenticated"),
        (EVENTS, &token, "{".to_owned(), 400, "malformed"),
        (EVENTS, &token, large.to_string(), 413, "too-large"),
        ("/v1/topics/no.such.topic/events", &token, event(3).to_string(), 404, "unknown"),
        ("/v1/nowhere", &token, String::new(), 404, "unknown"),
    ];
    for (path, token, body, status, kind) in cases {
        let answer = server.post(path, token, &[STRUCTURED], &body);
        assert_eq!(
            (answer.status, answer.content_type.as_str()),
            (status, "application/problem+json"),
            "{kind}"
        );
        let problem = answer.json();
        let ty = problem["type"].as_str().unwrap().rsplit('/').next().unwrap().to_owned();
        assert_eq!((ty.as_str(), problem["status"].as_u64()), (kind, Some(u64::from(status))), "{problem}");
        assert!(
            !answer.text.contains("2026-13-01") && !answer.text.contains("Wilhelmina"),
            "{}",
            answer.text
        );
    }
    // What the framework refuses by itself looks the same.
    let query = server.get("/v1/subscriptions/tax-office.births/events?max=many", &tax);
    assert_eq!((query.status, query.content_type.as_str()), (400, "application/problem+json"));
    let said = server.post(EVENTS, &token, &[STRUCTURED], &typo.to_string()).json()["detail"].to_string();
    for word in ["civil.birth.registered v1", "/child/dateOfBirth is not a date", "m.okafor@civil-registry"] {
        assert!(said.contains(word), "{said}");
    }
}

#[test]
fn events_are_pulled_committed_rejected_and_streamed() {
    let folder = tempfile::tempdir().unwrap();
    let mut server = Server::with_example(folder.path());
    let token = server.principal("service@civil-registry", "producer");
    let tax = server.principal("service@tax-office", "consumer");
    let batch: Vec<Value> = (0..10).map(event).collect();
    assert_eq!(server.post(EVENTS, &token, &[BATCH], &json!(batch).to_string()).status, 200);

    let pulled = server.get("/v1/subscriptions/tax-office.births/events?max=100", &tax);
    assert_eq!(pulled.content_type, "application/cloudevents-batch+json");
    let events = pulled.json();
    assert_eq!(events.as_array().unwrap().len(), 10);
    assert!(events[0]["partition"].is_number() && events[0]["offset"].is_number(), "{}", events[0]);
    assert!(events[0]["data"]["child"]["name"].as_str().unwrap().starts_with("Wilhelmina"));

    let (partition, offset) = (&events[0]["partition"], &events[0]["offset"]);
    let reject = json!({"partition": partition, "offset": offset, "reason": "the office is not known"});
    let json = [("content-type", "application/json")];
    let rejected =
        server.post("/v1/subscriptions/tax-office.births/reject", &tax, &json, &reject.to_string());
    assert!(rejected.status < 300, "{}", rejected.text);
    let cursor = json!({"cursor": pulled.cursor.unwrap()}).to_string();
    let committed = server.post("/v1/subscriptions/tax-office.births/cursor", &tax, &json, &cursor);
    assert!(committed.status < 300, "{}", committed.text);

    // kill -9, and the place is where it was.
    server.end();
    let server = Server::start(folder.path());
    assert_eq!(server.get("/v1/subscriptions/tax-office.births/events", &tax).json(), json!([]));
    let letters = server.get("/v1/dead-letters", &tax).json().to_string();
    assert!(letters.contains("the office is not known"), "{letters}");

    let streamed = stream(&server, &tax, "/v1/subscriptions/tax-office.births/stream?from=earliest", 10);
    assert_eq!(streamed.len(), 10);
    assert!(streamed.iter().all(|event| event["type"] == "civil.birth.registered"), "{streamed:?}");

    // Redriven, the letter comes on a stream too: once, also to those who go on from its id, until the commit that settles it.
    let letter = rejected.json()["id"].as_str().unwrap().to_owned();
    let redriven = server.post(&format!("/v1/dead-letters/{letter}/redrive"), &tax, &json, "{}");
    assert!(redriven.status < 300, "{}", redriven.text);
    assert_eq!(server.post(EVENTS, &token, &[BATCH], &json!([event(10)]).to_string()).status, 200);
    let path = "/v1/subscriptions/tax-office.births/stream";
    let ids = |from: &str, count: usize| -> Vec<(String, String)> {
        let events = following(&server, &tax, path, from, count).into_iter();
        events.map(|(place, event)| (place, event["id"].as_str().unwrap().to_owned())).collect()
    };
    let first = ids("", 2);
    assert_eq!(
        (&first[0].1, &first[1].1),
        (&events[0]["id"].as_str().unwrap().to_owned(), &"birth-10".to_owned())
    );
    assert_eq!(server.post(EVENTS, &token, &[BATCH], &json!([event(11)]).to_string()).status, 200);
    let mut behind: Vec<String> = ids(&first[0].0, 2).into_iter().map(|(_, id)| id).collect();
    behind.sort();
    assert_eq!(behind, ["birth-10", "birth-11"], "without the letter, in whichever order partitions come");
    let last = ids(&first[1].0, 1).remove(0);
    assert_eq!(last.1, "birth-11");
    let cursor = json!({"cursor": last.0}).to_string();
    let committed = server.post("/v1/subscriptions/tax-office.births/cursor", &tax, &json, &cursor);
    assert!(committed.status < 300, "{}", committed.text);
    assert!(!server.get("/v1/dead-letters", &tax).text.contains(&letter), "its commit settled the letter");
}

/// The first `count` events of a stream of server-sent events.
fn stream(server: &Server, token: &str, path: &str, count: usize) -> Vec<Value> {
    following(server, token, path, "", count).into_iter().map(|(_, event)| event).collect()
}

/// The same of who goes on from an event's id, where there is one; each with its id.
fn following(server: &Server, token: &str, path: &str, from: &str, count: usize) -> Vec<(String, Value)> {
    let address = server.url.trim_start_matches("http://");
    let mut connection = TcpStream::connect(address).unwrap();
    let from = if from.is_empty() { String::new() } else { format!("last-event-id: {from}\r\n") };
    let head = format!("host: {address}\r\nauthorization: Bearer {token}\r\n{from}");
    write!(connection, "GET {path} HTTP/1.1\r\n{head}\r\n").unwrap();
    let mut place = String::new();
    let lines = BufReader::new(connection).lines().map(Result::unwrap);
    let events = lines.filter_map(|line| {
        if let Some(id) = line.strip_prefix("id:") {
            place = id.trim().to_owned();
        }
        let event = serde_json::from_str(line.strip_prefix("data:")?).ok()?;
        Some((place.clone(), event))
    });
    events.take(count).collect()
}

#[test]
fn an_operator_finds_health_metrics_and_a_description_of_all_routes() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::with_example(folder.path());
    let token = server.principal("service@civil-registry", "producer");
    server.post(EVENTS, &token, &[STRUCTURED], &event(1).to_string());
    server.post(EVENTS, &token, &[STRUCTURED], &event(1).to_string());
    server.post(EVENTS, &token, &[STRUCTURED], &json!({"specversion": "1.0"}).to_string());
    let tax = server.principal("service@tax-office", "consumer");
    server.get("/v1/subscriptions/tax-office.births/events", &tax);
    for path in ["/healthz", "/readyz", "/openapi.json", "/audit/standard/checkpoint"] {
        assert_eq!(server.get(path, &server.operator).status, 200, "{path}");
    }
    let metrics = server.get("/metrics", &server.operator).text;
    for line in [
        "chancery_events_published_total{topic=\"civil.birth.registered\"} 1",
        "chancery_events_duplicate_total{topic=\"civil.birth.registered\"} 1",
        "chancery_consumer_lag{topic=\"civil.birth.registered\",subscription=\"tax-office.births\"} 1",
    ] {
        assert!(metrics.lines().any(|found| found == line), "{line} is not in\n{metrics}");
    }
    for name in [
        "chancery_events_delivered_total",
        "chancery_events_refused_total",
        "chancery_dead_letters",
        "chancery_publish_seconds",
        "chancery_end_to_end_seconds",
        "chancery_commit_group_bytes",
        "chancery_audit_tree_size",
    ] {
        assert!(metrics.contains(name), "{name}");
    }
}

#[test]
fn a_trace_context_is_kept_and_given_back() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::with_example(folder.path());
    let token = server.principal("service@civil-registry", "producer");
    let tax = server.principal("service@tax-office", "consumer");
    let parent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    let mut event = event(1);
    event["traceparent"] = parent.into();
    assert_eq!(server.post(EVENTS, &token, &[STRUCTURED], &event.to_string()).status, 201);
    let events = server.get("/v1/subscriptions/tax-office.births/events", &tax).json();
    assert_eq!(events[0]["traceparent"], parent);
}
