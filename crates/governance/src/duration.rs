//! Spans of time as people write them in governance: `36h`, `90d`, `6w`, `10y`, and where they must be, seconds: `90s`.

use std::fmt;

const HOUR_S: u64 = 60 * 60;
const DAY_S: u64 = 24 * HOUR_S;

/// The units, largest first. A year is 365 days: a bound for machines, not an anniversary. There is no month and no
/// minute, because `m` would be read as either. Seconds are there so that every span has a text.
const UNITS: [(char, u64); 5] = [('y', 365 * DAY_S), ('w', 7 * DAY_S), ('d', DAY_S), ('h', HOUR_S), ('s', 1)];

/// A text that is not a span of time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DurationError(String);

impl fmt::Display for DurationError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} is not a span of time: a whole number and h, d, w or y, such as 90d", self.0)
    }
}

impl std::error::Error for DurationError {}

/// Parses a span of time into seconds.
pub fn parse_seconds(text: &str) -> Result<u64, DurationError> {
    let bad = || DurationError(text.chars().take(40).collect());
    let (unit, seconds) = UNITS.into_iter().find(|(unit, _)| text.ends_with(*unit)).ok_or_else(bad)?;
    let digits = text.strip_suffix(unit).ok_or_else(bad)?;
    if !digits.bytes().all(|b| b.is_ascii_digit()) {
        return Err(bad());
    }
    digits.parse::<u64>().ok().and_then(|count| count.checked_mul(seconds)).ok_or_else(bad)
}

/// The text of a span of time, in the largest unit that leaves no rest.
pub fn to_text(seconds: u64) -> String {
    match UNITS.into_iter().find(|(_, unit)| seconds > 0 && seconds.is_multiple_of(*unit)) {
        Some((unit, size)) => format!("{}{unit}", seconds / size),
        None => format!("{seconds}s"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_span_of_time_has_a_text() {
        for seconds in [0, 1, 90, 3_599, 3_600, 3_601, 86_400, u64::MAX] {
            assert_eq!(parse_seconds(&to_text(seconds)), Ok(seconds));
        }
    }

    #[test]
    fn spans_of_time_keep_their_text() {
        for (text, seconds) in [("36h", 129_600), ("90d", 7_776_000), ("6w", 3_628_800), ("10y", 315_360_000)]
        {
            assert_eq!(parse_seconds(text), Ok(seconds));
            assert_eq!(to_text(seconds), text);
        }
        for bad in ["", "y", "10", "10m", "-1d", "+1d", "1.5y", "10 d", "99999999999999999999y", "10ä"] {
            assert!(parse_seconds(bad).is_err(), "{bad:?}");
        }
    }
}
