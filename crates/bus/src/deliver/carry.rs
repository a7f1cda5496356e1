//! For those who are carried: an event of a newer version becomes one of the version that they read.
//!
//! The newer version's classes decide first what is opened; then the steps of each migration on the way are taken back,
//! and what the old version's classes keep from the reader is left out too. What does not come out as a valid event of the
//! old version is not handed over: it is set aside as a dead letter of the subscription, with the reason.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use contract::cloudevents::is_known_attribute;
use contract::compile::Contract;
use contract::migration::{Carrier, Lens};
use contract::{Class, ClassSet, CloudEvent, ContractVersion, Misfit, SubscriptionName};
use governance::Subscription;
use governance::clerk::clerk;
use parking_lot::Mutex;

use super::{Batch, Found, cleared_of};
use crate::api::From;
use crate::schema_ids::{Framing, SchemaId};
use crate::subscriptions::cursor::Cursor;
use crate::subscriptions::dead_letters::{Happened, Step};
use crate::topics::Topic;
use crate::{Bus, Refusal};

/// Longest reason that a dead letter gets from here.
const REASON_CHARS: usize = 400;

/// What a subscription may see.
pub struct View {
    /// The classes that are opened for it.
    pub cleared: ClassSet,
    /// The version that it is carried on.
    pub carried: Option<Carried>,
}

impl View {
    /// The subscription's, as it stands.
    pub fn of(subscription: &Subscription) -> Self {
        let carried = subscription.carried.map(|carried| Carried {
            on: carried.on,
            since_ms: carried.since_ms,
            ready: Mutex::default(),
        });
        Self { cleared: cleared_of(subscription), carried }
    }

    /// An event of a version, with what of its data is opened for the subscription, as it is handed over. Whether it names
    /// nobody by pseudonym is said beside it.
    pub fn shaped(
        &self,
        topic: &Topic,
        version: ContractVersion,
        (event, names_nobody): (&mut CloudEvent, bool),
        data: Bytes,
    ) -> Result<Result<Bytes, Misfit>, Refusal> {
        if let Some(carried) = &self.carried {
            if topic.activated_ms(version).is_none() {
                // It went live since we looked at the topic; how it is taken back is not known here.
                let text = format!("{version} of {} went live while its events were read", topic.name);
                return Err(Refusal::unavailable(text).hint("ask again"));
            }
            match carried.way_back(topic, version) {
                Ok(None) => {}
                Ok(Some(way)) => {
                    return Ok(carried.take_back(topic, &self.cleared, &way, (event, names_nobody), &data));
                }
                Err(misfit) => return Ok(Err(misfit)),
            }
        }
        // A deserializer asks for the schema of what it was handed.
        if let Some(framing) = Framing::of(event.dataschema.as_deref()) {
            let contract = topic.contract(version)?;
            event.dataschema = Some(framing.redacted(&contract, &self.cleared).dataschema());
        }
        Ok(Ok(data))
    }
}

/// What takes events back, made when it is first needed.
pub struct Carried {
    on: ContractVersion,
    since_ms: u64,
    ready: Mutex<Ready>,
}

#[derive(Default)]
struct Ready {
    carrier: Option<Arc<Carrier>>,
    lenses: BTreeMap<ContractVersion, Arc<Lens>>,
}

impl Carried {
    /// Through which versions an event of this version is taken back; none: it is handed over as it lies.
    fn way_back(
        &self,
        topic: &Topic,
        version: ContractVersion,
    ) -> Result<Option<Vec<ContractVersion>>, Misfit> {
        match topic.way_back(version, self.on) {
            Some(way) => Ok(Some(way).filter(|way| !way.is_empty())),
            // It was read as it came, by whoever is carried since.
            None if topic.activated_ms(version).is_some_and(|at_ms| at_ms < self.since_ms) => Ok(None),
            None => Err(Misfit { version, what: format!("no migration leads from it back to {}", self.on) }),
        }
    }

    /// The data as one of the old version, and `event` with it.
    fn take_back(
        &self,
        topic: &Topic,
        cleared: &ClassSet,
        way: &[ContractVersion],
        (event, names_nobody): (&mut CloudEvent, bool),
        data: &[u8],
    ) -> Result<Bytes, Misfit> {
        let misfit = |refusal: Refusal| Misfit { version: self.on, what: refusal.text };
        let old = topic.contract(self.on).map_err(misfit)?;
        let (carrier, lenses) = self.ready(topic, cleared, &old, way)?;
        let data = carrier.carry(&lenses, data)?;
        self.rename(topic, cleared, &old, event);
        hide_attributes(&old, cleared, event, names_nobody);
        Ok(data.into())
    }

    fn ready(
        &self,
        topic: &Topic,
        cleared: &ClassSet,
        old: &Arc<Contract>,
        way: &[ContractVersion],
    ) -> Result<(Arc<Carrier>, Vec<Arc<Lens>>), Misfit> {
        let mut ready = self.ready.lock();
        let carrier = match &ready.carrier {
            Some(carrier) => carrier.clone(),
            None => ready.carrier.insert(Arc::new(Carrier::new(old.clone(), cleared)?)).clone(),
        };
        let mut lenses = Vec::with_capacity(way.len());
        for version in way {
            if !ready.lenses.contains_key(version) {
                let misfit = |refusal: Refusal| Misfit { version: *version, what: refusal.text };
                ready.lenses.insert(*version, Arc::new(topic.lens(*version).map_err(misfit)?));
            }
            lenses.extend(ready.lenses.get(version).cloned());
        }
        Ok((carrier, lenses))
    }

    /// The event names the old version where it named its own: in its type, and as the schema of its data.
    fn rename(&self, topic: &Topic, cleared: &ClassSet, old: &Contract, event: &mut CloudEvent) {
        if event.ty != topic.name.as_str() {
            event.ty = format!("{}.v{}", topic.name, self.on.0);
        }
        // What is no schema of the registry says nothing of the data that is handed over.
        let framing = Framing::of(event.dataschema.take().as_deref());
        let of_old = framing.zip(topic.schema(self.on)).map(|(framing, (number, schema))| {
            let id = SchemaId::whole(number);
            match framing {
                Framing::Id(_) => Framing::Id(id),
                Framing::Guid(_) => Framing::Guid(id.guid(schema)),
            }
        });
        event.dataschema = of_old.map(|framing| framing.redacted(old, cleared).dataschema());
    }
}

/// Leaves out attributes that the old version does not have, or keeps from the reader.
fn hide_attributes(old: &Contract, cleared: &ClassSet, event: &mut CloudEvent, names_nobody: bool) {
    // In the new version they may be about nobody any more; in the old one they are.
    let names_a_person = old.has_subjects() && names_nobody && !cleared.clears(&Class::Personal);
    if names_a_person {
        event.subject = None;
    }
    event.extensions.retain(|(name, _)| match old.definition().extensions.get(name) {
        Some(class) => cleared.clears(class),
        None if name == "partitionkey" => !names_a_person,
        None => is_known_attribute(name),
    });
}

/// An event that a reader who is carried cannot be handed.
pub struct Unfit {
    /// Its partition.
    pub partition: u32,
    /// Its offset.
    pub offset: u64,
    reason: String,
}

impl Unfit {
    /// What was found, and why it is not handed over.
    pub fn new(found: &Found, misfit: &Misfit) -> Self {
        let reason = format!("cannot be taken back to the version that is read: {misfit}");
        let reason = reason.chars().take(REASON_CHARS).collect();
        Self { partition: found.partition, offset: found.record.offset, reason }
    }
}

impl Bus {
    /// Whether the subscription is served by another version than it was when it was looked at. An event of a version
    /// that went live since may have been read by then.
    pub(super) fn is_served_otherwise(&self, seen: &Subscription) -> Result<bool, Refusal> {
        Ok(self.subscription(&seen.name)?.carried != seen.carried)
    }

    /// Sets aside what of a batch cannot be handed over. Where that is all of it, `from` goes behind it, or if the consumer
    /// reads from its place, that; and there is more to read.
    pub(super) async fn pass_over(
        &self,
        topic: &Topic,
        name: &SubscriptionName,
        batch: &Batch,
        from: &mut Option<From>,
    ) -> Result<bool, Refusal> {
        if batch.unfit.is_empty() {
            return Ok(false);
        }
        let nothing_left = batch.events.is_empty();
        let places = self.core.places.of(name);
        // Only what is passed over moves, and only forward: somebody else may have moved it meanwhile.
        let is_ahead = |(partition, next): &(&u32, &u64)| {
            batch.unfit.iter().any(|one| one.partition == **partition)
                && places.get(*partition).is_none_or(|place| place < *next)
        };
        let place = match from {
            None if nothing_left => batch.next.iter().filter(is_ahead).map(|(p, next)| (*p, *next)).collect(),
            _ => BTreeMap::new(),
        };
        self.set_aside(topic, name, &batch.unfit, place).await?;
        if let (true, Some(from)) = (nothing_left, from) {
            let redriven = match from {
                From::Cursor(cursor) => std::mem::take(&mut cursor.redriven),
                _ => Vec::new(),
            };
            *from = From::Cursor(Cursor { next: batch.next.clone(), redriven });
        }
        Ok(nothing_left)
    }

    /// Makes dead letters of what cannot be handed over, if they are none yet, and moves the place to `next`.
    pub(super) async fn set_aside(
        &self,
        topic: &Topic,
        name: &SubscriptionName,
        unfit: &[Unfit],
        next: BTreeMap<u32, u64>,
    ) -> Result<(), Refusal> {
        let is_known = |one: &&Unfit| {
            let key = (name.clone(), one.partition, one.offset);
            self.core.dead_letters.get(&key).is_some_and(|letter| !letter.redriven)
        };
        let step = |one: &Unfit| Step {
            subscription: name.clone(),
            partition: one.partition,
            offset: one.offset,
            what: Happened::Rejected { topic: topic.name.clone(), reason: one.reason.clone() },
            by: clerk(),
        };
        let steps = unfit.iter().filter(|one| !is_known(one)).map(step).collect();
        self.record_places(topic, self.committed(name, next), steps).await
    }
}
