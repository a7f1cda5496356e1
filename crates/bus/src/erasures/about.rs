//! The events about a person, by what an agency's keys call them, and who was handed them.

use std::collections::{BTreeMap, BTreeSet};

use contract::{AgencyName, SubscriptionName, TopicName};
use governance::erasure::Traced;
use governance::state::{EventAt, Handed, Person};
use seal::{Pseudonym, SealedForm};

use crate::Refusal;
use crate::core::Core;
use crate::record;

/// Most events of a person that a fact names for each agency; all of them are asked for.
const SOME_EVENTS: usize = 20;

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
    let mut places = BTreeSet::new();
    for found in core.journal.find(core.marker.person(&pseudonym))? {
        let found = core.event_of(&found)?;
        places.insert((found.stream, found.offset));
    }
    for (stream, offset) in places {
        let Some(topic) = core.topics.of_stream(stream).filter(|it| it.sealed_by == person.agency) else {
            continue;
        };
        let Some(partition) = topic.partition_of(stream) else { continue };
        let Some(stored) = core.journal.read(stream, offset, 1)?.into_iter().next() else { continue };
        let unreadable = |error: &dyn std::fmt::Display| {
            Refusal::unavailable(format!(
                "{error} (topic {}, partition {partition}, offset {offset})",
                topic.name
            ))
            .hint("chancery doctor checks the data folder")
        };
        let read = record::read(&stored.body).map_err(|error| unreadable(&error))?;
        // A mark may collide: the record itself decides.
        let sealed = SealedForm::parse(read.sealed).map_err(|error| unreadable(&error))?;
        if sealed.subjects().all(|about| about != pseudonym) {
            continue;
        }
        let at = EventAt { topic: topic.name.clone(), partition, offset, id: read.event.id };
        visit(EventAbout { at, time_ms: stored.time_ms })?;
    }
    Ok(())
}

/// Who was handed events about a person, and which.
pub(super) fn handed(core: &Core, person: &Person) -> Result<Traced, Refusal> {
    let mut counts: BTreeMap<AgencyName, BTreeMap<(SubscriptionName, TopicName), u64>> = BTreeMap::new();
    let mut some: BTreeMap<AgencyName, BTreeSet<EventAt>> = BTreeMap::new();
    each(core, person, &mut |event| {
        for disclosed in core.disclosed(&event.at.topic, event.at.partition, event.at.offset)? {
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
