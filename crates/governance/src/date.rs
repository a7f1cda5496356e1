//! A day of the calendar, in UTC.

use std::fmt;

use serde::{Deserialize, Serialize};

const DAY_MS: i64 = 24 * 60 * 60 * 1000;

/// A day, `2030-01-01`. Something that expires on a day ends as that day begins, at 00:00 UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Date(jiff::civil::Date);

/// A text that is not a day.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DateError(String);

impl fmt::Display for DateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} is not a day of the calendar, such as 2030-01-01", self.0)
    }
}

impl std::error::Error for DateError {}

impl Date {
    /// Parses `YYYY-MM-DD`.
    pub fn parse(text: &str) -> Result<Self, DateError> {
        let bad = || DateError(text.chars().take(40).collect());
        // jiff also takes 20300101 and a time behind the day; one form is enough here.
        if text.len() != 10 || text.as_bytes()[4] != b'-' {
            return Err(bad());
        }
        text.parse().map(Self).map_err(|_| bad())
    }

    /// When the day begins, in milliseconds since 1970-01-01 UTC; days before that count as 0.
    pub fn starts_ms(self) -> u64 {
        let epoch = jiff::civil::date(1970, 1, 1);
        let days = epoch.duration_until(self.0).as_hours() / 24;
        u64::try_from(days * DAY_MS).unwrap_or(0)
    }
}

impl fmt::Display for Date {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl std::str::FromStr for Date {
    type Err = DateError;
    fn from_str(text: &str) -> Result<Self, DateError> {
        Self::parse(text)
    }
}

impl TryFrom<String> for Date {
    type Error = DateError;
    fn try_from(text: String) -> Result<Self, DateError> {
        Self::parse(&text)
    }
}

impl From<Date> for String {
    fn from(date: Date) -> String {
        date.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_begins_at_midnight_utc() {
        for (text, ms) in [
            ("1970-01-01", 0),
            ("1969-12-31", 0),
            ("1970-01-02", 86_400_000),
            ("2030-01-01", 1_893_456_000_000),
            ("9999-12-31", 253_402_214_400_000),
        ] {
            let date = Date::parse(text).unwrap();
            assert_eq!(date.starts_ms(), ms, "{text}");
            assert_eq!(date.to_string(), text);
        }
        for bad in ["", "2030", "20300101", "2030-02-30", "2030-01-01T00:00", "tomorrow!!"] {
            assert!(Date::parse(bad).is_err(), "{bad:?}");
        }
    }
}
