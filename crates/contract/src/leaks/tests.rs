use proptest::prelude::*;

use super::*;

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
    let of_cards = CARD_SURE.iter().chain(CARD_WEAK).map(|layout| (CARD, *layout));
    let national = national::FORMS.iter().enumerate();
    let of_people =
        national.flat_map(|(at, form)| form.sure.iter().chain(form.weak).map(move |layout| (at, *layout)));
    for (at, layout) in of_people.chain(of_cards) {
        let text = layout.replace(['9', 'X'], "1").replace('A', "B");
        let mut seen = false;
        windows(text.as_bytes(), &LAYOUTS, |window, written| {
            seen |= (window.start, window.end) == (0, text.len()) && written.iter().any(|one| one.at == at);
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
    fn signs_are_counted_right(text in "[0-9@<a ]{0,600}") {
        let signs = signs(text.as_bytes());
        prop_assert_eq!(signs.digits, text.bytes().filter(u8::is_ascii_digit).count());
        prop_assert_eq!(signs.ats, text.bytes().filter(|byte| *byte == b'@').count());
        prop_assert_eq!(signs.fillers, text.bytes().filter(|byte| *byte == b'<').count());
    }
}
