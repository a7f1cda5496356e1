//! Segments: the settled records of one log and one shelf, each stream's records together, with their
//! index (docs/formats/journal.md, "Segment").
//!
//! In memory there are only the directory (40 bytes per stream) and the fences of the marks (8 bytes
//! per 340 marks); the index of the records is read from the file when it is needed.

mod layout;
mod read;
mod write;

#[cfg(test)]
pub(super) use layout::SEGMENT_MAGIC;
pub(super) use layout::StreamPart;
pub(super) use read::{Segment, finding};
pub(super) use write::{Shelved, write};
