//! From an event to a record: the CloudEvents Kafka protocol binding, binary mode.

use std::borrow::Cow;

use bus::{Delivered, Framing};
use contract::{AttributeValue, Data};

use crate::batch::Writer;
use crate::confluent;
use crate::from_wire::KEY_ATTRIBUTE;

/// Headers and framing of a record; a guess that saves copying.
const OVERHEAD_BYTES: usize = 320;

/// How many bytes these events will about take.
pub fn bytes(events: &[Delivered]) -> usize {
    events.iter().map(|delivered| delivered.event.data_len() + OVERHEAD_BYTES).sum()
}

/// Writes a delivered event. Its key is the one that its producer gave, or where the subscription may not see that, the
/// pseudonym of the first person it is about.
pub fn write(writer: &mut Writer, delivered: &Delivered) {
    let event = &delivered.event;
    let mut headers: Vec<(&str, &[u8])> = Vec::with_capacity(8 + event.extensions.len());
    headers.push(("ce_specversion", b"1.0"));
    headers.push(("ce_id", event.id.as_bytes()));
    headers.push(("ce_source", event.source.as_bytes()));
    headers.push(("ce_type", event.ty.as_bytes()));
    let framing = Framing::of(event.dataschema.as_deref());
    let dataschema = event.dataschema.as_ref().filter(|_| framing.is_none());
    let optional = [
        ("ce_subject", event.subject.as_ref()),
        ("ce_time", event.time.as_ref()),
        ("ce_dataschema", dataschema),
    ];
    for (name, value) in optional {
        headers.extend(value.map(|value| (name, value.as_bytes())));
    }
    let extensions: Vec<(String, Cow<'_, str>)> =
        event.extensions.iter().map(|(name, value)| (format!("ce_{name}"), text(value))).collect();
    headers.extend(extensions.iter().map(|(name, value)| (name.as_str(), value.as_bytes())));
    let content_type = event.datacontenttype.as_deref().or(match &event.data {
        Some(Data::Json(_)) => Some("application/json"),
        _ => None,
    });
    headers.extend(content_type.map(|content_type| ("content-type", content_type.as_bytes())));
    let key = event.extension(KEY_ATTRIBUTE).or(delivered.about.as_deref());
    let value = match &event.data {
        Some(Data::Json(bytes) | Data::Binary(bytes)) => Some(&bytes[..]),
        None => None,
    };
    let name = framing.map(|framing| confluent::written(framing, delivered.format)).unwrap_or_default();
    let mut framed = Vec::new();
    let value = match (framing, value) {
        (Some(Framing::Id(_)), Some(document)) => {
            framed.reserve_exact(name.len() + document.len());
            framed.extend_from_slice(&name);
            framed.extend_from_slice(document);
            Some(&framed[..])
        }
        (Some(Framing::Guid(_)), value) => {
            headers.push((confluent::VALUE_HEADER, &name));
            value
        }
        (_, value) => value,
    };
    let (offset, time_ms) = (delivered.offset, delivered.time_ms);
    writer.record(offset, time_ms, key.map(str::as_bytes), value, &headers);
}

/// Section 3.2.3: attribute values are their canonical strings.
fn text(value: &AttributeValue) -> Cow<'_, str> {
    match value {
        AttributeValue::String(text) => text.into(),
        AttributeValue::Integer(number) => number.to_string().into(),
        AttributeValue::Boolean(yes) => yes.to_string().into(),
    }
}
