//! Whom new standards would hit: what is there already and would not be allowed by them.

use std::sync::Arc;

use contract::{AgencyName, SubscriptionName, TopicName};

use super::asked::{REGISTERING, REQUESTING};
use super::entities::Gathered;
use super::judge::{Things, things};
use super::{Asked, Policies};
use crate::{ContractCheck, Principal, Role, Standards, State, Subscription, Topic, duration, notices};

/// Topics or subscriptions whose things are gathered at once: most share theirs with others, and a large state's do not
/// all stand in memory.
const AT_ONCE: usize = 5_000;

/// For those who oversee: it speaks of every agency's people and subscriptions. What of the state the new standards
/// forbid and those in force do not, a line each. What moves events ends when they are set; what was registered stays
/// as it is until somebody changes it.
pub fn hits(state: &State, new: &Standards, now_ms: u64, check: &dyn ContractCheck) -> Vec<String> {
    let Ok(policies) = Policies::read(&new.policies) else { return Vec::new() };
    let limits = (state.standards(), new);
    let weighed = Weighed { state, limits, new: &policies, old: state.policies(), now_ms, check };
    let topics: Vec<_> = state.topics().filter(|topic| !notices::is_own(&topic.name)).collect();
    let live: Vec<_> = state.subscriptions().filter(|subscription| subscription.is_live(now_ms)).collect();
    let mut lines = weighed.each(&topics, Weighed::topic);
    lines.extend(weighed.each(&live, Weighed::subscription));
    if policies.judge_events() {
        // By the terms that hold, not by those that are wished for.
        lines.extend(weighed.each(&live, Weighed::consumers));
    }
    lines
}

/// What may be hit.
enum Doubt {
    /// It is: the line.
    Hit(String),
    /// It is if this is forbidden now and was not before: the line's beginning.
    Asked(Box<Asked>, String),
}

/// Both standards over one state.
struct Weighed<'a> {
    state: &'a State,
    /// Old and new.
    limits: (&'a Standards, &'a Standards),
    new: &'a Policies,
    old: &'a Policies,
    now_ms: u64,
    check: &'a dyn ContractCheck,
}

impl Weighed<'_> {
    /// The lines of what is doubted of each.
    fn each<T>(&self, of: &[&Arc<T>], doubt: fn(&Self, &mut Gathered<'_>, &T) -> Vec<Doubt>) -> Vec<String> {
        of.chunks(AT_ONCE).flat_map(|some| self.some(some, doubt)).collect()
    }

    fn some<T>(
        &self,
        some: &[&Arc<T>],
        doubt: fn(&Self, &mut Gathered<'_>, &T) -> Vec<Doubt>,
    ) -> Vec<String> {
        let mut gathered = Gathered::new(self.state, self.state, self.now_ms);
        let doubts: Vec<Doubt> = some.iter().flat_map(|one| doubt(self, &mut gathered, one)).collect();
        let things = things(gathered.into_json());
        if things.is_err() && some.len() > 1 {
            // One that the policies cannot be asked about hides no other.
            let (one, other) = some.split_at(some.len() / 2);
            return [self.some(one, doubt), self.some(other, doubt)].concat();
        }
        let line = |doubt| match (doubt, &things) {
            (Doubt::Hit(line), _) => Some(line),
            (Doubt::Asked(_, line), Err(why)) => {
                Some(format!("{line}the policies cannot be asked about it: {why}"))
            }
            (Doubt::Asked(asked, line), Ok(_)) => self.newly(&asked, &things).map(|why| line + &why),
        };
        doubts.into_iter().filter_map(line).collect()
    }

    /// Why it is forbidden now and was not before.
    fn newly(&self, asked: &Asked, things: &Things) -> Option<String> {
        let newly = !self.new.allow(asked, things) && self.old.allow(asked, things);
        newly.then(|| self.new.judge_of(asked, things).why().0)
    }

    fn topic(&self, things: &mut Gathered<'_>, topic: &Topic) -> Vec<Doubt> {
        let line = registered(&topic.name, &topic.owner);
        let registering = || Asked::registering(things, topic, self.check);
        let asked = self.new.may_forbid(REGISTERING).then(registering).flatten();
        let mut doubts: Vec<Doubt> =
            asked.map(|asked| Doubt::Asked(Box::new(asked), line.clone())).into_iter().collect();
        let (old, new) = self.limits;
        doubts.extend(bounds(old, new, topic).map(|why| Doubt::Hit(line + &why)));
        doubts.extend(self.producers(things, topic));
        doubts
    }

    fn producers(&self, things: &mut Gathered<'_>, topic: &Topic) -> Vec<Doubt> {
        if !self.new.judge_events() {
            return Vec::new();
        }
        let producers = self.state.principals_in(&topic.owner, Role::Producer);
        let doubt = |producer: &Principal| {
            let line = format!("{} could not publish to {} any more: ", producer.principal, topic.name);
            Doubt::Asked(Box::new(Asked::publishing(things, &producer.actor(), topic)), line)
        };
        producers.map(doubt).collect()
    }

    fn subscription(&self, things: &mut Gathered<'_>, subscription: &Subscription) -> Vec<Doubt> {
        let line = granted(&subscription.name, &subscription.agency);
        let asked = self.new.may_forbid(REQUESTING).then(|| self.requesting(things, subscription)).flatten();
        let mut doubts: Vec<Doubt> =
            asked.map(|asked| Doubt::Asked(Box::new(asked), line.clone())).into_iter().collect();
        let (old, new) = self.limits;
        doubts.extend(purpose(old, new, subscription).map(|why| Doubt::Hit(line + &why)));
        doubts
    }

    fn requesting(&self, things: &mut Gathered<'_>, subscription: &Subscription) -> Option<Asked> {
        let asker = subscription.requested.as_ref().map(|request| &request.by.principal);
        let known = asker.and_then(|name| self.state.principal(name));
        let steward = || self.state.principals_in(&subscription.agency, Role::Steward).next();
        let by = known.or_else(steward)?.actor();
        Asked::requesting(things, subscription, &by)
    }

    fn consumers(&self, things: &mut Gathered<'_>, subscription: &Subscription) -> Vec<Doubt> {
        let consumers = self.state.principals_in(&subscription.agency, Role::Consumer);
        let doubt = |consumer: &Principal| {
            let line =
                format!("{} could not consume under {} any more: ", consumer.principal, subscription.name);
            let asked = Asked::consuming(things, &consumer.actor(), subscription)?;
            Some(Doubt::Asked(Box::new(asked), line))
        };
        consumers.filter_map(doubt).collect()
    }
}

fn registered(topic: &TopicName, owner: &AgencyName) -> String {
    format!("topic {topic} of {owner} stays as it is, but would not be registered any more: ")
}

fn granted(subscription: &SubscriptionName, agency: &AgencyName) -> String {
    format!("subscription {subscription} of {agency} stays as it is, but could not be asked for any more: ")
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
