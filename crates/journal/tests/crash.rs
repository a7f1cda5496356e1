//! Crashes at any step, failing flushes, full disks, flipped bits.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use journal::embedded::Upkeep;
use journal::faults::FaultyDisk;
use journal::{
    Disk, Embedded, Group, Journal, JournalError, LaneId, OpenError, Options, StreamId, StreamSpec,
};
use proptest::prelude::*;

const FOLDER: &str = "/journal";
const LANES: u32 = 2;
const STREAMS: u32 = 6;

fn options(log_bytes: u64) -> Options {
    let clock = Arc::new(|| 0);
    Options { log_bytes, upkeep: Upkeep::Inline, settle_chunk_bytes: 4096, clock, ..Options::default() }
}

fn open(disk: &FaultyDisk, log_bytes: u64) -> Result<Embedded, OpenError> {
    let disk: Arc<dyn Disk> = Arc::new(disk.clone());
    Embedded::open(FOLDER, disk, options(log_bytes)).map(|(journal, _)| journal)
}

fn specs() -> Vec<StreamSpec> {
    let spec = |n| StreamSpec { name: format!("s{n}"), lane: LaneId((n % LANES) as u8), shelf: n % 3 };
    (0..STREAMS).map(spec).collect()
}

fn body(stream: u32, offset: u64, length: usize) -> Vec<u8> {
    let seed = stream as u8 ^ offset as u8;
    (0..length).map(|n| seed.wrapping_add(n as u8)).collect()
}

/// One thing to do: a group (records per stream, and how long), or a trim, or settling now.
#[derive(Clone, Debug)]
enum Act {
    Append { lane: u8, counts: Vec<u64>, length: usize },
    Trim { stream: u32, part: u64 },
    Settle,
}

fn any_act() -> impl Strategy<Value = Act> {
    let append = (0..LANES as u8, proptest::collection::vec(0_u64..4, 3), 0_usize..6000)
        .prop_map(|(lane, counts, length)| Act::Append { lane, counts, length });
    let trim = (0..STREAMS, 0_u64..=8).prop_map(|(stream, part)| Act::Trim { stream, part });
    prop_oneof![8 => append, 2 => trim, 1 => Just(Act::Settle)]
}

/// What must be true of each stream: lengths of its records by offset, what was surely trimmed, and
/// what an unanswered call may have done besides.
#[derive(Clone, Default)]
struct Known {
    lengths: BTreeMap<u32, Vec<usize>>,
    firsts: BTreeMap<u32, u64>,
    pending_group: Option<BTreeMap<u32, Vec<usize>>>,
    pending_trim: Option<(u32, u64)>,
}

impl Known {
    fn next(&self, stream: u32) -> u64 {
        self.lengths.get(&stream).map_or(0, |lengths| lengths.len() as u64)
    }

    /// Does it; false when the disk failed in it.
    fn act(&mut self, journal: &Embedded, act: &Act) -> bool {
        match act {
            Act::Append { lane, counts, length } => {
                let mut group = Group::new();
                let mut added = BTreeMap::<u32, Vec<usize>>::new();
                let streams = (0..STREAMS).filter(|stream| stream % LANES == u32::from(*lane));
                for (stream, count) in streams.zip(counts) {
                    for offset in self.next(stream)..self.next(stream) + count {
                        let mark = u64::from(stream) << 32 | offset;
                        group.push(
                            StreamId(stream),
                            offset,
                            offset,
                            &[mark],
                            &[&body(stream, offset, *length)],
                        );
                        added.entry(stream).or_default().push(*length);
                    }
                }
                self.pending_group = Some(added.clone());
                match journal.append(LaneId(*lane), &mut group) {
                    Ok(()) => {}
                    Err(JournalError::GroupTooLarge { .. }) => added.clear(),
                    Err(_) => return false,
                }
                self.pending_group = None;
                self.take(added);
            }
            Act::Trim { stream, part } => {
                let before = self.next(*stream) * part / 8;
                self.pending_trim = Some((*stream, before));
                if journal.trim(StreamId(*stream), before).is_err() {
                    return false;
                }
                self.pending_trim = None;
                let first = self.firsts.entry(*stream).or_default();
                *first = before.max(*first);
            }
            Act::Settle => return journal.settle().is_ok(),
        }
        true
    }

    fn take(&mut self, added: BTreeMap<u32, Vec<usize>>) {
        for (stream, lengths) in added {
            self.lengths.entry(stream).or_default().extend(lengths);
        }
    }

    /// After recovery: the unanswered group is there wholly or not at all, and everything else exactly.
    fn check(&mut self, journal: &Embedded) {
        if let Some((stream, before)) = self.pending_trim.take()
            && journal.bounds(StreamId(stream)).expect("exists").first == before
        {
            self.firsts.insert(stream, before);
        }
        if let Some(added) = self.pending_group.take() {
            let ends = added.iter().map(|(stream, lengths)| {
                let next = journal.bounds(StreamId(*stream)).expect("exists").next;
                (next, self.next(*stream), self.next(*stream) + lengths.len() as u64)
            });
            let ends: Vec<_> = ends.collect();
            let all = ends.iter().all(|(next, _, with)| next == with);
            let none = ends.iter().all(|(next, without, _)| next == without);
            assert!(all || none, "half of an unacknowledged group is there: {ends:?}");
            if all {
                self.take(added);
            }
        }
        for stream in 0..STREAMS {
            let (first, next) = (self.firsts.get(&stream).copied().unwrap_or(0), self.next(stream));
            let bounds = journal.bounds(StreamId(stream)).expect("exists");
            assert_eq!((bounds.first, bounds.next), (first, next), "stream {stream}");
            let records = journal.read(StreamId(stream), first, usize::MAX).expect("reads");
            assert_eq!(records.len() as u64, next - first);
            for (offset, record) in (first..).zip(&records) {
                assert_eq!(record.offset, offset);
                assert_eq!(record.body, body(stream, offset, self.lengths[&stream][offset as usize]));
                let found = journal.find(record.marks.primary()).expect("looks");
                assert_eq!(found.len(), 1, "found exactly once");
            }
        }
        assert_eq!(journal.check(), [], "the doctor finds nothing");
    }
}

/// Acts until the power goes off, recovers, checks, and goes on; as often as there are crashes.
fn live_through(seed: u64, acts: &[Act], crashes: &[u64], process_only: bool) {
    let disk = FaultyDisk::new(seed);
    let mut known = Known::default();
    let mut crashes = crashes.iter();
    let mut acts = acts.iter();
    {
        let journal = open(&disk, 32 << 10).expect("opens");
        journal.create(&specs()).expect("creates");
    }
    loop {
        let crash = crashes.next();
        crash.into_iter().for_each(|steps| disk.crash_after(*steps));
        let mut finished = true;
        // Opening may crash too.
        if let Ok(journal) = open(&disk, 32 << 10) {
            if !disk.is_down() {
                known.check(&journal);
            }
            for act in acts.by_ref() {
                if !known.act(&journal, act) {
                    finished = false;
                    break;
                }
            }
        } else {
            finished = false;
        }
        if crash.is_none() {
            assert!(finished, "nothing fails while the power is on");
            break;
        }
        disk.crash();
        if process_only {
            disk.restart_process()
        } else {
            disk.restart()
        }
        assert!(!disk.is_down());
    }
    disk.restart();
    known.check(&open(&disk, 32 << 10).expect("opens in the end"));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn whatever_step_the_power_goes_off_at_nothing_acknowledged_is_lost(
        seed: u64,
        acts in proptest::collection::vec(any_act(), 1..60),
        crashes in proptest::collection::vec(1_u64..120, 0..5),
    ) {
        live_through(seed, &acts, &crashes, false);
    }

    #[test]
    fn whatever_step_the_process_is_killed_at_nothing_acknowledged_is_lost(
        seed: u64,
        acts in proptest::collection::vec(any_act(), 1..40),
        crashes in proptest::collection::vec(1_u64..60, 1..5),
    ) {
        live_through(seed, &acts, &crashes, true);
    }
}

/// A journal in memory with `groups` groups of one record of stream 0, 8 KiB each.
fn filled(groups: u64, log_bytes: u64) -> (FaultyDisk, Embedded) {
    let disk = FaultyDisk::new(7);
    let journal = open(&disk, log_bytes).expect("opens");
    journal.create(&specs()).expect("creates");
    for offset in 0..groups {
        append(&journal, offset).expect("appends");
    }
    (disk, journal)
}

fn append(journal: &Embedded, offset: u64) -> Result<(), JournalError> {
    let mut group = Group::new();
    group.push(StreamId(0), offset, offset, &[offset], &[&body(0, offset, 8000)]);
    journal.append(LaneId(0), &mut group)
}

fn next_of(journal: &Embedded) -> u64 {
    journal.bounds(StreamId(0)).expect("exists").next
}

const FIRST_LOG: &str = "/journal/lane-0/000000000001.log";

#[test]
fn after_a_failed_flush_every_lane_refuses_and_reading_still_works() {
    let (disk, journal) = filled(3, 1 << 20);
    disk.fail_syncs(1);
    let error = append(&journal, 3).expect_err("the flush failed");
    let JournalError::Poisoned { position, .. } = &error else { panic!("{error}") };
    assert_eq!(position, &format!("{FIRST_LOG} byte {}", 3 * 8192));
    assert_eq!(append(&journal, 3), Err(error.clone()), "a failed flush is never tried again");
    let mut group = Group::new();
    group.push(StreamId(1), 0, 0, &[], &[]);
    assert_eq!(journal.append(LaneId(1), &mut group), Err(error.clone()));
    assert_eq!(journal.trim(StreamId(0), 1), Err(error));
    assert_eq!(journal.read(StreamId(0), 0, usize::MAX).map(|records| records.len()), Ok(3));
}

#[test]
fn what_recovery_shows_after_a_failed_flush_is_durable_even_if_the_kernel_showed_what_was_not() {
    for seed in 0..40 {
        let disk = FaultyDisk::new(seed);
        let journal = open(&disk, 1 << 20).expect("opens");
        journal.create(&specs()).expect("creates");
        append(&journal, 0).expect("appends");
        disk.fail_syncs(1);
        append(&journal, 1).expect_err("the flush failed");
        drop(journal);
        disk.restart_process();
        let shown = next_of(&open(&disk, 1 << 20).expect("opens"));
        disk.crash();
        disk.restart();
        assert_eq!(next_of(&open(&disk, 1 << 20).expect("opens")), shown, "seed {seed}");
    }
}

#[test]
fn a_torn_tail_is_cut_and_nothing_acknowledged_is_lost() {
    let (disk, journal) = filled(4, 1 << 20);
    drop(journal);
    assert!(disk.flip_bit(FIRST_LOG, 3 * 8192 + 5000, 3));
    let (journal, recovered) =
        Embedded::open(FOLDER, Arc::new(disk.clone()), options(1 << 20)).expect("a torn tail is no damage");
    assert_eq!((recovered.groups, recovered.torn_bytes_cut), (3, 8192));
    assert!(recovered.to_string().contains("8192 torn bytes"), "{recovered}");
    append(&journal, 3).expect("goes on there");
    drop(journal);
    let (journal, recovered) = Embedded::open(FOLDER, Arc::new(disk), options(1 << 20)).expect("opens");
    assert_eq!((recovered.torn_bytes_cut, next_of(&journal)), (0, 4));
}

#[test]
fn a_damaged_middle_is_refused_with_file_and_position_and_nothing_is_changed() {
    for (damaged, log_bytes) in [(1, 1 << 20), (0, 1 << 20)] {
        let (disk, journal) = filled(4, log_bytes);
        drop(journal);
        assert!(disk.flip_bit(FIRST_LOG, damaged * 8192 + 17, 0));
        let before = disk.contents(FIRST_LOG);
        let OpenError::Corrupt { first, .. } = open(&disk, log_bytes).expect_err("refused") else { panic!() };
        assert_eq!((first.file.as_path(), first.position), (Path::new(FIRST_LOG), damaged * 8192));
        assert_eq!(disk.contents(FIRST_LOG), before);
        let (doctor, _, findings) =
            Embedded::open_read_only(FOLDER, Arc::new(disk), options(log_bytes)).expect("for the doctor");
        assert_eq!(findings.first(), Some(&first));
        assert_eq!(next_of(&doctor), damaged, "it shows what there is before the damage");
        assert_eq!(append(&doctor, damaged), Err(JournalError::ReadOnly));
    }
}

#[test]
fn the_damaged_end_of_a_log_that_is_not_the_last_is_refused() {
    let disk = FaultyDisk::new(7);
    let unsettled = Options { upkeep: Upkeep::Threads, ..options(32 << 10) };
    let (journal, _) = Embedded::open(FOLDER, Arc::new(disk.clone()), unsettled).expect("opens");
    journal.create(&specs()).expect("creates");
    // The disk is too full for segments, not for logs: the first log stays.
    for offset in 0..4 {
        append(&journal, offset).expect("appends");
    }
    while disk.contents("/journal/lane-0/000000000002.log").is_none_or(|bytes| bytes.len() < 32 << 10) {
        std::thread::yield_now();
    }
    disk.set_free_bytes(Some(0));
    for offset in 4..6 {
        append(&journal, offset).expect("appends into the prepared log");
    }
    drop(journal);
    disk.set_free_bytes(None);
    assert!(disk.flip_bit(FIRST_LOG, 3 * 8192 + 100, 1), "the first log is still there");
    let OpenError::Corrupt { first, .. } = open(&disk, 32 << 10).expect_err("refused") else { panic!() };
    assert_eq!((first.file.as_path(), first.position), (Path::new(FIRST_LOG), 3 * 8192));
}

#[test]
fn every_flipped_bit_of_a_segment_is_found_by_the_doctor_or_by_opening() {
    let (disk, journal) = filled(6, 1 << 20);
    journal.settle().expect("settles");
    drop(journal);
    let segment = disk.files().into_iter().find(|(path, _)| path.starts_with("/journal/segments"));
    let (path, _) = segment.expect("a segment");
    let used = disk.contents(&path).expect("bytes");
    for position in (0..used.len() as u64).step_by(61) {
        // Padding means nothing.
        if used[position as usize] == 0 {
            continue;
        }
        disk.flip_bit(&path, position, 2);
        let seen = match Embedded::open_read_only(FOLDER, Arc::new(disk.clone()), options(1 << 20)) {
            Ok((doctor, _, findings)) => !findings.is_empty() || !doctor.check().is_empty(),
            Err(_) => true,
        };
        assert!(seen, "byte {position}");
        disk.flip_bit(&path, position, 2);
    }
}

#[test]
fn a_full_disk_refuses_before_anything_is_lost_and_works_again_with_space() {
    for upkeep in [Upkeep::Inline, Upkeep::Threads] {
        let disk = FaultyDisk::new(3);
        let options = Options { upkeep, ..options(32 << 10) };
        let (journal, _) = Embedded::open(FOLDER, Arc::new(disk.clone()), options).expect("opens");
        journal.create(&specs()).expect("creates");
        disk.set_free_bytes(Some(0));
        let mut next = 0;
        let error = loop {
            match append(&journal, next) {
                Ok(()) => next += 1,
                Err(error) => break error,
            }
        };
        assert!(matches!(error, JournalError::DiskFull { .. }), "{error}");
        assert!(next >= 4, "what was prepared is used up first");
        disk.set_free_bytes(None);
        append(&journal, next).expect("there is space again, and the refused group left no trace");
        assert_eq!(
            journal.read(StreamId(0), 0, usize::MAX).map(|records| records.len() as u64),
            Ok(next + 1)
        );
    }
}

#[test]
fn a_body_that_looks_like_a_frame_is_not_taken_for_one() {
    let (disk, journal) = filled(1, 1 << 20);
    drop(journal);
    // All that an outsider can know of the format, at every place where a frame could begin.
    let mut forged = disk.contents(FIRST_LOG).expect("bytes")[..8192].to_vec();
    forged[8..16].fill(0);
    forged[24] = 9;
    let journal = open(&disk, 1 << 20).expect("opens");
    let mut group = Group::new();
    group.push(StreamId(0), 1, 1, &[], &[&[0; 4096 - 48 - 32], &forged, &forged]);
    journal.append(LaneId(0), &mut group).expect("appends");
    drop(journal);
    assert!(disk.flip_bit(FIRST_LOG, 8192 + 60, 0), "its head is torn");
    assert_eq!(next_of(&open(&disk, 1 << 20).expect("a torn tail, not a damaged middle")), 1);
}

#[test]
fn trimmed_records_leave_the_disk() {
    let (disk, journal) = filled(40, 64 << 10);
    let segments = |disk: &FaultyDisk| {
        let files = disk.files();
        files
            .iter()
            .filter(|(path, _)| path.starts_with("/journal/segments"))
            .map(|(_, bytes)| bytes)
            .sum::<u64>()
    };
    journal.settle().expect("settles");
    let before = segments(&disk);
    journal.trim(StreamId(0), 39).expect("trims");
    journal.settle().expect("sweeps");
    assert!(segments(&disk) < before / 4, "{} of {before} bytes are left", segments(&disk));
    assert_eq!(journal.read(StreamId(0), 39, 100).map(|records| records.len()), Ok(1));
    journal.trim(StreamId(0), 40).expect("trims");
    journal.settle().expect("sweeps");
    assert_eq!(segments(&disk), 0);
}

#[test]
fn an_old_log_is_settled_on_a_quiet_lane_too() {
    let disk = FaultyDisk::new(5);
    let now = Arc::new(std::sync::atomic::AtomicU64::new(1_000));
    let clock = now.clone();
    let options = Options {
        clock: Arc::new(move || clock.load(std::sync::atomic::Ordering::Relaxed)),
        log_age_max_ms: 500,
        ..options(1 << 20)
    };
    let (journal, _) = Embedded::open(FOLDER, Arc::new(disk.clone()), options).expect("opens");
    journal.create(&specs()).expect("creates");
    append(&journal, 0).expect("appends");
    let settled =
        |disk: &FaultyDisk| disk.files().iter().any(|(path, _)| path.starts_with("/journal/segments"));
    assert!(!settled(&disk));
    now.store(2_000, std::sync::atomic::Ordering::Relaxed);
    append(&journal, 1).expect("appends");
    assert!(settled(&disk));
}

#[test]
fn a_folder_is_open_only_once() {
    let folder = tempfile::tempdir().expect("a folder");
    let disk: Arc<dyn Disk> = Arc::new(journal::RealDisk::new());
    let first = Embedded::open(folder.path(), disk.clone(), options(1 << 20)).expect("opens");
    let locked = OpenError::Locked { folder: folder.path().to_owned() };
    assert_eq!(
        Embedded::open(folder.path(), disk.clone(), options(1 << 20)).map(|_| ()),
        Err(locked.clone())
    );
    let doctor = Embedded::open_read_only(folder.path(), disk.clone(), options(1 << 20)).map(|_| ());
    assert_eq!(doctor, Err(locked), "not while it is served");
    drop(first);
    Embedded::open(folder.path(), disk, options(1 << 20)).expect("opens again");
}
