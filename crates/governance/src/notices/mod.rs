//! What agencies are told of governance: a notice for each decision that concerns somebody besides who made it.
//!
//! [`KINDS`] is the table of all notices, each with a topic of the bus's own; [`notice`] says what a fact comes to, from
//! the state just after it and nothing else, so that the same fact always gives the same notice. [`topics`] makes the
//! topics, [`wishes`] is how an agency wants to be told beyond the bus.
//!
//! A notice names people in their office only, as the catalogue does: who decided and for whom they spoke, a topic's
//! steward and deputy, and those who can do what is asked. The agencies concerned must know whom to answer. Reasons,
//! answers, conditions and purposes are told as people wrote them. No notice says anything of an event: whom events are
//! about, no fact of governance knows.

pub mod topics;
pub mod wishes;
mod words;

use contract::{AgencyName, PrincipalName, SubscriptionName, TopicName, Weight};
use serde::Serialize;

use crate::Date;

pub use topics::{is_own, is_reserved, missing};
pub use wishes::{Way, When, Wishes};
pub use words::notice;

/// A kind of notice.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Kind {
    /// `contract.proposed`; its topic is this behind `bus.`.
    pub name: &'static str,
    /// What a notice of it says.
    pub says: &'static str,
    /// Whether everybody may know all of it, as of the catalogue; otherwise it is internal to the agencies concerned.
    pub open: bool,
}

/// All kinds of notice.
pub const KINDS: [Kind; 50] = [
    open("contract.proposed", "A version of a contract is proposed."),
    open("contract.acknowledged", "An agency agrees to a proposed version."),
    open("contract.objected", "An agency objects to a proposed version."),
    open("contract.answered", "A topic's owner answered an objection."),
    open("contract.overridden", "Somebody overrides what a proposed version waits for."),
    open("contract.activated", "Events may follow a version."),
    open("contract.deprecated", "The end of a version is announced."),
    open("contract.retired", "A version ended, or a proposal was withdrawn."),
    closed("subscription.requested", "An agency asks for a place in a topic, or for other terms."),
    closed("subscription.approved", "One side approved what an agency asks for."),
    closed("subscription.granted", "The terms that an agency asked for hold."),
    closed("subscription.changed", "The terms of a subscription became narrower."),
    closed("subscription.refused", "What an agency asked for was refused."),
    closed("subscription.revoked", "A subscription was taken back."),
    closed("subscription.expiring", "A subscription's end is near."),
    closed("subscription.expired", "A subscription's day came."),
    closed("subscription.moved", "A subscription is another agency's."),
    closed("subscription.carried", "A subscription goes on by a version that its topic went past."),
    closed("subscription.caught-up", "A subscription that was carried reads what its topic came to."),
    closed(
        "subscription.set-aside",
        "Events cannot be taken back to the version that a subscription is carried on.",
    ),
    open("topic.created", "A topic exists."),
    open("topic.changed", "A topic's people, description, legal basis or retention changed."),
    open("topic.steward-left", "A topic's steward or deputy is gone."),
    open("topic.confirmation-due", "Somebody has to say again that they answer for a topic."),
    open("topic.orphaned", "Nobody answers for a topic: nothing of it changes."),
    open("topic.suspended", "Nobody has answered for a topic for so long that it takes no events."),
    open("topic.healed", "Somebody answers for a topic again."),
    open("topic.offered", "A topic's owner offers it to another agency."),
    open("topic.accepted", "An agency takes a topic that it was offered."),
    open("topic.offer-withdrawn", "A topic is not offered any more."),
    open("topic.transferred", "A topic belongs to another agency."),
    open("succession.proposed", "What an agency has is to go to others."),
    open("succession.accepted", "A successor agreed."),
    open("succession.withdrawn", "An agency is not to be succeeded any more."),
    open("succession.completed", "What an agency had is its successors'."),
    open("agency.registered", "An agency joined the bus."),
    open("agency.key-published", "An agency published a key that producers seal for."),
    open("agency.key-retired", "Nothing is sealed for a key of an agency any more."),
    open("standards.changed", "The central rules changed."),
    closed("erasure.requested", "Somebody asks that a person is erased."),
    closed("erasure.ended", "A person is not erased, or not from everything."),
    closed("erasure.carried-out", "A person is erased from what an agency's keys seal."),
    closed("erasure.told", "An agency has events about somebody who was erased, and has to delete them."),
    closed("erasure.answered", "An agency says what it did with events about somebody who was erased."),
    closed("hold.placed", "Something must not be erased or deleted for the time being."),
    closed("hold.lifted", "What was held may be erased or deleted again."),
    closed("leak.found", "Personal data was found where a topic's contract says there is none."),
    closed("quarantine.released", "An event in which personal data was found is nobody's, and goes on."),
    closed("quarantine.discarded", "An event in which personal data was found is read by nobody."),
    open("bootstrap.closed", "From now on owners and data protection officers approve."),
];

const fn open(name: &'static str, says: &'static str) -> Kind {
    Kind { name, says, open: true }
}

const fn closed(name: &'static str, says: &'static str) -> Kind {
    Kind { name, says, open: false }
}

impl Kind {
    /// The topic of its notices.
    pub fn topic(&self) -> TopicName {
        TopicName::parse(&format!("bus.{}", self.name)).expect("the table holds names in the form of topics")
    }

    /// The kind of that name.
    pub fn named(name: &str) -> Option<Kind> {
        KINDS.into_iter().find(|kind| kind.name == name)
    }
}

/// What agencies are told of one decision. Its JSON is what `notice.schema.json` describes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Notice {
    /// Of which kind.
    #[serde(rename = "notice")]
    pub kind: &'static str,
    /// The notice in a line.
    pub text: String,
    /// The topic that it is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub topic: Option<TopicName>,
    /// The version of its contract.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<u32>,
    /// How much that version changes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub weight: Option<Weight>,
    /// The subscription that it is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub subscription: Option<SubscriptionName>,
    /// Who spoke, or who is spoken of.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub agency: Option<AgencyName>,
    /// What was given as the reason, or as the answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The day on which the version ends.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sunset: Option<Date>,
    /// The agencies that it concerns, by name.
    pub concerns: Vec<AgencyName>,
    /// Who has to do what by when.
    pub asks: Vec<Ask>,
    /// Who decided.
    pub by: PrincipalName,
    /// For whom they spoke.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub instead_of: Option<PrincipalName>,
    /// When, RFC 3339.
    pub at: String,
    /// The same in milliseconds since 1970.
    #[serde(skip)]
    pub at_ms: u64,
}

/// What an agency has to do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Ask {
    /// Which.
    pub agency: AgencyName,
    /// What is wanted of it: acknowledgement, answer, approval, renewal, confirmation, nomination, acceptance, decision.
    pub wanted: &'static str,
    /// Who of it can, and with which command.
    pub how: String,
    /// By when, RFC 3339.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub by: Option<String>,
}

impl Notice {
    /// What the events of one affair share: those of a version, of a subscription, of a topic.
    pub fn affair(&self) -> Option<String> {
        match (&self.subscription, &self.topic, self.version) {
            (Some(subscription), ..) => Some(format!("subscription:{subscription}")),
            (None, Some(topic), Some(version)) => Some(format!("contract:{topic}:v{version}")),
            (None, Some(topic), None) => Some(format!("topic:{topic}")),
            (None, None, _) => None,
        }
    }

    /// What it is about, as the event's `subject`.
    pub fn subject(&self) -> Option<String> {
        let topic = self.topic.as_ref().map(ToString::to_string);
        let agency = self.agency.as_ref().map(ToString::to_string);
        self.subscription.as_ref().map(ToString::to_string).or(topic).or(agency)
    }

    /// The notice in a line, with what is wanted of `agency`.
    pub fn line_for(&self, agency: &AgencyName) -> String {
        let mut line = self.text.clone();
        for ask in self.asks_of(agency) {
            line += &format!("; your {} is wanted", ask.wanted);
        }
        line
    }

    /// What `agency` has to do.
    pub fn asks_of<'a>(&'a self, agency: &'a AgencyName) -> impl Iterator<Item = &'a Ask> {
        self.asks.iter().filter(move |ask| ask.agency == *agency)
    }
}
