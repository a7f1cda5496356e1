//! Facts: who answers for topics, and to whom they go.

use contract::{AgencyName, PrincipalName, TopicName};
use serde::{Deserialize, Serialize};

use super::By;
use crate::Date;

/// Who answers for topics, and to whom they go.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "kebab-case")]
#[allow(missing_docs, reason = "the fields are those of the records in `state` that they make")]
pub enum OwnershipEvent {
    /// Somebody said again that they answer for a topic.
    TopicConfirmed {
        topic: TopicName,
        #[serde(flatten)]
        by: By,
    },
    /// A topic's steward or deputy ended as a principal.
    StewardLeft {
        topic: TopicName,
        person: PrincipalName,
        #[serde(flatten)]
        by: By,
    },
    /// The word that somebody answers for a topic has grown old; without another the topic is frozen then.
    ConfirmationDue {
        topic: TopicName,
        freezes_ms: u64,
        #[serde(flatten)]
        by: By,
    },
    /// A topic will soon be frozen for change.
    FreezeAhead {
        topic: TopicName,
        freezes_ms: u64,
        #[serde(flatten)]
        by: By,
    },
    /// Nobody answers for a topic: it is frozen for change, and takes no events from then on.
    TopicOrphaned {
        topic: TopicName,
        suspends_ms: u64,
        #[serde(flatten)]
        by: By,
    },
    /// A topic will soon take no events any more.
    SuspensionAhead {
        topic: TopicName,
        suspends_ms: u64,
        #[serde(flatten)]
        by: By,
    },
    /// A topic takes no events.
    TopicSuspended {
        topic: TopicName,
        #[serde(flatten)]
        by: By,
    },
    /// Somebody answers for an orphaned topic again.
    TopicHealed {
        topic: TopicName,
        #[serde(flatten)]
        by: By,
    },
    /// A topic's owner offers it to another agency, from a day on.
    TopicOffered {
        topic: TopicName,
        to: AgencyName,
        on: Date,
        #[serde(flatten)]
        by: By,
    },
    /// That agency takes the topic, and these will answer for it.
    TopicAccepted {
        topic: TopicName,
        steward: PrincipalName,
        deputy: PrincipalName,
        #[serde(flatten)]
        by: By,
    },
    /// A topic is not offered any more.
    OfferWithdrawn {
        topic: TopicName,
        reason: String,
        #[serde(flatten)]
        by: By,
    },
    /// A topic belongs to another agency.
    TopicTransferred {
        topic: TopicName,
        owner: AgencyName,
        steward: PrincipalName,
        deputy: PrincipalName,
        accepted_by: PrincipalName,
        #[serde(flatten)]
        by: By,
    },
}
