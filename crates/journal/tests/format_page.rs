//! docs/formats/journal.md says what the files say.

use std::path::PathBuf;
use std::sync::Arc;

use journal::embedded::Upkeep;
use journal::faults::FaultyDisk;
use journal::{Embedded, Group, Journal, LaneId, Options, StreamId, StreamSpec};

const PAGE: &str = include_str!("../../../docs/formats/journal.md");

/// One record, settled, and one after it, not settled.
fn files() -> (FaultyDisk, PathBuf) {
    let disk = FaultyDisk::new(1);
    let options = Options { log_bytes: 64 << 10, upkeep: Upkeep::Inline, ..Options::default() };
    let (journal, _) = Embedded::open("/j", Arc::new(disk.clone()), options).expect("opens");
    let spec = StreamSpec { name: "name".to_owned(), lane: LaneId(2), shelf: 30 };
    journal.create(&[spec]).expect("creates");
    for offset in 0..2 {
        let mut group = Group::new();
        group.push(StreamId(0), offset, u64::MAX, &[0x11, 0x22], &[b"body"]);
        journal.append(LaneId(2), &mut group).expect("appends");
        if offset == 0 {
            journal.settle().expect("settles");
        }
    }
    let segment = PathBuf::from("/j/segments/2-000000000001-30.0.segment");
    assert!(disk.contents(&segment).is_some(), "{:?}", disk.files());
    (disk, segment)
}

fn number(bytes: &[u8], at: usize, size: usize) -> u64 {
    bytes[at..at + size].iter().rev().fold(0, |sum, byte| sum << 8 | u64::from(*byte))
}

fn page_has(text: &str) {
    assert!(PAGE.contains(text), "docs/formats/journal.md lacks {text:?}");
}

#[test]
fn a_log_is_as_the_format_page_says() {
    let (disk, _) = files();
    let log = disk.contents("/j/lane-2/000000000002.log").expect("a log");
    page_has(&format!("magic `{}`", String::from_utf8_lossy(&log[4..8])));
    let catalogue = disk.contents("/j/catalogue").expect("a catalogue");
    assert_eq!(log[8..16], catalogue[8..16], "one salt for the folder");
    assert_eq!((number(&log, 16, 8), number(&log, 24, 4), number(&log, 32, 4)), (2, 0, 1));
    assert_eq!((number(&log, 36, 4), log[40], catalogue[40]), (1, 2, 255));
    page_has("| 48 | … | payload |");
    let record = &log[48..48 + number(&log, 28, 4) as usize];
    page_has("| 32 | 8 each | marks; the first is the primary one |");
    assert_eq!(record.len() as u64, number(record, 4, 4));
    assert_eq!((number(record, 8, 4), record[12], number(record, 16, 8)), (0, 2, 1));
    assert_eq!((number(record, 32, 8), number(record, 40, 8), &record[48..]), (0x11, 0x22, &b"body"[..]));
}

#[test]
fn a_segment_is_as_the_format_page_says() {
    let (disk, segment) = files();
    let bytes = disk.contents(segment).expect("a segment");
    page_has(&format!("magic `{}`", String::from_utf8_lossy(&bytes[4..8])));
    let fields: Vec<u64> = (16..48).step_by(4).map(|at| number(&bytes, at, 4)).collect();
    assert_eq!(fields, [1, 0, 30, 0, 2, 1, 1, 2], "log, shelf, generation, lane, streams, records, marks");
    let (index, marks, tail) = (number(&bytes, 48, 8), number(&bytes, 56, 8), number(&bytes, 64, 8));
    assert_eq!((index, marks, tail), (8192, 12288, 16384));
    assert_eq!(number(&bytes, 72, 8), 40 + 8, "one directory entry, one fence");
    let entry = &bytes[index as usize + 8..];
    assert_eq!((number(entry, 0, 4), number(entry, 4, 4)), (4096, 52));
    assert_eq!((number(entry, 8, 8), number(entry, 16, 8)), (u64::MAX, 0x11));
    let entry = &bytes[marks as usize + 8..];
    assert_eq!((number(entry, 0, 8), number(entry, 8, 4), number(entry, 12, 8)), (0x11, 0, 0x22));
}

#[test]
fn the_catalogue_is_as_the_format_page_says() {
    let (disk, _) = files();
    let catalogue = disk.contents("/j/catalogue").expect("a catalogue");
    assert_eq!(number(&catalogue, 28, 4), 0, "the first frame of a new folder is empty");
    let created = &catalogue[4096 + 48..];
    page_has("| 1 | a stream exists, or has another shelf |");
    assert_eq!((created[0], number(created, 1, 4), created[5]), (1, 0, 2));
    assert_eq!((number(created, 6, 4), number(created, 10, 4), &created[14..18]), (30, 4, &b"name"[..]));
    let settled = &catalogue[8192 + 48..];
    page_has("| 4 | a segment is live");
    assert_eq!((settled[0], settled[1], number(settled, 2, 8), number(settled, 10, 4)), (4, 2, 1, 30));
    page_has("| 3 | a lane's logs are settled up to |");
    assert_eq!((settled[18], settled[19], number(settled, 20, 8)), (3, 2, 1));
}
