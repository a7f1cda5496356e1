//! What one person said of who may have what is about them, for who answers for the topics that say it.
//!
//! Read from the records themselves, which are found by what the keys of their agency call the person: so it needs no view of
//! all people, and names the event that decides. The identifier is used for that and dropped.

use std::collections::BTreeSet;
use std::sync::Arc;

use contract::{AgencyName, TopicName};
use governance::person_consent::may_show;
use governance::state::EventAt;
use seal::Pseudonym;

use super::shelf;
use super::words::{Place, Said, Standing, Table};
use crate::api::Caller;
use crate::audit_logs::consents_entries;
use crate::clock::rfc3339;
use crate::core::Core;
use crate::erasures::{Subject, places};
use crate::lanes::Facts;
use crate::record::{self, Stored};
use crate::topics::Topic;
use crate::{Bus, Refusal};

/// What a person's words of one purpose, to one agency or to all, come to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KnownConsent {
    /// For what.
    pub purpose: String,
    /// Which agency may have it, as the record names it; none: whichever has that purpose.
    pub agency: Option<String>,
    /// What became of it.
    pub standing: Standing,
    /// When the record that decides became durable, in milliseconds since 1970.
    pub since_ms: u64,
    /// Until when what was given holds, in milliseconds since 1970; none: until it is withdrawn.
    pub until_ms: Option<u64>,
    /// The record that decides.
    pub event: EventAt,
}

/// A record that was found.
struct Found {
    at: EventAt,
    place: Place,
    record: governance::person_consent::Record,
    by: Option<Pseudonym>,
    kept_ms: u64,
}

impl Bus {
    /// What the topics that are believed, and that the caller answers for as a data protection officer, say of one person. That
    /// it was asked, and the records that say it, stand in the audit before they are handed over; who the person is does not.
    pub async fn consents_of(
        &self,
        caller: &Caller,
        subject: &Subject,
    ) -> Result<Vec<KnownConsent>, Refusal> {
        let seen = self.may_show_consents(caller)?;
        let topics: Vec<Arc<Topic>> =
            seen.iter().map(|name| self.core.topics.get(name)).collect::<Result<_, _>>()?;
        let sealers: BTreeSet<AgencyName> = topics.iter().map(|topic| topic.sealed_by.clone()).collect();
        let erasures = self.core.keyring.erasures();
        let called = self.called(subject, &sealers)?;
        let people: Vec<Pseudonym> = called.values().copied().collect();
        let (core, of, shown) = (self.core.clone(), people.clone(), seen.clone());
        let found = tokio::task::spawn_blocking(move || find(&core, &shown, &of)).await;
        let found = found.map_err(|_| Refusal::unavailable("reading was broken off"))??;
        let time = rfc3339(self.core.clock.now_ms());
        for topic in &topics {
            let of = found.iter().filter(|found| found.at.topic == topic.name);
            let places: Vec<(u32, u64)> = of.map(|found| (found.at.partition, found.at.offset)).collect();
            let entries = consents_entries(caller, topic, &places, &time);
            let entries = entries.into_iter().map(|entry| (entry, Vec::new())).collect();
            self.core.lane(topic.lane).record(Facts { entries, ..Facts::default() }).await?;
        }
        // Until that was durable the right may have ended, for some of the topics too, or the person may have been erased.
        if self.may_show_consents(caller)? != seen {
            return Err(Refusal::unavailable("the topics that you answer for changed at this moment")
                .hint("ask again"));
        }
        if self.core.keyring.erased_since(erasures, &people) {
            return Err(Refusal::unavailable("the person was erased at this moment").hint("ask again"));
        }
        Ok(known(found, self.core.person_consents.now_ms(&self.core)))
    }

    fn may_show_consents(&self, caller: &Caller) -> Result<BTreeSet<TopicName>, Refusal> {
        Ok(may_show(&self.core.state(), &self.now(caller), self.core.clock.now_ms())?)
    }
}

/// The records of these topics about these people.
fn find(core: &Core, topics: &BTreeSet<TopicName>, people: &[Pseudonym]) -> Result<Vec<Found>, Refusal> {
    let mut all = Vec::new();
    for person in people {
        for (stream, offset) in places(core, person)? {
            // Few of a person's events are consent records: no other is read.
            let topic = core.topics.of_stream(stream).filter(|topic| topics.contains(&topic.name));
            let Some(topic) = topic else { continue };
            let Some(stored) = core.stored(stream, offset)? else { continue };
            let Some(partition) = topic.partition_of(stream) else { continue };
            let Some((said, by)) = shelf::read(core, &topic, &stored)? else { continue };
            // A mark may collide: the record itself decides.
            if by.as_ref() != Some(person) {
                continue;
            }
            let Ok(Stored::Event(read)) = record::read(&stored.body) else { continue };
            all.push(Found {
                at: EventAt { topic: topic.name.clone(), partition, offset, id: read.event.id },
                place: Place { time_ms: stored.time_ms, stream, offset },
                record: said,
                by,
                kept_ms: topic.retention_ms,
            });
        }
    }
    Ok(all)
}

/// What they come to. They are of one person, whatever the keys call them.
fn known(found: Vec<Found>, now_ms: u64) -> Vec<KnownConsent> {
    let (mut table, whose) = (Table::default(), Pseudonym([0; 16]));
    for Found { record, place, kept_ms, by, .. } in &found {
        table.fold(whose, &Said { record, place: *place, kept_ms: *kept_ms, by: *by });
    }
    let said = table.said_by(&whose, now_ms).into_iter().filter_map(|word| {
        let event = found.iter().find(|found| found.place == word.place)?.at.clone();
        let (since_ms, until_ms) = (word.place.time_ms, word.until_ms);
        let (purpose, agency, standing) = (word.purpose, word.recipient, word.standing);
        Some(KnownConsent { purpose, agency, standing, since_ms, until_ms, event })
    });
    said.collect()
}
