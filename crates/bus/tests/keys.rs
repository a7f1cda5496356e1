//! Keys over their epochs: wrapped anew while events come and go, worthless in old copies afterwards, asked for again when
//! their time is over.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking, in its helpers too")]

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use crate::common::*;
use bus::clock::{Clock, SystemClock};
use bus::{Bus, Caller, KeySettings, OpenError, Opened, Outcome, Refusal, RefusalKind, Settings};
use contract::AgencyName;
use journal::{Embedded, Options, RealDisk};
use seal::{Kms, KmsError, Secret};

/// A key management service that can be away, and that may not be asked to destroy.
#[derive(Default)]
struct Service {
    away: AtomicBool,
    keeps: AtomicBool,
    asked: AtomicUsize,
}

impl Service {
    fn answer(&self) -> Result<(), KmsError> {
        self.asked.fetch_add(1, Ordering::SeqCst);
        match self.away.load(Ordering::SeqCst) {
            true => Err(KmsError::Unavailable("no route to it".to_owned())),
            false => Ok(()),
        }
    }
}

struct Client(Arc<Service>);

impl Kms for Client {
    fn wrap(&self, agency: &str, secret: &Secret) -> Result<Vec<u8>, KmsError> {
        self.0.answer().and_then(|()| TestKms.wrap(agency, secret))
    }

    fn unwrap(&self, agency: &str, wrapped: &[u8]) -> Result<Secret, KmsError> {
        self.0.answer().and_then(|()| TestKms.unwrap(agency, wrapped))
    }

    fn destroy(&self, agency: &str, wrapped: &[u8]) -> Result<(), KmsError> {
        if self.0.keeps.load(Ordering::SeqCst) {
            return Err(KmsError::Unavailable("not now".to_owned()));
        }
        self.0.answer().and_then(|()| TestKms.destroy(agency, wrapped))
    }
}

async fn open_on(folder: &Path, service: &Arc<Service>, keep: Duration) -> Result<(Bus, Opened), OpenError> {
    let options = Options { log_bytes: 1 << 20, ..Options::default() };
    let (journal, _) = Embedded::open(folder.join("journal"), Arc::new(RealDisk::new()), options).unwrap();
    let usual = settings(folder);
    let keys = KeySettings { keep_opened: keep, ..usual.keys.clone() };
    let settings = Settings { keys, ..usual };
    Bus::open(settings, Arc::new(journal), Arc::new(Client(service.clone())), Arc::new(SystemClock)).await
}

const LONG: Duration = Duration::from_secs(3600);

async fn reopened_on(world: World, folder: &Path, service: &Arc<Service>, keep: Duration) -> World {
    let World { bus, operator, registry, tax, statistics } = world;
    bus.close().await;
    drop(bus);
    let (bus, _) = open_on(folder, service, keep).await.unwrap();
    World { bus, operator, registry, tax, statistics }
}

async fn settled(bus: &Bus, operator: &Caller, epoch: u32) {
    until(async || {
        let stand = bus.keys_stand(operator).unwrap();
        (stand.epoch == epoch && stand.ended.len() as u32 == epoch - 1).then_some(())
    })
    .await;
}

/// The names that are read, of all events.
async fn names(world: &World) -> Vec<String> {
    let seek = world.bus.seek(&world.tax, &cleared(), &bus::From::Earliest).await;
    seek.unwrap();
    let delivery = world.bus.pull(&world.tax, &cleared(), all()).await.unwrap();
    let mut names: Vec<String> = delivery.events.iter().map(|event| text(&event.event)).collect();
    names.sort();
    names
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap().map(Result::unwrap) {
        let to = to.join(entry.file_name());
        match entry.file_type().unwrap().is_dir() {
            true => copy(&entry.path(), &to),
            false => drop(fs::copy(entry.path(), to).unwrap()),
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn another_epoch_leaves_every_event_as_it_was_and_old_copies_without_keys() {
    let (folder, old) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let world = world(folder.path()).await;
    for number in 0..50 {
        receipt(publish(&world, birth(number)).await);
    }
    let before = names(&world).await;
    let had = world.bus.keys_stand(&world.operator).unwrap().keys;
    assert!(had > 100, "{had}");
    let service = Arc::new(Service::default());
    let world = reopened_on(world, folder.path(), &service, LONG).await;
    world.bus.close().await;
    copy(folder.path(), old.path());
    let world = reopened_on(world, folder.path(), &service, LONG).await;

    let refusal = world.bus.rotate_keys(&world.registry).await.unwrap_err();
    assert_eq!(refusal.kind, RefusalKind::Forbidden, "{refusal}");
    let begun = world.bus.rotate_keys(&world.operator).await.unwrap();
    assert_eq!(begun.epoch, 2);
    settled(&world.bus, &world.operator, 2).await;
    assert_eq!(names(&world).await, before);
    // Fifty children, fifty parents, and topics' own.
    assert_eq!(world.bus.keys_stand(&world.operator).unwrap().keys, had);
    let told = world.bus.decisions(None, 3).unwrap().decisions;
    let told: Vec<_> = told.iter().map(|entry| entry["events"][0]["keys"].clone()).collect();
    assert_eq!(told, ["destroyed", "rewrapped", "begun"]);

    let world = reopened_on(world, folder.path(), &service, LONG).await;
    assert_eq!(names(&world).await, before);
    receipt(publish(&world, birth(50)).await);
    // A person who was seen before keeps their key, so that the same event is recognised.
    assert!(matches!(publish(&world, birth(7)).await, Outcome::Duplicate(_)));
    world.bus.close().await;

    let refused = open_on(old.path(), &service, LONG).await.map(drop).unwrap_err().to_string();
    assert!(refused.contains("was destroyed") && refused.contains("older than the last epoch"), "{refused}");
}

#[tokio::test(flavor = "multi_thread")]
async fn events_come_and_go_while_keys_change() {
    let folder = tempfile::tempdir().unwrap();
    let world = world(folder.path()).await;
    for epoch in 2..6u32 {
        let publishing = async {
            for number in 0..60 {
                receipt(publish(&world, birth(60 * epoch as usize + number)).await);
            }
        };
        let rotating = async {
            world.bus.rotate_keys(&world.operator).await.unwrap();
            settled(&world.bus, &world.operator, epoch).await;
        };
        tokio::join!(publishing, rotating);
    }
    let before = names(&world).await;
    assert_eq!(before.len(), 240);
    assert!(before.iter().all(|text| text.contains("Zephyrine") && text.contains("Thaddeus")));
    let had = world.bus.keys_stand(&world.operator).unwrap().keys;
    assert!((480..500).contains(&had), "{had}");
    let world = reopened(world, folder.path()).await;
    assert_eq!(names(&world).await, before);
    assert_eq!(world.bus.keys_stand(&world.operator).unwrap().keys, had, "each is stored once");
    world.bus.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_broken_off_goes_on_after_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let world = world(folder.path()).await;
    for number in 0..20 {
        receipt(publish(&world, birth(number)).await);
    }
    let before = names(&world).await;
    let service = Arc::new(Service::default());
    let mut world = reopened_on(world, folder.path(), &service, LONG).await;
    service.keeps.store(true, Ordering::SeqCst);
    // However far it has come when the bus ends, the next one brings it to where the service does not follow.
    for delay_ms in [0, 5, 30, 200] {
        if world.bus.keys_stand(&world.operator).unwrap().epoch == 1 {
            world.bus.rotate_keys(&world.operator).await.unwrap();
        }
        tokio::time::sleep(Duration::from_millis(delay_ms)).await;
        world = reopened_on(world, folder.path(), &service, LONG).await;
        assert_eq!(names(&world).await, before);
    }
    let conflict = world.bus.rotate_keys(&world.operator).await.unwrap_err();
    assert_eq!(conflict.kind, RefusalKind::Conflict, "{conflict}");
    service.keeps.store(false, Ordering::SeqCst);
    settled(&world.bus, &world.operator, 2).await;
    assert_eq!(names(&world).await, before);
    world.bus.close().await;
}

async fn try_to_publish(world: &World, number: usize) -> Result<(), Refusal> {
    match publish(world, birth(number)).await {
        Outcome::Refused(refusal) => Err(refusal),
        _ => Ok(()),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn without_the_service_an_agencys_data_stops_when_its_keys_time_is_over_and_goes_on_by_itself() {
    let folder = tempfile::tempdir().unwrap();
    let world = world(folder.path()).await;
    receipt(publish(&world, birth(1)).await);
    let service = Arc::new(Service::default());
    let world = reopened_on(world, folder.path(), &service, Duration::from_secs(12)).await;
    receipt(publish(&world, birth(2)).await);
    service.away.store(true, Ordering::SeqCst);
    // What is open serves for its time.
    receipt(publish(&world, birth(3)).await);
    let refusal = until(async || try_to_publish(&world, 4).await.err()).await;
    assert_eq!(refusal.kind, RefusalKind::Unavailable);
    assert!(refusal.text.contains("the keys of agency civil-registry are not open"), "{refusal}");
    let refusal = world.bus.pull(&world.tax, &cleared(), all()).await.unwrap_err();
    assert!(refusal.text.contains("the keys of agency civil-registry are not open"), "{refusal}");
    // Why is told to those who run the bus, once the service was asked again.
    let why = |(agency, why): &(AgencyName, String)| {
        agency.as_str() == "civil-registry" && why.contains("no route")
    };
    let closed = async || world.bus.keys_stand(&world.operator).unwrap().closed.into_iter().find(why);
    until(closed).await;
    // A start without it is a start all the same.
    let world = reopened_on(world, folder.path(), &service, LONG).await;
    assert!(try_to_publish(&world, 4).await.is_err());
    service.away.store(false, Ordering::SeqCst);
    until(async || try_to_publish(&world, 5).await.ok()).await;
    // The fourth came in for as long as the keys were open.
    assert!((4..=5).contains(&names(&world).await.len()));
    world.bus.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_service_is_not_asked_for_what_is_open() {
    let folder = tempfile::tempdir().unwrap();
    let world = world(folder.path()).await;
    let service = Arc::new(Service::default());
    let world = reopened_on(world, folder.path(), &service, LONG).await;
    let asked = service.asked.load(Ordering::SeqCst);
    for number in 0..20 {
        receipt(publish(&world, birth(number)).await);
    }
    tokio::time::sleep(Duration::from_millis(1500)).await;
    assert_eq!(service.asked.load(Ordering::SeqCst), asked);
    world.bus.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn old_copies_are_of_use_until_there_was_time_for_a_newer_one() {
    let (folder, old) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let world = world(folder.path()).await;
    receipt(publish(&world, birth(1)).await);
    let before = names(&world).await;
    let clock = later();
    let World { bus, operator, registry, tax, statistics } = world;
    bus.close().await;
    drop(bus);
    copy(folder.path(), old.path());
    let day = Duration::from_secs(24 * 3600);
    let keys = KeySettings { overlap: 2 * day, ..KeySettings::default() };
    let options = Options { log_bytes: 1 << 20, ..Options::default() };
    let (journal, _) =
        Embedded::open(folder.path().join("journal"), Arc::new(RealDisk::new()), options).unwrap();
    let settings = Settings { keys, ..settings(folder.path()) };
    let (bus, _) = Bus::open(settings, Arc::new(journal), Arc::new(TestKms), clock.clone()).await.unwrap();
    bus.rotate_keys(&operator).await.unwrap();
    let destroys_ms = until(async || bus.keys_stand(&operator).unwrap().destroys_ms).await;
    assert!(destroys_ms >= clock.now_ms() + 2 * 24 * 3600 * 1000);
    clock.advance(24 * 3600 * 1000);
    bus.change_epochs().await.unwrap();
    assert!(bus.keys_stand(&operator).unwrap().ended.is_empty());
    let restored = World { bus: open(old.path()).await.0, operator, registry, tax, statistics };
    assert_eq!(names(&restored).await, before);
    let World { bus: restored, operator, .. } = restored;
    restored.close().await;
    drop(restored);
    clock.advance(24 * 3600 * 1000 + 1000);
    bus.change_epochs().await.unwrap();
    assert_eq!(bus.keys_stand(&operator).unwrap().ended.len(), 1);
    bus.close().await;
    assert!(open_on(old.path(), &Arc::new(Service::default()), LONG).await.is_err());
}
