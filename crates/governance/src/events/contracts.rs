//! Facts: versions of topics' contracts.

use std::sync::Arc;

use contract::{AgencyName, ContractVersion, Definition, Rehearsal, TopicName};
use serde::{Deserialize, Serialize};

use super::By;
use crate::state::Schema;
use crate::{Date, Impact, Role};

/// Versions of topics' contracts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "kebab-case")]
#[allow(missing_docs, reason = "the fields are those of the records in `state` that they make")]
pub enum ContractEvent {
    /// A version is proposed; in place of what was proposed under its number, with nobody's agreement yet.
    ContractProposed {
        definition: Arc<Definition>,
        /// The schema as it was registered, where it came by way of the registry.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        registered: Option<Arc<Schema>>,
        /// What it changes; a topic's first version changes nothing.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        impact: Option<Impact>,
        /// What its migration made of real events.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        rehearsal: Option<Rehearsal>,
        #[serde(flatten)]
        by: By,
    },
    /// A subscribed agency agreed.
    ContractAcknowledged {
        topic: TopicName,
        version: ContractVersion,
        agency: AgencyName,
        #[serde(flatten)]
        by: By,
    },
    /// A subscribed agency objected.
    ContractObjected {
        topic: TopicName,
        version: ContractVersion,
        agency: AgencyName,
        reason: String,
        #[serde(flatten)]
        by: By,
    },
    /// The owner answered an objection.
    ObjectionAnswered {
        topic: TopicName,
        version: ContractVersion,
        agency: AgencyName,
        answer: String,
        #[serde(flatten)]
        by: By,
    },
    /// Somebody overrides what the version waits for.
    ContractOverridden {
        topic: TopicName,
        version: ContractVersion,
        reason: String,
        /// In which role.
        role: Role,
        #[serde(flatten)]
        by: By,
    },
    /// Events may follow the version.
    ContractActivated {
        topic: TopicName,
        version: ContractVersion,
        #[serde(flatten)]
        by: By,
    },
    /// The version's end is announced.
    ContractDeprecated {
        topic: TopicName,
        version: ContractVersion,
        sunset: Date,
        #[serde(flatten)]
        by: By,
    },
    /// The version ended.
    ContractRetired {
        topic: TopicName,
        version: ContractVersion,
        #[serde(flatten)]
        by: By,
    },
}
