//! Where a partition begins and ends, and which offset a time has. Metadata: any principal may ask.

use contract::TopicName;
use journal::{JournalError, StreamId};

use super::no_such_event;
use crate::{Bus, Refusal};

impl Bus {
    /// The first offset kept and the next that will be given.
    pub fn bounds(&self, topic: &TopicName, partition: u32) -> Result<(u64, u64), Refusal> {
        let bounds = self.core.journal.bounds(self.stream(topic, partition)?)?;
        Ok((bounds.first, bounds.next))
    }

    /// The first event at or after a time in milliseconds since the epoch, as offset and time; none where there is no
    /// such event yet.
    pub fn event_at(
        &self,
        topic: &TopicName,
        partition: u32,
        time_ms: u64,
    ) -> Result<Option<(u64, u64)>, Refusal> {
        let stream = self.stream(topic, partition)?;
        let offset = self.core.journal.at_time(stream, time_ms)?;
        self.time_of(stream, offset)
    }

    /// The last event, as offset and time; none where the partition is empty.
    pub fn last_event(&self, topic: &TopicName, partition: u32) -> Result<Option<(u64, u64)>, Refusal> {
        let stream = self.stream(topic, partition)?;
        let bounds = self.core.journal.bounds(stream)?;
        match bounds.next > bounds.first {
            true => self.time_of(stream, bounds.next - 1),
            false => Ok(None),
        }
    }

    fn stream(&self, topic: &TopicName, partition: u32) -> Result<StreamId, Refusal> {
        let topic = self.core.topics.get(topic)?;
        let stream = topic.partitions.get(partition as usize).copied();
        stream.ok_or_else(|| no_such_event(&topic, partition, 0))
    }

    fn time_of(&self, stream: StreamId, offset: u64) -> Result<Option<(u64, u64)>, Refusal> {
        match self.core.journal.read(stream, offset, 1) {
            Ok(records) => Ok(records.first().map(|record| (record.offset, record.time_ms))),
            Err(JournalError::Trimmed { .. }) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }
}
