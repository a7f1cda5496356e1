//! What is written in ways of its own: accounts, cards, addresses of mail, telephone numbers, machine-readable zones of
//! passports, places on the map.

use super::digits::{digit, is_day, luhn, number};

/// ISO 13616: letters and digits together, or in groups of four.
pub(super) fn iban(text: &[u8], start: usize) -> bool {
    let begins = |byte: &[u8]| {
        byte.len() == 4
            && byte[..2].iter().all(u8::is_ascii_uppercase)
            && byte[2..].iter().all(u8::is_ascii_digit)
    };
    if !text.get(start..start + 4).is_some_and(begins) {
        return false;
    }
    let mut account = String::with_capacity(LONGEST_IBAN);
    let near = &text[start..text.len().min(start + 2 * LONGEST_IBAN)];
    for group in near.split(|byte| *byte == b' ') {
        let length = group.iter().take_while(|byte| byte.is_ascii_alphanumeric()).count();
        account.extend(group[..length].iter().map(|byte| char::from(*byte)));
        let is_last = length < group.len() || length != 4;
        // What follows an account may look like one more group of it.
        if account.len() > LONGEST_IBAN
            || (account.len() >= SHORTEST_IBAN && account.parse::<iban::Iban>().is_ok())
        {
            return account.len() <= LONGEST_IBAN;
        }
        if is_last {
            return false;
        }
    }
    false
}

/// Letters and digits that an account has at least.
pub(super) const SHORTEST_IBAN: usize = 15;
const LONGEST_IBAN: usize = 34;

/// ISO/IEC 7812: 13 to 19 digits of a network of payment cards, the last Luhn's.
pub(super) fn is_payment_card(code: &[u8]) -> bool {
    let (two, four) = (number(&code[..2]), number(&code[..4]));
    let known = match code.len() {
        15 => matches!(two, 34 | 37),
        16 => {
            code[0] == b'4' || matches!(two, 51..=55 | 65) || matches!(four, 2221..=2720 | 3528..=3589 | 6011)
        }
        _ => false,
    };
    known && luhn(code)
}

/// How cards are written.
pub(super) const CARD_SURE: &[&str] = &["9999 9999 9999 9999", "9999-9999-9999-9999", "9999 999999 99999"];
/// How cards are written besides.
pub(super) const CARD_WEAK: &[&str] = &["9999999999999999", "999999999999999"];

/// RFC 5321: the address around an `@`, with a domain of two names at least.
pub(super) fn is_email(text: &[u8], at: usize) -> bool {
    let is_local = |byte: &&u8| {
        byte.is_ascii_alphanumeric() || b"!#$%&'*+-/=?^_`{|}~.".contains(byte) || !byte.is_ascii()
    };
    let is_host =
        |byte: &&u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.') || !byte.is_ascii();
    let local = text[..at].iter().rev().take(64).take_while(is_local).count();
    let host = &text[at + 1..][..text[at + 1..].iter().take_while(is_host).count()];
    let host = host.strip_suffix(b".").unwrap_or(host);
    let mut names = host.rsplit(|byte| *byte == b'.');
    let top = names.next().unwrap_or_default();
    local > 0
        && top.len() >= 2
        && !top.iter().any(u8::is_ascii_digit)
        && names.next().is_some_and(|name| !name.is_empty())
}

/// ITU-T E.164: from a plus on, nine to fifteen digits and what customarily stands between them.
pub(super) fn is_telephone(text: &[u8], plus: usize) -> bool {
    let beside = plus.checked_sub(1).map(|before| text[before]);
    let (digits, begin) = dialled(&text[plus + 1..]);
    let is_country = matches!(begin, Some(b'1'..=b'9'));
    is_country
        && (9..=15).contains(&digits)
        && !beside.is_some_and(|byte| byte.is_ascii_alphanumeric() || byte == b'+')
}

/// A number as it is dialled within a country: from a zero or bracket on, eight to thirteen digits.
pub(super) fn is_dialled(text: &[u8], start: usize) -> bool {
    let (digits, _) = dialled(&text[start..]);
    let is_begin = text[start] == b'0' || (text[start] == b'(' && text.get(start + 1) == Some(&b'0'));
    is_begin && (FEWEST_DIALLED..=13).contains(&digits)
}

/// Digits of a telephone number at least.
pub(super) const FEWEST_DIALLED: usize = 8;

/// ITU-T E.164: a number has no more digits.
const MOST_DIALLED: usize = 15;

/// How many digits are dialled from here, and the first; none where a letter or another digit sign goes on behind.
fn dialled(text: &[u8]) -> (usize, Option<u8>) {
    let (mut digits, mut first, mut apart) = (0, None, 0);
    for byte in text {
        match byte {
            b'0'..=b'9' => {
                first = first.or(Some(*byte));
                (digits, apart) = (digits + 1, 0);
                if digits > MOST_DIALLED {
                    break;
                }
            }
            b' ' | b'-' | b'.' | b'/' | b'(' | b')' if apart < 2 => apart += 1,
            byte if apart == 0 && (byte.is_ascii_alphabetic() || matches!(byte, b'_' | b':' | b',')) => {
                // A comma or colon may end a sentence; a letter or time of day goes on.
                return if *byte == b',' { (digits, first) } else { (0, None) };
            }
            _ => break,
        }
    }
    (digits, first)
}

/// ICAO Doc 9303: the second line of a passport (44 signs) or a visa or card of two lines (36), or the second of three
/// lines of 30; by the check digits of its dates and, where it has one, of its number.
pub(super) fn is_mrz(zone: &[u8]) -> bool {
    let dated = |line: &[u8], at: usize| {
        let (date, check) = (&line[at..at + 6], line[at + 6]);
        date.iter().all(u8::is_ascii_digit)
            && is_day(number(&date[2..4]), number(&date[4..6]))
            && checks(date) == digit(check)
    };
    let of_two = |line: &[u8]| checks(&line[..9]) == digit(line[9]) && dated(line, 13) && dated(line, 21);
    let of_three =
        |line: &[u8]| dated(line, 0) && matches!(line[7], b'M' | b'F' | b'X' | b'<') && dated(line, 8);
    match zone.len() {
        44 | 36 => of_two(zone),
        88 | 72 => of_two(&zone[zone.len() / 2..]),
        30 => of_three(zone),
        60 | 90 => of_three(&zone[30..60]),
        _ => false,
    }
}

/// The check digit of signs: weights 7, 3, 1; letters from 10 on, `<` nothing.
fn checks(signs: &[u8]) -> u32 {
    let value = |byte: u8| match byte {
        b'0'..=b'9' => u32::from(byte - b'0'),
        b'A'..=b'Z' => u32::from(byte - b'A') + 10,
        _ => 0,
    };
    signs.iter().zip([7, 3, 1].iter().cycle()).map(|(byte, weight)| value(*byte) * weight).sum::<u32>() % 10
}

/// Latitude and longitude in degrees with four decimals at least (eleven metres), as in `52.37403, 4.88969`.
pub(super) fn is_place(text: &[u8], start: usize) -> bool {
    let Some((latitude, length)) = degrees(&text[start..]) else { return false };
    let between = text[start + length..].iter().take_while(|byte| b",; ".contains(byte)).count();
    let second = text.get(start + length + between..).and_then(degrees);
    (1..=2).contains(&between) && latitude <= 90.0 && second.is_some_and(|(longitude, _)| longitude <= 180.0)
}

/// Digits of degrees that are looked at.
const LONGEST_DEGREES: usize = 24;

/// Degrees without their sign, and how many bytes they take.
fn degrees(text: &[u8]) -> Option<(f64, usize)> {
    let sign = usize::from(matches!(text.first(), Some(b'-' | b'+')));
    let length = sign
        + text[sign..]
            .iter()
            .take(LONGEST_DEGREES)
            .take_while(|byte| byte.is_ascii_digit() || **byte == b'.')
            .count();
    let written = std::str::from_utf8(&text[sign..length]).ok()?.trim_end_matches('.');
    let (_, decimals) = written.split_once('.')?;
    (decimals.len() >= 4).then_some(())?;
    Some((written.parse().ok()?, sign + written.len()))
}
