//! Texts in one layout: what is kept and handed out.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;

use super::layout::Tree;
use super::protobuf::Style;
use super::{SchemaFault, Source, avro, json, protobuf};
use crate::Format;

/// The text in one layout: equal for texts that differ only in layout. Faults where the text does not read.
///
/// Avro and JSON Schema become compact JSON with members in their order. Protobuf is taken as text, or as base64 of a
/// serialized `FileDescriptorProto`, and becomes text.
pub fn canonical(source: &Source) -> Result<String, SchemaFault> {
    match source.format {
        Format::Avro => {
            avro::Schema::read(source)?;
            Ok(avro::text::canonical(Tree::parse(&source.text)?).to_string())
        }
        Format::JsonSchema => {
            json::Documents::read(source)?;
            Ok(Tree::parse(&source.text)?.to_string())
        }
        Format::Protobuf => Ok(protobuf::print(&protobuf::load(source)?.file, Style::AsDeclared)),
    }
}

/// The canonical text, further with everything in a fixed order whose order says nothing: equal for more texts of one
/// meaning (Confluent's `normalize=true`).
pub fn normalized(source: &Source) -> Result<String, SchemaFault> {
    match source.format {
        Format::Avro => {
            avro::Schema::read(source)?;
            let tree = avro::text::canonical(Tree::parse(&source.text)?);
            Ok(avro::text::normalized(tree, "").to_string())
        }
        Format::JsonSchema => {
            json::Documents::read(source)?;
            Ok(Tree::parse(&source.text)?.sorted().to_string())
        }
        Format::Protobuf => Ok(protobuf::print(&protobuf::load(source)?.file, Style::Sorted)),
    }
}

/// Of Protobuf the base64 of the serialized `FileDescriptorProto` (Confluent's `format=serialized`); of others none.
pub fn serialized(source: &Source) -> Result<Option<String>, SchemaFault> {
    match source.format {
        Format::Avro | Format::JsonSchema => Ok(None),
        Format::Protobuf => Ok(Some(BASE64_STANDARD.encode(protobuf::load(source)?.encoded()))),
    }
}
