//! Topics: registering them, and the little of them that can change in place.

use contract::profiles::Level;
use contract::{AgencyName, PrincipalName};

use super::authority::Case;
use super::{no_faults, ownership, principals, public};
use crate::commands::{NewTopic, TopicChange};
use crate::erasure::{self, Block};
use crate::events::{By, ContractEvent, TopicEvent};
use crate::policy::Policies;
use crate::profiles::Lint;
use crate::state::Part;
use crate::{Event, Refused, Role, State, Topic, duration, notices};

/// A topic and its first contract, proposed and activated together: nobody can be subscribed yet.
pub(super) fn create(case: &Case<'_>, new: &NewTopic) -> Result<Vec<Event>, Refused> {
    let by = may_create(case, new)?;
    if case.state.topic(&new.topic).is_some() {
        return Err(Refused::exists("topic", &new.topic)
            .hint("change-topic changes its properties, propose-contract its contract"));
    }
    if notices::is_reserved(&new.topic) {
        let text = format!("topics that begin with bus. are the bus's own: {}", new.topic);
        return Err(Refused::new("reserved", text).hint("choose another domain"));
    }
    let faults = faults(case, new);
    let (Some(owner), Some(steward), Some(deputy), Ok(retention_s), true) =
        (&new.owner, &new.steward, &new.deputy, duration::parse_seconds(&new.retention), faults.is_empty())
    else {
        return Err(Refused::new("invalid-topic", faults.join("\n")));
    };
    public::is_confirmed(case, owner, &new.contract, &by)?;
    let named = [steward, deputy].into_iter();
    let mut events: Vec<Event> =
        named.filter_map(|name| principals::name_steward(case.state, name, owner, &by)).collect();
    let (topic, version) = (new.topic.clone(), new.contract.version);
    events.extend([
        Event::Topic(TopicEvent::TopicCreated {
            topic: topic.clone(),
            owner: owner.clone(),
            steward: steward.clone(),
            deputy: deputy.clone(),
            description: new.description.clone(),
            legal_basis: new.legal_basis.clone(),
            latency: new.latency,
            partitions: new.partitions,
            retention_s,
            keep_s: new.keep.as_deref().and_then(|text| duration::parse_seconds(text).ok()).unwrap_or(0),
            key: new.contract.key.clone(),
            access: new.access.clone(),
            by: by.clone(),
        }),
        Event::Contract(ContractEvent::ContractProposed {
            definition: new.contract.clone(),
            registered: None,
            impact: None,
            rehearsal: None,
            by: by.clone(),
        }),
        Event::Contract(ContractEvent::ContractActivated { topic, version, by }),
    ]);
    Ok(events)
}

/// A steward of the owner agency. Where no owner is named, any steward may hear what is missing.
fn may_create(case: &Case<'_>, new: &NewTopic) -> Result<By, Refused> {
    let what = format!("registering topic {}", new.topic);
    match &new.owner {
        Some(owner) => case.as_steward_of(owner, &what),
        None if case.actor.is(Role::Steward) => Ok(case.own()),
        None => case
            .stand_in()
            .ok_or_else(|| Refused::not_allowed(&what, "a steward of the agency that shall own it")),
    }
}

/// Everything that is wrong with a registration, a line each.
fn faults(case: &Case<'_>, new: &NewTopic) -> Vec<String> {
    let standards = case.state.standards();
    let mut faults = people_faults(case.state, new);
    for (field, text) in [("description", &new.description), ("legal_basis", &new.legal_basis)] {
        if text.trim().is_empty() {
            faults.push(format!("{field}: is missing"));
        }
    }
    match duration::parse_seconds(&new.retention) {
        Ok(retention_s) => faults.extend(standards.retention_fault(retention_s)),
        Err(error) => faults.push(format!("retention: {error}")),
    }
    faults.extend(keep_fault(new.keep.as_deref(), duration::parse_seconds(&new.retention).ok()));
    faults.extend(standards.partitions_fault(new.partitions));
    faults.extend(access_faults(&new.access));
    let definition = &new.contract;
    if definition.topic != new.topic {
        faults.push(format!("contract: is one of {}, not of {}", definition.topic, new.topic));
    }
    if definition.version.0 == 0 {
        faults.push("contract: versions count from 1".to_owned());
    }
    let classes: Vec<_> = standards.classes.iter().cloned().collect();
    faults.extend(case.check.faults(definition, &classes));
    let found = Lint::of(case.state).contract(definition, new.owner.as_ref()).into_iter();
    faults.extend(found.filter(|one| one.rule.level == Level::Must).map(|one| one.to_string()));
    faults
}

/// What is wrong with how long the law wants events kept, if anything.
fn keep_fault(keep: Option<&str>, retention_s: Option<u64>) -> Option<String> {
    match duration::parse_seconds(keep?) {
        Err(error) => Some(format!("keep: {error}")),
        Ok(keep_s) => longer_than_retention(keep_s, retention_s?),
    }
}

fn longer_than_retention(keep_s: u64, retention_s: u64) -> Option<String> {
    let [keep, retention] = [keep_s, retention_s].map(duration::to_text);
    (keep_s > retention_s)
        .then(|| format!("keep: {keep} is longer than the retention of {retention}, which would break it"))
}

fn access_faults(text: &str) -> Vec<String> {
    Policies::read_local(text).err().unwrap_or_default().iter().map(ToString::to_string).collect()
}

fn people_faults(state: &State, new: &NewTopic) -> Vec<String> {
    let mut faults = Vec::new();
    match &new.owner {
        None => faults.push("owner: is missing; every topic belongs to an agency".to_owned()),
        Some(owner) if state.agency(owner).is_none() => {
            faults.push(format!("owner: there is no agency {owner}; an operator registers agencies"));
        }
        Some(_) => {}
    }
    for (field, person) in [("steward", &new.steward), ("deputy", &new.deputy)] {
        match person {
            None => faults.push(format!("{field}: is missing; every topic has a steward and a deputy")),
            Some(person) => faults.extend(person_fault(state, field, person, new.owner.as_ref())),
        }
    }
    if new.steward.is_some() && new.steward == new.deputy {
        faults.push(SAME_PERSON.to_owned());
    }
    faults
}

const SAME_PERSON: &str = "deputy: is the steward; name somebody who is there when the steward is not";

fn person_fault(
    state: &State,
    field: &str,
    person: &PrincipalName,
    owner: Option<&AgencyName>,
) -> Option<String> {
    if let Some(owner) = owner.filter(|owner| person.agency() != **owner) {
        return Some(format!("{field}: {person} is not of the owner agency {owner}"));
    }
    let disabled = state.principal(person).is_some_and(|known| known.disabled);
    disabled.then(|| format!("{field}: {person} is disabled"))
}

/// Other properties of a topic.
pub(super) fn change(case: &Case<'_>, change: &TopicChange) -> Result<Vec<Event>, Refused> {
    let topic = case.topic(&change.topic)?;
    let by = ownership::may_name(case, topic, &format!("changing topic {}", topic.name))?;
    fixed_stays(topic, change)?;
    let retention_s = change.retention.as_deref().map(duration::parse_seconds).transpose();
    no_faults("invalid-topic", &change_faults(case, topic, change))?;
    let retention_s = retention_s.map_err(|error| Refused::new("invalid-topic", error.to_string()))?;

    let steward = changed(&change.steward, &topic.steward);
    let deputy = changed(&change.deputy, &topic.deputy);
    let named = [&steward, &deputy].into_iter().flatten();
    let mut events: Vec<Event> =
        named.filter_map(|name| principals::name_steward(case.state, name, &topic.owner, &by)).collect();
    let description = changed(&change.description, &topic.description);
    let legal_basis = changed(&change.legal_basis, &topic.legal_basis);
    let retention_s = changed(&retention_s, &topic.retention_s);
    if retention_s.is_some() {
        not_believed(case, topic, "its retention")?;
    }
    let keep_s = change.keep.as_deref().and_then(|text| duration::parse_seconds(text).ok());
    let keep_s = changed(&keep_s, &topic.keep_s);
    if keep_s.is_some_and(|keep_s| keep_s < topic.keep_s) {
        nobody_waits_for_the_duty(case, topic)?;
    }
    let access = changed(&change.access.as_deref(), &topic.access.local_text()).map(str::to_owned);
    let names = steward.is_some() || deputy.is_some();
    let times = retention_s.is_some() || keep_s.is_some();
    let changes = description.is_some() || legal_basis.is_some() || times || access.is_some();
    if changes {
        case.not_frozen(topic)?;
    }
    if names || changes {
        let healed = if names { crate::ownership::healed(topic, &by) } else { None };
        let topic = topic.name.clone();
        events.push(Event::Topic(TopicEvent::TopicChanged {
            topic,
            steward,
            deputy,
            description,
            legal_basis,
            retention_s,
            keep_s,
            access,
            by,
        }));
        events.extend(healed);
    }
    Ok(events)
}

/// What people consent to is read from the topic: who publishes there and how long it is kept, only an operator changes, who
/// takes it out of the standards first.
pub(super) fn not_believed(case: &Case<'_>, topic: &Topic, what: &str) -> Result<(), Refused> {
    if !case.state.standards().consent.topics.contains(&topic.name) {
        return Ok(());
    }
    let text = format!("{} says who consents: {what} does not change meanwhile", topic.name);
    Err(Refused::new("believed", text)
        .hint("an operator takes it out of [consent] topics in standards/standards.toml first"))
}

/// A duty to keep that an erasure waits for is not shortened: that would erase somebody before the time that was promised.
fn nobody_waits_for_the_duty(case: &Case<'_>, topic: &Topic) -> Result<(), Refused> {
    let open = case.state.erasures().flat_map(|erasure| erasure.parts.iter()).filter(|part| part.is_open());
    let waits = |part: &Part| {
        let blocks = erasure::blocks(case.state, &part.found, case.now_ms);
        blocks.iter().any(|block| matches!(block, Block::Keep { topic: kept, .. } if **kept == topic.name))
    };
    if !open.into_iter().any(waits) {
        return Ok(());
    }
    let text = format!("keep: an erasure of a person waits until {} need not be kept any more", topic.name);
    let hint = format!(
        "{} declines that erasure, or the duty is shortened when it is over",
        case.those(&topic.owner, Role::Dpo)
    );
    Err(Refused::new("keep-is-waited-for", text).hint(hint))
}

fn changed<T: Clone + PartialEq>(wish: &Option<T>, now: &T) -> Option<T> {
    wish.clone().filter(|wish| wish != now)
}

/// What never changes in place, and why.
fn fixed_stays(topic: &Topic, change: &TopicChange) -> Result<(), Refused> {
    const ANOTHER: &str = "register another topic and deprecate this one's contract";
    if changed(&change.latency, &topic.latency).is_some() {
        let text = format!(
            "latency: {} is {} for good: each latency class has its own log, and events that moved between logs would \
             lose their order",
            topic.name, topic.latency
        );
        return Err(Refused::new("latency-is-fixed", text).hint(ANOTHER));
    }
    if changed(&change.partitions, &topic.partitions).is_some() {
        let text = format!(
            "partitions: {} has {} for good: with another number the events of one key would go to another partition \
             and lose their order",
            topic.name, topic.partitions
        );
        return Err(Refused::new("partitions-are-fixed", text).hint(ANOTHER));
    }
    if changed(&change.key, &topic.key).is_some() {
        return Err(key_is_fixed(topic));
    }
    if changed(&change.owner, &topic.owner).is_some() {
        let text = format!("owner: {} belongs to {} and is not handed over here", topic.name, topic.owner);
        let way = format!(
            "its steward offers it (chancery topic offer {} --to AGENCY --on DAY), and a steward of the other agency \
             accepts it",
            topic.name
        );
        return Err(Refused::new("owner-is-fixed", text).hint(way));
    }
    Ok(())
}

/// The refusal of another key, also by way of a new contract version.
pub(super) fn key_is_fixed(topic: &Topic) -> Refused {
    let text = format!(
        "key: {} is ordered by {:?} for good: with another key the events of one thing would go to another partition \
         and lose their order",
        topic.name,
        String::from(topic.key.clone())
    );
    Refused::new("key-is-fixed", text).hint("register another topic and deprecate this one's contract")
}

fn change_faults(case: &Case<'_>, topic: &Topic, change: &TopicChange) -> Vec<String> {
    let mut faults = ownership::unnamed(topic, change);
    for (field, person) in [("steward", &change.steward), ("deputy", &change.deputy)] {
        let fault = person.as_ref().and_then(|p| person_fault(case.state, field, p, Some(&topic.owner)));
        faults.extend(fault);
    }
    if change.steward.as_ref().unwrap_or(&topic.steward) == change.deputy.as_ref().unwrap_or(&topic.deputy) {
        faults.push(SAME_PERSON.to_owned());
    }
    for (field, text) in [("description", &change.description), ("legal_basis", &change.legal_basis)] {
        if text.as_ref().is_some_and(|text| text.trim().is_empty()) {
            faults.push(format!("{field}: would be empty"));
        }
    }
    faults.extend(change.access.as_deref().map(access_faults).unwrap_or_default());
    match change.retention.as_deref().map(duration::parse_seconds) {
        Some(Ok(retention_s)) => faults.extend(case.state.standards().retention_fault(retention_s)),
        Some(Err(error)) => faults.push(format!("retention: {error}")),
        None => {}
    }
    let retention_s = change.retention.as_deref().and_then(|text| duration::parse_seconds(text).ok());
    let retention_s = retention_s.unwrap_or(topic.retention_s);
    faults.extend(match change.keep.as_deref() {
        Some(keep) => keep_fault(Some(keep), Some(retention_s)),
        None => longer_than_retention(topic.keep_s, retention_s),
    });
    faults
}
