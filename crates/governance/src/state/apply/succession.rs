//! Folds what agencies leave to others.

use std::sync::Arc;

use super::change_subscription;
use crate::State;
use crate::events::SuccessionEvent;
use crate::state::{Accepted, Former, Succeeded, Succession};

pub(super) fn fold(state: &mut State, event: &SuccessionEvent, at_ms: u64) {
    match event {
        SuccessionEvent::SuccessionProposed { agency, on, shares, by } => {
            let (by, accepted) = (by.clone(), Default::default());
            let record = Succession { on: *on, shares: shares.clone(), by, at_ms, accepted };
            state.successions.insert(agency.clone(), Arc::new(record));
        }
        SuccessionEvent::SuccessionAccepted { agency, successor, steward, deputy, by } => {
            if let Some(record) = state.successions.get_mut(agency) {
                let (steward, deputy, by) = (steward.clone(), deputy.clone(), by.clone());
                let accepted = Accepted { steward, deputy, by, at_ms };
                Arc::make_mut(record).accepted.insert(successor.clone(), accepted);
            }
        }
        SuccessionEvent::SuccessionWithdrawn { agency, .. } => drop(state.successions.remove(agency)),
        SuccessionEvent::SubscriptionMoved { subscription, agency, .. } => {
            change_subscription(state, subscription, |record| {
                let before = std::mem::replace(&mut record.agency, agency.clone());
                record.formerly.push(Former { agency: before, until_ms: at_ms });
            });
        }
        SuccessionEvent::SubjectMoved { subject, agency, .. } => {
            Arc::make_mut(&mut state.schemas).give(subject, agency);
        }
        SuccessionEvent::AgencySucceeded { agency, successors, .. } => {
            state.successions.remove(agency);
            if let Some(record) = state.agencies.get_mut(agency).map(Arc::make_mut) {
                record.succeeded.push(Succeeded { successors: successors.clone(), at_ms });
            }
        }
    }
}
