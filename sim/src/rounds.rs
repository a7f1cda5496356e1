//! The rounds: start, verify what the last round left, load, kill.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use fastrand::Rng;

use crate::api::Api;
use crate::binary;
use crate::governance::{self, CONSUMER, INSPECTOR, PUBLISHER};
use crate::ledger::Ledger;
use crate::load::{ConsumerLog, Load, PUBLISHERS, PublisherLog, Tokens};
use crate::server::Server;
use crate::verify::{self, Audit, Inspection};
use crate::violation::{Halt, Violation, none_broken};

/// From this size on a bundle has the events' hashes only in every tenth round: it holds all events of all rounds.
const HASHES_ALWAYS_MAX_BYTES: u64 = 24 * 1024 * 1024;

/// What is asked for.
pub struct Settings {
    /// How often to kill.
    pub rounds: u32,
    /// What the schedule and the events follow from.
    pub seed: u64,
    /// The binary.
    pub binary: PathBuf,
    /// An empty folder for the bus's data and the bundles.
    pub folder: PathBuf,
}

/// What happens in a round, from the seed alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Schedule {
    /// A first start of the round that is killed after this time, ready or not.
    recovery_killed_after: Option<Duration>,
    /// How long the load runs.
    load: Duration,
    /// What the load's threads choose by.
    seed: u64,
}

fn schedule(seed: u64, round: u32) -> Schedule {
    let mut rng = Rng::with_seed(seed ^ u64::from(round).wrapping_mul(0x2545_f491_4f6c_dd1d));
    let killed = rng.u8(0..6) == 0;
    let after = Duration::from_millis(rng.u64(1..150));
    Schedule {
        recovery_killed_after: (killed && round > 1).then_some(after),
        load: Duration::from_millis(rng.u64(50..=1500)),
        seed: rng.u64(..),
    }
}

/// A run over all rounds.
struct Run<'a> {
    settings: &'a Settings,
    data: PathBuf,
    ledger: Ledger,
    inspection: Inspection,
    serials: Vec<u32>,
    actors: Option<Actors>,
    totals: Totals,
    bundle_bytes: u64,
}

/// What is created in the first round and lives as long as the data folder.
struct Actors {
    tokens: Tokens,
    inspector: String,
    operator: String,
    audit: Audit,
}

/// Sums over all rounds.
#[derive(Default)]
struct Totals {
    unanswered: usize,
    were_there: usize,
    handed: u64,
    recovery_kills: u32,
    ready: Vec<Duration>,
}

/// Runs all rounds; writes a line for each and a summary.
pub fn run(settings: &Settings, out: &mut dyn Write) -> Result<(), Halt> {
    let begun = Instant::now();
    let mut run = Run {
        settings,
        data: settings.folder.join("data"),
        ledger: Ledger::default(),
        inspection: Inspection::from_the_start(settings.seed),
        serials: vec![0; usize::from(PUBLISHERS)],
        actors: None,
        totals: Totals::default(),
        bundle_bytes: 0,
    };
    for round in 1..=settings.rounds {
        let line = run.round(round)?;
        writeln!(out, "round {round:>3}: {line}")
            .map_err(|error| Halt::setup("writing the report", error))?;
    }
    let last = run.finish()?;
    let summary = run.summary(begun.elapsed(), &last);
    writeln!(out, "{summary}").map_err(|error| Halt::setup("writing the report", error))
}

impl Run<'_> {
    fn round(&mut self, round: u32) -> Result<String, Halt> {
        let Schedule { recovery_killed_after, load, seed } = schedule(self.settings.seed, round);
        if let Some(after) = recovery_killed_after {
            Server::start_and_kill(&self.settings.binary, &self.data, after)?;
            self.totals.recovery_kills += 1;
        }
        let mut server = Server::start(&self.settings.binary, &self.data)?;
        self.totals.ready.push(server.ready_after);
        if self.actors.is_none() {
            self.actors = Some(self.found(&server)?);
        }
        let hashes = self.bundle_bytes < HASHES_ALWAYS_MAX_BYTES || round.is_multiple_of(10);
        let checked = Instant::now();
        let were_there = self.verify(&server, hashes)?;
        let checked = checked.elapsed();
        let (acknowledged, unanswered) = self.load_and_kill(&mut server, load, seed)?;
        let torn_bytes = server.torn_bytes();
        let ready_ms = server.ready_after.as_millis();
        Ok(format!(
            "ready in {ready_ms} ms{}, {torn_bytes} torn bytes cut, {were_there} of the unanswered were there, checked in {} ms; then {acknowledged} \
             acknowledged and {unanswered} unanswered in {} ms until the kill",
            recovery_killed_after
                .map_or(String::new(), |after| format!(" (killed once after {} ms)", after.as_millis())),
            checked.as_millis(),
            load.as_millis(),
        ))
    }

    /// The first start: governance, principals, the audit's key.
    fn found(&self, server: &Server) -> Result<Actors, Halt> {
        let path = self.data.join("operator.token");
        let operator =
            fs::read_to_string(&path).map_err(|error| Halt::setup("reading operator.token", error))?;
        let operator = operator.trim().to_owned();
        let api = Api::new(&server.url, &operator);
        let founding = |error: crate::api::Failure| Halt::setup("setting up governance", error);
        api.apply(&governance::files()).map_err(founding)?;
        let publisher = api.create_principal(PUBLISHER, &["producer"]).map_err(founding)?;
        let consumer = api.create_principal(CONSUMER, &["consumer"]).map_err(founding)?;
        let inspector = api.create_principal(INSPECTOR, &["consumer"]).map_err(founding)?;
        let audit = Audit::new(&self.settings.folder, api.audit_key().map_err(founding)?);
        Ok(Actors { tokens: Tokens { publisher, consumer }, inspector, operator, audit })
    }

    /// Everything that must hold after a restart. Gives how many unanswered events had been taken.
    fn verify(&mut self, server: &Server, hashes: bool) -> Result<usize, Halt> {
        let actors = self.actors.as_mut().expect("the first start sets them");
        let inspector = Api::new(&server.url, &actors.inspector);
        self.inspection.read_on(&inspector, &mut self.ledger)?;
        verify::places(&Api::new(&server.url, &actors.tokens.consumer), &self.ledger)?;
        let publisher = Api::new(&server.url, &actors.tokens.publisher);
        let were_there = verify::send_again(self.settings.seed, &publisher, &mut self.ledger)?;
        self.inspection.read_on(&inspector, &mut self.ledger)?;
        let operator = Api::new(&server.url, &actors.operator);
        let bytes = actors.audit.check(&self.settings.binary, &operator, hashes)?;
        self.bundle_bytes = self.bundle_bytes.max(bytes);
        self.totals.were_there += were_there;
        Ok(were_there)
    }

    fn load_and_kill(
        &mut self,
        server: &mut Server,
        time: Duration,
        seed: u64,
    ) -> Result<(usize, usize), Halt> {
        let actors = self.actors.as_ref().expect("the first start sets them");
        let load = Load::start(&server.url, &actors.tokens, self.settings.seed, seed, &self.serials);
        thread::sleep(time);
        let kept = actors.audit.keep_checkpoints(&Api::new(&server.url, &actors.operator));
        load.about_to_kill();
        if !server.is_alive() {
            return Err(Halt::broken(Violation::Ended(format!("under load: {}", server.last_words()))));
        }
        server.kill()?;
        kept.map_err(|failure| {
            Halt::broken(Violation::Answer(format!("checkpoints under load: {failure}")))
        })?;
        let (publishers, consumers) = load.join()?;
        let (acknowledged, unanswered) = self.enter_publishers(publishers)?;
        self.enter_consumers(consumers)?;
        self.totals.unanswered += unanswered;
        Ok((acknowledged, unanswered))
    }

    fn enter_publishers(&mut self, logs: Vec<PublisherLog>) -> Result<(usize, usize), Halt> {
        let (mut violations, mut acknowledged, mut unanswered) = (Vec::new(), 0, 0);
        for (log, serial) in logs.into_iter().zip(&mut self.serials) {
            acknowledged += log.acknowledged.len();
            unanswered += log.unanswered.len();
            *serial = log.next_serial;
            violations.extend(log.violations);
            for (event, place) in log.acknowledged {
                violations.extend(self.ledger.acknowledged(event, place).err());
            }
            log.unanswered.into_iter().for_each(|event| self.ledger.unanswered(event));
        }
        none_broken(violations)?;
        Ok((acknowledged, unanswered))
    }

    fn enter_consumers(&mut self, logs: Vec<ConsumerLog>) -> Result<(), Halt> {
        let mut violations = Vec::new();
        for log in logs {
            self.totals.handed += log.handed;
            violations.extend(log.violations);
            for ((topic, partition), [asked, acknowledged]) in log.commits {
                self.ledger.commit_asked(topic, partition, asked);
                self.ledger.commit_acknowledged(topic, partition, acknowledged);
            }
        }
        none_broken(violations)
    }

    /// The end: everything from the earliest event, with all hashes; then an orderly end and the doctor.
    fn finish(&mut self) -> Result<String, Halt> {
        let server = Server::start(&self.settings.binary, &self.data)?;
        self.totals.ready.push(server.ready_after);
        if self.actors.is_none() {
            self.actors = Some(self.found(&server)?);
        }
        self.verify(&server, true)?;
        self.ledger.start_over();
        self.inspection = Inspection::from_the_start(self.settings.seed);
        self.verify(&server, true)?;
        let ended = server.end()?;
        doctor(&self.settings.binary, &self.data)?;
        Ok(format!("SIGTERM ended it in {} ms and the doctor found nothing", ended.as_millis()))
    }

    fn summary(&mut self, took: Duration, last: &str) -> String {
        self.totals.ready.sort();
        let ready = &self.totals.ready;
        let (median, most) = (ready.get(ready.len() / 2), ready.last());
        format!(
            "{} kills ({} more before the bus was up), seed {}, {:.0} s: {} events acknowledged, {} in the log, each \
             once, unaltered, at its receipt's place; of {} unanswered {} were there and the rest was taken when sent \
             again; {} events handed out; ready after a kill in {} ms (median), {} ms (most); audit intact and \
             extended each time ({} MiB at the end); {last}",
            self.settings.rounds,
            self.totals.recovery_kills,
            self.settings.seed,
            took.as_secs_f64(),
            self.ledger.acknowledged_count(),
            self.ledger.found_count(),
            self.totals.unanswered,
            self.totals.were_there,
            self.totals.handed,
            median.map_or(0, Duration::as_millis),
            most.map_or(0, Duration::as_millis),
            self.bundle_bytes / (1024 * 1024),
        )
    }
}

fn doctor(binary: &Path, data: &Path) -> Result<(), Halt> {
    let data = data.to_string_lossy();
    binary::run(binary, &["doctor", "--data", &data], &[])
        .map(drop)
        .map_err(|said| Halt::broken(Violation::Ended(said)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_schedule_follows_from_its_seed() {
        for round in 1..50 {
            let planned = schedule(7, round);
            assert_eq!(planned, schedule(7, round));
            assert!((50..=1500).contains(&planned.load.as_millis()));
        }
        assert_ne!(schedule(7, 2), schedule(7, 3));
        assert_ne!(schedule(7, 2), schedule(8, 2));
    }

    #[test]
    fn some_recoveries_are_killed_but_never_the_first_start() {
        assert_eq!(schedule(1, 1).recovery_killed_after, None);
        assert!((0..200).any(|seed| schedule(seed, 1).recovery_killed_after.is_none()));
        assert!((2..60).any(|round| schedule(1, round).recovery_killed_after.is_some()));
    }
}
