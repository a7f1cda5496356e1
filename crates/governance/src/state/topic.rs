//! A topic and the life of its contract's versions.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use contract::{
    AgencyName, ContractVersion, Definition, KeyRule, PrincipalName, Rehearsal, TopicName, Weight,
};
use serde::{Deserialize, Serialize};

use super::{Schema, Stewardship};
use crate::events::By;
use crate::policy::Policies;
use crate::{Date, Impact, Role};

/// How fast a topic's events travel. Fixed for the topic's life: each class has its own log.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Latency {
    /// Overtakes everything.
    Realtime,
    /// The usual.
    #[default]
    Standard,
    /// When there is room.
    Batch,
}

impl Latency {
    /// All classes, the fastest first.
    pub const ALL: [Latency; 3] = [Latency::Realtime, Latency::Standard, Latency::Batch];

    /// The class's text in files, commands and events.
    pub fn as_str(self) -> &'static str {
        match self {
            Latency::Realtime => "realtime",
            Latency::Standard => "standard",
            Latency::Batch => "batch",
        }
    }
}

impl fmt::Display for Latency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Where a contract version is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Status {
    /// Waits for its consumers.
    Proposed,
    /// Events may follow it.
    Active,
    /// Its end is announced; events may follow it until its sunset.
    Deprecated,
    /// Over. Events that followed it are still read by it.
    Retired,
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Status::Proposed => "proposed",
            Status::Active => "active",
            Status::Deprecated => "deprecated",
            Status::Retired => "retired",
        })
    }
}

/// A consumer agency's agreement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Acknowledgement {
    /// Who gave it.
    pub by: By,
    /// When, in milliseconds since 1970.
    pub at_ms: u64,
}

/// A consumer agency's objection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Objection {
    /// Why.
    pub reason: String,
    /// Who raised it.
    pub by: By,
    /// When, in milliseconds since 1970.
    pub at_ms: u64,
    /// What the owner says to it.
    pub answer: Option<Answer>,
}

/// The owner's answer to an objection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// What was said.
    pub text: String,
    /// Who said it.
    pub by: By,
    /// When, in milliseconds since 1970.
    pub at_ms: u64,
}

/// One person's part in overriding what a version waits for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Override {
    /// Why.
    pub reason: String,
    /// In which role.
    pub role: Role,
    /// Who.
    pub by: By,
    /// When, in milliseconds since 1970.
    pub at_ms: u64,
}

/// One version of a topic's contract.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Version {
    /// The agreement.
    pub definition: Arc<Definition>,
    /// Its schema in the registry.
    pub schema: Arc<Schema>,
    /// What the schema's id stands for.
    pub number: u32,
    /// Where it is in its life.
    pub status: Status,
    /// Who proposed it.
    pub proposed_by: By,
    /// When, in milliseconds since 1970.
    pub proposed_ms: u64,
    /// Who activated it, and when.
    pub activated: Option<(By, u64)>,
    /// The consumer agencies that agreed.
    pub acknowledged: BTreeMap<AgencyName, Acknowledgement>,
    /// The consumer agencies that object.
    pub objections: BTreeMap<AgencyName, Objection>,
    /// What it changes; of a topic's first version nothing.
    pub impact: Option<Impact>,
    /// What its migration made of real events, when it was proposed.
    pub rehearsal: Option<Rehearsal>,
    /// Those who override what it waits for.
    pub overrides: Vec<Override>,
    /// The day on which a deprecated version ends.
    pub sunset: Option<Date>,
}

impl Version {
    /// Whether events may follow it now: it is active, or deprecated and its sunset has not come.
    pub fn takes_events(&self, now_ms: u64) -> bool {
        match self.status {
            Status::Active => true,
            Status::Deprecated => self.sunset.is_some_and(|sunset| now_ms < sunset.starts_ms()),
            Status::Proposed | Status::Retired => false,
        }
    }

    /// How much it changes. What was proposed before changes were weighed counts as breaking.
    pub fn weight(&self) -> Weight {
        match &self.impact {
            Some(impact) => impact.weight(),
            None if self.number().0 == 1 => Weight::Compatible,
            None => Weight::Breaking,
        }
    }

    /// The version that its migration leads back to: the one that it was compared with.
    pub fn leads_back_to(&self) -> Option<ContractVersion> {
        self.impact.as_ref().filter(|_| self.definition.migration.is_some()).map(|impact| impact.against)
    }

    /// When a notice of this length has run, in milliseconds since 1970.
    pub(crate) fn notice_ends_ms(&self, notice_s: u64) -> u64 {
        self.proposed_ms.saturating_add(notice_s.saturating_mul(1000))
    }

    /// Whether those who read by the version that it was compared with must say yes, if they are not carried.
    pub(crate) fn asks_for_word(&self, silence_is_consent: bool) -> bool {
        self.weight() > Weight::Compatible || !silence_is_consent
    }

    /// Whether consumers of its topic read by another version now than it was compared with.
    pub fn is_overtaken(&self, topic: &Topic) -> bool {
        let read_by = topic.read_by().map(Version::number);
        self.impact.as_ref().is_some_and(|impact| Some(impact.against) != read_by)
    }

    /// The version's number.
    pub fn number(&self) -> ContractVersion {
        self.definition.version
    }
}

/// A topic.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Topic {
    /// `domain.entity.happened`.
    pub name: TopicName,
    /// The agency that it belongs to.
    pub owner: AgencyName,
    /// The person of the owner agency who answers for it.
    pub steward: PrincipalName,
    /// Who does when the steward cannot.
    pub deputy: PrincipalName,
    /// Since when they answer for it, and whether they still do.
    pub stewardship: Stewardship,
    /// The agency under whose keys its events are sealed: the one that it began with; never changes.
    pub sealed_by: AgencyName,
    /// What an event of it says.
    pub description: String,
    /// The law that allows it.
    pub legal_basis: String,
    /// How fast; never changes.
    pub latency: Latency,
    /// How many partitions; never changes.
    pub partitions: u32,
    /// How long events are kept, in seconds.
    pub retention_s: u64,
    /// How long the law wants an event kept, in seconds: no person is erased from a younger one; 0: no such duty.
    pub keep_s: u64,
    /// What orders events; never changes.
    pub key: KeyRule,
    /// What its steward or deputy permits ahead.
    pub access: Arc<Policies>,
    /// Which of them.
    pub access_by: PrincipalName,
    /// Since when it exists, in milliseconds since 1970.
    pub created_ms: u64,
    /// Its contract, by version.
    pub versions: BTreeMap<ContractVersion, Version>,
}

impl Topic {
    /// The versions whose status is active, oldest first.
    pub fn active_versions(&self) -> impl Iterator<Item = &Version> {
        self.versions.values().filter(|version| version.status == Status::Active)
    }

    /// The newest version whose status is active.
    pub fn newest_active(&self) -> Option<&Version> {
        self.versions.values().rev().find(|version| version.status == Status::Active)
    }

    /// The version that consumers read by: the newest that is active, or else deprecated.
    pub fn read_by(&self) -> Option<&Version> {
        let deprecated = || self.versions.values().rev().find(|version| version.status == Status::Deprecated);
        self.newest_active().or_else(deprecated)
    }

    /// The versions that events may follow now, oldest first: the active ones, and deprecated ones before their sunset.
    pub fn versions_taking_events(&self, now_ms: u64) -> impl Iterator<Item = &Version> {
        self.versions.values().filter(move |version| version.takes_events(now_ms))
    }

    /// The newest version, whatever its status.
    pub fn newest(&self) -> Option<&Version> {
        self.versions.values().next_back()
    }
}
