//! Out: authorise → place → read → open or redact → record the disclosure → hand over.
//!
//! The disclosure is durable before the bytes leave, for every class: one entry per delivery costs one group commit,
//! and nothing can have been read that the audit does not know. Rights are asked anew on every round, so that a
//! revocation reaches those who wait.

mod carry;
mod carrying;
mod consumed;
mod fetch;
mod grounds;
mod letters;
mod naming;
mod offsets;
mod read;
pub(crate) mod reveal;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use contract::{ClassSet, SubscriptionName};
use governance::Subscription;
use seal::Pseudonym;
use tokio::time::{Instant, timeout_at};

use crate::api::{Caller, Delivered, Delivery, From, Lag, Letters, Pull, Usage};
use crate::audit_logs;
use crate::clock::rfc3339;
use crate::lanes::Facts;
use crate::limits::{LETTERS_NAMED_MAX, PULL_MAX_EVENTS, PULL_WAIT_MAX_MS};
use crate::subscriptions::cursor::Cursor;
use crate::topics::Topic;
use crate::{Bus, Refusal, RefusalKind};

use carry::{Unfit, View};
pub(crate) use carrying::Carrying;
pub use fetch::{Fetch, Fetched, Portion, Refused, Wanted};
pub use grounds::Grounds;
pub(crate) use read::Found;

/// How often a pull goes on at once behind quarantined events, of which it passes as many each time as a delivery has bytes.
const PASSES_MAX: u32 = 16;

impl Bus {
    /// Hands the next events of a subscription to one of its consumers. An empty delivery means that none came in
    /// the time given.
    pub async fn pull(
        &self,
        caller: &Caller,
        name: &SubscriptionName,
        mut pull: Pull,
    ) -> Result<Delivery, Refusal> {
        let wait_ms = pull.wait_ms.min(PULL_WAIT_MAX_MS);
        let deadline = Instant::now() + Duration::from_millis(wait_ms);
        let mut passes = 0;
        pull.max = pull.max.clamp(1, PULL_MAX_EVENTS);
        let consumer = pull.consumer.clone().unwrap_or_else(|| caller.principal.to_string());
        loop {
            let subscription = self.may_consume(caller, name)?;
            let topic = self.core.topics.get(&subscription.topic)?;
            self.has_room_aside(&subscription, &topic)?;
            let demand = self.demand_of(&topic, &subscription).await?;
            let bell = self.core.tail.of(&topic.name);
            let rung = bell.notified();
            let rights_changed = self.core.tail.rights().notified();
            tokio::pin!(rung, rights_changed);
            // Listen before looking: what comes in between is not missed.
            rung.as_mut().enable();
            rights_changed.as_mut().enable();
            let mine = self.partitions_of(&subscription, &consumer, &topic, wait_ms);
            let start = self.start(&topic, name, &mine, pull.from.as_ref())?;
            let mut redriven = self.core.dead_letters.redriven(name, &mine);
            // Whoever goes on from a delivery has had its letters, and those of the one that it went on from itself.
            let carried_on = match &pull.from {
                Some(From::Cursor(cursor)) => self.had_by(name, cursor),
                _ => Letters::new(),
            };
            self.forget_settled(name, &mut pull.had);
            redriven.retain(|(partition, offset, _)| {
                let at = (*partition, *offset);
                !carried_on.contains_key(&at) && !pull.had.contains_key(&at)
            });
            redriven.truncate(LETTERS_NAMED_MAX.saturating_sub(carried_on.len()));
            let mut grounds = self.grounds(&subscription);
            let view = View::of(&self.core, &subscription, demand);
            let mut batch = self.read_and_reveal(&topic, view, start, redriven, pull.max).await?;
            grounds.people = std::mem::take(&mut batch.people);
            if self.is_served_otherwise(&subscription)? {
                continue;
            }
            // Behind what is passed over there is more; but who asked is not kept longer than they wished. What is quarantined is
            // passed at once, as who goes on from where they were would meet it again.
            let is_quick = batch.unfit.is_empty() && passes < PASSES_MAX;
            if self.pass_over(&topic, &subscription, &batch, &mut pull.from).await?
                && (Instant::now() < deadline || is_quick)
            {
                passes += 1;
                continue;
            }
            if !batch.events.is_empty() || Instant::now() >= deadline {
                let mut delivery = self.disclose(caller, &subscription, &topic, batch, carried_on).await?;
                let consents: Vec<_> =
                    delivery.events.iter().filter_map(|event| event.consent.clone()).collect();
                if self.still_consented(&consents).await? && self.still_granted(caller, &grounds)? {
                    delivery.grounds = Some(grounds);
                    return Ok(delivery);
                }
                // Somebody in it was erased since it was opened, or does not consent any more, or the terms are others: it is
                // read anew; half as much, so that what changes all the time in the end leaves event by event.
                if !delivery.events.is_empty() {
                    pull.max = (delivery.events.len() / 2).max(1);
                }
                continue;
            }
            let _ = timeout_at(deadline, async {
                tokio::select! { () = &mut rung => (), () = &mut rights_changed => () }
            })
            .await;
        }
    }

    fn partitions_of(
        &self,
        subscription: &Subscription,
        consumer: &str,
        topic: &Topic,
        wait_ms: u64,
    ) -> Vec<u32> {
        let now_ms = self.core.clock.now_ms();
        let count = topic.partitions.len() as u32;
        let consumer = (&subscription.agency, consumer);
        self.core.members.present(&subscription.name, consumer, now_ms, now_ms + wait_ms, count)
    }

    /// A consumer goes: its partitions are free for the others at once.
    pub fn leave(&self, name: &SubscriptionName, consumer: &str) {
        self.core.members.leave(name, consumer);
    }

    /// Where to read from, per partition.
    fn start(
        &self,
        topic: &Topic,
        name: &SubscriptionName,
        partitions: &[u32],
        from: Option<&From>,
    ) -> Result<BTreeMap<u32, u64>, Refusal> {
        let committed = self.core.places.of(name);
        let mut start = BTreeMap::new();
        for partition in partitions {
            let stream = topic.partitions[*partition as usize];
            let bounds = self.core.journal.bounds(stream)?;
            let offset = match from {
                None => committed.get(partition).copied().unwrap_or(bounds.first),
                Some(From::Earliest) => bounds.first,
                Some(From::Latest) => bounds.next,
                Some(From::Time(ms)) => self.core.journal.at_time(stream, *ms)?,
                Some(From::Cursor(cursor)) => {
                    cursor.next.get(partition).or(committed.get(partition)).copied().unwrap_or(bounds.first)
                }
            };
            // What retention took away cannot be read any more; reading goes on with what is there.
            start.insert(*partition, offset.clamp(bounds.first, bounds.next));
        }
        Ok(start)
    }

    /// Off the async threads: reads, opens and redacts.
    async fn read_and_reveal(
        &self,
        topic: &Arc<Topic>,
        view: View,
        start: BTreeMap<u32, u64>,
        redriven: Vec<(u32, u64, u32)>,
        max: usize,
    ) -> Result<Batch, Refusal> {
        let (core, topic) = (self.core.clone(), topic.clone());
        tokio::task::spawn_blocking(move || {
            let found = read::read(&core, &topic, &start, &redriven, max)?;
            let mut batch = Batch { next: start, ..Batch::default() };
            for found in found {
                let (partition, offset, redriven) = (found.partition, found.record.offset, found.redriven);
                if redriven == 0 {
                    batch.next.insert(partition, offset + 1);
                }
                let is_handed_over = reveal::reveal(&core, &topic, &view, found, &mut batch)?;
                // Only what is handed over can be resolved by its commit.
                if redriven > 0 && is_handed_over {
                    batch.from_letters.push(((partition, offset), redriven));
                }
                if view.is_full() {
                    break;
                }
            }
            Ok(batch)
        })
        .await
        .map_err(|_| Refusal::unavailable("reading was broken off").hint("ask again"))?
    }

    /// Records what is about to be handed over, and hands it over when that is durable.
    async fn disclose(
        &self,
        caller: &Caller,
        subscription: &Subscription,
        topic: &Topic,
        batch: Batch,
        had: Letters,
    ) -> Result<Delivery, Refusal> {
        let redriven = had.into_iter().chain(batch.from_letters).collect();
        let cursor = Cursor { next: batch.next, redriven };
        let carried_on = subscription.carried_on();
        if batch.events.is_empty() {
            let opened = batch.opened;
            return Ok(Delivery { events: Vec::new(), cursor, opened, carried_on, grounds: None });
        }
        let places: Vec<(u32, u64)> =
            batch.events.iter().map(|event| (event.partition, event.offset)).collect();
        let classes = (&batch.opened, &batch.veiled);
        self.record_disclosure(caller, subscription, topic, classes, &places).await?;
        self.measure_age(topic, batch.events.iter().map(|event| event.time_ms));
        Ok(Delivery { events: batch.events, cursor, opened: batch.opened, carried_on, grounds: None })
    }

    /// Records that the events at `places` are about to be handed over; they may be when this returns.
    async fn record_disclosure(
        &self,
        caller: &Caller,
        subscription: &Subscription,
        topic: &Topic,
        (opened, veiled): (&ClassSet, &ClassSet),
        places: &[(u32, u64)],
    ) -> Result<(), Refusal> {
        let name = &subscription.name;
        let time = rfc3339(self.core.clock.now_ms());
        let what = audit_logs::DisclosureOf { caller, name, subscription, topic, opened, veiled };
        let entries = audit_logs::disclosure_entries(&what, places, &self.core.marker, &time);
        let facts = Facts { entries, ..Facts::default() };
        // If we die in here, the consumer got nothing and the audit says at most that it might have.
        self.core.lane(topic.lane).record(facts).await?;
        // Access may have ended while we waited; then nothing leaves.
        self.may_consume(caller, name)?;
        self.core.metrics.delivered(&topic.name, name, places.len() as u64);
        Ok(())
    }

    /// From durable to handed over, event by event.
    fn measure_age(&self, topic: &Topic, times_ms: impl IntoIterator<Item = u64>) {
        let now_ms = self.core.clock.now_ms();
        for time_ms in times_ms {
            let age_ms = now_ms.saturating_sub(time_ms);
            topic.metrics.end_to_end_seconds.observe(age_ms as f64 / 1000.0);
        }
    }

    /// How far a subscription is behind.
    pub fn lag(&self, caller: &Caller, name: &SubscriptionName) -> Result<Vec<Lag>, Refusal> {
        let subscription = self.may_oversee(caller, name)?;
        let topic = self.core.topics.get(&subscription.topic)?;
        self.lag_of(&topic, name)
    }

    /// Whether anybody uses a subscription that the caller may see.
    pub fn usage(&self, subscription: &Subscription) -> Result<Usage, Refusal> {
        let now_ms = self.core.clock.now_ms();
        let last_commit_ms = self.core.places.committed_ms(&subscription.name);
        let unused_ms = self.core.state().standards().access.unused_s.saturating_mul(1000);
        let since_ms = subscription.granted.as_ref().map(|grant| grant.since_ms).max(last_commit_ms);
        let is_silent = since_ms.is_some_and(|since_ms| since_ms.saturating_add(unused_ms) <= now_ms);
        // Where no event waits, silence says nothing.
        let waits = || {
            let topic = self.core.topics.get(&subscription.topic)?;
            Ok::<_, Refusal>(self.lag_of(&topic, &subscription.name)?.iter().any(|lag| lag.place < lag.end))
        };
        let unused = subscription.is_live(now_ms) && is_silent && waits()?;
        Ok(Usage { last_commit_ms, unused })
    }

    pub(crate) fn lag_of(&self, topic: &Topic, name: &SubscriptionName) -> Result<Vec<Lag>, Refusal> {
        let committed = self.core.places.of(name);
        let of_partition = |(partition, stream): (usize, &journal::StreamId)| {
            let bounds = self.core.journal.bounds(*stream)?;
            let partition = partition as u32;
            let place = committed.get(&partition).copied().unwrap_or(bounds.first).max(bounds.first);
            Ok(Lag { partition, place, end: bounds.next })
        };
        topic.partitions.iter().enumerate().map(of_partition).collect()
    }
}

/// What one round of reading came to.
#[derive(Default)]
pub(crate) struct Batch {
    /// The events.
    pub events: Vec<Delivered>,
    /// The next offset per partition.
    pub next: BTreeMap<u32, u64>,
    /// The classes that were opened.
    pub opened: ClassSet,
    /// The classes of which something was shown in another form.
    pub veiled: ClassSet,
    /// Those whom the events are about; some of them more than once.
    pub people: Vec<Pseudonym>,
    /// Partition and offset of the redriven dead letters among the events, and how often each was rejected.
    pub from_letters: Vec<((u32, u64), u32)>,
    /// Partition and offset of what is not handed over, in the order of reading: those of `unfit`, and what is quarantined.
    pub passed: Vec<(u32, u64)>,
    /// What could not be taken back for a reader who is carried.
    pub unfit: Vec<Unfit>,
}

/// An event that is not there (any more).
pub(crate) fn no_such_event(topic: &Topic, partition: u32, offset: u64) -> Refusal {
    Refusal::new(
        RefusalKind::Unknown,
        format!("topic {} has no event at partition {partition}, offset {offset}", topic.name),
    )
    .hint("it was never there, or retention took it away")
}

fn cleared_of(subscription: &Subscription) -> ClassSet {
    subscription.granted_terms().map(|terms| terms.clears.clone()).unwrap_or_default()
}
