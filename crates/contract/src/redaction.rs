//! What a reader sees in place of a value that it may not read: nothing, or a form that the contract gives.
//!
//! Pure decisions over texts. A form never shows more than it says: what is too short for a mask, or no date, is not
//! shown in part.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::check::Shape;
use crate::cloudevents::is_timestamp;

/// Most characters that a mask shows.
const SHOWN_MAX: u8 = 8;

/// Fewest characters that a mask hides.
const HIDDEN_MIN: usize = 4;

/// How a classified field looks to who is not cleared for its class.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "Option<String>", into = "String")]
pub enum Redaction {
    /// It is not there; an item of an array is `null`.
    #[default]
    Absent,
    /// It is there, as `null`.
    Null,
    /// Its first characters, 1 to 8; for each other one a `*`.
    First(u8),
    /// Its last characters, 1 to 8; for each other one a `*`.
    Last(u8),
    /// The year of a date or timestamp (RFC 3339): `1985`.
    Year,
    /// The year and month of it: `1985-03`.
    Month,
    /// A token in place of the person it is about: the same for one agency that reads, another for every other agency.
    Pseudonym,
}

impl Redaction {
    /// Whether a text stands in the value's place. The value is a text then.
    pub fn is_text(self) -> bool {
        !matches!(self, Redaction::Absent | Redaction::Null)
    }

    /// What is shown of `value`; `token` is the person's. None: nothing, as the form does not fit the value or has no text.
    ///
    /// A mask shows of what is long enough N characters, and hides at least four and at least N; in place of what is
    /// shorter there are as many `*` as one character less than long enough has, so that its length does not show.
    pub fn apply(self, value: &str, token: &str) -> Option<String> {
        match self {
            Redaction::Absent | Redaction::Null => None,
            Redaction::First(shown) => Some(masked(value, shown.into(), true)),
            Redaction::Last(shown) => Some(masked(value, shown.into(), false)),
            Redaction::Year => date(value).map(|date| date[..4].to_owned()),
            Redaction::Month => date(value).map(|date| date[..7].to_owned()),
            Redaction::Pseudonym => Some(token.to_owned()),
        }
    }

    /// Whether whatever this shows of any value, `other` shows too.
    pub fn shows_within(self, other: Redaction) -> bool {
        match (self, other) {
            (one, other) if one == other => true,
            (Redaction::Absent, _) | (Redaction::Year, Redaction::Month) => true,
            // Of what is no date, these show nothing.
            (Redaction::Null, other) => {
                !matches!(other, Redaction::Absent | Redaction::Year | Redaction::Month)
            }
            // A mask that shows less begins with shorter values.
            _ => false,
        }
    }

    /// A number from 0 to 63, 0 for absent. Frozen: stored events have it.
    fn code(self) -> u8 {
        match self {
            Redaction::Absent => 0,
            Redaction::Null => 1,
            Redaction::Year => 2,
            Redaction::Month => 3,
            Redaction::Pseudonym => 4,
            Redaction::First(shown) => 7 + shown,
            Redaction::Last(shown) => 15 + shown,
        }
    }

    /// What is not known, as of a later version, is absent.
    fn of_code(code: u8) -> Self {
        match code {
            1 => Redaction::Null,
            2 => Redaction::Year,
            3 => Redaction::Month,
            4 => Redaction::Pseudonym,
            8..=15 => Redaction::First(code - 7),
            16..=23 => Redaction::Last(code - 15),
            _ => Redaction::Absent,
        }
    }
}

/// The text with all but its first or last characters replaced; what pads it out hides nothing.
fn masked(text: &str, shown: usize, first: bool) -> String {
    let text = text.trim();
    let count = text.chars().count();
    let enough = shown + shown.max(HIDDEN_MIN);
    if count < enough {
        return "*".repeat(enough - 1);
    }
    let hidden = count - shown;
    let at = text.char_indices().nth(if first { shown } else { hidden }).map_or(text.len(), |(at, _)| at);
    match first {
        true => format!("{}{}", &text[..at], "*".repeat(hidden)),
        false => format!("{}{}", "*".repeat(hidden), &text[at..]),
    }
}

/// The date of a full-date or date-time (RFC 3339, section 5.6): its first ten characters.
fn date(text: &str) -> Option<&str> {
    let date = text.get(..10)?;
    let digits = date.bytes().enumerate().all(|(at, byte)| match at {
        4 | 7 => byte == b'-',
        _ => byte.is_ascii_digit(),
    });
    let number = |from: usize, to: usize| date.get(from..to).and_then(|digits| digits.parse::<i16>().ok());
    let (year, month, day) = (number(0, 4)?, number(5, 7)?, number(8, 10)?);
    let is_date = digits && jiff::civil::Date::new(year, month as i8, day as i8).is_ok();
    (is_date && (text.len() == 10 || is_timestamp(text))).then_some(date)
}

impl fmt::Display for Redaction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Redaction::Absent => f.write_str("absent"),
            Redaction::Null => f.write_str("null"),
            Redaction::First(shown) => write!(f, "first {shown}"),
            Redaction::Last(shown) => write!(f, "last {shown}"),
            Redaction::Year => f.write_str("year"),
            Redaction::Month => f.write_str("month"),
            Redaction::Pseudonym => f.write_str("pseudonym"),
        }
    }
}

/// A text that is no form of a redaction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NoRedaction(String);

impl fmt::Display for NoRedaction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{:?} is no form of a redaction: use absent, null, first N, last N (N from 1 to {SHOWN_MAX}), year, month or \
             pseudonym",
            self.0
        )
    }
}

impl std::error::Error for NoRedaction {}

impl FromStr for Redaction {
    type Err = NoRedaction;

    fn from_str(text: &str) -> Result<Self, NoRedaction> {
        let shown = |digit: &str| match digit.as_bytes() {
            [digit @ b'1'..=b'8'] => Some(digit - b'0'),
            _ => None,
        };
        let mask = match text.split_once(' ') {
            Some(("first", digit)) => shown(digit).map(Redaction::First),
            Some(("last", digit)) => shown(digit).map(Redaction::Last),
            _ => None,
        };
        mask.or(match text {
            "absent" => Some(Redaction::Absent),
            "null" => Some(Redaction::Null),
            "year" => Some(Redaction::Year),
            "month" => Some(Redaction::Month),
            "pseudonym" => Some(Redaction::Pseudonym),
            _ => None,
        })
        .ok_or_else(|| NoRedaction(text.chars().take(40).collect()))
    }
}

impl TryFrom<Option<String>> for Redaction {
    type Error = NoRedaction;

    /// In YAML and JSON a bare `null` is no text, and is meant.
    fn try_from(text: Option<String>) -> Result<Self, NoRedaction> {
        text.map_or(Ok(Redaction::Null), |text| text.parse())
    }
}

impl From<Redaction> for String {
    fn from(redaction: Redaction) -> String {
        redaction.to_string()
    }
}

/// All that a store has to know of a sealed span to redact it: one byte.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Look {
    /// What the span is in the document's syntax.
    pub shape: Shape,
    /// What is shown in its place.
    pub form: Redaction,
    /// In Avro, whether the value stands behind the number of a union's branch.
    pub in_union: bool,
}

const IN_UNION: u8 = 0x80;

impl Look {
    /// Nothing is shown.
    pub fn absent(shape: Shape) -> Self {
        Self { shape, form: Redaction::Absent, in_union: false }
    }

    /// The low two bits are the shape (0 member, 1 item, 2 whole), the next five the form, the highest says `in_union`.
    pub fn byte(self) -> u8 {
        let shape = match self.shape {
            Shape::Member => 0,
            Shape::Item => 1,
            Shape::Whole => 2,
        };
        let union = if self.in_union { IN_UNION } else { 0 };
        shape | self.form.code() << 2 | union
    }

    /// What a byte says; bytes that nobody wrote are read too.
    pub fn of(byte: u8) -> Self {
        let shape = match byte & 3 {
            0 => Shape::Member,
            1 => Shape::Item,
            _ => Shape::Whole,
        };
        Self { shape, form: Redaction::of_code((byte & !IN_UNION) >> 2), in_union: byte & IN_UNION != 0 }
    }

    /// Whether something is shown in place of a span with this byte: it must be opened for that.
    pub fn is_shown(byte: u8) -> bool {
        Look::of(byte).form != Redaction::Absent
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const FORMS: [&str; 7] = ["absent", "null", "first 1", "last 8", "year", "month", "pseudonym"];

    fn shown(form: &str, value: &str) -> Option<String> {
        form.parse::<Redaction>().unwrap().apply(value, "token")
    }

    #[test]
    fn a_mask_shows_so_many_characters_and_of_short_values_not_even_their_length() {
        assert_eq!(shown("last 4", "+31612345678").as_deref(), Some("********5678"));
        assert_eq!(shown("first 2", "Jansen").as_deref(), Some("Ja****"));
        assert_eq!(shown("last 1", "déjà✓").as_deref(), Some("****✓"));
        for short in ["", "1", "1234567"] {
            assert_eq!(shown("last 4", short).as_deref(), Some("*******"), "{short:?}");
        }
        assert_eq!(shown("first 4", "1234    ").as_deref(), Some("*******"), "blanks hide nothing");
        assert_eq!(shown("last 8", "123456789012345").as_deref(), Some("***************"));
        assert_eq!(shown("last 8", "1234567890123456").as_deref(), Some("********90123456"));
    }

    #[test]
    fn of_a_date_the_year_or_month_is_shown_and_of_any_other_text_nothing() {
        assert_eq!(shown("year", "1985-03-17").as_deref(), Some("1985"));
        assert_eq!(shown("month", "1985-03-17T04:05:06.7+02:00").as_deref(), Some("1985-03"));
        for other in
            ["", "1985", "1985-03", "1985-02-30", "1985-03-17 ", "17-03-1985", "1985-03-1é", "1985-03-17T"]
        {
            assert_eq!(shown("year", other), None, "{other:?}");
            assert_eq!(shown("month", other), None, "{other:?}");
        }
        assert_eq!(shown("pseudonym", "anything").as_deref(), Some("token"));
    }

    #[test]
    fn texts_of_forms_read_as_they_are_written_and_no_others() {
        for text in FORMS {
            assert_eq!(text.parse::<Redaction>().unwrap().to_string(), text);
        }
        for text in ["", "first", "first 0", "last 9", "last  4", "last 04", "Year", "last -1", "hidden"] {
            assert!(text.parse::<Redaction>().is_err(), "{text:?}");
        }
    }

    #[test]
    fn a_byte_of_before_there_were_forms_is_absent_and_any_byte_is_read() {
        for (byte, shape) in [(0, Shape::Member), (1, Shape::Item), (2, Shape::Whole)] {
            assert_eq!(Look::of(byte), Look::absent(shape));
            assert_eq!(Look::absent(shape).byte(), byte);
        }
        for byte in 0..=u8::MAX {
            let look = Look::of(byte);
            assert_eq!(Look::of(look.byte()), look);
            assert_eq!(Look::is_shown(byte), look.form != Redaction::Absent);
        }
        for (form, byte) in
            [("null", 4), ("year", 8), ("month", 12), ("pseudonym", 16), ("first 1", 32), ("last 8", 92)]
        {
            let form = form.parse().unwrap();
            let look = Look { shape: Shape::Member, form, in_union: false };
            assert_eq!((look.byte(), Look::of(byte)), (byte, look), "{form}");
            let look = Look { in_union: true, shape: Shape::Item, ..look };
            assert_eq!((look.byte(), Look::of(byte + 129)), (byte + 129, look), "{form}");
        }
    }

    #[test]
    fn what_shows_no_more_is_told_from_what_may() {
        let within =
            |one: &str, other: &str| one.parse::<Redaction>().unwrap().shows_within(other.parse().unwrap());
        assert!(within("absent", "null") && within("null", "last 4") && within("year", "month"));
        assert!(!within("null", "absent") && !within("month", "year") && !within("last 4", "first 4"));
        assert!(!within("last 2", "last 4"), "a shorter value is shown by the one and not by the other");
    }

    proptest! {
        #[test]
        fn no_text_is_shown_beyond_its_form(value in any::<String>(), shown in 1u8..=8, long in 0usize..3) {
            let value = value.repeat(1 << (4 * long));
            // What pads a text out hides nothing.
            let text = value.trim();
            let count = text.chars().count();
            for (form, first) in [(Redaction::First(shown), true), (Redaction::Last(shown), false)] {
                let masked = form.apply(&value, "").unwrap();
                let same = |(one, other): (char, char)| one == other;
                let kept = match first {
                    true => masked.chars().zip(text.chars()).take(shown.into()).take_while(|it| same(*it)).count(),
                    false => {
                        let pairs = masked.chars().rev().zip(text.chars().rev());
                        pairs.take(shown.into()).take_while(|it| same(*it)).count()
                    }
                };
                let stars = masked.chars().filter(|it| *it == '*').count();
                let enough = usize::from(shown) + usize::from(shown).max(4);
                if count >= enough {
                    prop_assert_eq!(kept, usize::from(shown));
                    prop_assert_eq!(masked.chars().count(), count);
                    prop_assert!(stars >= count - usize::from(shown));
                } else {
                    prop_assert_eq!(stars, enough - 1);
                    prop_assert_eq!(masked.chars().count(), stars);
                }
            }
            for form in [Redaction::Year, Redaction::Month] {
                let shown = form.apply(&value, "").unwrap_or_default();
                prop_assert!(value.starts_with(&shown) && shown.len() <= 7);
            }
        }

        #[test]
        fn dates_show_their_beginning(year in 0u16..=9999, month in 1u8..=12, day in 1u8..=28) {
            let date = format!("{year:04}-{month:02}-{day:02}");
            prop_assert_eq!(Redaction::Year.apply(&date, ""), Some(date[..4].to_owned()));
            prop_assert_eq!(Redaction::Month.apply(&date, ""), Some(date[..7].to_owned()));
        }
    }
}
