//! A chunk of a call on an admission thread: each of its events checked, sealed and hashed.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, oneshot};

use super::{Incoming, prepare};
use crate::Refusal;
use crate::api::{Caller, Outcome};
use crate::audit_logs::refusal_entry;
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
    let mut refused = None;
    for (index, event) in events.into_iter().enumerate() {
        let mut id = None;
        let prepared = event.and_then(|mut event| {
            prepare::prepare(core, &job.topic, &job.publisher, &mut event, partition, &mut job.bodies)
                .inspect_err(|_| id = Some(std::mem::take(&mut event.id)))
        });
        match prepared {
            Ok(ready) => job.ready.push(ReadyEvent { index, ..ready }),
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
    if let Some(index) = refused.filter(|_| whole.is_some()) {
        job.refuse_rest(index);
    }
    job
}
