//! Whom an event is sealed for.

use std::sync::Arc;

use contract::Class;
use contract::check::{Checked, Span};
use contract::compile::Contract;
use seal::{PersonKey, Pseudonym};
use smallvec::SmallVec;

use crate::Refusal;
use crate::core::Core;
use crate::keyring::{ForSealing, Opened};
use crate::lanes::NewKeys;
use crate::limits::TOPIC_KEY_ERA_MS;
use crate::topics::Topic;

/// The people that an event is about, each with a pseudonym and a key; after them, where the contract has internal
/// fields, the topic itself.
pub struct People {
    /// The sealing agency's keys.
    pub keys: Arc<Opened>,
    /// Everybody that something is sealed under: people, then the topic.
    pub sealed_under: SmallVec<[(Pseudonym, PersonKey); 2]>,
    /// How many of them are people.
    pub persons: usize,
    /// The keys that are not durable yet.
    pub new_keys: NewKeys,
}

impl People {
    /// Finds or makes the keys of those whom a checked event is about.
    pub fn find(core: &Core, topic: &Topic, contract: &Contract, checked: &Checked) -> Result<Self, Refusal> {
        let keys = core.keyring.agency(&topic.sealed_by)?;
        // With room for all: what grows leaves copies of keys behind.
        let mut people = People {
            sealed_under: SmallVec::new(),
            persons: checked.subjects.len(),
            new_keys: NewKeys::new(),
            keys,
        };
        for subject in &checked.subjects {
            people.add(core.keyring.person_for_sealing(&topic.sealed_by, &people.keys, subject)?);
        }
        let extensions = &contract.definition().extensions;
        if contract.classes().contains(&Class::Internal)
            || extensions.values().any(|class| *class == Class::Internal)
        {
            let era = u32::try_from(core.clock.now_ms() / TOPIC_KEY_ERA_MS).unwrap_or(u32::MAX);
            let of_topic = (&topic.name, era);
            people.add(core.keyring.topic_for_sealing(&topic.sealed_by, &people.keys, of_topic)?);
        }
        Ok(people)
    }

    fn add(&mut self, found: ForSealing) {
        self.sealed_under.push((found.pseudonym, found.key));
        self.new_keys.extend(found.new);
    }

    /// The people, without the topic.
    pub fn persons(&self) -> &[(Pseudonym, PersonKey)] {
        &self.sealed_under[..self.persons]
    }

    /// A digest of the content that dies with the first person's key; without persons, keyed by the agency. Not by the
    /// topic's key, which changes with its era: the same event must have the same digest at any time.
    pub fn digest(&self, parts: &[&[u8]]) -> [u8; 16] {
        match self.persons().first() {
            Some((_, key)) => key.content_digest(parts),
            None => self.keys.content_digest(parts),
        }
    }

    /// Whose a span is: its place in what is sealed under.
    pub fn index_of(&self, span: &Span) -> u16 {
        if span.subject == Span::TOPIC { self.persons as u16 } else { span.subject }
    }
}
