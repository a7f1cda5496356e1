//! What was decided: the facts of the governance stream, as they stand on disk.
//!
//! Tags and field names are frozen. A new fact gets a new tag, a new field a default; an unknown field is passed over, so
//! that an older program reads a newer stream as far as it understands it. `tests/encoding.rs` holds one of each. What a fact is
//! about is for the program alone: on disk each stands under its own tag.

mod agencies;
mod bus;
mod carrying;
mod contracts;
mod erasures;
mod leaks;
mod ownership;
mod principals;
mod schemas;
mod subscriptions;
mod successions;
mod topics;
mod who;

use serde::Serialize;
use serde::de::DeserializeOwned;

pub use agencies::AgencyEvent;
pub use bus::BusEvent;
pub use carrying::CarryingEvent;
pub use contracts::ContractEvent;
pub use erasures::ErasureEvent;
pub use leaks::LeakEvent;
pub use ownership::OwnershipEvent;
pub use principals::PrincipalEvent;
pub use schemas::SchemaEvent;
pub use subscriptions::SubscriptionEvent;
pub use successions::SuccessionEvent;
pub use topics::TopicEvent;
pub use who::{By, Side};

/// A fact of governance.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum Event {
    /// The bus and its central rules.
    Bus(BusEvent),
    /// Agencies, and the keys that producers seal for.
    Agency(AgencyEvent),
    /// Who calls, with which roles, and who speaks for whom.
    Principal(PrincipalEvent),
    /// What topics are.
    Topic(TopicEvent),
    /// Who answers for topics, and to whom they go.
    Ownership(OwnershipEvent),
    /// What an agency has, on its way to others.
    Succession(SuccessionEvent),
    /// Versions of topics' contracts.
    Contract(ContractEvent),
    /// Places of agencies in topics.
    Subscription(SubscriptionEvent),
    /// Subscriptions that go on by an older version than their topic.
    Carrying(CarryingEvent),
    /// The registry's subjects, beside those of topics.
    Schema(SchemaEvent),
    /// Persons who are erased, and what must not be.
    Erasure(ErasureEvent),
    /// Personal data where a contract says there is none, and what became of the events that it was found in.
    Leak(LeakEvent),
}

impl Event {
    /// Reads a fact's JSON; none where it is none that this program knows. A start reads all there are: a subject that does not
    /// know a tag, which stands first, gives up there and looks at nothing behind it. Those with most facts come first.
    pub fn read(json: &[u8]) -> Option<Self> {
        fn of<T: DeserializeOwned>(json: &[u8], fact: fn(T) -> Event) -> Option<Event> {
            serde_json::from_slice(json).ok().map(fact)
        }
        of(json, Event::Contract)
            .or_else(|| of(json, Event::Topic))
            .or_else(|| of(json, Event::Subscription))
            .or_else(|| of(json, Event::Leak))
            .or_else(|| of(json, Event::Erasure))
            .or_else(|| of(json, Event::Principal))
            .or_else(|| of(json, Event::Ownership))
            .or_else(|| of(json, Event::Carrying))
            .or_else(|| of(json, Event::Agency))
            .or_else(|| of(json, Event::Succession))
            .or_else(|| of(json, Event::Schema))
            .or_else(|| of(json, Event::Bus))
    }
}
