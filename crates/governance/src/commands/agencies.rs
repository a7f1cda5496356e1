//! What is said of an agency.

use contract::AgencyName;
use serde::{Deserialize, Serialize};

use crate::notices::Wishes;

/// Who an agency is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AgencyProfile {
    /// Its name on the bus.
    pub agency: AgencyName,
    /// Its name for people.
    pub name: String,
    /// The law that it acts on.
    #[serde(default)]
    pub mandate: String,
    /// Where to reach it.
    #[serde(default)]
    pub contacts: Vec<String>,
    /// Where to reach its data protection officer.
    #[serde(default)]
    pub dpo: String,
    /// Prefixes that its events' `source` may have; empty: any, recorded as given.
    #[serde(default)]
    pub sources: Vec<String>,
    /// The domains that its mandate covers (`civil`, `tax.income`), for policies that hold its topics to them; empty:
    /// nothing is said.
    #[serde(default)]
    pub domains: Vec<String>,
    /// How it wants to be told of what concerns it.
    #[serde(default)]
    pub notices: Wishes,
}

/// What of an agency's profile changes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AgencyChange {
    /// Which agency.
    pub agency: AgencyName,
    /// Its name for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The law that it acts on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mandate: Option<String>,
    /// Where to reach it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub contacts: Option<Vec<String>>,
    /// Where to reach its data protection officer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dpo: Option<String>,
    /// Prefixes that its events' `source` may have.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sources: Option<Vec<String>>,
    /// The domains that its mandate covers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub domains: Option<Vec<String>>,
    /// How it wants to be told of what concerns it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub notices: Option<Wishes>,
}
