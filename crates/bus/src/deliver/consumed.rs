//! What a consumer says back: processed, or could not process.

use std::collections::BTreeMap;
use std::sync::Arc;

use contract::{Data, Format, Look, Redactor, SubscriptionName};
use journal::Record;
use seal::{Piece, SealedForm};

use super::naming::Naming;
use super::{Batch, Found, View, no_such_event, read, reveal};
use crate::api::{Caller, DeadLetter, Delivered, From};
use crate::lanes::{Fact, Facts, Lane};
use crate::record::{self, Stored};
use crate::subscriptions::cursor::Cursor;
use crate::subscriptions::dead_letters::{Happened, LetterKey, Step};
use crate::subscriptions::memberships;
use crate::subscriptions::places::Committed;
use crate::topics::Topic;
use crate::{Bus, Refusal, RefusalKind};

/// Longest reason that a dead letter keeps.
pub(super) const REASON_MAX_BYTES: usize = 500;

/// The reason that stands with a dead letter whose event is about somebody who was erased or does not consent: nobody can tell whether
/// what its consumer gave carries something of them.
const REASON_WITHHELD: &str =
    "a person in the event was erased or does not consent: the consumer's own reason is not kept";

/// Shorter values occur in a reason by chance.
const VALUE_MIN_BYTES: usize = 4;

impl Bus {
    /// Everything before the cursor is processed; redriven letters that it held are resolved.
    pub async fn commit(
        &self,
        caller: &Caller,
        name: &SubscriptionName,
        cursor: &Cursor,
    ) -> Result<(), Refusal> {
        let subscription = self.may_consume(caller, name)?;
        let topic = self.core.topics.get(&subscription.topic)?;
        let mut next = BTreeMap::new();
        let places = self.core.places.of(name);
        for (partition, offset) in &cursor.next {
            let stream = topic.partitions.get(*partition as usize);
            let stream = stream.ok_or_else(|| no_such_event(&topic, *partition, *offset))?;
            if *offset > self.core.journal.bounds(*stream)?.next {
                return Err(no_such_event(&topic, *partition, *offset));
            }
            if places.get(partition).is_none_or(|place| place < offset) {
                next.insert(*partition, *offset);
            }
        }
        // One that was rejected again since, and redriven anew, is still to be processed.
        let resolved = self.had_by(name, cursor).into_keys();
        let steps = resolved
            .map(|(partition, offset)| step((name.clone(), partition, offset), Happened::Resolved, caller))
            .collect();
        self.record_places(&topic, self.committed(name, next), steps).await
    }

    /// Moves a subscription's place, back or forth.
    pub async fn seek(&self, caller: &Caller, name: &SubscriptionName, to: &From) -> Result<(), Refusal> {
        let subscription = self.may_consume(caller, name)?;
        let topic = self.core.topics.get(&subscription.topic)?;
        let all: Vec<u32> = (0..topic.partitions.len() as u32).collect();
        let next = self.start(&topic, name, &all, Some(to))?;
        self.record_places(&topic, self.committed(name, next), Vec::new()).await
    }

    /// Puts a subscription's place exactly where its consumer says, partition by partition, back or forth.
    pub async fn keep_places(
        &self,
        caller: &Caller,
        name: &SubscriptionName,
        next: BTreeMap<u32, u64>,
    ) -> Result<(), Refusal> {
        let subscription = self.may_consume(caller, name)?;
        let topic = self.core.topics.get(&subscription.topic)?;
        if let Some((partition, offset)) =
            next.iter().find(|(partition, _)| **partition as usize >= topic.partitions.len())
        {
            return Err(no_such_event(&topic, *partition, *offset));
        }
        self.record_places(&topic, self.committed(name, next), Vec::new()).await
    }

    /// Forgets the place in some partitions, as if it had never been committed.
    pub async fn forget_places(
        &self,
        caller: &Caller,
        name: &SubscriptionName,
        partitions: Vec<u32>,
    ) -> Result<(), Refusal> {
        let subscription = self.may_consume(caller, name)?;
        let topic = self.core.topics.get(&subscription.topic)?;
        let gone = Committed { forgotten: partitions, ..self.committed(name, BTreeMap::new()) };
        self.record_places(&topic, gone, Vec::new()).await
    }

    /// Where a subscription stands, for those partitions that it ever committed.
    pub fn places(&self, caller: &Caller, name: &SubscriptionName) -> Result<BTreeMap<u32, u64>, Refusal> {
        self.may_oversee(caller, name)?;
        Ok(self.core.places.of(name))
    }

    /// Keeps who of a subscription's consumers has which part, in a door's own words; nothing said means nobody.
    pub async fn keep_membership(&self, name: &SubscriptionName, said: Vec<u8>) -> Result<(), Refusal> {
        let subscription = self.subscription(name)?;
        let lane = self.core.topics.get(&subscription.topic)?.lane;
        let stream = self.core.streams.members[lane as usize];
        let fact = Fact { stream, marks: Vec::new(), body: memberships::encode(name, &said) };
        let _alone = self.core.memberships.writing.lock().await;
        let (kept, name) = (self.core.memberships.clone(), name.clone());
        let apply: crate::lanes::Apply = Box::new(move |_| kept.apply(&name, &said));
        let facts = Facts { records: vec![fact], apply: Some(apply), ..Facts::default() };
        self.core.lane(lane).record(facts).await.map(|_| ())
    }

    /// What was kept of subscriptions' consumers.
    pub fn memberships(&self) -> Vec<(SubscriptionName, Vec<u8>)> {
        self.core.memberships.all()
    }

    pub(super) async fn record_places(
        &self,
        topic: &Topic,
        committed: Committed,
        steps: Vec<Step>,
    ) -> Result<(), Refusal> {
        let mut records = Vec::new();
        if !committed.next.is_empty() || !committed.forgotten.is_empty() {
            let stream = self.core.streams.places[topic.lane as usize];
            records.push(Fact { stream, marks: Vec::new(), body: committed.encode() });
        }
        records.extend(steps.iter().map(|step| self.letter_fact(topic.lane, step)));
        if records.is_empty() {
            return Ok(());
        }
        let (places, letters) = (self.core.places.clone(), self.core.dead_letters.clone());
        let apply: crate::lanes::Apply = Box::new(move |durable| {
            places.apply(&committed);
            steps.iter().for_each(|step| letters.apply(step, durable.at_ms));
        });
        let facts = Facts { records, apply: Some(apply), ..Facts::default() };
        self.core.lane(topic.lane).record(facts).await.map(|_| ())
    }

    /// An event cannot be processed: it becomes a dead letter, a reference with a reason.
    pub async fn reject(
        &self,
        caller: &Caller,
        name: &SubscriptionName,
        partition: u32,
        offset: u64,
        reason: &str,
    ) -> Result<DeadLetter, Refusal> {
        let subscription = self.may_consume(caller, name)?;
        let topic = self.core.topics.get(&subscription.topic)?;
        if reason.trim().is_empty() || reason.len() > REASON_MAX_BYTES {
            let text = format!("a dead letter wants a reason of 1 to {REASON_MAX_BYTES} bytes");
            return Err(Refusal::new(RefusalKind::Malformed, text).hint("say what the consumer could not do"));
        }
        let demand = self.demand_of(&topic, &subscription).await?;
        let view = View::of(&self.core, &subscription, demand);
        let checked = self.no_classified_value_in(&topic, view, partition, offset, reason)?;
        let reason = if checked { reason } else { REASON_WITHHELD };
        let what = Happened::Rejected { topic: topic.name.clone(), reason: reason.to_owned() };
        self.letter_step(topic.lane, step((name.clone(), partition, offset), what, caller)).await
    }

    /// A reason is kept in the clear: it must not carry what the event keeps sealed. Only what its consumer was handed is
    /// compared: it cannot carry what it never had, and must not find it out by asking. False where it cannot be told any
    /// more, because somebody in the event was erased or does not consent.
    fn no_classified_value_in(
        &self,
        topic: &Arc<Topic>,
        view: View,
        partition: u32,
        offset: u64,
        reason: &str,
    ) -> Result<bool, Refusal> {
        let found = read::one(&self.core, topic, partition, offset)?;
        let handed = self.handed(topic, &view, partition, &found)?;
        let was_handed = |value: &str| handed.as_ref().is_none_or(|text| text.contains(value));
        let read = record::read(&found.body).map_err(|error| Refusal::unavailable(error.to_string()))?;
        let Stored::Event(read) = read else { return Err(no_such_event(topic, partition, offset)) };
        let mut carried = false;
        let sealed =
            SealedForm::parse(read.sealed).map_err(|error| Refusal::unavailable(error.to_string()))?;
        let binding = reveal::binding(topic, &read.event, &read);
        let mut carries = |bytes: &[u8]| {
            carried |= values_of(bytes)
                .any(|value| value.len() >= VALUE_MIN_BYTES && reason.contains(value) && was_handed(value));
        };
        let format = read.head.data.format().unwrap_or(Format::JsonSchema);
        let mut naming = Naming::new(&self.core, &view.agency);
        let sight = view.sight(topic, read.head.contract);
        let opened = reveal::open(&self.core, topic, &sealed, &binding, sight, &mut |piece| match piece {
            Piece::Opened(bytes) => carries(bytes),
            Piece::Veiled { bytes, shape, pseudonym } => {
                let mut shown = Vec::new();
                let mut document = Redactor::new(format, Vec::new(), &mut shown);
                document.show(Look::of(shape), bytes, naming.name(&pseudonym));
                document.finish();
                carries(&shown);
            }
            Piece::Text(_) | Piece::LeftOut(_) => {}
        })?;
        naming.finish()?;
        let long = |value: &str| value.len() >= VALUE_MIN_BYTES;
        let attributes = opened
            .attributes
            .iter()
            .any(|(_, value)| long(value) && reason.contains(value.as_str()) && was_handed(value));
        if !carried && !attributes {
            return Ok(!opened.withheld.reduces(&view.cleared));
        }
        let text = "the reason carries a value that the event keeps sealed";
        Err(Refusal::new(RefusalKind::Contract, text).hint("name the field, not its value"))
    }

    /// What a consumer who is carried was handed of an event, which is less than what is opened for it; of any other
    /// nothing is said.
    fn handed(
        &self,
        topic: &Topic,
        view: &View,
        partition: u32,
        record: &Record,
    ) -> Result<Option<String>, Refusal> {
        if view.carried.is_none() {
            return Ok(None);
        }
        let mut batch = Batch::default();
        let found = Found { partition, record: record.clone(), redriven: 0 };
        reveal::reveal(&self.core, topic, view, found, &mut batch)?;
        let mut text = String::new();
        for Delivered { event, .. } in &batch.events {
            if let Some(Data::Json(data) | Data::Binary(data)) = &event.data {
                text.push_str(&String::from_utf8_lossy(data));
            }
            text.extend(event.subject.iter().map(String::as_str));
            let texts = event.extensions.iter().filter_map(|(name, _)| event.extension(name));
            text.extend(texts);
        }
        Ok(Some(text))
    }

    /// The record of places that are committed now.
    pub(crate) fn committed(&self, name: &SubscriptionName, next: BTreeMap<u32, u64>) -> Committed {
        let at_ms = Some(self.core.clock.now_ms());
        Committed { subscription: name.clone(), next, forgotten: Vec::new(), as_of: None, at_ms }
    }

    pub(super) fn letter_fact(&self, lane: Lane, step: &Step) -> Fact {
        Fact { stream: self.core.streams.dead_letters[lane as usize], marks: Vec::new(), body: step.encode() }
    }
}

pub(super) fn step((subscription, partition, offset): LetterKey, what: Happened, caller: &Caller) -> Step {
    Step { subscription, partition, offset, what, by: caller.principal.clone() }
}

/// The string values in an opened piece (a value, or a member with its key): what stands between quotes after the
/// first colon, or the whole where there is none.
fn values_of(piece: &[u8]) -> impl Iterator<Item = &str> {
    let text = std::str::from_utf8(piece).unwrap_or_default();
    text.split(['"', ':', ',', '{', '}', '[', ']']).map(str::trim).filter(|value| !value.is_empty())
}
