//! What a steward writes: one change between two versions, readable in both directions.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;

use crate::Pointer;

/// One change of a document, from the version before to the version that it is written in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "StepText", into = "StepText")]
pub enum Step {
    /// A field stands elsewhere.
    Renamed {
        /// Where it stood.
        from: Pointer,
        /// Where it stands.
        to: Pointer,
    },
    /// A field is new. Readers of the version before do not get it.
    Added {
        /// Where.
        at: Pointer,
        /// What an event of the version before has there when it is carried forward; nothing: it has no such field.
        value: Option<Value>,
    },
    /// A field is gone.
    Removed {
        /// Where it stood.
        at: Pointer,
        /// What readers of the version before find there; nothing: they find no such field.
        value: Option<Value>,
    },
    /// The texts of a field are others.
    Mapped {
        /// Where.
        at: Pointer,
        /// From the text before to the text now. Texts that are not listed stay.
        values: BTreeMap<String, String>,
        /// What readers of the version before get for every text that is not listed.
        otherwise: Option<String>,
    },
    /// A field is written as another type.
    Converted {
        /// Where.
        at: Pointer,
        /// Its type before.
        old: Scalar,
        /// Its type now.
        new: Scalar,
    },
}

/// The types that a field can be written as.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Scalar {
    /// Text.
    String,
    /// A whole number.
    Integer,
    /// Any number.
    Number,
    /// `true` or `false`.
    Boolean,
}

impl Scalar {
    /// Its name in JSON Schema.
    pub fn as_str(self) -> &'static str {
        match self {
            Scalar::String => "string",
            Scalar::Integer => "integer",
            Scalar::Number => "number",
            Scalar::Boolean => "boolean",
        }
    }
}

impl fmt::Display for Step {
    /// What it is and where, without the values in it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Step::Renamed { from, to } => write!(f, "renamed {from} to {to}"),
            Step::Added { at, .. } => write!(f, "added {at}"),
            Step::Removed { at, .. } => write!(f, "removed {at}"),
            Step::Mapped { at, .. } => write!(f, "mapped {at}"),
            Step::Converted { at, old, new } => {
                write!(f, "converted {at} from {} to {}", old.as_str(), new.as_str())
            }
        }
    }
}

/// `{renamed: {from, to}}`, `{added: /at, value: …}` and so on: one key says which step it is.
#[derive(Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct StepText {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    renamed: Option<Renamed>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    added: Option<Pointer>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    removed: Option<Pointer>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    mapped: Option<Mapped>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    converted: Option<Converted>,
    /// `null` is a value too.
    #[serde(default, deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    value: Option<Value>,
}

fn given<'de, D: Deserializer<'de>>(text: D) -> Result<Option<Value>, D::Error> {
    Value::deserialize(text).map(Some)
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Renamed {
    from: Pointer,
    to: Pointer,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Mapped {
    at: Pointer,
    values: BTreeMap<String, String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    otherwise: Option<String>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Converted {
    at: Pointer,
    old: Scalar,
    new: Scalar,
}

impl TryFrom<StepText> for Step {
    type Error = &'static str;

    fn try_from(text: StepText) -> Result<Self, &'static str> {
        let StepText { renamed, added, removed, mapped, converted, value } = text;
        if value.is_some() && added.is_none() && removed.is_none() {
            return Err("a step of a migration has a `value` only beside `added` or `removed`");
        }
        match (renamed, added, removed, mapped, converted) {
            (Some(Renamed { from, to }), None, None, None, None) => Ok(Step::Renamed { from, to }),
            (None, Some(at), None, None, None) => Ok(Step::Added { at, value }),
            (None, None, Some(at), None, None) => Ok(Step::Removed { at, value }),
            (None, None, None, Some(Mapped { at, values, otherwise }), None) => {
                Ok(Step::Mapped { at, values, otherwise })
            }
            (None, None, None, None, Some(Converted { at, old, new })) => {
                Ok(Step::Converted { at, old, new })
            }
            _ => Err("a step of a migration is one of renamed, added, removed, mapped, converted"),
        }
    }
}

impl From<Step> for StepText {
    fn from(step: Step) -> Self {
        match step {
            Step::Renamed { from, to } => {
                StepText { renamed: Some(Renamed { from, to }), ..StepText::default() }
            }
            Step::Added { at, value } => StepText { added: Some(at), value, ..StepText::default() },
            Step::Removed { at, value } => StepText { removed: Some(at), value, ..StepText::default() },
            Step::Mapped { at, values, otherwise } => {
                StepText { mapped: Some(Mapped { at, values, otherwise }), ..StepText::default() }
            }
            Step::Converted { at, old, new } => {
                StepText { converted: Some(Converted { at, old, new }), ..StepText::default() }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_step_keeps_its_form() {
        for text in [
            json!({"renamed": {"from": "/a", "to": "/b"}}),
            json!({"added": "/a"}),
            json!({"added": "/a", "value": null}),
            json!({"removed": "/a", "value": {"b": 1}}),
            json!({"mapped": {"at": "/a/*", "values": {"x": "y"}}}),
            json!({"mapped": {"at": "/a", "values": {"x": "y"}, "otherwise": "z"}}),
            json!({"converted": {"at": "/a", "old": "string", "new": "integer"}}),
        ] {
            let step: Step = serde_json::from_value(text.clone()).unwrap();
            assert_eq!(serde_json::to_value(step).unwrap(), text);
        }
    }

    #[test]
    fn what_is_no_step_or_two_is_refused() {
        for text in [
            json!({}),
            json!({"added": "/a", "removed": "/b"}),
            json!({"renamed": {"from": "/a", "to": "/b"}, "value": 1}),
            json!({"renamed": {"from": "/a"}}),
            json!({"added": "a"}),
            json!({"lost": "/a"}),
            json!({"converted": {"at": "/a", "old": "string", "new": "date"}}),
        ] {
            assert!(serde_json::from_value::<Step>(text.clone()).is_err(), "{text}");
        }
    }
}
