//! What an audit leaf says. Field names and their order are frozen: leaves are hashed as they are written.
//!
//! No entry holds personal data: principals and agencies act in office, everybody else is a pseudonym at most.

use std::borrow::Cow;
use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::tree::Hash;

/// The version of the entries that are written.
pub const VERSION: u8 = 1;
/// What an entry bundle can hold (tlog-tiles: lengths are u16).
pub const MAX_ENTRY_BYTES: usize = 65_535;
/// Ranges that fit into one entry whatever their numbers are: 85 bytes each at most, which leaves a third of the
/// entry to names and texts.
pub const RANGES_PER_ENTRY: usize = 500;
/// A governance event longer than this goes into a decision as its digest.
pub const MAX_DECISION_EVENT_BYTES: usize = 8_192;

const _: () = assert!(RANGES_PER_ENTRY * 85 < MAX_ENTRY_BYTES * 2 / 3);

type Text<'a> = Cow<'a, str>;

/// One leaf: `{"v":1,"time":…,"lane":…,"kind":…, …}`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Entry<'a> {
    /// The version of the format.
    pub v: u8,
    /// When, RFC 3339 in UTC.
    pub time: Text<'a>,
    /// The lane whose tree it is in.
    pub lane: Text<'a>,
    /// What happened.
    #[serde(flatten)]
    pub what: Kind<'a>,
}

/// What happened.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum Kind<'a> {
    /// Events were taken.
    Publication(Publication<'a>),
    /// An event was not taken.
    Refusal(Refusal<'a>),
    /// Something was found in events that their contract says is not there, and they were not refused for it.
    Finding(Finding<'a>),
    /// A subscription was handed events.
    Disclosure(Disclosure<'a>),
    /// Governance decided a command.
    Decision(Decision<'a>),
    /// A subscription's place moved.
    Commit(Commit<'a>),
    /// A subscription could not process an event.
    DeadLetter(DeadLetter<'a>),
    /// A kind that this version does not know; read, never written.
    #[serde(other, skip_serializing)]
    Other,
}

/// Consecutive events of a partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Range {
    /// The partition.
    pub partition: u32,
    /// The offset of the first event.
    pub first: u64,
    /// How many events.
    pub count: u64,
}

/// Events of one principal for one topic, committed together.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Publication<'a> {
    /// Who published.
    pub principal: Text<'a>,
    /// For which agency.
    pub agency: Text<'a>,
    /// The topic.
    pub topic: Text<'a>,
    /// The version of the contract that they were checked against.
    pub contract: u32,
    /// Where the events are.
    pub ranges: Cow<'a, [Range]>,
    /// The Merkle root over the leaf hashes of the events' sealed forms, in the order of the ranges.
    pub root: Hash,
}

/// An event that was not taken.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Refusal<'a> {
    /// Who offered it.
    pub principal: Text<'a>,
    /// For which agency.
    pub agency: Text<'a>,
    /// For which topic.
    pub topic: Text<'a>,
    /// The event's id where it had one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<Text<'a>>,
    /// The reason's code.
    pub reason: Text<'a>,
    /// The reason in words, without personal data.
    pub detail: Text<'a>,
}

/// What was found in events of one publisher that were not refused for it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Finding<'a> {
    /// Who published.
    pub principal: Text<'a>,
    /// For which agency.
    pub agency: Text<'a>,
    /// The topic.
    pub topic: Text<'a>,
    /// What became of the events: `quarantine`; nothing: they were taken as any other.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answer: Option<Text<'a>>,
    /// Where, of which kind and how often; never what.
    pub found: Cow<'a, [Found<'a>]>,
}

/// Personal data of one kind at one place.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Found<'a> {
    /// A pointer into the documents, or `attribute` and its name.
    pub place: Text<'a>,
    /// The detector's name.
    pub detector: Text<'a>,
    /// How many events.
    pub events: u32,
}

/// Events that a subscription was handed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Disclosure<'a> {
    /// The subscription.
    pub subscription: Text<'a>,
    /// The agency that got them.
    pub agency: Text<'a>,
    /// Who fetched them.
    pub principal: Text<'a>,
    /// The topic.
    pub topic: Text<'a>,
    /// The subscription's purpose at that time.
    pub purpose: Text<'a>,
    /// Its legal basis at that time.
    pub legal_basis: Text<'a>,
    /// The purpose to which those whom the events are about had to consent, where the subscription demanded that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub consent: Option<Text<'a>>,
    /// The classes that were opened.
    pub opened: Cow<'a, [Text<'a>]>,
    /// The classes of which something was shown in another form: masked, generalised, as a token or as null.
    #[serde(default, skip_serializing_if = "is_empty")]
    pub veiled: Cow<'a, [Text<'a>]>,
    /// Which events.
    pub ranges: Cow<'a, [Range]>,
}

fn is_empty(classes: &[Text<'_>]) -> bool {
    classes.is_empty()
}

/// A governance command and what came of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Decision<'a> {
    /// Who commanded.
    pub by: Text<'a>,
    /// The command's name.
    pub command: Text<'a>,
    /// The governance events it became; none when it was refused. See [`within_limit`] for long ones.
    pub events: Cow<'a, [Value]>,
    /// The policies that decided.
    pub policies: Cow<'a, [Text<'a>]>,
    /// What the policies of the standards were asked, where there were any: enough to ask them again. A long one stands
    /// here as its digest, as events do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub asked: Option<Value>,
    /// A migration that was tried and for which no proposal stands, with what it came to; several as a list. Entries of older buses have it within `asked`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tried: Option<Value>,
    /// Of a folder: how many questions to the policies are kept beside the audit, how many are not, and their digest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub steps: Option<Value>,
}

/// A subscription's new place.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Commit<'a> {
    /// The subscription.
    pub subscription: Text<'a>,
    /// Its agency.
    pub agency: Text<'a>,
    /// Who committed.
    pub principal: Text<'a>,
    /// The topic.
    pub topic: Text<'a>,
    /// The partition.
    pub partition: u32,
    /// The offset of the event it goes on with.
    pub next: u64,
}

/// An event that a subscription set aside; a reference, never a copy.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DeadLetter<'a> {
    /// The subscription.
    pub subscription: Text<'a>,
    /// Its agency.
    pub agency: Text<'a>,
    /// Who set it aside.
    pub principal: Text<'a>,
    /// The topic.
    pub topic: Text<'a>,
    /// The event's partition.
    pub partition: u32,
    /// The event's offset.
    pub offset: u64,
    /// Why, without personal data.
    pub reason: Text<'a>,
}

/// Why an entry has no bytes, or bytes are no entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EntryError {
    /// Longer than a log entry can be: split its ranges ([`split_ranges`]) or shorten its texts.
    TooLong {
        /// How many bytes it would have.
        bytes: usize,
    },
    /// [`Kind::Other`] is not written.
    UnknownKind,
    /// Not JSON with the fields of its kind.
    Malformed,
}

impl fmt::Display for EntryError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            EntryError::TooLong { bytes } => {
                write!(f, "an audit entry of {bytes} bytes: at most 65,535 fit, split its ranges")
            }
            EntryError::UnknownKind => f.write_str("an audit entry of an unknown kind cannot be written"),
            EntryError::Malformed => {
                f.write_str("not an audit entry: JSON with the fields of its kind is needed")
            }
        }
    }
}

impl std::error::Error for EntryError {}

impl<'a> Entry<'a> {
    /// An entry of the current version.
    pub fn new(time: impl Into<Text<'a>>, lane: impl Into<Text<'a>>, what: Kind<'a>) -> Self {
        Self { v: VERSION, time: time.into(), lane: lane.into(), what }
    }

    /// Appends the leaf's bytes; the same entry always gives the same bytes. `out` is as before on an error.
    pub fn encode(&self, out: &mut Vec<u8>) -> Result<(), EntryError> {
        let start = out.len();
        // Writing to a Vec cannot fail; only a kind that is not written can.
        let written = serde_json::to_writer(&mut *out, self).map_err(|_| EntryError::UnknownKind);
        let bytes = out.len() - start;
        let written = if bytes > MAX_ENTRY_BYTES { Err(EntryError::TooLong { bytes }) } else { written };
        if written.is_err() {
            out.truncate(start);
        }
        written
    }

    /// Reads a leaf's bytes; fields that this version does not know are passed over.
    pub fn decode(leaf: &[u8]) -> Result<Entry<'static>, EntryError> {
        serde_json::from_slice(leaf).map_err(|_| EntryError::Malformed)
    }
}

impl Kind<'_> {
    /// The kind's name as written.
    pub fn name(&self) -> &'static str {
        match self {
            Kind::Publication(_) => "publication",
            Kind::Refusal(_) => "refusal",
            Kind::Finding(_) => "finding",
            Kind::Disclosure(_) => "disclosure",
            Kind::Decision(_) => "decision",
            Kind::Commit(_) => "commit",
            Kind::DeadLetter(_) => "dead-letter",
            Kind::Other => "other",
        }
    }

    /// The topic it is about, where it is about one.
    pub fn topic(&self) -> Option<&str> {
        match self {
            Kind::Publication(what) => Some(&what.topic),
            Kind::Refusal(what) => Some(&what.topic),
            Kind::Finding(what) => Some(&what.topic),
            Kind::Disclosure(what) => Some(&what.topic),
            Kind::Commit(what) => Some(&what.topic),
            Kind::DeadLetter(what) => Some(&what.topic),
            Kind::Decision(_) | Kind::Other => None,
        }
    }
}

/// The ranges of a publication or disclosure, in as many parts as there must be entries.
pub fn split_ranges(ranges: &[Range]) -> impl Iterator<Item = &[Range]> {
    ranges.chunks(RANGES_PER_ENTRY)
}

/// A governance event as a decision holds it: itself, or `{"type", "sha256", "bytes"}` of its JSON when it is long
/// (a contract's schema, say).
pub fn within_limit(event: Value) -> Value {
    let text = event.to_string();
    if text.len() <= MAX_DECISION_EVENT_BYTES {
        return event;
    }
    let kind = event.get("type").filter(|kind| kind.as_str().is_some_and(|kind| kind.len() <= 255));
    serde_json::json!({
        "type": kind,
        "sha256": Hash::of(text.as_bytes()),
        "bytes": text.len(),
    })
}
