//! Recognises national identifiers by form and checksum, so that none is published in the clear where an event says
//! what it is about.
//!
//! Each form asks for its whole text with the separators that are customary for it. A bare number can fit a checksum
//! by chance (one in eleven for the weakest form); whoever is refused wrongly can write a prefix before it.

/// The name of the form that `text` has, if it has one.
pub fn looks_like_national_id(text: &str) -> Option<&'static str> {
    let text = text.trim();
    // Shorter or longer than every form; also keeps the work on long subjects constant.
    if !(9..=21).contains(&text.len()) || !text.is_ascii() {
        return None;
    }
    let forms: [(&str, fn(&str) -> bool); 8] = [
        ("an Italian codice fiscale", is_codice_fiscale),
        ("a Spanish DNI or NIE", is_dni),
        ("a French NIR", is_nir),
        ("a United States social security number", is_ssn),
        ("a Swedish personnummer", is_personnummer),
        ("a German tax identification number", is_steuer_id),
        ("an Estonian or Lithuanian personal code", is_baltic_code),
        ("a Dutch burgerservicenummer", is_bsn),
    ];
    forms.iter().find(|(_, form)| form(text)).map(|(name, _)| *name)
}

/// The digits of `text`, where it is nothing else but spaces and the given separators between them.
fn digits(text: &str, separators: &[u8]) -> Option<Vec<u32>> {
    let mut digits = Vec::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'0'..=b'9' => digits.push(u32::from(byte - b'0')),
            separator if separator == b' ' || separators.contains(&separator) => {}
            _ => return None,
        }
    }
    Some(digits)
}

fn number(digits: &[u32]) -> u64 {
    digits.iter().fold(0, |number, digit| number * 10 + u64::from(*digit))
}

fn weighted(digits: &[u32], weights: &[u32]) -> u32 {
    digits.iter().zip(weights).map(|(digit, weight)| digit * weight).sum()
}

fn is_date(month: u64, day: u64) -> bool {
    (1..=12).contains(&month) && (1..=31).contains(&day)
}

/// Netherlands: nine digits, the "elfproef" with weight -1 for the last.
fn is_bsn(text: &str) -> bool {
    let Some(digits) = digits(text, b".") else { return false };
    let [body @ .., last] = digits.as_slice() else { return false };
    body.len() == 8
        && digits.iter().any(|digit| *digit != 0)
        && weighted(body, &[9, 8, 7, 6, 5, 4, 3, 2]) % 11 == *last
}

/// Germany: eleven digits, one of the first ten occurs twice or three times, ISO 7064 MOD 11,10.
fn is_steuer_id(text: &str) -> bool {
    let Some(digits) = digits(text, b"/") else { return false };
    if digits.len() != 11 || digits[0] == 0 {
        return false;
    }
    let count = |wanted: u32| digits[..10].iter().filter(|digit| **digit == wanted).count();
    let counts: Vec<usize> = (0..10).map(count).collect();
    let repeated = counts.iter().filter(|count| **count > 1).count();
    if repeated != 1 || counts.iter().any(|count| *count > 3) {
        return false;
    }
    let product = digits[..10].iter().fold(10, |product, digit| {
        let sum = (digit + product) % 10;
        (if sum == 0 { 10 } else { sum }) * 2 % 11
    });
    (11 - product) % 10 == digits[10]
}

/// France: sex, year, month, département, commune, order, and 97 minus the rest modulo 97; 2A and 2B for Corsica.
fn is_nir(text: &str) -> bool {
    let compact: String = text.chars().filter(|c| *c != ' ').map(|c| c.to_ascii_uppercase()).collect();
    if compact.len() != 15 || !compact.is_ascii() {
        return false;
    }
    // The letters stand for a lower number: 2A counts as 19, 2B as 18.
    let numeric = match &compact[5..7] {
        "2A" => format!("{}19{}", &compact[..5], &compact[7..]),
        "2B" => format!("{}18{}", &compact[..5], &compact[7..]),
        _ => compact,
    };
    let Some(digits) = digits(&numeric, b"") else { return false };
    let month = number(&digits[3..5]);
    let known_month = (1..=12).contains(&month) || (20..=42).contains(&month) || month >= 50;
    matches!(digits[0], 1..=4 | 7 | 8)
        && known_month
        && number(&digits[13..]) == 97 - number(&digits[..13]) % 97
}

/// Italy: six letters, year, month letter, day, place, check letter.
fn is_codice_fiscale(text: &str) -> bool {
    /// Values of 0-9 and A-Z at odd places (counted from one), as the decree of 1976 lists them.
    const ODD: [u32; 26] =
        [1, 0, 5, 7, 9, 13, 15, 17, 19, 21, 2, 4, 18, 20, 11, 3, 6, 8, 12, 14, 16, 10, 22, 25, 24, 23];
    let code = text.to_ascii_uppercase();
    let bytes = code.as_bytes();
    // Where a code would be given twice, digits are replaced by letters of this list.
    let is_digit = |byte: &u8| byte.is_ascii_digit() || b"LMNPQRSTUV".contains(byte);
    let fits = bytes.len() == 16
        && bytes.iter().enumerate().all(|(at, byte)| match at {
            6 | 7 | 9 | 10 | 12..=14 => is_digit(byte),
            8 => b"ABCDEHLMPRST".contains(byte),
            _ => byte.is_ascii_uppercase(),
        });
    if !fits {
        return false;
    }
    let rank = |byte: u8| u32::from(if byte.is_ascii_digit() { byte - b'0' } else { byte - b'A' });
    let value = |(at, byte): (usize, &u8)| if at % 2 == 0 { ODD[rank(*byte) as usize] } else { rank(*byte) };
    let sum: u32 = bytes[..15].iter().enumerate().map(value).sum();
    sum % 26 == rank(bytes[15])
}

/// Spain: eight digits (or X, Y, Z and seven) and the letter of their remainder by 23.
fn is_dni(text: &str) -> bool {
    let compact: String =
        text.chars().filter(|c| !matches!(c, '-' | ' ')).map(|c| c.to_ascii_uppercase()).collect();
    if compact.len() != 9 {
        return false;
    }
    let (body, letter) = compact.split_at(8);
    let body = match body.as_bytes()[0] {
        b'X' => format!("0{}", &body[1..]),
        b'Y' => format!("1{}", &body[1..]),
        b'Z' => format!("2{}", &body[1..]),
        _ => body.to_owned(),
    };
    let Some(digits) = digits(&body, b"").filter(|digits| digits.len() == 8) else { return false };
    let wanted = b"TRWAGMYFPDXBNJZSQVHLCKE"[(number(&digits) % 23) as usize];
    letter.as_bytes() == [wanted]
}

/// Estonia, Lithuania: century and sex, date of birth, order, two-pass check digit.
fn is_baltic_code(text: &str) -> bool {
    let Some(digits) = digits(text, b"") else { return false };
    if digits.len() != 11
        || !(1..=8).contains(&digits[0])
        || !is_date(number(&digits[3..5]), number(&digits[5..7]))
    {
        return false;
    }
    let first = weighted(&digits[..10], &[1, 2, 3, 4, 5, 6, 7, 8, 9, 1]) % 11;
    let second = weighted(&digits[..10], &[3, 4, 5, 6, 7, 8, 9, 1, 2, 3]) % 11;
    let check = if first < 10 { first } else { second % 10 };
    check == digits[10]
}

/// United States: three, two and four digits with hyphens, outside the ranges never issued. It has no checksum, so
/// nine bare digits are not taken for one.
fn is_ssn(text: &str) -> bool {
    let mut parts = text.split('-');
    let mut part = |length: usize| {
        let part = parts.next()?;
        (part.len() == length).then(|| digits(part, b"")).flatten().filter(|digits| digits.len() == length)
    };
    let (Some(area), Some(group), Some(serial)) = (part(3), part(2), part(4)) else { return false };
    let area = number(&area);
    parts.next().is_none()
        && (1..900).contains(&area)
        && area != 666
        && number(&group) > 0
        && number(&serial) > 0
}

/// Sweden: date of birth, order and a Luhn digit over the last ten; sixty is added to the day of a coordination
/// number. With ten digits the hyphen (plus from the age of a hundred) is asked for.
fn is_personnummer(text: &str) -> bool {
    let Some(all) = digits(text, b"-+") else { return false };
    let hyphen = text.len() >= 5 && matches!(text.as_bytes()[text.len() - 5], b'-' | b'+');
    let digits = match all.len() {
        10 if hyphen => all.as_slice(),
        12 if matches!(number(&all[..2]), 18..=20) => &all[2..],
        _ => return false,
    };
    let day = number(&digits[4..6]);
    let luhn = |(at, digit): (usize, &u32)| {
        let value = digit * if at % 2 == 0 { 2 } else { 1 };
        value / 10 + value % 10
    };
    let sum: u32 = digits.iter().enumerate().map(luhn).sum();
    is_date(number(&digits[2..4]), if day > 60 { day - 60 } else { day }) && sum % 10 == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn published_examples_are_recognised() {
        let examples = [
            ("111222333", "a Dutch burgerservicenummer"),
            ("123456782", "a Dutch burgerservicenummer"),
            ("86095742719", "a German tax identification number"),
            ("47036892816", "a German tax identification number"),
            ("65929970489", "a German tax identification number"),
            ("2 55 08 14 168 025 38", "a French NIR"),
            ("1 84 12 76 451 089 46", "a French NIR"),
            ("RSSMRA85T10A562S", "an Italian codice fiscale"),
            ("MRTMTT91D08F205J", "an Italian codice fiscale"),
            ("12345678Z", "a Spanish DNI or NIE"),
            ("X1234567L", "a Spanish DNI or NIE"),
            ("12345678-Z", "a Spanish DNI or NIE"),
            ("37605030299", "an Estonian or Lithuanian personal code"),
            ("33309240064", "an Estonian or Lithuanian personal code"),
            ("078-05-1120", "a United States social security number"),
            ("811228-9874", "a Swedish personnummer"),
            ("19811228-9874", "a Swedish personnummer"),
            ("670919-9530", "a Swedish personnummer"),
        ];
        for (text, name) in examples {
            assert_eq!(looks_like_national_id(text), Some(name), "{text}");
        }
    }

    #[test]
    fn a_wrong_check_digit_is_no_identifier() {
        let wrong = [
            "123456783",
            "000000000",
            "86095742718",
            "11111111111",
            "255081416802539",
            "RSSMRA85T10A562T",
            "12345678A",
            "X1234567M",
            "37605030298",
            "000-12-3456",
            "666-12-3456",
            "078-00-1120",
            "078051121",
            "811228-9873",
            "811328-9874",
            "8112289873",
        ];
        for text in wrong {
            assert_eq!(looks_like_national_id(text), None, "{text}");
        }
    }

    #[test]
    fn ordinary_subjects_are_no_identifiers() {
        let ordinary = [
            "",
            "births/2026/17",
            "order-4711",
            "a1b2c3d4e5f6",
            "2026-01-31",
            "/child",
            "é12345678",
            "registry-north-17",
            "urn:xx:births:123456782",
            "0c2f0a7e-4b7e-4a53-9d0c-5a7d1f1f0c11",
        ];
        for text in ordinary {
            assert_eq!(looks_like_national_id(text), None, "{text}");
        }
    }
}
