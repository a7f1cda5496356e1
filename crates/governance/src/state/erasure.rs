//! A person's erasure, and the holds that stand in its way.
//!
//! A person is known here by what agencies call them outside the seal, never by the identifier that events carry.

use std::collections::{BTreeMap, BTreeSet};

use contract::{AgencyName, SubscriptionName, TopicName};
use serde::{Deserialize, Serialize};

use crate::events::By;

/// A person as one agency's keys call them.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Person {
    /// Whose keys.
    pub agency: AgencyName,
    /// 32 hex digits.
    pub pseudonym: String,
}

/// What of a person one agency's keys seal, as it was found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Found {
    /// Who.
    #[serde(flatten)]
    pub person: Person,
    /// The topics with events about them, each with when the youngest became durable, in milliseconds since 1970.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub topics: BTreeMap<TopicName, u64>,
}

/// What a subscription was handed of a person.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Handed {
    /// By which subscription.
    pub subscription: SubscriptionName,
    /// Of which topic.
    pub topic: TopicName,
    /// How many events.
    pub events: u64,
}

/// An event, by its place.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct EventAt {
    /// Its topic.
    pub topic: TopicName,
    /// Its partition.
    pub partition: u32,
    /// Its offset.
    pub offset: u64,
    /// Its `id`.
    pub id: String,
}

/// What is to be erased of a person, of one agency's keys.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    /// What was found when it was last looked up.
    pub found: Found,
    /// Why it is not erased any more.
    pub ended: Option<Stopped>,
    /// Who carried it out, and when, in milliseconds since 1970.
    pub erased: Option<(By, u64)>,
    /// When it was looked up who had been handed events about the person, in milliseconds since 1970.
    pub traced_ms: Option<u64>,
}

impl Part {
    /// Whether it is neither erased nor given up.
    pub fn is_open(&self) -> bool {
        self.ended.is_none() && self.erased.is_none()
    }
}

/// That a part is not erased, though it was asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stopped {
    /// Whether who asked took it back; else it was declined.
    pub withdrawn: bool,
    /// Why.
    pub reason: String,
    /// Who said so.
    pub by: By,
    /// When, in milliseconds since 1970.
    pub at_ms: u64,
}

/// One person's word for an erasure.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Word {
    /// For which agencies it was given as their data protection officer.
    pub speaks_for: BTreeSet<AgencyName>,
    /// Who gave it.
    pub by: By,
    /// When, in milliseconds since 1970.
    pub at_ms: u64,
}

/// An agency that was handed events about somebody who was erased.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Informed {
    /// What it was handed.
    pub handed: Vec<Handed>,
    /// Some of the events.
    pub some: Vec<EventAt>,
    /// When it was told, in milliseconds since 1970.
    pub at_ms: u64,
    /// What it says that it did.
    pub answer: Option<Response>,
}

/// What an agency says that it did with the events that it was handed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Response {
    /// The legal ground on which it keeps them; none: it deleted them.
    pub kept: Option<String>,
    /// Who says so.
    pub by: By,
    /// When, in milliseconds since 1970.
    pub at_ms: u64,
}

/// The erasure of a person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Erasure {
    /// Its name.
    pub id: String,
    /// Why, and by which law.
    pub reason: String,
    /// Who asked.
    pub asked: Word,
    /// Who else agreed.
    pub agreed: Vec<Word>,
    /// The agencies that were told that they have a word in it.
    pub asked_of: BTreeSet<AgencyName>,
    /// What is to be erased; one part for each agency whose keys seal something about the person.
    pub parts: Vec<Part>,
    /// Who was told: by the agency whose part it was, and the agency that was told.
    pub informed: BTreeMap<(AgencyName, AgencyName), Informed>,
}

impl Erasure {
    /// The part of an agency.
    pub fn part(&self, agency: &AgencyName) -> Option<&Part> {
        self.parts.iter().find(|part| part.found.person.agency == *agency)
    }

    /// Everything that an agency was told, by whose part it was.
    pub fn told<'a>(
        &'a self,
        agency: &'a AgencyName,
    ) -> impl Iterator<Item = (&'a AgencyName, &'a Informed)> {
        let told = self.informed.iter().filter(move |((_, to), _)| to == agency);
        told.map(|((part, _), informed)| (part, informed))
    }
}

/// What must not be erased or deleted for the time being.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum HoldOn {
    /// A topic with all its events, whomever they are about.
    Topic(TopicName),
    /// A person, as these agencies' keys call them.
    Person(Vec<Person>),
}

/// A legal hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hold {
    /// Its name.
    pub id: String,
    /// What it keeps.
    pub on: HoldOn,
    /// The agency that placed it.
    pub agency: AgencyName,
    /// Why.
    pub reason: String,
    /// What it rests on: a case, an order.
    pub reference: String,
    /// Who placed it.
    pub by: By,
    /// When, in milliseconds since 1970.
    pub at_ms: u64,
    /// Why it was lifted, by whom, and when.
    pub lifted: Option<(String, By, u64)>,
}

impl Hold {
    /// Whether it keeps what was found of a person.
    pub fn keeps(&self, found: &Found) -> bool {
        self.lifted.is_none()
            && match &self.on {
                HoldOn::Topic(topic) => found.topics.contains_key(topic),
                HoldOn::Person(persons) => persons.contains(&found.person),
            }
    }
}
