//! What Protobuf's wire format lets change, in the kinds and by the rules of Confluent's `ProtobufSchema` comparison:
//! messages are matched by name, fields by number.

use std::collections::{BTreeMap, BTreeSet};

use prost_reflect::prost_types::field_descriptor_proto::{Label, Type};
use prost_reflect::{
    EnumDescriptor, FieldDescriptor, FileDescriptor, Kind, MessageDescriptor, OneofDescriptor,
};

use super::Finding;
use crate::schemas::{SchemaFault, Source, protobuf};

/// Why a reader of `reader` might not read what a writer of `writer` wrote. Packages may differ.
pub(super) fn reading(reader: &Source, writer: &Source) -> Result<Vec<Finding>, SchemaFault> {
    let (reader, writer) = (protobuf::load(reader)?.file, protobuf::load(writer)?.file);
    let mut comparison = Comparison {
        reader: &reader,
        writer: &writer,
        imported: BTreeSet::new(),
        pending: Vec::new(),
        found: Vec::new(),
    };
    for message in writer.messages() {
        comparison.declared(&message, "#");
    }
    while let Some((reader, writer, at)) = comparison.pending.pop() {
        comparison.message(&reader, &writer, &at);
    }
    Ok(comparison.found)
}

struct Comparison<'f> {
    reader: &'f FileDescriptor,
    writer: &'f FileDescriptor,
    /// Messages of imported files that fields led to.
    imported: BTreeSet<String>,
    /// Those of them that are still to be compared, with the field that led to them.
    pending: Vec<(MessageDescriptor, MessageDescriptor, String)>,
    found: Vec<Finding>,
}

impl Comparison<'_> {
    fn add(&mut self, kind: &'static str, path: &str) {
        let (_, description) =
            DESCRIPTIONS.iter().find(|(known, _)| *known == kind).copied().unwrap_or((kind, kind));
        self.found.push(Finding { kind, path: path.to_owned(), description, info: String::new() });
    }

    /// A message that the writer's file declares, and those in it.
    fn declared(&mut self, written: &MessageDescriptor, around: &str) {
        if written.is_map_entry() {
            return;
        }
        let path = format!("{around}/{}", written.name());
        let local = local(written.full_name(), self.writer);
        let known = self.reader.parent_pool().get_message_by_name(&global(&local, self.reader));
        // In an imported file it has only moved.
        match known.or_else(|| self.reader.parent_pool().get_message_by_name(written.full_name())) {
            None => self.add("MESSAGE_REMOVED", &path),
            Some(known) => {
                self.message(&known, written, &path);
                for child in written.child_messages() {
                    self.declared(&child, &path);
                }
            }
        }
    }

    fn message(&mut self, reader: &MessageDescriptor, writer: &MessageDescriptor, path: &str) {
        for written in writer.fields() {
            let at = format!("{path}/{}", written.number());
            match reader.get_field(written.number()) {
                Some(field) => self.field(&field, &written, &at),
                None if written.is_required() => self.add("REQUIRED_FIELD_REMOVED", &at),
                None => {}
            }
        }
        for field in reader.fields().filter(|field| field.is_required()) {
            if !writer.get_field(field.number()).is_some_and(|written| written.is_required()) {
                self.add("REQUIRED_FIELD_ADDED", &format!("{path}/{}", field.number()));
            }
        }
        self.oneofs(reader, writer, path);
    }

    fn field(&mut self, reader: &FieldDescriptor, writer: &FieldDescriptor, at: &str) {
        let (was_required, is_required) = (writer.is_required(), reader.is_required());
        if was_required && !is_required {
            self.add("REQUIRED_FIELD_REMOVED", at);
        }
        if reader.is_map() != writer.is_map() {
            return self.add("FIELD_KIND_CHANGED", at);
        }
        let repeated = |field: &FieldDescriptor| field.field_descriptor_proto().label() == Label::Repeated;
        // Of several numbers packed together a reader of one sees none; of strings and messages, the last.
        if repeated(reader) != repeated(writer) && group(&reader.kind()).is_numeric() {
            self.add("FIELD_NUMERIC_LABEL_CHANGED", at);
        }
        if let (Kind::Message(entry), Kind::Message(written)) = (reader.kind(), writer.kind())
            && reader.is_map()
        {
            self.kinds(&entry.map_entry_key_field(), &written.map_entry_key_field(), at);
            return self.kinds(&entry.map_entry_value_field(), &written.map_entry_value_field(), at);
        }
        self.kinds(reader, writer, at);
    }

    fn kinds(&mut self, reader: &FieldDescriptor, writer: &FieldDescriptor, at: &str) {
        match (reader.kind(), writer.kind()) {
            (Kind::Message(message), Kind::Message(written)) => {
                if is_group(reader) != is_group(writer) {
                    return self.add("FIELD_KIND_CHANGED", at);
                }
                if !self.is_same(message.full_name(), written.full_name()) {
                    return self.add("FIELD_NAMED_TYPE_CHANGED", at);
                }
                self.led_to(&message, &written, at);
            }
            (Kind::Enum(of), Kind::Enum(written)) => self.enums(&of, &written, at),
            (Kind::Message(_), _) | (_, Kind::Message(_)) => self.add("FIELD_KIND_CHANGED", at),
            (kind, written) if group(&kind) != group(&written) => {
                let is_scalar = !matches!((&kind, &written), (Kind::Enum(_), _) | (_, Kind::Enum(_)));
                self.add(if is_scalar { "FIELD_SCALAR_KIND_CHANGED" } else { "FIELD_KIND_CHANGED" }, at);
            }
            _ => {}
        }
    }

    fn enums(&mut self, reader: &EnumDescriptor, writer: &EnumDescriptor, at: &str) {
        if !self.is_same(reader.full_name(), writer.full_name()) {
            self.add("FIELD_NAMED_TYPE_CHANGED", at);
        }
    }

    /// Compares a message of an imported file; those of the writer's own file are compared where they are declared.
    fn led_to(&mut self, reader: &MessageDescriptor, writer: &MessageDescriptor, at: &str) {
        if writer.parent_file() != *self.writer && self.imported.insert(writer.full_name().to_owned()) {
            self.pending.push((reader.clone(), writer.clone(), at.to_owned()));
        }
    }

    /// Whether two types are called the same, each within the package of its file.
    fn is_same(&self, reader: &str, writer: &str) -> bool {
        reader == writer || local(reader, self.reader) == local(writer, self.writer)
    }

    fn oneofs(&mut self, reader: &MessageDescriptor, writer: &MessageDescriptor, path: &str) {
        let of_writer: BTreeMap<String, BTreeSet<u32>> = real(writer).map(|oneof| numbers(&oneof)).collect();
        let of_reader: BTreeMap<String, BTreeSet<u32>> = real(reader).map(|oneof| numbers(&oneof)).collect();
        for (name, fields) in &of_reader {
            let existing = of_writer.get(name);
            // Fields that were in no oneof, or in another, and could be there together.
            let moved = fields
                .iter()
                .filter(|number| writer.get_field(**number).is_some())
                .filter(|number| !existing.is_some_and(|existing| existing.contains(number)))
                .count();
            let at = format!("{path}/{name}");
            let from_one = of_writer
                .values()
                .any(|was| fields.iter().filter(|number| was.contains(number)).count() == moved);
            match existing {
                Some(_) if moved > 0 => self.add("FIELD_MOVED_TO_EXISTING_ONEOF", &at),
                None if moved > 1 && !from_one => self.add("MULTIPLE_FIELDS_MOVED_TO_ONEOF", &at),
                _ => {}
            }
        }
        for (name, fields) in &of_writer {
            if let Some(kept) = of_reader.get(name) {
                for number in fields.difference(kept) {
                    self.add("ONEOF_FIELD_REMOVED", &format!("{path}/{name}/{number}"));
                }
            }
        }
    }
}

fn real(message: &MessageDescriptor) -> impl Iterator<Item = OneofDescriptor> + '_ {
    message.oneofs().filter(|oneof| !oneof.is_synthetic())
}

fn numbers(oneof: &OneofDescriptor) -> (String, BTreeSet<u32>) {
    (oneof.name().to_owned(), oneof.fields().map(|field| field.number()).collect())
}

/// The name of a type of a file's package without the package; with a leading dot for one of another package.
fn local(full: &str, file: &FileDescriptor) -> String {
    let package = file.package_name();
    let rest = if package.is_empty() {
        Some(full)
    } else {
        full.strip_prefix(package).and_then(|rest| rest.strip_prefix('.'))
    };
    rest.map_or_else(|| format!(".{full}"), str::to_owned)
}

fn global(local: &str, file: &FileDescriptor) -> String {
    match (local.strip_prefix('.'), file.package_name()) {
        (Some(full), _) => full.to_owned(),
        (None, "") => local.to_owned(),
        (None, package) => format!("{package}.{local}"),
    }
}

fn is_group(field: &FieldDescriptor) -> bool {
    field.field_descriptor_proto().r#type() == Type::Group
}

/// Types that are written alike, so that one reads as another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum WireGroup {
    Number,
    Signed,
    Fixed32,
    Fixed64,
    Float,
    Double,
    Text,
    Message,
}

impl WireGroup {
    fn is_numeric(self) -> bool {
        !matches!(self, WireGroup::Text | WireGroup::Message)
    }
}

fn group(kind: &Kind) -> WireGroup {
    match kind {
        Kind::Int32 | Kind::Int64 | Kind::Uint32 | Kind::Uint64 | Kind::Bool | Kind::Enum(_) => {
            WireGroup::Number
        }
        Kind::Sint32 | Kind::Sint64 => WireGroup::Signed,
        Kind::Fixed32 | Kind::Sfixed32 => WireGroup::Fixed32,
        Kind::Fixed64 | Kind::Sfixed64 => WireGroup::Fixed64,
        Kind::Float => WireGroup::Float,
        Kind::Double => WireGroup::Double,
        Kind::String | Kind::Bytes => WireGroup::Text,
        Kind::Message(_) => WireGroup::Message,
    }
}

const DESCRIPTIONS: [(&str, &str); 10] = [
    (
        "MESSAGE_REMOVED",
        "The {reader} schema is missing a field of type MESSAGE at path '{path}' in the {writer} schema",
    ),
    (
        "FIELD_KIND_CHANGED",
        "The type of a field at path '{path}' in the {reader} schema does not match the {writer} schema",
    ),
    (
        "FIELD_SCALAR_KIND_CHANGED",
        "The kind of a SCALAR field at path '{path}' in the {reader} schema does not match its kind in the {writer} schema",
    ),
    (
        "FIELD_NAMED_TYPE_CHANGED",
        "The type of a MESSAGE or ENUM field at path '{path}' in the {reader} schema does not match the {writer} schema",
    ),
    (
        "FIELD_NUMERIC_LABEL_CHANGED",
        "The label of a numeric field at path '{path}' in the {reader} schema does not match its label in the {writer} schema",
    ),
    (
        "REQUIRED_FIELD_ADDED",
        "The {reader} schema has a required field at path '{path}' that the {writer} schema does not require",
    ),
    (
        "REQUIRED_FIELD_REMOVED",
        "The {reader} schema does not require the field at path '{path}' that the {writer} schema requires",
    ),
    (
        "FIELD_MOVED_TO_EXISTING_ONEOF",
        "A field of the {writer} schema has moved into the existing oneof at path '{path}' in the {reader} schema",
    ),
    (
        "ONEOF_FIELD_REMOVED",
        "The {reader} schema is missing the oneof field at path '{path}' in the {writer} schema",
    ),
    (
        "MULTIPLE_FIELDS_MOVED_TO_ONEOF",
        "Multiple fields of the {writer} schema have moved into the oneof at path '{path}' in the {reader} schema",
    ),
];
