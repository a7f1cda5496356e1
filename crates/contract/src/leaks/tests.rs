use proptest::bool::weighted;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

use super::ways::Signs;
use super::*;

mod plain;

#[test]
fn names_are_unique_and_found() {
    for (at, one) in detectors().iter().enumerate() {
        assert_eq!(detector(one.name), Some(at), "{}", one.name);
    }
    assert_eq!(detectors().len(), COUNT);
    assert_eq!(detector("nothing"), None);
}

#[test]
fn every_layout_is_followed_to_its_end() {
    for (at, layout, _) in plain::layouts() {
        let text = layout.replace(['9', 'X'], "1").replace('A', "B");
        let mut seen = false;
        windows(text.as_bytes(), &LAYOUTS, |window, written| {
            seen |= (window.start, window.end) == (0, text.len()) && written.sure.or(written.weak).has(at);
        });
        assert!(seen, "{} {layout}", detectors()[at].name);
    }
}

/// Letters stand for digits in a code of sixteen signs, not in one of fewer with separators.
#[test]
fn a_code_with_separators_is_no_lettered_one() {
    for text in ["ABCDEF-11A11-A11", "ABCDEF-11A11A-11", "ABCDEF11A11A11-1"] {
        let found = scan(text, Search { wanted: Set::all(), ..Search::default() });
        assert!(found.is_empty(), "{text}: {found:?}");
    }
}

/// Each of these was looked through once for each of its parts.
#[test]
fn a_long_row_is_looked_through_once() {
    for part in ["AA11-", "0 ", "1.", "999999999 ", "+1", "a@b.cc,", "A<"] {
        let text = part.repeat((1 << 18) / part.len());
        scan(&text, Search { wanted: Set::all(), ..Search::default() });
    }
}

/// Times are written like numbers of people, and are none by their digits.
#[test]
fn a_number_behind_many_others_is_found() {
    let times: String = (0..2000).map(|n| format!("{} ok, ", 1_762_000_000_123u64 + 61_007 * n)).collect();
    let found = scan(&format!("{times}bsn: 123456782"), Search { wanted: Set::all(), ..Search::default() });
    assert!(found.has(detector("nl-bsn").unwrap()), "{found:?}");
}

proptest! {
    /// Whatever stands in a text, nothing panics and nothing is wanted that was not asked for.
    #[test]
    fn any_text_is_looked_through(text in "[0-9A-Za-z @<+.,:/()é_-]{0,120}", wanted: u64) {
        let wanted = Set(wanted & Set::all().0);
        let found = scan(&text, Search { wanted, expected: Set::all(), ..Search::default() });
        prop_assert!(found.without(wanted).is_empty());
        national_identifier(&text, Set::all());
    }

    /// A quick look never misses what a slow one counts.
    #[test]
    fn signs_are_counted_right(text in "[0-9@<a. ]{0,600}") {
        let signs = Signs::of(text.as_bytes());
        prop_assert_eq!(signs.digits, text.bytes().filter(u8::is_ascii_digit).count());
        prop_assert_eq!(signs.dots, text.bytes().filter(|byte| *byte == b'.').count());
        prop_assert_eq!(signs.ats, text.bytes().filter(|byte| *byte == b'@').count());
        prop_assert_eq!(signs.fillers, text.bytes().filter(|byte| *byte == b'<').count());
    }

    /// Whatever its parts, what is found soon is what is found by looking for everything everywhere.
    #[test]
    fn nothing_is_missed_and_nothing_added(
        parts in vec((part(), select(SEPARATORS)), 1..8),
        expected: u64,
        is_expected in weighted(0.3),
        named in select(&["", "", "citizenBsn", "phone_number"]),
        is_number in weighted(0.1),
    ) {
        let text: String = parts.into_iter().flat_map(|(part, separator)| [part, separator.to_owned()]).collect();
        let expected = if is_expected { Set(expected).and(Set::all()) } else { Set::NONE };
        let search = Search { wanted: Set::all(), expected, named, is_number };
        prop_assert_eq!(scan(&text, search), plain::found(&text, search), "{}", text);
    }
}

const SEPARATORS: &[&str] =
    &["", "", " ", " ", "-", ".", "/", "_", "é", "–", ": ", ", ", "+", "(", ")", "<", "@", "\n", "  "];

/// Made identifiers, what is written like one, words, and what else is looked for.
fn part() -> impl Strategy<Value = String> {
    const OTHERS: &[&str] = &[
        "NL91 ABNA 0417 1643 00",
        "DE89370400440532013000",
        "4111 1111 1111 1111",
        "+32(0)475.12.34.56",
        "(020) 555 1234",
        "52.37403, 4.88969",
        "-.12345,.56789",
        "desk@tax-office.example",
        "L898902C36UTO7408122F1204159ZE184226B<<<<<10",
        "2026-01-31T10:00:00+01:00",
        "urn:xx:permits:",
    ];
    let made: Vec<&str> = include_str!("../../tests/national_identifiers.txt")
        .lines()
        .filter_map(|line| line.splitn(3, ' ').nth(2))
        .collect();
    let layouts: Vec<&str> = plain::layouts().map(|(_, layout, _)| layout).collect();
    let spoken: Vec<&str> = spoken().map(|(word, _)| word).collect();
    prop_oneof![
        select(made).prop_map(str::to_owned),
        select(OTHERS).prop_map(str::to_owned),
        select(spoken).prop_map(|word| format!("{word} ")),
        (select(layouts), any::<u64>()).prop_map(|(layout, mut dice)| {
            let mut below = |count| {
                dice = dice.rotate_left(7).wrapping_mul(0x9e37_79b9_7f4a_7c15);
                (dice >> 40) as u8 % count
            };
            let sign = |sign: char| match sign {
                '9' => char::from(b'0' + below(10)),
                'A' => char::from(b'A' + below(26)),
                'X' => char::from(b"09AZ"[usize::from(below(4))]),
                other => other,
            };
            layout.chars().map(sign).collect::<String>()
        }),
        "[0-9]{1,17}",
        "[0-9A-Ca-c .-]{0,70}",
    ]
}
