//! What is, as a wish for the same.

use super::Desired;
use crate::commands::{AgencyProfile, NewTopic, SubscriptionRequest};
use crate::notices::is_own;
use crate::state::Profile;
use crate::{Agency, State, Subscription, Topic, duration};

impl Desired {
    /// What would bring a bus to where `state` is at `now_ms` (milliseconds since 1970): the standards, all agencies,
    /// each topic by the version that its consumers read by, and each subscription by the terms that its agency wants.
    /// What is over is left out, so is the past, and so are the bus's own topics, which every bus has.
    pub fn of(state: &State, now_ms: u64) -> Self {
        let topics = state.topics().filter(|known| !is_own(&known.name)).filter_map(|known| topic(known));
        let mut is = Self {
            standards: Some(state.standards().clone()),
            agencies: state.agencies().map(|known| (known.agency.clone(), agency(known))).collect(),
            topics: topics.map(|wish| (wish.topic.clone(), wish)).collect(),
            ..Self::default()
        };
        let wishes = state.subscriptions().filter_map(|known| subscription(known, now_ms));
        let wishes: Vec<_> =
            wishes.filter(|wish| is.topics.contains_key(&wish.topic) || is_own(&wish.topic)).collect();
        is.subscriptions.extend(wishes.into_iter().map(|wish| (wish.subscription.clone(), wish)));
        is
    }
}

fn agency(known: &Agency) -> AgencyProfile {
    let Profile { name, mandate, contacts, dpo, sources, domains, notices } = known.profile.clone();
    AgencyProfile { agency: known.agency.clone(), name, mandate, contacts, dpo, sources, domains, notices }
}

/// Nothing where no version is in force.
fn topic(known: &Topic) -> Option<NewTopic> {
    let contract = known.read_by()?.definition.clone();
    Some(NewTopic {
        topic: known.name.clone(),
        owner: Some(known.owner.clone()),
        steward: Some(known.steward.clone()),
        deputy: Some(known.deputy.clone()),
        description: known.description.clone(),
        legal_basis: known.legal_basis.clone(),
        latency: known.latency,
        partitions: known.partitions,
        retention: duration::to_text(known.retention_s),
        keep: (known.keep_s > 0).then(|| duration::to_text(known.keep_s)),
        access: known.access.local_text().to_owned(),
        contract,
    })
}

/// Nothing where it ended or its day has come.
fn subscription(known: &Subscription, now_ms: u64) -> Option<SubscriptionRequest> {
    let terms = known.wanted_terms().filter(|terms| now_ms < terms.expires.starts_ms())?;
    known.ended.is_none().then(|| SubscriptionRequest {
        subscription: known.name.clone(),
        topic: known.topic.clone(),
        agency: known.agency.clone(),
        purpose: terms.purpose.clone(),
        legal_basis: terms.legal_basis.clone(),
        clears: terms.clears.clone(),
        expires: terms.expires,
        consent: terms.consent.clone(),
    })
}
