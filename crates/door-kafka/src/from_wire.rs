//! From a record to an event: the CloudEvents Kafka protocol binding 1.0.2, binary and structured mode.
//!
//! What a record does not say is left empty; what may be missing is the bus's business.

use bus::{Framing, Incoming, Refusal, RefusalKind};
use bytes::Bytes;
use contract::cloudevents::{is_json, parse_structured};
use contract::{AttributeValue, CloudEvent, Data, Format};

use crate::batch::{BatchFault, Header, Record, Records};
use crate::confluent;

/// The extension attribute that a record's key is (binding, section 3.1).
pub const KEY_ATTRIBUTE: &str = "partitionkey";

/// Headers of a record that are not CloudEvents' and still mean something to the bus: the trace (W3C Trace Context).
const TRACE_HEADERS: [&str; 2] = ["traceparent", "tracestate"];

/// What a topic expects of its records' values.
pub struct Expected {
    /// The language of its contract.
    pub format: Format,
    /// The language of the schema that a framing names, where it is one of the contract's.
    pub named: Box<dyn Fn(Framing) -> Option<Format> + Send>,
}

/// The events of a batch. One that does not read as a whole is one refusal.
pub fn events(header: &Header, expected: &Expected) -> Vec<Incoming> {
    let records = match Records::of(header) {
        Ok(records) => records,
        Err(fault) => return vec![Err(unreadable(&fault))],
    };
    let read = |record: Result<Record, BatchFault>| match record {
        Ok(record) => event(record, expected),
        Err(fault) => Err(unreadable(&fault)),
    };
    records.map(read).collect()
}

/// Why a batch, or a part of it, could not be read.
pub fn unreadable(fault: &BatchFault) -> Refusal {
    let kind = if *fault == BatchFault::TooLarge { RefusalKind::TooLarge } else { RefusalKind::Malformed };
    Refusal::new(kind, fault.to_string())
}

fn event(record: Record, expected: &Expected) -> Incoming {
    let content_type = header(&record, "content-type").transpose()?;
    let structured = content_type.is_some_and(|essence| essence.starts_with("application/cloudevents"));
    let mut event = match content_type.filter(|_| structured) {
        Some(essence) => from_structured(essence, &record)?,
        None => from_binary(&record, content_type, expected)?,
    };
    for name in TRACE_HEADERS {
        if event.extension(name).is_none()
            && let Some(value) = header(&record, name).transpose()?
        {
            event.extensions.push((name.to_owned(), AttributeValue::String(value.to_owned())));
        }
    }
    if let Some(key) = record.key.filter(|_| event.extension(KEY_ATTRIBUTE).is_none()) {
        let key = String::from_utf8(key.to_vec()).map_err(|_| {
            refuse("its key is not text", "keys are UTF-8 here: use a string serializer for the key")
        })?;
        event.extensions.push((KEY_ATTRIBUTE.to_owned(), AttributeValue::String(key)));
    }
    Ok(event)
}

/// Section 3.3: the value is the whole event, in JSON.
fn from_structured(essence: &str, record: &Record) -> Incoming {
    let format = essence.split(';').next().unwrap_or_default().trim();
    if format != "application/cloudevents+json" {
        let text = format!("the event format {format} is not served");
        return Err(refuse(&text, "structured events are application/cloudevents+json; or use binary mode"));
    }
    let value = record.value.clone().unwrap_or_default();
    parse_structured(&value).map_err(|fault| refuse(&fault.to_string(), "CloudEvents 1.0, JSON format"))
}

/// Section 3.2: attributes are headers, the value is the data.
fn from_binary(record: &Record, content_type: Option<&str>, expected: &Expected) -> Incoming {
    let mut event = CloudEvent { datacontenttype: content_type.map(str::to_owned), ..CloudEvent::empty() };
    for (name, value) in &record.headers {
        // Names were checked to be UTF-8 when the record was read.
        let Some(name) = std::str::from_utf8(name).ok().and_then(|name| name.strip_prefix("ce_")) else {
            continue;
        };
        let value = text(name, value.as_ref())?.to_owned();
        match name {
            "specversion" if value == "1.0" => {}
            "specversion" => {
                return Err(refuse("its ce_specversion is not 1.0", "CloudEvents 1.0 are served"));
            }
            name => event.set(name, value),
        }
    }
    let Some(value) = &record.value else { return Ok(event) };
    let (data, framing) = data(record, value, content_type, expected)?;
    event.data = Some(data);
    if let Some(framing) = framing {
        event.dataschema = Some(framing.dataschema());
    }
    Ok(event)
}

/// The document in a value, and the schema that a serializer of the registry named for it. Where neither that nor the
/// record says what the value is, it is what the contract asks for.
fn data(
    record: &Record,
    value: &Bytes,
    content_type: Option<&str>,
    expected: &Expected,
) -> Result<(Data, Option<Framing>), Refusal> {
    if let Some((framing, from, taken)) = framing(record, value, content_type, expected) {
        let format = (expected.named)(framing).unwrap_or(expected.format);
        let document = match from {
            Named::InValue => confluent::document(value, taken, format),
            Named::InHeader(header) => confluent::document(&header, taken, format).map(|_| value.clone()),
        };
        let document = document.ok_or_else(|| {
            refuse(
                "its value is not the first message of its schema",
                "a contract's message is its file's first",
            )
        })?;
        let data = if format == Format::JsonSchema { Data::Json(document) } else { Data::Binary(document) };
        return Ok((data, Some(framing)));
    }
    let json = match content_type {
        Some(_) => is_json(content_type),
        None => expected.format == Format::JsonSchema,
    };
    Ok((if json { Data::Json(value.clone()) } else { Data::Binary(value.clone()) }, None))
}

/// Where a record names its schema.
enum Named {
    InValue,
    InHeader(Bytes),
}

/// The framing of a record, where it is there, and how many bytes it takes. JSON never begins with the byte that an id
/// does; a document of another language may, and counts as framed if the id is the topic's or nothing else is said.
fn framing(
    record: &Record,
    value: &Bytes,
    content_type: Option<&str>,
    expected: &Expected,
) -> Option<(Framing, Named, usize)> {
    let is_ours = |name: &Bytes| name.as_ref() == confluent::VALUE_HEADER.as_bytes();
    if let Some((_, Some(header))) = record.headers.iter().rev().find(|(name, _)| is_ours(name)) {
        let (framing, taken) = confluent::header(header)?;
        return Some((framing, Named::InHeader(header.clone()), taken));
    }
    let (framing, taken) = confluent::prefix(value)?;
    let sure = expected.format == Format::JsonSchema || content_type.is_none();
    (sure || (expected.named)(framing).is_some()).then_some((framing, Named::InValue, taken))
}

fn header<'r>(record: &'r Record, wanted: &str) -> Option<Result<&'r str, Refusal>> {
    let (_, value) =
        record.headers.iter().rev().find(|(name, _)| name.eq_ignore_ascii_case(wanted.as_bytes()))?;
    Some(text(wanted, value.as_ref()))
}

fn text<'r>(name: &str, value: Option<&'r Bytes>) -> Result<&'r str, Refusal> {
    let value = value.map(|value| std::str::from_utf8(value)).transpose();
    let not_text = |_| refuse(&format!("its header {name} is not UTF-8"), "write it as UTF-8");
    Ok(value.map_err(not_text)?.unwrap_or_default())
}

fn refuse(what: &str, hint: &str) -> Refusal {
    Refusal::new(RefusalKind::Malformed, format!("the record does not read as an event: {what}")).hint(hint)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(headers: &[(&str, &str)], key: Option<&str>, value: &str) -> Record {
        let bytes = |text: &str| Bytes::copy_from_slice(text.as_bytes());
        Record {
            key: key.map(bytes),
            value: Some(bytes(value)),
            headers: headers.iter().map(|(name, value)| (bytes(name), Some(bytes(value)))).collect(),
        }
    }

    fn expected(format: Format) -> Expected {
        let ours = Framing::Id(bus::SchemaId(7));
        Expected { format, named: Box::new(move |framing| (framing == ours).then_some(format)) }
    }

    #[test]
    fn binary_mode_reads_attributes_from_headers_and_the_key() {
        let headers = [
            ("ce_specversion", "1.0"),
            ("ce_id", "7"),
            ("ce_source", "urn:xx:a"),
            ("ce_type", "a.b.c"),
            ("ce_correlationid", "affair"),
            ("content-type", "application/json; charset=utf-8"),
            ("traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"),
            ("other", "is no business of ours"),
        ];
        let event = event(record(&headers, Some("k"), "{}"), &expected(Format::JsonSchema)).unwrap();
        assert_eq!((event.id.as_str(), event.source.as_str(), event.ty.as_str()), ("7", "urn:xx:a", "a.b.c"));
        assert_eq!(event.extension("correlationid"), Some("affair"));
        assert_eq!(event.extension(KEY_ATTRIBUTE), Some("k"));
        assert!(event.extension("traceparent").is_some() && event.extension("other").is_none());
        assert_eq!(event.data, Some(Data::Json(Bytes::from_static(b"{}"))));
    }

    #[test]
    fn structured_mode_reads_the_value() {
        let text = r#"{"specversion":"1.0","id":"7","source":"urn:a","type":"a.b","data":{"x":1}}"#;
        let headers = [("content-type", "application/cloudevents+json; charset=UTF-8")];
        let structured = event(record(&headers, None, text), &expected(Format::JsonSchema)).unwrap();
        assert_eq!((structured.id.as_str(), structured.data_len()), ("7", 7));
        let headers = [("content-type", "application/cloudevents+avro")];
        assert!(event(record(&headers, None, text), &expected(Format::JsonSchema)).is_err());
    }

    #[test]
    fn a_value_without_a_content_type_is_what_the_contract_asks_for() {
        let of = |format| event(record(&[], None, "x"), &expected(format)).unwrap().data;
        assert!(matches!(of(Format::JsonSchema), Some(Data::Json(_))));
        assert!(matches!(of(Format::Avro), Some(Data::Binary(_))));
    }

    #[test]
    fn a_value_that_a_serializer_framed_names_its_schema() {
        let framed = |bytes: &[u8]| Record {
            key: None,
            value: Some(Bytes::copy_from_slice(bytes)),
            headers: vec![(Bytes::from_static(b"content-type"), Some(Bytes::from_static(b"avro/binary")))],
        };
        let avro = event(framed(&[0, 0, 0, 0, 7, 42]), &expected(Format::Avro)).unwrap();
        assert_eq!(avro.data, Some(Data::Binary(Bytes::from_static(&[42]))));
        assert_eq!(avro.dataschema.as_deref(), Some("urn:chancery:schema:id:7"));
        let plain = event(framed(&[0, 0, 0, 0, 8, 42]), &expected(Format::Avro)).unwrap();
        assert_eq!(
            (plain.data_len(), plain.dataschema),
            (6, None),
            "no schema of the topic: the bytes of a document"
        );
        let json = event(framed(&[0, 0, 0, 0, 8, b'1']), &expected(Format::JsonSchema)).unwrap();
        assert_eq!(
            json.dataschema.as_deref(),
            Some("urn:chancery:schema:id:8"),
            "the bus says that it is unknown"
        );
        let protobuf = event(framed(&[0, 0, 0, 0, 7, 2, 0, 42]), &expected(Format::Protobuf)).unwrap();
        assert_eq!(protobuf.data, Some(Data::Binary(Bytes::from_static(&[42]))));
        assert!(event(framed(&[0, 0, 0, 0, 7, 2, 4, 42]), &expected(Format::Protobuf)).is_err());
    }

    #[test]
    fn a_schema_named_in_a_header_leaves_the_value_as_it_is() {
        let guid = [&[1][..], &[9; 16]].concat();
        let record = Record {
            key: None,
            value: Some(Bytes::from_static(b"{}")),
            headers: vec![(Bytes::from_static(b"__value_schema_id"), Some(Bytes::from(guid)))],
        };
        let event = event(record, &expected(Format::JsonSchema)).unwrap();
        assert_eq!(event.data, Some(Data::Json(Bytes::from_static(b"{}"))));
        let wanted = format!("urn:chancery:schema:guid:{}", uuid::Uuid::from_bytes([9; 16]));
        assert_eq!(event.dataschema, Some(wanted));
    }

    #[test]
    fn what_is_not_text_is_refused() {
        let mut odd = record(&[], None, "x");
        odd.key = Some(Bytes::from_static(&[0xff]));
        assert!(event(odd, &expected(Format::JsonSchema)).unwrap_err().text.contains("key"));
        let mut odd = record(&[("ce_specversion", "2.0")], None, "x");
        assert!(event(odd.clone(), &expected(Format::JsonSchema)).is_err());
        odd.headers = vec![(Bytes::from_static(b"ce_id"), Some(Bytes::from_static(&[0xff])))];
        assert!(event(odd, &expected(Format::JsonSchema)).is_err());
    }
}
