//! What stays when the journal is opened again, and what concurrent callers may rely on.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use super::{LANE, OTHER_LANE, Promise, Subject, created, fill, mark_of, read_all, spec};
use crate::error::JournalError;
use crate::group::Group;
use crate::stream::{Bounds, Found};

pub(super) const PROMISES: &[Promise] = &[
    ("everything is there after opening again", everything_is_there_again),
    ("opening again goes on where it ended", opening_again_goes_on),
    ("streams keep their number, lane and shelf", streams_keep_their_names),
    ("two lanes append at once and readers see whole prefixes", lanes_and_readers_at_once),
    ("a great many streams share one group", many_streams),
];

fn everything_is_there_again(subject: &mut dyn Subject) {
    let [a, b] = created(&*subject.journal(), LANE, ["a", "b"]);
    let [other] = created(&*subject.journal(), OTHER_LANE, ["other"]);
    fill(&*subject.journal(), LANE, &[a, b], 0..150, 11);
    fill(&*subject.journal(), OTHER_LANE, &[other], 0..40, 3);
    for round in 0..3 {
        subject.reopen();
        let journal = subject.journal();
        for (stream, next) in [(a, 150), (b, 150), (other, 40)] {
            assert_eq!(journal.bounds(stream), Ok(Bounds { first: 0, next }), "round {round}");
            assert_eq!(read_all(&*journal, stream, 0, 2000).len() as u64, next);
            assert_eq!(journal.find(mark_of(stream, 5)), Ok(vec![Found { stream, offset: 5 }]));
        }
        drop(journal);
        subject.reorganise();
    }
}

fn opening_again_goes_on(subject: &mut dyn Subject) {
    let [a] = created(&*subject.journal(), LANE, ["a"]);
    for round in 0..6_u64 {
        fill(&*subject.journal(), LANE, &[a], round * 20..round * 20 + 20, 6);
        if round % 2 == 1 {
            subject.reorganise();
        }
        subject.reopen();
    }
    assert_eq!(read_all(&*subject.journal(), a, 0, 700).len(), 120);
    let mut late = Group::new();
    late.push(a, 120, 0, &[], &[]);
    let refused = subject.journal().append(LANE, &mut late);
    assert!(
        matches!(refused, Err(JournalError::TimeWentBack { .. })),
        "the last time is remembered: {refused:?}"
    );
}

fn streams_keep_their_names(subject: &mut dyn Subject) {
    created(&*subject.journal(), LANE, ["a", "b"]);
    created(&*subject.journal(), OTHER_LANE, ["c"]);
    let mut moved = spec("b", LANE);
    moved.shelf = 3650;
    subject.journal().create(&[moved]).expect("changes its shelf");
    let before = subject.journal().streams();
    subject.reopen();
    assert_eq!(subject.journal().streams(), before);
    assert_eq!(before[1].spec.shelf, 3650);
    let [again] = created(&*subject.journal(), OTHER_LANE, ["c"]);
    assert_eq!(again, before[2].id);
}

fn lanes_and_readers_at_once(subject: &mut dyn Subject) {
    let journal = subject.journal();
    let [a, b] = created(&*journal, LANE, ["a", "b"]);
    let [other] = created(&*journal, OTHER_LANE, ["other"]);
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        let reader = |stream| {
            let (journal, done) = (&journal, &done);
            move || {
                let mut seen = 0;
                while !done.load(Ordering::Relaxed) {
                    let records = read_all(&**journal, stream, 0, 3000).len();
                    assert!(records >= seen, "what was seen once stays");
                    seen = records;
                }
            }
        };
        let readers = [a, b, other].map(|stream| scope.spawn(reader(stream)));
        let writers = [
            scope.spawn(|| fill(&*journal, LANE, &[a, b], 0..300, 5)),
            scope.spawn(|| fill(&*journal, OTHER_LANE, &[other], 0..300, 7)),
        ];
        let written = writers.map(|writer| writer.join().is_ok());
        subject.reorganise();
        done.store(true, Ordering::Relaxed);
        assert_eq!(written, [true, true]);
        assert!(readers.into_iter().all(|reader| reader.join().is_ok()), "a reader saw something wrong");
    });
    for stream in [a, b, other] {
        assert_eq!(read_all(&*journal, stream, 0, 5000).len(), 300);
    }
}

fn many_streams(subject: &mut dyn Subject) {
    let specs: Vec<_> = (0..500).map(|n| spec(&format!("stream-{n}"), LANE)).collect();
    let streams = subject.journal().create(&specs).expect("creates");
    fill(&*subject.journal(), LANE, &streams, 0..3, 1);
    for _ in 0..2 {
        for stream in [streams[0], streams[250], streams[499]] {
            assert_eq!(read_all(&*subject.journal(), stream, 0, 100).len(), 3);
        }
        subject.reorganise();
    }
    subject.reopen();
    assert_eq!(subject.journal().streams().len(), 500);
    assert_eq!(read_all(&*subject.journal(), streams[77], 0, 100).len(), 3);
}
