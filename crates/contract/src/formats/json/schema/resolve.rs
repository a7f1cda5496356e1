//! References inside one schema document: `$id`, `$anchor` and JSON pointers. Nothing is ever fetched.

use std::collections::HashMap;

use serde_json::Value;

use super::{Site, subschemas};

/// Where each `$id` and `$anchor` of a schema document stands.
#[derive(Debug)]
pub(crate) struct Ids<'s> {
    /// The resources' absolute names; 0 is the document itself.
    bases: Vec<String>,
    roots: Vec<&'s Value>,
    by_name: HashMap<String, usize>,
    anchors: HashMap<(usize, &'s str), Site<'s>>,
    /// The base of each schema, by [`Site::key`].
    base_of: HashMap<usize, usize>,
}

/// A reference that leads nowhere inside the document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct UnresolvedRef {
    pub(crate) reference: String,
    /// Whether it names another document.
    pub(crate) remote: bool,
}

impl<'s> Ids<'s> {
    /// Reads a whole schema document.
    pub(crate) fn of(document: &'s Value) -> Self {
        let mut ids = Ids {
            bases: vec![String::new()],
            roots: vec![document],
            by_name: HashMap::new(),
            anchors: HashMap::new(),
            base_of: HashMap::new(),
        };
        if let Some(id) = id_of(document) {
            ids.bases[0] = id.to_owned();
            ids.by_name.insert(id.to_owned(), 0);
        }
        ids.read(document, 0);
        ids
    }

    fn read(&mut self, schema: &'s Value, base: usize) {
        let mut base = base;
        if let Some(id) = id_of(schema)
            && !std::ptr::eq(schema, self.roots[0])
        {
            let name = join(&self.bases[base], id);
            base = self.bases.len();
            self.by_name.insert(name.clone(), base);
            self.bases.push(name);
            self.roots.push(schema);
        }
        let site = Site { schema, base };
        self.base_of.insert(site.key(), base);
        if let Some(anchor) = schema.get("$anchor").and_then(Value::as_str) {
            self.anchors.insert((base, anchor), site);
        }
        for (_, _, inner) in subschemas(schema) {
            self.read(inner, base);
        }
    }

    /// The document's own schema.
    pub(crate) fn root(&self) -> Site<'s> {
        Site { schema: self.roots[0], base: 0 }
    }

    /// A schema directly inside `parent`.
    pub(crate) fn site(&self, schema: &'s Value, parent: Site<'s>) -> Site<'s> {
        let base = self.base_of.get(&(std::ptr::from_ref(schema) as usize)).copied();
        Site { schema, base: base.unwrap_or(parent.base) }
    }

    /// Where the `$ref` of `site` leads, if it has one.
    pub(crate) fn follow(&self, site: Site<'s>) -> Option<Result<Site<'s>, UnresolvedRef>> {
        let reference = site.schema.get("$ref")?.as_str()?;
        Some(self.resolve(site.base, reference))
    }

    fn resolve(&self, base: usize, reference: &str) -> Result<Site<'s>, UnresolvedRef> {
        let (document, fragment) = reference.split_once('#').unwrap_or((reference, ""));
        let unresolved = |remote| UnresolvedRef { reference: reference.to_owned(), remote };
        let resource = if document.is_empty() {
            base
        } else {
            let name = join(&self.bases[base], document);
            *self.by_name.get(&name).ok_or_else(|| unresolved(true))?
        };
        let fragment = percent_decoded(fragment).ok_or_else(|| unresolved(false))?;
        let parent = Site { schema: self.roots[resource], base: resource };
        if fragment.is_empty() {
            return Ok(parent);
        }
        if !fragment.starts_with('/') {
            return self
                .anchors
                .get(&(resource, fragment.as_str()))
                .copied()
                .ok_or_else(|| unresolved(false));
        }
        let target = parent.schema.pointer(&fragment).ok_or_else(|| unresolved(false))?;
        Ok(self.site(target, parent))
    }
}

fn id_of(schema: &Value) -> Option<&str> {
    schema.get("$id").and_then(Value::as_str).map(|id| id.trim_end_matches('#'))
}

/// The reference made absolute against the base: RFC 3986, section 5.2, without dot segments, which `$id`s of one
/// document have no use for. A name that comes out differently is not found, and the contract is refused.
fn join(base: &str, reference: &str) -> String {
    let has_scheme = reference.split_once(':').is_some_and(|(scheme, _)| {
        !scheme.is_empty() && scheme.bytes().all(|b| b.is_ascii_alphanumeric() || b"+-.".contains(&b))
    });
    if has_scheme || base.is_empty() {
        return reference.to_owned();
    }
    let path = base.find("://").map_or(0, |at| at + 3);
    let keep = if reference.starts_with('/') {
        base[path..].find('/').map_or(base.len(), |at| path + at)
    } else {
        base[path..].rfind('/').map_or(base.len(), |at| path + at + 1)
    };
    format!("{}{reference}", &base[..keep])
}

fn percent_decoded(text: &str) -> Option<String> {
    let mut out = Vec::with_capacity(text.len());
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        if byte == b'%' {
            let (high, low) =
                (char::from(bytes.next()?).to_digit(16)?, char::from(bytes.next()?).to_digit(16)?);
            out.push((high * 16 + low) as u8);
        } else {
            out.push(byte);
        }
    }
    String::from_utf8(out).ok()
}
