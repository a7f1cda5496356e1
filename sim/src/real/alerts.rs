//! Weather alerts: one event an entry of the Atom feed.
//!
//! An entry becomes a JSON object whose members are named as in the feed, prefixes included, with the feed's namespace
//! declarations as `@xmlns…` members, so that a prefix keeps its meaning outside the feed. Attributes are `@name`. An
//! element without text is an empty string: unlike an empty cell it is there. `cap:geocode` and `cap:parameter` are
//! lists of `{valueName, value}` pairs, always, also of one. White space between elements is the feed's layout and goes.
//! The entry's `id` and `published` are the event's `id` and `time`; the feed's own `id` is its `source`.

use serde_json::{Map, Value, json};

use super::Unreadable;
use super::event::{Event, Expected, Form, Set};
use super::xml::{Element, tree};

const TOPIC: &str = "weather.alert.issued";

/// Reads the feed.
pub fn set(text: &[u8]) -> Result<Set, Unreadable> {
    let feed = tree(text)?;
    let source = feed.child("id").map(|id| id.text.clone()).unwrap_or_default();
    let entries = feed.children.iter().filter(|child| child.name == "entry");
    let event = |entry: &Element| {
        let text = |name: &str| {
            let child = entry.child(name).ok_or_else(|| Unreadable(format!("an entry without {name}")))?;
            Ok::<_, Unreadable>(child.text.clone())
        };
        let data = Value::Object(object(entry, &feed.attributes)?).to_string();
        Ok(Event::new(TOPIC, &source, &text("id")?, data).with("time", &text("published")?))
    };
    Ok(Set {
        name: "weather-alerts",
        topic: TOPIC,
        cleared: "statistics-office.alerts",
        open: "open-data-portal.alerts",
        publisher: "feed@weather-service",
        events: entries.map(event).collect::<Result<_, _>>()?,
        form: Form::Lines,
        expected: Expected::Taken,
    })
}

/// An entry as a JSON object.
fn object(entry: &Element, namespaces: &Map<String, Value>) -> Result<Map<String, Value>, Unreadable> {
    let mut members = namespaces.clone();
    for child in &entry.children {
        let value = match child.name.as_str() {
            "cap:geocode" | "cap:parameter" => pairs(child)?,
            _ => value(child)?,
        };
        if members.insert(child.name.clone(), value).is_some() {
            return Err(Unreadable(format!("an entry has {} twice", child.name)));
        }
    }
    Ok(members)
}

/// An element as text, or as an object where it has attributes or elements. Never both texts and elements.
fn value(element: &Element) -> Result<Value, Unreadable> {
    if element.attributes.is_empty() && element.children.is_empty() {
        return Ok(json!(element.text));
    }
    if !element.text.trim().is_empty() {
        return Err(Unreadable(format!("{} has text beside elements or attributes", element.name)));
    }
    object(element, &element.attributes).map(Value::Object)
}

/// `valueName, value, valueName, value …` as pairs.
fn pairs(element: &Element) -> Result<Value, Unreadable> {
    let pair = |pair: &[Element]| match pair {
        [name, value] if name.name == "valueName" && value.name == "value" => {
            Ok(json!({ "valueName": name.text, "value": value.text }))
        }
        _ => Err(Unreadable(format!("{} is not made of valueName and value", element.name))),
    };
    element.children.chunks(2).map(pair).collect::<Result<Vec<Value>, _>>().map(Value::Array)
}

#[cfg(test)]
mod tests {
    use super::*;

    const FEED: &str = "<?xml version='1.0'?>\n<!-- x -->\n<feed xmlns='urn:a' xmlns:cap = 'urn:cap'>\n<id>f</id>\n<entry>\n\
        <id>e-1</id>\n<published>2018-08-15T14:52:00-08:00</published>\n<author>\n<name>n</name>\n</author>\n\
        <link href=\"h?x=1&amp;y=2\"/>\n<cap:event>Wind &amp; rain &#233;</cap:event>\n<cap:polygon></cap:polygon>\n\
        <cap:geocode>\n<valueName>A</valueName>\n<value>1 2</value>\n<valueName>B</valueName>\n<value></value>\n\
        </cap:geocode>\n</entry>\n</feed>";

    #[test]
    fn an_entry_keeps_every_element_with_its_prefix() {
        let set = set(FEED.as_bytes()).unwrap();
        let event = &set.events[0];
        assert_eq!(
            event.data,
            concat!(
                r#"{"@xmlns":"urn:a","@xmlns:cap":"urn:cap","id":"e-1","published":"2018-08-15T14:52:00-08:00","#,
                r#""author":{"name":"n"},"link":{"@href":"h?x=1&y=2"},"cap:event":"Wind & rain é","cap:polygon":"","#,
                r#""cap:geocode":[{"valueName":"A","value":"1 2"},{"valueName":"B","value":""}]}"#
            )
        );
        assert_eq!(event.attributes["id"], "e-1");
        assert_eq!(event.attributes["source"], "f");
        assert_eq!(event.attributes["time"], "2018-08-15T14:52:00-08:00");
    }

    #[test]
    fn what_does_not_fit_the_rule_is_told_and_not_dropped() {
        for (from, to) in [
            ("<valueName>B</valueName>", ""),
            ("</author>", "stray</author>"),
            ("<author>", "<id>2</id><author>"),
        ] {
            assert!(set(FEED.replacen(from, to, 1).as_bytes()).is_err(), "{from} → {to}");
        }
    }
}
