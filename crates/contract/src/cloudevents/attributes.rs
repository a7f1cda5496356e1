//! What the bus asks of an event's attributes, beyond what its format asks.

use std::collections::BTreeMap;

use super::forms;
use crate::check::Violation;
use crate::event::{AttributeValue, CloudEvent};
use crate::limits;
use crate::{Class, ContractVersion, TopicName};

/// The attributes that CloudEvents 1.0 defines.
const CORE: [&str; 10] = [
    "specversion",
    "id",
    "source",
    "type",
    "subject",
    "time",
    "datacontenttype",
    "dataschema",
    "data",
    "data_base64",
];

/// Extensions that every event may carry: the documented ones that concern order, tracing and causes.
const KNOWN: [&str; 8] = [
    "traceparent",
    "tracestate",
    "correlationid",
    "causationid",
    "partitionkey",
    "sequence",
    "sequencetype",
    "dataref",
];

const NOT_A_STRING: &str = "contains a control character or a noncharacter";

/// What the attributes of a topic's events must be.
#[derive(Debug, Clone, Copy)]
pub struct AttributeRules<'r> {
    /// The topic: what `type` must name.
    pub topic: &'r TopicName,
    /// The extensions that the contract declares.
    pub extensions: &'r BTreeMap<String, Class>,
    /// The agency's registered source prefixes; empty: any source.
    pub source_prefixes: &'r [String],
    /// The state's reverse-DNS prefix of `type`, such as `org.example.`; none: any.
    pub state_prefix: Option<&'r str>,
}

/// What an event's `type` names besides the topic.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NamedType {
    /// The contract version of its `.vN` suffix.
    pub version: Option<ContractVersion>,
}

/// Whether `name` has the form of an attribute's name: a-z and 0-9 (CloudEvents 1.0, section 3).
pub fn is_extension_name(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit())
}

/// The extension by which the bus says that a person whom the event is about was erased. Nobody else says it: no contract
/// declares it and no publisher sends it.
pub const ERASED: &str = "erased";

/// The extension by which the bus says why it left something out that the reader is cleared for ([`NO_CONSENT`]). It too is
/// the bus's alone.
pub const WITHHELD: &str = "withheld";

/// What [`WITHHELD`] says where a person whom the event is about has not consented to its being handed over.
pub const NO_CONSENT: &str = "consent";

/// Whether only the bus says this of an event.
pub fn is_the_buss_own(extension: &str) -> bool {
    extension == ERASED || extension == WITHHELD
}

/// Whether every event may carry an attribute of this name.
pub fn is_known_attribute(name: &str) -> bool {
    CORE.contains(&name) || KNOWN.contains(&name)
}

/// Checks the attributes of `event`, and reads the contract version from its `type`.
pub fn check_attributes(event: &CloudEvent, rules: &AttributeRules<'_>) -> Result<NamedType, Vec<Violation>> {
    let mut wrong = Wrong(Vec::new());
    wrong.text("id", &event.id, |_| None);
    wrong.text("source", &event.source, |source| source_fault(source, rules.source_prefixes));
    let named = named_type(&event.ty, rules);
    wrong.text("type", &event.ty, |_| named.err());
    let optional: [(&str, &Option<String>, Form); 4] = [
        ("subject", &event.subject, |_| true),
        ("time", &event.time, forms::is_timestamp),
        ("datacontenttype", &event.datacontenttype, forms::is_media_type),
        ("dataschema", &event.dataschema, forms::is_absolute_uri),
    ];
    for (name, value, form) in optional {
        if let Some(value) = value {
            let wanted = match name {
                "time" => "is not a date and time with an offset (RFC 3339)",
                "datacontenttype" => "is not a media type, such as application/json",
                _ => "is not an absolute URI",
            };
            wrong.text(name, value, |value| (!form(value)).then(|| wanted.to_owned()));
        }
    }
    wrong.extensions(event, rules.extensions);
    match named_type(&event.ty, rules) {
        Ok(named) if wrong.0.is_empty() => Ok(named),
        _ => Err(wrong.0),
    }
}

type Form = fn(&str) -> bool;

struct Wrong(Vec<Violation>);

impl Wrong {
    fn add(&mut self, attribute: &str, text: &str) {
        self.0.push(Violation { pointer: attribute.to_owned(), text: format!("{attribute} {text}") });
    }

    fn text(&mut self, attribute: &str, value: &str, form: impl FnOnce(&str) -> Option<String>) {
        if value.is_empty() {
            self.add(attribute, "is empty");
        } else if value.len() > limits::ATTRIBUTE_BYTES {
            self.add(attribute, &format!("is longer than {} bytes", limits::ATTRIBUTE_BYTES));
        } else if !forms::is_string(value) {
            self.add(attribute, NOT_A_STRING);
        } else if let Some(fault) = form(value) {
            self.add(attribute, &fault);
        }
    }

    fn extensions(&mut self, event: &CloudEvent, declared: &BTreeMap<String, Class>) {
        if event.extensions.len() > limits::EXTENSIONS {
            self.0.push(Violation {
                pointer: "extensions".to_owned(),
                text: format!("the event has more than {} extension attributes", limits::EXTENSIONS),
            });
            return;
        }
        for (at, (name, value)) in event.extensions.iter().enumerate() {
            let shown: String = name.chars().take(limits::SHOWN_NAME_CHARS).collect();
            let twice = event.extensions[..at].iter().any(|(earlier, _)| earlier == name);
            if !is_extension_name(name) || CORE.contains(&name.as_str()) {
                self.add(&shown, "is not a name for an extension attribute: use a-z and 0-9");
            } else if twice {
                self.add(&shown, "is given twice");
            } else if is_the_buss_own(name) || !KNOWN.contains(&name.as_str()) && !declared.contains_key(name)
            {
                self.add(&shown, "is not an extension attribute that the contract declares");
            } else if let AttributeValue::String(text) = value {
                if text.len() > limits::EXTENSION_BYTES {
                    self.add(&shown, &format!("is longer than {} bytes", limits::EXTENSION_BYTES));
                } else if !forms::is_string(text) {
                    self.add(&shown, NOT_A_STRING);
                } else if name == "traceparent" && !forms::is_traceparent(text) {
                    self.add(&shown, "is not a W3C trace context");
                }
            } else if name == "traceparent" {
                self.add(&shown, "is not a W3C trace context");
            }
        }
    }
}

fn source_fault(source: &str, prefixes: &[String]) -> Option<String> {
    if !forms::is_uri_reference(source) {
        return Some("is not a URI reference, such as urn:xx:tax-office:desk".to_owned());
    }
    let own = prefixes.is_empty() || prefixes.iter().any(|prefix| source.starts_with(prefix.as_str()));
    (!own).then(|| format!("does not begin with one of the agency's prefixes: {}", prefixes.join(", ")))
}

/// `[prefix.]topic[.vN]`.
fn named_type(ty: &str, rules: &AttributeRules<'_>) -> Result<NamedType, String> {
    let topic = rules.topic.as_str();
    let prefix_fits = |prefix: &str| match rules.state_prefix {
        _ if prefix.is_empty() => true,
        Some(state) => prefix.trim_end_matches('.') == state.trim_end_matches('.') && prefix.ends_with('.'),
        None => prefix.strip_suffix('.').is_some_and(|labels| labels.split('.').all(is_label)),
    };
    for (name, version) in [Some((ty, None)), versioned(ty)].into_iter().flatten() {
        if name.strip_suffix(topic).is_some_and(prefix_fits) {
            return Ok(NamedType { version });
        }
    }
    let prefix =
        rules.state_prefix.map_or(String::new(), |state| format!(", with the prefix {state} or none"));
    Err(format!("does not name the topic: {topic}, or {topic}.v1 for a version of its contract{prefix}"))
}

/// What stands before `.vN`, and the version N.
fn versioned(ty: &str) -> Option<(&str, Option<ContractVersion>)> {
    let (name, version) = ty.rsplit_once('.')?;
    let digits = version.strip_prefix('v').filter(|digits| !digits.starts_with(['0', '+']))?;
    Some((name, Some(ContractVersion(digits.parse().ok()?))))
}

fn is_label(label: &str) -> bool {
    !label.is_empty() && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
}
