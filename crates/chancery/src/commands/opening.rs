//! What `consume` opens after it came: on this machine, with the keys of its agency.

use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use contract::ClassSet;
use contract::texts::Texts;
use end_to_end::documents::{self, Event, Found};
use end_to_end::{Context, OpenError, PREFIX, PrivateKey, read_keys};
use serde::Deserialize;
use serde_json::Value;
use zeroize::Zeroizing;

use super::readings::Readings;
use super::sealing::{Attributes, contract_of, named_version};
use crate::client::{Client, segment};
use crate::output::{self, Failure, cell};

/// What opens.
pub struct Opening {
    topic: String,
    keys: Vec<PrivateKey>,
    /// What is read by a schema.
    readings: Readings,
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
        Ok(Self { topic, keys, readings: Readings::default(), told: false, changed: 0 })
    }

    /// The event with what the keys open; what they do not stays sealed. That it is for others is told once, that it is not
    /// what its producer sealed each time. `readings` asks the bus for what binary data is read by.
    pub fn open(
        &mut self,
        event: &str,
        readings: impl Fn(&str) -> Result<Readings, Failure>,
    ) -> Result<String, Failure> {
        let of = Attributes::of(event)?;
        let wrong = |error: documents::DocumentError| Failure::new(format!("event {}: {error}", of.id));
        let (member, data) = if let Some(data) = of.data {
            if !data.get().contains(PREFIX) {
                return Ok(event.to_owned());
            }
            let bound = Event { topic: &self.topic, source: &of.source, id: &of.id };
            let (data, found) = documents::open(data.get(), &self.keys, &bound).map_err(wrong)?;
            self.tell(&of.id, found);
            ("data", data)
        } else {
            let Some(data) = of.binary_data().filter(|data| mentions(data)) else {
                return Ok(event.to_owned());
            };
            let version = named_version(&of.ty);
            if !self.readings.read_all(&data, version) {
                // A version went live since, or the terms of the subscription are others by now.
                self.readings = readings(&self.topic)?;
            }
            let Some(texts) = self.readings.texts(&data, version) else {
                self.changed += 1;
                output::note(format_args!(
                    "event {}: its data follow no schema of the contract of {}, so that nothing in it is opened",
                    of.id, self.topic
                ));
                return Ok(event.to_owned());
            };
            let (data, found) = self.opened(&texts, &of);
            self.tell(&of.id, found);
            ("data_base64", format!("\"{}\"", STANDARD.encode(data)))
        };
        documents::with_member(event, member, &data).map_err(wrong)
    }

    /// The document with what the keys open of its texts, and what became of each. A JSON string is the text, any other value
    /// is its JSON.
    fn opened(&self, texts: &Texts<'_>, of: &Attributes<'_>) -> (Vec<u8>, Vec<Found>) {
        let mut found = Vec::new();
        let data = texts.replaced(|text| {
            let (source, id, pointer) = (&*of.source, &*of.id, &*text.pointer);
            let context = Context { topic: &self.topic, source, id, pointer };
            let opened = end_to_end::open(text.text, &self.keys, &context);
            let left = opened.as_ref().err().cloned();
            found.push(Found { pointer: text.pointer.clone(), left });
            let json = opened.ok()?;
            Some(serde_json::from_str(&json).unwrap_or_else(|_| json.as_str().to_owned()))
        });
        (data, found)
    }

    fn tell(&mut self, id: &str, found: Vec<Found>) {
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
            output::note(format_args!("event {id}, {place}: {why}; {hint}"));
        }
        self.changed += u64::from(is_changed);
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

fn mentions(data: &[u8]) -> bool {
    data.windows(PREFIX.len()).any(|window| window == PREFIX.as_bytes())
}

/// What a subscription is handed is read by the versions of its topic's contract, less what it is not cleared for.
pub fn readings(client: &Client, subscription: &str, topic: &str) -> Result<Readings, Failure> {
    let granted = client.get(subscription)?["granted"].take();
    let cleared = ClassSet::deserialize(&granted["clears"]).unwrap_or_default();
    let told = client.get(&format!("/v1/contracts/{}", segment(topic)))?;
    let versions = told["versions"].as_array().into_iter().flatten();
    let was_live = |version: &&Value| cell(&version["status"]) != "proposed";
    let number = |version: &Value| version["version"].as_u64().unwrap_or_default();
    let contracts = versions.filter(was_live).map(|version| Ok((number(version), contract_of(version)?)));
    Ok(Readings::new(contracts.collect::<Result<Vec<_>, Failure>>()?, cleared))
}
