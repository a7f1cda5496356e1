//! How documents of one version of a contract become documents of the version before, and the other way round.
//!
//! A steward writes the change as [`Step`]s, each readable in both directions; together they are a [`Lens`]. A
//! [`Carrier`] hands a reader who stays on an old version what documents of newer ones say, taken back step by step and
//! without what the old version's classes keep from that reader; a document that does not come out valid is a
//! [`Misfit`]. [`rehearse`] tries a migration on documents that there are and counts what becomes of them. Places and
//! versions are named by all of these, values never.
//!
//! Documents are kept as they were written (`tree`): a number has the digits that its producer gave it.

mod carrier;
mod faults;
mod gaps;
mod lens;
mod names;
mod rehearsal;
mod step;
mod tree;

use std::fmt;

pub use carrier::Carrier;
pub use lens::Lens;
pub use rehearsal::{Rehearsal, rehearse};
pub use step::{Scalar, Step};

use crate::ContractVersion;

/// A document that cannot be taken from one version to another, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Misfit {
    /// The version whose contract or migration it is about.
    pub version: ContractVersion,
    /// What is wrong and where: places, never values.
    pub what: String,
}

impl Misfit {
    fn new(version: ContractVersion, what: impl Into<String>) -> Self {
        Self { version, what: what.into() }
    }
}

impl fmt::Display for Misfit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.version, self.what)
    }
}

impl std::error::Error for Misfit {}
