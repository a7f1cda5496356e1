//! The same in each language of contracts, for readers who are cleared for all classes and for less.

use super::*;
use contract::Data;
use serde_json::json;

/// A case of two people, in one of the three languages: its topic's files, and an event's data.
pub struct Language {
    pub topic: &'static str,
    format: &'static str,
    file: &'static str,
    pub schema: &'static str,
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
