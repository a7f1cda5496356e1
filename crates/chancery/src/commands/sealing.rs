//! What `publish` seals before it sends, and `consume` opens after it came: on this machine, as the contract wants it.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;

use end_to_end::documents::{self, Event, Field};
use end_to_end::{OpenError, PREFIX, PrivateKey, PublicKey, Recipient, read_keys};
use serde_json::Value;
use serde_json::value::RawValue;
use zeroize::Zeroizing;

use crate::client::{Answer, segment};
use crate::output::{self, Failure, cell};

/// The refusal's code for which another try with the recipients of this moment may do.
const NOT_SEALED: &str = "not-sealed-end-to-end";

/// Whether a refused event may be taken once it is sealed for those who may read it by now.
pub fn is_stale(problem: &Value) -> bool {
    problem["code"] == NOT_SEALED
}

/// For whom the events of one topic are sealed.
pub struct Sealing {
    topic: String,
    newest: u64,
    /// Of each version its fields; those that are not sealed have no class.
    versions: BTreeMap<u64, Vec<(String, Option<String>)>>,
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
        // A topic that is not known is the bus's to refuse.
        if answer.status == 404 {
            return Ok(None);
        }
        let answer = answer.good()?.json()?;
        let list = |value: &Value| value.as_array().cloned().unwrap_or_default();
        let mut sealing = Self {
            topic: topic.to_owned(),
            newest: answer["newest"].as_u64().unwrap_or_default(),
            versions: BTreeMap::new(),
            recipients: HashMap::new(),
        };
        for version in list(&answer["versions"]) {
            let fields = list(&version["fields"]);
            if fields.is_empty() {
                continue;
            }
            let sealed = fields.iter().map(|field| (cell(&field["pointer"]), Some(cell(&field["class"]))));
            let others = list(&version["others"]);
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
        Ok(Some(sealing).filter(|sealing| !sealing.versions.is_empty()))
    }

    /// The event with its fields sealed.
    pub fn seal(&self, event: &RawValue) -> Result<Box<RawValue>, Failure> {
        let of = Attributes::of(event.get())?;
        let version = of.ty.rsplit_once(".v").and_then(|(_, digits)| digits.parse().ok());
        let fields = self.versions.get(&version.unwrap_or(self.newest));
        let (Some(fields), Some(data)) = (fields, of.data) else { return Ok(event.to_owned()) };
        let none = Vec::new();
        let field = |(pointer, class): &'_ (String, Option<String>)| {
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
            .map_err(|error| Failure::new(format!("event {} cannot be sealed: {error}", of.id)))?;
        RawValue::from_string(sealed).map_err(|error| Failure::new(error.to_string()))
    }
}

/// What of an event a sealed value is bound to.
struct Attributes<'a> {
    id: String,
    source: String,
    ty: String,
    data: Option<&'a RawValue>,
}

impl<'a> Attributes<'a> {
    fn of(event: &'a str) -> Result<Self, Failure> {
        let members: HashMap<String, &RawValue> =
            serde_json::from_str(event).map_err(|_| Failure::usage("an event is not a JSON object"))?;
        let text = |name: &str| {
            let value = members.get(name).and_then(|value| serde_json::from_str::<String>(value.get()).ok());
            value.unwrap_or_default()
        };
        Ok(Self {
            id: text("id"),
            source: text("source"),
            ty: text("type"),
            data: members.get("data").copied(),
        })
    }
}

/// What opens.
pub struct Opening {
    topic: String,
    keys: Vec<PrivateKey>,
    /// What was told already.
    told: Vec<String>,
}

impl Opening {
    /// The keys of a file, for what comes of a topic.
    pub fn read(file: &Path, topic: String) -> Result<Self, Failure> {
        let wrong = |error: &dyn std::fmt::Display| Failure::usage(format!("{}: {error}", file.display()));
        let text = Zeroizing::new(std::fs::read_to_string(file).map_err(|error| wrong(&error))?);
        let keys = read_keys(&text).map_err(|error| wrong(&error))?;
        Ok(Self { topic, keys, told: Vec::new() })
    }

    /// The event with what the keys open; what they do not stays sealed, and is told once for each reason.
    pub fn open(&mut self, event: &str) -> Result<String, Failure> {
        let of = Attributes::of(event)?;
        let Some(data) = of.data.filter(|data| data.get().contains(PREFIX)) else {
            return Ok(event.to_owned());
        };
        let bound = Event { topic: &self.topic, source: &of.source, id: &of.id };
        let wrong = |error: documents::DocumentError| Failure::new(format!("event {}: {error}", of.id));
        let (data, found) = documents::open(data.get(), &self.keys, &bound).map_err(wrong)?;
        for (place, why) in found.into_iter().filter_map(|one| Some((one.pointer, one.left?))) {
            let hint = match why {
                OpenError::NotForUs => {
                    "it was sealed before your agency could read it, or for another of its keys"
                }
                _ => "whoever published it, or the bus, is to be asked: it is not what its producer sealed",
            };
            let text = format!("{why}; {hint}");
            if !self.told.contains(&text) {
                output::note(format_args!("event {}, {place}: {text}", of.id));
                self.told.push(text);
            }
        }
        documents::with_member(event, "data", &data).map_err(wrong)
    }
}
