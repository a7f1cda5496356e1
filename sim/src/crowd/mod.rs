//! A crowd at the Kafka door: ten thousand clients that are known and wait, and strangers who send what they like. The
//! known ones cost little and are answered all the while.

mod strangers;
mod wire;

use std::io::Write;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::api::{Api, Fate};
use crate::events::{self, EventId};
use crate::governance::{self, PUBLISHER};
use crate::server::Server;
use crate::violation::{Halt, Violation, none_broken};
use strangers::{RUDENESSES, Tally};
use wire::Known;

/// Most memory that the idle connections may cost.
const IDLE_MAX_BYTES: u64 = 300 * 1024 * 1024;

/// Most that strangers may cost on top, for as long as they are there.
const STRANGERS_MAX_BYTES: u64 = 300 * 1024 * 1024;

/// How long the strangers go on.
const FLOOD: Duration = Duration::from_secs(6);

/// Sockets that are none of the crowd's: the strangers', the standard streams, the publisher's.
const OTHER_FILES: u64 = (strangers::THREADS * strangers::HELD) as u64 + 64;

/// Runs the trial with so many idle connections.
pub fn run(binary: &Path, idle: usize, out: &mut dyn Write) -> Result<(), Halt> {
    allow_files(idle as u64 + OTHER_FILES)?;
    let folder = tempfile::tempdir().map_err(|error| Halt::setup("making a folder for the data", error))?;
    let data = folder.path().join("data");
    let server = Server::start(binary, &data)?;
    let operator = std::fs::read_to_string(data.join("operator.token"))
        .map_err(|error| Halt::setup("reading the operator's token", error))?;
    let api = Api::new(&server.url, operator.trim());
    let refused = |failure| Halt::setup("giving the bus its governance", failure);
    api.apply(&governance::files()).map_err(refused)?;
    let token = api.create_principal(PUBLISHER, &["producer"]).map_err(refused)?;

    let before = server.memory_bytes()?;
    let mut crowd = connect(&server.kafka, &token, idle)?;
    let waiting = server.memory_bytes()?;
    let cost = waiting.saturating_sub(before);
    let _ = writeln!(
        out,
        "idle      kept  {idle} known clients wait and cost {} MiB ({} bytes each)",
        cost >> 20,
        cost / idle.max(1) as u64
    );
    let mut broken = Vec::new();
    if cost > IDLE_MAX_BYTES {
        broken.push(Violation::Client(format!("{idle} idle connections cost {} MiB", cost >> 20)));
    }

    let publisher = Api::new(&server.url, &token);
    let calm = flooded(&server.kafka, &mut crowd, &publisher, None)?;
    let _ = writeln!(out, "calm      kept  {calm}");
    for rudeness in &RUDENESSES {
        let flood = flooded(&server.kafka, &mut crowd, &publisher, Some(rudeness))?;
        let during = server.memory_bytes()?;
        let more = during.saturating_sub(waiting);
        let _ = writeln!(out, "{:<9} kept  {flood}; memory {:+} MiB", rudeness.name, more >> 20);
        if more > STRANGERS_MAX_BYTES {
            broken.push(Violation::Client(format!("{}: {} MiB more", rudeness.name, more >> 20)));
        }
    }
    for client in &mut crowd {
        client.ask()?;
    }
    let _ = writeln!(out, "after     kept  all {idle} are answered");
    drop(crowd);
    server.end()?;
    none_broken(broken)
}

/// What was seen while strangers were at the door.
struct Seen {
    strangers: Tally,
    asked: Vec<Duration>,
    published: usize,
}

impl std::fmt::Display for Seen {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let at = |part: usize| self.asked.get(self.asked.len() * part / 100).copied().unwrap_or_default();
        write!(
            f,
            "{} strangers/s ({} heard why); a known client waits {:.1} ms (median), {:.1} ms (99 of 100); {} events published",
            self.strangers.came / FLOOD.as_secs(),
            self.strangers.answered,
            at(50).as_secs_f64() * 1e3,
            at(99).as_secs_f64() * 1e3,
            self.published,
        )
    }
}

/// Asks and publishes for as long as the strangers are there. Each answer must come and be the right one.
fn flooded(
    address: &str,
    crowd: &mut [Known],
    publisher: &Api,
    rudeness: Option<&'static strangers::Rudeness>,
) -> Result<Seen, Halt> {
    let over = AtomicBool::new(false);
    thread::scope(|scope| {
        let rude: Vec<_> = rudeness
            .into_iter()
            .flat_map(|rudeness| (0..strangers::THREADS).map(move |_| rudeness))
            .map(|rudeness| scope.spawn(|| strangers::flood(address, rudeness, &over)))
            .collect();
        let publishing = scope.spawn(|| publish(publisher, &over));
        let asked = ask(address, crowd);
        over.store(true, Ordering::Relaxed);
        let mut strangers = Tally::default();
        for flood in rude {
            strangers.add(&flood.join().map_err(|_| Halt::setup("being rude", "it panicked"))?);
        }
        let published = publishing.join().map_err(|_| Halt::setup("publishing", "it panicked"))??;
        let mut asked = asked?;
        asked.sort_unstable();
        Ok(Seen { strangers, asked, published })
    })
}

/// One known client after the other asks; how long each waited. A newcomer is let in now and then.
fn ask(address: &str, crowd: &mut [Known]) -> Result<Vec<Duration>, Halt> {
    let (began, count) = (Instant::now(), crowd.len());
    let mut asked = Vec::new();
    while began.elapsed() < FLOOD {
        let client = &mut crowd[asked.len() % count];
        let asks = Instant::now();
        client.ask()?;
        asked.push(asks.elapsed());
        if asked.len() % 100 == 0 {
            *client = client.again(address)?;
        }
        thread::sleep(Duration::from_millis(1));
    }
    Ok(asked)
}

fn publish(api: &Api, over: &AtomicBool) -> Result<usize, Halt> {
    let mut count = 0;
    let source = format!("urn:xx:sim-registry:{}", fastrand::u64(..));
    while !over.load(Ordering::Relaxed) {
        let event = EventId { topic: 0, worker: 0, serial: count };
        let (topic, data) = (event.topic().name, events::data(1, event));
        match api.publish_binary(topic, &source, &event.id(), &data) {
            Ok(Fate::Accepted(_)) => count += 1,
            other => {
                return Err(Halt::broken(Violation::WrongAnswer { event, what: format!("{other:?}") }));
            }
        }
    }
    Ok(count as usize)
}

fn connect(address: &str, token: &str, count: usize) -> Result<Vec<Known>, Halt> {
    (0..count).map(|_| Known::connect(address, PUBLISHER, token)).collect()
}

/// Room for so many sockets. Who may lift the hard limit too has it lifted; the bus inherits it.
fn allow_files(wanted: u64) -> Result<(), Halt> {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    if current.is_none_or(|current| current >= wanted) {
        return Ok(());
    }
    let least = Rlimit { current: Some(wanted), maximum: maximum.map(|maximum| maximum.max(wanted)) };
    setrlimit(Resource::Nofile, least).map_err(|error| {
        let allowed = maximum.unwrap_or(wanted);
        let why =
            format!("{wanted} are needed and {allowed} allowed ({error}): ulimit -Hn, or fewer with --idle");
        Halt::setup("allowing more open files", why)
    })
}
