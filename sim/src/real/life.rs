//! A life event of the EU's Core Public Service Vocabulary: public reference data, the document's exact text.

use serde_json::Value;

use super::Unreadable;
use super::event::{Event, Expected, Form, Set};

const TOPIC: &str = "service.life-event.described";

/// Reads the example.
pub fn set(text: &[u8]) -> Result<Set, Unreadable> {
    let text = std::str::from_utf8(text).map_err(|error| Unreadable::new("the life event", error))?.trim();
    let read: Value = serde_json::from_str(text).map_err(|error| Unreadable::new("the life event", error))?;
    let id = read["id"].as_str().ok_or_else(|| Unreadable("a life event without its id".into()))?;
    let event = Event::new(TOPIC, "urn:xx:service-catalogue:cpsv-ap", id, text.to_owned())
        .with("dataschema", "https://smart-data-models.github.io/dataModel.CPSV-AP/LifeEvent/schema.json");
    Ok(Set {
        name: "life-events",
        topic: TOPIC,
        cleared: "statistics-office.life-events",
        open: "open-data-portal.life-events",
        publisher: "editor@service-catalogue",
        events: vec![event],
        form: Form::Array,
        expected: Expected::Taken,
    })
}
