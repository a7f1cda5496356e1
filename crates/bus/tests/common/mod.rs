//! A bus on a temporary folder with two agencies and two topics, for the promises in this folder.

#![allow(dead_code, reason = "each test file uses its own part")]

mod gate;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use bus::clock::{Clock, SetClock, SystemClock};
use bus::{Bus, Caller, KeySettings, Outcome, Pull, Receipt, Refusal, Settings};
use bytes::Bytes;
use contract::{AgencyName, CloudEvent, Data, PrincipalName, SubscriptionName, TopicName};
use governance::{Role, Roles};
use journal::{Embedded, OpenError, Options, RealDisk};
use seal::{Kms, KmsError, Secret};

pub use gate::{Gate, gated, over, over_by};

/// A KMS that keeps a secret in its wrapped bytes, behind the agency's name. It remembers what was destroyed, for all
/// buses of the process: so a bus that is opened from an old copy of its folder is told so too.
pub struct TestKms;

/// The first bytes of the wrapped form that stand for the key-encryption key.
const KEY: usize = 16;

static DESTROYED: Mutex<BTreeSet<Vec<u8>>> = Mutex::new(BTreeSet::new());

/// Whether the key-encryption key of these wrapped bytes was destroyed.
pub fn is_destroyed(wrapped: &[u8]) -> bool {
    DESTROYED.lock().unwrap().contains(&wrapped[..KEY])
}

impl Kms for TestKms {
    fn wrap(&self, agency: &str, secret: &Secret) -> Result<Vec<u8>, KmsError> {
        let key = Secret::generate().unwrap();
        Ok([&key.expose()[..KEY], agency.as_bytes(), b":", secret.expose()].concat())
    }

    fn unwrap(&self, agency: &str, wrapped: &[u8]) -> Result<Secret, KmsError> {
        let of_agency = wrapped.get(KEY..).and_then(|rest| rest.strip_prefix(agency.as_bytes()));
        let secret = of_agency.and_then(|rest| rest.strip_prefix(b":")).ok_or(KmsError::Tampered)?;
        match is_destroyed(wrapped) {
            true => Err(KmsError::Destroyed),
            false => Secret::new(secret).map_err(|_| KmsError::Tampered),
        }
    }

    fn destroy(&self, agency: &str, wrapped: &[u8]) -> Result<(), KmsError> {
        match self.unwrap(agency, wrapped) {
            Ok(_) => drop(DESTROYED.lock().unwrap().insert(wrapped[..KEY].to_vec())),
            Err(KmsError::Destroyed) => {}
            Err(error) => return Err(error),
        }
        Ok(())
    }
}

pub struct World {
    pub bus: Bus,
    pub operator: Caller,
    pub registry: Caller,
    pub tax: Caller,
    pub statistics: Caller,
}

pub fn topic() -> TopicName {
    TopicName::parse("civil.birth.registered").unwrap()
}

pub fn cleared() -> SubscriptionName {
    SubscriptionName::parse("tax-office.births").unwrap()
}

pub fn uncleared() -> SubscriptionName {
    SubscriptionName::parse("statistics.births").unwrap()
}

pub async fn open(folder: &Path) -> (Bus, bus::Opened) {
    open_by(folder, Arc::new(SystemClock)).await
}

pub async fn open_by(folder: &Path, clock: Arc<dyn Clock>) -> (Bus, bus::Opened) {
    let journal = journal(folder).await;
    let settings = settings(folder);
    Bus::open(settings, Arc::new(journal), Arc::new(TestKms), clock).await.unwrap()
}

/// A bus's journal. What a bus that is closed still does behind may hold it for a moment.
pub async fn journal(folder: &Path) -> Embedded {
    let options = Options { log_bytes: 1 << 20, ..Options::default() };
    let open = || Embedded::open(folder.join("journal"), Arc::new(RealDisk::new()), options.clone());
    until(async || match open() {
        Ok((journal, _)) => Some(journal),
        Err(OpenError::Locked { .. }) => None,
        Err(error) => panic!("{error}"),
    })
    .await
}

pub fn settings(folder: &Path) -> Settings {
    let keys = KeySettings { overlap: Duration::ZERO, ..KeySettings::default() };
    Settings { data: folder.to_owned(), name: "test-bus".to_owned(), state_prefix: None, keys }
}

pub fn files() -> BTreeMap<String, String> {
    let agency = |name: &str| {
        let sources = if name == "civil-registry" { "sources: [\"urn:xx:civil-registry:\"]\n" } else { "" };
        let text = format!(
            "agency: {name}\nname: {name}\nmandate: An Act\ncontacts: [desk@{name}.example]\ndpo: dpo@{name}.example\n{sources}"
        );
        (format!("agencies/{name}.yaml"), text)
    };
    let subscription = |name: &str, clears: &str| {
        let agency = name.split('.').next().unwrap();
        let text = format!(
            "subscription: {name}\ntopic: civil.birth.registered\nagency: {agency}\npurpose: a purpose\nlegal_basis: An Act §1\nclears: {clears}\nexpires: 2035-01-01\n"
        );
        (format!("subscriptions/{name}.yaml"), text)
    };
    BTreeMap::from([
        agency("civil-registry"),
        agency("tax-office"),
        agency("statistics"),
        ("topics/civil.birth.registered/topic.yaml".to_owned(), TOPIC.to_owned()),
        ("topics/civil.birth.registered/v1.schema.json".to_owned(), SCHEMA.to_owned()),
        subscription("tax-office.births", "[internal, personal]"),
        subscription("statistics.births", "[]"),
    ])
}

const TOPIC: &str = "topic: civil.birth.registered
owner: civil-registry
steward: m.okafor@civil-registry
deputy: l.brandt@civil-registry
description: A birth entered in the civil register.
legal_basis: Civil Registration Act §12
latency: standard
partitions: 4
retention: 10y
key: subject
contract:
  version: 1
  format: json-schema
  schema: v1.schema.json
  compatibility: BACKWARD
  subject: [/child/personId, /parents/*/personId]
  classify:
    /child: personal
    /parents/*/personId: personal
    /parents/*/name: {class: personal, of: /parents/*/personId}
    /registrationOffice: public
    /clerk: internal
";

const SCHEMA: &str = r#"{
  "$schema": "https://json-schema.org/draft/2020-12/schema",
  "type": "object",
  "required": ["child", "registrationOffice"],
  "additionalProperties": false,
  "properties": {
    "child": {
      "type": "object", "required": ["personId", "name", "birthDate"], "additionalProperties": false,
      "properties": {
        "personId": {"type": "string"}, "name": {"type": "string"}, "birthDate": {"type": "string", "format": "date"}
      }
    },
    "parents": {
      "type": "array",
      "items": {
        "type": "object", "required": ["personId", "name"], "additionalProperties": false,
        "properties": {"personId": {"type": "string"}, "name": {"type": "string"}}
      }
    },
    "registrationOffice": {"type": "string", "maxLength": 4000},
    "clerk": {"type": "string"}
  }
}"#;

pub async fn principal(bus: &Bus, operator: &Caller, name: &str, role: Role) -> Caller {
    let principal = PrincipalName::parse(name).unwrap();
    let agency: AgencyName = principal.agency();
    let made = bus.create_principal(operator, principal, agency, Roles::from(role)).await.unwrap();
    bus.identify(&made.token).unwrap()
}

pub async fn world(folder: &Path) -> World {
    let (bus, opened) = open(folder).await;
    let operator = bus.identify(&opened.operator_token.unwrap()).unwrap();
    bus.apply(&operator, &files(), false).await.unwrap();
    let registry = principal(&bus, &operator, "register@civil-registry", Role::Producer).await;
    let tax = principal(&bus, &operator, "reader@tax-office", Role::Consumer).await;
    let statistics = principal(&bus, &operator, "reader@statistics", Role::Consumer).await;
    World { bus, operator, registry, tax, statistics }
}

pub fn birth(number: usize) -> CloudEvent {
    let data = format!(
        r#"{{ "child": {{"personId":"PID-{number:07}","name":"Zephyrine Q{number}","birthDate":"2026-11-01"}},  "parents":[{{"personId":"PAR-{number:07}","name":"Thaddeus W{number}"}}], "registrationOffice":"North","clerk":"Clerkson {number}" }}"#
    );
    CloudEvent {
        id: format!("birth-{number}"),
        source: "urn:xx:civil-registry:register".to_owned(),
        ty: "civil.birth.registered".to_owned(),
        subject: Some(format!("PID-{number:07}")),
        time: Some("2026-11-23T10:00:00Z".to_owned()),
        datacontenttype: Some("application/json".to_owned()),
        dataschema: None,
        extensions: Vec::new(),
        data: Some(Data::Json(Bytes::from(data))),
    }
}

pub async fn publish(world: &World, event: CloudEvent) -> Outcome {
    let outcomes = world.bus.publish(&world.registry, &topic(), vec![Ok(event)]).await.unwrap();
    outcomes.into_iter().next().unwrap()
}

pub fn receipt(outcome: Outcome) -> Receipt {
    match outcome {
        Outcome::Accepted(receipt) => receipt,
        other => panic!("not accepted: {other:?}"),
    }
}

pub fn refusal(outcome: Outcome) -> Refusal {
    match outcome {
        Outcome::Refused(refusal) => refusal,
        other => panic!("not refused: {other:?}"),
    }
}

pub fn all() -> Pull {
    Pull { max: 1000, ..Pull::default() }
}

pub fn text(event: &CloudEvent) -> String {
    match &event.data {
        Some(Data::Json(text)) => String::from_utf8(text.to_vec()).unwrap(),
        other => panic!("not JSON: {other:?}"),
    }
}

/// A clock that the test sets, from a time that is past all that was written by the clock of the machine.
pub fn later() -> Arc<SetClock> {
    Arc::new(SetClock::at(SystemClock.now_ms() + 3_600_000))
}

/// Waits for what the bus does by itself.
pub async fn until<T>(mut look: impl AsyncFnMut() -> Option<T>) -> T {
    let begun = Instant::now();
    loop {
        if let Some(found) = look().await {
            return found;
        }
        assert!(begun.elapsed() < Duration::from_secs(60), "it never came");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

pub async fn reopened(world: World, folder: &std::path::Path) -> World {
    reopened_by(world, folder, Arc::new(SystemClock)).await
}

pub async fn reopened_by(world: World, folder: &std::path::Path, clock: Arc<dyn Clock>) -> World {
    let World { bus, operator, registry, tax, statistics } = world;
    bus.close().await;
    drop(bus);
    let (bus, opened) = open_by(folder, clock).await;
    assert!(opened.operator_token.is_none());
    World { bus, operator, registry, tax, statistics }
}
