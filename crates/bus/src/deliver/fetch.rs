//! Reading from places that the consumer keeps itself: what a subscription may see of some partitions, from given
//! offsets on. The way of those whose protocol counts offsets; the disclosure is durable first, as for every delivery.

use std::sync::Arc;

use contract::{ClassSet, SubscriptionName, TopicName};
use governance::Subscription;
use journal::{Bounds, JournalError};
use tokio::sync::Notify;
use tokio::sync::futures::OwnedNotified;

use super::{Batch, cleared_of, reveal};
use crate::api::{Caller, Delivered};
use crate::core::Core;
use crate::deliver::Found;
use crate::topics::Topic;
use crate::{Bus, Refusal};

/// What is wanted of a topic's partitions.
#[derive(Debug, Clone, Default)]
pub struct Fetch {
    /// From where on, partition by partition.
    pub wanted: Vec<Wanted>,
    /// At most so many stored bytes in all, but at least one event if there is one and this is not 0.
    pub max_bytes: usize,
}

/// What is wanted of one partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Wanted {
    /// The partition.
    pub partition: u32,
    /// The first offset.
    pub offset: u64,
    /// At most so many stored bytes.
    pub max_bytes: usize,
}

/// What was read of a topic.
#[derive(Debug, Default)]
pub struct Fetched {
    /// One for each partition wanted, in order.
    pub portions: Vec<Portion>,
    /// Stored bytes of the events.
    pub bytes: usize,
}

/// What was read of one partition.
#[derive(Debug)]
pub struct Portion {
    /// The partition.
    pub partition: u32,
    /// The first offset that is kept.
    pub first: u64,
    /// The next offset that will be given.
    pub next: u64,
    /// The events, or why there are none.
    pub events: Result<Vec<Delivered>, Refused>,
}

/// Why a partition was not read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refused {
    /// The topic has no such partition.
    NoSuchPartition,
    /// The offset is before what is kept or behind the end.
    OutOfRange,
}

impl Bus {
    /// Reads what a subscription may see from given offsets on. Does not wait.
    pub async fn fetch(
        &self,
        caller: &Caller,
        name: &SubscriptionName,
        fetch: Fetch,
    ) -> Result<Fetched, Refusal> {
        let subscription = self.may_consume(caller, name)?;
        let topic = self.core.topics.get(&subscription.topic)?;
        let found = {
            let (core, topic, subscription) = (self.core.clone(), topic.clone(), subscription.clone());
            // Nothing to read is the usual answer of a poll: not worth a thread.
            if nothing_new(&core, &topic, &fetch)? {
                read(&core, &topic, &subscription, &fetch)?
            } else {
                tokio::task::spawn_blocking(move || read(&core, &topic, &subscription, &fetch))
                    .await
                    .map_err(|_| Refusal::unavailable("reading was broken off").hint("ask again"))??
            }
        };
        let (fetched, opened) = found;
        let places: Vec<(u32, u64)> = fetched
            .portions
            .iter()
            .flat_map(|portion| portion.events.iter().flatten().map(|event| (event.partition, event.offset)))
            .collect();
        if !places.is_empty() {
            self.record_disclosure(caller, &subscription, &topic, &opened, &places).await?;
            self.measure_age(
                &topic,
                fetched.portions.iter().flat_map(|portion| portion.events.iter().flatten()),
            );
        }
        Ok(fetched)
    }

    /// Something to wait on until one of the topics has something new or rights change. Listens from now on.
    pub fn listen<'t>(&self, topics: impl IntoIterator<Item = &'t TopicName>) -> Vec<OwnedNotified> {
        let bells = topics.into_iter().map(|topic| self.core.tail.of(topic));
        let all: Vec<Arc<Notify>> = bells.chain([self.core.tail.rights_bell()]).collect();
        all.into_iter().map(Notify::notified_owned).collect()
    }
}

fn nothing_new(core: &Core, topic: &Topic, fetch: &Fetch) -> Result<bool, Refusal> {
    for wanted in &fetch.wanted {
        if let Some(stream) = topic.partitions.get(wanted.partition as usize)
            && core.journal.bounds(*stream)?.next > wanted.offset
        {
            return Ok(false);
        }
    }
    Ok(true)
}

fn read(
    core: &Core,
    topic: &Topic,
    subscription: &Subscription,
    fetch: &Fetch,
) -> Result<(Fetched, ClassSet), Refusal> {
    let cleared = cleared_of(subscription);
    let mut batch = Batch::default();
    let mut fetched = Fetched::default();
    for wanted in &fetch.wanted {
        let budget = wanted.max_bytes.min(fetch.max_bytes.saturating_sub(fetched.bytes));
        let mut portion = Portion { partition: wanted.partition, first: 0, next: 0, events: Ok(Vec::new()) };
        let Some(stream) = topic.partitions.get(wanted.partition as usize) else {
            portion.events = Err(Refused::NoSuchPartition);
            fetched.portions.push(portion);
            continue;
        };
        let Bounds { first, next } = core.journal.bounds(*stream)?;
        (portion.first, portion.next) = (first, next);
        if wanted.offset < first || wanted.offset > next {
            portion.events = Err(Refused::OutOfRange);
        } else if budget > 0 && wanted.offset < next {
            let records = match core.journal.read(*stream, wanted.offset, budget) {
                Err(JournalError::Trimmed { .. }) => {
                    portion.events = Err(Refused::OutOfRange);
                    Vec::new()
                }
                read => read?,
            };
            for record in records {
                fetched.bytes += record.body.len();
                let found = Found { partition: wanted.partition, record, redriven: 0 };
                reveal::reveal(core, topic, &cleared, found, &mut batch)?;
            }
            if portion.events.is_ok() {
                portion.events = Ok(std::mem::take(&mut batch.events));
            }
        }
        fetched.portions.push(portion);
    }
    Ok((fetched, batch.opened))
}
