//! What logical types ask of the values of their base types.
//!
//! A logical type that Avro does not define is an annotation for others and asks nothing; one that it defines must
//! stand on its own base type, as readers would silently ignore it elsewhere.

use serde_json::{Map, Value};

use super::schema::Kind;

/// What a logical type asks of a value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Rule {
    /// A number in this range, which is told as `what`.
    Between { least: i64, most: i64, what: &'static str },
    /// RFC 4122 text: 8-4-4-4-12 hexadecimal digits.
    Uuid,
    /// A two's-complement, big-endian number of so many decimal digits at most.
    Decimal(Digits),
}

/// A number of decimal digits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Digits {
    pub(super) precision: u32,
    /// The largest number of that many digits, big-endian, without leading zeros.
    largest: Box<[u8]>,
}

/// More digits than any amount or measure has; computing with them costs a contract nothing.
const DIGITS: u64 = 1000;

/// 0001-01-01, in days before 1970-01-01.
const FIRST_DAY: i64 = -719_162;

/// 9999-12-31, in days after 1970-01-01.
const LAST_DAY: i64 = 2_932_896;

const DAY_MS: i64 = 86_400_000;

/// The rule that a type's attributes ask for; an error says what is wrong with them, and what to do.
pub(super) fn rule(
    attributes: &Map<String, Value>,
    kind: &Kind,
) -> Result<Option<Rule>, (String, &'static str)> {
    let Some(Value::String(name)) = attributes.get("logicalType") else { return Ok(None) };
    let between = |least, most, what| Ok(Some(Rule::Between { least, most, what }));
    match (name.as_str(), kind) {
        ("date", Kind::Int) => between(FIRST_DAY, LAST_DAY, "a date of the years 1 to 9999"),
        ("time-millis", Kind::Int) => between(0, DAY_MS - 1, "a time of day in milliseconds"),
        ("time-micros", Kind::Long) => between(0, DAY_MS * 1000 - 1, "a time of day in microseconds"),
        ("uuid", Kind::String) => Ok(Some(Rule::Uuid)),
        ("uuid", Kind::Fixed(16)) | ("duration", Kind::Fixed(12)) => Ok(None),
        ("decimal", Kind::Bytes | Kind::Fixed(_)) => decimal(attributes, kind).map(Some),
        (name, Kind::Long) if is_timestamp(name) => Ok(None),
        ("big-decimal", _) => Err((
            "the logical type big-decimal is read differently by different libraries".to_owned(),
            "use decimal, with `precision` and `scale`",
        )),
        (name, _) if is_known(name) => Err((
            format!("the logical type {name} does not stand on this type, so readers would ignore it"),
            "put it on its own type (date and time-millis int, other times long, uuid string, decimal bytes or \
             fixed, duration fixed of 12), or remove it",
        )),
        _ => Ok(None),
    }
}

/// Whether Avro gives this logical type a meaning.
pub(super) fn is_known(name: &str) -> bool {
    const OTHERS: [&str; 7] =
        ["date", "time-millis", "time-micros", "uuid", "decimal", "duration", "big-decimal"];
    OTHERS.contains(&name) || is_timestamp(name)
}

fn is_timestamp(name: &str) -> bool {
    let unit = name.strip_prefix("local-").unwrap_or(name).strip_prefix("timestamp-");
    matches!(unit, Some("millis" | "micros" | "nanos"))
}

fn decimal(attributes: &Map<String, Value>, kind: &Kind) -> Result<Rule, (String, &'static str)> {
    let remedy = "say `precision` (1 to 1000) and `scale` (0 to precision) as whole numbers";
    let precision = attributes.get("precision").and_then(Value::as_u64);
    let precision = precision.filter(|digits| (1..=DIGITS).contains(digits));
    let precision = precision.ok_or_else(|| ("the decimal's precision is not said".to_owned(), remedy))?;
    let scale = attributes.get("scale").map_or(Some(0), Value::as_u64);
    if scale.is_none_or(|scale| scale > precision) {
        return Err(("the decimal's scale is not between 0 and its precision".to_owned(), remedy));
    }
    let digits = Digits::new(precision as u32);
    if let Kind::Fixed(size) = kind
        && !digits.fit(*size)
    {
        let problem = format!("{size} bytes cannot hold every decimal of {precision} digits");
        return Err((problem, "make `size` larger or `precision` smaller"));
    }
    Ok(Rule::Decimal(digits))
}

impl Digits {
    fn new(precision: u32) -> Self {
        let mut largest: Vec<u8> = Vec::new();
        for _ in 0..precision {
            let mut carry = 9u16;
            for byte in largest.iter_mut().rev() {
                carry += u16::from(*byte) * 10;
                *byte = carry as u8;
                carry >>= 8;
            }
            if carry > 0 {
                largest.insert(0, carry as u8);
            }
        }
        Self { precision, largest: largest.into() }
    }

    /// Whether every such number fits in so many bytes, with its sign.
    fn fit(&self, size: usize) -> bool {
        let sign = usize::from(self.largest.first().is_some_and(|first| *first >= 0x80));
        self.largest.len() + sign <= size
    }

    /// Whether these bytes are a number of so many digits.
    pub(super) fn admit(&self, bytes: &[u8]) -> bool {
        let Some(first) = bytes.first() else { return false };
        // -n is written as !(n - 1), so a negative number is in range where its inverted bytes are less than the
        // largest, and another where its bytes are at most that.
        let sign = if *first >= 0x80 { 0xff } else { 0 };
        let skipped = bytes.iter().take_while(|byte| **byte == sign).count();
        let digits = &bytes[skipped..];
        let inverted = digits.iter().map(|byte| byte ^ sign);
        let order =
            digits.len().cmp(&self.largest.len()).then_with(|| inverted.cmp(self.largest.iter().copied()));
        if sign == 0 { order.is_le() } else { order.is_lt() }
    }
}

/// Whether a text is a UUID as RFC 4122 writes it.
pub(super) fn is_uuid(text: &[u8]) -> bool {
    text.len() == 36
        && text.iter().enumerate().all(|(at, byte)| match at {
            8 | 13 | 18 | 23 => *byte == b'-',
            _ => byte.is_ascii_hexdigit(),
        })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_decimal_is_admitted_where_its_digits_are_few_enough(number: i128, shift in 0u32..127, precision in 1u32..39, padding in 0usize..3) {
            let number = number >> shift;
            let mut bytes = vec![if number < 0 { 0xff } else { 0 }; padding];
            bytes.extend(number.to_be_bytes());
            let fits = number.unsigned_abs() < 10u128.pow(precision);
            prop_assert_eq!(Digits::new(precision).admit(&bytes), fits, "{} {}", number, precision);
        }
    }

    #[test]
    fn the_borders_of_decimals_are_exact() {
        let digits = Digits::new(2);
        let cases = [
            (vec![99], true),
            (vec![100], false),
            ((-99i8).to_be_bytes().to_vec(), true),
            ((-100i8).to_be_bytes().to_vec(), false),
            (vec![0, 0, 99], true),
            (vec![0], true),
            (vec![0xff], true),
            (vec![0, 200], false),
            (vec![], false),
        ];
        for (bytes, admitted) in cases {
            assert_eq!(digits.admit(&bytes), admitted, "{bytes:?}");
        }
        assert!(Digits::new(2).fit(1) && !Digits::new(3).fit(1) && Digits::new(4).fit(2));
    }

    #[test]
    fn a_uuid_has_its_hyphens_in_their_places() {
        assert!(is_uuid(b"8c7b2c9e-53f6-4f8e-9c1d-0123456789aB"));
        assert!(!is_uuid(b"8c7b2c9e053f6-4f8e-9c1d-0123456789aB"));
        assert!(!is_uuid(b"8c7b2c9e-53f6-4f8e-9c1d-0123456789a"));
        assert!(!is_uuid(b"8c7b2c9e-53f6-4f8e-9c1d-0123456789ag"));
    }
}
