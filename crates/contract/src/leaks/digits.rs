//! Arithmetic of check digits, on ASCII digits.

/// The value of a digit; of anything else, no number that a check could accept by chance.
pub(super) fn digit(byte: u8) -> u32 {
    if byte.is_ascii_digit() { u32::from(byte - b'0') } else { 1_000_003 }
}

pub(super) fn number(digits: &[u8]) -> u64 {
    digits.iter().fold(0, |number, byte| number * 10 + u64::from(digit(*byte)))
}

/// The sum of each digit times its weight; what has no weight is not counted.
pub(super) fn weighted(digits: &[u8], weights: &[u32]) -> u32 {
    digits.iter().zip(weights).map(|(byte, weight)| digit(*byte) * weight).sum()
}

/// ISO/IEC 7812-1 annex B: the last digit is Luhn's.
pub(super) fn luhn(digits: &[u8]) -> bool {
    let doubled = |(at, byte): (usize, &u8)| {
        let value = digit(*byte) * if at % 2 == 1 { 2 } else { 1 };
        value / 10 + value % 10
    };
    digits.iter().rev().enumerate().map(doubled).sum::<u32>().is_multiple_of(10)
}

/// ISO 7064 MOD 11,10: the last digit checks the others.
pub(super) fn mod_11_10(digits: &[u8]) -> bool {
    let Some((last, body)) = digits.split_last() else { return false };
    let product = body.iter().fold(10, |product, byte| {
        let sum = (digit(*byte) + product) % 10;
        (if sum == 0 { 10 } else { sum }) * 2 % 11
    });
    (11 - product) % 10 == digit(*last)
}

/// Whether there is such a day in some year.
pub(super) fn is_day(month: u64, day: u64) -> bool {
    let days = match month {
        2 => 29,
        4 | 6 | 9 | 11 => 30,
        1 | 3 | 5 | 7 | 8 | 10 | 12 => 31,
        _ => return false,
    };
    (1..=days).contains(&day)
}

/// `YYMMDD`, the year of any century.
pub(super) fn is_yymmdd(digits: &[u8]) -> bool {
    digits.len() == 6 && is_day(number(&digits[2..4]), number(&digits[4..6]))
}

/// `DDMMYY`, the year of any century.
pub(super) fn is_ddmmyy(digits: &[u8]) -> bool {
    digits.len() == 6 && is_day(number(&digits[2..4]), number(&digits[..2]))
}
