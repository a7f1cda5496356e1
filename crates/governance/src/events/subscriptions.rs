//! Facts: places of agencies in topics.

use contract::{AgencyName, SubscriptionName, TopicName};
use serde::{Deserialize, Serialize};

use super::{By, Side};
use crate::Date;
use crate::state::Terms;

/// Places of agencies in topics.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "kebab-case")]
#[allow(missing_docs, reason = "the fields are those of the records in `state` that they make")]
pub enum SubscriptionEvent {
    /// An agency asked for a place in a topic.
    SubscriptionRequested {
        subscription: SubscriptionName,
        topic: TopicName,
        agency: AgencyName,
        terms: Terms,
        #[serde(flatten)]
        by: By,
    },
    /// An agency asked for other terms of a subscription that it has.
    SubscriptionChangeRequested {
        subscription: SubscriptionName,
        terms: Terms,
        #[serde(flatten)]
        by: By,
    },
    /// A subscription's terms became narrower, which needs nobody's approval.
    SubscriptionNarrowed {
        subscription: SubscriptionName,
        terms: Terms,
        #[serde(flatten)]
        by: By,
    },
    /// One side approved what is asked for.
    SubscriptionApproved {
        subscription: SubscriptionName,
        side: Side,
        /// What it is tied to.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        conditions: Vec<String>,
        #[serde(flatten)]
        by: By,
    },
    /// All who must approve have: the terms asked for hold.
    SubscriptionGranted {
        subscription: SubscriptionName,
        #[serde(flatten)]
        by: By,
    },
    /// What is asked for was refused; terms granted before still hold.
    SubscriptionRefused {
        subscription: SubscriptionName,
        reason: String,
        #[serde(flatten)]
        by: By,
    },
    /// The subscription ended.
    SubscriptionRevoked {
        subscription: SubscriptionName,
        reason: String,
        #[serde(flatten)]
        by: By,
    },
    /// A subscription's end is near; its agency may ask for a later day.
    SubscriptionExpiring {
        subscription: SubscriptionName,
        expires: Date,
        #[serde(flatten)]
        by: By,
    },
    /// A subscription's day came.
    SubscriptionExpired {
        subscription: SubscriptionName,
        #[serde(flatten)]
        by: By,
    },
}
