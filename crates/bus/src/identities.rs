//! One event, one identity: which (`source`, `id`) a topic has seen within its window.
//!
//! In memory an identity is a 16-byte slot from its mark to its place (see `mark_table`); the record at that place is
//! the truth and is compared before anything is said. Owned by the lane's thread.

use std::sync::Arc;

use journal::{Journal, JournalError};

use crate::Refusal;
use crate::api::Receipt;
use crate::keyring::Keyring;
use crate::mark_table::{MarkTable, Place};
use crate::marks::Marker;
use crate::quarantine::{SetApart, Shelf, is_discarded, placed};
use crate::record::{self, Stored};
use crate::topics::{Topic, Topics};

/// What is known of an identity.
pub enum Seen {
    /// Nothing within the window.
    Never,
    /// The same event, with the receipt it got.
    Same(Receipt),
    /// Another event under this identity.
    Other,
}

/// The identities of one lane's topics.
pub struct Identities {
    table: MarkTable,
    journal: Arc<dyn Journal>,
    topics: Arc<Topics>,
    marker: Marker,
    quarantine: Arc<Shelf>,
    keyring: Arc<Keyring>,
}

impl Identities {
    /// An empty view.
    pub fn new(
        journal: Arc<dyn Journal>,
        topics: Arc<Topics>,
        marker: Marker,
        quarantine: Arc<Shelf>,
        keyring: Arc<Keyring>,
    ) -> Self {
        Self { table: MarkTable::default(), journal, topics, marker, quarantine, keyring }
    }

    /// Folds one topic's journal, as far back as its window reaches.
    pub fn fold(&mut self, topic: &Topic, now_ms: u64) -> Result<(), JournalError> {
        for stream in &topic.partitions {
            let from = self.journal.at_time(*stream, now_ms.saturating_sub(topic.window_ms))?;
            let table = &mut self.table;
            self.journal.entries(*stream, from, &mut |entry| {
                table.insert(entry.primary, Place { stream: *stream, offset: entry.offset }, |_| true);
            })?;
        }
        Ok(())
    }

    /// What is known of an identity, by its digest and that of the content. Of an event that was quarantined and released
    /// its own record counts.
    pub fn seen(
        &self,
        topic: &Topic,
        identity: u128,
        digest: &[u8; 16],
        now_ms: u64,
    ) -> Result<Seen, Refusal> {
        let mut answer = Ok(Seen::Never);
        self.table.find(identity as u64, |place| {
            match self.compare(topic, place, identity, digest, now_ms) {
                Ok(Seen::Never) => false,
                Ok(Seen::Same(receipt)) if receipt.quarantined.is_some() => {
                    answer = Ok(Seen::Same(receipt));
                    false
                }
                settled => {
                    answer = settled;
                    true
                }
            }
        });
        answer
    }

    fn compare(
        &self,
        topic: &Topic,
        place: Place,
        identity: u128,
        digest: &[u8; 16],
        now_ms: u64,
    ) -> Result<Seen, Refusal> {
        let Some(partition) = topic.partition_of(place.stream) else { return Ok(Seen::Never) };
        let found = match self.journal.read(place.stream, place.offset, 1) {
            Ok(records) => records.into_iter().next(),
            Err(JournalError::Trimmed { .. }) => None,
            Err(error) => return Err(error.into()),
        };
        let Some(found) = found.filter(|found| found.time_ms + topic.window_ms >= now_ms) else {
            return Ok(Seen::Never);
        };
        let read = record::read(&found.body).map_err(|error| Refusal::unavailable(error.to_string()))?;
        let (whose, content, leaf) = match &read {
            Stored::Event(there) => {
                let event = &there.event;
                let whose = self.marker.identity(&topic.name, &event.source, &event.id);
                (whose, there.head.digest, there.leaf)
            }
            Stored::Quarantined(there) => (there.identity, there.digest, there.leaf),
        };
        if whose != identity {
            return Ok(Seen::Never);
        }
        if content != *digest {
            return Ok(Seen::Other);
        }
        let quarantined = self.set_apart(topic, (partition, place.offset), &read);
        let topic = topic.name.clone();
        Ok(Seen::Same(Receipt { topic, partition, offset: place.offset, leaf, quarantined }))
    }

    /// What is told of a stored event that is quarantined; none of any other.
    pub fn set_apart(
        &self,
        topic: &Topic,
        (partition, offset): (u32, u64),
        stored: &Stored<'_>,
    ) -> Option<SetApart> {
        let Stored::Quarantined(kept) = stored else { return None };
        Some(match self.quarantine.get(&(topic.name.clone(), partition, offset)) {
            Some(entry) if entry.released.is_none() => SetApart::Waits(entry.found),
            None if is_discarded(&self.keyring, kept) => SetApart::Discarded,
            _ => SetApart::Released,
        })
    }

    /// The receipt of an event that was released and is placed.
    pub fn placed(&self, topic: &Topic, quarantined: (u32, u64)) -> Result<Option<Receipt>, Refusal> {
        placed(&*self.journal, &self.marker, topic, quarantined)
    }

    /// Remembers an identity that became durable.
    pub fn insert(&mut self, mark: u64, place: Place) {
        let (journal, topics) = (&self.journal, &self.topics);
        // A place that retention took away is dropped when the table must make room.
        self.table.insert(mark, place, |old| {
            topics.of_stream(old.stream).is_some()
                && journal.bounds(old.stream).is_ok_and(|bounds| old.offset >= bounds.first)
        });
    }

    /// How many identities are remembered.
    pub fn len(&self) -> usize {
        self.table.len()
    }
}
