//! Who goes on by the version that they read when another goes live.
//!
//! A version with a migration can be taken back to the one that it was compared with. So it does not wait for those who
//! say nothing: whoever has not agreed when it goes live is *carried*, and is served by the version that it read until its
//! agency agrees. From a version the way back leads to the one that it was compared with, and on from there; it ends
//! where a version has no migration. What has none takes along those who were carried, so it needs their word.

use std::sync::Arc;

use contract::{AgencyName, ContractVersion, Definition, SubscriptionName};

use crate::clerk::clerk;
use crate::events::{By, CarryingEvent, ContractEvent};
use crate::state::{Topic, Version};
use crate::{Event, State, Subscription};

/// The versions whose migrations lead from `from` back to `to`, `from` first; none where no way leads there.
pub fn way_back(topic: &Topic, from: ContractVersion, to: ContractVersion) -> Option<Vec<ContractVersion>> {
    let (mut way, mut at) = (Vec::new(), from);
    while at != to {
        way.push(at);
        at = topic.versions.get(&at)?.leads_back_to()?;
        if way.len() > topic.versions.len() {
            return None;
        }
    }
    Some(way)
}

/// The versions that a migration to `against` leads back to by itself and by those before it: `against`, and on to the last
/// that somebody is carried on. Whoever goes over to one on the way is served by it.
pub(crate) fn led_back_to(
    state: &State,
    topic: &Topic,
    against: &Version,
    now_ms: u64,
) -> Vec<Arc<Definition>> {
    let live = state.subscriptions_of(&topic.name).filter(|one| one.is_live(now_ms));
    let to = live.filter_map(|one| one.carried_on());
    let ways = to.filter_map(|to| Some((way_back(topic, against.number(), to)?, to)));
    let (mut way, last) = ways.max_by_key(|(way, _)| way.len()).unwrap_or((Vec::new(), against.number()));
    way.push(last);
    way.iter().filter_map(|number| Some(topic.versions.get(number)?.definition.clone())).collect()
}

/// The live subscriptions that are carried on a version of the topic.
pub fn carried_on<'s>(
    state: &'s State,
    topic: &'s Topic,
    version: ContractVersion,
    now_ms: u64,
) -> impl Iterator<Item = &'s Subscription> {
    let of_topic = state.subscriptions_of(&topic.name).map(|one| &**one);
    of_topic.filter(move |one: &&Subscription| one.is_live(now_ms) && one.carried_on() == Some(version))
}

/// Whether a version that leads back to `back_to` can serve a subscription by the version that it reads.
fn serves(topic: &Topic, back_to: Option<ContractVersion>, subscription: &Subscription) -> bool {
    let to_its_own = |from| subscription.carried_on().is_none_or(|on| way_back(topic, from, on).is_some());
    back_to.is_some_and(to_its_own)
}

/// Whether a version that leads back to `back_to` must have the agency's word: it cannot carry it, and asks all for theirs
/// or would take it along from a version that it is carried on.
pub(crate) fn must_agree(
    state: &State,
    topic: &Topic,
    (back_to, asks_all): (Option<ContractVersion>, bool),
    agency: &AgencyName,
    now_ms: u64,
) -> bool {
    let mut own =
        state.subscriptions_of(&topic.name).filter(|one| one.agency == *agency && one.is_live(now_ms));
    own.any(|one| !serves(topic, back_to, one) && (asks_all || one.carried.is_some()))
}

/// That the version goes live, and who stays behind or is taken along.
pub(crate) fn goes_live(state: &State, topic: &Topic, version: &Version, by: &By, now_ms: u64) -> Vec<Event> {
    let (topic_name, number) = (topic.name.clone(), version.number());
    let live = Event::Contract(ContractEvent::ContractActivated {
        topic: topic_name,
        version: number,
        by: by.clone(),
    });
    let concerned = state
        .subscriptions_of(&topic.name)
        .filter(|one| one.ended.is_none() && (one.carried.is_some() || one.is_live(now_ms)));
    let follows = concerned.filter_map(|one| {
        let (subscription, by, back_to) = (one.name.clone(), by.clone(), version.leads_back_to());
        match back_to
            .filter(|_| serves(topic, back_to, one) && !goes_along(state, topic, version, one, now_ms))
        {
            Some(_) if one.carried.is_some() => None,
            Some(version) => {
                Some(Event::Carrying(CarryingEvent::SubscriptionCarried { subscription, version, by }))
            }
            None => one.carried.map(|_| {
                Event::Carrying(CarryingEvent::SubscriptionCaughtUp { subscription, version: number, by })
            }),
        }
    });
    std::iter::once(live).chain(follows).collect()
}

/// Whether who has the subscription agrees to the version: in words, as its owner, or by silence where that counts.
fn goes_along(
    state: &State,
    topic: &Topic,
    version: &Version,
    subscription: &Subscription,
    now_ms: u64,
) -> bool {
    let (agency, changes) = (&subscription.agency, &state.standards().changes);
    let silence = !version.asks_for_word(changes.silence_is_consent)
        && version.notice_ends_ms(changes.notice_s) <= now_ms
        && subscription.carried.is_none()
        && !version.objections.contains_key(agency);
    *agency == topic.owner || version.acknowledged.contains_key(agency) || silence
}

/// That an event of a version cannot be taken back for a subscription: said once of each version that it is carried past.
pub fn set_aside(state: &State, subscription: &SubscriptionName, version: ContractVersion) -> Vec<Event> {
    let found = state.subscription(subscription).filter(|one| !one.set_aside.contains(&version));
    let carried_on = found.and_then(Subscription::carried_on);
    let event = |carried_on| {
        let (subscription, by) = (subscription.clone(), By::own(clerk()));
        Event::Carrying(CarryingEvent::EventsSetAside { subscription, version, carried_on, by })
    };
    carried_on.map(event).into_iter().collect()
}

/// What an agency's agreement to a version that is live means for its subscriptions that are carried: they go on by it.
pub(crate) fn goes_over(
    state: &State,
    topic: &Topic,
    number: ContractVersion,
    agency: &AgencyName,
    by: &By,
) -> Vec<Event> {
    let is_ahead_of = |on: ContractVersion| way_back(topic, number, on).is_some_and(|way| !way.is_empty());
    let own = state.subscriptions_of(&topic.name).filter(|one| one.agency == *agency && one.ended.is_none());
    let behind = own.filter(|one| one.carried_on().is_some_and(is_ahead_of));
    // Where it is not what consumers read by, they are carried on it from now on; where nothing leads back to it from
    // there, nobody could be.
    let Some(way) = topic.read_by().and_then(|newest| way_back(topic, newest.number(), number)) else {
        return Vec::new();
    };
    let is_passed = !way.is_empty();
    let event = |one: &Arc<Subscription>| {
        let (subscription, version, by) = (one.name.clone(), number, by.clone());
        match is_passed {
            true => Event::Carrying(CarryingEvent::SubscriptionCarried { subscription, version, by }),
            false => Event::Carrying(CarryingEvent::SubscriptionCaughtUp { subscription, version, by }),
        }
    };
    behind.map(event).collect()
}
