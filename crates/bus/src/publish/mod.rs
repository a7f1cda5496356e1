//! In: identify → authorise → check → deduplicate → seal → commit → receipt.
//!
//! `publish` finds the topic and the right to it, hands chunks to the topic's lane, and gives back what became of each
//! event. A chunk is checked, sealed and hashed on the lane's admission threads (`prepare`) and then committed by the
//! lane, which alone decides offsets and duplicates.

mod guard;
mod prepare;

use std::sync::Arc;
use std::time::Instant;

use contract::{CloudEvent, TopicName};
use tokio::sync::{OwnedSemaphorePermit, oneshot};

use crate::api::{Caller, Outcome};
use crate::audit_logs::refusal_entry;
use crate::clock::rfc3339;
use crate::lanes::{Lane, PublishJob, ReadyEvent, lane_is_down};
use crate::limits::{BATCH_MAX_EVENTS, CHUNK_MAX_BYTES, CHUNK_MAX_EVENTS};
use crate::topics::Topic;
use crate::{Bus, Refusal, RefusalKind};

/// What attributes, envelope and keys typically add to an event's data; a guess that saves copying.
const BODY_OVERHEAD_BYTES: usize = 768;

/// An event as a door read it, or why the door could not.
pub type Incoming = Result<CloudEvent, Refusal>;

impl Bus {
    /// Publishes events to a topic. The outcomes are index-aligned; an error is about the call as a whole, and then
    /// nothing of it that was not acknowledged may be taken for stored.
    pub async fn publish(
        &self,
        caller: &Caller,
        topic: &TopicName,
        events: Vec<Incoming>,
    ) -> Result<Vec<Outcome>, Refusal> {
        let started = Instant::now();
        if events.len() > BATCH_MAX_EVENTS {
            let text = format!("{} events in one batch; the bus takes {BATCH_MAX_EVENTS}", events.len());
            return Err(Refusal::new(RefusalKind::TooLarge, text).hint("send smaller batches"));
        }
        let topic = self.topic_to_publish(caller, topic).await?;
        let answers = self.admit(Arc::new(caller.clone()), &topic, events).await?;
        let mut outcomes = Vec::new();
        for answer in answers {
            outcomes.extend(answer.await.map_err(|_| lane_is_down())??);
        }
        self.count(&topic, &outcomes, started);
        Ok(outcomes)
    }

    /// The topic, where the caller may publish to it. A caller that may not leaves an entry in the audit.
    async fn topic_to_publish(&self, caller: &Caller, name: &TopicName) -> Result<Arc<Topic>, Refusal> {
        let refusal = match self.core.topics.get(name) {
            Ok(topic) => match self.may_publish(caller, name) {
                Ok(()) => return Ok(topic),
                Err(refusal) => refusal,
            },
            Err(refusal) => refusal,
        };
        if refusal.kind == RefusalKind::Forbidden {
            self.core.metrics.refused(name, refusal.kind.code());
            let time = rfc3339(self.core.clock.now_ms());
            self.record_entry(refusal_entry(caller, name, Lane::Standard, None, &refusal, &time), Vec::new())
                .await?;
        }
        Err(refusal)
    }

    /// Starts all chunks; each answers by itself.
    async fn admit(
        &self,
        publisher: Arc<Caller>,
        topic: &Arc<Topic>,
        events: Vec<Incoming>,
    ) -> Result<Vec<oneshot::Receiver<Result<Vec<Outcome>, Refusal>>>, Refusal> {
        let lane = self.core.lane(topic.lane);
        let mut answers = Vec::with_capacity(events.len().div_ceil(CHUNK_MAX_EVENTS));
        for (chunk, bytes) in chunks(events) {
            let room = lane.room_for(bytes).await?;
            let (reply, answer) = oneshot::channel();
            answers.push(answer);
            let (bus, publisher, topic) = (self.clone(), publisher.clone(), topic.clone());
            lane.publish(move || bus.prepare_chunk(publisher, topic, chunk, reply, room))?;
        }
        Ok(answers)
    }

    /// On an admission thread: checks and seals a chunk.
    fn prepare_chunk(
        &self,
        publisher: Arc<Caller>,
        topic: Arc<Topic>,
        events: Vec<Incoming>,
        reply: oneshot::Sender<Result<Vec<Outcome>, Refusal>>,
        room: OwnedSemaphorePermit,
    ) -> PublishJob {
        let time = rfc3339(self.core.clock.now_ms());
        let mut job = PublishJob {
            outcomes: vec![None; events.len()],
            ready: Vec::with_capacity(events.len()),
            bodies: Vec::with_capacity(room.num_permits() * 1024 + events.len() * BODY_OVERHEAD_BYTES),
            refusals: Vec::new(),
            topic,
            publisher,
            reply,
            room,
        };
        for (index, event) in events.into_iter().enumerate() {
            let mut id = None;
            let prepared = event.and_then(|mut event| {
                prepare::prepare(&self.core, &job.topic, &mut event, &mut job.bodies)
                    .inspect_err(|_| id = Some(std::mem::take(&mut event.id)))
            });
            match prepared {
                Ok(ready) => job.ready.push(ReadyEvent { index, ..ready }),
                Err(refusal) => {
                    let (publisher, topic, id) = (&job.publisher, &job.topic, id.as_deref());
                    job.refusals.push(refusal_entry(publisher, &topic.name, topic.lane, id, &refusal, &time));
                    job.outcomes[index] = Some(Outcome::Refused(refusal));
                }
            }
        }
        job
    }

    fn count(&self, topic: &Topic, outcomes: &[Outcome], started: Instant) {
        let mut accepted = 0;
        for outcome in outcomes {
            match outcome {
                Outcome::Accepted(_) => accepted += 1,
                Outcome::Duplicate(_) => {
                    topic.metrics.duplicate.inc();
                }
                Outcome::Refused(refusal) => self.core.metrics.refused(&topic.name, refusal.kind.code()),
            }
        }
        topic.metrics.published.inc_by(accepted);
        topic.metrics.publish_seconds.observe(started.elapsed().as_secs_f64());
    }
}

/// Cuts a call into chunks that are admitted and committed together, each with its size in bytes.
fn chunks(events: Vec<Incoming>) -> Vec<(Vec<Incoming>, usize)> {
    let mut chunks: Vec<(Vec<Incoming>, usize)> = Vec::new();
    for event in events {
        let size = event.as_ref().map_or(0, CloudEvent::data_len);
        match chunks.last_mut() {
            Some((chunk, bytes)) if chunk.len() < CHUNK_MAX_EVENTS && *bytes + size <= CHUNK_MAX_BYTES => {
                chunk.push(event);
                *bytes += size;
            }
            _ => chunks.push((vec![event], size)),
        }
    }
    chunks
}
