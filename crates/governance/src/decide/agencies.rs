//! Agencies, the standards, and the end of the bootstrap: the operator's own matters.

use std::collections::BTreeSet;

use contract::TopicName;

use super::authority::Case;
use super::no_faults;
use crate::clerk::BUS;
use crate::commands::{AgencyChange, AgencyProfile};
use crate::events::{AgencyEvent, BusEvent};
use crate::policy::{Asked, Policies};
use crate::state::Profile;
use crate::{Actor, Command, Event, Refused, Standards, State, Version, apply, person_consent};

/// From now on no operator stands in for anybody.
pub(super) fn close_bootstrap(case: &Case<'_>) -> Result<Vec<Event>, Refused> {
    let by = case.as_operator("closing the bootstrap")?;
    Ok(if case.state.in_bootstrap() {
        vec![Event::Bus(BusEvent::BootstrapClosed { by })]
    } else {
        Vec::new()
    })
}

/// Sets the central rules.
pub(super) fn set_standards(case: &Case<'_>, standards: &Standards) -> Result<Vec<Event>, Refused> {
    let by = case.as_operator("setting the standards")?;
    let mut faults = standards.faults();
    faults.extend(classes_in_use(case, standards));
    faults.extend(consent_topics(case, standards));
    no_faults("invalid-standards", &faults)?;
    let policies = Policies::read(&standards.policies).unwrap_or_default();
    somebody_may_still(case, case.state, &policies)?;
    if standards == case.state.standards() {
        return Ok(Vec::new());
    }
    Ok(vec![Event::Bus(BusEvent::StandardsSet { standards: standards.clone(), by })])
}

/// An operator whom the policies let set the standards stays one.
pub(super) fn somebody_remains(case: &Case<'_>, command: &Command, facts: &[Event]) -> Result<(), Refused> {
    if !matches!(command, Command::DisablePrincipal { .. } | Command::ChangePrincipal { .. }) {
        return Ok(());
    }
    let mut outcome = case.state.clone();
    facts.iter().for_each(|fact| apply(&mut outcome, fact, case.now_ms));
    somebody_may_still(case, &outcome, case.state.policies())
}

/// Under the policies somebody can take them back.
fn somebody_may_still(case: &Case<'_>, state: &State, policies: &Policies) -> Result<(), Refused> {
    let command = Command::SetStandards { standards: state.standards().clone() };
    let may = |operator: Actor| {
        let case = Case { state, actor: &operator, now_ms: case.now_ms, check: case.check };
        Asked::of(&case, &command, &[]).iter().all(|asked| policies.judge(asked).allowed)
    };
    if state.operators().any(|operator| may(operator.actor())) {
        return Ok(());
    }
    let text = "then the policies would let no operator set the standards ever again";
    Err(Refused::new("locks-out", text).hint("let at least one operator set-standards"))
}

/// Classes that contracts name and that would not be known any more: stored events are read by those contracts, whatever
/// their state.
fn classes_in_use(case: &Case<'_>, standards: &Standards) -> Vec<String> {
    let mut faults = Vec::new();
    for topic in case.state.topics() {
        for version in topic.versions.values() {
            let definition = &version.definition;
            let named =
                definition.classify.values().map(|rule| &rule.class).chain(definition.extensions.values());
            for class in named.filter(|class| !standards.knows(class)) {
                let fault = format!("classes: {class} is named by {} {}", topic.name, version.number());
                if !faults.contains(&fault) {
                    faults.push(fault);
                }
            }
        }
    }
    faults
}

/// Topics that are to be believed about consent and cannot be: each contract counts by which events may be stored.
fn consent_topics(case: &Case<'_>, standards: &Standards) -> Vec<String> {
    let believed_before = &case.state.standards().consent.topics;
    let of = |name: &TopicName| {
        let Some(topic) = case.state.topic(name) else {
            return vec![format!("consent.topics: there is no topic {name}")];
        };
        if let Some(offer) = topic.stewardship.offer.as_ref().filter(|_| !believed_before.contains(name)) {
            return vec![format!(
                "consent.topics: {name} is offered to {}, and whose it is does not change while it is believed: withdraw the \
                 offer first",
                offer.to
            )];
        }
        let waiting = case.check.waiting(name);
        // What is released is not read before it is placed, so it keeps the topic for that long.
        if !waiting.is_nothing() && !believed_before.contains(name) {
            let then = match waiting.undecided {
                0 => "those are placed as soon as they can be: set it again in a while".to_owned(),
                _ => format!(
                    "let a dpo of {} decide about those first (chancery topic quarantine list {name})",
                    topic.owner
                ),
            };
            return vec![format!(
                "consent.topics: events of {name} wait in quarantine, and what nobody reads is not heeded: {waiting}; {then}"
            )];
        }
        let of_version = |version: &Version| {
            let faults = person_consent::contract_faults(&version.definition);
            let number = version.number();
            faults.into_iter().map(move |fault| format!("consent.topics: {name} {number}: {fault}"))
        };
        topic.versions.values().flat_map(of_version).collect()
    };
    let mut faults: Vec<String> = standards.consent.topics.iter().flat_map(of).collect();
    let believed = standards.consent.topics.iter().filter_map(|name| case.state.topic(name));
    let alike: BTreeSet<_> =
        believed.map(|topic| (&topic.sealed_by, topic.retention_s, topic.latency.as_str())).collect();
    if alike.len() > 1 {
        // A withdrawal in one would be gone before the consent in another that it ended; and the times of two classes of
        // latency are no order.
        let text =
            "consent.topics: must be of one agency, keep events equally long and have one class of latency";
        faults.push(text.to_owned());
    }
    faults
}

/// A new agency.
pub(super) fn register(case: &Case<'_>, new: &AgencyProfile) -> Result<Vec<Event>, Refused> {
    let by = case.as_operator(&format!("registering agency {}", new.agency))?;
    if case.state.agency(&new.agency).is_some() {
        return Err(Refused::exists("agency", &new.agency).hint("change-agency changes its profile"));
    }
    if new.agency.as_str() == BUS {
        return Err(Refused::new("reserved", format!("{BUS} is the bus itself, not an agency")));
    }
    let profile = Profile {
        name: new.name.clone(),
        mandate: new.mandate.clone(),
        contacts: new.contacts.clone(),
        dpo: new.dpo.clone(),
        sources: new.sources.clone(),
        domains: new.domains.clone(),
        notices: new.notices.clone(),
    };
    no_faults("invalid-agency", &faults(&profile))?;
    Ok(vec![Event::Agency(AgencyEvent::AgencyRegistered { agency: new.agency.clone(), profile, by })])
}

/// Another profile of an agency.
pub(super) fn change(case: &Case<'_>, change: &AgencyChange) -> Result<Vec<Event>, Refused> {
    let by = case.as_operator(&format!("changing agency {}", change.agency))?;
    let former = &case.agency(&change.agency)?.profile;
    let AgencyChange { agency, name, mandate, contacts, dpo, sources, domains, notices } = change.clone();
    let profile = Profile {
        name: name.unwrap_or_else(|| former.name.clone()),
        mandate: mandate.unwrap_or_else(|| former.mandate.clone()),
        contacts: contacts.unwrap_or_else(|| former.contacts.clone()),
        dpo: dpo.unwrap_or_else(|| former.dpo.clone()),
        sources: sources.unwrap_or_else(|| former.sources.clone()),
        domains: domains.unwrap_or_else(|| former.domains.clone()),
        notices: notices.unwrap_or_else(|| former.notices.clone()),
    };
    no_faults("invalid-agency", &faults(&profile))?;
    Ok(if profile == *former {
        Vec::new()
    } else {
        vec![Event::Agency(AgencyEvent::AgencyChanged { agency, profile, by })]
    })
}

fn faults(profile: &Profile) -> Vec<String> {
    let mut faults = profile.notices.faults();
    if profile.name.trim().is_empty() {
        faults.push("name: is missing".to_owned());
    }
    if profile.sources.iter().any(|prefix| prefix.trim().is_empty()) {
        // It would be a prefix of every source: the opposite of what a list of prefixes is for.
        faults.push("sources: an entry is empty; leave the list out to allow any source".to_owned());
    }
    for domain in profile.domains.iter().filter(|domain| format!("{domain}.x").parse::<TopicName>().is_err())
    {
        faults.push(format!(
            "domains: {domain:?} is not the beginning of topics' names, such as civil or tax.income"
        ));
    }
    faults
}
