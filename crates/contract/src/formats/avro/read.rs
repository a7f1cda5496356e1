//! Reads a schema's text: names resolved, every fault told with where it stands.
//!
//! What the Avro specification leaves to readers to ignore (a logical type on another base, a name defined twice) is a
//! fault here, because two readers of one document must not differ.

use std::collections::HashMap;

use serde_json::{Map, Value};

use super::logical;
use super::schema::{Field, Kind, PRIMITIVES, Schema, Type, TypeId, defined_name, full_name, namespace_of};
use crate::compile::Fault;
use crate::document::Document;
use crate::limits::{self, Limits};

/// The schema that a text is, or everything that is wrong with it.
pub(crate) fn read(text: &str) -> Result<Schema, Vec<Fault>> {
    let limits = Limits { document_bytes: limits::DOCUMENT_BYTES, depth: 2 * limits::DEPTH };
    // The strict parser refuses what serde_json would let pass: duplicate keys, of which only one would count.
    let document = Document::parse(text.as_bytes(), &limits)
        .map_err(|wrong| vec![Fault::new("schema", format!("is not JSON: {wrong}"), "correct the text")])?;
    let text = crate::document::value_of(document.root());
    let mut reader = Reader { types: Vec::new(), named: HashMap::new(), faults: Vec::new() };
    for (_, kind) in PRIMITIVES {
        reader.add(Type { kind, rule: None, name: None, at: String::new() });
    }
    let root = reader.read(&text, "", "");
    let Reader { types, faults, .. } = reader;
    if !faults.is_empty() {
        return Err(faults);
    }
    match apache_avro::Schema::parse(&text) {
        Ok(_) => Ok(Schema { text, root, types }),
        Err(error) => {
            let problem = format!("is not valid Avro: {error}");
            Err(vec![Fault::new("schema", problem, "correct the schema")])
        }
    }
}

struct Reader {
    types: Vec<Type>,
    /// Types by their full names.
    named: HashMap<String, TypeId>,
    faults: Vec<Fault>,
}

/// What stands in for a type that cannot be read.
const UNREADABLE: TypeId = 0;

impl Reader {
    fn add(&mut self, added: Type) -> TypeId {
        self.types.push(added);
        (self.types.len() - 1) as TypeId
    }

    fn fault(&mut self, at: &str, problem: impl Into<String>, remedy: &str) -> TypeId {
        self.faults.push(Fault::new(format!("schema{at}"), problem, remedy));
        UNREADABLE
    }

    /// The type that stands at `at`, where `namespace` is in force.
    fn read(&mut self, site: &Value, at: &str, namespace: &str) -> TypeId {
        match site {
            Value::String(name) => self.name(name, at, namespace),
            Value::Array(branches) => self.union(branches, at, namespace),
            Value::Object(attributes) => self.object(site, attributes, at, namespace),
            _ => self.fault(at, "is no type", "write a type's name, an object or a list of types"),
        }
    }

    fn name(&mut self, name: &str, at: &str, namespace: &str) -> TypeId {
        if let Some(primitive) = PRIMITIVES.iter().position(|(known, _)| *known == name) {
            return primitive as TypeId;
        }
        match self.named.get(&full_name(name, namespace)) {
            Some(known) => *known,
            None => {
                let problem = format!("{name:?} is no type that is defined before this place");
                self.fault(at, problem, "define it where it stands first; nothing is ever fetched")
            }
        }
    }

    fn union(&mut self, branches: &[Value], at: &str, namespace: &str) -> TypeId {
        if branches.is_empty() {
            return self.fault(at, "is a union without branches", "name the types that may stand here");
        }
        let mut ids = Vec::with_capacity(branches.len());
        for (index, branch) in branches.iter().enumerate() {
            let at = format!("{at}/{index}");
            let id = self.read(branch, &at, namespace);
            if matches!(self.types[id as usize].kind, Kind::Union(_)) {
                self.fault(&at, "is a union directly in a union", "list its branches in the outer one");
            }
            ids.push(id);
        }
        self.add(Type { kind: Kind::Union(ids), rule: None, name: None, at: at.to_owned() })
    }

    fn object(&mut self, site: &Value, attributes: &Map<String, Value>, at: &str, namespace: &str) -> TypeId {
        let inner = format!("{at}/type");
        match attributes.get("type") {
            Some(Value::String(name)) => match name.as_str() {
                "record" | "enum" | "fixed" => self.named(name, site, attributes, at, namespace),
                "array" => self.container(attributes, "items", Kind::Array, at, namespace),
                "map" => self.container(attributes, "values", Kind::Map, at, namespace),
                name => {
                    let id = self.name(name, &inner, namespace);
                    if (id as usize) < PRIMITIVES.len() {
                        return self.annotated(id, attributes, at);
                    }
                    self.misplaced(attributes, at);
                    id
                }
            },
            Some(wrapped @ (Value::Object(_) | Value::Array(_))) => {
                self.misplaced(attributes, at);
                self.read(wrapped, &inner, namespace)
            }
            _ => self.fault(at, "does not say its type", "add `type`"),
        }
    }

    /// A primitive type with attributes.
    fn annotated(&mut self, primitive: TypeId, attributes: &Map<String, Value>, at: &str) -> TypeId {
        let kind = self.types[primitive as usize].kind.clone();
        let is_annotated =
            kind == Kind::String && attributes.get("logicalType").is_some_and(Value::is_string);
        match self.rule(attributes, &kind, at) {
            None if !is_annotated => primitive,
            rule => self.add(Type { kind, rule, name: None, at: at.to_owned() }),
        }
    }

    fn rule(&mut self, attributes: &Map<String, Value>, kind: &Kind, at: &str) -> Option<logical::Rule> {
        logical::rule(attributes, kind).unwrap_or_else(|(problem, remedy)| {
            self.fault(at, problem, remedy);
            None
        })
    }

    /// A logical type beside a type that is defined elsewhere would be ignored by readers.
    fn misplaced(&mut self, attributes: &Map<String, Value>, at: &str) {
        if attributes.get("logicalType").and_then(Value::as_str).is_some_and(logical::is_known) {
            let problem = "has a logical type, but not on the type itself, so readers would ignore it";
            self.fault(at, problem, "move `logicalType` into the type's own definition");
        }
    }

    fn container(
        &mut self,
        attributes: &Map<String, Value>,
        keyword: &str,
        kind: fn(TypeId) -> Kind,
        at: &str,
        namespace: &str,
    ) -> TypeId {
        self.misplaced(attributes, at);
        let Some(inner) = attributes.get(keyword) else {
            return self.fault(at, format!("does not say its `{keyword}`"), "add the type of what it holds");
        };
        let inner = self.read(inner, &format!("{at}/{keyword}"), namespace);
        self.add(Type { kind: kind(inner), rule: None, name: None, at: at.to_owned() })
    }

    fn named(
        &mut self,
        kind: &str,
        site: &Value,
        attributes: &Map<String, Value>,
        at: &str,
        namespace: &str,
    ) -> TypeId {
        let name = defined_name(site, namespace);
        if !is_name(&name) || PRIMITIVES.iter().any(|(primitive, _)| *primitive == name) {
            let remedy = "give it one of letters, digits and _, other than those of Avro's own types";
            self.fault(at, format!("{name:?} is no name for a type"), remedy);
        }
        if self.named.contains_key(&name) {
            self.fault(at, format!("defines {name} a second time"), "refer to the first, or rename one");
        }
        let id = self.add(Type { kind: Kind::Null, rule: None, name: Some(name.clone()), at: at.to_owned() });
        // Entered before it is read, so that a record can refer to itself.
        self.named.insert(name.clone(), id);
        let kind = match kind {
            "record" => Kind::Record(self.fields(attributes, at, namespace_of(&name))),
            "enum" => Kind::Enum(self.symbols(attributes, at)),
            _ => {
                let size = attributes.get("size").and_then(Value::as_u64);
                if size.is_none() {
                    self.fault(at, "does not say its `size`", "add the number of bytes");
                }
                Kind::Fixed(usize::try_from(size.unwrap_or_default()).unwrap_or(usize::MAX))
            }
        };
        self.types[id as usize].rule = self.rule(attributes, &kind, at);
        self.types[id as usize].kind = kind;
        id
    }

    fn fields(&mut self, attributes: &Map<String, Value>, at: &str, namespace: &str) -> Vec<Field> {
        let Some(Value::Array(list)) = attributes.get("fields") else {
            self.fault(at, "does not list its `fields`", "add them, or an empty list");
            return Vec::new();
        };
        let mut fields: Vec<Field> = Vec::with_capacity(list.len());
        for (index, field) in list.iter().enumerate() {
            let at = format!("{at}/fields/{index}");
            let name = field.get("name").and_then(Value::as_str).unwrap_or_default();
            if !is_name(name) || name.contains('.') {
                self.fault(&at, "is a field without a name", "add `name`: letters, digits and _");
            }
            let Some(of) = field.get("type") else {
                self.fault(&at, "is a field without a type", "add `type`");
                continue;
            };
            if field.get("logicalType").and_then(Value::as_str).is_some_and(logical::is_known) {
                let problem = "has a logical type beside `type`, where readers would ignore it";
                self.fault(&at, problem, "write `\"type\": {\"type\": …, \"logicalType\": …}`");
            }
            let of = self.read(of, &format!("{at}/type"), namespace);
            fields.push(Field { name: name.into(), of });
        }
        fields
    }

    fn symbols(&mut self, attributes: &Map<String, Value>, at: &str) -> Vec<Box<str>> {
        let symbols = attributes.get("symbols").and_then(Value::as_array);
        if symbols.is_none_or(|symbols| symbols.is_empty() || !symbols.iter().all(Value::is_string)) {
            self.fault(at, "does not list its `symbols`", "add at least one, as texts");
        }
        let symbols = symbols.into_iter().flatten();
        symbols.filter_map(Value::as_str).map(Box::from).collect()
    }
}

/// Whether a text is a name, or names with dots between them (Avro 1.12, "Names").
fn is_name(text: &str) -> bool {
    text.split('.').all(|part| {
        part.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_')
            && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
    })
}
