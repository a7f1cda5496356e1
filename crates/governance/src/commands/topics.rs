//! What a topic is asked to be.

use std::collections::BTreeSet;
use std::sync::Arc;

use contract::{AgencyName, Definition, KeyRule, Pointer, PrincipalName, TopicName};
use serde::{Deserialize, Serialize};

use crate::Latency;

/// A topic to register, with its first contract.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewTopic {
    /// Its name.
    pub topic: TopicName,
    /// The agency that it belongs to; demanded.
    #[serde(default)]
    pub owner: Option<AgencyName>,
    /// The person of the owner agency who answers for it; demanded.
    #[serde(default)]
    pub steward: Option<PrincipalName>,
    /// Who does when the steward cannot; demanded.
    #[serde(default)]
    pub deputy: Option<PrincipalName>,
    /// What an event of the topic says; demanded.
    #[serde(default)]
    pub description: String,
    /// The law that allows it; demanded.
    #[serde(default)]
    pub legal_basis: String,
    /// How fast.
    #[serde(default)]
    pub latency: Latency,
    /// How many partitions, from 1.
    #[serde(default = "one")]
    pub partitions: u32,
    /// How long events are kept: `36h`, `90d`, `10y`.
    pub retention: String,
    /// How long the law wants an event kept, no longer than `retention`: until then no person is erased from it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub keep: Option<String>,
    /// What its steward permits ahead: a policy file.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub access: String,
    /// The first version of its contract.
    pub contract: Arc<Definition>,
}

fn one() -> u32 {
    1
}

/// What of a topic changes. `latency`, `partitions` and `key` are here so that asking for them is answered with the
/// reason why they cannot.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TopicChange {
    /// Which topic.
    pub topic: TopicName,
    /// Who answers for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub steward: Option<PrincipalName>,
    /// Who does when the steward cannot.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deputy: Option<PrincipalName>,
    /// What an event of the topic says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// The law that allows it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub legal_basis: Option<String>,
    /// How long events are kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retention: Option<String>,
    /// How long the law wants an event kept; `0d`: there is no such duty.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub keep: Option<String>,
    /// What its steward permits ahead: a policy file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub access: Option<String>,
    /// Cannot change here: a topic is offered to another agency, which accepts it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<AgencyName>,
    /// Cannot change.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub latency: Option<Latency>,
    /// Cannot change.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub partitions: Option<u32>,
    /// Cannot change.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<KeyRule>,
}

impl TopicChange {
    /// A change of nothing yet.
    pub fn of(topic: TopicName) -> Self {
        let (steward, deputy, description, legal_basis, retention, keep) = Default::default();
        let (access, owner, latency, partitions, key) = Default::default();
        Self {
            topic,
            steward,
            deputy,
            description,
            legal_basis,
            retention,
            keep,
            access,
            owner,
            latency,
            partitions,
            key,
        }
    }
}

/// Public fields that speak of a person, and hold nobody's data.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PublicFields {
    /// Of which topic; it need not be there yet.
    pub topic: TopicName,
    /// Where they stand in its documents.
    pub fields: BTreeSet<Pointer>,
    /// Why.
    pub reason: String,
}

/// A quarantined event, and what is said of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct QuarantinedAt {
    /// Its topic.
    pub topic: TopicName,
    /// Its partition.
    pub partition: u32,
    /// Its offset.
    pub offset: u64,
    /// Why it is decided so.
    pub reason: String,
}
