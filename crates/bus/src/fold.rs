//! Reading a stream from start to end: how every view is built.

use journal::{Journal, JournalError, Offset, Record, StreamId};

const CHUNK_BYTES: usize = 1024 * 1024;

/// Visits every record of a stream from `from` (or the first one kept) to its end.
pub fn each(
    journal: &dyn Journal,
    stream: StreamId,
    from: Offset,
    mut visit: impl FnMut(&Record),
) -> Result<(), JournalError> {
    let mut at = from.max(journal.bounds(stream)?.first);
    loop {
        let records = journal.read(stream, at, CHUNK_BYTES)?;
        let Some(last) = records.last() else { return Ok(()) };
        at = last.offset + 1;
        records.iter().for_each(&mut visit);
    }
}
