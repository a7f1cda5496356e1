use proptest::prelude::*;

use super::*;

const PURPOSES: [&str; 2] = ["advice", "statistics"];
const AGENCIES: [&str; 2] = ["tax-office", "courts"];
const KEPT_MS: u64 = 400;

fn person(number: u8) -> Pseudonym {
    Pseudonym([number; 16])
}

fn what<'w>(purpose: &'w str, recipient: &'w str) -> What<'w> {
    What { purpose, recipient, formerly: &[] }
}

/// What one record says, of people, purposes and recipients of whom there are two each.
#[derive(Debug, Clone)]
struct Step {
    person: u8,
    purpose: usize,
    recipients: Recipients,
    given: bool,
    /// How long before it became durable it was said.
    before_ms: u64,
    /// The partition.
    stream: u32,
    valid_ms: Option<u64>,
}

prop_compose! {
    fn step()(person in 0..2u8, purpose in 0..2usize, given: bool, before_ms in 0..20u64,
        valid_ms in proptest::option::of(1..100u64), stream in 0..2u32,
        named in proptest::option::of(proptest::collection::vec(0..2usize, 1..3))) -> Step {
        let names = |named: Vec<usize>| named.into_iter().map(|one| AGENCIES[one].to_owned()).collect();
        let recipients = named.map_or(Recipients::Any, |named| Recipients::Named(names(named)));
        Step { person, purpose, recipients, given, before_ms, stream, valid_ms }
    }
}

/// Each step a record of its own moment, ten milliseconds after the one before.
fn records(steps: &[Step]) -> Vec<(u8, Record, Place)> {
    let one = |(at, step): (usize, &Step)| {
        let time_ms = 1_000 + 10 * at as u64;
        let event_ms = time_ms - step.before_ms;
        let record = Record {
            principal: String::new(),
            purposes: vec![(PURPOSES[step.purpose].to_owned(), step.recipients.clone())],
            given: step.given,
            event_ms: Some(event_ms),
            until_ms: step.valid_ms.map(|valid_ms| event_ms + valid_ms),
        };
        (step.person, record, Place { time_ms, stream: StreamId(step.stream), offset: at as u64 })
    };
    steps.iter().enumerate().map(one).collect()
}

fn folded(records: &[(u8, Record, Place)], order: impl Iterator<Item = usize>) -> Table {
    let mut table = Table::default();
    for at in order {
        let (who, record, place) = &records[at];
        let said = Said { record, place: *place, kept_ms: KEPT_MS, by: None };
        table.fold(person(*who), &said);
    }
    table
}

fn all() -> impl Iterator<Item = (u8, &'static str, &'static str)> {
    (0..2)
        .flat_map(|who| PURPOSES.map(|purpose| (who, purpose)))
        .flat_map(|(who, purpose)| AGENCIES.map(|it| (who, purpose, it)))
}

proptest! {
    /// What a person is shown to have said is what deliveries hold to.
    #[test]
    fn what_is_shown_of_a_person_is_what_stands(steps in proptest::collection::vec(step(), 0..12), now_ms in 900..1_600u64) {
        let records = records(&steps);
        let table = folded(&records, 0..records.len());
        for who in 0..2 {
            let said = table.said_by(&person(who), now_ms);
            for (purpose, agency) in PURPOSES.iter().flat_map(|of| AGENCIES.map(|agency| (*of, agency))) {
                let of = |recipient: Option<&str>| {
                    said.iter().find(|it| it.purpose == purpose && it.recipient.as_deref() == recipient)
                };
                let shown = of(Some(agency)).or_else(|| of(None));
                let stands = table.stands(&person(who), what(purpose, agency), now_ms, |_| false);
                prop_assert_eq!(shown.is_some_and(|it| it.standing == Standing::Given), stands);
                if let Some(shown) = shown {
                    let by = records.iter().find(|(_, _, place)| *place == shown.place);
                    prop_assert!(by.is_some_and(|(whose, record, _)| *whose == who && concerns(record, (purpose, agency))));
                }
            }
        }
    }
}

fn concerns(record: &Record, (purpose, agency): (&str, &str)) -> bool {
    record.purposes.iter().any(|(of, whom)| {
        of == purpose
            && match whom {
                Recipients::Any => true,
                Recipients::Named(named) => named.iter().any(|name| name == agency),
            }
    })
}

proptest! {
    #[test]
    fn read_again_in_any_order_and_twice_it_comes_to_the_same(
        steps in proptest::collection::vec(step(), 0..20), seed: u64, now_ms in 1_000..1_700u64,
    ) {
        let records = records(&steps);
        let live = folded(&records, 0..records.len());
        let mut order: Vec<usize> = (0..records.len()).chain(0..records.len()).collect();
        order.sort_by_key(|at| (*at as u64 + 1).wrapping_mul(seed | 1).rotate_left(17));
        let again = folded(&records, order.into_iter());
        for (who, purpose, agency) in all() {
            let stands = |table: &Table| table.stands(&person(who), what(purpose, agency), now_ms, |_| false);
            prop_assert_eq!(stands(&live), stands(&again));
        }
    }

    #[test]
    fn what_is_too_old_to_matter_is_dropped_and_changes_no_answer(
        steps in proptest::collection::vec(step(), 0..60), read in 0..60usize, then_ms in 1_000..2_600u64, more_ms in 0..600u64,
    ) {
        let records = records(&steps);
        let live = folded(&records, 0..records.len());
        let read = read.min(records.len());
        let mut table = folded(&records[..read], 0..read);
        table.forget(then_ms, KEPT_MS);
        let newest = records[..read].last().map_or(0, |(_, _, place)| place.time_ms);
        prop_assert!(then_ms < newest + KEPT_MS || table.len() == 0, "nothing is kept for ever");
        prop_assert!(table.len() > 0 || table.names.is_empty(), "nor are names that nobody speaks of any more");
        for (who, record, place) in &records[read..] {
            table.fold(person(*who), &Said { record, place: *place, kept_ms: KEPT_MS, by: None });
        }
        for (who, purpose, agency) in all() {
            let stands = |table: &Table| table.stands(&person(who), what(purpose, agency), then_ms + more_ms, |_| false);
            prop_assert_eq!(stands(&live), stands(&table));
        }
    }

    #[test]
    fn it_stands_only_if_the_last_word_gave_it_and_neither_time_nor_its_topic_ended_it(
        steps in proptest::collection::vec(step(), 0..20), now_ms in 1_000..1_700u64,
    ) {
        let records = records(&steps);
        let table = folded(&records, 0..records.len());
        for (who, purpose, agency) in all() {
            let mine = |(of, record, _): &&(u8, Record, Place)| *of == who && concerns(record, (purpose, agency));
            let stands = table.stands(&person(who), what(purpose, agency), now_ms, |_| false);
            let Some((_, last, _)) = records.iter().rfind(mine) else {
                prop_assert!(!stands, "nobody said anything");
                continue;
            };
            let over = last.until_ms.is_some_and(|until_ms| now_ms >= until_ms) || now_ms >= last.event_ms.unwrap_or_default() + KEPT_MS;
            let withdrawn_later = records.iter().filter(mine).any(|(_, it, _)| !it.given && it.event_ms > last.event_ms);
            prop_assert_eq!(stands, last.given && !over && !withdrawn_later);
        }
    }
}

#[test]
fn what_was_withdrawn_from_a_former_holder_binds_and_what_was_given_to_it_does_not() {
    let word = |at: u64, given, named: Option<&str>| {
        let whom = named.map_or(Recipients::Any, |name| Recipients::Named(vec![name.to_owned()]));
        let record = Record {
            principal: String::new(),
            purposes: vec![(PURPOSES[0].to_owned(), whom)],
            given,
            event_ms: Some(1_000 + at),
            until_ms: None,
        };
        (0, record, Place { time_ms: 1_000 + at, stream: StreamId(0), offset: at })
    };
    let formerly = [AgencyName::parse("courts").unwrap()];
    let stands = |records: &[(u8, Record, Place)]| {
        let what = What { formerly: &formerly, ..what(PURPOSES[0], "tax-office") };
        folded(records, 0..records.len()).stands(&person(0), what, 1_010, |_| false)
    };
    let (any, from_former) = (word(0, true, None), word(1, false, Some("courts")));
    assert!(stands(std::slice::from_ref(&any)));
    assert!(!stands(&[any.clone(), from_former.clone()]));
    assert!(!stands(&[any.clone(), from_former.clone(), word(2, true, Some("courts"))]));
    assert!(stands(&[any, from_former, word(2, true, Some("tax-office"))]));
}

#[test]
fn what_is_kept_of_a_word_is_small() {
    assert!(size_of::<((Pseudonym, u32, u32), Words)>() <= 128);
}

#[test]
fn who_was_erased_where_they_consented_consents_to_nothing() {
    let step = Step {
        person: 0,
        purpose: 0,
        recipients: Recipients::Any,
        given: true,
        before_ms: 0,
        stream: 0,
        valid_ms: None,
    };
    let (_, record, place) = records(&[step]).remove(0);
    let mut table = Table::default();
    table.fold(person(0), &Said { record: &record, place, kept_ms: u64::MAX, by: Some(person(9)) });
    let stands = |gone: bool| {
        table.stands(&person(0), what(PURPOSES[0], AGENCIES[0]), 2_000, |by| *by == person(9) && gone)
    };
    assert!(stands(false) && !stands(true));
}

#[test]
fn of_one_moment_only_one_partition_has_an_order_and_otherwise_nobody_consents() {
    let word = |given, stream, offset| {
        let record = Record {
            principal: String::new(),
            purposes: vec![(PURPOSES[0].to_owned(), Recipients::Any)],
            given,
            event_ms: Some(1_000),
            until_ms: None,
        };
        (0, record, Place { time_ms: 1_000, stream: StreamId(stream), offset })
    };
    let stands = |records: &[(u8, Record, Place)]| {
        let orders = [(0..records.len()).collect::<Vec<_>>(), (0..records.len()).rev().collect()];
        let [live, again] = orders.map(|order| {
            folded(records, order.into_iter()).stands(
                &person(0),
                what(PURPOSES[0], AGENCIES[0]),
                1_001,
                |_| false,
            )
        });
        assert_eq!(live, again);
        live
    };
    assert!(stands(&[word(false, 1, 3), word(true, 1, 4)]));
    assert!(!stands(&[word(true, 1, 3), word(false, 1, 4)]));
    assert!(!stands(&[word(true, 0, 900), word(false, 1, 3)]));
    assert!(!stands(&[word(false, 0, 900), word(false, 1, 3), word(true, 1, 4)]));
}
