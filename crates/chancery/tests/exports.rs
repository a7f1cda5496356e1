//! What the bus says of itself in the words of other people's standards, held against their own schemas.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking, in its helpers too")]

mod support;

use std::fs;
use std::path::Path;

use serde_json::{Value, json};
use support::{Server, chancery, stderr, stdout};

/// Those of the two folders, and the bus's own.
const TOPICS: usize = 11 + governance::notices::KINDS.len();

const EXAMPLES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../examples/governance");
/// Topics in all three languages, of an agency of the examples.
const LANGUAGES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../compat/governance");

/// A bus with the examples and topics in all three languages.
fn bus(data: &Path) -> Server {
    let server = Server::start(data);
    for folder in [EXAMPLES, LANGUAGES] {
        let applied = server.cli(&server.operator, &["apply", folder]);
        assert!(applied.status.success(), "{}", stderr(&applied));
    }
    server
}

#[track_caller]
fn is_valid(schema: &str, document: &Value) {
    let schema: Value = serde_json::from_str(schema).unwrap();
    let validator = jsonschema::options().build(&schema).unwrap();
    let faults: Vec<String> =
        validator.iter_errors(document).map(|fault| format!("{}: {fault}", fault.instance_path())).collect();
    assert!(faults.is_empty(), "{faults:#?}");
}

fn asyncapi_schema() -> &'static str {
    include_str!("schemas/asyncapi-3.0.0.json")
}

fn odcs_schema() -> &'static str {
    include_str!("schemas/odcs-3.1.0.json")
}

fn exported(server: &Server, arguments: &[&str]) -> Value {
    let told = server.cli(&server.operator, arguments);
    assert!(told.status.success(), "{}", stderr(&told));
    serde_json::from_slice(&told.stdout).unwrap()
}

/// Every reference of a document that leads into it.
fn references(value: &Value, found: &mut Vec<String>) {
    match value {
        Value::Array(items) => items.iter().for_each(|item| references(item, found)),
        Value::Object(members) => {
            found.extend(members.get("$ref").and_then(Value::as_str).map(str::to_owned));
            members.values().for_each(|member| references(member, found));
        }
        _ => {}
    }
}

#[test]
fn asyncapi_is_valid_and_all_its_references_lead_somewhere() {
    let folder = tempfile::tempdir().unwrap();
    let server = bus(folder.path());
    let operator = server.operator.clone();
    let deprecated = json!({"command": "deprecate-contract", "topic": "tax.id.assigned", "version": 1, "sunset": "2099-01-01"});
    assert_eq!(server.post("/v1/govern", &operator, &[], &deprecated.to_string()).status, 200);
    let document = exported(&server, &["export", "asyncapi"]);
    is_valid(asyncapi_schema(), &document);
    let mut found = Vec::new();
    references(&document, &mut found);
    for reference in &found {
        let pointer = reference.strip_prefix('#').unwrap();
        assert!(document.pointer(pointer).is_some(), "{reference} leads nowhere");
    }
    assert!(found.contains(&"#/components/messages/civil.birth.registered.v1".to_owned()), "{found:?}");

    let channel = &document["channels"]["civil.birth.registered"];
    assert_eq!(
        (&channel["x-owner"], &channel["x-steward"]),
        (&json!("civil-registry"), &json!("m.okafor@civil-registry"))
    );
    let messages = &document["components"]["messages"];
    let birth = &messages["civil.birth.registered.v1"];
    assert_eq!(birth["x-classification"]["/child/name"], "personal");
    for (topic, format) in [
        ("civil.birth.registered", "application/schema+json;version=2020-12"),
        ("permit.holder-avro.changed", "application/vnd.apache.avro+json;version=1.9.0"),
        ("permit.holder-protobuf.changed", "application/vnd.google.protobuf;version=3"),
    ] {
        assert_eq!(messages[format!("{topic}.v1")]["payload"]["schemaFormat"], format);
    }
    let ending = &messages["tax.id.assigned.v1"];
    assert_eq!((&ending["deprecated"], &ending["x-sunset"]), (&json!(true), &json!("2099-01-01")));
    let servers = &document["servers"];
    assert_eq!(servers["kafka"]["host"], server.kafka.as_str());
    assert_eq!(servers["http"]["host"], server.url.strip_prefix("http://").unwrap());
    assert_eq!(server.get("/asyncapi.json", "nobody").status, 401);
}

#[test]
fn every_topic_is_a_valid_open_data_contract_in_each_language() {
    let folder = tempfile::tempdir().unwrap();
    let server = bus(folder.path());
    let all = exported(&server, &["--json", "export", "odcs"]);
    let all = all.as_array().unwrap();
    assert_eq!(all.len(), TOPICS);
    all.iter().for_each(|document| is_valid(odcs_schema(), document));

    let of = |topic: &str| all.iter().find(|document| document["name"] == topic).unwrap();
    let property = |document: &Value, path: &[&str]| {
        path.iter().fold(document["schema"][0].clone(), |at, name| {
            let inside = at.get("items").unwrap_or(&at);
            let found = inside["properties"].as_array().unwrap().iter().find(|one| one["name"] == *name);
            found.unwrap_or_else(|| panic!("{name} of {path:?}")).clone()
        })
    };
    let birth = of("civil.birth.registered");
    let name = property(birth, &["child", "name"]);
    assert_eq!((&name["classification"], &name["logicalType"]), (&json!("personal"), &json!("string")));
    assert_eq!(property(birth, &["parents", "name"])["classification"], "personal");
    for language in ["json", "avro", "protobuf"] {
        let holder = of(&format!("permit.holder-{language}.changed"));
        assert_eq!(property(holder, &["permits", "number"])["classification"], "special", "{language}");
        let kafka =
            holder["servers"].as_array().unwrap().iter().find(|one| one["server"] == "kafka").unwrap();
        assert_eq!((&kafka["format"], &kafka["host"]), (&json!(language), &json!(server.kafka)));
    }
    let retention =
        birth["slaProperties"].as_array().unwrap().iter().find(|one| one["property"] == "retention");
    assert_eq!(retention.unwrap()["value"], 3650);

    let out = folder.path().join("contracts");
    let written = server.cli(&server.operator, &["export", "odcs", "--out", out.to_str().unwrap()]);
    assert!(written.status.success(), "{}", stderr(&written));
    let text = fs::read_to_string(out.join("civil.birth.registered.odcs.yaml")).unwrap();
    let read: Value = serde_saphyr::from_str(&text).unwrap();
    assert_eq!(read, *birth, "the same in YAML");
}

#[test]
fn the_catalogue_shows_each_what_it_may_see() {
    let folder = tempfile::tempdir().unwrap();
    let server = bus(folder.path());
    let subscriptions = |catalogue: &Value| -> Vec<String> {
        let topics = catalogue["topics"].as_array().unwrap();
        let all = topics.iter().flat_map(|topic| topic["subscriptions"].as_array().unwrap());
        all.map(|one| one["subscription"].as_str().unwrap().to_owned()).collect()
    };
    let everything = exported(&server, &["export", "catalogue"]);
    assert_eq!(everything, exported(&server, &["export", "catalogue"]), "it stays as it is");
    assert_eq!(everything["topics"].as_array().unwrap().len(), TOPICS);
    assert_eq!(subscriptions(&everything).len(), 18);
    let mut topics = everything["topics"].as_array().unwrap().iter();
    let birth = topics.find(|topic| topic["topic"] == "civil.birth.registered").unwrap();
    assert_eq!(birth["contracts"][0]["classification"]["/child/name"], "personal");

    let courts = server.principal("desk@courts", "consumer");
    let own = server.get("/v1/export/catalogue", &courts).json();
    assert_eq!(own["topics"].as_array().unwrap().len(), TOPICS, "the topics are for everybody");
    let seen = subscriptions(&own);
    assert!(seen.contains(&"courts.alerts".to_owned()) && seen.len() < 18, "{seen:?}");
    assert!(
        !seen.contains(&"tax-office.births".to_owned()),
        "neither its own nor to a topic of its own: {seen:?}"
    );
    let files = server.get("/v1/export/governance", &courts).json();
    assert!(files["files"].get("subscriptions/courts.alerts.yaml").is_some());
    assert!(files["files"].get("subscriptions/tax-office.births.yaml").is_none());
}

#[test]
fn a_bus_exported_as_a_folder_changes_nothing_on_it_and_makes_another_like_it() {
    let folder = tempfile::tempdir().unwrap();
    let server = bus(&folder.path().join("one"));
    let operator = server.operator.clone();
    let out = folder.path().join("governance");
    let out = out.to_str().unwrap();
    let exported = server.cli(&operator, &["export", "governance", "--out", out]);
    assert!(exported.status.success(), "{}", stderr(&exported));
    let planned = server.cli(&operator, &["plan", out]);
    assert_eq!(planned.status.code(), Some(0), "{}", stdout(&planned));
    assert_eq!(stdout(&planned), "nothing would change\n");

    let other = Server::start(&folder.path().join("other"));
    let applied = other.cli(&other.operator, &["apply", out, "--close-bootstrap"]);
    assert!(applied.status.success(), "{}", stderr(&applied));
    let planned = other.cli(&other.operator, &["plan", EXAMPLES]);
    assert_eq!(planned.status.code(), Some(0), "{}", stdout(&planned));

    // A folder that holds something is not written over by a slip; asked for, it is made as the bus is.
    let refused = server.cli(&operator, &["export", "governance", "--out", out]);
    assert_eq!(refused.status.code(), Some(64), "{}", stderr(&refused));
    let revoked = ["subscription", "revoke", "courts.alerts", "--reason", "moved"];
    assert!(server.cli(&operator, &revoked).status.success());
    let note = Path::new(out).join("notes.txt");
    fs::write(&note, "ours").unwrap();
    let replaced = server.cli(&operator, &["export", "governance", "--out", out, "--replace"]);
    assert!(replaced.status.success(), "{}", stderr(&replaced));
    assert!(!Path::new(out).join("subscriptions/courts.alerts.yaml").exists());
    assert!(note.exists(), "what is not governance stays");
}

#[test]
fn topics_are_promoted_from_test_to_production_and_drift_is_shown() {
    let folder = tempfile::tempdir().unwrap();
    let (test, production) =
        (bus(&folder.path().join("test")), Server::start(&folder.path().join("production")));
    let agencies = folder.path().join("agencies-only");
    fs::create_dir_all(agencies.join("agencies")).unwrap();
    for entry in fs::read_dir(Path::new(EXAMPLES).join("agencies")).unwrap().map(Result::unwrap) {
        fs::copy(entry.path(), agencies.join("agencies").join(entry.file_name())).unwrap();
    }
    let run = |verb: &[&str]| {
        let between = ["--from", &test.url, "--to", &production.url];
        let tokens = ["--from-token", &test.operator, "--to-token", &production.operator];
        chancery(&[verb, &between, &tokens].concat())
    };
    let births = "civil.birth.registered";

    // Its agency is not there yet: the other bus says so, and nothing happens.
    let refused = run(&["promote", births, "--yes"]);
    assert_eq!(refused.status.code(), Some(1));
    assert!(stderr(&refused).contains("there is no agency civil-registry"), "{}", stderr(&refused));
    let applied = production.cli(&production.operator, &["apply", agencies.to_str().unwrap()]);
    assert!(applied.status.success(), "{}", stderr(&applied));

    let shown = run(&["promote", births]);
    assert_eq!(shown.status.code(), Some(2), "{}", stderr(&shown));
    assert!(
        stdout(&shown).starts_with("+ topic civil.birth.registered of civil-registry"),
        "{}",
        stdout(&shown)
    );
    assert_eq!(run(&["drift", births]).status.code(), Some(2), "showing it did nothing");
    let promoted = run(&["promote", births, "--yes"]);
    assert!(promoted.status.success(), "{}", stderr(&promoted));
    assert!(stdout(&promoted).contains("1 changes applied"), "{}", stdout(&promoted));
    let same = run(&["drift", births]);
    assert_eq!(same.status.code(), Some(0), "{}{}", stdout(&same), stderr(&same));
    let again = run(&["promote", births, "--yes"]);
    assert_eq!((again.status.code(), stdout(&again)), (Some(0), "nothing would change\n".to_owned()));
    assert!(
        production.get("/v1/subscriptions", &production.operator).json()["subscriptions"]
            .as_array()
            .unwrap()
            .is_empty()
    );

    // Production is changed by hand, and has a topic of its own.
    let longer = json!({"command": "change-topic", "topic": births, "retention": "12y"}).to_string();
    assert_eq!(production.post("/v1/govern", &production.operator, &[], &longer).status, 200);
    let real = concat!(env!("CARGO_MANIFEST_DIR"), "/../../examples/real/governance");
    let applied = production.cli(&production.operator, &["apply", real]);
    assert!(applied.status.success(), "{}", stderr(&applied));
    let drift = run(&["drift"]);
    assert_eq!(drift.status.code(), Some(2));
    let told = stdout(&drift);
    assert!(told.contains("~ topic civil.birth.registered\n    retention: \"12y\" → \"10y\""), "{told}");
    assert!(told.contains("? only there: topic building.permit.issued"), "{told}");
    assert!(told.contains("+ topic tax.id.assigned"), "{told}");
    assert_eq!(run(&["drift", "no.such.topic"]).status.code(), Some(1));
    assert_eq!(run(&["promote"]).status.code(), Some(64));
}
