//! Whether readers of one schema understand what writers of another wrote, and what that means for the versions of a
//! subject. Kinds, paths and descriptions are those of the Confluent Schema Registry, so that its clients understand
//! them.

mod avro;
mod json;
mod protobuf;

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::{SchemaFault, Source};

/// How a new version relates to earlier ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Compatibility {
    /// Anything goes.
    None,
    /// Readers of the new version read what the last one wrote.
    Backward,
    /// Readers of the new version read what any earlier one wrote.
    BackwardTransitive,
    /// Readers of the last version read what the new one writes.
    Forward,
    /// Readers of any earlier version read what the new one writes.
    ForwardTransitive,
    /// Both, with the last version.
    Full,
    /// Both, with every earlier version.
    FullTransitive,
}

impl Compatibility {
    /// All modes.
    pub const fn all() -> [Compatibility; 7] {
        use Compatibility::*;
        [None, Backward, BackwardTransitive, Forward, ForwardTransitive, Full, FullTransitive]
    }

    /// Its name, such as `BACKWARD_TRANSITIVE`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Compatibility::None => "NONE",
            Compatibility::Backward => "BACKWARD",
            Compatibility::BackwardTransitive => "BACKWARD_TRANSITIVE",
            Compatibility::Forward => "FORWARD",
            Compatibility::ForwardTransitive => "FORWARD_TRANSITIVE",
            Compatibility::Full => "FULL",
            Compatibility::FullTransitive => "FULL_TRANSITIVE",
        }
    }

    /// Whether every earlier version counts, not only the last.
    pub const fn is_transitive(self) -> bool {
        use Compatibility::*;
        matches!(self, BackwardTransitive | ForwardTransitive | FullTransitive)
    }

    /// Whether the new version must read earlier ones.
    pub const fn is_backward(self) -> bool {
        use Compatibility::*;
        matches!(self, Backward | BackwardTransitive | Full | FullTransitive)
    }

    /// Whether earlier versions must read the new one.
    pub const fn is_forward(self) -> bool {
        use Compatibility::*;
        matches!(self, Forward | ForwardTransitive | Full | FullTransitive)
    }
}

impl fmt::Display for Compatibility {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A text that names no mode.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnknownCompatibility(pub String);

impl fmt::Display for UnknownCompatibility {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = Compatibility::all().map(Compatibility::as_str).join(", ");
        write!(f, "{:?} is no compatibility: use one of {names}", self.0)
    }
}

impl std::error::Error for UnknownCompatibility {}

impl FromStr for Compatibility {
    type Err = UnknownCompatibility;

    /// Takes the name in any case, as Confluent's registry does.
    fn from_str(text: &str) -> Result<Self, UnknownCompatibility> {
        let found = Self::all().into_iter().find(|mode| mode.as_str().eq_ignore_ascii_case(text));
        found.ok_or_else(|| UnknownCompatibility(text.to_owned()))
    }
}

/// One reason why a reader might not read what a writer wrote.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Incompatibility {
    /// Confluent's `errorType`, such as `READER_FIELD_MISSING_DEFAULT_VALUE`.
    pub kind: String,
    /// Where in the schema: of Avro and JSON Schema into the schema's text, of Protobuf `#/Message/number`.
    pub path: String,
    /// What is wrong, naming the schemas as `new` and `old`.
    pub description: String,
    /// Confluent's `additionalInfo`; may be empty.
    pub info: String,
}

impl fmt::Display for Incompatibility {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{{errorType:'{}', description:'{}'", self.kind, self.description)?;
        match self.info.as_str() {
            "" => f.write_str("}"),
            info => write!(f, ", additionalInfo:'{info}'}}"),
        }
    }
}

/// What one comparison found, before it is said which of the schemas is the newer one.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Finding {
    kind: &'static str,
    path: String,
    /// With `{reader}`, `{writer}`, `{path}` and `{info}`.
    description: &'static str,
    info: String,
}

impl Finding {
    fn told(self, reader: &str, writer: &str) -> Incompatibility {
        let text = self.description.replace("{reader}", reader).replace("{writer}", writer);
        // The path and the info are the schemas' own words: they come last, so that nothing in them is replaced.
        let text = match text.split_once("{info}") {
            Some((before, after)) => {
                format!("{}{}{}", with_path(before, &self.path), self.info, with_path(after, &self.path))
            }
            None => with_path(&text, &self.path),
        };
        Incompatibility { kind: self.kind.to_owned(), path: self.path, description: text, info: self.info }
    }
}

fn with_path(text: &str, path: &str) -> String {
    text.split("{path}").collect::<Vec<_>>().join(path)
}

/// Why a reader of `reader`, the newer schema, might not read what a writer of `writer` wrote; empty: it can.
pub fn reading(reader: &Source, writer: &Source) -> Result<Vec<Incompatibility>, SchemaFault> {
    told(reader, writer, "new", "old")
}

fn told(
    reader: &Source,
    writer: &Source,
    called: &str,
    writer_called: &str,
) -> Result<Vec<Incompatibility>, SchemaFault> {
    use crate::Format;
    let found = match (reader.format, writer.format) {
        (Format::Avro, Format::Avro) => avro::reading(reader, writer)?,
        (Format::JsonSchema, Format::JsonSchema) => json::reading(reader, writer)?,
        (Format::Protobuf, Format::Protobuf) => protobuf::reading(reader, writer)?,
        _ => vec![Finding {
            kind: "SCHEMA_TYPE_MISMATCH",
            path: "/".to_owned(),
            description: "The {reader} schema is of another language than the {writer} schema",
            info: String::new(),
        }],
    };
    Ok(found.into_iter().map(|finding| finding.told(called, writer_called)).collect())
}

/// Why `new` may not follow `earlier` (oldest first) under a mode: the index of the earlier version, and the reason.
/// Empty: it may.
pub fn check(
    mode: Compatibility,
    new: &Source,
    earlier: &[Source],
) -> Result<Vec<(usize, Incompatibility)>, SchemaFault> {
    let first = if mode.is_transitive() { 0 } else { earlier.len().saturating_sub(1) };
    let mut found = Vec::new();
    for (index, old) in earlier.iter().enumerate().skip(first) {
        if mode.is_backward() {
            found.extend(told(new, old, "new", "old")?.into_iter().map(|reason| (index, reason)));
        }
        if mode.is_forward() {
            let reasons = told(old, new, "old", "new")?;
            let known: Vec<Incompatibility> =
                found.iter().filter(|(at, _)| *at == index).map(|(_, reason)| reason.clone()).collect();
            let fresh = reasons.into_iter().filter(|reason| !known.contains(reason));
            found.extend(fresh.map(|reason| (index, reason)));
        }
    }
    Ok(found)
}
