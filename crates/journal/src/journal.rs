//! The contract that every engine keeps.

use crate::error::JournalError;
use crate::group::Group;
use crate::stream::{Bounds, Entry, Found, LaneId, Offset, Record, StreamId, StreamInfo, StreamSpec};

/// Told each touched stream's new `next` after a group became durable.
pub type Listener = Box<dyn Fn(&[(StreamId, Offset)]) + Send + Sync>;

/// Durable ordered streams.
///
/// **Durability:** `create`, `append`, `trim` and `trim_all` have happened for good when they return
/// `Ok`, and not at all when they return an error, except [`JournalError::Poisoned`], after which the
/// caller cannot know about the group in question until the journal is opened again.
/// **Order:** a stream's records are read in the order of their offsets, without gaps.
/// **Concurrency:** appends of one lane follow each other, different lanes are independent, readers
/// never wait for a disk's flush. **Retrying** is nobody's task here: after `DiskFull` the same group
/// may be appended again, after any other error of `append` the caller must not.
pub trait Journal: Send + Sync + 'static {
    /// Creates the streams that do not exist yet (by name) and returns all their ids in order; one
    /// flush for the whole slice. A known name with another shelf changes its shelf; with another
    /// lane it is refused, and nothing of the slice happens.
    fn create(&self, specs: &[StreamSpec]) -> Result<Vec<StreamId>, JournalError>;

    /// All streams, by id.
    fn streams(&self) -> Vec<StreamInfo>;

    /// Makes a group durable, atomically over all its streams. Refused as a whole unless every stream
    /// belongs to `lane`, every offset is its stream's next and no time goes back. The group is left
    /// as it was; the caller clears it.
    fn append(&self, lane: LaneId, group: &mut Group) -> Result<(), JournalError>;

    /// Records from `from` on, up to `max_bytes` of stored size (heads, marks and bodies), but at
    /// least one if there is one. Empty at or after `next`; [`JournalError::Trimmed`] below `first`.
    fn read(&self, stream: StreamId, from: Offset, max_bytes: usize) -> Result<Vec<Record>, JournalError>;

    /// Heads from `from` on, in order, without reading bodies; those that exist when it is called.
    fn entries(
        &self,
        stream: StreamId,
        from: Offset,
        visit: &mut dyn FnMut(Entry),
    ) -> Result<(), JournalError>;

    /// All live records that carry the mark, by stream and offset.
    fn find(&self, mark: u64) -> Result<Vec<Found>, JournalError>;

    /// The first live offset whose time is at least `time_ms`, or `next`.
    fn at_time(&self, stream: StreamId, time_ms: u64) -> Result<Offset, JournalError>;

    /// Where the stream begins and ends.
    fn bounds(&self, stream: StreamId) -> Result<Bounds, JournalError>;

    /// Forgets each stream's records below its offset: durable with one flush, gone for readers at
    /// once; the space on the disk comes back soon after. Refused as a whole beyond a stream's `next`.
    fn trim_all(&self, cuts: &[(StreamId, Offset)]) -> Result<(), JournalError>;

    /// [`Journal::trim_all`] for one stream.
    fn trim(&self, stream: StreamId, before: Offset) -> Result<(), JournalError> {
        self.trim_all(&[(stream, before)])
    }

    /// Registers a listener. It is called by the appending thread, in the order of the lane's groups,
    /// before `append` returns: it must be quick and must not append.
    fn watch(&self, listener: Listener);
}
