//! The small state of the kill runs: eight topics in three latency classes, with and without personal fields.

use std::collections::BTreeMap;

/// What a topic's events hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Public fields only.
    Thing,
    /// An internal field besides.
    Secret,
    /// A person's fields besides.
    Person,
}

/// A topic.
#[derive(Debug, Clone, Copy)]
pub struct Topic {
    /// Its name.
    pub name: &'static str,
    /// Its latency class.
    pub latency: &'static str,
    /// What its events hold.
    pub kind: Kind,
}

const fn topic(name: &'static str, latency: &'static str, kind: Kind) -> Topic {
    Topic { name, latency, kind }
}

/// The topics.
pub const TOPICS: [Topic; 8] = [
    topic("alert.flood.raised", "realtime", Kind::Thing),
    topic("alert.child.missed", "realtime", Kind::Person),
    topic("civil.birth.registered", "standard", Kind::Person),
    topic("civil.address.changed", "standard", Kind::Person),
    topic("land.parcel.surveyed", "standard", Kind::Secret),
    topic("road.closure.announced", "standard", Kind::Thing),
    topic("tax.bill.assessed", "batch", Kind::Person),
    topic("census.household.counted", "batch", Kind::Secret),
];

/// Partitions of each topic.
pub const PARTITIONS: u32 = 4;

/// Who publishes.
pub const PUBLISHER: &str = "feeder@sim-registry";
/// Who consumes under load.
pub const CONSUMER: &str = "reader@sim-office";
/// Who reads the whole log and compares.
pub const INSPECTOR: &str = "reader@sim-inspection";

/// The subscription that consumes `topic` under load: sees what is not personal.
pub fn office_subscription(topic: &Topic) -> String {
    format!("sim-office.{}", topic.name)
}

/// The subscription that reads all of `topic`: sees everything.
pub fn inspection_subscription(topic: &Topic) -> String {
    format!("sim-inspection.{}", topic.name)
}

/// The folder of governance, by path.
pub fn files() -> BTreeMap<String, String> {
    let mut files = BTreeMap::new();
    for agency in ["sim-registry", "sim-office", "sim-inspection"] {
        let text = include_str!("../governance/agency.yaml").replace("{agency}", agency);
        files.insert(format!("agencies/{agency}.yaml"), text);
    }
    for topic in &TOPICS {
        let (head, schema) = match topic.kind {
            Kind::Thing => {
                (include_str!("../governance/thing.yaml"), include_str!("../governance/thing.schema.json"))
            }
            Kind::Secret => {
                (include_str!("../governance/secret.yaml"), include_str!("../governance/secret.schema.json"))
            }
            Kind::Person => {
                (include_str!("../governance/person.yaml"), include_str!("../governance/person.schema.json"))
            }
        };
        let head = format!("{}{head}", include_str!("../governance/topic.yaml"))
            .replace("{topic}", topic.name)
            .replace("{latency}", topic.latency)
            .replace("{partitions}", &PARTITIONS.to_string());
        files.insert(format!("topics/{}/topic.yaml", topic.name), head);
        files.insert(format!("topics/{}/v1.schema.json", topic.name), schema.to_owned());
        for (name, agency, clears) in [
            (office_subscription(topic), "sim-office", "internal"),
            (inspection_subscription(topic), "sim-inspection", "internal, personal"),
        ] {
            let text = include_str!("../governance/subscription.yaml")
                .replace("{subscription}", &name)
                .replace("{topic}", topic.name)
                .replace("{agency}", agency)
                .replace("{clears}", clears);
            files.insert(format!("subscriptions/{name}.yaml"), text);
        }
    }
    files
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_left_to_fill_in() {
        let files = files();
        assert_eq!(files.len(), 3 + 8 * 2 + 8 * 2);
        for (path, text) in files.iter().filter(|(path, _)| path.ends_with(".yaml")) {
            assert!(
                !["{topic}", "{agency}", "{latency}", "{clears}", "{partitions}", "{subscription}"]
                    .iter()
                    .any(|mark| text.contains(mark)),
                "{path}"
            );
        }
    }

    #[test]
    fn every_latency_class_has_topics() {
        for latency in ["realtime", "standard", "batch"] {
            assert!(TOPICS.iter().any(|topic| topic.latency == latency));
        }
    }
}
