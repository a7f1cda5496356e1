//! The events about a person are found, and only those that are there.

use super::*;
use bus::RefusalKind;
use contract::Data;

/// More people than a record has marks for: the last ones are found by notes, which stay when the event goes.
fn of_many() -> CloudEvent {
    let parents: Vec<String> =
        (0..40).map(|at| format!(r#"{{"personId":"PAR-{at:07}","name":"Thaddeus {at}"}}"#)).collect();
    let mut many = birth(1);
    let alone = r#"{"personId":"PAR-0000001","name":"Thaddeus W1"}"#;
    many.data = Some(Data::Json(text(&many).replace(alone, &parents.join(",")).into()));
    many
}

#[tokio::test(flavor = "multi_thread")]
async fn while_a_note_cannot_be_read_nobody_is_erased_whose_event_may_be_held() {
    let folder = tempfile::tempdir().unwrap();
    let mut office = office(folder.path()).await;
    receipt(publish(&office.world, of_many()).await);
    let gate = Gate::before("civil.birth.registered");
    office.world = gated(office.world, folder.path(), &gate).await;
    let last = "PAR-0000039";
    let erasure = office.asked(last).await;
    gate.spoil(Some("people/"));
    let another =
        office.world.bus.request_erasure(&office.officer, &subject("PAR-0000038"), "§17".to_owned()).await;
    let refused = another.unwrap_err();
    assert_eq!(refused.kind, RefusalKind::Unavailable, "{refused}");
    office.approved(&erasure).await;
    office.world.bus.bring_due().await.unwrap();
    assert_eq!(office.status(&erasure), "approved", "it waits");
    assert!(!is_tombstone(&office.read().await[0]));
    gate.spoil(None);
    office.world.bus.bring_due().await.unwrap();
    assert_eq!(office.status(&erasure), "carried-out");
    assert!(is_tombstone(&office.read().await[0]));
    office.world.bus.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_note_of_an_event_that_retention_took_away_is_in_nobodys_way() {
    let folder = tempfile::tempdir().unwrap();
    let world = world(folder.path()).await;
    let clock = later();
    let mut office = staffed(reopened_by(world, folder.path(), clock.clone()).await).await;
    receipt(publish(&office.world, of_many()).await);
    clock.advance(11 * 365 * DAY_MS);
    office.world = reopened_by(office.world, folder.path(), clock).await;
    let operator = office.world.operator.clone();
    tokio::time::sleep(std::time::Duration::from_millis(300)).await;
    assert!(office.world.bus.trace(&operator, "birth-1").is_err(), "retention took it away");
    let regulator = principal(&office.world.bus, &operator, "r@statistics", Role::Regulator).await;
    for person in 0..40 {
        let person = format!("PAR-{person:07}");
        assert!(office.world.bus.person_disclosures(&regulator, &person, None).unwrap().is_empty());
        let erasure = office.erased(&person).await;
        let (known, _) = office.world.bus.erasure(&office.officer, &erasure).unwrap();
        assert!(known.parts[0].found.topics.is_empty() && known.parts[0].traced_ms.is_some(), "{known:?}");
    }
    office.world.bus.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_youngest_event_counts_and_not_only_the_first_that_is_found() {
    let folder = tempfile::tempdir().unwrap();
    let world = world(folder.path()).await;
    let clock = later();
    let office = staffed(reopened_by(world, folder.path(), clock.clone()).await).await;
    let began_ms = office.world.bus.now_ms();
    for number in 1..=3 {
        let mut event = birth(number);
        event.data = Some(Data::Json(text(&event).replace(&child(number), &child(1)).into()));
        event.subject = Some(child(1));
        receipt(publish(&office.world, event).await);
        clock.advance(DAY_MS);
    }
    let erasure = office.asked(&child(1)).await;
    let (known, _) = office.world.bus.erasure(&office.officer, &erasure).unwrap();
    let youngest = known.parts[0].found.topics[&topic()];
    assert!((began_ms + 2 * DAY_MS..began_ms + 3 * DAY_MS).contains(&youngest), "{youngest}");
    office.world.bus.close().await;
}
