//! Facts: the bus and its central rules.

use serde::{Deserialize, Serialize};

use super::By;
use crate::Standards;

/// The bus and its central rules.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "kebab-case")]
#[allow(missing_docs, reason = "the fields are those of the records in `state` that they make")]
#[allow(
    clippy::large_enum_variant,
    reason = "a box would stand in every pattern, and few facts are held at once"
)]
pub enum BusEvent {
    /// The bus has its first operator.
    BusOpened {
        #[serde(flatten)]
        by: By,
    },
    /// From now on the standards' approvals hold for everybody.
    BootstrapClosed {
        #[serde(flatten)]
        by: By,
    },
    /// The central rules are these.
    StandardsSet {
        standards: Standards,
        #[serde(flatten)]
        by: By,
    },
}
