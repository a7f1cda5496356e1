//! Folds who goes on by a version that their topic went past.

use std::sync::Arc;

use crate::State;
use crate::events::Event;
use crate::state::Carried;

pub(super) fn fold(state: &mut State, event: &Event, at_ms: u64) {
    match event {
        Event::SubscriptionCarried { subscription, version, .. } => {
            if let Some(record) = state.subscriptions.get_mut(subscription).map(Arc::make_mut) {
                let since_ms = record.carried.map_or(at_ms, |carried| carried.since_ms);
                record.carried = Some(Carried { on: *version, since_ms });
            }
        }
        Event::SubscriptionCaughtUp { subscription, .. } => {
            if let Some(record) = state.subscriptions.get_mut(subscription).map(Arc::make_mut) {
                record.carried = None;
            }
        }
        _ => {}
    }
}
