//! Names between the protocol and the bus, and topics' ids.

use std::sync::Arc;

use aws_lc_rs::digest;
use contract::{SubscriptionName, TopicName};
use kafka_protocol::error::ResponseError;
use kafka_protocol::messages;
use kafka_protocol::protocol::StrBytes;
use uuid::Uuid;

use crate::requests::Call;

/// A text of ours for the wire.
pub fn wire(text: impl Into<String>) -> StrBytes {
    StrBytes::from_string(text.into())
}

/// A topic's name for the wire.
pub fn wire_topic(name: &TopicName) -> messages::TopicName {
    messages::TopicName(wire(name.as_str()))
}

/// A topic's id (KIP-516): the first 16 bytes of the SHA-256 of its name, which never changes.
pub fn topic_id(name: &TopicName) -> Uuid {
    let hash = digest::digest(&digest::SHA256, name.as_str().as_bytes());
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&hash.as_ref()[..16]);
    Uuid::from_bytes(bytes)
}

/// The topic that a request names, by name or by id.
pub fn topic(call: &Call, name: &str, id: Uuid) -> Result<Arc<governance::Topic>, ResponseError> {
    let state = call.door.bus.state(&call.caller).map_err(|_| ResponseError::UnknownServerError)?;
    if id.is_nil() {
        let name = TopicName::parse(name).map_err(|_| ResponseError::UnknownTopicOrPartition)?;
        let found = state.topics().find(|topic| topic.name == name);
        return found.cloned().ok_or(ResponseError::UnknownTopicOrPartition);
    }
    let found = state.topics().find(|topic| topic_id(&topic.name) == id);
    found.cloned().ok_or(ResponseError::UnknownTopicId)
}

/// The subscription that a group's id names.
pub fn subscription(group: &str) -> Result<SubscriptionName, ResponseError> {
    SubscriptionName::parse(group).map_err(|_| ResponseError::GroupAuthorizationFailed)
}
