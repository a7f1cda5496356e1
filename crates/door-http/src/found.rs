//! What a request names, looked up in governance: the one place that says that it is not there.

use std::fmt::Display;

use bus::{Refusal, RefusalKind};
use contract::{AgencyName, ContractVersion, TopicName};
use governance::{Agency, State, Topic, Version};

use crate::problem::Problem;
use crate::wire;

/// The topic of this name.
pub fn topic<'s>(state: &'s State, name: &str) -> Result<&'s Topic, Problem> {
    let wanted: TopicName = wire::name(name)?;
    state.topic(&wanted).ok_or_else(|| missing("topic", name))
}

/// The agency of this name.
pub fn agency<'s>(state: &'s State, name: &str) -> Result<&'s Agency, Problem> {
    let wanted: AgencyName = wire::name(name)?;
    state.agency(&wanted).ok_or_else(|| missing("agency", name))
}

/// A version of a topic's contract.
pub fn version(topic: &Topic, number: u32) -> Result<&Version, Problem> {
    let found = topic.versions.get(&ContractVersion(number));
    found.ok_or_else(|| missing("contract", format_args!("{} v{number}", topic.name)))
}

/// There is nothing of this name.
pub fn missing(kind: &str, name: impl Display) -> Problem {
    Problem(Refusal::new(RefusalKind::Unknown, format!("there is no {kind} {name}")))
}
