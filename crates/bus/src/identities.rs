//! One event, one identity: which (`source`, `id`) a topic has seen within its window.
//!
//! In memory an identity is a 16-byte slot from its mark to its place (see `mark_table`); the record at that place is
//! the truth and is compared before anything is said. Owned by the lane's thread.

use std::sync::Arc;

use journal::{Journal, JournalError};

use crate::Refusal;
use crate::api::Receipt;
use crate::mark_table::{MarkTable, Place};
use crate::record;
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
}

impl Identities {
    /// An empty view.
    pub fn new(journal: Arc<dyn Journal>, topics: Arc<Topics>) -> Self {
        Self { table: MarkTable::default(), journal, topics }
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

    /// What is known of an identity. `body` is the body of the event at hand, to compare source, id and digest with.
    pub fn seen(&self, topic: &Topic, mark: u64, body: &[u8], now_ms: u64) -> Result<Seen, Refusal> {
        let mut answer = Ok(Seen::Never);
        self.table.find(mark, |place| match self.compare(topic, place, body, now_ms) {
            Ok(Seen::Never) => false,
            settled => {
                answer = settled;
                true
            }
        });
        answer
    }

    fn compare(&self, topic: &Topic, place: Place, body: &[u8], now_ms: u64) -> Result<Seen, Refusal> {
        let Some(partition) = topic.partition_of(place.stream) else { return Ok(Seen::Never) };
        let found = match self.journal.read(place.stream, place.offset, 1) {
            Ok(records) => records.into_iter().next(),
            Err(JournalError::Trimmed { .. }) => None,
            Err(error) => return Err(error.into()),
        };
        let Some(found) = found.filter(|found| found.time_ms + topic.window_ms >= now_ms) else {
            return Ok(Seen::Never);
        };
        let unreadable = |error: crate::codec::Unreadable| Refusal::unavailable(error.to_string());
        let there = record::read(&found.body).map_err(unreadable)?;
        let mut leafed = vec![0; 8];
        leafed.extend_from_slice(body);
        let here = record::read(&leafed).map_err(unreadable)?;
        if there.event.id != here.event.id || there.event.source != here.event.source {
            return Ok(Seen::Never);
        }
        if there.head.digest != here.head.digest {
            return Ok(Seen::Other);
        }
        let receipt =
            Receipt { topic: topic.name.clone(), partition, offset: place.offset, leaf: there.leaf };
        Ok(Seen::Same(receipt))
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
