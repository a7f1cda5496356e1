//! A chunk of a call on an admission thread: each of its events checked, sealed and hashed.

use std::sync::Arc;

use governance::leaks::Answer;
use tokio::sync::{OwnedSemaphorePermit, oneshot};

use super::{Incoming, prepare};
use crate::Refusal;
use crate::api::{Caller, Outcome};
use crate::audit_logs::{finding_entry, refusal_entry};
use crate::clock::rfc3339;
use crate::core::Core;
use crate::lanes::{PublishJob, ReadyEvent, Whole};
use crate::topics::Topic;

/// What attributes, envelope and keys typically add to an event's data; a guess that saves copying.
const BODY_OVERHEAD_BYTES: usize = 768;

/// Whose chunk it is, where it goes and on which terms.
pub struct Terms {
    pub publisher: Arc<Caller>,
    pub topic: Arc<Topic>,
    /// Where its events stand or fall together.
    pub whole: Option<Whole>,
    pub reply: oneshot::Sender<Result<Vec<Outcome>, Refusal>>,
    pub room: OwnedSemaphorePermit,
}

/// Makes a chunk ready for the lane. What is refused here leaves an entry in the audit.
pub fn prepare(core: &Core, terms: Terms, events: Vec<Incoming>) -> PublishJob {
    let Terms { publisher, topic, whole, reply, room } = terms;
    let time = rfc3339(core.clock.now_ms());
    let mut job = PublishJob {
        outcomes: vec![None; events.len()],
        ready: Vec::with_capacity(events.len()),
        bodies: Vec::with_capacity(room.num_permits() * 1024 + events.len() * BODY_OVERHEAD_BYTES),
        entries: Vec::new(),
        topic,
        publisher,
        whole,
        repeated: false,
        reply,
        room,
    };
    let partition = whole.map(|whole| whole.partition);
    let (mut refused, mut noted, mut quarantined) = (None, Vec::new(), Vec::new());
    for (index, event) in events.into_iter().enumerate() {
        let mut id = None;
        let prepared = event.and_then(|mut event| {
            prepare::prepare(core, &job.topic, &job.publisher, &mut event, partition, &mut job.bodies)
                .inspect_err(|_| id = Some(std::mem::take(&mut event.id)))
        });
        match prepared {
            Ok(mut ready) => {
                let found = std::mem::take(&mut ready.noted);
                match &ready.quarantined {
                    Some(_) => quarantined.push(found),
                    None if !found.is_empty() => noted.push(found),
                    None => {}
                }
                job.ready.push(ReadyEvent { index, ..ready });
            }
            Err(refusal) => {
                // Its keyed mark: an id that nobody checked may name a person, and the audit is for ever.
                let id = id.map(|id| format!("{:016x}", core.marker.event_id(&id)));
                let (publisher, topic) = (&job.publisher, &job.topic);
                let entry = refusal_entry(publisher, &topic.name, topic.lane, id.as_deref(), &refusal, &time);
                job.entries.push(entry);
                job.outcomes[index] = Some(Outcome::Refused(refusal));
                refused = refused.or(Some(index));
            }
        }
    }
    match refused.filter(|_| whole.is_some()) {
        Some(index) => job.refuse_rest(index),
        None => {
            for (answer, found) in [(Answer::Flag, noted), (Answer::Quarantine, quarantined)] {
                job.entries.extend(finding_entry(&job.publisher, &job.topic, &found, answer, &time));
            }
        }
    }
    job
}
