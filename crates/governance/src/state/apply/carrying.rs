//! Folds who goes on by a version that their topic went past, and what of it cannot be taken back for them.

use std::sync::Arc;

use crate::State;
use crate::events::Event;
use crate::state::Carried;

pub(super) fn fold(state: &mut State, event: &Event, at_ms: u64) {
    let (Event::SubscriptionCarried { subscription, .. }
    | Event::SubscriptionCaughtUp { subscription, .. }
    | Event::EventsSetAside { subscription, .. }) = event
    else {
        return;
    };
    let Some(record) = state.subscriptions.get_mut(subscription).map(Arc::make_mut) else { return };
    match event {
        Event::SubscriptionCarried { version, .. } => {
            let since_ms = record.carried.map_or(at_ms, |carried| carried.since_ms);
            record.carried = Some(Carried { on: *version, since_ms });
            record.set_aside.clear();
        }
        Event::SubscriptionCaughtUp { .. } => {
            record.carried = None;
            record.set_aside.clear();
        }
        Event::EventsSetAside { version, .. } => drop(record.set_aside.insert(*version)),
        _ => {}
    }
}
