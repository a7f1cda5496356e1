//! What is known of everybody and everything: the fold of the events, and nothing besides.
//!
//! Invariants: the state changes through [`apply`] only; a topic always has an owner, a steward and a deputy; a token's
//! hash leads to at most one principal, which is not disabled; a subscription is listed with its topic and no other.
//! Records are shared (`Arc`), so a clone copies the maps and no record: cheap enough for every published view and for
//! trying a plan out.

mod apply;
mod erasure;
mod holdings;
mod leaks_told;
mod parties;
pub mod schemas;
mod series;
mod stewardship;
mod subscription;
mod succession;
mod topic;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use contract::{AgencyName, Pointer, PrincipalName, SubscriptionName, TopicName};

pub use apply::apply;
pub use erasure::{
    Erasure, EventAt, Found, Handed, Hold, HoldOn, Informed, Part, Person, Response, Stopped, Word,
};
pub use parties::{Agency, Delegation, Principal, Profile, Since};
pub use schemas::{Mode, Reference, Schema, Schemas};
pub use series::Listed;
pub use stewardship::{Accepted, Confirmation, Offer, Stage, Stewardship, Tenure};
pub use subscription::{Approval, Carried, End, Ended, Former, Grant, Request, Subscription, Terms, Told};
pub use succession::{Share, Shares, Succeeded, Succession};
pub use topic::{Acknowledgement, Answer, Latency, Objection, Override, Status, Topic, Version};

use holdings::Holdings;
use leaks_told::LeaksTold;

use crate::policy::Policies;
use crate::{Role, Standards, leaks};

/// Everything that governance knows. `Default` knows nothing: the bus is not open yet.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct State {
    /// The agency that runs the bus, once there is an operator.
    central: Option<AgencyName>,
    bootstrap_closed: bool,
    standards: Arc<Standards>,
    /// The standards' policies, read.
    policies: Arc<Policies>,
    agencies: BTreeMap<AgencyName, Arc<Agency>>,
    principals: BTreeMap<PrincipalName, Arc<Principal>>,
    /// From the SHA-256 of a token to its principal.
    tokens: BTreeMap<[u8; 32], PrincipalName>,
    topics: BTreeMap<TopicName, Arc<Topic>>,
    subscriptions: BTreeMap<SubscriptionName, Arc<Subscription>>,
    /// The names of each topic's subscriptions, live or not: a decision about one topic asks for no other's.
    subscribed: BTreeMap<TopicName, Arc<BTreeSet<SubscriptionName>>>,
    /// How much each agency has.
    holdings: Arc<Holdings>,
    schemas: Arc<Schemas>,
    /// Of agencies that are to be succeeded.
    successions: BTreeMap<AgencyName, Arc<Succession>>,
    erasures: BTreeMap<String, Arc<Erasure>>,
    holds: BTreeMap<String, Arc<Hold>>,
    /// Public fields that speak of a person and hold nobody's data, by topic and by whose officer said so.
    public: BTreeMap<TopicName, BTreeMap<AgencyName, Arc<BTreeSet<Pointer>>>>,
    /// Which findings of the day were told.
    leaks_told: Arc<LeaksTold>,
}

impl State {
    /// Whether the bus has been opened.
    pub fn is_open(&self) -> bool {
        self.central.is_some()
    }

    /// The agency that runs the bus.
    pub fn central(&self) -> Option<&AgencyName> {
        self.central.as_ref()
    }

    /// Whether what an operator does still counts as approved.
    pub fn in_bootstrap(&self) -> bool {
        !self.bootstrap_closed
    }

    /// The central rules.
    pub fn standards(&self) -> &Standards {
        &self.standards
    }

    /// The standards' policies.
    pub fn policies(&self) -> &Arc<Policies> {
        &self.policies
    }

    /// The state with no other topic and no other subscription, and without people: cheap to fold facts into.
    /// What each agency has is counted on.
    pub(crate) fn only(&self, topic: Option<&TopicName>, subscription: Option<&SubscriptionName>) -> Self {
        let topic = topic.and_then(|name| self.topics.get_key_value(name));
        let subscription = subscription.and_then(|name| self.subscriptions.get_key_value(name));
        let own_topic = |(name, shared): (&TopicName, &Arc<Topic>)| (name.clone(), shared.clone());
        let own_subscription =
            |(name, shared): (&SubscriptionName, &Arc<Subscription>)| (name.clone(), shared.clone());
        Self {
            central: self.central.clone(),
            bootstrap_closed: self.bootstrap_closed,
            standards: self.standards.clone(),
            topics: topic.map(own_topic).into_iter().collect(),
            subscriptions: subscription.map(own_subscription).into_iter().collect(),
            holdings: self.holdings.clone(),
            ..Self::default()
        }
    }

    /// Whether it was told on the day of `at_ms` that a detector found something at a place of a topic, and this became of
    /// the event.
    pub fn is_leak_told(
        &self,
        topic: &TopicName,
        place: &str,
        detector: &str,
        answer: leaks::Answer,
        at_ms: u64,
    ) -> bool {
        self.leaks_told.has(topic, place, detector, answer, at_ms)
    }

    /// The schemas of the registry.
    pub fn schemas(&self) -> &Schemas {
        &self.schemas
    }

    /// The agency of that name.
    pub fn agency(&self, name: &AgencyName) -> Option<&Agency> {
        self.agencies.get(name).map(Arc::as_ref)
    }

    /// The principal of that name, disabled or not.
    pub fn principal(&self, name: &PrincipalName) -> Option<&Principal> {
        self.principals.get(name).map(Arc::as_ref)
    }

    /// Whose token has this SHA-256; never a disabled principal.
    pub fn principal_by_token_hash(&self, hash: &[u8; 32]) -> Option<&Principal> {
        self.principal(self.tokens.get(hash)?)
    }

    /// The topic of that name.
    pub fn topic(&self, name: &TopicName) -> Option<&Topic> {
        self.topics.get(name).map(Arc::as_ref)
    }

    /// The subscription of that name, live or not.
    pub fn subscription(&self, name: &SubscriptionName) -> Option<&Subscription> {
        self.subscriptions.get(name).map(Arc::as_ref)
    }

    /// The subscription of that name, to keep as it is now.
    pub fn shared_subscription(&self, name: &SubscriptionName) -> Option<&Arc<Subscription>> {
        self.subscriptions.get(name)
    }

    /// All agencies, by name.
    pub fn agencies(&self) -> impl Iterator<Item = &Agency> {
        self.agencies.values().map(Arc::as_ref)
    }

    /// All principals, by name.
    pub fn principals(&self) -> impl Iterator<Item = &Principal> {
        self.principals.values().map(Arc::as_ref)
    }

    /// All topics, by name. An `Arc` of one may be kept: it is the topic as of now.
    pub fn topics(&self) -> impl Iterator<Item = &Arc<Topic>> {
        self.topics.values()
    }

    /// All subscriptions, by name.
    pub fn subscriptions(&self) -> impl Iterator<Item = &Arc<Subscription>> {
        self.subscriptions.values()
    }

    /// Who is to succeed an agency.
    pub fn succession(&self, agency: &AgencyName) -> Option<&Succession> {
        self.successions.get(agency).map(Arc::as_ref)
    }

    /// All successions that are to come, by the agency that is succeeded.
    pub fn successions(&self) -> impl Iterator<Item = (&AgencyName, &Succession)> {
        self.successions.iter().map(|(agency, agreed)| (agency, agreed.as_ref()))
    }

    /// The erasure of that name.
    pub fn erasure(&self, name: &str) -> Option<&Arc<Erasure>> {
        self.erasures.get(name)
    }

    /// All erasures, by name; the older first, as names grow with time.
    pub fn erasures(&self) -> impl DoubleEndedIterator<Item = &Arc<Erasure>> {
        self.erasures.values()
    }

    /// The public fields of a topic of which an agency's data protection officer said that they hold nobody's data.
    pub fn confirmed_public(&self, topic: &TopicName, agency: &AgencyName) -> Arc<BTreeSet<Pointer>> {
        let known = self.public.get(topic).and_then(|by_agency| by_agency.get(agency));
        known.cloned().unwrap_or_default()
    }

    /// The hold of that name, lifted or not.
    pub fn hold(&self, name: &str) -> Option<&Arc<Hold>> {
        self.holds.get(name)
    }

    /// All holds, by name; the older first.
    pub fn holds(&self) -> impl DoubleEndedIterator<Item = &Arc<Hold>> {
        self.holds.values()
    }

    /// Whether a legal hold keeps all events of a topic.
    pub fn is_held(&self, topic: &TopicName) -> bool {
        let keeps = |hold: &Hold| matches!(&hold.on, HoldOn::Topic(name) if name == topic);
        self.holds.values().any(|hold| hold.lifted.is_none() && keeps(hold))
    }

    /// The subscriptions of a topic, by name.
    pub fn subscriptions_of(&self, topic: &TopicName) -> impl Iterator<Item = &Arc<Subscription>> {
        let names = self.subscribed.get(topic).into_iter().flat_map(|names| names.iter());
        names.filter_map(|name| self.subscriptions.get(name))
    }

    /// The agencies that a new version of the topic's contract waits for: those with a live subscription, but for the
    /// owner, whose proposal is its agreement.
    pub fn subscribed_agencies(&self, topic: &Topic, now_ms: u64) -> Vec<AgencyName> {
        let mut agencies: Vec<_> = self
            .subscriptions_of(&topic.name)
            .filter(|subscription| subscription.is_live(now_ms) && subscription.agency != topic.owner)
            .map(|subscription| subscription.agency.clone())
            .collect();
        agencies.sort();
        agencies.dedup();
        agencies
    }

    /// The principals of `agency` in `role` that are not disabled.
    pub fn principals_in(&self, agency: &AgencyName, role: Role) -> impl Iterator<Item = &Principal> {
        self.principals().filter(move |p| p.agency == *agency && p.roles.contains(role) && !p.disabled)
    }

    /// The principals in the role of operator that are not disabled.
    pub fn operators(&self) -> impl Iterator<Item = &Principal> {
        self.principals().filter(|p| p.roles.contains(Role::Operator) && !p.disabled)
    }
}
