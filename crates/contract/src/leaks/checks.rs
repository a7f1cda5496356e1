//! The checks of national identifiers: of letters and digits in upper case that are written in one of the form's layouts.

use super::digits::{digit, is_day, is_ddmmyy, is_yymmdd, luhn, mod_11_10, number, weighted};

/// Netherlands: nine digits, the "elfproef" with weight -1 for the last.
pub(super) fn is_bsn(code: &[u8]) -> bool {
    number(code) > 0 && weighted(&code[..8], &[9, 8, 7, 6, 5, 4, 3, 2]) % 11 == digit(code[8])
}

/// Germany: one of the first ten digits occurs twice or three times, ISO 7064 MOD 11,10.
pub(super) fn is_steuer_id(code: &[u8]) -> bool {
    let count = |wanted: u8| code[..10].iter().filter(|byte| **byte == wanted).count();
    let mut repeated = (b'0'..=b'9').map(count).filter(|count| *count > 1);
    code[0] != b'0' && matches!(repeated.next(), Some(2 | 3)) && repeated.next().is_none() && mod_11_10(code)
}

/// France: sex, year, month, département, commune, order, and 97 minus the rest modulo 97; 2A and 2B for Corsica.
pub(super) fn is_nir(code: &[u8]) -> bool {
    let mut code = code.to_vec();
    // The letters stand for a lower number: 2A counts as 19, 2B as 18.
    match &code[5..7] {
        b"2A" => code[5..7].copy_from_slice(b"19"),
        b"2B" => code[5..7].copy_from_slice(b"18"),
        _ => {}
    }
    let month = number(&code[3..5]);
    let is_known_month = (1..=12).contains(&month) || (20..=42).contains(&month) || month >= 50;
    code.iter().all(u8::is_ascii_digit)
        && matches!(code[0], b'1'..=b'4' | b'7' | b'8')
        && is_known_month
        && number(&code[13..]) == 97 - number(&code[..13]) % 97
}

/// Italy: six letters, year, month letter, day, place, check letter (decree of 23 December 1976).
pub(super) fn is_codice_fiscale(code: &[u8]) -> bool {
    /// Values of 0-9 and A-Z at odd places, counted from one.
    const ODD: [u32; 26] =
        [1, 0, 5, 7, 9, 13, 15, 17, 19, 21, 2, 4, 18, 20, 11, 3, 6, 8, 12, 14, 16, 10, 22, 25, 24, 23];
    let is_digit = |byte: &u8| byte.is_ascii_digit() || b"LMNPQRSTUV".contains(byte);
    let fits = code.iter().enumerate().all(|(at, byte)| match at {
        6 | 7 | 9 | 10 | 12..=14 => is_digit(byte),
        8 => b"ABCDEHLMPRST".contains(byte),
        _ => byte.is_ascii_uppercase(),
    });
    let rank = |byte: u8| usize::from(if byte.is_ascii_digit() { byte - b'0' } else { byte - b'A' });
    let value = |(at, byte): (usize, &u8)| if at % 2 == 0 { ODD[rank(*byte)] } else { rank(*byte) as u32 };
    code.len() == 16
        && fits
        && code[..15].iter().enumerate().map(value).sum::<u32>() % 26 == rank(code[15]) as u32
}

/// Spain: eight digits (or X, Y, Z and seven) and the letter of their remainder by 23.
pub(super) fn is_dni(code: &[u8]) -> bool {
    let (first, rest) = match code[0] {
        letter @ b'X'..=b'Z' => (u64::from(letter - b'X'), &code[1..8]),
        byte if byte.is_ascii_digit() => (0, &code[..8]),
        _ => return false,
    };
    let number = first * 10_000_000 + number(rest);
    code[8] == b"TRWAGMYFPDXBNJZSQVHLCKE"[(number % 23) as usize]
}

/// Estonia, Lithuania: century and sex, date of birth, order, a check digit in two passes.
pub(super) fn is_baltic_code(code: &[u8]) -> bool {
    let first = weighted(&code[..10], &[1, 2, 3, 4, 5, 6, 7, 8, 9, 1]) % 11;
    let second = weighted(&code[..10], &[3, 4, 5, 6, 7, 8, 9, 1, 2, 3]) % 11;
    let check = if first < 10 { first } else { second % 10 };
    matches!(code[0], b'1'..=b'8') && is_yymmdd(&code[1..7]) && check == digit(code[10])
}

/// Latvia: date of birth, century and order, a check digit; from 2017 on, 32 and no date.
pub(super) fn is_latvian(code: &[u8]) -> bool {
    let sum = weighted(&code[..10], &[10, 5, 8, 4, 2, 1, 6, 3, 7, 9]);
    let is_dated = is_ddmmyy(&code[..6]) && code[6] <= b'2';
    (code.starts_with(b"32") || is_dated) && (1 + sum) % 11 % 10 == digit(code[10])
}

/// United States: outside the ranges that are never issued. There is no checksum.
pub(super) fn is_ssn(code: &[u8]) -> bool {
    let area = number(&code[..3]);
    (1..900).contains(&area) && area != 666 && number(&code[3..5]) > 0 && number(&code[5..]) > 0
}

/// Sweden: date of birth, order and a Luhn digit over the last ten; sixty is added to the day of a coordination number.
pub(super) fn is_personnummer(code: &[u8]) -> bool {
    let (century, ten) = code.split_at(code.len() - 10);
    let day = number(&ten[4..6]);
    let is_known = century.is_empty() || matches!(number(century), 18..=20);
    is_known && is_day(number(&ten[2..4]), if day > 60 { day - 60 } else { day }) && luhn(ten)
}

/// Belgium: date of birth (months from 20 and 40 on for foreigners, without a date where it is not known), order,
/// 97 minus the rest modulo 97; those born from 2000 on with a 2 before.
pub(super) fn is_belgian(code: &[u8]) -> bool {
    let (body, check) = (number(&code[..9]), number(&code[9..]));
    let (month, day) = (number(&code[2..4]) % 20, number(&code[4..6]));
    let is_dated = is_day(month, day) && number(&code[2..4]) < 60;
    is_dated && (check == 97 - body % 97 || check == 97 - (2_000_000_000 + body) % 97)
}

/// Poland: date of birth with the century in the month, order, a check digit.
pub(super) fn is_pesel(code: &[u8]) -> bool {
    let month = number(&code[2..4]);
    let sum = weighted(&code[..10], &[1, 3, 7, 9, 1, 3, 7, 9, 1, 3]);
    is_day(month % 20, number(&code[4..6])) && (10 - sum % 10) % 10 == digit(code[10])
}

/// Finland: date of birth, a sign for the century, order, a check character.
pub(super) fn is_hetu(code: &[u8]) -> bool {
    let (order, check) = match code.len() {
        11 if b"ABCDEFUVWXY".contains(&code[6]) => (&code[7..10], code[10]),
        10 => (&code[6..9], code[9]),
        _ => return false,
    };
    let value = number(&code[..6]) * 1000 + number(order);
    let wanted = b"0123456789ABCDEFHJKLMNPRSTUVWXY"[(value % 31) as usize];
    is_ddmmyy(&code[..6]) && number(order) >= 2 && check == wanted
}

/// Denmark: date of birth and order. The check digit was given up in 2007.
pub(super) fn is_cpr(code: &[u8]) -> bool {
    is_ddmmyy(&code[..6]) && number(&code[6..]) > 0
}

/// Norway: date of birth (forty added to the day of a D number), order, two check digits.
pub(super) fn is_fodselsnummer(code: &[u8]) -> bool {
    let (day, month) = (number(&code[..2]), number(&code[2..4]));
    let first = (11 - weighted(&code[..9], &[3, 7, 6, 1, 8, 9, 4, 5, 2]) % 11) % 11;
    let second = (11 - weighted(&code[..10], &[5, 4, 3, 2, 7, 6, 5, 4, 3, 2]) % 11) % 11;
    is_day(month, if day > 40 { day - 40 } else { day })
        && first == digit(code[9])
        && second == digit(code[10])
}

/// Czechia and Slovakia, from 1954 on: date of birth (fifty added to a woman's month, twenty where numbers ran out),
/// order; all ten digits a multiple of eleven.
pub(super) fn is_rodne_cislo(code: &[u8]) -> bool {
    let month = number(&code[2..4]) % 50;
    let month = if month > 20 { month - 20 } else { month };
    let all = number(code);
    let exception = number(&code[..9]) % 11 == 10 && code[9] == b'0';
    is_day(month, number(&code[4..6])) && (all.is_multiple_of(11) || exception)
}

/// Bulgaria: date of birth with the century in the month, order, a check digit.
pub(super) fn is_egn(code: &[u8]) -> bool {
    let month = number(&code[2..4]);
    let check = weighted(&code[..9], &[2, 4, 8, 5, 10, 9, 7, 3, 6]) % 11 % 10;
    month < 60 && is_day(month % 20, number(&code[4..6])) && check == digit(code[9])
}

/// Romania: sex and century, date of birth, county, order, a check digit.
pub(super) fn is_cnp(code: &[u8]) -> bool {
    let check = weighted(&code[..12], &[2, 7, 9, 1, 4, 6, 3, 5, 8, 2, 7, 9]) % 11;
    let county = number(&code[7..9]);
    let is_known_county = (1..=52).contains(&county) || county == 70 || county >= 80;
    let check = if check == 10 { 1 } else { check };
    matches!(code[0], b'1'..=b'9') && is_yymmdd(&code[1..7]) && is_known_county && check == digit(code[12])
}

/// Croatia: ISO 7064 MOD 11,10.
pub(super) fn is_oib(code: &[u8]) -> bool {
    mod_11_10(code)
}

/// Switzerland: 756 and an EAN-13 check digit.
pub(super) fn is_ahv(code: &[u8]) -> bool {
    let sum = weighted(&code[..12], &[1, 3, 1, 3, 1, 3, 1, 3, 1, 3, 1, 3]);
    code.starts_with(b"756") && (10 - sum % 10) % 10 == digit(code[12])
}

/// Austria: order, a check digit, date of birth (months beyond twelve where numbers ran out).
pub(super) fn is_svnr(code: &[u8]) -> bool {
    let sum = weighted(code, &[3, 7, 9, 0, 5, 8, 4, 2, 1, 6]);
    let (day, month) = (number(&code[4..6]), number(&code[6..8]));
    code[0] != b'0' && (1..=31).contains(&day) && (1..=15).contains(&month) && sum % 11 == digit(code[3])
}

/// Ireland: seven digits, a letter that checks them, and perhaps one more.
pub(super) fn is_pps(code: &[u8]) -> bool {
    let more = code.get(8).map_or(0, |letter| u32::from(letter - b'A' + 1) * 9);
    let sum = weighted(&code[..7], &[8, 7, 6, 5, 4, 3, 2]) + more;
    let is_known = code.get(8).is_none_or(|letter| b"ABHWTX".contains(letter));
    is_known && code[7] == b"WABCDEFGHIJKLMNOPQRSTUV"[(sum % 23) as usize]
}

/// United Kingdom: two letters of those in use, six digits, A to D. There is no checksum.
pub(super) fn is_nino(code: &[u8]) -> bool {
    let never = [b"BG", b"GB", b"KN", b"NK", b"NT", b"TN", b"ZZ"];
    !b"DFIQUV".contains(&code[0])
        && !b"DFIOQUV".contains(&code[1])
        && !never.iter().any(|pair| code.starts_with(*pair))
        && matches!(code[8], b'A'..=b'D')
}

/// England: ten digits, the last checks the others modulo eleven.
pub(super) fn is_nhs(code: &[u8]) -> bool {
    let check = 11 - weighted(&code[..9], &[10, 9, 8, 7, 6, 5, 4, 3, 2]) % 11;
    number(code) > 0 && check % 11 == digit(code[9])
}

/// Portugal: a natural person's begins with 1, 2, 3 or 45.
pub(super) fn is_nif(code: &[u8]) -> bool {
    let check = (11 - weighted(&code[..8], &[9, 8, 7, 6, 5, 4, 3, 2]) % 11) % 11 % 10;
    (matches!(code[0], b'1'..=b'3') || code.starts_with(b"45")) && check == digit(code[8])
}

/// Greece: date of birth, order, a Luhn digit.
pub(super) fn is_amka(code: &[u8]) -> bool {
    is_ddmmyy(&code[..6]) && luhn(code)
}

/// Brazil: two check digits modulo eleven; not one digit eleven times.
pub(super) fn is_cpf(code: &[u8]) -> bool {
    let check = |length: usize| {
        let weights: Vec<u32> = (2..=length as u32 + 1).rev().collect();
        (11 - weighted(&code[..length], &weights) % 11) % 11 % 10
    };
    code.iter().any(|byte| *byte != code[0]) && check(9) == digit(code[9]) && check(10) == digit(code[10])
}
