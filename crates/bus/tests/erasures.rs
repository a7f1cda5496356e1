//! Erasing people: their events turn into tombstones for good, what stands in the way is kept to, and nothing says whom it
//! was about.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking, in its helpers too")]

use std::path::Path;

use crate::common::*;
use bus::{Caller, RefusalKind, Subject};
use contract::{AttributeValue, CloudEvent, Data};
use governance::{Command, Role};
use serde_json::{Value, json};

/// 2026-11-26.
const DAY_MS: u64 = 86_400_000;

/// A world past its bootstrap, with those who have a word in erasures.
pub struct Office {
    pub world: World,
    officer: Caller,
    other_dpo: Caller,
    stranger: Caller,
}

pub async fn office(folder: &Path) -> Office {
    staffed(world(folder).await).await
}

pub async fn staffed(world: World) -> Office {
    let (bus, operator) = (&world.bus, &world.operator);
    let officer = principal(bus, operator, "d@civil-registry", Role::Dpo).await;
    let other_dpo = principal(bus, operator, "d@tax-office", Role::Dpo).await;
    let stranger = principal(bus, operator, "s@statistics", Role::Steward).await;
    Office { world, officer, other_dpo, stranger }
}

fn subject(text: &str) -> Subject {
    Subject::parse(text.to_owned()).unwrap()
}

pub fn child(number: usize) -> String {
    format!("PID-{number:07}")
}

impl Office {
    pub async fn asked(&self, who: &str) -> String {
        let reason = "Data Protection Act §17".to_owned();
        self.world.bus.request_erasure(&self.officer, &subject(who), reason).await.unwrap()
    }

    pub async fn approved(&self, erasure: &str) {
        let command = Command::ApproveErasure { erasure: erasure.to_owned() };
        self.world.bus.govern_erasure(&self.world.operator, command).await.unwrap();
    }

    /// The data protection officer of the owner.
    pub fn officer(&self) -> &Caller {
        &self.officer
    }

    pub async fn erased(&self, who: &str) -> String {
        let erasure = self.asked(who).await;
        self.approved(&erasure).await;
        assert_eq!(self.status(&erasure), "carried-out");
        erasure
    }

    pub fn status(&self, erasure: &str) -> &'static str {
        let (known, _) = self.world.bus.erasure(&self.officer, erasure).unwrap();
        governance::erasure::status(&self.world.bus.state(&self.officer).unwrap(), &known)
    }

    pub async fn read(&self) -> Vec<CloudEvent> {
        let delivery = self.world.bus.pull(&self.world.tax, &cleared(), all()).await.unwrap();
        let mut events: Vec<CloudEvent> = delivery.events.into_iter().map(|it| it.event).collect();
        events.sort_by(|a, b| a.id.cmp(&b.id));
        events
    }
}

pub fn is_tombstone(event: &CloudEvent) -> bool {
    event.extensions.contains(&("erased".to_owned(), AttributeValue::Boolean(true)))
}

pub fn document(event: &CloudEvent) -> Value {
    serde_json::from_str(&text(event)).unwrap()
}

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
        assert!(bus.erasure(caller, &erasure).is_err() && bus.erasures(caller).is_empty());
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

/// A case of two people, in one of the three languages: its topic's files, and an event's data.
pub struct Language {
    pub topic: &'static str,
    format: &'static str,
    file: &'static str,
    schema: &'static str,
    pub data: fn(&[(&str, String)]) -> Data,
}

pub const FIELDS: [&str; 6] = ["personId", "name", "partnerId", "partnerName", "office", "note"];

fn json_data(fields: &[(&str, String)]) -> Data {
    let object: serde_json::Map<String, Value> =
        fields.iter().map(|(name, text)| ((*name).to_owned(), json!(text))).collect();
    Data::Json(serde_json::to_vec(&object).unwrap().into())
}

fn avro_data(fields: &[(&str, String)]) -> Data {
    let one = |(_, text): &(&str, String)| [&[2 * text.len() as u8], text.as_bytes()].concat();
    Data::Binary(fields.iter().flat_map(one).collect::<Vec<u8>>().into())
}

fn protobuf_data(fields: &[(&str, String)]) -> Data {
    let one = |(number, (_, text)): (u8, &(&str, String))| {
        [&[number << 3 | 2, text.len() as u8], text.as_bytes()].concat()
    };
    Data::Binary((1..).zip(fields).flat_map(one).collect::<Vec<u8>>().into())
}

pub const LANGUAGES: [Language; 3] = [
    Language {
        topic: "civil.case.json",
        format: "json-schema",
        file: "v1.schema.json",
        schema: r#"{"type": "object", "additionalProperties": false, "required": ["personId", "name", "office"],
            "properties": {"personId": {"type": "string"}, "name": {"type": "string"}, "partnerId": {"type": "string"},
            "partnerName": {"type": "string"}, "office": {"type": "string"}, "note": {"type": "string"}}}"#,
        data: json_data,
    },
    Language {
        topic: "civil.case.avro",
        format: "avro",
        file: "v1.avsc",
        schema: r#"{"type": "record", "name": "Case", "fields": [{"name": "personId", "type": "string"},
            {"name": "name", "type": "string"}, {"name": "partnerId", "type": "string"},
            {"name": "partnerName", "type": "string"}, {"name": "office", "type": "string"},
            {"name": "note", "type": "string"}]}"#,
        data: avro_data,
    },
    Language {
        topic: "civil.case.protobuf",
        format: "protobuf",
        file: "v1.proto",
        schema: "syntax = \"proto3\";\nmessage Case {\n  string personId = 1;\n  string name = 2;\n  string partnerId = 3;\n  \
            string partnerName = 4;\n  string office = 5;\n  string note = 6;\n}\n",
        data: protobuf_data,
    },
];

/// Ordinary readers are cleared for everything; one is cleared for nothing about people.
pub async fn languages(office: &Office) {
    let mut files = files();
    for Language { topic, format, file, schema, .. } in &LANGUAGES {
        let yaml = format!(
            "topic: {topic}\nowner: civil-registry\nsteward: m.okafor@civil-registry\ndeputy: l.brandt@civil-registry\n\
             description: A case.\nlegal_basis: An Act\npartitions: 1\nretention: 10y\ncontract:\n  version: 1\n  \
             format: {format}\n  schema: {file}\n  subject: [/personId, /partnerId]\n  classify:\n    /personId: personal\n    \
             /name: {{class: personal, of: /personId}}\n    /partnerId: personal\n    \
             /partnerName: {{class: special, of: /partnerId}}\n    /office: public\n    /note: internal\n"
        );
        files.insert(format!("topics/{topic}/topic.yaml"), yaml);
        files.insert(format!("topics/{topic}/{file}"), (*schema).to_owned());
        for (agency, clears) in
            [("tax-office", "[internal, personal, special]"), ("statistics", "[internal, special]")]
        {
            let name = format!("{agency}.{}", topic.rsplit('.').next().unwrap());
            let yaml = format!(
                "subscription: {name}\ntopic: {topic}\nagency: {agency}\npurpose: a purpose\nlegal_basis: An Act §1\nclears: \
                 {clears}\nexpires: 2035-01-01\n"
            );
            files.insert(format!("subscriptions/{name}.yaml"), yaml);
        }
    }
    office.world.bus.apply(&office.world.operator, &files, false).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tombstone_is_what_a_reader_is_handed_who_is_not_cleared_for_its_classes() {
    let folder = tempfile::tempdir().unwrap();
    let office = office(folder.path()).await;
    languages(&office).await;
    let (bus, world) = (&office.world.bus, &office.world);
    for language in &LANGUAGES {
        let topic: contract::TopicName = language.topic.parse().unwrap();
        let number =
            bus.state(&world.tax).unwrap().topic(&topic).unwrap().versions.values().next().unwrap().number;
        for (person, partner) in [(1, 2), (3, 4)] {
            let texts = [child(person), "Zephyrine".to_owned(), child(partner), "Thaddeus".to_owned()];
            let texts = texts.into_iter().chain(["North".to_owned(), "to file".to_owned()]);
            let fields: Vec<(&str, String)> = FIELDS.into_iter().zip(texts).collect();
            let event = CloudEvent {
                id: format!("case-{person}"),
                source: "urn:xx:civil-registry:cases".to_owned(),
                ty: language.topic.to_owned(),
                dataschema: Some(format!("urn:chancery:schema:id:{number}")),
                data: Some((language.data)(&fields)),
                ..CloudEvent::empty()
            };
            let outcomes = bus.publish(&world.registry, &topic, vec![Ok(event)]).await.unwrap();
            receipt(outcomes.into_iter().next().unwrap());
        }
    }
    let read = async |caller: &Caller, agency: &str, language: &Language| {
        let name = format!("{agency}.{}", language.topic.rsplit('.').next().unwrap());
        bus.pull(caller, &name.parse().unwrap(), all()).await.unwrap().events
    };
    // Of the first case the person, who has something personal only; of the second the partner, who has both classes.
    office.erased(&child(1)).await;
    for language in &LANGUAGES {
        let (cleared, less) = (
            read(&world.tax, "tax-office", language).await,
            read(&world.statistics, "statistics", language).await,
        );
        let [tombstone, whole] = &cleared[..] else { panic!("{cleared:?}") };
        assert!(is_tombstone(&tombstone.event) && !is_tombstone(&whole.event), "{}", language.topic);
        assert!(is_tombstone(&less[0].event), "whoever may see less is told too");
        assert_eq!(tombstone.event.data, less[0].event.data, "{}", language.topic);
        assert_eq!(tombstone.event.dataschema, less[0].event.dataschema);
        assert_ne!(tombstone.event.dataschema, whole.event.dataschema, "{:?}", whole.event.dataschema);
        assert_eq!(tombstone.event.subject, less[0].event.subject);
        let bytes = match tombstone.event.data.as_ref().unwrap() {
            Data::Json(bytes) | Data::Binary(bytes) => String::from_utf8_lossy(bytes).into_owned(),
        };
        assert!(
            bytes.contains("Thaddeus") && bytes.contains("to file") && !bytes.contains("Zephyrine"),
            "{bytes}"
        );
        assert!(!bytes.contains("PID"), "the partner's identifier is of the class that is left out: {bytes}");
    }
    office.erased(&child(4)).await;
    for language in &LANGUAGES {
        let cleared = read(&world.tax, "tax-office", language).await;
        let bytes = match cleared[1].event.data.as_ref().unwrap() {
            Data::Json(bytes) | Data::Binary(bytes) => String::from_utf8_lossy(bytes).into_owned(),
        };
        assert!(
            bytes.contains("to file") && !bytes.contains("Thaddeus") && !bytes.contains("Zephyrine"),
            "{bytes}"
        );
    }
    bus.close().await;
}

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
    let mut said = format!("{:?}{:?}{unknown}", bus.erasures(&world.operator), bus.holds(&world.operator));
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

#[tokio::test(flavor = "multi_thread")]
async fn a_note_of_an_event_that_retention_took_away_is_in_nobodys_way() {
    let folder = tempfile::tempdir().unwrap();
    let world = world(folder.path()).await;
    let clock = later();
    let mut office = staffed(reopened_by(world, folder.path(), clock.clone()).await).await;
    // More people than a record has marks for: the last ones are found by notes, which stay when the event goes.
    let parents: Vec<String> =
        (0..40).map(|at| format!(r#"{{"personId":"PAR-{at:07}","name":"Thaddeus {at}"}}"#)).collect();
    let mut many = birth(1);
    let alone = r#"{"personId":"PAR-0000001","name":"Thaddeus W1"}"#;
    many.data = Some(Data::Json(text(&many).replace(alone, &parents.join(",")).into()));
    receipt(publish(&office.world, many).await);
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
