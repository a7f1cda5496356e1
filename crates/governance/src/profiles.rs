//! What the event-design profiles say of contracts: of those that stand, or of those that a folder wishes for. Looking
//! decides nothing; what a MUST forbids is refused where topics are registered.

use std::collections::BTreeMap;
use std::sync::Arc;

use contract::profiles::{Finding, Level, Profiles, Subject};
use contract::{AgencyName, ContractVersion, Definition, TopicName};

use crate::{Desired, State, Status, notices};

/// Names that a line of advice repeats; `chancery contract lint` has all.
const SHOWN_CONTRACTS: usize = 3;

/// A contract that does not keep to a rule.
#[derive(Debug, Clone)]
pub struct Linted {
    /// The topic.
    pub topic: TopicName,
    /// The version of its contract.
    pub version: ContractVersion,
    /// The rule and what breaks it.
    pub finding: Finding,
}

impl Linted {
    /// Whether it is the topic's name, which was given once: no version can do anything about it.
    pub(crate) fn is_about_the_name(&self) -> bool {
        self.finding.rule.about == "type"
    }
}

/// Contracts under the profiles that are on, among the agencies there are: with a folder, as it would make them.
#[derive(Clone, Copy)]
pub struct Lint<'a> {
    state: &'a State,
    wish: Option<&'a Desired>,
    profiles: Profiles,
}

impl<'a> Lint<'a> {
    /// Of what stands.
    pub fn of(state: &'a State) -> Self {
        Self { state, wish: None, profiles: state.standards().profiles }
    }

    /// Of what a folder wishes for.
    pub fn with(state: &'a State, wish: &'a Desired) -> Self {
        let profiles = wish.standards.as_ref().unwrap_or(state.standards()).profiles;
        Self { state, wish: Some(wish), profiles }
    }

    /// The same under other profiles than those that are on.
    pub fn under(self, profiles: Profiles) -> Self {
        Self { profiles, ..self }
    }

    /// The profiles that it goes by.
    pub fn profiles(&self) -> Profiles {
        self.profiles
    }

    /// What in a contract of an owner's topic does not keep to the profiles.
    pub fn contract(&self, definition: &Definition, owner: Option<&AgencyName>) -> Vec<Finding> {
        let wished = |name: &AgencyName| self.wish.and_then(|wish| wish.agencies.get(name));
        let standing = |name: &AgencyName| self.state.agency(name);
        let sources = owner.and_then(|name| {
            let standing = standing(name).map(|agency| &agency.profile.sources);
            wished(name).map(|agency| &agency.sources).or(standing)
        });
        let is_organisation = |label: &str| {
            AgencyName::parse(label).is_ok_and(|name| wished(&name).is_some() || standing(&name).is_some())
        };
        let sources = sources.map(Vec::as_slice).unwrap_or_default();
        self.profiles.findings(&Subject { definition, sources, is_organisation: &is_organisation })
    }

    /// All that is found: in a folder's topics, or without one in every version that is not retired.
    pub fn all(&self) -> Vec<Linted> {
        match self.wish {
            Some(wish) => wish.topics.values().flat_map(|topic| self.wished(&topic.topic)).collect(),
            None => self.standing(),
        }
    }

    /// What is found in the contract that a folder wishes for a topic.
    pub(crate) fn wished(&self, topic: &TopicName) -> Vec<Linted> {
        let wish = self.wish.and_then(|wish| wish.topics.get(topic));
        wish.map_or_else(Vec::new, |wish| self.linted(&wish.contract, wish.owner.as_ref()))
    }

    /// What is found in what stands.
    pub(crate) fn standing(&self) -> Vec<Linted> {
        let others = self.state.topics().filter(|topic| !notices::is_own(&topic.name));
        let versions = others.flat_map(|topic| {
            let lives = topic.versions.values().filter(|version| version.status != Status::Retired);
            lives.map(move |version| (&version.definition, &topic.owner))
        });
        versions.flat_map(|(definition, owner)| self.linted(definition, Some(owner))).collect()
    }

    fn linted(&self, definition: &Arc<Definition>, owner: Option<&AgencyName>) -> Vec<Linted> {
        let (topic, version) = (&definition.topic, definition.version);
        let findings = self.contract(definition, owner).into_iter();
        findings.map(|finding| Linted { topic: topic.clone(), version, finding }).collect()
    }
}

/// A line for each rule that something does not keep to, with the contracts concerned.
pub(crate) fn lines(found: &[Linted]) -> Vec<String> {
    let mut by_rule: BTreeMap<(Level, &str, &str), Vec<&Linted>> = BTreeMap::new();
    for one in found {
        let Finding { profile, rule, .. } = &one.finding;
        by_rule.entry((rule.level, profile.id, rule.id)).or_default().push(one);
    }
    by_rule.values().filter_map(|all| Some(line(all.first()?, all))).collect()
}

fn line(first: &Linted, all: &[&Linted]) -> String {
    let (rule, profile) = (first.finding.rule, first.finding.profile.name);
    let mut names: Vec<String> =
        all.iter().take(SHOWN_CONTRACTS).map(|one| format!("{} {}", one.topic, one.version)).collect();
    if all.len() > SHOWN_CONTRACTS {
        names.push(format!("{} more", all.len() - SHOWN_CONTRACTS));
    }
    format!("{} {}: {} ({profile}, {})", rule.about, rule.says, names.join(", "), rule.section)
}
