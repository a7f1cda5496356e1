//! Facts: persons who are erased, and what must not be.

use std::collections::{BTreeMap, BTreeSet};

use contract::{AgencyName, TopicName};
use serde::{Deserialize, Serialize};

use super::By;
use crate::state::{EventAt, Found, Handed, HoldOn};

/// Persons who are erased, and what must not be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "kebab-case")]
#[allow(missing_docs, reason = "the fields are those of the records in `state` that they make")]
pub enum ErasureEvent {
    /// The erasure of a person is asked for: of what each of these agencies' keys seal about them.
    ErasureRequested {
        erasure: String,
        parts: Vec<Found>,
        reason: String,
        /// For which agencies who asks is their data protection officer.
        #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
        speaks_for: BTreeSet<AgencyName>,
        #[serde(flatten)]
        by: By,
    },
    /// Somebody else agrees.
    ErasureApproved {
        erasure: String,
        #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
        speaks_for: BTreeSet<AgencyName>,
        #[serde(flatten)]
        by: By,
    },
    /// What these agencies' keys seal is not erased.
    ErasureDeclined {
        erasure: String,
        agencies: BTreeSet<AgencyName>,
        reason: String,
        #[serde(flatten)]
        by: By,
    },
    /// What is not erased yet stays.
    ErasureWithdrawn {
        erasure: String,
        reason: String,
        #[serde(flatten)]
        by: By,
    },
    /// There is other data about the person than was known, and some of it must be kept.
    ErasureLooked {
        erasure: String,
        agency: AgencyName,
        topics: BTreeMap<TopicName, u64>,
        #[serde(flatten)]
        by: By,
    },
    /// Another agency has a word in it than when it was asked for: a topic changed hands, or more was found.
    ErasureAskedOf {
        erasure: String,
        agency: AgencyName,
        #[serde(flatten)]
        by: By,
    },
    /// What an agency's keys seal about the person is erased: there is no key under this pseudonym any more.
    PersonErased {
        erasure: String,
        agency: AgencyName,
        pseudonym: String,
        /// Where there were events about them.
        #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
        topics: BTreeMap<TopicName, u64>,
        #[serde(flatten)]
        by: By,
    },
    /// An agency that was handed events about the person has to delete what it has of them, or say why not.
    ErasureTold {
        erasure: String,
        agency: AgencyName,
        to: AgencyName,
        handed: Vec<Handed>,
        some: Vec<EventAt>,
        #[serde(flatten)]
        by: By,
    },
    /// All who were handed events about the person are told.
    ErasureTraced {
        erasure: String,
        agency: AgencyName,
        #[serde(flatten)]
        by: By,
    },
    /// An agency says what it did with the events that it was handed.
    ErasureAnswered {
        erasure: String,
        agency: AgencyName,
        /// The legal ground on which it keeps them; nothing: it deleted them.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        kept: Option<String>,
        #[serde(flatten)]
        by: By,
    },
    /// Something must not be erased or deleted for the time being.
    HoldPlaced {
        hold: String,
        on: HoldOn,
        agency: AgencyName,
        reason: String,
        reference: String,
        #[serde(flatten)]
        by: By,
    },
    /// It may be again.
    HoldLifted {
        hold: String,
        reason: String,
        #[serde(flatten)]
        by: By,
    },
}

impl ErasureEvent {
    /// The erasure that it is about; none where it is about a hold.
    pub fn erasure(&self) -> Option<&str> {
        match self {
            Self::ErasureRequested { erasure, .. }
            | Self::ErasureApproved { erasure, .. }
            | Self::ErasureDeclined { erasure, .. }
            | Self::ErasureWithdrawn { erasure, .. }
            | Self::ErasureLooked { erasure, .. }
            | Self::ErasureAskedOf { erasure, .. }
            | Self::PersonErased { erasure, .. }
            | Self::ErasureTold { erasure, .. }
            | Self::ErasureTraced { erasure, .. }
            | Self::ErasureAnswered { erasure, .. } => Some(erasure),
            Self::HoldPlaced { .. } | Self::HoldLifted { .. } => None,
        }
    }
}
