//! Batches: events that stand or fall together, in a partition that their producer chose.

use std::sync::Arc;
use std::time::Instant;

use contract::TopicName;
use tokio::sync::oneshot;

use super::chunk::{self, Terms};
use super::{Answer, Incoming};
use crate::api::{Caller, Outcome};
use crate::lanes::{Sequence, Whole, lane_is_down};
use crate::topics::Topic;
use crate::{Bus, Refusal};

/// Events that stand or fall together.
pub struct Batch {
    /// The partition, which their producer chose.
    pub partition: u32,
    /// What an idempotent producer says of them.
    pub sequence: Option<Sequence>,
    /// How many bytes the events will take, about.
    pub bytes: usize,
    /// Reads the events; runs on a thread of the topic's lane, so that unpacking is paid where checking is.
    pub read: Box<dyn FnOnce() -> Vec<Incoming> + Send>,
}

/// A batch on its way. Its place among the producer's batches is settled.
pub struct Submitted {
    bus: Bus,
    topic: Arc<Topic>,
    started: Instant,
    answer: Answer,
}

impl Bus {
    /// Takes a batch in. The order of calls is the order in the log; the answer is waited for apart.
    pub async fn submit(
        &self,
        caller: &Caller,
        topic: &TopicName,
        batch: Batch,
    ) -> Result<Submitted, Refusal> {
        let started = Instant::now();
        let topic = self.topic_to_publish(caller, topic).await?;
        topic.partition(batch.partition)?;
        let lane = self.core.lane(topic.lane);
        let room = lane.room_for(batch.bytes).await?;
        let (reply, answer) = oneshot::channel();
        let whole = Some(Whole { partition: batch.partition, sequence: batch.sequence });
        let terms = Terms { publisher: Arc::new(caller.clone()), topic: topic.clone(), whole, reply, room };
        let (bus, read) = (self.clone(), batch.read);
        lane.publish(move || chunk::prepare(&bus.core, terms, read()))?;
        Ok(Submitted { bus: self.clone(), topic, started, answer })
    }
}

impl Submitted {
    /// What became of each event, when it is durable.
    pub async fn outcomes(self) -> Result<Vec<Outcome>, Refusal> {
        let outcomes = self.answer.await.map_err(|_| lane_is_down())??;
        self.bus.count(&self.topic, &outcomes, self.started);
        Ok(outcomes)
    }
}
