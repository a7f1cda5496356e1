//! What `publish` seals before it sends: on this machine, as the contract wants it.

use std::collections::{BTreeMap, HashMap};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bus::Framing;
use contract::cloudevents::is_json;
use contract::texts::Text;
use contract::{Contract, Definition, Workspace, compile};
use end_to_end::documents::{self, Event, Field};
use end_to_end::{Context, PublicKey, Recipient, Sealed};
use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Value, json};

use crate::client::{Answer, segment};
use crate::output::{self, Failure, cell};

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

    /// What it told; nothing where nothing of the topic is sealed end to end. Without an answer nothing is sent: it might go
    /// in the clear. `ask` gets what else is to be known: which places of a binary document are meant its schema says.
    pub fn read(
        topic: &str,
        answer: Answer,
        ask: impl Fn(&str) -> Result<Answer, Failure>,
    ) -> Result<Option<Self>, Failure> {
        let answer = answer.good()?.json()?;
        let list = |value: &Value| value.as_array().cloned().unwrap_or_default();
        let mut sealing = Self {
            topic: topic.to_owned(),
            newest: answer["newest"].as_u64(),
            versions: BTreeMap::new(),
            recipients: HashMap::new(),
        };
        for version in list(&answer["versions"]) {
            let number = version["version"].as_u64().unwrap_or_default();
            let fields = list(&version["fields"]);
            let wants = if fields.is_empty() {
                Version::Nothing
            } else if version["format"].as_str().is_some_and(|format| format != "json-schema") {
                let path = format!("/v1/contracts/{}/{number}", segment(topic));
                Version::Places(Box::new(contract_of(&ask(&path)?.good()?.json()?)?))
            } else {
                let sealed =
                    fields.iter().map(|field| (cell(&field["pointer"]), Some(cell(&field["class"]))));
                let others = list(&version["others"]);
                Version::Fields(sealed.chain(others.iter().map(|pointer| (cell(pointer), None))).collect())
            };
            sealing.versions.insert(number, wants);
        }
        for class in list(&answer["classes"]) {
            let (name, mut keys) = (cell(&class["class"]), Vec::new());
            for reader in list(&class["recipients"]) {
                for key in list(&reader["keys"]) {
                    let key = cell(&key["public_key"]).parse::<PublicKey>();
                    let key = key.map_err(|error| Failure::new(format!("the bus names {error}")))?;
                    keys.push(Recipient { agency: cell(&reader["agency"]), key });
                }
            }
            if keys.is_empty() {
                output::note(format_args!(
                    "nobody with a key may read what is {name} in {topic}: it is sealed for nobody, and nobody will ever \
                     open it"
                ));
            }
            sealing.recipients.insert(name, keys);
        }
        let wants = |version: &Version| !matches!(version, Version::Nothing);
        Ok(Some(sealing).filter(|sealing| sealing.versions.values().any(wants)))
    }

    /// The event with its fields sealed; else its result, as the bus would tell it: it is not sent.
    pub fn seal(&self, event: &RawValue) -> Result<Box<RawValue>, Value> {
        let of = Attributes::of(event.get()).map_err(|error| kept_back("", &error.text))?;
        let kept = |why: &str| kept_back(&of.id, why);
        // By now its version may take events.
        let (name, data) = match self.version(&of).map_err(|why| as_stale(kept(&why)))? {
            Version::Nothing => return Ok(event.to_owned()),
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
        let none = Vec::new();
        let field = |(pointer, class): &Line| {
            let recipients = class.as_ref().map(|class| self.recipients.get(class).unwrap_or(&none));
            (pointer.clone(), recipients.cloned())
        };
        let fields: Vec<_> = fields.iter().map(field).collect();
        let fields: Vec<Field<'_>> = fields
            .iter()
            .map(|(pointer, recipients)| Field { pointer, recipients: recipients.as_deref() })
            .collect();
        let bound = Event { topic: &self.topic, source: &of.source, id: &of.id };
        documents::seal(data.get(), &fields, &bound).map_err(|error| cannot(&error))
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
        let recipients = contract.class_of(text).and_then(|class| self.recipients.get(class.as_str()));
        let recipients = recipients.map_or(&[][..], Vec::as_slice);
        let (source, id, pointer) = (&*of.source, &*of.id, &*text.pointer);
        let context = Context { topic: &self.topic, source, id, pointer };
        let sealed = end_to_end::seal(&json!(text.text).to_string(), recipients, &context);
        sealed.map(Some).map_err(|why| cannot(&format!("{pointer}: {why}")))
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

/// A contract as the bus tells it.
pub(super) fn contract_of(told: &Value) -> Result<Contract, Failure> {
    let wrong = |why: String| {
        Failure::new(format!("the contract that the bus tells does not read: {why}"))
            .hint("use a chancery of the bus's own version")
    };
    let definition =
        Definition::deserialize(&told["definition"]).map_err(|error| wrong(error.to_string()))?;
    compile(&definition)
        .map_err(|faults| wrong(faults.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")))
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
        let told = json!({"newest": 2, "classes": [], "versions": [
            {"version": 1, "fields": [], "others": ["/a"]},
            {"version": 2, "fields": [{"pointer": "/a", "class": "special"}], "others": ["/b"]},
        ]});
        Sealing::read("x.one", answer(200, &told), |_| panic!("JSON needs no schema")).unwrap().unwrap()
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
        let avro = json!({"newest": 1, "classes": [], "versions": [
            {"version": 1, "format": "avro", "fields": fields, "others": []}
        ]});
        assert!(read(200, &avro).is_err());
        let plain =
            json!({"newest": 1, "versions": [{"version": 1, "fields": [], "others": []}], "classes": []});
        assert!(read(200, &plain).unwrap().is_none());
    }
}
