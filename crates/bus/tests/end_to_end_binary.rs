//! The same of contracts in Avro and Protocol Buffers: the bus refuses what is not sealed for just those who may read it,
//! hands over what is, and never has what opens it.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking, in its helpers too")]

use crate::common::*;
use crate::end_to_end::{FINDING, TOPIC, case, clinic_by, event, memchr, publish_key, report, scan, told};
use bus::Delivery;
use bytes::Bytes;
use contract::texts::Reading;
use contract::{CloudEvent, Data, Format, SubscriptionName};
use end_to_end::{Context, PrivateKey, Recipient};
use serde_json::json;

const AVRO: &str = r#"{"type": "record", "name": "Case", "fields": [
  {"name": "personId", "type": "string"}, {"name": "office", "type": "string"},
  {"name": "finding", "type": ["null", "string"]},
  {"name": "tests", "type": {"type": "array", "items": "string"}},
  {"name": "notes", "type": {"type": "map", "values": "string"}}
]}"#;

const PROTOBUF: &str = r#"syntax = "proto3";
message Case {
  string personId = 1; string office = 2; string finding = 3; repeated string tests = 4; map<string, string> notes = 5;
}
"#;

/// What stands at each place: the finding, one test and one note.
const PLACES: [&str; 3] = ["/finding", "/tests/0", "/notes/PID-2"];

type Texts = [String; 3];

/// A contract in a binary format, and its documents.
struct Binary {
    format: Format,
    topic: String,
    schema: (&'static str, &'static str),
    document: fn(&Texts) -> Vec<u8>,
}

fn binaries() -> [Binary; 2] {
    let topic = |format: &str, file: &str| {
        let topic = TOPIC.replace("json-schema", format).replace("v1.schema.json", file);
        topic.replace(
            "/finding: special",
            "/finding: {class: special, redact: pseudonym}\n    /notes/*: special",
        )
    };
    [
        Binary {
            format: Format::Avro,
            topic: topic("avro", "v1.avsc"),
            schema: ("v1.avsc", AVRO),
            document: |[finding, test, note]| {
                let map = [vec![2], avro("PID-2"), avro(note), vec![0]].concat();
                [avro("PID-1"), avro("North"), vec![2], avro(finding), vec![2], avro(test), vec![0], map]
                    .concat()
            },
        },
        Binary {
            format: Format::Protobuf,
            topic: topic("protobuf", "v1.proto"),
            schema: ("v1.proto", PROTOBUF),
            document: |[finding, test, note]| {
                let entry = [field(1, b"PID-2"), field(2, note.as_bytes())].concat();
                let texts =
                    [field(3, finding.as_bytes()), field(4, test.as_bytes()), field(5, &entry)].concat();
                [field(1, b"PID-1"), field(2, b"North"), texts].concat()
            },
        },
    ]
}

/// A number as both formats write it, but for Avro's zigzag.
fn varint(mut number: usize) -> Vec<u8> {
    let mut out = Vec::new();
    while number >= 0x80 {
        out.push(number as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
    out
}

fn avro(text: &str) -> Vec<u8> {
    [varint(text.len() << 1), text.as_bytes().to_vec()].concat()
}

fn field(number: u8, content: &[u8]) -> Vec<u8> {
    [vec![number << 3 | 2], varint(content.len()), content.to_vec()].concat()
}

impl Binary {
    fn event(&self, id: &str, texts: &Texts) -> CloudEvent {
        let media_type = if self.format == Format::Avro { "avro/binary" } else { "application/protobuf" };
        CloudEvent {
            data: Some(Data::Binary(Bytes::from((self.document)(texts)))),
            datacontenttype: Some(media_type.to_owned()),
            ..event(id, "")
        }
    }

    /// The event, sealed by its producer.
    fn sealed(&self, id: &str, recipients: &[(&str, &PrivateKey)]) -> CloudEvent {
        self.event(id, &PLACES.map(|pointer| value(id, pointer, recipients)))
    }

    /// What a reader finds in a delivered document, by the schema of its clearance.
    fn texts(&self, delivered: &Delivery, schema: &str) -> Vec<(String, String)> {
        let Some(Data::Binary(data)) = &delivered.events[0].event.data else { panic!("no data") };
        let reading = Reading::new(self.format, schema).unwrap().unwrap();
        let texts = reading.texts(data, |_| true).unwrap();
        texts.iter().map(|text| (text.pointer.clone(), text.text.to_owned())).collect()
    }
}

fn value(id: &str, pointer: &str, recipients: &[(&str, &PrivateKey)]) -> String {
    let one = |(agency, key): &(&str, &PrivateKey)| Recipient {
        agency: (*agency).to_owned(),
        key: key.public().clone(),
    };
    let recipients: Vec<Recipient> = recipients.iter().map(one).collect();
    let source = event(id, "").source;
    let context = Context { topic: "health.case.reported", source: &source, id, pointer };
    end_to_end::seal(&json!(FINDING).to_string(), &recipients, &context).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_sealed_for_just_those_who_may_read_it_is_refused_in_binary_formats_too() {
    for binary in binaries() {
        let folder = tempfile::tempdir().unwrap();
        let (world, officer) = clinic_by(folder.path(), &binary.topic, binary.schema).await;
        let [key, stranger] = [(); 2].map(|()| PrivateKey::generate().unwrap());
        // Nobody who may read it has a key yet: sealed for nobody.
        receipt(report(&world, binary.sealed("c-0", &[])).await);
        publish_key(&world, &officer, key.public()).await;
        let ours = [("tax-office", &key)];
        let good = PLACES.map(|pointer| value("c-1", pointer, &ours));
        let [finding, test, note] = good.clone();
        let clear = FINDING.to_owned();
        for (what, texts, said) in [
            ("in the clear", [clear.clone(), test.clone(), note.clone()], "/finding (special) is not sealed"),
            ("of a list", [finding.clone(), clear.clone(), note.clone()], "/tests/0 (special) is not sealed"),
            ("of a map", [finding.clone(), test.clone(), clear], "/notes/* (special) is not sealed"),
            ("empty", [finding.clone(), String::new(), note.clone()], "/tests/0 (special) is not sealed"),
            (
                "for nobody",
                [value("c-1", "/finding", &[]), test.clone(), note.clone()],
                "/finding (special) is not sealed for tax-office, who may read it",
            ),
            (
                "for somebody else",
                [finding.clone(), value("c-1", "/tests/0", &[("statistics", &stranger)]), note.clone()],
                "/tests/0 (special) is sealed for \"statistics\", who may not read it",
            ),
            (
                "by another key",
                [finding.clone(), test.clone(), value("c-1", "/notes/PID-2", &[("tax-office", &stranger)])],
                "which is none that tax-office uses",
            ),
            ("elsewhere", [test.clone(), test, note], "/finding (special) is sealed for another place"),
        ] {
            let text = told(&world, binary.event("c-1", &texts)).await;
            assert!(text.contains(said), "{what}: {text}");
            assert!(!text.contains("PID-2"), "a map's key may name a person: {text}");
        }
        receipt(report(&world, binary.event("c-1", &good)).await);
        // Sent again it is a duplicate, as ever.
        let again = report(&world, binary.event("c-1", &good)).await;
        assert!(matches!(again, bus::Outcome::Duplicate(_)), "{again:?}");
        world.bus.close().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_empty_text_that_is_on_the_wire_is_one_that_is_not_sealed_and_one_that_is_not_is_none() {
    let [_, protobuf] = binaries();
    let folder = tempfile::tempdir().unwrap();
    let (world, _) = clinic_by(folder.path(), &protobuf.topic, protobuf.schema).await;
    let of = |id: &str, more: Vec<u8>| {
        let data = [field(1, b"PID-1"), field(2, b"North"), more].concat();
        CloudEvent { data: Some(Data::Binary(data.into())), ..protobuf.event(id, &Default::default()) }
    };
    receipt(report(&world, of("c-1", Vec::new())).await);
    let text = told(&world, of("c-2", field(3, b""))).await;
    assert!(text.contains("/finding (special) is not sealed"), "{text}");
    // Of a field that stands twice readers might take either: it is refused whatever is in it.
    let finding = value("c-3", "/finding", &[]);
    let twice = [field(3, FINDING.as_bytes()), field(3, finding.as_bytes())].concat();
    let refused = refusal(report(&world, of("c-3", twice)).await);
    assert!(refused.text.contains("field 3 is given twice"), "{refused}");
    world.bus.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_handed_over_in_binary_formats_opens_with_the_agencys_key_and_the_bus_never_had_it() {
    for binary in binaries() {
        let folder = tempfile::tempdir().unwrap();
        let (world, officer) = clinic_by(folder.path(), &binary.topic, binary.schema).await;
        let key = PrivateKey::generate().unwrap();
        publish_key(&world, &officer, key.public()).await;
        let found = world.bus.recipients(&world.registry, &case()).unwrap();
        assert_eq!(found.versions[0].format, binary.format);
        let fields: Vec<String> = found.versions[0].fields.iter().map(|(at, _)| at.to_string()).collect();
        assert_eq!(fields, ["/finding", "/notes/*", "/tests/*"]);
        assert_eq!(found.readers[0].agencies[0].1[0].1, key.public().to_string());

        receipt(report(&world, binary.sealed("c-1", &[("tax-office", &key)])).await);
        let contract = world.bus.contract(&world.tax, &case(), None).unwrap();
        let redacted = |classes: &[&str]| {
            contract.redacted_schema(&classes.iter().map(|class| contract::Class::from(*class)).collect())
        };
        let name = SubscriptionName::parse("tax-office.cases").unwrap();
        let delivered = world.bus.pull(&world.tax, &name, all()).await.unwrap();
        let texts = binary.texts(&delivered, &redacted(&["personal", "special"]));
        let event = &delivered.events[0].event;
        let mut opened = 0;
        for (pointer, text) in texts.iter().filter(|(_, text)| text.starts_with("e2e1.")) {
            let context =
                Context { topic: "health.case.reported", source: &event.source, id: &event.id, pointer };
            let json = end_to_end::open(text, std::slice::from_ref(&key), &context).unwrap();
            assert_eq!(serde_json::from_str::<String>(&json).unwrap(), FINDING);
            opened += 1;
        }
        assert_eq!(opened, 3, "{texts:?}");
        // Who is not cleared for it is handed a token of the person, and nothing that is sealed.
        let name = SubscriptionName::parse("statistics.cases").unwrap();
        let delivered = world.bus.pull(&world.statistics, &name, all()).await.unwrap();
        let texts = binary.texts(&delivered, &redacted(&["personal"]));
        assert!(!texts.iter().any(|(_, text)| text.contains("e2e1.")), "{texts:?}");
        let token = texts.iter().find(|(pointer, _)| pointer == "/finding").map(|(_, text)| text.as_str());
        assert!(token.is_some_and(|token| token.len() == 32), "{texts:?}");

        let mut outputs = world.bus.metrics_text().into_bytes();
        world.bus.export_audit(false, &mut outputs).unwrap();
        world.bus.close().await;
        let secret = key.to_text();
        let secrets = [FINDING.as_bytes(), secret.rsplit('.').next().unwrap().as_bytes()];
        let holds = |bytes: &[u8]| secrets.iter().any(|secret| memchr(bytes, secret));
        assert!(!holds(&outputs));
        scan(folder.path(), &mut |path, bytes| assert!(!holds(bytes), "{}", path.display()));
    }
}
