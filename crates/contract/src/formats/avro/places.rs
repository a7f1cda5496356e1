//! The places that an Avro schema speaks of.

use std::collections::BTreeSet;

use super::schema::{Kind, Schema, TypeId};
use crate::places::{Places, Step, Types};

impl Places for Schema {
    /// The types that a value there may have; none of them is a union.
    type Place = BTreeSet<TypeId>;

    fn root(&self) -> Self::Place {
        self.branches(&self.root).iter().copied().collect()
    }

    fn types(&self, place: &Self::Place) -> Types {
        place.iter().fold(Types::NONE, |types, id| types.or(self.types_of(*id)))
    }

    fn names(&self, place: &Self::Place) -> Vec<String> {
        let fields = place.iter().filter_map(|id| match self.kind(*id) {
            Kind::Record(fields) => Some(fields),
            _ => None,
        });
        let names: BTreeSet<&str> = fields.flatten().map(|field| &*field.name).collect();
        names.into_iter().map(str::to_owned).collect()
    }

    /// A record has all of its fields; which branch of a union there is, nobody knows.
    fn requires(&self, place: &Self::Place, name: &str) -> bool {
        let has = |id: &TypeId| match self.kind(*id) {
            Kind::Record(fields) => fields.iter().any(|field| *field.name == *name),
            kind => *kind == Kind::Null,
        };
        let field = self.step(place, &Step::Member(name.to_owned()));
        place.iter().all(has) && field.is_some_and(|field| !self.types(&field).has_null())
    }

    fn prefix(&self, _: &Self::Place) -> usize {
        0
    }

    fn step(&self, place: &Self::Place, step: &Step) -> Option<Self::Place> {
        let below = place.iter().filter_map(|id| match (self.kind(*id), step) {
            (Kind::Record(fields), Step::Member(name)) => {
                fields.iter().find(|field| *field.name == **name).map(|field| &field.of)
            }
            // A map's entries are of one type and have no places of their own: its key says nothing of its class.
            (Kind::Map(values), Step::OtherMembers) => Some(values),
            (Kind::Array(items), Step::Element(_) | Step::OtherElements) => Some(items),
            _ => None,
        });
        let below: Self::Place = below.flat_map(|id| self.branches(id)).copied().collect();
        (!below.is_empty()).then_some(below)
    }

    /// Only what holds something else can come round again, with or without `null` beside it.
    fn key(&self, place: &Self::Place) -> BTreeSet<usize> {
        let holds = |id: &&TypeId| matches!(self.kind(**id), Kind::Record(_) | Kind::Array(_) | Kind::Map(_));
        place.iter().filter(holds).map(|id| *id as usize).collect()
    }

    fn is_anything(&self, _: &Self::Place) -> bool {
        false
    }

    /// A symbol of an enumeration is no text in a document.
    fn is_text(&self, place: &Self::Place) -> bool {
        let is = |wanted: Kind| move |id: &TypeId| *self.kind(*id) == wanted;
        place.iter().any(is(Kind::String))
            && place.iter().all(|id| is(Kind::String)(id) || is(Kind::Null)(id))
    }

    /// What readers make of a text by a logical type, also by one that asks nothing of it here, no sealed text is.
    fn forbids_sealed(&self, place: &Self::Place) -> Option<&'static str> {
        place.iter().find_map(|id| match self.kind(*id) {
            Kind::Enum(_) => Some("enum"),
            Kind::String if self.is_annotated(*id) => Some("logicalType"),
            _ => None,
        })
    }

    fn is_fixed(&self, place: &Self::Place) -> bool {
        place.iter().all(|id| {
            let is_one_of_few = matches!(self.kind(*id), Kind::Null | Kind::Boolean | Kind::Enum(_));
            is_one_of_few || self.type_of(*id).rule.is_some()
        })
    }
}

impl Schema {
    fn types_of(&self, id: TypeId) -> Types {
        match self.kind(id) {
            Kind::Null => Types::NULL,
            Kind::Boolean => Types::BOOLEAN,
            Kind::Int | Kind::Long => Types::INTEGER,
            Kind::Float | Kind::Double => Types::NUMBER,
            Kind::Bytes | Kind::Fixed(_) => Types::BYTES,
            Kind::String | Kind::Enum(_) => Types::STRING,
            Kind::Record(_) | Kind::Map(_) => Types::OBJECT,
            Kind::Array(_) => Types::ARRAY,
            Kind::Union(branches) => {
                branches.iter().fold(Types::NONE, |types, branch| types.or(self.types_of(*branch)))
            }
        }
    }
}
