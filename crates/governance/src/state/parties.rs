//! Agencies and those who act for them.

use std::collections::BTreeMap;
use std::sync::Arc;

use contract::{AgencyName, PrincipalName};
use serde::{Deserialize, Serialize};

use super::Succeeded;
use crate::notices::{Way, Wishes};
use crate::sealing_keys::SealingKey;
use crate::{Actor, By, Date, Roles, Scram, TokenHash};

/// Who an agency is, apart from its name on the bus.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Profile {
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
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub domains: Vec<String>,
    /// How it wants to be told of what concerns it.
    #[serde(default, skip_serializing_if = "Wishes::is_empty")]
    pub notices: Wishes,
}

/// An organisation on the bus.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Agency {
    /// Its name on the bus.
    pub agency: AgencyName,
    /// Who it is.
    pub profile: Profile,
    /// Since when it is on the bus, in milliseconds since 1970.
    pub registered_ms: u64,
    /// Who took over what it had, each time.
    pub succeeded: Vec<Succeeded>,
    /// Since when it wants to be told.
    pub since: Since,
    /// The keys that producers seal for, and those that they sealed for, by id.
    pub sealing_keys: BTreeMap<String, SealingKey>,
}

/// Since when an agency wants to be told in each way, in milliseconds since 1970; what was before is not told.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Since {
    email: Option<u64>,
    webhook: Option<u64>,
}

impl Since {
    /// The same by the wishes of `at_ms`: a way that was wanted before goes on.
    pub(super) fn of(self, wishes: &Wishes, at_ms: u64) -> Self {
        let one = |way: Way| wishes.wants(way).then(|| self.get(way).unwrap_or(at_ms));
        Self { email: one(Way::Email), webhook: one(Way::Webhook) }
    }

    /// Since when it wants to be told in this way, if it does.
    pub fn get(&self, way: Way) -> Option<u64> {
        match way {
            Way::Email => self.email,
            Way::Webhook => self.webhook,
        }
    }
}

impl Agency {
    /// The keys that producers seal for, by id.
    pub fn keys_in_use(&self) -> impl Iterator<Item = (&str, &SealingKey)> {
        let keys = self.sealing_keys.iter().map(|(id, key)| (id.as_str(), key));
        keys.filter(|(_, key)| key.retired.is_none())
    }

    /// Whether its events may name `source`.
    pub fn may_use_source(&self, source: &str) -> bool {
        let sources = &self.profile.sources;
        sources.is_empty() || sources.iter().any(|prefix| source.starts_with(prefix.as_str()))
    }
}

/// Somebody lets a colleague speak for them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delegation {
    /// Who speaks.
    pub to: PrincipalName,
    /// The first day on which it does not hold any more.
    pub until: Date,
    /// Why.
    pub reason: String,
    /// Who gave it.
    pub by: By,
    /// When, in milliseconds since 1970.
    pub at_ms: u64,
}

/// Who calls.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Principal {
    /// `name@agency`.
    pub principal: PrincipalName,
    /// Its agency.
    pub agency: AgencyName,
    /// What it is there to do.
    pub roles: Roles,
    /// Its token; without one it cannot call.
    pub token_hash: Option<TokenHash>,
    /// Its token for SCRAM; a token from before the bus knew SCRAM has none.
    pub scram: Option<Arc<Scram>>,
    /// Who speaks for it while it is away.
    pub delegation: Option<Delegation>,
    /// Whether it ended; its name is not given out again.
    pub disabled: bool,
    /// Since when it exists, in milliseconds since 1970.
    pub created_ms: u64,
}

impl Principal {
    /// Who speaks for it at `now_ms`, beside itself; nobody for one that ended.
    pub fn speaker(&self, now_ms: u64) -> Option<&PrincipalName> {
        let holds = |delegation: &&Delegation| !self.disabled && now_ms < delegation.until.starts_ms();
        self.delegation.as_ref().filter(holds).map(|delegation| &delegation.to)
    }

    /// The principal as the one who asks; a disabled one has no role left.
    pub fn actor(&self) -> Actor {
        let roles = if self.disabled { Roles::default() } else { self.roles };
        Actor { principal: self.principal.clone(), agency: self.agency.clone(), roles }
    }
}
