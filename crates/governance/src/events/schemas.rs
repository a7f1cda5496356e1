//! Facts: the registry's subjects, beside those of topics.

use std::sync::Arc;

use contract::AgencyName;
use contract::schemas::Compatibility;
use serde::{Deserialize, Serialize};

use super::By;
use crate::state::{Mode, Schema};

/// The registry's subjects, beside those of topics.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "kebab-case")]
#[allow(missing_docs, reason = "the fields are those of the records in `state` that they make")]
pub enum SchemaEvent {
    /// A schema stands under a subject that is no topic's.
    SchemaRegistered {
        subject: String,
        agency: AgencyName,
        version: u32,
        schema: Arc<Schema>,
        #[serde(flatten)]
        by: By,
    },
    /// A version of such a subject is gone: softly, or for good.
    SchemaDeleted {
        subject: String,
        version: u32,
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        permanently: bool,
        #[serde(flatten)]
        by: By,
    },
    /// How versions of a subject, or of all, relate from now on; nothing: as for all.
    CompatibilitySet {
        #[serde(default, skip_serializing_if = "Option::is_none")]
        subject: Option<String>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        compatibility: Option<Compatibility>,
        #[serde(flatten)]
        by: By,
    },
    /// Whether a subject, or all, take schemas from now on; nothing: as for all.
    ModeSet {
        #[serde(default, skip_serializing_if = "Option::is_none")]
        subject: Option<String>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        mode: Option<Mode>,
        #[serde(flatten)]
        by: By,
    },
}
