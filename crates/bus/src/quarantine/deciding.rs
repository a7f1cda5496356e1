//! From a decision to what it does: a released event is placed anew by its lane; what nobody decided about in time is
//! discarded by the clerk.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use contract::{Class, TopicName};
use governance::clerk::clerk;
use governance::commands::QuarantinedAt;
use governance::events::LeakEvent;
use governance::{By, Command, Event, Quarantined, Roles, State};
use journal::StreamId;
use seal::{Pseudonym, SealedForm};
use smallvec::SmallVec;
use tokio::sync::{OwnedMutexGuard, oneshot};
use tokio::task::JoinSet;
use tokio::time::timeout;

use super::sealing::DAMAGED;
use super::shelf::{Entry, Turn};
use super::{Key, is_discarded, open, placed};
use crate::api::{Caller, Outcome, Receipt};
use crate::core::Core;
use crate::lanes::{NewKeys, PublishJob, ReadyEvent, lane_is_down};
use crate::limits::QUARANTINE_WAIT_MS;
use crate::record::{self, Stored};
use crate::topics::Topic;
use crate::{Bus, Refusal, RefusalKind};

/// How long the clerk waits for what is placed; most of it takes a moment.
const PLACING_PATIENCE: Duration = Duration::from_secs(2);

/// How long a release waits for others of its topic that are being placed, before it is told that it comes later.
const TURN_PATIENCE: Duration = Duration::from_secs(10);

/// Why the clerk discards.
const IN_TIME: &str = "nobody decided about it within 90 days";

/// What became of the event at a place, for governance; nothing where retention took it away.
pub(crate) fn standing(core: &Core, at: &Key) -> Option<Quarantined> {
    let topic = core.topics.get(&at.0).ok()?;
    let stream = topic.partition(at.1).ok()?;
    if core.journal.bounds(stream).is_ok_and(|bounds| at.2 < bounds.first) {
        return None;
    }
    match core.quarantine.get(at) {
        Some(entry) if entry.released.is_some() => Some(Quarantined::Released),
        Some(entry) => Some(Quarantined::Undecided {
            key: entry.key,
            is_replaced: is_replaced(core, &topic, stream, at.2),
        }),
        None => became(core, &topic, stream, at),
    }
}

/// What became of an event that does not wait any more.
fn became(core: &Core, topic: &Topic, stream: StreamId, at: &Key) -> Option<Quarantined> {
    let stored = core.stored(stream, at.2).ok()??;
    let Stored::Quarantined(kept) = record::read(&stored.body).ok()? else { return None };
    if is_discarded(&core.keyring, &kept) {
        return Some(Quarantined::Discarded);
    }
    let placed = placed(&*core.journal, &core.marker, topic, (at.1, at.2)).ok()?;
    placed.map(|_| Quarantined::Released)
}

/// Whether another event of the identity, with other content, is remembered by now: one that is read, or one that is quarantined
/// itself, whatever becomes of it, as the lane takes neither beside it. Where that cannot be told the decision goes on: the lane
/// asks again.
fn is_replaced(core: &Core, topic: &Topic, stream: StreamId, offset: u64) -> bool {
    let Ok(Some(stored)) = core.stored(stream, offset) else { return false };
    let Ok(Stored::Quarantined(kept)) = record::read(&stored.body) else { return false };
    let since_ms = core.clock.now_ms().saturating_sub(topic.window_ms);
    let places = core.journal.find(kept.identity as u64).unwrap_or_default();
    places.iter().filter(|place| topic.partition_of(place.stream).is_some()).any(|place| {
        let Ok(Some(stored)) = core.stored(place.stream, place.offset) else { return false };
        let (identity, digest) = match record::read(&stored.body) {
            Ok(Stored::Event(other)) => {
                let identity = core.marker.identity(&topic.name, &other.event.source, &other.event.id);
                (identity, other.head.digest)
            }
            Ok(Stored::Quarantined(other)) => (other.identity, other.digest),
            Err(_) => return false,
        };
        identity == kept.identity && digest != kept.digest && stored.time_ms >= since_ms
    })
}

impl Bus {
    /// What was found in an event is nobody's data: everybody who reads the topic gets it from here on. Its receipt, which is the
    /// same however often it is asked for.
    pub async fn release_quarantined(&self, caller: &Caller, at: QuarantinedAt) -> Result<Receipt, Refusal> {
        let key = (at.topic.clone(), at.partition, at.offset);
        self.govern(caller, Command::ReleaseQuarantined(at)).await?;
        self.place_released(&key).await
    }

    /// Nobody is ever to read an event.
    pub async fn discard_quarantined(&self, caller: &Caller, at: QuarantinedAt) -> Result<(), Refusal> {
        self.govern(caller, Command::DiscardQuarantined(at)).await.map(|_| ())
    }

    /// Places what was released and is not placed yet, and discards what waited too long.
    pub(crate) async fn bring_quarantine_on(&self) -> Result<Vec<Event>, Refusal> {
        let mut placing = JoinSet::new();
        let unplaced = |topic: &TopicName| !self.core.quarantine.released(topic).is_empty();
        for topic in self.core.quarantine.topics().into_iter().filter(unplaced) {
            let bus = self.clone();
            placing.spawn(async move { bus.place_all_released(&topic).await });
        }
        let all = async { while placing.join_next().await.is_some() {} };
        if timeout(PLACING_PATIENCE, all).await.is_err() {
            // Whoever is stuck goes on alone, and nothing else waits for it.
            placing.detach_all();
        }
        if overdue(&self.core, &self.core.state(), self.core.clock.now_ms(), 1).is_empty() {
            return Ok(Vec::new());
        }
        let core = self.core.clone();
        self.as_clerk(move |state, now_ms| overdue(&core, state, now_ms, DISCARDED_AT_ONCE)).await
    }

    /// Places what is released of a topic, unless somebody is at it: one that is stuck is tried again when the clerk comes by and
    /// it is not stuck any more. What keeps one from being placed keeps all of them, so the first such ends it.
    async fn place_all_released(&self, topic: &TopicName) {
        let turn = self.core.quarantine.turn(topic);
        let Ok(_alone) = turn.try_lock() else { return };
        for (partition, offset) in self.core.quarantine.released(topic) {
            if !self.try_place(&(topic.clone(), partition, offset)).await {
                return;
            }
        }
    }

    /// Whether those behind it can be tried.
    async fn try_place(&self, at: &Key) -> bool {
        let Err(error) = self.place(at).await else { return true };
        let (topic, partition, offset) = at;
        // Another event of its identity is remembered, which may last for long.
        if error.kind == RefusalKind::Conflict {
            tracing::debug!(%error, %topic, partition, offset, "a released event waits");
        } else {
            tracing::warn!(%error, %topic, partition, offset, "a released event could not be placed; it is tried again");
        }
        error.kind != RefusalKind::Unavailable || error.code == Some(DAMAGED)
    }

    /// Places a released event, behind those of its partition that were released before it; one of those that cannot be placed
    /// now comes later.
    async fn place_released(&self, at: &Key) -> Result<Receipt, Refusal> {
        let _alone = in_turn(self.core.quarantine.turn(&at.0), at, TURN_PATIENCE).await?;
        let released = self.core.quarantine.released(&at.0);
        let before = released.iter().take_while(|(partition, offset)| (*partition, *offset) != (at.1, at.2));
        if released.contains(&(at.1, at.2)) {
            for (partition, offset) in before.filter(|(partition, _)| *partition == at.1) {
                if !self.try_place(&(at.0.clone(), *partition, *offset)).await {
                    break;
                }
            }
            return self.place(at).await;
        }
        // Somebody else did it.
        let (core, at) = (self.core.clone(), at.clone());
        let placed = tokio::task::spawn_blocking(move || {
            let topic = core.topics.get(&at.0)?;
            placed(&*core.journal, &core.marker, &topic, (at.1, at.2))?
                .ok_or_else(|| unknown(&at.0, at.1, at.2))
        });
        placed.await.map_err(|_| Refusal::unavailable("reading was broken off"))?
    }

    /// Places a released event at the end of its partition. That it was is durable in one group with it: if we die before, it is
    /// placed after the start.
    async fn place(&self, at: &Key) -> Result<Receipt, Refusal> {
        let topic = self.core.topics.get(&at.0)?;
        let (core, key, of) = (self.core.clone(), at.clone(), topic.clone());
        let found = tokio::task::spawn_blocking(move || found(&core, &of, &key)).await;
        let (ready, body, publisher) =
            found.map_err(|_| Refusal::unavailable("reading was broken off"))??;
        let lane = self.core.lane(topic.lane);
        let room = lane.room_for(body.len()).await?;
        let (reply, answer) = oneshot::channel();
        let job = PublishJob {
            topic,
            publisher: Arc::new(publisher),
            ready: vec![ready],
            bodies: body,
            outcomes: vec![None],
            entries: Vec::new(),
            whole: None,
            repeated: false,
            reply,
            room,
        };
        lane.publish(move || job)?;
        let outcomes = answer.await.map_err(|_| lane_is_down())??;
        match outcomes.into_iter().next() {
            Some(Outcome::Accepted(receipt) | Outcome::Duplicate(receipt)) => Ok(receipt),
            Some(Outcome::Refused(refusal)) => Err(refusal),
            None => Err(lane_is_down()),
        }
    }
}

/// What nobody decided about in time, but where a hold keeps it; a few at once, as each is a fact of its own.
fn overdue(core: &Core, state: &State, now_ms: u64, max: usize) -> Vec<Event> {
    let mut discarded: Vec<Event> = Vec::new();
    let is_late = |of: &Entry| of.at_ms.saturating_add(QUARANTINE_WAIT_MS) <= now_ms;
    for topic in core.quarantine.topics().into_iter().filter(|topic| !state.is_held(topic)) {
        let late = core.quarantine.undecided_where(&topic, is_late, max - discarded.len());
        discarded.extend(late.into_iter().map(|((partition, offset), entry)| {
            Event::Leak(LeakEvent::QuarantineDiscarded {
                topic: topic.clone(),
                partition,
                offset,
                key: entry.key,
                reason: IN_TIME.to_owned(),
                by: By::own(clerk()),
            })
        }));
    }
    discarded
}

/// A group of a usual size.
const DISCARDED_AT_ONCE: usize = 200;

/// A quarantined event, ready for its lane, with its body and who published it.
fn found(core: &Core, topic: &Topic, at: &Key) -> Result<(ReadyEvent, Vec<u8>, Caller), Refusal> {
    let (name, partition, offset) = at;
    let gone = || unknown(name, *partition, *offset);
    let entry = core.quarantine.get(at).ok_or_else(gone)?;
    let unreadable = |error: &dyn std::fmt::Display| {
        let text = format!("{error} (topic {name}, partition {partition}, offset {offset})");
        let refusal = Refusal::unavailable(text).hint("chancery doctor checks the data folder");
        Refusal { code: Some(DAMAGED), ..refusal }
    };
    let stored = core.stored(topic.partition(*partition)?, *offset).map_err(|error| unreadable(&error))?;
    let stored = stored.ok_or_else(gone)?;
    let Stored::Quarantined(kept) = record::read(&stored.body).map_err(|error| unreadable(&error))? else {
        return Err(gone());
    };
    // The lane would say so too, but each time that it is tried.
    if is_replaced(core, topic, topic.partition(*partition)?, *offset) {
        return Err(replaced(topic, *partition, *offset));
    }
    let body = open(core, topic, &kept)?.ok_or_else(gone)?;
    let read = record::read_body(&body).map_err(|error| unreadable(&error))?;
    let sealed = SealedForm::parse(read.sealed).map_err(|error| unreadable(&error))?;
    let about = sealed.classes().map(Class::from).zip(sealed.subjects());
    let about = about.filter(|(class, _)| class.is_about_a_person()).map(|(_, person)| person);
    let mut seen = HashSet::new();
    let persons: Vec<Pseudonym> = about.filter(|person| seen.insert(person.0)).collect();
    // The record has room for twelve; of an event about more people the rest stands elsewhere.
    let mut marks = SmallVec::from_slice(stored.marks.get(1..).unwrap_or_default());
    let all = core.marker.marks_of(&read.event, persons.into_iter());
    marks.extend(all.into_iter().filter(|mark| !stored.marks.contains(mark)));
    let publisher = Caller { principal: entry.by, agency: entry.agency, roles: Roles::default() };
    let ready = ReadyEvent {
        index: 0,
        contract: kept.contract,
        partition: *partition,
        identity: kept.identity,
        marks,
        digest: kept.digest,
        hash: audit::leaf_hash(&body),
        body: 0..body.len(),
        new_keys: NewKeys::new(),
        found: Vec::new(),
        refused: None,
        quarantined: None,
        released: Some(*offset),
    };
    Ok((ready, body.to_vec(), publisher))
}

/// Why a released event is not placed.
pub(crate) fn replaced(topic: &Topic, partition: u32, offset: u64) -> Refusal {
    let text = format!(
        "topic {}: the event released at {partition}/{offset} is not placed: another one of its source and id, with other \
         content, was published since it was released",
        topic.name
    );
    Refusal::new(RefusalKind::Conflict, text)
        .hint("it is placed by itself when that one's identity is not remembered any more")
}

/// Waits for the turn of a release, but not for ever.
async fn in_turn(turn: Turn, at: &Key, patience: Duration) -> Result<OwnedMutexGuard<()>, Refusal> {
    timeout(patience, turn.lock_owned()).await.map_err(|_| later(at))
}

/// What is told of a release that others of its topic are in the way of.
fn later((topic, partition, offset): &Key) -> Refusal {
    let text = format!(
        "topic {topic}: the event at {partition}/{offset} is released, and placed when it can be: others of the topic are being \
         placed before it"
    );
    Refusal::unavailable(text).hint("release it once more in a while to hear its receipt")
}

pub(super) fn unknown(topic: &TopicName, partition: u32, offset: u64) -> Refusal {
    let text = format!("topic {topic} has nothing in quarantine at partition {partition}, offset {offset}");
    Refusal::new(RefusalKind::Unknown, text)
        .hint(format!("chancery topic quarantine list {topic} shows what waits"))
}

#[cfg(test)]
mod tests {
    use super::super::Shelf;
    use super::*;

    #[tokio::test]
    async fn a_release_that_waits_behind_another_for_too_long_comes_later_and_keeps_no_other_topic() {
        let (shelf, topic): (Shelf, TopicName) = (Shelf::default(), "a.b".parse().unwrap());
        let (at, long) = ((topic.clone(), 1, 7), Duration::from_secs(10));
        let others = in_turn(shelf.turn(&topic), &at, long).await.unwrap();
        let told = timeout(long, in_turn(shelf.turn(&topic), &at, Duration::from_millis(1))).await;
        let told = told.expect("it waits for ever").unwrap_err();
        assert_eq!(told.kind, RefusalKind::Unavailable);
        assert!(told.text.contains("the event at 1/7 is released, and placed when it can be"), "{told}");
        assert!(in_turn(shelf.turn(&"a.c".parse().unwrap()), &at, long).await.is_ok(), "another topic");
        drop(others);
        assert!(in_turn(shelf.turn(&topic), &at, long).await.is_ok(), "nobody is at it any more");
    }
}
