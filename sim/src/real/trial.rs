//! A bus, the contracts of `examples/real/governance`, everything published and consumed with the command line.

use std::fs;
use std::io::Write;
use std::path::Path;
use std::time::Instant;

use serde_json::Value;

use super::compare::compare;
use super::event::{Expected, Set};
use crate::binary;
use crate::server::Server;
use crate::violation::{Halt, Violation};

/// The contracts.
const GOVERNANCE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../examples/real/governance");

/// Who reads with clearance, and who without.
const CLEARED: &str = "analyst@statistics-office";
const OPEN: &str = "portal@open-data-portal";

/// Differences that are shown of one subscription.
const SHOWN: usize = 5;

/// The command line, speaking to one bus.
struct Cli<'a> {
    binary: &'a Path,
    url: &'a str,
}

impl Cli<'_> {
    fn run(&self, token: &str, arguments: &[&str]) -> Result<String, String> {
        binary::run(self.binary, arguments, &[("CHANCERY_URL", self.url), ("CHANCERY_TOKEN", token)])
    }

    /// Runs what must succeed.
    fn must(&self, token: &str, arguments: &[&str]) -> Result<String, Halt> {
        self.run(token, arguments).map_err(|said| Halt::broken(Violation::Answer(said)))
    }

    fn principal(&self, operator: &str, principal: &str, role: &str) -> Result<String, Halt> {
        let made = self.must(operator, &["principal", "create", principal, "--role", role, "--json"])?;
        let made: Value =
            serde_json::from_str(&made).map_err(|error| Halt::setup("reading a new token", error))?;
        made["token"]
            .as_str()
            .map(str::to_owned)
            .ok_or_else(|| Halt::setup("reading a new token", "there is none"))
    }
}

/// Runs real data through a bus; without data it says so and is done.
pub fn run(data: &Path, binary: &Path, out: &mut dyn Write) -> Result<(), Halt> {
    let say = |out: &mut dyn Write, line: String| {
        writeln!(out, "{line}").map_err(|error| Halt::setup("writing the report", error))
    };
    if !super::is_there(data) {
        return say(out, format!("skipped: no folder {} with real data", data.display()));
    }
    let sets = super::sets(data)?;
    let binary = binary::find(binary)?;
    let folder = tempfile::tempdir().map_err(|error| Halt::setup("making a folder", error))?;
    let server = Server::start(&binary, &folder.path().join("data"))?;
    let cli = Cli { binary: &binary, url: &server.url };
    let operator = fs::read_to_string(folder.path().join("data/operator.token"));
    let operator = operator.map_err(|error| Halt::setup("reading operator.token", error))?;
    let operator = operator.trim();
    cli.must(operator, &["apply", GOVERNANCE])?;
    let readers = [CLEARED, OPEN].map(|name| cli.principal(operator, name, "consumer"));
    let [cleared, open] = readers;
    let tokens = [cleared?, open?];
    let mut publishers: Vec<(&str, String)> = Vec::new();
    for set in &sets {
        if !publishers.iter().any(|(known, _)| *known == set.publisher) {
            publishers.push((set.publisher, cli.principal(operator, set.publisher, "producer")?));
        }
        let token =
            publishers.iter().find(|(known, _)| *known == set.publisher).map_or("", |(_, token)| token);
        let line = match set.expected {
            Expected::Taken => taken(&cli, set, token, &tokens, folder.path())?,
            Expected::Refused(reasons) => refused(&cli, set, token, reasons, folder.path())?,
        };
        say(out, line)?;
    }
    let events: usize =
        sets.iter().filter(|set| set.expected == Expected::Taken).map(|set| set.events.len()).sum();
    say(
        out,
        format!("real data: {events} events in and out byte for byte; nothing personal to the uncleared"),
    )?;
    server.end().map(drop)
}

/// A set that the bus takes, reads back and redacts.
fn taken(
    cli: &Cli<'_>,
    set: &Set,
    publisher: &str,
    readers: &[String; 2],
    folder: &Path,
) -> Result<String, Halt> {
    let file = folder.join(set.file_name());
    fs::write(&file, set.file()).map_err(|error| Halt::setup("writing the events", error))?;
    let started = Instant::now();
    let said = cli.must(publisher, &["publish", &file.to_string_lossy(), "--json"])?;
    let publishing = started.elapsed();
    let count: Value = serde_json::from_str(&said).unwrap_or_default();
    if count["accepted"] != set.events.len() || count["duplicate"] != 0 || count["refused"] != 0 {
        let said =
            format!("{} events of {} were published, and the bus counted {said}", set.events.len(), set.name);
        return Err(Halt::broken(Violation::Answer(said)));
    }
    let started = Instant::now();
    for (subscription, token, cleared) in [(set.cleared, &readers[0], true), (set.open, &readers[1], false)] {
        let max = (set.events.len() + 1).to_string();
        let handed =
            cli.must(token, &["consume", subscription, "--max", &max, "--from", "earliest", "--no-commit"])?;
        let differences = compare(set, &handed, cleared);
        if !differences.is_empty() {
            let shown = differences.iter().take(SHOWN).cloned().collect::<Vec<_>>().join("; ");
            let said = format!("{subscription} has {} differences: {shown}", differences.len());
            return Err(Halt::broken(Violation::Answer(said)));
        }
    }
    let secrets: usize = set.events.iter().map(|event| event.secrets.len()).sum();
    Ok(format!(
        "{} ({}): {} events published in {:.1} s, consumed twice in {:.1} s: equal with clearance, {secrets} personal values \
         withheld without",
        set.name,
        set.topic,
        set.events.len(),
        publishing.as_secs_f64(),
        started.elapsed().as_secs_f64()
    ))
}

/// A set that the bus refuses, each event with its reason.
fn refused(
    cli: &Cli<'_>,
    set: &Set,
    publisher: &str,
    reasons: &[&str],
    folder: &Path,
) -> Result<String, Halt> {
    let (file, rejects) = (folder.join(set.file_name()), folder.join("rejects.jsonl"));
    fs::write(&file, set.file()).map_err(|error| Halt::setup("writing the events", error))?;
    let arguments = ["publish", &file.to_string_lossy(), "--rejects", &rejects.to_string_lossy()];
    let broken = |said: String| Err(Halt::broken(Violation::Answer(format!("{}: {said}", set.name))));
    if let Ok(said) = cli.run(publisher, &arguments) {
        return broken(format!("was to be refused, and exited 0: {said}"));
    }
    let lines = fs::read_to_string(&rejects).unwrap_or_default();
    let details: Vec<String> = lines
        .lines()
        .filter_map(|line| serde_json::from_str::<Value>(line).ok())
        .map(|line| line["problem"]["detail"].as_str().unwrap_or_default().to_owned())
        .collect();
    let fit = details.len() == reasons.len()
        && details.iter().zip(reasons).all(|(said, wanted)| said.contains(wanted));
    if !fit {
        return broken(format!("was refused for other reasons: {details:?}"));
    }
    Ok(format!("{}: {} events refused, and told why: {}", set.name, details.len(), details.join(" | ")))
}
