//! Reading from places that the consumer keeps itself: what a subscription may see of some partitions, from given
//! offsets on. The way of those whose protocol counts offsets; the disclosure is durable first, as for every delivery.

use std::collections::BTreeMap;
use std::sync::Arc;

use contract::{ClassSet, SubscriptionName, TopicName};
use governance::Subscription;
use journal::{Bounds, JournalError, Record};
use seal::Pseudonym;
use tokio::sync::Notify;
use tokio::sync::futures::OwnedNotified;
use tokio::task::JoinHandle;

use super::carry::{Unfit, View};
use super::grounds::Grounds;
use super::{Batch, reveal};
use crate::api::{Caller, Delivered};
use crate::core::Core;
use crate::deliver::Found;
use crate::topics::Topic;
use crate::{Bus, Consent, Refusal};

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

/// What was read of a topic. `T` is what the consumer's protocol has for a partition's events.
#[derive(Debug)]
pub struct Fetched<T> {
    /// One for each partition wanted, in order.
    pub portions: Vec<Portion<T>>,
    /// Stored bytes of the events.
    pub bytes: usize,
    /// On what grounds they were opened.
    pub(super) grounds: Grounds,
    /// By whose consent.
    pub(super) consents: Vec<Consent>,
}

/// What was read of one partition.
#[derive(Debug)]
pub struct Portion<T> {
    /// The partition.
    pub partition: u32,
    /// The first offset that is kept.
    pub first: u64,
    /// The next offset that will be given.
    pub next: u64,
    /// Where all that was read is not for the consumer: the offset of the last of it, so that it can go on behind it.
    pub passed: Option<u64>,
    /// The events, or why there are none.
    pub events: Result<T, Refused>,
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
    /// Reads what a subscription may see from given offsets on. Does not wait. `present` writes a partition's events as
    /// the consumer's protocol has them, beside the reading of the others; what it wrote is given out when the
    /// disclosure is durable.
    pub async fn fetch<T: Send + 'static>(
        &self,
        caller: &Caller,
        name: &SubscriptionName,
        mut fetch: Fetch,
        present: impl Fn(Vec<Delivered>) -> T + Send + Sync + 'static,
    ) -> Result<Fetched<T>, Refusal> {
        let present = Arc::new(present);
        loop {
            let subscription = self.may_consume(caller, name)?;
            let grounds = self.grounds(&subscription);
            let read = self.read_portions(&subscription, &fetch, &present).await?;
            let bytes = read.iter().map(|part| part.bytes).sum();
            // What was read last may be of a version that went live meanwhile.
            if !self.is_served_otherwise(&subscription)? {
                let fetched = self.give_out(caller, grounds, read).await?;
                // Nor is anything handed over of somebody who was erased since it was opened, or withdrew their consent.
                if self.still_consented(&fetched.consents).await?
                    && self.still_granted(caller, &fetched.grounds)?
                {
                    return Ok(fetched);
                }
            }
            fetch.max_bytes = half(bytes, fetch.max_bytes).unwrap_or(fetch.max_bytes);
        }
    }

    async fn read_portions<T: Send + 'static, F: Fn(Vec<Delivered>) -> T + Send + Sync + 'static>(
        &self,
        subscription: &Subscription,
        fetch: &Fetch,
        present: &Arc<F>,
    ) -> Result<Vec<Revealed<T>>, Refusal> {
        let topic = self.core.topics.get(&subscription.topic)?;
        self.has_room_aside(subscription, &topic)?;
        let demand = self.demand_of(&topic, subscription).await?;
        let view = View::of(&self.core, subscription, demand);
        let reading = Arc::new(Reading { core: self.core.clone(), topic, view, present: present.clone() });
        let (mut all, mut bytes) = (Vec::with_capacity(fetch.wanted.len()), 0);
        let mut wanted = &fetch.wanted[..];
        while !wanted.is_empty() {
            let left = fetch.max_bytes.saturating_sub(bytes);
            let (together, rest) = wanted.split_at(together(wanted, left));
            let revealed = reading.read(together, left).await?;
            bytes += revealed.iter().map(|part| part.bytes).sum::<usize>();
            all.extend(revealed);
            wanted = rest;
        }
        Ok(all)
    }

    /// What was read, once it is durable that it is handed over, and what is not.
    async fn give_out<T>(
        &self,
        caller: &Caller,
        grounds: Grounds,
        read: Vec<Revealed<T>>,
    ) -> Result<Fetched<T>, Refusal> {
        let subscription = grounds.seen.clone();
        let topic = self.core.topics.get(&subscription.topic)?;
        let portions = Vec::with_capacity(read.len());
        let mut fetched = Fetched { portions, bytes: 0, grounds, consents: Vec::new() };
        let (mut places, mut times_ms, mut unfit) = (Vec::new(), Vec::new(), Vec::new());
        let (mut opened, mut veiled) = (ClassSet::default(), ClassSet::default());
        for part in read {
            let Revealed { portion, events, bytes, opened: classes, veiled: shown, .. } = part;
            let Revealed { unfit: some, consents, people, .. } = part;
            fetched.consents.extend(consents);
            fetched.grounds.people.extend(people);
            fetched.bytes += bytes;
            places.extend(events.iter().map(|(offset, _)| (portion.partition, *offset)));
            times_ms.extend(events.iter().map(|(_, time_ms)| *time_ms));
            opened.join(classes);
            veiled.join(shown);
            unfit.extend(some);
            fetched.portions.push(portion);
        }
        if !unfit.is_empty() {
            self.set_aside(&topic, &subscription, &unfit, BTreeMap::new()).await?;
        }
        if !places.is_empty() {
            self.record_disclosure(caller, &subscription, &topic, (&opened, &veiled), &places).await?;
            self.measure_age(&topic, times_ms);
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

/// How much of what was read is read again: half of it, so that where something changes faster than much can be read, little
/// is, in the end a single event. Never more than was asked for, as a single event may have been more. None of nothing.
pub(super) fn half(read_bytes: usize, asked_bytes: usize) -> Option<usize> {
    (read_bytes > 0).then_some((read_bytes / 2).max(1).min(asked_bytes))
}

/// How many of the partitions may be read beside each other: those that fit into what is left even if each is full.
fn together(wanted: &[Wanted], left: usize) -> usize {
    let sums = wanted.iter().scan(0usize, |sum, one| {
        *sum = sum.saturating_add(one.max_bytes);
        Some(*sum)
    });
    sums.take_while(|sum| *sum <= left).count().max(1)
}

/// What one fetch reads with.
struct Reading<F> {
    core: Arc<Core>,
    topic: Arc<Topic>,
    view: View,
    present: Arc<F>,
}

/// A partition that has nothing, or is read on another thread.
enum Part<T> {
    Done(Revealed<T>),
    UnderWay(JoinHandle<Result<Revealed<T>, Refusal>>),
}

/// A partition's part of a fetch.
struct Revealed<T> {
    portion: Portion<T>,
    /// Offset and time of its events.
    events: Vec<(u64, u64)>,
    /// Their stored bytes.
    bytes: usize,
    /// The classes that were opened.
    opened: ClassSet,
    /// The classes of which something was shown in another form.
    veiled: ClassSet,
    /// By whose consent.
    consents: Vec<Consent>,
    /// Those whom the events are about.
    people: Vec<Pseudonym>,
    /// What could not be taken back for a reader who is carried.
    unfit: Vec<Unfit>,
}

impl<T: Send + 'static, F: Fn(Vec<Delivered>) -> T + Send + Sync + 'static> Reading<F> {
    /// Reads, opens and writes partitions beside each other, a thread for each that has something. Most have nothing, as
    /// consumers ask again and again; that is not worth one.
    async fn read(self: &Arc<Self>, wanted: &[Wanted], left: usize) -> Result<Vec<Revealed<T>>, Refusal> {
        let mut parts = Vec::with_capacity(wanted.len());
        for one in wanted {
            let (reading, one, budget_bytes) = (self.clone(), *one, one.max_bytes.min(left));
            let work = move || reading.reveal(reading.find(&one, budget_bytes)?);
            parts.push(if budget_bytes == 0 || self.waiting(&one)? == 0 {
                Part::Done(work()?)
            } else {
                Part::UnderWay(tokio::task::spawn_blocking(work))
            });
        }
        let mut revealed = Vec::with_capacity(parts.len());
        for part in parts {
            revealed.push(match part {
                Part::Done(part) => part,
                Part::UnderWay(part) => part
                    .await
                    .map_err(|_| Refusal::unavailable("reading was broken off").hint("ask again"))??,
            });
        }
        Ok(revealed)
    }

    /// How many events wait for whoever wants this.
    fn waiting(&self, wanted: &Wanted) -> Result<u64, Refusal> {
        let Some(stream) = self.topic.partitions.get(wanted.partition as usize) else { return Ok(0) };
        Ok(self.core.journal.bounds(*stream)?.next.saturating_sub(wanted.offset))
    }

    /// The records of a partition.
    fn find(&self, wanted: &Wanted, budget_bytes: usize) -> Result<Portion<Vec<Record>>, Refusal> {
        let Wanted { partition, offset, .. } = *wanted;
        let none = |first, next, events| Ok(Portion { partition, first, next, passed: None, events });
        let Some(stream) = self.topic.partitions.get(partition as usize) else {
            return none(0, 0, Err(Refused::NoSuchPartition));
        };
        let Bounds { first, next } = self.core.journal.bounds(*stream)?;
        if offset < first || offset > next {
            return none(first, next, Err(Refused::OutOfRange));
        }
        if budget_bytes == 0 || offset == next {
            return none(first, next, Ok(Vec::new()));
        }
        match self.core.journal.read(*stream, offset, budget_bytes) {
            Err(JournalError::Trimmed { .. }) => none(first, next, Err(Refused::OutOfRange)),
            read => none(first, next, Ok(read?)),
        }
    }

    /// Opens or redacts the records of a partition, and writes them.
    fn reveal(&self, found: Portion<Vec<Record>>) -> Result<Revealed<T>, Refusal> {
        let Portion { partition, first, next, events, .. } = found;
        let (mut batch, mut bytes, mut consents) = (Batch::default(), 0, Vec::new());
        let events = match events {
            Err(refused) => Err(refused),
            Ok(records) => {
                bytes = total_bytes(&records);
                batch.events.reserve_exact(records.len());
                for record in records {
                    let found = Found { partition, record, redriven: 0 };
                    reveal::reveal(&self.core, &self.topic, &self.view, found, &mut batch)?;
                    if self.view.is_full() {
                        break;
                    }
                }
                consents.extend(batch.events.iter().filter_map(|event| event.consent.clone()));
                Ok(std::mem::take(&mut batch.events))
            }
        };
        let seen: Vec<(u64, u64)> =
            events.iter().flatten().map(|event| (event.offset, event.time_ms)).collect();
        let passed = seen.is_empty().then(|| batch.passed.last().map(|(_, offset)| *offset)).flatten();
        let portion = Portion { partition, first, next, passed, events: events.map(&*self.present) };
        let Batch { opened, veiled, people, unfit, .. } = batch;
        Ok(Revealed { portion, events: seen, bytes, opened, veiled, consents, people, unfit })
    }
}

fn total_bytes(records: &[Record]) -> usize {
    records.iter().map(|record| record.body.len()).sum()
}

#[cfg(test)]
mod tests {
    use super::{Wanted, half, together};

    #[test]
    fn what_is_read_again_is_less_and_never_more_than_was_asked_for() {
        assert_eq!((half(100, 100), half(100, 80), half(1, 1)), (Some(50), Some(50), Some(1)));
        assert_eq!(half(100, 1), Some(1), "a single event that is larger than what was asked for");
        assert_eq!(half(0, 100), None);
    }

    #[test]
    fn what_is_read_at_once_fits_even_if_every_partition_is_full() {
        let wanted = [100, 100, 50, usize::MAX, usize::MAX].map(|max_bytes| Wanted {
            partition: 0,
            offset: 0,
            max_bytes,
        });
        assert_eq!(together(&wanted, 250), 3);
        assert_eq!(together(&wanted, 249), 2);
        assert_eq!(together(&wanted, 99), 1, "what is left is given to the first");
        assert_eq!(together(&wanted, 0), 1);
        assert_eq!(together(&wanted, 1 << 20), 3, "sums do not run over");
        assert_eq!(together(&wanted[4..], 1 << 20), 1);
    }
}
