//! Events in which personal data was found: taken, read by nobody, and decided about once.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking, in its helpers too")]

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use crate::common::*;
use crate::erasures::{child, document, is_tombstone, office};
use crate::leaks::with_office;
use crate::planted_values::search;
use bus::clock::{Clock, SystemClock};
use bus::{
    Batch, Caller, Fetch, Incoming, Leaked, Outcome, Pull, Receipt, RefusalKind, SetApart, Speaker, Wanted,
};
use contract::{CloudEvent, TopicName};
use governance::commands::QuarantinedAt;
use governance::leaks::{Answer, Leaks};
use governance::{Command, Role, Standards};
use journal::{Embedded, Group, Journal, Options, RealDisk, StreamInfo};

/// What was found in events that were quarantined.
const COUNTED: &str =
    r#"chancery_leaks_found_total{topic="civil.birth.registered",detector="iban",answer="quarantine"}"#;

pub const ACCOUNT: &str = "NL91 ABNA 0417 1643 00";

pub fn leaking(number: usize) -> CloudEvent {
    with_office(number, &format!("pay to {ACCOUNT}"))
}

fn standards() -> Standards {
    let by_detector = BTreeMap::from([
        ("email".to_owned(), Answer::Flag),
        ("coordinates".to_owned(), Answer::Ignore),
        ("se-personnummer".to_owned(), Answer::Refuse),
    ]);
    Standards { leaks: Leaks { otherwise: Answer::Quarantine, by_detector }, ..Standards::default() }
}

pub async fn set(world: &World, standards: Standards) {
    world.bus.govern(&world.operator, Command::SetStandards { standards }).await.unwrap();
}

/// A world whose standards quarantine, with a data protection officer of the owner.
pub async fn watched(folder: &Path) -> (World, Caller) {
    let world = world(folder).await;
    set(&world, standards()).await;
    let officer = principal(&world.bus, &world.operator, "d@civil-registry", Role::Dpo).await;
    (world, officer)
}

pub fn at(receipt: &Receipt) -> QuarantinedAt {
    let Receipt { topic, partition, offset, .. } = receipt.clone();
    QuarantinedAt { topic, partition, offset, reason: "the office's own account".to_owned() }
}

/// What was found in an event that waits.
pub fn found_in(receipt: &Receipt) -> &[Leaked] {
    match &receipt.quarantined {
        Some(SetApart::Waits(found)) => found,
        _ => &[],
    }
}

/// The ids of what is read from the beginning, a few at a time.
pub async fn read(world: &World) -> Vec<String> {
    let mut ids = Vec::new();
    let mut from = bus::From::Earliest;
    loop {
        let pull = Pull { max: 2, from: Some(from), ..Pull::default() };
        let delivery = world.bus.pull(&world.tax, &cleared(), pull).await.unwrap();
        if delivery.events.is_empty() {
            ids.sort();
            return ids;
        }
        ids.extend(delivery.events.iter().map(|one| one.event.id.clone()));
        from = bus::From::Cursor(delivery.cursor);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_quarantined_is_taken_and_read_by_nobody() {
    let folder = tempfile::tempdir().unwrap();
    let (mut world, officer) = watched(folder.path()).await;
    receipt(publish(&world, birth(1)).await);
    let taken = receipt(publish(&world, leaking(2)).await);
    let iban = Leaked { place: "/registrationOffice".to_owned(), detector: "iban".to_owned() };
    assert_eq!(found_in(&taken), std::slice::from_ref(&iban));
    // What is refused is refused, whatever else is found.
    let both = refusal(publish(&world, with_office(3, &format!("{ACCOUNT} of 811228-9874"))).await);
    assert!(both.text.contains("Swedish personnummer") && !both.text.contains("IBAN"), "{both}");
    for number in 4..8 {
        receipt(publish(&world, birth(number)).await);
    }
    assert!(world.bus.metrics_text().contains(&format!("{COUNTED} 1")));
    let others = ["birth-1", "birth-4", "birth-5", "birth-6", "birth-7"];
    for restarted in [false, true] {
        if restarted {
            world = reopened(world, folder.path()).await;
        }
        assert_eq!(read(&world).await, others);
        assert_eq!(publish(&world, leaking(2)).await, Outcome::Duplicate(taken.clone()));
        let other = CloudEvent { ty: "civil.birth.registered.v1".to_owned(), ..leaking(2) };
        assert_eq!(refusal(publish(&world, other).await).kind, RefusalKind::Conflict);
        let waiting = world.bus.quarantined(&officer, &topic()).unwrap();
        assert_eq!(waiting.len(), 1);
        let mut believing = standards();
        believing.consent.topics.insert(topic());
        let believe = Command::SetStandards { standards: believing };
        let refused = world.bus.govern(&world.operator, believe).await.unwrap_err();
        assert!(
            refused.text.contains("wait in quarantine") && refused.text.contains("1 wait for"),
            "{refused}"
        );
        assert_eq!((waiting[0].partition, waiting[0].offset), (taken.partition, taken.offset));
        assert_eq!(
            (waiting[0].by.as_str(), &waiting[0].found[..]),
            ("register@civil-registry", std::slice::from_ref(&iban))
        );
    }
    let unknown = world.bus.trace(&world.operator, "birth-2").unwrap_err();
    assert_eq!(unknown.kind, RefusalKind::Unknown);
    let rejected = world.bus.reject(&world.tax, &cleared(), taken.partition, taken.offset, "cannot").await;
    assert_eq!(rejected.unwrap_err().kind, RefusalKind::Unknown);
    for other in [&world.tax, &world.registry] {
        assert_eq!(world.bus.quarantined(other, &topic()).unwrap_err().kind, RefusalKind::Forbidden);
    }
    let proof = world.bus.audit().prove(&topic(), taken.partition, taken.offset).unwrap();
    assert_eq!(proof["publication"]["leaf"], taken.leaf);
    let mut bundle = Vec::new();
    world.bus.export_audit(true, &mut bundle).unwrap();
    let bundle = String::from_utf8(bundle).unwrap();
    assert!(bundle.contains(r#"\"answer\":\"quarantine\""#) && !bundle.contains("ABNA"));
    // The counters are of the bus as it runs now: what is sent again is not found again.
    assert!(!world.bus.metrics_text().contains(COUNTED), "{}", world.bus.metrics_text());
    world.bus.close().await;
    search(folder.path(), b"ABNA");
    search(folder.path(), b"birth-2");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_consumer_goes_past_what_is_quarantined_and_waits_behind_it() {
    let folder = tempfile::tempdir().unwrap();
    let (world, _) = watched(folder.path()).await;
    let batch = |numbers: std::ops::Range<usize>| {
        let events: Vec<Incoming> = numbers.map(|number| Ok(leaking(number))).collect();
        Batch { partition: 2, sequence: None, bytes: 1024, read: Box::new(move || events) }
    };
    let submitted = world.bus.submit(&world.registry, &topic(), batch(0..4)).await.unwrap();
    assert!(submitted.outcomes().await.unwrap().into_iter().all(|one| receipt(one).quarantined.is_some()));
    let speaker = Speaker {
        id: "t".to_owned(),
        producer: world.bus.begin_producer(&world.registry, "t", 60_000, None).unwrap(),
    };
    world.bus.stage(&world.registry, &speaker, &topic(), batch(4..6), (0, 2)).await.unwrap();
    world.bus.end_transaction(&world.registry, &speaker, true).await.unwrap();
    let pull = Pull { max: 1, wait_ms: 200, ..Pull::default() };
    assert!(world.bus.pull(&world.tax, &cleared(), pull.clone()).await.unwrap().events.is_empty());
    let lag = world.bus.lag(&world.tax, &cleared()).unwrap();
    assert_eq!(lag[2].place, 6, "its place is behind them");
    let wanted = Wanted { partition: 2, offset: 0, max_bytes: 1 << 20 };
    let fetch = Fetch { wanted: vec![wanted], max_bytes: 1 << 20 };
    let fetched = world.bus.fetch(&world.tax, &cleared(), fetch, |events| events.len()).await.unwrap();
    assert_eq!((fetched.portions[0].passed, fetched.portions[0].events.clone().unwrap()), (Some(5), 0));
    receipt(publish(&world, birth(9)).await);
    let seen = world.bus.pull(&world.tax, &cleared(), Pull { wait_ms: 5_000, ..pull }).await.unwrap();
    assert_eq!(seen.events[0].event.id, "birth-9");
    world.bus.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_released_is_read_once_and_in_order() {
    let folder = tempfile::tempdir().unwrap();
    let (mut world, officer) = watched(folder.path()).await;
    let taken = receipt(publish(&world, leaking(1)).await);
    let refused = world.bus.release_quarantined(&world.operator, at(&taken)).await.unwrap_err();
    assert_eq!(refused.kind, RefusalKind::Forbidden);
    let without = QuarantinedAt { reason: " ".to_owned(), ..at(&taken) };
    assert!(world.bus.release_quarantined(&officer, without).await.is_err());
    let shown = world.bus.show_quarantined(&officer, &topic(), taken.partition, taken.offset).await.unwrap();
    let data = text(&shown);
    assert!(data.contains("ABNA") && data.contains("Clerkson") && !data.contains("Zephyrine"), "{data}");
    assert!(shown.subject.is_none() && !format!("{shown:?}").contains("PID-"), "{shown:?}");
    let tax = world.bus.show_quarantined(&world.tax, &topic(), taken.partition, taken.offset).await;
    assert_eq!(tax.unwrap_err().kind, RefusalKind::Forbidden);
    let released = world.bus.release_quarantined(&officer, at(&taken)).await.unwrap();
    assert_eq!((released.partition, released.offset), (taken.partition, taken.offset + 1));
    assert_eq!(released.quarantined, None);
    for restarted in [false, true] {
        if restarted {
            world = reopened(world, folder.path()).await;
            assert_eq!(world.bus.bring_due().await.unwrap(), []);
        }
        assert_eq!(world.bus.release_quarantined(&officer, at(&taken)).await.unwrap(), released);
        let other = world.bus.discard_quarantined(&officer, at(&taken)).await.unwrap_err();
        assert!(other.text.contains("was released already"), "{other}");
        assert_eq!(world.bus.quarantined(&officer, &topic()).unwrap(), []);
        assert_eq!(publish(&world, leaking(1)).await, Outcome::Duplicate(released.clone()));
        let seen = world.bus.pull(&world.tax, &cleared(), all()).await.unwrap();
        assert_eq!(seen.events.len(), 1);
        assert_eq!((&seen.events[0].event, seen.events[0].offset), (&leaking(1), released.offset));
        assert_eq!(world.bus.trace(&world.operator, "birth-1").unwrap().len(), 1);
    }
    world.bus.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_decided_before_the_bus_died_is_placed_after_the_start_and_once() {
    let folder = tempfile::tempdir().unwrap();
    let (world, officer) = watched(folder.path()).await;
    let taken = receipt(publish(&world, leaking(1)).await);
    // The command alone places nothing: so a bus that dies behind the decision leaves it.
    world.bus.govern(&officer, Command::ReleaseQuarantined(at(&taken))).await.unwrap();
    let world = reopened(world, folder.path()).await;
    for _ in 0..2 {
        // The clerk may be about it at the same moment.
        let (one, other) =
            tokio::join!(world.bus.bring_due(), world.bus.release_quarantined(&officer, at(&taken)));
        assert_eq!((one.unwrap(), other.unwrap().offset), (Vec::new(), taken.offset + 1));
    }
    assert_eq!(read(&world).await, ["birth-1"]);
    assert_eq!(world.bus.bounds(&topic(), taken.partition).unwrap().1, taken.offset + 2);
    world.bus.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_discarded_nobody_reads_again() {
    let folder = tempfile::tempdir().unwrap();
    let (mut world, officer) = watched(folder.path()).await;
    let (first, second) =
        (receipt(publish(&world, leaking(1)).await), receipt(publish(&world, leaking(2)).await));
    let said = ("a case".to_owned(), "court 4711".to_owned());
    let hold = world.bus.hold_topic(&officer, topic(), said).await.unwrap();
    let held = world.bus.discard_quarantined(&officer, at(&first)).await.unwrap_err();
    assert!(held.text.contains("a legal hold keeps the events"), "{held}");
    let lift = Command::LiftHold { hold, reason: "it is over".to_owned() };
    world.bus.govern(&officer, lift).await.unwrap();
    for _ in 0..2 {
        world.bus.discard_quarantined(&officer, at(&first)).await.unwrap();
    }
    let clock = later();
    for restarted in [false, true] {
        if restarted {
            world = reopened_by(world, folder.path(), clock.clone()).await;
        }
        let gone = world.bus.show_quarantined(&officer, &topic(), first.partition, first.offset).await;
        assert_eq!(gone.unwrap_err().kind, RefusalKind::Unknown);
        let other = world.bus.release_quarantined(&officer, at(&first)).await.unwrap_err();
        assert!(other.text.contains("was discarded already"), "{other}");
        let told = Receipt { quarantined: Some(SetApart::Discarded), ..first.clone() };
        assert_eq!(publish(&world, leaking(1)).await, Outcome::Duplicate(told));
        assert_eq!(world.bus.quarantined(&officer, &topic()).unwrap().len(), 1);
    }
    // Nobody decides about the other one, and so the clerk does.
    clock.advance(91 * 24 * 3600 * 1000);
    until(async || world.bus.quarantined(&officer, &topic()).unwrap().is_empty().then_some(())).await;
    let other = world.bus.release_quarantined(&officer, at(&second)).await.unwrap_err();
    assert!(other.text.contains("was discarded already"), "{other}");
    assert_eq!(read(&world).await, [""; 0]);
    world.bus.close().await;
}

/// The first asking may have died with the process, and nobody may have heard it.
#[tokio::test(flavor = "multi_thread")]
async fn what_waits_is_asked_about_on_each_day_until_it_is_decided_about() {
    let folder = tempfile::tempdir().unwrap();
    let (world, officer) = watched(folder.path()).await;
    let first = receipt(publish(&world, leaking(1)).await);
    let clock = later();
    let world = reopened_by(world, folder.path(), clock.clone()).await;
    let asked = || {
        let told = world.bus.notices(&world.operator, None, 1_000).unwrap();
        told.iter().filter(|told| told.notice.text.contains("1 event, quarantined")).count()
    };
    until(async || (asked() > 0).then_some(())).await;
    for _ in 0..2 {
        let before = asked();
        clock.advance(24 * 3600 * 1000);
        until(async || (asked() > before).then_some(())).await;
        world.bus.bring_due().await.unwrap();
        assert_eq!(asked(), before + 1);
    }
    world.bus.release_quarantined(&officer, at(&first)).await.unwrap();
    let before = asked();
    clock.advance(24 * 3600 * 1000);
    world.bus.bring_due().await.unwrap();
    assert_eq!(asked(), before);
    world.bus.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_is_erased_meanwhile_is_erased_in_what_is_released_and_a_hold_is_kept_to() {
    let folder = tempfile::tempdir().unwrap();
    let office = office(folder.path()).await;
    set(&office.world, standards()).await;
    let taken = receipt(publish(&office.world, leaking(1)).await);
    // A hold on the topic keeps it, as it keeps every event, though only the seal's inside says whom it is about.
    let bus = &office.world.bus;
    let said = ("a case".to_owned(), "court 4711".to_owned());
    let hold = bus.hold_topic(office.officer(), topic(), said).await.unwrap();
    let erasure = office.asked(&child(1)).await;
    office.approved(&erasure).await;
    assert_eq!(office.status(&erasure), "approved");
    bus.govern(office.officer(), Command::LiftHold { hold, reason: "over".to_owned() }).await.unwrap();
    until(async || {
        bus.bring_due().await.unwrap();
        (office.status(&erasure) == "carried-out").then_some(())
    })
    .await;
    office.world.bus.release_quarantined(office.officer(), at(&taken)).await.unwrap();
    let events = office.read().await;
    assert!(events.len() == 1 && is_tombstone(&events[0]), "{events:?}");
    assert!(document(&events[0])["registrationOffice"].as_str().unwrap().contains("ABNA"));
    office.world.bus.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_quarantine_that_is_full_refuses() {
    let folder = tempfile::tempdir().unwrap();
    let (world, officer) = watched(folder.path()).await;
    let taken = receipt(publish(&world, leaking(1)).await);
    let World { bus, operator, registry, tax, statistics } = world;
    bus.close().await;
    drop(bus);
    fill(folder.path(), bus::limits::QUARANTINE_MAX - 1);
    let (bus, _) = open(folder.path()).await;
    let gate = Gate::before("civil.birth.registered");
    let world = World { bus, operator, registry, tax, statistics };
    let world = gated(world, folder.path(), &gate).await;
    let full = refusal(publish(&world, leaking(2)).await);
    assert_eq!(full.kind, RefusalKind::Contract);
    assert!(full.text.contains("/registrationOffice (iban), and 10000 events"), "{full}");
    assert!(!world.bus.metrics_text().contains(COUNTED), "what is not taken is not found");
    assert!(matches!(publish(&world, leaking(1)).await, Outcome::Duplicate(_)));
    // What is released and only to be placed takes no room, however long that lasts.
    world.bus.govern(&officer, Command::ReleaseQuarantined(at(&taken))).await.unwrap();
    gate.shut(true);
    let second = receipt(publish(&world, leaking(2)).await);
    refusal(publish(&world, leaking(3)).await);
    gate.shut(false);
    world.bus.release_quarantined(&officer, at(&taken)).await.unwrap();
    refusal(publish(&world, leaking(3)).await);
    world.bus.discard_quarantined(&officer, at(&second)).await.unwrap();
    receipt(publish(&world, leaking(3)).await);
    world.bus.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_subject_that_is_nothing_but_a_citizens_number_has_the_answer_of_its_detector() {
    let folder = tempfile::tempdir().unwrap();
    let (world, _) = watched(folder.path()).await;
    let round = round(&world).await;
    let done = async |number: usize, subject: &str| {
        let event = CloudEvent { subject: Some(subject.to_owned()), ..round_done(&round, number) };
        world.bus.publish(&world.registry, &round, vec![Ok(event)]).await.unwrap().remove(0)
    };
    let found = Leaked { place: "attribute subject".to_owned(), detector: "nl-bsn".to_owned() };
    let by_detector = |answer| BTreeMap::from([("nl-bsn".to_owned(), answer)]);
    for (number, answer) in [Answer::Quarantine, Answer::Flag].into_iter().enumerate() {
        let leaks = Leaks { otherwise: Answer::Ignore, by_detector: by_detector(answer) };
        set(&world, Standards { leaks, ..Standards::default() }).await;
        let taken = receipt(done(number, "111222333").await);
        assert_eq!(found_in(&taken).contains(&found), answer == Answer::Quarantine, "{taken:?}");
    }
    let metrics = world.bus.metrics_text();
    let counted = r#"{topic="audit.round.done",detector="nl-bsn",answer="flag"} 1"#;
    assert!(metrics.contains(counted), "{metrics}");
    assert_eq!(receipt(done(3, "round 3").await).quarantined, None);
    world.bus.close().await;
}

/// A topic of the registry's about nobody, with one partition.
pub async fn round(world: &World) -> TopicName {
    round_of(world, "civil-registry", "standard").await
}

/// The same of another agency, or in another lane.
pub async fn round_of(world: &World, owner: &str, latency: &str) -> TopicName {
    let yaml = "topic: audit.round.done\nowner: civil-registry\nsteward: m.okafor@civil-registry\n\
                deputy: l.brandt@civil-registry\ndescription: A round of checks was done.\n\
                legal_basis: Civil Registration Act §12\nlatency: standard\npartitions: 1\n\
                retention: 10y\nkey: none\ncontract:\n  \
                version: 1\n  format: json-schema\n  schema: v1.schema.json\n  classify:\n    /note: internal\n";
    let schema = r#"{"type":"object","additionalProperties":false,"properties":{"note":{"type":"string"}}}"#;
    let yaml =
        yaml.replace("civil-registry", owner).replace("latency: standard", &format!("latency: {latency}"));
    let mut files = files();
    files.insert("topics/audit.round.done/topic.yaml".to_owned(), yaml);
    files.insert("topics/audit.round.done/v1.schema.json".to_owned(), schema.to_owned());
    world.bus.apply(&world.operator, &files, false).await.unwrap();
    "audit.round.done".parse().unwrap()
}

pub fn round_done(round: &TopicName, number: usize) -> CloudEvent {
    CloudEvent {
        id: format!("round-{number}"),
        source: "urn:xx:civil-registry:register".to_owned(),
        ty: round.to_string(),
        data: Some(contract::Data::Json(r#"{"note":"none"}"#.into())),
        ..CloudEvent::empty()
    }
}

/// Notes so many events that came, far behind the topic's end.
fn fill(folder: &Path, count: usize) {
    let options = Options { log_bytes: 1 << 20, ..Options::default() };
    let (journal, _) = Embedded::open(folder.join("journal"), Arc::new(RealDisk::new()), options).unwrap();
    note(&journal, count, |number| {
        serde_json::json!({"what": "came", "topic": topic(), "partition": 0, "offset": 1_000 + number,
            "by": "register@civil-registry", "agency": "civil-registry", "key": "00", "found": []})
    });
}

/// The stream of what is noted of quarantined events of the standard lane.
pub fn notes(journal: &Embedded) -> StreamInfo {
    journal.streams().into_iter().find(|it| it.spec.name == "quarantine/standard").unwrap()
}

/// Notes so much of quarantined events.
pub fn note(journal: &Embedded, count: usize, what: impl Fn(u64) -> serde_json::Value) {
    let info = notes(journal);
    let first = journal.bounds(info.id).unwrap().next;
    let (mut group, now_ms) = (Group::new(), SystemClock.now_ms());
    for number in 0..count as u64 {
        let body = what(number).to_string();
        group.push(info.id, first + number, now_ms, &[], &[body.as_bytes()]);
        if group.bytes() > 200_000 || number + 1 == count as u64 {
            journal.append(info.spec.lane, &mut group).unwrap();
            group.clear();
        }
    }
}
