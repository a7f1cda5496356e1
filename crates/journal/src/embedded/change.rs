//! The entries of the catalogue as bytes (docs/formats/journal.md, "Catalogue"). Their tags are frozen.

use crate::little_endian::{u32_at, u64_at};
use crate::stream::{LaneId, Offset, StreamId, StreamSpec};

const STREAM: u8 = 1;
const TRIM: u8 = 2;
const SETTLED: u8 = 3;
const LIVE: u8 = 4;
const GONE: u8 = 5;

/// Which records a segment holds: those of one log and one shelf.
#[derive(Copy, Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub(super) struct SegmentKey {
    pub(super) lane: LaneId,
    pub(super) seq: u64,
    pub(super) shelf: u32,
}

/// One thing that became so.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum Change {
    /// A stream exists, or has another shelf.
    Stream { id: StreamId, spec: StreamSpec },
    /// A stream begins at `first`.
    Trim { id: StreamId, first: Offset },
    /// A lane's logs up to `seq` are settled.
    Settled { lane: LaneId, seq: u64 },
    /// A segment is live in this generation and no other.
    Live { key: SegmentKey, generation: u32 },
    /// A segment is gone.
    Gone { key: SegmentKey },
}

impl Change {
    pub(super) fn encode_all(changes: &[Self]) -> Vec<u8> {
        let mut out = Vec::new();
        for change in changes {
            change.encode(&mut out);
        }
        out
    }

    fn encode(&self, out: &mut Vec<u8>) {
        match self {
            Self::Stream { id, spec } => {
                out.push(STREAM);
                out.extend_from_slice(&id.0.to_le_bytes());
                out.push(spec.lane.0);
                out.extend_from_slice(&spec.shelf.to_le_bytes());
                out.extend_from_slice(&(spec.name.len() as u32).to_le_bytes());
                out.extend_from_slice(spec.name.as_bytes());
            }
            Self::Trim { id, first } => {
                out.push(TRIM);
                out.extend_from_slice(&id.0.to_le_bytes());
                out.extend_from_slice(&first.to_le_bytes());
            }
            Self::Settled { lane, seq } => {
                out.push(SETTLED);
                out.push(lane.0);
                out.extend_from_slice(&seq.to_le_bytes());
            }
            Self::Live { key, generation } => {
                out.push(LIVE);
                key.encode(out);
                out.extend_from_slice(&generation.to_le_bytes());
            }
            Self::Gone { key } => {
                out.push(GONE);
                key.encode(out);
            }
        }
    }

    /// All entries of a frame; `None` if it is not a list of entries.
    pub(super) fn decode_all(mut bytes: &[u8]) -> Option<Vec<Self>> {
        let mut changes = Vec::new();
        while !bytes.is_empty() {
            changes.push(Self::decode(&mut bytes)?);
        }
        Some(changes)
    }

    fn decode(bytes: &mut &[u8]) -> Option<Self> {
        Some(match take(bytes, 1)?[0] {
            STREAM => {
                let fixed = take(bytes, 13)?;
                let name = take(bytes, u32_at(fixed, 9) as usize)?;
                let name = String::from_utf8(name.to_vec()).ok()?;
                let spec = StreamSpec { name, lane: LaneId(fixed[4]), shelf: u32_at(fixed, 5) };
                Self::Stream { id: StreamId(u32_at(fixed, 0)), spec }
            }
            TRIM => {
                let fixed = take(bytes, 12)?;
                Self::Trim { id: StreamId(u32_at(fixed, 0)), first: u64_at(fixed, 4) }
            }
            SETTLED => {
                let fixed = take(bytes, 9)?;
                Self::Settled { lane: LaneId(fixed[0]), seq: u64_at(fixed, 1) }
            }
            LIVE => {
                let key = SegmentKey::decode(bytes)?;
                Self::Live { key, generation: u32_at(take(bytes, 4)?, 0) }
            }
            GONE => Self::Gone { key: SegmentKey::decode(bytes)? },
            _ => return None,
        })
    }
}

impl SegmentKey {
    fn encode(&self, out: &mut Vec<u8>) {
        out.push(self.lane.0);
        out.extend_from_slice(&self.seq.to_le_bytes());
        out.extend_from_slice(&self.shelf.to_le_bytes());
    }

    fn decode(bytes: &mut &[u8]) -> Option<Self> {
        let fixed = take(bytes, 13)?;
        Some(Self { lane: LaneId(fixed[0]), seq: u64_at(fixed, 1), shelf: u32_at(fixed, 9) })
    }
}

fn take<'a>(bytes: &mut &'a [u8], count: usize) -> Option<&'a [u8]> {
    let (taken, rest) = bytes.split_at_checked(count)?;
    *bytes = rest;
    Some(taken)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn any_key() -> impl Strategy<Value = SegmentKey> {
        (0_u8..8, any::<u64>(), any::<u32>()).prop_map(|(lane, seq, shelf)| SegmentKey {
            lane: LaneId(lane),
            seq,
            shelf,
        })
    }

    fn any_change() -> impl Strategy<Value = Change> {
        prop_oneof![
            (any::<u32>(), 0_u8..8, any::<u32>(), ".{0,20}").prop_map(|(id, lane, shelf, name)| {
                Change::Stream { id: StreamId(id), spec: StreamSpec { name, lane: LaneId(lane), shelf } }
            }),
            (any::<u32>(), any::<u64>()).prop_map(|(id, first)| Change::Trim { id: StreamId(id), first }),
            (0_u8..8, any::<u64>()).prop_map(|(lane, seq)| Change::Settled { lane: LaneId(lane), seq }),
            (any_key(), any::<u32>()).prop_map(|(key, generation)| Change::Live { key, generation }),
            any_key().prop_map(|key| Change::Gone { key }),
        ]
    }

    proptest! {
        #[test]
        fn entries_read_back_as_they_were_written(changes in proptest::collection::vec(any_change(), 0..20)) {
            prop_assert_eq!(Change::decode_all(&Change::encode_all(&changes)), Some(changes));
        }

        #[test]
        fn no_bytes_make_the_decoder_fail_but_by_saying_so(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = Change::decode_all(&bytes);
        }
    }
}
