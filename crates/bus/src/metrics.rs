//! Counters, by the names that operators rely on. Labels are topics and subscriptions, never people.

use contract::profiles::EventRule;
use contract::{AgencyName, SubscriptionName, TopicName};
use governance::leaks::Answer;
use governance::notices::Way;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::Registry;

use crate::lanes::Lane;

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct TopicLabel {
    topic: String,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct RefusedLabel {
    topic: String,
    reason: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct AdviceLabel {
    topic: String,
    profile: &'static str,
    rule: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct LeakLabel {
    topic: String,
    detector: &'static str,
    answer: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct SubscriptionLabel {
    topic: String,
    subscription: String,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct LaneLabel {
    lane: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct LetterLabel {
    agency: String,
    way: &'static str,
}

type ByTopic<M> = Family<TopicLabel, M>;

/// All counters of the bus.
pub struct Metrics {
    registry: Registry,
    published: ByTopic<Counter>,
    duplicate: ByTopic<Counter>,
    refused: Family<RefusedLabel, Counter>,
    advised: Family<AdviceLabel, Counter>,
    leaked: Family<LeakLabel, Counter>,
    publish_seconds: ByTopic<Histogram>,
    end_to_end_seconds: ByTopic<Histogram>,
    delivered: Family<SubscriptionLabel, Counter>,
    lag: Family<SubscriptionLabel, Gauge>,
    dead_letters: Family<SubscriptionLabel, Gauge>,
    group_bytes: Family<LaneLabel, Histogram>,
    tree_size: Family<LaneLabel, Gauge>,
    notices_sent: Family<LetterLabel, Counter>,
    letters_failed: Family<LetterLabel, Counter>,
}

/// The counters of one topic, looked up once.
#[derive(Clone)]
pub struct TopicMetrics {
    /// Events accepted.
    pub published: Counter,
    /// Events recognised as seen before.
    pub duplicate: Counter,
    /// Seconds from the call to the durable answer.
    pub publish_seconds: Histogram,
    /// Seconds from durable to handed over.
    pub end_to_end_seconds: Histogram,
}

fn seconds() -> Histogram {
    Histogram::new(exponential_buckets(0.0001, 2.0, 18))
}

fn bytes() -> Histogram {
    Histogram::new(exponential_buckets(512.0, 2.0, 13))
}

impl Default for Metrics {
    fn default() -> Self {
        let mut metrics = Self {
            registry: Registry::with_prefix("chancery"),
            published: Family::default(),
            duplicate: Family::default(),
            refused: Family::default(),
            advised: Family::default(),
            leaked: Family::default(),
            publish_seconds: Family::new_with_constructor(seconds),
            end_to_end_seconds: Family::new_with_constructor(seconds),
            delivered: Family::default(),
            lag: Family::default(),
            dead_letters: Family::default(),
            group_bytes: Family::new_with_constructor(bytes),
            tree_size: Family::default(),
            notices_sent: Family::default(),
            letters_failed: Family::default(),
        };
        metrics.register();
        metrics
    }
}

impl Metrics {
    fn register(&mut self) {
        // The text format adds `_total` to counters itself.
        let r = &mut self.registry;
        r.register("events_published", "Events accepted", self.published.clone());
        r.register("events_duplicate", "Events recognised as published before", self.duplicate.clone());
        r.register("events_refused", "Events refused, by reason", self.refused.clone());
        r.register("profile_advice", "Events that did not keep to a SHOULD, by rule", self.advised.clone());
        let leaked = self.leaked.clone();
        r.register("leaks_found", "Personal data found where contracts say there is none", leaked);
        r.register("events_delivered", "Events handed to a subscription", self.delivered.clone());
        r.register("publish_seconds", "From the call to the durable answer", self.publish_seconds.clone());
        r.register("end_to_end_seconds", "From durable to handed over", self.end_to_end_seconds.clone());
        r.register("consumer_lag", "Events that a subscription has not processed", self.lag.clone());
        r.register("dead_letters", "Dead letters that wait for a decision", self.dead_letters.clone());
        r.register("commit_group_bytes", "Size of durable groups", self.group_bytes.clone());
        r.register("audit_tree_size", "Leaves in a lane's audit tree", self.tree_size.clone());
        let (sent, failed) = (self.notices_sent.clone(), self.letters_failed.clone());
        r.register("notices_sent", "Notices that arrived beyond the bus", sent);
        r.register("notices_failed", "Letters of notices that did not arrive and are tried again", failed);
    }

    /// One topic's counters.
    pub fn topic(&self, name: &TopicName) -> TopicMetrics {
        let label = TopicLabel { topic: name.to_string() };
        TopicMetrics {
            published: self.published.get_or_create(&label).clone(),
            duplicate: self.duplicate.get_or_create(&label).clone(),
            publish_seconds: self.publish_seconds.get_or_create(&label).clone(),
            end_to_end_seconds: self.end_to_end_seconds.get_or_create(&label).clone(),
        }
    }

    /// An event was refused.
    pub fn refused(&self, topic: &TopicName, reason: &'static str) {
        self.refused.get_or_create(&RefusedLabel { topic: topic.to_string(), reason }).inc();
    }

    /// An event did not keep to what a profile recommends.
    pub fn advised(&self, topic: &TopicName, asked: &EventRule) {
        let (profile, rule) = (asked.profile.id, asked.rule.id);
        self.advised.get_or_create(&AdviceLabel { topic: topic.to_string(), profile, rule }).inc();
    }

    /// A detector found something in an event, of which this became.
    pub fn leaked(&self, topic: &TopicName, detector: &'static str, answer: Answer) {
        let answer = answer.as_str();
        self.leaked.get_or_create(&LeakLabel { topic: topic.to_string(), detector, answer }).inc();
    }

    /// Events were handed over.
    pub fn delivered(&self, topic: &TopicName, subscription: &SubscriptionName, events: u64) {
        self.delivered.get_or_create(&subscription_label(topic, subscription)).inc_by(events);
    }

    /// How far a subscription is behind.
    pub fn lag(&self, topic: &TopicName, subscription: &SubscriptionName, events: u64) {
        self.lag.get_or_create(&subscription_label(topic, subscription)).set(events as i64);
    }

    /// How many dead letters a subscription has.
    pub fn dead_letters(&self, topic: &TopicName, subscription: &SubscriptionName, letters: usize) {
        self.dead_letters.get_or_create(&subscription_label(topic, subscription)).set(letters as i64);
    }

    /// A group became durable.
    pub fn group(&self, lane: Lane, bytes: usize) {
        self.group_bytes.get_or_create(&LaneLabel { lane: lane.name() }).observe(bytes as f64);
    }

    /// A lane's tree grew.
    pub fn tree(&self, lane: Lane, size: u64) {
        self.tree_size.get_or_create(&LaneLabel { lane: lane.name() }).set(size as i64);
    }

    /// A letter with so many notices arrived, or did not.
    pub fn notices(&self, agency: &AgencyName, way: Way, count: u64, arrived: bool) {
        let label = LetterLabel { agency: agency.to_string(), way: way.as_str() };
        match arrived {
            true => self.notices_sent.get_or_create(&label).inc_by(count),
            false => self.letters_failed.get_or_create(&label).inc(),
        };
    }

    /// OpenMetrics text.
    pub fn text(&self) -> String {
        let mut text = String::new();
        // Writing to a string cannot fail.
        let _ = encode(&mut text, &self.registry);
        text
    }
}

fn subscription_label(topic: &TopicName, subscription: &SubscriptionName) -> SubscriptionLabel {
    SubscriptionLabel { topic: topic.to_string(), subscription: subscription.to_string() }
}
