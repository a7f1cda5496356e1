//! When an erased person's key is in no copy any more.

use super::*;

#[tokio::test(flavor = "multi_thread")]
async fn an_erasure_is_final_in_every_copy_when_the_epoch_ends_which_it_does_by_itself() {
    let folder = tempfile::tempdir().unwrap();
    let world = world(folder.path()).await;
    let clock = later();
    let office = staffed(reopened_by(world, folder.path(), clock.clone()).await).await;
    let bus = &office.world.bus;
    for number in 1..=2 {
        receipt(publish(&office.world, birth(number)).await);
    }
    let erasure = office.erased(&child(1)).await;
    let certificate = async || {
        let key = audit::VerifierKey::parse(&bus.audit().verifier_key()).unwrap();
        let text = bus.erasure_certificate(&office.officer, &erasure).await.unwrap();
        audit::Certificate::verify(&text, &key).unwrap().parts.remove(0).unreadable_in_every_copy
    };
    assert_eq!(certificate().await, None);
    let stand = bus.keys_stand(&office.world.operator).unwrap();
    assert_eq!((stand.epoch, stand.not_final_since_ms.is_some()), (1, true));
    clock.advance(3 * DAY_MS);
    let ended = until(async || {
        let stand = bus.keys_stand(&office.world.operator).unwrap();
        assert!(stand.ended.is_empty() || stand.not_final_since_ms.is_none());
        stand.ended.first().cloned()
    })
    .await;
    assert_eq!((ended.epoch, ended.left_behind), (1, 1));
    assert_eq!(certificate().await.unwrap().epoch, 1);
    let read = office.read().await;
    assert_eq!(read.iter().map(is_tombstone).collect::<Vec<_>>(), [true, false]);
    assert!(text(&read[0]).contains("North") && text(&read[1]).contains("Zephyrine Q2"));
    let office = Office { world: reopened_by(office.world, folder.path(), clock).await, ..office };
    let read = office.read().await;
    assert_eq!(read.iter().map(is_tombstone).collect::<Vec<_>>(), [true, false]);
    office.world.bus.close().await;
}
