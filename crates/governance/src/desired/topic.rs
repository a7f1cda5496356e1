//! `topics/TOPIC/topic.yaml` with the schema beside it.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;

use contract::{
    AgencyName, Class, ContractVersion, Definition, FieldRule, Format, KeyRule, Pointer, PrincipalName,
    Redaction, Step, TopicName,
};
use serde::de::value::MapAccessDeserializer;
use serde::de::{self, MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};
use serde_saphyr::Spanned;

use super::file::{File, Text, line, written};
use crate::commands::NewTopic;
use crate::policy::LOCAL;
use crate::{Latency, duration};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TopicForm {
    topic: Option<Text>,
    owner: Option<Text>,
    steward: Option<Text>,
    deputy: Option<Text>,
    description: Option<Text>,
    legal_basis: Option<Text>,
    #[serde(default)]
    latency: Latency,
    #[serde(default = "one")]
    partitions: u32,
    retention: Option<Text>,
    keep: Option<Text>,
    key: Option<Text>,
    contract: Option<ContractForm>,
}

fn one() -> u32 {
    1
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ContractForm {
    version: Option<u32>,
    format: Option<Format>,
    schema: Option<Text>,
    compatibility: Option<String>,
    subject: Option<OneOrMany>,
    #[serde(default)]
    classify: BTreeMap<String, Spanned<RuleForm>>,
    #[serde(default)]
    extensions: BTreeMap<String, String>,
    identity: Option<Text>,
    identity_window: Option<Text>,
    #[serde(default)]
    end_to_end: Vec<String>,
    migration: Option<Vec<Step>>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum OneOrMany {
    One(String),
    Many(Vec<String>),
}

enum RuleForm {
    Short(String),
    Long(LongRule),
}

/// Written out, so that what is inside a rule knows its place in the file.
impl<'de> Deserialize<'de> for RuleForm {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Form;
        impl<'de> Visitor<'de> for Form {
            type Value = RuleForm;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a class, or {class: …, of: …, redact: …, may_hold: […]}")
            }
            fn visit_str<E: de::Error>(self, class: &str) -> Result<RuleForm, E> {
                Ok(RuleForm::Short(class.to_owned()))
            }
            fn visit_map<A: MapAccess<'de>>(self, rule: A) -> Result<RuleForm, A::Error> {
                LongRule::deserialize(MapAccessDeserializer::new(rule)).map(RuleForm::Long)
            }
        }
        from.deserialize_any(Form)
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct LongRule {
    class: String,
    of: Option<String>,
    #[serde(default)]
    may_hold: BTreeSet<String>,
    #[serde(default, deserialize_with = "is_there")]
    redact: Option<Spanned<Option<String>>>,
}

/// In YAML a bare `null` is no text, and is meant.
fn is_there<'de, D: Deserializer<'de>, T: Deserialize<'de>>(from: D) -> Result<Option<T>, D::Error> {
    T::deserialize(from).map(Some)
}

/// The form that a rule names. YAML takes a line without a value for `null` too; that is more likely forgotten than meant.
fn form(content: &str, redact: Option<Spanned<Option<String>>>) -> Result<Redaction, String> {
    let Some(redact) = redact else { return Ok(Redaction::default()) };
    match &redact.value {
        Some(text) => text.parse::<Redaction>().map_err(|error| error.to_string()),
        None if is_written(content, &redact) => Ok(Redaction::Null),
        None => {
            Err("redact: has no value: write `redact: null`, or another form, or leave it out".to_owned())
        }
    }
}

/// Whether `null` stands where a value was read.
fn is_written<T>(content: &str, read: &Spanned<T>) -> bool {
    let at = read.defined;
    let Ok(line) = usize::try_from(at.line()) else { return false };
    let Some(line) = line.checked_sub(1).and_then(|line| content.lines().nth(line)) else { return false };
    let column = usize::try_from(at.column()).unwrap_or(usize::MAX).saturating_sub(1);
    let rest: String = line.chars().skip(column).collect();
    let ends = |rest: &str| rest.is_empty() || rest.starts_with([' ', '\t', ',', '}', '#']);
    ["null", "Null", "NULL", "~"].iter().any(|null| rest.strip_prefix(null).is_some_and(ends))
}

/// Reads a topic; `folder` is the name of the folder that the file stands in.
pub(super) fn read(file: &mut File<'_>, folder: &str, files: &BTreeMap<String, String>) -> Option<NewTopic> {
    let form: TopicForm = file.yaml()?;
    file.named_after("topic", form.topic.as_ref(), folder);
    let topic: Option<TopicName> = file.demanded_as("topic", form.topic);
    let owner = file.demanded_as("owner", form.owner);
    let steward = file.demanded_as("steward", form.steward);
    let deputy = file.demanded_as("deputy", form.deputy);
    let description = file.demanded("description", form.description);
    let legal_basis = file.demanded("legal_basis", form.legal_basis);
    let retention = span_of_time(file, "retention", form.retention.as_ref());
    let keep = span_of_time(file, "keep", form.keep.as_ref());
    if form.retention.is_none() {
        file.field_fault("retention", None, "is missing");
    }
    let key = form.key.and_then(|text| match KeyRule::try_from(text.value.clone()) {
        Ok(key) => Some(key),
        Err(_) => {
            let forms = "is neither subject nor none nor a pointer, such as /case/id";
            file.field_fault("key", line(&text), forms);
            None
        }
    });
    if form.contract.is_none() {
        file.field_fault("contract", None, "is missing; without a contract there is no topic");
    }
    let contract = definition(file, folder, files, topic.clone()?, key.unwrap_or_default(), form.contract?);
    Some(NewTopic {
        topic: topic?,
        owner: Some(owner?),
        steward: Some(steward?),
        deputy: Some(deputy?),
        description: description?,
        legal_basis: legal_basis?,
        latency: form.latency,
        partitions: form.partitions,
        retention: duration::to_text(retention?),
        keep: keep.map(duration::to_text),
        access: files.get(&format!("topics/{folder}/{LOCAL}")).cloned().unwrap_or_default(),
        contract: Arc::new(contract?),
    })
    .filter(|_| file.is_sound())
}

fn definition(
    file: &mut File<'_>,
    folder: &str,
    files: &BTreeMap<String, String>,
    topic: TopicName,
    key: KeyRule,
    form: ContractForm,
) -> Option<Definition> {
    for (field, missing) in [("version", form.version.is_none()), ("format", form.format.is_none())] {
        if missing {
            file.field_fault(&format!("contract.{field}"), None, "is missing");
        }
    }
    let schema = schema(file, folder, files, form.schema);
    let subject = match form.subject {
        None => Vec::new(),
        Some(OneOrMany::One(one)) => vec![one],
        Some(OneOrMany::Many(many)) => many,
    };
    let subject = subject.iter().filter_map(|text| pointer(file, "contract.subject", None, text)).collect();
    let classify = classify(file, form.classify);
    let identity =
        form.identity.and_then(|text| pointer(file, "contract.identity", line(&text), &text.value));
    let identity_window_s = span_of_time(file, "contract.identity_window", form.identity_window.as_ref());
    Some(Definition {
        topic,
        version: ContractVersion(form.version?),
        format: form.format?,
        schema: schema?,
        compatibility: form.compatibility.unwrap_or_else(|| "BACKWARD".to_owned()),
        subject,
        classify,
        key,
        extensions: form.extensions.into_iter().map(|(name, class)| (name, Class::from(class))).collect(),
        identity,
        identity_window_s,
        end_to_end: form.end_to_end.into_iter().map(Class::from).collect(),
        migration: form.migration,
    })
}

fn schema(
    file: &mut File<'_>,
    folder: &str,
    files: &BTreeMap<String, String>,
    name: Option<Text>,
) -> Option<String> {
    const FIELD: &str = "contract.schema";
    let Some(name) = name else {
        file.field_fault(FIELD, None, "is missing");
        return None;
    };
    let found = files.get(&format!("topics/{folder}/{}", name.value));
    if found.is_none() || name.value.contains('/') {
        let text = format!("there is no file {:?} in topics/{folder}", name.value);
        file.field_fault(FIELD, line(&name), text);
        return None;
    }
    found.cloned()
}

fn classify(file: &mut File<'_>, rules: BTreeMap<String, Spanned<RuleForm>>) -> BTreeMap<Pointer, FieldRule> {
    let mut read = BTreeMap::new();
    for (at, rule) in rules {
        let line = line(&rule);
        let LongRule { class, of, may_hold, redact } = match rule.value {
            RuleForm::Short(class) => LongRule { class, of: None, may_hold: BTreeSet::new(), redact: None },
            RuleForm::Long(rule) => rule,
        };
        let field = format!("contract.classify.{at}");
        let redact = form(file.content, redact).map_err(|why| file.field_fault(&field, line, why));
        let of = of.and_then(|of| pointer(file, &field, line, &of));
        let redact = redact.unwrap_or_default();
        if let Some(at) = pointer(file, &field, line, &at) {
            read.insert(at, FieldRule { class: Class::from(class), of, may_hold, redact });
        }
    }
    read
}

fn pointer(file: &mut File<'_>, field: &str, line: Option<u64>, text: &str) -> Option<Pointer> {
    Pointer::parse(text).map_err(|error| file.field_fault(field, line, error.to_string())).ok()
}

fn span_of_time(file: &mut File<'_>, field: &str, text: Option<&Text>) -> Option<u64> {
    let text = text?;
    duration::parse_seconds(&text.value)
        .map_err(|error| file.field_fault(field, line(text), error.to_string()))
        .ok()
}

#[derive(Serialize)]
struct WrittenTopic<'a> {
    topic: &'a str,
    owner: Option<&'a AgencyName>,
    steward: Option<&'a PrincipalName>,
    deputy: Option<&'a PrincipalName>,
    description: &'a str,
    legal_basis: &'a str,
    latency: Latency,
    partitions: u32,
    retention: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    keep: Option<&'a str>,
    key: &'a KeyRule,
    contract: WrittenContract<'a>,
}

#[derive(Serialize)]
struct WrittenContract<'a> {
    version: u32,
    format: Format,
    schema: &'a str,
    compatibility: &'a str,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    subject: &'a [Pointer],
    classify: &'a BTreeMap<Pointer, FieldRule>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    extensions: &'a BTreeMap<String, Class>,
    #[serde(skip_serializing_if = "Option::is_none")]
    identity: Option<&'a Pointer>,
    #[serde(skip_serializing_if = "Option::is_none")]
    identity_window: Option<String>,
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    end_to_end: &'a BTreeSet<Class>,
    #[serde(skip_serializing_if = "Option::is_none")]
    migration: Option<&'a [Step]>,
}

/// The files that [`read`] reads this from: `topic.yaml`, its schema and its policies, each with its name in the topic's folder.
pub(super) fn files(wish: &NewTopic) -> Vec<(String, String)> {
    let NewTopic { topic, owner, steward, deputy, description, legal_basis, latency, partitions, .. } = wish;
    let Definition { version, format, schema, compatibility, subject, classify, key, .. } = &*wish.contract;
    let Definition { extensions, identity, identity_window_s, end_to_end, migration, .. } = &*wish.contract;
    let ending = match format {
        Format::JsonSchema => "schema.json",
        Format::Avro => "avsc",
        Format::Protobuf => "proto",
    };
    let schema_file = format!("v{}.{ending}", version.0);
    let contract = WrittenContract {
        version: version.0,
        format: *format,
        schema: &schema_file,
        compatibility,
        subject,
        classify,
        extensions,
        identity: identity.as_ref(),
        identity_window: identity_window_s.map(duration::to_text),
        end_to_end,
        migration: migration.as_deref(),
    };
    let form = WrittenTopic {
        topic: topic.as_str(),
        owner: owner.as_ref(),
        steward: steward.as_ref(),
        deputy: deputy.as_ref(),
        description,
        legal_basis,
        latency: *latency,
        partitions: *partitions,
        retention: &wish.retention,
        keep: wish.keep.as_deref(),
        key,
        contract,
    };
    let mut files = vec![("topic.yaml".to_owned(), written(&form)), (schema_file, schema.clone())];
    files.extend((!wish.access.is_empty()).then(|| (LOCAL.to_owned(), wish.access.clone())));
    files
}
