//! Differences of two definitions, in words that a consumer of the topic understands.

use std::collections::BTreeSet;
use std::fmt;

use crate::definition::{Definition, FieldRule, Format};
use crate::formats;
use crate::pointer::Pointer;

/// One difference of two definitions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// The schema has a new place.
    FieldAdded {
        /// Where.
        pointer: String,
        /// What may stand there.
        types: String,
    },
    /// The schema has lost a place.
    FieldRemoved {
        /// Where.
        pointer: String,
    },
    /// Other types may stand at a place.
    TypeChanged {
        /// Where.
        pointer: String,
        /// What might stand there before.
        old: String,
        /// What may now.
        new: String,
    },
    /// A rule of the classification is new, gone or different.
    ClassChanged {
        /// Where.
        pointer: String,
        /// The class before, with whose it is.
        old: Option<String>,
        /// The class now.
        new: Option<String>,
    },
    /// A plain part of the definition is different.
    PartChanged {
        /// The part's name in the definition, such as `key`.
        part: &'static str,
        /// Its text before.
        old: String,
        /// Its text now.
        new: String,
    },
    /// The schema's text is different although none of the above is: bounds, patterns, descriptions.
    SchemaReworded,
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Change::FieldAdded { pointer, types } => write!(f, "{pointer} is new: {types}"),
            Change::FieldRemoved { pointer } => write!(f, "{pointer} is gone"),
            Change::TypeChanged { pointer, old, new } => write!(f, "{pointer} was {old}, is {new}"),
            Change::ClassChanged { pointer, old, new } => {
                let text = |class: &Option<String>| {
                    class.clone().unwrap_or_else(|| "without a rule of its own".to_owned())
                };
                write!(f, "{pointer} was {}, is {}", text(old), text(new))
            }
            Change::PartChanged { part, old, new } => write!(f, "{part} was {old}, is {new}"),
            Change::SchemaReworded => f.write_str(
                "the schema says other things of the same fields (bounds, patterns, descriptions)",
            ),
        }
    }
}

/// What is different in `new`. A schema that does not read counts as having no fields.
pub fn diff(old: &Definition, new: &Definition) -> Vec<Change> {
    let mut changes = fields(old, new);
    let reworded = changes.is_empty() && formats::meaning(old) != formats::meaning(new);
    changes.extend(classes(old, new));
    if reworded {
        changes.push(Change::SchemaReworded);
    }
    let (before, after) = (parts(old), parts(new));
    let parts = before.into_iter().zip(after).filter(|((_, old), (_, new))| old != new);
    changes.extend(parts.map(|((part, old), (_, new))| Change::PartChanged { part, old, new }));
    changes
}

/// Every place of the documents of a schema that stands alone; none where it does not read.
pub fn places(format: Format, schema: &str) -> BTreeSet<Pointer> {
    let declared = formats::declared(format, schema);
    declared.keys().filter_map(|place| Pointer::parse(place).ok()).collect()
}

fn fields(old: &Definition, new: &Definition) -> Vec<Change> {
    let declared = |it: &Definition| formats::declared(it.format, &it.schema);
    let (before, after) = (declared(old), declared(new));
    let mut changes = Vec::new();
    for (pointer, types) in &after {
        match before.get(pointer) {
            None => changes.push(Change::FieldAdded { pointer: pointer.clone(), types: types.clone() }),
            Some(was) if was != types => changes.push(Change::TypeChanged {
                pointer: pointer.clone(),
                old: was.clone(),
                new: types.clone(),
            }),
            Some(_) => {}
        }
    }
    let gone = before.keys().filter(|pointer| !after.contains_key(*pointer));
    changes.extend(gone.map(|pointer| Change::FieldRemoved { pointer: pointer.clone() }));
    changes
}

fn classes(old: &Definition, new: &Definition) -> Vec<Change> {
    let text = |rule: &FieldRule| match &rule.of {
        None => rule.class.to_string(),
        Some(of) => format!("{} of {of}", rule.class),
    };
    let pointers: BTreeSet<&Pointer> = old.classify.keys().chain(new.classify.keys()).collect();
    let changes = pointers.into_iter().filter_map(|pointer| {
        let (old, new) = (old.classify.get(pointer), new.classify.get(pointer));
        (old != new).then(|| Change::ClassChanged {
            pointer: if *pointer == Pointer::root() {
                "the document".to_owned()
            } else {
                pointer.to_string()
            },
            old: old.map(text),
            new: new.map(text),
        })
    });
    changes.collect()
}

/// The plain parts as texts, always the same in the same order.
fn parts(definition: &Definition) -> [(&'static str, String); 9] {
    let list = |pointers: &[Pointer]| pointers.iter().map(Pointer::to_string).collect::<Vec<_>>().join(", ");
    let none = || "none".to_owned();
    let subject = if definition.subject.is_empty() { none() } else { list(&definition.subject) };
    let extensions = definition.extensions.iter().map(|(name, class)| format!("{name}: {class}"));
    let extensions = extensions.collect::<Vec<_>>().join(", ");
    [
        ("topic", definition.topic.to_string()),
        ("version", definition.version.to_string()),
        ("format", format!("{:?}", definition.format)),
        ("compatibility", definition.compatibility.clone()),
        ("subject", subject),
        ("key", String::from(definition.key.clone())),
        ("extensions", if extensions.is_empty() { none() } else { extensions }),
        ("identity", definition.identity.as_ref().map_or_else(none, Pointer::to_string)),
        (
            "identity_window_s",
            definition
                .identity_window_s
                .map_or_else(|| "the topic's retention".to_owned(), |seconds| seconds.to_string()),
        ),
    ]
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde_json::Value;

    use super::*;
    use crate::{ContractVersion, Format, KeyRule, TopicName};

    fn definition(version: u32, schema: Value, classify: &[(&str, &str)]) -> Definition {
        Definition {
            topic: TopicName::parse("civil.birth.registered").unwrap(),
            version: ContractVersion(version),
            format: Format::JsonSchema,
            schema: schema.to_string(),
            compatibility: "BACKWARD".to_owned(),
            subject: Vec::new(),
            classify: classify
                .iter()
                .map(|(at, class)| {
                    (Pointer::parse(at).unwrap(), FieldRule { class: (*class).into(), of: None })
                })
                .collect(),
            key: KeyRule::None,
            extensions: BTreeMap::new(),
            identity: None,
            identity_window_s: None,
        }
    }

    #[test]
    fn a_diff_names_each_field_class_and_part_that_changed() {
        let properties = |properties: Value| serde_json::json!({"type": "object", "properties": properties, "additionalProperties": false});
        let old = definition(
            1,
            properties(
                serde_json::json!({"a": {"type": "string"}, "b": {"type": "integer"}, "list": {"type": "array", "items": {"type": "string"}}}),
            ),
            &[("/a", "public"), ("/b", "public"), ("/list", "public")],
        );
        let mut new = definition(
            2,
            properties(
                serde_json::json!({"a": {"type": ["string", "null"]}, "c": {"type": "number"}, "list": {"type": "array", "items": {"type": "boolean"}}}),
            ),
            &[("/a", "internal"), ("/c", "public"), ("/list", "public")],
        );
        new.key = KeyRule::At(Pointer::parse("/a").unwrap());
        let said: Vec<String> = diff(&old, &new).iter().map(Change::to_string).collect();
        assert_eq!(
            said,
            [
                "/a was string, is null or string",
                "/c is new: number",
                "/list/* was string, is boolean",
                "/b is gone",
                "/a was public, is internal",
                "/b was public, is without a rule of its own",
                "/c was without a rule of its own, is public",
                "version was v1, is v2",
                "key was none, is /a",
            ]
        );
        assert!(diff(&old, &old).is_empty());
    }

    #[test]
    fn a_schema_that_only_tightens_a_bound_is_said_to_be_reworded() {
        let old = definition(1, serde_json::json!({"type": "string"}), &[]);
        let new = definition(1, serde_json::json!({"type": "string", "maxLength": 3}), &[]);
        assert_eq!(diff(&old, &new), [Change::SchemaReworded]);
    }
}
