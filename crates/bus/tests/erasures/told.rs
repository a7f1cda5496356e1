//! Those who were handed events are told and answer, and the certificate says so.

use super::*;
use bus::RefusalKind;

#[tokio::test(flavor = "multi_thread")]
async fn those_who_were_handed_events_are_told_and_answer_and_the_certificate_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let office = office(folder.path()).await;
    let (bus, world) = (&office.world.bus, &office.world);
    for number in [1, 2] {
        receipt(publish(world, birth(number)).await);
    }
    let bundle = |bus: &bus::Bus| {
        let mut bundle = Vec::new();
        bus.audit().export(0, true, &mut bundle).unwrap();
        bundle
    };
    let key = audit::VerifierKey::parse(&bus.audit().verifier_key()).unwrap();
    office.read().await;
    let kept = bus.audit().checkpoint("standard").unwrap();
    audit::verify(&bundle(bus)[..], &key, &[&kept]).unwrap();
    let erasure = office.erased(&child(1)).await;
    audit::verify(&bundle(bus)[..], &key, &[&kept]).unwrap();

    let notices = bus.notices(&office.other_dpo, None, 50).unwrap();
    let told = notices.iter().find(|told| told.notice.kind == "erasure.told").unwrap();
    assert!(
        told.notice.text.contains("birth-1") && !told.notice.text.contains("birth-2"),
        "{}",
        told.notice.text
    );
    assert_eq!(told.notice.concerns.len(), 1);
    assert!(bus.erasure(&office.stranger, &erasure).is_err(), "statistics was handed nothing");
    let references = bus.erasure_references(&office.other_dpo, &erasure).await.unwrap();
    assert_eq!(references.iter().map(|it| it.at.id.as_str()).collect::<Vec<_>>(), ["birth-1"]);
    assert!(bus.erasure_references(&office.officer, &erasure).await.unwrap().is_empty());
    // What is handed over since is no reference, and tells nobody anything.
    bus.pull(&world.statistics, &uncleared(), all()).await.unwrap();
    assert!(bus.erasure(&office.stranger, &erasure).is_err());

    let forbidden = bus.erasure_certificate(&office.other_dpo, &erasure).await.unwrap_err();
    assert_eq!(forbidden.kind, RefusalKind::Forbidden);
    let agency = contract::AgencyName::parse("tax-office").unwrap();
    let kept = Some("Tax Act §147".to_owned());
    let answer = Command::AcknowledgeErasure { erasure: erasure.clone(), agency, kept: kept.clone() };
    bus.govern(&office.other_dpo, answer).await.unwrap();
    let text = bus.erasure_certificate(&office.officer, &erasure).await.unwrap();
    let certificate = audit::Certificate::verify(&text, &key).unwrap();
    assert_eq!((certificate.status.as_str(), certificate.parts.len()), ("carried-out", 1));
    assert_eq!(certificate.asked.by, "d@civil-registry");
    assert_eq!(certificate.agreed[0].by, world.operator.principal.as_str());
    assert_eq!(certificate.told[0].answer.as_ref().unwrap().kept, kept);
    assert!(certificate.parts[0].unreadable_in_every_copy.is_none(), "the epoch has not turned");
    // Asked for, agreed to and carried out, told, answered.
    assert_eq!(certificate.audit.len(), 4, "{:?}", certificate.audit);
    bus.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn those_who_were_handed_events_are_told_after_a_restart_too() {
    let folder = tempfile::tempdir().unwrap();
    let mut office = office(folder.path()).await;
    receipt(publish(&office.world, birth(1)).await);
    office.read().await;
    let erasure = office.asked(&child(1)).await;
    // Without what follows the decision, as if it died just behind it.
    let approve = Command::ApproveErasure { erasure: erasure.clone() };
    office.world.bus.govern(&office.world.operator, approve).await.unwrap();
    office.world = reopened(office.world, folder.path()).await;
    office.world.bus.bring_due().await.unwrap();
    let (known, _) = office.world.bus.erasure(&office.other_dpo, &erasure).unwrap();
    assert_eq!(known.informed.len(), 1, "{known:?}");
    assert!(office.world.bus.bring_due().await.unwrap().is_empty(), "once");
    office.world.bus.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_handed_over_since_the_erasure_is_not_told_of() {
    let folder = tempfile::tempdir().unwrap();
    let world = world(folder.path()).await;
    let clock = later();
    let office = staffed(reopened_by(world, folder.path(), clock.clone()).await).await;
    let bus = &office.world.bus;
    receipt(publish(&office.world, birth(1)).await);
    office.read().await;
    let erasure = office.asked(&child(1)).await;
    // Without what follows the decision, as if it had failed.
    let approve = Command::ApproveErasure { erasure: erasure.clone() };
    bus.govern(&office.world.operator, approve).await.unwrap();
    clock.advance(DAY_MS);
    bus.pull(&office.world.statistics, &uncleared(), all()).await.unwrap();
    bus.bring_due().await.unwrap();
    let (known, _) = bus.erasure(&office.officer, &erasure).unwrap();
    let told: Vec<&str> = known.informed.keys().map(|(_, to)| to.as_str()).collect();
    assert_eq!(told, ["tax-office"]);
    bus.close().await;
}
