//! Promises that were not kept, each with what an investigation needs: which event, where, what was seen instead.

use std::fmt;

use crate::events::{EventId, Place};

/// A promise that was not kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Violation {
    /// An acknowledged event is not in the log.
    Lost {
        /// The event.
        event: EventId,
        /// Where its receipt says that it is.
        receipt: Place,
    },
    /// An event stands elsewhere than its receipt says.
    Elsewhere {
        /// The event.
        event: EventId,
        /// Where its receipt says that it is.
        receipt: Place,
        /// Where it is.
        found: Place,
    },
    /// An event is in the log twice.
    Twice {
        /// The event.
        event: EventId,
        /// Its two places.
        places: [Place; 2],
    },
    /// An event's content is not what was published.
    Altered {
        /// The event.
        event: EventId,
        /// Where it is.
        found: Place,
        /// What differs.
        what: String,
    },
    /// The log holds an event that nobody sent.
    Unknown {
        /// The topic's name.
        topic: String,
        /// Where it is.
        found: Place,
        /// Its `source` and `id`.
        identity: String,
    },
    /// Offsets of a partition do not follow one another.
    Gap {
        /// The topic's name.
        topic: String,
        /// The offset that should come.
        expected: u64,
        /// What came.
        found: Place,
    },
    /// Two events of one publisher stand in the other order than it sent them.
    OutOfOrder {
        /// The event that was sent first and stands second.
        event: EventId,
        /// Where it is.
        found: Place,
        /// The serial of the event before it.
        before: u32,
    },
    /// One event got two receipts.
    OtherReceipt {
        /// The event.
        event: EventId,
        /// The first receipt.
        first: Place,
        /// The other one.
        second: Place,
    },
    /// An event that was sent again got an answer that does not fit.
    WrongAnswer {
        /// The event.
        event: EventId,
        /// What was wrong.
        what: String,
    },
    /// A subscription stands behind what was committed.
    Rewound {
        /// The subscription.
        subscription: String,
        /// The partition.
        partition: u32,
        /// What the bus acknowledged.
        committed: u64,
        /// Where it stands.
        place: u64,
    },
    /// A subscription stands beyond everything that was ever committed for it.
    Ahead {
        /// The subscription.
        subscription: String,
        /// The partition.
        partition: u32,
        /// The furthest that was asked for.
        asked: u64,
        /// Where it stands.
        place: u64,
    },
    /// The audit does not verify.
    Audit(String),
    /// The bus gave an answer that it must not give.
    Answer(String),
    /// A client did not get what it must.
    Client(String),
    /// The bus ended by itself or could not start again.
    Ended(String),
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Lost { event, receipt } => {
                write!(f, "lost: {event} was acknowledged at {receipt} and is not in the log")
            }
            Self::Elsewhere { event, receipt, found } => {
                write!(f, "elsewhere: {event} was acknowledged at {receipt} and stands at {found}")
            }
            Self::Twice { event, places: [first, second] } => {
                write!(f, "twice: {event} stands at {first} and at {second}")
            }
            Self::Altered { event, found, what } => write!(f, "altered: {event} at {found}: {what}"),
            Self::Unknown { topic, found, identity } => {
                write!(f, "unknown: {topic} has at {found} an event that nobody sent, {identity}")
            }
            Self::Gap { topic, expected, found } => {
                write!(f, "gap: {topic} goes on at {found} where offset {expected} should come")
            }
            Self::OutOfOrder { event, found, before } => {
                write!(
                    f,
                    "out of order: {event} stands at {found}, behind the same publisher's number {before}"
                )
            }
            Self::OtherReceipt { event, first, second } => {
                write!(f, "two receipts: {event} got {first} and then {second}")
            }
            Self::WrongAnswer { event, what } => write!(f, "wrong answer: {event}: {what}"),
            Self::Rewound { subscription, partition, committed, place } => write!(
                f,
                "rewound: {subscription} stands at {place} in partition {partition}, behind the acknowledged commit of {committed}"
            ),
            Self::Ahead { subscription, partition, asked, place } => write!(
                f,
                "ahead: {subscription} stands at {place} in partition {partition}, beyond the {asked} that was ever committed"
            ),
            Self::Audit(said) => write!(f, "audit: {said}"),
            Self::Answer(said) => write!(f, "answer: {said}"),
            Self::Client(said) => write!(f, "client: {said}"),
            Self::Ended(said) => write!(f, "ended: {said}"),
        }
    }
}

/// Why a run stops before its end.
#[derive(Debug)]
pub enum Halt {
    /// Something outside the bus: says nothing about its promises.
    Setup(String),
    /// Promises that were not kept.
    Broken(Vec<Violation>),
}

impl Halt {
    /// A failure of the surroundings, with what was being done.
    pub fn setup(doing: &str, error: impl fmt::Display) -> Self {
        Self::Setup(format!("{doing}: {error}"))
    }

    /// One broken promise.
    pub fn broken(violation: Violation) -> Self {
        Self::Broken(vec![violation])
    }
}

impl fmt::Display for Halt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        /// More of them repeat themselves.
        const SHOWN: usize = 40;
        match self {
            Self::Setup(said) => write!(f, "could not go on: {said}"),
            Self::Broken(violations) => {
                writeln!(f, "{} broken promises:", violations.len())?;
                violations.iter().take(SHOWN).try_for_each(|violation| writeln!(f, "  {violation}"))?;
                let more = violations.len().saturating_sub(SHOWN);
                if more > 0 { write!(f, "  … and {more} more") } else { Ok(()) }
            }
        }
    }
}

impl std::error::Error for Halt {}

/// Nothing, or every broken promise.
pub fn none_broken(violations: Vec<Violation>) -> Result<(), Halt> {
    if violations.is_empty() { Ok(()) } else { Err(Halt::Broken(violations)) }
}
