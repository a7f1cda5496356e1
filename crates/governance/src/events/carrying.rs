//! Facts: subscriptions that go on by an older version than their topic.

use contract::{ContractVersion, SubscriptionName};
use serde::{Deserialize, Serialize};

use super::By;

/// Subscriptions that go on by an older version than their topic.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "kebab-case")]
#[allow(missing_docs, reason = "the fields are those of the records in `state` that they make")]
pub enum CarryingEvent {
    /// The subscription goes on by this version though its topic went past it: newer events are taken back to it.
    SubscriptionCarried {
        subscription: SubscriptionName,
        version: ContractVersion,
        #[serde(flatten)]
        by: By,
    },
    /// The subscription is carried no more: it has come to this version.
    SubscriptionCaughtUp {
        subscription: SubscriptionName,
        version: ContractVersion,
        #[serde(flatten)]
        by: By,
    },
    /// An event of this version cannot be taken back to the one that the subscription is carried on: it is set aside, and
    /// so may others of it be.
    EventsSetAside {
        subscription: SubscriptionName,
        version: ContractVersion,
        carried_on: ContractVersion,
        #[serde(flatten)]
        by: By,
    },
}
