//! Notices become events: each decision's, in order, by the same way in as everybody's events.
//!
//! If we die after an event is durable and before the herald's place is, the event is published again with the same
//! identity, which the lane recognises. Governance does not wait for the herald.

use std::collections::BTreeMap;
use std::time::Duration;

use contract::TopicName;
use governance::clerk::clerk;
use governance::{Role, Roles};
use tokio::time::timeout;

use super::{Told, place_name};
use crate::api::{Caller, Outcome};
use crate::publish::Incoming;
use crate::{Bus, Refusal, RefusalKind};

/// How long it waits before it tries again what failed.
const AGAIN: Duration = Duration::from_secs(5);

/// Notices that are published before the place is kept.
const AT_ONCE: usize = 500;

/// Whose place the herald's is.
pub const HERALD: &str = "herald";

/// Publishes notices until the bus closes.
pub async fn run(bus: Bus) {
    loop {
        let bell = bus.core.notices.bell().notified();
        tokio::pin!(bell);
        // Listen before looking: what comes in between is not missed.
        bell.as_mut().enable();
        match bus.herald().await {
            Ok(0) => bell.await,
            Ok(_) => {}
            Err(error) => {
                tracing::warn!(%error, "notices could not be published; it is tried again");
                let _ = timeout(AGAIN, bell).await;
            }
        }
    }
}

impl Bus {
    /// Publishes the next notices; how many there were. The bus does it by itself.
    pub async fn herald(&self) -> Result<usize, Refusal> {
        let name = place_name(HERALD);
        let next = self.core.notices.starting_at(self.own_place(&name), AT_ONCE);
        let Some(last) = next.last() else { return Ok(0) };
        let mut by_topic: BTreeMap<TopicName, Vec<&Told>> = BTreeMap::new();
        for told in &next {
            let topic = TopicName::parse(&format!("bus.{}", told.notice.kind));
            by_topic
                .entry(topic.map_err(|error| Refusal::unavailable(error.to_string()))?)
                .or_default()
                .push(told);
        }
        for (topic, told) in by_topic {
            self.publish_notices(&topic, &told).await?;
        }
        self.keep_own_place(&name, last.offset + 1).await?;
        self.core.notices.forget(last.offset + 1);
        Ok(next.len())
    }

    async fn publish_notices(&self, topic: &TopicName, told: &[&Told]) -> Result<(), Refusal> {
        let principal = clerk();
        let herald = Caller { agency: principal.agency(), principal, roles: Roles::from(Role::Producer) };
        let events: Vec<Incoming> = told.iter().map(|one| Ok(self.notice_event(one))).collect();
        let outcomes = self.publish(&herald, topic, events).await?;
        for (outcome, told) in outcomes.into_iter().zip(told) {
            match outcome {
                Outcome::Accepted(_) | Outcome::Duplicate(_) => {}
                Outcome::Refused(refusal) if may_pass(refusal.kind) => return Err(refusal),
                // Its text was another one in the release that published it, or it can never go in: the next must.
                Outcome::Refused(error) => {
                    tracing::error!(%topic, decision = told.offset, %error, "a notice was passed over");
                }
            }
        }
        Ok(())
    }
}

/// Whether the same may be taken later.
fn may_pass(kind: RefusalKind) -> bool {
    matches!(kind, RefusalKind::Throttled | RefusalKind::Unavailable | RefusalKind::Abandoned)
}
