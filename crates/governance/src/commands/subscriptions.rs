//! What is asked for of a subscription.

use contract::{AgencyName, ClassSet, SubscriptionName, TopicName};
use serde::{Deserialize, Serialize};

use crate::Date;

/// An agency's wish for a place in a topic.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SubscriptionRequest {
    /// Its name: the agency's, a dot, and more.
    pub subscription: SubscriptionName,
    /// Of which topic.
    pub topic: TopicName,
    /// For which agency.
    pub agency: AgencyName,
    /// What for.
    pub purpose: String,
    /// The law that allows it.
    pub legal_basis: String,
    /// The classes to be opened for it.
    #[serde(default)]
    pub clears: ClassSet,
    /// The first day on which it does not hold any more.
    pub expires: Date,
    /// The purpose to which people must consent, for it to be handed what is about them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub consent: Option<String>,
}

/// What of a subscription's terms changes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SubscriptionChange {
    /// Which.
    pub subscription: SubscriptionName,
    /// What for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub purpose: Option<String>,
    /// The law that allows it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub legal_basis: Option<String>,
    /// The classes to be opened for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub clears: Option<ClassSet>,
    /// The first day on which it does not hold any more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires: Option<Date>,
    /// The purpose to which people must consent; an empty one: they need not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub consent: Option<String>,
}
