//! How many nanoseconds the seal takes for a 1 KiB event with five personal fields, keys hot.
//! `cargo run --release -p seal --example seal_rate`

use std::hint::black_box;
use std::io::Write;
use std::time::Instant;

use seal::{
    Access, AgencyKeys, AgencySecrets, Binding, Fragment, PersonKey, Piece, Pseudonym, SealedForm, Secret,
    Subject, seal,
};

const ROUNDS: usize = 100_000;
const BINDING: Binding<'_> = Binding {
    topic: "civil.birth.registered",
    source: "urn:xx:civil-registry:",
    id: "b-000001",
    contract_version: 1,
};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut out = std::io::stdout();
    let data = vec![b'x'; 1024];
    let keys: Vec<PersonKey> = (0..20).filter_map(|_| PersonKey::generate()).collect();
    for people in [1, 2, 5, 6, 7, 20] {
        let subjects: Vec<_> = keys[..people]
            .iter()
            .zip(0..)
            .map(|(key, n)| Subject { pseudonym: Pseudonym([n; 16]), key })
            .collect();
        let count = people.max(5);
        let fragments: Vec<_> = (0..count)
            .map(|n| {
                let start = (n * 50) as u32;
                Fragment { start, end: start + 24, class: "personal", subject: (n % people) as u16, shape: 0 }
            })
            .collect();
        let mut sealed = Vec::new();
        seal(&data, &fragments, &[], &BINDING, &subjects, &mut sealed)?;
        let sealing = fastest(|| {
            let mut form = Vec::new();
            let done = seal(black_box(&data), &fragments, &[], &BINDING, &subjects, &mut form);
            black_box((done.is_ok(), form));
        });
        let opening = fastest(|| {
            let mut document = Vec::with_capacity(1024);
            let mut key_of = |pseudonym: &Pseudonym| keys.get(usize::from(pseudonym.0[0]));
            let revealed = SealedForm::parse(black_box(&sealed)).ok().and_then(|form| {
                form.reveal(&BINDING, &|_, _| Access::Opened, &mut key_of, &mut |piece| match piece {
                    Piece::Text(bytes) | Piece::Opened(bytes) => document.extend_from_slice(bytes),
                    Piece::Veiled { .. } | Piece::LeftOut(_) => {}
                })
                .ok()
                .map(|revealed| revealed.opened.len())
            });
            black_box((revealed, &document));
        });
        writeln!(
            out,
            "{count} fields of {people} people: seal {sealing} ns, open {opening} ns, {} bytes more",
            sealed.len() - data.len()
        )?;
    }
    let secrets = AgencySecrets { lasting: secret(1)?, epoch: secret(2)? };
    let agency = AgencyKeys::derive(1, &secrets);
    let pseudonym = agency.pseudonym_of_person("P-1");
    writeln!(out, "pseudonym {} ns", fastest(|| consume(agency.pseudonym_of_person(black_box("P-1")))))?;
    writeln!(out, "content digest of 1 KiB {} ns", fastest(|| consume(keys[0].content_digest(&[&data]))))?;
    writeln!(out, "new key {} ns", fastest(|| consume(PersonKey::generate())))?;
    writeln!(out, "wrap {} ns", fastest(|| consume(agency.wrap(&keys[0], &pseudonym))))?;
    let wrapped = agency.wrap(&keys[0], &pseudonym).ok_or("no randomness")?;
    writeln!(out, "unwrap {} ns", fastest(|| consume(agency.unwrap(&wrapped, &pseudonym))))?;
    Ok(())
}

fn consume<T>(value: T) {
    black_box(&value);
}

fn secret(byte: u8) -> Result<Secret, &'static str> {
    Secret::new(&[byte; 32]).map_err(|_| "a secret has 32 bytes")
}

/// Nanoseconds of one call: the fastest of nine runs, because a busy machine only ever adds.
fn fastest(mut call: impl FnMut()) -> u128 {
    (0..9)
        .map(|_| {
            let start = Instant::now();
            (0..ROUNDS).for_each(|_| call());
            start.elapsed().as_nanos() / ROUNDS as u128
        })
        .min()
        .unwrap_or_default()
}
