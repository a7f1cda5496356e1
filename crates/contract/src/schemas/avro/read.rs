//! From an Avro text to its types. Everything that would keep a client of any language from reading it is a fault.

use std::collections::{BTreeMap, BTreeSet};

use super::names::{Definitions, is_name};
use super::{Field, FullName, Named, Schema, Shape, Type, TypeId};
use crate::schemas::layout::Tree;
use crate::schemas::{SchemaFault, TYPE_DEPTH};

/// Reads a text; `references` define the names that it does not.
pub(super) fn read(tree: &Tree, references: &BTreeMap<String, String>) -> Result<Schema, SchemaFault> {
    let mut reader = Reader {
        definitions: Definitions::of(references)?,
        begun: BTreeSet::new(),
        names: BTreeMap::new(),
        types: Vec::new(),
        depth: 0,
    };
    let root = reader.schema(tree, "", "")?;
    Ok(Schema { types: reader.types, root })
}

struct Reader {
    definitions: Definitions,
    /// The references whose reading has begun.
    begun: BTreeSet<String>,
    names: BTreeMap<FullName, TypeId>,
    types: Vec<Type>,
    /// How many schemas are being read inside each other.
    depth: usize,
}

impl Reader {
    fn schema(&mut self, node: &Tree, namespace: &str, at: &str) -> Result<TypeId, SchemaFault> {
        if self.depth > TYPE_DEPTH {
            return Err(SchemaFault::at(at, format!("types are nested deeper than {TYPE_DEPTH}")));
        }
        self.depth += 1;
        let read = self.schema_within(node, namespace, at);
        self.depth -= 1;
        read
    }

    fn schema_within(&mut self, node: &Tree, namespace: &str, at: &str) -> Result<TypeId, SchemaFault> {
        match node {
            Tree::String(word) => match Shape::primitive(word) {
                Some(shape) => Ok(self.add(shape, node)),
                None => self.named(word, namespace, at),
            },
            Tree::Array(branches) => self.union(node, branches, namespace, at),
            Tree::Object(_) => self.object(node, namespace, at),
            _ => Err(SchemaFault::at(at, "a schema is a name, an array of branches or an object")),
        }
    }

    fn add(&mut self, shape: Shape, node: &Tree) -> TypeId {
        let decimal = match (&shape, node.text("logicalType"), node.count("precision")) {
            (Shape::Bytes | Shape::Fixed { .. }, Some("decimal"), Some(precision)) => {
                Some((precision, node.count("scale").unwrap_or(0)))
            }
            _ => None,
        };
        self.types.push(Type { shape, decimal, tags: tags(node) });
        self.types.len() - 1
    }

    /// The type of a name, from another text where this one has not defined it yet.
    fn named(&mut self, word: &str, namespace: &str, at: &str) -> Result<TypeId, SchemaFault> {
        let name = FullName::within(word, namespace);
        if let Some(id) = self.names.get(&name) {
            return Ok(*id);
        }
        let text = self.definitions.text_of(&name).map(|(text, tree)| (text.to_owned(), tree.clone()));
        if let Some((text, tree)) = text
            && self.begun.insert(text.clone())
        {
            self.schema(&tree, "", &format!("reference {text}"))?;
        }
        let unknown = || format!("{name} is not defined here or before, nor in a reference");
        self.names.get(&name).copied().ok_or_else(|| SchemaFault::at(at, unknown()))
    }

    fn union(
        &mut self,
        node: &Tree,
        branches: &[Tree],
        namespace: &str,
        at: &str,
    ) -> Result<TypeId, SchemaFault> {
        let mut ids = Vec::new();
        let mut seen = BTreeSet::new();
        for (index, branch) in branches.iter().enumerate() {
            let at = format!("{at}/{index}");
            let id = self.schema(branch, namespace, &at)?;
            let shape = &self.types[id].shape;
            if matches!(shape, Shape::Union(_)) {
                return Err(SchemaFault::at(&at, "a union is not directly in a union"));
            }
            let key = shape.name().map_or_else(|| shape.kind().to_owned(), |named| named.name.to_string());
            if !seen.insert(key.clone()) {
                return Err(SchemaFault::at(&at, format!("the union has {key} twice")));
            }
            ids.push(id);
        }
        Ok(self.add(Shape::Union(ids), node))
    }

    fn object(&mut self, node: &Tree, namespace: &str, at: &str) -> Result<TypeId, SchemaFault> {
        let inner = node.get("type").ok_or_else(|| SchemaFault::at(at, "`type` is missing"))?;
        let Some(word) = inner.as_str() else {
            return self.schema(inner, namespace, &format!("{at}/type"));
        };
        let part = |name: &str| {
            node.get(name).ok_or_else(|| SchemaFault::at(at, format!("an {word} needs `{name}`")))
        };
        match word {
            "array" => {
                let items = self.schema(part("items")?, namespace, &format!("{at}/items"))?;
                Ok(self.add(Shape::Array(items), node))
            }
            "map" => {
                let values = self.schema(part("values")?, namespace, &format!("{at}/values"))?;
                Ok(self.add(Shape::Map(values), node))
            }
            "record" | "error" => self.record(node, namespace, at),
            "enum" => self.enumeration(node, namespace, at),
            "fixed" => {
                let name = definition_name(node, namespace, at)?;
                let size = node.count("size");
                let size = size.ok_or_else(|| SchemaFault::at(at, "`size` must be a whole number"))?;
                self.define(name, at, node, |name| Shape::Fixed { name, size })
            }
            _ => match Shape::primitive(word) {
                Some(shape) => Ok(self.add(shape, node)),
                None => self.named(word, namespace, at),
            },
        }
    }

    fn define(
        &mut self,
        name: Named,
        at: &str,
        node: &Tree,
        shape: impl FnOnce(Named) -> Shape,
    ) -> Result<TypeId, SchemaFault> {
        let full = name.name.clone();
        let id = self.add(shape(name), node);
        match self.names.insert(full.clone(), id) {
            None => Ok(id),
            Some(_) => Err(SchemaFault::at(at, format!("{full} is defined twice"))),
        }
    }

    fn record(&mut self, node: &Tree, namespace: &str, at: &str) -> Result<TypeId, SchemaFault> {
        let name = definition_name(node, namespace, at)?;
        let inside = name.name.namespace.clone();
        let parts = node.get("fields").and_then(Tree::items);
        let parts = parts.ok_or_else(|| SchemaFault::at(at, "a record needs an array of `fields`"))?;
        // The name is known before the fields are read: they may speak of the record itself.
        let id = self.define(name.clone(), at, node, |name| Shape::Record { name, fields: Vec::new() })?;
        let mut fields: Vec<Field> = Vec::new();
        for (index, part) in parts.iter().enumerate() {
            let at = format!("{at}/fields/{index}");
            let field = self.field(part, &inside, &at)?;
            if fields.iter().any(|other| other.name == field.name) {
                return Err(SchemaFault::at(&at, format!("the record has the field {} twice", field.name)));
            }
            fields.push(field);
        }
        self.types[id].shape = Shape::Record { name, fields };
        Ok(id)
    }

    fn field(&mut self, node: &Tree, namespace: &str, at: &str) -> Result<Field, SchemaFault> {
        let name = node.text("name").filter(|name| is_name(name));
        let name =
            name.ok_or_else(|| SchemaFault::at(at, "a field needs a `name` of letters, digits and _"))?;
        let shape = node.get("type").ok_or_else(|| SchemaFault::at(at, "a field needs a `type`"))?;
        Ok(Field {
            name: name.to_owned(),
            aliases: node
                .get("aliases")
                .map(Tree::strings)
                .unwrap_or_default()
                .into_iter()
                .map(str::to_owned)
                .collect(),
            shape: self.schema(shape, namespace, &format!("{at}/type"))?,
            default: node.get("default").cloned(),
            tags: tags(node),
        })
    }

    fn enumeration(&mut self, node: &Tree, namespace: &str, at: &str) -> Result<TypeId, SchemaFault> {
        let name = definition_name(node, namespace, at)?;
        let parts = node.get("symbols").and_then(Tree::items);
        let parts = parts.ok_or_else(|| SchemaFault::at(at, "an enum needs an array of `symbols`"))?;
        let mut symbols: Vec<String> = Vec::new();
        for (index, part) in parts.iter().enumerate() {
            let at = format!("{at}/symbols/{index}");
            match part.as_str().filter(|symbol| is_name(symbol)) {
                None => return Err(SchemaFault::at(&at, "a symbol is a text of letters, digits and _")),
                Some(symbol) if symbols.iter().any(|other| other == symbol) => {
                    return Err(SchemaFault::at(&at, format!("the enum has the symbol {symbol} twice")));
                }
                Some(symbol) => symbols.push(symbol.to_owned()),
            }
        }
        let default = node.get("default").map(|tree| tree.as_str().unwrap_or_default().to_owned());
        if default.as_ref().is_some_and(|default| !symbols.contains(default)) {
            return Err(SchemaFault::at(at, "the `default` of the enum is not one of its symbols"));
        }
        self.define(name, at, node, |name| Shape::Enum { name, symbols, default })
    }
}

fn definition_name(node: &Tree, enclosing: &str, at: &str) -> Result<Named, SchemaFault> {
    let name = FullName::defined(node, enclosing).ok_or_else(|| SchemaFault::at(at, "`name` is missing"))?;
    if !name.is_valid() {
        return Err(SchemaFault::at(
            at,
            format!("{:?} is not a name: use letters, digits and _", name.to_string()),
        ));
    }
    if Shape::primitive(&name.simple).is_some() {
        return Err(SchemaFault::at(at, format!("{} is the name of a built-in type", name.simple)));
    }
    let aliases = node.get("aliases").map(Tree::strings).unwrap_or_default();
    let aliases = aliases.into_iter().map(|alias| FullName::within(alias, &name.namespace)).collect();
    Ok(Named { name, aliases })
}

fn tags(node: &Tree) -> BTreeSet<String> {
    node.get("confluent:tags").map(Tree::strings).unwrap_or_default().into_iter().map(str::to_owned).collect()
}
