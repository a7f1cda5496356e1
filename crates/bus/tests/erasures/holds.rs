//! What an erasure waits for: legal holds, and the duty to keep.

use std::sync::Arc;

use super::*;
use bus::clock::SystemClock;
use bus::{Bus, Page, RefusalKind};
use contract::Data;
use journal::{Embedded, Options, RealDisk};
use seal::{Kms, KmsError, Secret};

#[tokio::test(flavor = "multi_thread")]
async fn a_hold_and_the_duty_to_keep_are_waited_for() {
    let folder = tempfile::tempdir().unwrap();
    let world = world(folder.path()).await;
    let clock = later();
    let office = staffed(reopened_by(world, folder.path(), clock.clone()).await).await;
    let bus = &office.world.bus;
    receipt(publish(&office.world, birth(1)).await);
    let mut change = governance::commands::TopicChange::of(topic());
    change.keep = Some("10d".to_owned());
    bus.govern(&office.world.operator, Command::ChangeTopic(change)).await.unwrap();
    let said = || ("a case".to_owned(), "court 4711".to_owned());
    let of_person = bus.hold_person(&office.officer, &subject(&child(1)), said()).await.unwrap();
    let of_topic = bus.hold_topic(&office.world.operator, topic(), said()).await.unwrap();
    let erasure = office.asked(&child(1)).await;
    office.approved(&erasure).await;
    // The folder says nothing of a duty.
    let shorter = bus.apply(&office.world.operator, &files(), false).await.unwrap_err();
    assert!(shorter.to_string().contains("until civil.birth.registered need not be kept"), "{shorter}");
    let standing = || {
        let (state, known) =
            (bus.state(&office.officer).unwrap(), bus.erasure(&office.officer, &erasure).unwrap().0);
        governance::erasure::standing(&state, &known.parts[0], clock_now(bus))
    };
    assert_eq!((office.status(&erasure), standing()), ("approved", "held"));
    for hold in [of_person, of_topic] {
        bus.bring_due().await.unwrap();
        assert_eq!(standing(), "held");
        let command = Command::LiftHold { hold, reason: "over".to_owned() };
        bus.govern(&office.world.operator, command).await.unwrap();
    }
    assert_eq!(standing(), "kept");
    // A younger event lengthens it, and is found when the time comes.
    clock.advance(5 * DAY_MS);
    let mut younger = birth(2);
    younger.data = Some(Data::Json(text(&younger).replace("PID-0000002", "PID-0000001").into()));
    younger.subject = Some(child(1));
    receipt(publish(&office.world, younger).await);
    clock.advance(6 * DAY_MS);
    bus.bring_due().await.unwrap();
    assert_eq!(standing(), "kept");
    assert!(office.read().await.iter().all(|event| !is_tombstone(event)));
    clock.advance(5 * DAY_MS);
    bus.bring_due().await.unwrap();
    assert_eq!((office.status(&erasure), standing()), ("carried-out", "erased"));
    assert!(office.read().await.iter().all(is_tombstone));
    bus.close().await;
}

fn clock_now(bus: &bus::Bus) -> u64 {
    bus.now_ms()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_held_is_not_deleted_when_its_retention_is_over() {
    let folder = tempfile::tempdir().unwrap();
    let world = world(folder.path()).await;
    let clock = later();
    let mut office = staffed(reopened_by(world, folder.path(), clock.clone()).await).await;
    receipt(publish(&office.world, birth(1)).await);
    let said = ("a case".to_owned(), "court 4711".to_owned());
    let hold = office.world.bus.hold_topic(&office.officer, topic(), said).await.unwrap();
    clock.advance(11 * 365 * DAY_MS);
    // Retention looks when the bus opens.
    let settled = async || tokio::time::sleep(std::time::Duration::from_millis(300)).await;
    office.world = reopened_by(office.world, folder.path(), clock.clone()).await;
    settled().await;
    let operator = office.world.operator.clone();
    assert!(office.world.bus.trace(&operator, "birth-1").is_ok(), "it is held");
    let lift = Command::LiftHold { hold, reason: "over".to_owned() };
    office.world.bus.govern(&operator, lift).await.unwrap();
    office.world = reopened_by(office.world, folder.path(), clock).await;
    settled().await;
    assert!(office.world.bus.trace(&operator, "birth-1").is_err(), "it is held no more");
    office.world.bus.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_operators_hold_keeps_a_person_also_from_agencies_that_have_no_topic_yet() {
    let folder = tempfile::tempdir().unwrap();
    let office = office(folder.path()).await;
    let (bus, operator) = (&office.world.bus, &office.world.operator);
    let said = ("a case".to_owned(), "court 4711".to_owned());
    bus.hold_person(operator, &subject(&child(1)), said).await.unwrap();
    let governance::state::HoldOn::Person(persons) =
        bus.holds(operator, &bus::Page::default()).found[0].on.clone()
    else {
        panic!()
    };
    let held: Vec<_> = persons.into_iter().map(|person| person.agency).collect();
    let state = bus.state(operator).unwrap();
    assert_eq!(held, state.agencies().map(|agency| agency.agency.clone()).collect::<Vec<_>>());
    bus.close().await;
}

/// A key management service that refuses one agency its secrets.
struct Without(&'static str);

impl Without {
    fn gives(&self, agency: &str) -> Result<(), KmsError> {
        match agency == self.0 {
            true => Err(KmsError::Denied("not this one".to_owned())),
            false => Ok(()),
        }
    }
}

impl Kms for Without {
    fn wrap(&self, agency: &str, secret: &Secret) -> Result<Vec<u8>, KmsError> {
        self.gives(agency).and_then(|()| TestKms.wrap(agency, secret))
    }

    fn unwrap(&self, agency: &str, wrapped: &[u8]) -> Result<Secret, KmsError> {
        self.gives(agency).and_then(|()| TestKms.unwrap(agency, wrapped))
    }

    fn destroy(&self, agency: &str, wrapped: &[u8]) -> Result<(), KmsError> {
        self.gives(agency).and_then(|()| TestKms.destroy(agency, wrapped))
    }
}

async fn without(office: Office, folder: &Path, agency: &'static str) -> Office {
    office.world.bus.close().await;
    let Office { world: World { bus, operator, registry, tax, statistics }, officer, other_dpo, stranger } =
        office;
    drop(bus);
    let (journal, _) =
        Embedded::open(folder.join("journal"), Arc::new(RealDisk::new()), Options::default()).unwrap();
    let (kms, clock) = (Arc::new(Without(agency)), Arc::new(SystemClock));
    let (bus, _) = Bus::open(settings(folder), Arc::new(journal), kms, clock).await.unwrap();
    let world = World { bus, operator, registry, tax, statistics };
    Office { world, officer, other_dpo, stranger }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_operators_hold_needs_the_keys_of_those_that_seal_something_and_of_no_others() {
    let folder = tempfile::tempdir().unwrap();
    let office = office(folder.path()).await;
    receipt(publish(&office.world, birth(1)).await);
    let said = || ("a case".to_owned(), "court 4711".to_owned());
    let office = without(office, folder.path(), "statistics").await;
    let hold = office.world.bus.hold_person(&office.world.operator, &subject(&child(1)), said()).await;
    let hold = office.world.bus.hold(&office.world.operator, &hold.unwrap()).unwrap();
    let governance::state::HoldOn::Person(persons) = &hold.on else { panic!() };
    let held: Vec<&str> = persons.iter().map(|person| person.agency.as_str()).collect();
    assert!(held.contains(&"civil-registry") && !held.contains(&"statistics"), "{held:?}");
    let erasure = office.asked(&child(1)).await;
    office.approved(&erasure).await;
    assert_eq!(office.status(&erasure), "approved", "it is held");
    // The hold is lifted by the keys of one agency: those of the others may be out of reach.
    let lift = |reason: &str| Command::LiftHold { hold: hold.id.clone(), reason: reason.to_owned() };
    office.world.bus.govern(&office.world.operator, lift("over")).await.unwrap();

    let office = without(office, folder.path(), "civil-registry").await;
    let refused = office.world.bus.hold_person(&office.world.operator, &subject(&child(2)), said()).await;
    let refused = refused.unwrap_err();
    assert_eq!(refused.kind, RefusalKind::Unavailable);
    assert!(refused.text.contains("civil-registry"), "{refused}");
    office.world.bus.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn lists_come_page_by_page_with_the_newest_first() {
    let folder = tempfile::tempdir().unwrap();
    let office = office(folder.path()).await;
    let (bus, operator) = (&office.world.bus, &office.world.operator);
    let (mut holds, mut erasures) = (Vec::new(), Vec::new());
    for number in 0..5 {
        receipt(publish(&office.world, birth(number)).await);
        let said = ("a case".to_owned(), "court 4711".to_owned());
        holds.insert(0, bus.hold_person(operator, &subject(&child(number)), said).await.unwrap());
        erasures.insert(0, office.asked(&child(number)).await);
    }
    for limit in [1, 2, 4, 5, 9] {
        let mut page = Page { before: None, limit: Some(limit) };
        let (mut found, mut pages) = (Vec::new(), 0);
        loop {
            let listed = bus.holds(operator, &page);
            assert!(listed.found.len() <= limit);
            found.extend(listed.found.iter().map(|hold| hold.id.clone()));
            pages += 1;
            page.before = listed.before;
            if page.before.is_none() {
                break;
            }
        }
        assert_eq!((&found, pages), (&holds, 5usize.div_ceil(limit)), "{limit} a page");
    }
    let page = Page { before: Some(erasures[1].clone()), limit: Some(2) };
    let listed = bus.erasures(operator, &page);
    let names: Vec<&String> = listed.found.iter().map(|(known, _)| &known.id).collect();
    assert_eq!((names, listed.before.as_ref()), (vec![&erasures[2], &erasures[3]], Some(&erasures[3])));
    assert!(bus.erasures(&office.stranger, &Page::default()).found.is_empty());
    bus.close().await;
}
