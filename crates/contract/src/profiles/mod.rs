//! Event-design profiles: how events are made, as rules that a state switches on.
//!
//! A profile is one table of [`Rule`]s, in the order of its text. A rule says where it is held: here, by a check of
//! contracts or of events; by another place of the bus, which it names; or by people, where no machine can know. What
//! breaks a MUST is refused, what does not keep to a SHOULD is told. No check shows a value of an event.

pub mod cloudevents;
pub mod nl_gov;

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::{CloudEvent, Definition};

/// Which profiles are on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Profiles {
    /// CloudEvents. What it demands holds in any case, as the bus reads nothing else; off, it advises nobody.
    pub cloudevents: bool,
    /// The Dutch government's profile of it.
    pub nl_gov: bool,
}

impl Default for Profiles {
    fn default() -> Self {
        Self { cloudevents: true, nl_gov: false }
    }
}

/// A text that tells how events are made.
#[derive(Debug)]
pub struct Profile {
    /// Its name in `[profiles]`.
    pub id: &'static str,
    /// Its name and version for people.
    pub name: &'static str,
    /// Its rules.
    pub rules: &'static [Rule],
}

/// All profiles.
pub const ALL: [&Profile; 2] = [&cloudevents::PROFILE, &nl_gov::PROFILE];

/// One rule of a profile.
#[derive(Debug)]
pub struct Rule {
    /// Its name within the profile.
    pub id: &'static str,
    /// How binding it is.
    pub level: Level,
    /// The section of the profile's text that has it.
    pub section: &'static str,
    /// What of an event it is about: an attribute, or `data`.
    pub about: &'static str,
    /// The rule, to be read after what it is about: `must be …`.
    pub says: &'static str,
    /// What to do where it is broken.
    pub remedy: &'static str,
    /// Where it is held.
    pub held: Held,
}

/// How binding a rule is (RFC 2119); MUST NOT and SHOULD NOT count as MUST and SHOULD.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// What breaks it is refused.
    Must,
    /// What does not keep to it is told.
    Should,
}

impl Level {
    /// As the texts write it.
    pub fn as_str(self) -> &'static str {
        match self {
            Level::Must => "MUST",
            Level::Should => "SHOULD",
        }
    }
}

/// What in a contract breaks a rule; nothing where it keeps to it.
type OfContract = fn(&Subject<'_>) -> Option<String>;

/// Whether an event keeps to a rule.
type OfEvent = fn(&CloudEvent) -> bool;

/// Where a rule is held.
#[derive(Debug, Clone, Copy)]
pub enum Held {
    /// A contract is checked.
    Contract(OfContract),
    /// Each event is checked.
    Event(OfEvent),
    /// Both are.
    Both(OfContract, OfEvent),
    /// By another place of the bus.
    By(&'static str),
    /// By people: what it asks for, no machine can know.
    People,
}

impl Held {
    fn of_contract(&self) -> Option<OfContract> {
        match self {
            Held::Contract(check) | Held::Both(check, _) => Some(*check),
            _ => None,
        }
    }

    fn of_event(&self) -> Option<OfEvent> {
        match self {
            Held::Event(check) | Held::Both(_, check) => Some(*check),
            _ => None,
        }
    }
}

/// A contract with what its topic's events will say of themselves.
pub struct Subject<'s> {
    /// The contract. Its topic's name is what `type` says.
    pub definition: &'s Definition,
    /// The prefixes that its producers' `source` may have; none: any.
    pub sources: &'s [String],
    /// Whether an organisation of this name is known.
    pub is_organisation: &'s dyn Fn(&str) -> bool,
}

/// A contract that does not keep to a rule.
#[derive(Debug, Clone)]
pub struct Finding {
    /// The profile.
    pub profile: &'static Profile,
    /// Its rule.
    pub rule: &'static Rule,
    /// What in the contract.
    pub what: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Rule { section, about, says, remedy, .. } = self.rule;
        write!(f, "{about}: {} ({about} {says}: {}, {section}); {remedy}", self.what, self.profile.name)
    }
}

/// A rule that each event is held against.
#[derive(Debug, Clone, Copy)]
pub struct EventRule {
    /// The profile.
    pub profile: &'static Profile,
    /// Its rule.
    pub rule: &'static Rule,
    check: OfEvent,
}

impl EventRule {
    /// Whether an event keeps to it.
    pub fn is_kept_by(&self, event: &CloudEvent) -> bool {
        (self.check)(event)
    }
}

impl fmt::Display for EventRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Rule { section, about, says, .. } = self.rule;
        write!(f, "{about} {says} ({}, {section})", self.profile.name)
    }
}

impl Profiles {
    /// Whether they are what holds where nothing is said.
    pub fn is_default(&self) -> bool {
        *self == Self::default()
    }

    /// Only the profile of this name.
    pub fn only(id: &str) -> Option<Self> {
        ALL.iter()
            .any(|profile| profile.id == id)
            .then(|| Self { cloudevents: id == cloudevents::PROFILE.id, nl_gov: id == nl_gov::PROFILE.id })
    }

    /// Those that are on.
    pub fn on(self) -> impl Iterator<Item = &'static Profile> {
        let pairs = [(self.cloudevents, &cloudevents::PROFILE), (self.nl_gov, &nl_gov::PROFILE)];
        pairs.into_iter().filter(|(is_on, _)| *is_on).map(|(_, profile)| profile)
    }

    /// What in a contract does not keep to them.
    pub fn findings(self, subject: &Subject<'_>) -> Vec<Finding> {
        let found = |profile: &'static Profile| {
            profile.rules.iter().filter_map(move |rule| {
                let what = rule.held.of_contract()?(subject)?;
                Some(Finding { profile, rule, what })
            })
        };
        self.on().flat_map(found).collect()
    }

    /// What each event is held against, beyond what is read anyway.
    pub fn of_events(self) -> Vec<EventRule> {
        let asked = |profile: &'static Profile| {
            let checks = profile.rules.iter().filter_map(|rule| Some((rule, rule.held.of_event()?)));
            checks.map(move |(rule, check)| EventRule { profile, rule, check })
        };
        self.on().flat_map(asked).collect()
    }
}
