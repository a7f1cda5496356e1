//! Who is behind a fact.

use contract::PrincipalName;
use serde::{Deserialize, Serialize};

/// Who did it, and by which right.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct By {
    /// The principal.
    #[serde(rename = "by")]
    pub principal: PrincipalName,
    /// Whether an operator stood in for those whose right it is, as only the bootstrap allows.
    #[serde(rename = "by_bootstrap", default, skip_serializing_if = "std::ops::Not::not")]
    pub bootstrap: bool,
    /// Whose right it was, where somebody else lets the principal speak for them.
    #[serde(rename = "by_instead_of", default, skip_serializing_if = "Option::is_none")]
    pub instead_of: Option<PrincipalName>,
    /// The policies by which the principal agreed ahead, where it did not do it itself.
    #[serde(rename = "by_policy", default, skip_serializing_if = "Option::is_none")]
    pub policy: Option<String>,
}

impl By {
    /// By the principal's own right.
    pub fn own(principal: PrincipalName) -> Self {
        Self { principal, bootstrap: false, instead_of: None, policy: None }
    }

    /// By the policies that the principal answers for.
    pub fn policy(principal: PrincipalName, policy: String) -> Self {
        Self { policy: Some(policy), ..Self::own(principal) }
    }

    /// By an operator in the bootstrap.
    pub fn bootstrap(principal: PrincipalName) -> Self {
        Self { bootstrap: true, ..Self::own(principal) }
    }
}

/// Whose approval a subscription has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Side {
    /// The topic's steward or deputy.
    Owner,
    /// The consumer agency's data protection officer.
    Dpo,
    /// The other one of the topic's steward and deputy, where the standards ask for both.
    SecondOwner,
}

impl Side {
    /// Its name in answers and events.
    pub fn as_str(self) -> &'static str {
        match self {
            Side::Owner => "owner",
            Side::Dpo => "dpo",
            Side::SecondOwner => "second-owner",
        }
    }
}
