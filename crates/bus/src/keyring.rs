//! The keys in use: agencies' keys opened through the KMS, and persons' keys that the journal holds wrapped.
//!
//! A person's key is made when an event about them is first sealed, and its wrapped form becomes durable in the same
//! group as that event. Until then every event that needs it carries it along: whichever commits first brings it.
//! Fail closed: no key, no KMS → a refusal.
//!
//! Who was erased is a fact of governance; here it means that a pseudonym has no key any more, whatever is stored. Events
//! that come later about the same person are sealed under their next pseudonym.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use contract::AgencyName;
use journal::{Journal, StreamId};
use parking_lot::{Mutex, RwLock};
use seal::{AgencyKeys, AgencySecrets, Kms, KmsError, PersonKey, Pseudonym, WrappedKey};
use serde::{Deserialize, Serialize};

use crate::Refusal;
use crate::govern::{hex, unhex};
use crate::lanes::NewKey;
use crate::limits::PERSON_KEYS_MAX;
use crate::mark_table::{MarkTable, Place};
use crate::marks::Marker;

const SHARDS: usize = 64;

/// An agency's wrapping key begins with this epoch.
const FIRST_EPOCH: u32 = 1;

/// The record of an agency's secrets, wrapped by the KMS, in hex. On disk: never rename.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct AgencySecret {
    /// Whose.
    pub agency: AgencyName,
    /// The number of the wrapping secret.
    pub epoch: u32,
    /// Makes pseudonyms and digests; never replaced.
    pub lasting: String,
    /// Wraps persons' keys.
    pub wrapping: String,
}

impl AgencySecret {
    /// The journal's form.
    pub fn encode(&self) -> Vec<u8> {
        serde_json::to_vec(self).expect("a name, a number and hex always encode")
    }
}

/// All keys of the bus.
pub struct Keyring {
    kms: Arc<dyn Kms>,
    journal: Arc<dyn Journal>,
    marker: Marker,
    agencies: RwLock<HashMap<AgencyName, Arc<AgencyKeys>>>,
    persons: Vec<Mutex<HashMap<u64, Held>>>,
    places: RwLock<MarkTable>,
    erased: RwLock<HashSet<Pseudonym>>,
}

/// A person's key in memory.
#[derive(Clone)]
struct Held {
    pseudonym: Pseudonym,
    key: Arc<PersonKey>,
    /// The wrapped key, until it is durable.
    fresh: Option<WrappedKey>,
}

/// A person's key for sealing.
pub struct ForSealing {
    /// The key.
    pub key: Arc<PersonKey>,
    /// What must become durable with the event, where it is not yet.
    pub new: Option<NewKey>,
}

impl Keyring {
    /// A keyring that knows no agency yet.
    pub fn new(kms: Arc<dyn Kms>, journal: Arc<dyn Journal>, marker: Marker) -> Self {
        Self {
            kms,
            journal,
            marker,
            agencies: RwLock::default(),
            persons: (0..SHARDS).map(|_| Mutex::default()).collect(),
            places: RwLock::default(),
            erased: RwLock::default(),
        }
    }

    /// Makes the secrets of a new agency, and its keys, which are [used](Keyring::add) once the secrets are journaled.
    pub fn create_agency(&self, agency: &AgencyName) -> Result<(AgencySecret, AgencyKeys), Refusal> {
        let create = || self.kms.create(agency.as_str()).map_err(|error| out_of_reach(agency, &error));
        let ((lasting, of_names), (wrapping, of_keys)) = (create()?, create()?);
        let keys = AgencyKeys::derive(FIRST_EPOCH, &AgencySecrets { lasting: of_names, epoch: of_keys });
        let (lasting, wrapping) = (hex(&lasting), hex(&wrapping));
        Ok((AgencySecret { agency: agency.clone(), epoch: FIRST_EPOCH, lasting, wrapping }, keys))
    }

    /// Takes an agency's keys into use.
    pub fn add(&self, agency: &AgencyName, keys: AgencyKeys) {
        self.agencies.write().insert(agency.clone(), Arc::new(keys));
    }

    /// Opens an agency's journaled secrets.
    pub fn open_agency(&self, secret: &AgencySecret) -> Result<(), Refusal> {
        let agency = &secret.agency;
        let open = |text: &str| {
            let wrapped = unhex(text).ok_or_else(|| out_of_reach(agency, &KmsError::Tampered))?;
            self.kms.unwrap(agency.as_str(), &wrapped).map_err(|error| out_of_reach(agency, &error))
        };
        let secrets = AgencySecrets { lasting: open(&secret.lasting)?, epoch: open(&secret.wrapping)? };
        self.add(agency, AgencyKeys::derive(secret.epoch, &secrets));
        Ok(())
    }

    /// An agency's keys.
    pub fn agency(&self, agency: &AgencyName) -> Result<Arc<AgencyKeys>, Refusal> {
        self.agencies.read().get(agency).cloned().ok_or_else(|| {
            Refusal::unavailable(format!("the keys of agency {agency} are not open"))
                .hint("ask the bus's operator whether its key management service is reachable")
        })
    }

    /// What a person is called now: behind all pseudonyms under which they were erased.
    pub fn person(&self, keys: &AgencyKeys, text: &str) -> Pseudonym {
        let mut pseudonym = keys.pseudonym_of_person(text);
        let erased = self.erased.read();
        while erased.contains(&pseudonym) {
            pseudonym = keys.pseudonym_after(&pseudonym);
        }
        pseudonym
    }

    /// What a person was ever called, the first one first.
    pub fn pseudonyms(&self, keys: &AgencyKeys, text: &str) -> Vec<Pseudonym> {
        let mut pseudonyms = vec![keys.pseudonym_of_person(text)];
        let erased = self.erased.read();
        while let Some(last) = pseudonyms.last().filter(|last| erased.contains(last)) {
            pseudonyms.push(keys.pseudonym_after(last));
        }
        pseudonyms
    }

    /// Whether an agency has a key of the person, in memory or in the journal.
    pub fn has_key(&self, agency: &AgencyName, pseudonym: &Pseudonym) -> bool {
        let mark = self.marker.person_key(agency, pseudonym);
        let is_held = |held: &Held| held.pseudonym == *pseudonym;
        !self.erased.read().contains(pseudonym)
            && (self.shard(mark).lock().get(&mark).is_some_and(is_held)
                || self.wrapped(mark, pseudonym).is_some())
    }

    /// The person's key is given to nobody any more, from now on and whatever is stored.
    pub fn erase(&self, agency: &AgencyName, pseudonym: &Pseudonym) {
        self.erased.write().insert(*pseudonym);
        let mark = self.marker.person_key(agency, pseudonym);
        self.shard(mark).lock().remove(&mark);
    }

    /// How many pseudonyms were erased since the beginning: another number says that somebody was meanwhile.
    pub fn erasures(&self) -> usize {
        self.erased.read().len()
    }

    /// Whether there is no key of this pseudonym any more.
    pub fn is_erased(&self, pseudonym: &Pseudonym) -> bool {
        let erased = self.erased.read();
        !erased.is_empty() && erased.contains(pseudonym)
    }

    /// The key to seal under; made if the person was never seen.
    pub fn for_sealing(
        &self,
        agency: &AgencyName,
        keys: &AgencyKeys,
        pseudonym: &Pseudonym,
        stream: StreamId,
    ) -> Result<ForSealing, Refusal> {
        let mark = self.marker.person_key(agency, pseudonym);
        let mut shard = self.shard(mark).lock();
        // Asked under the shard's lock, as `erase` takes it last.
        if self.is_erased(pseudonym) {
            return Err(Refusal::unavailable("a person in this event was erased at this moment")
                .hint("nothing was stored: publish it again"));
        }
        let held = match shard.get(&mark) {
            Some(held) if held.pseudonym == *pseudonym => held.clone(),
            _ => {
                let held = match self.stored(keys, mark, pseudonym)? {
                    Some(key) => Held { pseudonym: *pseudonym, key, fresh: None },
                    None => make(keys, pseudonym)?,
                };
                make_room(&mut shard);
                shard.insert(mark, held.clone());
                held
            }
        };
        let new = held.fresh.map(|wrapped| NewKey { pseudonym: *pseudonym, wrapped, mark, stream });
        Ok(ForSealing { key: held.key, new })
    }

    /// The key to open with; `None` where there is none (any more).
    pub fn for_opening(
        &self,
        agency: &AgencyName,
        keys: &AgencyKeys,
        pseudonym: &Pseudonym,
    ) -> Result<Option<Arc<PersonKey>>, Refusal> {
        let mark = self.marker.person_key(agency, pseudonym);
        let mut shard = self.shard(mark).lock();
        if self.is_erased(pseudonym) {
            return Ok(None);
        }
        if let Some(held) = shard.get(&mark).filter(|held| held.pseudonym == *pseudonym) {
            return Ok(Some(held.key.clone()));
        }
        let Some(key) = self.stored(keys, mark, pseudonym)? else { return Ok(None) };
        make_room(&mut shard);
        shard.insert(mark, Held { pseudonym: *pseudonym, key: key.clone(), fresh: None });
        Ok(Some(key))
    }

    /// A person's key from the journal, as it lies there.
    fn wrapped(&self, mark: u64, pseudonym: &Pseudonym) -> Option<WrappedKey> {
        let mut wrapped = None;
        self.places.read().find(mark, |place| {
            let record =
                self.journal.read(place.stream, place.offset, 1).ok().and_then(|r| r.into_iter().next());
            wrapped = record.and_then(|record| read_key(&record.body, pseudonym));
            wrapped.is_some()
        });
        wrapped
    }

    /// A person's key from the journal.
    fn stored(
        &self,
        keys: &AgencyKeys,
        mark: u64,
        pseudonym: &Pseudonym,
    ) -> Result<Option<Arc<PersonKey>>, Refusal> {
        let Some(wrapped) = self.wrapped(mark, pseudonym) else { return Ok(None) };
        let key = keys.unwrap(&wrapped, pseudonym).map_err(|error| {
            Refusal::unavailable(format!("a stored key cannot be opened: {error}"))
                .hint("ask the bus's operator")
        })?;
        Ok(Some(Arc::new(key)))
    }

    /// Folds a stream of wrapped keys.
    pub fn fold(&self, stream: StreamId) -> Result<(), journal::JournalError> {
        let mut places = self.places.write();
        self.journal.entries(stream, 0, &mut |entry| {
            places.insert(entry.primary, Place { stream, offset: entry.offset }, |_| true);
        })
    }

    /// Persons' keys are in the journal now: events need not carry them any more.
    pub fn became_durable(&self, keys: &[(NewKey, Place)]) {
        if keys.is_empty() {
            return;
        }
        let mut places = self.places.write();
        for (key, place) in keys {
            places.insert(key.mark, *place, |_| true);
        }
        drop(places);
        for (key, _) in keys {
            let mut shard = self.shard(key.mark).lock();
            if let Some(held) = shard.get_mut(&key.mark).filter(|held| held.pseudonym == key.pseudonym) {
                held.fresh = None;
            }
        }
    }

    fn shard(&self, mark: u64) -> &Mutex<HashMap<u64, Held>> {
        &self.persons[(mark >> 32) as usize % SHARDS]
    }
}

fn make(keys: &AgencyKeys, pseudonym: &Pseudonym) -> Result<Held, Refusal> {
    let no_randomness = || Refusal::unavailable("no key can be made: the system gives no random bytes");
    let key = PersonKey::generate().ok_or_else(no_randomness)?;
    let wrapped = keys.wrap(&key, pseudonym).ok_or_else(no_randomness)?;
    Ok(Held { pseudonym: *pseudonym, key: Arc::new(key), fresh: Some(wrapped) })
}

/// A full shard lets go of what is durable; the journal still has it.
fn make_room(shard: &mut HashMap<u64, Held>) {
    if shard.len() >= PERSON_KEYS_MAX / SHARDS {
        let mut keep = false;
        shard.retain(|_, held| {
            keep = !keep;
            keep || held.fresh.is_some()
        });
    }
}

fn read_key(body: &[u8], pseudonym: &Pseudonym) -> Option<WrappedKey> {
    let (whose, wrapped) = body.split_at_checked(16)?;
    let wrapped = wrapped.try_into().ok()?;
    (whose == pseudonym.0).then_some(WrappedKey(wrapped))
}

fn out_of_reach(agency: &AgencyName, error: &KmsError) -> Refusal {
    let hint = match error {
        KmsError::Unavailable(_) => {
            "nothing was stored; it goes on when the key management service answers again"
        }
        KmsError::Denied(_) => "nothing was stored; the operator has to let the bus use the agency's key",
        KmsError::Tampered => {
            "another key management service, or another key of it, wrapped it: the operator has to bring that back"
        }
    };
    Refusal::unavailable(format!("the keys of agency {agency} are out of reach: {error}")).hint(hint)
}
