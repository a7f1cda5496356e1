//! What is agreed on for the day on which an agency ends or is split.

use std::collections::{BTreeMap, BTreeSet};

use contract::{AgencyName, SubscriptionName, TopicName};
use serde::{Deserialize, Serialize};

use super::Accepted;
use crate::Date;
use crate::events::By;

/// What one successor gets. A field that is not known is refused in the journal too: passed over, what it names would go
/// to somebody else.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Share {
    /// Who gets it.
    pub agency: AgencyName,
    /// Topics.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub topics: BTreeSet<TopicName>,
    /// Subscriptions; they keep their names.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub subscriptions: BTreeSet<SubscriptionName>,
    /// Subjects of the registry that are no topic's.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub subjects: BTreeSet<String>,
}

/// Who gets what.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shares {
    /// What is listed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub shares: Vec<Share>,
    /// Who gets all that is not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rest: Option<AgencyName>,
}

impl Shares {
    /// Those who get something.
    pub fn successors(&self) -> BTreeSet<&AgencyName> {
        self.shares.iter().map(|share| &share.agency).chain(&self.rest).collect()
    }

    /// Who gets what `is_listed` finds in a share.
    pub fn heir(&self, is_listed: impl Fn(&Share) -> bool) -> Option<&AgencyName> {
        let share = self.shares.iter().find(|share| is_listed(share));
        share.map(|share| &share.agency).or(self.rest.as_ref())
    }
}

/// An agency's succession that is to come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Succession {
    /// On which day.
    pub on: Date,
    /// Who gets what.
    pub shares: Shares,
    /// Who proposed it.
    pub by: By,
    /// When, in milliseconds since 1970.
    pub at_ms: u64,
    /// The successors that agreed, with those who will answer for what they get.
    pub accepted: BTreeMap<AgencyName, Accepted>,
}

/// A succession that took place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Succeeded {
    /// Who took over.
    pub successors: BTreeSet<AgencyName>,
    /// When, in milliseconds since 1970.
    pub at_ms: u64,
}
