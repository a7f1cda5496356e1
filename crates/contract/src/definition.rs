//! What a steward writes: the versioned agreement of a topic, before it is compiled.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::{Class, ContractVersion, Pointer, Redaction, Step, TopicName};

/// The contract of one version of a topic, as proposed. Everything that `compile` needs, and nothing of its life.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Definition {
    /// The topic that it is the contract of.
    pub topic: TopicName,
    /// Which version.
    pub version: ContractVersion,
    /// The language of the schema.
    pub format: Format,
    /// The schema's text, as the steward wrote it.
    pub schema: String,
    /// How new versions relate to older ones: BACKWARD, FORWARD, FULL, their _TRANSITIVE forms, NONE.
    #[serde(default = "backward")]
    pub compatibility: String,
    /// Whom the data is about: pointers to the identifiers of the data subjects.
    #[serde(default)]
    pub subject: Vec<Pointer>,
    /// The class of each leaf of the schema; a rule on an inner node covers everything below it.
    pub classify: BTreeMap<Pointer, FieldRule>,
    /// What orders events.
    #[serde(default)]
    pub key: KeyRule,
    /// CloudEvents extension attributes that events may carry beyond those known to all, with their class.
    #[serde(default)]
    pub extensions: BTreeMap<String, Class>,
    /// Where the identity stands in the data, for producers that cannot set `id`.
    #[serde(default)]
    pub identity: Option<Pointer>,
    /// How long an identity is remembered, in seconds; default: the topic's retention, at most 90 days.
    #[serde(default)]
    pub identity_window_s: Option<u64>,
    /// Classes whose values the producer seals for the readers' agencies, so that the bus cannot open them either.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub end_to_end: BTreeSet<Class>,
    /// How events are taken back to the version before, for those who stay on it; none: nobody can. An empty list says
    /// that documents are the same.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub migration: Option<Vec<Step>>,
}

fn backward() -> String {
    "BACKWARD".to_owned()
}

/// The language of a contract's schema.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Format {
    /// JSON Schema 2020-12.
    JsonSchema,
    /// Apache Avro.
    Avro,
    /// Protocol Buffers.
    Protobuf,
}

/// The class of a field and, where it is not the nearest subject, whose it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "RuleText", into = "RuleText")]
pub struct FieldRule {
    /// The field's class.
    pub class: Class,
    /// The subject pointer of the person it is about; default: the subject that shares the longest path.
    pub of: Option<Pointer>,
    /// What [detectors](crate::leaks) may find in it without harm, such as the e-mail address of a desk.
    pub may_hold: BTreeSet<String>,
    /// What who is not cleared for the class sees in its place.
    pub redact: Redaction,
}

/// What orders the events of a topic: events of one key stay in order.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum KeyRule {
    /// The first data subject (its pseudonym).
    Subject,
    /// Nothing: events are spread by their identity.
    #[default]
    None,
    /// The value at a pointer; pseudonymised where it is personal.
    At(Pointer),
}

/// `personal`, `{class: personal, of: /parents/*/personId}`, `{class: public, may_hold: [email]}` or
/// `{class: personal, redact: last 4}`.
#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum RuleText {
    Short(Class),
    Long {
        class: Class,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        of: Option<Pointer>,
        #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
        may_hold: BTreeSet<String>,
        #[serde(default, skip_serializing_if = "is_absent")]
        redact: Redaction,
    },
}

fn is_absent(redact: &Redaction) -> bool {
    *redact == Redaction::Absent
}

impl From<RuleText> for FieldRule {
    fn from(text: RuleText) -> Self {
        match text {
            RuleText::Short(class) => FieldRule::from(class),
            RuleText::Long { class, of, may_hold, redact } => FieldRule { class, of, may_hold, redact },
        }
    }
}

impl From<FieldRule> for RuleText {
    fn from(rule: FieldRule) -> Self {
        let FieldRule { class, of, may_hold, redact } = rule;
        if of.is_none() && may_hold.is_empty() && is_absent(&redact) {
            return RuleText::Short(class);
        }
        RuleText::Long { class, of, may_hold, redact }
    }
}

impl From<Class> for FieldRule {
    /// Of the nearest person, without exceptions, and absent where it is redacted.
    fn from(class: Class) -> Self {
        FieldRule { class, of: None, may_hold: BTreeSet::new(), redact: Redaction::Absent }
    }
}

impl TryFrom<String> for KeyRule {
    type Error = crate::PointerError;
    fn try_from(text: String) -> Result<Self, crate::PointerError> {
        Ok(match text.as_str() {
            "subject" => KeyRule::Subject,
            "none" => KeyRule::None,
            pointer => KeyRule::At(Pointer::parse(pointer)?),
        })
    }
}

impl From<KeyRule> for String {
    fn from(key: KeyRule) -> String {
        match key {
            KeyRule::Subject => "subject".to_owned(),
            KeyRule::None => "none".to_owned(),
            KeyRule::At(pointer) => pointer.to_string(),
        }
    }
}
