//! The central rules that hold for every agency: bounds, and the classes that a standard adds.

use std::collections::{BTreeMap, BTreeSet};

use contract::{Class, ClassSet, Profiles, TopicName};
use serde::{Deserialize, Serialize};

use crate::duration;
use crate::leaks::Leaks;
use crate::policy::Policies;

const DAY_S: u64 = 24 * 60 * 60;
const YEAR_S: u64 = 365 * DAY_S;

/// No standard may allow a topic more partitions than this: each costs every node an index and a file.
pub const MOST_PARTITIONS: u32 = 1024;

/// What a topic or a subscription may ask for. A change holds for what is decided after it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Limits {
    /// The shortest retention of a topic, in seconds.
    pub retention_min_s: u64,
    /// The longest retention of a topic, in seconds.
    pub retention_max_s: u64,
    /// The most partitions that a topic may have.
    pub partitions_max: u32,
    /// The longest that a subscription may run before it must be asked for again, in seconds.
    pub subscription_max_s: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            retention_min_s: DAY_S,
            retention_max_s: 100 * YEAR_S,
            partitions_max: 64,
            subscription_max_s: 10 * YEAR_S,
        }
    }
}

/// How long a change waits, and for whom.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Changes {
    /// How long those who read a topic have before a compatible change goes live, in seconds.
    pub notice_s: u64,
    /// Whether who says nothing in that time agrees; otherwise every agency must.
    pub silence_is_consent: bool,
}

impl Changes {
    fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

impl Default for Changes {
    fn default() -> Self {
        Self { notice_s: 14 * DAY_S, silence_is_consent: true }
    }
}

/// What access asks for beyond the owner's word, and when it is looked at again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Access {
    /// What subscriptions may be for; empty: anything that is said.
    pub purposes: BTreeSet<String>,
    /// The classes that two people of the owner's side must open: its steward and its deputy.
    pub two_owners: ClassSet,
    /// How long before its end a subscription is told that it ends, in seconds.
    pub renewal_s: u64,
    /// How long a subscription may be handed nothing before it is shown as unused, in seconds.
    pub unused_s: u64,
    /// The longest that somebody may let another speak for them, in seconds.
    pub delegation_max_s: u64,
}

impl Access {
    fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

impl Default for Access {
    fn default() -> Self {
        Self {
            purposes: BTreeSet::new(),
            two_owners: ClassSet::default(),
            renewal_s: 30 * DAY_S,
            unused_s: 90 * DAY_S,
            delegation_max_s: 90 * DAY_S,
        }
    }
}

/// How long somebody's word that they answer for a topic holds, and what comes when it is not given again. Each span
/// counts from when people were told of the one before.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Ownership {
    /// How long a confirmation holds, in seconds.
    pub confirm_every_s: u64,
    /// How long after it is due a topic without it is frozen for change, in seconds.
    pub freeze_after_s: u64,
    /// How long after that it takes no events any more, in seconds.
    pub suspend_after_s: u64,
    /// How long before each of both people are told once more, in seconds.
    pub notice_s: u64,
}

impl Ownership {
    fn is_default(&self) -> bool {
        *self == Self::default()
    }

    fn faults(&self) -> Option<String> {
        let Self { confirm_every_s, freeze_after_s, suspend_after_s, notice_s } = *self;
        if confirm_every_s == 0 {
            return Some("confirm_every_s: must be above 0".to_owned());
        }
        (notice_s > freeze_after_s.min(suspend_after_s)).then(|| {
            "notice_s: must not be above freeze_after_s and suspend_after_s: it runs before each ends"
                .to_owned()
        })
    }
}

impl Default for Ownership {
    fn default() -> Self {
        Self {
            confirm_every_s: YEAR_S,
            freeze_after_s: 56 * DAY_S,
            suspend_after_s: 91 * DAY_S,
            notice_s: 14 * DAY_S,
        }
    }
}

/// What agencies owe when a person is erased.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Erasing {
    /// How long an agency that was handed events about the person has to delete them, or to say why not, in seconds.
    pub answer_within_s: u64,
}

impl Erasing {
    fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

impl Default for Erasing {
    fn default() -> Self {
        Self { answer_within_s: 30 * DAY_S }
    }
}

/// Who is believed to say what people consent to.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Consenting {
    /// The topics whose events give and withdraw consent ([`crate::person_consent`]); none: it cannot be demanded.
    pub topics: BTreeSet<TopicName>,
}

impl Consenting {
    fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

/// The central rules.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Standards {
    /// Bounds.
    pub limits: Limits,
    /// How contracts change.
    #[serde(skip_serializing_if = "Changes::is_default")]
    pub changes: Changes,
    /// Who may be let into topics.
    #[serde(skip_serializing_if = "Access::is_default")]
    pub access: Access,
    /// How topics stay somebody's.
    #[serde(skip_serializing_if = "Ownership::is_default")]
    pub ownership: Ownership,
    /// What follows when a person is erased.
    #[serde(skip_serializing_if = "Erasing::is_default")]
    pub erasure: Erasing,
    /// Where it stands what people consent to.
    #[serde(skip_serializing_if = "Consenting::is_default")]
    pub consent: Consenting,
    /// Which event-design profiles are on.
    #[serde(skip_serializing_if = "Profiles::is_default")]
    pub profiles: Profiles,
    /// What happens when personal data is found where a contract says there is none.
    #[serde(skip_serializing_if = "Leaks::is_default")]
    pub leaks: Leaks,
    /// Classes beyond public, internal, personal and special; each counts as about a person.
    pub classes: ClassSet,
    /// What is forbidden beyond the bus's own rules: the texts of policy files, by name (`naming.cedar`).
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub policies: BTreeMap<String, String>,
}

impl Standards {
    /// What is wrong with the standards themselves, a line each.
    pub fn faults(&self) -> Vec<String> {
        let Limits { retention_min_s, retention_max_s, partitions_max, subscription_max_s } = self.limits;
        let mut faults = Vec::new();
        if retention_min_s == 0 || retention_min_s > retention_max_s {
            faults.push("retention_min_s: must be above 0 and not above retention_max_s".to_owned());
        }
        if !(1..=MOST_PARTITIONS).contains(&partitions_max) {
            faults.push(format!("partitions_max: must be from 1 to {MOST_PARTITIONS}"));
        }
        if subscription_max_s == 0 {
            faults.push("subscription_max_s: must be above 0".to_owned());
        }
        if self.access.purposes.iter().any(|purpose| purpose.trim().is_empty()) {
            faults.push("access.purposes: one of them is empty".to_owned());
        }
        for class in self.access.two_owners.iter().filter(|class| !self.knows(class)) {
            faults.push(format!("access.two_owners: no standard knows the class {class}"));
        }
        if self.erasure.answer_within_s == 0 {
            faults.push("erasure.answer_within_s: must be above 0".to_owned());
        }
        faults.extend(self.ownership.faults());
        faults.extend(self.leaks.faults());
        faults
            .extend(Policies::read(&self.policies).err().unwrap_or_default().iter().map(ToString::to_string));
        faults
    }

    /// What is wrong with a retention, if anything.
    pub fn retention_fault(&self, retention_s: u64) -> Option<String> {
        let Limits { retention_min_s: min, retention_max_s: max, .. } = self.limits;
        (!(min..=max).contains(&retention_s)).then(|| {
            let [given, min, max] = [retention_s, min, max].map(duration::to_text);
            format!("retention: {given} is outside the standards' {min} to {max}")
        })
    }

    /// What is wrong with a number of partitions, if anything.
    pub fn partitions_fault(&self, partitions: u32) -> Option<String> {
        let max = self.limits.partitions_max.min(MOST_PARTITIONS);
        (!(1..=max).contains(&partitions))
            .then(|| format!("partitions: {partitions} is outside the standards' 1 to {max}"))
    }

    /// What is wrong with a purpose, if anything.
    pub fn purpose_fault(&self, purpose: &str) -> Option<String> {
        let known = &self.access.purposes;
        (!known.is_empty() && !known.contains(purpose)).then(|| {
            let list: Vec<&str> = known.iter().map(String::as_str).collect();
            format!("purpose: {purpose:?} is not one of the standards': {}", list.join("; "))
        })
    }

    /// Whether `class` is known.
    pub fn knows(&self, class: &Class) -> bool {
        !matches!(class, Class::Named(_)) || self.classes.clears(class)
    }
}
