//! A migration tried on the latest events, when it is proposed or a plan would propose it.
//!
//! They are opened in here. What comes of it are counts and places, which stand with the proposal, and with it in the
//! audit; so does a trial that failed, with what was tried. Who proposes could ask in this way what values there are, one
//! guess at a time: a trial that fails tells places and no counts, and only so many may become no proposal in a day. Events
//! whose keys are gone are passed over.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use contract::compile::{Contract, Fault, compile};
use contract::{
    ClassSet, ContractVersion, Definition, PrincipalName, Redactor, Rehearsal, TopicName, migration,
};
use journal::Record;
use parking_lot::Mutex;
use seal::{Piece, SealedForm};

use crate::Refusal;
use crate::core::Core;
use crate::deliver::reveal;
use crate::limits::{REHEARSED_EVENTS, REHEARSED_LOOKED_AT, SPENT_TRIALS_A_DAY};
use crate::record::{self, Stored};
use crate::topics::Topic;

/// The trials of each topic that became no proposal, of one day; in memory only.
#[derive(Default)]
pub struct Trials(Mutex<HashMap<TopicName, Day>>);

#[derive(Default)]
struct Day {
    number: u64,
    /// How many.
    spent: u32,
    /// Those that plans made, for whom, and what was said of each.
    planned: Vec<(PrincipalName, Arc<Definition>, Option<String>)>,
}

impl Trials {
    /// Whether another may be made.
    pub fn begin(&self, topic: &TopicName, now_ms: u64) -> Result<(), Vec<String>> {
        let spent = self.of(topic, now_ms, |day| day.spent);
        if spent < SPENT_TRIALS_A_DAY {
            return Ok(());
        }
        Err(vec![format!(
            "migration: {spent} trials on events of {topic} became no proposal today; try another one tomorrow, or leave it \
             out: those who read the topic are asked instead"
        )])
    }

    /// One was made. Whatever it came to, it counts until a proposal stands for it.
    pub fn spent(&self, topic: &TopicName, now_ms: u64) {
        self.of(topic, now_ms, |day| day.spent += 1);
    }

    /// A proposal stands for one.
    pub fn given_back(&self, topic: &TopicName, now_ms: u64) {
        self.of(topic, now_ms, |day| day.spent = day.spent.saturating_sub(1));
    }

    /// What a plan's trial said that was the same.
    pub fn known(
        &self,
        by: &PrincipalName,
        definition: &Arc<Definition>,
        now_ms: u64,
    ) -> Option<Option<String>> {
        self.of(&definition.topic, now_ms, |day| {
            let same = day.planned.iter().find(|(who, what, _)| who == by && what == definition);
            same.map(|(_, _, said)| said.clone())
        })
    }

    /// A plan's trial said this.
    pub fn remember(
        &self,
        by: &PrincipalName,
        definition: &Arc<Definition>,
        said: &Option<String>,
        now_ms: u64,
    ) {
        let planned = (by.clone(), definition.clone(), said.clone());
        self.of(&definition.topic, now_ms, |day| {
            // Each was a trial, of which a day has so many; those that became proposals may have made room for more.
            day.planned.truncate(SPENT_TRIALS_A_DAY as usize - 1);
            day.planned.insert(0, planned);
        });
    }

    fn of<T>(&self, topic: &TopicName, now_ms: u64, what: impl FnOnce(&mut Day) -> T) -> T {
        let (number, mut all) = (now_ms / DAY_MS, self.0.lock());
        let day = all.entry(topic.clone()).or_default();
        if day.number != number {
            *day = Day { number, ..Day::default() };
        }
        what(day)
    }
}

const DAY_MS: u64 = 24 * 60 * 60 * 1000;

/// Bytes that are read at once.
const READ_BYTES: usize = 1 << 20;

/// Records of a partition that are looked at together: far fewer would read the same bytes again and again.
const REHEARSED_AT_ONCE: u64 = 500;

/// Tries the migration of `new` on the latest events of the first version of `way`, back to each of them; the error says
/// what is wrong with it before that, a line each.
pub fn rehearse(
    core: &Core,
    way: &[Arc<Definition>],
    new: &Definition,
    clearances: &BTreeSet<ClassSet>,
) -> Result<Rehearsal, Vec<String>> {
    let told = |faults: Vec<Fault>| faults.iter().map(ToString::to_string).collect::<Vec<_>>();
    let compiled = |definition: &Definition| compile(definition).map_err(told);
    let way = way.iter().map(|to| compiled(to).map(Arc::new)).collect::<Result<Vec<_>, _>>()?;
    let new = compiled(new)?;
    let documents = match (core.topics.get(&new.definition().topic), way.first()) {
        (Ok(topic), Some(old)) => documents(core, &topic, old).map_err(|refusal| vec![refusal.text])?,
        // A topic that is only being made has no events.
        _ => Vec::new(),
    };
    migration::rehearse(&way, &new, clearances, documents.into_iter()).map_err(told)
}

/// The data of the latest events of a contract; none of each that cannot be opened.
fn documents(core: &Core, topic: &Topic, contract: &Contract) -> Result<Vec<Option<Vec<u8>>>, Refusal> {
    let share = REHEARSED_EVENTS.div_ceil(topic.partitions.len().max(1));
    let mut documents = Vec::new();
    for stream in &topic.partitions {
        let bounds = core.journal.bounds(*stream)?;
        let floor = bounds.first.max(bounds.next.saturating_sub(REHEARSED_LOOKED_AT));
        let (mut end, mut found) = (bounds.next, 0);
        while end > floor && found < share {
            let start = floor.max(end.saturating_sub(REHEARSED_AT_ONCE));
            let records = between(core, *stream, start, end)?;
            for record in records.iter().rev().filter(|record| is_of(record, contract)).take(share - found) {
                documents.push(opened(core, topic, contract, record));
                found += 1;
            }
            end = start;
        }
    }
    Ok(documents)
}

fn between(core: &Core, stream: journal::StreamId, start: u64, end: u64) -> Result<Vec<Record>, Refusal> {
    let (mut records, mut at): (Vec<Record>, u64) = (Vec::new(), start);
    while at < end {
        let read = core.journal.read(stream, at, READ_BYTES)?;
        let Some(last) = read.last() else { break };
        at = last.offset + 1;
        records.extend(read.into_iter().filter(|record| record.offset < end));
    }
    Ok(records)
}

fn is_of(record: &Record, contract: &Contract) -> bool {
    match record::read(&record.body) {
        Ok(Stored::Event(read)) => read.head.contract == version(contract),
        Ok(Stored::Quarantined(_)) | Err(_) => false,
    }
}

fn version(contract: &Contract) -> ContractVersion {
    contract.definition().version
}

fn opened(core: &Core, topic: &Topic, contract: &Contract, record: &Record) -> Option<Vec<u8>> {
    let mut read = record::read(&record.body).ok()?.event()?;
    let sealed = SealedForm::parse(read.sealed).ok()?;
    let mut data = Vec::with_capacity(read.sealed.len());
    let frames = std::mem::take(&mut read.frames);
    let mut document = Redactor::new(contract.definition().format, frames, &mut data);
    let binding = reveal::binding(topic, &read.event, &read);
    let all: ClassSet = contract.classes().iter().cloned().collect();
    let mut is_whole = true;
    let revealed =
        reveal::open(core, topic, &sealed, &binding, reveal::Sight::of(&all), &mut |piece| match piece {
            Piece::Text(text) => document.text(text),
            Piece::Opened(bytes) => document.keep(bytes),
            Piece::Veiled { .. } | Piece::LeftOut(_) => is_whole = false,
        });
    document.finish();
    (is_whole && revealed.is_ok()).then_some(data)
}
