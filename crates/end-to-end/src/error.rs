//! What can be wrong. No message repeats a value.

use std::fmt;

use crate::KeyId;
use crate::limits;

/// A text that is no sealed value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Malformed {
    /// It does not begin like one: most likely it is the value itself, in the clear.
    NotSealed,
    /// Longer than [`limits::TEXT_BYTES`].
    TooLong,
    /// Not base64url without padding.
    NotBase64,
    /// Sealed by a suite that this release does not know.
    UnknownSuite,
    /// What it says of itself does not hold.
    Form(&'static str),
}

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Malformed::NotSealed => f.write_str("is not sealed"),
            Malformed::TooLong => write!(f, "is longer than {} bytes", limits::TEXT_BYTES),
            Malformed::NotBase64 => f.write_str("is not base64url behind its prefix"),
            Malformed::UnknownSuite => f.write_str("is sealed by a suite that is not known here"),
            Malformed::Form(what) => write!(f, "is no sealed value: {what}"),
        }
    }
}

impl std::error::Error for Malformed {}

/// Why a value was not sealed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SealError {
    /// What is to be sealed is not one JSON value.
    NotJson,
    /// Longer than [`limits::VALUE_BYTES`].
    TooLong,
    /// More than [`limits::RECIPIENTS`].
    TooManyRecipients,
    /// An agency's name, or the place, is empty or too long.
    BadName,
    /// One key for two recipients.
    SameRecipientTwice(KeyId),
    /// A recipient's public key is none that can be sealed for.
    BadKey(KeyId),
    /// The system gives no randomness.
    NoRandomness,
}

impl fmt::Display for SealError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            SealError::NotJson => f.write_str("what is to be sealed is not one JSON value"),
            SealError::TooLong => write!(f, "a value is longer than {} bytes", limits::VALUE_BYTES),
            SealError::TooManyRecipients => write!(f, "more than {} recipients", limits::RECIPIENTS),
            SealError::BadName => f.write_str("a recipient's name or the place is empty or too long"),
            SealError::SameRecipientTwice(key) => write!(f, "the key {key} is named twice"),
            SealError::BadKey(key) => write!(f, "the key {key} cannot be sealed for"),
            SealError::NoRandomness => f.write_str("the system gives no randomness"),
        }
    }
}

impl std::error::Error for SealError {}

/// Why a value was not opened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OpenError {
    /// It is no sealed value.
    Malformed(Malformed),
    /// It was sealed for another place of the document.
    Misplaced,
    /// It was sealed for none of the keys given.
    NotForUs,
    /// It was changed, or belongs to another event or topic, or was sealed in bad faith.
    Forged,
}

impl fmt::Display for OpenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            OpenError::Malformed(what) => what.fmt(f),
            OpenError::Misplaced => f.write_str("was sealed for another place of the document"),
            OpenError::NotForUs => f.write_str("is sealed for none of the keys at hand"),
            OpenError::Forged => f.write_str("was changed, or belongs to another event or topic"),
        }
    }
}

impl std::error::Error for OpenError {}

impl From<Malformed> for OpenError {
    fn from(what: Malformed) -> Self {
        OpenError::Malformed(what)
    }
}
