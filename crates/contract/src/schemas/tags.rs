//! What texts say inline of their fields: tags, by the places that contracts speak of.

use std::collections::{BTreeMap, BTreeSet};

use prost_reflect::{FieldDescriptor, Kind, MessageDescriptor};
use serde_json::Value;

use super::json::{Applied, Documents, Place, subschemas};
use super::{SchemaFault, Source, TYPE_DEPTH, avro, protobuf};
use crate::limits::PLAN_NODES;
use crate::{Format, Pointer};

/// Tags by the place that they stand at. A place that comes round to itself is told once.
pub type Tags = BTreeMap<Pointer, BTreeSet<String>>;

/// The inline tags of a text: `confluent:tags` in Avro and JSON Schema, `(confluent.field_meta).tags` in Protobuf.
/// Elements of arrays and values of maps are at `*`; a tag of a whole type is at each place where the type stands. A
/// document of Protobuf is of the file's first message, its members called as the fields are in the file.
pub fn tags(source: &Source) -> Result<Tags, SchemaFault> {
    let mut found = Found { tags: Tags::new(), places: 0 };
    match source.format {
        Format::Avro => {
            let schema = avro::Schema::read(source)?;
            found.avro(&schema, schema.root, &Pointer::root(), &mut Vec::new());
        }
        Format::JsonSchema => {
            let documents = Documents::read(source)?;
            found.json(&documents, documents.root(), &Pointer::root(), &mut Vec::new());
        }
        Format::Protobuf => {
            let loaded = protobuf::load(source)?;
            if let Some(message) = loaded.file.messages().next() {
                found.protobuf(&message, &Pointer::root(), &mut Vec::new());
            }
        }
    }
    Ok(found.tags)
}

struct Found {
    tags: Tags,
    /// How many places were visited.
    places: usize,
}

impl Found {
    fn add(&mut self, at: &Pointer, tags: impl IntoIterator<Item = String>) {
        let tags: BTreeSet<String> = tags.into_iter().collect();
        if !tags.is_empty() {
            self.tags.entry(at.clone()).or_default().extend(tags);
        }
    }

    /// Whether there are more places than any real schema has, or they are deeper than any document.
    fn is_too_much(&mut self, depth: usize) -> bool {
        self.places += 1;
        self.places > PLAN_NODES || depth > TYPE_DEPTH
    }

    fn avro(
        &mut self,
        schema: &avro::Schema,
        id: avro::TypeId,
        at: &Pointer,
        walking: &mut Vec<avro::TypeId>,
    ) {
        if walking.contains(&id) || self.is_too_much(walking.len()) {
            return;
        }
        self.add(at, schema.get(id).tags.iter().cloned());
        walking.push(id);
        match schema.shape(id) {
            avro::Shape::Array(inner) | avro::Shape::Map(inner) => {
                self.avro(schema, *inner, &at.child("*"), walking);
            }
            avro::Shape::Union(branches) => {
                branches.iter().for_each(|branch| self.avro(schema, *branch, at, walking));
            }
            avro::Shape::Record { fields, .. } => {
                for field in fields {
                    let at = at.child(&field.name);
                    self.add(&at, field.tags.iter().cloned());
                    self.avro(schema, field.shape, &at, walking);
                }
            }
            _ => {}
        }
        walking.pop();
    }

    fn json(&mut self, documents: &Documents, place: Place<'_>, at: &Pointer, walking: &mut Vec<usize>) {
        if walking.contains(&place.key()) || self.is_too_much(walking.len()) {
            return;
        }
        let listed = place.schema.get("confluent:tags").and_then(Value::as_array).into_iter().flatten();
        self.add(at, listed.filter_map(Value::as_str).map(str::to_owned));
        walking.push(place.key());
        if let Some(Ok(target)) = documents.follow(place) {
            self.json(documents, target, at, walking);
        }
        for (_, applied, inner) in subschemas(place.schema) {
            let at = match applied {
                Applied::Here => at.clone(),
                Applied::Member(name) => at.child(name),
                Applied::Element(index) => at.child(index.to_string()),
                Applied::OtherMembers | Applied::OtherElements => at.child("*"),
                Applied::Nowhere => continue,
            };
            self.json(documents, documents.inside(place, inner), &at, walking);
        }
        walking.pop();
    }

    fn protobuf(&mut self, message: &MessageDescriptor, at: &Pointer, walking: &mut Vec<String>) {
        let name = message.full_name().to_owned();
        if walking.contains(&name) || self.is_too_much(walking.len()) {
            return;
        }
        walking.push(name);
        for field in message.fields() {
            let mut at = at.child(field.name());
            self.add(&at, field_tags(&field));
            if field.is_list() || field.is_map() {
                at = at.child("*");
            }
            let kind = field.kind();
            let inner = match &kind {
                Kind::Message(entry) if field.is_map() => entry.map_entry_value_field().kind(),
                kind => kind.clone(),
            };
            if let Kind::Message(inner) = inner {
                self.protobuf(&inner, &at, walking);
            }
        }
        walking.pop();
    }
}

fn field_tags(field: &FieldDescriptor) -> Vec<String> {
    let options = field.options();
    let meta = options.extensions().find(|(extension, _)| extension.full_name() == "confluent.field_meta");
    let Some((_, meta)) = meta else { return Vec::new() };
    let tags = meta.as_message().and_then(|meta| meta.get_field_by_name("tags"));
    let tags = tags.as_deref().and_then(|tags| tags.as_list().map(<[_]>::to_vec));
    tags.unwrap_or_default().iter().filter_map(|tag| tag.as_str().map(str::to_owned)).collect()
}
