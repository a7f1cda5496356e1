//! A contract's versions: proposed, and ended. What is between is in `hearing`.

use std::collections::BTreeSet;
use std::sync::Arc;

use contract::{ClassSet, ContractVersion, Definition, Rehearsal, TopicName};

use serde_json::{Value, json};

use super::authority::Case;
use super::{no_faults, public, topics};
use crate::events::ContractEvent;
use crate::policy::Basis;
use crate::{
    Date, Event, Impact, Refused, Status, Subscription, Topic, Version, carrying, notices, person_consent,
};

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
    if case.state.standards().consent.topics.contains(&topic.name) {
        // What its events say is acted upon: a version of which it cannot be read would leave consent as it stood.
        no_faults("invalid-contract", &person_consent::contract_faults(definition))?;
    }
    public::is_confirmed(case, &topic.owner, definition, &by)?;
    let impact = Impact::of(case.state, topic, definition, case.check);
    let rehearsal = rehearsed(case, topic, definition)?;
    let definition = definition.clone();
    Ok(vec![Event::Contract(ContractEvent::ContractProposed {
        definition,
        registered: None,
        impact,
        rehearsal,
        by,
    })])
}

/// What the definition's migration makes of real events; where it does not carry each of them there is no proposal.
fn rehearsed(case: &Case<'_>, topic: &Topic, definition: &Definition) -> Result<Option<Rehearsal>, Refused> {
    let (Some(against), Some(_)) = (topic.read_by(), &definition.migration) else { return Ok(None) };
    let readers = case.state.subscriptions_of(&topic.name).filter(|one| one.is_live(case.now_ms));
    let clearances: BTreeSet<ClassSet> =
        readers.filter_map(|one| one.granted_terms()).map(|terms| terms.clears.clone()).collect();
    let way = carrying::led_back_to(case.state, topic, against, case.now_ms);
    let rehearsal = case
        .check
        .rehearse(&way, definition, &clearances)
        .map_err(|faults| Refused::new("invalid-contract", faults.join("\n")))?;
    if rehearsal.is_sound() {
        return Ok(Some(rehearsal));
    }
    // How many it concerns stands in the audit: told to who tries, it would say what values there are.
    let said: Vec<&str> = rehearsal.faults.keys().map(String::as_str).collect();
    let text = format!(
        "the migration of {} of {} does not carry each event of {}\n{}",
        definition.version,
        topic.name,
        against.number(),
        said.join("\n")
    );
    let basis = Basis { tried: vec![tried(definition, &rehearsal)], ..Basis::rights() };
    let refused = Refused::new("migration-fails", text)
        .hint("mend its steps, or leave `migration` out: those who read the topic are asked instead");
    Err(Refused { basis: Some(Box::new(basis)), ..refused })
}

/// What a trial of a migration is in the audit: what was tried, and what it came to.
fn tried(definition: &Definition, came_to: &Rehearsal) -> Value {
    json!({ "migration": definition.migration, "schema": definition.schema, "came_to": came_to })
}

/// The trials behind facts, for where those do not come to stand.
pub fn trials(events: &[Event]) -> Vec<Value> {
    let trial = |event: &Event| match event {
        Event::Contract(ContractEvent::ContractProposed { definition, rehearsal, .. }) => {
            Some(tried(definition, rehearsal.as_ref()?))
        }
        _ => None,
    };
    events.iter().filter_map(trial).collect()
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
    Ok(vec![Event::Contract(ContractEvent::ContractDeprecated {
        topic: topic.name.clone(),
        version: number,
        sunset,
        by,
    })])
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
    nobody_is_carried_on(case, topic, number)?;
    Ok(vec![Event::Contract(ContractEvent::ContractRetired {
        topic: topic.name.clone(),
        version: number,
        by,
    })])
}

/// What the bus writes into its own topics, no contract of somebody's can change.
fn not_the_buss_own(topic: &Topic) -> Result<(), Refused> {
    if notices::is_own(&topic.name) {
        let text = format!("the contract of {} is the bus's own: it comes with the program", topic.name);
        return Err(Refused::new("reserved", text));
    }
    Ok(())
}

/// A version that somebody is served by does not end.
fn nobody_is_carried_on(case: &Case<'_>, topic: &Topic, number: ContractVersion) -> Result<(), Refused> {
    let carried: Vec<&Subscription> = carrying::carried_on(case.state, topic, number, case.now_ms).collect();
    if carried.is_empty() {
        return Ok(());
    }
    let names: Vec<&str> = carried.iter().map(|one| one.name.as_str()).collect();
    let agencies: BTreeSet<&str> = carried.iter().map(|one| one.agency.as_str()).collect();
    let text = format!("{number} of {} still serves {}, carried by migration", topic.name, names.join(", "));
    let newest = topic.read_by().map_or(number, Version::number);
    let agencies = agencies.into_iter().collect::<Vec<_>>().join(" and of ");
    Err(Refused::new("carried", text).hint(format!("a steward of {agencies} acknowledges {newest} first")))
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
