//! A contract's versions: proposed, and ended. What is between is in `hearing`.

use std::sync::Arc;

use contract::{ContractVersion, Definition, TopicName};

use super::authority::Case;
use super::{no_faults, topics};
use crate::{Date, Event, Impact, Refused, Status, Topic, Version, notices};

/// A new version, or other text for one that is still proposed. Agreements to the former text do not count for the new.
pub(super) fn propose(case: &Case<'_>, definition: &Arc<Definition>) -> Result<Vec<Event>, Refused> {
    let topic = case.topic(&definition.topic)?;
    let by = case.as_changing(topic, &format!("proposing a contract of {}", topic.name))?;
    not_the_buss_own(topic)?;
    let number = definition.version;
    if let Some(known) = topic.versions.get(&number) {
        let overtaken = known.status == Status::Proposed && known.is_overtaken(topic);
        if known.definition == *definition && !overtaken {
            return Ok(Vec::new());
        }
        if known.status != Status::Proposed {
            let text = format!("{number} of {} is {} and does not change", topic.name, known.status);
            let next = topic.newest().map_or(1, |newest| newest.number().0 + 1);
            return Err(Refused::new("version-exists", text).hint(format!("propose it as version {next}")));
        }
    } else {
        let next = topic.newest().map_or(1, |newest| newest.number().0 + 1);
        if number.0 != next {
            let text = format!("the next version of {} is {next}, not {}", topic.name, number.0);
            return Err(Refused::new("version-gap", text));
        }
    }
    if definition.key != topic.key {
        return Err(topics::key_is_fixed(topic));
    }
    let classes: Vec<_> = case.state.standards().classes.iter().cloned().collect();
    no_faults("invalid-contract", &case.check.faults(definition, &classes))?;
    let impact = Impact::of(case.state, topic, definition, case.check);
    Ok(vec![Event::ContractProposed { definition: definition.clone(), registered: None, impact, by }])
}

/// Announces the end of an active version, or another day for one that was announced.
pub(super) fn deprecate(
    case: &Case<'_>,
    topic: &TopicName,
    number: ContractVersion,
    sunset: Date,
) -> Result<Vec<Event>, Refused> {
    let topic = case.topic(topic)?;
    let by = case.as_changing(topic, &format!("deprecating a contract of {}", topic.name))?;
    not_the_buss_own(topic)?;
    let (topic, version) = version_of(case, &topic.name, number)?;
    if !matches!(version.status, Status::Active | Status::Deprecated) {
        let text = format!("{number} of {} is {}, not active", topic.name, version.status);
        return Err(Refused::new("not-active", text));
    }
    if sunset.starts_ms() <= case.now_ms {
        return Err(Refused::new("sunset-passed", format!("sunset: {sunset} is not ahead"))
            .hint("consumers and producers need the days until then"));
    }
    if version.sunset == Some(sunset) {
        return Ok(Vec::new());
    }
    Ok(vec![Event::ContractDeprecated { topic: topic.name.clone(), version: number, sunset, by }])
}

/// Ends a deprecated version after its sunset, or withdraws one that was only proposed.
pub(super) fn retire(
    case: &Case<'_>,
    topic: &TopicName,
    number: ContractVersion,
) -> Result<Vec<Event>, Refused> {
    let topic = case.topic(topic)?;
    let by = case.as_changing(topic, &format!("retiring a contract of {}", topic.name))?;
    not_the_buss_own(topic)?;
    let (topic, version) = version_of(case, &topic.name, number)?;
    match (version.status, version.sunset) {
        (Status::Retired, _) => return Ok(Vec::new()),
        (Status::Active, _) => {
            let text = format!("{number} of {} is active", topic.name);
            return Err(Refused::new("not-deprecated", text).hint("deprecate it first (deprecate-contract)"));
        }
        (Status::Deprecated, Some(sunset)) if case.now_ms < sunset.starts_ms() && !by.bootstrap => {
            let text = format!("{number} of {} stays until its sunset, {sunset}", topic.name);
            return Err(Refused::new("before-sunset", text));
        }
        (Status::Proposed | Status::Deprecated, _) => {}
    }
    Ok(vec![Event::ContractRetired { topic: topic.name.clone(), version: number, by }])
}

/// What the bus writes into its own topics, no contract of somebody's can change.
fn not_the_buss_own(topic: &Topic) -> Result<(), Refused> {
    if notices::is_own(&topic.name) {
        let text = format!("the contract of {} is the bus's own: it comes with the program", topic.name);
        return Err(Refused::new("reserved", text));
    }
    Ok(())
}

/// A version of a topic's contract, which must be there.
pub(super) fn version_of<'a>(
    case: &Case<'a>,
    topic: &TopicName,
    number: ContractVersion,
) -> Result<(&'a Topic, &'a Version), Refused> {
    let topic = case.topic(topic)?;
    let version = topic.versions.get(&number);
    version
        .map(|version| (topic, version))
        .ok_or_else(|| Refused::unknown("contract", format!("{number} of {}", topic.name)))
}
