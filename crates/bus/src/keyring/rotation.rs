//! The keyring's part in the change of epochs; `crate::rotation` is the act.
//!
//! From `begin` on keys are wrapped in the new epoch. What was formed before by a lane may still bring keys of the old one:
//! the act waits until each lane has come past it before it reads the old streams, so that none is missed.

use std::sync::Arc;

use journal::Record;

use super::{AgencySecret, Epoch, Epochs, KeyFact, Keyring, StoredKey, stored, unwrapped};
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
    /// Makes the secrets of another epoch for all agencies there are, on top of those that were `made` for it already.
    /// Blocks on the KMS.
    pub fn renew_all(&self, made: Vec<AgencySecret>) -> Result<KeyFact, Refusal> {
        let epochs = self.epochs();
        let (epoch, mut secrets) = (epochs.running + 1, made);
        for one in &epochs.all()[secrets.len()..] {
            match self.agencies.renew(&one.now, epoch) {
                Ok(secret) => secrets.push(secret),
                Err(refusal) => {
                    self.give_up(&secrets);
                    return Err(refusal);
                }
            }
        }
        Ok(KeyFact::Begun { epoch, secrets })
    }

    /// Secrets that were made and are not wanted leave nothing in the KMS, as far as it can be reached.
    fn give_up(&self, secrets: &[AgencySecret]) {
        for secret in secrets {
            if let Err(error) = self.agencies.destroy(secret) {
                tracing::warn!(agency = %secret.agency, %error, "a key that nobody needs is left in the key management service");
            }
        }
    }

    /// Makes the streams of an epoch, before it is journaled.
    pub fn make_epoch(&self, number: u32) -> Result<Epoch, Refusal> {
        Ok(Epoch::open(&*self.journal, number)?)
    }

    /// The epoch is journaled: keys are wrapped in it from now on. Blocks on the KMS; agencies whose new secrets cannot be
    /// had are closed until they can.
    pub fn begin(&self, fact: &KeyFact, epoch: Epoch, at_ms: u64) {
        let epochs = self.note(fact, at_ms);
        self.agencies.close_those_that_fail(&epochs);
        self.places.write().begin(&epoch.streams);
        *self.running.write() = Arc::new(epoch);
    }

    /// Reads keys of the epoch before in a lane and wraps them in the one that runs.
    pub fn rewrap(&self, epochs: &Epochs, lane: Lane, from: u64) -> Result<Portion, Refusal> {
        let Some(before) = epochs.before() else { return Ok(Portion::default()) };
        let stream = Epoch::open(&*self.journal, before)?.streams[lane as usize];
        let records = stored::some(&*self.journal, stream, from)?;
        let mut portion = Portion { next: records.last().map(|last| last.offset + 1), ..Portion::default() };
        for record in &records {
            let place = Place { stream, offset: record.offset };
            let stored = StoredKey::decode(&record.body);
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
        let key = unwrapped(&*self.agency_of(stored.agency)?, stored)?;
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

    /// All keys are wrapped in the epoch that runs, and that is journaled.
    pub fn rewrapped(&self, fact: &KeyFact, at_ms: u64) {
        self.note(fact, at_ms);
        self.agencies.end_before();
    }

    /// Has the KMS destroy what the secrets of the epoch before were wrapped under. Blocks on it; may be asked again.
    pub fn destroy_before(&self, epochs: &Epochs) -> Result<(), Refusal> {
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
