//! What opening a folder came to.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use crate::error::{Finding, JournalError};

/// What recovery found and did; `Display` is the first line for the log after a restart.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Recovered {
    /// Streams that exist.
    pub streams: usize,
    /// Settled segments opened.
    pub segments: usize,
    /// Records in them.
    pub settled_records: u64,
    /// Unsettled groups read from the logs.
    pub groups: u64,
    /// Records in them.
    pub records: u64,
    /// Bytes of groups that were being written at the crash, not acknowledged, and cut off.
    pub torn_bytes_cut: u64,
    /// Files that nothing refers to, removed.
    pub litter_removed: usize,
    /// How long it took.
    pub elapsed_ms: u64,
}

impl fmt::Display for Recovered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "journal open: {} streams; {} settled records in {} segments; {} records in {} groups from the logs; ",
            self.streams, self.settled_records, self.segments, self.records, self.groups
        )?;
        match self.torn_bytes_cut {
            0 => write!(f, "nothing torn")?,
            bytes => write!(f, "{bytes} torn bytes of unacknowledged groups cut")?,
        }
        write!(f, "; in {} ms", self.elapsed_ms)
    }
}

/// Why a folder was not opened. Nothing in it was changed, except by `Io`, after which it can be
/// opened again when the cause is gone.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum OpenError {
    /// Another process has it open.
    Locked {
        /// The folder.
        folder: PathBuf,
    },
    /// There is no journal in it, and it was to be opened for reading only.
    NoJournal {
        /// The folder.
        folder: PathBuf,
    },
    /// Acknowledged data is damaged.
    Corrupt {
        /// Where the first damage is.
        first: Finding,
        /// Further damage found on the way.
        others: usize,
    },
    /// The system refused.
    Io {
        /// The file or folder.
        file: PathBuf,
        /// What it said.
        cause: String,
    },
}

impl OpenError {
    pub(super) fn io(file: &Path, error: &io::Error) -> Self {
        Self::Io { file: file.to_owned(), cause: error.to_string() }
    }
}

impl From<JournalError> for OpenError {
    fn from(error: JournalError) -> Self {
        match error {
            JournalError::Corrupt(first) => Self::Corrupt { first, others: 0 },
            JournalError::Io { file, cause } | JournalError::DiskFull { file, cause } => {
                Self::Io { file, cause }
            }
            other => Self::Io { file: PathBuf::new(), cause: other.to_string() },
        }
    }
}

impl fmt::Display for OpenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Locked { folder } => write!(
                f,
                "{} is open in another process: stop it first, or give this one another folder",
                folder.display()
            ),
            Self::NoJournal { folder } => write!(f, "{} holds no journal", folder.display()),
            Self::Corrupt { first, others } => {
                write!(f, "acknowledged data is damaged, nothing was changed: {first}")?;
                if *others > 0 {
                    write!(f, " (and {others} more)")?;
                }
                write!(
                    f,
                    "; run `chancery doctor`, then restore the folder from a backup or take the disk's cause away"
                )
            }
            Self::Io { file, cause } => write!(f, "{}: {cause}", file.display()),
        }
    }
}

impl std::error::Error for OpenError {}
