//! What a registry knows of schema texts: whether they read, in which layout they are kept, what they refer to, what
//! they say inline of their fields, and which of them read what others wrote.
//!
//! A text is read with everything that it refers to at hand; nothing is ever fetched. Nothing here knows of subjects,
//! ids or versions.

mod avro;
mod canonical;
pub mod compatibility;
mod json;
mod layout;
mod protobuf;
mod standalone;
mod tags;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use prost_reflect::prost_types::{FileDescriptorProto, FileDescriptorSet};
use prost_reflect::{DescriptorPool, FileDescriptor};

use crate::limits::TYPE_DEPTH;
use crate::pointer::Pointer;
use crate::{Format, formats};

pub use canonical::{canonical, normalized, serialized};
pub use compatibility::{Compatibility, Incompatibility};
pub use standalone::standalone;
pub use tags::tags;

/// Texts that one may refer to, directly or not: real schemas need dozens.
const REFERENCES: usize = 200;

/// Every place of the documents of a schema that stands alone; none where it does not read.
pub fn places(format: Format, schema: &str) -> BTreeSet<Pointer> {
    let declared = formats::declared(format, schema);
    declared.keys().filter_map(|place| Pointer::parse(place).ok()).collect()
}

/// A schema as registered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    /// The language of the text.
    pub format: Format,
    /// The text.
    pub text: String,
    /// The texts that it refers to, by the name it uses for them: of Protobuf what `import` names, of JSON Schema what
    /// `$ref` names before its `#`, of Avro the full name of the type. Complete: also those that they refer to.
    pub references: BTreeMap<String, String>,
}

impl Source {
    /// A text that refers to no other.
    pub fn alone(format: Format, text: impl Into<String>) -> Self {
        Self { format, text: text.into(), references: BTreeMap::new() }
    }

    /// The references, as long as they are not too many: readers recurse from one into the other.
    fn bounded_references(&self) -> Result<&BTreeMap<String, String>, SchemaFault> {
        match self.references.len() > REFERENCES {
            true => {
                Err(SchemaFault(format!("the text refers to more than {REFERENCES} others: put some in one")))
            }
            false => Ok(&self.references),
        }
    }
}

/// Why a text does not read, with where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SchemaFault(pub String);

impl SchemaFault {
    /// A fault at a place of the text.
    fn at(place: &str, problem: impl fmt::Display) -> Self {
        Self(format!("{}: {problem}", if place.is_empty() { "the schema" } else { place }))
    }
}

impl fmt::Display for SchemaFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for SchemaFault {}

/// A Protobuf file that stands alone.
pub(crate) fn protobuf_file(text: &str) -> Result<FileDescriptor, SchemaFault> {
    protobuf::load(&Source::alone(Format::Protobuf, text)).map(|loaded| loaded.file)
}

/// A Protobuf file's text in one layout; none where it does not read.
pub(crate) fn protobuf_layout(text: &str) -> Option<String> {
    canonical(&Source::alone(Format::Protobuf, text)).ok()
}

/// The text of a file that was made from another, whose imports it has; none where it does not hold together.
pub(crate) fn protobuf_text(original: &FileDescriptor, changed: FileDescriptorProto) -> Option<String> {
    let others = original.parent_pool().files().filter(|file| file.name() != original.name());
    let others = others.map(|file| file.file_descriptor_proto().clone());
    let name = changed.name().to_owned();
    let file = others.chain([changed]).collect();
    let pool = DescriptorPool::from_file_descriptor_set(FileDescriptorSet { file }).ok()?;
    Some(protobuf::print(&pool.get_file_by_name(&name)?, protobuf::Style::AsDeclared))
}
