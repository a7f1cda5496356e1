//! The keys in use: agencies' keys opened through the KMS, and persons' keys that the journal holds wrapped.
//!
//! A person's key is made when an event about them is first sealed, and its wrapped form becomes durable in the same
//! group as that event. Until then every event that needs it carries it along: whichever commits first brings it.
//! Fail closed: no key, no KMS → a refusal.
//!
//! Who was erased is a fact of governance; here it means that a pseudonym has no key any more, whatever is stored. Events
//! that come later about the same person are sealed under their next pseudonym.

mod agencies;
mod epochs;
mod persons;
mod rotation;
mod stored;
mod table;

use std::sync::Arc;
use std::time::Duration;

use contract::{AgencyName, TopicName};
use journal::{Journal, StreamId};
use parking_lot::RwLock;
use seal::{AgencyKeys, Kms, PersonKey, Pseudonym, WrappedKey};

pub use agencies::Opened;
use agencies::{Agencies, out_of_reach};
pub use epochs::{AgencySecret, Ended, Epochs, KeyFact, Stage};
use persons::{Persons, Shard};
pub use rotation::Portion;
pub use stored::{Epoch, StoredKey, mark_of};
use table::KeyTable;

use crate::Refusal;
use crate::lanes::NewKey;
use crate::mark_table::Place;

const SEND_AGAIN: &str = "nothing was stored: send it again";

/// All keys of the bus.
pub struct Keyring {
    journal: Arc<dyn Journal>,
    agencies: Agencies,
    /// What is journaled of agencies' secrets.
    epochs: RwLock<Arc<Epochs>>,
    /// Where persons' keys go now.
    running: RwLock<Arc<Epoch>>,
    persons: Persons,
    places: RwLock<KeyTable>,
}

/// A person's key for sealing.
pub struct ForSealing {
    /// What the person is called.
    pub pseudonym: Pseudonym,
    /// The key.
    pub key: PersonKey,
    /// What must become durable with the event, where it is not yet.
    pub new: Option<NewKey>,
}

impl Keyring {
    /// The keyring of what the journal holds. Agencies' keys are open afterwards, but for those that the service does not
    /// give; it is refused where it gives none, and will not later either.
    pub fn open(
        journal: Arc<dyn Journal>,
        (kms, keep): (Arc<dyn Kms>, Duration),
        agency_keys: StreamId,
    ) -> Result<Self, Refusal> {
        let epochs = stored::fold_facts(&*journal, agency_keys)?;
        let agencies = Agencies::new(kms, keep);
        let failed = agencies.open_all(&epochs);
        stored::finish_ended(&*journal, &epochs)?;
        if let Some((agency, error)) = failed.first()
            && failed.len() == epochs.all().len()
            && !matches!(error, seal::KmsError::Unavailable(_))
        {
            return Err(out_of_reach(agency, error));
        }
        let (running, places) = stored::fold_keys(&*journal, &epochs)?;
        Ok(Self {
            journal,
            agencies,
            epochs: RwLock::new(Arc::new(epochs)),
            running: RwLock::new(Arc::new(running)),
            persons: Persons::default(),
            places: RwLock::new(places),
        })
    }

    /// What is journaled of agencies' secrets.
    pub fn epochs(&self) -> Arc<Epochs> {
        self.epochs.read().clone()
    }

    /// Makes the secrets of a new agency, and its keys, which are [used](Keyring::add) once the secrets are journaled.
    pub fn create_agency(&self, agency: &AgencyName) -> Result<(AgencySecret, AgencyKeys), Refusal> {
        self.agencies.make(agency, self.epochs().running)
    }

    /// The secrets of a new agency are journaled: takes its keys into use.
    pub fn add(&self, secret: AgencySecret, keys: AgencyKeys, at_ms: u64) {
        let agency = secret.agency.clone();
        let epochs = self.note(&KeyFact::Made(secret), at_ms);
        let number = epochs.number(&agency).expect("it was just noted");
        self.agencies.add(&agency, number, keys);
    }

    /// A fact is journaled.
    fn note(&self, fact: &KeyFact, at_ms: u64) -> Arc<Epochs> {
        let mut epochs = self.epochs.write();
        Arc::make_mut(&mut epochs).apply(fact, at_ms);
        epochs.clone()
    }

    /// An agency's keys.
    pub fn agency(&self, agency: &AgencyName) -> Result<Arc<Opened>, Refusal> {
        self.agencies.get(agency)
    }

    /// The agencies whose keys are not open, with the reason.
    pub fn closed_agencies(&self) -> Vec<(AgencyName, String)> {
        let epochs = self.epochs();
        let agencies = epochs.all().iter().map(|secrets| &secrets.now.agency);
        agencies.filter_map(|agency| Some((agency.clone(), self.agencies.why_closed(agency)?))).collect()
    }

    /// Opens what is not open, renews what is about to end. Blocks on the KMS.
    pub fn look_after_agencies(&self) {
        self.agencies.look_after(&self.epochs());
    }

    /// Lets go of persons' keys that are not in use; to be called every minute.
    pub fn pass_a_minute(&self) {
        self.persons.pass_a_minute();
    }

    /// What a person is called now: behind all pseudonyms under which they were erased.
    pub fn person(&self, keys: &AgencyKeys, text: &str) -> Pseudonym {
        let mut pseudonym = keys.pseudonym_of_person(text);
        while self.is_erased(&pseudonym) {
            pseudonym = keys.pseudonym_after(&pseudonym);
        }
        pseudonym
    }

    /// Whether a person is called so now, or was before an erasure.
    pub fn is_called(&self, keys: &AgencyKeys, text: &str, wanted: &Pseudonym) -> bool {
        let mut pseudonym = keys.pseudonym_of_person(text);
        while pseudonym != *wanted && self.is_erased(&pseudonym) {
            pseudonym = keys.pseudonym_after(&pseudonym);
        }
        pseudonym == *wanted
    }

    /// What a person was called at a time, in milliseconds since 1970: behind the pseudonyms under which they had been erased
    /// by then.
    pub fn person_then(&self, keys: &AgencyKeys, text: &str, at_ms: u64) -> Pseudonym {
        let mut pseudonym = keys.pseudonym_of_person(text);
        while self.persons.erased_ms(&pseudonym).is_some_and(|erased_ms| erased_ms <= at_ms) {
            pseudonym = keys.pseudonym_after(&pseudonym);
        }
        pseudonym
    }

    /// What a person was ever called, the first one first.
    pub fn pseudonyms(&self, keys: &AgencyKeys, text: &str) -> Vec<Pseudonym> {
        let mut pseudonyms = vec![keys.pseudonym_of_person(text)];
        while let Some(last) = pseudonyms.last().filter(|last| self.is_erased(last)) {
            pseudonyms.push(keys.pseudonym_after(last));
        }
        pseudonyms
    }

    /// Whether there is a key of the person, in memory or in the journal.
    pub fn has_key(&self, pseudonym: &Pseudonym) -> Result<bool, Refusal> {
        let mark = mark_of(pseudonym);
        Ok(!self.is_erased(pseudonym)
            && (self.persons.shard(mark).get(mark, pseudonym).is_some()
                || self.stored(mark, pseudonym)?.is_some()))
    }

    /// The person's key is given to nobody any more, from now on and whatever is stored; when that became durable, in
    /// milliseconds since 1970 by the lane that it shares with the epochs' beginnings.
    pub fn erase(&self, pseudonym: &Pseudonym, at_ms: u64) {
        self.persons.erase(pseudonym, at_ms);
    }

    /// The first erasure of somebody whose key may lie in a copy of what is stored, in milliseconds since 1970.
    pub fn first_not_final(&self) -> Option<u64> {
        let followed_ms = self.epochs().ended.last().map_or(0, |ended| ended.followed_ms);
        self.persons.first_erased_since(followed_ms)
    }

    /// How many pseudonyms were erased since the beginning.
    pub fn erasures(&self) -> usize {
        self.persons.erasures()
    }

    /// Whether one of these people was erased since there were so many erasures.
    pub fn erased_since(&self, erasures: usize, people: &[Pseudonym]) -> bool {
        self.persons.erased_since(erasures, people)
    }

    /// Since when nobody opens what was about an erased person, from whatever copy: the epoch that ended since, and took
    /// the key with it.
    pub fn final_since(&self, pseudonym: &Pseudonym) -> Option<Ended> {
        let erased_ms = self.persons.erased_ms(pseudonym)?;
        self.epochs().final_since(erased_ms).cloned()
    }

    /// Whether there is no key of this pseudonym any more.
    pub fn is_erased(&self, pseudonym: &Pseudonym) -> bool {
        self.persons.erased_ms(pseudonym).is_some()
    }

    /// What the person whom `text` identifies is called now, and the key to seal under; made if they were never seen.
    pub fn person_for_sealing(
        &self,
        agency: &AgencyName,
        keys: &Opened,
        text: &str,
    ) -> Result<ForSealing, Refusal> {
        let mut pseudonym = keys.pseudonym_of_person(text);
        loop {
            let mark = mark_of(&pseudonym);
            let shard = self.persons.shard(mark);
            if shard.erased_ms(mark, &pseudonym).is_none() {
                return self.for_sealing(shard, (agency, keys), pseudonym);
            }
            drop(shard);
            pseudonym = keys.pseudonym_after(&pseudonym);
        }
    }

    /// The key for what is nobody's in a topic, in an era; made if there is none.
    pub fn topic_for_sealing(
        &self,
        agency: &AgencyName,
        keys: &Opened,
        (topic, era): (&TopicName, u32),
    ) -> Result<ForSealing, Refusal> {
        let pseudonym = keys.pseudonym_of_topic(topic.as_str(), era);
        self.for_sealing(self.persons.shard(mark_of(&pseudonym)), (agency, keys), pseudonym)
    }

    fn for_sealing(
        &self,
        mut shard: Shard<'_>,
        (agency, keys): (&AgencyName, &Opened),
        pseudonym: Pseudonym,
    ) -> Result<ForSealing, Refusal> {
        let mark = mark_of(&pseudonym);
        let (key, fresh) = match shard.get(mark, &pseudonym) {
            Some((key, fresh)) => (key.clone(), fresh),
            None => {
                let (key, fresh) = match self.stored(mark, &pseudonym)? {
                    Some(stored) => (self.unwrapped(agency, keys, &stored)?, false),
                    None => (PersonKey::generate().ok_or_else(no_randomness)?, true),
                };
                shard.put(mark, &pseudonym, &key, fresh);
                (key, fresh)
            }
        };
        drop(shard);
        let new = if fresh { Some(new_key(keys, pseudonym, &key)?) } else { None };
        Ok(ForSealing { pseudonym, key, new })
    }

    /// A key for one event alone, called at random, so that its name says nothing.
    pub fn for_one_event(&self, keys: &Opened) -> Result<ForSealing, Refusal> {
        let random = seal::Secret::generate().ok_or_else(no_randomness)?;
        let mut pseudonym = Pseudonym([0; 16]);
        pseudonym.0.copy_from_slice(&random.expose()[..16]);
        let key = PersonKey::generate().ok_or_else(no_randomness)?;
        let mark = mark_of(&pseudonym);
        self.persons.shard(mark).put(mark, &pseudonym, &key, true);
        Ok(ForSealing { pseudonym, new: Some(new_key(keys, pseudonym, &key)?), key })
    }

    /// The key to open with; `None` where there is none any more.
    pub fn for_opening(
        &self,
        agency: &AgencyName,
        keys: &Opened,
        pseudonym: &Pseudonym,
    ) -> Result<Option<PersonKey>, Refusal> {
        let mark = mark_of(pseudonym);
        let mut shard = self.persons.shard(mark);
        if shard.erased_ms(mark, pseudonym).is_some() {
            return Ok(None);
        }
        if let Some((key, _)) = shard.get(mark, pseudonym) {
            return Ok(Some(key.clone()));
        }
        let Some(stored) = self.stored(mark, pseudonym)? else { return Ok(None) };
        let key = self.unwrapped(agency, keys, &stored)?;
        shard.put(mark, pseudonym, &key, false);
        Ok(Some(key))
    }

    /// A person's key from the journal. That it cannot be read now never means that there is none: another would be made
    /// in its place.
    fn stored(&self, mark: u64, pseudonym: &Pseudonym) -> Result<Option<StoredKey>, Refusal> {
        let mut moved = false;
        loop {
            let mut places = Vec::new();
            self.places.read().find(mark, |place| {
                places.push(place);
                false
            });
            let mut failed = None;
            for place in places {
                match stored::read(&*self.journal, place) {
                    Ok(Some(stored)) if stored.pseudonym == *pseudonym => return Ok(Some(stored)),
                    Ok(_) => {}
                    Err(error) => failed = Some(error),
                }
            }
            match failed {
                None => return Ok(None),
                // Between looking and reading it was wrapped anew, and lies somewhere else.
                Some(_) if !moved => moved = true,
                Some(error) => return Err(error),
            }
        }
    }

    fn unwrapped(
        &self,
        agency: &AgencyName,
        keys: &Opened,
        stored: &StoredKey,
    ) -> Result<PersonKey, Refusal> {
        let StoredKey { wrapped, pseudonym, .. } = stored;
        let unwrap =
            |keys: &Opened| keys.of_epoch(wrapped.epoch()).map(|keys| keys.unwrap(wrapped, pseudonym));
        let opened = match unwrap(keys) {
            // Another epoch has begun since the caller took the agency's keys.
            None => unwrap(&*self.agency(agency)?),
            opened => opened,
        };
        match opened {
            Some(Ok(key)) => Ok(key),
            other => {
                let why = other.map_or_else(
                    || "its epoch is not open".to_owned(),
                    |result| result.map(drop).map_or_else(|error| error.to_string(), |()| String::new()),
                );
                tracing::error!(%agency, epoch = wrapped.epoch(), %why, "a stored key cannot be opened");
                Err(Refusal::unavailable(format!("a key of agency {agency} that is stored cannot be opened"))
                    .hint("ask the bus's operator: the bus's log says why"))
            }
        }
    }

    /// Where keys go that become durable now.
    pub fn running(&self) -> Arc<Epoch> {
        self.running.read().clone()
    }

    /// The record by which a key becomes durable in an epoch, wrapped anew if its own is over; nothing of somebody who was
    /// erased meanwhile: what is sealed under it is a tombstone from the beginning.
    pub fn record_of(&self, key: &NewKey, epoch: &Epoch) -> Result<Option<[u8; StoredKey::BYTES]>, Refusal> {
        let mut stored = key.stored;
        if self.is_erased(&stored.pseudonym) {
            return Ok(None);
        }
        if stored.wrapped.epoch() != epoch.number {
            let key = self.held(&stored.pseudonym).ok_or_else(|| {
                Refusal::unavailable("a key was made in an epoch that is over, and is not held any more")
                    .hint(SEND_AGAIN)
            })?;
            stored.wrapped = self.wrapped_now(&key, &stored, epoch.number)?;
        }
        Ok(Some(stored.encode()))
    }

    /// A key that is in memory: one that is not durable yet is, but for one that was under way for very long.
    fn held(&self, pseudonym: &Pseudonym) -> Option<PersonKey> {
        let mark = mark_of(pseudonym);
        self.persons.shard(mark).get(mark, pseudonym).map(|(key, _)| key.clone())
    }

    /// A key, wrapped in the epoch given. An agency whose keys of that epoch are not open yet has none to wrap with: what
    /// the epoch before wraps would be lost with it.
    fn wrapped_now(&self, key: &PersonKey, stored: &StoredKey, epoch: u32) -> Result<WrappedKey, Refusal> {
        let (_, opened) = self.agency_of(stored.agency)?;
        let keys = opened.of_epoch(epoch).ok_or_else(|| {
            Refusal::unavailable("an agency's keys of the epoch that runs are not open yet").hint(SEND_AGAIN)
        })?;
        keys.wrap(key, &stored.pseudonym).ok_or_else(no_randomness)
    }

    fn agency_of(&self, number: u32) -> Result<(AgencyName, Arc<Opened>), Refusal> {
        let epochs = self.epochs();
        let secrets = epochs.secrets(number);
        let secrets = secrets.ok_or_else(|| {
            Refusal::unavailable(format!("a key of agency number {number}, which has no secrets"))
        })?;
        let agency = secrets.now.agency.clone();
        self.agency(&agency).map(|opened| (agency, opened))
    }

    /// Persons' keys are in the journal now: events need not carry them any more.
    pub fn became_durable(&self, keys: &[(NewKey, Place)]) {
        if keys.is_empty() {
            return;
        }
        let mut places = self.places.write();
        for (key, place) in keys {
            places.insert(key.mark(), *place);
        }
        drop(places);
        for (key, _) in keys {
            let mark = key.mark();
            self.persons.shard(mark).became_durable(mark, &key.stored.pseudonym);
        }
    }

    /// How many persons' keys there are.
    pub fn len(&self) -> usize {
        self.places.read().len()
    }
}

fn new_key(keys: &Opened, pseudonym: Pseudonym, key: &PersonKey) -> Result<NewKey, Refusal> {
    let wrapped = keys.wrap(key, &pseudonym).ok_or_else(no_randomness)?;
    Ok(NewKey { stored: StoredKey { agency: keys.number(), pseudonym, wrapped } })
}

fn no_randomness() -> Refusal {
    Refusal::unavailable("no key can be made: the system gives no random bytes")
}
