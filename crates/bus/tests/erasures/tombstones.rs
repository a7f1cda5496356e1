//! What is left of an erased person's events.

use super::*;
use bus::RefusalKind;
use contract::Data;
use serde_json::json;

#[tokio::test(flavor = "multi_thread")]
async fn an_erased_persons_events_are_tombstones_for_good_and_new_ones_are_not() {
    let folder = tempfile::tempdir().unwrap();
    let mut office = office(folder.path()).await;
    for number in [1, 2] {
        receipt(publish(&office.world, birth(number)).await);
    }
    let before = office.read().await;
    assert!(before.iter().all(|event| !is_tombstone(event)));
    office.erased(&child(1)).await;
    for restarted in [false, true] {
        if restarted {
            office.world = reopened(office.world, folder.path()).await;
        }
        let events = office.read().await;
        assert!(is_tombstone(&events[0]) && !is_tombstone(&events[1]), "{events:?}");
        assert_eq!(events[1], before[1]);
        // The class goes as a whole, so that the redacted schema of what is left fits.
        assert_eq!(
            document(&events[0]),
            json!({"registrationOffice": "North", "clerk": "Clerkson 1", "parents": [{}]})
        );
        let named = events[0].subject.as_deref().unwrap();
        assert!(named.len() == 32 && !named.contains("PID"), "{named}");
    }
    let mut again = birth(3);
    again.data = Some(Data::Json(text(&again).replace("PID-0000003", "PID-0000001").into()));
    again.subject = Some(child(1));
    receipt(publish(&office.world, again.clone()).await);
    for restarted in [false, true] {
        if restarted {
            office.world = reopened(office.world, folder.path()).await;
        }
        let events = office.read().await;
        assert!(is_tombstone(&events[0]), "the old one stays erased");
        assert_eq!(events[2], again, "restarted: {restarted}");
    }
    office.erased(&child(1)).await;
    assert!(is_tombstone(&office.read().await[2]), "the person can be erased again");
    office.world.bus.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_event_after_its_persons_erasure_is_a_conflict() {
    let folder = tempfile::tempdir().unwrap();
    let mut office = office(folder.path()).await;
    receipt(publish(&office.world, birth(1)).await);
    office.erased(&child(1)).await;
    for restarted in [false, true] {
        if restarted {
            office.world = reopened(office.world, folder.path()).await;
        }
        let refused = refusal(publish(&office.world, birth(1)).await);
        assert_eq!(refused.kind, RefusalKind::Conflict, "{refused}");
    }
    assert!(is_tombstone(&office.read().await[0]));
    let letter =
        office.world.bus.reject(&office.world.tax, &cleared(), 0, 0, "Zephyrine Q1 is unknown").await;
    let letters = match letter {
        Ok(letter) => letter.reason,
        Err(_) => {
            let places = office.world.bus.pull(&office.world.tax, &cleared(), all()).await.unwrap();
            let (partition, offset) = (places.events[0].partition, places.events[0].offset);
            let reason = "Zephyrine Q1 is unknown";
            office
                .world
                .bus
                .reject(&office.world.tax, &cleared(), partition, offset, reason)
                .await
                .unwrap()
                .reason
        }
    };
    assert!(!letters.contains("Zephyrine"), "nobody can tell any more what it carries: {letters}");
    office.world.bus.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_but_the_bus_says_that_somebody_was_erased() {
    let folder = tempfile::tempdir().unwrap();
    let office = office(folder.path()).await;
    let mut forged = birth(1);
    forged.extensions.push(("erased".to_owned(), AttributeValue::Boolean(true)));
    let refused = refusal(publish(&office.world, forged).await);
    assert_eq!(refused.kind, RefusalKind::Contract, "{refused}");
    office.world.bus.close().await;
}
