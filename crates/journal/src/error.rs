//! What can go wrong, with the state after it.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use crate::stream::{LANES_MAX, LaneId, Offset, StreamId};

/// A place on the disk that does not hold what it must.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Finding {
    /// The file, within the data folder.
    pub file: PathBuf,
    /// Where in it, in bytes.
    pub position: u64,
    /// What is wrong, and what to do if it is known.
    pub what: String,
}

impl Finding {
    pub(crate) fn new(file: &Path, position: u64, what: impl Into<String>) -> Self {
        Self { file: file.to_owned(), position, what: what.into() }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at byte {}: {}", self.file.display(), self.position, self.what)
    }
}

/// Why the journal did not do it. Unless a variant says otherwise, nothing happened and the journal
/// goes on as before.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum JournalError {
    /// No such stream.
    UnknownStream(StreamId),
    /// No such lane.
    UnknownLane(LaneId),
    /// The group was appended to another lane than the stream's.
    WrongLane {
        /// The stream.
        stream: StreamId,
        /// The lane of the append.
        lane: LaneId,
        /// The stream's lane.
        belongs: LaneId,
    },
    /// `create` named an existing stream with another lane.
    LaneIsFixed {
        /// The stream.
        stream: StreamId,
        /// The lane it was created with.
        lane: LaneId,
    },
    /// A stream's name is longer than 65,535 bytes.
    NameTooLong {
        /// Its length.
        bytes: usize,
    },
    /// A record's offset is not its stream's next.
    OffsetNotNext {
        /// The stream.
        stream: StreamId,
        /// The record's offset.
        offset: Offset,
        /// What it must have been.
        next: Offset,
    },
    /// A record is older than the one before it.
    TimeWentBack {
        /// The stream.
        stream: StreamId,
        /// The record's time.
        time_ms: u64,
        /// The time of the one before.
        last_ms: u64,
    },
    /// The group does not fit one log file.
    GroupTooLarge {
        /// Its bytes with head and padding.
        bytes: u64,
        /// The most a group can have.
        limit: u64,
    },
    /// The offset is below the live part of the stream.
    Trimmed {
        /// The first live offset.
        first: Offset,
    },
    /// A trim beyond the end of the stream.
    BeyondEnd {
        /// The stream.
        stream: StreamId,
        /// Its end.
        next: Offset,
    },
    /// No room to prepare a file. Nothing was lost; it works again when there is space.
    DiskFull {
        /// The file to be written.
        file: PathBuf,
        /// What the system said.
        cause: String,
    },
    /// A write or flush failed before: what is on the disk is unknown, so the engine takes no further
    /// appends until it is opened again. Reading still works.
    Poisoned {
        /// What the system said.
        cause: String,
        /// The file and byte position.
        position: String,
    },
    /// The disk does not hold what was written.
    Corrupt(Finding),
    /// The system refused an operation that changes nothing durable.
    Io {
        /// The file.
        file: PathBuf,
        /// What the system said.
        cause: String,
    },
    /// The journal was opened for reading only.
    ReadOnly,
    /// The journal is closed.
    Closed,
}

impl JournalError {
    /// Sorts a system error about `file`: a full disk, or anything else.
    pub(crate) fn io(file: &Path, error: &io::Error) -> Self {
        let (file, cause) = (file.to_owned(), error.to_string());
        match error.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Self::DiskFull { file, cause },
            _ => Self::Io { file, cause },
        }
    }
}

impl fmt::Display for JournalError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UnknownStream(stream) => write!(f, "{stream} does not exist"),
            Self::UnknownLane(lane) => write!(f, "{lane} does not exist: lanes are 0 to {}", LANES_MAX - 1),
            Self::WrongLane { stream, lane, belongs } => {
                write!(f, "{stream} belongs to {belongs}, not to {lane}")
            }
            Self::LaneIsFixed { stream, lane } => {
                write!(f, "{stream} was created in {lane}; a stream cannot change its lane")
            }
            Self::NameTooLong { bytes } => write!(f, "a stream's name has {bytes} bytes; 65535 is the most"),
            Self::OffsetNotNext { stream, offset, next } => {
                write!(f, "{stream}: offset {offset} was pushed where {next} is next")
            }
            Self::TimeWentBack { stream, time_ms, last_ms } => {
                write!(f, "{stream}: time {time_ms} ms is before {last_ms} ms of the record before it")
            }
            Self::GroupTooLarge { bytes, limit } => {
                write!(f, "the group has {bytes} bytes; one log file takes {limit}: commit smaller groups")
            }
            Self::Trimmed { first } => write!(f, "trimmed: the first record kept is {first}"),
            Self::BeyondEnd { stream, next } => {
                write!(f, "{stream} ends at {next}: it cannot be trimmed beyond that")
            }
            Self::DiskFull { file, cause } => {
                write!(f, "the disk is full ({}: {cause}): nothing was lost; free some space", file.display())
            }
            Self::Poisoned { cause, position } => write!(
                f,
                "no more appends since a write failed at {position} ({cause}): check the disk, then restart"
            ),
            Self::Corrupt(finding) => write!(f, "damaged: {finding}"),
            Self::Io { file, cause } => write!(f, "{}: {cause}", file.display()),
            Self::ReadOnly => write!(f, "the journal is open for reading only"),
            Self::Closed => write!(f, "the journal is closed"),
        }
    }
}

impl std::error::Error for JournalError {}
