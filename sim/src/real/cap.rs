//! Whole messages of the Common Alerting Protocol 1.2 (OASIS): one event a file.
//!
//! A message becomes a JSON object whose members are the elements, each text as it stands. Elements that CAP allows more
//! than once are lists, always, also of one. CAP knows a message by sender and identifier: they are `source` and `id`.

use serde_json::{Map, Value, json};

use super::Unreadable;
use super::event::{Event, Expected, Form, Set};
use super::xml::{Element, tree};

const TOPIC: &str = "emergency.alert.relayed";

/// Elements with `maxOccurs="unbounded"` in the CAP 1.2 schema.
const LISTS: [&str; 11] = [
    "code",
    "info",
    "category",
    "responseType",
    "eventCode",
    "parameter",
    "resource",
    "area",
    "polygon",
    "circle",
    "geocode",
];

/// Reads the messages.
pub fn set(messages: &[Vec<u8>]) -> Result<Set, Unreadable> {
    Ok(Set {
        name: "cap-messages",
        topic: TOPIC,
        cleared: "statistics-office.relayed-alerts",
        open: "open-data-portal.relayed-alerts",
        publisher: "feed@weather-service",
        events: messages.iter().map(|text| event(text)).collect::<Result<_, _>>()?,
        form: Form::Lines,
        expected: Expected::Taken,
    })
}

fn event(text: &[u8]) -> Result<Event, Unreadable> {
    let alert = tree(text)?;
    let said = |name: &str| {
        let child = alert.child(name).ok_or_else(|| Unreadable(format!("a message without {name}")))?;
        Ok::<_, Unreadable>(child.text.clone())
    };
    let source = format!("urn:cap:{}", said("sender")?);
    let data = Value::Object(object(&alert)?);
    let event =
        Event::new(TOPIC, &source, &said("identifier")?, data.to_string()).with("time", &said("sent")?);
    Ok(event.withholding_in_each("info", "contact"))
}

fn object(element: &Element) -> Result<Map<String, Value>, Unreadable> {
    let mut members = element.attributes.clone();
    for child in &element.children {
        let value = match child.children.is_empty() && child.attributes.is_empty() {
            true => json!(child.text),
            false => Value::Object(object(child)?),
        };
        if LISTS.contains(&child.name.as_str()) {
            let list = members.entry(child.name.clone()).or_insert_with(|| json!([]));
            list.as_array_mut().into_iter().for_each(|list| list.push(value.clone()));
        } else if members.insert(child.name.clone(), value).is_some() {
            return Err(Unreadable(format!("{} has {} twice", element.name, child.name)));
        }
    }
    Ok(members)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MESSAGE: &str = "<alert xmlns='urn:oasis:names:tc:emergency:cap:1.2'>\n<identifier>K1</identifier>\n\
        <sender>a@b.example</sender>\n<sent>2003-06-17T14:57:00-07:00</sent>\n<info>\n<category>Met</category>\n\
        <contact>A. Person</contact>\n<area><areaDesc> North </areaDesc><polygon>1,2 3,4</polygon></area></info></alert>";

    #[test]
    fn a_message_keeps_every_element_and_lists_what_may_repeat() {
        let set = set(&[MESSAGE.as_bytes().to_vec()]).unwrap();
        let event = &set.events[0];
        assert_eq!(
            event.data,
            concat!(
                r#"{"@xmlns":"urn:oasis:names:tc:emergency:cap:1.2","identifier":"K1","sender":"a@b.example","#,
                r#""sent":"2003-06-17T14:57:00-07:00","info":[{"category":["Met"],"contact":"A. Person","#,
                r#""area":[{"areaDesc":" North ","polygon":["1,2 3,4"]}]}]}"#
            )
        );
        assert_eq!(event.attributes["source"], "urn:cap:a@b.example");
        assert_eq!(event.secrets, ["A. Person"]);
    }

    #[test]
    fn what_stands_twice_and_may_not_is_told() {
        let twice = MESSAGE.replacen("<contact>", "<contact>B</contact><contact>", 1);
        assert!(set(&[twice.into_bytes()]).is_err());
    }
}
