//! Four trials of the bus as a whole process, from outside, through the interfaces that everybody has.
//!
//! - `sim kill`: kill -9 under load, round after round on one data folder; after each restart everything that was
//!   acknowledged must be there once, unaltered, at its receipt's place, and the audit must verify.
//! - `sim real`: real government data through the command line, in and out, compared byte for byte.
//! - `sim clients`: Kafka clients of five languages, as their own documentation uses them, against a bus that is killed
//!   and started again in the middle.
//! - `sim crowd`: ten thousand idle Kafka clients, and strangers who send garbage, halves and wrong passwords.
//!
//! Exits 0 when every promise was kept, 1 when one was not or the trial could not be made, 2 on wrong usage.

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use violation::Halt;

mod api;
mod binary;
mod clients;
mod crowd;
mod events;
mod governance;
mod ledger;
mod load;
mod real;
mod rounds;
mod server;
mod verify;
mod violation;

/// Trials of the bus as a whole.
#[derive(Parser)]
#[command(name = "sim", version)]
struct Arguments {
    #[command(subcommand)]
    trial: Trial,
}

#[derive(Subcommand)]
enum Trial {
    /// Kills the bus under load and checks what it acknowledged.
    Kill {
        /// How often to kill it.
        #[arg(long, default_value_t = 200)]
        rounds: u32,
        /// What the schedule and the events follow from; left out: another one each time.
        #[arg(long)]
        seed: Option<u64>,
        /// The binary under test.
        #[arg(long, default_value = concat!(env!("CARGO_MANIFEST_DIR"), "/../target/release/chancery"))]
        binary: PathBuf,
        /// Keep the data folder under this path, also when all went well.
        #[arg(long)]
        keep: Option<PathBuf>,
    },
    /// Runs real data through the bus and compares what comes out.
    Real {
        /// The folder with the data, see examples/real/README.md.
        #[arg(long, default_value = concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared/data"))]
        data: PathBuf,
        /// The binary under test.
        #[arg(long, default_value = concat!(env!("CARGO_MANIFEST_DIR"), "/../target/release/chancery"))]
        binary: PathBuf,
        /// Only convert: write the events as files to this folder and stop.
        #[arg(long)]
        out: Option<PathBuf>,
    },
    /// Runs Kafka clients against the bus.
    Clients {
        /// Only these, such as python or java-4; left out: all.
        only: Vec<String>,
        /// The binary under test.
        #[arg(long, default_value = concat!(env!("CARGO_MANIFEST_DIR"), "/../target/release/chancery"))]
        binary: PathBuf,
    },
    /// Crowds the Kafka door.
    Crowd {
        /// Clients that are known and wait.
        #[arg(long, default_value_t = 10_000)]
        idle: usize,
        /// The binary under test.
        #[arg(long, default_value = concat!(env!("CARGO_MANIFEST_DIR"), "/../target/release/chancery"))]
        binary: PathBuf,
    },
}

/// The folder of the clients' programs.
const PROGRAMS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../compat");

fn main() -> ExitCode {
    let trial = Arguments::parse().trial;
    let mut out = io::stdout();
    let done = match trial {
        Trial::Kill { rounds, seed, binary, keep } => kill(rounds, seed, &binary, keep.as_deref(), &mut out),
        Trial::Real { data, binary, out: None } => real::run(&data, &binary, &mut out),
        Trial::Clients { only, binary } => binary::find(&binary)
            .and_then(|binary| clients::run(&binary, Path::new(PROGRAMS), &only, &mut out)),
        Trial::Crowd { idle, binary } => {
            binary::find(&binary).and_then(|binary| crowd::run(&binary, idle, &mut out))
        }
        Trial::Real { data, out: Some(folder), .. } => real::convert(&data, &folder, &mut out),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(halt) => {
            let _ = writeln!(io::stderr(), "{halt}");
            ExitCode::FAILURE
        }
    }
}

fn kill(
    rounds: u32,
    seed: Option<u64>,
    binary: &Path,
    keep: Option<&Path>,
    out: &mut dyn Write,
) -> Result<(), Halt> {
    let seed = seed.unwrap_or_else(|| fastrand::u64(..1_000_000));
    let folder = tempfile::tempdir().map_err(|error| Halt::setup("making a folder for the data", error))?;
    let binary = binary::find(binary)?;
    let path = match keep {
        Some(keep) => keep.to_owned(),
        None => folder.path().to_owned(),
    };
    std::fs::create_dir_all(path.join("data"))
        .map_err(|error| Halt::setup("making a folder for the data", error))?;
    let settings = rounds::Settings { rounds, seed, binary, folder: path.clone() };
    let done = rounds::run(&settings, out);
    if let Err(Halt::Broken(_)) = &done {
        // The evidence stays.
        let kept = if keep.is_some() { path } else { folder.keep() };
        let _ = writeln!(out, "seed {seed}; the data folder is kept in {}", kept.display());
    }
    done
}
