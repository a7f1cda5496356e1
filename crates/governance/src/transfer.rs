//! A topic changes hands on a day that both agencies agreed on.
//!
//! Its events stay sealed under the keys of the agency that it began with, whatever agency owns it: the same person keeps
//! the same pseudonym and key, so that what is stored stays readable, a retry is recognised, and order is kept.

use contract::{AgencyName, PrincipalName};

use crate::clerk;
use crate::events::{By, Event, OwnershipEvent};
use crate::state::{Accepted, Offer, Topic};
use crate::{Role, State, ownership};

/// How the other agency agrees.
pub(crate) fn acceptance(topic: &Topic, to: &AgencyName) -> String {
    let name = &topic.name;
    format!(
        "a steward of {to} accepts it: chancery topic accept {name} --steward NAME@{to} --deputy NAME@{to}"
    )
}

/// What an offer waits for, in words; nothing: the topic changes hands now.
pub fn waits(state: &State, topic: &Topic, offer: &Offer, now_ms: u64) -> Vec<String> {
    let to = &offer.to;
    let mut waits = Vec::new();
    match &offer.accepted {
        None => waits.push(acceptance(topic, to)),
        Some(accepted) => waits.extend(gone(state, to, accepted)),
    }
    if state.standards().consent.topics.contains(&topic.name) {
        waits.push("an operator takes it out of [consent] topics in standards/standards.toml".to_owned());
    }
    if now_ms < offer.on.starts_ms() {
        waits.push(format!("it takes effect on {}", offer.on));
    }
    waits
}

/// Of those who were named, who is no steward any more.
pub(crate) fn gone<'a>(
    state: &'a State,
    agency: &'a AgencyName,
    accepted: &'a Accepted,
) -> impl Iterator<Item = String> {
    let people = [&accepted.steward, &accepted.deputy].into_iter();
    let is_steward = move |person: &PrincipalName| {
        state.principal(person).is_some_and(|known| known.roles.contains(Role::Steward))
    };
    let gone = people.filter(move |person| !is_steward(person));
    gone.map(move |person| {
        format!("{person} is no steward any more: a steward of {agency} accepts again and names others")
    })
}

/// The transfers that take effect now.
pub(crate) fn due(state: &State, now_ms: u64) -> Vec<Event> {
    let offered =
        state.topics().filter_map(|topic| topic.stewardship.offer.as_ref().map(|offer| (topic, offer)));
    let due = offered.filter(|(topic, offer)| waits(state, topic, offer, now_ms).is_empty());
    due.flat_map(|(topic, offer)| {
        offer.accepted.iter().flat_map(move |accepted| transferred(topic, &offer.to, accepted))
    })
    .collect()
}

/// The topic belongs to `owner` now, and those who were named answer for it.
pub(crate) fn transferred(topic: &Topic, owner: &AgencyName, accepted: &Accepted) -> Vec<Event> {
    let by = By::own(clerk::clerk());
    let moved = Event::Ownership(OwnershipEvent::TopicTransferred {
        topic: topic.name.clone(),
        owner: owner.clone(),
        steward: accepted.steward.clone(),
        deputy: accepted.deputy.clone(),
        accepted_by: accepted.by.principal.clone(),
        by: by.clone(),
    });
    std::iter::once(moved).chain(ownership::healed(topic, &by)).collect()
}

/// Who is to answer for what an agency takes over must be two people of it who are there.
pub(crate) fn faults(
    state: &State,
    agency: &AgencyName,
    steward: &PrincipalName,
    deputy: &PrincipalName,
) -> Vec<String> {
    let mut faults = Vec::new();
    for (field, person) in [("steward", steward), ("deputy", deputy)] {
        if person.agency() != *agency {
            faults.push(format!("{field}: {person} is not of {agency}"));
        } else if state.principal(person).is_some_and(|known| known.disabled) {
            faults.push(format!("{field}: {person} is disabled"));
        }
    }
    if steward == deputy {
        faults.push("deputy: is the steward; name somebody who is there when the steward is not".to_owned());
    }
    faults
}
