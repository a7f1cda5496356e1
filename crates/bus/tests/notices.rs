//! Notices: decisions become events once, letters arrive, and both go on after a crash.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking, in its helpers too")]

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use crate::common::*;
use bus::clock::{Clock, SetClock, SystemClock};
use bus::{Bus, Caller, Carrier, Letter, Pull, RefusalKind};
use contract::{ContractVersion, Pointer, PrincipalName, SubscriptionName, TopicName};
use governance::notices::Way;
use governance::{Command, Role};
use journal::{Embedded, Group, Journal, LaneId, Options, RealDisk, StreamId, StreamSpec};
use parking_lot::Mutex;
use serde_json::{Value, json};

const PROPOSED: &str = "bus.contract.proposed";

fn command(json: Value) -> Command {
    serde_json::from_value(json).unwrap()
}

/// Version 2 of births, with one more public field.
fn proposal(bus: &Bus, caller: &Caller) -> Command {
    let first = bus.contract(caller, &topic(), None).unwrap();
    let mut next = first.definition().clone();
    next.version = ContractVersion(2);
    next.schema = next.schema.replacen("\"clerk\":", "\"place\": {\"type\": \"string\"}, \"clerk\":", 1);
    let place = |text: &str| Pointer::parse(text).unwrap();
    let public = next.classify[&place("/registrationOffice")].clone();
    next.classify.insert(place("/place"), public);
    Command::ProposeContract { definition: Arc::new(next) }
}

async fn subscribed(world: &World, name: &str, topic: &str, clears: &[&str]) -> SubscriptionName {
    let agency = name.split('.').next().unwrap();
    let request = json!({"command": "request-subscription", "subscription": name, "topic": topic, "agency": agency,
        "purpose": "to know", "legal_basis": "An Act", "clears": clears, "expires": "2030-01-01"});
    world.bus.govern(&world.operator, command(request)).await.unwrap();
    SubscriptionName::parse(name).unwrap()
}

async fn pulled(world: &World, name: &SubscriptionName) -> Vec<Value> {
    let pull = Pull { max: 100, wait_ms: 10_000, from: Some(bus::From::Earliest), ..Pull::default() };
    let delivery = world.bus.pull(&world.tax, name, pull).await.unwrap();
    delivery.events.iter().map(|one| serde_json::from_str(&text(&one.event)).unwrap()).collect()
}

/// Version 2 of births is proposed; what a subscription to proposals is told.
async fn told_of_proposal(world: &World, name: &SubscriptionName) -> Vec<Value> {
    propose(world).await;
    heralded(world).await;
    pulled(world, name).await
}

async fn propose(world: &World) {
    let proposal = proposal(&world.bus, &world.operator);
    world.bus.govern(&world.operator, proposal).await.unwrap();
}

/// Waits until nothing is left to publish.
async fn heralded(world: &World) {
    for _ in 0..200 {
        if world.bus.herald().await.unwrap() == 0 {
            return;
        }
    }
    panic!("the herald comes to no end");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_proposal_is_an_event_that_says_who_has_to_do_what() {
    let folder = tempfile::tempdir().unwrap();
    let world = world(folder.path()).await;
    let name = subscribed(&world, "tax-office.proposals", PROPOSED, &[]).await;
    let told = told_of_proposal(&world, &name).await;
    let told = told.iter().find(|notice| notice["version"] == 2).unwrap();
    assert_eq!(told["text"], "contract civil.birth.registered v2 proposed: compatible");
    assert!(told.get("concerns").is_none(), "internal, for one who is cleared of nothing");
    assert_eq!(told["asks"][1]["agency"], "tax-office");
    assert_eq!(told["asks"][1]["wanted"], "acknowledgement");
    assert!(told["asks"][1]["by"].is_string() && told["by"] == "operator@central-digital-agency");
    world.bus.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_internal_to_agencies_is_opened_to_who_is_cleared_only() {
    let folder = tempfile::tempdir().unwrap();
    let world = world(folder.path()).await;
    let asked = subscribed(&world, "tax-office.asked", "bus.subscription.requested", &["internal"]).await;
    let others = subscribed(&world, "tax-office.others", "bus.subscription.requested", &[]).await;
    heralded(&world).await;
    // What is internal to agencies is opened to who is cleared, and stands nowhere in the clear.
    let cleared = pulled(&world, &asked).await;
    assert!(cleared.iter().any(|notice| notice["subscription"] == "tax-office.asked"), "{cleared:?}");
    let uncleared = pulled(&world, &others).await;
    assert_eq!(uncleared.len(), cleared.len());
    assert!(uncleared.iter().all(|notice| notice.get("text").is_none() && notice["notice"].is_string()));
    let metrics = world.bus.metrics_text();
    let refused = metrics.lines().filter(|line| line.contains("refused_total{topic=\"bus."));
    assert_eq!(refused.count(), 0, "{metrics}");
    world.bus.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_but_the_bus_publishes_to_its_topics() {
    let folder = tempfile::tempdir().unwrap();
    let world = world(folder.path()).await;
    let name: PrincipalName = "press@central-digital-agency".parse().unwrap();
    let agency = name.agency();
    let made =
        world.bus.create_principal(&world.operator, name, agency, Role::Producer.into()).await.unwrap();
    let press = world.bus.identify(&made.token).unwrap();
    let own = TopicName::parse(PROPOSED).unwrap();
    for caller in [&press, &world.registry] {
        let refused = world.bus.publish(caller, &own, vec![Ok(birth(1))]).await.unwrap_err();
        assert_eq!(refused.kind, RefusalKind::Forbidden, "{refused}");
        assert!(refused.text.contains("a producer of bus"), "{refused}");
    }
    world.bus.close().await;
}

fn journal(folder: &Path) -> Embedded {
    let options = Options { log_bytes: 1 << 20, ..Options::default() };
    Embedded::open(folder.join("journal"), Arc::new(RealDisk::new()), options).unwrap().0
}

/// Stops a bus, does something to its journal, and starts it again.
async fn between(world: World, folder: &Path, mend: impl FnOnce(&Embedded)) -> World {
    let World { bus, operator, registry, tax, statistics } = world;
    bus.close().await;
    drop(bus);
    let stopped = journal(folder);
    mend(&stopped);
    stopped.close();
    drop(stopped);
    let (bus, _) = open(folder).await;
    World { bus, operator, registry, tax, statistics }
}

/// A stream of the standard lane.
fn stream(journal: &Embedded, name: &str) -> StreamId {
    journal.create(&[StreamSpec { name: name.to_owned(), lane: LaneId(1), shelf: u32::MAX }]).unwrap()[0]
}

/// Puts records behind what stands in a stream.
fn append(journal: &Embedded, name: &str, bodies: &[Vec<u8>]) {
    let (stream, mut group) = (stream(journal, name), Group::new());
    let next = journal.bounds(stream).unwrap().next;
    for (offset, body) in (next..).zip(bodies) {
        group.push(stream, offset, SystemClock.now_ms(), &[], &[body.as_slice()]);
    }
    journal.append(LaneId(1), &mut group).unwrap();
}

/// The records of a stream.
fn bodies(journal: &Embedded, name: &str) -> Vec<Vec<u8>> {
    let records = journal.read(stream(journal, name), 0, usize::MAX).unwrap();
    records.iter().map(|record| record.body.to_vec()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_crash_between_event_and_place_tells_nobody_twice() {
    let folder = tempfile::tempdir().unwrap();
    let world = world(folder.path()).await;
    let name = subscribed(&world, "tax-office.proposals", PROPOSED, &[]).await;
    let before = told_of_proposal(&world, &name).await;
    // As if it had died after its events were durable and before its place was: the place is the beginning's.
    let world = between(world, folder.path(), |stopped| {
        append(stopped, "places/standard", &[br#"{"s":"bus.herald","p":{"0":0}}"#.to_vec()]);
    })
    .await;
    heralded(&world).await;
    assert_eq!(pulled(&world, &name).await, before);
    let metrics = world.bus.metrics_text();
    let duplicates = format!("chancery_events_duplicate_total{{topic=\"{PROPOSED}\"}} ");
    let again = metrics.lines().find_map(|line| line.strip_prefix(&duplicates)?.parse().ok());
    assert!(again.is_some_and(|again: usize| again >= before.len()), "{metrics}");
    world.bus.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bus_of_before_gets_the_topics_and_tells_what_is_decided_from_then_on() {
    let (before, folder) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let old = world(before.path()).await;
    let callers = (old.operator.clone(), old.registry.clone(), old.tax.clone(), old.statistics.clone());
    // The same decisions, as a release without the bus's own topics wrote them.
    let (kept, keys) = {
        let mut kept = (Vec::new(), Vec::new());
        let own = |body: &Vec<u8>| String::from_utf8_lossy(body).contains("\"bus.");
        let old = between(old, before.path(), |stopped| {
            kept.0 = bodies(stopped, "governance").into_iter().filter(|body| !own(body)).collect();
            kept.1 = bodies(stopped, "agency-keys");
        });
        old.await.bus.close().await;
        kept
    };
    let earlier = journal(folder.path());
    append(&earlier, "governance", &kept);
    append(&earlier, "agency-keys", &keys);
    earlier.close();
    drop(earlier);
    for key in ["marks.key", "audit.key"] {
        std::fs::copy(before.path().join(key), folder.path().join(key)).unwrap();
    }
    let (bus, _) = open(folder.path()).await;
    let (operator, registry, tax, statistics) = callers;
    let world = World { bus, operator, registry, tax, statistics };
    let name = subscribed(&world, "tax-office.proposals", PROPOSED, &[]).await;
    let told = told_of_proposal(&world, &name).await;
    assert_eq!(told.len(), 1, "{told:?}");
    assert_eq!((&told[0]["topic"], &told[0]["version"]), (&json!("civil.birth.registered"), &json!(2)));
    world.bus.close().await;
}

/// Keeps letters, or fails, or comes back from one agency very late.
#[derive(Default)]
struct Pigeon {
    letters: Mutex<Vec<Letter>>,
    fails: bool,
    late_from: Option<&'static str>,
}

impl Carrier for Pigeon {
    fn has(&self, way: Way) -> bool {
        way == Way::Email
    }

    fn carry(&self, letter: &Letter) -> Result<(), String> {
        if self.late_from == Some(letter.agency.as_str()) {
            std::thread::sleep(Duration::from_secs(3));
        }
        self.letters.lock().push(letter.clone());
        if self.fails { Err("a storm".to_owned()) } else { Ok(()) }
    }
}

impl Pigeon {
    /// Waits for letters that hold what is looked for.
    async fn brings(&self, text: &str) -> Letter {
        for _ in 0..200 {
            let found =
                |letter: &&Letter| letter.notices.iter().any(|(notice, _)| notice.text.contains(text));
            if let Some(letter) = self.letters.lock().iter().find(found) {
                return letter.clone();
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("no letter says {text:?}");
    }

    /// How many notices it brought.
    fn brought(&self) -> usize {
        self.letters.lock().iter().map(|letter| letter.notices.len()).sum()
    }
}

async fn wishes(world: &World, agency: &str, wishes: Value) {
    let change = json!({"command": "change-agency", "agency": agency, "notices": wishes});
    world.bus.govern(&world.operator, command(change)).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn letters_tell_what_concerns_the_agency_and_go_on_after_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let mut world = world(folder.path()).await;
    wishes(
        &world,
        "tax-office",
        json!({"email": ["desk@tax.example"], "webhook": "https://tax.example/x", "kinds": ["contract"]}),
    )
    .await;
    let storm = Arc::new(Pigeon { fails: true, ..Pigeon::default() });
    world.bus.send_notices(storm.clone());
    propose(&world).await;
    let lost = storm.brings("v2 proposed").await;
    assert_eq!((lost.agency.as_str(), lost.way, lost.notices.len()), ("tax-office", Way::Email, 1));
    world = reopened(world, folder.path()).await;

    let pigeon = Arc::new(Pigeon::default());
    world.bus.send_notices(pigeon.clone());
    let letter = pigeon.brings("v2 proposed").await;
    assert_eq!(letter.id, lost.id, "the same letter has the same id");
    let (notice, event) = &letter.notices[0];
    assert_eq!(event.extension("correlationid"), Some("contract:civil.birth.registered:v2"));
    assert_eq!(
        notice.line_for(&letter.agency),
        "contract civil.birth.registered v2 proposed: compatible; your acknowledgement is wanted"
    );
    // Not of this agency, and not of contracts: no letters.
    subscribed(&world, "statistics.more", "civil.birth.registered", &[]).await;
    subscribed(&world, "tax-office.more", "civil.birth.registered", &[]).await;
    let retire = json!({"command": "retire-contract", "topic": "civil.birth.registered", "version": 2});
    world.bus.govern(&world.operator, command(retire)).await.unwrap();
    pigeon.brings("v2 is withdrawn").await;
    assert_eq!(pigeon.brought(), 2);
    tokio::time::sleep(Duration::from_millis(200)).await;
    world = reopened(world, folder.path()).await;
    let rested = Arc::new(Pigeon::default());
    world.bus.send_notices(rested.clone());
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert_eq!(rested.brought(), 0, "what arrived does not come again");
    let own = world.bus.notices(&world.tax, None, 100).unwrap();
    assert!(own.iter().all(|told| told.notice.concerns.iter().any(|agency| agency.as_str() == "tax-office")));
    assert_eq!(own.last().unwrap().notice.text, "contract civil.birth.registered v2 is withdrawn");
    assert!(world.bus.notices(&world.tax, Some(&"statistics".parse().unwrap()), 100).is_err());
    world.bus.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_agency_that_does_not_answer_holds_up_nobody() {
    let folder = tempfile::tempdir().unwrap();
    let world = world(folder.path()).await;
    for agency in ["statistics", "tax-office"] {
        wishes(&world, agency, json!({"email": [format!("desk@{agency}.example")], "kinds": ["contract"]}))
            .await;
    }
    let pigeon = Arc::new(Pigeon { late_from: Some("statistics"), ..Pigeon::default() });
    world.bus.send_notices(pigeon.clone());
    let begun = std::time::Instant::now();
    propose(&world).await;
    let retire = json!({"command": "retire-contract", "topic": "civil.birth.registered", "version": 2});
    world.bus.govern(&world.operator, command(retire)).await.unwrap();
    assert_eq!(pigeon.brings("v2 is withdrawn").await.agency.as_str(), "tax-office");
    world.bus.publish(&world.registry, &topic(), vec![Ok(birth(1))]).await.unwrap();
    assert!(begun.elapsed() < Duration::from_secs(3), "{:?}", begun.elapsed());
    world.bus.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_digest_comes_once_a_day_with_all_that_there_was() {
    const DAY_MS: u64 = 86_400_000;
    const HOUR_MS: u64 = 3_600_000;
    let folder = tempfile::tempdir().unwrap();
    let seven = SystemClock.now_ms() / DAY_MS * DAY_MS + DAY_MS + 7 * HOUR_MS;
    let clock = Arc::new(SetClock::at(seven));
    let world = reopened_by(world(folder.path()).await, folder.path(), clock.clone()).await;
    let daily = json!({"email": ["desk@tax.example"], "digest": "daily", "kinds": ["contract"]});
    wishes(&world, "tax-office", daily).await;
    let pigeon = Arc::new(Pigeon::default());
    world.bus.send_notices(pigeon.clone());
    propose(&world).await;
    let retire = json!({"command": "retire-contract", "topic": "civil.birth.registered", "version": 2});
    world.bus.govern(&world.operator, command(retire)).await.unwrap();
    // Another decision has the courier look again; an hour before its time it brings nothing.
    clock.advance(22 * HOUR_MS);
    wishes(&world, "statistics", json!({"kinds": ["contract"]})).await;
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert_eq!(pigeon.brought(), 0);
    clock.advance(2 * HOUR_MS);
    wishes(&world, "statistics", json!({"kinds": ["topic"]})).await;
    let letter = pigeon.brings("v2 is withdrawn").await;
    assert_eq!(letter.notices.len(), 2);
    world.bus.close().await;
}
