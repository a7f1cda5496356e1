//! `chancery publish`: CloudEvents from files or stdin, in batches, safely repeated where an answer was lost.

use std::collections::HashMap;
use std::fs::{File, OpenOptions, Permissions};
use std::io::{self, BufRead, BufReader, BufWriter, IsTerminal, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};
use serde::Serialize;
use serde_json::{Map, Value, json, value::RawValue};

use super::Options;
use super::quarantine;
use super::sealing::{self, Sealing};
use crate::client::{Answer, Client, problem_text, segment};
use crate::output::{self, Failure};

/// Publish events from files or stdin
#[derive(Args)]
pub struct Publish {
    /// Files of one CloudEvent a line, of a JSON array, or of bare data (with --type, --source and --id-from); - or
    /// none: stdin
    files: Vec<PathBuf>,
    /// The topic [default: what each event's type names]
    #[arg(long)]
    topic: Option<String>,
    /// Bare data: the events' type
    #[arg(long = "type", requires = "source")]
    ty: Option<String>,
    /// Bare data: the events' source
    #[arg(long, requires = "ty")]
    source: Option<String>,
    /// Bare data: where the id stands, a JSON pointer [default: a new UUID each, so that a repeat is not recognised]
    #[arg(long, requires = "ty")]
    id_from: Option<String>,
    /// Bare data: where the time stands, a JSON pointer
    #[arg(long, requires = "ty")]
    time_from: Option<String>,
    /// Events in one request
    #[arg(long, default_value_t = 200)]
    batch: usize,
    /// Where refused events go: JSON lines {event, problem}
    #[arg(long)]
    rejects: Option<PathBuf>,
    /// How long to try again when the bus is not there or says later, in seconds
    #[arg(long, default_value_t = 30)]
    retry_for: u64,
}

#[derive(Default)]
struct Count {
    accepted: u64,
    duplicate: u64,
    refused: u64,
    /// Of those that were accepted.
    quarantined: u64,
}

impl Publish {
    /// Runs it.
    pub fn run(self, options: &Options) -> Result<ExitCode, Failure> {
        let started = Instant::now();
        let mut sender = Sender {
            client: options.client(),
            topics: None,
            sealing: HashMap::new(),
            rejects: self.rejects.as_deref().map(rejects).transpose()?.map(BufWriter::new),
            count: Count::default(),
            retry_for: Duration::from_secs(self.retry_for),
            progress: progress(),
            asked_topic: self.topic.clone(),
            shown: 0,
        };
        let mut waiting: Vec<(String, Box<RawValue>)> = Vec::new();
        let mut take = |sender: &mut Sender, value: Box<RawValue>| -> Result<(), Failure> {
            let event = match self.event(&value) {
                Ok(event) => event,
                // One that no event can be made of keeps nothing else back.
                Err(why) => {
                    sender.progress.inc(1);
                    return sender.refused(&value, &not_made(&why));
                }
            };
            let topic = sender.topic_of(&event)?;
            // A batch is for one topic; the order within a topic stays, but for what must be sealed again.
            if waiting.len() >= self.batch.max(1) || waiting.first().is_some_and(|(first, _)| *first != topic)
            {
                sender.send(&std::mem::take(&mut waiting))?;
            }
            waiting.push((topic, event));
            Ok(())
        };
        if self.files.is_empty() || self.files.iter().any(|file| file.as_os_str() == "-") {
            each_value(io::stdin().lock(), "stdin", |value| take(&mut sender, value))?;
        }
        for path in self.files.iter().filter(|file| file.as_os_str() != "-") {
            let file =
                File::open(path).map_err(|error| Failure::usage(format!("{}: {error}", path.display())))?;
            each_value(BufReader::new(file), &path.display().to_string(), |value| take(&mut sender, value))?;
        }
        sender.send(&waiting)?;
        sender.finish(options, started)
    }

    /// A CloudEvent as it is, or one made around bare data; otherwise why none can be.
    fn event(&self, value: &RawValue) -> Result<Box<RawValue>, String> {
        let (Some(ty), Some(source)) = (&self.ty, &self.source) else { return Ok(value.to_owned()) };
        let data: Value = serde_json::from_str(value.get()).map_err(|error| error.to_string())?;
        let found = |pointer: &str| match data.pointer(pointer) {
            Some(Value::String(text)) => Ok(text.clone()),
            Some(Value::Number(number)) => Ok(number.to_string()),
            _ => Err(format!("{pointer} is not in this data, or is neither text nor number")),
        };
        let id = self.id_from.as_deref().map_or_else(|| Ok(uuid::Uuid::now_v7().to_string()), found)?;
        let mut event = Map::new();
        for (name, text) in [("specversion", "1.0"), ("id", &id), ("source", source), ("type", ty)] {
            event.insert(name.to_owned(), text.into());
        }
        if let Some(pointer) = &self.time_from {
            event.insert("time".to_owned(), found(pointer)?.into());
        }
        event.insert("datacontenttype".to_owned(), "application/json".into());
        let mut text = serde_json::to_string(&event).map_err(|error| error.to_string())?;
        // The data goes in as it was written.
        text.pop();
        text += &format!(",\"data\":{}}}", value.get());
        RawValue::from_string(text).map_err(|error| error.to_string())
    }
}

/// The result of data of which no event can be made.
fn not_made(why: &str) -> Value {
    json!({"id": "", "status": "refused", "problem": {
        "type": "https://chancery.dev/problems/malformed", "title": "The request cannot be read", "status": 400,
        "detail": format!("not sent, as no event can be made of it: {why}"),
    }})
}

/// The file for refused events. They may be about people, so it is its owner's alone, one that was there too.
fn rejects(path: &Path) -> io::Result<File> {
    let file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(path)?;
    if file.metadata()?.is_file() {
        file.set_permissions(Permissions::from_mode(0o600))?;
    }
    Ok(file)
}

/// Calls `take` with each value: of a JSON array, or of lines.
fn each_value(
    mut reader: impl BufRead,
    name: &str,
    mut take: impl FnMut(Box<RawValue>) -> Result<(), Failure>,
) -> Result<(), Failure> {
    let starts_array = reader.fill_buf()?.iter().find(|byte| !byte.is_ascii_whitespace()) == Some(&b'[');
    if starts_array {
        let all: Vec<Box<RawValue>> =
            serde_json::from_reader(reader).map_err(|error| Failure::usage(format!("{name}: {error}")))?;
        return all.into_iter().try_for_each(take);
    }
    for (number, line) in (1..).zip(reader.lines()) {
        let line = line?;
        if line.trim().is_empty() {
            continue;
        }
        let value = RawValue::from_string(line)
            .map_err(|error| Failure::usage(format!("{name}, line {number}: not JSON: {error}")))?;
        take(value)?;
    }
    Ok(())
}

/// A line of the file for refused events.
#[derive(Serialize)]
struct Rejected<'r> {
    event: &'r RawValue,
    problem: &'r Value,
}

struct Sender {
    client: Client,
    /// The bus's topics, asked for once.
    topics: Option<Vec<String>>,
    /// What of each topic is sealed end to end, and for whom; asked for once, and when that has changed.
    sealing: HashMap<String, Sealing>,
    asked_topic: Option<String>,
    rejects: Option<BufWriter<File>>,
    count: Count,
    retry_for: Duration,
    progress: ProgressBar,
    /// Refusals and quarantined events printed so far.
    shown: u64,
}

/// Refusals that are printed one by one; the rest goes to --rejects and into the count.
const REFUSALS_SHOWN: u64 = 5;

impl Sender {
    /// The topic that an event's type names: the type itself, or what is left without prefix and version.
    fn topic_of(&mut self, event: &RawValue) -> Result<String, Failure> {
        if let Some(topic) = &self.asked_topic {
            return Ok(topic.clone());
        }
        let event: HashMap<String, &RawValue> =
            serde_json::from_str(event.get()).map_err(|_| Failure::usage("an event is not a JSON object"))?;
        let ty = event.get("type").and_then(|ty| serde_json::from_str::<String>(ty.get()).ok());
        let ty = ty.ok_or_else(|| {
            Failure::usage("an event has no type").hint("bare data needs --type, --source and --id-from")
        })?;
        if self.topics.is_none() {
            let answer = self.client.get("/v1/topics")?;
            let names =
                answer["topics"].as_array().into_iter().flatten().map(|topic| output::cell(&topic["topic"]));
            self.topics = Some(names.collect());
        }
        let without_version = match ty.rsplit_once(".v") {
            Some((front, digits)) if digits.bytes().all(|byte| byte.is_ascii_digit()) => front,
            _ => ty.as_str(),
        };
        let names = |topic: &&String| {
            without_version
                .strip_suffix(topic.as_str())
                .is_some_and(|front| front.is_empty() || front.ends_with('.'))
        };
        let known = self.topics.iter().flatten().filter(names).max_by_key(|topic| topic.len());
        // An unknown topic is the bus's to refuse, with its own words.
        Ok(known.cloned().unwrap_or(without_version.to_owned()))
    }

    fn send(&mut self, events: &[(String, Box<RawValue>)]) -> Result<(), Failure> {
        let Some((topic, _)) = events.first() else { return Ok(()) };
        let all: Vec<&RawValue> = events.iter().map(|(_, event)| event.as_ref()).collect();
        let mut results = self.send_sealed(topic, &all)?;
        // What a topic wants sealed, and who may read it, changes while events are published: what was sealed for others, or
        // not at all, is sealed again, once. It then comes behind the rest of its batch.
        let stale: Vec<usize> =
            (0..results.len()).filter(|at| sealing::is_stale(&results[*at]["problem"])).collect();
        if !stale.is_empty() {
            self.sealing.remove(topic);
            let again: Vec<&RawValue> = stale.iter().filter_map(|at| all.get(*at).copied()).collect();
            for (at, result) in stale.into_iter().zip(self.send_sealed(topic, &again)?) {
                results[at] = result;
            }
        }
        for (result, (_, event)) in results.iter().zip(events) {
            match result["status"].as_str() {
                Some("accepted") => {
                    self.count.accepted += 1;
                    self.quarantined(result);
                }
                Some("duplicate") => {
                    self.count.duplicate += 1;
                    self.quarantined(result);
                }
                _ => self.refused(event, result)?,
            }
        }
        self.progress.inc(events.len() as u64);
        Ok(())
    }

    /// Sends events of one topic, sealed where its contract wants it; what became of each.
    fn send_sealed(&mut self, topic: &str, events: &[&RawValue]) -> Result<Vec<Value>, Failure> {
        let is_known = self.sealing.get(topic).is_some_and(|sealing| {
            // What is sealed of a version that was told keeps back itself what names another.
            !sealing.is_nothing() || !events.iter().any(|event| sealing.is_behind(event))
        });
        if !is_known {
            let answer = self.send_until_answered("GET", &Sealing::path(topic), None)?;
            let ask = |path: &str| self.send_until_answered("GET", path, None);
            let sealing = Sealing::read(topic, answer, ask)?;
            self.sealing.insert(topic.to_owned(), sealing);
        }
        let Some(sealing) = self.sealing.get(topic).filter(|sealing| !sealing.is_nothing()) else {
            return self.post(topic, events);
        };
        let sealed: Vec<Result<Box<RawValue>, Value>> =
            events.iter().map(|event| sealing.seal(event)).collect();
        let sent: Vec<&RawValue> = sealed.iter().flatten().map(|event| event.as_ref()).collect();
        let answers = if sent.is_empty() { Vec::new() } else { self.post(topic, &sent)? };
        let mut answers = answers.into_iter();
        // What was kept back has its result already.
        let result = |one: Result<Box<RawValue>, Value>| match one {
            Ok(_) => answers.next().unwrap_or_default(),
            Err(kept) => kept,
        };
        Ok(sealed.into_iter().map(result).collect())
    }

    /// Posts events of one topic as they are; what became of each.
    fn post(&self, topic: &str, events: &[&RawValue]) -> Result<Vec<Value>, Failure> {
        let body = serde_json::to_vec(events).map_err(|error| Failure::new(error.to_string()))?;
        let answer =
            self.send_until_answered("POST", &format!("/v1/topics/{}/events", segment(topic)), Some(&body))?;
        let mut results = answer.json()?;
        match results.get_mut("results").map(Value::take) {
            Some(Value::Array(results)) => Ok(results),
            _ => Err(problem_text(answer.status, &results)),
        }
    }

    /// Identities make it safe to send again what may have been taken already.
    fn send_until_answered(&self, method: &str, path: &str, body: Option<&[u8]>) -> Result<Answer, Failure> {
        let started = Instant::now();
        loop {
            let sent = self.client.send(method, path, "application/cloudevents-batch+json", body);
            let wait_s = match &sent {
                Ok(answer) if matches!(answer.status, 429 | 503) => answer.retry_after_s.unwrap_or(1),
                Ok(_) => return sent,
                Err(_) => 1,
            };
            if started.elapsed() + Duration::from_secs(wait_s) > self.retry_for {
                return sent?.good();
            }
            std::thread::sleep(Duration::from_secs(wait_s));
        }
    }

    /// Says of an event that was taken that nobody reads it, or not yet, if that is so.
    fn quarantined(&mut self, result: &Value) {
        let quarantined = &result["receipt"]["quarantined"];
        if quarantined.is_null() {
            return;
        }
        let is_waiting = quarantined["status"] == "waiting";
        self.count.quarantined += u64::from(is_waiting && result["status"] == "accepted");
        if self.shown < REFUSALS_SHOWN {
            self.shown += 1;
            let (id, hint) = (output::cell(&result["id"]), output::cell(&quarantined["hint"]));
            let told = match is_waiting {
                true => {
                    format!("quarantined {id}: found {}; {hint}", quarantine::found(&quarantined["found"]))
                }
                // It was sent before, and is decided about by now.
                false => format!("{} {id}: {hint}", output::cell(&quarantined["status"])),
            };
            self.progress.suspend(|| output::note(format_args!("{told}")));
        }
    }

    fn refused(&mut self, event: &RawValue, result: &Value) -> Result<(), Failure> {
        self.count.refused += 1;
        if self.shown < REFUSALS_SHOWN {
            self.shown += 1;
            let problem = &result["problem"];
            let status = problem["status"].as_u64().unwrap_or(422) as u16;
            let id = output::cell(&result["id"]);
            self.progress
                .suspend(|| output::note(format_args!("refused {id}: {}", problem_text(status, problem))));
        }
        if let Some(rejects) = &mut self.rejects {
            // The event as it came: what is nested too deep for a value is set aside as well.
            let line = Rejected { event, problem: &result["problem"] };
            let line = serde_json::to_string(&line).map_err(|error| Failure::new(error.to_string()))?;
            // In JSON a line ends between values only.
            writeln!(rejects, "{}", line.replace(['\n', '\r'], " "))?;
        }
        Ok(())
    }

    fn finish(mut self, options: &Options, started: Instant) -> Result<ExitCode, Failure> {
        self.progress.finish_and_clear();
        if let Some(rejects) = &mut self.rejects {
            rejects.flush()?;
        }
        let Count { accepted, duplicate, refused, quarantined } = self.count;
        let seconds = started.elapsed().as_secs_f64();
        let rate = (accepted + duplicate + refused) as f64 / seconds.max(1e-9);
        match options.json {
            true => output::json(&json!({
                "accepted": accepted, "duplicate": duplicate, "refused": refused, "quarantined": quarantined,
            })),
            false => output::line(format_args!(
                "accepted {accepted}, duplicate {duplicate}, refused {refused} in {seconds:.1} s ({rate:.0} events/s)"
            )),
        }
        if quarantined > 0 && !options.json {
            output::line(format_args!("{quarantined} of the accepted events are in quarantine"));
        }
        Ok(if refused == 0 { ExitCode::SUCCESS } else { ExitCode::from(1) })
    }
}

fn progress() -> ProgressBar {
    if !io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let style = ProgressStyle::with_template("{spinner} {pos} events  {per_sec}");
    ProgressBar::new_spinner().with_style(style.unwrap_or_else(|_| ProgressStyle::default_spinner()))
}
