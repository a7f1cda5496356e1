//! Who calls, and what they may: the questions are put to governance, which alone knows the answers.

use std::sync::Arc;

use contract::{ContractVersion, PrincipalName, SubscriptionName, TopicName};
use governance::agreement::{self, Reader};
use governance::{State, Subscription, rights};

use crate::api::Caller;
use crate::credentials::token_hash;
use crate::{Bus, Refusal, RefusalKind};

impl Bus {
    /// Who holds this token.
    pub fn identify(&self, token: &str) -> Result<Caller, Refusal> {
        let state = self.core.state();
        state.principal_by_token_hash(&token_hash(token)).map(governance::Principal::actor).ok_or_else(|| {
            Refusal::new(RefusalKind::Unauthenticated, "nobody holds this token")
                .hint("chancery principal token NAME@AGENCY issues a new one; the old one then ends")
        })
    }

    /// Who holds a certificate that names this principal. That an authority of the operator's signed it was checked
    /// where it was shown.
    pub fn identify_certificate(&self, name: &PrincipalName) -> Result<Caller, Refusal> {
        let state = self.core.state();
        let known = state.principal(name).filter(|found| !found.disabled);
        known.map(governance::Principal::actor).ok_or_else(|| {
            let what = format!("the client's certificate names {name}, who is no principal here");
            Refusal::new(RefusalKind::Unauthenticated, what)
                .hint("chancery principal create makes one; one that was disabled stays so")
        })
    }

    /// The caller as it is now: a principal that was disabled since it called in has no roles left.
    pub(crate) fn now(&self, caller: &Caller) -> Caller {
        let state = self.core.state();
        state.principal(&caller.principal).map(governance::Principal::actor).unwrap_or_else(|| caller.clone())
    }

    pub(crate) fn may_publish(&self, caller: &Caller, topic: &TopicName) -> Result<(), Refusal> {
        let state = self.core.state();
        let found = state.topic(topic).ok_or_else(|| unknown_topic(topic))?;
        self.lets_publish(&state, &self.now(caller), found)
    }

    /// The subscription, where the caller may read it now.
    pub fn may_consume(
        &self,
        caller: &Caller,
        name: &SubscriptionName,
    ) -> Result<Arc<Subscription>, Refusal> {
        // Of one state, so that an answer that is remembered is that state's.
        let state = self.core.state();
        let subscription =
            state.shared_subscription(name).cloned().ok_or_else(|| unknown_subscription(name))?;
        self.lets_consume(&state, &self.now(caller), &subscription)?;
        Ok(subscription)
    }

    /// The names of the subscriptions to a topic that the caller may read now.
    pub fn may_consume_from(&self, caller: &Caller, topic: &TopicName) -> Vec<SubscriptionName> {
        let (state, caller) = (self.core.state(), self.now(caller));
        let own = state
            .subscriptions_of(topic)
            .filter(|subscription| self.lets_consume(&state, &caller, subscription).is_ok());
        own.map(|subscription| subscription.name.clone()).collect()
    }

    /// The subscriptions that the caller may see, by name.
    pub fn subscriptions(&self, caller: &Caller) -> Vec<Arc<Subscription>> {
        let state = self.core.state();
        let seen = state.subscriptions().filter(|found| self.may_oversee(caller, &found.name).is_ok());
        seen.cloned().collect()
    }

    /// What a version of a topic's contract means for each subscription that the caller may see.
    pub fn readers(
        &self,
        caller: &Caller,
        topic: &TopicName,
        version: ContractVersion,
    ) -> Result<Vec<Reader>, Refusal> {
        let state = self.state(caller)?;
        let found = state.topic(topic).ok_or_else(|| unknown_topic(topic))?;
        let unknown =
            || Refusal::new(RefusalKind::Unknown, format!("there is no contract {version} of {topic}"));
        let version = found.versions.get(&version).ok_or_else(unknown)?;
        let mut readers = agreement::readers(&state, found, version, self.core.clock.now_ms());
        readers.retain(|reader| self.may_oversee(caller, &reader.subscription.name).is_ok());
        Ok(readers)
    }

    /// The principals that the caller may see: those of its agency, or for those who oversee, all.
    pub fn principals(&self, caller: &Caller) -> Vec<governance::Principal> {
        let (state, caller) = (self.core.state(), self.now(caller));
        let seen =
            state.principals().filter(|found| rights::may_read_metadata(&caller, &[&found.agency]).is_ok());
        seen.cloned().collect()
    }

    /// The subscription, where the caller may see how it fares: its agency, the topic's owner, or who oversees all.
    pub fn may_oversee(
        &self,
        caller: &Caller,
        name: &SubscriptionName,
    ) -> Result<Arc<Subscription>, Refusal> {
        let subscription = self.subscription(name)?;
        let owner = self.core.topics.get(&subscription.topic)?.owner.clone();
        rights::may_read_metadata(&self.now(caller), &[&subscription.agency, &owner])?;
        Ok(subscription)
    }

    pub(crate) fn subscription(&self, name: &SubscriptionName) -> Result<Arc<Subscription>, Refusal> {
        let state = self.core.state();
        state.shared_subscription(name).cloned().ok_or_else(|| unknown_subscription(name))
    }

    /// Whether the caller may read every agency's audit entries.
    pub fn may_read_audit(&self, caller: &Caller) -> Result<(), Refusal> {
        Ok(rights::may_read_audit(&self.now(caller))?)
    }

    /// Whether the caller may see the disclosures of a subscription, of a topic, or of all.
    pub fn may_read_disclosures(
        &self,
        caller: &Caller,
        topic: Option<&TopicName>,
        subscription: Option<&SubscriptionName>,
    ) -> Result<(), Refusal> {
        match (topic, subscription) {
            (_, Some(name)) => self.may_oversee(caller, name).map(|_| ()),
            (Some(topic), None) => {
                let owner = self.core.topics.get(topic)?.owner.clone();
                Ok(rights::may_read_metadata(&self.now(caller), &[&owner])?)
            }
            (None, None) => self.may_read_audit(caller),
        }
    }

    /// Governance as it stands: the catalogue is open to every principal.
    pub fn state(&self, _: &Caller) -> Result<Arc<State>, Refusal> {
        Ok(self.core.state())
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
