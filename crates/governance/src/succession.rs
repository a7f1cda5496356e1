//! Agencies merge and split: on a day, all that an agency owns and subscribes to goes to its successors, or nothing does.
//!
//! Subscriptions keep their names, so that a consumer group's place and a client's settings stay; topics keep the keys
//! that they are sealed under, as with every transfer. The agency stays in the history of all that it had.

use std::collections::BTreeSet;

use contract::{AgencyName, SubscriptionName, TopicName};

use crate::events::{By, Event, SuccessionEvent};
use crate::notices::is_own;
use crate::state::{Shares, Succession};
use crate::{State, clerk, transfer};

/// All that an agency has, each with who gets it; nobody, where neither a share lists it nor anybody gets the rest.
struct Estate<'a, 's> {
    topics: Vec<(&'a TopicName, Option<&'s AgencyName>)>,
    subscriptions: Vec<(&'a SubscriptionName, Option<&'s AgencyName>)>,
    subjects: Vec<(&'a String, Option<&'s AgencyName>)>,
}

impl<'a, 's> Estate<'a, 's> {
    fn of(state: &'a State, agency: &AgencyName, shares: &'s Shares) -> Self {
        // The bus's own topics are of whoever runs it.
        let owned = state.topics().filter(|topic| topic.owner == *agency && !is_own(&topic.name));
        let topics = owned.map(|topic| &topic.name);
        // What ended is history and stays with whom it was.
        let live = state.subscriptions().filter(|known| known.agency == *agency && known.ended.is_none());
        let subjects = state.schemas().all_free().filter(|(_, series)| series.agency == *agency);
        Self {
            topics: topics.map(|it| (it, shares.heir(|share| share.topics.contains(it)))).collect(),
            subscriptions: live
                .map(|it| (&it.name, shares.heir(|share| share.subscriptions.contains(&it.name))))
                .collect(),
            subjects: subjects
                .map(|(it, _)| (it, shares.heir(|share| share.subjects.contains(it))))
                .collect(),
        }
    }

    /// What nobody would get, a line each.
    fn unclaimed(&self) -> Vec<String> {
        let topics = self.topics.iter().filter(|(_, heir)| heir.is_none());
        let subscriptions = self.subscriptions.iter().filter(|(_, heir)| heir.is_none());
        let subjects = self.subjects.iter().filter(|(_, heir)| heir.is_none());
        let lines = topics.map(|(name, _)| format!("topic {name}: nobody gets it"));
        let lines =
            lines.chain(subscriptions.map(|(name, _)| format!("subscription {name}: nobody gets it")));
        lines.chain(subjects.map(|(name, _)| format!("subject {name}: nobody gets it"))).collect()
    }
}

/// What of an agency's topics and subscriptions goes to one of its successors.
pub(crate) fn share<'a>(
    state: &'a State,
    agency: &AgencyName,
    shares: &Shares,
    heir: &AgencyName,
) -> (BTreeSet<&'a TopicName>, BTreeSet<&'a SubscriptionName>) {
    let Estate { topics, subscriptions, .. } = Estate::of(state, agency, shares);
    let topics = topics.into_iter().filter(|(_, to)| *to == Some(heir)).map(|(name, _)| name);
    let subscriptions = subscriptions.into_iter().filter(|(_, to)| *to == Some(heir)).map(|(name, _)| name);
    (topics.collect(), subscriptions.collect())
}

/// What is wrong with who shall get what, a line each.
pub(crate) fn faults(state: &State, agency: &AgencyName, shares: &Shares) -> Vec<String> {
    let mut faults = Vec::new();
    let successors = shares.successors();
    if successors.is_empty() {
        faults.push("shares: name a successor, or who gets the rest".to_owned());
    }
    for successor in successors {
        if successor == agency {
            faults.push(format!("shares: {agency} does not succeed itself"));
        } else if state.agency(successor).is_none() {
            faults.push(format!("shares: there is no agency {successor}; an operator registers agencies"));
        }
    }
    let mut seen = BTreeSet::new();
    for (kind, name, is_theirs) in listed(state, agency, shares) {
        if !is_theirs {
            faults.push(format!("shares: {kind} {name} is not of {agency}"));
        }
        if !seen.insert((kind, name.clone())) {
            faults.push(format!("shares: {kind} {name} is given twice"));
        }
    }
    faults.extend(Estate::of(state, agency, shares).unclaimed());
    faults
}

/// Everything that shares name, and whether it is the agency's.
fn listed(state: &State, agency: &AgencyName, shares: &Shares) -> Vec<(&'static str, String, bool)> {
    let mut listed = Vec::new();
    for share in &shares.shares {
        listed.extend(share.topics.iter().map(|name| {
            (
                "topic",
                name.to_string(),
                state.topic(name).is_some_and(|topic| topic.owner == *agency && !is_own(name)),
            )
        }));
        listed.extend(share.subscriptions.iter().map(|name| {
            let known = state.subscription(name).filter(|known| known.ended.is_none());
            ("subscription", name.to_string(), known.is_some_and(|known| known.agency == *agency))
        }));
        listed.extend(share.subjects.iter().map(|name| {
            let known = state.schemas().free(name);
            ("subject", name.clone(), known.is_some_and(|known| known.agency == *agency))
        }));
    }
    listed
}

/// How a successor agrees.
pub(crate) fn acceptance(agency: &AgencyName, successor: &AgencyName) -> String {
    format!(
        "a steward of {successor} accepts it: chancery agency accept {agency} --agency {successor} --steward \
         NAME@{successor} --deputy NAME@{successor}"
    )
}

/// What a succession waits for, in words; nothing: it takes place now.
pub fn waits(state: &State, agency: &AgencyName, agreed: &Succession, now_ms: u64) -> Vec<String> {
    let mut waits = Vec::new();
    for successor in agreed.shares.successors() {
        match agreed.accepted.get(successor) {
            None => waits.push(acceptance(agency, successor)),
            Some(accepted) => waits.extend(transfer::gone(state, successor, accepted)),
        }
    }
    waits.extend(Estate::of(state, agency, &agreed.shares).unclaimed());
    waits.extend(believed(state, agency));
    if now_ms < agreed.on.starts_ms() {
        waits.push(format!("it takes effect on {}", agreed.on));
    }
    waits
}

/// Topics of an agency that say who consents, a line each: whoever owns them decides what others are handed, and that is an
/// operator's decision for each such topic, not a part of who succeeds whom.
fn believed<'a>(state: &'a State, agency: &AgencyName) -> impl Iterator<Item = String> + use<'a> {
    let agency = agency.clone();
    let topics = state.standards().consent.topics.iter().filter_map(|name| state.topic(name));
    let owned = topics.filter(move |topic| topic.owner == agency);
    owned.map(|topic| {
        format!(
            "topic {} says who consents: an operator takes it out of [consent] topics in standards/standards.toml, and \
             names it there again when it is the successor's",
            topic.name
        )
    })
}

/// The first succession that takes place now, whole. Another one is reckoned once it has: it may be of a successor.
pub(crate) fn due(state: &State, now_ms: u64) -> Vec<Event> {
    let mut due =
        state.successions().filter(|(agency, agreed)| waits(state, agency, agreed, now_ms).is_empty());
    due.next().map(|(agency, agreed)| enacted(state, agency, agreed)).unwrap_or_default()
}

fn enacted(state: &State, agency: &AgencyName, agreed: &Succession) -> Vec<Event> {
    let by = By::own(clerk::clerk());
    let estate = Estate::of(state, agency, &agreed.shares);
    let mut events = Vec::new();
    for (name, heir) in estate.topics {
        let taken = heir.and_then(|heir| Some((heir, agreed.accepted.get(heir)?)));
        if let Some((topic, (heir, accepted))) = state.topic(name).zip(taken) {
            events.extend(transfer::transferred(topic, heir, accepted));
        }
    }
    for (name, heir) in estate.subscriptions {
        events.extend(heir.map(|heir| {
            Event::Succession(SuccessionEvent::SubscriptionMoved {
                subscription: name.clone(),
                agency: heir.clone(),
                by: by.clone(),
            })
        }));
    }
    for (name, heir) in estate.subjects {
        events.extend(heir.map(|heir| {
            Event::Succession(SuccessionEvent::SubjectMoved {
                subject: name.clone(),
                agency: heir.clone(),
                by: by.clone(),
            })
        }));
    }
    let successors = agreed.shares.successors().into_iter().cloned().collect();
    events.push(Event::Succession(SuccessionEvent::AgencySucceeded {
        agency: agency.clone(),
        successors,
        by,
    }));
    events
}
