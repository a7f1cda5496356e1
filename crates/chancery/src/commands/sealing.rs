//! What `publish` seals before it sends, and `consume` opens after it came: on this machine, as the contract wants it.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;

use bus::Framing;
use contract::cloudevents::is_json;
use end_to_end::documents::{self, Event, Field};
use end_to_end::{OpenError, PREFIX, PrivateKey, PublicKey, Recipient, read_keys};
use serde_json::value::RawValue;
use serde_json::{Value, json};
use zeroize::Zeroizing;

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

/// For whom the events of one topic are sealed.
pub struct Sealing {
    topic: String,
    /// The version that an event follows that names none.
    newest: Option<u64>,
    /// Of each version that takes events its fields, none where nothing of it is sealed.
    versions: BTreeMap<u64, Vec<Line>>,
    /// Of each class the keys.
    recipients: HashMap<String, Vec<Recipient>>,
}

impl Sealing {
    /// Where the bus tells it.
    pub fn path(topic: &str) -> String {
        format!("/v1/topics/{}/recipients", segment(topic))
    }

    /// What it told; nothing where nothing of the topic is sealed end to end. Without an answer nothing is sent: it might go
    /// in the clear.
    pub fn read(topic: &str, answer: Answer) -> Result<Option<Self>, Failure> {
        let answer = answer.good()?.json()?;
        let list = |value: &Value| value.as_array().cloned().unwrap_or_default();
        let mut sealing = Self {
            topic: topic.to_owned(),
            newest: answer["newest"].as_u64(),
            versions: BTreeMap::new(),
            recipients: HashMap::new(),
        };
        for version in list(&answer["versions"]) {
            let fields = list(&version["fields"]);
            let sealed = fields.iter().map(|field| (cell(&field["pointer"]), Some(cell(&field["class"]))));
            let others = if fields.is_empty() { Vec::new() } else { list(&version["others"]) };
            let all = sealed.chain(others.iter().map(|pointer| (cell(pointer), None))).collect();
            sealing.versions.insert(version["version"].as_u64().unwrap_or_default(), all);
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
        Ok(Some(sealing).filter(|sealing| sealing.versions.values().any(|fields| !fields.is_empty())))
    }

    /// The event with its fields sealed; else its result, as the bus would tell it: it is not sent.
    pub fn seal(&self, event: &RawValue) -> Result<Box<RawValue>, Value> {
        let of = Attributes::of(event.get()).map_err(|error| kept_back("", &error.text))?;
        let kept = |why: &str| kept_back(&of.id, why);
        // By now its version may take events.
        let fields = self.fields(&of).map_err(|why| as_stale(kept(&why)))?;
        if fields.is_empty() {
            return Ok(event.to_owned());
        }
        let data =
            of.json_data().ok_or_else(|| kept("it has no data in JSON, whose fields could be sealed"))?;
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
        let sealed = documents::seal(data.get(), &fields, &bound)
            .and_then(|data| documents::with_member(event.get(), "data", &data))
            .map_err(|error| kept(&format!("it cannot be sealed: {error}")))?;
        RawValue::from_string(sealed).map_err(|error| kept(&error.to_string()))
    }

    /// The fields of the version that an event follows. Where that is not known for sure, what should be sealed might go in
    /// the clear.
    fn fields(&self, of: &Attributes<'_>) -> Result<&[Line], String> {
        let topic = &self.topic;
        let named = named_version(&of.ty);
        if named.is_none() && Framing::of(of.dataschema.as_deref()).is_some() {
            return Err(
                "its `dataschema` names a version, and its `type` does not: name it there too".to_owned()
            );
        }
        let none = || format!("no version of the contract of {topic} takes events");
        let version = named.or(self.newest).ok_or_else(none)?;
        let fields = self.versions.get(&version);
        fields.map(Vec::as_slice).ok_or_else(|| {
            let known: Vec<String> = self.versions.keys().map(|version| format!("v{version}")).collect();
            format!("v{version} of the contract of {topic} takes no events: use {}", known.join(" or "))
        })
    }
}

/// The version of a type's `.vN` suffix; one that is too long for a number is none that there is.
fn named_version(ty: &str) -> Option<u64> {
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
struct Attributes<'a> {
    id: String,
    source: String,
    ty: String,
    dataschema: Option<String>,
    datacontenttype: Option<String>,
    data: Option<&'a RawValue>,
    /// Whether there is `data_base64`.
    has_bytes: bool,
}

impl<'a> Attributes<'a> {
    fn of(event: &'a str) -> Result<Self, Failure> {
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
            has_bytes: members.get("data_base64").is_some_and(|value| value.get() != "null"),
        })
    }

    /// The data where it is JSON: not bytes, and not a text of another media type.
    fn json_data(&self) -> Option<&'a RawValue> {
        self.data.filter(|_| !self.has_bytes && is_json(self.datacontenttype.as_deref()))
    }
}

/// What opens.
pub struct Opening {
    topic: String,
    keys: Vec<PrivateKey>,
    /// Whether it was told that something is not for these keys.
    told: bool,
    /// Events with something that is for them, it seems, and did not open.
    changed: u64,
}

impl Opening {
    /// The keys of a file, for what comes of a topic.
    pub fn read(file: &Path, topic: String) -> Result<Self, Failure> {
        let wrong = |error: &dyn std::fmt::Display| Failure::usage(format!("{}: {error}", file.display()));
        let text = Zeroizing::new(std::fs::read_to_string(file).map_err(|error| wrong(&error))?);
        let keys = read_keys(&text).map_err(|error| wrong(&error))?;
        Ok(Self { topic, keys, told: false, changed: 0 })
    }

    /// The event with what the keys open; what they do not stays sealed. That it is for others is told once, that it is not
    /// what its producer sealed each time.
    pub fn open(&mut self, event: &str) -> Result<String, Failure> {
        let of = Attributes::of(event)?;
        let Some(data) = of.data.filter(|data| data.get().contains(PREFIX)) else {
            return Ok(event.to_owned());
        };
        let bound = Event { topic: &self.topic, source: &of.source, id: &of.id };
        let wrong = |error: documents::DocumentError| Failure::new(format!("event {}: {error}", of.id));
        let (data, found) = documents::open(data.get(), &self.keys, &bound).map_err(wrong)?;
        let mut is_changed = false;
        for (place, why) in found.into_iter().filter_map(|one| Some((one.pointer, one.left?))) {
            let hint = if why == OpenError::NotForUs {
                if std::mem::replace(&mut self.told, true) {
                    continue;
                }
                "it was sealed before your agency could read it, or for another of its keys"
            } else {
                is_changed = true;
                "it is not what its producer sealed"
            };
            output::note(format_args!("event {}, {place}: {why}; {hint}", of.id));
        }
        self.changed += u64::from(is_changed);
        documents::with_member(event, "data", &data).map_err(wrong)
    }

    /// Fails where anything was not what its producer sealed.
    pub fn end(self) -> Result<(), Failure> {
        if self.changed == 0 {
            return Ok(());
        }
        let text = format!("{} events hold what is not what its producer sealed", self.changed);
        Err(Failure::new(text)
            .hint("ask whoever published them, and whoever runs the bus; they are told above"))
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
        Sealing::read("x.one", answer(200, &told)).unwrap().unwrap()
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
        for status in [404, 403, 502] {
            assert!(Sealing::read("x.one", answer(status, &json!({"detail": "no"}))).is_err(), "{status}");
        }
        let plain =
            json!({"newest": 1, "versions": [{"version": 1, "fields": [], "others": []}], "classes": []});
        assert!(Sealing::read("x.one", answer(200, &plain)).unwrap().is_none());
    }
}
