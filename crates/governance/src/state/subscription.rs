//! An agency's right and place in a topic.
//!
//! What is *asked for* and what is *granted* stand side by side, so that a wish for wider terms never interrupts the
//! terms that hold, and an approval is always one of exactly these terms.

use std::collections::{BTreeMap, BTreeSet};

use contract::{AgencyName, ClassSet, ContractVersion, SubscriptionName, TopicName};
use serde::{Deserialize, Serialize};

use crate::events::{By, Side};
use crate::{Access, Date};

/// What a subscription is for and how far it goes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Terms {
    /// What for.
    pub purpose: String,
    /// The law that allows it.
    pub legal_basis: String,
    /// The classes that are opened for it; `public` needs none.
    #[serde(default)]
    pub clears: ClassSet,
    /// The first day on which it does not hold any more.
    pub expires: Date,
    /// The purpose to which people must consent, for it to be handed what is about them; none: it is handed it without.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub consent: Option<String>,
}

impl Terms {
    /// Whose approval they need.
    pub fn needs(&self, access: &Access) -> Vec<Side> {
        let mut needs = vec![Side::Owner];
        if self.clears.iter().any(|class| class.is_about_a_person()) {
            needs.push(Side::Dpo);
        }
        // Not `clears`, to which `public` is always clear.
        if self.clears.iter().any(|class| access.two_owners.iter().any(|one| one == class)) {
            needs.push(Side::SecondOwner);
        }
        needs
    }

    /// Whether they allow nothing that `granted` does not.
    pub fn are_within(&self, granted: &Terms) -> bool {
        self.purpose == granted.purpose
            && self.legal_basis == granted.legal_basis
            && self.expires <= granted.expires
            // What was granted for those who consent is not handed over without, nor for what else they consent to.
            && (granted.consent.is_none() || self.consent == granted.consent)
            && self.clears.iter().all(|class| granted.clears.clears(class))
    }
}

/// One side's agreement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Approval {
    /// Who gave it.
    pub by: By,
    /// When, in milliseconds since 1970.
    pub at_ms: u64,
    /// What it is tied to.
    pub conditions: Vec<String>,
}

/// Terms that wait for approval.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// The terms.
    pub terms: Terms,
    /// Who asked.
    pub by: By,
    /// When, in milliseconds since 1970.
    pub at_ms: u64,
    /// The approvals so far.
    pub approvals: BTreeMap<Side, Approval>,
}

impl Request {
    /// The sides that have not approved yet.
    pub fn missing(&self, access: &Access) -> Vec<Side> {
        let mut missing = self.terms.needs(access);
        missing.retain(|side| !self.approvals.contains_key(side));
        missing
    }
}

/// Terms that hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grant {
    /// The terms.
    pub terms: Terms,
    /// Who approved them.
    pub approvals: BTreeMap<Side, Approval>,
    /// Since when they hold, in milliseconds since 1970.
    pub since_ms: u64,
    /// The instant at which they end, in milliseconds since 1970.
    pub expires_ms: u64,
    /// What was told of their end.
    pub told: Told,
}

impl Grant {
    /// What the approvals are tied to.
    pub fn conditions(&self) -> impl Iterator<Item = &str> {
        self.approvals.values().flat_map(|approval| approval.conditions.iter().map(String::as_str))
    }
}

/// What was told of a grant's end, the earliest first.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Told {
    /// Nothing.
    #[default]
    Nothing,
    /// That it is near.
    Expiring,
    /// That it came.
    Expired,
}

/// How a subscription ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// It was never granted.
    Refused,
    /// It was granted, and taken back.
    Revoked,
}

/// A subscription's end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ended {
    /// How.
    pub how: End,
    /// Why.
    pub reason: String,
    /// Who ended it.
    pub by: By,
    /// When, in milliseconds since 1970.
    pub at_ms: u64,
}

/// An agency that had a subscription before another took over what it had.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Former {
    /// Which.
    pub agency: AgencyName,
    /// Until when, in milliseconds since 1970.
    pub until_ms: u64,
}

/// That a subscription is served by a version that its topic went past.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Carried {
    /// Which version.
    pub on: ContractVersion,
    /// Since when it is carried, in milliseconds since 1970. What went live before it was read as it came.
    pub since_ms: u64,
}

/// An agency's right and place in a topic.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subscription {
    /// Its name; also the Kafka consumer group's id.
    pub name: SubscriptionName,
    /// The topic.
    pub topic: TopicName,
    /// The agency.
    pub agency: AgencyName,
    /// The agencies that had it before, the first one first.
    pub formerly: Vec<Former>,
    /// The terms that hold, or held when it ended.
    pub granted: Option<Grant>,
    /// The terms that wait for approval.
    pub requested: Option<Request>,
    /// Its end.
    pub ended: Option<Ended>,
    /// Whether its topic went past the version that it is served by, as its agency has not agreed ([`crate::carrying`]).
    pub carried: Option<Carried>,
    /// The versions of which events could not be taken back for it, as it is carried.
    pub set_aside: BTreeSet<ContractVersion>,
}

impl Subscription {
    /// Whether it holds at `now_ms`: granted, not ended, not expired.
    pub fn is_live(&self, now_ms: u64) -> bool {
        self.ended.is_none() && self.granted.as_ref().is_some_and(|grant| now_ms < grant.expires_ms)
    }

    /// Whether it was granted and its day has come.
    pub fn is_expired(&self, now_ms: u64) -> bool {
        self.ended.is_none() && self.granted.as_ref().is_some_and(|grant| now_ms >= grant.expires_ms)
    }

    /// Whether it holds at `now_ms`, and its agency was told that its end is near.
    pub fn ends_soon(&self, now_ms: u64) -> bool {
        self.is_live(now_ms) && self.granted.as_ref().is_some_and(|grant| grant.told >= Told::Expiring)
    }

    /// The version that it is carried on.
    pub fn carried_on(&self) -> Option<ContractVersion> {
        self.carried.map(|carried| carried.on)
    }

    /// The terms that hold, whether or not they have expired.
    pub fn granted_terms(&self) -> Option<&Terms> {
        self.granted.as_ref().map(|grant| &grant.terms)
    }

    /// The terms that its agency wants: those asked for, or else those granted.
    pub fn wanted_terms(&self) -> Option<&Terms> {
        self.requested.as_ref().map(|request| &request.terms).or(self.granted_terms())
    }

    /// One word for its place in life: requested, live, expired, refused, revoked.
    pub fn status(&self, now_ms: u64) -> &'static str {
        match (&self.ended, &self.granted) {
            (Some(Ended { how: End::Refused, .. }), _) => "refused",
            (Some(Ended { how: End::Revoked, .. }), _) => "revoked",
            (None, None) => "requested",
            (None, Some(_)) if self.is_live(now_ms) => "live",
            (None, Some(_)) => "expired",
        }
    }
}
