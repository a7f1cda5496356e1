//! What time brings to subscriptions: their end is told before it comes, and when it has come.

use crate::events::{By, SubscriptionEvent};
use crate::state::Told;
use crate::{Event, State, Subscription};

/// What is due at `now_ms` (milliseconds since 1970), each once for each grant.
pub fn due(state: &State, now_ms: u64, by: &By) -> Vec<Event> {
    let renewal_ms = state.standards().access.renewal_s.saturating_mul(1000);
    let told = |subscription: &Subscription| {
        let grant = subscription.granted.as_ref().filter(|_| subscription.ended.is_none())?;
        let (name, by) = (subscription.name.clone(), by.clone());
        if now_ms >= grant.expires_ms {
            let expired =
                Event::Subscription(SubscriptionEvent::SubscriptionExpired { subscription: name, by });
            return (grant.told < Told::Expired).then_some(expired);
        }
        // One that was granted for less has known its end from the beginning.
        let from_ms = grant.expires_ms.saturating_sub(renewal_ms);
        let is_near = grant.told < Told::Expiring && grant.since_ms < from_ms && from_ms <= now_ms;
        is_near.then_some(Event::Subscription(SubscriptionEvent::SubscriptionExpiring {
            subscription: name,
            expires: grant.terms.expires,
            by,
        }))
    };
    state.subscriptions().filter_map(|subscription| told(subscription)).collect()
}
