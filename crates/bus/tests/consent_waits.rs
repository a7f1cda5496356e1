//! What is read by consent while something else goes on: other reading, a key that is out of reach, a clock that is set back,
//! a right that goes to another agency.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking, in its helpers too")]

use std::path::Path;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use crate::common::*;
use crate::erasures::{child, office};
use crate::person_consents::{PURPOSE, Word, believes, believes_beside, is_withheld, parent, withheld};
use bus::clock::{Clock, rfc3339};
use bus::{Bus, Caller, Delivered, Refusal, RefusalKind, Subject, Wanted};
use contract::{CloudEvent, Data, TopicName};
use governance::{Command, Role};
use journal::{Embedded, Journal, Options, RealDisk};
use seal::{Kms, KmsError, Secret};
use serde_json::json;

const PARTITIONS: u32 = 4;

#[tokio::test(flavor = "multi_thread")]
async fn what_was_read_first_does_not_leave_after_what_was_withdrawn_while_the_rest_was_read() {
    let folder = tempfile::tempdir().unwrap();
    let office = office(folder.path()).await;
    let keeper = believes(&office, "statistics").await;
    receipt(publish(&office.world, birth(1)).await);
    let (one, father) = (child(1), parent(1));
    for who in [&one, &father] {
        Word::of(who, "given").said(&office.world.bus, &keeper).await;
    }
    let wanted = |partition| Wanted { partition, offset: 0, max_bytes: 1 << 20 };
    let asked = (cleared(), (0..PARTITIONS).map(wanted).collect::<Vec<_>>());
    let (read, runtime) = (Arc::new(AtomicUsize::new(0)), tokio::runtime::Handle::current());
    let bus = office.world.bus.clone();
    let present = move |events: Vec<Delivered>| -> Vec<CloudEvent> {
        // The second reading of the event: the first one waits.
        if !events.is_empty() && read.fetch_add(1, Ordering::SeqCst) == 1 {
            runtime.block_on(Word::of(&father, "withdrawn").said(&bus, &keeper));
        }
        events.into_iter().map(|it| it.event).collect()
    };
    let all = [asked.clone(), asked];
    let fetched = office.world.bus.fetch_all(&office.world.tax, &all, 1 << 20, present).await;
    assert_eq!(fetched.len(), 2);
    for (at, fetched) in fetched.into_iter().enumerate() {
        let events: Vec<CloudEvent> =
            fetched.unwrap().portions.into_iter().flat_map(|portion| portion.events.unwrap()).collect();
        assert!(matches!(&events[..], [one] if is_withheld(one)), "topic {at}: {events:?}");
    }
    office.world.bus.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clock_that_was_set_back_lets_nothing_stand_again() {
    let folder = tempfile::tempdir().unwrap();
    let mut office = office(folder.path()).await;
    let keeper = believes(&office, "statistics").await;
    receipt(publish(&office.world, birth(1)).await);
    let clock = later();
    office.world = reopened_by(office.world, folder.path(), clock.clone()).await;
    let begun_ms = clock.now_ms();
    for who in [&child(1), &parent(1)] {
        Word { valid: Some("P1D"), at_ms: begun_ms, ..Word::of(who, "given") }
            .said(&office.world.bus, &keeper)
            .await;
    }
    assert_eq!(withheld(&office).await, [false]);
    clock.advance(86_400_000);
    assert_eq!(withheld(&office).await, [true]);
    clock.set(begun_ms);
    assert_eq!(withheld(&office).await, [true], "set back");
    // What was durable by then is remembered over a start: the disclosures were.
    office.world = reopened_by(office.world, folder.path(), clock.clone()).await;
    assert_eq!(withheld(&office).await, [true], "set back, and started again");
    office.world.bus.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_retention_took_of_a_believed_topic_counts_no_more_and_what_it_left_does_after_each_start() {
    const DAY_MS: u64 = 86_400_000;
    let folder = tempfile::tempdir().unwrap();
    let mut office = office(folder.path()).await;
    let shipped = "../../examples/consent/topics/consent.record.changed/topic.yaml";
    let yaml = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(shipped)).unwrap();
    let yaml = yaml.replace("civil-registry", "statistics").replace("retention: 10y", "retention: 30d");
    let more = [("topics/consent.record.changed/topic.yaml".to_owned(), yaml)];
    let keeper = believes_beside(&office, "statistics", more).await;
    for number in [1, 2] {
        receipt(publish(&office.world, birth(number)).await);
    }
    let clock = later();
    office.world = reopened_by(office.world, folder.path(), clock.clone()).await;
    let say = async |bus: &Bus, numbers: &[usize], state: &str| {
        for who in numbers.iter().flat_map(|number| [child(*number), parent(*number)]) {
            Word { at_ms: clock.now_ms(), ..Word::of(&who, state) }.said(bus, &keeper).await;
        }
    };
    say(&office.world.bus, &[1], "given").await;
    clock.advance(20 * DAY_MS);
    say(&office.world.bus, &[2], "given").await;
    assert_eq!(withheld(&office).await, [false, false]);
    clock.advance(11 * DAY_MS);
    assert_eq!(withheld(&office).await, [true, false], "no longer than the topic keeps it");
    for _ in 0..2 {
        // A start looks at once for what is past its retention.
        let World { bus, operator, registry, tax, statistics } = office.world;
        bus.close().await;
        drop(bus);
        let options = Options { log_bytes: 1 << 20, ..Options::default() };
        let (journal, _) =
            Embedded::open(folder.path().join("journal"), Arc::new(RealDisk::new()), options).unwrap();
        let journal = Arc::new(journal);
        let opened =
            Bus::open(settings(folder.path()), journal.clone(), Arc::new(TestKms), clock.clone()).await;
        let (bus, _) = opened.unwrap();
        office.world = World { bus, operator, registry, tax, statistics };
        let is_trimmed = || {
            let mut streams = journal.streams().into_iter();
            streams.any(|it| it.spec.name.contains(RECORDS) && journal.bounds(it.id).unwrap().first > 0)
        };
        until(async || is_trimmed().then_some(())).await;
        assert_eq!(withheld(&office).await, [true, false], "what is left is read from its first record on");
    }
    say(&office.world.bus, &[2], "withdrawn").await;
    say(&office.world.bus, &[1], "given").await;
    assert_eq!(withheld(&office).await, [false, true]);
    office.world = reopened_by(office.world, folder.path(), clock.clone()).await;
    assert_eq!(withheld(&office).await, [false, true]);
    office.world.bus.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_takes_a_subscription_over_is_bound_by_what_was_withdrawn_from_the_former_holder() {
    let folder = tempfile::tempdir().unwrap();
    let mut office = office(folder.path()).await;
    let keeper = believes(&office, "civil-registry").await;
    for number in [1, 2] {
        receipt(publish(&office.world, birth(number)).await);
    }
    let clock = later();
    office.world = reopened_by(office.world, folder.path(), clock.clone()).await;
    let world = &office.world;
    let says = async |who: &str, state: &str, recipients: &[&str]| {
        Word { recipients, at_ms: clock.now_ms(), ..Word::of(who, state) }.said(&world.bus, &keeper).await;
        clock.advance(10);
    };
    for who in [child(1), parent(1), child(2), parent(2)] {
        says(&who, "given", &[]).await;
    }
    says(&child(1), "withdrawn", &["tax-office"]).await;
    let head = principal(&world.bus, &world.operator, "head@statistics", Role::Steward).await;
    let theirs = principal(&world.bus, &world.operator, "desk@statistics", Role::Consumer).await;
    let day = &rfc3339(clock.now_ms())[..10];
    let propose =
        json!({"command": "propose-succession", "agency": "tax-office", "on": day, "rest": "statistics"});
    world.bus.govern(&world.operator, serde_json::from_value(propose).unwrap()).await.unwrap();
    let accept = json!({"command": "accept-succession", "agency": "tax-office", "successor": "statistics",
        "steward": "x@statistics", "deputy": "y@statistics"});
    world.bus.govern(&head, serde_json::from_value(accept).unwrap()).await.unwrap();
    world.bus.bring_due().await.unwrap();
    let read = async || {
        let mut events = world.bus.pull(&theirs, &cleared(), all()).await.unwrap().events;
        events.sort_by(|a, b| a.event.id.cmp(&b.event.id));
        events.iter().map(|it| is_withheld(&it.event)).collect::<Vec<_>>()
    };
    assert_eq!(read().await, [true, false], "who withdrew it from the tax office, and who did not");
    says(&child(1), "given", &["tax-office"]).await;
    assert_eq!(read().await, [true, false], "what is given to the tax office is not given to statistics");
    says(&child(1), "given", &["statistics"]).await;
    assert_eq!(read().await, [false, false]);
    world.bus.close().await;
}

/// The keys of one agency are refused.
struct Refusing(&'static str);

impl Kms for Refusing {
    fn wrap(&self, agency: &str, secret: &Secret) -> Result<Vec<u8>, KmsError> {
        TestKms.wrap(agency, secret)
    }

    fn unwrap(&self, agency: &str, wrapped: &[u8]) -> Result<Secret, KmsError> {
        if agency == self.0 { Err(KmsError::Tampered) } else { TestKms.unwrap(agency, wrapped) }
    }

    fn destroy(&self, agency: &str, wrapped: &[u8]) -> Result<(), KmsError> {
        TestKms.destroy(agency, wrapped)
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn while_a_key_is_out_of_reach_nothing_is_handed_over_by_consent_and_everything_else_is() {
    let folder = tempfile::tempdir().unwrap();
    let mut office = office(folder.path()).await;
    // Of an agency that reads nothing: what it takes is its keys alone.
    let courts = "agency: courts\nname: courts\nmandate: An Act\ncontacts: [a@b.example]\ndpo: a@b.example\n";
    let courts = ("agencies/courts.yaml".to_owned(), courts.to_owned());
    let keeper = believes_beside(&office, "courts", [courts]).await;
    receipt(publish(&office.world, birth(1)).await);
    for who in [child(1), parent(1)] {
        Word::of(&who, "given").said(&office.world.bus, &keeper).await;
    }
    assert_eq!(withheld(&office).await, [false]);
    office.world = over(office.world, folder.path(), None, Arc::new(Refusing("courts"))).await;
    let World { bus, tax, statistics, .. } = &office.world;
    let refused = bus.pull(tax, &cleared(), all()).await.unwrap_err();
    assert_eq!(refused.kind, RefusalKind::Unavailable, "{refused}");
    assert!(refused.text.contains("courts"), "whose keys: {refused}");
    assert_eq!(bus.pull(statistics, &uncleared(), all()).await.unwrap().events.len(), 1);
    office.world = over(office.world, folder.path(), None, Arc::new(TestKms)).await;
    assert_eq!(withheld(&office).await, [false]);
    office.world.bus.close().await;
}

/// The topic that says what people consent to.
const RECORDS: &str = "consent.record.changed";

#[tokio::test(flavor = "multi_thread")]
async fn while_what_people_said_is_still_being_read_nothing_is_handed_over_by_consent() {
    let folder = tempfile::tempdir().unwrap();
    let mut office = office(folder.path()).await;
    let keeper = believes(&office, "statistics").await;
    receipt(publish(&office.world, birth(1)).await);
    for who in [child(1), parent(1)] {
        Word::of(&who, "given").said(&office.world.bus, &keeper).await;
    }
    let gate = Gate::before(RECORDS);
    office.world = gated(office.world, folder.path(), &gate).await;
    gate.seem_ahead(10_000);
    let World { bus, tax, statistics, .. } = &office.world;
    let refused = bus.pull(tax, &cleared(), all()).await.unwrap_err();
    assert_eq!(refused.kind, RefusalKind::Unavailable, "{refused}");
    assert!(refused.text.contains("still being read"), "{refused}");
    assert_eq!(bus.pull(statistics, &uncleared(), all()).await.unwrap().events.len(), 1);
    gate.seem_ahead(0);
    assert_eq!(withheld(&office).await, [false]);
    office.world.bus.close().await;
}

const VISITS: &str = "topic: health.visit.counted
owner: statistics
steward: s@statistics
deputy: t@statistics
description: A visit was counted.
legal_basis: An Act
retention: 10y
contract:
  version: 1
  format: json-schema
  schema: v1.schema.json
  subject: /who
  classify: {/who: personal}
";
const VISIT: &str =
    r#"{"type": "object", "additionalProperties": false, "properties": {"who": {"type": "string"}}}"#;

#[tokio::test(flavor = "multi_thread")]
async fn a_start_opens_what_people_said_once_for_all_agencies_whose_topics_are_read_by_consent() {
    let folder = tempfile::tempdir().unwrap();
    let mut office = office(folder.path()).await;
    let reads = format!(
        "subscription: tax-office.visits\ntopic: health.visit.counted\nagency: tax-office\npurpose: a purpose\n\
         legal_basis: An Act\nclears: [personal]\nexpires: 2035-01-01\nconsent: {PURPOSE}\n"
    );
    let more = [
        ("topics/health.visit.counted/topic.yaml", VISITS.to_owned()),
        ("topics/health.visit.counted/v1.schema.json", VISIT.to_owned()),
        ("subscriptions/tax-office.visits.yaml", reads),
    ];
    let keeper =
        believes_beside(&office, "statistics", more.map(|(path, text)| (path.to_owned(), text))).await;
    receipt(publish(&office.world, birth(1)).await);
    for who in [child(1), parent(1)] {
        Word::of(&who, "given").said(&office.world.bus, &keeper).await;
    }
    let visits: TopicName = "health.visit.counted".parse().unwrap();
    let counter = principal(&office.world.bus, &office.world.operator, "c@statistics", Role::Producer).await;
    let visit = CloudEvent {
        id: "visit-1".to_owned(),
        source: "urn:xx:statistics:visits".to_owned(),
        ty: visits.to_string(),
        data: Some(Data::Json(json!({"who": child(1)}).to_string().into())),
        ..CloudEvent::empty()
    };
    let counted = office.world.bus.publish(&counter, &visits, vec![Ok(visit)]).await.unwrap();
    counted.into_iter().for_each(|outcome| drop(receipt(outcome)));
    let gate = Gate::before(RECORDS);
    office.world = gated(office.world, folder.path(), &gate).await;
    // The bus itself begins, for all of them.
    until(async || (!gate.read().is_empty()).then_some(())).await;
    assert_eq!(withheld(&office).await, [false]);
    let name = "tax-office.visits".parse().unwrap();
    let read = office.world.bus.pull(&office.world.tax, &name, all()).await.unwrap();
    assert!(
        text(&read.events[0].event).contains(&child(1)),
        "by what the keys of the other agency call them"
    );
    let mut read = gate.read();
    let often = read.len();
    read.sort();
    read.dedup();
    assert_eq!((often, often > 0), (read.len(), true), "each partition once");
    office.world.bus.close().await;
}

/// Who waits until what people said is read holds no thread on which others read.
#[test]
fn those_who_wait_for_what_people_said_keep_nobody_from_reading() {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .max_blocking_threads(6)
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        let folder = tempfile::tempdir().unwrap();
        let mut office = office(folder.path()).await;
        let keeper = believes(&office, "statistics").await;
        receipt(publish(&office.world, birth(1)).await);
        let gate = Gate::before(RECORDS);
        office.world = gated(office.world, folder.path(), &gate).await;
        assert_eq!(withheld(&office).await, [true]);
        gate.shut(true);
        Word::of(&child(1), "given").said(&office.world.bus, &keeper).await;
        let World { bus, tax, statistics, .. } = &office.world;
        let pulls: Vec<_> = (0..8)
            .map(|_| {
                let (bus, tax) = (bus.clone(), tax.clone());
                tokio::spawn(
                    async move { bus.pull(&tax, &cleared(), all()).await.map(|read| read.events.len()) },
                )
            })
            .collect();
        until(async || (gate.waiting() > 0).then_some(())).await;
        tokio::time::sleep(Duration::from_millis(200)).await;
        let name = uncleared();
        let other = tokio::time::timeout(Duration::from_secs(10), bus.pull(statistics, &name, all())).await;
        gate.shut(false);
        assert_eq!(other.expect("a reader without a demand waits for nobody").unwrap().events.len(), 1);
        for pull in pulls {
            let read: Result<usize, Refusal> = pull.await.unwrap();
            assert_eq!(read.unwrap(), 1);
        }
        office.world.bus.close().await;
    });
}

/// The right to see it may end, and the person be erased, while it becomes durable that it is shown.
#[tokio::test(flavor = "multi_thread")]
async fn what_one_person_said_is_not_shown_where_the_right_to_it_or_the_person_is_gone_by_then() {
    let folder = tempfile::tempdir().unwrap();
    let mut office = office(folder.path()).await;
    let shipped = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/consent/topics").join(RECORDS);
    let shipped = |file| std::fs::read_to_string(shipped.join(file)).unwrap();
    // Decisions are in another lane, which is not held.
    let yaml = shipped("topic.yaml").replace("latency: standard", "latency: batch");
    let second = "consent.record.mended";
    let more = [
        (format!("topics/{second}/topic.yaml"), yaml.replace(RECORDS, second)),
        (format!("topics/{second}/v1.schema.json"), shipped("v1.schema.json")),
        (format!("topics/{RECORDS}/topic.yaml"), yaml),
        (
            "standards/standards.toml".to_owned(),
            format!("[consent]\ntopics = [\"{RECORDS}\", \"{second}\"]\n"),
        ),
    ];
    let keeper = believes_beside(&office, "civil-registry", more).await;
    Word::of(&child(1), "given").said(&office.world.bus, &keeper).await;
    let gate = Gate::before(RECORDS);
    office.world = gated(office.world, folder.path(), &gate).await;
    let World { bus, operator, .. } = &office.world;
    // What is asked, and then done before the audit has it.
    let asked = async |officer: &Caller, done: Pin<Box<dyn Future<Output = ()> + '_>>| {
        gate.hold_lane(true);
        let (bus, officer) = (bus.clone(), officer.clone());
        let asking = tokio::spawn(async move {
            let subject = Subject::parse(child(1)).unwrap();
            bus.consents_of(&officer, &subject).await.map(|known| known.len())
        });
        until(async || gate.is_lane_waiting().then_some(())).await;
        done.await;
        gate.hold_lane(false);
        asking.await.unwrap()
    };
    let officer = office.officer();
    let leaving = principal(bus, operator, "e@civil-registry", Role::Dpo).await;
    for who in [officer, &leaving] {
        assert_eq!(asked(who, Box::pin(async {})).await.unwrap(), 1);
    }
    let end = Command::DisablePrincipal { principal: leaving.principal.clone() };
    let ended = Box::pin(async { drop(bus.govern(operator, end).await.unwrap()) });
    let refused = asked(&leaving, ended).await.unwrap_err();
    assert_eq!(refused.kind, RefusalKind::Forbidden, "{refused}");
    let mut standards = bus.state(operator).unwrap().standards().clone();
    standards.consent.topics.remove(&second.parse::<TopicName>().unwrap());
    let set = Command::SetStandards { standards };
    let changed = Box::pin(async { drop(bus.govern(operator, set).await.unwrap()) });
    let refused = asked(officer, changed).await.unwrap_err();
    assert_eq!(refused.kind, RefusalKind::Unavailable, "{refused}");
    assert!(refused.text.contains("the topics that you answer for changed"), "{refused}");
    assert_eq!(asked(officer, Box::pin(async {})).await.unwrap(), 1, "asked once more");
    let erased = Box::pin(async { drop(office.erased(&child(1)).await) });
    let refused = asked(officer, erased).await.unwrap_err();
    assert_eq!(refused.kind, RefusalKind::Unavailable, "{refused}");
    assert!(refused.text.contains("the person was erased"), "{refused}");
    assert_eq!(asked(officer, Box::pin(async {})).await.unwrap(), 0, "nothing is known any more");
    bus.close().await;
}
