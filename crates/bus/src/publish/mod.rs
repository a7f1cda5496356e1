//! In: identify → authorise → check → deduplicate → seal → commit → receipt.
//!
//! `publish` finds the topic and the right to it, hands chunks to the topic's lane, and gives back what became of each
//! event; `submit` (in `batch`) does so for events that stand or fall together. A chunk is checked, sealed and hashed
//! on the lane's admission threads (`chunk`, and `prepare` for each event) and then committed by the lane, which alone
//! decides offsets and duplicates.

mod batch;
mod chunk;
mod end_to_end;
mod guard;
mod leaks;
mod people;
mod prepare;
mod profiles;

use std::sync::Arc;
use std::time::Instant;

use contract::{CloudEvent, TopicName};
use tokio::sync::oneshot;

use crate::api::{Caller, Outcome};
use crate::audit_logs::refusal_entry;
use crate::clock::rfc3339;
use crate::lanes::{Lane, lane_is_down};
use crate::limits::{BATCH_MAX_EVENTS, CHUNK_MAX_BYTES, CHUNK_MAX_EVENTS};
use crate::topics::Topic;
use crate::{Bus, Refusal, RefusalKind};
pub use batch::{Batch, Submitted};
pub(crate) use chunk::{Terms, prepare as prepare_chunk};

/// An event as a door read it, or why the door could not.
pub type Incoming = Result<CloudEvent, Refusal>;

/// Where the outcomes of a chunk come.
pub(crate) type Answer = oneshot::Receiver<Result<Vec<Outcome>, Refusal>>;

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
    pub(crate) async fn topic_to_publish(
        &self,
        caller: &Caller,
        name: &TopicName,
    ) -> Result<Arc<Topic>, Refusal> {
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
    ) -> Result<Vec<Answer>, Refusal> {
        let lane = self.core.lane(topic.lane);
        let mut answers = Vec::with_capacity(events.len().div_ceil(CHUNK_MAX_EVENTS));
        for (chunk, bytes) in chunks(events) {
            let room = lane.room_for(bytes).await?;
            let (reply, answer) = oneshot::channel();
            answers.push(answer);
            let (publisher, topic, bus) = (publisher.clone(), topic.clone(), self.clone());
            let terms = Terms { publisher, topic, whole: None, reply, room };
            lane.publish(move || chunk::prepare(&bus.core, terms, chunk))?;
        }
        Ok(answers)
    }

    pub(crate) fn count(&self, topic: &Topic, outcomes: &[Outcome], started: Instant) {
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
