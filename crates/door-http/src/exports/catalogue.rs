//! The catalogue: agencies, topics with their contracts, and who reads them, in the bus's own words.
//!
//! Stable: members are added and never renamed, lists are in the order of names and versions, and two catalogues of the
//! same state are the same bytes.

use std::sync::Arc;

use governance::{State, Subscription, Topic, Version};
use serde_json::{Value, json};

use crate::governance as told;

/// The document, with the subscriptions given.
pub fn document(bus: &str, state: &State, subscriptions: &[Arc<Subscription>], now_ms: u64) -> Value {
    let topics = state.topics().map(|found| {
        let mut topic = told::topic(found, state, now_ms);
        topic["contracts"] = found.versions.values().map(|version| contract(found, version)).collect();
        let of = subscriptions.iter().filter(|subscription| subscription.topic == found.name);
        topic["subscriptions"] =
            of.map(|one| told::subscription(one, &state.standards().access, now_ms)).collect();
        topic
    });
    json!({
        "bus": bus,
        "agencies": state.agencies().map(|found| told::agency(found, state, now_ms)).collect::<Vec<_>>(),
        "topics": topics.collect::<Vec<_>>(),
    })
}

fn contract(topic: &Topic, version: &Version) -> Value {
    let definition = &version.definition;
    json!({
        "version": version.number().0,
        "status": version.status.to_string(),
        "sunset": version.sunset.map(|day| day.to_string()),
        "format": definition.format,
        "compatibility": definition.compatibility,
        "data_subjects": definition.subject,
        "classification": definition.classify,
        "extensions": definition.extensions,
        "migration": definition.migration,
        "schema": format!("/v1/contracts/{}/{}/schema", topic.name, version.number().0),
    })
}
