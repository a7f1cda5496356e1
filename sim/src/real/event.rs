//! An event made of real data: attributes, the exact text of its data, and what in it is personal.

use serde_json::{Map, Value, json};

/// Events of one topic.
pub struct Set {
    /// A short name, for files and reports.
    pub name: &'static str,
    /// The topic.
    pub topic: &'static str,
    /// The subscription that may see everything.
    pub cleared: &'static str,
    /// The subscription that may see public fields only.
    pub open: &'static str,
    /// Who publishes.
    pub publisher: &'static str,
    /// The events, in the order in which they are published.
    pub events: Vec<Event>,
    /// How the file of events is written.
    pub form: Form,
    /// Whether the bus must take them.
    pub expected: Expected,
}

/// How a file of events is written.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// One event a line.
    Lines,
    /// A JSON array: for data whose own text has line breaks.
    Array,
}

/// What the bus must do with the events of a set.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Expected {
    /// Take every one.
    Taken,
    /// Refuse every one, saying these words in turn.
    Refused(&'static [&'static str]),
}

/// An event.
#[derive(Debug, Clone)]
pub struct Event {
    /// All attributes but the data, by name.
    pub attributes: Map<String, Value>,
    /// The member that carries the data, `data` or `data_base64`.
    pub carrier: &'static str,
    /// Its exact JSON text.
    pub data: String,
    /// What is left of the data for whoever is cleared for nothing.
    pub redacted: Value,
    /// Attributes that only the cleared may see; `subject` is there with a pseudonym for the others.
    pub hidden: Vec<&'static str>,
    /// Every value that the others must not see.
    pub secrets: Vec<String>,
}

impl Event {
    /// An event of JSON data about nobody.
    pub fn new(topic: &str, source: &str, id: &str, data: String) -> Self {
        let attributes = [("specversion", "1.0"), ("id", id), ("source", source), ("type", topic)];
        let attributes =
            attributes.into_iter().map(|(name, value)| (name.to_owned(), json!(value))).collect();
        let redacted = serde_json::from_str(&data).unwrap_or_default();
        Self { attributes, carrier: "data", data, redacted, hidden: Vec::new(), secrets: Vec::new() }
            .with("datacontenttype", "application/json")
    }

    /// With one attribute more.
    pub fn with(mut self, name: &str, value: &str) -> Self {
        self.attributes.insert(name.to_owned(), json!(value));
        self
    }

    /// With `member` withheld from the uncleared in each element of the list `list`.
    pub fn withholding_in_each(mut self, list: &str, member: &str) -> Self {
        let elements = self.redacted.get_mut(list).and_then(Value::as_array_mut);
        for element in elements.into_iter().flatten().filter_map(Value::as_object_mut) {
            let value = element.shift_remove(member);
            self.secrets.extend(value.as_ref().and_then(Value::as_str).map(str::to_owned));
        }
        self
    }

    /// With these members of the data withheld from the uncleared.
    pub fn withholding(mut self, members: &[&str]) -> Self {
        for member in members {
            let Some(value) = self.redacted.as_object_mut().and_then(|data| data.shift_remove(*member))
            else {
                continue;
            };
            self.secrets.push(value.as_str().map_or_else(|| value.to_string(), str::to_owned));
        }
        self
    }

    /// With these attributes withheld from the uncleared.
    pub fn hiding(mut self, attributes: &[&'static str]) -> Self {
        for name in attributes {
            let Some(value) = self.attributes.get(*name).and_then(Value::as_str) else { continue };
            self.secrets.push(value.to_owned());
            self.hidden.push(name);
        }
        self
    }

    /// The event in the structured form.
    pub fn structured(&self) -> String {
        let mut text = json!(self.attributes).to_string();
        text.pop();
        format!("{text},\"{}\":{}}}", self.carrier, self.data)
    }
}

impl Set {
    /// The name of its file.
    pub fn file_name(&self) -> String {
        match self.form {
            Form::Lines => format!("{}.jsonl", self.name),
            Form::Array => format!("{}.json", self.name),
        }
    }

    /// The text of its file.
    pub fn file(&self) -> String {
        let events: Vec<String> = self.events.iter().map(Event::structured).collect();
        match self.form {
            Form::Lines => events.join("\n") + "\n",
            Form::Array => format!("[{}]\n", events.join(",\n")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_keeps_the_text_of_its_data() {
        let event = Event::new("a.b", "urn:xx:a", "1", "{ \"x\" : \"\\u00e9\" }".into()).with("subject", "s");
        let text = event.structured();
        assert!(text.ends_with(",\"data\":{ \"x\" : \"\\u00e9\" }}"), "{text}");
        assert!(serde_json::from_str::<Value>(&text).is_ok());
    }

    #[test]
    fn what_is_withheld_is_a_secret_and_leaves_the_rest() {
        let event = Event::new("a.b", "urn:xx:a", "1", r#"{"name":"Ann","year":"2020"}"#.into());
        let event = event.with("subject", "Ann-1").withholding(&["name", "absent"]).hiding(&["subject"]);
        assert_eq!(event.redacted, json!({"year": "2020"}));
        assert_eq!(event.secrets, ["Ann", "Ann-1"]);
    }
}
