//! Record batches of format 2 (KIP-98): walked where they come in, written where they go out.
//!
//! Everything is bounded before memory is taken: what a batch inflates to, how many records it claims, how long each
//! part of a record is.

mod inflate;
mod number;
mod walk;
mod write;

pub use walk::{BatchFault, Header, Record, Records, split};
pub use write::Writer;

/// Bytes of a batch before its records.
pub(crate) const HEAD_BYTES: usize = 61;

/// Most bytes that one batch's records may take once unpacked.
pub const INFLATED_MAX_BYTES: usize = 16 * 1024 * 1024;
