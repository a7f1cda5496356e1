//! What an erasure waits for: legal holds, and the duty to keep.

use super::*;
use contract::Data;

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
    let governance::state::HoldOn::Person(persons) = bus.holds(operator)[0].on.clone() else { panic!() };
    let held: Vec<_> = persons.into_iter().map(|person| person.agency).collect();
    let state = bus.state(operator).unwrap();
    assert_eq!(held, state.agencies().map(|agency| agency.agency.clone()).collect::<Vec<_>>());
    bus.close().await;
}
