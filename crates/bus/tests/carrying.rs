//! Who is carried past a version is handed the version that it reads: never the newer one, and never more than either
//! gives.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking, in its helpers too")]

mod common;

use std::collections::BTreeMap;

use bus::{Delivered, Fetch, Pull, RefusalKind, Wanted};
use bytes::Bytes;
use common::*;
use contract::{AgencyName, CloudEvent, ContractVersion, Data};
use governance::Command;

/// Version 2: the office stands elsewhere, the clerk is gone, and a parent's name is nobody's secret any more.
fn second_version(steps: &str) -> BTreeMap<String, String> {
    let mut files = files();
    let topic = files.remove("topics/civil.birth.registered/topic.yaml").unwrap();
    let schema = files.remove("topics/civil.birth.registered/v1.schema.json").unwrap();
    let topic = topic
        .replace("version: 1", "version: 2")
        .replace("v1.schema", "v2.schema")
        .replace("/parents/*/name: {class: personal, of: /parents/*/personId}", "/parents/*/name: public")
        .replace("/registrationOffice", "/office")
        .replace("    /clerk: internal\n", "    /note: public\n");
    let schema = schema.replace("registrationOffice", "office").replace("clerk", "note");
    BTreeMap::from([
        ("topics/civil.birth.registered/topic.yaml".to_owned(), topic + steps),
        ("topics/civil.birth.registered/v2.schema.json".to_owned(), schema),
    ])
}

const STEPS: &str = "  migration:
    - renamed: {from: /registrationOffice, to: /office}
    - removed: /clerk
      value: nobody
";

fn second_birth(number: usize, note: &str) -> CloudEvent {
    let data = text(&birth(number)).replace("registrationOffice", "office");
    let (before, _) = data.split_once(",\"clerk\"").unwrap();
    let data = format!("{before}{note} }}");
    CloudEvent { data: Some(Data::Json(Bytes::from(data))), ..birth(number) }
}

fn acknowledge(agency: &str) -> Command {
    let agency = AgencyName::parse(agency).unwrap();
    Command::AcknowledgeContract { topic: topic(), version: ContractVersion(2), agency }
}

/// Two births of version 1, then version 2 live without anybody's word.
async fn carried(folder: &std::path::Path) -> World {
    let world = world(folder).await;
    for number in 1..=2 {
        receipt(publish(&world, birth(number)).await);
    }
    let plan = world.bus.apply(&world.operator, &second_version(STEPS), true).await;
    let live = plan.unwrap_or_else(|refusal| panic!("{refusal}"));
    assert!(live.steps.iter().any(|step| step.what.contains("active")), "{live}");
    world
}

async fn pulled(world: &World, caller: &bus::Caller, name: &contract::SubscriptionName) -> Vec<Delivered> {
    let pull = Pull { from: Some(bus::From::Earliest), ..all() };
    let mut events = world.bus.pull(caller, name, pull).await.unwrap().events;
    events.sort_by(|a, b| a.event.id.cmp(&b.event.id));
    events
}

#[tokio::test(flavor = "multi_thread")]
async fn a_carried_reader_is_handed_what_both_versions_give() {
    let folder = tempfile::tempdir().unwrap();
    let world = carried(folder.path()).await;
    for name in [cleared(), uncleared()] {
        let found =
            world.bus.subscriptions(&world.operator).into_iter().find(|one| one.name == name).unwrap();
        assert_eq!(found.carried_on(), Some(ContractVersion(1)), "{name}");
    }
    receipt(publish(&world, second_birth(3, "")).await);
    let wanted = r#""registrationOffice":"North""#;
    let told = pulled(&world, &world.tax, &cleared()).await;
    assert_eq!(told.len(), 3);
    assert_eq!(text(&told[0].event), text(&birth(1)), "its own version goes as it lies, byte for byte");
    let third = text(&told[2].event);
    assert!(third.contains(wanted) && third.contains(r#""clerk":"nobody""#), "{third}");
    assert!(third.contains("Thaddeus W3") && third.contains("PID-0000003"), "{third}");
    let told = pulled(&world, &world.statistics, &uncleared()).await;
    let third = text(&told[2].event);
    assert!(third.contains(wanted), "{third}");
    for kept in ["nobody", "clerk", "Thaddeus", "PID", "office\""] {
        assert!(!third.contains(kept), "{kept}: {third}");
    }
    let delivery = world.bus.pull(&world.statistics, &uncleared(), all()).await.unwrap();
    assert_eq!(delivery.carried_on, Some(ContractVersion(1)));
    // What it was not handed cannot be found out by asking either.
    let (place, name) = (&told[2], uncleared());
    let guess = "is it Thaddeus W3?";
    world.bus.reject(&world.statistics, &name, place.partition, place.offset, guess).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_agency_that_agrees_later_goes_over() {
    let folder = tempfile::tempdir().unwrap();
    let world = carried(folder.path()).await;
    receipt(publish(&world, second_birth(3, "")).await);
    let world = reopened(world, folder.path()).await;
    let told = pulled(&world, &world.statistics, &uncleared()).await;
    assert!(text(&told[2].event).contains("registrationOffice"), "after a start too");

    let token = world.bus.create_principal(
        &world.operator,
        "head@statistics".parse().unwrap(),
        AgencyName::parse("statistics").unwrap(),
        governance::Roles::from(governance::Role::Steward),
    );
    let head = world.bus.identify(&token.await.unwrap().token).unwrap();
    world.bus.govern(&head, acknowledge("statistics")).await.unwrap();
    let told = pulled(&world, &world.statistics, &uncleared()).await;
    assert!(text(&told[2].event).contains(r#""office":"North""#));
    assert!(text(&told[2].event).contains("Thaddeus W3"), "public in the version that it agreed to");
    assert!(
        world.bus.govern(&head, acknowledge("statistics")).await.unwrap().events.is_empty(),
        "said again"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_taken_back_is_set_aside_and_holds_nobody_up() {
    let folder = tempfile::tempdir().unwrap();
    let world = carried(folder.path()).await;
    let odd = receipt(publish(&world, second_birth(3, ",\"note\":\"secret note\"")).await);
    let told = pulled(&world, &world.statistics, &uncleared()).await;
    assert_eq!(told.len(), 2, "the odd one is not handed over");
    let letters = world.bus.dead_letters(&world.statistics, Some(&uncleared())).unwrap();
    let letter = &letters[0];
    assert_eq!((letters.len(), letter.partition, letter.offset), (1, odd.partition, odd.offset));
    assert_eq!(
        letter.reason,
        "cannot be taken back to the version that is read: v1: what the migration leads to has a field that this version \
         does not know"
    );
    assert_eq!(letter.by.as_str(), "clerk@bus");

    // From its own place it goes on behind it, and is not told twice.
    world.bus.seek(&world.statistics, &uncleared(), &bus::From::Latest).await.unwrap();
    let odd = receipt(publish(&world, second_birth(4, ",\"note\":\"n\"")).await);
    let delivery = world.bus.pull(&world.statistics, &uncleared(), all()).await.unwrap();
    assert!(delivery.events.is_empty());
    assert_eq!(world.bus.places(&world.statistics, &uncleared()).unwrap()[&odd.partition], odd.offset + 1);
    assert_eq!(world.bus.dead_letters(&world.statistics, Some(&uncleared())).unwrap().len(), 2);

    // One that keeps its own places is told where to go on.
    let wanted = Wanted { partition: odd.partition, offset: odd.offset, max_bytes: 1 << 20 };
    let fetch = Fetch { wanted: vec![wanted], max_bytes: 1 << 20 };
    let fetched =
        world.bus.fetch(&world.statistics, &uncleared(), fetch, |events| events.len()).await.unwrap();
    let portion = &fetched.portions[0];
    assert_eq!((portion.passed, portion.events.as_ref().unwrap()), (Some(odd.offset), &0));
    receipt(publish(&world, second_birth(5, "")).await);
    let delivery = world.bus.pull(&world.statistics, &uncleared(), all()).await.unwrap();
    assert_eq!(delivery.events[0].event.id, "birth-5");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_migration_that_loses_real_events_is_refused_with_places_alone_and_not_for_ever() {
    let folder = tempfile::tempdir().unwrap();
    let world = world(folder.path()).await;
    for number in 1..=5 {
        receipt(publish(&world, birth(number)).await);
    }
    let steps = "  migration:\n    - renamed: {from: /registrationOffice, to: /office}\n";
    let refusal = world.bus.apply(&world.operator, &second_version(steps), false).await.unwrap_err();
    assert_eq!((refusal.kind, refusal.code), (RefusalKind::Contract, Some("migration-fails")));
    assert!(refusal.text.contains("\nv2: the document is not valid; nothing was applied"), "{refusal}");
    // What was tried and what it came to is the audit's.
    let tried = world.bus.decisions(None, 1).unwrap().decisions.remove(0)["tried"].clone();
    assert_eq!(
        (&tried["came_to"]["events"], &tried["came_to"]["fit_new"]),
        (&5.into(), &0.into()),
        "{tried}"
    );
    for kept in ["Zephyrine", "Clerkson", "PID", "North"] {
        assert!(!refusal.text.contains(kept), "{refusal}");
    }
    let state = world.bus.state(&world.operator).unwrap();
    assert_eq!(state.topic(&topic()).unwrap().versions.len(), 1, "nothing was proposed");

    for _ in 1..20 {
        world.bus.apply(&world.operator, &second_version(steps), false).await.unwrap_err();
    }
    // Each failure says one thing of what is sealed: so many a day, and then none succeeds either.
    let late = world.bus.apply(&world.operator, &second_version(STEPS), false).await.unwrap_err();
    assert!(late.text.contains("20 did not carry each event of civil.birth.registered today"), "{late}");
    let world = reopened(world, folder.path()).await;
    world.bus.apply(&world.operator, &second_version(STEPS), false).await.unwrap();
    let state = world.bus.state(&world.operator).unwrap();
    let rehearsal = state.topic(&topic()).unwrap().versions[&ContractVersion(2)].rehearsal.clone().unwrap();
    assert_eq!((rehearsal.events, rehearsal.fit_new, rehearsal.fit_old, rehearsal.same), (5, 5, 5, 0));
    assert_eq!(rehearsal.losses, BTreeMap::from([("/clerk".to_owned(), 5)]));
}
