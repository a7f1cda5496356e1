//! Creating, appending, reading.

use super::{LANE, OTHER_LANE, Promise, Subject, created, fill, push, read_all, spec, time_of};
use crate::error::JournalError;
use crate::group::Group;
use crate::stream::{Bounds, LANES_MAX, LaneId, StreamId};

pub(super) const PROMISES: &[Promise] = &[
    ("creating is idempotent by name and numbers densely", create_is_idempotent),
    ("a refused creation creates nothing", a_refused_creation_creates_nothing),
    ("records read back in order as they were pushed", records_read_back),
    ("a group with a wrong record is refused as a whole", a_wrong_group_is_refused),
    ("a refused group leaves everything as it was", a_refused_group_leaves_no_trace),
    ("reading keeps to its limit and gives at least one record", read_limits),
    ("reading outside the bounds says so", read_outside),
    ("unknown streams and lanes are refused", unknown_names),
];

fn create_is_idempotent(subject: &mut dyn Subject) {
    let journal = subject.journal();
    assert_eq!(created(&*journal, LANE, ["a", "b"]), [StreamId(0), StreamId(1)]);
    assert_eq!(created(&*journal, LANE, ["b", "c", "c", "a"]), [1, 2, 2, 0].map(StreamId));
    let mut moved = spec("a", LANE);
    moved.shelf = 77;
    assert_eq!(journal.create(std::slice::from_ref(&moved)).expect("another shelf is taken"), [StreamId(0)]);
    assert_eq!(journal.streams().len(), 3);
    assert_eq!(journal.streams()[0].spec, moved);
    assert_eq!(journal.create(&[]).expect("nothing to do"), []);
}

fn a_refused_creation_creates_nothing(subject: &mut dyn Subject) {
    let journal = subject.journal();
    let [a] = created(&*journal, LANE, ["a"]);
    let refused = journal.create(&[spec("new", LANE), spec("a", OTHER_LANE)]);
    assert_eq!(refused, Err(JournalError::LaneIsFixed { stream: a, lane: LANE }));
    let none = LaneId(LANES_MAX as u8);
    assert_eq!(journal.create(&[spec("new", LANE), spec("x", none)]), Err(JournalError::UnknownLane(none)));
    assert_eq!(journal.streams().len(), 1);
}

fn records_read_back(subject: &mut dyn Subject) {
    let journal = subject.journal();
    let streams = created(&*journal, LANE, ["a", "b", "c"]);
    fill(&*journal, LANE, &streams, 0..100, 7);
    for reorganised in [false, true] {
        if reorganised {
            subject.reorganise();
            fill(&*journal, LANE, &streams, 100..150, 3);
        }
        let next = if reorganised { 150 } else { 100 };
        for stream in streams {
            assert_eq!(journal.bounds(stream), Ok(Bounds { first: 0, next }));
            for (from, max_bytes) in [(0, 1), (0, 1000), (37, usize::MAX), (next - 1, 500)] {
                assert_eq!(read_all(&*journal, stream, from, max_bytes).len() as u64, next - from);
            }
        }
    }
}

fn a_wrong_group_is_refused(subject: &mut dyn Subject) {
    let journal = subject.journal();
    let [a, b] = created(&*journal, LANE, ["a", "b"]);
    let [other] = created(&*journal, OTHER_LANE, ["other"]);
    fill(&*journal, LANE, &[a, b], 0..4, 4);
    type Wrong = fn(&mut Group, StreamId, StreamId);
    let cases: [(Wrong, JournalError); 5] = [
        (|g, b, _| push(g, b, 5), JournalError::OffsetNotNext { stream: b, offset: 5, next: 4 }),
        (|g, b, _| push(g, b, 3), JournalError::OffsetNotNext { stream: b, offset: 3, next: 4 }),
        (
            |g, b, _| g.push(b, 4, 1, &[], &[]),
            JournalError::TimeWentBack { stream: b, time_ms: 1, last_ms: time_of(3) },
        ),
        (|g, _, o| push(g, o, 0), JournalError::WrongLane { stream: other, lane: LANE, belongs: OTHER_LANE }),
        (|g, _, _| push(g, StreamId(99), 0), JournalError::UnknownStream(StreamId(99))),
    ];
    for (wrong, error) in cases {
        let mut group = Group::new();
        push(&mut group, a, 4);
        push(&mut group, b, 4);
        group.clear();
        push(&mut group, a, 4);
        wrong(&mut group, b, other);
        assert_eq!(journal.append(LANE, &mut group), Err(error));
        assert_eq!(
            journal.bounds(a),
            Ok(Bounds { first: 0, next: 4 }),
            "atomic: nothing of the group is there"
        );
    }
}

fn a_refused_group_leaves_no_trace(subject: &mut dyn Subject) {
    let journal = subject.journal();
    let [a] = created(&*journal, LANE, ["a"]);
    let mut group = Group::new();
    push(&mut group, a, 0);
    push(&mut group, a, 2);
    assert!(journal.append(LANE, &mut group).is_err());
    assert_eq!(group.records(), 2, "the group is the caller's");
    fill(&*journal, LANE, &[a], 0..3, 1);
    assert_eq!(read_all(&*journal, a, 0, usize::MAX).len(), 3);
    assert_eq!(journal.append(LANE, &mut Group::new()), Ok(()), "an empty group is nothing");
}

fn read_limits(subject: &mut dyn Subject) {
    let journal = subject.journal();
    let [a] = created(&*journal, LANE, ["a"]);
    let mut group = Group::new();
    for offset in 0..20 {
        group.push(a, offset, 0, &[], &[&[1; 1000]]);
    }
    journal.append(LANE, &mut group).expect("appends");
    for _ in 0..2 {
        assert_eq!(journal.read(a, 0, 0).map(|records| records.len()), Ok(1), "at least one");
        assert_eq!(journal.read(a, 3, 999).map(|records| records.len()), Ok(1));
        let some = journal.read(a, 0, 5500).expect("reads").len();
        assert!((2..=5).contains(&some), "{some} records of 1,000 bytes within 5,500");
        assert_eq!(journal.read(a, 0, usize::MAX).map(|records| records.len()), Ok(20));
        subject.reorganise();
    }
}

fn read_outside(subject: &mut dyn Subject) {
    let journal = subject.journal();
    let [a] = created(&*journal, LANE, ["a"]);
    assert_eq!(journal.read(a, 0, 100), Ok(vec![]));
    assert_eq!(journal.read(a, 9, 100), Ok(vec![]));
    fill(&*journal, LANE, &[a], 0..5, 5);
    assert_eq!(journal.read(a, 5, 100), Ok(vec![]));
    assert_eq!(journal.read(a, u64::MAX, 100), Ok(vec![]));
    journal.trim(a, 2).expect("trims");
    assert_eq!(journal.read(a, 1, 100), Err(JournalError::Trimmed { first: 2 }));
}

fn unknown_names(subject: &mut dyn Subject) {
    let journal = subject.journal();
    let none = StreamId(5);
    let error = JournalError::UnknownStream(none);
    assert_eq!(journal.read(none, 0, 1), Err(error.clone()));
    assert_eq!(journal.bounds(none), Err(error.clone()));
    assert_eq!(journal.at_time(none, 0), Err(error.clone()));
    assert_eq!(journal.entries(none, 0, &mut |_| ()), Err(error.clone()));
    assert_eq!(journal.trim(none, 0), Err(error));
    let mut group = Group::new();
    push(&mut group, none, 0);
    assert!(journal.append(LaneId(200), &mut group).is_err());
}
