//! What a contract wants sealed end to end: the bus refuses what is not sealed for just those who may read it, hands over
//! what is, and never has what opens it.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking, in its helpers too")]

use crate::common::*;
use bus::{Batch, Caller, Outcome, RefusalKind, Speaker};
use bytes::Bytes;
use contract::{CloudEvent, Data, SubscriptionName, TopicName};
use end_to_end::documents::{self, Event, Field};
use end_to_end::{PrivateKey, PublicKey, Recipient};
use governance::{Command, Role};
use serde_json::{Value, json};

pub const FINDING: &str = "Positive For Something";

pub const TOPIC: &str = "topic: health.case.reported
owner: civil-registry
steward: m.okafor@civil-registry
deputy: l.brandt@civil-registry
description: A case of a disease that must be reported.
legal_basis: Infection Protection Act §7
retention: 10y
contract:
  version: 1
  format: json-schema
  schema: v1.schema.json
  subject: /personId
  end_to_end: [special]
  classify:
    /personId: personal
    /office: public
    /finding: special
    /tests/*: special
";

const SCHEMA: &str = r#"{
  "type": "object", "required": ["personId"], "additionalProperties": false,
  "properties": {
    "personId": {"type": "string"}, "office": {"type": "string"}, "finding": {"type": "string"},
    "tests": {"type": "array", "items": {"type": ["string", "null"]}}
  }
}"#;

pub fn case() -> TopicName {
    TopicName::parse("health.case.reported").unwrap()
}

fn subscription(name: &str, clears: &str) -> (String, String) {
    let agency = name.split('.').next().unwrap();
    let text = format!(
        "subscription: {name}\ntopic: health.case.reported\nagency: {agency}\npurpose: a purpose\nlegal_basis: An Act §1\nclears: {clears}\nexpires: 2035-01-01\n"
    );
    (format!("subscriptions/{name}.yaml"), text)
}

/// The tax office may read what is special, statistics may not.
async fn clinic(folder: &std::path::Path, topic: &str) -> (World, Caller) {
    clinic_by(folder, topic, ("v1.schema.json", SCHEMA)).await
}

/// The same by another schema.
pub async fn clinic_by(
    folder: &std::path::Path,
    topic: &str,
    (file, schema): (&str, &str),
) -> (World, Caller) {
    let world = world(folder).await;
    let mut files = files();
    files.extend([
        ("topics/health.case.reported/topic.yaml".to_owned(), topic.to_owned()),
        (format!("topics/health.case.reported/{file}"), schema.to_owned()),
        subscription("tax-office.cases", "[personal, special]"),
        subscription("statistics.cases", "[personal]"),
    ]);
    world.bus.apply(&world.operator, &files, false).await.unwrap();
    let officer = principal(&world.bus, &world.operator, "officer@tax-office", Role::Dpo).await;
    (world, officer)
}

pub async fn publish_key(world: &World, officer: &Caller, key: &PublicKey) {
    let (agency, public_key) = (officer.agency.clone(), key.to_string());
    world.bus.govern(officer, Command::PublishSealingKey { agency, public_key }).await.unwrap();
}

pub fn event(id: &str, data: &str) -> CloudEvent {
    CloudEvent {
        id: id.to_owned(),
        ty: "health.case.reported".to_owned(),
        subject: None,
        data: Some(Data::Json(Bytes::from(data.to_owned()))),
        ..birth(1)
    }
}

fn document(finding: &str) -> String {
    json!({"personId": "PID-1", "office": "North", "finding": finding, "tests": [finding, null]}).to_string()
}

/// The event, sealed by its producer.
fn sealed(id: &str, recipients: &[(&str, &PrivateKey)]) -> CloudEvent {
    let one = |(agency, key): &(&str, &PrivateKey)| Recipient {
        agency: (*agency).to_owned(),
        key: key.public().clone(),
    };
    let recipients: Vec<Recipient> = recipients.iter().map(one).collect();
    let fields = ["/finding", "/tests/*"].map(|pointer| Field { pointer, recipients: Some(&recipients) });
    let plain = event(id, "");
    let of = Event { topic: "health.case.reported", source: &plain.source, id };
    event(id, &documents::seal(&document(FINDING), &fields, &of).unwrap())
}

pub async fn report(world: &World, event: CloudEvent) -> Outcome {
    let outcomes = world.bus.publish(&world.registry, &case(), vec![Ok(event)]).await.unwrap();
    outcomes.into_iter().next().unwrap()
}

/// What is told of an event that is not taken; never what it says.
pub async fn told(world: &World, event: CloudEvent) -> String {
    let refused = refusal(report(world, event).await);
    assert_eq!((refused.kind, refused.code), (RefusalKind::Contract, Some("not-sealed-end-to-end")));
    let hint = refused.hint.as_deref().unwrap_or_default();
    assert!(hint.contains("GET /v1/topics/health.case.reported/recipients"), "{refused}");
    assert!(!refused.to_string().contains(FINDING), "{refused}");
    refused.text
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_sealed_for_just_those_who_may_read_it_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let (world, officer) = clinic(folder.path(), TOPIC).await;
    let [old, new, stranger] = [(); 3].map(|()| PrivateKey::generate().unwrap());
    // Nobody who may read it has a key yet: sealed for nobody.
    receipt(report(&world, sealed("c-0", &[])).await);
    publish_key(&world, &officer, old.public()).await;
    for (id, event, said) in [
        ("plaintext", event("c-1", &document(FINDING)), "/finding (special) is not sealed"),
        ("nobody", sealed("c-1", &[]), "/finding (special) is not sealed for tax-office, who may read it"),
        (
            "a stranger",
            sealed("c-1", &[("tax-office", &old), ("statistics", &stranger)]),
            "/finding (special) is sealed for \"statistics\", who may not read it",
        ),
        (
            "somebody unknown",
            sealed("c-1", &[("tax-office", &old), ("mallory-office", &stranger)]),
            "/finding (special) is sealed for somebody who is no agency of this bus",
        ),
        ("another key", sealed("c-1", &[("tax-office", &new)]), "which is none that tax-office uses"),
    ] {
        let text = told(&world, event).await;
        assert!(text.contains(said) && text.contains("/tests/0 (special)"), "{id}: {text}");
        assert!(!text.contains("mallory"), "a name that the bus does not know is not repeated: {text}");
    }
    // One value in another's place.
    let moved = text(&sealed("c-1", &[("tax-office", &old)])).replace("\"finding\"", "\"swap\"");
    let moved: Value = serde_json::from_str(&moved).unwrap();
    let moved = json!({"personId": "PID-1", "finding": moved["tests"][0], "tests": [moved["swap"]]});
    assert!(told(&world, event("c-1", &moved.to_string())).await.contains("is sealed for another place"));
    receipt(report(&world, sealed("c-1", &[("tax-office", &old)])).await);

    // A newer key beside the old one, and then alone.
    publish_key(&world, &officer, new.public()).await;
    receipt(report(&world, sealed("c-2", &[("tax-office", &old)])).await);
    receipt(report(&world, sealed("c-3", &[("tax-office", &old), ("tax-office", &new)])).await);
    let retire = Command::RetireSealingKey {
        agency: officer.agency.clone(),
        key: old.id().to_string(),
        reason: "a newer one".to_owned(),
    };
    world.bus.govern(&officer, retire).await.unwrap();
    assert!(told(&world, sealed("c-4", &[("tax-office", &old)])).await.contains("none that tax-office uses"));
    receipt(report(&world, sealed("c-4", &[("tax-office", &new)])).await);

    // Who is not a reader any more is sealed for no more.
    let revoke = Command::RevokeSubscription {
        subscription: SubscriptionName::parse("tax-office.cases").unwrap(),
        reason: "the purpose ended".to_owned(),
    };
    world.bus.govern(&world.operator, revoke).await.unwrap();
    let text = told(&world, sealed("c-5", &[("tax-office", &new)])).await;
    assert!(text.contains("sealed for \"tax-office\", who may not read it"), "{text}");
    world.bus.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_handed_over_opens_with_the_agencys_key_and_the_bus_never_had_it() {
    let folder = tempfile::tempdir().unwrap();
    let (world, officer) = clinic(folder.path(), TOPIC).await;
    let key = PrivateKey::generate().unwrap();
    publish_key(&world, &officer, key.public()).await;
    let found = world.bus.recipients(&world.registry, &case()).unwrap();
    let fields: Vec<String> = found.versions[0].fields.iter().map(|(at, _)| at.to_string()).collect();
    assert_eq!(fields, ["/finding", "/tests/*"]);
    let [readers] = &found.readers[..] else { panic!("{found:?}") };
    let [(agency, keys)] = &readers.agencies[..] else { panic!("{found:?}") };
    assert_eq!((agency.as_str(), &keys[0].1), ("tax-office", &key.public().to_string()));
    assert!(
        world.bus.recipients(&world.statistics, &case()).is_err(),
        "whom it is sealed for is the owner's to know"
    );

    receipt(report(&world, sealed("c-1", &[("tax-office", &key)])).await);
    let name = SubscriptionName::parse("tax-office.cases").unwrap();
    let delivered = world.bus.pull(&world.tax, &name, all()).await.unwrap();
    let event = &delivered.events[0].event;
    assert!(!text(event).contains(FINDING));
    let of = Event { topic: "health.case.reported", source: &event.source, id: &event.id };
    let (opened, values) = documents::open(&text(event), std::slice::from_ref(&key), &of).unwrap();
    let (opened, wanted): (Value, Value) =
        (serde_json::from_str(&opened).unwrap(), serde_json::from_str(&document(FINDING)).unwrap());
    assert_eq!((opened, values.len()), (wanted, 2));
    // Who is not cleared for it is not even handed what is sealed.
    let name = SubscriptionName::parse("statistics.cases").unwrap();
    let delivered = world.bus.pull(&world.statistics, &name, all()).await.unwrap();
    assert!(!text(&delivered.events[0].event).contains("e2e1."));

    let mut outputs = world.bus.metrics_text().into_bytes();
    world.bus.export_audit(false, &mut outputs).unwrap();
    world.bus.close().await;
    let secret = key.to_text();
    let secrets = [FINDING.as_bytes(), secret.rsplit('.').next().unwrap().as_bytes()];
    let holds = |bytes: &[u8]| secrets.iter().any(|secret| memchr(bytes, secret));
    assert!(!holds(&outputs));
    let mut files = 0;
    scan(folder.path(), &mut |path, bytes| {
        files += 1;
        assert!(!holds(bytes), "{}", path.display());
    });
    assert!(files > 3, "{files}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_taken_is_a_duplicate_also_when_others_may_read_it_by_now() {
    let folder = tempfile::tempdir().unwrap();
    let (world, officer) = clinic(folder.path(), TOPIC).await;
    let [old, new] = [(); 2].map(|()| PrivateKey::generate().unwrap());
    publish_key(&world, &officer, old.public()).await;
    let event = sealed("c-1", &[("tax-office", &old)]);
    let first = receipt(report(&world, event.clone()).await);
    publish_key(&world, &officer, new.public()).await;
    let (agency, key) = (officer.agency.clone(), old.id().to_string());
    let retire = Command::RetireSealingKey { agency, key, reason: "a newer one".to_owned() };
    world.bus.govern(&officer, retire).await.unwrap();
    let mut world = world;
    for restarted in [false, true] {
        if restarted {
            world = reopened(world, folder.path()).await;
        }
        assert_eq!(report(&world, event.clone()).await, Outcome::Duplicate(first.clone()), "{restarted}");
        // With others beside it in one call, in any order, each gets its own answer.
        let id = format!("c-2-{restarted}");
        let stale = sealed(&id, &[("tax-office", &old)]);
        let good = sealed(&id, &[("tax-office", &new)]);
        let all = [stale.clone(), event.clone(), good.clone(), stale].map(Ok).to_vec();
        let outcomes = world.bus.publish(&world.registry, &case(), all).await.unwrap();
        let [one, two, three, four] = <[Outcome; 4]>::try_from(outcomes).unwrap();
        assert_eq!(
            (refusal(one).code, two),
            (Some("not-sealed-end-to-end"), Outcome::Duplicate(first.clone()))
        );
        receipt(three);
        assert_eq!(refusal(four).code, Some("not-sealed-end-to-end"), "what was not taken is not a conflict");
    }
    assert!(
        !told(&world, sealed("c-1", &[("tax-office", &old)])).await.is_empty(),
        "other bytes of the same id"
    );
    world.bus.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_sealed_is_refused_when_it_comes_into_a_transaction_and_not_at_its_commit() {
    let folder = tempfile::tempdir().unwrap();
    let (world, _) = clinic(folder.path(), TOPIC).await;
    let producer = world.bus.begin_producer(&world.registry, "t", 60_000, None).unwrap();
    let speaker = Speaker { id: "t".to_owned(), producer };
    let stage = async |events: Vec<CloudEvent>| {
        let count = events.len() as u32;
        let read = Box::new(move || events.into_iter().map(Ok).collect());
        let batch = Batch { partition: 0, sequence: None, bytes: 1024, read };
        world.bus.stage(&world.registry, &speaker, &case(), batch, (0, count)).await.unwrap()
    };
    let plain = event("c-2", &document(FINDING));
    let outcomes = stage(vec![sealed("c-1", &[]), plain]).await;
    assert!(outcomes[0].is_none(), "{outcomes:?}");
    assert_eq!(refusal(outcomes[1].clone().unwrap()).code, Some("not-sealed-end-to-end"));
    let mut audit = Vec::new();
    world.bus.export_audit(false, &mut audit).unwrap();
    assert!(
        String::from_utf8_lossy(&audit).contains("/finding (special) is not sealed"),
        "it is told at once"
    );
    world.bus.end_transaction(&world.registry, &speaker, false).await.unwrap();
    assert!(stage(vec![sealed("c-1", &[])]).await.iter().all(Option::is_none));
    world.bus.end_transaction(&world.registry, &speaker, true).await.unwrap();
    assert_eq!(world.bus.bounds(&case(), 0).unwrap().1, 1);
    world.bus.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_without_an_id_is_refused_though_its_data_have_one() {
    let folder = tempfile::tempdir().unwrap();
    let topic = TOPIC.replace("  subject:", "  identity: /office\n  subject:");
    let (world, _) = clinic(folder.path(), &topic).await;
    let refused = refusal(report(&world, CloudEvent { id: String::new(), ..sealed("c-1", &[]) }).await);
    assert_eq!(refused.kind, RefusalKind::Contract);
    assert!(refused.text.contains("the event has no id"), "{refused}");
    assert!(refused.hint.as_deref().unwrap_or_default().contains("ce_id"), "{refused}");
    receipt(report(&world, sealed("North", &[])).await);
    world.bus.close().await;
}

pub fn memchr(bytes: &[u8], wanted: &[u8]) -> bool {
    bytes.windows(wanted.len()).any(|window| window[0] == wanted[0] && window == wanted)
}

pub fn scan(folder: &std::path::Path, look: &mut dyn FnMut(&std::path::Path, &[u8])) {
    for entry in std::fs::read_dir(folder).unwrap().map(Result::unwrap) {
        let path = entry.path();
        match path.is_dir() {
            true => scan(&path, look),
            false => look(&path, &std::fs::read(&path).unwrap()),
        }
    }
}
