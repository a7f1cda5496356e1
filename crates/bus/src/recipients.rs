//! For whom a producer seals what a topic's contract wants sealed end to end: one answer with all that it needs.

use contract::{AgencyName, Class, ContractVersion, Format, Pointer, TopicName};
use governance::{rights, sealing_keys};

use crate::api::Caller;
use crate::authorise::unknown_topic;
use crate::{Bus, Refusal};

/// What a version of the contract wants sealed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sealing {
    /// The version.
    pub version: ContractVersion,
    /// What its documents are: in a binary one the fields' values stand where its schema says.
    pub format: Format,
    /// Its fields that are, each with its class.
    pub fields: Vec<(Pointer, Class)>,
    /// Its other fields: where a `*` of the first would reach into one of these, it does not.
    pub others: Vec<Pointer>,
}

/// Who reads a class.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Readers {
    /// The class.
    pub class: Class,
    /// The agencies that may read it now, each with its keys in use: id and text. One without a key cannot be sealed for.
    pub agencies: Vec<(AgencyName, Vec<(String, String)>)>,
}

/// For whom to seal what.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recipients {
    /// The topic.
    pub topic: TopicName,
    /// The version that an event follows that names none.
    pub newest: Option<ContractVersion>,
    /// The versions that take events.
    pub versions: Vec<Sealing>,
    /// The classes that any of them wants sealed.
    pub readers: Vec<Readers>,
}

impl Bus {
    /// For whom events of a topic are sealed end to end: for the topic's owner, whose producers seal, and those who
    /// oversee.
    pub fn recipients(&self, caller: &Caller, name: &TopicName) -> Result<Recipients, Refusal> {
        let state = self.state(caller)?;
        let topic = state.topic(name).ok_or_else(|| unknown_topic(name))?;
        rights::may_read_metadata(&self.now(caller), &[&topic.owner])?;
        let now_ms = self.core.clock.now_ms();
        let versions: Vec<Sealing> =
            topic.versions_taking_events(now_ms).map(|version| sealing(&version.definition)).collect();
        let mut classes: Vec<&Class> =
            versions.iter().flat_map(|version| version.fields.iter().map(|(_, class)| class)).collect();
        classes.sort();
        classes.dedup();
        let readers = classes.into_iter().map(|class| {
            let found = sealing_keys::recipients(&state, name, class, now_ms);
            let agency = |one: &sealing_keys::Recipient<'_>| {
                let key = |(id, key): &(&str, &sealing_keys::SealingKey)| {
                    ((*id).to_owned(), key.public_key.clone())
                };
                (one.agency.clone(), one.keys.iter().map(key).collect())
            };
            Readers { class: class.clone(), agencies: found.iter().map(agency).collect() }
        });
        let readers = readers.collect();
        let newest = topic.newest_active().map(governance::Version::number);
        Ok(Recipients { topic: name.clone(), newest, versions, readers })
    }
}

fn sealing(definition: &contract::Definition) -> Sealing {
    let classes = definition.classify.iter();
    let (sealed, others): (Vec<_>, Vec<_>) =
        classes.partition(|(_, rule)| definition.end_to_end.contains(&rule.class));
    Sealing {
        version: definition.version,
        format: definition.format,
        fields: sealed.into_iter().map(|(at, rule)| (at.clone(), rule.class.clone())).collect(),
        others: others.into_iter().map(|(at, _)| at.clone()).collect(),
    }
}
