//! Whose word an erasure wants, and that nothing says whom it is about.

use super::*;
use bus::RefusalKind;
use contract::CloudEvent;
use serde_json::json;

#[tokio::test(flavor = "multi_thread")]
async fn two_people_are_wanted_and_who_may_not_ask_learns_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let office = office(folder.path()).await;
    receipt(publish(&office.world, birth(1)).await);
    let bus = &office.world.bus;
    let ask = async |caller: &Caller, who: &str| {
        bus.request_erasure(caller, &subject(who), "because".to_owned()).await.unwrap_err()
    };
    for caller in [&office.stranger, &office.other_dpo, &office.world.registry, &office.world.tax] {
        let (known, unknown) = (ask(caller, &child(1)).await, ask(caller, &child(9)).await);
        assert_eq!(known, unknown, "{}", caller.principal);
    }
    let named =
        bus.request_erasure(&office.officer, &subject(&child(1)), format!("{} wants it", child(1))).await;
    assert_eq!(named.unwrap_err().kind, RefusalKind::Malformed);
    let erasure = office.asked(&child(1)).await;
    let approve = || Command::ApproveErasure { erasure: erasure.clone() };
    let own = bus.govern(&office.officer, approve()).await.unwrap_err();
    assert!(own.text.contains("another person approves it"), "{own}");
    for caller in [&office.stranger, &office.other_dpo] {
        assert_eq!(bus.govern(caller, approve()).await.unwrap_err().kind, RefusalKind::Unknown);
        assert!(
            bus.erasure(caller, &erasure).is_err()
                && bus.erasures(caller, &bus::Page::default()).found.is_empty()
        );
    }
    let twice =
        bus.request_erasure(&office.officer, &subject(&child(1)), "again".to_owned()).await.unwrap_err();
    assert!(twice.text.contains(&erasure), "{twice}");
    assert!(!is_tombstone(&office.read().await[0]));
    let told = bus.govern(&office.world.operator, approve()).await.unwrap();
    assert_eq!(told.events.len(), 1, "what the person is called is not told: {:?}", told.events);
    assert!(is_tombstone(&office.read().await[0]));
    let raw = json!({"command": "request-erasure", "erasure": "e", "reason": "r",
        "parts": [{"agency": "civil-registry", "pseudonym": "00".repeat(16)}]});
    let raw = bus.govern(&office.officer, serde_json::from_value(raw).unwrap()).await.unwrap_err();
    assert!(raw.hint.unwrap().contains("POST /v1/erasures"));
    bus.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_known_to_two_agencies_is_erased_by_both_officers_and_each_sees_its_own_part() {
    let folder = tempfile::tempdir().unwrap();
    let office = office(folder.path()).await;
    let (bus, world) = (&office.world.bus, &office.world);
    let mut files = files();
    let language = &LANGUAGES[0];
    let yaml = "topic: tax.case.opened\nowner: tax-office\nsteward: s@tax-office\ndeputy: t@tax-office\ndescription: A case.\n\
        legal_basis: An Act\npartitions: 1\nretention: 10y\ncontract:\n  version: 1\n  format: json-schema\n  \
        schema: v1.schema.json\n  subject: [/personId, /partnerId]\n  classify:\n    /personId: personal\n    \
        /name: {class: personal, of: /personId}\n    /partnerId: personal\n    \
        /partnerName: {class: personal, of: /partnerId}\n    /office: public\n    /note: internal\n";
    files.insert("topics/tax.case.opened/topic.yaml".to_owned(), yaml.to_owned());
    files.insert("topics/tax.case.opened/v1.schema.json".to_owned(), language.schema.to_owned());
    bus.apply(&world.operator, &files, false).await.unwrap();
    let producer = principal(bus, &world.operator, "p@tax-office", Role::Producer).await;
    let texts = [child(1), "Zephyrine".to_owned(), child(2), "Thaddeus".to_owned(), "South".to_owned()];
    let fields: Vec<(&str, String)> = FIELDS.into_iter().zip(texts).collect();
    let event = CloudEvent {
        id: "case-1".to_owned(),
        source: "urn:xx:tax-office:cases".to_owned(),
        ty: "tax.case.opened".to_owned(),
        data: Some((language.data)(&fields)),
        ..CloudEvent::empty()
    };
    let cases: contract::TopicName = "tax.case.opened".parse().unwrap();
    receipt(bus.publish(&producer, &cases, vec![Ok(event)]).await.unwrap().remove(0));
    receipt(publish(world, birth(1)).await);

    let erasure = office.asked(&child(1)).await;
    let (known, sight) = bus.erasure(&office.officer, &erasure).unwrap();
    let [registry, tax] = &known.parts[..] else { panic!("{:?}", known.parts) };
    assert_ne!(registry.found.person.pseudonym, tax.found.person.pseudonym);
    assert_eq!(tax.found.topics.keys().collect::<Vec<_>>(), [&cases]);
    assert_eq!(sight.parts.iter().map(|name| name.as_str()).collect::<Vec<_>>(), ["civil-registry"]);
    let told =
        bus.govern(&office.other_dpo, Command::ApproveErasure { erasure: erasure.clone() }).await.unwrap();
    assert!(!format!("{:?}", told.events).contains(&registry.found.person.pseudonym), "{:?}", told.events);
    assert_eq!(office.status(&erasure), "carried-out");
    assert!(is_tombstone(&office.read().await[0]));
    bus.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whom_it_is_about_stands_nowhere() {
    let folder = tempfile::tempdir().unwrap();
    let office = office(folder.path()).await;
    let (bus, world) = (&office.world.bus, &office.world);
    receipt(publish(world, birth(1)).await);
    let before = office.read().await;
    assert!(text(&before[0]).contains("PID-0000001"));
    let said = || ("a case".to_owned(), "court 4711".to_owned());
    let hold = bus.hold_person(&world.operator, &subject(&child(1)), said()).await.unwrap();
    let unknown = bus.hold_person(&office.officer, &subject(&child(7)), said()).await.unwrap();
    let erasure = office.asked(&child(1)).await;
    office.approved(&erasure).await;
    bus.govern(&world.operator, Command::LiftHold { hold, reason: "over".to_owned() }).await.unwrap();
    bus.bring_due().await.unwrap();
    assert_eq!(office.status(&erasure), "carried-out");
    let mut said = format!(
        "{:?}{:?}{unknown}",
        bus.erasures(&world.operator, &bus::Page::default()),
        bus.holds(&world.operator, &bus::Page::default())
    );
    said += &format!("{:?}", bus.notices(&world.operator, None, 100).unwrap());
    said += &bus.erasure_certificate(&world.operator, &erasure).await.unwrap();
    for refused in [
        bus.request_erasure(&office.officer, &subject(&child(1)), "again".to_owned()).await.unwrap_err(),
        bus.request_erasure(&office.officer, &subject(&child(1)), child(1)).await.unwrap_err(),
        Subject::parse(child(1).repeat(200)).unwrap_err(),
    ] {
        said += &format!("{refused:?}");
    }
    said += &format!("{:?}", office.read().await);
    let mut bundle = Vec::new();
    bus.audit().export(0, true, &mut bundle).unwrap();
    said += &String::from_utf8(bundle).unwrap();
    bus.close().await;
    for planted in ["PID-0000001", "PID-0000007", "Zephyrine"] {
        assert!(!said.contains(planted), "{planted} was said");
        crate::planted_values::search(folder.path(), planted.as_bytes());
    }
}

#[test]
fn an_identifier_with_something_unseen_in_it_is_refused_and_not_repeated() {
    for text in
        [" PID-1", "PID-1 ", "PID-1\n", "PID-1\r\n", "PID\u{0}-1", "\u{feff}PID-1", "PID-1\u{a0}", "", "  "]
    {
        let refused = Subject::parse(text.to_owned()).unwrap_err();
        assert_eq!(refused.kind, RefusalKind::Malformed, "{text:?}");
        assert!(!format!("{refused:?}").contains("PID"), "{refused:?}");
    }
    subject("PID 1 – ü");
}

#[tokio::test(flavor = "multi_thread")]
async fn later_words_do_not_name_the_person_either() {
    let folder = tempfile::tempdir().unwrap();
    let office = office(folder.path()).await;
    let (bus, operator) = (&office.world.bus, &office.world.operator);
    receipt(publish(&office.world, birth(1)).await);
    office.read().await;
    let said = ("a case".to_owned(), "court 4711".to_owned());
    let hold = bus.hold_person(operator, &subject(&child(1)), said).await.unwrap();
    let erasure = office.asked(&child(1)).await;
    let lift = |reason: &str| Command::LiftHold { hold: hold.clone(), reason: reason.to_owned() };
    let decline =
        |reason: &str| Command::DeclineErasure { erasure: erasure.clone(), reason: reason.to_owned() };
    let withdraw =
        |reason: &str| Command::WithdrawErasure { erasure: erasure.clone(), reason: reason.to_owned() };
    let agency: contract::AgencyName = "tax-office".parse().unwrap();
    let answer = |kept: &str| Command::AcknowledgeErasure {
        erasure: erasure.clone(),
        agency: agency.clone(),
        kept: Some(kept.to_owned()),
    };
    let named = format!("{} (born 2026) is needed", child(1));
    // Who may see it and may not decide is not told whether a guess is right.
    let guess = |who: &str| bus.govern(&office.officer, lift(who));
    let (right, wrong) = (guess(&child(1)).await.unwrap_err(), guess(&child(7)).await.unwrap_err());
    assert_eq!(right, wrong);
    assert_eq!(right.kind, RefusalKind::Forbidden, "{right}");
    for (who, command) in [
        (operator, lift(&named)),
        (&office.officer, decline(&named)),
        (&office.officer, withdraw(&format!("a mistake: «{}».", child(1)))),
    ] {
        let refused = bus.govern(who, command).await.unwrap_err();
        assert_eq!(refused.kind, RefusalKind::Malformed, "{refused}");
        assert!(!format!("{refused:?}").contains("PID"), "{refused:?}");
    }
    // Who may not know of it learns nothing by guessing.
    let guess = bus.govern(&office.stranger, decline(&named)).await.unwrap_err();
    assert_eq!(guess.kind, RefusalKind::Unknown, "{guess}");
    bus.govern(operator, lift(&format!("{} is another matter", child(2)))).await.unwrap();
    office.approved(&erasure).await;
    assert_eq!(office.status(&erasure), "carried-out");
    // Also of somebody who is erased, and so is called otherwise by now.
    let refused = bus.govern(&office.other_dpo, answer(&format!("Tax Act §147, {}", child(1)))).await;
    assert_eq!(refused.unwrap_err().kind, RefusalKind::Malformed);
    bus.govern(&office.other_dpo, answer("Tax Act §147")).await.unwrap();
    bus.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_speaks_for_an_absent_officer_approves_and_sees_what_became_of_it() {
    let folder = tempfile::tempdir().unwrap();
    let office = office(folder.path()).await;
    let (bus, operator) = (&office.world.bus, &office.world.operator);
    let deputy = principal(bus, operator, "e@civil-registry", Role::Steward).await;
    receipt(publish(&office.world, birth(1)).await);
    let reason = "Data Protection Act §17".to_owned();
    let erasure = bus.request_erasure(operator, &subject(&child(1)), reason).await.unwrap();
    assert!(bus.erasure(&deputy, &erasure).is_err(), "a steward has no word in it");
    let until = bus::clock::rfc3339(bus.now_ms() + 30 * DAY_MS);
    let absent = json!({"command": "give-delegation", "principal": "d@civil-registry", "to": "e@civil-registry",
        "until": until[..10], "reason": "away"});
    bus.govern(&office.officer, serde_json::from_value(absent).unwrap()).await.unwrap();
    assert!(bus.erasure(&deputy, &erasure).is_ok(), "what they are to decide on");
    bus.govern_erasure(&deputy, Command::ApproveErasure { erasure: erasure.clone() }).await.unwrap();
    let (known, sight) = bus.erasure(&deputy, &erasure).unwrap();
    assert!(sight.is_whole && known.parts[0].erased.is_some(), "{known:?}");
    assert_eq!(bus.erasures(&deputy, &bus::Page::default()).found.len(), 1);
    bus.close().await;
}
