//! What is found in a text, said plainly: everything at every place, sign by sign. [`scan`] finds the same, sooner.

use super::super::elsewhere::{self, CARD_SURE, CARD_WEAK};
use super::super::ways::{FEWEST_DIGITS, joins, zones};
use super::super::words::{Spoken, near};
use super::*;

/// What [`scan`] finds in a text with no more numbers than it asks words of.
pub(super) fn found(text: &str, search: Search<'_>) -> Set {
    let bytes = text.as_bytes();
    let has_digits = bytes.iter().filter(|byte| byte.is_ascii_digit()).count() >= FEWEST_DIGITS;
    let mut found = Vec::new();
    for (at, byte) in bytes.iter().enumerate() {
        let begins = at == 0 || !bytes[at - 1].is_ascii_alphanumeric();
        if *byte == b'@' && elsewhere::is_email(bytes, at) {
            found.push((EMAIL, true, 0));
        }
        if !has_digits {
            continue;
        }
        match byte {
            b'A'..=b'Z' if begins && elsewhere::iban(bytes, at) => found.push((IBAN, true, at)),
            b'+' if elsewhere::is_telephone(bytes, at) => found.push((TELEPHONE, true, at)),
            b'0' | b'(' if begins && elsewhere::is_dialled(bytes, at) => found.push((TELEPHONE, false, at)),
            _ => {}
        }
        if begins && matches!(byte, b'0'..=b'9' | b'-') && elsewhere::is_place(bytes, at) {
            found.push((COORDINATES, false, at));
        }
        found.extend(codes_at(bytes, at).map(|(form, is_sure)| (form, is_sure, at)));
    }
    let counts = |found: &&(usize, bool, usize)| counts(text, search, **found);
    let told = found.iter().filter(counts).fold(Set::NONE, |told, (form, ..)| told.with(*form));
    let mut hits = Hits::of(text, search);
    hits.told = told;
    if has_digits {
        zones(&mut hits);
    }
    hits.told
}

/// The codes that begin at a place, and whether they are written in a telling way.
fn codes_at(text: &[u8], start: usize) -> impl Iterator<Item = (usize, bool)> {
    layouts().filter_map(move |(at, layout, is_sure)| {
        let end = start + layout.len();
        let part = text.get(start..end)?;
        let written = part.iter().zip(layout.bytes()).all(|(byte, sign)| match sign {
            b'9' => byte.is_ascii_digit(),
            b'A' => byte.is_ascii_alphabetic(),
            b'X' => byte.is_ascii_alphanumeric(),
            b'-' => matches!(byte, b'-' | b'+'),
            _ => *byte == sign,
        });
        let is_word = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'_' || !byte.is_ascii();
        let before = start.checked_sub(1).and_then(|before| text.get(before));
        let digits = part.iter().filter(|byte| byte.is_ascii_digit()).count();
        let code: Vec<u8> =
            part.iter().filter(|byte| byte.is_ascii_alphanumeric()).map(u8::to_ascii_uppercase).collect();
        let signs: &[u8] = if digits == part.len() { b"-./:+" } else { b"-." };
        let is_part = joins(text, start, -1, signs) || joins(text, end, 0, signs);
        let stands_apart = !before.is_some_and(is_word) && !text.get(end).is_some_and(is_word);
        let fits =
            national::FORMS.get(at).map_or(elsewhere::is_payment_card as fn(&[u8]) -> bool, |form| form.fits);
        (written && stands_apart && digits >= FEWEST_DIGITS && fits(&code))
            .then_some((at, is_sure && !is_part))
    })
}

/// Every layout, with its detector, and whether it is telling.
pub(super) fn layouts() -> impl Iterator<Item = (usize, &'static str, bool)> {
    let national = national::FORMS.iter().enumerate().map(|(at, form)| (at, form.sure, form.weak));
    national.chain([(CARD, CARD_SURE, CARD_WEAK)]).flat_map(|(at, sure, weak)| {
        let of = move |is_sure| move |layout: &&'static str| (at, *layout, is_sure);
        sure.iter().map(of(true)).chain(weak.iter().map(of(false)))
    })
}

/// Whether what was found is told: its detector, whether its form is telling, and where it begins.
fn counts(text: &str, search: Search<'_>, (at, is_sure, start): (usize, bool, usize)) -> bool {
    let Search { wanted, expected, named, is_number } = search;
    let said = [near(text, start), named].map(Spoken::of);
    let is_said = || spoken().any(|(word, of)| of == at && said.iter().any(|said| said.has(word)));
    wanted.has(at) && ((is_sure && !is_number) || expected.has(at) || is_said())
}
