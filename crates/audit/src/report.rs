//! What a verification says: a report when all is well, findings when not.

use std::collections::BTreeMap;
use std::fmt;

use crate::note::NoteError;
use crate::proof::ProofError;

/// What an intact bundle shows.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Report {
    /// The bus.
    pub bus: String,
    /// When the bundle was exported, as it says; not signed.
    pub exported_at: String,
    /// Its lanes.
    pub lanes: Vec<LaneReport>,
    /// Entries of each kind.
    pub kinds: BTreeMap<&'static str, u64>,
    /// The earliest and latest time of an entry.
    pub times: Option<(String, String)>,
    /// How many topics had publications.
    pub topics: usize,
    /// How many events were published.
    pub events: u64,
    /// For how many of them the bundle had hashes.
    pub event_hashes: u64,
}

/// A lane of an intact bundle.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LaneReport {
    /// Its origin.
    pub origin: String,
    /// The index of its first leaf in the bundle.
    pub start: u64,
    /// The size that the checkpoint signs.
    pub size: u64,
    /// The size of the earlier checkpoint that it extends, where one was given.
    pub extends: Option<u64>,
    /// How many others signed the checkpoint; not verified.
    pub cosignatures: usize,
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "The audit of {} as exported at {} is intact.", self.bus, self.exported_at)?;
        for lane in &self.lanes {
            let (leaves, start) = (lane.size - lane.start, lane.start);
            write!(
                f,
                "  {}: {leaves} leaves from number {start} on are the ones that were signed",
                lane.origin
            )?;
            if let Some(size) = lane.extends {
                write!(f, "; nothing before leaf {size} changed since the earlier checkpoint")?;
            }
            if lane.cosignatures > 0 {
                write!(f, "; {} other signatures, not checked", lane.cosignatures)?;
            }
            writeln!(f)?;
        }
        let entries: u64 = self.kinds.values().sum();
        write!(f, "  {entries} entries")?;
        if let Some((first, last)) = &self.times {
            write!(f, " from {first} to {last}")?;
        }
        let mut before = ": ";
        for (kind, count) in &self.kinds {
            write!(f, "{before}{count} {kind}")?;
            before = ", ";
        }
        writeln!(f)?;
        write!(
            f,
            "  {} events of {} topics were published without gap or overlap",
            self.events, self.topics
        )?;
        if self.event_hashes > 0 {
            write!(f, "; the hashes of {} are in the bundle and are the recorded ones", self.event_hashes)?;
        }
        writeln!(f)
    }
}

/// Something that is wrong, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// The lane, where it is of one.
    pub lane: Option<String>,
    /// The leaf's index, where it is of one.
    pub leaf: Option<u64>,
    /// The line of the bundle, from 1, where it is of one.
    pub line: Option<u64>,
    /// What is wrong.
    pub problem: Problem,
}

/// What is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Problem {
    /// The bundle could not be read on.
    Unreadable(std::io::ErrorKind),
    /// A line is longer than any that is written.
    LineTooLong,
    /// A line is not one of a bundle.
    NotALine,
    /// The header is missing, comes twice, is of another format or names a lane twice.
    Header,
    /// The lane's checkpoint is not signed by the key.
    Checkpoint(NoteError),
    /// The checkpoint is of another tree than the header says.
    Origin {
        /// The origin that was signed.
        signed: String,
    },
    /// The hashes of the leaves before the start do not fit their number, or the start is after the end.
    Start,
    /// The header has no such lane.
    UnknownLane,
    /// A leaf is missing, comes twice or comes too late.
    Order {
        /// The index that should come.
        expected: u64,
    },
    /// More leaves than were signed.
    BeyondCheckpoint,
    /// Fewer leaves than were signed.
    Missing {
        /// How many leaves the checkpoint signs.
        signed: u64,
    },
    /// The leaves are not the ones that were signed.
    Root,
    /// A leaf is not an audit entry.
    Entry,
    /// A leaf is of another lane than its entry says.
    OtherLane,
    /// A range ends beyond the largest number.
    RangeOverflows,
    /// Offsets that no publication has.
    Gap {
        /// The topic.
        topic: String,
        /// The partition.
        partition: u32,
        /// The offset that should come.
        expected: u64,
        /// The offset that came.
        first: u64,
    },
    /// Offsets that two publications have.
    Overlap {
        /// The topic.
        topic: String,
        /// The partition.
        partition: u32,
        /// The offset that should come.
        expected: u64,
        /// The offset that came.
        first: u64,
    },
    /// So many gaps and overlaps that the rest was not looked at.
    TooManyBreaks,
    /// Event hashes that belong to no publication just before them, or too many of them.
    StrayHashes,
    /// Only some of a publication's event hashes.
    IncompleteHashes,
    /// The event hashes are not the ones that the publication recorded.
    EventRoot,
    /// The earlier checkpoint is not signed by the key.
    Previous(NoteError),
    /// The tree has fewer leaves than it had.
    Rewound {
        /// How many it had.
        before: u64,
    },
    /// The tree is not an extension of the earlier one.
    Forked {
        /// The size of the earlier tree.
        before: u64,
    },
    /// The bundle begins after the earlier checkpoint and has no proof that reaches back to it.
    Unconnected {
        /// The size of the earlier tree.
        before: u64,
    },
    /// The bundle leaves out a lane of which there is an earlier checkpoint.
    LaneLeftOut {
        /// Its origin.
        origin: String,
    },
    /// A consistency proof does not prove what it should.
    Proof(ProofError),
    /// There is more, which is not listed.
    More,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(lane) = &self.lane {
            write!(f, "lane {lane}, ")?;
        }
        if let Some(leaf) = self.leaf {
            write!(f, "leaf {leaf}, ")?;
        }
        match self.line {
            Some(line) => write!(f, "line {line}: {}", self.problem),
            None => write!(f, "whole bundle: {}", self.problem),
        }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Problem::Unreadable(kind) => write!(f, "the bundle cannot be read on: {kind}"),
            Problem::LineTooLong => f.write_str("the line is longer than any that is written"),
            Problem::NotALine => f.write_str("this is not a line of an audit bundle"),
            Problem::Header => f.write_str("one header is needed, first, of format 1, with each lane once"),
            Problem::Checkpoint(error) => write!(f, "the checkpoint is not the bus's: {error}"),
            Problem::Origin { signed } => write!(f, "the checkpoint is of another tree, {signed:?}"),
            Problem::Start => f.write_str("the hashes before the first leaf do not fit its index"),
            Problem::UnknownLane => f.write_str("the header has no such lane"),
            Problem::Order { expected } => write!(f, "leaf {expected} should come here"),
            Problem::BeyondCheckpoint => f.write_str("the leaf is beyond what was signed"),
            Problem::Missing { signed } => write!(f, "the bundle ends here, but {signed} leaves were signed"),
            Problem::Root => {
                f.write_str("the leaves are not the ones that were signed: at least one was altered")
            }
            Problem::Entry => f.write_str("the leaf is not an audit entry"),
            Problem::OtherLane => f.write_str("the entry says that it is of another lane"),
            Problem::RangeOverflows => f.write_str("a range of events ends beyond the largest number"),
            Problem::Gap { topic, partition, expected, first } => write!(
                f,
                "events are missing: {topic}, partition {partition}, goes on at {first} instead of {expected}"
            ),
            Problem::Overlap { topic, partition, expected, first } => write!(
                f,
                "events were published twice: {topic}, partition {partition}, goes on at {first} instead of {expected}"
            ),
            Problem::TooManyBreaks => f.write_str("too many gaps and overlaps to go on looking for them"),
            Problem::StrayHashes => f.write_str("these event hashes belong to no publication before them"),
            Problem::IncompleteHashes => f.write_str("some event hashes of the publication are missing"),
            Problem::EventRoot => {
                f.write_str("the event hashes are not the ones that the publication recorded")
            }
            Problem::Previous(error) => write!(f, "the earlier checkpoint is not the bus's: {error}"),
            Problem::Rewound { before } => write!(f, "the audit was cut back: it once had {before} leaves"),
            Problem::Forked { before } => {
                write!(f, "the audit was rewritten: it does not extend its earlier state of {before} leaves")
            }
            Problem::Unconnected { before } => write!(
                f,
                "nothing connects the bundle with the earlier checkpoint of {before} leaves: export from there"
            ),
            Problem::LaneLeftOut { origin } => {
                write!(f, "{origin} is left out, of which an earlier checkpoint exists")
            }
            Problem::Proof(error) => write!(f, "the consistency proof does not hold: {error}"),
            Problem::More => f.write_str("there is more that is not listed"),
        }
    }
}
