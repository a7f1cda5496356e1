//! Schemas as a registry knows them: what each number stands for, and which stand under which subject.
//!
//! A "subject" is the registry's word for a series of versions (nobody's person). `<topic>-value` is the series of a
//! topic's contract and lives with the topic; every other subject is a free one and lives here: keys, and types that
//! schemas of topics refer to.

use std::collections::BTreeMap;
use std::sync::Arc;

use contract::schemas::Compatibility;
use contract::{AgencyName, ContractVersion, Definition, Format, TopicName};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::notices::is_own;

/// Where a subject of a topic's contract ends (Confluent's TopicNameStrategy).
const VALUE_SUFFIX: &str = "-value";

/// Most numbers that are given: an id has 20 bits for it.
pub const NUMBERS_MAX: u32 = (1 << 20) - 1;

/// A schema as it was registered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Schema {
    /// Its language.
    pub format: Format,
    /// Its text.
    pub text: String,
    /// The schemas that it refers to.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub references: Vec<Reference>,
    /// Tags of fields, properties, names of the sensitive ones; kept as given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub metadata: Option<Value>,
    /// Rules for clients; kept as given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rule_set: Option<Value>,
}

impl Schema {
    /// The schema of a contract that did not come by way of the registry.
    pub fn of(definition: &Definition) -> Self {
        let (format, text) = (definition.format, definition.schema.clone());
        Self { format, text, references: Vec::new(), metadata: None, rule_set: None }
    }
}

/// That a schema refers to another.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reference {
    /// The name that it uses for it: a type, a file, a `$ref`.
    pub name: String,
    /// Where it is registered.
    pub subject: String,
    /// As which version.
    pub version: u32,
}

/// Whether a subject takes schemas.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Mode {
    /// It does.
    #[default]
    ReadWrite,
    /// It does not.
    ReadOnly,
}

/// What is set for a subject, or for all.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Settings {
    /// How its versions relate.
    pub compatibility: Option<Compatibility>,
    /// Whether it takes schemas.
    pub mode: Option<Mode>,
}

/// One version of a free subject.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FreeVersion {
    /// What its id stands for.
    pub number: u32,
    /// The schema.
    pub schema: Arc<Schema>,
    /// Whether it was deleted softly: its id is still known, its name is not.
    pub deleted: bool,
}

/// A subject that is no topic's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FreeSubject {
    /// The agency whose steward registered its first schema; only its stewards change it.
    pub agency: AgencyName,
    /// Its versions.
    pub versions: BTreeMap<u32, FreeVersion>,
    /// The number of its newest version ever: none is given twice.
    pub newest: u32,
}

/// Where a numbered schema stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Home {
    /// A contract's version.
    Contract(TopicName, ContractVersion),
    /// A free subject; the same text under another one has the same number.
    Free,
}

/// All schemas.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Schemas {
    numbered: Vec<(Arc<Schema>, Home)>,
    /// Those of the bus's own topics. Their numbers count down from the last, so that everybody else's begin with 1.
    own: Vec<(Arc<Schema>, Home)>,
    free: BTreeMap<String, FreeSubject>,
    settings: BTreeMap<String, Settings>,
    defaults: Settings,
}

impl Schemas {
    /// The schema of a number, from 1.
    pub fn numbered(&self, number: u32) -> Option<(&Arc<Schema>, &Home)> {
        let at = |place: Option<u32>| place.and_then(|place| usize::try_from(place).ok());
        let common = at(number.checked_sub(1)).and_then(|at| self.numbered.get(at));
        let own = || at(NUMBERS_MAX.checked_sub(number)).and_then(|at| self.own.get(at));
        common.or_else(own).map(|(schema, home)| (schema, home))
    }

    /// How many numbers were given, from 1 on.
    pub fn count(&self) -> u32 {
        self.numbered.len() as u32
    }

    /// Those of the bus's own topics, each with its number.
    pub fn own(&self) -> impl Iterator<Item = (u32, &Arc<Schema>)> {
        (0..=NUMBERS_MAX).rev().zip(self.own.iter().map(|(schema, _)| schema))
    }

    /// Whether there is no number left.
    pub fn is_full(&self) -> bool {
        self.numbered.len() + self.own.len() >= NUMBERS_MAX as usize
    }

    /// The free subject of that name, deleted or not.
    pub fn free(&self, subject: &str) -> Option<&FreeSubject> {
        self.free.get(subject)
    }

    /// The free subjects, by name.
    pub fn all_free(&self) -> impl Iterator<Item = (&String, &FreeSubject)> {
        self.free.iter()
    }

    /// What is set for this subject alone.
    pub fn settings(&self, subject: &str) -> Settings {
        self.settings.get(subject).copied().unwrap_or_default()
    }

    /// What is set for all.
    pub fn defaults(&self) -> Settings {
        self.defaults
    }

    /// The number that a schema gets: a contract's its own, a free one that of the same text.
    pub(super) fn number(&mut self, schema: &Arc<Schema>, home: Home) -> u32 {
        if matches!(&home, Home::Contract(topic, _) if is_own(topic)) {
            self.own.push((schema.clone(), home));
            return NUMBERS_MAX + 1 - self.own.len() as u32;
        }
        let same = |(known, at): &(Arc<Schema>, Home)| *at == Home::Free && known == schema;
        let known = match home {
            Home::Free => self.numbered.iter().position(same),
            Home::Contract(..) => None,
        };
        let index = known.unwrap_or_else(|| {
            self.numbered.push((schema.clone(), home));
            self.numbered.len() - 1
        });
        index as u32 + 1
    }

    pub(super) fn register(
        &mut self,
        subject: &str,
        agency: &AgencyName,
        version: u32,
        schema: &Arc<Schema>,
    ) {
        let number = self.number(schema, Home::Free);
        let fresh = || FreeSubject { agency: agency.clone(), versions: BTreeMap::new(), newest: 0 };
        let series = self.free.entry(subject.to_owned()).or_insert_with(fresh);
        series.newest = series.newest.max(version);
        series.versions.insert(version, FreeVersion { number, schema: schema.clone(), deleted: false });
    }

    pub(super) fn give(&mut self, subject: &str, agency: &AgencyName) {
        if let Some(series) = self.free.get_mut(subject) {
            series.agency.clone_from(agency);
        }
    }

    pub(super) fn delete(&mut self, subject: &str, version: u32, permanently: bool) {
        let Some(series) = self.free.get_mut(subject) else { return };
        if permanently {
            series.versions.remove(&version);
        } else if let Some(found) = series.versions.get_mut(&version) {
            found.deleted = true;
        }
    }

    pub(super) fn set(&mut self, subject: Option<&String>, change: impl FnOnce(&mut Settings)) {
        match subject {
            None => change(&mut self.defaults),
            Some(subject) => change(self.settings.entry(subject.clone()).or_default()),
        }
    }
}

/// The topic whose contract a subject's schemas are the values of, by the form of its name.
pub fn topic_of(subject: &str) -> Option<TopicName> {
    subject.strip_suffix(VALUE_SUFFIX).and_then(|topic| TopicName::parse(topic).ok())
}

/// The subject of a topic's contract.
pub fn subject_of(topic: &TopicName) -> String {
    format!("{topic}{VALUE_SUFFIX}")
}
