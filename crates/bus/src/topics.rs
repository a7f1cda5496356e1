//! The topics as the hot path needs them: streams, compiled contracts, counters. A view of governance, made anew for
//! each topic that a decision touches.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, OnceLock};

use contract::compile::{Contract, compile_with};
use contract::leaks;
use contract::migration::{Carrier, Lens};
use contract::profiles::EventRule;
use contract::{AgencyName, Class, ClassSet, ContractVersion, Misfit, PrincipalName, TopicName};
use governance::leaks::Answer;
use governance::{Schema, State, carrying};
use journal::{Journal, JournalError, StreamId, StreamSpec};
use parking_lot::RwLock;

use crate::deliver::Carrying;
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
    /// The agency under whose keys its events are sealed, whoever owns it now.
    pub sealed_by: AgencyName,
    /// Who answers for it.
    pub steward: PrincipalName,
    /// The lane of its latency class.
    pub lane: Lane,
    /// One stream per partition.
    pub partitions: Vec<StreamId>,
    /// Prefixes that `source` may have; none: any.
    pub sources: Arc<[String]>,
    /// What the profiles that are on ask of each event; nothing where that is what is read anyway.
    pub rules: Arc<[EventRule]>,
    /// The personal data that must not be found where the contract says there is none.
    pub watch: leaks::Set,
    /// Those of it for which an event is refused.
    pub refuses: leaks::Set,
    /// Those of it for which one is quarantined.
    pub quarantines: leaks::Set,
    /// How long identities are remembered.
    pub window_ms: u64,
    /// How long events are kept.
    pub retention_ms: u64,
    /// Its counters.
    pub metrics: TopicMetrics,
    /// What governance says of it.
    governed: Arc<governance::Topic>,
    extra: Arc<[Class]>,
    /// Contracts, compiled when they are first needed.
    compiled: BTreeMap<ContractVersion, Arc<OnceLock<Option<Arc<Contract>>>>>,
    /// What takes events back, made when it is first needed.
    carrying: Carrying,
}

impl Topic {
    /// The contract that a published event is checked against: the version that it names, or the newest active one.
    pub fn active(&self, version: Option<ContractVersion>, now_ms: u64) -> Result<Arc<Contract>, Refusal> {
        let wanted = version.or(self.newest());
        let found = wanted.and_then(|version| self.governed.versions.get(&version));
        match found.filter(|found| found.takes_events(now_ms)) {
            Some(found) => self.contract(found.number()),
            None => Err(self.not_active(wanted, now_ms)),
        }
    }

    fn not_active(&self, wanted: Option<ContractVersion>, now_ms: u64) -> Refusal {
        let active: Vec<String> = self
            .governed
            .versions_taking_events(now_ms)
            .map(|version| version.number().to_string())
            .collect();
        let asked = wanted.map_or_else(|| "(any version)".to_owned(), |version| version.to_string());
        let text = format!("contract {} {asked}: this version is not active", self.name);
        let hint = match active.is_empty() {
            true => format!("no version is; its steward is {}", self.steward),
            false => format!("active: {}", active.join(", ")),
        };
        Refusal::new(RefusalKind::Contract, text).hint(hint)
    }

    /// Any version's contract, whatever its state: what stored events were checked against.
    pub fn contract(&self, version: ContractVersion) -> Result<Arc<Contract>, Refusal> {
        let found = self.governed.versions.get(&version).zip(self.compiled.get(&version));
        let (governed, compiled) = found.ok_or_else(|| {
            Refusal::new(
                RefusalKind::Unknown,
                format!("contract {} {version}: there is no such version", self.name),
            )
        })?;
        let compile = || compile_with(&governed.definition, &self.extra).ok().map(Arc::new);
        compiled.get_or_init(compile).clone().ok_or_else(|| {
            Refusal::unavailable(format!("contract {} {version} does not compile in this release", self.name))
        })
    }

    /// The versions whose migrations lead from one version back to another, the first one first.
    pub fn way_back(&self, from: ContractVersion, to: ContractVersion) -> Option<Vec<ContractVersion>> {
        carrying::way_back(&self.governed, from, to)
    }

    /// When a version went live, in milliseconds since 1970.
    pub fn activated_ms(&self, version: ContractVersion) -> Option<u64> {
        self.governed.versions.get(&version)?.activated.as_ref().map(|(_, at_ms)| *at_ms)
    }

    /// The migration of a version.
    pub fn lens(&self, version: ContractVersion) -> Result<Arc<Lens>, Refusal> {
        self.carrying.lens(version, || self.migration(version))
    }

    fn migration(&self, version: ContractVersion) -> Result<Lens, Refusal> {
        let found = self.governed.versions.get(&version);
        let against = found.and_then(|found| found.impact.as_ref()).map(|impact| impact.against);
        let text = || format!("contract {} {version}: it leads back to no version", self.name);
        let against = against.ok_or_else(|| Refusal::unavailable(text()))?;
        Lens::of(&*self.contract(against)?, &*self.contract(version)?)
            .map_err(|_| Refusal::unavailable(text()))
    }

    /// What hands events of newer versions to those who read by `old` and are cleared so.
    pub fn carrier(&self, old: &Arc<Contract>, cleared: &ClassSet) -> Result<Arc<Carrier>, Misfit> {
        self.carrying.carrier(old, cleared)
    }

    /// A version's schema in the registry, with its number there.
    pub fn schema(&self, version: ContractVersion) -> Option<(u32, &Schema)> {
        self.governed.versions.get(&version).map(|found| (found.number, &*found.schema))
    }

    /// The agency that owned it at a time.
    pub fn owner_at(&self, at_ms: u64) -> AgencyName {
        self.governed.stewardship.owner_at(at_ms).unwrap_or(&self.owner).clone()
    }

    /// The newest active version.
    pub fn newest(&self) -> Option<ContractVersion> {
        self.governed.newest_active().map(governance::Version::number)
    }

    /// The stream of a partition.
    pub fn partition(&self, number: u32) -> Result<StreamId, Refusal> {
        self.partitions.get(number as usize).copied().ok_or_else(|| {
            let count = self.partitions.len();
            let text = format!("topic {} has {count} partitions, and none of number {number}", self.name);
            Refusal::new(RefusalKind::Unknown, text).hint("they count from 0")
        })
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
    pub fn create_streams(&self, topics: &[Arc<governance::Topic>]) -> Result<(), JournalError> {
        let specs: Vec<StreamSpec> = topics.iter().flat_map(|topic| specs(topic)).collect();
        self.journal.create(&specs).map(|_| ())
    }

    /// Takes over what governance says of some topics.
    pub fn refresh(&self, state: &State, topics: &[Arc<governance::Topic>]) -> Result<(), JournalError> {
        let all: Vec<StreamSpec> = topics.iter().flat_map(|topic| specs(topic)).collect();
        let ids = self.journal.create(&all)?;
        let mut ids = ids.as_slice();
        for topic in topics {
            let (streams, rest) = ids.split_at(topic.partitions as usize);
            ids = rest;
            let before = self.by_name.read().get(&topic.name).cloned();
            let fresh = Arc::new(self.make(state, topic, streams, before.as_deref()));
            let mut by_stream = self.by_stream.write();
            for stream in &fresh.partitions {
                by_stream.insert(*stream, fresh.clone());
            }
            self.by_name.write().insert(topic.name.clone(), fresh);
        }
        Ok(())
    }

    fn make(
        &self,
        state: &State,
        topic: &Arc<governance::Topic>,
        streams: &[StreamId],
        before: Option<&Topic>,
    ) -> Topic {
        let kept =
            |version: &ContractVersion| before.and_then(|before| before.compiled.get(version)).cloned();
        let same_text = |version: &ContractVersion| {
            let definition =
                |topic: &governance::Topic| topic.versions.get(version).map(|v| v.definition.clone());
            before.is_some_and(|before| definition(&before.governed) == definition(topic))
        };
        let compiled = topic.versions.keys().map(|version| {
            let kept = kept(version).filter(|_| same_text(version));
            (*version, kept.unwrap_or_default())
        });
        let window_s = topic.newest_active().and_then(|version| version.definition.identity_window_s);
        let answered = |answer| state.standards().leaks.answered(answer);
        let (mut refuses, flags) = (answered(Answer::Refuse), answered(Answer::Flag));
        let mut quarantines = answered(Answer::Quarantine);
        // A withdrawal of consent that nobody reads would not be heeded: whoever sends it must be told.
        if state.standards().consent.topics.contains(&topic.name) {
            refuses = refuses.or(quarantines);
            quarantines = leaks::Set::NONE;
        }
        // The bus itself is the source of what its own topics hold, and people are named there by their office.
        let is_own = governance::notices::is_own(&topic.name);
        let owner = state.agency(&topic.owner).filter(|_| !is_own);
        let sources = owner.map(|agency| agency.profile.sources.clone()).unwrap_or_default();
        Topic {
            name: topic.name.clone(),
            owner: topic.owner.clone(),
            sealed_by: topic.sealed_by.clone(),
            steward: topic.steward.clone(),
            lane: Lane::of(topic.latency),
            partitions: streams.to_vec(),
            sources: sources.into(),
            rules: state.standards().profiles.of_events().into(),
            watch: if is_own { leaks::Set::NONE } else { refuses.or(flags).or(quarantines) },
            refuses,
            quarantines,
            window_ms: window_s.unwrap_or(topic.retention_s).min(IDENTITY_WINDOW_MAX_S) * 1000,
            retention_ms: topic.retention_s * 1000,
            metrics: self.metrics.topic(&topic.name),
            governed: topic.clone(),
            extra: state.standards().classes.iter().cloned().collect(),
            compiled: compiled.collect(),
            carrying: Carrying::default(),
        }
    }
}

/// The streams of a topic's partitions.
fn specs(topic: &governance::Topic) -> impl Iterator<Item = StreamSpec> {
    let (name, lane) = (&topic.name, Lane::of(topic.latency));
    let shelf = u32::try_from(topic.retention_s.div_ceil(24 * 3600)).unwrap_or(crate::streams::FOREVER);
    (0..topic.partitions).map(move |partition| StreamSpec {
        name: format!("topic/{name}/{partition}"),
        lane: lane.id(),
        shelf,
    })
}
