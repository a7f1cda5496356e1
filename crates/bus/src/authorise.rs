//! Who calls, and what they may: the questions are put to governance, which alone knows the answers.

use std::sync::Arc;

use aws_lc_rs::digest;
use contract::{SubscriptionName, TopicName};
use governance::{State, Subscription, rights};

use crate::api::Caller;
use crate::{Bus, Refusal, RefusalKind};

/// The SHA-256 of a token: all that the bus keeps of it.
pub fn token_hash(token: &str) -> [u8; 32] {
    let hash = digest::digest(&digest::SHA256, token.as_bytes());
    let mut bytes = [0; 32];
    bytes.copy_from_slice(hash.as_ref());
    bytes
}

impl Bus {
    /// Who holds this token.
    pub fn identify(&self, token: &str) -> Result<Caller, Refusal> {
        let state = self.core.state();
        state.principal_by_token_hash(&token_hash(token)).map(governance::Principal::actor).ok_or_else(|| {
            Refusal::new(RefusalKind::Unauthenticated, "nobody holds this token")
                .hint("chancery principal token NAME@AGENCY issues a new one; the old one then ends")
        })
    }

    pub(crate) fn may_publish(&self, caller: &Caller, topic: &TopicName) -> Result<(), Refusal> {
        let state = self.core.state();
        let found = state.topic(topic).ok_or_else(|| unknown_topic(topic))?;
        Ok(rights::may_publish(caller, found)?)
    }

    /// The subscription, where the caller may read it now.
    pub(crate) fn may_consume(
        &self,
        caller: &Caller,
        name: &SubscriptionName,
    ) -> Result<Arc<Subscription>, Refusal> {
        let subscription = self.subscription(name)?;
        rights::may_consume(caller, &subscription, self.core.clock.now_ms())?;
        Ok(subscription)
    }

    /// The subscription, where the caller may see or move its affairs: the consuming agency, or who oversees.
    pub(crate) fn may_oversee(&self, caller: &Caller, name: &SubscriptionName) -> Result<Arc<Subscription>, Refusal> {
        let subscription = self.subscription(name)?;
        if subscription.agency != caller.agency {
            rights::may_read_metadata(caller)?;
        }
        Ok(subscription)
    }

    fn subscription(&self, name: &SubscriptionName) -> Result<Arc<Subscription>, Refusal> {
        let state = self.core.state();
        let mut all = state.subscriptions();
        all.find(|subscription| subscription.name == *name).cloned().ok_or_else(|| unknown_subscription(name))
    }

    /// Governance as it stands, for a caller who may read it.
    pub fn state(&self, caller: &Caller) -> Result<Arc<State>, Refusal> {
        let state = self.core.state();
        rights::may_read_metadata(caller)?;
        Ok(state)
    }
}

pub(crate) fn unknown_topic(name: &TopicName) -> Refusal {
    Refusal::new(RefusalKind::Unknown, format!("there is no topic {name}"))
        .hint("chancery topic list shows those there are")
}

pub(crate) fn unknown_subscription(name: &SubscriptionName) -> Refusal {
    Refusal::new(RefusalKind::Unknown, format!("there is no subscription {name}"))
        .hint("chancery subscription request asks for one")
}
