//! Reading events in the CloudEvents JSON format.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;

use super::{is_extension_name, is_json};
use crate::document::{Document, Kind, Malformed, Member, Mistake, Node, Tape};
use crate::event::{AttributeValue, CloudEvent, Data};
use crate::limits::{self, Limits};

/// A text that is not an event of the JSON format. Never contains a value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EventFault {
    /// Not one strict JSON document.
    Malformed(Malformed),
    /// Not an object.
    NotAnObject,
    /// The batch is not an array.
    NotAnArray(Malformed),
    /// A required attribute is missing.
    Missing(&'static str),
    /// An attribute has a value of another kind than it must have.
    Attribute {
        /// Its name, cut to 40 characters.
        name: String,
        /// What its value must be.
        wanted: &'static str,
    },
    /// A member's name is no name for an attribute.
    Name(String),
    /// The data cannot be read.
    Data(&'static str),
}

impl fmt::Display for EventFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            EventFault::Malformed(wrong) => write!(f, "the event is not valid JSON: {wrong}"),
            EventFault::NotAnObject => f.write_str("an event is a JSON object"),
            EventFault::NotAnArray(wrong) => write!(f, "a batch is a JSON array of events: {wrong}"),
            EventFault::Missing(name) => write!(f, "the attribute {name} is missing"),
            EventFault::Attribute { name, wanted } => write!(f, "the attribute {name} must be {wanted}"),
            EventFault::Name(name) => {
                write!(f, "{name:?} is not a name for an attribute: use a-z and 0-9")
            }
            EventFault::Data(what) => f.write_str(what),
        }
    }
}

impl std::error::Error for EventFault {}

/// An event is at most its data, its attributes and two levels around the data.
fn event_limits() -> Limits {
    let attributes = 8 * limits::ATTRIBUTE_BYTES + limits::EXTENSIONS * limits::EXTENSION_BYTES;
    // Base64 takes four bytes for three.
    Limits { document_bytes: limits::DOCUMENT_BYTES / 3 * 4 + 2 * attributes, depth: limits::DEPTH + 1 }
}

/// Reads one event. JSON data stays a slice of the input, byte for byte.
pub fn parse_structured(text: &Bytes) -> Result<CloudEvent, EventFault> {
    read(text, &mut Tape::default())
}

/// Reads a batch. An event that is wrong does not spoil the others; a text that is not an array spoils all.
pub fn parse_batch(text: &Bytes) -> Result<Vec<Result<CloudEvent, EventFault>>, EventFault> {
    let mut tape = Tape::default();
    let elements = elements(text, limits::BATCH_EVENTS).map_err(EventFault::NotAnArray)?;
    Ok(elements.into_iter().map(|range| read(&text.slice(range), &mut tape)).collect())
}

fn read(text: &Bytes, tape: &mut Tape) -> Result<CloudEvent, EventFault> {
    let document = Document::parse_on(text, &event_limits(), tape).map_err(EventFault::Malformed)?;
    let event = event(&document, text);
    document.give_back(tape);
    event
}

#[derive(Default)]
struct Found<'d> {
    id: Option<String>,
    source: Option<String>,
    ty: Option<String>,
    specversion: bool,
    data: Option<Node<'d>>,
    base64: Option<Node<'d>>,
}

fn event(document: &Document<'_>, text: &Bytes) -> Result<CloudEvent, EventFault> {
    let root = document.root();
    if root.kind() != Kind::Object {
        return Err(EventFault::NotAnObject);
    }
    let mut found = Found::default();
    let mut event = CloudEvent {
        id: String::new(),
        source: String::new(),
        ty: String::new(),
        subject: None,
        time: None,
        datacontenttype: None,
        dataschema: None,
        extensions: Vec::new(),
        data: None,
    };
    for member in root.members() {
        attribute(member, &mut found, &mut event)?;
    }
    if !found.specversion {
        return Err(EventFault::Missing("specversion"));
    }
    event.id = found.id.ok_or(EventFault::Missing("id"))?;
    event.source = found.source.ok_or(EventFault::Missing("source"))?;
    event.ty = found.ty.ok_or(EventFault::Missing("type"))?;
    event.data = data(found.data, found.base64, event.datacontenttype.as_deref(), text)?;
    Ok(event)
}

fn attribute<'d>(
    member: Member<'d>,
    found: &mut Found<'d>,
    event: &mut CloudEvent,
) -> Result<(), EventFault> {
    let (name, value) = (member.key(), member.value());
    match name.as_ref() {
        "data" => {
            found.data = Some(value);
            return Ok(());
        }
        // An unset attribute may be written as null (JSON format, section 2.2).
        _ if value.kind() == Kind::Null => {
            return if is_core(&name) { Ok(()) } else { extension_name(&name) };
        }
        _ => {}
    }
    let text = || match value.as_str() {
        Some(text) => Ok(Some(text.into_owned())),
        None => Err(EventFault::Attribute { name: cut(&name), wanted: "a string" }),
    };
    match name.as_ref() {
        "specversion" => {
            if text()?.as_deref() != Some("1.0") {
                return Err(EventFault::Attribute { name: cut(&name), wanted: "\"1.0\"" });
            }
            found.specversion = true;
        }
        "id" => found.id = text()?,
        "source" => found.source = text()?,
        "type" => found.ty = text()?,
        "subject" => event.subject = text()?,
        "time" => event.time = text()?,
        "datacontenttype" => event.datacontenttype = text()?,
        "dataschema" => event.dataschema = text()?,
        "data_base64" => found.base64 = Some(value),
        extension => {
            extension_name(extension)?;
            event.extensions.push((extension.to_owned(), extension_value(extension, value)?));
        }
    }
    Ok(())
}

fn is_core(name: &str) -> bool {
    super::is_known_attribute(name)
}

fn extension_name(name: &str) -> Result<(), EventFault> {
    if is_extension_name(name) { Ok(()) } else { Err(EventFault::Name(cut(name))) }
}

fn cut(name: &str) -> String {
    name.chars().take(limits::SHOWN_NAME_CHARS).collect()
}

fn extension_value(name: &str, value: Node<'_>) -> Result<AttributeValue, EventFault> {
    let wanted = "a string, a boolean or an integer of 32 bits";
    let wrong = || EventFault::Attribute { name: cut(name), wanted };
    match value.kind() {
        Kind::String => {
            value.as_str().map(|text| AttributeValue::String(text.into_owned())).ok_or_else(wrong)
        }
        Kind::True => Ok(AttributeValue::Boolean(true)),
        Kind::False => Ok(AttributeValue::Boolean(false)),
        Kind::Number => value.raw().parse().map(AttributeValue::Integer).map_err(|_| wrong()),
        Kind::Null | Kind::Array | Kind::Object => Err(wrong()),
    }
}

/// JSON format, section 3.1: `data` is the JSON value itself for a JSON media type, else a string that holds the
/// text; `data_base64` holds any bytes.
fn data(
    plain: Option<Node<'_>>,
    base64: Option<Node<'_>>,
    media_type: Option<&str>,
    text: &Bytes,
) -> Result<Option<Data>, EventFault> {
    match (plain, base64) {
        (None, None) => Ok(None),
        (Some(_), Some(_)) => Err(EventFault::Data("data and data_base64 exclude each other")),
        (Some(value), None) if is_json(media_type) => {
            let span = value.span();
            Ok(Some(Data::Json(text.slice(span.start as usize..span.end as usize))))
        }
        (Some(value), None) => match value.as_str() {
            Some(content) => Ok(Some(Data::Binary(Bytes::from(content.into_owned())))),
            None if value.kind() == Kind::Null => Ok(None),
            None => Err(EventFault::Data("data must be a string, as datacontenttype is not JSON")),
        },
        (None, Some(value)) => {
            let wrong = EventFault::Data("data_base64 must be a string in base64 (RFC 4648, section 4)");
            let encoded = value.as_str().ok_or(wrong.clone())?;
            let decoded = Bytes::from(STANDARD.decode(encoded.as_bytes()).map_err(|_| wrong)?);
            let json = is_json(media_type) && Document::parse(&decoded, &Limits::default()).is_ok();
            Ok(Some(if json { Data::Json(decoded) } else { Data::Binary(decoded) }))
        }
    }
}

/// Where the elements of an array stand. Looks only at brackets, strings and commas; what an element is inside is
/// for its own parser to judge, so that one wrong element does not spoil the others.
fn elements(text: &[u8], max: usize) -> Result<Vec<std::ops::Range<usize>>, Malformed> {
    let wrong = |what, position| Err(Malformed { what, position });
    let skip = |mut at: usize| {
        while matches!(text.get(at), Some(b' ' | b'\n' | b'\r' | b'\t')) {
            at += 1;
        }
        at
    };
    let mut at = skip(0);
    if text.get(at) != Some(&b'[') {
        return wrong(Mistake::Expected("an array"), at);
    }
    at = skip(at + 1);
    let mut found = Vec::new();
    if text.get(at) == Some(&b']') {
        at += 1;
    } else {
        loop {
            let start = skip(at);
            let end = element_end(text, start)?;
            if start == end {
                return wrong(Mistake::Expected("an event"), start);
            }
            if found.len() == max {
                return wrong(Mistake::TooMany(max), start);
            }
            found.push(start..end);
            at = end + 1;
            if text[end] == b']' {
                break;
            }
        }
    }
    at = skip(at);
    if at < text.len() { wrong(Mistake::Trailing, at) } else { Ok(found) }
}

/// The position of the comma or bracket that ends the element at `at`.
fn element_end(text: &[u8], mut at: usize) -> Result<usize, Malformed> {
    let mut depth = 0_usize;
    let mut in_string = false;
    while let Some(byte) = text.get(at) {
        match byte {
            b'\\' if in_string => at += 1,
            b'"' => in_string = !in_string,
            _ if in_string => {}
            b'{' | b'[' => depth += 1,
            b',' | b']' if depth == 0 => return Ok(at),
            b'}' | b']' => depth = depth.saturating_sub(1),
            _ => {}
        }
        at += 1;
    }
    Err(Malformed { what: Mistake::Ends, position: text.len() })
}
