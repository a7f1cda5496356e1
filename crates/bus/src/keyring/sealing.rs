//! Keys to seal under, and how new ones become durable.

use contract::{AgencyName, TopicName};
use seal::{PersonKey, Pseudonym, WrappedKey};

use super::persons::Shard;
use super::{Epoch, Keyring, Opened, StoredKey, mark_of, no_randomness};
use crate::Refusal;
use crate::lanes::NewKey;
use crate::mark_table::Place;

const SEND_AGAIN: &str = "nothing was stored: send it again";

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
                shard.put(&pseudonym, &key, fresh);
                (key, fresh)
            }
        };
        drop(shard);
        let new = if fresh { Some(new_key(keys, pseudonym, &key)?) } else { None };
        Ok(ForSealing { pseudonym, key, new })
    }

    /// A key for one event alone, called at random, so that its name says nothing. Nobody else seals under it, so it is not
    /// held: who opens the event finds it in the journal.
    pub fn for_one_event(&self, keys: &Opened) -> Result<ForSealing, Refusal> {
        let random = seal::Secret::generate().ok_or_else(no_randomness)?;
        let mut pseudonym = Pseudonym([0; 16]);
        pseudonym.0.copy_from_slice(&random.expose()[..16]);
        let key = PersonKey::generate().ok_or_else(no_randomness)?;
        Ok(ForSealing { pseudonym, new: Some(new_key(keys, pseudonym, &key)?), key })
    }

    /// The record by which a key becomes durable in an epoch, wrapped anew if its own is over; nothing of somebody who was
    /// erased meanwhile: what is sealed under it is a tombstone from the beginning. Nor of one that another event brought, and
    /// that nobody asked for since.
    pub fn record_of(&self, key: &NewKey, epoch: &Epoch) -> Result<Option<[u8; StoredKey::BYTES]>, Refusal> {
        let mut stored = key.stored;
        if self.is_erased(&stored.pseudonym) {
            return Ok(None);
        }
        if stored.wrapped.epoch() != epoch.number {
            let Some(key) = self.held(&stored.pseudonym) else {
                return match self.is_erased(&stored.pseudonym)
                    || self.stored(key.mark(), &stored.pseudonym)?.is_some()
                {
                    true => Ok(None),
                    false => {
                        Err(Refusal::unavailable("a key was made in an epoch that is over, and is not held")
                            .hint(SEND_AGAIN))
                    }
                };
            };
            stored.wrapped = self.wrapped_now(&key, &stored, epoch.number)?;
        }
        Ok(Some(stored.encode()))
    }

    /// A key that is in memory. One that is not durable yet is, for longer than any event is under way; but for that of one
    /// event alone.
    fn held(&self, pseudonym: &Pseudonym) -> Option<PersonKey> {
        let mark = mark_of(pseudonym);
        self.persons.shard(mark).get(mark, pseudonym).map(|(key, _)| key.clone())
    }

    /// A key, wrapped in the epoch given. An agency whose keys of that epoch are not open yet has none to wrap with: what
    /// the epoch before wraps would be lost with it.
    pub(super) fn wrapped_now(
        &self,
        key: &PersonKey,
        stored: &StoredKey,
        epoch: u32,
    ) -> Result<WrappedKey, Refusal> {
        let (_, opened) = self.agency_of(stored.agency)?;
        let keys = opened.of_epoch(epoch).ok_or_else(|| {
            Refusal::unavailable("an agency's keys of the epoch that runs are not open yet").hint(SEND_AGAIN)
        })?;
        keys.wrap(key, &stored.pseudonym).ok_or_else(no_randomness)
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
}

fn new_key(keys: &Opened, pseudonym: Pseudonym, key: &PersonKey) -> Result<NewKey, Refusal> {
    let wrapped = keys.wrap(key, &pseudonym).ok_or_else(no_randomness)?;
    Ok(NewKey { stored: StoredKey { agency: keys.number(), pseudonym, wrapped } })
}
