//! Persons' keys in memory, ready for use: as many as are used, for as long as they are; and who has none any more.
//!
//! They are held as a processor's cache holds its lines: the mark chooses a set of eight places, and what is held lies in the
//! set itself. So a key is two reads of memory away, nobody counts references to it, letting go of one overwrites it where
//! it lies, and no table that grows leaves copies behind.

use std::collections::HashSet;
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};

use hashbrown::HashTable;
use parking_lot::{Mutex, MutexGuard, RwLock};
use seal::{PersonKey, Pseudonym};

use super::stored::mark_of;
use crate::limits::{FRESH_KEY_IDLE_MINUTES, PERSON_KEY_IDLE_MINUTES, PERSON_KEYS_MAX};

const SHARDS: usize = 64;

/// Places in a set.
const WAYS: usize = 8;

/// Sets that a shard grows to. Beyond it only what must not be let go of makes it grow.
const SETS_MAX: usize = PERSON_KEYS_MAX / SHARDS / WAYS;

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
    /// None, or a power of two.
    sets: Vec<Set>,
    /// Counts what was put, so that sets let go of each of their places in turn.
    turn: usize,
    /// Who was erased, and when.
    erased: HashTable<(Pseudonym, u64)>,
}

/// What is looked at first lies together.
#[derive(Clone, Default)]
struct Set {
    /// Some bits of each mark; 0 where nothing is held.
    tags: [u16; WAYS],
    /// The minutes of their last uses.
    used: [u32; WAYS],
    /// Which are not durable yet, and therefore stay.
    fresh: [bool; WAYS],
    held: [Option<(Pseudonym, PersonKey)>; WAYS],
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
        if let Some((set, way)) = shard.part.find(mark, pseudonym) {
            shard.part.sets[set].let_go(way);
        }
    }

    /// When a person was erased, if they were.
    pub fn erased_ms(&self, pseudonym: &Pseudonym) -> Option<u64> {
        if self.erasures() == 0 {
            return None;
        }
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
            let mut part = shard.lock();
            part.sets.iter_mut().for_each(|set| set.let_go_of_idle(now));
            part.shrink();
        }
    }

    /// How many are held.
    #[cfg(test)]
    pub fn len(&self) -> usize {
        let held = |set: &Set| set.held.iter().flatten().count();
        self.shards.iter().map(|shard| shard.lock().sets.iter().map(held).sum::<usize>()).sum()
    }
}

impl Set {
    fn put(
        &mut self,
        way: usize,
        mark: u64,
        (pseudonym, key): (&Pseudonym, &PersonKey),
        (used, fresh): (u32, bool),
    ) {
        (self.tags[way], self.used[way], self.fresh[way]) = (tag_of(mark), used, fresh);
        self.held[way] = Some((*pseudonym, key.clone()));
    }

    fn let_go(&mut self, way: usize) {
        self.tags[way] = 0;
        self.held[way] = None;
    }

    fn let_go_of_idle(&mut self, now: u32) {
        for way in 0..WAYS {
            let idle = if self.fresh[way] { FRESH_KEY_IDLE_MINUTES } else { PERSON_KEY_IDLE_MINUTES };
            if self.tags[way] != 0 && now - self.used[way] > idle {
                self.let_go(way);
            }
        }
    }
}

impl Part {
    fn set_of(&self, mark: u64) -> usize {
        (mark >> 38) as usize & self.sets.len().wrapping_sub(1)
    }

    /// The set and the place in it.
    fn find(&self, mark: u64, pseudonym: &Pseudonym) -> Option<(usize, usize)> {
        let at = self.set_of(mark);
        let set = self.sets.get(at)?;
        let is_it = |way: &usize| {
            set.tags[*way] == tag_of(mark)
                && set.held[*way].as_ref().is_some_and(|(held, _)| held == pseudonym)
        };
        (0..WAYS).find(is_it).map(|way| (at, way))
    }

    /// A place for another key: an empty one, else that of a durable one, which the journal still has.
    fn place_for(&mut self, mark: u64) -> (usize, usize) {
        self.turn += 1;
        loop {
            let at = self.set_of(mark);
            let Some(set) = self.sets.get(at) else {
                self.grow();
                continue;
            };
            if let Some(way) = set.tags.iter().position(|tag| *tag == 0) {
                return (at, way);
            }
            let durable = (0..WAYS).map(|way| (way + self.turn) % WAYS).filter(|way| !set.fresh[*way]);
            match durable.min_by_key(|way| set.used[*way]).filter(|_| self.sets.len() >= SETS_MAX) {
                Some(way) => return (at, way),
                None => self.grow(),
            }
        }
    }

    /// Twice the sets. What was in one is in two now, and has room.
    fn grow(&mut self) {
        let twice = (2 * self.sets.len()).max(1);
        self.spread_over(twice);
    }

    /// Gives back what only keys needed that were not durable, once little of it is in use.
    fn shrink(&mut self) {
        let held = || self.sets.iter().map(|set| set.held.iter().flatten().count()).sum::<usize>();
        if self.sets.len() > SETS_MAX && held() <= SETS_MAX * WAYS / 4 {
            self.spread_over(SETS_MAX);
        }
    }

    /// Puts what is held into so many other sets; where it was is overwritten.
    fn spread_over(&mut self, sets: usize) {
        let before = std::mem::replace(&mut self.sets, vec![Set::default(); sets]);
        for set in &before {
            for (way, held) in set.held.iter().enumerate() {
                let Some((pseudonym, key)) = held else { continue };
                let mark = mark_of(pseudonym);
                let (at, to) = self.place_for(mark);
                self.sets[at].put(to, mark, (pseudonym, key), (set.used[way], set.fresh[way]));
            }
        }
    }
}

/// Bits that choose neither the shard nor the set; never 0.
fn tag_of(mark: u64) -> u16 {
    (mark >> 48) as u16 | 1
}

/// Some of the keys.
pub struct Shard<'a> {
    part: MutexGuard<'a, Part>,
    minute: u32,
}

impl Shard<'_> {
    /// The person's key, which counts as used, and whether it is still to become durable.
    pub fn get(&mut self, mark: u64, pseudonym: &Pseudonym) -> Option<(&PersonKey, bool)> {
        let (set, way) = self.part.find(mark, pseudonym)?;
        let set = &mut self.part.sets[set];
        // Written once a minute: memory that is only read can lie near each processor.
        if set.used[way] != self.minute {
            set.used[way] = self.minute;
        }
        set.held[way].as_ref().map(|(_, key)| (key, set.fresh[way]))
    }

    /// Holds a key that is not held; one that is not durable yet stays until it is.
    pub fn put(&mut self, mark: u64, pseudonym: &Pseudonym, key: &PersonKey, fresh: bool) {
        let (set, way) = self.part.place_for(mark);
        self.part.sets[set].put(way, mark, (pseudonym, key), (self.minute, fresh));
    }

    /// The person's key is durable.
    pub fn became_durable(&mut self, mark: u64, pseudonym: &Pseudonym) {
        if let Some((set, way)) = self.part.find(mark, pseudonym) {
            self.part.sets[set].fresh[way] = false;
        }
    }

    /// When the person was erased, if they were.
    pub fn erased_ms(&self, mark: u64, pseudonym: &Pseudonym) -> Option<u64> {
        let found = self.part.erased.find(mark, |(erased, _)| erased == pseudonym)?;
        Some(found.1)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use proptest::prelude::*;

    use super::*;

    fn key() -> PersonKey {
        PersonKey::generate().unwrap()
    }

    fn put(persons: &Persons, pseudonym: &Pseudonym, key: &PersonKey, fresh: bool) {
        let mark = mark_of(pseudonym);
        persons.shard(mark).put(mark, pseudonym, key, fresh);
    }

    fn digest(persons: &Persons, pseudonym: &Pseudonym) -> Option<[u8; 16]> {
        let mark = mark_of(pseudonym);
        let mut shard = persons.shard(mark);
        shard.get(mark, pseudonym).map(|(key, _)| key.content_digest(&[]))
    }

    /// One of many, all in few sets.
    fn crowded(n: u64) -> Pseudonym {
        let mut pseudonym = Pseudonym([0; 16]);
        pseudonym.0[..8].copy_from_slice(&((n % 3) << 38 | (n << 48)).to_le_bytes());
        pseudonym.0[8..].copy_from_slice(&n.to_le_bytes());
        pseudonym
    }

    #[test]
    fn what_is_not_used_is_let_go_of_and_what_is_not_durable_later() {
        let persons = Persons::default();
        let (durable, fresh, used) = (Pseudonym([1; 16]), Pseudonym([2; 16]), Pseudonym([3; 16]));
        put(&persons, &durable, &key(), false);
        put(&persons, &fresh, &key(), true);
        put(&persons, &used, &key(), false);
        for _ in 0..=PERSON_KEY_IDLE_MINUTES {
            persons.pass_a_minute();
            assert!(digest(&persons, &used).is_some());
        }
        assert!(digest(&persons, &durable).is_none());
        assert_eq!(persons.len(), 2);
        for _ in 0..FRESH_KEY_IDLE_MINUTES {
            persons.pass_a_minute();
        }
        assert_eq!(persons.len(), 0);
    }

    #[test]
    fn what_is_not_durable_has_room_and_gives_it_back() {
        let (persons, key) = (Persons::default(), key());
        let pseudonym = |n: u64| {
            let mut pseudonym = Pseudonym([0; 16]);
            pseudonym.0[..8].copy_from_slice(&n.wrapping_mul(0x9e37_79b9_7f4a_7c15).to_le_bytes());
            pseudonym
        };
        let sets = || persons.shards.iter().map(|part| part.lock().sets.len()).sum::<usize>();
        let many = 2 * PERSON_KEYS_MAX as u64;
        (0..many).for_each(|n| put(&persons, &pseudonym(n), &key, true));
        assert_eq!(persons.len(), many as usize);
        assert!(sets() > SHARDS * SETS_MAX);
        for _ in 0..=FRESH_KEY_IDLE_MINUTES {
            persons.pass_a_minute();
            assert!((0..100).all(|n| digest(&persons, &pseudonym(n)).is_some()), "what is used stays");
        }
        assert_eq!((persons.len(), sets()), (100, SHARDS * SETS_MAX));
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
        let (persons, key) = (Persons::default(), key());
        for n in 0..2 * PERSON_KEYS_MAX as u64 {
            let mut pseudonym = Pseudonym([0; 16]);
            pseudonym.0[..8].copy_from_slice(&n.wrapping_mul(0x9e37_79b9_7f4a_7c15).to_le_bytes());
            put(&persons, &pseudonym, &key, false);
        }
        assert!(persons.len() <= PERSON_KEYS_MAX, "{}", persons.len());
        assert!(persons.len() > PERSON_KEYS_MAX / 2, "{}", persons.len());
    }

    proptest! {
        /// Whatever is put and becomes durable, in whatever order: what is found is what was put, and what is not durable is
        /// found.
        #[test]
        fn what_is_not_durable_is_always_found(steps in proptest::collection::vec((0u64..60, any::<bool>()), 0..200)) {
            let persons = Persons::default();
            let mut known: HashMap<u64, ([u8; 16], bool)> = HashMap::new();
            for (n, becomes_durable) in steps {
                let pseudonym = crowded(n);
                let found = digest(&persons, &pseudonym);
                match known.get_mut(&n) {
                    Some((wanted, fresh)) => {
                        prop_assert!(found == Some(*wanted) || found.is_none() && !*fresh);
                        if becomes_durable && *fresh {
                            *fresh = false;
                            let mark = mark_of(&pseudonym);
                            persons.shard(mark).became_durable(mark, &pseudonym);
                        }
                    }
                    None => {
                        prop_assert_eq!(found, None);
                        let key = key();
                        put(&persons, &pseudonym, &key, true);
                        known.insert(n, (key.content_digest(&[]), true));
                    }
                }
            }
            for (n, (wanted, _)) in known.iter().filter(|(_, (_, fresh))| *fresh) {
                prop_assert_eq!(digest(&persons, &crowded(*n)), Some(*wanted));
            }
        }
    }
}
