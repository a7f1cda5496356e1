//! What people consent to, by what one agency's keys call them: read from the topics that say it, and followed.
//!
//! Nobody is told of new records; who asks reads what came since. So whoever was told that a withdrawal is durable finds
//! it heeded by what is read after.

use std::collections::{BTreeSet, HashMap};
use std::sync::atomic::{AtomicBool, Ordering};

use contract::{AgencyName, ClassSet, Format, Redactor, TopicName};
use governance::person_consent::Record;
use journal::{Offset, StreamId};
use parking_lot::{Mutex, RwLock};
use seal::{Piece, Pseudonym, SealedForm};

use super::words::{Place, Said, Table};
use crate::Refusal;
use crate::core::Core;
use crate::deliver::reveal::{self, Sight};
use crate::record::{self, Stored};
use crate::topics::Topic;

/// Bytes that are read and opened at a time.
const PORTION_BYTES: usize = 256 * 1024;

/// One agency's view.
pub struct Shelf {
    /// Whose keys call people what they are called here.
    pub agency: AgencyName,
    /// The topics that are believed.
    pub topics: BTreeSet<TopicName>,
    /// What was read of each partition.
    next: RwLock<HashMap<StreamId, Offset>>,
    /// One reads at a time.
    reading: Mutex<()>,
    table: RwLock<Table>,
    /// Whether it was ever read to the end. Before that nothing stands.
    is_whole: AtomicBool,
}

impl Shelf {
    /// Nothing read yet.
    pub fn new(agency: AgencyName, topics: BTreeSet<TopicName>) -> Self {
        Self {
            agency,
            topics,
            next: RwLock::default(),
            reading: Mutex::default(),
            table: RwLock::default(),
            is_whole: AtomicBool::new(false),
        }
    }

    /// How many events of the topics were not read yet.
    pub fn behind(&self, core: &Core) -> Result<u64, Refusal> {
        let mut behind = 0;
        for topic in &self.topics {
            for stream in &core.topics.get(topic)?.partitions {
                let bounds = core.journal.bounds(*stream)?;
                let next = self.next.read().get(stream).copied().unwrap_or(0).max(bounds.first);
                behind += bounds.next.saturating_sub(next);
            }
        }
        Ok(behind)
    }

    /// Reads what came since. Blocks, on the journal and on whoever reads already.
    pub fn catch_up(&self, core: &Core) -> Result<(), Refusal> {
        for topic in &self.topics {
            let topic = core.topics.get(topic)?;
            for stream in &topic.partitions {
                while self.read_some(core, &topic, *stream)? {}
            }
        }
        self.is_whole.store(true, Ordering::Release);
        Ok(())
    }

    /// Reads a portion of a partition; false where there is nothing more.
    fn read_some(&self, core: &Core, topic: &Topic, stream: StreamId) -> Result<bool, Refusal> {
        if core.closed.load(Ordering::SeqCst) {
            return Err(Refusal::unavailable("the bus is stopping"));
        }
        let _alone = self.reading.lock();
        let next = self.next.read().get(&stream).copied().unwrap_or(0);
        let bounds = core.journal.bounds(stream)?;
        let from = next.max(bounds.first);
        if from >= bounds.next {
            return Ok(false);
        }
        let records = core.journal.read(stream, from, PORTION_BYTES)?;
        let Some(last) = records.last() else { return Ok(false) };
        let keys = core.keyring.agency(&self.agency)?;
        let mut said = Vec::with_capacity(records.len());
        for stored in &records {
            if let Some((record, by)) = read(core, topic, stored)? {
                let person = core.keyring.person_then(&keys, &record.principal, stored.time_ms);
                let place = Place { time_ms: stored.time_ms, stream, offset: stored.offset };
                said.push((person, record, by, place));
            }
        }
        let mut table = self.table.write();
        for (person, record, by, place) in said {
            table.fold(person, &Said { record: &record, place, kept_ms: topic.retention_ms, by });
        }
        drop(table);
        self.next.write().insert(stream, last.offset + 1);
        Ok(true)
    }

    /// Whether a person's consent stands, as far as it was read.
    pub fn stands(&self, core: &Core, person: &Pseudonym, what: (&str, &str), now_ms: u64) -> bool {
        let is_gone = |by: &Pseudonym| core.keyring.is_erased(by);
        self.is_whole.load(Ordering::Acquire) && self.table.read().stands(person, what, now_ms, is_gone)
    }

    /// How many words are kept, once it was read to the end.
    pub fn words(&self) -> Option<usize> {
        self.is_whole.load(Ordering::Acquire).then(|| self.table.read().len())
    }
}

/// A stored consent record, and what its person is called there; none where they were erased. What cannot be opened now is
/// never passed over: it may be a withdrawal.
fn read(
    core: &Core,
    topic: &Topic,
    stored: &journal::Record,
) -> Result<Option<(Record, Option<Pseudonym>)>, Refusal> {
    let damaged = |error: &dyn std::fmt::Display| {
        Refusal::unavailable(format!("{error} (topic {}, offset {})", topic.name, stored.offset))
            .hint("chancery doctor checks the data folder")
    };
    let read = record::read(&stored.body).map_err(|error| damaged(&error))?;
    // Of a topic that was not believed when it came: since it is, nothing of it is quarantined.
    let Stored::Event(read) = read else { return Ok(None) };
    let sealed = SealedForm::parse(read.sealed).map_err(|error| damaged(&error))?;
    let contract = topic.contract(read.head.contract)?;
    let all: ClassSet = contract.classes().iter().cloned().collect();
    let mut data = Vec::with_capacity(read.sealed.len());
    let mut document = Redactor::new(Format::JsonSchema, Vec::new(), &mut data);
    let binding = reveal::binding(topic, &read.event, &read);
    let mut is_left_out = false;
    reveal::open(core, topic, &sealed, &binding, Sight::of(&all), &mut |piece| match piece {
        Piece::Text(text) => document.text(text),
        Piece::Opened(bytes) => document.keep(bytes),
        Piece::Veiled { .. } | Piece::LeftOut(_) => is_left_out = true,
    })?;
    document.finish();
    if is_left_out {
        return Ok(None);
    }
    let mut envelopes = sealed.classes().zip(sealed.subjects());
    let by = envelopes.find(|(class, _)| contract::Class::from(*class).is_about_a_person());
    Ok(Record::read(&data).map(|record| (record, by.map(|(_, by)| by))))
}
