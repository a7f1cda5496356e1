//! Reading a subscription's next records: redriven dead letters first, then what follows in each partition.

use std::collections::BTreeMap;

use journal::{JournalError, Record};

use super::no_such_event;
use crate::core::Core;
use crate::limits::PULL_MAX_BYTES;
use crate::record::is_quarantined;
use crate::topics::Topic;
use crate::{Refusal, RefusalKind};

/// A record with its partition.
pub struct Found {
    /// The partition.
    pub partition: u32,
    /// The record.
    pub record: Record,
    /// How often it was rejected before; 0 unless it is redriven.
    pub redriven: u32,
}

/// Up to `max` records and `PULL_MAX_BYTES`, in order within each partition; partitions take turns in being first,
/// so that a full one does not starve the others. Quarantined ones come on top, so that many of them are passed at once.
pub fn read(
    core: &Core,
    topic: &Topic,
    start: &BTreeMap<u32, u64>,
    redriven: &[(u32, u64, u32)],
    max: usize,
) -> Result<Vec<Found>, Refusal> {
    let mut found = Vec::new();
    let (mut budget_bytes, mut room) = (PULL_MAX_BYTES, max);
    for (partition, offset, attempts) in redriven.iter().take(max) {
        let record = match one(core, topic, *partition, *offset) {
            Ok(record) => record,
            // Retention took it away: there is nothing to deliver again.
            Err(refusal) if refusal.kind == RefusalKind::Unknown => continue,
            Err(refusal) => return Err(refusal),
        };
        if budget_bytes < record.body.len() && !found.is_empty() {
            break;
        }
        budget_bytes = budget_bytes.saturating_sub(record.body.len());
        room -= 1;
        found.push(Found { partition: *partition, record, redriven: *attempts });
    }
    let turn = core.clock.now_ms() as usize % start.len().max(1);
    let rotated = start.iter().cycle().skip(turn).take(start.len());
    for (left, (partition, offset)) in (1..=start.len()).rev().zip(rotated) {
        if room == 0 {
            break;
        }
        let stream = topic.partitions[*partition as usize];
        let fair_bytes = (budget_bytes / left).max(1);
        let mut fair_events = room.div_ceil(left);
        let records = match core.journal.read(stream, *offset, fair_bytes) {
            Err(JournalError::Trimmed { first, .. }) => core.journal.read(stream, first, fair_bytes),
            read => read,
        }?;
        for record in records {
            if !is_quarantined(&record.body) {
                if fair_events == 0 {
                    break;
                }
                (fair_events, room) = (fair_events - 1, room - 1);
            }
            budget_bytes = budget_bytes.saturating_sub(record.body.len());
            found.push(Found { partition: *partition, record, redriven: 0 });
        }
    }
    Ok(found)
}

/// The record at one place.
pub fn one(core: &Core, topic: &Topic, partition: u32, offset: u64) -> Result<Record, Refusal> {
    let stream =
        topic.partitions.get(partition as usize).ok_or_else(|| no_such_event(topic, partition, offset))?;
    let records = match core.journal.read(*stream, offset, 1) {
        Err(JournalError::Trimmed { .. }) => return Err(no_such_event(topic, partition, offset)),
        read => read?,
    };
    records
        .into_iter()
        .next()
        .filter(|r| r.offset == offset)
        .ok_or_else(|| no_such_event(topic, partition, offset))
}
