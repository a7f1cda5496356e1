//! Persons' keys in memory, ready for use: as many as are used, for as long as they are; and who has none any more.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};

use hashbrown::HashTable;
use parking_lot::{Mutex, MutexGuard, RwLock};
use seal::{PersonKey, Pseudonym, WrappedKey};

use super::stored::mark_of;
use crate::limits::{FRESH_KEY_IDLE_MINUTES, PERSON_KEY_IDLE_MINUTES, PERSON_KEYS_MAX};

const SHARDS: usize = 64;

/// A person's key in memory.
#[derive(Clone)]
pub struct Held {
    /// Whose.
    pub pseudonym: Pseudonym,
    /// The key; it overwrites itself when nobody has it any more.
    pub key: Arc<PersonKey>,
    /// The wrapped key, until it is durable; apart, as most have none and all are to lie close together.
    pub fresh: Option<Box<WrappedKey>>,
    used: u32,
}

/// The keys, by their marks, which are as good as random.
pub struct Persons {
    shards: Vec<Mutex<Part>>,
    /// Minutes that were counted.
    minute: AtomicU32,
    /// How many pseudonyms were erased: asked for each event that is handed over.
    erasures: AtomicUsize,
    /// Who they were, in order.
    order: RwLock<Vec<Pseudonym>>,
}

/// What is known of some persons, behind one lock: a key is asked for and an erasure noted one after the other.
#[derive(Default)]
struct Part {
    keys: HashTable<Held>,
    /// Who was erased, and when.
    erased: HashTable<(Pseudonym, u64)>,
}

impl Default for Persons {
    fn default() -> Self {
        Self {
            shards: (0..SHARDS).map(|_| Mutex::default()).collect(),
            minute: AtomicU32::new(0),
            erasures: AtomicUsize::new(0),
            order: RwLock::default(),
        }
    }
}

impl Persons {
    /// The part that a mark's key is in, alone.
    pub fn shard(&self, mark: u64) -> Shard<'_> {
        let part = self.shards[(mark >> 32) as usize % SHARDS].lock();
        Shard { part, minute: self.minute.load(Ordering::Relaxed) }
    }

    /// A person has no key from now on; when that became durable, in milliseconds since 1970. The first time counts.
    pub fn erase(&self, pseudonym: &Pseudonym, at_ms: u64) {
        let mark = mark_of(pseudonym);
        let mut shard = self.shard(mark);
        if shard.erased_ms(mark, pseudonym).is_none() {
            let erased = (*pseudonym, at_ms);
            shard.part.erased.insert_unique(mark, erased, |(pseudonym, _)| mark_of(pseudonym));
            let mut order = self.order.write();
            order.push(*pseudonym);
            self.erasures.store(order.len(), Ordering::SeqCst);
        }
        if let Ok(held) = shard.part.keys.find_entry(mark, |held| held.pseudonym == *pseudonym) {
            held.remove();
        }
    }

    /// When a person was erased, if they were.
    pub fn erased_ms(&self, pseudonym: &Pseudonym) -> Option<u64> {
        let mark = mark_of(pseudonym);
        self.shard(mark).erased_ms(mark, pseudonym)
    }

    /// How many pseudonyms were erased.
    pub fn erasures(&self) -> usize {
        self.erasures.load(Ordering::SeqCst)
    }

    /// Whether one of these people was erased after so many erasures. Nothing is locked where nobody was.
    pub fn erased_since(&self, erasures: usize, people: &[Pseudonym]) -> bool {
        if people.is_empty() || self.erasures() == erasures {
            return false;
        }
        let order = self.order.read();
        let since: HashSet<&Pseudonym> = order.iter().skip(erasures).collect();
        people.iter().any(|person| since.contains(person))
    }

    /// When the first of those erased at or after a time was.
    pub fn first_erased_since(&self, from_ms: u64) -> Option<u64> {
        let first = |part: &Mutex<Part>| {
            part.lock().erased.iter().map(|(_, at_ms)| *at_ms).filter(|at_ms| *at_ms >= from_ms).min()
        };
        self.shards.iter().filter_map(first).min()
    }

    /// A minute has gone by: what was not used for some time is let go of. A key that is not durable stays for longer than
    /// any event can be under way that brings it along; after that no event needs it.
    pub fn pass_a_minute(&self) {
        let now = self.minute.fetch_add(1, Ordering::Relaxed) + 1;
        for shard in &self.shards {
            shard.lock().keys.retain(|held| {
                let idle =
                    if held.fresh.is_some() { FRESH_KEY_IDLE_MINUTES } else { PERSON_KEY_IDLE_MINUTES };
                now - held.used <= idle
            });
        }
    }

    /// How many are held.
    #[cfg(test)]
    pub fn len(&self) -> usize {
        self.shards.iter().map(|shard| shard.lock().keys.len()).sum()
    }
}

/// Some of the keys.
pub struct Shard<'a> {
    part: MutexGuard<'a, Part>,
    minute: u32,
}

impl Shard<'_> {
    /// The person's key, which counts as used.
    pub fn get(&mut self, mark: u64, pseudonym: &Pseudonym) -> Option<&mut Held> {
        let held = self.part.keys.find_mut(mark, |held| held.pseudonym == *pseudonym)?;
        held.used = self.minute;
        Some(held)
    }

    /// Holds a key that is not held. Where there is no room, what is durable makes some; the journal still has it.
    pub fn put(&mut self, mark: u64, pseudonym: Pseudonym, key: Arc<PersonKey>, fresh: Option<WrappedKey>) {
        if self.part.keys.len() >= PERSON_KEYS_MAX / SHARDS {
            let mut keep = false;
            self.part.keys.retain(|held| {
                keep = !keep;
                keep || held.fresh.is_some()
            });
        }
        let held = Held { pseudonym, key, fresh: fresh.map(Box::new), used: self.minute };
        self.part.keys.insert_unique(mark, held, |held| mark_of(&held.pseudonym));
    }

    /// When the person was erased, if they were.
    pub fn erased_ms(&self, mark: u64, pseudonym: &Pseudonym) -> Option<u64> {
        let found = self.part.erased.find(mark, |(erased, _)| erased == pseudonym)?;
        Some(found.1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_used_is_let_go_of_and_what_is_not_durable_later() {
        let persons = Persons::default();
        let (durable, fresh, used) = (Pseudonym([1; 16]), Pseudonym([2; 16]), Pseudonym([3; 16]));
        let put = |pseudonym: &Pseudonym, fresh| {
            let (mark, key) = (mark_of(pseudonym), Arc::new(PersonKey::generate().unwrap()));
            persons.shard(mark).put(mark, *pseudonym, key, fresh);
        };
        let has = |pseudonym: &Pseudonym| {
            let mark = mark_of(pseudonym);
            persons.shard(mark).get(mark, pseudonym).is_some()
        };
        put(&durable, None);
        put(&fresh, Some(WrappedKey([0; WrappedKey::BYTES])));
        put(&used, None);
        for _ in 0..=PERSON_KEY_IDLE_MINUTES {
            persons.pass_a_minute();
            assert!(has(&used));
        }
        assert!(!has(&durable));
        assert_eq!(persons.len(), 2);
        for _ in 0..FRESH_KEY_IDLE_MINUTES {
            persons.pass_a_minute();
        }
        assert_eq!(persons.len(), 0);
    }

    #[test]
    fn erasures_of_others_are_told_from_those_of_the_people_asked_about() {
        let persons = Persons::default();
        let [early, late, other] = [1, 2, 3].map(|byte| Pseudonym([byte; 16]));
        persons.erase(&early, 1);
        let before = persons.erasures();
        assert!(!persons.erased_since(before, &[early, late]));
        persons.erase(&other, 2);
        persons.erase(&early, 3);
        assert_eq!(persons.erasures(), before + 1, "once is for good");
        assert!(
            !persons.erased_since(before, &[early, late]),
            "somebody else, and one who was erased before"
        );
        assert!(!persons.erased_since(before, &[]));
        persons.erase(&late, 4);
        assert!(persons.erased_since(before, &[early, late]));
        assert!(persons.erased_since(0, &[early]));
        assert!(!persons.erased_since(persons.erasures(), &[early, late, other]));
    }

    #[test]
    fn no_more_are_held_than_there_is_room_for() {
        let persons = Persons::default();
        let key = Arc::new(PersonKey::generate().unwrap());
        for n in 0..2 * PERSON_KEYS_MAX as u64 {
            let mark = n.wrapping_mul(0x9e37_79b9_7f4a_7c15);
            let mut pseudonym = Pseudonym([0; 16]);
            pseudonym.0[..8].copy_from_slice(&mark.to_le_bytes());
            persons.shard(mark).put(mark, pseudonym, key.clone(), None);
        }
        assert!(persons.len() <= PERSON_KEYS_MAX, "{}", persons.len());
    }
}
