//! What `consume` opens after it came: on this machine, with the keys of its agency.

use std::collections::{BTreeMap, HashSet};
use std::path::Path;
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use contract::ClassSet;
use contract::texts::Texts;
use end_to_end::documents::{self, Event, Found};
use end_to_end::{Context, OpenError, PREFIX, PrivateKey, read_keys};
use serde::Deserialize;
use serde_json::Value;
use zeroize::Zeroizing;

use super::readings::{Readings, WAYS};
use super::sealing::{Attributes, contract_of, named_version};
use crate::client::{Client, segment};
use crate::output::{self, Failure, cell};

/// The bus is not asked anew within this time what data is read by, unless an event names a version that is not known.
const ASK_AGAIN: Duration = Duration::from_secs(30);

/// What opens.
pub struct Opening {
    topic: String,
    keys: Vec<PrivateKey>,
    /// What is read by a schema.
    readings: Readings,
    /// When the bus was asked for them.
    asked: Option<Instant>,
    /// The versions that it was asked for, as an event named them.
    asked_for: HashSet<u64>,
    /// The versions of which it was told that they do not read here.
    skipped: HashSet<u64>,
    /// Whether it was told that something is not for these keys.
    told: bool,
    /// Events with something that is for them, it seems, and did not open.
    changed: u64,
    /// Events that no schema read, so that nothing in them was opened.
    unread: u64,
    /// What is to be told.
    notes: Vec<String>,
}

impl Opening {
    /// The keys of a file, for what comes of a topic.
    pub fn read(file: &Path, topic: String) -> Result<Self, Failure> {
        let wrong = |error: &dyn std::fmt::Display| Failure::usage(format!("{}: {error}", file.display()));
        let text = Zeroizing::new(std::fs::read_to_string(file).map_err(|error| wrong(&error))?);
        let keys = read_keys(&text).map_err(|error| wrong(&error))?;
        Ok(Self::with(keys, topic))
    }

    fn with(keys: Vec<PrivateKey>, topic: String) -> Self {
        Self {
            topic,
            keys,
            readings: Readings::default(),
            asked: None,
            asked_for: HashSet::new(),
            skipped: HashSet::new(),
            told: false,
            changed: 0,
            unread: 0,
            notes: Vec::new(),
        }
    }

    /// The event with what the keys open; what they do not stays sealed. That it is for others is told once, that it is not
    /// what its producer sealed each time. `readings` asks the bus for what binary data is read by.
    pub fn open(
        &mut self,
        event: &str,
        readings: impl Fn(&str) -> Result<Readings, Failure>,
    ) -> Result<String, Failure> {
        let opened = self.look(event, &readings);
        self.notes.drain(..).for_each(|note| output::note(format_args!("{note}")));
        opened
    }

    fn look(
        &mut self,
        event: &str,
        ask: &dyn Fn(&str) -> Result<Readings, Failure>,
    ) -> Result<String, Failure> {
        let of = Attributes::of(event)?;
        let wrong = |error: documents::DocumentError| Failure::new(format!("event {}: {error}", of.id));
        let version = named_version(&of.ty);
        let (member, data) = if let Some(data) = of.data {
            if !data.get().contains(PREFIX) {
                return Ok(event.to_owned());
            }
            let bound = Event { topic: &self.topic, source: &of.source, id: &of.id };
            let (data, mut found) = documents::open(data.get(), &self.keys, &bound).map_err(wrong)?;
            found.retain(|one| one.left.as_ref().is_some_and(|why| self.is_news(why)));
            self.show(&mut found, version, ask);
            self.tell(&of.id, found);
            ("data", data)
        } else {
            let Some(data) = of.binary_data().filter(|data| mentions(data)) else {
                return Ok(event.to_owned());
            };
            let mut read = self.readings.read(&data, version);
            // A version went live since, or the terms of the subscription are others by now.
            if !read.is_sure && self.may_ask(version) && self.ask(ask)? {
                read = self.readings.read(&data, version);
            }
            let Some(texts) = read.texts else {
                self.tell_unread(&of.id, version, read.is_cut_short);
                return Ok(event.to_owned());
            };
            if texts.iter().len() == 0 {
                return Ok(event.to_owned());
            }
            let (data, found) = self.opened(&texts, &of);
            self.tell(&of.id, found);
            ("data_base64", format!("\"{}\"", STANDARD.encode(data)))
        };
        documents::with_member(event, member, &data).map_err(wrong)
    }

    /// Whether the bus may be asked what data is read by: at once for a version that it was not asked for yet.
    fn may_ask(&mut self, named: Option<u64>) -> bool {
        let is_new = named.is_some_and(|named| !self.readings.knows(named) && self.asked_for.insert(named));
        is_new || self.asked.is_none_or(|at| at.elapsed() >= ASK_AGAIN)
    }

    /// Asks it; whether what it tells is new.
    fn ask(&mut self, ask: &dyn Fn(&str) -> Result<Readings, Failure>) -> Result<bool, Failure> {
        self.asked = Some(Instant::now());
        let readings = ask(&self.topic)?;
        for (version, why) in readings.unread() {
            if self.skipped.insert(*version) {
                self.notes.push(format!(
                    "v{version} of the contract of {} is left out, and what follows it stays sealed: {why}",
                    self.topic
                ));
            }
        }
        Ok(self.readings.renew(readings))
    }

    /// Names places as they may be shown. Where nothing says how, none is named: a member may be called by what a person is.
    fn show(
        &mut self,
        found: &mut [Found],
        version: Option<u64>,
        ask: &dyn Fn(&str) -> Result<Readings, Failure>,
    ) {
        let is_known = found.iter().all(|one| self.readings.shown(&one.pointer).is_some());
        if !is_known && self.may_ask(version) && self.ask(ask).is_err() {
            self.notes.push(format!("the bus does not tell the contract of {}", self.topic));
        }
        for one in found {
            let place = self.readings.shown(&one.pointer);
            one.pointer = place.unwrap_or_else(|| "a place that its contract does not name".to_owned());
        }
    }

    fn tell_unread(&mut self, id: &str, version: Option<u64>, is_cut_short: bool) {
        self.unread += 1;
        let why = if version.is_some_and(|version| self.readings.unread().contains_key(&version)) {
            "the version that it names does not read here".to_owned()
        } else if is_cut_short {
            format!("they follow none of the {WAYS} ways of a version that are tried")
        } else {
            "they follow no schema that the bus has told".to_owned()
        };
        self.notes.push(format!(
            "event {id}: its data are not read by the contract of {}, so that nothing in it is opened: {why}",
            self.topic
        ));
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
            found.push(Found { pointer: text.shown.clone(), left });
            let json = opened.ok()?;
            Some(serde_json::from_str(&json).unwrap_or_else(|_| json.as_str().to_owned()))
        });
        (data, found)
    }

    /// Whether it is told: that something is for others is, once.
    fn is_news(&self, why: &OpenError) -> bool {
        *why != OpenError::NotForUs || !self.told
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
            self.notes.push(format!("event {id}, {place}: {why}; {hint}"));
        }
        self.changed += u64::from(is_changed);
    }

    /// Fails where anything was not what its producer sealed.
    pub fn end(self) -> Result<(), Failure> {
        if self.changed > 0 {
            let text = format!("{} events hold what is not what its producer sealed", self.changed);
            return Err(Failure::new(text)
                .hint("ask whoever published them, and whoever runs the bus; they are told above"));
        }
        if self.unread > 0 {
            let text = format!("{} events were not read, and nothing in them is opened", self.unread);
            return Err(Failure::new(text)
                .hint("they are told above; read them again by a chancery of the bus's version"));
        }
        Ok(())
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
    of_versions(&told, topic, cleared)
}

/// A version that does not read here is left out: the others' documents are read all the same.
fn of_versions(told: &Value, topic: &str, cleared: ClassSet) -> Result<Readings, Failure> {
    let versions = told["versions"].as_array().into_iter().flatten();
    let was_live = |version: &&Value| cell(&version["status"]) != "proposed";
    let (mut contracts, mut unread) = (Vec::new(), BTreeMap::new());
    for version in versions.filter(was_live) {
        let number = version["version"].as_u64().ok_or_else(|| {
            Failure::new(format!("a version of the contract of {topic} that the bus tells has no number"))
        })?;
        match contract_of(version, topic, number) {
            Ok(contract) => contracts.push((number, contract)),
            Err(why) => drop(unread.insert(number, why)),
        }
    }
    Ok(Readings::new(contracts, unread, cleared))
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use serde_json::json;

    use super::*;

    const FILE: &str = r#"syntax = "proto3";
message Case { string person = 1; string note = 2; bytes raw = 3; map<string, string> by_person = 4; }
"#;

    fn version(number: u64, schema: &str) -> Value {
        json!({"version": number, "status": "live", "definition": {
            "topic": "x.one", "version": number, "format": "protobuf", "schema": schema, "subject": ["/person"],
            "classify": {"/person": "personal", "/note": "public", "/raw": "internal", "/by_person/*": "special"},
            "end_to_end": ["special"],
        }})
    }

    fn told(versions: &[Value]) -> Readings {
        of_versions(&json!({"versions": versions}), "x.one", ClassSet::default()).unwrap()
    }

    fn field(number: u8, bytes: &[u8]) -> Vec<u8> {
        let length = [bytes.len() as u8 | 0x80, (bytes.len() >> 7) as u8];
        [&[number << 3 | 2], &length[..], bytes].concat()
    }

    fn event(ty: &str, data: &[u8]) -> String {
        json!({"id": "1", "source": "urn:a", "type": ty, "data_base64": STANDARD.encode(data)}).to_string()
    }

    fn sealed(key: &PrivateKey, pointer: &str) -> String {
        let recipient = end_to_end::Recipient { agency: "a".to_owned(), key: key.public().clone() };
        let context = Context { topic: "x.one", source: "urn:a", id: "1", pointer };
        end_to_end::seal("\"B20\"", &[recipient], &context).unwrap()
    }

    fn opening() -> (PrivateKey, Opening) {
        let [one, same] = {
            let key = PrivateKey::generate().unwrap();
            let text = key.to_file("a");
            [key, read_keys(&text).unwrap().remove(0)]
        };
        (one, Opening::with(vec![same], "x.one".to_owned()))
    }

    #[test]
    fn the_bus_is_asked_once_whatever_events_speak_of() {
        let (key, mut opening) = opening();
        let asked = Cell::new(0);
        let ask = |_: &str| {
            asked.set(asked.get() + 1);
            Ok(told(&[version(1, FILE)]))
        };
        let value = sealed(&key, "/by_person/P-1");
        let wire =
            [field(1, b"P-1"), field(4, &[field(1, b"P-1"), field(2, value.as_bytes())].concat())].concat();
        for data in [
            field(2, b"what e2e1. means"),
            field(3, b"\x01e2e1.\xff"),
            // It looks sealed, and no text is: in a map's key, in bytes.
            field(3, value.as_bytes()),
            field(4, &[field(1, value.as_bytes()), field(2, b"x")].concat()),
            wire.clone(),
        ] {
            for _ in 0..3 {
                opening.look(&event("x.one", &data), &ask).unwrap();
            }
        }
        assert_eq!((asked.get(), opening.notes.clone()), (1, vec![]));
        assert!(opening.look(&event("x.one", &wire), &ask).unwrap().contains("data_base64"));
        // What no schema reads is told each time, and not asked for each time.
        for _ in 0..3 {
            opening.look(&event("x.one", b"e2e1."), &ask).unwrap();
        }
        assert_eq!((asked.get(), opening.notes.len(), opening.unread, opening.changed), (1, 3, 3, 0));
        // A version that is not known is asked for once.
        for _ in 0..3 {
            opening.look(&event("x.one.v2", b"e2e1."), &ask).unwrap();
        }
        assert_eq!(asked.get(), 2);
        opening.asked = Instant::now().checked_sub(ASK_AGAIN);
        opening.look(&event("x.one", b"e2e1."), &ask).unwrap();
        assert_eq!(asked.get(), 3);
        assert!(opening.end().unwrap_err().text.contains("were not read"));
    }

    #[test]
    fn a_version_that_does_not_read_here_is_left_out_with_one_note() {
        let (key, mut opening) = opening();
        let ask = |_: &str| Ok(told(&[version(1, "none"), version(2, FILE)]));
        let value = sealed(&key, "/by_person/P-1");
        let data = field(4, &[field(1, b"P-1"), field(2, value.as_bytes())].concat());
        let opened = opening.look(&event("x.one", &data), &ask).unwrap();
        let opened = Attributes::of(&opened).unwrap().binary_data().unwrap();
        assert!(opened.ends_with(b"B20") && !mentions(&opened), "{opened:?}");
        opening.ask(&ask).unwrap();
        assert_eq!(opening.notes.len(), 1);
        assert!(
            opening.notes[0].starts_with("v1 of the contract of x.one is left out"),
            "{:?}",
            opening.notes
        );
        for wrong in [json!({"status": "live"}), json!({"version": "1"})] {
            assert!(of_versions(&json!({"versions": [wrong]}), "x.one", ClassSet::default()).is_err());
        }
        // Another version's contract is not this one's.
        let mut other = version(1, FILE);
        other["version"] = 3.into();
        assert!(told(&[other]).unread().contains_key(&3));
    }

    #[test]
    fn no_key_of_a_map_is_shown() {
        let (key, mut opening) = opening();
        let ask = |_: &str| Ok(told(&[version(1, FILE)]));
        let value = sealed(&key, "/by_person/P-2");
        let data = field(4, &[field(1, b"P-1\x07"), field(2, value.as_bytes())].concat());
        opening.look(&event("x.one", &data), &ask).unwrap();
        let mut json = json!({"id": "1", "source": "urn:a", "type": "x.one"});
        json["data"] = json!({"by_person": {"P-1\u{7}": value}});
        opening.look(&json.to_string(), &ask).unwrap();
        json["data"] = json!({"P-1\u{7}": value});
        opening.look(&json.to_string(), &ask).unwrap();
        assert_eq!((opening.notes.len(), opening.changed), (3, 3));
        for note in &opening.notes[..2] {
            assert!(note.starts_with("event 1, /by_person/*: "), "{note}");
        }
        assert!(opening.notes.iter().all(|note| !note.contains("P-") && !note.contains('\u{7}')));
    }
}
