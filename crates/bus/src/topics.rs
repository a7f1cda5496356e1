//! The topics as the hot path needs them: streams, compiled contracts, counters. A view of governance, made anew for
//! each topic that a decision touches.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, OnceLock};

use contract::compile::{Contract, compile_with};
use contract::{AgencyName, Class, ContractVersion, Definition, PrincipalName, TopicName};
use governance::{Latency, State};
use journal::{Journal, JournalError, StreamId, StreamSpec};
use parking_lot::RwLock;

use crate::lanes::Lane;
use crate::limits::IDENTITY_WINDOW_MAX_S;
use crate::metrics::{Metrics, TopicMetrics};
use crate::{Refusal, RefusalKind};

/// One topic, ready to publish to and to deliver from.
pub struct Topic {
    /// Its name.
    pub name: TopicName,
    /// The agency that owns it.
    pub owner: AgencyName,
    /// Who answers for it.
    pub steward: PrincipalName,
    /// The lane of its latency class.
    pub lane: Lane,
    /// One stream per partition.
    pub partitions: Vec<StreamId>,
    /// Where the persons' keys of its owner go in this lane.
    pub keys: StreamId,
    /// Prefixes that `source` may have; none: any.
    pub sources: Arc<[String]>,
    /// How long identities are remembered.
    pub window_ms: u64,
    /// How long events are kept.
    pub retention_ms: u64,
    /// Its counters.
    pub metrics: TopicMetrics,
    newest: Option<ContractVersion>,
    versions: BTreeMap<ContractVersion, Arc<Version>>,
}

/// One contract version; compiled when it is first needed.
struct Version {
    definition: Arc<Definition>,
    active: bool,
    extra: Arc<[Class]>,
    compiled: OnceLock<Option<Arc<Contract>>>,
}

impl Topic {
    /// The contract that a published event is checked against.
    pub fn active(&self, version: Option<ContractVersion>) -> Result<Arc<Contract>, Refusal> {
        let wanted = version.or(self.newest);
        let found = wanted.and_then(|version| self.versions.get(&version).map(|found| (version, found)));
        match found {
            Some((version, found)) if found.active => self.compiled(version, found),
            _ => {
                let active: Vec<String> =
                    self.versions.iter().filter(|(_, v)| v.active).map(|(v, _)| v.to_string()).collect();
                let asked = wanted.map_or_else(|| "any version".to_owned(), |version| version.to_string());
                let text = format!("contract {} {asked}: this version is not active", self.name);
                let hint = match active.is_empty() {
                    true => format!("no version is; its steward is {}", self.steward),
                    false => format!("active: {}", active.join(", ")),
                };
                Err(Refusal::new(RefusalKind::Contract, text).hint(hint))
            }
        }
    }

    /// Any version's contract, whatever its state: what stored events were checked against.
    pub fn contract(&self, version: ContractVersion) -> Result<Arc<Contract>, Refusal> {
        let found = self.versions.get(&version).ok_or_else(|| {
            Refusal::new(RefusalKind::Unknown, format!("contract {} {version}: there is no such version", self.name))
        })?;
        self.compiled(version, found)
    }

    fn compiled(&self, version: ContractVersion, found: &Version) -> Result<Arc<Contract>, Refusal> {
        let compiled = found.compiled.get_or_init(|| compile_with(&found.definition, &found.extra).ok().map(Arc::new));
        compiled.clone().ok_or_else(|| {
            Refusal::unavailable(format!("contract {} {version} does not compile in this release", self.name))
        })
    }

    /// The newest active version.
    pub fn newest(&self) -> Option<ContractVersion> {
        self.newest
    }

    /// Which partition a stream is.
    pub fn partition_of(&self, stream: StreamId) -> Option<u32> {
        self.partitions.iter().position(|own| *own == stream).map(|index| index as u32)
    }

    /// The end of every message about its contract: who can be asked.
    pub fn answers_for_it(&self) -> String {
        format!("contract by {}, steward {}", self.owner, self.steward)
    }
}

/// All topics.
pub struct Topics {
    journal: Arc<dyn Journal>,
    metrics: Arc<Metrics>,
    by_name: RwLock<HashMap<TopicName, Arc<Topic>>>,
    by_stream: RwLock<HashMap<StreamId, Arc<Topic>>>,
}

impl Topics {
    /// No topics yet.
    pub fn new(journal: Arc<dyn Journal>, metrics: Arc<Metrics>) -> Self {
        Self { journal, metrics, by_name: RwLock::default(), by_stream: RwLock::default() }
    }

    /// The topic of this name.
    pub fn get(&self, name: &TopicName) -> Result<Arc<Topic>, Refusal> {
        self.by_name.read().get(name).cloned().ok_or_else(|| {
            Refusal::new(RefusalKind::Unknown, format!("there is no topic {name}"))
                .hint("chancery topic list shows those there are; a topic begins with its contract")
        })
    }

    /// The topic that a stream belongs to.
    pub fn of_stream(&self, stream: StreamId) -> Option<Arc<Topic>> {
        self.by_stream.read().get(&stream).cloned()
    }

    /// All topics, by name.
    pub fn all(&self) -> Vec<Arc<Topic>> {
        let mut all: Vec<_> = self.by_name.read().values().cloned().collect();
        all.sort_by(|a, b| a.name.cmp(&b.name));
        all
    }

    /// Makes the streams of new topics, in one durable step, before the decision that opens them is journaled. If we
    /// die between, the streams stand empty and the decision, made again, finds them.
    pub fn create_streams(&self, state: &State, names: &[TopicName]) -> Result<(), JournalError> {
        let specs: Vec<StreamSpec> =
            names.iter().filter_map(|name| Some((name, state.topic(name)?))).flat_map(specs).collect();
        self.journal.create(&specs).map(|_| ())
    }

    /// Takes over what governance says of some topics.
    pub fn refresh(&self, state: &State, names: &[TopicName]) -> Result<(), JournalError> {
        for name in names {
            let Some(topic) = state.topic(name) else { continue };
            let streams = self.journal.create(&specs((name, topic)))?;
            let before = self.by_name.read().get(name).cloned();
            let fresh = Arc::new(self.make(state, name, topic, &streams, before.as_deref()));
            let mut by_stream = self.by_stream.write();
            for stream in &fresh.partitions {
                by_stream.insert(*stream, fresh.clone());
            }
            self.by_name.write().insert(name.clone(), fresh);
        }
        Ok(())
    }

    fn make(
        &self,
        state: &State,
        name: &TopicName,
        topic: &governance::Topic,
        streams: &[StreamId],
        before: Option<&Topic>,
    ) -> Topic {
        let extra: Arc<[Class]> = state.limits().classes.clone().into();
        let versions = topic.versions.iter().map(|(number, version)| {
            let active = version.is_publishable();
            let kept = before.and_then(|before| before.versions.get(number));
            let compiled = kept.map(|kept| kept.compiled.clone()).unwrap_or_default();
            let version = Version { definition: version.definition.clone(), active, extra: extra.clone(), compiled };
            (*number, Arc::new(version))
        });
        let newest = topic.newest_active();
        let window_s = newest
            .and_then(|newest| topic.versions.get(&newest))
            .and_then(|version| version.definition.identity_window_s)
            .unwrap_or(topic.retention_s)
            .min(IDENTITY_WINDOW_MAX_S);
        let sources = state.agency(&topic.owner).map(|agency| agency.sources.clone()).unwrap_or_default();
        Topic {
            name: name.clone(),
            owner: topic.owner.clone(),
            steward: topic.steward.clone(),
            lane: Lane::of(topic.latency),
            partitions: streams[1..].to_vec(),
            keys: streams[0],
            sources: sources.into(),
            window_ms: window_s * 1000,
            retention_ms: topic.retention_s * 1000,
            metrics: self.metrics.topic(name),
            newest,
            versions: versions.collect(),
        }
    }
}

/// The streams of a topic: its owner's keys in its lane, then its partitions.
fn specs((name, topic): (&TopicName, &governance::Topic)) -> Vec<StreamSpec> {
    let lane = Lane::of(topic.latency);
    let keys = StreamSpec { name: keys_stream(lane, &topic.owner), lane: lane.id(), shelf: crate::streams::FOREVER };
    let shelf = u32::try_from(topic.retention_s.div_ceil(24 * 3600)).unwrap_or(crate::streams::FOREVER);
    let partitions = (0..topic.partitions)
        .map(|partition| StreamSpec { name: format!("topic/{name}/{partition}"), lane: lane.id(), shelf });
    std::iter::once(keys).chain(partitions).collect()
}

/// The name of the stream of an agency's persons' keys in a lane.
pub fn keys_stream(lane: Lane, agency: &AgencyName) -> String {
    format!("keys/{}/{agency}", lane.name())
}

