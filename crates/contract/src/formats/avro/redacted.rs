//! The schema of what a consumer is handed who is not cleared for every class.
//!
//! It is made from the schema's own text, so that everything in it that is not about what is left out stays as the
//! steward wrote it. What is left out leaves no bytes, so: a field disappears; an item becomes `null`; a union's branch
//! becomes an empty record of its own name, because the branches keep their numbers and no two may be alike. A named
//! type that is left whole in one place and not in another gets a second definition under a derived name. A default
//! that tells of what is left out goes with it. What is shown in another form is `null`, or a union of `null` and the text
//! that stands in its place.

use std::collections::{HashMap, HashSet};

use serde_json::{Map, Value, json};

use super::program::{OpId, Program};
use super::schema::{Kind, PRIMITIVES, Schema, TypeId, defined_name, full_name, namespace_of};
use crate::redaction::Redaction;

/// What is left of a type's values at a place.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Left {
    All,
    Nothing,
    /// `null` in its place.
    Null,
    /// A text in its place, or `null`.
    Text,
    /// So much of what is inside, in the schema's order.
    Parts(Vec<LeftId>),
}

type LeftId = usize;

const ALL: LeftId = 0;
const NOTHING: LeftId = 1;
const NULL: LeftId = 2;
const TEXT: LeftId = 3;

/// What is left at each place, each different remainder once.
struct Remainders<'p> {
    program: &'p Program,
    cleared: &'p [bool],
    list: Vec<Left>,
    known: HashMap<Left, LeftId>,
    of_ops: HashMap<OpId, LeftId>,
}

impl Remainders<'_> {
    fn of(&mut self, id: OpId) -> LeftId {
        let op = self.program.op(id);
        if op.plain {
            return ALL;
        }
        if let Some(seal) = op.seal.filter(|seal| !self.cleared[seal.class as usize]) {
            return match seal.look.form {
                Redaction::Absent => NOTHING,
                Redaction::Null => NULL,
                _ => TEXT,
            };
        }
        if let Some(known) = self.of_ops.get(&id) {
            return *known;
        }
        let parts: Vec<LeftId> = op.inner.iter().map(|inner| self.of(*inner)).collect();
        let left = if parts.iter().all(|part| *part == ALL) { Left::All } else { Left::Parts(parts) };
        let next = self.list.len();
        let left_id = *self.known.entry(left.clone()).or_insert(next);
        if left_id == next {
            self.list.push(left);
        }
        self.of_ops.insert(id, left_id);
        left_id
    }
}

/// The redacted form of a schema; `cleared` says which classes are kept.
pub(super) fn redacted(schema: &Schema, program: &Program, cleared: &[bool]) -> Value {
    let list = vec![Left::All, Left::Nothing, Left::Null, Left::Text];
    let known = list.iter().cloned().zip(0..).collect();
    let mut remainders = Remainders { program, cleared, list, known, of_ops: HashMap::new() };
    let root = remainders.of(program.root);
    let names = schema.types.iter().filter_map(|named| named.name.clone());
    let mut writing = Writing {
        schema,
        left: remainders.list,
        taken: names.collect(),
        used: HashSet::new(),
        written: HashMap::new(),
    };
    writing.item(&schema.text, schema.root, root, "")
}

struct Writing<'s> {
    schema: &'s Schema,
    left: Vec<Left>,
    /// Full names that are not free.
    taken: HashSet<String>,
    /// Types that stand in the result under their own name.
    used: HashSet<TypeId>,
    /// Full names of definitions that stand in the result already.
    written: HashMap<(TypeId, LeftId), String>,
}

impl Writing<'_> {
    /// What is left of the parts of a value.
    fn part(&self, left: LeftId, index: usize) -> LeftId {
        match &self.left[left] {
            Left::All => ALL,
            Left::Nothing | Left::Null | Left::Text => left,
            Left::Parts(parts) => parts.get(index).copied().unwrap_or(ALL),
        }
    }

    /// The schema of a place that cannot disappear.
    fn item(&mut self, site: &Value, of: TypeId, left: LeftId, namespace: &str) -> Value {
        match left {
            NOTHING | NULL => json!("null"),
            TEXT => json!(["null", "string"]),
            _ => self.write(site, of, left, namespace),
        }
    }

    /// The schema that `site` writes for a type, where `namespace` is in force, of what is left.
    fn write(&mut self, site: &Value, of: TypeId, left: LeftId, namespace: &str) -> Value {
        match (site, self.schema.kind(of)) {
            (Value::String(_), _) if (of as usize) < PRIMITIVES.len() => site.clone(),
            (Value::String(reference), _) => match self.named(of, left, namespace) {
                Value::String(name) if full_name(reference, namespace) == name => site.clone(),
                written => written,
            },
            (Value::Array(sites), Kind::Union(branches)) => {
                let branches = sites.iter().zip(branches).enumerate();
                let branches = branches.map(|(index, (site, branch))| {
                    self.branch(site, *branch, self.part(left, index), namespace)
                });
                branches.collect()
            }
            (Value::Object(attributes), kind) => self.object(attributes, of, kind, left, namespace),
            _ => site.clone(),
        }
    }

    /// The schema of a union's branch, which differs from all others.
    fn branch(&mut self, site: &Value, of: TypeId, left: LeftId, namespace: &str) -> Value {
        if left != NOTHING || *self.schema.kind(of) == Kind::Null {
            return self.write(site, of, left, namespace);
        }
        json!({"type": "record", "name": self.derived("LeftOut", namespace), "fields": []})
    }

    fn object(
        &mut self,
        attributes: &Map<String, Value>,
        of: TypeId,
        kind: &Kind,
        left: LeftId,
        namespace: &str,
    ) -> Value {
        let said = attributes.get("type").unwrap_or(&Value::Null);
        let (keyword, written) = match (said.as_str(), kind) {
            (Some("record" | "enum" | "fixed"), _) => return self.named(of, left, namespace),
            (Some("array"), Kind::Array(items)) => {
                let site = &attributes["items"];
                ("items", self.item(site, *items, self.part(left, 0), namespace))
            }
            (Some("map"), Kind::Map(values)) => {
                let site = &attributes["values"];
                ("values", self.item(site, *values, self.part(left, 0), namespace))
            }
            (Some(name), _) if PRIMITIVES.iter().any(|(primitive, _)| *primitive == name) => {
                return Value::Object(attributes.clone());
            }
            _ => ("type", self.write(said, of, left, namespace)),
        };
        let mut out = attributes.clone();
        out.insert(keyword.to_owned(), written);
        Value::Object(out)
    }

    /// A named type: its definition where it stands first, and its name from then on.
    fn named(&mut self, of: TypeId, left: LeftId, namespace: &str) -> Value {
        if let Some(name) = self.written.get(&(of, left)) {
            return Value::String(name.clone());
        }
        let known = self.schema.type_of(of);
        let (Some(own), Some(Value::Object(definition))) =
            (known.name.as_deref(), self.schema.text.pointer(&known.at))
        else {
            return Value::Null;
        };
        let mut out = definition.clone();
        let mut name = own.to_owned();
        if !self.used.insert(of) {
            name = full_name(
                &self.derived(&format!("{}_redacted", simple(own)), namespace_of(own)),
                namespace_of(own),
            );
            // An alias names one type only.
            out.remove("aliases");
        }
        if name != own || defined_name(&Value::Object(out.clone()), namespace) != name {
            out.insert("name".to_owned(), json!(simple(&name)));
            out.insert("namespace".to_owned(), json!(namespace_of(&name)));
        }
        self.written.insert((of, left), name.clone());
        if let (Kind::Record(fields), Some(Value::Array(sites))) = (&known.kind, definition.get("fields")) {
            let namespace = namespace_of(&name);
            let parts = fields.iter().zip(sites).enumerate();
            let left = parts.filter_map(|(index, (field, site))| {
                self.field(site, field.of, self.part(left, index), namespace)
            });
            let left: Vec<Value> = left.collect();
            out.insert("fields".to_owned(), Value::Array(left));
        }
        Value::Object(out)
    }

    fn field(&mut self, site: &Value, of: TypeId, left: LeftId, namespace: &str) -> Option<Value> {
        if left == NOTHING {
            return None;
        }
        let mut out = site.as_object()?.clone();
        if left != ALL {
            out.remove("default");
        }
        let written = self.item(site.get("type")?, of, left, namespace);
        out.insert("type".to_owned(), written);
        if matches!(left, NULL | TEXT) {
            out.insert("default".to_owned(), Value::Null);
        }
        Some(Value::Object(out))
    }

    /// A name that nothing has yet: the stem and a number.
    fn derived(&mut self, stem: &str, namespace: &str) -> String {
        let mut number = 1;
        loop {
            let name = format!("{stem}{number}");
            if self.taken.insert(full_name(&name, namespace)) {
                return name;
            }
            number += 1;
        }
    }
}

/// A full name without its namespace.
fn simple(full_name: &str) -> &str {
    full_name.rsplit('.').next().unwrap_or_default()
}
