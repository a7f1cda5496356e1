//! A subscription that demands consent is handed what is about those who consent, and of the others what is left.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking, in its helpers too")]

use std::path::Path;

use crate::common::*;
use crate::erasures::{FIELDS, LANGUAGES, Office, child, document, is_tombstone, languages, office};
use bus::clock::{Clock, SystemClock, rfc3339};
use bus::{Caller, Outcome, RefusalKind, Standing, Subject};
use contract::{AttributeValue, CloudEvent, Data, TopicName};
use governance::leaks::Answer;
use governance::{Command, Role};
use serde_json::{Value, json};

pub const PURPOSE: &str = "family benefit advice";

/// The shipped contract, of an agency that seals under other keys than what is read by consent, or the same.
pub async fn believes(office: &Office, keeper: &str) -> Caller {
    believes_beside(office, keeper, []).await
}

/// The same, with more files.
pub async fn believes_beside<const N: usize>(
    office: &Office,
    keeper: &str,
    more: [(String, String); N],
) -> Caller {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/consent");
    let read = |path: &str| std::fs::read_to_string(folder.join(path)).unwrap();
    let mut files = files();
    for path in ["topics/consent.record.changed/v1.schema.json", "standards/standards.toml"] {
        files.insert(path.to_owned(), read(path));
    }
    let topic = read("topics/consent.record.changed/topic.yaml").replace("civil-registry", keeper);
    files.insert("topics/consent.record.changed/topic.yaml".to_owned(), topic);
    let demanding = files.get_mut("subscriptions/tax-office.births.yaml").unwrap();
    demanding.push_str(&format!("consent: {PURPOSE}\n"));
    files.extend(more);
    let world = &office.world;
    world.bus.apply(&world.operator, &files, false).await.unwrap();
    principal(&world.bus, &world.operator, &format!("consents@{keeper}"), Role::Producer).await
}

/// What one record says.
pub struct Word<'w> {
    pub who: &'w str,
    pub purpose: &'w str,
    pub recipients: &'w [&'w str],
    pub state: &'w str,
    pub valid: Option<&'w str>,
    pub at_ms: u64,
}

impl<'w> Word<'w> {
    pub fn of(who: &'w str, state: &'w str) -> Self {
        let at_ms = SystemClock.now_ms();
        Self { who, purpose: PURPOSE, recipients: &[], state, valid: None, at_ms }
    }

    pub fn data(&self) -> Value {
        let mut purpose = json!({"purpose": self.purpose});
        if !self.recipients.is_empty() {
            purpose["recipient_third_parties"] = json!(self.recipients);
        }
        let mut event =
            json!({"event_time": rfc3339(self.at_ms), "event_type": "explicit", "event_state": self.state});
        if let Some(valid) = self.valid {
            event["validity_duration"] = json!(valid);
        }
        json!({"schema_version": "27560:2023", "record_id": "r", "pii_principal_id": self.who,
            "privacy_notice": "https://notice.example/1", "purposes": [purpose], "event": event})
    }

    pub async fn said(&self, bus: &bus::Bus, keeper: &Caller) {
        receipt(self.published(bus, keeper, Vec::new()).await);
    }

    pub async fn published(
        &self,
        bus: &bus::Bus,
        keeper: &Caller,
        extensions: Vec<(String, AttributeValue)>,
    ) -> Outcome {
        static NUMBER: std::sync::atomic::AtomicUsize = std::sync::atomic::AtomicUsize::new(0);
        let number = NUMBER.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
        let topic: TopicName = "consent.record.changed".parse().unwrap();
        let event = CloudEvent {
            id: format!("consent-{number}"),
            source: "urn:xx:civil-registry:consents".to_owned(),
            ty: topic.to_string(),
            data: Some(Data::Json(self.data().to_string().into())),
            extensions,
            ..CloudEvent::empty()
        };
        bus.publish(keeper, &topic, vec![Ok(event)]).await.unwrap().remove(0)
    }
}

pub fn parent(number: usize) -> String {
    format!("PAR-{number:07}")
}

/// Whether it says that something was withheld; then nothing of the people is in it.
pub fn is_withheld(event: &CloudEvent) -> bool {
    let said =
        event.extensions.contains(&("withheld".to_owned(), AttributeValue::String("consent".to_owned())));
    let whole = format!("{event:?}{}", text(event));
    for value in ["Zephyrine", "Thaddeus", "PID-", "PAR-"] {
        assert_ne!(whole.contains(value), said, "{whole}");
    }
    said
}

pub async fn withheld(office: &Office) -> Vec<bool> {
    office.read().await.iter().map(is_withheld).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn consent_opens_and_its_withdrawal_closes_what_was_open() {
    let folder = tempfile::tempdir().unwrap();
    let mut office = office(folder.path()).await;
    let keeper = believes(&office, "statistics").await;
    for number in [1, 2] {
        receipt(publish(&office.world, birth(number)).await);
    }
    let (one, two, father) = (child(1), child(2), parent(1));
    let bus = office.world.bus.clone();
    assert_eq!(withheld(&office).await, [true, true], "nobody said anything");
    let left = json!({"registrationOffice": "North", "clerk": "Clerkson 1", "parents": [{}]});
    assert_eq!(document(&office.read().await[0]), left, "what the redacted schema of the other classes says");

    Word::of(&one, "given").said(&bus, &keeper).await;
    assert_eq!(withheld(&office).await, [true, true], "the other person in it has not consented");
    Word { purpose: "another purpose", ..Word::of(&father, "given") }.said(&bus, &keeper).await;
    Word { recipients: &["statistics", "courts"], ..Word::of(&father, "given") }.said(&bus, &keeper).await;
    assert_eq!(withheld(&office).await, [true, true], "to something else, or for somebody else");
    Word { recipients: &["tax-office", "courts"], ..Word::of(&father, "given") }.said(&bus, &keeper).await;
    assert_eq!(withheld(&office).await, [false, true]);
    assert!(office.read().await[0].subject.as_deref() == Some(&one));
    let mut bundle = Vec::new();
    bus.audit().export(0, true, &mut bundle).unwrap();
    assert!(String::from_utf8_lossy(&bundle).contains(PURPOSE), "the disclosure says by what");

    Word { recipients: &["courts"], ..Word::of(&father, "withdrawn") }.said(&bus, &keeper).await;
    assert_eq!(withheld(&office).await, [false, true], "that concerned somebody else");
    Word::of(&father, "withdrawn").said(&bus, &keeper).await;
    drop(bus);
    for restarted in [false, true] {
        if restarted {
            office.world = reopened(office.world, folder.path()).await;
        }
        assert_eq!(withheld(&office).await, [true, true], "restarted: {restarted}");
    }
    // What was said before the withdrawal and comes after it does not undo it.
    let bus = office.world.bus.clone();
    let late = Word { at_ms: SystemClock.now_ms() - 3_600_000, ..Word::of(&father, "given") };
    late.said(&bus, &keeper).await;
    assert_eq!(withheld(&office).await, [true, true]);
    for who in [&father, &two, &parent(2)] {
        Word::of(who, "given").said(&bus, &keeper).await;
    }
    drop(bus);
    for restarted in [false, true] {
        if restarted {
            office.world = reopened(office.world, folder.path()).await;
        }
        assert_eq!(withheld(&office).await, [false, false], "restarted: {restarted}");
    }
    office.world.bus.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn consent_ends_with_its_time_by_the_clock_of_the_bus() {
    let folder = tempfile::tempdir().unwrap();
    let mut office = office(folder.path()).await;
    let keeper = believes(&office, "statistics").await;
    receipt(publish(&office.world, birth(1)).await);
    let clock = later();
    office.world = reopened_by(office.world, folder.path(), clock.clone()).await;
    for who in [&child(1), &parent(1)] {
        let word = Word { valid: Some("P1D"), at_ms: clock.now_ms(), ..Word::of(who, "given") };
        word.said(&office.world.bus, &keeper).await;
    }
    clock.advance(86_399_000);
    assert_eq!(withheld(&office).await, [false]);
    clock.advance(1_000);
    assert_eq!(withheld(&office).await, [true]);
    office.world.bus.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_withheld_is_what_a_reader_is_handed_who_is_not_cleared_for_its_classes() {
    let folder = tempfile::tempdir().unwrap();
    let office = office(folder.path()).await;
    let keeper = believes(&office, "civil-registry").await;
    languages(&office).await;
    let (bus, world) = (&office.world.bus, &office.world);
    for language in &LANGUAGES {
        let name = format!("tax-office.{}", language.topic.rsplit('.').next().unwrap());
        let change = json!({"command": "change-subscription", "subscription": name, "consent": PURPOSE});
        bus.govern(&world.operator, serde_json::from_value(change).unwrap()).await.unwrap();
        let topic: TopicName = language.topic.parse().unwrap();
        let number =
            bus.state(&world.tax).unwrap().topic(&topic).unwrap().versions.values().next().unwrap().number;
        let texts = [child(1), "Zephyrine".to_owned(), child(2), "Thaddeus".to_owned()];
        let texts = texts.into_iter().chain(["North".to_owned(), "to file".to_owned()]);
        let fields: Vec<(&str, String)> = FIELDS.into_iter().zip(texts).collect();
        let event = CloudEvent {
            id: "case".to_owned(),
            source: "urn:xx:civil-registry:cases".to_owned(),
            ty: language.topic.to_owned(),
            dataschema: Some(format!("urn:chancery:schema:id:{number}")),
            data: Some((language.data)(&fields)),
            ..CloudEvent::empty()
        };
        receipt(bus.publish(&world.registry, &topic, vec![Ok(event)]).await.unwrap().remove(0));
    }
    // The partner has both classes, the person one: so what is special may be opened, and nothing else.
    Word::of(&child(2), "given").said(bus, &keeper).await;
    for language in &LANGUAGES {
        let ending = language.topic.rsplit('.').next().unwrap();
        let read = async |caller: &Caller, agency: &str| {
            let name = format!("{agency}.{ending}").parse().unwrap();
            bus.pull(caller, &name, all()).await.unwrap().events.remove(0).event
        };
        let (demanding, less) =
            (read(&world.tax, "tax-office").await, read(&world.statistics, "statistics").await);
        assert_eq!(demanding.data, less.data, "{}", language.topic);
        assert_eq!((&demanding.dataschema, &demanding.subject), (&less.dataschema, &less.subject));
        assert!(demanding.extension("withheld") == Some("consent") && less.extension("withheld").is_none());
    }
    Word::of(&child(1), "given").said(bus, &keeper).await;
    for language in &LANGUAGES {
        let name = format!("tax-office.{}", language.topic.rsplit('.').next().unwrap());
        let event = bus.pull(&world.tax, &name.parse().unwrap(), all()).await.unwrap().events.remove(0).event;
        let bytes = match event.data.as_ref().unwrap() {
            Data::Json(bytes) | Data::Binary(bytes) => String::from_utf8_lossy(bytes).into_owned(),
        };
        assert!(bytes.contains("Zephyrine") && event.extension("withheld").is_none(), "{bytes}");
    }
    bus.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn erasure_takes_consent_along_and_whoever_comes_back_consents_anew() {
    let folder = tempfile::tempdir().unwrap();
    let mut office = office(folder.path()).await;
    let keeper = believes(&office, "civil-registry").await;
    let (one, father) = (child(1), parent(1));
    let give = async |office: &Office| {
        for who in [&one, &father] {
            Word::of(who, "given").said(&office.world.bus, &keeper).await;
        }
    };
    receipt(publish(&office.world, birth(1)).await);
    give(&office).await;
    assert_eq!(withheld(&office).await, [false]);
    office.erased(&one).await;
    let events = office.read().await;
    assert!(is_tombstone(&events[0]) && events[0].extension("withheld").is_none(), "{events:?}");

    let again = CloudEvent { id: "birth-1-again".to_owned(), ..birth(1) };
    receipt(publish(&office.world, again).await);
    for restarted in [false, true] {
        if restarted {
            office.world = reopened(office.world, folder.path()).await;
        }
        assert!(is_withheld(&office.read().await[1]), "restarted: {restarted}");
    }
    give(&office).await;
    for restarted in [false, true] {
        if restarted {
            office.world = reopened(office.world, folder.path()).await;
        }
        let events = office.read().await;
        assert!(is_tombstone(&events[0]) && !is_withheld(&events[1]), "restarted: {restarted}");
    }
    office.world.bus.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_but_the_bus_says_that_something_is_withheld_and_nobody_else_is_asked() {
    let folder = tempfile::tempdir().unwrap();
    let office = office(folder.path()).await;
    let keeper = believes(&office, "statistics").await;
    let mut forged = birth(1);
    forged.extensions.push(("withheld".to_owned(), AttributeValue::String("consent".to_owned())));
    let refused = refusal(publish(&office.world, forged).await);
    assert_eq!(refused.kind, RefusalKind::Contract, "{refused}");
    let Outcome::Accepted(_) = publish(&office.world, birth(1)).await else { panic!() };
    let world = &office.world;
    // A subscription without a demand is handed it as ever, and says nothing.
    let others = world.bus.pull(&world.statistics, &uncleared(), all()).await.unwrap();
    assert!(others.events[0].event.extension("withheld").is_none() && others.events[0].consent.is_none());
    // Who reads a dead letter's reason must not find in it what is withheld now.
    for who in [&child(1), &parent(1)] {
        Word::of(who, "given").said(&world.bus, &keeper).await;
    }
    let handed = world.bus.pull(&world.tax, &cleared(), all()).await.unwrap().events.remove(0);
    assert!(handed.consent.is_some() && !format!("{handed:?}").contains("Demand"));
    assert!(world.bus.still_consented(handed.consent.as_slice()).await.unwrap());
    Word::of(&child(1), "withdrawn").said(&world.bus, &keeper).await;
    assert!(
        !world.bus.still_consented(handed.consent.as_slice()).await.unwrap(),
        "with the receipt, at once"
    );
    let reason = "Zephyrine Q1 is unknown";
    let letter =
        world.bus.reject(&world.tax, &cleared(), handed.partition, handed.offset, reason).await.unwrap();
    assert!(!letter.reason.contains("Zephyrine"), "{}", letter.reason);
    world.bus.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_one_person_said_is_shown_to_officers_of_the_owner_and_who_asked_is_kept() {
    let folder = tempfile::tempdir().unwrap();
    let mut office = office(folder.path()).await;
    let keeper = believes(&office, "civil-registry").await;
    let one = child(1);
    let shown = async |office: &Office| {
        let subject = Subject::parse(child(1)).unwrap();
        office.world.bus.consents_of(office.officer(), &subject).await.unwrap()
    };
    receipt(publish(&office.world, birth(1)).await);
    assert!(shown(&office).await.is_empty(), "an event about a person is no word of theirs");
    let bus = office.world.bus.clone();
    Word::of(&one, "given").said(&bus, &keeper).await;
    Word { recipients: &["tax-office"], ..Word::of(&one, "withdrawn") }.said(&bus, &keeper).await;
    Word {
        purpose: "statistics",
        valid: Some("P1D"),
        at_ms: SystemClock.now_ms() - 172_800_000,
        ..Word::of(&one, "given")
    }
    .said(&bus, &keeper)
    .await;
    Word::of(&child(2), "given").said(&bus, &keeper).await;
    for (who, subject) in [(&office.world.operator, &one), (&office.world.tax, &one), (&keeper, &child(3))] {
        let subject = Subject::parse(subject.clone()).unwrap();
        let refused = bus.consents_of(who, &subject).await.unwrap_err();
        assert!(refused.kind == RefusalKind::Forbidden && !refused.to_string().contains("PID"), "{refused}");
    }
    drop(bus);
    for restarted in [false, true] {
        if restarted {
            office.world = reopened(office.world, folder.path()).await;
        }
        let known = shown(&office).await;
        let said: Vec<_> = known
            .iter()
            .map(|it| (&*it.purpose, it.agency.as_deref(), it.standing, it.until_ms.is_some()))
            .collect();
        // That its topic keeps it for so long only is an end as well.
        assert_eq!(
            said,
            [
                (PURPOSE, None, Standing::Given, true),
                (PURPOSE, Some("tax-office"), Standing::Withdrawn, false),
                ("statistics", None, Standing::Ended, true),
            ],
            "restarted: {restarted}"
        );
        assert!(known.iter().all(|it| it.event.topic.as_str() == "consent.record.changed"));
        assert!(known[0].event.id < known[1].event.id && known[0].since_ms <= known[1].since_ms);
    }
    let mut bundle = Vec::new();
    office.world.bus.audit().export(0, true, &mut bundle).unwrap();
    let bundle = String::from_utf8_lossy(&bundle);
    assert!(bundle.contains("what a person consents to") && bundle.contains("d@civil-registry"), "who asked");
    assert!(!bundle.contains(&one), "not about whom");
    office.erased(&one).await;
    assert!(shown(&office).await.is_empty());
    office.world.bus.close().await;
}

/// A topic about two people, read by the statistics agency by consent.
async fn cards(office: &Office, classify: &str, clears: &str) -> (Caller, TopicName) {
    let yaml = format!(
        "topic: civil.card.issued\nowner: civil-registry\nsteward: s@civil-registry\ndeputy: t@civil-registry\n\
         description: A card.\nlegal_basis: An Act\npartitions: 1\nretention: 10y\ncontract:\n  version: 1\n  \
         format: json-schema\n  schema: v1.schema.json\n  subject: [/a, /b]\n  classify: {classify}\n"
    );
    let text = json!({"type": "string"});
    let schema = json!({"type": "object", "additionalProperties": false, "required": ["a", "b"],
        "properties": {"a": text, "b": text, "pin": text, "pen": text}});
    let subscription = format!(
        "subscription: statistics.cards\ntopic: civil.card.issued\nagency: statistics\npurpose: a purpose\n\
         legal_basis: An Act\nclears: {clears}\nexpires: 2035-01-01\nconsent: {PURPOSE}\n"
    );
    let keeper = believes_beside(
        office,
        "tax-office",
        [
            ("topics/civil.card.issued/topic.yaml".to_owned(), yaml),
            ("topics/civil.card.issued/v1.schema.json".to_owned(), schema.to_string()),
            ("subscriptions/statistics.cards.yaml".to_owned(), subscription),
        ],
    )
    .await;
    (keeper, "civil.card.issued".parse().unwrap())
}

/// A card of the first and the second person, named after the second.
async fn card(office: &Office, topic: &TopicName) {
    let data = json!({"a": child(1), "b": child(2), "pin": "Zephyrine 1234", "pen": "Thaddeus 5678"});
    let event = CloudEvent {
        id: "card-1".to_owned(),
        source: "urn:xx:civil-registry:cards".to_owned(),
        ty: topic.to_string(),
        subject: Some(child(2)),
        data: Some(Data::Json(data.to_string().into())),
        ..CloudEvent::empty()
    };
    receipt(
        office.world.bus.publish(&office.world.registry, topic, vec![Ok(event)]).await.unwrap().remove(0),
    );
}

async fn cards_read(office: &Office) -> String {
    let name = "statistics.cards".parse().unwrap();
    let delivery = office.world.bus.pull(&office.world.statistics, &name, all()).await.unwrap();
    delivery.events.iter().map(|it| format!("{:?} {}", it.event, text(&it.event))).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn of_a_class_in_which_somebody_does_not_consent_nothing_is_shown_in_another_form() {
    let folder = tempfile::tempdir().unwrap();
    let office = office(folder.path()).await;
    let classify = "{/a: personal, /b: personal, /pin: {class: personal, of: /a, redact: last 4}, \
                    /pen: {class: personal, of: /b, redact: last 4}}";
    let (keeper, topic) = cards(&office, classify, "[]").await;
    card(&office, &topic).await;
    let bus = &office.world.bus;
    let (one, two) = (child(1), child(2));
    for (who, state, shown) in
        [(&one, "given", false), (&two, "given", true), (&one, "withdrawn", false), (&one, "given", true)]
    {
        Word::of(who, state).said(bus, &keeper).await;
        let read = cards_read(&office).await;
        assert_eq!((read.contains("1234"), read.contains("5678")), (shown, shown), "{state} {who}: {read}");
        assert!(read.contains("card-1") && !read.contains("Zephyrine"), "{read}");
    }
    bus.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_attribute_that_names_somebody_is_theirs_and_goes_with_their_consent() {
    let folder = tempfile::tempdir().unwrap();
    let office = office(folder.path()).await;
    let classify =
        "{/a: personal, /b: special, /pin: {class: personal, of: /a}, /pen: {class: special, of: /b}}";
    let (keeper, topic) = cards(&office, classify, "[internal, personal, special]").await;
    card(&office, &topic).await;
    Word::of(&child(1), "given").said(&office.world.bus, &keeper).await;
    let read = cards_read(&office).await;
    assert!(!read.contains(&child(2)) && !read.contains("Thaddeus"), "{read}");
    Word::of(&child(2), "given").said(&office.world.bus, &keeper).await;
    let read = cards_read(&office).await;
    assert!(read.contains(&child(2)) && read.contains("Thaddeus") && read.contains("Zephyrine"), "{read}");
    office.world.bus.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_word_is_refused_where_other_events_are_quarantined() {
    let folder = tempfile::tempdir().unwrap();
    let office = office(folder.path()).await;
    let keeper = believes(&office, "civil-registry").await;
    let (bus, operator) = (&office.world.bus, &office.world.operator);
    let mut standards = bus.state(operator).unwrap().standards().clone();
    standards.leaks.otherwise = Answer::Quarantine;
    bus.govern(operator, Command::SetStandards { standards }).await.unwrap();
    let leak =
        || vec![("dataref".to_owned(), AttributeValue::String("https://x.example/811228-9874".to_owned()))];
    let child = child(1);
    let refused = refusal(Word::of(&child, "withdrawn").published(bus, &keeper, leak()).await);
    assert!(refused.text.contains("attribute dataref holds a Swedish personnummer"), "{refused}");
    let other = CloudEvent { extensions: leak(), ..birth(1) };
    assert!(receipt(publish(&office.world, other).await).quarantined.is_some());
    bus.close().await;
}
