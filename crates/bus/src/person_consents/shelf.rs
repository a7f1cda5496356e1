//! What people consent to, by what one agency's keys call them: read from the topics that say it, and followed.
//!
//! Nobody is told of new records; who asks reads what came since. So whoever was told that a withdrawal is durable finds
//! it heeded by what is read after. To open a record is dear, to name its person by another agency's keys is not: a record
//! is opened once for all agencies that have read as far.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use contract::{AgencyName, ClassSet, Format, Redactor, TopicName};
use governance::person_consent::Record;
use journal::{Offset, StreamId};
use parking_lot::RwLock;
use seal::{Piece, Pseudonym, SealedForm};

use super::words::{Place, Said, Table, What};
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
                let next = self.next(*stream).max(bounds.first);
                behind += bounds.next.saturating_sub(next);
            }
        }
        Ok(behind)
    }

    fn next(&self, stream: StreamId) -> Offset {
        self.next.read().get(&stream).copied().unwrap_or(0)
    }

    /// Reads what came since, and lets the others that have read as far have it too. One reads at a time, a portion each:
    /// who waits does not hold a thread, and who has little to read is not kept by who has much.
    pub async fn catch_up(self: &Arc<Self>, core: &Arc<Core>, others: &[Arc<Shelf>]) -> Result<(), Refusal> {
        let others: Arc<[Arc<Shelf>]> =
            others.iter().filter(|other| !Arc::ptr_eq(other, self)).cloned().collect();
        for topic in &self.topics {
            let topic = core.topics.get(topic)?;
            for stream in &topic.partitions {
                while self.read_in_turn(core, &topic, *stream, &others).await? {}
            }
        }
        self.is_whole.store(true, Ordering::Release);
        Ok(())
    }

    async fn read_in_turn(
        self: &Arc<Self>,
        core: &Arc<Core>,
        topic: &Arc<Topic>,
        stream: StreamId,
        others: &Arc<[Arc<Shelf>]>,
    ) -> Result<bool, Refusal> {
        let broken_off = |_| Refusal::unavailable("reading was broken off").hint("ask again");
        let (shelf, core, topic, others) = (self.clone(), core.clone(), topic.clone(), others.clone());
        // By itself: the turn may come to somebody who asked and does something else meanwhile, or is gone; all others would
        // wait for them.
        let reading = tokio::spawn(async move {
            let turn = core.person_consents.turn.clone().lock_owned().await;
            // Whoever had the turn before may have read it.
            if shelf.next(stream) >= core.journal.bounds(stream)?.next {
                return Ok(false);
            }
            let read = tokio::task::spawn_blocking(move || {
                let _turn = turn;
                shelf.read_some(&core, &topic, stream, &others)
            });
            read.await.map_err(broken_off)?
        });
        reading.await.map_err(broken_off)?
    }

    /// Reads a portion of a partition; false where there is nothing more.
    fn read_some(
        &self,
        core: &Core,
        topic: &Topic,
        stream: StreamId,
        others: &[Arc<Shelf>],
    ) -> Result<bool, Refusal> {
        if core.closed.load(Ordering::SeqCst) {
            return Err(Refusal::unavailable("the bus is stopping"));
        }
        let bounds = core.journal.bounds(stream)?;
        let from = self.next(stream).max(bounds.first);
        if from >= bounds.next {
            return Ok(false);
        }
        let records = core.journal.read(stream, from, PORTION_BYTES)?;
        let Some(last) = records.last() else { return Ok(false) };
        let mut shelves = vec![(self, core.keyring.agency(&self.agency)?)];
        // What retention took away nobody can read any more.
        let as_far = |other: &Shelf| other.next(stream).max(bounds.first) >= from;
        for other in others.iter().filter(|other| other.topics == self.topics && as_far(other)) {
            // Whose keys are not open reads it later.
            shelves.extend(core.keyring.agency(&other.agency).ok().map(|keys| (&**other, keys)));
        }
        let mut said = Vec::with_capacity(records.len());
        for stored in &records {
            if let Some((record, by)) = read(core, topic, stored)? {
                said.push((record, by, Place { time_ms: stored.time_ms, stream, offset: stored.offset }));
            }
        }
        for (shelf, keys) in shelves {
            let called = said
                .iter()
                .map(|(record, _, at)| core.keyring.person_then(&keys, &record.principal, at.time_ms));
            let called: Vec<Pseudonym> = called.collect();
            let mut table = shelf.table.write();
            for (person, (record, by, place)) in called.into_iter().zip(&said) {
                table.fold(person, &Said { record, place: *place, kept_ms: topic.retention_ms, by: *by });
            }
            drop(table);
            let mut next = shelf.next.write();
            let next = next.entry(stream).or_default();
            *next = (*next).max(last.offset + 1);
        }
        Ok(true)
    }

    /// Drops what is older than its topics keep events.
    pub fn forget(&self, core: &Core, now_ms: u64) {
        let topics = self.topics.iter().filter_map(|name| core.topics.get(name).ok());
        if let Some(kept_ms) = topics.map(|topic| topic.retention_ms).max() {
            self.table.write().forget(now_ms, kept_ms);
        }
    }

    /// Whether a person's consent stands, as far as it was read.
    pub fn stands(&self, core: &Core, person: &Pseudonym, what: What<'_>, now_ms: u64) -> bool {
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
pub(super) fn read(
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
