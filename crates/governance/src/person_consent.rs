//! What people consent to: the events that say it, and the contract that these need.
//!
//! A subscription may demand the consent of those whom events are about. Consent is given and withdrawn by events of the
//! topics that the standards name, whose data are consent records by the fields of ISO/IEC TS 27560:2023. Only six of its
//! fields are read here; whatever else a record holds is for people. What an agency agrees to when a contract changes is
//! another thing ([`crate::agreement`]).

use contract::{AgencyName, Definition, Format, KeyRule, TopicName};
use serde::Deserialize;
use serde_json::Value;
use std::collections::BTreeSet;

use crate::erasure::acts_for;
use crate::{Actor, Refused, Role, Standards, State};

/// Who consents (6.3.3): the subject of the contract.
pub const PRINCIPAL: &str = "/pii_principal_id";
/// The state of consent in which it stands (6.3.7); every other state ends it.
pub const GIVEN: &str = "given";
/// Longest purpose that consent can be demanded for.
pub const PURPOSE_MAX_BYTES: usize = 200;

/// What a record must have, with the type in its schema; `*` is each item of an array.
const DEMANDED: [(&str, &str); 7] = [
    (PRINCIPAL, "string"),
    ("/purposes", "array"),
    ("/purposes/*", "object"),
    ("/purposes/*/purpose", "string"),
    ("/event", "object"),
    ("/event/event_time", "string"),
    ("/event/event_state", "string"),
];

/// What it may have, and how it must be then.
const READ: [(&str, &str); 3] = [
    ("/purposes/*/recipient_third_parties", "array"),
    ("/purposes/*/recipient_third_parties/*", "string"),
    ("/event/validity_duration", "string"),
];

/// Everything for which a contract's events cannot be believed to say who consents, a line each.
pub fn contract_faults(definition: &Definition) -> Vec<String> {
    if definition.format != Format::JsonSchema {
        return vec!["format: consent records are read as JSON: json-schema".to_owned()];
    }
    let mut faults = Vec::new();
    if definition.subject.iter().map(ToString::to_string).ne([PRINCIPAL.to_owned()]) {
        faults.push(format!("subject: must be [{PRINCIPAL}], who consents"));
    }
    if definition.key != KeyRule::Subject {
        faults.push("key: must be subject, so that what one person says stays in order".to_owned());
    }
    if !definition.end_to_end.is_empty() {
        faults.push("end_to_end: the bus must read who consents to what".to_owned());
    }
    let Ok(schema) = serde_json::from_str::<Value>(&definition.schema) else { return faults };
    if field(&schema, "/purposes").is_some_and(|(found, _)| !found["prefixItems"].is_null()) {
        faults.push("schema: /purposes must have items of one form (items, not prefixItems)".to_owned());
    }
    for (pointer, kind) in DEMANDED {
        match field(&schema, pointer) {
            Some((found, true)) if found["type"] == kind => {}
            _ => faults
                .push(format!("schema: {pointer} must be required, of type {kind}, and written in place")),
        }
    }
    for (pointer, kind) in READ {
        if field(&schema, pointer).is_some_and(|(found, _)| found["type"] != kind) {
            faults.push(format!("schema: {pointer} must be of type {kind}, and written in place"));
        }
    }
    faults
}

/// The schema of a field, and whether it is required of what is around it.
fn field<'s>(schema: &'s Value, pointer: &str) -> Option<(&'s Value, bool)> {
    pointer.split('/').skip(1).try_fold((schema, true), |(around, _), name| match name {
        "*" => Some((around.get("items")?, true)),
        name => {
            let required = around["required"].as_array().is_some_and(|all| all.iter().any(|one| one == name));
            Some((around.get("properties")?.get(name)?, required))
        }
    })
}

/// What is wrong with a demand of consent, if anything.
pub fn demand_fault(standards: &Standards, purpose: &str) -> Option<String> {
    if purpose.trim() != purpose || purpose.is_empty() || purpose.len() > PURPOSE_MAX_BYTES {
        return Some(format!(
            "consent: is the purpose as records say it, 1 to {PURPOSE_MAX_BYTES} bytes without spaces around"
        ));
    }
    standards.consent.topics.is_empty().then(|| {
        "consent: the standards name no topic whose events say who consents: an operator sets [consent] topics in \
         standards/standards.toml (docs/consent.md)"
            .to_owned()
    })
}

/// The agencies whose keys seal what is handed over by consent only: what they call people is asked about.
pub fn agencies_asking(state: &State, now_ms: u64) -> BTreeSet<AgencyName> {
    let demanding = state.subscriptions().filter(|subscription| {
        subscription.is_live(now_ms)
            && subscription.granted_terms().is_some_and(|terms| terms.consent.is_some())
    });
    demanding.filter_map(|subscription| Some(state.topic(&subscription.topic)?.sealed_by.clone())).collect()
}

/// The believed topics of which an actor may see what one person said: those of whose owner they are a data protection officer,
/// or speak for one. No operator stands in for them and no regulator, as whom somebody lets have what is personal itself. Asked
/// before anything is looked up.
pub fn may_show(state: &State, actor: &Actor, now_ms: u64) -> Result<BTreeSet<TopicName>, Refused> {
    let believed = state.standards().consent.topics.iter().filter_map(|name| state.topic(name));
    let (mut seen, mut owners) = (BTreeSet::new(), BTreeSet::new());
    for topic in believed {
        owners.insert(topic.owner.as_str());
        if acts_for(state, actor, &topic.owner, Role::Dpo, now_ms) {
            seen.insert(topic.name.clone());
        }
    }
    if seen.is_empty() {
        let owners: Vec<&str> = owners.into_iter().collect();
        let who = match owners.is_empty() {
            true => "nobody, as the standards name no topic whose events say who consents".to_owned(),
            false => format!("a dpo of {}", owners.join(" or ")),
        };
        return Err(Refused::not_allowed("seeing what a person consents to", who));
    }
    Ok(seen)
}

/// A consent record, as far as the bus reads it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// The identifier of who consents, as contracts' subject pointers hold it. Personal data: becomes pseudonyms, and is
    /// dropped.
    pub principal: String,
    /// For what, and who may have it.
    pub purposes: Vec<(String, Recipients)>,
    /// Whether consent is given. Whatever is not readable as given ends it.
    pub given: bool,
    /// When the person said so, in milliseconds since 1970, where that can be read.
    pub event_ms: Option<u64>,
    /// Until when it holds, in milliseconds since 1970; none: until it is withdrawn.
    pub until_ms: Option<u64>,
}

/// Whom a purpose of a record concerns.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Recipients {
    /// Whoever has that purpose.
    Any,
    /// These agencies alone.
    Named(Vec<String>),
}

#[derive(Deserialize)]
struct RecordForm {
    pii_principal_id: String,
    purposes: Vec<PurposeForm>,
    event: EventForm,
}

#[derive(Deserialize)]
struct PurposeForm {
    purpose: String,
    #[serde(default)]
    recipient_third_parties: Value,
}

#[derive(Deserialize)]
struct EventForm {
    event_time: String,
    event_state: String,
    #[serde(default)]
    validity_duration: Value,
}

impl Record {
    /// Reads an event's data, which was checked against a contract without [faults](contract_faults). A time that cannot be
    /// read, or recipients of whom none is named, give nothing.
    pub fn read(data: &[u8]) -> Option<Self> {
        let RecordForm { pii_principal_id: principal, purposes, event } =
            serde_json::from_slice(data).ok()?;
        let said: Option<jiff::Timestamp> = event.event_time.parse().ok();
        let until = match (said, &event.validity_duration) {
            (_, Value::Null) => Some(None),
            (Some(said), Value::String(valid)) => end(said, valid).map(Some),
            _ => None,
        };
        let given = event.event_state == GIVEN && said.is_some() && until.is_some();
        let whom = |named: Value| match serde_json::from_value::<Option<Vec<String>>>(named) {
            Ok(None) => Recipients::Any,
            Ok(Some(named)) if given => Recipients::Named(named),
            // Who ends it for nobody whom the bus can know ends it for all; who gives it to nobody gives nothing.
            Ok(Some(named))
                if !named.is_empty() && named.iter().all(|name| AgencyName::parse(name).is_ok()) =>
            {
                Recipients::Named(named)
            }
            Err(_) if given => Recipients::Named(Vec::new()),
            _ => Recipients::Any,
        };
        Some(Self {
            principal,
            purposes: purposes
                .into_iter()
                .map(|one| (one.purpose, whom(one.recipient_third_parties)))
                .collect(),
            given,
            event_ms: said.map(milliseconds),
            until_ms: until.flatten(),
        })
    }
}

/// When a span of ISO 8601 (`P1Y`, `P30D`) that begins at a time is over; by the calendar of UTC.
fn end(begin: jiff::Timestamp, span: &str) -> Option<u64> {
    let span: jiff::Span = span.parse().ok()?;
    let end = begin.to_zoned(jiff::tz::TimeZone::UTC).checked_add(span).ok()?;
    Some(milliseconds(end.timestamp()))
}

fn milliseconds(time: jiff::Timestamp) -> u64 {
    u64::try_from(time.as_millisecond()).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn definition(change: impl FnOnce(&mut Value, &mut Value)) -> Definition {
        let string = || json!({"type": "string"});
        let mut schema = json!({
            "type": "object", "required": ["pii_principal_id", "purposes", "event"],
            "properties": {
                "pii_principal_id": string(),
                "purposes": {"type": "array", "items": {"type": "object", "required": ["purpose"], "properties": {
                    "purpose": string(), "recipient_third_parties": {"type": "array", "items": string()}}}},
                "event": {"type": "object", "required": ["event_time", "event_state"], "properties": {
                    "event_time": string(), "event_state": string(), "validity_duration": string()}}}});
        let mut definition = json!({
            "topic": "consent.record.changed", "version": 1, "format": "json-schema", "subject": ["/pii_principal_id"],
            "classify": {}, "key": "subject"});
        change(&mut definition, &mut schema);
        definition["schema"] = json!(schema.to_string());
        serde_json::from_value(definition).unwrap()
    }

    #[test]
    fn a_contract_says_who_consents_to_what_or_its_fault_names_the_field() {
        assert_eq!(contract_faults(&definition(|_, _| {})), Vec::<String>::new());
        type Change = fn(&mut Value, &mut Value);
        let cases: [(Change, &str); 8] = [
            (|it, _| it["format"] = json!("avro"), "format"),
            (|it, _| it["subject"] = json!(["/guardian"]), "subject"),
            (|it, _| it["key"] = json!("none"), "key"),
            (|_, schema| schema["required"] = json!(["pii_principal_id", "event"]), "/purposes"),
            (
                |_, schema| schema["properties"]["event"]["required"] = json!(["event_time"]),
                "/event/event_state",
            ),
            (
                |_, schema| {
                    schema["properties"]["purposes"]["items"] =
                        json!({"type": "object", "$ref": "#/$defs/purpose"})
                },
                "/purposes/*/purpose",
            ),
            (
                |_, schema| {
                    schema["properties"]["event"]["properties"]["validity_duration"] =
                        json!({"type": "integer"})
                },
                "/event/validity_duration",
            ),
            (
                |_, schema| {
                    let purpose = &mut schema["properties"]["purposes"]["items"]["properties"];
                    purpose["recipient_third_parties"]["items"] = json!({"type": "object"});
                },
                "/purposes/*/recipient_third_parties/*",
            ),
        ];
        for (change, place) in cases {
            let faults = contract_faults(&definition(change));
            assert!(matches!(&faults[..], [one] if one.contains(place)), "{place}: {faults:?}");
        }
    }

    fn read(event: Value, recipients: Value) -> Record {
        let mut purpose = json!({"purpose": "advice"});
        if !recipients.is_null() {
            purpose["recipient_third_parties"] = recipients;
        }
        let data = json!({"pii_principal_id": "PID-1", "purposes": [purpose], "event": event});
        Record::read(data.to_string().as_bytes()).unwrap()
    }

    #[test]
    fn what_cannot_be_read_as_given_ends_it() {
        let said = |state: &str, time: &str, valid: Option<&str>| {
            let mut event = json!({"event_time": time, "event_state": state});
            if let Some(valid) = valid {
                event["validity_duration"] = json!(valid);
            }
            read(event, Value::Null)
        };
        let day_ms = 86_400_000;
        let year = said("given", "1970-01-02T00:00:00Z", Some("P1Y"));
        assert_eq!((year.given, year.event_ms, year.until_ms), (true, Some(day_ms), Some(366 * day_ms)));
        assert_eq!(said("given", "1970-01-02T00:00:00Z", None).until_ms, None);
        for (state, time, valid) in [
            ("withdrawn", "1970-01-02T00:00:00Z", None),
            ("GIVEN", "1970-01-02T00:00:00Z", None),
            ("given", "yesterday", None),
            ("given", "1970-01-02T00:00:00Z", Some("a year")),
            ("given", "1970-01-02T00:00:00Z", Some("P99999999Y")),
            ("given", "1970-01-02T00:00:00Z", Some("-")),
        ] {
            assert!(!said(state, time, valid).given, "{state} {time} {valid:?}");
        }
        assert_eq!(Record::read(b"[]"), None);
    }

    #[test]
    fn recipients_that_are_none_get_nothing_and_lose_everything() {
        let event = |state: &str| json!({"event_time": "2026-01-01T00:00:00Z", "event_state": state});
        let whom = |state: &str, recipients: Value| read(event(state), recipients).purposes[0].1.clone();
        let named = |names: &[&str]| Recipients::Named(names.iter().map(ToString::to_string).collect());
        assert_eq!(whom("given", Value::Null), Recipients::Any);
        assert_eq!(whom("given", json!(["tax-office"])), named(&["tax-office"]));
        assert_eq!(whom("given", json!([])), named(&[]));
        assert_eq!(whom("withdrawn", json!(["tax-office"])), named(&["tax-office"]));
        assert_eq!(whom("withdrawn", json!([])), Recipients::Any);
        assert_eq!(
            (whom("given", json!([7])), whom("withdrawn", json!("all"))),
            (named(&[]), Recipients::Any)
        );
    }
}
