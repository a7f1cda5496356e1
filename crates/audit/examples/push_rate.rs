//! How many nanoseconds an audit leaf takes: encoding, hashing, pushing.
//! `cargo run --release -p audit --example push_rate`

use std::borrow::Cow;
use std::hint::black_box;
use std::io::Write;
use std::time::Instant;

use audit::entry::Publication;
use audit::{Entry, Hash, Kind, Range, TileWriter, leaf_hash};

const LEAVES: u64 = 1 << 20;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let ranges = [Range { partition: 3, first: 1_234_567, count: 100 }];
    let mut bytes = Vec::with_capacity(1024);
    let start = Instant::now();
    for n in 0..LEAVES {
        bytes.clear();
        entry(&ranges, n).encode(&mut bytes)?;
        black_box(&bytes);
    }
    let encode = start.elapsed().as_nanos() as u64 / LEAVES;
    let start = Instant::now();
    for _ in 0..LEAVES {
        black_box(leaf_hash(black_box(&bytes)));
    }
    let hash = start.elapsed().as_nanos() as u64 / LEAVES;
    let (mut writer, mut appended) = (TileWriter::default(), 0u64);
    let start = Instant::now();
    for n in 0..LEAVES {
        writer.push(Hash([n as u8; 32]), |_, hash| {
            black_box(hash);
            appended += 1;
        });
    }
    let push = start.elapsed().as_nanos() as u64 / LEAVES;
    writeln!(
        std::io::stdout(),
        "entry of {} bytes: encode {encode} ns, leaf hash {hash} ns, push {push} ns ({appended} hashes appended)",
        bytes.len()
    )?;
    Ok(())
}

fn entry(ranges: &[Range], n: u64) -> Entry<'_> {
    let publication = Publication {
        principal: "births@civil-registry".into(),
        agency: "civil-registry".into(),
        topic: "civil.birth.registered".into(),
        contract: 1,
        ranges: Cow::Borrowed(ranges),
        root: Hash([n as u8; 32]),
    };
    Entry::new("2026-01-02T03:04:05.678Z", "standard", Kind::Publication(publication))
}
