//! The events about a person, by what an agency's keys call them, and who was handed them.

use std::collections::{BTreeMap, BTreeSet};

use contract::{AgencyName, SubscriptionName, TopicName};
use governance::erasure::Traced;
use governance::state::{EventAt, Handed, Person};
use journal::StreamId;
use seal::{Pseudonym, SealedForm};

use crate::Refusal;
use crate::clock::rfc3339;
use crate::core::Core;
use crate::quarantine;
use crate::record::{self, Stored};

/// Most events of a person that a fact names for each agency; all of them are asked for.
const SOME_EVENTS: usize = 20;

/// An erasure has the time at which it was written, and takes effect a little later, when that is durable: until then events
/// are opened as ever. What is handed over after that are tombstones, of which there is nothing to delete.
const ON_THE_WAY_MS: u64 = 60_000;

/// An event about a person.
pub(super) struct EventAbout {
    /// Where it stands.
    pub at: EventAt,
    /// When it became durable, in milliseconds since 1970.
    pub time_ms: u64,
}

/// Visits each event that is about a person, once. Events that retention took away are not found.
pub(super) fn each(
    core: &Core,
    person: &Person,
    visit: &mut dyn FnMut(EventAbout) -> Result<(), Refusal>,
) -> Result<(), Refusal> {
    let Some(pseudonym) = Pseudonym::parse(&person.pseudonym) else { return Ok(()) };
    for place in places(core, &pseudonym)? {
        if let Some(event) = event_at(core, person, &pseudonym, place)? {
            visit(event)?;
        }
    }
    Ok(())
}

/// Each topic with events about a person, with when the youngest became durable, in milliseconds since 1970. Of each stream
/// no more is read than the youngest, for times do not go back within one.
pub(super) fn youngest(core: &Core, person: &Person) -> Result<BTreeMap<TopicName, u64>, Refusal> {
    let mut topics = BTreeMap::new();
    let Some(pseudonym) = Pseudonym::parse(&person.pseudonym) else { return Ok(topics) };
    let mut settled = None;
    for (stream, offset) in places(core, &pseudonym)?.into_iter().rev() {
        if settled == Some(stream) {
            continue;
        }
        if let Some(event) = event_at(core, person, &pseudonym, (stream, offset))? {
            settled = Some(stream);
            let youngest_ms = topics.entry(event.at.topic).or_insert(0);
            *youngest_ms = event.time_ms.max(*youngest_ms);
        }
    }
    Ok(topics)
}

/// Where events may be that are about a person. A mark or a note outlives the event that it leads to.
pub(crate) fn places(core: &Core, pseudonym: &Pseudonym) -> Result<BTreeSet<(StreamId, u64)>, Refusal> {
    let mut places = BTreeSet::new();
    for found in core.journal.find(core.marker.person(pseudonym))? {
        places.extend(core.event_of(&found)?.map(|event| (event.stream, event.offset)));
    }
    Ok(places)
}

/// The event at a place; none where it is gone, is of another agency's topic, or is not about the person.
fn event_at(
    core: &Core,
    person: &Person,
    pseudonym: &Pseudonym,
    (stream, offset): (StreamId, u64),
) -> Result<Option<EventAbout>, Refusal> {
    let topic = core.topics.of_stream(stream).filter(|it| it.sealed_by == person.agency);
    let Some(topic) = topic else { return Ok(None) };
    let Some(partition) = topic.partition_of(stream) else { return Ok(None) };
    let Some(stored) = core.stored(stream, offset)? else { return Ok(None) };
    let unreadable = |error: &dyn std::fmt::Display| {
        Refusal::unavailable(format!(
            "{error} (topic {}, partition {partition}, offset {offset})",
            topic.name
        ))
        .hint("chancery doctor checks the data folder")
    };
    let inner;
    let read = match record::read(&stored.body).map_err(|error| unreadable(&error))? {
        Stored::Event(read) => read,
        // Nobody was handed it, but it is kept, and may be held: whom it is about stands inside.
        Stored::Quarantined(kept) => {
            let Some(body) = quarantine::open(core, &topic, &kept)? else { return Ok(None) };
            inner = body;
            record::read_body(&inner).map_err(|error| unreadable(&error))?
        }
    };
    // A mark may collide: the record itself decides.
    let sealed = SealedForm::parse(read.sealed).map_err(|error| unreadable(&error))?;
    if sealed.subjects().all(|about| about != *pseudonym) {
        return Ok(None);
    }
    let at = EventAt { topic: topic.name.clone(), partition, offset, id: read.event.id };
    Ok(Some(EventAbout { at, time_ms: stored.time_ms }))
}

/// The last moment at which what was handed over may tell something of who was erased then, RFC 3339.
pub(super) fn handed_until(erased_ms: u64) -> String {
    rfc3339(erased_ms.saturating_add(ON_THE_WAY_MS))
}

/// Who was handed events about a person before they were erased, and which.
pub(super) fn handed(core: &Core, person: &Person, erased_ms: u64) -> Result<Traced, Refusal> {
    let until = handed_until(erased_ms);
    let mut counts: BTreeMap<AgencyName, BTreeMap<(SubscriptionName, TopicName), u64>> = BTreeMap::new();
    let mut some: BTreeMap<AgencyName, BTreeSet<EventAt>> = BTreeMap::new();
    each(core, person, &mut |event| {
        for disclosed in core.disclosed(&event.at.topic, event.at.partition, event.at.offset)? {
            if disclosed.time > until {
                continue;
            }
            let of = counts.entry(disclosed.agency.clone()).or_default();
            *of.entry((disclosed.subscription, event.at.topic.clone())).or_default() += 1;
            let named = some.entry(disclosed.agency).or_default();
            if named.len() < SOME_EVENTS {
                named.insert(event.at.clone());
            }
        }
        Ok(())
    })?;
    let one = |(agency, counts): (AgencyName, BTreeMap<_, u64>)| {
        let handed =
            counts.into_iter().map(|((subscription, topic), events)| Handed { subscription, topic, events });
        let some = some.remove(&agency).unwrap_or_default().into_iter().collect();
        (agency, (handed.collect(), some))
    };
    Ok(counts.into_iter().map(one).collect())
}
