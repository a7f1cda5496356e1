//! What governance asks of the bus when it decides: what contracts and schemas say, and what is stored.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use contract::compile::{compile, compile_with};
use contract::schemas::{self, Compatibility, SchemaFault, Source};
use contract::{Class, ClassSet, Definition, Effect, Pointer, Rehearsal, TopicName, Weight, impact};
use governance::quarantine::Waiting;
use governance::state::Person;
use governance::{ContractCheck, Quarantined, ReadSchema};

use crate::core::Core;
use crate::{erasures, quarantine, rehearse};

/// Governance asks whether a definition is a contract; the compiler answers, and tries migrations on what is stored.
pub(crate) struct Compiler<'c>(pub &'c Core);

impl ContractCheck for Compiler<'_> {
    fn faults(&self, definition: &Definition, extra: &[Class]) -> Vec<String> {
        compile_with(definition, extra).err().unwrap_or_default().iter().map(ToString::to_string).collect()
    }

    fn smells(&self, definition: &Definition) -> BTreeMap<Pointer, &'static str> {
        compile(definition).map(|contract| contract.smells()).unwrap_or_default()
    }

    fn effects(&self, old: &Definition, new: &Definition) -> Vec<Effect> {
        match (compile(old), compile(new)) {
            (Ok(old), Ok(new)) => impact(&old, &new),
            _ => vec![Effect::on_all(Weight::Breaking, "the versions cannot be compared")],
        }
    }

    fn rehearse(
        &self,
        way: &[Arc<Definition>],
        new: &Definition,
        clearances: &BTreeSet<ClassSet>,
    ) -> Result<Rehearsal, Vec<String>> {
        self.0.trials.begin(&new.topic, self.0.clock.now_ms())?;
        let rehearsal = rehearse::rehearse(self.0, way, new, clearances)?;
        self.0.trials.spent(&new.topic, self.0.clock.now_ms());
        Ok(rehearsal)
    }

    fn read(&self, source: &Source, normalize: bool) -> Result<ReadSchema, String> {
        let said = |fault: SchemaFault| fault.to_string();
        let text = if normalize { schemas::normalized(source) } else { schemas::canonical(source) };
        let source = Source { text: text.map_err(said)?, ..source.clone() };
        let standalone = schemas::standalone(&source).map_err(said)?;
        let places = schemas::places(source.format, &standalone);
        let tags = schemas::tags(&source).map_err(said)?;
        Ok(ReadSchema { text: source.text, standalone, places, tags })
    }

    /// Without the layout, the tags and whatever else [`read`](Self::read) says: every topic is asked for them at once
    /// where new policies are weighed.
    fn places(&self, definition: &Definition) -> BTreeSet<Pointer> {
        schemas::places(definition.format, &definition.schema)
    }

    fn quarantined(&self, topic: &TopicName, partition: u32, offset: u64) -> Option<Quarantined> {
        quarantine::standing(self.0, &(topic.clone(), partition, offset))
    }

    fn waiting(&self, topic: &TopicName) -> Waiting {
        self.0.quarantine.waiting(topic)
    }

    fn events_about(&self, person: &Person) -> Result<BTreeMap<TopicName, u64>, String> {
        erasures::topics_about(self.0, person).map_err(|refusal| refusal.text)
    }

    fn incompatibilities(&self, mode: Compatibility, new: &Source, earlier: &[Source]) -> Vec<String> {
        match schemas::compatibility::check(mode, new, earlier) {
            Ok(faults) => faults.into_iter().map(|(_, fault)| fault.to_string()).collect(),
            Err(fault) => vec![fault.to_string()],
        }
    }
}
