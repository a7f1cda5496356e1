//! A state that switches the Dutch government's profile on: what its contracts and events must be, by both doors.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking, in its helpers too")]

#[path = "support/kafka.rs"]
mod kafka;
mod support;

use std::fs;
use std::path::Path;

use kafka::Kafka;
use serde_json::json;
use support::{Server, stderr, stdout};

const TOPIC: &str = "nl.brp.persoon-verhuisd";
const SOURCE: &str = "urn:nld:oin:00000001823288444000:systeem:BRP-component";
const OTHER_URN: &str = "urn:xx:brp:component";
const LOCATION: &str = "https://brp.example/component";
const STRUCTURED: (&str, &str) = ("content-type", "application/cloudevents+json");
const INVALID_RECORD: i16 = 87;

/// What a refusal says: topic and version, the rule with its text and section, whom to ask.
const REFUSED: &str = "contract nl.brp.persoon-verhuisd v1: source must not reference an external data location (NL GOV \
                       profile for CloudEvents 1.1, source) (contract by burgerzaken, steward a.jansen@burgerzaken)";

fn write(folder: &Path, path: &str, text: &str) {
    let path = folder.join(path);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
}

/// A folder of one agency with one topic.
fn folder(at: &Path, topic: &str, standards: &str) {
    write(at, "standards/standards.toml", standards);
    write(at, "agencies/burgerzaken.yaml", "agency: burgerzaken\nname: Burgerzaken\n");
    let text = format!(
        "topic: {topic}\nowner: burgerzaken\nsteward: a.jansen@burgerzaken\ndeputy: b.smit@burgerzaken\n\
         description: Iemand is verhuisd.\nlegal_basis: Wet BRP\nretention: 1y\n\
         contract:\n  version: 1\n  format: json-schema\n  schema: v1.schema.json\n  classify: {{/gemeente: public}}\n"
    );
    write(at, &format!("topics/{topic}/topic.yaml"), &text);
    let schema = r#"{"type":"object","additionalProperties":false,"required":["gemeente"],"properties":{"gemeente":{"type":"string"}}}"#;
    write(at, &format!("topics/{topic}/v1.schema.json"), schema);
}

fn event(id: &str, source: &str) -> String {
    json!({
        "specversion": "1.0", "id": id, "source": source, "type": TOPIC, "datacontenttype": "application/json",
        "data": {"gemeente": "0363"},
    })
    .to_string()
}

#[test]
fn events_keep_to_the_profile_by_both_doors() {
    let (data, files) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let server = Server::start(data.path());
    folder(files.path(), TOPIC, "[profiles]\nnl_gov = true\n");
    let applied = server.cli(&server.operator, &["apply", files.path().to_str().unwrap()]);
    assert!(applied.status.success(), "{}", stderr(&applied));
    let producer = server.principal("brp@burgerzaken", "producer");

    let publish = |id: &str, source: &str| {
        let path = format!("/v1/topics/{TOPIC}/events");
        server.post(&path, &producer, &[STRUCTURED], &event(id, source))
    };
    let refused = publish("1", LOCATION);
    assert_eq!(refused.status, 422, "{}", refused.text);
    assert_eq!(refused.json()["detail"], REFUSED);
    assert!(refused.json()["hint"].as_str().unwrap().contains("urn:nld:oin:NUMBER:systeem:NAME"));
    assert!(!refused.text.contains("brp.example"), "no value is repeated");
    assert_eq!(publish("1", SOURCE).status, 201);

    let mut kafka = Kafka::connect(&server.kafka, "brp@burgerzaken", &producer, "brp");
    let mut produce = |id: &str, source: &str| {
        let headers = [
            ("ce_specversion", "1.0"),
            ("ce_id", id),
            ("ce_source", source),
            ("ce_type", TOPIC),
            ("content-type", "application/json"),
        ];
        kafka.produce(TOPIC, &headers, r#"{"gemeente":"0363"}"#)
    };
    let refused = produce("2", LOCATION);
    assert_eq!(refused.error_code, INVALID_RECORD);
    let said = refused.record_errors[0].batch_index_error_message.as_ref().unwrap().to_string();
    assert!(said.starts_with(REFUSED), "{said}");
    assert_eq!(produce("2", SOURCE).error_code, 0);

    // What is only recommended is taken and counted, by either door.
    assert_eq!(publish("3", OTHER_URN).status, 201);
    assert_eq!(produce("4", OTHER_URN).error_code, 0);
    let metrics = server.get("/metrics", &producer).text;
    let counted = "chancery_profile_advice_total{topic=\"nl.brp.persoon-verhuisd\",profile=\"nl_gov\",rule=\"source-urn\"} 2";
    assert!(metrics.contains(counted), "{metrics}");
}

#[test]
fn contracts_are_held_against_a_profile_before_and_after_it_is_on() {
    let (data, files) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let server = Server::start(data.path());
    let at = files.path().to_str().unwrap();
    let cli = |arguments: &[&str]| server.cli(&server.operator, arguments);
    folder(files.path(), "brp.persoon.verhuisd", "");
    assert!(cli(&["apply", at]).status.success());

    // Before it is on: whom it would hit.
    let advice = cli(&["contract", "lint"]);
    assert!(advice.status.success(), "what is only recommended is no failure: {}", stderr(&advice));
    assert!(stdout(&advice).contains("brp.persoon.verhuisd v1  SHOULD  type: "), "{}", stdout(&advice));
    let hit = cli(&["contract", "lint", "--profile", "nl_gov"]);
    assert!(!hit.status.success() && stderr(&hit).contains("1 of them"), "{}", stderr(&hit));
    assert!(stdout(&hit).contains("brp.persoon.verhuisd v1  MUST  type: "), "{}", stdout(&hit));
    assert!(stdout(&cli(&["contract", "lint", "--profile", "other"])).is_empty());

    folder(files.path(), "brp.persoon.verhuisd", "[profiles]\ncloudevents = false\nnl_gov = true\n");
    let plan = stdout(&cli(&["plan", at]));
    let line = "advice: type must be in reverse domain name notation: brp.persoon.verhuisd v1 (NL GOV profile for \
                CloudEvents 1.1, type)";
    assert!(plan.contains("~ standards") && plan.contains(line), "{plan}");
    assert!(cli(&["apply", at]).status.success(), "what stands keeps nobody from switching it on");
    let exported = server.get("/v1/export/governance", &server.operator).json();
    let standards = exported["files"]["standards/standards.toml"].as_str().unwrap();
    assert!(standards.contains("[profiles]\ncloudevents = false\nnl_gov = true\n"), "{standards}");

    // Once it is on, no topic gets such a name, and one that has it goes on.
    folder(files.path(), "brp.persoon.geboren", "[profiles]\ncloudevents = false\nnl_gov = true\n");
    let refused = cli(&["apply", at]);
    let wanted = "type: brp.persoon.geboren begins with no top-level domain (type must be in reverse domain name \
                  notation: NL GOV profile for CloudEvents 1.1, type); begin with a top-level domain";
    assert!(!refused.status.success() && stderr(&refused).contains(wanted), "{}", stderr(&refused));
    let producer = server.principal("brp@burgerzaken", "producer");
    let publish = |ty: &str| {
        let event = event(ty, SOURCE).replace(TOPIC, ty);
        server.post("/v1/topics/brp.persoon.verhuisd/events", &producer, &[STRUCTURED], &event)
    };
    let bare = publish("brp.persoon.verhuisd");
    assert_eq!(bare.status, 422, "{}", bare.text);
    assert!(bare.text.contains("may have the domain before it"), "{}", bare.text);
    assert_eq!(publish("nl.overheid.brp.persoon.verhuisd").status, 201);
}
