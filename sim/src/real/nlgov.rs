//! The two example events of the Dutch government's CloudEvents profile.
//!
//! As they stand both are refused, and rightly: the first carries the citizen's number in `dataref`, which travels
//! outside the seal; the second holds bytes of another format than its contract asks for. Each is then published in a
//! form that its contract takes and that loses nothing:
//!
//! - The first keeps its data and attributes; the reference that names the citizen moves from `dataref` to
//!   `persoonref`, an extension that the contract classifies as personal, so that it is sealed. `geheimnummer` is null,
//!   which in the JSON format means that it is absent (section 2.2), and is left out.
//! - The second becomes the content of an envelope on a topic of its own: media type and base64 text. What the bytes
//!   say cannot be checked, so that the envelope is `internal`: sealed, and for nobody who is not cleared.

use serde_json::value::RawValue;
use serde_json::{Map, Value, json};

use super::Unreadable;
use super::event::{Event, Expected, Form, Set};

const TOPIC: &str = "zaken.zaakstatus-gewijzigd";
const ENVELOPES: &str = "zaken.zaakstatus-gewijzigd.omhuld";

/// An event of the file: its attributes and the exact text of its data.
struct Example {
    attributes: Map<String, Value>,
    carrier: &'static str,
    data: String,
}

fn examples(text: &[u8]) -> Result<Vec<Example>, Unreadable> {
    let wrong = |error| Unreadable::new("the examples", error);
    let read: Vec<std::collections::BTreeMap<String, Box<RawValue>>> =
        serde_json::from_slice(text).map_err(wrong)?;
    let example = |members: std::collections::BTreeMap<String, Box<RawValue>>| {
        let carrier = if members.contains_key("data") { "data" } else { "data_base64" };
        let data = members.get(carrier).map(|data| data.get().to_owned()).unwrap_or_default();
        let attributes = members.iter().filter(|(name, _)| *name != carrier);
        let attributes =
            attributes.map(|(name, value)| Ok((name.clone(), serde_json::from_str(value.get())?)));
        let attributes =
            attributes.collect::<Result<Map<String, Value>, serde_json::Error>>().map_err(wrong)?;
        Ok(Example { attributes, carrier, data })
    };
    read.into_iter().map(example).collect()
}

fn set(name: &'static str, topic: &'static str, events: Vec<Event>, expected: Expected) -> Set {
    let envelopes = topic == ENVELOPES;
    Set {
        name,
        topic,
        cleared: if envelopes { "statistics-office.zaken-omhuld" } else { "statistics-office.zaken" },
        open: if envelopes { "open-data-portal.zaken-omhuld" } else { "open-data-portal.zaken" },
        publisher: "zaaksysteem@municipality",
        events,
        form: Form::Array,
        expected,
    }
}

/// Both, exactly as the profile prints them.
pub fn as_it_stands(text: &[u8]) -> Result<Set, Unreadable> {
    let events = examples(text)?.into_iter().map(|Example { attributes, carrier, data }| Event {
        attributes,
        carrier,
        data,
        redacted: Value::Null,
        hidden: Vec::new(),
        secrets: Vec::new(),
    });
    let reasons = &["dataref carries the identifier of a person", "not JSON"];
    Ok(set("nlgov-as-it-stands", TOPIC, events.collect(), Expected::Refused(reasons)))
}

/// The first, with the reference to the citizen sealed.
pub fn person_set(text: &[u8]) -> Result<Set, Unreadable> {
    let first = examples(text)?.into_iter().next().ok_or_else(|| Unreadable("no example".into()))?;
    let mut attributes = first.attributes;
    attributes.retain(|_, value| !value.is_null());
    if let Some(reference) = attributes.shift_remove("dataref") {
        attributes.insert("persoonref".into(), reference);
    }
    let redacted =
        serde_json::from_str(&first.data).map_err(|error| Unreadable::new("the first example", error))?;
    let event = Event {
        attributes,
        carrier: "data",
        data: first.data,
        redacted,
        hidden: Vec::new(),
        secrets: Vec::new(),
    };
    let event = event.withholding(&["bsn", "naam"]).hiding(&["subject", "persoonref", "nlbrpnationaliteit"]);
    Ok(set("nlgov-person", TOPIC, vec![event], Expected::Taken))
}

/// The second, in an envelope.
pub fn wrapped_set(text: &[u8]) -> Result<Set, Unreadable> {
    let second = examples(text)?.into_iter().nth(1).ok_or_else(|| Unreadable("no second example".into()))?;
    let attribute =
        |name: &str| second.attributes.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
    let data =
        format!("{{\"mediaType\":{},\"base64\":{}}}", json!(attribute("datacontenttype")), second.data);
    let ty = format!("{}.omhuld", attribute("type"));
    let event = Event::new(&ty, &attribute("source"), &attribute("id"), data).withholding(&["base64"]);
    Ok(set("nlgov-wrapped", ENVELOPES, vec![event], Expected::Taken))
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = r#"[{"specversion":"1.0","type":"nl.overheid.zaken.zaakstatus-gewijzigd","source":"urn:x","id":"1",
        "subject":"999990342","geheimnummer":null,"dataref":"https://x/999990342","data":{ "bsn":"999990342", "ja":"ja"}},
        {"specversion":"1.0","type":"nl.overheid.zaken.zaakstatus-gewijzigd","source":"urn:x","id":"1",
        "datacontenttype":"application/vnd.apache.thrift.binary","data_base64":"YWFw"}]"#;

    #[test]
    fn the_reference_to_the_citizen_moves_under_the_seal() {
        let set = person_set(TEXT.as_bytes()).unwrap();
        let event = &set.events[0];
        assert_eq!(event.attributes["persoonref"], "https://x/999990342");
        assert!(!event.attributes.contains_key("dataref") && !event.attributes.contains_key("geheimnummer"));
        assert_eq!(event.data, r#"{ "bsn":"999990342", "ja":"ja"}"#);
        assert_eq!(event.secrets, ["999990342", "999990342", "https://x/999990342"]);
    }

    #[test]
    fn the_envelope_keeps_the_bytes_and_the_identity() {
        let event = &wrapped_set(TEXT.as_bytes()).unwrap().events[0];
        assert_eq!(event.data, r#"{"mediaType":"application/vnd.apache.thrift.binary","base64":"YWFw"}"#);
        assert_eq!(event.attributes["id"], "1");
        assert_eq!(event.attributes["type"], "nl.overheid.zaken.zaakstatus-gewijzigd.omhuld");
    }

    #[test]
    fn as_they_stand_nothing_is_touched() {
        let set = as_it_stands(TEXT.as_bytes()).unwrap();
        assert!(set.events[0].structured().contains("\"geheimnummer\":null"));
        assert!(set.events[1].structured().ends_with(",\"data_base64\":\"YWFw\"}"));
    }
}
