//! A JSON Schema with the documents it refers to, and where its `$ref`s lead. Nothing is ever fetched.

use std::collections::BTreeMap;

use jsonschema::Draft;
use serde_json::Value;

use super::subschemas;
use crate::Pointer;
use crate::schemas::layout::Tree;
use crate::schemas::{SchemaFault, Source};

/// A schema's text and those it refers to.
#[derive(Debug)]
pub(in crate::schemas) struct Documents {
    /// The first is the schema itself.
    documents: Vec<Document>,
}

#[derive(Debug)]
struct Document {
    /// What others call it; of the schema itself empty.
    name: String,
    /// Its `$id`, or nothing.
    id: String,
    /// Whether its draft, one up to 7, takes no word beside a `$ref`.
    is_old: bool,
    root: Value,
    anchors: BTreeMap<String, Pointer>,
    /// Schemas inside that have an `$id` of their own.
    embedded: BTreeMap<String, Pointer>,
}

/// One schema among the documents.
#[derive(Debug, Clone, Copy)]
pub(in crate::schemas) struct Place<'s> {
    pub(in crate::schemas) schema: &'s Value,
    document: usize,
}

impl Place<'_> {
    /// Tells places apart.
    pub(in crate::schemas) fn key(&self) -> usize {
        std::ptr::from_ref(self.schema) as usize
    }
}

impl Documents {
    /// Reads a text with what it refers to: each must be a valid schema of its draft, and each `$ref` lead somewhere.
    pub(in crate::schemas) fn read(source: &Source) -> Result<Documents, SchemaFault> {
        let mut documents = vec![document("", &source.text)?];
        for (name, text) in source.bounded_references()? {
            let read =
                document(name, text).map_err(|fault| SchemaFault::at(&format!("reference {name}"), fault))?;
            documents.push(read);
        }
        let documents = Documents { documents };
        for index in 0..documents.documents.len() {
            documents.check_references(index)?;
        }
        Ok(documents)
    }

    pub(in crate::schemas) fn root(&self) -> Place<'_> {
        Place { schema: &self.documents[0].root, document: 0 }
    }

    /// The place of a schema that stands in the one at `around`.
    pub(in crate::schemas) fn inside<'s>(&'s self, around: Place<'s>, schema: &'s Value) -> Place<'s> {
        Place { schema, document: around.document }
    }

    /// Whether words beside a `$ref` say nothing there.
    pub(in crate::schemas) fn has_lone_refs(&self, place: Place<'_>) -> bool {
        self.documents[place.document].is_old
    }

    /// Where the place's `$ref` leads, if it has one. A dynamic reference is taken for a plain one.
    pub(in crate::schemas) fn follow(&self, place: Place<'_>) -> Option<Result<Place<'_>, SchemaFault>> {
        let found =
            ["$ref", "$dynamicRef", "$recursiveRef"].into_iter().find_map(|word| place.schema.get(word));
        let reference = found?.as_str()?;
        let found = self.resolve(place.document, reference);
        let lost = || SchemaFault(format!("$ref {reference:?} leads nowhere: name it in the references"));
        Some(
            found
                .map(|(document, pointer)| self.place(document, &pointer))
                .and_then(|place| place)
                .ok_or_else(lost),
        )
    }

    /// The name of the document that a reference in the document `from` leads to, with the pointer inside.
    pub(in crate::schemas) fn target(&self, from: usize, reference: &str) -> Option<(&str, Pointer)> {
        let (document, pointer) = self.resolve(from, reference)?;
        Some((&self.documents[document].name, pointer))
    }

    /// The index of the document that others call `name`.
    pub(in crate::schemas) fn index_of(&self, name: &str) -> Option<usize> {
        self.documents.iter().position(|document| document.name == name)
    }

    fn place(&self, document: usize, pointer: &Pointer) -> Option<Place<'_>> {
        let schema = self.documents[document].root.pointer(&pointer.to_string())?;
        Some(Place { schema, document })
    }

    fn resolve(&self, from: usize, reference: &str) -> Option<(usize, Pointer)> {
        let (uri, fragment) = reference.split_once('#').unwrap_or((reference, ""));
        let own = &self.documents[from];
        let (document, base) = if uri.is_empty() || same(uri, &own.id) {
            (from, Pointer::root())
        } else {
            self.find(from, uri)?
        };
        let fragment = percent_decoded(fragment);
        if fragment.is_empty() || fragment.starts_with('/') {
            let inner = Pointer::parse(&fragment).ok()?;
            let tokens = base.tokens().iter().chain(inner.tokens()).cloned();
            return Some((document, Pointer::from_tokens(tokens)));
        }
        Some((document, self.documents[document].anchors.get(&fragment)?.clone()))
    }

    /// The document that is called so, or has this `$id`, or holds a schema that has it.
    fn find(&self, from: usize, uri: &str) -> Option<(usize, Pointer)> {
        let absolute = joined(&self.documents[from].id, uri);
        let named = self.documents.iter().position(|document| {
            !document.name.is_empty() && (same(&document.name, uri) || same(&document.name, &absolute))
        });
        let by_id = || {
            self.documents.iter().position(|document| {
                !document.id.is_empty() && (same(&document.id, uri) || same(&document.id, &absolute))
            })
        };
        if let Some(index) = named.or_else(by_id) {
            return Some((index, Pointer::root()));
        }
        self.documents.iter().enumerate().find_map(|(index, document)| {
            let found = document.embedded.get(uri).or_else(|| document.embedded.get(&absolute))?;
            Some((index, found.clone()))
        })
    }

    fn check_references(&self, index: usize) -> Result<(), SchemaFault> {
        let document = &self.documents[index];
        walk(&document.root, &Pointer::root(), &mut |schema, at| {
            let place = Place { schema, document: index };
            match self.follow(place) {
                Some(Err(fault)) => {
                    let place = if document.name.is_empty() {
                        format!("#{at}")
                    } else {
                        format!("{}#{at}", document.name)
                    };
                    Err(SchemaFault::at(&place, fault))
                }
                _ => Ok(()),
            }
        })
    }
}

/// Calls `visit` with each schema of a document and where it is.
fn walk(
    schema: &Value,
    at: &Pointer,
    visit: &mut impl FnMut(&Value, &Pointer) -> Result<(), SchemaFault>,
) -> Result<(), SchemaFault> {
    visit(schema, at)?;
    for (tokens, _, inner) in subschemas(schema) {
        let at = Pointer::from_tokens(at.tokens().iter().cloned().chain(tokens));
        walk(inner, &at, visit)?;
    }
    Ok(())
}

fn document(name: &str, text: &str) -> Result<Document, SchemaFault> {
    let root = Tree::parse(text)?.value();
    if !root.is_object() && !root.is_boolean() {
        return Err(SchemaFault("a JSON Schema is an object, true or false".to_owned()));
    }
    let draft = check_dialect(&root)?;
    let mut anchors = BTreeMap::new();
    let mut embedded = BTreeMap::new();
    walk(&root, &Pointer::root(), &mut |schema, at| {
        for anchor in ["$anchor", "$dynamicAnchor"] {
            if let Some(anchor) = schema.get(anchor).and_then(Value::as_str) {
                anchors.insert(anchor.to_owned(), at.clone());
            }
        }
        if let Some(id) = own_id(schema).filter(|_| *at != Pointer::root()) {
            match id.strip_prefix('#') {
                // Before draft 2019-09, an anchor was an `$id` that is only a fragment.
                Some(anchor) => anchors.insert(anchor.to_owned(), at.clone()),
                None => embedded.insert(id.to_owned(), at.clone()),
            };
        }
        Ok(())
    })?;
    let id = own_id(&root).unwrap_or_default().trim_end_matches('#').to_owned();
    let is_old =
        root.get("$schema").is_some() && matches!(draft, Draft::Draft4 | Draft::Draft6 | Draft::Draft7);
    Ok(Document { name: name.to_owned(), id, is_old, root, anchors, embedded })
}

fn own_id(schema: &Value) -> Option<&str> {
    schema.get("$id").or_else(|| schema.get("id")).and_then(Value::as_str)
}

/// Whether it is a schema by its own draft; without `$schema`, by draft 7, whose words the later drafts kept.
fn check_dialect(root: &Value) -> Result<Draft, SchemaFault> {
    let named = root.get("$schema").and_then(Value::as_str).map(|uri| uri.trim_end_matches('#'));
    let draft = match named {
        None => Draft::Draft7,
        Some(uri) => draft_of(uri).ok_or_else(|| {
            SchemaFault(format!("$schema {uri:?} is not known: use a draft from 4 to 2020-12"))
        })?,
    };
    let wrong = match draft {
        Draft::Draft4 => jsonschema::draft4::meta::validate(root).err(),
        Draft::Draft6 => jsonschema::draft6::meta::validate(root).err(),
        Draft::Draft7 => jsonschema::draft7::meta::validate(root).err(),
        Draft::Draft201909 => jsonschema::draft201909::meta::validate(root).err(),
        _ => jsonschema::draft202012::meta::validate(root).err(),
    };
    match wrong {
        Some(error) => {
            let at = format!("#{}", error.instance_path().as_str());
            Err(SchemaFault::at(&at, format!("not a valid JSON Schema: {error}")))
        }
        None => Ok(draft),
    }
}

fn draft_of(uri: &str) -> Option<Draft> {
    let rest = uri.strip_prefix("http://").or_else(|| uri.strip_prefix("https://"))?;
    Some(match rest.strip_prefix("json-schema.org/")? {
        "draft-04/schema" => Draft::Draft4,
        "draft-06/schema" => Draft::Draft6,
        "draft-07/schema" => Draft::Draft7,
        "draft/2019-09/schema" => Draft::Draft201909,
        "draft/2020-12/schema" => Draft::Draft202012,
        _ => return None,
    })
}

fn same(one: &str, other: &str) -> bool {
    one.trim_end_matches('#') == other.trim_end_matches('#')
}

/// A relative reference where the schema is at `base` (RFC 3986, section 5.2, without dot segments above the last).
fn joined(base: &str, uri: &str) -> String {
    if uri.contains("://") || uri.starts_with("urn:") {
        return uri.to_owned();
    }
    let path_start = base.find("://").map_or(0, |at| at + 3);
    let authority_end = base[path_start..].find('/').map_or(base.len(), |at| path_start + at);
    if uri.starts_with('/') {
        return format!("{}{uri}", &base[..authority_end]);
    }
    match base[path_start..].rfind('/') {
        Some(at) => format!("{}/{}", &base[..path_start + at], uri.trim_start_matches("./")),
        None => uri.trim_start_matches("./").to_owned(),
    }
}

fn percent_decoded(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let hex = (bytes[at] == b'%').then(|| text.get(at + 1..at + 3)).flatten();
        match hex.and_then(|hex| u8::from_str_radix(hex, 16).ok()) {
            Some(byte) => {
                out.push(byte);
                at += 3;
            }
            None => {
                out.push(bytes[at]);
                at += 1;
            }
        }
    }
    String::from_utf8(out).unwrap_or_else(|_| text.to_owned())
}
