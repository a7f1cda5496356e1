//! Where one event goes in a group, with what has to become durable together with it: keys, marks that found no room, and
//! what is noted of quarantined events.

use journal::{MARKS_MAX, Offset};

use super::form::Forming;
use super::job::{NewKey, PublishJob, ReadyEvent};
use crate::api::Outcome;
use crate::identities::Seen;
use crate::limits::QUARANTINE_MAX;
use crate::mark_table::Place;
use crate::quarantine::{Key, Noted, replaced};
use crate::{Refusal, RefusalKind};

impl Forming<'_> {
    /// Puts one event and the new keys that it needs into the group.
    pub(super) fn place(
        &mut self,
        job: &PublishJob,
        event_number: usize,
        leaf: u64,
    ) -> Result<Offset, Refusal> {
        let event = &job.ready[event_number];
        for key in &event.new_keys {
            self.key(key)?;
        }
        let stream = job.topic.partitions[event.partition as usize];
        let offset = self.take_offset(stream)?;
        let primary = event.identity as u64;
        let mut marks = [0u64; MARKS_MAX];
        let count = 1 + event.marks.len().min(marks.len() - 1);
        marks[0] = primary;
        marks[1..count].copy_from_slice(&event.marks[..count - 1]);
        for more in event.marks[count - 1..].chunks(MARKS_MAX) {
            self.more_marks(more, Place { stream, offset })?;
        }
        let leaf = leaf.to_le_bytes();
        let body: [&[u8]; 2] = [&leaf, &job.bodies[event.body.clone()]];
        self.group.push(stream, offset, self.now_ms, &marks[..count], &body);
        self.formed.identities.push((primary, Place { stream, offset }));
        self.note(job, event, offset)?;
        Ok(offset)
    }

    /// An event about more people than a record has marks for is found by records of their own.
    fn more_marks(&mut self, marks: &[u64], place: Place) -> Result<(), Refusal> {
        let stream = self.parts.people_stream;
        let offset = self.take_offset(stream)?;
        self.group.push(stream, offset, self.now_ms, marks, &[&place.encode()]);
        Ok(())
    }

    fn key(&mut self, key: &NewKey) -> Result<(), Refusal> {
        if !self.keys_pending.insert(key.mark()) {
            return Ok(());
        }
        let Some(record) = self.parts.keyring.record_of(key, &self.epoch)? else { return Ok(()) };
        let stream = self.epoch.streams[self.parts.lane as usize];
        let offset = self.take_offset(stream)?;
        self.group.push(stream, offset, self.now_ms, &[key.mark()], &[&record]);
        self.formed.keys.push((*key, Place { stream, offset }));
        Ok(())
    }

    /// Notes that an event comes into quarantine, or out of it.
    fn note(&mut self, job: &PublishJob, event: &ReadyEvent, offset: Offset) -> Result<(), Refusal> {
        let (topic, partition) = (job.topic.name.clone(), event.partition);
        let noted = match (&event.quarantined, event.released) {
            (Some(of), _) => Noted::Came {
                topic,
                partition,
                offset,
                by: job.publisher.principal.clone(),
                agency: job.publisher.agency.clone(),
                key: of.key.to_string(),
                found: of.found.clone(),
                since_ms: None,
            },
            (None, Some(quarantined)) => {
                Noted::Placed { topic, partition, offset: quarantined, placed: offset, elsewhere: None }
            }
            (None, None) => return Ok(()),
        };
        self.noted(noted)
    }

    fn noted(&mut self, noted: Noted) -> Result<(), Refusal> {
        let stream = self.parts.quarantine_stream;
        let at = self.take_offset(stream)?;
        self.group.push(stream, at, self.now_ms, &[], &[&noted.encode()]);
        self.formed.noted.push((noted, at));
        Ok(())
    }

    /// Notes an event anew that still waits, so that what was noted before it can be taken away. Not one that this group places: its
    /// placing would be forgotten.
    pub(super) fn note_anew(&mut self, key: &Key) -> Result<(), Refusal> {
        let Some(entry) = self.parts.quarantine.get(key) else { return Ok(()) };
        match self.formed.noted.iter().any(|(noted, _)| noted.places(key)) {
            true => Ok(()),
            false => self.noted(entry.noted_anew(key)),
        }
    }

    /// What is said of a released event before it is placed; nothing where it is to be. That it was placed is durable with
    /// its record, so that it is once, whenever we die.
    pub(super) fn released(
        &mut self,
        job: &PublishJob,
        event: &ReadyEvent,
        quarantined: Offset,
    ) -> Result<Option<Outcome>, Refusal> {
        let key = (job.topic.name.clone(), event.partition, quarantined);
        let placed = match self.parts.quarantine.get(&key).map(|entry| entry.released) {
            Some(Some(_)) => return self.sent_again(job, event, quarantined),
            Some(None) => None,
            // It is placed since it was read, or retention took it away.
            None => self.parts.identities.placed(&job.topic, (event.partition, quarantined))?,
        };
        Ok(Some(placed.map_or_else(
            || {
                let (topic, partition) = (&job.topic.name, event.partition);
                let text = format!("topic {topic}: nothing is released at {partition}/{quarantined}");
                Outcome::Refused(Refusal::new(RefusalKind::Unknown, text))
            },
            Outcome::Duplicate,
        )))
    }

    /// The receipt of an event that was sent again, and taken, when its identity was not remembered any more: that is the one
    /// that is read. Where what was taken since the decision has other content, it waits: there is never one identity with two.
    fn sent_again(
        &mut self,
        job: &PublishJob,
        event: &ReadyEvent,
        quarantined: Offset,
    ) -> Result<Option<Outcome>, Refusal> {
        let seen = self.parts.identities.seen(&job.topic, event.identity, &event.digest, self.now_ms)?;
        let receipt = match seen {
            Seen::Never => return Ok(None),
            Seen::Same(receipt) if receipt.quarantined.is_some() => return Ok(None),
            Seen::Same(receipt) => receipt,
            Seen::Other => {
                return Ok(Some(Outcome::Refused(replaced(&job.topic, event.partition, quarantined))));
            }
        };
        self.noted(Noted::Placed {
            topic: job.topic.name.clone(),
            partition: event.partition,
            offset: quarantined,
            placed: receipt.offset,
            elsewhere: Some(receipt.partition).filter(|there| *there != event.partition),
        })?;
        Ok(Some(Outcome::Duplicate(receipt)))
    }

    /// Why a topic takes no more into quarantine, or nothing. What this group brings does not count: the answer is the same for all of
    /// a batch that stands or falls together.
    pub(super) fn no_room(&self, job: &PublishJob, event: &ReadyEvent) -> Option<Refusal> {
        let of = event.quarantined.as_ref()?;
        let topic = &job.topic;
        let is_closed = self.closed.contains(&topic.name);
        // What is released has had its decision, and goes as soon as it can be placed.
        if !is_closed && self.parts.quarantine.waiting(&topic.name).undecided < QUARANTINE_MAX {
            return None;
        }
        let places: Vec<String> =
            of.found.iter().map(|one| format!("{} ({})", one.place, one.detector)).collect();
        let why = match is_closed {
            true => "what people consent to is read from the topic, which takes nothing into quarantine"
                .to_owned(),
            false => {
                format!("{QUARANTINE_MAX} events of the topic wait in quarantine for a decision already")
            }
        };
        let text = format!(
            "contract {} {}: personal data was found at {}, and {why}, so it is refused ({})",
            topic.name,
            event.contract,
            places.join(", "),
            topic.answers_for_it()
        );
        if is_closed {
            return Some(Refusal::new(RefusalKind::Contract, text).hint("leave it out"));
        }
        let hint = format!(
            "leave it out, or let a dpo of {} decide about those first (chancery topic quarantine list {})",
            topic.owner, topic.name
        );
        Some(Refusal::new(RefusalKind::Contract, text).hint(hint))
    }
}
