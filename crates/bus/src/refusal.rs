//! What a caller gets instead of what it asked for: a stable code, a sentence that names what and where, and a hint
//! that says what to do. Never a payload's value.

use std::fmt;

/// Why the bus did not do it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// The kind; doors map it to their protocol's error.
    pub kind: RefusalKind,
    /// One sentence: topic, contract version, field, what is wrong.
    pub text: String,
    /// What the caller can do about it.
    pub hint: Option<String>,
    /// Which rule of governance it broke, for doors whose protocol tells them apart: `incompatible`.
    pub code: Option<&'static str>,
}

/// The kinds of refusal. The code of each is stable: metrics, audit entries and doors carry it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum RefusalKind {
    /// No token, or one that nobody holds.
    Unauthenticated,
    /// The caller may not do this.
    Forbidden,
    /// There is no such topic, subscription, event …
    Unknown,
    /// The request itself cannot be read.
    Malformed,
    /// The event breaks its contract.
    Contract,
    /// An identity that was seen with other content, or a decision that the state of things does not allow.
    Conflict,
    /// Nothing is wrong with the event, but with another one of its batch.
    Abandoned,
    /// A producer's batch that does not follow its last one.
    OutOfOrder,
    /// A newer instance of the producer has taken its place.
    Fenced,
    /// Larger than the bus takes.
    TooLarge,
    /// Too much at once; try again.
    Throttled,
    /// The bus cannot do it now: the journal takes no writes, or a key is out of reach.
    Unavailable,
}

impl RefusalKind {
    /// The stable code.
    pub fn code(self) -> &'static str {
        match self {
            RefusalKind::Unauthenticated => "unauthenticated",
            RefusalKind::Forbidden => "forbidden",
            RefusalKind::Unknown => "unknown",
            RefusalKind::Malformed => "malformed",
            RefusalKind::Contract => "contract",
            RefusalKind::Conflict => "conflict",
            RefusalKind::Abandoned => "abandoned",
            RefusalKind::OutOfOrder => "out-of-order",
            RefusalKind::Fenced => "fenced",
            RefusalKind::TooLarge => "too-large",
            RefusalKind::Throttled => "throttled",
            RefusalKind::Unavailable => "unavailable",
        }
    }
}

impl Refusal {
    /// A refusal without a hint.
    pub fn new(kind: RefusalKind, text: impl Into<String>) -> Self {
        Self { kind, text: text.into(), hint: None, code: None }
    }

    /// The same with a hint.
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// The journal or a key is out of reach.
    pub fn unavailable(text: impl Into<String>) -> Self {
        Self::new(RefusalKind::Unavailable, text)
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)?;
        match &self.hint {
            Some(hint) => write!(f, " ({hint})"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for Refusal {}

impl From<journal::JournalError> for Refusal {
    fn from(error: journal::JournalError) -> Self {
        Refusal::unavailable(format!("the journal does not take this now: {error}"))
            .hint("nothing was acknowledged; ask the bus's operator, then send it again")
    }
}

impl From<governance::Refused> for Refusal {
    fn from(refused: governance::Refused) -> Self {
        let kind = match refused.code {
            "not-allowed" | "forbidden-by-standards" | "subscription-not-live" | "topic-suspended" => {
                RefusalKind::Forbidden
            }
            "unknown" | "unknown-subject" | "unknown-version" | "nothing-sealed" => RefusalKind::Unknown,
            "unavailable" => RefusalKind::Unavailable,
            "malformed" => RefusalKind::Malformed,
            "migration-fails" => RefusalKind::Contract,
            _ => RefusalKind::Conflict,
        };
        Refusal { kind, text: refused.text, hint: refused.hint, code: Some(refused.code) }
    }
}
