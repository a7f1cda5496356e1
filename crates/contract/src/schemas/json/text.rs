//! A JSON Schema in one document with those that it refers to.

use super::Documents;
use crate::Pointer;
use crate::schemas::layout::Tree;
use crate::schemas::{SchemaFault, Source};

/// The schema with the documents that it refers to under `$defs`, and each `$ref` leading there.
pub(in crate::schemas) fn bundled(source: &Source) -> Result<String, SchemaFault> {
    let documents = Documents::read(source)?;
    let root = Tree::parse(&source.text)?;
    let dialect = root.text("$schema").map(str::to_owned);
    let mut taken: Vec<String> =
        root.get("$defs").map(Tree::members).unwrap_or_default().iter().map(|(key, _)| key.clone()).collect();
    let mut keys: Vec<(String, String)> = Vec::new();
    for name in source.references.keys() {
        let key = free_key(name, &taken);
        taken.push(key.clone());
        keys.push((name.clone(), key));
    }
    let bundle = Bundle { documents: &documents, keys };
    let root = bundle.rewritten(root, 0, true)?;
    let Tree::Object(mut members) = root else { return Ok(root.to_string()) };
    let mut added = Vec::new();
    for (name, text) in &source.references {
        let tree = Tree::parse(text)?;
        if tree.text("$schema").is_some_and(|named| dialect.as_deref().is_some_and(|own| own != named)) {
            let problem = "is in another draft than the schema that refers to it: write both in one";
            return Err(SchemaFault::at(&format!("reference {name}"), problem));
        }
        let index = documents.index_of(name).unwrap_or_default();
        added.push((bundle.key(name).to_owned(), bundle.rewritten(tree, index, true)?));
    }
    match members.iter_mut().find(|(key, _)| key == "$defs") {
        Some((_, Tree::Object(kept))) => kept.extend(added),
        _ => members.push(("$defs".to_owned(), Tree::Object(added))),
    }
    Ok(Tree::Object(members).to_string())
}

fn free_key(name: &str, taken: &[String]) -> String {
    let mut key = name.to_owned();
    while taken.contains(&key) {
        key.push('_');
    }
    key
}

struct Bundle<'d> {
    documents: &'d Documents,
    /// The name of each document with its key under `$defs`.
    keys: Vec<(String, String)>,
}

/// Words under which there are schemas by name.
const NAMED: [&str; 6] =
    ["properties", "patternProperties", "$defs", "definitions", "dependentSchemas", "dependencies"];

/// Words under which there is a schema, or an array of them.
const INNER: [&str; 16] = [
    "items",
    "prefixItems",
    "additionalItems",
    "unevaluatedItems",
    "contains",
    "additionalProperties",
    "unevaluatedProperties",
    "propertyNames",
    "allOf",
    "anyOf",
    "oneOf",
    "not",
    "if",
    "then",
    "else",
    "contentSchema",
];

impl Bundle<'_> {
    fn key<'k>(&'k self, name: &'k str) -> &'k str {
        self.keys.iter().find(|(known, _)| known == name).map_or(name, |(_, key)| key)
    }

    /// The schema with its `$ref`s leading into the one document. Of a bundled document the `$id` and `$schema` go:
    /// `#/…` would mean itself.
    fn rewritten(&self, tree: Tree, document: usize, is_root: bool) -> Result<Tree, SchemaFault> {
        match tree {
            Tree::Array(items) => {
                let items = items.into_iter().map(|item| self.rewritten(item, document, false));
                Ok(Tree::Array(items.collect::<Result<_, _>>()?))
            }
            Tree::Object(members) => {
                let mut out = Vec::new();
                for (key, value) in members {
                    match (key.as_str(), value) {
                        ("$id" | "id" | "$schema", Tree::String(_)) if is_root && document > 0 => {}
                        // No reference leads to it by this name any more.
                        ("$anchor", _) if document > 0 => {}
                        ("$dynamicRef" | "$recursiveRef", _) => {
                            let problem = format!("{key} leads elsewhere in one document: use $ref");
                            return Err(SchemaFault::at("the schema", problem));
                        }
                        ("$id", Tree::String(id)) if !is_root => {
                            let problem =
                                format!("has a schema with the $id {id:?} inside; refer to it by `#/…`");
                            return Err(SchemaFault::at("the schema", problem));
                        }
                        ("$ref", Tree::String(reference)) => {
                            out.push((key, Tree::String(self.reference(document, &reference)?)));
                        }
                        (word, Tree::Object(inner)) if NAMED.contains(&word) => {
                            let inner = inner.into_iter().map(|(name, schema)| {
                                self.rewritten(schema, document, false).map(|schema| (name, schema))
                            });
                            out.push((key, Tree::Object(inner.collect::<Result<_, _>>()?)));
                        }
                        (word, value) if INNER.contains(&word) => {
                            out.push((key, self.rewritten(value, document, false)?));
                        }
                        (_, value) => out.push((key, value)),
                    }
                }
                Ok(Tree::Object(out))
            }
            other => Ok(other),
        }
    }

    fn reference(&self, document: usize, reference: &str) -> Result<String, SchemaFault> {
        let lost = || SchemaFault(format!("$ref {reference:?} leads nowhere"));
        let (name, pointer) = self.documents.target(document, reference).ok_or_else(lost)?;
        let around: Vec<String> = match name {
            "" => Vec::new(),
            name => vec!["$defs".to_owned(), self.key(name).to_owned()],
        };
        let pointer = Pointer::from_tokens(around.into_iter().chain(pointer.tokens().iter().cloned()));
        // A percent sign would be taken for an escape of the fragment.
        Ok(format!("#{}", pointer.to_string().replace('%', "%25")))
    }
}
