//! The fields of JSON documents: sealed where a contract says so, opened where a key fits. Everything else stays as it
//! was written, to the digit.

use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

use crate::limits::DEPTH;
use crate::{Context, OpenError, PREFIX, PrivateKey, Recipient, SealError, Sealed};

/// A field of a contract. A `*` of one does not mean what another names: it reaches neither there nor further down.
#[derive(Debug, Clone)]
pub struct Field<'a> {
    /// Its place, a JSON pointer; `*` is any element or member.
    pub pointer: &'a str,
    /// Whom its values are sealed for; nothing: they are not.
    pub recipients: Option<&'a [Recipient]>,
}

/// The event that a document is the data of.
#[derive(Debug, Clone, Copy)]
pub struct Event<'a> {
    /// The topic's name.
    pub topic: &'a str,
    /// The event's `source`.
    pub source: &'a str,
    /// The event's `id`.
    pub id: &'a str,
}

impl<'a> Event<'a> {
    fn at<'b>(&self, pointer: &'b str) -> Context<'b>
    where
        'a: 'b,
    {
        Context { topic: self.topic, source: self.source, id: self.id, pointer }
    }
}

/// Why a document was not sealed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DocumentError {
    /// It is not a JSON document, or is nested deeper than [`DEPTH`].
    NotJson,
    /// A value of it was not sealed: its place, and why.
    Seal(String, SealError),
}

impl fmt::Display for DocumentError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            DocumentError::NotJson => write!(f, "not a JSON document of at most {DEPTH} levels"),
            DocumentError::Seal(pointer, why) => write!(f, "{pointer}: {why}"),
        }
    }
}

impl std::error::Error for DocumentError {}

/// The document with its fields sealed. `null` stays, as it says that there is no value; so does what is sealed already.
pub fn seal(document: &str, fields: &[Field<'_>], event: &Event<'_>) -> Result<String, DocumentError> {
    let paths: Vec<Vec<String>> = fields.iter().map(|field| tokens(field.pointer)).collect();
    rewrite(document, &mut |path, value| {
        let recipients = naming(&paths, path).and_then(|at| fields[at].recipients);
        let Some(recipients) = recipients else { return Ok(None) };
        if value == "null" || string_of(value).is_some_and(|text| Sealed::parse(&text).is_ok()) {
            return Ok(Some(value.to_owned()));
        }
        let pointer = pointer(path);
        let sealed = crate::seal(value, recipients, &event.at(&pointer));
        let sealed = sealed.map_err(|why| DocumentError::Seal(pointer, why))?;
        Ok(Some(format!("\"{sealed}\"")))
    })
}

/// The field that a place is, of those with these paths. Chosen token by token, as the bus does it.
fn naming(paths: &[Vec<String>], place: &[String]) -> Option<usize> {
    let mut left: Vec<usize> = (0..paths.len()).collect();
    for (depth, token) in place.iter().enumerate() {
        let wants = |at: &usize, wanted: &str| paths[*at].get(depth).is_some_and(|one| one == wanted);
        let named = left.iter().any(|at| wants(at, token));
        left.retain(|at| wants(at, token) || (!named && wants(at, "*")));
    }
    left.into_iter().find(|at| paths[*at].len() == place.len())
}

/// What became of a sealed value of a document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// Its place, a JSON pointer.
    pub pointer: String,
    /// Why it stays sealed; nothing where it was opened.
    pub left: Option<OpenError>,
}

/// The document with every sealed value opened that the keys open; the others stay sealed, and it is told why.
pub fn open(
    document: &str,
    keys: &[PrivateKey],
    event: &Event<'_>,
) -> Result<(String, Vec<Found>), DocumentError> {
    let mut found = Vec::new();
    let opened = rewrite(document, &mut |path, value| {
        let Some(text) = string_of(value).filter(|text| text.starts_with(PREFIX)) else { return Ok(None) };
        let pointer = pointer(path);
        let (value, left) = match crate::open(&text, keys, &event.at(&pointer)) {
            Ok(opened) => (opened.as_str().to_owned(), None),
            Err(why) => (value.to_owned(), Some(why)),
        };
        found.push(Found { pointer, left });
        Ok(Some(value))
    })?;
    Ok((opened, found))
}

fn string_of(value: &str) -> Option<String> {
    value.starts_with('"').then(|| serde_json::from_str(value).ok())?
}

/// The tokens of a JSON pointer (RFC 6901).
fn tokens(pointer: &str) -> Vec<String> {
    pointer.split('/').skip(1).map(|token| token.replace("~1", "/").replace("~0", "~")).collect()
}

fn pointer(tokens: &[String]) -> String {
    tokens.iter().map(|token| format!("/{}", token.replace('~', "~0").replace('/', "~1"))).collect()
}

/// What to put in place of a value; nothing: look into it.
type Visit<'v> = dyn FnMut(&[String], &str) -> Result<Option<String>, DocumentError> + 'v;

fn rewrite(document: &str, visit: &mut Visit<'_>) -> Result<String, DocumentError> {
    let value: &RawValue = serde_json::from_str(document).map_err(|_| DocumentError::NotJson)?;
    let changed = value_at(value, &mut Vec::new(), visit)?;
    Ok(changed.unwrap_or_else(|| value.get().to_owned()))
}

/// The value's new text; nothing where it stays as it is.
fn value_at(
    value: &RawValue,
    path: &mut Vec<String>,
    visit: &mut Visit<'_>,
) -> Result<Option<String>, DocumentError> {
    if let Some(other) = visit(path, value.get())? {
        return Ok(Some(other).filter(|other| other != value.get()));
    }
    if path.len() >= DEPTH {
        return Err(DocumentError::NotJson);
    }
    let text = value.get();
    let (open, parts, close) = match text.as_bytes().first() {
        Some(b'{') => ('{', members(text)?, '}'),
        Some(b'[') => ('[', items(text)?, ']'),
        _ => return Ok(None),
    };
    let (mut written, mut changed) = (open.to_string(), false);
    for (index, (name, inner)) in parts.into_iter().enumerate() {
        if index > 0 {
            written.push(',');
        }
        if let Some(name) = &name {
            written += &serde_json::to_string(name).map_err(|_| DocumentError::NotJson)?;
            written.push(':');
        }
        path.push(name.unwrap_or_else(|| index.to_string()));
        let other = value_at(inner, path, visit)?;
        path.pop();
        changed |= other.is_some();
        written += other.as_deref().unwrap_or(inner.get());
    }
    written.push(close);
    Ok(changed.then_some(written))
}

/// A part of a container: its name, where it has one, and its value.
type Part<'a> = (Option<String>, &'a RawValue);

fn items(text: &str) -> Result<Vec<Part<'_>>, DocumentError> {
    let items: Vec<&RawValue> = serde_json::from_str(text).map_err(|_| DocumentError::NotJson)?;
    Ok(items.into_iter().map(|item| (None, item)).collect())
}

fn members(text: &str) -> Result<Vec<Part<'_>>, DocumentError> {
    let members: Members<'_> = serde_json::from_str(text).map_err(|_| DocumentError::NotJson)?;
    Ok(members.0)
}

/// The text of an object with another value in place of that of its member `name`: what stands around an event's data.
pub fn with_member(object: &str, name: &str, value: &str) -> Result<String, DocumentError> {
    let wanted = [name.to_owned()];
    rewrite(object, &mut |path, here| match path {
        [] => Ok(None),
        _ if path == wanted => Ok(Some(value.to_owned())),
        _ => Ok(Some(here.to_owned())),
    })
}

/// The members of an object in their order, one that stands twice too: what is wrong with it is for its reader to say.
struct Members<'a>(Vec<Part<'a>>);

impl<'de> Deserialize<'de> for Members<'de> {
    fn deserialize<D: Deserializer<'de>>(text: D) -> Result<Self, D::Error> {
        struct All;
        impl<'de> Visitor<'de> for All {
            type Value = Members<'de>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Members<'de>, A::Error> {
                let mut members = Vec::new();
                while let Some((name, value)) = map.next_entry::<String, &RawValue>()? {
                    members.push((Some(name), value));
                }
                Ok(Members(members))
            }
        }
        text.deserialize_map(All)
    }
}
