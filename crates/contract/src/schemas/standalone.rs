//! Texts that stand alone.

use super::avro::text as avro_text;
use super::layout::Tree;
use super::{SchemaFault, Source, avro, canonical, json, protobuf};
use crate::Format;

/// One text that says what the source says with what it refers to put in.
///
/// Avro: a type of another text is defined where it first stands. JSON Schema: other documents are under `$defs`.
/// Protobuf: the types of files of the same package are in one file; a file of another package is a fault, since one
/// file has one package.
pub fn standalone(source: &Source) -> Result<String, SchemaFault> {
    if source.references.is_empty() {
        return canonical(source);
    }
    match source.format {
        Format::Avro => {
            avro::Schema::read(source)?;
            let definitions = avro::Definitions::of(&source.references)?;
            let tree = avro_text::canonical(Tree::parse(&source.text)?);
            Ok(avro_text::canonical(avro_text::standalone(tree, &definitions)).to_string())
        }
        Format::JsonSchema => json::text::bundled(source),
        Format::Protobuf => protobuf::merged(source),
    }
}
