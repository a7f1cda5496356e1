//! Options as text.

use prost_reflect::{DescriptorPool, DynamicMessage, EnumDescriptor, Kind, MapKey, Value};

use super::names;

/// Every option that is set, as `name` and value; the names of extensions are in brackets, as `scope` calls them.
pub(super) fn texts(options: &DynamicMessage, pool: &DescriptorPool, scope: &str) -> Vec<(String, String)> {
    let own = options
        .fields()
        .filter(|(field, _)| field.name() != "uninterpreted_option" && field.name() != "map_entry");
    let own = own.flat_map(|(field, value)| each(field.name().to_owned(), value, &field.kind()));
    let extensions = options.extensions().flat_map(|(extension, value)| {
        each(format!("({})", names::relative(pool, extension.full_name(), scope)), value, &extension.kind())
    });
    own.chain(extensions).collect()
}

/// A list is set element by element.
fn each(name: String, value: &Value, kind: &Kind) -> Vec<(String, String)> {
    match value {
        Value::List(values) => values.iter().map(|value| (name.clone(), text(value, kind))).collect(),
        value => vec![(name, text(value, kind))],
    }
}

fn text(value: &Value, kind: &Kind) -> String {
    match value {
        Value::Bool(value) => value.to_string(),
        Value::I32(value) => value.to_string(),
        Value::I64(value) => value.to_string(),
        Value::U32(value) => value.to_string(),
        Value::U64(value) => value.to_string(),
        Value::F32(value) => float(f64::from(*value)),
        Value::F64(value) => float(*value),
        Value::String(value) => quoted(value.as_bytes()),
        Value::Bytes(value) => quoted(value),
        Value::EnumNumber(number) => enum_value(*number, kind.as_enum()),
        Value::Message(message) => aggregate(message),
        Value::List(values) => {
            let values: Vec<String> = values.iter().map(|value| text(value, kind)).collect();
            format!("[{}]", values.join(", "))
        }
        Value::Map(_) => String::new(),
    }
}

fn float(value: f64) -> String {
    // `{:?}` keeps the point or exponent that makes it a float literal, and writes `inf` and `NaN`.
    format!("{value:?}").to_lowercase()
}

fn enum_value(number: i32, of: Option<&EnumDescriptor>) -> String {
    let value = of.and_then(|of| of.get_value(number));
    value.map_or_else(|| number.to_string(), |value| value.name().to_owned())
}

/// A message in Protobuf's text format, on one line.
fn aggregate(message: &DynamicMessage) -> String {
    let mut parts = Vec::new();
    for (field, value) in message.fields() {
        match value {
            Value::Map(entries) => {
                let mut entries: Vec<(&MapKey, &Value)> = entries.iter().collect();
                entries.sort_by_key(|(key, _)| *key);
                let kind = field.kind();
                let entry = kind.as_message();
                for (key, value) in entries {
                    let kind = entry.map_or(Kind::String, |entry| entry.map_entry_value_field().kind());
                    let key = Value::from(key.clone());
                    parts.push(format!(
                        "{}: {{ key: {} value: {} }}",
                        field.name(),
                        text(&key, &Kind::String),
                        text(value, &kind)
                    ));
                }
            }
            value => parts.push(format!("{}: {}", field.name(), text(value, &field.kind()))),
        }
    }
    for (extension, value) in message.extensions() {
        parts.push(format!("[{}]: {}", extension.full_name(), text(value, &extension.kind())));
    }
    if parts.is_empty() { "{}".to_owned() } else { format!("{{ {} }}", parts.join(" ")) }
}

/// A string literal of these bytes.
pub(super) fn quoted(bytes: &[u8]) -> String {
    let mut out = String::from("\"");
    match std::str::from_utf8(bytes) {
        Ok(text) => text.chars().for_each(|c| match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            c if u32::from(c) < 32 || c == '\u{7f}' => out.push_str(&format!("\\{:03o}", u32::from(c))),
            c => out.push(c),
        }),
        Err(_) => bytes.iter().for_each(|byte| out.push_str(&format!("\\{byte:03o}"))),
    }
    out.push('"');
    out
}
