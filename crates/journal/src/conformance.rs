//! The contract of [`Journal`] as tests that any engine must pass.
//!
//! An engine's own test gives a function that makes a fresh subject and calls [`run`].

mod durability;
mod lookups;
mod streams;

use std::sync::Arc;

use crate::group::Group;
use crate::journal::Journal;
use crate::stream::{LaneId, Offset, Record, StreamId, StreamSpec};

/// An engine under test, with a journal of its own.
pub trait Subject {
    /// The open journal.
    fn journal(&self) -> Arc<dyn Journal>;
    /// Closes it (no other handle is left by then) and opens the same journal again.
    fn reopen(&mut self);
    /// Gets the engine to reorganise whatever it reorganises in the background, if it does.
    fn reorganise(&self) {}
}

/// A promise and the test of it.
pub type Promise = (&'static str, fn(&mut dyn Subject));

/// All promises, in the order in which a new engine comes to keep them.
pub fn promises() -> Vec<Promise> {
    [streams::PROMISES, lookups::PROMISES, durability::PROMISES].concat()
}

/// Runs every promise, each on a fresh subject.
///
/// # Panics
/// With the promise that is not kept.
pub fn run<S: Subject>(make: impl Fn() -> S) {
    for (name, promise) in promises() {
        tracing::info!(name, "promise");
        let mut subject = make();
        let kept = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| promise(&mut subject)));
        assert!(kept.is_ok(), "the engine does not keep: {name}");
    }
}

const LANE: LaneId = LaneId(0);
const OTHER_LANE: LaneId = LaneId(1);

fn spec(name: &str, lane: LaneId) -> StreamSpec {
    StreamSpec { name: name.to_owned(), lane, shelf: 30 }
}

/// Creates streams in a lane.
fn created<const N: usize>(journal: &dyn Journal, lane: LaneId, names: [&str; N]) -> [StreamId; N] {
    let specs = names.map(|name| spec(name, lane));
    let ids = journal.create(&specs).expect("streams are created");
    ids.try_into().expect("one id for each")
}

/// What record `offset` of a stream looks like in these tests.
fn body_of(stream: StreamId, offset: Offset) -> Vec<u8> {
    format!("{}/{offset}/", stream.0).repeat(1 + offset as usize % 40).into_bytes()
}

/// A mark that only this record has.
fn mark_of(stream: StreamId, offset: Offset) -> u64 {
    (u64::from(stream.0) + 1) << 32 | offset
}

/// The time of a record: two records share each time.
fn time_of(offset: Offset) -> u64 {
    1_000 + offset / 2 * 10
}

fn push(group: &mut Group, stream: StreamId, offset: Offset) {
    let body = body_of(stream, offset);
    let (left, right) = body.split_at(body.len() / 2);
    group.push(stream, offset, time_of(offset), &[mark_of(stream, offset), 7], &[left, right]);
}

/// Appends records `from..to` of each stream, `per_group` of each stream to a group.
fn fill(
    journal: &dyn Journal,
    lane: LaneId,
    streams: &[StreamId],
    range: std::ops::Range<Offset>,
    per_group: u64,
) {
    let mut group = Group::new();
    let mut at = range.start;
    while at < range.end {
        let end = range.end.min(at + per_group);
        for offset in at..end {
            streams.iter().for_each(|stream| push(&mut group, *stream, offset));
        }
        journal.append(lane, &mut group).expect("a right group is appended");
        group.clear();
        at = end;
    }
}

/// Everything from `from` on, read in steps of `max_bytes`, checked to be what was pushed.
fn read_all(journal: &dyn Journal, stream: StreamId, from: Offset, max_bytes: usize) -> Vec<Record> {
    let mut records: Vec<Record> = Vec::new();
    loop {
        let part = journal.read(stream, from + records.len() as u64, max_bytes).expect("it can be read");
        if part.is_empty() {
            break;
        }
        records.extend(part);
    }
    for (offset, record) in (from..).zip(&records) {
        assert_eq!(record.offset, offset, "in order, without gaps");
        assert_eq!(record.body, body_of(stream, offset), "the body of {offset}");
        assert_eq!(&*record.marks, &[mark_of(stream, offset), 7], "the marks of {offset}");
        assert_eq!(record.time_ms, time_of(offset), "the time of {offset}");
    }
    records
}
