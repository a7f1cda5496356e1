//! XML as a tree, every name with its prefix, every text as it stands.

use quick_xml::events::{BytesStart, Event as Xml};
use quick_xml::{Reader, XmlVersion};
use serde_json::{Map, Value, json};

use super::Unreadable;

/// An element with everything in it.
#[derive(Debug, Default)]
pub struct Element {
    /// With its prefix.
    pub name: String,
    /// `@name` to value.
    pub attributes: Map<String, Value>,
    /// The elements in it, in order.
    pub children: Vec<Element>,
    /// Its own text, as it stands.
    pub text: String,
}

impl Element {
    /// The first child of this name.
    pub fn child(&self, name: &str) -> Option<&Element> {
        self.children.iter().find(|child| child.name == name)
    }

    fn start(tag: &BytesStart<'_>) -> Result<Self, Unreadable> {
        let mut element = Self { name: name_of(tag.name().as_ref()), ..Self::default() };
        for attribute in tag.attributes() {
            let attribute = attribute.map_err(|error| Unreadable::new("an attribute", error))?;
            let value = attribute
                .normalized_value(XmlVersion::Explicit1_0)
                .map_err(|error| Unreadable::new("an attribute", error))?;
            element.attributes.insert(format!("@{}", name_of(attribute.key.as_ref())), json!(value));
        }
        Ok(element)
    }
}

fn name_of(name: &[u8]) -> String {
    String::from_utf8_lossy(name).into_owned()
}

/// The document's root element.
pub fn tree(text: &[u8]) -> Result<Element, Unreadable> {
    let wrong = |error: &dyn std::fmt::Display| Unreadable::new("the document", error);
    let mut reader = Reader::from_reader(text);
    let mut open = vec![Element::default()];
    loop {
        match reader.read_event().map_err(|error| wrong(&error))? {
            Xml::Start(tag) => open.push(Element::start(&tag)?),
            Xml::Empty(tag) => close(Element::start(&tag)?, &mut open),
            Xml::Text(text) => {
                let text = text.decode().map_err(|error| wrong(&error))?;
                open.iter_mut().last().into_iter().for_each(|element| element.text.push_str(&text));
            }
            Xml::CData(text) => {
                let text = text.decode().map_err(|error| wrong(&error))?;
                open.iter_mut().last().into_iter().for_each(|element| element.text.push_str(&text));
            }
            Xml::GeneralRef(reference) => {
                let text = resolve(&reference)?;
                open.iter_mut().last().into_iter().for_each(|element| element.text.push_str(&text));
            }
            Xml::End(_) => {
                let done = open.pop().unwrap_or_default();
                close(done, &mut open);
            }
            Xml::Eof => break,
            Xml::Decl(_) | Xml::Comment(_) | Xml::PI(_) | Xml::DocType(_) => {}
        }
    }
    let root = open.pop().and_then(|mut document| document.children.pop());
    root.ok_or_else(|| Unreadable("the document is empty".into()))
}

fn close(mut element: Element, open: &mut [Element]) {
    if !element.children.is_empty() && element.text.trim().is_empty() {
        element.text.clear();
    }
    open.iter_mut().last().into_iter().for_each(|parent| parent.children.push(std::mem::take(&mut element)));
}

/// `&amp;`, `&#38;` … as text.
fn resolve(reference: &quick_xml::events::BytesRef<'_>) -> Result<String, Unreadable> {
    if let Some(character) =
        reference.resolve_char_ref().map_err(|error| Unreadable::new("a reference", error))?
    {
        return Ok(character.to_string());
    }
    let name = reference.decode().map_err(|error| Unreadable::new("a reference", error))?;
    let text = quick_xml::escape::resolve_predefined_entity(&name);
    text.map(str::to_owned).ok_or_else(|| Unreadable(format!("the entity {name} is not declared")))
}
