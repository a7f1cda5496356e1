//! Prints what the embedded engine does on this disk: groups and MB per second by group size, the CPU
//! time of an append, how fast heads are listed, and what a flush costs on new and on recycled files.
//!
//! `cargo run --release -p journal --example append_rate -- [FOLDER]`

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use journal::embedded::Upkeep;
use journal::{
    Access, Disk, DiskFile, Embedded, Group, Journal, LaneId, Options, RealDisk, StreamId, StreamSpec,
};

const BODY_BYTES: usize = 1300;
const ROUND: Duration = Duration::from_secs(3);

type Outcome = Result<(), Box<dyn std::error::Error>>;

fn main() -> Outcome {
    let parent = std::env::args().nth(1).unwrap_or_else(|| ".".to_owned());
    let folder = tempfile::tempdir_in(parent)?;
    let out = &mut io::stdout().lock();
    flushes(out, folder.path())?;
    pushes(out)?;
    for kib in [4, 64, 256] {
        appends(out, &folder.path().join(format!("journal-{kib}")), kib << 10)?;
    }
    engine_alone(out)?;
    entries(out, &folder.path().join("entries"))
}

/// A write and a flush of 256 KiB each, over a file that was only allocated and again over the same file.
fn flushes(out: &mut impl Write, folder: &Path) -> Outcome {
    const FILE_BYTES: u64 = 64 << 20;
    for (kib, step) in [(4, 64 << 10), (64, 64 << 10), (256, 256 << 10)] {
        let file = &fresh(folder, FILE_BYTES)?;
        for life in ["allocated", "recycled"] {
            let mut times = Vec::new();
            for position in (0..FILE_BYTES / 2).step_by(step) {
                let began = Instant::now();
                file.write_all_at(&vec![life.len() as u8; kib << 10], position)?;
                file.sync_data()?;
                times.push(began.elapsed());
            }
            times.sort();
            let (middle, late) = (times[times.len() / 2], times[times.len() * 99 / 100]);
            writeln!(out, "write + fdatasync, {kib} KiB, {life} file: median {middle:.0?}, p99 {late:.0?}")?;
        }
    }
    Ok(())
}

fn fresh(folder: &Path, bytes: u64) -> io::Result<File> {
    let path = folder.join("flushes");
    let file = OpenOptions::new().create(true).truncate(true).read(true).write(true).open(path)?;
    rustix::fs::fallocate(&file, rustix::fs::FallocateFlags::empty(), 0, bytes)?;
    file.sync_data()?;
    Ok(file)
}

fn pushes(out: &mut impl Write) -> Outcome {
    let mut group = Group::new();
    let body = vec![7; BODY_BYTES];
    let mut best = Duration::MAX;
    for _ in 0..500 {
        group.clear();
        let began = Instant::now();
        for offset in 0..200 {
            group.push(StreamId(0), offset, 0, &[offset, 1, 2, 3], &[&body[..300], &body[300..]]);
        }
        best = best.min(began.elapsed());
    }
    writeln!(out, "push of {BODY_BYTES} bytes with 4 marks: {} ns", best.as_nanos() / 200)?;
    Ok(())
}

fn appends(out: &mut impl Write, folder: &Path, bytes: usize) -> Outcome {
    let (journal, _) = Embedded::open(folder, Arc::new(RealDisk::new()), Options::default())?;
    let spec = |n| StreamSpec { name: format!("s{n}"), lane: LaneId(0), shelf: 30 };
    let streams = journal.create(&(0..64).map(spec).collect::<Vec<_>>())?;
    let body = vec![7; BODY_BYTES.min(bytes - 200)];
    let per_group = (bytes / (body.len() + 64)).max(1);
    let mut next = vec![0_u64; streams.len()];
    let mut group = Group::new();
    let (mut groups, mut written, mut turn) = (0_u64, 0_u64, 0_usize);
    let (began, cpu) = (Instant::now(), thread_cpu());
    let mut times = Vec::new();
    while began.elapsed() < ROUND {
        group.clear();
        for _ in 0..per_group {
            let stream = turn % streams.len();
            turn += 1;
            group.push(streams[stream], next[stream], 0, &[turn as u64, 1, 2, 3], &[&body]);
            next[stream] += 1;
        }
        let start = Instant::now();
        journal.append(LaneId(0), &mut group)?;
        times.push(start.elapsed());
        groups += 1;
        written += group.bytes() as u64;
    }
    let (took, cpu) = (began.elapsed().as_secs_f64(), thread_cpu() - cpu);
    times.sort();
    writeln!(
        out,
        "append, groups of {} KiB ({per_group} records): {:.0} groups/s, {:.0} MB/s; \
         median {:.0?}, p99 {:.0?}, p99.9 {:.0?}; {:.0} µs of CPU each with its pushes",
        bytes >> 10,
        groups as f64 / took,
        written as f64 / took / 1e6,
        times[times.len() / 2],
        times[times.len() * 99 / 100],
        times[times.len() * 999 / 1000],
        cpu * 1e6 / groups as f64,
    )?;
    Ok(())
}

/// What the engine itself takes for an append: on a disk that does nothing.
fn engine_alone(out: &mut impl Write) -> Outcome {
    let options = Options { log_bytes: 1 << 30, upkeep: Upkeep::Inline, ..Options::default() };
    let (journal, _) = Embedded::open("/nowhere", Arc::new(NoDisk), options)?;
    let spec = |n| StreamSpec { name: format!("s{n}"), lane: LaneId(0), shelf: 30 };
    let streams = journal.create(&(0..50).map(spec).collect::<Vec<_>>())?;
    let (mut group, body) = (Group::new(), vec![7; BODY_BYTES]);
    let mut times = Vec::new();
    for round in 0..1000 {
        group.clear();
        for (turn, stream) in streams.iter().cycle().take(200).enumerate() {
            let offset = round * 4 + turn as u64 / 50;
            group.push(*stream, offset, 0, &[offset, 1, 2, 3], &[&body]);
        }
        let began = Instant::now();
        journal.append(LaneId(0), &mut group)?;
        times.push(began.elapsed());
    }
    times.sort();
    writeln!(
        out,
        "append without a disk, {} KiB, 200 records: median {:.0?}",
        group.bytes() >> 10,
        times[500]
    )?;
    Ok(())
}

struct NoDisk;

impl Disk for NoDisk {
    fn open(&self, _: &Path, access: Access) -> io::Result<Arc<dyn DiskFile>> {
        if access == Access::Create { Ok(Arc::new(NoDisk)) } else { Err(io::ErrorKind::NotFound.into()) }
    }
    fn rename(&self, _: &Path, _: &Path) -> io::Result<()> {
        Ok(())
    }
    fn remove(&self, _: &Path) -> io::Result<()> {
        Ok(())
    }
    fn list(&self, _: &Path) -> io::Result<Vec<String>> {
        Ok(Vec::new())
    }
    fn make_folder(&self, _: &Path) -> io::Result<()> {
        Ok(())
    }
    fn sync_folder(&self, _: &Path) -> io::Result<()> {
        Ok(())
    }
    fn lock(&self, _: &Path, _: bool) -> io::Result<Box<dyn Send + Sync>> {
        Ok(Box::new(()))
    }
    fn random(&self) -> u64 {
        1
    }
}

impl DiskFile for NoDisk {
    fn read_at(&self, _: &mut [u8], _: u64) -> io::Result<usize> {
        Ok(0)
    }
    fn write_at(&self, _: &[u8], _: u64) -> io::Result<()> {
        Ok(())
    }
    fn sync_data(&self) -> io::Result<()> {
        Ok(())
    }
    fn len(&self) -> io::Result<u64> {
        Ok(0)
    }
    fn allocate(&self, _: u64) -> io::Result<()> {
        Ok(())
    }
}

fn entries(out: &mut impl Write, folder: &Path) -> Outcome {
    const RECORDS: u64 = 5_000_000;
    let open = || Embedded::open(folder, Arc::new(RealDisk::new()), Options::default());
    let (journal, _) = open()?;
    let spec = StreamSpec { name: "s".to_owned(), lane: LaneId(0), shelf: 30 };
    let stream = journal.create(&[spec])?[0];
    let mut group = Group::new();
    for offset in 0..RECORDS {
        group.push(stream, offset, offset, &[offset], &[b"a small body"]);
        if group.bytes() > 1 << 20 {
            journal.append(LaneId(0), &mut group)?;
            group.clear();
        }
    }
    journal.append(LaneId(0), &mut group)?;
    let list = |journal: &Embedded| -> Result<(u64, Duration), Box<dyn std::error::Error>> {
        let (began, mut seen) = (Instant::now(), 0);
        journal.entries(stream, 0, &mut |entry| seen += u64::from(entry.primary == entry.offset))?;
        Ok((seen, began.elapsed()))
    };
    journal.settle()?;
    let (seen, took) = list(&journal)?;
    writeln!(out, "entries of {seen} settled records: {took:.0?}")?;
    let began = Instant::now();
    let found = journal.find(RECORDS / 2)?.len();
    writeln!(out, "find among them: {found} in {:.0?}", began.elapsed())?;
    drop(journal);
    writeln!(out, "{}", open()?.1)?;
    Ok(())
}

/// CPU seconds of this thread.
fn thread_cpu() -> f64 {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    time.tv_sec as f64 + time.tv_nsec as f64 / 1e9
}
