//! Who answers for a topic, and whether they still do.
//!
//! Time alone freezes and suspends nothing: each stage counts from the fact that people were told of the one before, so
//! that neither a bus that stood still nor stricter standards take anybody by surprise.

use std::collections::BTreeMap;

use contract::{AgencyName, PrincipalName};

use crate::Date;
use crate::events::By;

/// What people are told on the way from a confirmation that is due to a topic that takes no events.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stage {
    /// A confirmation is due.
    Due,
    /// A freeze comes.
    FreezeAhead,
    /// Nobody answers for the topic: it is frozen for change.
    Orphaned,
    /// A suspension comes.
    SuspensionAhead,
    /// It takes no events.
    Suspended,
}

/// Somebody's word that they answer for a topic.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Confirmation {
    /// Whose.
    pub by: By,
    /// When, in milliseconds since 1970.
    pub at_ms: u64,
}

/// An agency's time as owner.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tenure {
    /// Which.
    pub agency: AgencyName,
    /// Since when, in milliseconds since 1970.
    pub since_ms: u64,
    /// Who made it so.
    pub by: By,
}

/// That an agency takes something over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Accepted {
    /// Who will answer for it.
    pub steward: PrincipalName,
    /// Who will when the steward cannot.
    pub deputy: PrincipalName,
    /// Who accepted it.
    pub by: By,
    /// When, in milliseconds since 1970.
    pub at_ms: u64,
}

/// A topic on its way to another agency.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Offer {
    /// To whom.
    pub to: AgencyName,
    /// From which day on it is theirs.
    pub on: Date,
    /// Who offered it.
    pub by: By,
    /// When, in milliseconds since 1970.
    pub at_ms: u64,
    /// The other agency's agreement.
    pub accepted: Option<Accepted>,
}

/// Who answers for a topic.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stewardship {
    /// The last word that somebody does. Naming people counts as one.
    pub confirmed: Confirmation,
    /// Since when the steward is gone, in milliseconds since 1970.
    pub steward_left_ms: Option<u64>,
    /// Since when the deputy is gone, in milliseconds since 1970.
    pub deputy_left_ms: Option<u64>,
    /// What people were told since the last confirmation, and when, in milliseconds since 1970.
    pub told: BTreeMap<Stage, u64>,
    /// The owners, the first one first.
    pub owners: Vec<Tenure>,
    /// Whom it is offered to.
    pub offer: Option<Offer>,
    /// Whom the last offer that was withdrawn was made to.
    pub no_longer_offered: Option<AgencyName>,
}

impl Stewardship {
    /// Of a topic that begins.
    pub(super) fn begin(owner: &AgencyName, by: &By, at_ms: u64) -> Self {
        Self {
            confirmed: Confirmation { by: by.clone(), at_ms },
            steward_left_ms: None,
            deputy_left_ms: None,
            told: BTreeMap::new(),
            owners: vec![Tenure { agency: owner.clone(), since_ms: at_ms, by: by.clone() }],
            offer: None,
            no_longer_offered: None,
        }
    }

    /// Somebody answers for it: what people were told before is over.
    pub(super) fn confirm(&mut self, by: &By, at_ms: u64) {
        self.confirmed = Confirmation { by: by.clone(), at_ms };
        self.told.clear();
    }

    /// Since when both steward and deputy are gone, in milliseconds since 1970.
    pub fn vacant_ms(&self) -> Option<u64> {
        Some(self.steward_left_ms?.max(self.deputy_left_ms?))
    }

    /// The agency that owned the topic at `at_ms`, milliseconds since 1970.
    pub fn owner_at(&self, at_ms: u64) -> Option<&AgencyName> {
        let tenure = self.owners.iter().rev().find(|tenure| tenure.since_ms <= at_ms);
        tenure.or(self.owners.first()).map(|tenure| &tenure.agency)
    }

    /// Those of `steward` and `deputy` who are there.
    pub(crate) fn present<'a>(
        &self,
        steward: &'a PrincipalName,
        deputy: &'a PrincipalName,
    ) -> impl Iterator<Item = &'a PrincipalName> {
        let people = [(steward, self.steward_left_ms), (deputy, self.deputy_left_ms)];
        people.into_iter().filter(|(_, left)| left.is_none()).map(|(person, _)| person)
    }
}
