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
fn every_layout_has_as_many_signs_as_a_window_can() {
    for form in national::FORMS {
        for layout in form.sure.iter().chain(form.weak) {
            let mut seen = false;
            let text = layout.replace('9', "1").replace('A', "B");
            windows(text.as_bytes(), |window| {
                seen |= window.layout == windows::Layout::of(layout);
                true
            });
            assert!(seen, "{} {layout}", form.name);
        }
    }
}

/// Letters stand for digits in a code of sixteen signs, not in one of fewer with separators.
#[test]
fn a_code_with_separators_is_no_lettered_one() {
    for text in ["ABCDEF-11A11-A11", "ABCDEF-11A11A-11", "ABCDEF11A11A11-1"] {
        scan(text, Search { wanted: Set::all(), ..Search::default() }, &mut |at| panic!("{text}: {at}"));
    }
}

/// Each of these was looked through once for each of its parts.
#[test]
fn a_long_row_is_looked_through_once() {
    for part in ["AA11-", "0 ", "1.", "999999999 ", "+1", "a@b.cc,", "A<"] {
        let text = part.repeat((1 << 18) / part.len());
        scan(&text, Search { wanted: Set::all(), ..Search::default() }, &mut |_| {});
    }
}

proptest! {
    /// Whatever stands in a text, nothing panics and nothing is wanted that was not asked for.
    #[test]
    fn any_text_is_looked_through(text in "[0-9A-Za-z @<+.,:/()é_-]{0,120}", wanted: u64) {
        let wanted = Set(wanted & Set::all().0);
        scan(&text, Search { wanted, expected: Set::all(), ..Search::default() }, &mut |at| assert!(wanted.has(at)));
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
