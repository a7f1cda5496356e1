//! Facts: agencies, and the keys that producers seal for.

use contract::AgencyName;
use serde::{Deserialize, Serialize};

use super::By;
use crate::state::Profile;

/// Agencies, and the keys that producers seal for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "kebab-case")]
#[allow(missing_docs, reason = "the fields are those of the records in `state` that they make")]
pub enum AgencyEvent {
    /// An agency joined.
    AgencyRegistered {
        agency: AgencyName,
        profile: Profile,
        #[serde(flatten)]
        by: By,
    },
    /// An agency's profile is this now.
    AgencyChanged {
        agency: AgencyName,
        profile: Profile,
        #[serde(flatten)]
        by: By,
    },
    /// Producers seal for this key of an agency.
    SealingKeyPublished {
        agency: AgencyName,
        /// Its id.
        key: String,
        public_key: String,
        #[serde(flatten)]
        by: By,
    },
    /// Nothing is sealed for a key any more.
    SealingKeyRetired {
        agency: AgencyName,
        key: String,
        reason: String,
        #[serde(flatten)]
        by: By,
    },
}
