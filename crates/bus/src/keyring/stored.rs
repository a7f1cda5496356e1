//! Persons' keys in the journal: a stream for each epoch and lane, so that the end of an epoch takes its keys' files away.

use journal::{Journal, JournalError, Offset, Record, StreamId, StreamSpec};
use seal::{Pseudonym, WrappedKey};

use super::epochs::{Epochs, KeyFact, Stage};
use super::table::KeyTable;
use crate::lanes::Lane;
use crate::mark_table::Place;
use crate::{Refusal, fold};

/// The shelf of the first epoch; topics' shelves are days of retention, far below.
const SHELF: u32 = 1 << 31;

/// Where the keys of one epoch lie.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Epoch {
    /// Its number.
    pub number: u32,
    /// A stream in each lane.
    pub streams: [StreamId; 3],
}

impl Epoch {
    /// Finds its streams; makes those that are missing.
    pub fn open(journal: &dyn Journal, number: u32) -> Result<Self, JournalError> {
        let spec = |lane: Lane| StreamSpec {
            name: format!("keys/{}/{number}", lane.name()),
            lane: lane.id(),
            shelf: SHELF | number,
        };
        let ids = journal.create(&Lane::ALL.map(spec))?;
        Ok(Self { number, streams: [ids[0], ids[1], ids[2]] })
    }
}

/// A person's key as it lies in the journal: the agency's number (3 bytes little-endian), the second half of the pseudonym
/// (8 bytes), the wrapped key. The first half is the record's mark. There are very many of them: each byte counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StoredKey {
    /// The agency's number: its place in `agency-keys`; below 2^24.
    pub agency: u32,
    /// The person.
    pub pseudonym: Pseudonym,
    /// The key.
    pub wrapped: WrappedKey,
}

/// The mark of a person's key: pseudonyms are as good as random, each agency's in another way.
pub fn mark_of(pseudonym: &Pseudonym) -> u64 {
    let [a, b, c, d, e, f, g, h, ..] = pseudonym.0;
    u64::from_le_bytes([a, b, c, d, e, f, g, h])
}

impl StoredKey {
    /// Bytes of a record's body.
    pub const BYTES: usize = 3 + 8 + WrappedKey::BYTES;

    /// The journal's form, beside the mark.
    pub fn encode(&self) -> [u8; Self::BYTES] {
        let mut bytes = [0; Self::BYTES];
        bytes[..3].copy_from_slice(&self.agency.to_le_bytes()[..3]);
        bytes[3..11].copy_from_slice(&self.pseudonym.0[8..]);
        bytes[11..].copy_from_slice(&self.wrapped.0);
        bytes
    }

    /// Reads what [`encode`](Self::encode) wrote under a mark.
    pub fn decode(mark: u64, bytes: &[u8]) -> Option<Self> {
        let (&[a, b, c], rest) = bytes.split_first_chunk::<3>()?;
        let (half, wrapped) = rest.split_first_chunk::<8>()?;
        let mut pseudonym = [0; 16];
        pseudonym[..8].copy_from_slice(&mark.to_le_bytes());
        pseudonym[8..].copy_from_slice(half);
        let wrapped = WrappedKey(wrapped.try_into().ok()?);
        Some(Self { agency: u32::from_le_bytes([a, b, c, 0]), pseudonym: Pseudonym(pseudonym), wrapped })
    }
}

/// What the stream of agencies' secrets comes to.
pub fn fold_facts(journal: &dyn Journal, stream: StreamId) -> Result<Epochs, Refusal> {
    let (mut epochs, mut unread) = (Epochs::default(), None);
    fold::each(journal, stream, 0, |record| match serde_json::from_slice::<KeyFact>(&record.body) {
        Ok(fact) => epochs.apply(&fact, record.time_ms),
        Err(_) => unread = unread.or(Some(record.offset)),
    })?;
    match unread {
        None => Ok(epochs),
        Some(offset) => {
            Err(Refusal::unavailable(format!("record {offset} of agencies' secrets does not read"))
                .hint("this data folder was written by another release; start that one"))
        }
    }
}

/// The epoch that runs, and where all keys lie.
pub fn fold_keys(journal: &dyn Journal, epochs: &Epochs) -> Result<(Epoch, KeyTable), Refusal> {
    let running = Epoch::open(journal, epochs.running)?;
    let before = epochs.before().filter(|_| epochs.stage == Stage::Rewrapping);
    let before = before.map(|number| Epoch::open(journal, number)).transpose()?;
    let mut table = KeyTable::default();
    for epoch in before.iter().chain([&running]) {
        table.begin(&epoch.streams);
        for stream in epoch.streams {
            let bounds = journal.bounds(stream)?;
            table.reserve((bounds.next - bounds.first) as usize);
            journal.entries(stream, bounds.first, &mut |entry| {
                table.insert(entry.primary, Place { stream, offset: entry.offset });
            })?;
        }
    }
    Ok((running, table))
}

/// Takes away the records of epochs that ended, if that was not done.
pub fn finish_ended(journal: &dyn Journal, epochs: &Epochs) -> Result<(), JournalError> {
    epochs.ended.iter().try_for_each(|ended| trim(journal, &Epoch::open(journal, ended.epoch)?))
}

/// Takes away all records of an epoch.
pub fn trim(journal: &dyn Journal, epoch: &Epoch) -> Result<(), JournalError> {
    let mut cuts = Vec::new();
    for stream in epoch.streams {
        let bounds = journal.bounds(stream)?;
        cuts.extend((bounds.first < bounds.next).then_some((stream, bounds.next)));
    }
    if cuts.is_empty() { Ok(()) } else { journal.trim_all(&cuts) }
}

/// The record at a place. That it does not read is never that there is none.
pub fn read(journal: &dyn Journal, place: Place) -> Result<Option<StoredKey>, Refusal> {
    let Some(record) = journal.read(place.stream, place.offset, 1)?.into_iter().next() else {
        return Ok(None);
    };
    let stored = StoredKey::decode(record.marks.primary(), &record.body);
    let stored = stored.ok_or_else(|| {
        Refusal::unavailable(format!("a stored key of {} does not read", place.stream))
            .hint("this data folder was written by another release; start that one")
    });
    stored.map(Some)
}

/// Some of a stream's records from an offset on; none at its end.
pub fn some(journal: &dyn Journal, stream: StreamId, from: Offset) -> Result<Vec<Record>, JournalError> {
    let from = from.max(journal.bounds(stream)?.first);
    journal.read(stream, from, READ_BYTES)
}

/// About three thousand keys: a group of the lane's size.
const READ_BYTES: usize = 256 * 1024;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_key_is_read_as_it_was_written(agency in 0u32..1 << 24, pseudonym: [u8; 16], wrapped in proptest::collection::vec(any::<u8>(), WrappedKey::BYTES)) {
            let wrapped = WrappedKey(wrapped.try_into().unwrap());
            let key = StoredKey { agency, pseudonym: Pseudonym(pseudonym), wrapped };
            prop_assert_eq!(StoredKey::decode(mark_of(&key.pseudonym), &key.encode()), Some(key));
        }

        #[test]
        fn any_bytes_are_a_key_or_none(mark: u64, bytes in proptest::collection::vec(any::<u8>(), 0..100)) {
            prop_assert_eq!(StoredKey::decode(mark, &bytes).is_some(), bytes.len() == StoredKey::BYTES);
        }
    }
}
