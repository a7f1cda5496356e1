//! CloudEvents 1.0: one event as every door hands it to the bus and gets it back.

use bytes::Bytes;

/// One CloudEvent. Attribute names are as in the specification; `data` is byte for byte what the producer sent.
#[derive(Debug, Clone, PartialEq)]
pub struct CloudEvent {
    /// Identifies the event together with `source`.
    pub id: String,
    /// The publishing system, a URI reference.
    pub source: String,
    /// The topic's name, with an optional reverse-DNS prefix and `.vN` suffix.
    pub ty: String,
    /// What in the source the event is about.
    pub subject: Option<String>,
    /// When it happened, RFC 3339.
    pub time: Option<String>,
    /// Media type of `data`; absent means `application/json` (JSON format, section 3.1).
    pub datacontenttype: Option<String>,
    /// The schema that `data` follows, a URI.
    pub dataschema: Option<String>,
    /// Extension attributes in the order given.
    pub extensions: Vec<(String, AttributeValue)>,
    /// The payload.
    pub data: Option<Data>,
}

/// The value of an extension attribute, by the CloudEvents type system. URIs, timestamps and binary are strings here.
#[derive(Debug, Clone, PartialEq)]
pub enum AttributeValue {
    /// A string.
    String(String),
    /// A 32-bit signed integer.
    Integer(i32),
    /// A boolean.
    Boolean(bool),
}

/// The payload, byte for byte.
#[derive(Debug, Clone, PartialEq)]
pub enum Data {
    /// A JSON text.
    Json(Bytes),
    /// Any other bytes.
    Binary(Bytes),
}

impl CloudEvent {
    /// An event that says nothing yet.
    pub fn empty() -> Self {
        let (id, source, ty, extensions) = Default::default();
        let (subject, time, datacontenttype, dataschema, data) = Default::default();
        Self { id, source, ty, subject, time, datacontenttype, dataschema, extensions, data }
    }

    /// Sets an attribute by its name; what CloudEvents does not define is an extension.
    pub fn set(&mut self, name: &str, value: String) {
        match name {
            "id" => self.id = value,
            "source" => self.source = value,
            "type" => self.ty = value,
            "subject" => self.subject = Some(value),
            "time" => self.time = Some(value),
            "dataschema" => self.dataschema = Some(value),
            "datacontenttype" => self.datacontenttype = Some(value),
            name => self.extensions.push((name.to_owned(), AttributeValue::String(value))),
        }
    }

    /// The extension attribute `name`, where it is a string.
    pub fn extension(&self, name: &str) -> Option<&str> {
        self.extensions.iter().find(|(key, _)| key == name).and_then(|(_, value)| match value {
            AttributeValue::String(text) => Some(text.as_str()),
            _ => None,
        })
    }

    /// Bytes of the data.
    pub fn data_len(&self) -> usize {
        match &self.data {
            Some(Data::Json(bytes) | Data::Binary(bytes)) => bytes.len(),
            None => 0,
        }
    }
}
