//! The detectors on numbers that another implementation told apart, and on a set of labelled texts.
//!
//! `national_identifiers.txt` holds made numbers, each with what python-stdnum says of it. Not in it are British insurance
//! numbers, which have no checksum, Danish numbers of days to come, and Portuguese and Latvian numbers of companies. `leaks.txt` holds how much is found of what should be, and how much of what is found
//! should be; `WRITE_TABLE=1` writes it anew.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking, in its helpers too")]

use std::collections::BTreeMap;
use std::fmt::Write as _;

use crate::support::dice::Dice;
use contract::leaks::{Search, Set, detector, detectors, national_identifier, scan};

const IDENTIFIERS: &str = include_str!("national_identifiers.txt");

/// The names of what is found.
fn found(text: &str, expected: Set) -> Vec<&'static str> {
    let found = scan(text, Search { wanted: Set::all(), expected, ..Search::default() });
    found.places().map(|at| detectors()[at].name).collect()
}

/// Each made number: of which form, whether it is one, itself.
fn identifiers() -> impl Iterator<Item = (&'static str, bool, &'static str)> {
    IDENTIFIERS.lines().filter_map(|line| {
        let mut parts = line.splitn(3, ' ');
        Some((parts.next()?, parts.next()? == "is", parts.next()?))
    })
}

#[test]
fn numbers_are_told_apart_as_elsewhere() {
    let (mut seen, mut wrong) = (BTreeMap::<&str, usize>::new(), Vec::new());
    for (name, is_one, text) in identifiers() {
        let at = detector(name).unwrap();
        let only = Set::NONE.with(at);
        let found = !scan(text, Search { wanted: only, expected: only, ..Search::default() }).is_empty();
        if found != is_one {
            wrong.push(format!("{name} {text}: {found}"));
        }
        *seen.entry(name).or_default() += 1;
    }
    assert_eq!(wrong, [""; 0]);
    assert_eq!(seen.len(), 25);
}

#[test]
fn published_examples_are_recognised() {
    for (text, name) in [
        ("111222333", "nl-bsn"),
        ("123456782", "nl-bsn"),
        ("86095742719", "de-steuer-id"),
        ("47036892816", "de-steuer-id"),
        ("2 55 08 14 168 025 38", "fr-nir"),
        ("1 84 12 76 451 089 46", "fr-nir"),
        ("RSSMRA85T10A562S", "it-codice-fiscale"),
        ("MRTMTT91D08F205J", "it-codice-fiscale"),
        ("12345678Z", "es-dni"),
        ("X1234567L", "es-dni"),
        ("12345678-Z", "es-dni"),
        ("37605030299", "ee-lt-code"),
        ("33309240064", "ee-lt-code"),
        ("078-05-1120", "us-ssn"),
        ("811228-9874", "se-personnummer"),
        ("19811228-9874", "se-personnummer"),
        ("131052-308T", "fi-hetu"),
        ("131052A308T", "fi-hetu"),
        ("756.9217.0769.85", "ch-ahv"),
        ("AB 12 34 56 C", "gb-nino"),
    ] {
        let whole = national_identifier(text, Set::all()).map(|found| found.name);
        assert_eq!(whole, Some(name), "{text}");
    }
}

#[test]
fn what_is_no_persons_number_is_left_alone() {
    for text in [
        "",
        "births/2026/17",
        "order-4711",
        "2026-01-31",
        "2026-01-31T10:00:00+01:00",
        "registry-north-17",
        "urn:xx:births:123456782",
        "0c2f0a7e-4b7e-4a53-9d0c-5a7d1f1f0c11",
        "é12345678",
        "078-00-1120",
        "202401151230",
        "backup-20240115-1230.tar",
        "2024-811228-9874-1",
        "811328-9874",
        "RSSMRA85T10A562T",
    ] {
        assert_eq!(national_identifier(text, Set::all()).map(|found| found.name), None, "{text}");
        assert_eq!(found(text, Set::NONE), [""; 0], "{text}");
    }
}

#[test]
fn a_weak_form_counts_where_words_or_the_fields_name_speak_of_it() {
    assert_eq!(found("123456782", Set::NONE), [""; 0]);
    assert_eq!(found("123456782", Set::expected_by("citizenBsn")), ["nl-bsn"]);
    assert_eq!(found("dossier van burgerservicenummer 123456782", Set::NONE), ["nl-bsn"]);
    assert_eq!(found("dossier 123456782, zonder bsn", Set::NONE), [""; 0]);
    assert!(Set::expected_by("orderNumber").is_empty());
}

#[test]
fn what_is_no_number_of_a_person_is_found_by_its_form() {
    for (text, wanted) in [
        ("pay to NL91 ABNA 0417 1643 00 before Friday", &["iban"][..]),
        ("DE89370400440532013000.", &["iban"]),
        ("DE89370400440532013001", &[]),
        ("4111 1111 1111 1111", &["payment-card"]),
        ("4111 1111 1111 1112", &[]),
        ("her card 4111111111111111", &["payment-card"]),
        ("desk@tax-office.example", &["email"]),
        ("<a.b+c@xn--bcher-kva.example>", &["email"]),
        ("user@localhost", &[]),
        ("@handle and a @ b", &[]),
        ("+31 6 1234 5678", &["telephone"]),
        ("+32(0)475.12.34.56", &["telephone"]),
        ("UTC+0200, 1+123456789", &[]),
        ("call 020-5551234 now", &["telephone"]),
        ("case 020-5551234", &[]),
        ("L898902C36UTO7408122F1204159ZE184226B<<<<<10", &["mrz"]),
        (
            "P<UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<<<<<<<<<\nL898902C36UTO7408122F1204159ZE184226B<<<<<10",
            &["mrz"],
        ),
        (
            "I<UTOD231458907<<<<<<<<<<<<<<<\n7408122F1204159UTO<<<<<<<<<<<6\nERIKSSON<<ANNA<MARIA<<<<<<<<<<",
            &["mrz"],
        ),
        ("L898902C36UTO7408132F1204159ZE184226B<<<<<10", &[]),
        ("she lives at 52.37403, 4.88969", &["coordinates"]),
        ("incident at 52.37403, 4.88969", &[]),
    ] {
        assert_eq!(found(text, Set::NONE), wanted, "{text}");
    }
}

fn digits(dice: &mut Dice, count: usize) -> String {
    (0..count).map(|_| char::from(b'0' + dice.below(10) as u8)).collect()
}

fn hex(dice: &mut Dice, count: usize) -> String {
    (0..count).map(|_| char::from(b"0123456789abcdef"[dice.below(16)])).collect()
}

/// How often each detector's data is shown, in each of the ways.
const SHOWN: usize = 40;

/// One piece of data of each other detector.
fn made(name: &str, dice: &mut Dice) -> String {
    match name {
        "gb-nino" => format!(
            "{}{}{}",
            dice.pick(&["AB", "CE", "JK", "TW"]),
            digits(dice, 6),
            dice.pick(&["A", "B", "C", "D"])
        ),
        "iban" => {
            let account = digits(dice, 18);
            let rest = format!("{account}131400")
                .bytes()
                .fold(0u32, |rest, digit| (rest * 10 + u32::from(digit - b'0')) % 97);
            format!("DE{:02}{account}", 98 - rest)
        }
        "payment-card" => {
            let body = format!("4{}", digits(dice, 14));
            let doubled = |(at, digit): (usize, u8)| {
                let value = u32::from(digit - b'0') * if at % 2 == 0 { 2 } else { 1 };
                value / 10 + value % 10
            };
            let sum: u32 = body.bytes().enumerate().map(doubled).sum();
            let card = format!("{body}{}", (10 - sum % 10) % 10);
            format!("{} {} {} {}", &card[..4], &card[4..8], &card[8..12], &card[12..])
        }
        "email" => format!(
            "{}.{}@{}",
            dice.pick(&["j.smit", "anna", "o'neil"]),
            digits(dice, 2),
            dice.pick(&["mail.example", "post.example.org"])
        ),
        "telephone" => {
            format!("+{} {} {}", dice.pick(&["31", "49", "44", "351"]), digits(dice, 3), digits(dice, 6))
        }
        "mrz" => "L898902C36UTO7408122F1204159ZE184226B<<<<<10".to_owned(),
        "coordinates" => format!("52.{}, 4.{}", digits(dice, 5), digits(dice, 6)),
        other => {
            let known: Vec<&str> = identifiers()
                .filter(|(name, is, _)| *name == other && *is)
                .map(|(_, _, text)| text)
                .collect();
            dice.pick(&known).to_owned()
        }
    }
}

/// A word that an official would put before it.
fn word(name: &str) -> &'static str {
    match name {
        "at-svnr" => "Sozialversicherungsnummer",
        "be-nn" => "rijksregisternummer",
        "bg-egn" => "EGN",
        "br-cpf" => "CPF",
        "ch-ahv" => "AHV-Nr.",
        "cz-rc" => "rodne cislo",
        "de-steuer-id" => "Steuer-ID",
        "dk-cpr" => "CPR-nummer",
        "ee-lt-code" => "isikukood",
        "es-dni" => "DNI",
        "fi-hetu" => "henkilotunnus",
        "fr-nir" => "NIR",
        "gb-nhs" => "NHS number",
        "gb-nino" => "national insurance number",
        "gr-amka" => "AMKA",
        "hr-oib" => "OIB",
        "ie-pps" => "PPS number",
        "it-codice-fiscale" => "codice fiscale",
        "lv-code" => "personas kods",
        "nl-bsn" => "BSN",
        "no-fnr" => "fodselsnummer",
        "pl-pesel" => "PESEL",
        "pt-nif" => "NIF",
        "ro-cnp" => "CNP",
        "se-personnummer" => "personnummer",
        "us-ssn" => "social security number",
        "iban" => "account",
        "payment-card" => "card",
        "email" => "write to",
        "telephone" => "phone",
        "mrz" => "passport",
        "coordinates" => "home at",
        other => panic!("no word for {other}"),
    }
}

/// What offices write every day and what is nobody's.
fn nobodys(dice: &mut Dice) -> String {
    match dice.below(18) {
        0 => format!("case {}-{}", 2000 + dice.below(27), digits(dice, 6)),
        1 => format!("invoice {} of 2026", digits(dice, 9)),
        2 => format!("{}-{}-{}-{}-{}", hex(dice, 8), hex(dice, 4), hex(dice, 4), hex(dice, 4), hex(dice, 12)),
        3 => hex(dice, 40),
        4 => format!(
            "2026-{:02}-{:02}T{:02}:{:02}:00Z",
            1 + dice.below(12),
            1 + dice.below(28),
            dice.below(24),
            dice.below(60)
        ),
        5 => format!("{}.{} EUR", digits(dice, 7), digits(dice, 2)),
        6 => format!("parcel {} {} {}", digits(dice, 3), digits(dice, 4), digits(dice, 4)),
        7 => format!("incident near 52.{}, 4.{}", digits(dice, 5), digits(dice, 5)),
        8 => format!("https://registry.example/files/{}/{}", digits(dice, 8), digits(dice, 4)),
        9 => format!("urn:xx:permits:{}", digits(dice, 10)),
        10 => format!(
            "ISBN 978-{}-{}-{}-{}",
            digits(dice, 1),
            digits(dice, 4),
            digits(dice, 4),
            digits(dice, 1)
        ),
        11 => format!("NL{}B{}", digits(dice, 9), digits(dice, 2)),
        12 => format!("the meter {} was read at {}", digits(dice, 11), digits(dice, 6)),
        13 => format!(
            "sections {}.{}.{} and {}/{}",
            digits(dice, 1),
            digits(dice, 2),
            digits(dice, 3),
            digits(dice, 4),
            digits(dice, 2)
        ),
        14 => format!("17641{}", digits(dice, 8)),
        15 => {
            format!("@desk of room {} from {}:00 to {}:00", digits(dice, 3), dice.below(24), dice.below(24))
        }
        16 => format!(
            "vehicle {}{}, chassis WVWZZZ{}",
            dice.pick(&["AB-", "XK-"]),
            digits(dice, 4),
            digits(dice, 11)
        ),
        _ => {
            format!("batch {} (weight {} kg, {} pieces)", digits(dice, 10), digits(dice, 5), digits(dice, 4))
        }
    }
}

/// How much is found of what should be, where words speak of it, and where it stands alone; and how much is found in what
/// is nobody's.
#[test]
fn precision_and_recall_are_as_measured() {
    const NOBODYS: usize = 20_000;
    let (mut dice, mut table) = (Dice::of(2026), String::new());
    let (mut found_right, mut shown) = (0, 0);
    let mut wrongly = BTreeMap::<&str, usize>::new();
    for _ in 0..NOBODYS {
        for name in found(&nobodys(&mut dice), Set::NONE) {
            *wrongly.entry(name).or_default() += 1;
        }
    }
    let _ = writeln!(table, "{:<20} {:>10} {:>8} {:>8}", "", "with words", "alone", "wrongly");
    for one in detectors() {
        let (mut with_words, mut alone) = (0, 0);
        for _ in 0..SHOWN {
            let text = made(one.name, &mut dice);
            let sentence = format!("The applicant's {} {text} was noted, see 4.2.", word(one.name));
            with_words += usize::from(found(&sentence, Set::NONE).contains(&one.name));
            alone += usize::from(found(&text, Set::NONE).contains(&one.name));
        }
        let wrong = wrongly.get(one.name).copied().unwrap_or_default();
        let percent = |count: usize| format!("{} %", count * 100 / SHOWN);
        let _ =
            writeln!(table, "{:<20} {:>10} {:>8} {wrong:>8}", one.name, percent(with_words), percent(alone));
        (found_right, shown) = (found_right + with_words, shown + SHOWN);
    }
    let wrong: usize = wrongly.values().sum();
    let _ = writeln!(table, "\nOf {shown} that words speak of, {found_right} are found.");
    let _ = writeln!(table, "Of {NOBODYS} texts that are nobody's, {wrong} are taken for somebody's.");
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/leaks.txt");
    if std::env::var_os("WRITE_TABLE").is_some() {
        std::fs::write(path, &table).unwrap();
    }
    assert_eq!(std::fs::read_to_string(path).unwrap_or_default(), table);
    assert!(found_right * 100 >= shown * 99, "{table}");
    assert!(wrong * 1000 <= NOBODYS * 5, "{table}");
}
