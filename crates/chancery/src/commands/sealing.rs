//! What `publish` seals before it sends: on this machine, as the contract wants it.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bus::Framing;
use contract::cloudevents::is_json;
use contract::texts::Text;
use contract::{Contract, Definition, Format, Workspace, compile};
use end_to_end::documents::{self, DocumentError, Event, Field};
use end_to_end::{Context, PublicKey, Recipient, Sealed};
use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Value, json};

use crate::client::{Answer, segment};
use crate::output::{self, Failure};

/// The refusal's code for which another try with the recipients of this moment may do.
const NOT_SEALED: &str = "not-sealed-end-to-end";

/// Whether a refused event may be taken once it is sealed for those who may read it by now.
pub fn is_stale(problem: &Value) -> bool {
    problem["code"] == NOT_SEALED
}

/// A field's place, and its class; none where it is not sealed.
type Line = (String, Option<String>);

/// What a version that takes events wants sealed.
enum Version {
    Nothing,
    /// These fields of its JSON documents.
    Fields(Vec<Line>),
    /// What it says itself of its binary ones.
    Places(Box<Contract>),
    /// That is not known for sure, and why: what follows it is not sent.
    Unknown(String),
}

/// What the bus tells of a topic. What of it is missing is not taken to be nothing: something might go in the clear.
#[derive(Deserialize)]
struct Told {
    newest: Option<u64>,
    versions: Vec<ToldVersion>,
    classes: Vec<ToldClass>,
}

#[derive(Deserialize)]
struct ToldVersion {
    version: u64,
    /// One that is not known here stops only what follows this version.
    #[serde(default)]
    format: Value,
    fields: Vec<ToldField>,
    others: Vec<String>,
}

#[derive(Deserialize)]
struct ToldField {
    pointer: String,
    class: String,
}

#[derive(Deserialize)]
struct ToldClass {
    class: String,
    recipients: Vec<ToldReader>,
}

#[derive(Deserialize)]
struct ToldReader {
    agency: String,
    keys: Vec<ToldKey>,
}

#[derive(Deserialize)]
struct ToldKey {
    public_key: String,
}

/// For whom the events of one topic are sealed.
pub struct Sealing {
    topic: String,
    /// The version that an event follows that names none.
    newest: Option<u64>,
    /// The versions that take events.
    versions: BTreeMap<u64, Version>,
    /// Of each class the keys.
    recipients: HashMap<String, Vec<Recipient>>,
}

impl Sealing {
    /// Where the bus tells it.
    pub fn path(topic: &str) -> String {
        format!("/v1/topics/{}/recipients", segment(topic))
    }

    /// What it told. Without an answer nothing is sent: it might go in the clear. `ask` gets what else is to be known: which places of a binary document are meant its schema says.
    pub fn read(
        topic: &str,
        answer: Answer,
        ask: impl Fn(&str) -> Result<Answer, Failure>,
    ) -> Result<Self, Failure> {
        let wrong = |why: &dyn std::fmt::Display| {
            Failure::new(format!("for whom {topic} is sealed, as the bus tells it, does not read: {why}"))
                .hint("use a chancery of the bus's own version")
        };
        let told = Told::deserialize(answer.good()?.json()?).map_err(|error| wrong(&error))?;
        let mut sealing = Self {
            topic: topic.to_owned(),
            newest: told.newest,
            versions: BTreeMap::new(),
            recipients: HashMap::new(),
        };
        for ToldClass { class, recipients } in told.classes {
            let mut keys = Vec::new();
            for reader in recipients {
                for key in reader.keys {
                    let key = key.public_key.parse::<PublicKey>();
                    let key = key.map_err(|error| Failure::new(format!("the bus names {error}")))?;
                    keys.push(Recipient { agency: reader.agency.clone(), key });
                }
            }
            if keys.is_empty() {
                output::note(format_args!(
                    "nobody with a key may read what is {class} in {topic}: it is sealed for nobody, and nobody will ever \
                     open it"
                ));
            }
            if sealing.recipients.insert(class, keys).is_some() {
                return Err(wrong(&"a class stands in it twice"));
            }
        }
        for version in told.versions {
            let (number, wants) = (version.version, sealing.wants(version, &ask)?);
            if sealing.versions.insert(number, wants).is_some() {
                return Err(wrong(&format!("v{number} stands in it twice")));
            }
        }
        Ok(sealing)
    }

    /// Whether nothing of the topic is sealed end to end.
    pub fn is_nothing(&self) -> bool {
        self.versions.values().all(|version| matches!(version, Version::Nothing))
    }

    /// Whether an event names a version that the bus did not tell: one may have gone live since.
    pub fn is_behind(&self, event: &RawValue) -> bool {
        let named = Attributes::of(event.get()).ok().and_then(|of| named_version(&of.ty));
        named.is_some_and(|named| !self.versions.contains_key(&named))
    }

    /// What a version wants. What is not sure of it alone is no error but of the events that follow it.
    fn wants(
        &self,
        told: ToldVersion,
        ask: impl Fn(&str) -> Result<Answer, Failure>,
    ) -> Result<Version, Failure> {
        let (topic, number) = (&self.topic, told.version);
        if told.fields.is_empty() {
            return Ok(Version::Nothing);
        }
        let unknown = |why: String| {
            Ok(Version::Unknown(format!(
                "what v{number} of the contract of {topic} wants is not sure: {why}"
            )))
        };
        let Ok(format) = Format::deserialize(&told.format) else {
            return unknown("chancery does not know its format; use one of the bus's own version".to_owned());
        };
        if let Some(field) = told.fields.iter().find(|field| !self.recipients.contains_key(&field.class)) {
            return unknown(not_told(&field.class));
        }
        if format == Format::JsonSchema {
            let sealed = told.fields.into_iter().map(|field| (field.pointer, Some(field.class)));
            return Ok(Version::Fields(
                sealed.chain(told.others.into_iter().map(|pointer| (pointer, None))).collect(),
            ));
        }
        let answer = ask(&format!("/v1/contracts/{}/{number}", segment(topic)))?.good()?.json()?;
        match contract_of(&answer, topic, number) {
            Ok(contract) if says(&contract, format, &told) => Ok(Version::Places(Box::new(contract))),
            Ok(_) => unknown(
                "its contract says otherwise than the bus tells of its recipients; look whether the bus answers itself"
                    .to_owned(),
            ),
            Err(why) => unknown(why),
        }
    }

    /// The event with its fields sealed; else its result, as the bus would tell it: it is not sent.
    pub fn seal(&self, event: &RawValue) -> Result<Box<RawValue>, Value> {
        let of = Attributes::of(event.get()).map_err(|error| kept_back("", &error.text))?;
        let kept = |why: &str| kept_back(&of.id, why);
        // By now its version may take events.
        let (name, data) = match self.version(&of).map_err(|why| as_stale(kept(&why)))? {
            Version::Nothing => return Ok(event.to_owned()),
            Version::Unknown(why) => return Err(kept(why)),
            Version::Fields(fields) => ("data", self.sealed_json(&of, fields)),
            Version::Places(contract) => ("data_base64", self.sealed_binary(&of, contract)),
        };
        let sealed = data.and_then(|data| {
            documents::with_member(event.get(), name, &data).map_err(|error| cannot(&error))
        });
        RawValue::from_string(sealed.map_err(|why| kept(&why))?).map_err(|error| kept(&error.to_string()))
    }

    /// The data of an event with its fields sealed; otherwise why it is not sent.
    fn sealed_json(&self, of: &Attributes<'_>, fields: &[Line]) -> Result<String, String> {
        let data = of.json_data().ok_or("it has no data in JSON, whose fields could be sealed")?;
        let field = |(pointer, class): &'_ Line| {
            let recipients = class.as_ref().map(|class| self.recipients_of(class)).transpose()?;
            Ok((pointer.clone(), recipients))
        };
        let lines: Vec<(String, _)> = fields.iter().map(field).collect::<Result<_, String>>()?;
        let lines: Vec<Field<'_>> =
            lines.iter().map(|(pointer, recipients)| Field { pointer, recipients: *recipients }).collect();
        let bound = Event { topic: &self.topic, source: &of.source, id: &of.id };
        documents::seal(data.get(), &lines, &bound).map_err(|error| match &error {
            DocumentError::Seal(pointer, why) => {
                let place = shown(pointer, fields.iter().map(|(pointer, _)| &**pointer));
                cannot(&format!("{}: {why}", place.unwrap_or("a field")))
            }
            DocumentError::NotJson => cannot(&error),
        })
    }

    /// For whom a class is sealed. One that was not told is not one that nobody reads.
    fn recipients_of(&self, class: &str) -> Result<&[Recipient], String> {
        self.recipients.get(class).map(Vec::as_slice).ok_or_else(|| not_told(class))
    }

    /// The same of data in Avro or Protocol Buffers. It is checked first: of what keeps its contract all readers see the same,
    /// so that nothing is sent that one of them would find in the clear.
    fn sealed_binary(&self, of: &Attributes<'_>, contract: &Contract) -> Result<String, String> {
        let data =
            of.binary_data().ok_or("it has no data in `data_base64` alone, whose fields could be sealed")?;
        contract.check(&data, &mut Workspace::default()).map_err(|violations| {
            let said: Vec<String> = violations.iter().map(ToString::to_string).collect();
            format!("contract {} {}: {}", self.topic, contract.definition().version, said.join("; "))
        })?;
        let texts = contract.end_to_end_texts(&data).map_err(|error| cannot(&error))?;
        let texts = texts.ok_or("its contract is one in JSON")?;
        let sealed = texts.iter().map(|text| self.sealed_text(of, contract, text));
        let mut sealed = sealed.collect::<Result<Vec<_>, String>>()?.into_iter();
        let data = texts.replaced(|_| sealed.next().flatten());
        Ok(format!("\"{}\"", STANDARD.encode(data)))
    }

    /// What is sealed of a text is the JSON string; nothing where it is sealed already.
    fn sealed_text(
        &self,
        of: &Attributes<'_>,
        contract: &Contract,
        text: &Text<'_>,
    ) -> Result<Option<String>, String> {
        if Sealed::parse(text.text).is_ok() {
            return Ok(None);
        }
        let class = contract.class_of(text).ok_or("a field that is sealed has no class")?;
        let recipients = self.recipients_of(class.as_str())?;
        let (source, id, pointer) = (&*of.source, &*of.id, &*text.pointer);
        let context = Context { topic: &self.topic, source, id, pointer };
        let sealed = end_to_end::seal(&json!(text.text).to_string(), recipients, &context);
        sealed.map(Some).map_err(|why| cannot(&format!("{}: {why}", text.shown)))
    }

    /// What the version wants that an event follows. Where that is not known for sure, what should be sealed might go in
    /// the clear.
    fn version(&self, of: &Attributes<'_>) -> Result<&Version, String> {
        let topic = &self.topic;
        let named = named_version(&of.ty);
        if named.is_none() && Framing::of(of.dataschema.as_deref()).is_some() {
            return Err(
                "its `dataschema` names a version, and its `type` does not: name it there too".to_owned()
            );
        }
        let none = || format!("no version of the contract of {topic} takes events");
        let version = named.or(self.newest).ok_or_else(none)?;
        self.versions.get(&version).ok_or_else(|| {
            let known: Vec<String> = self.versions.keys().map(|version| format!("v{version}")).collect();
            format!("v{version} of the contract of {topic} takes no events: use {}", known.join(" or "))
        })
    }
}

fn cannot(error: &dyn std::fmt::Display) -> String {
    format!("it cannot be sealed: {error}")
}

fn not_told(class: &str) -> String {
    format!("the bus does not tell for whom {class} is sealed")
}

/// The pointer of those of a contract that names a place, as it may be shown: a name that no schema declares is in it a `*`.
/// What was in its stead may be a person's identifier, and hold control characters.
pub(super) fn shown<'p>(place: &str, pointers: impl Iterator<Item = &'p str>) -> Option<&'p str> {
    let names = |pointer: &&str| {
        let is = |(token, one): (&str, &str)| one == "*" || one == token;
        pointer.split('/').count() == place.split('/').count()
            && place.split('/').zip(pointer.split('/')).all(is)
    };
    pointers.filter(names).min_by_key(|pointer| pointer.split('/').filter(|token| *token == "*").count())
}

/// A version of a topic's contract as the bus tells it; otherwise why it is none.
pub(super) fn contract_of(told: &Value, topic: &str, number: u64) -> Result<Contract, String> {
    let wrong = |why: String| {
        format!(
            "the contract that the bus tells does not read: {why}; use a chancery of the bus's own version"
        )
    };
    let definition =
        Definition::deserialize(&told["definition"]).map_err(|error| wrong(error.to_string()))?;
    if definition.topic.as_str() != topic || u64::from(definition.version.0) != number {
        return Err(wrong("it is another topic's, or another version".to_owned()));
    }
    compile(&definition)
        .map_err(|faults| wrong(faults.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")))
}

/// Whether a contract says of its fields what was told of them, no less and no more.
fn says(contract: &Contract, format: Format, told: &ToldVersion) -> bool {
    let sealed: BTreeSet<_> =
        contract.end_to_end_fields().map(|(pointer, class)| (pointer.to_string(), class.as_str())).collect();
    let told_sealed: BTreeSet<_> =
        told.fields.iter().map(|field| (field.pointer.clone(), &*field.class)).collect();
    let all: BTreeSet<_> = contract.definition().classify.keys().map(ToString::to_string).collect();
    let told_all = told.fields.iter().map(|field| &field.pointer).chain(&told.others);
    contract.definition().format == format && sealed == told_sealed && all == told_all.cloned().collect()
}

/// The version of a type's `.vN` suffix; one that is too long for a number is none that there is.
pub(super) fn named_version(ty: &str) -> Option<u64> {
    let (_, digits) = ty.rsplit_once(".v")?;
    let is_number = !digits.is_empty() && digits.bytes().all(|digit| digit.is_ascii_digit());
    is_number.then(|| digits.parse().unwrap_or(u64::MAX))
}

/// The result of an event that is not sent, as what it holds might go in the clear.
fn kept_back(id: &str, why: &str) -> Value {
    json!({"id": id, "status": "refused", "problem": {
        "type": "https://chancery.dev/problems/contract", "title": "The event breaks its contract", "status": 422,
        "detail": format!("not sent, as its topic has fields that are sealed end to end: {why}"),
    }})
}

fn as_stale(mut result: Value) -> Value {
    result["problem"]["code"] = NOT_SEALED.into();
    result
}

/// What of an event a sealed value is bound to, and what says where its fields are.
pub(super) struct Attributes<'a> {
    pub(super) id: String,
    pub(super) source: String,
    pub(super) ty: String,
    dataschema: Option<String>,
    datacontenttype: Option<String>,
    pub(super) data: Option<&'a RawValue>,
    /// `data_base64`.
    bytes: Option<&'a RawValue>,
}

impl<'a> Attributes<'a> {
    pub(super) fn of(event: &'a str) -> Result<Self, Failure> {
        let members: HashMap<String, &RawValue> =
            serde_json::from_str(event).map_err(|_| Failure::usage("an event is not a JSON object"))?;
        let text = |name: &str| serde_json::from_str::<String>(members.get(name)?.get()).ok();
        Ok(Self {
            id: text("id").unwrap_or_default(),
            source: text("source").unwrap_or_default(),
            ty: text("type").unwrap_or_default(),
            dataschema: text("dataschema"),
            datacontenttype: text("datacontenttype"),
            data: members.get("data").copied(),
            bytes: members.get("data_base64").copied().filter(|value| value.get() != "null"),
        })
    }

    /// The data where it is JSON: not bytes, and not a text of another media type.
    fn json_data(&self) -> Option<&'a RawValue> {
        self.data.filter(|_| self.bytes.is_none() && is_json(self.datacontenttype.as_deref()))
    }

    /// The data where it is bytes, and nothing besides.
    pub(super) fn binary_data(&self) -> Option<Vec<u8>> {
        let encoded = self.bytes.filter(|_| self.data.is_none())?;
        STANDARD.decode(serde_json::from_str::<String>(encoded.get()).ok()?).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(status: u16, body: &Value) -> Answer {
        Answer { status, cursor: None, retry_after_s: None, body: body.to_string().into_bytes() }
    }

    fn sealing() -> Sealing {
        let told = json!({"newest": 2, "classes": [{"class": "special", "recipients": []}], "versions": [
            {"version": 1, "format": "json-schema", "fields": [], "others": ["/a"]},
            {"version": 2, "format": "json-schema", "fields": [{"pointer": "/a", "class": "special"}],
             "others": ["/b"]},
        ]});
        Sealing::read("x.one", answer(200, &told), |_| panic!("JSON needs no schema")).unwrap()
    }

    fn sealed(event: &Value) -> Result<String, Value> {
        let event = RawValue::from_string(event.to_string()).unwrap();
        sealing().seal(&event).map(|event| event.get().to_owned())
    }

    #[test]
    fn nothing_is_sent_where_it_is_not_sure_what_is_to_be_sealed() {
        let event = |ty: &str, more: Value| {
            let mut event = json!({"id": "1", "source": "urn:a", "type": ty});
            event.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            event
        };
        let data = json!({"data": {"a": "secret", "b": "open"}});
        for ty in ["x.one", "xx.x.one.v2"] {
            let sealed = sealed(&event(ty, data.clone())).unwrap();
            assert!(
                sealed.contains("e2e1.") && sealed.contains("open") && !sealed.contains("secret"),
                "{sealed}"
            );
        }
        assert!(sealed(&event("x.one.v1", data.clone())).unwrap().contains("secret"));
        for (ty, more, told, is_stale_by_then) in [
            ("x.one.v3", data.clone(), "v3 of the contract of x.one takes no events: use v1 or v2", true),
            ("x.one.v4294967298", data, "takes no events", true),
            ("x.one", json!({"data_base64": "e30="}), "no data in JSON", false),
            ("x.one", json!({"data_base64": "e30=", "data": {}}), "no data in JSON", false),
            (
                "x.one",
                json!({"data": "{\"a\":1}", "datacontenttype": "text/plain"}),
                "no data in JSON",
                false,
            ),
            ("x.one", json!({}), "no data in JSON", false),
            ("x.one", json!({"data": {}, "dataschema": "urn:chancery:schema:id:7"}), "`dataschema`", true),
        ] {
            let kept = sealed(&event(ty, more)).unwrap_err();
            assert_eq!((&kept["id"], &kept["status"]), (&json!("1"), &json!("refused")));
            assert!(kept["problem"]["detail"].as_str().unwrap().contains(told), "{kept}");
            assert_eq!(is_stale(&kept["problem"]), is_stale_by_then, "{kept}");
        }
    }

    #[test]
    fn without_an_answer_of_the_bus_nothing_is_sent() {
        let read = |status, told: &Value| {
            Sealing::read("x.one", answer(status, told), |_| Ok(answer(404, &json!({"detail": "no"}))))
        };
        for status in [404, 403, 502] {
            assert!(read(status, &json!({"detail": "no"})).is_err(), "{status}");
        }
        // Nor without the schema that says where the fields of a binary document are.
        let fields = json!([{"pointer": "/a", "class": "special"}]);
        let avro = json!({"newest": 1, "classes": [{"class": "special", "recipients": []}], "versions": [
            {"version": 1, "format": "avro", "fields": fields, "others": []}
        ]});
        assert!(read(200, &avro).is_err());
        let plain =
            json!({"newest": 1, "versions": [{"version": 1, "fields": [], "others": []}], "classes": []});
        let nothing = read(200, &plain).unwrap();
        let named = |ty: &str| RawValue::from_string(json!({"type": ty}).to_string()).unwrap();
        assert!(nothing.is_nothing() && !sealing().is_nothing());
        assert!(nothing.is_behind(&named("x.one.v2")), "it may seal something");
        assert!(!nothing.is_behind(&named("x.one.v1")) && !nothing.is_behind(&named("x.one")));
        // What is missing in an answer, or stands in it twice, is not nothing.
        for (part, other) in [
            ("/versions", json!(null)),
            ("/classes", json!({})),
            ("/versions/0/version", json!(null)),
            ("/versions/0/version", json!("1")),
            ("/versions/0/fields", json!(null)),
            ("/newest", json!("1")),
            ("/versions", json!([plain["versions"][0], plain["versions"][0]])),
        ] {
            let mut told = plain.clone();
            *told.pointer_mut(part).unwrap() = other;
            assert!(read(200, &told).is_err(), "{told}");
        }
    }

    const FILE: &str = r#"syntax = "proto3";
message Case { string person = 1; string finding = 2; map<string, string> by_person = 3; }
"#;

    fn contract(number: u64) -> Value {
        json!({"definition": {
            "topic": "x.one", "version": number, "format": "protobuf", "schema": FILE, "subject": ["/person"],
            "classify": {"/person": "personal", "/finding": "special", "/by_person/*": "special"},
            "end_to_end": ["special"],
        }})
    }

    fn told_of_binary() -> Value {
        json!({"newest": 1, "classes": [{"class": "special", "recipients": []}], "versions": [{
            "version": 1, "format": "protobuf", "others": ["/person"], "fields": [
                {"pointer": "/finding", "class": "special"}, {"pointer": "/by_person/*", "class": "special"},
            ],
        }]})
    }

    fn binary(told: &Value, contract: &Value, data: &[u8]) -> Result<Vec<u8>, String> {
        let ask = |_: &str| Ok(answer(200, contract));
        let sealing = Sealing::read("x.one", answer(200, told), ask).unwrap();
        let event =
            json!({"id": "1", "source": "urn:a", "type": "x.one", "data_base64": STANDARD.encode(data)});
        let event = RawValue::from_string(event.to_string()).unwrap();
        let sealed = sealing.seal(&event).map_err(|kept| kept["problem"]["detail"].to_string())?;
        Ok(Attributes::of(sealed.get()).unwrap().binary_data().unwrap())
    }

    fn field(number: u8, text: &[u8]) -> Vec<u8> {
        [&[number << 3 | 2, text.len() as u8], text].concat()
    }

    #[test]
    fn a_contract_that_says_otherwise_than_what_was_told_keeps_its_events_back() {
        let data = [field(1, b"P-1"), field(2, b"B20")].concat();
        let sealed = binary(&told_of_binary(), &contract(1), &data).unwrap();
        let text = String::from_utf8_lossy(&sealed);
        assert!(text.contains("e2e1.") && !text.contains("B20"), "{text}");
        for (part, other) in [
            ("/definition/version", json!(2)),
            ("/definition/topic", json!("x.two")),
            ("/definition/end_to_end", json!([])),
            ("/definition/classify/~1finding", json!("internal")),
            ("/definition/schema", json!("none")),
            ("/definition", json!(null)),
            ("/definition/format", json!("avro")),
        ] {
            let mut said = contract(1);
            *said.pointer_mut(part).unwrap() = other;
            let why = binary(&told_of_binary(), &said, &data).unwrap_err();
            assert!(why.contains("what v1 of the contract of x.one wants is not sure"), "{part}: {why}");
        }
        // In the told format as well, and with the told class.
        for (part, other) in [
            ("/versions/0/format", json!("avro")),
            ("/versions/0/format", json!("asn1")),
            ("/versions/0/format", json!(null)),
            ("/versions/0/fields/0/class", json!("personal")),
            ("/versions/0/others", json!([])),
            ("/classes", json!([])),
        ] {
            let mut told = told_of_binary();
            *told.pointer_mut(part).unwrap() = other;
            let why = binary(&told, &contract(1), &data).unwrap_err();
            assert!(why.contains("is not sure"), "{told}: {why}");
        }
    }

    #[test]
    fn a_version_that_does_not_read_stops_only_what_follows_it() {
        let mut told = told_of_binary();
        let mut second = told["versions"][0].clone();
        second["version"] = 2.into();
        told["versions"].as_array_mut().unwrap().push(second);
        let ask = |path: &str| {
            let is_first = path.ends_with("/1");
            Ok(answer(200, &if is_first { json!({"definition": {"topic": "x.one"}}) } else { contract(2) }))
        };
        let sealing = Sealing::read("x.one", answer(200, &told), ask).unwrap();
        let event = |version: u8| {
            let data = STANDARD.encode([field(1, b"P-1"), field(2, b"B20")].concat());
            let ty = format!("x.one.v{version}");
            let event = json!({"id": "1", "source": "urn:a", "type": ty, "data_base64": data});
            sealing.seal(&RawValue::from_string(event.to_string()).unwrap())
        };
        assert!(event(1).unwrap_err()["problem"]["detail"].as_str().unwrap().contains("does not read"));
        assert!(event(2).is_ok());
    }

    #[test]
    fn a_class_without_a_word_for_whom_keeps_its_events_back_in_json_too() {
        let told = json!({"newest": 1, "classes": [], "versions": [
            {"version": 1, "format": "json-schema", "fields": [{"pointer": "/a", "class": "special"}], "others": []},
        ]});
        let mut sealing = Sealing::read("x.one", answer(200, &told), |_| panic!()).unwrap();
        let event = json!({"id": "1", "source": "urn:a", "type": "x.one", "data": {"a": "secret"}});
        let event = RawValue::from_string(event.to_string()).unwrap();
        let kept = sealing.seal(&event).unwrap_err().to_string();
        assert!(kept.contains("does not tell for whom special is sealed"), "{kept}");
        let line = ("/a".to_owned(), Some("special".to_owned()));
        sealing.versions.insert(1, Version::Fields(vec![line]));
        assert!(sealing.seal(&event).is_err());
    }

    #[test]
    fn what_the_walk_reads_and_the_check_refuses_is_kept_back() {
        let twice = [field(1, b"P-1"), field(2, b"B20"), field(2, b"B21")].concat();
        let definition = Definition::deserialize(&contract(1)["definition"]).unwrap();
        assert!(compile(&definition).unwrap().end_to_end_texts(&twice).is_ok(), "the walk reads it");
        let why = binary(&told_of_binary(), &contract(1), &twice).unwrap_err();
        assert!(why.contains("not sent") && why.contains("/finding") && !why.contains("B2"), "{why}");
    }

    #[test]
    fn no_key_of_a_map_is_shown() {
        let key = end_to_end::PrivateKey::generate().unwrap().public().to_string();
        // Nothing can be sealed for one key twice.
        let keys = json!([{"public_key": key}, {"public_key": key}]);
        let classes = json!([{"class": "special", "recipients": [{"agency": "a", "keys": keys}]}]);
        let mut told = told_of_binary();
        told["classes"] = classes.clone();
        let entry = [field(1, b"P-1\x07"), field(2, b"B20")].concat();
        let data = [field(1, b"P-0"), field(3, &entry)].concat();
        let why = binary(&told, &contract(1), &data).unwrap_err();
        assert!(why.contains("/by_person/*: ") && !why.contains("P-1") && !why.contains("u0007"), "{why}");
        let told = json!({"newest": 1, "classes": classes, "versions": [{
            "version": 1, "format": "json-schema", "fields": [{"pointer": "/by/*/a", "class": "special"}], "others": [],
        }]});
        let sealing = Sealing::read("x.one", answer(200, &told), |_| panic!()).unwrap();
        let event = json!({"id": "1", "source": "urn:a", "type": "x.one", "data": {"by": {"P-1\u{7}": {"a": "B20"}}}});
        let kept = sealing.seal(&RawValue::from_string(event.to_string()).unwrap()).unwrap_err().to_string();
        assert!(kept.contains("/by/*/a: ") && !kept.contains("P-1") && !kept.contains("u0007"), "{kept}");
    }
}
