//! Following what happened: one affair across agencies, and who was handed events about one person. Metadata only.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet, VecDeque};

use contract::{AgencyName, SubscriptionName, TopicName};
use governance::rights;
use journal::{Found, Journal, JournalError, Record, StreamId};

use crate::api::{Caller, Disclosed, TraceStep};
use crate::core::Core;
use crate::limits::{DISCLOSURE_BUCKET, TRACE_MAX_EVENTS};
use crate::mark_table::Place;
use crate::record::{self, Stored};
use crate::{Bus, Refusal, RefusalKind};

/// That a subscription was handed events about a person.
#[derive(Debug, Clone)]
pub struct PersonDisclosure {
    /// The events' topic.
    pub topic: TopicName,
    /// How many events of it.
    pub events: u64,
    /// To whom, what for, when.
    pub disclosed: Disclosed,
}

impl Bus {
    /// The event with this id, everything that shares its `correlationid`, what caused it and what it caused, in the
    /// order in which it became durable; each with who was handed it.
    pub fn trace(&self, caller: &Caller, id: &str) -> Result<Vec<TraceStep>, Refusal> {
        rights::may_trace(&self.now(caller))?;
        let marker = &self.core.marker;
        let mut steps: BTreeMap<(TopicName, u32, u64), TraceStep> = BTreeMap::new();
        let mut asked = BTreeSet::new();
        let mut queue = VecDeque::from([Follow::Id(id.to_owned())]);
        while let Some(follow) = queue.pop_front() {
            if !asked.insert(follow.clone()) || steps.len() >= TRACE_MAX_EVENTS {
                continue;
            }
            let mark = match &follow {
                Follow::Id(id) => marker.event_id(id),
                Follow::CausedBy(id) => marker.causation(id),
                Follow::Correlation(id) => marker.correlation(id),
            };
            for step in self.steps_at(mark, &follow)? {
                queue.push_back(Follow::CausedBy(step.id.clone()));
                queue.extend(step.causation.clone().map(Follow::Id));
                queue.extend(step.correlation.clone().map(Follow::Correlation));
                steps.insert((step.topic.clone(), step.place.0, step.place.1), step);
            }
        }
        if steps.is_empty() {
            return Err(Refusal::new(RefusalKind::Unknown, format!("no event has the id {id:?}"))
                .hint("it was refused, never published, or retention took it away"));
        }
        let mut steps: Vec<TraceStep> = steps.into_values().collect();
        steps.sort_by_key(|a| (a.at_ms, a.leaf, a.place));
        Ok(steps)
    }

    fn steps_at(&self, mark: u64, follow: &Follow) -> Result<Vec<TraceStep>, Refusal> {
        let mut steps = Vec::new();
        for found in self.core.journal.find(mark)? {
            if let Some(step) = self.step(&found)?
                && follow.matches(&step)
            {
                steps.push(step);
            }
        }
        Ok(steps)
    }

    fn step(&self, found: &Found) -> Result<Option<TraceStep>, Refusal> {
        let Some(found) = &self.core.event_of(found)? else { return Ok(None) };
        let Some(topic) = self.core.topics.of_stream(found.stream) else { return Ok(None) };
        let Some(partition) = topic.partition_of(found.stream) else { return Ok(None) };
        let Some(stored) = self.core.stored(found.stream, found.offset)? else { return Ok(None) };
        // Nobody was handed what is quarantined, and its ids may be what was found.
        let Ok(Stored::Event(read)) = record::read(&stored.body) else { return Ok(None) };
        let extension = |name: &str| read.event.extension(name).map(str::to_owned);
        Ok(Some(TraceStep {
            topic: topic.name.clone(),
            agency: topic.owner_at(stored.time_ms),
            id: read.event.id.clone(),
            source: read.event.source.clone(),
            contract: read.head.contract,
            at_ms: stored.time_ms,
            place: (partition, found.offset),
            leaf: read.leaf,
            correlation: extension("correlationid"),
            causation: extension("causationid"),
            traceparent: extension("traceparent"),
            disclosed: self.core.disclosed(&topic.name, partition, found.offset)?,
        }))
    }

    /// Who was handed events about a person, by the identifier that agencies' contracts name. Topics that were sealed by
    /// different agencies know the person under different pseudonyms, so each is looked for with its own key.
    pub fn person_disclosures(
        &self,
        caller: &Caller,
        subject: &str,
        agency: Option<&AgencyName>,
    ) -> Result<Vec<PersonDisclosure>, Refusal> {
        let state = self.core.state();
        rights::may_read_about_people(&self.now(caller), agency)?;
        let mut report: BTreeMap<(TopicName, SubscriptionName), PersonDisclosure> = BTreeMap::new();
        let asked = |topic: &governance::Topic| agency.is_none_or(|wanted| *wanted == topic.owner);
        let sealed_by: BTreeSet<_> =
            state.topics().filter(|topic| asked(topic)).map(|topic| &topic.sealed_by).collect();
        for sealer in sealed_by {
            let keys = self.core.keyring.agency(sealer)?;
            let mut places = Vec::new();
            for pseudonym in self.core.keyring.pseudonyms(&keys, subject) {
                places.extend(self.core.journal.find(self.core.marker.person(&pseudonym))?);
            }
            for found in places {
                let Some(step) = self.step(&found)? else { continue };
                if !state.topic(&step.topic).is_some_and(&asked) {
                    continue;
                }
                for disclosed in step.disclosed {
                    let key = (step.topic.clone(), disclosed.subscription.clone());
                    let line = PersonDisclosure { topic: step.topic.clone(), events: 0, disclosed };
                    report.entry(key).or_insert(line).events += 1;
                }
            }
        }
        Ok(report.into_values().collect())
    }
}

/// The record at a place; none where retention took it away: marks and noted places outlive what they lead to.
pub(crate) fn stored(
    journal: &dyn Journal,
    stream: StreamId,
    offset: u64,
) -> Result<Option<Record>, Refusal> {
    match journal.read(stream, offset, 1) {
        Ok(records) => Ok(records.into_iter().next()),
        Err(JournalError::Trimmed { .. }) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

impl Core {
    /// The record at a place; none where retention took it away.
    pub(crate) fn stored(&self, stream: StreamId, offset: u64) -> Result<Option<Record>, Refusal> {
        stored(&*self.journal, stream, offset)
    }

    /// Where the event stands that a mark led to: there, or at the place that is noted there; none where the note is gone. One
    /// that cannot be read may lead to an event that a hold keeps, so that is never taken for none.
    pub(crate) fn event_of(&self, found: &Found) -> Result<Option<Found>, Refusal> {
        if !self.streams.people.contains(&found.stream) {
            return Ok(Some(*found));
        }
        let Some(noted) = self.stored(found.stream, found.offset)? else { return Ok(None) };
        let place = Place::decode(&noted.body).ok_or_else(|| {
            let text = format!("a note of whom an event is about does not read (offset {})", found.offset);
            Refusal::unavailable(text).hint("chancery doctor checks the data folder")
        })?;
        Ok(Some(Found { stream: place.stream, offset: place.offset }))
    }

    /// Who was handed one event, each subscription once for each agency that had it, by its first time.
    pub(crate) fn disclosed(
        &self,
        topic: &TopicName,
        partition: u32,
        offset: u64,
    ) -> Result<Vec<Disclosed>, Refusal> {
        let mark = self.marker.disclosure(topic, partition, offset / DISCLOSURE_BUCKET);
        let mut first: BTreeMap<(SubscriptionName, AgencyName), Disclosed> = BTreeMap::new();
        for found in self.journal.find(mark)? {
            let Some(stored) = self.stored(found.stream, found.offset)? else { continue };
            let Ok(audit::Entry { what: audit::Kind::Disclosure(entry), time, .. }) =
                audit::Entry::decode(&stored.body)
            else {
                continue;
            };
            let covers = |range: &audit::Range| {
                range.partition == partition && (range.first..range.first + range.count).contains(&offset)
            };
            if entry.topic != topic.as_str() || !entry.ranges.iter().any(covers) {
                continue;
            }
            let whose = (SubscriptionName::parse(&entry.subscription), AgencyName::parse(&entry.agency));
            let (Ok(subscription), Ok(agency)) = whose else { continue };
            let names = |classes: &[Cow<'_, str>]| classes.iter().map(|class| class.to_string()).collect();
            first.entry((subscription.clone(), agency.clone())).or_insert(Disclosed {
                subscription,
                agency,
                purpose: entry.purpose.into_owned(),
                opened: names(&entry.opened),
                veiled: names(&entry.veiled),
                time: time.into_owned(),
            });
        }
        let mut disclosed: Vec<Disclosed> = first.into_values().collect();
        disclosed.sort_by(|a, b| a.time.cmp(&b.time));
        Ok(disclosed)
    }
}

/// What a trace still has to look for.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Follow {
    Id(String),
    CausedBy(String),
    Correlation(String),
}

impl Follow {
    /// A mark may collide: the record itself decides.
    fn matches(&self, step: &TraceStep) -> bool {
        match self {
            Follow::Id(id) => step.id == *id,
            Follow::CausedBy(id) => step.causation.as_deref() == Some(id),
            Follow::Correlation(id) => step.correlation.as_deref() == Some(id),
        }
    }
}
