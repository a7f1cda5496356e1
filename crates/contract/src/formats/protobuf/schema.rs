//! The messages of a file, as the walk needs them.

use std::collections::HashMap;

use prost_reflect::{
    Cardinality, FieldDescriptor, FileDescriptor, Kind as Described, MessageDescriptor, Syntax,
};

use crate::compile::Fault;
use crate::schemas;

pub(super) type MessageId = u32;

/// A file's messages, with those that it imports.
pub(super) struct Schema {
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
    /// A number of an enumeration; the numbers that are known, where others are refused (proto2).
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
    /// Reads a file that stands alone.
    pub(super) fn read(text: &str) -> Result<Self, Fault> {
        let refused = |problem: String, remedy: &str| Fault::new("schema", problem, remedy);
        let file = schemas::protobuf_file(text)
            .map_err(|fault| refused(fault.to_string(), "a contract's file imports google/protobuf only"))?;
        let Some(first) = file.messages().next() else {
            return Err(refused(
                "declares no message".to_owned(),
                "the first message of the file is the event",
            ));
        };
        let mut reader = Reader { file: &file, messages: Vec::new(), known: HashMap::new() };
        let root =
            reader.message(&first).map_err(|(what, why)| refused(format!("{what} {why}"), NOT_SERVED))?;
        let messages = reader.messages;
        Ok(Self { text: text.to_owned(), messages, root, file })
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
    messages: Vec<Message>,
    known: HashMap<String, MessageId>,
}

/// What is not served, and what is wrong with it.
type Odd = (String, &'static str);

impl Reader<'_> {
    fn message(&mut self, described: &MessageDescriptor) -> Result<MessageId, Odd> {
        if let Some(id) = self.known.get(described.full_name()) {
            return Ok(*id);
        }
        let id = self.messages.len() as MessageId;
        self.known.insert(described.full_name().to_owned(), id);
        self.messages.push(Message {
            full_name: described.full_name().to_owned(),
            imported: described.parent_file().name() != self.file.name(),
            fields: Vec::new(),
            oneofs: described.oneofs().len(),
        });
        if described.extension_ranges().next().is_some() && described.parent_file() == *self.file {
            return Err((
                described.full_name().to_owned(),
                "may be extended by fields that nobody classifies",
            ));
        }
        let mut fields: Vec<Field> =
            described.fields().map(|field| self.field(&field)).collect::<Result<_, Odd>>()?;
        fields.sort_by_key(|field| field.number);
        self.messages[id as usize].fields = fields;
        Ok(id)
    }

    fn field(&mut self, described: &FieldDescriptor) -> Result<Field, Odd> {
        if described.is_group() {
            return Err((described.full_name().to_owned(), "is a group"));
        }
        let (label, kind) = match (described.is_map(), described.kind()) {
            (true, Described::Message(entry)) => {
                let key = scalar(&entry.map_entry_key_field().kind());
                let key =
                    key.ok_or_else(|| (described.full_name().to_owned(), "has a key of an odd type"))?;
                (Label::Map(key), self.kind(&entry.map_entry_value_field().kind())?)
            }
            (_, kind) => {
                let label = match described.cardinality() {
                    Cardinality::Optional => Label::Singular,
                    Cardinality::Required => Label::Required,
                    Cardinality::Repeated => Label::Repeated,
                };
                (label, self.kind(&kind)?)
            }
        };
        let oneof = described.containing_oneof().filter(|oneof| !oneof.is_synthetic());
        let oneof = oneof.and_then(|oneof| {
            described.parent_message().oneofs().position(|known| known.full_name() == oneof.full_name())
        });
        Ok(Field { number: described.number(), name: described.name().into(), label, kind, oneof })
    }

    fn kind(&mut self, described: &Described) -> Result<Kind, Odd> {
        Ok(match described {
            Described::Message(message) => Kind::Message(self.message(message)?),
            Described::Enum(known) => {
                let closed = known.parent_file().syntax() == Syntax::Proto2;
                Kind::Enum(closed.then(|| known.values().map(|value| value.number()).collect()))
            }
            other => Kind::Scalar(scalar(other).unwrap_or(Scalar::Bytes)),
        })
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
