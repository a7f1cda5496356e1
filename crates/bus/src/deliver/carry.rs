//! For those who are carried: an event of a newer version becomes one of the version that they read.
//!
//! The newer version's classes decide first what is opened; then the steps of each migration on the way are taken back,
//! and what the old version's classes keep from the reader is left out too. What does not come out as a valid event of the
//! old version is not handed over: it is set aside as a dead letter of the subscription, with the reason. Its agency and
//! the topic's owner are told of the first of each version; where they are many, delivery stops until somebody decides.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use contract::cloudevents::is_known_attribute;
use contract::compile::Contract;
use contract::{AgencyName, Class, ClassSet, CloudEvent, ContractVersion, Look, Misfit, SubscriptionName};
use governance::clerk::clerk;
use governance::{Event, State, Subscription, carrying};
use seal::Access;

use super::reveal::Sight;
use super::{Batch, Found, cleared_of};
use crate::api::From;
use crate::core::Core;
use crate::limits::{LETTERS_MAX, SET_ASIDE_MAX};
use crate::person_consents::Demand;
use crate::schema_ids::{Framing, SchemaId};
use crate::subscriptions::cursor::Cursor;
use crate::subscriptions::dead_letters::{Happened, Step};
use crate::topics::Topic;
use crate::{Bus, Refusal, RefusalKind};

/// Longest reason that a dead letter gets from here.
const REASON_CHARS: usize = 400;

/// What a subscription may see.
pub struct View {
    /// The classes that are opened for it.
    pub cleared: ClassSet,
    /// The version that it is carried on.
    pub carried: Option<Carried>,
    /// Whose it is.
    pub agency: AgencyName,
    /// What those whom events are about must have consented to.
    pub demand: Option<Arc<Demand>>,
    /// Its name.
    name: SubscriptionName,
    /// How many more events may be set aside for it.
    room: AtomicUsize,
}

impl View {
    /// The subscription's, as it stands, with what it demands.
    pub fn of(core: &Core, subscription: &Subscription, demand: Option<Arc<Demand>>) -> Self {
        let carried =
            subscription.carried.map(|carried| Carried { on: carried.on, since_ms: carried.since_ms });
        let name = subscription.name.clone();
        let room = match &carried {
            Some(_) => SET_ASIDE_MAX.saturating_sub(core.dead_letters.by_the_bus(&name)),
            None => usize::MAX,
        };
        let agency = subscription.agency.clone();
        Self { cleared: cleared_of(subscription), carried, agency, demand, name, room: room.into() }
    }

    /// How it looks at an event of a version. Of classes that are not cleared, the forms are shown that the contract gave them;
    /// but a migration leads from values to values: of what is taken back, nothing is shown in another form.
    pub fn sight(&self, topic: &Topic, version: ContractVersion) -> Sight<'_> {
        let is_taken_back = |carried: &Carried| !matches!(carried.way_back(topic, version), Ok(None));
        let otherwise = match self.carried.as_ref().is_some_and(is_taken_back) {
            true => Access::LeftOut,
            false => Access::Veiled(Look::is_shown),
        };
        Sight::of(&self.cleared).showing(otherwise).demanding(self.demand.as_deref())
    }

    /// An event cannot be handed over; whatever is a dead letter already takes no room.
    pub fn sets_aside(&self, core: &Core, unfit: &Unfit) {
        if !core.dead_letters.is_aside(&self.name, unfit.partition, unfit.offset) {
            let less = |room: usize| Some(room.saturating_sub(1));
            let _ = self.room.fetch_update(Ordering::Relaxed, Ordering::Relaxed, less);
        }
    }

    /// Whether no more may be set aside, so that reading ends here.
    pub fn is_full(&self) -> bool {
        self.room.load(Ordering::Relaxed) == 0
    }

    /// An event of a version, with what of its data is opened for the subscription, as it is handed over: `cleared` is what
    /// erasures left of its clearance. Whether it names nobody by pseudonym is said beside it.
    pub fn shaped(
        &self,
        topic: &Topic,
        version: ContractVersion,
        cleared: &ClassSet,
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
                    return Ok(carried.take_back(topic, cleared, &way, (event, names_nobody), &data));
                }
                Err(misfit) => return Ok(Err(misfit)),
            }
        }
        // A deserializer asks for the schema of what it was handed.
        if let Some(framing) = Framing::of(event.dataschema.as_deref()) {
            let contract = topic.contract(version)?;
            event.dataschema = Some(framing.redacted(&contract, cleared).dataschema());
        }
        Ok(Ok(data))
    }
}

/// On which version a subscription is carried.
pub struct Carried {
    on: ContractVersion,
    since_ms: u64,
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
        let lens = |version: &ContractVersion| {
            topic.lens(*version).map_err(|refusal| Misfit { version: *version, what: refusal.text })
        };
        let lenses = way.iter().map(lens).collect::<Result<Vec<_>, _>>()?;
        let data = topic.carrier(&old, cleared)?.carry(&lenses, data)?;
        self.rename(topic, cleared, &old, event);
        hide_attributes(&old, cleared, event, names_nobody);
        Ok(data.into())
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
    /// The version that it follows.
    version: ContractVersion,
    reason: String,
}

impl Unfit {
    /// What was found, and why it is not handed over.
    pub fn new(found: &Found, version: ContractVersion, misfit: &Misfit) -> Self {
        let reason = format!("cannot be taken back to the version that is read: {misfit}");
        let reason = reason.chars().take(REASON_CHARS).collect();
        Self { partition: found.partition, offset: found.record.offset, version, reason }
    }
}

impl Bus {
    /// Whether the subscription is served by another version than it was when it was looked at, by another consent or for
    /// other classes. An event of a version that went live since may have been read by then.
    pub(super) fn is_served_otherwise(&self, seen: &Subscription) -> Result<bool, Refusal> {
        let now = self.subscription(&seen.name)?;
        let sees =
            |of: &Subscription| of.granted_terms().map(|terms| (terms.consent.clone(), terms.clears.clone()));
        Ok(now.carried != seen.carried || sees(&now) != sees(seen))
    }

    /// Sets aside what of a batch cannot be taken back. Where nothing of the batch is handed over, `from` goes behind it, or if
    /// the consumer reads from its place, that; and there is more to read.
    pub(super) async fn pass_over(
        &self,
        topic: &Topic,
        seen: &Subscription,
        batch: &Batch,
        from: &mut Option<From>,
    ) -> Result<bool, Refusal> {
        if batch.passed.is_empty() {
            return Ok(false);
        }
        let nothing_left = batch.events.is_empty();
        let places = self.core.places.of(&seen.name);
        // Only what is passed over moves, and only forward: somebody else may have moved it meanwhile.
        let is_ahead = |(partition, next): &(&u32, &u64)| {
            batch.passed.iter().any(|(passed, _)| passed == *partition)
                && places.get(*partition).is_none_or(|place| place < *next)
        };
        let place = match from {
            None if nothing_left => batch.next.iter().filter(is_ahead).map(|(p, next)| (*p, *next)).collect(),
            _ => BTreeMap::new(),
        };
        self.set_aside(topic, seen, &batch.unfit, place).await?;
        if let (true, Some(from)) = (nothing_left, from) {
            let redriven = match from {
                From::Cursor(cursor) => std::mem::take(&mut cursor.redriven),
                _ => Vec::new(),
            };
            *from = From::Cursor(Cursor { next: batch.next.clone(), redriven });
        }
        Ok(nothing_left)
    }

    /// Makes dead letters of what cannot be handed over, if they are none yet, and moves the place to `next`. Those concerned
    /// are told first: if we die between, the events are read again.
    pub(super) async fn set_aside(
        &self,
        topic: &Topic,
        seen: &Subscription,
        unfit: &[Unfit],
        next: BTreeMap<u32, u64>,
    ) -> Result<(), Refusal> {
        let name = &seen.name;
        let is_aside = |one: &&Unfit| self.core.dead_letters.is_aside(name, one.partition, one.offset);
        let step = |one: &Unfit| Step {
            subscription: name.clone(),
            partition: one.partition,
            offset: one.offset,
            what: Happened::Rejected { topic: topic.name.clone(), reason: one.reason.clone() },
            by: clerk(),
        };
        let steps: Vec<Step> = unfit.iter().filter(|one| !is_aside(one)).map(step).collect();
        self.tell_of(name, unfit.iter().map(|one| one.version).collect()).await?;
        // Telling stands in line with all decisions: one before it may have let the subscription go over.
        if self.is_served_otherwise(seen)? {
            let text = format!("subscription {name} is served by another version since its events were read");
            return Err(Refusal::unavailable(text).hint("ask again"));
        }
        self.record_places(topic, self.committed(name, next), steps).await
    }

    /// Has governance say, once of each version, that events of it cannot be taken back for a subscription.
    async fn tell_of(
        &self,
        name: &SubscriptionName,
        versions: BTreeSet<ContractVersion>,
    ) -> Result<(), Refusal> {
        let name = name.clone();
        let facts = move |state: &State| -> Vec<Event> {
            let of = |version: &ContractVersion| carrying::set_aside(state, &name, *version);
            versions.iter().flat_map(of).collect()
        };
        if facts(&self.core.state()).is_empty() {
            return Ok(());
        }
        self.as_clerk(move |state, _| facts(state)).await.map(|_| ())
    }

    /// Whether there is room to set events aside for a subscription, if it is carried.
    pub(super) fn has_room_aside(&self, subscription: &Subscription, topic: &Topic) -> Result<(), Refusal> {
        let Some(on) = subscription.carried_on() else { return Ok(()) };
        let waiting = self.core.dead_letters.by_the_bus(&subscription.name);
        // Those that are redriven and not read wait too, though somebody decided about them.
        if waiting < SET_ASIDE_MAX && self.core.dead_letters.count(&subscription.name) < LETTERS_MAX {
            return Ok(());
        }
        let versions: Vec<String> = subscription.set_aside.iter().map(ToString::to_string).collect();
        let (name, agency, versions) = (&subscription.name, &subscription.agency, versions.join(" and "));
        let text = format!(
            "subscription {name} is carried on {on} of {}: {waiting} events of {versions} that cannot be taken back to it \
             wait as dead letters, and more are not set aside",
            topic.name
        );
        let newest = topic.newest().unwrap_or(on);
        let hint = format!(
            "a steward of {agency} goes over (chancery contract acknowledge {} {} --agency {agency}) and redrives them, or \
             redrives or discards them one by one (chancery dead-letters)",
            topic.name, newest.0
        );
        let refusal = Refusal::new(RefusalKind::Conflict, text).hint(hint);
        Err(Refusal { code: Some("set-aside-full"), ..refusal })
    }
}
