//! Facts: who calls, with which roles, and who speaks for whom.

use std::sync::Arc;

use contract::{AgencyName, PrincipalName};
use serde::{Deserialize, Serialize};

use super::By;
use crate::{Date, Roles, Scram, TokenHash};

/// Who calls, with which roles, and who speaks for whom.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "kebab-case")]
#[allow(missing_docs, reason = "the fields are those of the records in `state` that they make")]
pub enum PrincipalEvent {
    /// A principal exists.
    PrincipalCreated {
        principal: PrincipalName,
        agency: AgencyName,
        roles: Roles,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        token_hash: Option<TokenHash>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        scram: Option<Arc<Scram>>,
        #[serde(flatten)]
        by: By,
    },
    /// A principal's roles are these now.
    PrincipalChanged {
        principal: PrincipalName,
        roles: Roles,
        #[serde(flatten)]
        by: By,
    },
    /// A principal's token is this now.
    TokenIssued {
        principal: PrincipalName,
        token_hash: TokenHash,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        scram: Option<Arc<Scram>>,
        #[serde(flatten)]
        by: By,
    },
    /// A principal and its token ended.
    PrincipalDisabled {
        principal: PrincipalName,
        #[serde(flatten)]
        by: By,
    },
    /// A principal lets another one speak for it until a day.
    DelegationGiven {
        principal: PrincipalName,
        to: PrincipalName,
        until: Date,
        reason: String,
        #[serde(flatten)]
        by: By,
    },
    /// A principal speaks for itself alone again.
    DelegationEnded {
        principal: PrincipalName,
        #[serde(flatten)]
        by: By,
    },
}
