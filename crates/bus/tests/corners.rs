//! Promises in the corners: many letters, many people, long times, questions that must not be answered.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking, in its helpers too")]

use std::sync::Arc;

use crate::common::*;
use bus::clock::SetClock;
use bus::{Outcome, Pull, RefusalKind};
use contract::{AgencyName, CloudEvent, Data, PrincipalName, TopicName};
use governance::{Role, Roles};

#[tokio::test(flavor = "multi_thread")]
async fn a_redriven_letter_that_was_not_handed_over_is_not_resolved() {
    let folder = tempfile::tempdir().unwrap();
    let world = world(folder.path()).await;
    for number in 0..10 {
        receipt(publish(&world, birth(number)).await);
    }
    let delivery = world.bus.pull(&world.tax, &cleared(), all()).await.unwrap();
    for event in &delivery.events {
        world
            .bus
            .reject(&world.tax, &cleared(), event.partition, event.offset, "not understood")
            .await
            .unwrap();
    }
    world.bus.commit(&world.tax, &cleared(), &delivery.cursor).await.unwrap();
    let one = world.bus.dead_letters(&world.tax, None).unwrap().remove(0);
    world.bus.redrive(&world.tax, &one.id).await.unwrap();
    assert_eq!(world.bus.redrive_all(&world.tax, &cleared()).await.unwrap(), 9, "one waited for it already");
    assert_eq!(world.bus.redrive_all(&world.tax, &cleared()).await.unwrap(), 0);
    for left in (0..10).rev() {
        let one = world.bus.pull(&world.tax, &cleared(), Pull { max: 1, ..Pull::default() }).await.unwrap();
        assert_eq!((one.events.len(), one.events[0].redriven), (1, 1));
        world.bus.commit(&world.tax, &cleared(), &one.cursor).await.unwrap();
        assert_eq!(world.bus.dead_letters(&world.tax, None).unwrap().len(), left);
    }
    world.bus.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn all_letters_of_a_subscription_are_given_up_by_who_consumes_under_it() {
    let folder = tempfile::tempdir().unwrap();
    let world = world(folder.path()).await;
    for number in 0..3 {
        receipt(publish(&world, birth(number)).await);
    }
    for event in world.bus.pull(&world.tax, &cleared(), all()).await.unwrap().events {
        world
            .bus
            .reject(&world.tax, &cleared(), event.partition, event.offset, "not understood")
            .await
            .unwrap();
    }
    let refusal = world.bus.discard_all(&world.statistics, &cleared(), "mine now").await.unwrap_err();
    assert_eq!(refusal.kind, RefusalKind::Forbidden, "{refusal}");
    assert_eq!(world.bus.discard_all(&world.tax, &cleared(), "older than a year").await.unwrap(), 3);
    let world = reopened(world, folder.path()).await;
    assert!(world.bus.dead_letters(&world.tax, None).unwrap().is_empty());
    world.bus.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_goes_on_from_a_delivery_is_not_handed_its_letters_again() {
    let folder = tempfile::tempdir().unwrap();
    let world = world(folder.path()).await;
    receipt(publish(&world, birth(1)).await);
    let first = world.bus.pull(&world.tax, &cleared(), all()).await.unwrap();
    let event = &first.events[0];
    let letter = world
        .bus
        .reject(&world.tax, &cleared(), event.partition, event.offset, "not understood")
        .await
        .unwrap();
    world.bus.commit(&world.tax, &cleared(), &first.cursor).await.unwrap();
    world.bus.redrive(&world.tax, &letter.id).await.unwrap();
    let again = world.bus.pull(&world.tax, &cleared(), all()).await.unwrap();
    assert_eq!(again.events[0].redriven, 1);
    let mut cursor = again.cursor;
    for _ in 0..4 {
        let on = Pull { from: Some(bus::From::Cursor(cursor.clone())), ..all() };
        let next = world.bus.pull(&world.tax, &cleared(), on).await.unwrap();
        assert!(next.events.is_empty());
        assert_eq!(next.cursor.redriven, cursor.redriven, "whose commit settles it is said all along");
        cursor = bus::Cursor::parse(&next.cursor.encode()).unwrap();
    }

    // Nor is who says so that they have had it, however often they ask; but when it is redriven anew.
    let at = (event.partition, event.offset);
    let had = Pull { had: bus::Letters::from([(at, 1)]), ..all() };
    for _ in 0..2 {
        assert!(world.bus.pull(&world.tax, &cleared(), had.clone()).await.unwrap().events.is_empty());
    }
    world.bus.reject(&world.tax, &cleared(), at.0, at.1, "still not understood").await.unwrap();
    world.bus.redrive(&world.tax, &letter.id).await.unwrap();
    let anew = world.bus.pull(&world.tax, &cleared(), had).await.unwrap();
    assert_eq!(anew.events[0].redriven, 2);
    // Nor does a cursor of before settle it, or keep it back.
    let on = Pull { from: Some(bus::From::Cursor(cursor.clone())), ..all() };
    assert_eq!(world.bus.pull(&world.tax, &cleared(), on).await.unwrap().events[0].redriven, 2);
    world.bus.commit(&world.tax, &cleared(), &cursor).await.unwrap();
    assert_eq!(world.bus.dead_letters(&world.tax, None).unwrap().len(), 1);
    world.bus.commit(&world.tax, &cleared(), &anew.cursor).await.unwrap();
    assert!(world.bus.dead_letters(&world.tax, None).unwrap().is_empty());
    world.bus.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_goes_on_without_a_commit_is_handed_each_of_many_letters_once_and_the_events_behind_them() {
    const MANY: usize = 230;
    let folder = tempfile::tempdir().unwrap();
    let world = world(folder.path()).await;
    for from in (0..MANY).step_by(46) {
        let events = (from..from + 46).map(|number| Ok(birth(number))).collect();
        world
            .bus
            .publish(&world.registry, &topic(), events)
            .await
            .unwrap()
            .into_iter()
            .for_each(|it| drop(receipt(it)));
    }
    let first = world.bus.pull(&world.tax, &cleared(), all()).await.unwrap();
    for event in &first.events {
        world.bus.reject(&world.tax, &cleared(), event.partition, event.offset, "later").await.unwrap();
    }
    world.bus.commit(&world.tax, &cleared(), &first.cursor).await.unwrap();
    assert_eq!(world.bus.redrive_all(&world.tax, &cleared()).await.unwrap(), MANY);
    for number in MANY..MANY + 5 {
        receipt(publish(&world, birth(number)).await);
    }
    let (mut from, mut seen) = (None, Vec::new());
    for _ in 0..8 {
        let pull = Pull { max: 90, from: from.map(bus::From::Cursor), ..Pull::default() };
        let delivery = world.bus.pull(&world.tax, &cleared(), pull).await.unwrap();
        seen.extend(delivery.events.iter().map(|it| it.event.id.clone()));
        from = Some(delivery.cursor);
    }
    let handed = seen.len();
    assert_eq!(handed, 200 + 5, "as many letters as a cursor names, and what is new");
    seen.sort();
    seen.dedup();
    assert_eq!(seen.len(), handed, "each once");
    world.bus.commit(&world.tax, &cleared(), &from.unwrap()).await.unwrap();
    let rest = world.bus.pull(&world.tax, &cleared(), all()).await.unwrap();
    assert_eq!((rest.events.len(), rest.events[0].redriven), (MANY - 200, 1), "the others, after the commit");
    world.bus.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reason_is_not_compared_with_what_its_consumer_was_never_handed() {
    let folder = tempfile::tempdir().unwrap();
    let world = world(folder.path()).await;
    let placed = receipt(publish(&world, birth(1)).await);
    for guess in ["Zephyrine Q1", "Zephyrine Q2"] {
        let reason = format!("is it {guess}");
        let asked =
            world.bus.reject(&world.statistics, &uncleared(), placed.partition, placed.offset, &reason).await;
        assert!(asked.is_ok(), "a right and a wrong guess must look the same: {guess}");
    }
    let reason = "it was Zephyrine Q1";
    let refused = world.bus.reject(&world.tax, &cleared(), placed.partition, placed.offset, reason).await;
    assert_eq!(refused.unwrap_err().kind, RefusalKind::Contract, "who was handed it must not write it down");
    world.bus.close().await;
}

const ROUND: &str = "topic: audit.round.done
owner: civil-registry
steward: m.okafor@civil-registry
deputy: l.brandt@civil-registry
description: A round of checks was done.
legal_basis: Civil Registration Act §12
partitions: 1
retention: 10y
key: none
contract:
  version: 1
  format: json-schema
  schema: v1.schema.json
  compatibility: BACKWARD
  classify:
    /note: internal
";

#[tokio::test(flavor = "multi_thread")]
async fn a_contract_that_says_where_the_identity_stands_needs_no_attributes() {
    let folder = tempfile::tempdir().unwrap();
    let (bus, opened) = open(folder.path()).await;
    let operator = bus.identify(&opened.operator_token.unwrap()).unwrap();
    let mut files = files();
    let schema = r#"{"type":"object","additionalProperties":false,"properties":{"note":{"type":"string"},"number":{"type":"string"}}}"#;
    let round = ROUND.replace("  classify:\n", "  identity: /number\n  classify:\n    /number: public\n");
    files.insert("topics/audit.round.done/topic.yaml".to_owned(), round);
    files.insert("topics/audit.round.done/v1.schema.json".to_owned(), schema.to_owned());
    bus.apply(&operator, &files, false).await.unwrap();
    let name = PrincipalName::parse("register@civil-registry").unwrap();
    let agency = AgencyName::parse("civil-registry").unwrap();
    let made = bus.create_principal(&operator, name, agency, Roles::from(Role::Producer)).await.unwrap();
    let registry = bus.identify(&made.token).unwrap();
    let round = TopicName::parse("audit.round.done").unwrap();
    let bare = |data: &'static str| CloudEvent { data: Some(Data::Json(data.into())), ..CloudEvent::empty() };
    let publish =
        async |event: CloudEvent| bus.publish(&registry, &round, vec![Ok(event)]).await.unwrap().remove(0);
    let first = receipt(publish(bare(r#"{"number":"R-7","note":"none"}"#)).await);
    assert_eq!(publish(bare(r#"{"number":"R-7","note":"none"}"#)).await, Outcome::Duplicate(first));
    let conflict = refusal(publish(bare(r#"{"number":"R-7","note":"two"}"#)).await);
    assert_eq!(conflict.kind, RefusalKind::Conflict);
    let nameless = refusal(publish(bare(r#"{"note":"none"}"#)).await);
    assert!(nameless.text.contains("id is empty"), "{nameless}");
    let traced = bus.trace(&operator, "R-7").unwrap();
    assert_eq!(traced[0].source, "urn:xx:civil-registry:register@civil-registry");
    bus.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_about_nobody_is_the_same_event_at_any_time() {
    let folder = tempfile::tempdir().unwrap();
    let clock = Arc::new(SetClock::at(1_800_000_000_000));
    let (bus, opened) = open_by(folder.path(), clock.clone()).await;
    let operator = bus.identify(&opened.operator_token.unwrap()).unwrap();
    let mut files = files();
    let schema = r#"{"type":"object","additionalProperties":false,"properties":{"note":{"type":"string"}}}"#;
    files.insert("topics/audit.round.done/topic.yaml".to_owned(), ROUND.to_owned());
    files.insert("topics/audit.round.done/v1.schema.json".to_owned(), schema.to_owned());
    bus.apply(&operator, &files, false).await.unwrap();
    let name = PrincipalName::parse("register@civil-registry").unwrap();
    let agency = AgencyName::parse("civil-registry").unwrap();
    let made = bus.create_principal(&operator, name, agency, Roles::from(Role::Producer)).await.unwrap();
    let registry = bus.identify(&made.token).unwrap();
    let round = TopicName::parse("audit.round.done").unwrap();
    let event = CloudEvent {
        ty: round.to_string(),
        subject: None,
        data: Some(Data::Json(r#"{"note":"nothing found"}"#.into())),
        ..birth(1)
    };
    let first = bus.publish(&registry, &round, vec![Ok(event.clone())]).await.unwrap().remove(0);
    let first = receipt(first);
    for hours in [7, 30, 300] {
        clock.advance(hours * 3_600_000);
        let again = bus.publish(&registry, &round, vec![Ok(event.clone())]).await.unwrap().remove(0);
        assert_eq!(again, Outcome::Duplicate(first.clone()), "after {hours} hours");
    }
    bus.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn everybody_whom_an_event_is_about_finds_it_in_their_report() {
    let folder = tempfile::tempdir().unwrap();
    let world = world(folder.path()).await;
    let parents: Vec<String> = (0..40)
        .map(|number| format!(r#"{{"personId":"PAR-9{number:06}","name":"Parent {number}"}}"#))
        .collect();
    let mut event = birth(1);
    let alone = r#"{"personId":"PAR-0000001","name":"Thaddeus W1"}"#;
    event.data = Some(Data::Json(text(&event).replace(alone, &parents.join(",")).into()));
    receipt(publish(&world, event).await);
    world.bus.pull(&world.tax, &cleared(), all()).await.unwrap();
    let name = PrincipalName::parse("eye@central-digital-agency").unwrap();
    let agency = AgencyName::parse("central-digital-agency").unwrap();
    let made = world.bus.create_principal(&world.operator, name, agency, Roles::from(Role::Regulator)).await;
    let regulator = world.bus.identify(&made.unwrap().token).unwrap();
    for person in ["PID-0000001", "PAR-9000000", "PAR-9000012", "PAR-9000039"] {
        let report = world.bus.person_disclosures(&regulator, person, None).unwrap();
        assert_eq!(report.iter().map(|line| line.events).sum::<u64>(), 1, "{person}");
    }
    world.bus.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_agency_sees_its_own_subscriptions_and_those_to_its_topics_only() {
    let folder = tempfile::tempdir().unwrap();
    let world = world(folder.path()).await;
    let seen =
        |caller| world.bus.subscriptions(caller).iter().map(|one| one.name.to_string()).collect::<Vec<_>>();
    assert_eq!(seen(&world.tax), ["tax-office.births"]);
    assert_eq!(seen(&world.registry), ["statistics.births", "tax-office.births"], "the topic's owner");
    assert_eq!(seen(&world.operator).len(), 2);
    assert!(world.bus.principals(&world.tax).iter().all(|one| one.agency == world.tax.agency));
    world.bus.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_key_of_the_marks_is_not_silently_made_anew() {
    let folder = tempfile::tempdir().unwrap();
    let world = world(folder.path()).await;
    world.bus.close().await;
    drop(world);
    std::fs::remove_file(folder.path().join("marks.key")).unwrap();
    let journal = journal::Embedded::open(
        folder.path().join("journal"),
        Arc::new(journal::RealDisk::new()),
        journal::Options { log_bytes: 1 << 20, ..journal::Options::default() },
    );
    let settings = bus::Settings {
        data: folder.path().to_owned(),
        name: "test-bus".to_owned(),
        state_prefix: None,
        keys: Default::default(),
    };
    let clock = Arc::new(bus::clock::SystemClock);
    let opened = bus::Bus::open(settings, Arc::new(journal.unwrap().0), Arc::new(TestKms), clock).await;
    let said = opened.err().unwrap().to_string();
    assert!(said.contains("marks.key") && said.contains("restore"), "{said}");
}
