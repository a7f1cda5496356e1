//! What is told of a quarantined event wherever somebody meets it again. The shelf holds what waits; what became of the others is
//! read from the journal when it is asked for, which is seldom: a discarded one's key is destroyed, and a released one stands as
//! its own record.

use journal::{Journal, Offset};
use seal::SealedForm;

use super::Leaked;
use crate::Refusal;
use crate::api::Receipt;
use crate::keyring::Keyring;
use crate::marks::Marker;
use crate::record::{self, QuarantinedRecord, Stored};
use crate::topics::Topic;
use crate::trace::stored;

/// What a quarantined event waits for, or what was decided about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SetApart {
    /// Nobody has decided; what was found in it, and where.
    Waits(Vec<Leaked>),
    /// It is nobody's data, and is about to be placed anew for everybody who reads the topic.
    Released,
    /// Nobody ever reads it.
    Discarded,
}

/// Whether the key of a quarantined event is destroyed.
pub fn is_discarded(keyring: &Keyring, kept: &QuarantinedRecord<'_>) -> bool {
    let sealed = SealedForm::parse(kept.sealed);
    sealed.ok().and_then(|sealed| sealed.subjects().next()).is_some_and(|key| keyring.is_erased(&key))
}

/// The receipt of the record that everybody reads, of an event that was released: the first of its source, id and content since
/// it came.
pub fn placed(
    journal: &dyn Journal,
    marker: &Marker,
    topic: &Topic,
    (partition, offset): (u32, Offset),
) -> Result<Option<Receipt>, Refusal> {
    let Some(came) = stored(journal, topic.partition(partition)?, offset)? else { return Ok(None) };
    let Ok(Stored::Quarantined(kept)) = record::read(&came.body) else { return Ok(None) };
    let mut first: Option<(u64, Receipt)> = None;
    for place in journal.find(kept.identity as u64)? {
        let Some(partition) = topic.partition_of(place.stream) else { continue };
        let Some(other) = stored(journal, place.stream, place.offset)? else { continue };
        let Ok(Stored::Event(event)) = record::read(&other.body) else { continue };
        let identity = marker.identity(&topic.name, &event.event.source, &event.event.id);
        let is_it = (identity, event.head.digest) == (kept.identity, kept.digest);
        let is_first = first.as_ref().is_none_or(|(at_ms, _)| other.time_ms < *at_ms);
        if is_it && is_first && other.time_ms >= came.time_ms {
            let (topic, offset, leaf) = (topic.name.clone(), place.offset, event.leaf);
            first = Some((other.time_ms, Receipt { topic, partition, offset, leaf, quarantined: None }));
        }
    }
    Ok(first.map(|(_, receipt)| receipt))
}
