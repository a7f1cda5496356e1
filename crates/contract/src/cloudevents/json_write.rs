//! Writing events in the CloudEvents JSON format.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::is_json;
use crate::event::{AttributeValue, CloudEvent, Data};

/// Appends `event` to `out` in the JSON format. JSON data is written byte for byte as it is.
pub fn write_structured(event: &CloudEvent, out: &mut Vec<u8>) {
    out.extend_from_slice(b"{\"specversion\":\"1.0\"");
    let required = [("id", &event.id), ("source", &event.source), ("type", &event.ty)];
    required.into_iter().for_each(|(name, value)| text_member(name, value, out));
    let optional = [
        ("subject", &event.subject),
        ("time", &event.time),
        ("datacontenttype", &event.datacontenttype),
        ("dataschema", &event.dataschema),
    ];
    for (name, value) in optional {
        if let Some(value) = value {
            text_member(name, value, out);
        }
    }
    for (name, value) in &event.extensions {
        match value {
            AttributeValue::String(text) => text_member(name, text, out),
            AttributeValue::Integer(number) => raw_member(name, number.to_string().as_bytes(), out),
            AttributeValue::Boolean(boolean) => raw_member(name, boolean.to_string().as_bytes(), out),
        }
    }
    match &event.data {
        None => {}
        Some(Data::Json(json)) if is_json(event.datacontenttype.as_deref()) => raw_member("data", json, out),
        Some(Data::Json(bytes) | Data::Binary(bytes)) => other_data(event, bytes, out),
    }
    out.push(b'}');
}

/// Data that is not JSON: text as a string, everything else in base64 (JSON format, section 3.1).
fn other_data(event: &CloudEvent, bytes: &[u8], out: &mut Vec<u8>) {
    let media_type = event.datacontenttype.as_deref().unwrap_or("");
    let textual = media_type.starts_with("text/")
        || media_type.ends_with("xml")
        || matches!(event.data, Some(Data::Json(_)));
    match std::str::from_utf8(bytes) {
        Ok(text) if textual => text_member("data", text, out),
        _ => text_member("data_base64", &STANDARD.encode(bytes), out),
    }
}

/// Appends the events as one batch (JSON batch format).
pub fn write_batch<'e>(events: impl IntoIterator<Item = &'e CloudEvent>, out: &mut Vec<u8>) {
    out.push(b'[');
    for (index, event) in events.into_iter().enumerate() {
        if index > 0 {
            out.push(b',');
        }
        write_structured(event, out);
    }
    out.push(b']');
}

fn raw_member(name: &str, value: &[u8], out: &mut Vec<u8>) {
    out.push(b',');
    string(name, out);
    out.push(b':');
    out.extend_from_slice(value);
}

fn text_member(name: &str, value: &str, out: &mut Vec<u8>) {
    out.push(b',');
    string(name, out);
    out.push(b':');
    string(value, out);
}

/// A JSON string; only what RFC 8259 wants escaped is.
fn string(text: &str, out: &mut Vec<u8>) {
    out.push(b'"');
    let mut from = 0;
    for (at, byte) in text.bytes().enumerate() {
        if byte >= 0x20 && byte != b'"' && byte != b'\\' {
            continue;
        }
        out.extend_from_slice(&text.as_bytes()[from..at]);
        match byte {
            b'"' | b'\\' => out.extend_from_slice(&[b'\\', byte]),
            _ => out.extend_from_slice(format!("\\u{byte:04x}").as_bytes()),
        }
        from = at + 1;
    }
    out.extend_from_slice(&text.as_bytes()[from..]);
    out.push(b'"');
}
