//! The messages of a file, as the walk needs them.

use std::collections::HashMap;

use prost_reflect::{
    Cardinality, FieldDescriptor, FileDescriptor, Kind as Described, MessageDescriptor, Syntax,
};

use crate::compile::Fault;
use crate::schemas;

pub(super) type MessageId = u32;

/// A file's messages, with those that it imports.
pub(crate) struct Schema {
    pub(super) file: FileDescriptor,
    pub(super) text: String,
    pub(super) messages: Vec<Message>,
    pub(super) root: MessageId,
}

/// A message.
pub(super) struct Message {
    pub(super) full_name: String,
    /// Whether it is of another file: its fields have no places of their own.
    pub(super) imported: bool,
    /// By their numbers.
    pub(super) fields: Vec<Field>,
    /// Which of them must stand (proto2).
    pub(super) required: Vec<usize>,
    pub(super) oneofs: usize,
}

/// A field.
pub(super) struct Field {
    pub(super) number: u32,
    pub(super) name: Box<str>,
    pub(super) label: Label,
    pub(super) kind: Kind,
    /// Which of the message's oneofs it is in.
    pub(super) oneof: Option<usize>,
}

/// How often a field may stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Label {
    /// Once or not at all.
    Singular,
    /// Once (proto2).
    Required,
    /// As often as its producer likes.
    Repeated,
    /// Once for each key.
    Map(Scalar),
}

/// What a field holds; of a map, its values.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Kind {
    Scalar(Scalar),
    /// A number of an enumeration; the numbers that are known, sorted, where others are refused (proto2).
    Enum(Option<Box<[i32]>>),
    Message(MessageId),
}

/// A value that is no message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Scalar {
    Bool,
    Int32,
    Int64,
    Uint32,
    Uint64,
    Sint32,
    Sint64,
    Fixed32,
    Fixed64,
    Sfixed32,
    Sfixed64,
    Float,
    Double,
    String,
    Bytes,
}

impl Message {
    /// The field of this number.
    pub(super) fn by_number(&self, number: u32) -> Option<usize> {
        self.fields.binary_search_by_key(&number, |field| field.number).ok()
    }
}

impl Schema {
    /// Reads a file that stands alone; everything in it that is not served is told.
    pub(crate) fn read(text: &str) -> Result<Self, Vec<Fault>> {
        let refused = |problem: String, remedy: &str| vec![Fault::new("schema", problem, remedy)];
        let file = schemas::protobuf_file(text)
            .map_err(|fault| refused(fault.to_string(), "a contract's file imports google/protobuf only"))?;
        let Some(first) = file.messages().next() else {
            return Err(refused(
                "declares no message".to_owned(),
                "the first message of the file is the event",
            ));
        };
        let (described, known) = (Vec::new(), HashMap::new());
        let mut reader = Reader { file: &file, described, known, faults: Vec::new() };
        let root = reader.id(&first);
        let mut messages: Vec<Message> = Vec::new();
        while let Some(described) = reader.described.get(messages.len()).cloned() {
            messages.push(reader.message(&described));
        }
        let faults = reader.faults;
        if faults.is_empty() { Ok(Self { text: text.to_owned(), messages, root, file }) } else { Err(faults) }
    }

    pub(super) fn message(&self, id: MessageId) -> &Message {
        &self.messages[id as usize]
    }

    pub(super) fn field(&self, id: MessageId, field: usize) -> &Field {
        &self.messages[id as usize].fields[field]
    }
}

const NOT_SERVED: &str = "use a field of a message, with a number of its own";

struct Reader<'f> {
    file: &'f FileDescriptor,
    /// The messages by their ids; not read one inside the other, because there is no end to how deep they may lead.
    described: Vec<MessageDescriptor>,
    known: HashMap<String, MessageId>,
    faults: Vec<Fault>,
}

impl Reader<'_> {
    fn fault(&mut self, what: &str, why: &str) {
        self.faults.push(Fault::new("schema", format!("{what} {why}"), NOT_SERVED));
    }

    fn id(&mut self, described: &MessageDescriptor) -> MessageId {
        if let Some(id) = self.known.get(described.full_name()) {
            return *id;
        }
        let id = self.described.len() as MessageId;
        self.known.insert(described.full_name().to_owned(), id);
        self.described.push(described.clone());
        id
    }

    fn message(&mut self, described: &MessageDescriptor) -> Message {
        let imported = described.parent_file().name() != self.file.name();
        if described.extension_ranges().next().is_some() && !imported {
            self.fault(described.full_name(), "may be extended by fields that nobody classifies");
        }
        let mut fields: Vec<Field> = described.fields().map(|field| self.field(&field)).collect();
        fields.sort_by_key(|field| field.number);
        let required = fields.iter().enumerate().filter(|(_, field)| field.label == Label::Required);
        Message {
            full_name: described.full_name().to_owned(),
            imported,
            required: required.map(|(index, _)| index).collect(),
            fields,
            oneofs: described.oneofs().len(),
        }
    }

    fn field(&mut self, described: &FieldDescriptor) -> Field {
        if described.is_group() {
            self.fault(described.full_name(), "is a group");
        }
        let (label, kind) = match (described.is_map(), described.kind()) {
            (true, Described::Message(entry)) => {
                let key = scalar(&entry.map_entry_key_field().kind());
                if key.is_none() {
                    self.fault(described.full_name(), "has a key of an odd type");
                }
                (Label::Map(key.unwrap_or(Scalar::String)), self.kind(&entry.map_entry_value_field().kind()))
            }
            (_, kind) => {
                let label = match described.cardinality() {
                    Cardinality::Optional => Label::Singular,
                    Cardinality::Required => Label::Required,
                    Cardinality::Repeated => Label::Repeated,
                };
                (label, self.kind(&kind))
            }
        };
        let oneof = described.containing_oneof().filter(|oneof| !oneof.is_synthetic());
        let oneof = oneof.and_then(|oneof| {
            described.parent_message().oneofs().position(|known| known.full_name() == oneof.full_name())
        });
        Field { number: described.number(), name: described.name().into(), label, kind, oneof }
    }

    fn kind(&mut self, described: &Described) -> Kind {
        match described {
            Described::Message(message) => Kind::Message(self.id(message)),
            Described::Enum(known) if known.parent_file().syntax() == Syntax::Proto2 => {
                let mut numbers: Vec<i32> = known.values().map(|value| value.number()).collect();
                numbers.sort_unstable();
                Kind::Enum(Some(numbers.into()))
            }
            Described::Enum(_) => Kind::Enum(None),
            other => Kind::Scalar(scalar(other).unwrap_or(Scalar::Bytes)),
        }
    }
}

fn scalar(described: &Described) -> Option<Scalar> {
    Some(match described {
        Described::Bool => Scalar::Bool,
        Described::Int32 => Scalar::Int32,
        Described::Int64 => Scalar::Int64,
        Described::Uint32 => Scalar::Uint32,
        Described::Uint64 => Scalar::Uint64,
        Described::Sint32 => Scalar::Sint32,
        Described::Sint64 => Scalar::Sint64,
        Described::Fixed32 => Scalar::Fixed32,
        Described::Fixed64 => Scalar::Fixed64,
        Described::Sfixed32 => Scalar::Sfixed32,
        Described::Sfixed64 => Scalar::Sfixed64,
        Described::Float => Scalar::Float,
        Described::Double => Scalar::Double,
        Described::String => Scalar::String,
        Described::Bytes => Scalar::Bytes,
        Described::Message(_) | Described::Enum(_) => return None,
    })
}
