//! Persons' keys in memory, ready for use: as many as are used, for as long as they are.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use parking_lot::{Mutex, MutexGuard};
use seal::{PersonKey, Pseudonym, WrappedKey};

use crate::limits::{FRESH_KEY_IDLE_MINUTES, PERSON_KEY_IDLE_MINUTES, PERSON_KEYS_MAX};

const SHARDS: usize = 64;

/// A person's key in memory.
#[derive(Clone)]
pub struct Held {
    /// Whose.
    pub pseudonym: Pseudonym,
    /// The key; it overwrites itself when nobody has it any more.
    pub key: Arc<PersonKey>,
    /// The wrapped key, until it is durable.
    pub fresh: Option<WrappedKey>,
    used: u32,
}

/// The keys, by their marks.
pub struct Persons {
    shards: Vec<Mutex<HashMap<u64, Held>>>,
    /// Minutes that were counted.
    minute: AtomicU32,
}

impl Default for Persons {
    fn default() -> Self {
        Self { shards: (0..SHARDS).map(|_| Mutex::default()).collect(), minute: AtomicU32::new(0) }
    }
}

impl Persons {
    /// The part that a mark's key is in, alone.
    pub fn shard(&self, mark: u64) -> Shard<'_> {
        let keys = self.shards[(mark >> 32) as usize % SHARDS].lock();
        Shard { keys, minute: self.minute.load(Ordering::Relaxed) }
    }

    /// A minute has gone by: what was not used for some time is let go of. A key that is not durable stays for longer than
    /// any event can be under way that brings it along; after that no event needs it.
    pub fn pass_a_minute(&self) {
        let now = self.minute.fetch_add(1, Ordering::Relaxed) + 1;
        for shard in &self.shards {
            shard.lock().retain(|_, held| {
                let idle =
                    if held.fresh.is_some() { FRESH_KEY_IDLE_MINUTES } else { PERSON_KEY_IDLE_MINUTES };
                now - held.used <= idle
            });
        }
    }

    /// How many are held.
    #[cfg(test)]
    pub fn len(&self) -> usize {
        self.shards.iter().map(|shard| shard.lock().len()).sum()
    }
}

/// Some of the keys.
pub struct Shard<'a> {
    keys: MutexGuard<'a, HashMap<u64, Held>>,
    minute: u32,
}

impl Shard<'_> {
    /// The person's key, which counts as used.
    pub fn get(&mut self, mark: u64, pseudonym: &Pseudonym) -> Option<&mut Held> {
        let held = self.keys.get_mut(&mark).filter(|held| held.pseudonym == *pseudonym)?;
        held.used = self.minute;
        Some(held)
    }

    /// Holds a key. Where there is no room, what is durable makes some; the journal still has it.
    pub fn put(&mut self, mark: u64, pseudonym: Pseudonym, key: Arc<PersonKey>, fresh: Option<WrappedKey>) {
        if self.keys.len() >= PERSON_KEYS_MAX / SHARDS {
            let mut keep = false;
            self.keys.retain(|_, held| {
                keep = !keep;
                keep || held.fresh.is_some()
            });
        }
        self.keys.insert(mark, Held { pseudonym, key, fresh, used: self.minute });
    }

    /// Lets go of a key.
    pub fn remove(&mut self, mark: u64) {
        self.keys.remove(&mark);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_used_is_let_go_of_and_what_is_not_durable_later() {
        let persons = Persons::default();
        let (durable, fresh, used) = (Pseudonym([1; 16]), Pseudonym([2; 16]), Pseudonym([3; 16]));
        let key = || Arc::new(PersonKey::generate().unwrap());
        persons.shard(1).put(1, durable, key(), None);
        persons.shard(2).put(2, fresh, key(), Some(WrappedKey([0; WrappedKey::BYTES])));
        persons.shard(3).put(3, used, key(), None);
        for _ in 0..=PERSON_KEY_IDLE_MINUTES {
            persons.pass_a_minute();
            assert!(persons.shard(3).get(3, &used).is_some());
        }
        assert!(persons.shard(1).get(1, &durable).is_none());
        assert_eq!(persons.len(), 2);
        for _ in 0..FRESH_KEY_IDLE_MINUTES {
            persons.pass_a_minute();
        }
        assert_eq!(persons.len(), 0);
    }

    #[test]
    fn no_more_are_held_than_there_is_room_for() {
        let persons = Persons::default();
        let key = Arc::new(PersonKey::generate().unwrap());
        for n in 0..2 * PERSON_KEYS_MAX as u64 {
            persons.shard(n << 32).put(n << 32, Pseudonym([0; 16]), key.clone(), None);
        }
        assert!(persons.len() <= PERSON_KEYS_MAX, "{}", persons.len());
    }
}
