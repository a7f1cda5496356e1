//! Facts: what topics are.

use contract::{AgencyName, KeyRule, PrincipalName, TopicName};
use serde::{Deserialize, Serialize};

use super::By;
use crate::state::Latency;

/// What topics are.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "kebab-case")]
#[allow(missing_docs, reason = "the fields are those of the records in `state` that they make")]
pub enum TopicEvent {
    /// A topic exists; its contract follows.
    TopicCreated {
        topic: TopicName,
        owner: AgencyName,
        steward: PrincipalName,
        deputy: PrincipalName,
        description: String,
        legal_basis: String,
        latency: Latency,
        partitions: u32,
        retention_s: u64,
        #[serde(default, skip_serializing_if = "is_none")]
        keep_s: u64,
        key: KeyRule,
        #[serde(default, skip_serializing_if = "String::is_empty")]
        access: String,
        #[serde(flatten)]
        by: By,
    },
    /// A topic's properties changed to those that are here.
    TopicChanged {
        topic: TopicName,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        steward: Option<PrincipalName>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        deputy: Option<PrincipalName>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        description: Option<String>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        legal_basis: Option<String>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        retention_s: Option<u64>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        keep_s: Option<u64>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        access: Option<String>,
        #[serde(flatten)]
        by: By,
    },
}

/// No duty.
fn is_none(keep_s: &u64) -> bool {
    *keep_s == 0
}
