//! Facts: what an agency has, on its way to others.

use std::collections::BTreeSet;

use contract::{AgencyName, PrincipalName, SubscriptionName};
use serde::{Deserialize, Serialize};

use super::By;
use crate::Date;
use crate::state::Shares;

/// What an agency has, on its way to others.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "kebab-case")]
#[allow(missing_docs, reason = "the fields are those of the records in `state` that they make")]
pub enum SuccessionEvent {
    /// What an agency has is to go to others, on a day.
    SuccessionProposed {
        agency: AgencyName,
        on: Date,
        #[serde(flatten)]
        shares: Shares,
        #[serde(flatten)]
        by: By,
    },
    /// A successor agrees, and these will answer for the topics that it gets.
    SuccessionAccepted {
        agency: AgencyName,
        successor: AgencyName,
        steward: PrincipalName,
        deputy: PrincipalName,
        #[serde(flatten)]
        by: By,
    },
    /// An agency is not to be succeeded any more.
    SuccessionWithdrawn {
        agency: AgencyName,
        reason: String,
        #[serde(flatten)]
        by: By,
    },
    /// A subscription is another agency's, under the name that it has.
    SubscriptionMoved {
        subscription: SubscriptionName,
        agency: AgencyName,
        #[serde(flatten)]
        by: By,
    },
    /// A subject that is no topic's is another agency's.
    SubjectMoved {
        subject: String,
        agency: AgencyName,
        #[serde(flatten)]
        by: By,
    },
    /// All that an agency had is its successors' now.
    AgencySucceeded {
        agency: AgencyName,
        successors: BTreeSet<AgencyName>,
        #[serde(flatten)]
        by: By,
    },
}
