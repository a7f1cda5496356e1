//! Whom new standards would hit: what is there already and would not be allowed by them.

use contract::{AgencyName, SubscriptionName, TopicName};

use super::{Asked, Policies};
use crate::{ContractCheck, Role, Standards, State, Subscription, Topic, duration, notices};

/// For those who oversee: it speaks of every agency's people and subscriptions. What of the state the new standards forbid and those in force do not, a line each. What moves events ends when they
/// are set; what was registered stays as it is until somebody changes it.
pub fn hits(state: &State, new: &Standards, now_ms: u64, check: &dyn ContractCheck) -> Vec<String> {
    let Ok(policies) = Policies::read(&new.policies) else { return Vec::new() };
    let weighed = Weighed { state, new: &policies, old: state.policies(), now_ms, check };
    let mut lines = Vec::new();
    for topic in state.topics().filter(|topic| !notices::is_own(&topic.name)) {
        lines.extend(weighed.topic(topic).map(|why| registered(&topic.name, &topic.owner, &why)));
        lines.extend(
            bounds(state.standards(), new, topic).map(|why| registered(&topic.name, &topic.owner, &why)),
        );
        lines.extend(weighed.producers(topic));
    }
    let live = state.subscriptions().filter(|subscription| subscription.is_live(now_ms));
    for subscription in live {
        let (name, agency) = (&subscription.name, &subscription.agency);
        lines.extend(weighed.subscription(subscription).map(|why| granted(name, agency, &why)));
        lines.extend(purpose(state.standards(), new, subscription).map(|why| granted(name, agency, &why)));
        lines.extend(weighed.consumers(subscription));
    }
    lines
}

fn registered(topic: &TopicName, owner: &AgencyName, why: &str) -> String {
    format!("topic {topic} of {owner} stays as it is, but would not be registered any more: {why}")
}

fn granted(subscription: &SubscriptionName, agency: &AgencyName, why: &str) -> String {
    format!(
        "subscription {subscription} of {agency} stays as it is, but could not be asked for any more: {why}"
    )
}

/// Both standards' policies over one state.
struct Weighed<'a> {
    state: &'a State,
    new: &'a Policies,
    old: &'a Policies,
    now_ms: u64,
    check: &'a dyn ContractCheck,
}

impl Weighed<'_> {
    /// Why it is forbidden now and was not before.
    fn newly(&self, asked: Option<Asked>) -> Option<String> {
        let asked = asked?;
        let verdict = self.new.judge(&asked);
        (!verdict.allowed && self.old.judge(&asked).allowed).then(|| verdict.why().0)
    }

    fn topic(&self, topic: &Topic) -> Option<String> {
        self.newly(Asked::registering(self.state, topic, self.now_ms, self.check))
    }

    fn subscription(&self, subscription: &Subscription) -> Option<String> {
        let wish = |request: &crate::state::Request| request.by.principal.clone();
        let asker = subscription.requested.as_ref().map(wish);
        let known = asker.and_then(|name| self.state.principal(&name)).map(crate::Principal::actor);
        let steward = || {
            let mut stewards = self.state.principals_in(&subscription.agency, Role::Steward);
            stewards.next().map(crate::Principal::actor)
        };
        let by = known.or_else(steward)?;
        self.newly(Asked::requesting(self.state, subscription, &by, self.now_ms))
    }

    fn producers(&self, topic: &Topic) -> Vec<String> {
        if !self.new.judge_events() {
            return Vec::new();
        }
        let producers = self.state.principals_in(&topic.owner, Role::Producer);
        let hit = producers.filter_map(|principal| {
            let why = self.newly(Some(Asked::publishing(self.state, &principal.actor(), topic)))?;
            Some(format!("{} could not publish to {} any more: {why}", principal.principal, topic.name))
        });
        hit.collect()
    }

    fn consumers(&self, subscription: &Subscription) -> Vec<String> {
        if !self.new.judge_events() {
            return Vec::new();
        }
        let consumers = self.state.principals_in(&subscription.agency, Role::Consumer);
        let hit = consumers.filter_map(|principal| {
            let asked = Asked::consuming(self.state, &principal.actor(), subscription, self.now_ms);
            let why = self.newly(asked)?;
            Some(format!(
                "{} could not consume under {} any more: {why}",
                principal.principal, subscription.name
            ))
        });
        hit.collect()
    }
}

/// The limits that a topic keeps to now and would not.
fn bounds(old: &Standards, new: &Standards, topic: &Topic) -> Option<String> {
    let retention = |standards: &Standards| standards.retention_fault(topic.retention_s);
    let partitions = |standards: &Standards| standards.partitions_fault(topic.partitions);
    let newly = |now: Option<String>, then: Option<String>| now.filter(|_| then.is_none());
    newly(retention(new), retention(old)).or_else(|| newly(partitions(new), partitions(old)))
}

/// The purpose or length that a subscription keeps to now and would not.
fn purpose(old: &Standards, new: &Standards, subscription: &Subscription) -> Option<String> {
    let grant = subscription.granted.as_ref()?;
    let purpose = |standards: &Standards| standards.purpose_fault(&grant.terms.purpose);
    let length_s = grant.expires_ms.saturating_sub(grant.since_ms) / 1000;
    let (was, is) = (old.limits.subscription_max_s, new.limits.subscription_max_s);
    let too_long = || {
        let [length, max] = [length_s, is].map(duration::to_text);
        (is < length_s && length_s <= was)
            .then(|| format!("it runs for {length}, longer than the standards' {max}"))
    };
    purpose(new).filter(|_| purpose(old).is_none()).or_else(too_long)
}
