//! The registry's view of the state: the versions under a subject, whether a topic's or a free one.

use std::collections::BTreeMap;
use std::sync::Arc;

use contract::TopicName;
use contract::schemas::{Compatibility, Source};

use super::schemas::{Mode, Reference, Schema, Settings, subject_of, topic_of};
use super::{State, Status, Topic};

/// How deep references may lead.
const REFERENCES_DEEP: usize = 32;

/// One version under a subject.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    /// Its version.
    pub version: u32,
    /// What its id stands for.
    pub number: u32,
    /// The schema.
    pub schema: Arc<Schema>,
    /// Whether it is only listed for those who ask for what is deleted: a contract's version that is retired.
    pub deleted: bool,
    /// Whether it can be the latest: a contract's version that is only proposed cannot, nobody may use it yet.
    pub in_force: bool,
}

impl State {
    /// The topic of a subject, where it is the subject of one.
    pub fn topic_of_subject(&self, subject: &str) -> Option<&Topic> {
        self.topic(&topic_of(subject)?)
    }

    /// Every subject, by name.
    pub fn schema_subjects(&self) -> Vec<String> {
        let topics = self.topics().map(|topic| subject_of(&topic.name));
        let mut all: Vec<String> =
            topics.chain(self.schemas().all_free().map(|(name, _)| name.clone())).collect();
        all.sort();
        all
    }

    /// All versions under a subject, deleted ones too, oldest first; empty where there is no such subject.
    pub fn listed(&self, subject: &str) -> Vec<Listed> {
        match self.topic_of_subject(subject) {
            Some(topic) => contract_versions(topic),
            None => self.free_versions(subject),
        }
    }

    fn free_versions(&self, subject: &str) -> Vec<Listed> {
        let versions = self.schemas().free(subject).into_iter().flat_map(|series| &series.versions);
        let listed = versions.map(|(version, found)| Listed {
            version: *version,
            number: found.number,
            schema: found.schema.clone(),
            deleted: found.deleted,
            in_force: !found.deleted,
        });
        listed.collect()
    }

    /// The schema with the texts of all that it refers to. The error names the reference that leads nowhere.
    pub fn source_of(&self, schema: &Schema) -> Result<Source, String> {
        let mut references = BTreeMap::new();
        self.collect(&schema.references, &mut references, 0)?;
        Ok(Source { format: schema.format, text: schema.text.clone(), references })
    }

    fn collect(
        &self,
        references: &[Reference],
        into: &mut BTreeMap<String, String>,
        depth: usize,
    ) -> Result<(), String> {
        if depth > REFERENCES_DEEP {
            return Err(format!("references lead more than {REFERENCES_DEEP} deep"));
        }
        for Reference { name, subject, version } in references {
            let found = self.listed(subject).into_iter().find(|listed| listed.version == *version);
            let found = found.filter(|found| !found.deleted).ok_or_else(|| {
                format!("No schema reference found for subject \"{subject}\" and version {version}")
            })?;
            into.insert(name.clone(), found.schema.text.clone());
            self.collect(&found.schema.references, into, depth + 1)?;
        }
        Ok(())
    }

    /// The versions that refer to one, as subject and number; deleted ones do not count.
    pub fn referrers(&self, subject: &str, version: u32) -> Vec<(String, Listed)> {
        let refers = |listed: &Listed| {
            let mut references = listed.schema.references.iter();
            !listed.deleted && references.any(|it| it.subject == subject && it.version == version)
        };
        let all = self.schema_subjects().into_iter();
        all.flat_map(|name| self.listed(&name).into_iter().map(move |listed| (name.clone(), listed)))
            .filter(|(_, listed)| refers(listed))
            .collect()
    }

    /// How the versions of a subject relate: what is set for it, else what its topic's contract says, else what is set
    /// for all.
    pub fn compatibility_of(&self, subject: &str) -> Compatibility {
        let own = self.schemas().settings(subject).compatibility;
        own.or_else(|| self.topic_of_subject(subject).and_then(compatibility_of_contract))
            .unwrap_or_else(|| self.compatibility())
    }

    /// What a subject alone says of it: its setting, or its topic's contract.
    pub fn own_compatibility_of(&self, subject: &str) -> Option<Compatibility> {
        let own = self.schemas().settings(subject).compatibility;
        own.or_else(|| self.topic_of_subject(subject).and_then(compatibility_of_contract))
    }

    /// How versions relate where nothing else is said.
    pub fn compatibility(&self) -> Compatibility {
        self.schemas().defaults().compatibility.unwrap_or(Compatibility::Backward)
    }

    /// Whether a subject takes schemas.
    pub fn mode_of(&self, subject: &str) -> Mode {
        let Settings { mode, .. } = self.schemas().settings(subject);
        mode.or(self.schemas().defaults().mode).unwrap_or_default()
    }

    /// The version of a topic's contract that a schema's number stands for.
    pub fn version_numbered(&self, topic: &TopicName, number: u32) -> Option<contract::ContractVersion> {
        let versions = &self.topic(topic)?.versions;
        versions.values().find(|version| version.number == number).map(super::Version::number)
    }
}

fn compatibility_of_contract(topic: &Topic) -> Option<Compatibility> {
    topic.newest()?.definition.compatibility.parse().ok()
}

fn contract_versions(topic: &Topic) -> Vec<Listed> {
    let versions = topic.versions.values().map(|version| Listed {
        version: version.number().0,
        number: version.number,
        schema: version.schema.clone(),
        deleted: version.status == Status::Retired,
        in_force: matches!(version.status, Status::Active | Status::Deprecated),
    });
    versions.collect()
}
