//! The keyring's part in the change of epochs; `crate::rotation` is the act.
//!
//! From `begin` on keys are wrapped in the new epoch. What was formed before by a lane may still bring keys of the old one:
//! the act waits until each lane has come past it before it reads the old streams, so that none is missed.

use std::sync::Arc;

use journal::Record;

use super::agencies::Renewed;
use super::{AgencySecret, Epoch, Epochs, KeyFact, Keyring, StoredKey, stored};
use crate::Refusal;
use crate::lanes::{Fact, Lane};
use crate::mark_table::Place;

/// A key that is to be stored anew.
pub struct Anew {
    /// Its record of the epoch that runs.
    pub fact: Fact,
    mark: u64,
    from: Place,
}

/// Keys of the epoch before, read in order.
#[derive(Default)]
pub struct Portion {
    /// Those that are to be stored anew.
    pub anew: Vec<Anew>,
    /// How many there are of people who were not erased, with those that were stored anew already.
    pub kept: u64,
    /// How many are of erased people, and stay behind.
    pub left_behind: u64,
    /// Where to go on; nothing where that was the last.
    pub next: Option<u64>,
}

impl Keyring {
    /// Makes the secrets of another epoch for all agencies there are, on top of those that were `made` for it already. Each
    /// was unwrapped once: what cannot be had again later must not begin. Blocks on the KMS.
    pub fn renew_all(&self, mut made: Vec<Renewed>) -> Result<Vec<Renewed>, Refusal> {
        let epochs = self.epochs();
        for one in &epochs.all()[made.len()..] {
            match self.agencies.renew(&one.now, epochs.running + 1) {
                Ok(renewed) => made.push(renewed),
                Err(refusal) => {
                    self.give_up(made.iter().map(|one| &one.secret));
                    return Err(refusal);
                }
            }
        }
        Ok(made)
    }

    /// Secrets that were made for an epoch which did not begin, so that the next try makes no others. Blocks on the KMS.
    pub fn use_again(&self, made: &[AgencySecret]) -> Result<Vec<Renewed>, Refusal> {
        let epochs = self.epochs();
        let both = epochs.all().iter().zip(made);
        let opened = both.map(|(of, secret)| self.agencies.renewed(&of.now, secret));
        opened.collect::<Result<_, _>>().inspect_err(|_| self.give_up(made.iter()))
    }

    /// Secrets that were made and are not wanted leave nothing in the KMS, as far as it can be reached.
    fn give_up<'a>(&self, made: impl Iterator<Item = &'a AgencySecret>) {
        for secret in made {
            if let Err(error) = self.agencies.destroy(secret) {
                tracing::warn!(agency = %secret.agency, %error, "a key that nobody needs is left in the key management service");
            }
        }
    }

    /// Makes the streams of an epoch, before it is journaled.
    pub fn make_epoch(&self, number: u32) -> Result<Epoch, Refusal> {
        Ok(Epoch::open(&*self.journal, number)?)
    }

    /// The epoch is journaled: keys are wrapped in it from now on.
    pub fn begin(&self, fact: &KeyFact, (epoch, made): (Epoch, Vec<Renewed>), at_ms: u64) {
        self.places.write().begin(&epoch.streams);
        self.agencies.begin(made);
        *self.running.write() = Arc::new(epoch);
        self.note(fact, at_ms);
    }

    /// Reads keys of the epoch before in a lane and wraps them in the one that runs.
    pub fn rewrap(&self, epochs: &Epochs, lane: Lane, from: u64) -> Result<Portion, Refusal> {
        let Some(before) = epochs.before() else { return Ok(Portion::default()) };
        self.runs(epochs.running)?;
        let stream = Epoch::open(&*self.journal, before)?.streams[lane as usize];
        let records = stored::some(&*self.journal, stream, from)?;
        let mut portion = Portion { next: records.last().map(|last| last.offset + 1), ..Portion::default() };
        for record in &records {
            let place = Place { stream, offset: record.offset };
            let stored = StoredKey::decode(record.marks.primary(), &record.body);
            let stored = stored
                .ok_or_else(|| Refusal::unavailable(format!("a stored key of {stream} does not read")))?;
            if self.is_erased(&stored.pseudonym) {
                portion.left_behind += 1;
                continue;
            }
            portion.kept += 1;
            if !self.is_done(record, &stored)? {
                portion.anew.push(self.anew(record, &stored, place)?);
            }
        }
        Ok(portion)
    }

    /// Nothing is moved, and nothing given up, but into the epoch that is journaled as running.
    pub fn runs(&self, epoch: u32) -> Result<(), Refusal> {
        match self.running.read().number == epoch {
            true => Ok(()),
            false => Err(Refusal::unavailable(
                "the epoch of keys that was begun does not run: start the bus again",
            )),
        }
    }

    /// Whether the key is stored in the running epoch already: the change was broken off and goes on.
    fn is_done(&self, record: &Record, stored: &StoredKey) -> Result<bool, Refusal> {
        let running = self.running.read().clone();
        let mut places = Vec::new();
        self.places.read().find(record.marks.primary(), |place| {
            places.extend(running.streams.contains(&place.stream).then_some(place));
            false
        });
        for place in places {
            if stored::read(&*self.journal, place)?.is_some_and(|done| done.pseudonym == stored.pseudonym) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn anew(&self, record: &Record, stored: &StoredKey, from: Place) -> Result<Anew, Refusal> {
        let running = self.running.read().clone();
        let (agency, keys) = self.agency_of(stored.agency)?;
        let key = self.unwrapped(&agency, &keys, stored)?;
        let wrapped = self.wrapped_now(&key, stored, running.number)?;
        let stream = running.streams[Lane::Batch as usize];
        let body = StoredKey { wrapped, ..*stored }.encode().to_vec();
        Ok(Anew {
            fact: Fact { stream, marks: record.marks.to_vec(), body },
            mark: record.marks.primary(),
            from,
        })
    }

    /// Keys are stored anew, at these offsets.
    pub fn moved(&self, moved: &[(u64, Place)], offsets: &[u64]) {
        let stream = self.running.read().streams[Lane::Batch as usize];
        let mut places = self.places.write();
        for ((mark, from), offset) in moved.iter().zip(offsets) {
            places.replace(*mark, *from, Place { stream, offset: *offset });
        }
    }

    /// All keys are wrapped in the epoch that runs, and that is journaled: the records of the one before are looked at no
    /// more.
    pub fn rewrapped(&self, fact: &KeyFact, at_ms: u64) -> Result<(), Refusal> {
        let epochs = self.epochs();
        if let Some(before) = epochs.before() {
            let before = Epoch::open(&*self.journal, before)?;
            self.places.write().end(&before.streams);
        }
        self.note(fact, at_ms);
        self.agencies.end_before();
        Ok(())
    }

    /// Has the KMS destroy what the secrets of the epoch before were wrapped under. Blocks on it; may be asked again.
    pub fn destroy_before(&self, epochs: &Epochs) -> Result<(), Refusal> {
        self.runs(epochs.running)?;
        epochs
            .all()
            .iter()
            .filter_map(|agency| agency.before.as_ref())
            .try_for_each(|secret| self.agencies.destroy(secret))
    }

    /// The epoch before is destroyed, and that is journaled: its records, which nobody can open, go too.
    pub fn ended(&self, fact: &KeyFact, epoch: u32, at_ms: u64) -> Result<(), Refusal> {
        let epoch = Epoch::open(&*self.journal, epoch)?;
        self.places.write().end(&epoch.streams);
        self.note(fact, at_ms);
        Ok(stored::trim(&*self.journal, &epoch)?)
    }
}

impl Anew {
    /// Its record, and what [`Keyring::moved`] wants to know.
    pub fn into_parts(self) -> (Fact, (u64, Place)) {
        (self.fact, (self.mark, self.from))
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking, in its helpers too")]
mod tests {
    use std::time::Duration;

    use contract::AgencyName;
    use journal::{Embedded, Group, Journal, Options, RealDisk, StreamId, StreamSpec};
    use seal::{Kms, KmsError, Secret};

    use super::*;
    use crate::keyring::ForSealing;
    use crate::keyring::stored;

    /// Wrapped under nothing: what is tested is where keys lie.
    struct Plain;

    impl Kms for Plain {
        fn wrap(&self, _: &str, secret: &Secret) -> Result<Vec<u8>, KmsError> {
            Ok(secret.expose().to_vec())
        }

        fn unwrap(&self, _: &str, wrapped: &[u8]) -> Result<Secret, KmsError> {
            Secret::new(wrapped).map_err(|_| KmsError::Tampered)
        }

        fn destroy(&self, _: &str, _: &[u8]) -> Result<(), KmsError> {
            Ok(())
        }
    }

    struct Ring {
        journal: Arc<dyn Journal>,
        facts: StreamId,
        keyring: Keyring,
        agency: AgencyName,
    }

    fn open(journal: &Arc<dyn Journal>, facts: StreamId) -> Keyring {
        let kms: (Arc<dyn Kms>, _) = (Arc::new(Plain), Duration::from_secs(3600));
        Keyring::open(journal.clone(), kms, facts).unwrap()
    }

    impl Ring {
        fn new(folder: &std::path::Path) -> Self {
            let (journal, _) = Embedded::open(folder, Arc::new(RealDisk::new()), Options::default()).unwrap();
            let journal: Arc<dyn Journal> = Arc::new(journal);
            let facts =
                StreamSpec { name: "agency-keys".to_owned(), lane: Lane::Standard.id(), shelf: u32::MAX };
            let facts = journal.create(&[facts]).unwrap()[0];
            let (keyring, agency) = (open(&journal, facts), AgencyName::parse("courts").unwrap());
            let ring = Self { journal, facts, keyring, agency };
            let (secret, keys) = ring.keyring.create_agency(&ring.agency).unwrap();
            ring.append(Lane::Standard, ring.facts, &[], &KeyFact::Made(secret.clone()).encode());
            ring.keyring.add(secret, keys, 1);
            ring
        }

        fn append(&self, lane: Lane, stream: StreamId, marks: &[u64], body: &[u8]) -> u64 {
            let mut group = Group::new();
            let next = self.journal.bounds(stream).unwrap().next;
            group.push(stream, next, 1, marks, &[body]);
            self.journal.append(lane.id(), &mut group).unwrap();
            next
        }

        fn new_key(&self, person: &str) -> ForSealing {
            let keys = self.keyring.agency(&self.agency).unwrap();
            self.keyring.person_for_sealing(&self.agency, &keys, person).unwrap()
        }

        /// As a lane does it.
        fn keep(&self, key: &ForSealing, lane: Lane) {
            let (epoch, new) = (self.keyring.running(), key.new.unwrap());
            let Some(record) = self.keyring.record_of(&new, &epoch).unwrap() else { return };
            let stream = epoch.streams[lane as usize];
            let offset = self.append(lane, stream, &[new.mark()], &record);
            self.keyring.became_durable(&[(new, Place { stream, offset })]);
        }

        fn note(&self, fact: &KeyFact) {
            self.append(Lane::Standard, self.facts, &[], &fact.encode());
        }

        fn begin(&self) {
            self.begin_with(self.keyring.renew_all(Vec::new()).unwrap());
        }

        fn begin_with(&self, made: Vec<Renewed>) {
            let epoch = self.keyring.make_epoch(self.keyring.epochs().running + 1).unwrap();
            let secrets = made.iter().map(|one| one.secret.clone()).collect();
            let fact = KeyFact::Begun { epoch: epoch.number, secrets };
            self.note(&fact);
            self.keyring.begin(&fact, (epoch, made), 2);
        }

        /// What a lane's old stream holds is stored anew; how many keys.
        fn rewrap(&self, lane: Lane) -> usize {
            let portion = self.keyring.rewrap(&self.keyring.epochs(), lane, 0).unwrap();
            let count = portion.anew.len();
            for anew in portion.anew {
                let (fact, moved) = anew.into_parts();
                let offset = self.append(Lane::Batch, fact.stream, &fact.marks, &fact.body);
                self.keyring.moved(&[moved], &[offset]);
            }
            count
        }

        fn rewrapped(&self) {
            let fact = KeyFact::Rewrapped { epoch: self.keyring.epochs().running, keys: 0, left_behind: 0 };
            self.note(&fact);
            self.keyring.rewrapped(&fact, 3).unwrap();
        }

        /// Whether a person's key is the one given, by a keyring that has none in memory.
        fn opens(&self, key: &ForSealing) -> bool {
            for _ in 0..100 {
                self.keyring.pass_a_minute();
            }
            let keys = self.keyring.agency(&self.agency).unwrap();
            let found = self.keyring.for_opening(&self.agency, &keys, &key.pseudonym).unwrap();
            found.is_some_and(|found| found.content_digest(&[b"same"]) == key.key.content_digest(&[b"same"]))
        }
    }

    #[test]
    fn a_key_that_two_lanes_brought_opens_while_the_epochs_overlap() {
        let folder = tempfile::tempdir().unwrap();
        let ring = Ring::new(folder.path());
        let key = ring.new_key("PID-1");
        ring.keep(&key, Lane::Standard);
        ring.keep(&key, Lane::Batch);
        ring.begin();
        assert_eq!((ring.rewrap(Lane::Standard), ring.rewrap(Lane::Batch)), (1, 0));
        ring.rewrapped();
        assert!(ring.opens(&key));
    }

    #[test]
    fn secrets_of_an_epoch_that_did_not_begin_are_used_by_the_next_try() {
        let folder = tempfile::tempdir().unwrap();
        let ring = Ring::new(folder.path());
        let key = ring.new_key("PID-1");
        ring.keep(&key, Lane::Standard);
        let made = ring.keyring.renew_all(Vec::new()).unwrap();
        let made: Vec<AgencySecret> = made.into_iter().map(|one| one.secret).collect();
        // The journal did not take it; meanwhile there is another agency.
        let other = AgencyName::parse("tax-office").unwrap();
        let (secret, keys) = ring.keyring.create_agency(&other).unwrap();
        ring.append(Lane::Standard, ring.facts, &[], &KeyFact::Made(secret.clone()).encode());
        ring.keyring.add(secret, keys, 1);
        let again = ring.keyring.use_again(&made).unwrap();
        let again = ring.keyring.renew_all(again).unwrap();
        let secrets: Vec<AgencySecret> = again.iter().map(|one| one.secret.clone()).collect();
        assert_eq!((&secrets[..1], secrets.len(), &secrets[1].agency), (&made[..], 2, &other));
        ring.begin_with(again);
        assert_eq!(ring.rewrap(Lane::Standard), 1);
        ring.rewrapped();
        assert!(ring.opens(&key));
    }

    #[test]
    fn a_change_that_was_broken_off_between_lanes_loses_no_key_and_makes_no_other() {
        let folder = tempfile::tempdir().unwrap();
        let mut ring = Ring::new(folder.path());
        let (one, two) = (ring.new_key("PID-1"), ring.new_key("PID-2"));
        ring.keep(&one, Lane::Standard);
        ring.keep(&two, Lane::Batch);
        ring.begin();
        assert_eq!(ring.rewrap(Lane::Standard), 1);
        ring.keyring = open(&ring.journal, ring.facts);
        assert!(ring.opens(&one) && ring.opens(&two));
        assert_eq!((ring.rewrap(Lane::Standard), ring.rewrap(Lane::Batch)), (0, 1));
        ring.rewrapped();
        assert!(ring.opens(&one) && ring.opens(&two));
        ring.keyring = open(&ring.journal, ring.facts);
        assert!(ring.opens(&one) && ring.opens(&two));
    }

    #[test]
    fn a_key_that_was_under_way_goes_to_the_epoch_that_runs_and_that_of_the_erased_nowhere() {
        let folder = tempfile::tempdir().unwrap();
        let ring = Ring::new(folder.path());
        let (staged, erased) = (ring.new_key("PID-1"), ring.new_key("PID-2"));
        ring.keyring.erase(&erased.pseudonym, 1);
        ring.begin();
        ring.keep(&staged, Lane::Standard);
        ring.keep(&erased, Lane::Standard);
        assert_eq!(ring.rewrap(Lane::Standard), 0);
        ring.rewrapped();
        assert!(ring.opens(&staged) && !ring.opens(&erased));
        let stream = ring.keyring.running().streams[Lane::Standard as usize];
        assert_eq!(ring.journal.bounds(stream).unwrap().next, 1);
        let kept = stored::read(&*ring.journal, Place { stream, offset: 0 }).unwrap().unwrap();
        assert_eq!((kept.pseudonym, kept.wrapped.epoch()), (staged.pseudonym, 2));
    }
}
