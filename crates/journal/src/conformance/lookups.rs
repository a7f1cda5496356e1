//! Finding records again, trimming, watching.

use std::sync::Arc;

use parking_lot::Mutex;

use super::{LANE, Promise, Subject, created, fill, mark_of, push, read_all, time_of};
use crate::error::JournalError;
use crate::group::Group;
use crate::stream::{Bounds, Found};

pub(super) const PROMISES: &[Promise] = &[
    ("heads are listed in order without their bodies", entries_in_order),
    ("a record is found by each of its marks", find_by_mark),
    ("a time leads to the first record that is not before it", at_time_finds_the_first),
    ("what is trimmed is gone at once and for good", trimmed_is_gone),
    ("a trim beyond the end is refused", trim_beyond_the_end),
    ("a stream goes on after all of it was trimmed", a_stream_goes_on_after_a_full_trim),
    ("trimming one stream leaves its neighbours alone", trim_leaves_neighbours_alone),
    ("watchers are told each touched stream's new end", watchers_are_told),
];

fn entries_in_order(subject: &mut dyn Subject) {
    let journal = subject.journal();
    let [a, b] = created(&*journal, LANE, ["a", "b"]);
    fill(&*journal, LANE, &[a, b], 0..400, 50);
    subject.reorganise();
    fill(&*journal, LANE, &[a, b], 400..500, 50);
    for from in [0, 1, 171, 399, 400, 499, 500] {
        let mut seen = from;
        let listed = journal.entries(b, from, &mut |entry| {
            assert_eq!((entry.offset, entry.time_ms, entry.primary), (seen, time_of(seen), mark_of(b, seen)));
            seen += 1;
        });
        assert_eq!((listed, seen), (Ok(()), 500), "from {from}");
    }
    journal.trim(a, 10).expect("trims");
    assert_eq!(journal.entries(a, 9, &mut |_| ()), Err(JournalError::Trimmed { first: 10 }));
}

fn find_by_mark(subject: &mut dyn Subject) {
    let journal = subject.journal();
    let [a, b] = created(&*journal, LANE, ["a", "b"]);
    fill(&*journal, LANE, &[a, b], 0..300, 20);
    for round in 0..2 {
        for offset in [0, 1, 150, 299] {
            assert_eq!(
                journal.find(mark_of(b, offset)),
                Ok(vec![Found { stream: b, offset }]),
                "round {round}"
            );
        }
        assert_eq!(journal.find(7).map(|found| found.len()), Ok(600), "every record has this one");
        assert_eq!(journal.find(12_345), Ok(vec![]));
        subject.reorganise();
    }
    journal.trim(a, 300).expect("trims");
    journal.trim(b, 100).expect("trims");
    for _ in 0..2 {
        assert_eq!(journal.find(7).map(|found| found.len()), Ok(200), "trimmed records are not found");
        assert_eq!(journal.find(mark_of(b, 99)), Ok(vec![]));
        subject.reorganise();
    }
}

fn at_time_finds_the_first(subject: &mut dyn Subject) {
    let journal = subject.journal();
    let [a, empty] = created(&*journal, LANE, ["a", "empty"]);
    assert_eq!(journal.at_time(empty, 0), Ok(0));
    fill(&*journal, LANE, &[a], 0..400, 30);
    subject.reorganise();
    fill(&*journal, LANE, &[a], 400..450, 30);
    let cases = [
        (0, 0),
        (time_of(0), 0),
        (time_of(0) + 1, 2),
        (time_of(3), 2),
        (time_of(399), 398),
        (time_of(399) + 1, 400),
        (time_of(449), 448),
        (time_of(449) + 1, 450),
        (u64::MAX, 450),
    ];
    for (time_ms, offset) in cases {
        assert_eq!(journal.at_time(a, time_ms), Ok(offset), "at {time_ms}");
    }
    journal.trim(a, 101).expect("trims");
    assert_eq!(journal.at_time(a, 0), Ok(101));
    assert_eq!(journal.at_time(a, time_of(100)), Ok(101));
}

fn trimmed_is_gone(subject: &mut dyn Subject) {
    let [a] = created(&*subject.journal(), LANE, ["a"]);
    fill(&*subject.journal(), LANE, &[a], 0..200, 10);
    for before in [30, 30, 10, 150] {
        let journal = subject.journal();
        journal.trim(a, before).expect("trims; below the first it is nothing");
        let first = before.max(30);
        assert_eq!(journal.bounds(a), Ok(Bounds { first, next: 200 }));
        assert_eq!(journal.read(a, first - 1, 10), Err(JournalError::Trimmed { first }));
        assert_eq!(read_all(&*journal, a, first, 500).len() as u64, 200 - first);
        drop(journal);
        subject.reorganise();
        assert_eq!(read_all(&*subject.journal(), a, first, 500).len() as u64, 200 - first);
        subject.reopen();
        assert_eq!(subject.journal().bounds(a), Ok(Bounds { first, next: 200 }));
    }
}

fn trim_beyond_the_end(subject: &mut dyn Subject) {
    let journal = subject.journal();
    let [a, b] = created(&*journal, LANE, ["a", "b"]);
    fill(&*journal, LANE, &[a, b], 0..5, 5);
    assert_eq!(journal.trim_all(&[(b, 2), (a, 6)]), Err(JournalError::BeyondEnd { stream: a, next: 5 }));
    assert_eq!(journal.bounds(b), Ok(Bounds { first: 0, next: 5 }), "refused as a whole");
}

fn a_stream_goes_on_after_a_full_trim(subject: &mut dyn Subject) {
    let [a] = created(&*subject.journal(), LANE, ["a"]);
    fill(&*subject.journal(), LANE, &[a], 0..50, 10);
    for next in [50, 60, 70] {
        let journal = subject.journal();
        journal.trim(a, next).expect("trims all");
        assert_eq!(journal.read(a, next, 10), Ok(vec![]));
        assert_eq!(journal.at_time(a, 0), Ok(next));
        drop(journal);
        subject.reorganise();
        subject.reopen();
        let journal = subject.journal();
        assert_eq!(journal.bounds(a), Ok(Bounds { first: next, next }));
        fill(&*journal, LANE, &[a], next..next + 10, 4);
        assert_eq!(read_all(&*journal, a, next, 100).len(), 10);
    }
}

fn trim_leaves_neighbours_alone(subject: &mut dyn Subject) {
    let journal = subject.journal();
    let [a, b, c] = created(&*journal, LANE, ["a", "b", "c"]);
    fill(&*journal, LANE, &[a, b, c], 0..200, 10);
    subject.reorganise();
    journal.trim_all(&[(a, 200), (c, 190)]).expect("trims");
    for _ in 0..2 {
        subject.reorganise();
        assert_eq!(read_all(&*journal, b, 0, 1000).len(), 200);
        assert_eq!(read_all(&*journal, c, 190, 1000).len(), 10);
        assert_eq!(journal.find(mark_of(b, 3)), Ok(vec![Found { stream: b, offset: 3 }]));
    }
    drop(journal);
    subject.reopen();
    assert_eq!(read_all(&*subject.journal(), b, 0, 1000).len(), 200);
}

fn watchers_are_told(subject: &mut dyn Subject) {
    let journal = subject.journal();
    let [a, b, c] = created(&*journal, LANE, ["a", "b", "c"]);
    let told = Arc::new(Mutex::new(Vec::new()));
    let ear = told.clone();
    journal.watch(Box::new(move |ends| ear.lock().push(ends.to_vec())));
    let mut group = Group::new();
    for (stream, offset) in [(c, 0), (a, 0), (c, 1)] {
        push(&mut group, stream, offset);
    }
    journal.append(LANE, &mut group).expect("appends");
    assert!(journal.append(LANE, &mut group).is_err());
    fill(&*journal, LANE, &[b], 0..1, 1);
    let mut told = told.lock().clone();
    told.iter_mut().for_each(|ends| ends.sort());
    assert_eq!(told, [vec![(a, 1), (c, 2)], vec![(b, 1)]], "after each durable group, and only then");
}
