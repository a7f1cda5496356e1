//! The life of a contract's version: proposed, agreed to by its consumers, active, deprecated, retired.

use std::sync::Arc;

use contract::{AgencyName, ContractVersion, Definition, TopicName};

use super::authority::{Case, reason_given};
use super::{no_faults, topics};
use crate::{Date, Event, Refused, Status, Topic, Version};

/// A new version, or other text for one that is still proposed. Agreements to the former text do not count for the new.
pub(super) fn propose(case: &Case<'_>, definition: &Arc<Definition>) -> Result<Vec<Event>, Refused> {
    let topic = case.topic(&definition.topic)?;
    let by = case.as_owner_of(topic, &format!("proposing a contract of {}", topic.name))?;
    let number = definition.version;
    if let Some(known) = topic.versions.get(&number) {
        if known.definition == *definition {
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
    Ok(vec![Event::ContractProposed { definition: definition.clone(), registered: None, by }])
}

/// A subscribed agency agrees.
pub(super) fn acknowledge(
    case: &Case<'_>,
    topic: &TopicName,
    number: ContractVersion,
    agency: &AgencyName,
) -> Result<Vec<Event>, Refused> {
    let by = case.as_steward_of(agency, &format!("acknowledging a contract for {agency}"))?;
    let (topic, version) = version_of(case, topic, number)?;
    is_proposed(topic, version)?;
    is_subscribed(case, topic, agency)?;
    if version.acknowledged.contains_key(agency) {
        return Ok(Vec::new());
    }
    let (topic, agency) = (topic.name.clone(), agency.clone());
    Ok(vec![Event::ContractAcknowledged { topic, version: number, agency, by }])
}

/// A subscribed agency objects.
pub(super) fn object(
    case: &Case<'_>,
    topic: &TopicName,
    number: ContractVersion,
    agency: &AgencyName,
    reason: &str,
) -> Result<Vec<Event>, Refused> {
    let by = case.as_steward_of(agency, &format!("objecting to a contract for {agency}"))?;
    let (topic, version) = version_of(case, topic, number)?;
    is_proposed(topic, version)?;
    is_subscribed(case, topic, agency)?;
    reason_given(reason)?;
    let (topic, agency, reason) = (topic.name.clone(), agency.clone(), reason.to_owned());
    Ok(vec![Event::ContractObjected { topic, version: number, agency, reason, by }])
}

/// Events may follow the version, once every subscribed agency agrees.
pub(super) fn activate(
    case: &Case<'_>,
    topic: &TopicName,
    number: ContractVersion,
) -> Result<Vec<Event>, Refused> {
    let topic = case.topic(topic)?;
    let by = case.as_owner_of(topic, &format!("activating a contract of {}", topic.name))?;
    let (topic, version) = version_of(case, &topic.name, number)?;
    if version.status == Status::Active {
        return Ok(Vec::new());
    }
    is_proposed(topic, version)?;
    let subscribed = case.state.subscribed_agencies(topic, case.now_ms);
    no_objection(topic, version, &subscribed)?;
    let silent = subscribed.into_iter().filter(|agency| !version.acknowledged.contains_key(agency));
    let silent: Vec<AgencyName> = silent.collect();
    let mut events = Vec::new();
    match case.stand_in() {
        Some(stand_in) => events.extend(silent.into_iter().map(|agency| Event::ContractAcknowledged {
            topic: topic.name.clone(),
            version: number,
            agency,
            by: stand_in.clone(),
        })),
        None if silent.is_empty() => {}
        None => {
            let names: Vec<&str> = silent.iter().map(AgencyName::as_str).collect();
            let text = format!("{number} of {} waits for {}", topic.name, names.join(", "));
            return Err(Refused::new("not-acknowledged", text)
                .hint("a steward of each agency acknowledges it (acknowledge-contract)"));
        }
    }
    events.push(Event::ContractActivated { topic: topic.name.clone(), version: number, by });
    Ok(events)
}

/// An objection counts for as long as the agency is subscribed.
fn no_objection(topic: &Topic, version: &Version, subscribed: &[AgencyName]) -> Result<(), Refused> {
    let objecting = version.objections.iter().filter(|(agency, _)| subscribed.contains(agency));
    let lines: Vec<String> =
        objecting.map(|(agency, objection)| format!("{agency} objects: {}", objection.reason)).collect();
    if lines.is_empty() {
        return Ok(());
    }
    let text = format!("{} of {} is objected to\n{}", version.number(), topic.name, lines.join("\n"));
    Err(Refused::new("objected", text).hint(
        "propose other text under the same number, or settle it: an acknowledgement takes the objection back",
    ))
}

/// Announces the end of an active version, or another day for one that was announced.
pub(super) fn deprecate(
    case: &Case<'_>,
    topic: &TopicName,
    number: ContractVersion,
    sunset: Date,
) -> Result<Vec<Event>, Refused> {
    let topic = case.topic(topic)?;
    let by = case.as_owner_of(topic, &format!("deprecating a contract of {}", topic.name))?;
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
    let by = case.as_owner_of(topic, &format!("retiring a contract of {}", topic.name))?;
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

fn version_of<'a>(
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

fn is_proposed(topic: &Topic, version: &Version) -> Result<(), Refused> {
    if version.status == Status::Proposed {
        return Ok(());
    }
    let text = format!("{} of {} is {}, not proposed", version.number(), topic.name, version.status);
    Err(Refused::new("not-proposed", text))
}

fn is_subscribed(case: &Case<'_>, topic: &Topic, agency: &AgencyName) -> Result<(), Refused> {
    if case.state.subscribed_agencies(topic, case.now_ms).contains(agency) {
        return Ok(());
    }
    let text = format!("{agency} has no live subscription to {}", topic.name);
    Err(Refused::new("not-a-subscriber", text).hint("only agencies that consume a topic are asked"))
}
