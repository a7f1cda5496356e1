//! The record of one event in its partition's stream; `docs/formats/event-record.md` tells it to the byte.
//!
//! The body is made by the publisher's thread and hashed there: the hash of it is what the audit commits to. The leaf
//! index stands before it, because only the lane knows it. Nothing in a record is personal data in the clear: the
//! attributes that could be are sealed with the data, and stand here as pseudonyms.
//!
//! An event that is quarantined is a record of another kind, in which its whole body is sealed. Whoever reads a stream gets
//! a [`Stored`] and says what becomes of either kind.

use contract::frames::{self, CutFrame};
use contract::{AttributeValue, CloudEvent, ContractVersion, Format};

use crate::codec::{Reader, Unreadable, put_bytes, put_number};

const VERSION: u8 = 1;

/// The version byte of an event that is quarantined.
const QUARANTINED_VERSION: u8 = 2;

/// Which kind of data a record's sealed form holds. The numbers are on disk; 2 was never written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum DataKind {
    /// The event has no data.
    None = 0,
    /// A JSON text.
    Json = 1,
    /// An Avro datum.
    Avro = 3,
    /// A Protocol Buffers message.
    Protobuf = 4,
}

impl DataKind {
    const ALL: [DataKind; 4] = [DataKind::None, DataKind::Json, DataKind::Avro, DataKind::Protobuf];

    /// The kind of data that a contract of this format asks for.
    pub fn of(format: Format) -> Self {
        match format {
            Format::JsonSchema => DataKind::Json,
            Format::Avro => DataKind::Avro,
            Format::Protobuf => DataKind::Protobuf,
        }
    }

    /// The format of the document, if there is one.
    pub fn format(self) -> Option<Format> {
        match self {
            DataKind::None => None,
            DataKind::Json => Some(Format::JsonSchema),
            DataKind::Avro => Some(Format::Avro),
            DataKind::Protobuf => Some(Format::Protobuf),
        }
    }

    /// Whether lengths are written inside the document, so that a record keeps its frames.
    fn has_frames(self) -> bool {
        matches!(self, DataKind::Avro | DataKind::Protobuf)
    }
}

/// The parts of a record that are not the event's own attributes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Head {
    /// The contract version that the event was checked against.
    pub contract: ContractVersion,
    /// Keyed digest of the content: the same content again is a duplicate, other content a conflict.
    pub digest: [u8; 16],
    /// What the sealed form holds.
    pub data: DataKind,
}

/// What stands at a place of a topic. Nobody who reads events is handed what is quarantined, or told of it.
#[derive(Debug)]
#[allow(
    clippy::large_enum_variant,
    reason = "one at a time, on the stack: a box would cost each read an allocation"
)]
pub enum Stored<'a> {
    /// An event.
    Event(EventRecord<'a>),
    /// An event that waits for a decision, was given up, or stands as its own record further on.
    Quarantined(QuarantinedRecord<'a>),
}

impl<'a> Stored<'a> {
    /// The event, where it is not quarantined.
    pub fn event(self) -> Option<EventRecord<'a>> {
        match self {
            Stored::Event(event) => Some(event),
            Stored::Quarantined(_) => None,
        }
    }

    /// The audit leaf that covers the record, in its lane's log.
    pub fn leaf(&self) -> u64 {
        match self {
            Stored::Event(event) => event.leaf,
            Stored::Quarantined(kept) => kept.leaf,
        }
    }

    /// What the audit's hash covers: everything behind the leaf.
    pub fn body(&self) -> &'a [u8] {
        match self {
            Stored::Event(event) => event.body,
            Stored::Quarantined(kept) => kept.body,
        }
    }

    /// The data as sealed, or the whole body.
    pub fn sealed(&self) -> &'a [u8] {
        match self {
            Stored::Event(event) => event.sealed,
            Stored::Quarantined(kept) => kept.sealed,
        }
    }
}

/// The record of an event that is quarantined, read. No attribute of the event stands in it: what was found may be there.
#[derive(Debug)]
pub struct QuarantinedRecord<'a> {
    /// The audit leaf that covers it, in its lane's log.
    pub leaf: u64,
    /// What the audit's hash covers: everything behind the leaf.
    pub body: &'a [u8],
    /// The contract version that the event was checked against.
    pub contract: ContractVersion,
    /// Keyed digest of the content, the same that the event's own record has.
    pub digest: [u8; 16],
    /// Keyed digest of topic, source and id.
    pub identity: u128,
    /// The body of the event's own record, sealed as one fragment under a key of its own.
    pub sealed: &'a [u8],
}

/// An event's record, read.
#[derive(Debug)]
pub struct EventRecord<'a> {
    /// The audit leaf that covers it, in its lane's log.
    pub leaf: u64,
    /// What the audit's hash covers: everything behind the leaf.
    pub body: &'a [u8],
    /// The head.
    pub head: Head,
    /// The event without data; sealed attributes stand as pseudonyms or are absent.
    pub event: CloudEvent,
    /// The lengths in the data that what is left out changes.
    pub frames: Vec<CutFrame>,
    /// The data as sealed.
    pub sealed: &'a [u8],
}

/// Writes the body up to where the sealed form starts; the caller appends that. `frames` are those of the data.
pub fn write_body(out: &mut Vec<u8>, head: &Head, event: &CloudEvent, frames: &[CutFrame]) {
    out.push(VERSION);
    put_number(out, u64::from(head.contract.0));
    out.extend_from_slice(&head.digest);
    out.push(head.data as u8);
    for text in [&event.id, &event.source, &event.ty] {
        put_bytes(out, text.as_bytes());
    }
    for optional in [&event.subject, &event.time, &event.datacontenttype, &event.dataschema] {
        match optional {
            None => out.push(0),
            Some(text) => {
                out.push(1);
                put_bytes(out, text.as_bytes());
            }
        }
    }
    put_number(out, event.extensions.len() as u64);
    for (name, value) in &event.extensions {
        put_bytes(out, name.as_bytes());
        write_value(out, value);
    }
    if head.data.has_frames() {
        frames::encode(frames, out);
    }
}

fn write_value(out: &mut Vec<u8>, value: &AttributeValue) {
    match value {
        AttributeValue::String(text) => {
            out.push(0);
            put_bytes(out, text.as_bytes());
        }
        AttributeValue::Integer(number) => {
            out.push(1);
            out.extend_from_slice(&number.to_le_bytes());
        }
        AttributeValue::Boolean(yes) => out.extend_from_slice(&[2, u8::from(*yes)]),
    }
}

/// Writes the body of an event that is quarantined up to where the sealed form starts; the caller appends that.
pub fn write_quarantined(out: &mut Vec<u8>, contract: ContractVersion, digest: &[u8; 16], identity: u128) {
    out.push(QUARANTINED_VERSION);
    put_number(out, u64::from(contract.0));
    out.extend_from_slice(digest);
    out.extend_from_slice(&identity.to_le_bytes());
}

/// Reads a record as the journal gives it back.
pub fn read(record: &[u8]) -> Result<Stored<'_>, Unreadable> {
    let mut reader = Reader::new(record, "an event");
    let leaf = u64::from_le_bytes(reader.array()?);
    let body = &record[8..];
    match reader.byte()? {
        VERSION => read_event(reader, leaf, body).map(Stored::Event),
        QUARANTINED_VERSION => Ok(Stored::Quarantined(QuarantinedRecord {
            leaf,
            body,
            contract: ContractVersion(reader.number()? as u32),
            digest: reader.array()?,
            identity: u128::from_le_bytes(reader.array()?),
            sealed: reader.rest(),
        })),
        _ => Err(Unreadable("an event of format version 1 or 2")),
    }
}

/// Whether a record is of a quarantined event, without reading it.
pub fn is_quarantined(record: &[u8]) -> bool {
    record.get(8) == Some(&QUARANTINED_VERSION)
}

/// Reads the body of an event's own record, as a quarantined one holds it. The audit leaf is not known there: it is 0.
pub fn read_body(body: &[u8]) -> Result<EventRecord<'_>, Unreadable> {
    let mut reader = Reader::new(body, "an event");
    match reader.byte()? {
        VERSION => read_event(reader, 0, body),
        _ => Err(Unreadable("an event of format version 1")),
    }
}

fn read_event<'a>(mut reader: Reader<'a>, leaf: u64, body: &'a [u8]) -> Result<EventRecord<'a>, Unreadable> {
    let contract = ContractVersion(reader.number()? as u32);
    let digest = reader.array()?;
    let code = reader.byte()?;
    let data = DataKind::ALL.into_iter().find(|kind| *kind as u8 == code).ok_or(Unreadable("an event"))?;
    let event = read_attributes(&mut reader)?;
    let (frames, sealed) = match data.has_frames() {
        true => frames::decode(reader.rest()).ok_or(Unreadable("an event"))?,
        false => (Vec::new(), reader.rest()),
    };
    Ok(EventRecord { leaf, body, head: Head { contract, digest, data }, event, frames, sealed })
}

fn read_attributes(reader: &mut Reader<'_>) -> Result<CloudEvent, Unreadable> {
    let id = reader.text()?.to_owned();
    let source = reader.text()?.to_owned();
    let ty = reader.text()?.to_owned();
    let mut optional = [None, None, None, None];
    for slot in &mut optional {
        if reader.byte()? == 1 {
            *slot = Some(reader.text()?.to_owned());
        }
    }
    let [subject, time, datacontenttype, dataschema] = optional;
    let count = reader.number()?;
    let mut extensions = Vec::with_capacity(count.min(64) as usize);
    for _ in 0..count {
        let name = reader.text()?.to_owned();
        let value = match reader.byte()? {
            0 => AttributeValue::String(reader.text()?.to_owned()),
            1 => AttributeValue::Integer(i32::from_le_bytes(reader.array()?)),
            2 => AttributeValue::Boolean(reader.byte()? == 1),
            _ => return Err(Unreadable("an event")),
        };
        extensions.push((name, value));
    }
    Ok(CloudEvent { id, source, ty, subject, time, datacontenttype, dataschema, extensions, data: None })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn value() -> impl Strategy<Value = AttributeValue> {
        prop_oneof![
            ".{0,20}".prop_map(AttributeValue::String),
            any::<i32>().prop_map(AttributeValue::Integer),
            any::<bool>().prop_map(AttributeValue::Boolean),
        ]
    }

    prop_compose! {
        fn event()(id in ".{1,40}", source in ".{1,40}", ty in ".{1,40}", subject in proptest::option::of(".{0,30}"),
            time in proptest::option::of(".{0,30}"), dataschema in proptest::option::of(".{0,30}"),
            extensions in proptest::collection::vec(("[a-z]{1,10}", value()), 0..5)) -> CloudEvent {
            CloudEvent { id, source, ty, subject, time, datacontenttype: None, dataschema, extensions, data: None }
        }
    }

    proptest! {
        #[test]
        fn a_record_reads_as_it_was_written(event in event(), leaf: u64, digest: [u8; 16], version: u32, kind in 0..DataKind::ALL.len(),
            sealed in proptest::collection::vec(any::<u8>(), 0..100)) {
            let head = Head { contract: ContractVersion(version), digest, data: DataKind::ALL[kind] };
            let mut record = leaf.to_le_bytes().to_vec();
            write_body(&mut record, &head, &event, &[]);
            record.extend_from_slice(&sealed);
            let back = read(&record).unwrap().event().unwrap();
            prop_assert_eq!(back.leaf, leaf);
            prop_assert_eq!(back.head, head);
            prop_assert_eq!(back.event, event);
            prop_assert_eq!(back.sealed, &sealed[..]);
        }

        #[test]
        fn a_quarantined_record_reads_as_it_was_written(leaf: u64, digest: [u8; 16], identity: u128, version: u32,
            sealed in proptest::collection::vec(any::<u8>(), 0..100)) {
            let mut record = leaf.to_le_bytes().to_vec();
            write_quarantined(&mut record, ContractVersion(version), &digest, identity);
            record.extend_from_slice(&sealed);
            let Stored::Quarantined(back) = read(&record).unwrap() else { panic!("it reads as an event") };
            prop_assert!(is_quarantined(&record));
            prop_assert_eq!((back.leaf, back.contract.0, back.digest), (leaf, version, digest));
            prop_assert_eq!((back.identity, back.sealed, back.body), (identity, &sealed[..], &record[8..]));
        }

        #[test]
        fn any_bytes_are_read_or_refused(mut bytes in proptest::collection::vec(any::<u8>(), 0..200), version in 0u8..4) {
            if let Some(byte) = bytes.get_mut(8) {
                *byte = version;
            }
            let _ = read(&bytes);
        }
    }
}
