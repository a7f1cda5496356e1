//! Idempotent producers: which batch of a producer comes next in a partition (KIP-98).
//!
//! A producer numbers its records per partition. The next batch must begin where the last ended; one of the last few
//! again is a retry, answered with the place it got. The last batches of every producer are folded from the
//! `producers/…` streams, so that this survives a restart. Producers that were silent for `PRODUCER_EXPIRY_MS` are
//! forgotten; one that is not known may begin anywhere.

use std::collections::{HashMap, VecDeque};

use journal::StreamId;

use crate::codec::{Reader, Unreadable, put_number};
use crate::limits::PRODUCER_EXPIRY_MS;

/// How many batches of a producer are recognised when they come again: as many as clients keep in flight.
const RECENT_BATCHES: usize = 5;

/// After this number sequences begin at 0 again.
const LAST_SEQUENCE: u32 = i32::MAX as u32;

const VERSION: u8 = 1;

/// What a producer says of a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sequence {
    /// The producer.
    pub producer: u64,
    /// Its epoch: a newer one fences off the older.
    pub epoch: u16,
    /// The number of the batch's first record.
    pub first: u32,
}

/// What is to become of a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It is the next one.
    Next,
    /// It was taken before; its first record is at this offset.
    Repeated(u64),
    /// Another number is expected.
    OutOfOrder {
        /// Which.
        expected: u32,
    },
    /// A newer epoch of the producer was here.
    Fenced,
}

/// A batch that was taken: the record of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Taken {
    /// What the producer said.
    pub sequence: Sequence,
    /// How many records it has; at least 1.
    pub count: u32,
    /// The partition's stream.
    pub stream: StreamId,
    /// The offset of its first record.
    pub offset: u64,
}

impl Taken {
    /// The journal's form: version, then producer, epoch, first, count, stream, offset as LEB128.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = vec![VERSION];
        let Sequence { producer, epoch, first } = self.sequence;
        for number in
            [producer, epoch.into(), first.into(), self.count.into(), self.stream.0.into(), self.offset]
        {
            put_number(&mut out, number);
        }
        out
    }

    /// Reads what [`Taken::encode`] wrote.
    pub fn decode(body: &[u8]) -> Result<Self, Unreadable> {
        let mut reader = Reader::new(body, "a producer's batch");
        if reader.byte()? != VERSION {
            return Err(Unreadable("a producer's batch of version 1"));
        }
        let mut number = || reader.number();
        let (producer, epoch, first) = (number()?, number()? as u16, number()? as u32);
        let (count, stream, offset) = (number()? as u32, StreamId(number()? as u32), number()?);
        Ok(Self { sequence: Sequence { producer, epoch, first }, count, stream, offset })
    }
}

#[derive(Debug, Clone)]
struct Known {
    epoch: u16,
    next: u32,
    /// First sequence, count and offset of the last batches, the oldest first.
    recent: VecDeque<(u32, u32, u64)>,
    last_ms: u64,
}

/// The producers of one lane's topics.
#[derive(Debug, Clone, Default)]
pub struct Sequences {
    known: HashMap<(u64, StreamId), Known>,
    swept_ms: u64,
}

impl Sequences {
    /// What is to become of a batch of `count` records.
    pub fn judge(&self, sequence: &Sequence, count: u32, stream: StreamId) -> Verdict {
        let Some(known) = self.known.get(&(sequence.producer, stream)) else { return Verdict::Next };
        if sequence.epoch < known.epoch {
            return Verdict::Fenced;
        }
        let expected = if sequence.epoch > known.epoch { 0 } else { known.next };
        if sequence.epoch == known.epoch {
            let again = known.recent.iter().find(|(first, of, _)| (*first, *of) == (sequence.first, count));
            if let Some((_, _, offset)) = again {
                return Verdict::Repeated(*offset);
            }
        }
        if sequence.first == expected { Verdict::Next } else { Verdict::OutOfOrder { expected } }
    }

    /// Takes over what `other` knows of a producer in a partition, where nothing is known of it here.
    pub fn learn(&mut self, other: &Sequences, sequence: &Sequence, stream: StreamId) {
        let key = (sequence.producer, stream);
        if let Some(known) = other.known.get(&key) {
            self.known.entry(key).or_insert_with(|| known.clone());
        }
    }

    /// A batch was taken at `now_ms`.
    pub fn apply(&mut self, taken: &Taken, now_ms: u64) {
        self.sweep(now_ms);
        let Sequence { producer, epoch, first } = taken.sequence;
        let fresh = Known { epoch, next: 0, recent: VecDeque::new(), last_ms: now_ms };
        let known = self.known.entry((producer, taken.stream)).or_insert_with(|| fresh.clone());
        if known.epoch != epoch {
            *known = fresh;
        }
        known.last_ms = now_ms;
        known.next = after(first, taken.count);
        if known.recent.len() == RECENT_BATCHES {
            known.recent.pop_front();
        }
        known.recent.push_back((first, taken.count, taken.offset));
    }

    /// Forgets who was silent for long, now and then.
    fn sweep(&mut self, now_ms: u64) {
        if now_ms < self.swept_ms + PRODUCER_EXPIRY_MS / 16 {
            return;
        }
        self.swept_ms = now_ms;
        self.known.retain(|_, known| known.last_ms + PRODUCER_EXPIRY_MS > now_ms);
    }
}

/// The sequence behind a batch.
pub fn after(first: u32, count: u32) -> u32 {
    ((u64::from(first) + u64::from(count)) % (u64::from(LAST_SEQUENCE) + 1)) as u32
}

/// The sequence of a batch that ends before another begins.
pub fn before(next: u32, count: u32) -> u32 {
    let around = u64::from(LAST_SEQUENCE) + 1;
    ((u64::from(next) + around - u64::from(count) % around) % around) as u32
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const STREAM: StreamId = StreamId(3);

    fn sequence(epoch: u16, first: u32) -> Sequence {
        Sequence { producer: 7, epoch, first }
    }

    fn taken(epoch: u16, first: u32, count: u32, offset: u64) -> Taken {
        Taken { sequence: sequence(epoch, first), count, stream: STREAM, offset }
    }

    #[test]
    fn a_batch_follows_the_last_repeats_a_recent_one_or_is_out_of_order() {
        let mut sequences = Sequences::default();
        assert_eq!(
            sequences.judge(&sequence(0, 40), 1, STREAM),
            Verdict::Next,
            "not known: may begin anywhere"
        );
        for batch in 0..7 {
            sequences.apply(&taken(0, batch * 10, 10, u64::from(batch) * 100), 1);
        }
        assert_eq!(sequences.judge(&sequence(0, 70), 3, STREAM), Verdict::Next);
        assert_eq!(sequences.judge(&sequence(0, 60), 10, STREAM), Verdict::Repeated(600));
        assert_eq!(sequences.judge(&sequence(0, 20), 10, STREAM), Verdict::Repeated(200));
        assert_eq!(sequences.judge(&sequence(0, 10), 10, STREAM), Verdict::OutOfOrder { expected: 70 });
        assert_eq!(sequences.judge(&sequence(0, 80), 1, STREAM), Verdict::OutOfOrder { expected: 70 });
        assert_eq!(sequences.judge(&sequence(0, 0), 1, StreamId(4)), Verdict::Next, "another partition");
    }

    #[test]
    fn a_newer_epoch_begins_at_zero_and_fences_the_older() {
        let mut sequences = Sequences::default();
        sequences.apply(&taken(1, 5, 1, 0), 1);
        assert_eq!(sequences.judge(&sequence(2, 6), 1, STREAM), Verdict::OutOfOrder { expected: 0 });
        assert_eq!(sequences.judge(&sequence(2, 0), 1, STREAM), Verdict::Next);
        sequences.apply(&taken(2, 0, 1, 1), 2);
        assert_eq!(sequences.judge(&sequence(1, 6), 1, STREAM), Verdict::Fenced);
    }

    #[test]
    fn sequences_wrap_and_silent_producers_are_forgotten() {
        let mut sequences = Sequences::default();
        sequences.apply(&taken(0, LAST_SEQUENCE, 1, 0), 1);
        assert_eq!(sequences.judge(&sequence(0, 0), 1, STREAM), Verdict::Next);
        let other = Taken { sequence: Sequence { producer: 8, ..sequence(0, 0) }, ..taken(0, 0, 1, 0) };
        sequences.apply(&other, PRODUCER_EXPIRY_MS + 2);
        assert_eq!(sequences.judge(&sequence(0, 99), 1, STREAM), Verdict::Next);
        assert_eq!(sequences.known.len(), 1);
    }

    proptest! {
        #[test]
        fn a_taken_batch_reads_as_it_was_written(producer: u64, epoch: u16, first: u32, count: u32, stream: u32, offset: u64) {
            let taken = Taken { sequence: Sequence { producer, epoch, first }, count, stream: StreamId(stream), offset };
            prop_assert_eq!(Taken::decode(&taken.encode()), Ok(taken));
        }
    }
}
