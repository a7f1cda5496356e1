//! The seal's promises, through its public surface.

#![allow(clippy::unwrap_used, reason = "the tests' helpers stand outside test functions")]

use std::cell::Cell;

use proptest::prelude::*;
use seal::{
    Access, AgencyKeys, AgencySecrets, Attribute, Binding, Fragment, OpenError, PersonKey, Piece, Pseudonym,
    SealError, SealedForm, Secret, Subject, seal,
};

const DATA: &[u8] =
    br#"{"child":{"personId":"P-1","name":"Ada"},"mother":{"personId":"P-2","illness":"none"},"office":"7"}"#;
const BINDING: Binding<'_> =
    Binding { topic: "civil.birth.registered", source: "urn:xx:civil:", id: "b-1", contract_version: 3 };
const CHILD: Pseudonym = Pseudonym([1; 16]);
const MOTHER: Pseudonym = Pseudonym([2; 16]);

struct People {
    child: PersonKey,
    mother: PersonKey,
}

impl People {
    fn new() -> Self {
        Self { child: PersonKey::generate().unwrap(), mother: PersonKey::generate().unwrap() }
    }

    fn key_of(&self, pseudonym: &Pseudonym) -> Option<&PersonKey> {
        [(CHILD, &self.child), (MOTHER, &self.mother)]
            .into_iter()
            .find(|(p, _)| p == pseudonym)
            .map(|(_, key)| key)
    }

    fn subjects(&self) -> [Subject<'_>; 2] {
        [Subject { pseudonym: CHILD, key: &self.child }, Subject { pseudonym: MOTHER, key: &self.mother }]
    }

    fn sealed(&self, binding: &Binding<'_>) -> Vec<u8> {
        let attribute = Attribute { name: "subject", value: "P-1", class: "personal", subject: 0 };
        let mut out = Vec::new();
        seal(DATA, &fragments(), &[attribute], binding, &self.subjects(), &mut out).unwrap();
        out
    }
}

fn fragment(text: &str, class: &'static str, subject: u16, shape: u8) -> Fragment<'static> {
    let start = DATA.windows(text.len()).position(|w| w == text.as_bytes()).unwrap() as u32;
    Fragment { start, end: start + text.len() as u32, class, subject, shape }
}

fn fragments() -> [Fragment<'static>; 4] {
    [
        fragment(r#""P-1""#, "personal", 0, 0),
        fragment(r#""Ada""#, "personal", 0, 1),
        fragment(r#""P-2""#, "personal", 1, 0),
        fragment(r#""none""#, "special", 1, 2),
    ]
}

/// The document with `·shape·` for what is left out, and the attributes; or why not.
type Seen = Result<(Vec<u8>, Vec<(String, String)>), OpenError>;

fn see(
    form: &[u8],
    binding: &Binding<'_>,
    cleared: &dyn Fn(&str, &Pseudonym) -> bool,
    people: &People,
) -> Seen {
    let form = SealedForm::parse(form).map_err(OpenError::Malformed)?;
    let mut seen = Vec::new();
    let access = |class: &str, who: &Pseudonym| Access::from(cleared(class, who));
    let revealed = form.reveal(binding, &access, &mut |p| people.key_of(p), &mut |piece| match piece {
        Piece::Text(bytes) | Piece::Opened(bytes) => seen.extend_from_slice(bytes),
        Piece::LeftOut(shape) => seen.extend_from_slice(format!("·{shape}·").as_bytes()),
        Piece::Veiled { .. } => unreachable!("all or nothing"),
    })?;
    Ok((seen, revealed.attributes.iter().map(|(name, value)| (name.clone(), value.to_string())).collect()))
}

fn everything(_: &str, _: &Pseudonym) -> bool {
    true
}

fn all(_: &str, _: &Pseudonym) -> Access {
    Access::Opened
}

#[test]
fn a_cleared_reader_gets_the_exact_bytes_and_attributes() {
    let people = People::new();
    let (seen, attributes) = see(&people.sealed(&BINDING), &BINDING, &everything, &people).unwrap();
    assert_eq!(seen, DATA);
    assert_eq!(attributes, [("subject".to_owned(), "P-1".to_owned())]);
}

#[test]
fn no_plaintext_stands_in_the_sealed_form() {
    let sealed = People::new().sealed(&BINDING);
    for secret in ["P-1", "Ada", "P-2", "none"] {
        assert!(!sealed.windows(secret.len()).any(|w| w == secret.as_bytes()), "{secret}");
    }
}

#[test]
fn a_reader_gets_what_is_cleared_and_the_shape_of_the_rest() {
    let people = People::new();
    let sealed = people.sealed(&BINDING);
    let form = SealedForm::parse(&sealed).unwrap();
    assert_eq!(form.subjects().collect::<Vec<_>>(), [CHILD, MOTHER, MOTHER]);
    assert_eq!(form.classes().collect::<Vec<_>>(), ["personal", "personal", "special"]);
    let (seen, attributes) = see(&sealed, &BINDING, &|class, _| class == "personal", &people).unwrap();
    let expected =
        r#"{"child":{"personId":"P-1","name":"Ada"},"mother":{"personId":"P-2","illness":·2·},"office":"7"}"#;
    assert_eq!(String::from_utf8(seen).unwrap(), expected);
    assert_eq!(attributes.len(), 1);
    let (seen, attributes) = see(&sealed, &BINDING, &|_, _| false, &people).unwrap();
    let expected =
        r#"{"child":{"personId":·0·,"name":·1·},"mother":{"personId":·0·,"illness":·2·},"office":"7"}"#;
    assert_eq!(String::from_utf8(seen).unwrap(), expected);
    assert!(attributes.is_empty());
    let revealed = form
        .reveal(&BINDING, &|class, _| (class == "special").into(), &mut |p| people.key_of(p), &mut |_| ())
        .unwrap();
    assert_eq!(
        (revealed.opened, revealed.left_out, revealed.about),
        (vec!["special"], vec!["personal"], vec![MOTHER])
    );
}

#[test]
fn one_person_can_be_cleared_and_another_not() {
    let people = People::new();
    let (seen, _) = see(&people.sealed(&BINDING), &BINDING, &|_, who| *who == CHILD, &people).unwrap();
    let expected =
        r#"{"child":{"personId":"P-1","name":"Ada"},"mother":{"personId":·0·,"illness":·2·},"office":"7"}"#;
    assert_eq!(String::from_utf8(seen).unwrap(), expected);
}

#[test]
fn an_erased_person_stays_erased_and_nothing_is_handed_over() {
    let people = People::new();
    let sealed = people.sealed(&BINDING);
    let form = SealedForm::parse(&sealed).unwrap();
    let visited = Cell::new(0);
    let mut key_of = |p: &Pseudonym| people.key_of(p).filter(|_| *p != MOTHER);
    let result = form.reveal(&BINDING, &all, &mut key_of, &mut |_| visited.set(1));
    assert_eq!(result.unwrap_err(), OpenError::Erased { pseudonym: MOTHER });
    assert_eq!(visited.get(), 0);
    let without = |_: &str, who: &Pseudonym| Access::from(*who != MOTHER);
    assert!(form.reveal(&BINDING, &without, &mut key_of, &mut |_| visited.set(1)).is_ok());
    assert_eq!(visited.get(), 1);
}

#[test]
fn another_key_opens_nothing() {
    let sealed = People::new().sealed(&BINDING);
    let tampered = OpenError::Tampered { class: "personal".to_owned() };
    assert_eq!(see(&sealed, &BINDING, &everything, &People::new()).unwrap_err(), tampered);
}

#[test]
fn a_form_opens_for_no_other_event_topic_or_version() {
    let people = People::new();
    let sealed = people.sealed(&BINDING);
    let others = [
        Binding { topic: "civil.birth.corrected", ..BINDING },
        Binding { source: "urn:xx:civil", id: ":b-1", ..BINDING },
        Binding { id: "b-2", ..BINDING },
        Binding { contract_version: 4, ..BINDING },
    ];
    for other in others {
        assert!(
            matches!(see(&sealed, &other, &everything, &people), Err(OpenError::Tampered { .. })),
            "{other:?}"
        );
    }
}

#[test]
fn an_envelope_of_another_sealing_does_not_fit_even_for_the_same_event() {
    let people = People::new();
    let (one, other) = (people.sealed(&BINDING), people.sealed(&BINDING));
    let last = one.len() - (4 + r#""none""#.len() + 16);
    let mixed = [&one[..last], &other[last..]].concat();
    assert_eq!(
        see(&mixed, &BINDING, &everything, &people).unwrap_err(),
        OpenError::Tampered { class: "special".to_owned() }
    );
}

#[test]
fn every_flipped_bit_is_noticed_by_every_reader_who_opens_anything() {
    let people = People::new();
    let sealed = people.sealed(&BINDING);
    let personal = |class: &str, _: &Pseudonym| class == "personal";
    let honest = see(&sealed, &BINDING, &personal, &people).unwrap();
    for bit in 0..sealed.len() * 8 {
        let mut altered = sealed.clone();
        altered[bit / 8] ^= 1 << (bit % 8);
        assert!(see(&altered, &BINDING, &everything, &people).is_err(), "bit {bit}");
        if let Ok(seen) = see(&altered, &BINDING, &personal, &people) {
            assert_eq!(seen, honest, "bit {bit}");
        }
    }
}

#[test]
fn many_people_are_bound_by_digest_and_still_notice_every_flip() {
    let keys: Vec<_> = (0..9).map(|_| PersonKey::generate().unwrap()).collect();
    let subjects: Vec<_> =
        keys.iter().zip(0..).map(|(key, n)| Subject { pseudonym: Pseudonym([n; 16]), key }).collect();
    let fragments: Vec<_> = (0..9u16)
        .map(|n| Fragment { start: n.into(), end: u32::from(n) + 1, class: "personal", subject: n, shape: 0 })
        .collect();
    let mut sealed = Vec::new();
    seal(b"0123456789", &fragments, &[], &BINDING, &subjects, &mut sealed).unwrap();
    let open = |form: &[u8]| {
        let mut seen = Vec::new();
        let mut key_of = |p: &Pseudonym| keys.get(usize::from(p.0[0]));
        SealedForm::parse(form)
            .ok()?
            .reveal(&BINDING, &all, &mut key_of, &mut |piece| match piece {
                Piece::Text(bytes) | Piece::Opened(bytes) => seen.extend_from_slice(bytes),
                Piece::Veiled { .. } | Piece::LeftOut(_) => {}
            })
            .ok()?;
        Some(seen)
    };
    assert_eq!(open(&sealed).unwrap(), b"0123456789");
    for bit in 0..sealed.len() * 8 {
        let mut altered = sealed.clone();
        altered[bit / 8] ^= 1 << (bit % 8);
        assert_eq!(open(&altered), None, "bit {bit}");
    }
}

#[test]
fn what_cannot_be_sealed_is_refused_and_leaves_the_output_alone() {
    let people = People::new();
    let whole = |start, end, class, subject| Fragment { start, end, class, subject, shape: 0 };
    let long = "x".repeat(256);
    let table: [(&[Fragment<'_>], SealError); 7] = [
        (&[whole(0, 1000, "personal", 0)], SealError::FragmentOutOfPlace { fragment: 0 }),
        (&[whole(5, 4, "personal", 0)], SealError::FragmentOutOfPlace { fragment: 0 }),
        (
            &[whole(0, 5, "personal", 0), whole(4, 6, "personal", 0)],
            SealError::FragmentOutOfPlace { fragment: 1 },
        ),
        (
            &[whole(5, 6, "personal", 0), whole(0, 1, "personal", 0)],
            SealError::FragmentOutOfPlace { fragment: 1 },
        ),
        (&[whole(0, 1, "personal", 2)], SealError::NoSuchSubject { subject: 2 }),
        (&[whole(0, 1, "", 0)], SealError::NameLength { bytes: 0 }),
        (&[whole(0, 1, &long, 0)], SealError::NameLength { bytes: 256 }),
    ];
    for (fragments, error) in table {
        let mut out = b"before".to_vec();
        assert_eq!(seal(DATA, fragments, &[], &BINDING, &people.subjects(), &mut out), Err(error));
        assert_eq!(out, b"before");
    }
}

#[test]
fn a_form_that_claims_more_than_it_has_is_refused_before_anything_is_allocated() {
    for claims in [[1u8, 255, 255, 0, 0, 0, 0, 0, 0, 0, 0], [1, 0, 0, 255, 255, 255, 255, 0, 0, 0, 0]] {
        assert!(SealedForm::parse(&claims).is_err());
    }
}

#[test]
fn debug_of_plaintext_shows_nothing() {
    let attribute = Attribute { name: "subject", value: "P-1", class: "personal", subject: 0 };
    let people = People::new();
    let sealed = people.sealed(&BINDING);
    let revealed = SealedForm::parse(&sealed)
        .unwrap()
        .reveal(&BINDING, &all, &mut |p| people.key_of(p), &mut |piece| {
            assert!(!format!("{piece:?}").contains("P-1"));
        })
        .unwrap();
    assert!(!format!("{attribute:?}{revealed:?}").contains("P-1"));
}

/// A wrapped key and a form written by another implementation (Python, from the format page): version 1 must open for
/// ever.
#[test]
fn the_fixture_of_version_1_still_opens() {
    let hex = include_str!("fixtures/sealed-form-1.hex");
    let bytes: Vec<u8> = hex
        .split_whitespace()
        .flat_map(|line| line.as_bytes().chunks(2))
        .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap())
        .collect();
    let (wrapped, form) = bytes.split_at(64);
    let secret = |byte| Secret::new(&[byte; 32]).unwrap();
    let agency = AgencyKeys::derive(7, &AgencySecrets { lasting: secret(1), epoch: secret(2) });
    let child = agency.pseudonym_of_person("P-1");
    let key = agency.unwrap(&seal::WrappedKey(wrapped.try_into().unwrap()), &child).unwrap();
    let mut seen = Vec::new();
    let form = SealedForm::parse(form).unwrap();
    let revealed = form
        .reveal(&BINDING, &all, &mut |p| (*p == child).then_some(&key), &mut |piece| match piece {
            Piece::Text(bytes) | Piece::Opened(bytes) => seen.extend_from_slice(bytes),
            Piece::Veiled { .. } | Piece::LeftOut(_) => {}
        })
        .unwrap();
    assert_eq!(String::from_utf8(seen).unwrap(), r#"{"personId":"P-1","office":"7"}"#);
    assert_eq!(revealed.attributes[0].1.as_str(), "P-1");
}

/// Cuts in order, each with a class, a subject and a shape.
fn cut_document() -> impl Strategy<Value = (Vec<u8>, Vec<Fragment<'static>>)> {
    let owner = (prop::sample::select(vec!["personal", "special", "internal"]), 0u16..2, any::<u8>());
    (prop::collection::vec(any::<u8>(), 0..300), prop::collection::vec((any::<[u16; 2]>(), owner), 0..12))
        .prop_map(|(data, cuts)| {
            let mut ends: Vec<u32> = cuts
                .iter()
                .flat_map(|(ends, _)| *ends)
                .map(|end| u32::from(end) % (data.len() as u32 + 1))
                .collect();
            ends.sort_unstable();
            let fragments = ends.chunks_exact(2).zip(cuts).map(|(ends, (_, (class, subject, shape)))| {
                Fragment { start: ends[0], end: ends[1], class, subject, shape }
            });
            let fragments = fragments.collect();
            (data, fragments)
        })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn any_document_comes_back_exactly_and_partly_as_cleared((data, fragments) in cut_document(), class in "personal|special|internal") {
        let people = People::new();
        let mut sealed = Vec::new();
        seal(&data, &fragments, &[], &BINDING, &people.subjects(), &mut sealed).unwrap();
        prop_assert_eq!(&see(&sealed, &BINDING, &everything, &people).unwrap().0, &data);
        let mut expected = Vec::new();
        let mut from = 0;
        for fragment in &fragments {
            expected.extend_from_slice(&data[from..fragment.start as usize]);
            if fragment.class == class {
                expected.extend_from_slice(&data[fragment.start as usize..fragment.end as usize]);
            } else {
                expected.extend_from_slice(format!("·{}·", fragment.shape).as_bytes());
            }
            from = fragment.end as usize;
        }
        expected.extend_from_slice(&data[from..]);
        prop_assert_eq!(see(&sealed, &BINDING, &|c, _| c == class, &people).unwrap().0, expected);
    }

    #[test]
    fn parsing_survives_any_bytes(mut bytes in prop::collection::vec(any::<u8>(), 0..200), small: bool) {
        if let (true, Some(header)) = (small, bytes.first_chunk_mut::<11>()) {
            *header = [1, header[1] % 3, 0, header[3] % 4, 0, 0, 0, header[7] % 32, 0, 0, 0];
        }
        if let Ok(form) = SealedForm::parse(&bytes) {
            let _ = form.reveal(&BINDING, &|_, _| Access::LeftOut, &mut |_| None::<PersonKey>, &mut |_| ());
        }
    }

    #[test]
    fn parsing_survives_any_cut_or_overwritten_form(at in 0usize..400, value: [u8; 4], cut: bool) {
        let people = People::new();
        let mut bytes = people.sealed(&BINDING);
        let at = at % bytes.len();
        let end = (at + 4).min(bytes.len());
        let altered = bytes[at..end] != value[..end - at];
        bytes[at..end].copy_from_slice(&value[..end - at]);
        if cut {
            bytes.truncate(at);
        }
        prop_assert_eq!(see(&bytes, &BINDING, &everything, &people).is_err(), altered || cut);
    }
}

/// What a reader sees for whom fragments of shape 1 and 2 are shown in another form.
#[derive(Debug)]
struct Shown {
    text: String,
    veiled: Vec<String>,
    left_out: Vec<String>,
    /// What was handed to be shown, and whose it is.
    fragments: Vec<(String, Pseudonym)>,
}

fn veiled(form: &[u8], people: &People) -> Result<Shown, OpenError> {
    let form = SealedForm::parse(form).map_err(OpenError::Malformed)?;
    let (mut text, mut fragments) = (String::new(), Vec::new());
    let access = |class: &str, _: &Pseudonym| match class {
        "personal" => Access::Veiled(|shape| shape > 0),
        _ => Access::LeftOut,
    };
    let revealed = form.reveal(&BINDING, &access, &mut |p| people.key_of(p), &mut |piece| match piece {
        Piece::Text(bytes) | Piece::Opened(bytes) => text.push_str(&String::from_utf8_lossy(bytes)),
        Piece::LeftOut(shape) => text.push_str(&format!("·{shape}·")),
        Piece::Veiled { bytes, shape, pseudonym } => {
            fragments.push((String::from_utf8_lossy(bytes).into_owned(), pseudonym));
            text.push_str(&format!("‹{shape}›"));
        }
    })?;
    assert!(revealed.attributes.is_empty() && revealed.about.is_empty(), "what is veiled is not opened");
    let names = |classes: &[&str]| classes.iter().map(|class| (*class).to_owned()).collect();
    Ok(Shown { text, veiled: names(&revealed.veiled), left_out: names(&revealed.left_out), fragments })
}

#[test]
fn of_a_veiled_envelope_only_the_fragments_that_are_shown_come_out_and_no_attribute() {
    let people = People::new();
    let Shown { text, veiled, left_out, fragments } = veiled(&people.sealed(&BINDING), &people).unwrap();
    assert_eq!(
        text,
        r#"{"child":{"personId":·0·,"name":‹1›},"mother":{"personId":·0·,"illness":·2·},"office":"7"}"#
    );
    assert_eq!(fragments, [("\"Ada\"".to_owned(), CHILD)]);
    assert_eq!(
        (veiled, left_out),
        (vec!["personal".to_owned()], vec!["personal".to_owned(), "special".to_owned()])
    );
}

#[test]
fn what_has_nothing_to_show_is_not_decrypted() {
    let people = People::new();
    let (sealed, asked) = (people.sealed(&BINDING), Cell::new(0));
    let form = SealedForm::parse(&sealed).unwrap();
    let mut key_of = |p: &Pseudonym| {
        asked.set(asked.get() + 1);
        people.key_of(p)
    };
    let access = |_: &str, _: &Pseudonym| Access::Veiled(|shape| shape == 1);
    let revealed = form.reveal(&BINDING, &access, &mut key_of, &mut |_| ()).unwrap();
    assert_eq!((revealed.veiled, asked.get()), (vec!["personal"], 1), "the child's alone");
}

#[test]
fn a_bit_flipped_in_any_shape_is_found_by_who_is_shown_something_and_by_who_opens() {
    let people = People::new();
    let sealed = people.sealed(&BINDING);
    // Four holes of seven bytes stand before the skeleton, their shape last.
    let skeleton = sealed.windows(9).position(|bytes| bytes == b"{\"child\":").unwrap();
    for bit in 0..4 * 8 {
        let mut altered = sealed.clone();
        altered[skeleton - 1 - 7 * (bit / 8)] ^= 1 << (bit % 8);
        assert!(see(&altered, &BINDING, &everything, &people).is_err(), "bit {bit}");
        // Where nothing asks to be shown any more, nothing is decrypted and nothing is shown.
        match veiled(&altered, &people) {
            Ok(shown) => assert!(shown.fragments.is_empty(), "bit {bit}"),
            Err(error) => assert!(matches!(error, OpenError::Tampered { .. }), "bit {bit}: {error}"),
        }
    }
}
