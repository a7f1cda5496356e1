//! The words of the journal: streams, lanes, records and how they are found again.

use std::fmt;
use std::ops::Deref;

use bytes::Bytes;

/// Lanes a journal can have; a lane is an independent sequence of group commits.
pub const LANES_MAX: usize = 8;

/// Marks one record can carry.
pub const MARKS_MAX: usize = 12;

/// A record's place in its stream: dense, from 0.
pub type Offset = u64;

/// A stream, numbered densely from 0 by `Journal::create`; a number is never used twice.
#[derive(Copy, Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct StreamId(pub u32);

impl fmt::Display for StreamId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "stream {}", self.0)
    }
}

/// A group-commit lane, `0..LANES_MAX`.
#[derive(Copy, Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct LaneId(pub u8);

impl fmt::Display for LaneId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "lane {}", self.0)
    }
}

/// What a stream is when it is created.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct StreamSpec {
    /// The name by which `create` recognises it; up to 65,535 bytes.
    pub name: String,
    /// The lane it is written in, for ever.
    pub lane: LaneId,
    /// Streams of one shelf expire together and share files: a hint for placing, for example the
    /// retention in days. It may change by a later `create`, for records settled from then on.
    pub shelf: u32,
}

/// A stream that exists.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct StreamInfo {
    /// Its number.
    pub id: StreamId,
    /// What it was created as.
    pub spec: StreamSpec,
}

/// The live part of a stream: `first..next`.
#[derive(Copy, Clone, Debug, Eq, PartialEq)]
pub struct Bounds {
    /// The oldest record that is not trimmed; equals `next` when there is none.
    pub first: Offset,
    /// The offset that the next record must have.
    pub next: Offset,
}

/// The marks of one record: up to [`MARKS_MAX`] opaque numbers, the first of which is the primary one.
#[derive(Copy, Clone, Eq, PartialEq)]
pub struct Marks {
    count: u8,
    values: [u64; MARKS_MAX],
}

impl Marks {
    /// Copies up to [`MARKS_MAX`] marks.
    pub fn new(marks: &[u64]) -> Self {
        let count = marks.len().min(MARKS_MAX);
        let mut values = [0; MARKS_MAX];
        values[..count].copy_from_slice(&marks[..count]);
        Self { count: count as u8, values }
    }

    /// The first mark; 0 when there is none.
    pub fn primary(&self) -> u64 {
        self.values[0]
    }
}

impl Deref for Marks {
    type Target = [u64];

    fn deref(&self) -> &[u64] {
        &self.values[..usize::from(self.count)]
    }
}

impl fmt::Debug for Marks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

/// One record as it was pushed.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Record {
    /// Its place in the stream.
    pub offset: Offset,
    /// Milliseconds since 1970 in UTC; never less than that of the record before it.
    pub time_ms: u64,
    /// The numbers by which it is found again.
    pub marks: Marks,
    /// Its content.
    pub body: Bytes,
}

/// A record's head, without its body.
#[derive(Copy, Clone, Debug, Eq, PartialEq)]
pub struct Entry {
    /// Its place in the stream.
    pub offset: Offset,
    /// Milliseconds since 1970 in UTC.
    pub time_ms: u64,
    /// Its first mark, 0 when it has none.
    pub primary: u64,
}

/// Where a record that carries a mark stands.
#[derive(Copy, Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Found {
    /// The stream.
    pub stream: StreamId,
    /// The place in it.
    pub offset: Offset,
}
