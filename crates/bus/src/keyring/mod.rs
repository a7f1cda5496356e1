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
mod sealing;
mod stored;
mod table;

use std::sync::Arc;
use std::time::Duration;

use contract::AgencyName;
use journal::{Journal, StreamId};
use parking_lot::RwLock;
use seal::{AgencyKeys, Kms, PersonKey, Pseudonym};

pub use agencies::Opened;
use agencies::{Agencies, out_of_reach};
pub use epochs::{AgencySecret, Ended, Epochs, KeyFact, Stage};
use persons::Persons;
pub use rotation::Portion;
pub use sealing::ForSealing;
pub use stored::{Epoch, StoredKey, mark_of};
use table::KeyTable;

use crate::Refusal;

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
        shard.put(pseudonym, &key, false);
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

    fn agency_of(&self, number: u32) -> Result<(AgencyName, Arc<Opened>), Refusal> {
        let epochs = self.epochs();
        let secrets = epochs.secrets(number);
        let secrets = secrets.ok_or_else(|| {
            Refusal::unavailable(format!("a key of agency number {number}, which has no secrets"))
        })?;
        let agency = secrets.now.agency.clone();
        self.agency(&agency).map(|opened| (agency, opened))
    }

    /// How many persons' keys there are.
    pub fn len(&self) -> usize {
        self.places.read().len()
    }
}

fn no_randomness() -> Refusal {
    Refusal::unavailable("no key can be made: the system gives no random bytes")
}
