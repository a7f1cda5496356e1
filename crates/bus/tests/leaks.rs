//! Personal data in what is nobody's: refused, or taken and noted, as the standards say.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking, in its helpers too")]

use std::collections::BTreeMap;

use crate::common::*;
use bus::{Batch, Bus, Incoming, Outcome, RefusalKind, Speaker};
use bytes::Bytes;
use contract::{AttributeValue, CloudEvent, Data};
use governance::leaks::{Answer, Leaks};
use governance::{Command, Standards};

pub fn with_office(number: usize, office: &str) -> CloudEvent {
    let event = birth(number);
    let data = text(&event).replace("\"North\"", &serde_json::Value::from(office).to_string());
    CloudEvent { data: Some(Data::Json(Bytes::from(data))), ..event }
}

/// What the audit says was found, as `place detector events`.
fn findings(bus: &Bus) -> Vec<String> {
    let mut bundle = Vec::new();
    bus.export_audit(false, &mut bundle).unwrap();
    let mut findings = Vec::new();
    for line in String::from_utf8(bundle).unwrap().lines() {
        let line: serde_json::Value = serde_json::from_str(line).unwrap();
        let Some(leaf) = line.get("entry").or_else(|| line.get("leaf")) else { continue };
        let entry = match leaf {
            serde_json::Value::String(text) => serde_json::from_str(text).unwrap(),
            other => other.clone(),
        };
        for found in entry["found"].as_array().into_iter().flatten() {
            findings.push(
                format!("{} {} {}", found["place"], found["detector"], found["events"]).replace('"', ""),
            );
        }
    }
    findings
}

async fn set(world: &World, leaks: Leaks) {
    let standards = Standards { leaks, ..Standards::default() };
    world.bus.govern(&world.operator, Command::SetStandards { standards }).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_in_a_public_field_refuses_the_event_and_is_not_repeated() {
    let folder = tempfile::tempdir().unwrap();
    let world = world(folder.path()).await;
    let told = refusal(publish(&world, with_office(1, "pay to NL91 ABNA 0417 1643 00")).await);
    assert_eq!(told.kind, RefusalKind::Contract);
    assert_eq!(
        told.text,
        "contract civil.birth.registered v1: /registrationOffice holds a bank account number (IBAN), and is classified as \
         nobody's (contract by civil-registry, steward m.okafor@civil-registry)"
    );
    assert!(told.hint.as_deref().unwrap().contains("`may_hold: [iban]`"), "{told}");
    // Where the contract seals it, it may stand.
    let data = text(&birth(1)).replace("Zephyrine Q1", "NL91 ABNA 0417 1643 00");
    let sealed = CloudEvent { data: Some(Data::Json(Bytes::from(data))), ..birth(1) };
    receipt(publish(&world, sealed).await);
    // Attributes are nobody's too.
    let dataref = ("dataref".to_owned(), AttributeValue::String("https://x.example/811228-9874".to_owned()));
    let told = refusal(publish(&world, CloudEvent { extensions: vec![dataref], ..birth(2) }).await);
    assert!(told.text.contains("attribute dataref holds a Swedish personnummer"), "{told}");
    let metrics = world.bus.metrics_text();
    let counted =
        r#"chancery_leaks_found_total{topic="civil.birth.registered",detector="iban",answer="refuse"} 1"#;
    assert!(metrics.contains(counted), "{metrics}");
    assert_eq!(findings(&world.bus), [""; 0]);
    world.bus.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_is_taken_and_stands_in_the_audit_by_place_and_kind() {
    let folder = tempfile::tempdir().unwrap();
    let world = world(folder.path()).await;
    let events =
        (0..3).map(|number| Ok(with_office(number, "ask ann.smit@mail.example"))).chain([Ok(birth(9))]);
    let outcomes = world.bus.publish(&world.registry, &topic(), events.collect()).await.unwrap();
    assert!(outcomes.iter().all(|outcome| matches!(outcome, Outcome::Accepted(_))), "{outcomes:?}");
    assert_eq!(findings(&world.bus), ["/registrationOffice email 3"]);
    let mut bundle = Vec::new();
    world.bus.export_audit(false, &mut bundle).unwrap();
    assert!(!String::from_utf8(bundle).unwrap().contains("ann.smit"));
    world.bus.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_standards_say_holds_from_the_next_event_on() {
    let folder = tempfile::tempdir().unwrap();
    let world = world(folder.path()).await;
    let by_detector =
        BTreeMap::from([("email".to_owned(), Answer::Refuse), ("iban".to_owned(), Answer::Ignore)]);
    set(&world, Leaks { otherwise: Answer::Flag, by_detector }).await;
    let told = refusal(publish(&world, with_office(1, "ask ann.smit@mail.example")).await);
    assert!(told.text.contains("/registrationOffice holds an e-mail address"), "{told}");
    receipt(publish(&world, with_office(2, "pay to NL91ABNA0417164300")).await);
    assert_eq!(findings(&world.bus), [""; 0]);
    receipt(publish(&world, with_office(3, "811228-9874")).await);
    assert_eq!(findings(&world.bus), ["/registrationOffice se-personnummer 1"]);
    world.bus.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_found_is_told_once_a_day_of_each_place_and_never_what_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let clock = later();
    let mut world = reopened_by(world(folder.path()).await, folder.path(), clock.clone()).await;
    let mail = |number| with_office(number, "ask ann.smit@mail.example");
    let account = |number| with_office(number, "pay to NL91 ABNA 0417 1643 00");
    // The bus's own clerk comes by too: which of the two tells it makes no difference.
    let told = async |world: &World| {
        world.bus.bring_due().await.unwrap();
        let told = world.bus.notices(&world.operator, None, 1_000).unwrap();
        let own = told.into_iter().filter(|told| told.notice.kind == "leak.found");
        own.map(|told| told.notice.text.clone()).collect::<Vec<String>>()
    };
    for number in 0..3 {
        receipt(publish(&world, mail(number)).await);
    }
    refusal(publish(&world, account(3)).await);
    let first = told(&world).await;
    assert_eq!(first.len(), 2, "{first:?}");
    let all = first.join("\n");
    assert!(all.contains("an e-mail address at /registrationOffice") && all.contains("refused"), "{all}");
    assert!(!all.contains("ann.smit") && !all.contains("ABNA"), "{all}");
    receipt(publish(&world, mail(4)).await);
    assert_eq!(told(&world).await, first);
    world = reopened_by(world, folder.path(), clock.clone()).await;
    let kept = told(&world).await.len();
    receipt(publish(&world, mail(5)).await);
    assert_eq!(told(&world).await.len(), kept, "a restart tells nothing twice");
    clock.advance(24 * 3600 * 1000);
    receipt(publish(&world, mail(6)).await);
    assert_eq!(told(&world).await.len(), kept + 1);
    world.bus.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_found_is_told_of_what_is_placed_and_of_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    let world = world(folder.path()).await;
    let mail = |number| with_office(number, "ask ann.smit@mail.example");
    let other = || CloudEvent { ty: "civil.birth.registered.v1".to_owned(), ..mail(1) };
    let batch = |events: Vec<CloudEvent>| {
        let events: Vec<Incoming> = events.into_iter().map(Ok).collect();
        Batch { partition: 2, sequence: None, bytes: 1024, read: Box::new(move || events) }
    };
    let speaker = Speaker {
        id: "t".to_owned(),
        producer: world.bus.begin_producer(&world.registry, "t", 60_000, None).unwrap(),
    };
    let transaction = async |events, first, commits| {
        world.bus.stage(&world.registry, &speaker, &topic(), batch(events), (first, 2)).await.unwrap();
        world.bus.end_transaction(&world.registry, &speaker, commits).await
    };
    let placed = |wanted: u32| {
        let counted = format!(
            r#"chancery_leaks_found_total{{topic="civil.birth.registered",detector="email",answer="flag"}} {wanted}"#
        );
        assert!(world.bus.metrics_text().contains(&counted), "{counted}: {}", world.bus.metrics_text());
    };
    receipt(publish(&world, mail(1)).await);
    placed(1);
    assert!(matches!(publish(&world, mail(1)).await, Outcome::Duplicate(_)));
    assert_eq!(refusal(publish(&world, other()).await).kind, RefusalKind::Conflict);
    let submitted = world.bus.submit(&world.registry, &topic(), batch(vec![mail(2), other()])).await.unwrap();
    assert!(submitted.outcomes().await.unwrap().iter().all(|one| matches!(one, Outcome::Refused(_))));
    // A transaction that its producer gives up, and one that does not fit.
    transaction(vec![mail(3), mail(4)], 0, false).await.unwrap();
    assert!(transaction(vec![mail(3), other()], 2, true).await.is_err());
    placed(1);
    assert_eq!(findings(&world.bus), ["/registrationOffice email 1"]);
    transaction(vec![mail(3), mail(4)], 4, true).await.unwrap();
    placed(3);
    assert_eq!(findings(&world.bus), ["/registrationOffice email 1", "/registrationOffice email 2"]);
    world.bus.close().await;
}
