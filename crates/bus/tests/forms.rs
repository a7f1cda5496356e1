//! What who is not cleared is handed: forms as the contract says, and people by names that are the reading agency's alone.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking, in its helpers too")]

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use crate::common::*;
use bus::clock::SystemClock;
use bus::{Bus, Caller, Delivered, Subject};
use bytes::Bytes;
use contract::{AttributeValue, CloudEvent, Data};
use governance::{Command, Role};
use journal::{Embedded, Options, RealDisk};
use seal::{Kms, KmsError, Secret};
use serde_json::{Value, json};

const SCHEMA: &str = r#"{"type": "object", "additionalProperties": false, "required": ["personId", "iban", "born", "email", "office"],
    "properties": {"personId": {"type": "string"}, "iban": {"type": "string", "pattern": "^[A-Z]{2}"},
    "born": {"type": "string", "format": "date"}, "email": {"type": ["string", "null"]}, "office": {"type": "string"},
    "illness": {"type": "string"}}}"#;

/// Two topics of one owner, one of another.
const TOPICS: [(&str, &str); 3] = [
    ("civil.card.issued", "civil-registry"),
    ("civil.move.noted", "civil-registry"),
    ("tax.bill.sent", "tax-office"),
];

/// Who reads them, by the last word of the topic's name, and what they are cleared for.
const READERS: [(&str, &str); 6] = [
    ("tax-office.issued", "[]"),
    ("tax-office.noted", "[]"),
    ("statistics.issued", "[]"),
    ("statistics.noted", "[]"),
    ("statistics.sent", "[]"),
    ("social-insurance.issued", "[personal]"),
];

fn topic_yaml(topic: &str, owner: &str) -> String {
    format!(
        "topic: {topic}\nowner: {owner}\nsteward: s@{owner}\ndeputy: d@{owner}\ndescription: A case.\nlegal_basis: An Act\n\
         partitions: 1\nretention: 10y\ncontract:\n  version: 1\n  format: json-schema\n  schema: v1.schema.json\n  \
         subject: /personId\n  classify:\n    /personId: {{class: personal, redact: pseudonym}}\n    \
         /iban: {{class: personal, redact: last 4}}\n    /born: {{class: personal, redact: year}}\n    \
         /email: {{class: personal, redact: null}}\n    /illness: special\n    /office: public\n"
    )
}

async fn with_forms(folder: &Path) -> (World, Caller) {
    let world = world(folder).await;
    let mut files = files();
    let agency = files["agencies/statistics.yaml"].replace("statistics", "social-insurance");
    files.insert("agencies/social-insurance.yaml".to_owned(), agency);
    for (topic, owner) in TOPICS {
        files.insert(format!("topics/{topic}/topic.yaml"), topic_yaml(topic, owner));
        files.insert(format!("topics/{topic}/v1.schema.json"), SCHEMA.to_owned());
    }
    for (name, clears) in READERS {
        let (agency, last) = name.split_once('.').unwrap();
        let (topic, _) = TOPICS.iter().find(|(topic, _)| topic.ends_with(last)).unwrap();
        let yaml = format!(
            "subscription: {name}\ntopic: {topic}\nagency: {agency}\npurpose: a purpose\nlegal_basis: An Act §1\nclears: {clears}\n\
             expires: 2035-01-01\n"
        );
        files.insert(format!("subscriptions/{name}.yaml"), yaml);
    }
    world.bus.apply(&world.operator, &files, false).await.unwrap();
    let insurance = principal(&world.bus, &world.operator, "reader@social-insurance", Role::Consumer).await;
    (world, insurance)
}

fn case(topic: &str, person: usize) -> CloudEvent {
    let data = format!(
        r#"{{ "personId" : "PID-{person:07}","iban":"XX12345678901234", "born":"1985-03-17","email": "a@b.example",
        "illness":"gout","office":"North"}}"#
    );
    CloudEvent {
        id: format!("{topic}-{person}"),
        source: format!("urn:xx:civil-registry:{person}"),
        ty: topic.to_owned(),
        subject: Some(format!("PID-{person:07}")),
        data: Some(Data::Json(Bytes::from(data))),
        ..CloudEvent::empty()
    }
}

async fn published(bus: &Bus, producer: &Caller, topic: &str, person: usize) -> CloudEvent {
    let event = case(topic, person);
    let outcomes = bus.publish(producer, &topic.parse().unwrap(), vec![Ok(event.clone())]).await.unwrap();
    receipt(outcomes.into_iter().next().unwrap());
    event
}

async fn read(bus: &Bus, caller: &Caller, subscription: &str) -> Vec<Delivered> {
    bus.pull(caller, &subscription.parse().unwrap(), all()).await.unwrap().events
}

fn document(event: &CloudEvent) -> Value {
    serde_json::from_str(&text(event)).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_not_cleared_is_shown_what_the_contract_says_and_people_by_a_name_of_their_own() {
    let folder = tempfile::tempdir().unwrap();
    let (world, insurance) = with_forms(folder.path()).await;
    let bus = &world.bus;
    let office = principal(bus, &world.operator, "writer@tax-office", Role::Producer).await;
    let card = published(bus, &world.registry, "civil.card.issued", 1).await;
    published(bus, &world.registry, "civil.card.issued", 2).await;
    published(bus, &world.registry, "civil.move.noted", 1).await;
    published(bus, &office, "tax.bill.sent", 1).await;

    let mut tokens = BTreeMap::new();
    for (name, _) in READERS.iter().filter(|(name, _)| !name.starts_with("social")) {
        let caller = if name.starts_with("tax") { &world.tax } else { &world.statistics };
        let events = read(bus, caller, name).await;
        let token = events[0].event.subject.clone().unwrap();
        assert_eq!(token.len(), 32, "{token}");
        assert_eq!(events[0].about.as_ref(), Some(&token), "a Kafka key is the same name");
        assert_eq!(
            document(&events[0].event),
            json!({"personId": token, "iban": "************1234", "born": "1985", "email": null, "office": "North"}),
            "{name}"
        );
        if let Some(other) = events.get(1) {
            assert_ne!(other.event.subject.as_ref(), Some(&token), "another person");
        }
        tokens.insert(*name, token);
    }
    assert_eq!(tokens["tax-office.issued"], tokens["tax-office.noted"], "one reader, one owner");
    assert_eq!(tokens["statistics.issued"], tokens["statistics.noted"]);
    assert_ne!(tokens["tax-office.issued"], tokens["statistics.issued"], "two readers");
    assert_ne!(tokens["statistics.issued"], tokens["statistics.sent"], "two owners");
    let opened = read(bus, &insurance, "social-insurance.issued").await;
    assert_eq!(opened[0].event.subject, card.subject);
    assert_eq!(document(&opened[0].event)["iban"], "XX12345678901234");
    let named = opened[0].about.as_deref().unwrap();
    assert!(tokens.values().all(|token| token != named), "what the bus calls people is told to nobody");

    let dpo = principal(bus, &world.operator, "officer@civil-registry", Role::Dpo).await;
    let owner = "civil-registry".parse().unwrap();
    let report = bus.person_disclosures(&dpo, "PID-0000001", Some(&owner)).unwrap();
    assert_eq!(report.len(), 5, "{report:?}");
    for line in report {
        let is_cleared = line.disclosed.agency.as_str() == "social-insurance";
        let (opened, veiled) = (line.disclosed.opened, line.disclosed.veiled);
        let expected = if is_cleared { (vec!["personal"], vec![]) } else { (vec![], vec!["personal"]) };
        assert_eq!(
            (opened, veiled),
            (
                expected.0.iter().map(|it| (*it).to_owned()).collect(),
                expected.1.iter().map(|it| (*it).to_owned()).collect()
            )
        );
    }

    // A reason is kept in the clear: it carries nothing of what was shown.
    let issued = "tax-office.issued".parse().unwrap();
    let reason = format!("no such person: {}", tokens["tax-office.issued"]);
    let place = &read(bus, &world.tax, "tax-office.issued").await[0];
    let refused = bus.reject(&world.tax, &issued, place.partition, place.offset, &reason).await.unwrap_err();
    assert!(refused.text.contains("carries a value"), "{refused}");

    let person = Subject::parse("PID-0000002".to_owned()).unwrap();
    let erasure = bus.request_erasure(&dpo, &person, "An Act §17".to_owned()).await.unwrap();
    bus.govern_erasure(&world.operator, Command::ApproveErasure { erasure }).await.unwrap();
    for (caller, name) in [(&world.tax, "tax-office.issued"), (&insurance, "social-insurance.issued")] {
        let events = read(bus, caller, name).await;
        let tombstone = &events[1].event;
        assert!(tombstone.extensions.contains(&("erased".to_owned(), AttributeValue::Boolean(true))));
        assert_eq!(document(tombstone), json!({"office": "North"}), "{name}");
        assert!(tombstone.subject.as_deref().is_some_and(|named| named.len() == 32));
    }
    bus.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_what_a_migration_takes_back_nothing_is_shown_in_another_form() {
    let folder = tempfile::tempdir().unwrap();
    let (world, _) = with_forms(folder.path()).await;
    let (bus, topic) = (&world.bus, "civil.card.issued");
    published(bus, &world.registry, topic, 1).await;
    let yaml = topic_yaml(topic, "civil-registry")
        .replace("version: 1", "version: 2")
        .replace("v1.schema", "v2.schema")
        .replace("/office", "/bureau");
    let files = BTreeMap::from([
        (
            format!("topics/{topic}/topic.yaml"),
            yaml + "  migration:\n    - renamed: {from: /office, to: /bureau}\n",
        ),
        (format!("topics/{topic}/v2.schema.json"), SCHEMA.replace("office", "bureau")),
    ]);
    bus.apply(&world.operator, &files, true).await.unwrap();
    let data = text(&case(topic, 2)).replace("office", "bureau");
    let event = CloudEvent { data: Some(Data::Json(Bytes::from(data))), ..case(topic, 2) };
    let outcomes = bus.publish(&world.registry, &topic.parse().unwrap(), vec![Ok(event)]).await.unwrap();
    receipt(outcomes.into_iter().next().unwrap());
    let events = read(bus, &world.statistics, "statistics.issued").await;
    assert_eq!(document(&events[0].event)["born"], "1985", "of its own version it is shown");
    assert_eq!(document(&events[1].event), json!({"office": "North"}));
    assert!(events[1].event.subject.as_deref().is_some_and(|named| named.len() == 32));
    bus.close().await;
}

/// A service that gives nothing for one agency.
struct Denying;

impl Kms for Denying {
    fn wrap(&self, agency: &str, secret: &Secret) -> Result<Vec<u8>, KmsError> {
        TestKms.wrap(agency, secret)
    }

    fn unwrap(&self, agency: &str, wrapped: &[u8]) -> Result<Secret, KmsError> {
        match agency {
            "statistics" => Err(KmsError::Denied("not any more".to_owned())),
            _ => TestKms.unwrap(agency, wrapped),
        }
    }

    fn destroy(&self, agency: &str, wrapped: &[u8]) -> Result<(), KmsError> {
        TestKms.destroy(agency, wrapped)
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reader_whose_keys_cannot_be_had_is_handed_nothing_about_people_and_others_are() {
    let folder = tempfile::tempdir().unwrap();
    let (world, _) = with_forms(folder.path()).await;
    published(&world.bus, &world.registry, "civil.card.issued", 1).await;
    let World { bus, tax, statistics, .. } = world;
    bus.close().await;
    drop(bus);
    let options = Options { log_bytes: 1 << 20, ..Options::default() };
    let (journal, _) =
        Embedded::open(folder.path().join("journal"), Arc::new(RealDisk::new()), options).unwrap();
    let clock = Arc::new(SystemClock);
    let (bus, _) =
        Bus::open(settings(folder.path()), Arc::new(journal), Arc::new(Denying), clock).await.unwrap();
    let refused = bus.pull(&statistics, &"statistics.issued".parse().unwrap(), all()).await.unwrap_err();
    assert!(refused.text.contains("the keys of agency statistics are not open"), "{refused}");
    assert_eq!(read(&bus, &tax, "tax-office.issued").await.len(), 1);
    bus.close().await;
}
