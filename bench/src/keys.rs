//! Many persons' keys: what they take of disk and memory, and how long the change to another epoch is.

use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};

use journal::{Embedded, Group, Journal, Options, RealDisk, StreamId};
use seal::{AgencyKeys, AgencySecrets, PersonKey, Pseudonym, Secret};
use serde_json::{Value, json};

use crate::{report, setup};

/// Keys that are appended at once.
const SOME: usize = 2_000;

pub async fn run(keys: usize) {
    let bench = setup::bus(&[("standard", 1)], 1).await;
    let operator = bench.operator.clone();
    bench.bus.close().await;
    let (folder, kept) = bench.into_folder();
    let bare = opened_elsewhere_mib(&folder);
    let empty = disk_bytes(&folder);
    let began = Instant::now();
    make(&folder, keys);
    println!("  {keys} keys made in {:.1} s", began.elapsed().as_secs_f64());
    // In a process of its own, since this one keeps memory of what it made; beside the same bus without them.
    let memory = opened_elsewhere_mib(&folder) - bare;
    let began = Instant::now();
    let (bus, _) = setup::open(&folder).await;
    let ready_ms = began.elapsed().as_secs_f64() * 1e3;
    let disk = (settled_bytes(&folder).await - empty) as f64 / f64::from(1 << 20);
    println!("  {disk:>8.0} MiB of disk   {memory:>6.0} MiB of memory   open after {ready_ms:.0} ms");
    let began = Instant::now();
    bus.rotate_keys(&operator).await.expect("another epoch");
    while bus.keys_stand(&operator).expect("an operator asks").destroys_ms.is_none() {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let rewrapped_s = began.elapsed().as_secs_f64();
    println!("  wrapped anew in {rewrapped_s:.1} s, {:.1} µs a key", rewrapped_s * 1e6 / keys as f64);
    bus.close().await;
    let result = json!({"bench": "keys", "keys": keys, "disk_mib": disk, "memory_mib": memory, "ready_ms": ready_ms,
        "rewrapped_s": rewrapped_s});
    report::record("keys", &result);
    drop(kept);
}

/// How much more memory a process has when it has opened the folder.
fn opened_elsewhere_mib(folder: &Path) -> f64 {
    let program = std::env::current_exe().expect("this program");
    let said = Command::new(program).arg("opened").arg(folder).output().expect("a child");
    String::from_utf8_lossy(&said.stdout).trim().parse().expect("MiB")
}

/// Opens a folder and says how much more memory there is then, in MiB, once what the last writer left to settle is settled.
pub async fn opened(folder: &Path) {
    let before = report::resident_mib();
    let (bus, _) = setup::open(folder).await;
    settled_bytes(folder).await;
    println!("{}", report::resident_mib() - before);
    bus.close().await;
}

/// As the bus makes them, without events.
fn make(folder: &Path, keys: usize) {
    let disk = Arc::new(RealDisk::new());
    let (journal, _) = Embedded::open(folder.join("journal"), disk, Options::default()).expect("a journal");
    let infos = journal.streams();
    let stream = |name: &str| infos.iter().find(|info| info.spec.name == name).expect("the bus made it");
    let (number, agency) = agency(&journal, stream("agency-keys").id);
    let (stored, lane) = (stream("keys/standard/1").id, stream("keys/standard/1").spec.lane);
    let next = journal.bounds(stored).expect("it is there").next;
    let time_ms = std::time::UNIX_EPOCH.elapsed().map_or(0, |since| since.as_millis() as u64);
    let mut group = Group::new();
    for key in 0..keys as u64 {
        // As random as they are.
        let pseudonym = agency.pseudonym_of_person(&key.to_string());
        let Pseudonym(name) = pseudonym;
        let (mark, _) = name.split_first_chunk::<8>().expect("16 bytes");
        let person = PersonKey::generate().expect("random bytes");
        let wrapped = agency.wrap(&person, &pseudonym).expect("random bytes");
        let parts: [&[u8]; 3] = [&number.to_le_bytes()[..3], &name[8..], &wrapped.0];
        group.push(stored, next + key, time_ms, &[u64::from_le_bytes(*mark)], &parts);
        if group.records() == SOME || key + 1 == keys as u64 {
            journal.append(lane, &mut group).expect("room on the disk");
            group.clear();
        }
    }
}

/// The number of the agency that seals, and its keys: the measuring KMS wraps secrets as they are.
fn agency(journal: &Embedded, stream: StreamId) -> (u32, AgencyKeys) {
    let records = journal.read(stream, 0, 1 << 20).expect("agencies have secrets");
    let facts = records.iter().map(|record| serde_json::from_slice::<Value>(&record.body).expect("a fact"));
    let (number, fact) =
        (0..).zip(facts).find(|(_, fact)| fact["agency"] == "bench").expect("it has secrets");
    let secret = |name: &str| {
        let text = fact[name].as_str().expect("hex");
        let digits: Vec<u8> =
            text.bytes().map(|digit| (digit as char).to_digit(16).expect("hex") as u8).collect();
        let bytes: Vec<u8> = digits.chunks(2).map(|pair| pair[0] << 4 | pair[1]).collect();
        Secret::new(&bytes).expect("32 bytes")
    };
    (number, AgencyKeys::derive(1, &AgencySecrets { lasting: secret("lasting"), epoch: secret("wrapping") }))
}

/// What the files under a folder take of the disk when nothing is moved from logs to segments any more.
async fn settled_bytes(folder: &Path) -> u64 {
    let mut last = 0;
    loop {
        tokio::time::sleep(Duration::from_secs(5)).await;
        match disk_bytes(folder) {
            same if same == last => return same,
            other => last = other,
        }
    }
}

/// What the files under a folder take of the disk.
fn disk_bytes(folder: &Path) -> u64 {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let of = |entry: std::fs::DirEntry| match entry.metadata() {
        Ok(found) if found.is_dir() => disk_bytes(&entry.path()),
        Ok(found) => found.blocks() * 512,
        Err(_) => 0,
    };
    entries.map(of).sum()
}
