//! Folds what happens to those who answer for topics.

use std::sync::Arc;

use contract::{PrincipalName, TopicName};

use crate::State;
use crate::events::{By, OwnershipEvent};
use crate::state::{Accepted, Offer, Stage, Tenure, Topic};

pub(super) fn fold(state: &mut State, event: &OwnershipEvent, at_ms: u64) {
    match event {
        OwnershipEvent::TopicConfirmed { topic, by } => {
            change(state, topic, |record| record.stewardship.confirm(by, at_ms));
        }
        OwnershipEvent::StewardLeft { topic, person, .. } => change(state, topic, |record| {
            if record.steward == *person {
                record.stewardship.steward_left_ms = Some(at_ms);
            }
            if record.deputy == *person {
                record.stewardship.deputy_left_ms = Some(at_ms);
            }
        }),
        OwnershipEvent::ConfirmationDue { topic, .. } => told(state, topic, Stage::Due, at_ms),
        OwnershipEvent::FreezeAhead { topic, .. } => told(state, topic, Stage::FreezeAhead, at_ms),
        OwnershipEvent::TopicOrphaned { topic, .. } => told(state, topic, Stage::Orphaned, at_ms),
        OwnershipEvent::SuspensionAhead { topic, .. } => told(state, topic, Stage::SuspensionAhead, at_ms),
        OwnershipEvent::TopicSuspended { topic, .. } => told(state, topic, Stage::Suspended, at_ms),
        OwnershipEvent::TopicOffered { topic, to, on, by } => change(state, topic, |record| {
            let (to, by) = (to.clone(), by.clone());
            record.stewardship.offer = Some(Offer { to, on: *on, by, at_ms, accepted: None });
        }),
        OwnershipEvent::TopicAccepted { topic, steward, deputy, by } => change(state, topic, |record| {
            if let Some(offer) = &mut record.stewardship.offer {
                let (steward, deputy, by) = (steward.clone(), deputy.clone(), by.clone());
                offer.accepted = Some(Accepted { steward, deputy, by, at_ms });
            }
        }),
        OwnershipEvent::OfferWithdrawn { topic, .. } => change(state, topic, |record| {
            record.stewardship.no_longer_offered = record.stewardship.offer.take().map(|offer| offer.to);
        }),
        OwnershipEvent::TopicTransferred { topic, owner, steward, deputy, accepted_by, by } => {
            let was = state.topics.get(topic).map(|record| &record.owner);
            Arc::make_mut(&mut state.holdings).topic(was, was.is_some().then_some(owner));
            change(state, topic, |record| {
                record.owner.clone_from(owner);
                // Whoever took it over gave their word for it.
                let word = By::own(accepted_by.clone());
                name(record, (Some(steward), Some(deputy)), &word, at_ms);
                record.stewardship.offer = None;
                // What the former owner permitted is not the new one's word.
                record.access = Default::default();
                let tenure = Tenure { agency: owner.clone(), since_ms: at_ms, by: by.clone() };
                record.stewardship.owners.push(tenure);
            });
        }
        // The confirmation beside it has done it.
        // Naming people is what healed it.
        OwnershipEvent::TopicHealed { .. } => {}
    }
}

/// Names people: who is named is there, and whoever names them gives their word for the topic.
pub(super) fn name(
    topic: &mut Topic,
    (steward, deputy): (Option<&PrincipalName>, Option<&PrincipalName>),
    by: &By,
    at_ms: u64,
) {
    if let Some(steward) = steward {
        topic.steward.clone_from(steward);
        topic.stewardship.steward_left_ms = None;
    }
    if let Some(deputy) = deputy {
        topic.deputy.clone_from(deputy);
        topic.stewardship.deputy_left_ms = None;
    }
    if steward.is_some() || deputy.is_some() {
        topic.stewardship.confirm(by, at_ms);
    }
}

fn told(state: &mut State, topic: &TopicName, stage: Stage, at_ms: u64) {
    change(state, topic, |record| {
        record.stewardship.told.insert(stage, at_ms);
    });
}

fn change(state: &mut State, topic: &TopicName, change: impl FnOnce(&mut Topic)) {
    if let Some(record) = state.topics.get_mut(topic) {
        change(Arc::make_mut(record));
    }
}
