//! Persons' keys in memory, ready for use: as many as are used, for as long as they are; and who has none any more.
//!
//! They are held as a processor's cache holds its lines: the mark chooses a set of eight places and the one of them that is
//! tried first, and what is held lies in the set itself. So a key is mostly one read of memory away, nobody counts
//! references to it, letting go of one overwrites it where it lies, and no table that grows leaves copies behind.

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
    shards: Vec<Alone>,
    /// Minutes that were counted.
    minute: AtomicU32,
    /// How many pseudonyms were erased: asked for each event that is handed over.
    erasures: AtomicUsize,
    /// Who they were, in order.
    order: RwLock<Vec<Pseudonym>>,
}

/// A part with its lock in a line of the processor's cache, so that who takes one does not take a neighbour's away.
#[derive(Default)]
#[repr(align(64))]
struct Alone(Mutex<Part>);

const _: () = assert!(size_of::<Alone>() == 64);

/// What is known of some persons, behind one lock: a key is asked for and an erasure noted one after the other.
#[derive(Default)]
struct Part {
    /// None, or a power of two.
    sets: Box<[Set]>,
    /// Counts what was put, so that sets let go of each of their places in turn.
    turn: u32,
    /// Who was erased, and when.
    erased: HashTable<(Pseudonym, u64)>,
}

/// Eight places.
type Set = [Option<Held>; WAYS];

/// A person's key. It begins with a line of the processor's cache.
#[derive(Clone)]
#[repr(align(64))]
struct Held {
    pseudonym: Pseudonym,
    /// The minute of its last use.
    used: u32,
    /// Whether it is not durable yet, and therefore stays.
    fresh: bool,
    key: PersonKey,
}

impl Default for Persons {
    fn default() -> Self {
        Self {
            shards: (0..SHARDS).map(|_| Alone::default()).collect(),
            minute: AtomicU32::new(0),
            erasures: AtomicUsize::new(0),
            order: RwLock::default(),
        }
    }
}

impl Persons {
    /// The part that a mark's key is in, alone.
    pub fn shard(&self, mark: u64) -> Shard<'_> {
        let part = self.shards[(mark >> 32) as usize % SHARDS].0.lock();
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
        shard.part.let_go(mark, pseudonym);
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
        let first = |Alone(part): &Alone| {
            part.lock().erased.iter().map(|(_, at_ms)| *at_ms).filter(|at_ms| *at_ms >= from_ms).min()
        };
        self.shards.iter().filter_map(first).min()
    }

    /// A minute has gone by: what was not used for some time is let go of. A key that is not durable stays for longer than
    /// any event can be under way that brings it along; after that no event needs it.
    pub fn pass_a_minute(&self) {
        let now = self.minute.fetch_add(1, Ordering::Relaxed) + 1;
        for Alone(part) in &self.shards {
            let mut part = part.lock();
            let places = part.sets.iter_mut().flatten();
            places
                .filter(|held| held.as_ref().is_some_and(|held| held.is_idle(now)))
                .for_each(|held| *held = None);
            part.shrink();
        }
    }

    /// How many are held.
    #[cfg(test)]
    pub fn len(&self) -> usize {
        self.shards.iter().map(|Alone(part)| part.lock().sets.iter().flatten().flatten().count()).sum()
    }
}

impl Held {
    fn is_idle(&self, now: u32) -> bool {
        now - self.used > if self.fresh { FRESH_KEY_IDLE_MINUTES } else { PERSON_KEY_IDLE_MINUTES }
    }
}

impl Part {
    fn set_of(&self, mark: u64) -> usize {
        (mark >> 38) as usize & self.sets.len().wrapping_sub(1)
    }

    fn find(&mut self, mark: u64, pseudonym: &Pseudonym) -> Option<&mut Held> {
        let at = self.set_of(mark);
        let set = self.sets.get_mut(at)?;
        let is_it = |way: &usize| set[*way].as_ref().is_some_and(|held| held.pseudonym == *pseudonym);
        let way = ways(mark).find(is_it)?;
        set[way].as_mut()
    }

    /// Lets go of a key, which is overwritten.
    fn let_go(&mut self, mark: u64, pseudonym: &Pseudonym) {
        let at = self.set_of(mark);
        let is_it = |held: &&mut Option<Held>| held.as_ref().is_some_and(|held| held.pseudonym == *pseudonym);
        if let Some(held) = self.sets.get_mut(at).and_then(|set| set.iter_mut().find(is_it)) {
            *held = None;
        }
    }

    /// Puts a key into an empty place, else into that of a durable one, which the journal still has.
    fn put(&mut self, held: Held) {
        let mark = mark_of(&held.pseudonym);
        self.turn = self.turn.wrapping_add(1);
        loop {
            let at = self.set_of(mark);
            let is_full = self.sets.len() >= SETS_MAX;
            let Some(set) = self.sets.get_mut(at) else {
                self.grow();
                continue;
            };
            let is_empty = |way: &usize| set[*way].is_none();
            let used_if_durable =
                |way: usize| Some((set[way].as_ref().filter(|held| !held.fresh)?.used, way));
            let empty = ways(mark).find(is_empty);
            let in_turn = (0..WAYS).map(|way| (way + self.turn as usize) % WAYS);
            let oldest = || in_turn.filter_map(used_if_durable).min_by_key(|(used, _)| *used);
            match empty.or_else(|| oldest().filter(|_| is_full).map(|(_, way)| way)) {
                Some(way) => {
                    set[way] = Some(held);
                    return;
                }
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
        let held = || self.sets.iter().flatten().flatten().count();
        if self.sets.len() > SETS_MAX && held() <= SETS_MAX * WAYS / 4 {
            self.spread_over(SETS_MAX);
        }
    }

    /// Puts what is held into so many other sets; where it was is overwritten.
    fn spread_over(&mut self, sets: usize) {
        let before = std::mem::replace(&mut self.sets, vec![[const { None }; WAYS]; sets].into());
        before.iter().flatten().flatten().for_each(|held| self.put(held.clone()));
    }
}

/// The places of a set, that of the mark first. Its bits choose neither the shard nor the set.
fn ways(mark: u64) -> impl Iterator<Item = usize> {
    let first = (mark >> 61) as usize;
    (0..WAYS).map(move |way| (first + way) % WAYS)
}

/// Some of the keys.
pub struct Shard<'a> {
    part: MutexGuard<'a, Part>,
    minute: u32,
}

impl Shard<'_> {
    /// The person's key, which counts as used, and whether it is still to become durable.
    pub fn get(&mut self, mark: u64, pseudonym: &Pseudonym) -> Option<(&PersonKey, bool)> {
        let minute = self.minute;
        let held = self.part.find(mark, pseudonym)?;
        // Written once a minute: memory that is only read can lie near each processor.
        if held.used != minute {
            held.used = minute;
        }
        Some((&held.key, held.fresh))
    }

    /// Holds a key that is not held; one that is not durable yet stays until it is.
    pub fn put(&mut self, pseudonym: &Pseudonym, key: &PersonKey, fresh: bool) {
        let used = self.minute;
        self.part.put(Held { pseudonym: *pseudonym, used, fresh, key: key.clone() });
    }

    /// The person's key is durable.
    pub fn became_durable(&mut self, mark: u64, pseudonym: &Pseudonym) {
        if let Some(held) = self.part.find(mark, pseudonym) {
            held.fresh = false;
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
        persons.shard(mark).put(pseudonym, key, fresh);
    }

    fn digest(persons: &Persons, pseudonym: &Pseudonym) -> Option<[u8; 16]> {
        let mark = mark_of(pseudonym);
        let mut shard = persons.shard(mark);
        shard.get(mark, pseudonym).map(|(key, _)| key.content_digest(&[]))
    }

    /// One of many, all in few sets.
    fn crowded(n: u64) -> Pseudonym {
        let mut pseudonym = Pseudonym([0; 16]);
        pseudonym.0[..8].copy_from_slice(&((n % 3) << 38 | n << 48 | n << 58).to_le_bytes());
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
        let sets = || persons.shards.iter().map(|Alone(part)| part.lock().sets.len()).sum::<usize>();
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
