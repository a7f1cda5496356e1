//! Shapes on the wire: what requests are read from and answers are written to.

use axum::body::Bytes;
use bus::clock::rfc3339;
use bus::{
    DeadLetter, Delivered, Disclosed, From, Lag, Leaked, Outcome, PersonDisclosure, Receipt, SetApart,
    TraceStep,
};
use contract::{AttributeValue, CloudEvent};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::problem::{self, Problem, malformed};

/// Reads a JSON body; unknown and missing fields are named.
pub fn read<T: DeserializeOwned>(body: &Bytes) -> Result<T, Problem> {
    serde_json::from_slice(body).map_err(|error| malformed(format!("the body does not read: {error}")))
}

/// Parses a name from a path or a query.
pub fn name<T: std::str::FromStr<Err: std::fmt::Display>>(text: &str) -> Result<T, Problem> {
    text.parse().map_err(|error: T::Err| malformed(error.to_string()))
}

/// `{topic, partition, offset, leaf}`; where the event is quarantined, with what it waits for, or what was decided about it.
pub fn receipt(receipt: &Receipt) -> Value {
    let mut body = json!({
        "topic": receipt.topic.as_str(), "partition": receipt.partition,
        "offset": receipt.offset, "leaf": receipt.leaf,
    });
    let (status, found, hint) = match &receipt.quarantined {
        None => return body,
        Some(SetApart::Waits(found)) => ("waiting", Some(leaked(found)), WAITING),
        Some(SetApart::Released) => ("released", None, RELEASED),
        Some(SetApart::Discarded) => ("discarded", None, DISCARDED),
    };
    body["quarantined"] = json!({ "status": status, "hint": hint });
    if let Some(found) = found {
        body["quarantined"]["found"] = found;
    }
    body
}

/// What a producer is told of a quarantined event.
const WAITING: &str =
    "it is taken, and nobody reads it unless a data protection officer of the topic's owner releases it";
const RELEASED: &str = "a data protection officer of the topic's owner has released it: it is placed anew for everybody as soon as it \
                        can be";
const DISCARDED: &str = "it was taken, and then discarded: nobody ever reads it; what is needed of it is published as a new event, \
                         without what was found";

/// `[{place, detector}]`.
pub fn leaked(found: &[Leaked]) -> Value {
    let one = |leaked: &Leaked| json!({ "place": leaked.place, "detector": leaked.detector });
    found.iter().map(one).collect()
}

/// One line of a batch's results.
pub fn result(id: Option<&str>, outcome: &Outcome) -> Value {
    let (status, given, refused) = match outcome {
        Outcome::Accepted(given) => ("accepted", Some(given), None),
        Outcome::Duplicate(given) => ("duplicate", Some(given), None),
        Outcome::Refused(refusal) => ("refused", None, Some(refusal)),
    };
    json!({
        "id": id, "status": status,
        "receipt": given.map(receipt), "problem": refused.map(problem::body),
    })
}

/// A delivered event: with its place as extension attributes.
pub fn delivered(delivered: Delivered) -> CloudEvent {
    let Delivered { mut event, partition, offset, redriven, .. } = delivered;
    // An offset beyond CloudEvents' 32-bit integers travels as its canonical string.
    let number = |number: u64| match i32::try_from(number) {
        Ok(small) => AttributeValue::Integer(small),
        Err(_) => AttributeValue::String(number.to_string()),
    };
    event.extensions.push(("partition".to_owned(), number(u64::from(partition))));
    event.extensions.push(("offset".to_owned(), number(offset)));
    if redriven > 0 {
        event.extensions.push(("redriven".to_owned(), number(u64::from(redriven))));
    }
    event
}

/// `earliest`, `latest`, an RFC 3339 time, or a cursor.
pub fn from(text: &str) -> Result<From, Problem> {
    Ok(match text {
        "earliest" => From::Earliest,
        "latest" => From::Latest,
        text => match text.parse::<jiff::Timestamp>() {
            Ok(time) => From::Time(u64::try_from(time.as_millisecond()).unwrap_or(0)),
            Err(_) => From::Cursor(bus::Cursor::parse(text)?),
        },
    })
}

/// A subscription's lag.
pub fn lag(subscription: &str, topic: &str, lags: &[Lag]) -> Value {
    let behind = |lag: &Lag| lag.end.saturating_sub(lag.place);
    let partitions = lags.iter().map(
        |lag| json!({"partition": lag.partition, "place": lag.place, "end": lag.end, "lag": behind(lag)}),
    );
    json!({
        "subscription": subscription, "topic": topic, "lag": lags.iter().map(behind).sum::<u64>(),
        "partitions": partitions.collect::<Vec<_>>(),
    })
}

/// A dead letter.
pub fn dead_letter(letter: &DeadLetter) -> Value {
    json!({
        "id": letter.id, "subscription": letter.subscription.as_str(), "topic": letter.topic.as_str(),
        "partition": letter.partition, "offset": letter.offset, "reason": letter.reason,
        "by": letter.by.as_str(), "at": rfc3339(letter.at_ms), "attempts": letter.attempts,
        "redriven": letter.redriven,
    })
}

fn disclosed(disclosed: &Disclosed) -> Value {
    json!({
        "subscription": disclosed.subscription.as_str(), "agency": disclosed.agency.as_str(),
        "purpose": disclosed.purpose, "opened": disclosed.opened, "veiled": disclosed.veiled, "time": disclosed.time,
    })
}

/// One step of a trace.
pub fn step(step: &TraceStep) -> Value {
    json!({
        "topic": step.topic.as_str(), "agency": step.agency.as_str(), "id": step.id, "source": step.source,
        "contract": step.contract.0, "at": rfc3339(step.at_ms), "partition": step.place.0, "offset": step.place.1,
        "leaf": step.leaf, "correlation": step.correlation, "causation": step.causation,
        "traceparent": step.traceparent,
        "disclosed": step.disclosed.iter().map(disclosed).collect::<Vec<_>>(),
    })
}

/// One line of a person's report.
pub fn person_disclosure(line: &PersonDisclosure) -> Value {
    let mut value = disclosed(&line.disclosed);
    value["topic"] = line.topic.as_str().into();
    value["events"] = line.events.into();
    value
}

/// `{"cursor": …}`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CursorBody {
    /// What a delivery gave.
    pub cursor: String,
}

/// `{"partition", "offset", "reason"}`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RejectBody {
    /// The event's partition.
    pub partition: u32,
    /// The event's offset.
    pub offset: u64,
    /// What the consumer could not do.
    pub reason: String,
}

/// `{"to": …}`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SeekBody {
    /// Where to.
    pub to: String,
}

/// `{"reason": …}`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReasonBody {
    /// Why.
    pub reason: String,
}

/// A new principal.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PrincipalBody {
    /// `name@agency`.
    pub principal: String,
    /// Its agency; by default the one behind the `@`.
    #[serde(default)]
    pub agency: Option<String>,
    /// What it is there to do.
    pub roles: Vec<String>,
}

/// A principal with its token, shown once.
#[derive(Serialize)]
pub struct TokenBody {
    /// Who.
    pub principal: String,
    /// The token.
    pub token: String,
}

/// A folder of governance files.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FilesBody {
    /// Relative path → content.
    pub files: std::collections::BTreeMap<String, String>,
    /// Whether the bootstrap ends with it.
    #[serde(default)]
    pub close_bootstrap: bool,
    /// Whether it is a part of a folder, so that a plan does not tell what else there is.
    #[serde(default)]
    pub part: bool,
}
