//! The events of the kill runs. An event's content follows from the run's seed and its name alone, so that a million
//! acknowledged events need no memory of what was in them.

use std::fmt;

use fastrand::Rng;
use serde_json::json;

use crate::governance::{Kind, TOPICS, Topic};

/// What notes are made of: letters of one to three bytes.
const LETTERS: [char; 10] = ['a', 'b', 'c', ' ', 'x', 'y', 'z', 'ß', '€', '中'];

/// The name of an event: which publisher sent it to which topic, with the publisher's running number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EventId {
    /// Index into [`TOPICS`].
    pub topic: u8,
    /// The publisher.
    pub worker: u8,
    /// The publisher's running number, over all topics and rounds.
    pub serial: u32,
}

/// A place in a topic.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// The partition.
    pub partition: u32,
    /// The offset in it.
    pub offset: u64,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "partition {} offset {}", self.partition, self.offset)
    }
}

impl fmt::Display for EventId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "event {} of {} in {}", self.id(), self.source(), self.topic().name)
    }
}

impl EventId {
    /// The topic.
    pub fn topic(&self) -> &'static Topic {
        &TOPICS[usize::from(self.topic)]
    }

    /// The CloudEvents `id`.
    pub fn id(&self) -> String {
        format!("n-{:08}", self.serial)
    }

    /// The CloudEvents `source`.
    pub fn source(&self) -> String {
        format!("urn:xx:sim-registry:publisher-{}", self.worker)
    }

    /// Reads the name back from an event in a topic.
    pub fn read(topic: u8, source: &str, id: &str) -> Option<Self> {
        let worker = source.strip_prefix("urn:xx:sim-registry:publisher-")?.parse().ok()?;
        let serial = id.strip_prefix("n-")?.parse().ok()?;
        let read = Self { topic, worker, serial };
        (read.source() == source && read.id() == id).then_some(read)
    }
}

/// The data of an event, a JSON text with the odd spacing and escapes that a bus must hand back byte for byte.
pub fn data(seed: u64, event: EventId) -> String {
    let name = u64::from(event.topic) << 40 | u64::from(event.worker) << 32 | u64::from(event.serial);
    let mut rng = Rng::with_seed(seed.rotate_left(17) ^ name.wrapping_mul(0x9e37_79b9_7f4a_7c15));
    let note: String = (0..rng.usize(0..400)).map(|_| rng.choice(LETTERS).unwrap_or('a')).collect();
    let space = " ".repeat(rng.usize(0..3));
    let head = format!("{{\"number\":{space}{}, \"note\":{}", event.serial, json!(note));
    match event.topic().kind {
        Kind::Thing => format!("{head}}}"),
        Kind::Secret => format!("{head},{space}\"remark\":\"case\\u0020{}\"}}", rng.u32(..)),
        Kind::Person => {
            let person = rng.u32(0..2_000);
            let (house, room) = (rng.u32(1..300), rng.u32(1..20));
            format!(
                "{head},{space}\"person\":\"person-{person:06}\",\"name\":\"Zo\\u00eb  O'Neil {person}\",\
                 \"address\":{{ \"street\": \"Lange Straße\",\"house\":\"{house}\\/{room}\" }},\"remark\":\"\"}}"
            )
        }
    }
}

/// The event in the structured form (CloudEvents JSON format).
pub fn structured(seed: u64, event: EventId) -> String {
    format!(
        "{{\"specversion\":\"1.0\",\"id\":{},\"source\":{},\"type\":{},\"datacontenttype\":\"application/json\",\"data\":{}}}",
        json!(event.id()),
        json!(event.source()),
        json!(event.topic().name),
        data(seed, event)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_is_known_by_its_source_and_id() {
        let event = EventId { topic: 3, worker: 7, serial: 123_456 };
        assert_eq!(EventId::read(3, &event.source(), &event.id()), Some(event));
        for (source, id) in
            [("urn:xx:else", "n-00000001"), ("urn:xx:sim-registry:publisher-1", "n-1"), ("", "")]
        {
            assert_eq!(EventId::read(0, source, id), None, "{source} {id}");
        }
    }

    #[test]
    fn content_follows_from_seed_and_name() {
        let event = |serial| EventId { topic: 1, worker: 2, serial };
        assert_eq!(data(9, event(5)), data(9, event(5)));
        assert_ne!(data(9, event(5)), data(9, event(6)));
        assert_ne!(data(9, event(5)), data(10, event(5)));
    }

    #[test]
    fn every_event_is_json_of_its_topics_members() {
        for topic in 0..TOPICS.len() as u8 {
            for serial in 0..50 {
                let event = EventId { topic, worker: 0, serial };
                let read: serde_json::Value = serde_json::from_str(&structured(1, event)).unwrap();
                assert_eq!(read["data"]["number"], serial);
                assert_eq!(read["data"].get("person").is_some(), event.topic().kind == Kind::Person);
            }
        }
    }
}
