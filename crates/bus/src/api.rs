//! What goes in and out of the bus by its verbs, in the bus's own words. Doors translate to and from these.

use std::collections::BTreeMap;

use contract::{
    AgencyName, ClassSet, CloudEvent, ContractVersion, Format, PrincipalName, SubscriptionName, TopicName,
};
use governance::Actor;

use crate::Refusal;

/// An authenticated caller.
pub type Caller = Actor;

/// What a producer gets for an event that is durable.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Receipt {
    /// The topic.
    pub topic: TopicName,
    /// The partition.
    pub partition: u32,
    /// The event's place in the partition.
    pub offset: u64,
    /// The index of the audit leaf that covers it, in the log of the topic's lane.
    pub leaf: u64,
    /// Where the event is quarantined, what it waits for or what became of it; none: it is for everybody who reads the topic.
    pub quarantined: Option<crate::SetApart>,
}

/// What became of one published event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// New and durable.
    Accepted(Receipt),
    /// The same event was here before: its first receipt.
    Duplicate(Receipt),
    /// Not taken.
    Refused(Refusal),
}

/// A request for events.
#[derive(Debug, Clone, Default)]
pub struct Pull {
    /// At most this many events.
    pub max: usize,
    /// Wait this long for the first one, in milliseconds.
    pub wait_ms: u64,
    /// Where to start; default: what was committed.
    pub from: Option<From>,
    /// Who of the subscription's consumers asks; default: the principal.
    pub consumer: Option<String>,
    /// Redriven dead letters that whoever asks has had already.
    pub had: Letters,
}

/// Dead letters that were handed over: how often each was rejected before, by partition and offset.
pub type Letters = BTreeMap<(u32, u64), u32>;

/// A place to start from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum From {
    /// The oldest event kept.
    Earliest,
    /// Only what comes from now on.
    Latest,
    /// The first event at or after a time, in milliseconds since the epoch.
    Time(u64),
    /// Where a delivery ended.
    Cursor(crate::Cursor),
}

/// One event as a subscription may see it.
#[derive(Debug, Clone)]
pub struct Delivered {
    /// The event, opened or redacted.
    pub event: CloudEvent,
    /// The language of its data.
    pub format: Format,
    /// Its partition.
    pub partition: u32,
    /// Its offset.
    pub offset: u64,
    /// When it became durable, in milliseconds since the epoch.
    pub time_ms: u64,
    /// The first person that it is about, by what the agency that reads is told of them.
    pub about: Option<String>,
    /// How often it came back from the dead letters; 0 for a first delivery.
    pub redriven: u32,
    /// By whose consent it was opened, where the subscription demands that.
    pub consent: Option<crate::Consent>,
}

/// A batch of events for one consumer.
#[derive(Debug, Clone, Default)]
pub struct Delivery {
    /// The events, in order within each partition.
    pub events: Vec<Delivered>,
    /// What to commit when they are processed, or to go on from.
    pub cursor: crate::Cursor,
    /// The classes that were opened in them.
    pub opened: ClassSet,
    /// The version that the subscription is carried on: events of newer ones were taken back to it.
    pub carried_on: Option<ContractVersion>,
    /// On what grounds the events were opened; whoever lets them wait looks at them again ([`crate::Bus::still_granted`]).
    pub grounds: Option<crate::Grounds>,
}

/// How far a subscription is behind, per partition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lag {
    /// The partition.
    pub partition: u32,
    /// The next event to be processed.
    pub place: u64,
    /// The next offset that will be given.
    pub end: u64,
}

/// Whether anybody uses a subscription.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Usage {
    /// When it last committed, in milliseconds since 1970, where that is known.
    pub last_commit_ms: Option<u64>,
    /// Events wait, and nothing was committed for as long as the standards allow.
    pub unused: bool,
}

/// A reference to an event that a subscription could not process.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeadLetter {
    /// `<subscription>:<partition>:<offset>`.
    pub id: String,
    /// The subscription.
    pub subscription: SubscriptionName,
    /// The event's topic.
    pub topic: TopicName,
    /// Its partition.
    pub partition: u32,
    /// Its offset.
    pub offset: u64,
    /// What the consumer said.
    pub reason: String,
    /// Who said it.
    pub by: PrincipalName,
    /// When, in milliseconds since the epoch.
    pub at_ms: u64,
    /// How often it was rejected.
    pub attempts: u32,
    /// Whether it waits for redelivery.
    pub redriven: bool,
}

/// One event on the path of a trace: metadata only.
#[derive(Debug, Clone)]
pub struct TraceStep {
    /// The topic.
    pub topic: TopicName,
    /// The agency that published it.
    pub agency: AgencyName,
    /// The event's `id`.
    pub id: String,
    /// The event's `source`.
    pub source: String,
    /// The contract version.
    pub contract: ContractVersion,
    /// When it became durable, in milliseconds since the epoch.
    pub at_ms: u64,
    /// Partition and offset.
    pub place: (u32, u64),
    /// The audit leaf in the topic's lane.
    pub leaf: u64,
    /// What all events of one affair share.
    pub correlation: Option<String>,
    /// The event that caused it.
    pub causation: Option<String>,
    /// W3C trace context.
    pub traceparent: Option<String>,
    /// Which subscriptions were handed it.
    pub disclosed: Vec<Disclosed>,
}

/// That a subscription was handed an event.
#[derive(Debug, Clone)]
pub struct Disclosed {
    /// The subscription.
    pub subscription: SubscriptionName,
    /// The consuming agency.
    pub agency: AgencyName,
    /// What for.
    pub purpose: String,
    /// The classes opened.
    pub opened: Vec<String>,
    /// The classes of which something was shown in another form.
    pub veiled: Vec<String>,
    /// When.
    pub time: String,
}

/// What a governance command did.
#[derive(Debug, Clone)]
pub struct Governed {
    /// The facts that were journaled.
    pub events: Vec<governance::Event>,
}
