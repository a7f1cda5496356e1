//! Events in which personal data was found that their contract says is not there, and that the standards have set apart:
//! taken as any other, and read by nobody until a data protection officer of the topic's owner has looked at them.
//!
//! The event has its place, its receipt, its leaf and its marks from the beginning, so that batches, transactions and repeats go
//! on as always. Its record is of another kind ([`crate::record`]): the body that it would have is sealed whole under a key of
//! its own. Where the officer lets it go, that body is placed anew at the end of its partition; where not, the key is
//! destroyed as an erased person's is. What waits is a fold over the `quarantine/<lane>` streams and the decisions
//! ([`shelf`]); what became of the rest is read from the journal ([`told`]).

mod closing;
mod deciding;
mod listed;
mod sealing;
mod shelf;
mod told;

pub use closing::{Closed, believed};
pub(crate) use deciding::{replaced, standing};
pub use listed::Waiting;
pub use sealing::{open, seal};
pub use shelf::{Leaked, Noted, Shelf, Verdict};
pub use told::{SetApart, is_discarded, placed};

use contract::TopicName;
use governance::Event;
use governance::events::LeakEvent;
use seal::Pseudonym;

/// Which event: topic, partition, offset.
pub type Key = (TopicName, u32, u64);

/// What a fact decides about a quarantined event.
pub(crate) fn decided(event: &Event) -> Option<(Key, Verdict)> {
    let (topic, partition, offset, verdict) = match event {
        Event::Leak(LeakEvent::QuarantineReleased { topic, partition, offset, .. }) => {
            (topic, partition, offset, Verdict::Released)
        }
        Event::Leak(LeakEvent::QuarantineDiscarded { topic, partition, offset, .. }) => {
            (topic, partition, offset, Verdict::Discarded)
        }
        _ => return None,
    };
    Some(((topic.clone(), *partition, *offset), verdict))
}

/// The key that a fact destroys.
pub(crate) fn destroyed(event: &Event) -> Option<Pseudonym> {
    match event {
        Event::Leak(LeakEvent::QuarantineDiscarded { key, .. }) => Pseudonym::parse(key),
        _ => None,
    }
}
