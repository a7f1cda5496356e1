//! Durable ordered streams: the bus's only memory.
//!
//! A *stream* is a list of records with dense offsets. Streams live in *lanes*; a *group* is a set of
//! records of one lane that becomes durable together or not at all. Everything else that the bus knows
//! is folded from these streams and may be dropped and rebuilt.
//!
//! - [`Journal`] is the contract an engine keeps; [`conformance`] is that contract as tests.
//! - [`Embedded`] is the engine for one machine: one write and one `fdatasync` per group.
//! - [`Disk`] is all the engine knows of the operating system; [`faults`] is a disk that fails on purpose.
//!
//! This crate never interprets a body or a mark, never starts an async runtime and never takes the
//! wall clock from anywhere but [`Options::clock`]. Start reading in `journal.rs`, then
//! `embedded/append.rs`.

mod disk;
mod encoded;
mod error;
mod group;
mod journal;
mod little_endian;
mod stream;

pub mod conformance;
pub mod embedded;
pub mod faults;

pub use disk::{Access, Disk, DiskFile, RealDisk};
pub use embedded::{Embedded, OpenError, Options, Recovered};
pub use error::{Finding, JournalError};
pub use group::{Group, Pushed};
pub use journal::{Journal, Listener};
pub use stream::{
    Bounds, Entry, Found, LANES_MAX, LaneId, MARKS_MAX, Marks, Offset, Record, StreamId, StreamInfo,
    StreamSpec,
};
