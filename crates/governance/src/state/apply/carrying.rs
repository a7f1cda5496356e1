//! Folds who goes on by a version that their topic went past, and what of it cannot be taken back for them.

use std::sync::Arc;

use crate::State;
use crate::events::CarryingEvent;
use crate::state::Carried;

pub(super) fn fold(state: &mut State, event: &CarryingEvent, at_ms: u64) {
    let (CarryingEvent::SubscriptionCarried { subscription, .. }
    | CarryingEvent::SubscriptionCaughtUp { subscription, .. }
    | CarryingEvent::EventsSetAside { subscription, .. }) = event;
    let Some(record) = state.subscriptions.get_mut(subscription).map(Arc::make_mut) else { return };
    match event {
        CarryingEvent::SubscriptionCarried { version, .. } => {
            let since_ms = record.carried.map_or(at_ms, |carried| carried.since_ms);
            record.carried = Some(Carried { on: *version, since_ms });
            record.set_aside.clear();
        }
        CarryingEvent::SubscriptionCaughtUp { .. } => {
            record.carried = None;
            record.set_aside.clear();
        }
        CarryingEvent::EventsSetAside { version, .. } => drop(record.set_aside.insert(*version)),
    }
}
