//! The file of what a consumer is handed who is not cleared for every class.
//!
//! A field that is left out disappears, and its number is reserved, so that nobody gives it another meaning. One that is
//! shown in another form stays, but need not stand any more and has no default. A message
//! of which different things are left out in different places gets a second definition beside it, under a derived name.
//! Messages that nothing leads to any more are gone, and services with them.

use std::collections::{HashMap, HashSet};

use prost_reflect::prost_types::descriptor_proto::ReservedRange;
use prost_reflect::prost_types::field_descriptor_proto::Label as FieldLabel;
use prost_reflect::prost_types::{
    DescriptorProto, EnumDescriptorProto, FieldDescriptorProto, FileDescriptorProto,
};

use super::program::{OpId, Program};
use super::schema::{Kind, Message, MessageId, Schema};
use crate::redaction::Redaction;
use crate::schemas;

/// What is left of a message's fields, in the schema's order.
type Left = Vec<FieldLeft>;

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum FieldLeft {
    /// It stays as it is.
    Whole,
    Gone,
    /// It stays, in another form.
    Shown,
    /// It stays, with so much of the message that it holds.
    Part(MessageId, Left),
}

/// The redacted file as text.
pub(super) fn redacted(schema: &Schema, program: &Program, cleared: &[bool]) -> String {
    let is_gone = |class: u16| !cleared.get(class as usize).copied().unwrap_or(false);
    let left = match program.whole {
        Some(seal) if is_gone(seal.class) => {
            Some(vec![FieldLeft::Gone; schema.message(schema.root).fields.len()])
        }
        _ => left_of(schema, program, program.root, &is_gone),
    };
    let Some(left) = left else { return schema.text.clone() };
    let text = schemas::protobuf_layout(&schema.text).unwrap_or_default();
    let words = text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_').collect();
    let mut plan =
        Renaming { schema, whole: HashSet::new(), names: HashMap::new(), words, taken: HashSet::new() };
    plan.find_whole(&left, schema.root);
    plan.name(schema.root, &left);
    let original = schema.file.file_descriptor_proto();
    let scope = original.package().to_owned();
    let mut messages = plan.rebuilt(&original.message_type, &scope);
    let mut used = HashSet::new();
    gather_types(&messages, &mut used);
    let mut enums = original.enum_type.clone();
    plan.drop_unused(&mut messages, &mut enums, &scope, &used);
    // The event is the first message of its file.
    let root = plan.names[&(schema.root, left)].clone();
    if let Some(at) = messages.iter().position(|message| joined(&scope, message.name()) == root) {
        let first = messages.remove(at);
        messages.insert(0, first);
    }
    let changed = FileDescriptorProto {
        message_type: messages,
        enum_type: enums,
        service: Vec::new(),
        extension: Vec::new(),
        source_code_info: None,
        ..original.clone()
    };
    schemas::protobuf_text(&schema.file, changed).unwrap_or_default()
}

/// What is left in a message; nothing where all of it is.
fn left_of(schema: &Schema, program: &Program, id: OpId, is_gone: &dyn Fn(u16) -> bool) -> Option<Left> {
    let op = program.op(id);
    if op.plain {
        return None;
    }
    let fields = op.fields.iter().enumerate().map(|(index, field)| {
        if field.seal.is_some_and(|seal| is_gone(seal.class)) {
            let is_shown = field.seal.is_some_and(|seal| seal.form != Redaction::Absent);
            return if is_shown { FieldLeft::Shown } else { FieldLeft::Gone };
        }
        let part = field.inner.and_then(|inner| left_of(schema, program, inner, is_gone));
        match (part, &schema.field(op.message, index).kind) {
            (Some(left), Kind::Message(inner)) => FieldLeft::Part(*inner, left),
            _ => FieldLeft::Whole,
        }
    });
    let left: Left = fields.collect();
    left.iter().any(|field| *field != FieldLeft::Whole).then_some(left)
}

/// What each message is called in the redacted file.
struct Renaming<'s> {
    schema: &'s Schema,
    /// Messages that stay as they are somewhere.
    whole: HashSet<MessageId>,
    names: HashMap<(MessageId, Left), String>,
    /// Everything that the file calls something by.
    words: HashSet<&'s str>,
    taken: HashSet<String>,
}

impl Renaming<'_> {
    fn find_whole(&mut self, left: &Left, message: MessageId) {
        for (index, field) in left.iter().enumerate() {
            match (field, &self.schema.field(message, index).kind) {
                (FieldLeft::Whole, Kind::Message(inner)) => self.is_whole(*inner),
                (FieldLeft::Part(inner, left), _) => self.find_whole(left, *inner),
                _ => {}
            }
        }
    }

    /// A message stays, and all that it leads to.
    fn is_whole(&mut self, message: MessageId) {
        let mut pending = vec![message];
        while let Some(message) = pending.pop() {
            if !self.whole.insert(message) {
                continue;
            }
            let inner = self.schema.message(message).fields.iter().filter_map(|field| match field.kind {
                Kind::Message(inner) => Some(inner),
                _ => None,
            });
            pending.extend(inner);
        }
    }

    /// Gives a message's remains their name: its own, unless that is in use.
    fn name(&mut self, message: MessageId, left: &Left) {
        if self.names.contains_key(&(message, left.clone())) {
            return;
        }
        let own = &self.schema.message(message).full_name;
        let free = !self.whole.contains(&message) && !self.names.values().any(|name| name == own);
        let mut name = own.clone();
        let mut number = 0;
        while !free && (number == 0 || self.taken.contains(&name) || self.words.contains(last(&name))) {
            number += 1;
            name = format!("{own}_Redacted{number}");
        }
        self.taken.insert(name.clone());
        self.names.insert((message, left.clone()), name);
        for field in left {
            if let FieldLeft::Part(inner, left) = field {
                self.name(*inner, left);
            }
        }
    }

    /// The messages of one scope, without those that nothing leads to and with those that are made.
    fn rebuilt(&self, messages: &[DescriptorProto], scope: &str) -> Vec<DescriptorProto> {
        let mut out = Vec::new();
        for message in messages {
            let full_name = joined(scope, message.name());
            let id = self.schema.messages.iter().position(|known| known.full_name == full_name);
            let nested = self.rebuilt(&message.nested_type, &full_name);
            let entries = message.nested_type.iter().filter(|nested| is_entry(nested)).cloned();
            let id = id.map(|id| id as MessageId);
            if id.is_some_and(|id| self.whole.contains(&id)) {
                out.push(DescriptorProto {
                    nested_type: entries.chain(nested).collect(),
                    extension: Vec::new(),
                    ..message.clone()
                });
            } else if let Some((id, left)) = id.and_then(|id| Some((id, self.remains_named(id, &full_name)?)))
            {
                let mut left = self.without(id, message, &full_name, left);
                left.nested_type.extend(nested);
                out.push(left);
            } else if !is_entry(message) {
                let (name, enum_type) = (Some(message.name().to_owned()), message.enum_type.clone());
                let scope = DescriptorProto { name, nested_type: nested, enum_type, ..Default::default() };
                out.push(scope);
            }
            let Some(id) = id else { continue };
            let made = self.names.iter().filter(|((of, _), name)| *of == id && **name != full_name);
            let mut made: Vec<(&Left, &String)> = made.map(|((_, left), name)| (left, name)).collect();
            made.sort_by_key(|(_, name)| (name.len(), *name));
            out.extend(made.into_iter().map(|(left, name)| DescriptorProto {
                name: Some(last(name).to_owned()),
                enum_type: Vec::new(),
                ..self.without(id, message, name, left)
            }));
        }
        out
    }

    /// Drops the enumerations that no field has, and the messages that are neither left nor around something else.
    fn drop_unused(
        &self,
        messages: &mut Vec<DescriptorProto>,
        enums: &mut Vec<EnumDescriptorProto>,
        scope: &str,
        used: &HashSet<String>,
    ) {
        enums.retain(|each| used.contains(&format!(".{}", joined(scope, each.name()))));
        messages.retain_mut(|message| {
            let full_name = joined(scope, message.name());
            self.drop_unused(&mut message.nested_type, &mut message.enum_type, &full_name, used);
            let around = !message.nested_type.is_empty() || !message.enum_type.is_empty();
            around || is_entry(message) || self.taken.contains(&full_name) || self.is_left(&full_name)
        });
    }

    fn is_left(&self, full_name: &str) -> bool {
        self.whole.iter().any(|id| self.schema.message(*id).full_name == full_name)
    }

    /// What is left of a message where its remains have this name.
    fn remains_named(&self, id: MessageId, name: &str) -> Option<&Left> {
        let found = self.names.iter().find(|((of, _), known)| *of == id && **known == name);
        found.map(|((_, left), _)| left)
    }

    /// A message with what is left of its fields; of its nested types only the entries of maps.
    fn without(
        &self,
        id: MessageId,
        message: &DescriptorProto,
        full_name: &str,
        left: &Left,
    ) -> DescriptorProto {
        let Message { fields, full_name: own, .. } = self.schema.message(id);
        let left_of = |field: &FieldDescriptorProto| {
            let index = fields.iter().position(|known| known.number == field.number() as u32)?;
            left.get(index)
        };
        let mut out = DescriptorProto {
            field: Vec::new(),
            nested_type: Vec::new(),
            extension: Vec::new(),
            ..message.clone()
        };
        for field in &message.field {
            let remains = left_of(field).unwrap_or(&FieldLeft::Whole);
            if *remains == FieldLeft::Gone {
                let range = ReservedRange { start: Some(field.number()), end: Some(field.number() + 1) };
                out.reserved_range.push(range);
                continue;
            }
            let mut field = field.clone();
            if *remains == FieldLeft::Shown {
                field.default_value = None;
                if field.label() == FieldLabel::Required {
                    field.set_label(FieldLabel::Optional);
                }
            }
            let renamed = match remains {
                FieldLeft::Part(inner, left) => self.names.get(&(*inner, left.clone())),
                _ => None,
            };
            let entry = message
                .nested_type
                .iter()
                .find(|nested| is_entry(nested) && *field.type_name() == format!(".{own}.{}", nested.name()));
            match (entry, renamed) {
                (Some(entry), renamed) => {
                    let mut entry = entry.clone();
                    if let (Some(value), Some(name)) = (entry.field.get_mut(1), renamed) {
                        value.type_name = Some(format!(".{name}"));
                    }
                    field.type_name = Some(format!(".{full_name}.{}", entry.name()));
                    out.nested_type.push(entry);
                }
                (None, Some(name)) => field.type_name = Some(format!(".{name}")),
                (None, None) => {}
            }
            out.field.push(field);
        }
        drop_empty_oneofs(&mut out);
        out
    }
}

/// The names of the types that fields have, as they name them.
fn gather_types(messages: &[DescriptorProto], names: &mut HashSet<String>) {
    for message in messages {
        names.extend(message.field.iter().filter_map(|field| field.type_name.clone()));
        gather_types(&message.nested_type, names);
    }
}

/// A oneof that has lost all its fields is gone.
fn drop_empty_oneofs(message: &mut DescriptorProto) {
    let used: Vec<bool> = (0..message.oneof_decl.len())
        .map(|at| message.field.iter().any(|field| field.oneof_index == Some(at as i32)))
        .collect();
    let mut kept = 0;
    let renumbered: Vec<Option<i32>> = used
        .iter()
        .map(|used| {
            kept += i32::from(*used);
            used.then_some(kept - 1)
        })
        .collect();
    for field in &mut message.field {
        field.oneof_index = field.oneof_index.and_then(|at| renumbered[at as usize]);
    }
    let mut used = used.into_iter();
    message.oneof_decl.retain(|_| used.next().unwrap_or_default());
}

fn is_entry(message: &DescriptorProto) -> bool {
    message.options.as_ref().is_some_and(|options| options.map_entry())
}

fn joined(scope: &str, name: &str) -> String {
    if scope.is_empty() { name.to_owned() } else { format!("{scope}.{name}") }
}

/// A full name without its scope.
fn last(full_name: &str) -> &str {
    full_name.rsplit('.').next().unwrap_or_default()
}
