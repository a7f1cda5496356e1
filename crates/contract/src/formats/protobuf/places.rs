//! The places that a file's first message speaks of. A message is an object, a repeated field an array, a map an object
//! of other members; a message of another file is one value, which is classified as a whole.

use std::collections::BTreeSet;

use super::schema::{Kind, Label, MessageId, Scalar, Schema};
use crate::places::{Places, Step, Types};

/// A place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    Message(MessageId),
    /// All of a repeated field or a map: the message, and the index of the field.
    Several(MessageId, usize),
    /// One value of a field that is no message.
    Value(MessageId, usize),
}

impl Schema {
    /// The place of one value of a field.
    fn one(&self, message: MessageId, field: usize) -> Place {
        match self.field(message, field).kind {
            Kind::Message(inner) => Place::Message(inner),
            _ => Place::Value(message, field),
        }
    }
}

impl Places for Schema {
    type Place = Place;

    fn root(&self) -> Place {
        Place::Message(self.root)
    }

    fn types(&self, place: &Place) -> Types {
        match *place {
            Place::Message(message) if self.message(message).imported => Types::BYTES,
            Place::Message(_) => Types::OBJECT,
            Place::Several(message, field) => match self.field(message, field).label {
                Label::Map(_) => Types::OBJECT,
                _ => Types::ARRAY,
            },
            Place::Value(message, field) => match &self.field(message, field).kind {
                Kind::Enum(_) => Types::INTEGER,
                Kind::Message(_) => Types::OBJECT,
                Kind::Scalar(scalar) => match scalar {
                    Scalar::Bool => Types::BOOLEAN,
                    Scalar::Float | Scalar::Double => Types::NUMBER,
                    Scalar::String => Types::STRING,
                    Scalar::Bytes => Types::BYTES,
                    _ => Types::INTEGER,
                },
            },
        }
    }

    fn names(&self, place: &Place) -> Vec<String> {
        let mut names: Vec<String> = match *place {
            Place::Message(message) if !self.message(message).imported => {
                self.message(message).fields.iter().map(|field| field.name.to_string()).collect()
            }
            _ => Vec::new(),
        };
        names.sort();
        names
    }

    fn requires(&self, place: &Place, name: &str) -> bool {
        let Place::Message(message) = *place else { return false };
        let mut fields = self.message(message).fields.iter();
        fields.any(|field| *field.name == *name && field.label == Label::Required)
    }

    fn prefix(&self, _: &Place) -> usize {
        0
    }

    fn step(&self, place: &Place, step: &Step) -> Option<Place> {
        match (*place, step) {
            (Place::Message(message), Step::Member(name)) if !self.message(message).imported => {
                let field = self.message(message).fields.iter().position(|field| *field.name == **name)?;
                Some(match self.field(message, field).label {
                    Label::Repeated | Label::Map(_) => Place::Several(message, field),
                    Label::Singular | Label::Required => self.one(message, field),
                })
            }
            (Place::Several(message, field), step) => match (self.field(message, field).label, step) {
                (Label::Map(_), Step::OtherMembers) => Some(self.one(message, field)),
                (Label::Repeated, Step::OtherElements | Step::Element(_)) => Some(self.one(message, field)),
                _ => None,
            },
            _ => None,
        }
    }

    /// Only what holds something else can come round again.
    fn key(&self, place: &Place) -> BTreeSet<usize> {
        match *place {
            Place::Message(message) => BTreeSet::from([message as usize]),
            Place::Several(message, field) => {
                BTreeSet::from([self.messages.len() + message as usize, usize::MAX - field])
            }
            Place::Value(..) => BTreeSet::new(),
        }
    }

    fn is_anything(&self, _: &Place) -> bool {
        false
    }

    fn is_fixed(&self, place: &Place) -> bool {
        let Place::Value(message, field) = *place else { return false };
        matches!(self.field(message, field).kind, Kind::Enum(_) | Kind::Scalar(Scalar::Bool))
    }
}
