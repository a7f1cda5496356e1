//! The registry's verbs. Reading is looking into the state; registering is a decision like every other.

use std::collections::HashMap;
use std::sync::Arc;

use contract::schemas::{self, Compatibility, Source};
use contract::{ContractVersion, Format, TopicName};
use governance::state::schemas::{Home, subject_of};
use governance::{Command, Listed, Schema, State};
use uuid::Uuid;

use crate::api::Caller;
use crate::core::Core;
use crate::govern::Compiler;
use crate::schema_ids::{Framing, SchemaId};
use crate::{Bus, Refusal, RefusalKind};

/// A schema as it stands under a subject.
#[derive(Debug, Clone)]
pub struct Registered {
    /// The subject.
    pub subject: String,
    /// Its version there.
    pub version: u32,
    /// Its id.
    pub id: SchemaId,
    /// Its GUID.
    pub guid: Uuid,
    /// What it says.
    pub schema: Arc<Schema>,
    /// Whether it is deleted, or as a contract's version retired.
    pub deleted: bool,
}

/// Which version of a subject.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Which {
    /// The newest that may be used: a version that is only proposed is not it.
    Latest,
    /// This one.
    Version(u32),
}

/// GUIDs already worked out; numbers only ever grow.
#[derive(Debug, Default)]
pub(crate) struct Guids {
    known: HashMap<Uuid, u32>,
    upto: u32,
}

impl Bus {
    /// Registers a schema, or finds that it stands there.
    pub async fn register_schema(
        &self,
        caller: &Caller,
        subject: &str,
        schema: Schema,
        normalize: bool,
    ) -> Result<Registered, Refusal> {
        let (subject, schema) = (subject.to_owned(), Arc::new(schema));
        let command = Command::RegisterSchema { subject: subject.clone(), schema: schema.clone(), normalize };
        self.govern(caller, command).await?;
        self.find_schema(caller, &subject, &schema, normalize, false)
    }

    /// The version under which a schema stands: the newest that may be used, else the newest.
    pub fn find_schema(
        &self,
        caller: &Caller,
        subject: &str,
        schema: &Schema,
        normalize: bool,
        deleted: bool,
    ) -> Result<Registered, Refusal> {
        let state = self.state(caller)?;
        let listed = self.schema_versions(caller, subject, deleted)?;
        let text = read(&state, schema, normalize)?;
        let stands = |known: &&Registered| {
            known.schema.format == schema.format
                && known.schema.references == schema.references
                && (known.schema.text == text
                    || read(&state, &known.schema, normalize).is_ok_and(|it| it == text))
        };
        let in_force: Vec<u32> =
            state.listed(subject).iter().filter(|it| it.in_force).map(|it| it.version).collect();
        // With what was said beside the text, if anything was; then what may be used; then what is newest.
        let beside = |it: &Registered| {
            (schema.metadata.is_none() || it.schema.metadata == schema.metadata)
                && (schema.rule_set.is_none() || it.schema.rule_set == schema.rule_set)
        };
        let rank = |it: &&Registered| (beside(it), in_force.contains(&it.version), it.version);
        let found = listed.iter().filter(stands).max_by_key(rank);
        found.cloned().ok_or_else(|| {
            coded(RefusalKind::Unknown, "unknown-schema", format!("Schema not found under subject {subject}"))
        })
    }

    /// The names of the subjects that begin with `prefix`: those with a version, or with `deleted`, all that ever had.
    pub fn schema_subjects(
        &self,
        caller: &Caller,
        prefix: &str,
        deleted: bool,
    ) -> Result<Vec<String>, Refusal> {
        let state = self.state(caller)?;
        let shown = |name: &String| state.listed(name).iter().any(|listed| deleted || !listed.deleted);
        Ok(state
            .schema_subjects()
            .into_iter()
            .filter(|name| name.starts_with(prefix) && shown(name))
            .collect())
    }

    /// The versions under a subject, oldest first.
    pub fn schema_versions(
        &self,
        caller: &Caller,
        subject: &str,
        deleted: bool,
    ) -> Result<Vec<Registered>, Refusal> {
        let listed = self.state(caller)?.listed(subject).into_iter();
        let shown: Vec<Registered> =
            listed.filter(|it| deleted || !it.deleted).map(|it| registered(subject, it)).collect();
        if shown.is_empty() {
            let text = format!("Subject '{subject}' not found.");
            return Err(coded(RefusalKind::Unknown, "unknown-subject", text)
                .hint("GET /subjects lists those there are; NAME-value is the contract of topic NAME"));
        }
        Ok(shown)
    }

    /// One version under a subject.
    pub fn schema_version(
        &self,
        caller: &Caller,
        subject: &str,
        which: Which,
        deleted: bool,
    ) -> Result<Registered, Refusal> {
        let versions = self.schema_versions(caller, subject, deleted)?;
        let found = match which {
            Which::Version(wanted) => versions.into_iter().find(|it| it.version == wanted),
            Which::Latest => {
                let listed = self.state(caller)?.listed(subject);
                let latest = listed.iter().rev().find(|it| it.in_force).map(|it| it.version);
                versions.into_iter().rev().find(|it| latest.is_none_or(|latest| it.version == latest))
            }
        };
        found.ok_or_else(|| {
            let wanted = match which {
                Which::Version(number) => number.to_string(),
                Which::Latest => "latest".to_owned(),
            };
            coded(RefusalKind::Unknown, "unknown-version", format!("Version {wanted} not found."))
        })
    }

    /// What an id stands for; of a contract, what is left after redaction.
    pub fn schema_of_id(&self, caller: &Caller, id: SchemaId) -> Result<Arc<Schema>, Refusal> {
        let state = self.state(caller)?;
        let unknown = || coded(RefusalKind::Unknown, "unknown-id", format!("Schema {} not found", id.0));
        let (schema, home) = state.schemas().numbered(id.number()).ok_or_else(unknown)?;
        if id.is_whole() {
            return Ok(schema.clone());
        }
        let Home::Contract(topic, version) = home else { return Err(unknown()) };
        if state.version_numbered(topic, id.number()) != Some(*version) {
            return Err(unknown());
        }
        let contract = self.core.topics.get(topic)?.contract(*version)?;
        let cleared = id.clearance(&contract).ok_or_else(unknown)?;
        let text = contract.redacted_schema(&cleared);
        Ok(Arc::new(Schema { format: schema.format, text, ..Schema::of(contract.definition()) }))
    }

    /// The GUID of an id.
    pub fn schema_guid(&self, caller: &Caller, id: SchemaId) -> Result<Uuid, Refusal> {
        // It is made of what the whole schema says.
        Ok(id.guid(&*self.schema_of_id(caller, SchemaId::whole(id.number()))?))
    }

    /// The id of a GUID.
    pub fn schema_id_of_guid(&self, _: &Caller, guid: Uuid) -> Result<SchemaId, Refusal> {
        self.core
            .schema_id(Framing::Guid(guid))
            .ok_or_else(|| coded(RefusalKind::Unknown, "unknown-id", format!("Schema {guid} not found")))
    }

    /// The subjects and versions that an id's schema stands under.
    pub fn schema_uses(
        &self,
        caller: &Caller,
        id: SchemaId,
        deleted: bool,
    ) -> Result<Vec<Registered>, Refusal> {
        let state = self.state(caller)?;
        self.schema_of_id(caller, id)?;
        let mut uses = Vec::new();
        for subject in state.schema_subjects() {
            let listed = state.listed(&subject).into_iter();
            let used = listed.filter(|it| it.number == id.number() && (deleted || !it.deleted));
            uses.extend(used.map(|it| registered(&subject, it)));
        }
        Ok(uses)
    }

    /// The ids of the schemas that refer to a version.
    pub fn schema_referrers(
        &self,
        caller: &Caller,
        subject: &str,
        version: u32,
    ) -> Result<Vec<SchemaId>, Refusal> {
        let referrers = self.state(caller)?.referrers(subject, version);
        Ok(referrers.into_iter().map(|(_, listed)| SchemaId::whole(listed.number)).collect())
    }

    /// Why a schema could not come next under a subject; empty where it could. Against one version, or against those
    /// that the subject's compatibility asks for.
    pub fn schema_faults(
        &self,
        caller: &Caller,
        subject: &str,
        schema: &Schema,
        against: Option<Which>,
    ) -> Result<Vec<String>, Refusal> {
        let state = self.state(caller)?;
        let new = source(&state, schema)?;
        let mode = state.compatibility_of(subject);
        let (mode, earlier) = match against {
            Some(which) => (single(mode), vec![self.schema_version(caller, subject, which, false)?.schema]),
            None => {
                let in_force = state.listed(subject).into_iter().filter(|it| it.in_force);
                (mode, in_force.map(|it| it.schema).collect())
            }
        };
        let earlier: Vec<Source> = earlier.iter().filter_map(|it| source(&state, it).ok()).collect();
        Ok(governance::ContractCheck::incompatibilities(&Compiler(&self.core), mode, &new, &earlier))
    }

    /// The schema in the layouts that clients of Protobuf ask for (`serialized`); else the text.
    pub fn schema_text(&self, caller: &Caller, schema: &Schema, serialized: bool) -> Result<String, Refusal> {
        if !serialized {
            return Ok(schema.text.clone());
        }
        let source = source(&*self.state(caller)?, schema)?;
        let text = schemas::serialized(&source).map_err(|fault| invalid(fault.to_string()))?;
        Ok(text.unwrap_or(source.text))
    }

    /// The language of the schema that a framing names, where it is one of the topic's contract.
    pub fn format_of(&self, topic: &TopicName, framing: Framing) -> Option<Format> {
        let version = self.core.version_of(topic, framing).ok()??;
        Some(self.core.state().topic(topic)?.versions.get(&version)?.definition.format)
    }
}

impl Core {
    /// The id that a framing names, if its schema is known.
    fn schema_id(&self, framing: Framing) -> Option<SchemaId> {
        match framing {
            Framing::Id(id) => Some(id),
            Framing::Guid(guid) => {
                let (whole, left_out) = SchemaId::split(guid);
                let number = self.guids.lock().number(whole, &self.state())?;
                Some(SchemaId(number | left_out))
            }
        }
    }

    /// The version of the topic's contract whose schema a framing names. What is left after redaction is not published
    /// again.
    pub(crate) fn version_of(
        &self,
        topic: &TopicName,
        framing: Framing,
    ) -> Result<Option<ContractVersion>, Refusal> {
        let Some(id) = self.schema_id(framing) else { return Ok(None) };
        if id.is_whole() {
            return Ok(self.state().version_numbered(topic, id.number()));
        }
        let text = format!("topic {topic}: schema {} is the one of redacted events", id.0);
        Err(Refusal::new(RefusalKind::Contract, text)
            .hint(format!("serialize with a version of subject {}", subject_of(topic))))
    }
}

impl Guids {
    fn number(&mut self, whole: Uuid, state: &State) -> Option<u32> {
        let Guids { known, upto } = self;
        for number in *upto + 1..=state.schemas().count() {
            if let Some((schema, _)) = state.schemas().numbered(number) {
                known.insert(SchemaId::whole(number).guid(schema), number);
            }
        }
        *upto = (*upto).max(state.schemas().count());
        let mut own =
            state.schemas().own().map(|(number, schema)| (SchemaId::whole(number).guid(schema), number));
        let own = || own.find(|(guid, _)| *guid == whole).map(|(_, number)| number);
        known.get(&whole).copied().or_else(own)
    }
}

/// Against one version, transitivity says nothing.
fn single(mode: Compatibility) -> Compatibility {
    match mode {
        Compatibility::BackwardTransitive => Compatibility::Backward,
        Compatibility::ForwardTransitive => Compatibility::Forward,
        Compatibility::FullTransitive => Compatibility::Full,
        other => other,
    }
}

fn registered(subject: &str, listed: Listed) -> Registered {
    let id = SchemaId::whole(listed.number);
    let guid = id.guid(&listed.schema);
    let Listed { version, schema, deleted, .. } = listed;
    Registered { subject: subject.to_owned(), version, id, guid, schema, deleted }
}

fn source(state: &State, schema: &Schema) -> Result<Source, Refusal> {
    state.source_of(schema).map_err(invalid)
}

/// A schema's text in the layout in which texts are compared.
fn read(state: &State, schema: &Schema, normalize: bool) -> Result<String, Refusal> {
    let source = source(state, schema)?;
    let text = if normalize { schemas::normalized(&source) } else { schemas::canonical(&source) };
    text.map_err(|fault| invalid(fault.to_string()))
}

fn invalid(text: String) -> Refusal {
    coded(RefusalKind::Contract, "invalid-schema", text)
}

fn coded(kind: RefusalKind, code: &'static str, text: String) -> Refusal {
    Refusal { code: Some(code), ..Refusal::new(kind, text) }
}
