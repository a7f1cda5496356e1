//! What leaves the audit for those who check it: bundles, proofs of one event, lists of disclosures.

use std::io::Write;
use std::sync::Arc;

use audit::bundle::{EventHashes, FORMAT, HASHES_PER_LINE, Header, Lane as BundleLane, Leaf, Line};
use audit::entry::{Disclosure, Publication};
use audit::{Entry, Hash, Kind, proof};
use contract::{SubscriptionName, TopicName};
use serde_json::{Value, json};

use super::{AuditLog, AuditLogs};
use crate::clock::rfc3339;
use crate::topics::Topic;
use crate::{Refusal, RefusalKind, fold, record};

/// A guess of a stored event's size.
const EVENT_TYPICAL_BYTES: u64 = 2048;

/// Most bytes read from the journal at once.
const READ_MAX_BYTES: u64 = 1024 * 1024;

impl AuditLogs {
    /// Writes a bundle of all lanes that verifies offline: the signed heads as of now, then every leaf before them;
    /// with `hashes`, also the hashes of the events that publications cover and that are still kept.
    pub fn export(&self, now_ms: u64, hashes: bool, out: &mut dyn Write) -> Result<(), Refusal> {
        let heads: Vec<(u64, BundleLane)> =
            self.lanes.iter().map(|log| log.bundle_head()).collect::<Result<_, Refusal>>()?;
        let header = Header {
            format: FORMAT.to_owned(),
            bus: self.name.clone(),
            exported_at: rfc3339(now_ms),
            lanes: heads.iter().map(|(_, lane)| lane.clone()).collect(),
        };
        let mut lines = Vec::new();
        Line::Header(header).write(&mut lines);
        flush(&mut lines, out)?;
        for (log, (size, _)) in self.lanes.iter().zip(&heads) {
            for index in 0..*size {
                let leaf = log.entry(index)?;
                let text = std::str::from_utf8(&leaf)
                    .map_err(|_| Refusal::unavailable("an audit leaf is damaged"))?;
                Line::Leaf(Leaf { lane: log.lane.name().into(), index, entry: text.into() })
                    .write(&mut lines);
                if hashes {
                    self.event_hashes(log, index, &leaf, &mut lines)?;
                }
                if lines.len() > 256 * 1024 {
                    flush(&mut lines, out)?;
                }
            }
        }
        flush(&mut lines, out)
    }

    fn event_hashes(
        &self,
        log: &AuditLog,
        index: u64,
        leaf: &[u8],
        lines: &mut Vec<u8>,
    ) -> Result<(), Refusal> {
        let Ok(Entry { what: Kind::Publication(publication), .. }) = Entry::decode(leaf) else {
            return Ok(());
        };
        // Where retention took events away, the publication's root stands alone.
        let Ok(hashes) = self.hashes_of(log, &publication) else { return Ok(()) };
        for part in hashes.chunks(HASHES_PER_LINE) {
            let line = EventHashes { lane: log.lane.name().into(), index, hashes: part.into() };
            Line::Hashes(line).write(lines);
        }
        Ok(())
    }

    /// The leaf hashes of a publication's events, in its order.
    fn hashes_of(&self, log: &AuditLog, publication: &Publication<'_>) -> Result<Vec<Hash>, Refusal> {
        let topic = self.topic(&publication.topic)?;
        let mut hashes = Vec::new();
        for range in publication.ranges.iter() {
            let stream = topic.partitions.get(range.partition as usize).copied();
            let stream = stream
                .ok_or_else(|| Refusal::unavailable("an audit leaf names a partition that is not there"))?;
            let (mut next, end) = (range.first, range.first + range.count);
            while next < end {
                // A publication often covers few events, and what is read beyond them is read for nothing.
                let bytes = (end - next).saturating_mul(EVENT_TYPICAL_BYTES).min(READ_MAX_BYTES);
                let records = log.journal.read(stream, next, bytes as usize)?;
                if records.is_empty() {
                    return Err(Refusal::unavailable("an audit leaf names events that are not there"));
                }
                for record in records.iter().take((end - next) as usize) {
                    hashes.push(audit::leaf_hash(&record.body[8..]));
                    next += 1;
                }
            }
        }
        Ok(hashes)
    }

    fn topic(&self, name: &str) -> Result<Arc<Topic>, Refusal> {
        let name = TopicName::parse(name)
            .map_err(|error| Refusal::new(RefusalKind::Malformed, error.to_string()))?;
        self.topics.get(&name)
    }

    /// That one event is in the audit: its hash, its place among the events of its publication, the publication's
    /// leaf, and the leaf's inclusion under a signed checkpoint.
    pub fn prove(&self, topic: &TopicName, partition: u32, offset: u64) -> Result<Value, Refusal> {
        let topic = self.topics.get(topic)?;
        let log = &self.lanes[topic.lane as usize];
        let missing = || {
            let text = format!("topic {} has no event at partition {partition}, offset {offset}", topic.name);
            Refusal::new(RefusalKind::Unknown, text)
        };
        let stream = topic.partitions.get(partition as usize).ok_or_else(missing)?;
        let found = log.journal.read(*stream, offset, 1).map_err(|_| missing())?;
        let stored = found.first().filter(|stored| stored.offset == offset).ok_or_else(missing)?;
        let read = record::read(&stored.body).map_err(|error| Refusal::unavailable(error.to_string()))?;
        let leaf = log.entry(read.leaf())?;
        let Ok(Entry { what: Kind::Publication(publication), .. }) = Entry::decode(&leaf) else {
            return Err(Refusal::unavailable(format!(
                "audit leaf {} is not this event's publication",
                read.leaf()
            )));
        };
        let hashes = self.hashes_of(log, &publication)?;
        let head = log.head();
        let path = proof::inclusion_proof(read.leaf(), head.size, &log.levels)
            .map_err(|error| Refusal::unavailable(error.to_string()))?;
        let checkpoint = head.sign(&log.signer).map_err(|error| Refusal::unavailable(error.to_string()))?;
        Ok(json!({
            "topic": topic.name.as_str(),
            "partition": partition,
            "offset": offset,
            "event_hash": audit::leaf_hash(read.body()),
            "publication": {
                "lane": log.lane.name(),
                "leaf": read.leaf(),
                "entry": String::from_utf8_lossy(&leaf),
                "event_hashes": hashes,
            },
            "inclusion": path,
            "checkpoint": checkpoint.note.to_string(),
        }))
    }

    /// The newest disclosures of a topic, a subscription, or all; the newest first.
    pub fn disclosures(
        &self,
        topic: Option<&TopicName>,
        subscription: Option<&SubscriptionName>,
        limit: usize,
    ) -> Result<Vec<Value>, Refusal> {
        let wanted = |entry: &Disclosure<'_>| {
            topic.is_none_or(|name| entry.topic == name.as_str())
                && subscription.is_none_or(|name| entry.subscription == name.as_str())
        };
        let mut found = Vec::new();
        for log in &self.lanes {
            fold::each(&*log.journal, log.stream, 0, |stored| {
                let Ok(entry) = Entry::decode(&stored.body) else { return };
                if matches!(&entry.what, Kind::Disclosure(disclosure) if wanted(disclosure)) {
                    found.push((stored.time_ms, serde_json::to_value(&entry).unwrap_or_default()));
                }
            })?;
        }
        found.sort_by_key(|(time_ms, _)| std::cmp::Reverse(*time_ms));
        Ok(found.into_iter().take(limit).map(|(_, entry)| entry).collect())
    }
}

impl AuditLog {
    fn bundle_head(&self) -> Result<(u64, BundleLane), Refusal> {
        let head = self.head();
        let signed = head.sign(&self.signer).map_err(|error| Refusal::unavailable(error.to_string()))?;
        let lane = BundleLane {
            lane: self.lane.name().to_owned(),
            origin: self.origin.clone(),
            checkpoint: signed.note.to_string(),
            start: 0,
            frontier: Vec::new(),
        };
        Ok((head.size, lane))
    }
}

fn flush(lines: &mut Vec<u8>, out: &mut dyn Write) -> Result<(), Refusal> {
    out.write_all(lines)
        .map_err(|error| Refusal::unavailable(format!("the bundle could not be written: {error}")))?;
    lines.clear();
    Ok(())
}
