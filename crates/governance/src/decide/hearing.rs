//! Who is heard on a proposed version: those who read the topic agree or object, its owner answers, and it goes live once
//! nothing is waited for ([`crate::agreement`]).

use contract::{AgencyName, ContractVersion, TopicName};

use super::authority::{Case, owners, reason_given};
use super::contracts::version_of;
use crate::agreement::{self, Wait, is_overridden};
use crate::events::{By, ContractEvent};
use crate::{Event, Refused, Role, Status, Topic, Version, carrying};

/// A subscribed agency agrees.
pub(super) fn acknowledge(
    case: &Case<'_>,
    topic: &TopicName,
    number: ContractVersion,
    agency: &AgencyName,
) -> Result<Vec<Event>, Refused> {
    let by = case.as_steward_of(agency, &format!("acknowledging a contract for {agency}"))?;
    let (topic, version) = version_of(case, topic, number)?;
    // Who is carried past a version that is live goes over to it.
    let over = match version.status {
        Status::Active | Status::Deprecated => carrying::goes_over(case.state, topic, number, agency, &by),
        Status::Proposed | Status::Retired => Vec::new(),
    };
    let agrees = version.acknowledged.contains_key(agency);
    if over.is_empty() && !(agrees && version.status == Status::Active) {
        is_proposed(topic, version)?;
        is_subscribed(case, topic, agency)?;
    }
    let (topic, agency) = (topic.name.clone(), agency.clone());
    let agreed = Event::Contract(ContractEvent::ContractAcknowledged { topic, version: number, agency, by });
    Ok((!agrees).then_some(agreed).into_iter().chain(over).collect())
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
    if version.objections.get(agency).is_some_and(|objection| objection.reason == reason) {
        return Ok(Vec::new());
    }
    let (topic, agency, reason) = (topic.name.clone(), agency.clone(), reason.to_owned());
    Ok(vec![Event::Contract(ContractEvent::ContractObjected { topic, version: number, agency, reason, by })])
}

/// The owner answers an objection; it stands until its agency agrees.
pub(super) fn answer(
    case: &Case<'_>,
    topic: &TopicName,
    number: ContractVersion,
    agency: &AgencyName,
    answer: &str,
) -> Result<Vec<Event>, Refused> {
    let topic = case.topic(topic)?;
    let by = case.as_changing(topic, &format!("answering objections to a contract of {}", topic.name))?;
    let (topic, version) = version_of(case, &topic.name, number)?;
    is_proposed(topic, version)?;
    let Some(objection) = version.objections.get(agency) else {
        let text = format!("{agency} does not object to {number} of {}", topic.name);
        return Err(Refused::new("no-objection", text));
    };
    if answer.trim().is_empty() {
        return Err(Refused::new("no-answer", "an answer is missing: it is told to the agency and kept"));
    }
    if objection.answer.as_ref().is_some_and(|known| known.text == answer) {
        return Ok(Vec::new());
    }
    let (topic, agency, answer) = (topic.name.clone(), agency.clone(), answer.to_owned());
    Ok(vec![Event::Contract(ContractEvent::ObjectionAnswered { topic, version: number, agency, answer, by })])
}

/// Lets a version go live without waiting for anybody. Two people of different agencies must, and one of them must be an
/// operator.
pub(super) fn override_waits(
    case: &Case<'_>,
    topic: &TopicName,
    number: ContractVersion,
    reason: &str,
) -> Result<Vec<Event>, Refused> {
    let topic = case.topic(topic)?;
    let actor = case.actor;
    let own = [Role::Operator, Role::Regulator].into_iter().find(|role| actor.is(*role));
    let Some(role) = own.or_else(|| case.as_steward(topic).map(|_| Role::Steward)) else {
        let who = format!(
            "two people of different agencies, one an operator, the other an operator too, a regulator, or {},",
            owners(topic)
        );
        return Err(Refused::not_allowed("overriding what a contract waits for", who));
    };
    case.not_frozen(topic)?;
    let (topic, version) = version_of(case, &topic.name, number)?;
    is_proposed(topic, version)?;
    reason_given(reason)?;
    if version.overrides.is_empty() && agreement::waits(case.state, topic, version, case.now_ms).is_empty() {
        let text = format!("{number} of {} waits for nobody: there is nothing to override", topic.name);
        return Err(
            Refused::new("nothing-to-override", text).hint("its steward activates it (activate-contract)")
        );
    }
    let by = case.own();
    if is_overridden(&version.overrides)
        || version.overrides.iter().any(|one| one.by.principal == by.principal)
    {
        return Ok(Vec::new());
    }
    Ok(vec![Event::Contract(ContractEvent::ContractOverridden {
        topic: topic.name.clone(),
        version: number,
        reason: reason.to_owned(),
        role,
        by,
    })])
}

/// Events may follow the version, once it waits for nothing.
pub(super) fn activate(
    case: &Case<'_>,
    topic: &TopicName,
    number: ContractVersion,
) -> Result<Vec<Event>, Refused> {
    let topic = case.topic(topic)?;
    let by = case.as_changing(topic, &format!("activating a contract of {}", topic.name))?;
    let (topic, version) = version_of(case, &topic.name, number)?;
    if version.status == Status::Active {
        return Ok(Vec::new());
    }
    let mut waits = agreement::waits(case.state, topic, version, case.now_ms);
    let mut events = Vec::new();
    if let Some(stand_in) = case.stand_in() {
        waits.retain(|wait| {
            let silent = matches!(wait, Wait::Acknowledgement { .. } | Wait::Notice { .. });
            // Who is carried needs nobody to agree for it.
            if silent && version.leads_back_to().is_none() {
                let agreed = |agency| agreed_for(topic, number, agency, &stand_in);
                events.extend(wait.agencies().iter().map(agreed));
            }
            !silent
        });
    }
    if waits.is_empty() {
        events.extend(carrying::goes_live(case.state, topic, version, &by, case.now_ms));
        return Ok(events);
    }
    Err(not_yet(topic, version, &waits))
}

fn agreed_for(topic: &Topic, version: ContractVersion, agency: &AgencyName, by: &By) -> Event {
    let (topic, agency, by) = (topic.name.clone(), agency.clone(), by.clone());
    Event::Contract(ContractEvent::ContractAcknowledged { topic, version, agency, by })
}

/// One refusal of everything that a version waits for, the most important first.
fn not_yet(topic: &Topic, version: &Version, waits: &[Wait]) -> Refused {
    let lines: Vec<String> = waits.iter().map(ToString::to_string).collect();
    let text = format!("{} of {} cannot go live yet\n{}", version.number(), topic.name, lines.join("\n"));
    let remedies: Vec<String> = waits.iter().map(|wait| wait.remedy(topic)).collect();
    Refused::new(waits.first().map_or("not-yet", Wait::code), text).hint(remedies.join("\n"))
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
