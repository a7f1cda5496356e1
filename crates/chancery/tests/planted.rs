//! Ten thousand random events with planted values, in every format and by every door, taken and refused; then everything
//! that the bus says to those who may not know them is searched, with its log at the finest level, its data folder and what
//! a crash leaves. Nothing planted may stand there in the clear or in a usual encoding.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking, in its helpers too")]

#[path = "support/kafka.rs"]
mod kafka;
#[path = "support/plants.rs"]
mod plants;
mod support;

use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use kafka::{Kafka, record};
use plants::{Language, Plants};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};
use support::{Server, stderr, stdout};

/// Events that are taken: so many births, and so many holders of permits in each of three languages.
const BIRTHS: usize = 4_000;
const HOLDERS: usize = 2_000;
/// At once.
const BATCH: usize = 500;
/// Events of a birth that have something wrong with them.
const BROKEN: usize = 300;

const BIRTH: &str = "civil.birth.registered";
const SOURCE: &str = "urn:xx:civil-registry:register";
const STRUCTURED: (&str, &str) = ("content-type", "application/cloudevents+json");
const BATCHED: (&str, &str) = ("content-type", "application/cloudevents-batch+json");

/// A reader with all clearances and one with none, of each topic.
const CLEARED: &str = "tax-office.planted";
const UNCLEARED: &str = "courts.planted";

/// What was said, by what said it.
#[derive(Default)]
struct Heard(Vec<(String, Vec<u8>)>);

impl Heard {
    fn note(&mut self, what: impl Into<String>, said: impl Into<Vec<u8>>) {
        self.0.push((what.into(), said.into()));
    }
}

struct Town {
    folder: tempfile::TempDir,
    server: Server,
    producer: String,
    cleared: String,
    uncleared: String,
    officer: String,
    plants: Plants,
    heard: Heard,
}

impl Town {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let server = start(folder.path(), "first.log");
        let governance = folder.path().join("governance");
        for from in ["../../examples/governance", "../../compat/governance"] {
            copy(&Path::new(env!("CARGO_MANIFEST_DIR")).join(from), &governance);
        }
        for topic in topics() {
            for (name, clears) in [(CLEARED, "internal, personal, special"), (UNCLEARED, "")] {
                let (agency, name) = (name.split('.').next().unwrap(), subscription(name, &topic));
                let text = format!(
                    "subscription: {name}\ntopic: {topic}\nagency: {agency}\npurpose: assign tax identifiers\n\
                     legal_basis: An Act §1\nclears: [{clears}]\nexpires: 2035-01-01\n"
                );
                fs::write(governance.join(format!("subscriptions/{name}.yaml")), text).unwrap();
            }
        }
        let applied =
            server.cli(&server.operator, &["apply", governance.to_str().unwrap(), "--close-bootstrap"]);
        assert!(applied.status.success(), "{}", stderr(&applied));
        let [producer, cleared, uncleared, officer] = [
            ("desk@civil-registry", "producer"),
            ("reader@tax-office", "consumer"),
            ("reader@courts", "consumer"),
            ("officer@civil-registry", "dpo"),
        ]
        .map(|(name, role)| server.principal(name, role));
        let (plants, heard) = (Plants::new(), Heard::default());
        Self { folder, server, producer, cleared, uncleared, officer, plants, heard }
    }

    /// Births over HTTP, in batches; holders of permits through Kafka, as serializers frame them.
    fn publish(&mut self) {
        let path = format!("/v1/topics/{BIRTH}/events");
        for first in (0..BIRTHS).step_by(BATCH) {
            let events =
                (first..first + BATCH).map(|number| self.plants.birth_event(number)).collect::<Vec<_>>();
            let said = self.server.post(&path, &self.producer, &[BATCHED], &json!(events).to_string());
            assert_eq!(said.text.matches("\"accepted\"").count(), BATCH, "{}", said.text);
            self.heard.note("receipts", said.text);
        }
        for language in Language::ALL {
            let topic = language.topic();
            let schema = self.schema_id(&topic);
            let mut client =
                Kafka::connect(&self.server.kafka, "desk@civil-registry", &self.producer, "planted");
            for first in (0..HOLDERS).step_by(BATCH) {
                let records: Vec<_> = (0..BATCH)
                    .map(|at| {
                        let id = format!("{topic}-{}", first + at);
                        let headers = headers(&id, &topic);
                        record(at as i64, &headers, language.framed(schema, &self.plants.holder()))
                    })
                    .collect();
                let (said, raw) = client.produce_all(&topic, &records);
                assert_eq!(said.error_code, 0, "{topic}: {said:?}");
                self.heard.note("receipts of Kafka", raw);
            }
        }
    }

    fn schema_id(&self, topic: &str) -> u32 {
        let latest = self.server.get(&format!("/subjects/{topic}-value/versions/latest"), &self.producer);
        latest.json()["id"].as_u64().unwrap() as u32
    }

    /// Events that the bus refuses, or takes in spite of what is odd about them.
    fn publish_broken(&mut self) {
        let path = format!("/v1/topics/{BIRTH}/events");
        let mut refused = 0;
        for number in 0..BROKEN {
            let text = self.plants.broken_birth(number);
            let said = self.server.post(&path, &self.producer, &[STRUCTURED], &text);
            refused += usize::from(said.status >= 400);
            self.heard.note(format!("the answer to broken birth {number}"), said.text);
        }
        assert!(refused > BROKEN / 2, "{refused} of {BROKEN} were refused");
        let birth = self.plants.birth_event(BIRTHS).to_string();
        for (path, token, kind) in [
            ("/v1/topics/civil.nothing.registered/events", &self.producer, STRUCTURED),
            (path.as_str(), &self.uncleared, STRUCTURED),
            (path.as_str(), &"nobody".to_owned(), STRUCTURED),
            (path.as_str(), &self.producer, BATCHED),
            (path.as_str(), &self.producer, ("content-type", "application/avro")),
            (path.as_str(), &self.producer, ("content-type", "text/plain")),
        ] {
            let said = self.server.post(path, token, &[kind], &birth);
            assert!(said.status >= 400, "{kind:?}: {}", said.text);
            self.heard.note(format!("the answer to a birth as {kind:?}"), said.text);
        }
        for language in Language::ALL {
            let topic = language.topic();
            let schema = self.schema_id(&topic);
            for number in 0..20 {
                let mut client =
                    Kafka::connect(&self.server.kafka, "desk@civil-registry", &self.producer, "planted");
                let value = language.broken(number, schema, &mut self.plants);
                let id = format!("broken-{topic}-{number}");
                let (said, raw) = client.produce_all(&topic, &[record(0, &headers(&id, &topic), value)]);
                assert_ne!(said.error_code, 0, "{topic} {number}");
                self.heard.note(format!("Kafka's answer to {id}"), raw);
            }
        }
    }

    /// Whoever is not cleared reads everything by each door; who is cleared cannot process some of it.
    fn consume(&mut self) {
        for topic in topics() {
            let name = subscription(UNCLEARED, &topic);
            let max = ["consume", &name, "--from", "earliest", "--max", "20000", "--no-commit"];
            let read = self.server.cli(&self.uncleared, &max);
            assert!(stdout(&read).lines().count() >= HOLDERS, "{}", stderr(&read));
            self.heard.note(format!("consume of {name}"), read.stdout);
            let pulled = self
                .server
                .get(&format!("/v1/subscriptions/{name}/events?from=earliest&max=500"), &self.uncleared);
            self.heard.note(format!("pull of {name}"), pulled.text);
            self.heard.note(format!("stream of {name}"), self.streamed(&name));
            let mut client = Kafka::connect(&self.server.kafka, "reader@courts", &self.uncleared, &name);
            let (said, raw) = client.fetch(&topic, &[0, 0], 100);
            assert!(said.responses[0].partitions.iter().all(|one| one.error_code == 0), "{said:?}");
            assert!(raw.len() > 10_000);
            self.heard.note(format!("fetch of {name}"), raw);
            let (name, mut known) = (subscription(CLEARED, &topic), 0);
            let all =
                self.server.cli(&self.cleared, &["consume", &name, "--max", "20000", "--from", "earliest"]);
            for line in stdout(&all).lines() {
                known += usize::from(self.plants.is_in(line.as_bytes()) || line.contains("data_base64"));
            }
            assert!(known >= HOLDERS, "{known}: a search that finds nothing where something is");
        }
    }

    /// Two seconds of an open stream.
    fn streamed(&self, name: &str) -> Vec<u8> {
        let mut stream = TcpStream::connect(self.server.url.trim_start_matches("http://")).unwrap();
        let header = format!("host: bus\r\nauthorization: Bearer {}\r\n", self.uncleared);
        write!(stream, "GET /v1/subscriptions/{name}/stream HTTP/1.1\r\n{header}\r\n").unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(1))).unwrap();
        let (mut said, mut some) = (Vec::new(), vec![0; 1 << 16]);
        while said.len() < 1 << 20 {
            match stream.read(&mut some) {
                Ok(length @ 1..) => said.extend(&some[..length]),
                _ => break,
            }
        }
        said
    }

    /// Everything else that the bus and its tool say.
    fn ask_about(&mut self) {
        let letters = subscription(CLEARED, BIRTH);
        let pulled = self
            .server
            .get(&format!("/v1/subscriptions/{letters}/events?from=earliest&max=5"), &self.cleared);
        let place = pulled.json()[0].clone();
        let (partition, offset) = (&place["partition"], &place["offset"]);
        let reject =
            json!({"partition": partition, "offset": offset, "reason": "not understood"}).to_string();
        let path = format!("/v1/subscriptions/{letters}/reject");
        let said = self.server.post(&path, &self.cleared, &[("content-type", "application/json")], &reject);
        self.heard.note("reject", said.text);
        let person = self.plants.somebody();
        for path in [
            "/metrics",
            "/v1/dead-letters",
            "/v1/notices",
            "/v1/keys",
            "/v1/audit",
            "/v1/audit/export",
            "/v1/audit/disclosures",
            "/v1/audit/decisions",
            "/v1/subscriptions",
            "/v1/topics",
            "/v1/agencies",
            "/v1/trace/birth-7",
            "/v1/trace/planted",
            "/v1/export/catalogue",
            "/v1/holds",
            "/v1/erasures",
            "/asyncapi.json",
        ] {
            for token in [&self.server.operator, &self.officer, &self.uncleared] {
                self.heard.note(path, self.server.get(path, token).text);
            }
        }
        for token in [&self.server.operator, &self.officer, &self.uncleared] {
            let path = format!("/v1/people/{person}/disclosures");
            self.heard.note(path.replace(&person, "somebody"), self.server.get(&path, token).text);
        }
        for arguments in [
            &["trace", "birth-7"][..],
            &["dead-letters", "list"],
            &["audit", "decisions"],
            &["topic", "show", BIRTH],
            &["keys", "status"],
            &["notices"],
            &["subscription", "list"],
        ] {
            let said = self.server.cli(&self.server.operator, arguments);
            self.heard.note(arguments.join(" "), [said.stdout, said.stderr].concat());
        }
        let file = self.folder.path().join("person.txt");
        fs::write(&file, &person).unwrap();
        let ask = [
            "--json",
            "erase",
            "request",
            "--subject-file",
            file.to_str().unwrap(),
            "--reason",
            "an Act §17",
        ];
        let asked = self.server.cli(&self.officer, &ask);
        assert!(asked.status.success(), "{}", stderr(&asked));
        let erasure = serde_json::from_slice::<Value>(&asked.stdout).unwrap();
        let id = erasure["erasure"].as_str().unwrap().to_owned();
        for (token, what) in
            [(&self.server.operator, "approve"), (&self.officer, "show"), (&self.officer, "references")]
        {
            let said = self.server.cli(token, &["erase", what, &id]);
            self.heard.note(format!("erase {what}"), [said.stdout, said.stderr].concat());
        }
        fs::remove_file(&file).unwrap();
    }

    /// Ends it as a fault in it would, and starts it again.
    fn crash(&mut self) {
        let pid = Pid::from_raw(self.server.id() as i32).unwrap();
        let limits = fs::read_to_string(format!("/proc/{}/limits", self.server.id())).unwrap();
        let cores = limits.lines().find(|line| line.starts_with("Max core file size")).unwrap();
        assert_eq!(cores.split_whitespace().nth(4), Some("0"), "{cores}");
        kill_process(pid, Signal::ABORT).unwrap();
        let ended = self.server.ended();
        assert_eq!((ended.signal(), ended.core_dumped()), (Some(6), false));
        self.server = start(self.folder.path(), "second.log");
        let again = self.server.get("/metrics", &self.server.operator);
        self.heard.note("metrics after the crash", again.text);
        self.server.end();
        let data = self.folder.path().join("data");
        let doctor = support::chancery(&["doctor", "--data", data.to_str().unwrap()]);
        self.heard.note("doctor", [doctor.stdout, doctor.stderr].concat());
    }
}

fn start(folder: &Path, log: &str) -> Server {
    let log = fs::File::create(folder.join(log)).unwrap();
    Server::start_logging(&folder.join("data"), &["--log", "trace"], Stdio::from(log))
}

fn topics() -> Vec<String> {
    let holders = Language::ALL.iter().map(Language::topic);
    [BIRTH.to_owned()].into_iter().chain(holders).collect()
}

/// The subscription of a reader to a topic.
fn subscription(reader: &str, topic: &str) -> String {
    format!("{reader}-{}", topic.replace('.', "-"))
}

fn headers<'h>(id: &'h str, topic: &'h str) -> [(&'h str, &'h str); 4] {
    [("ce_specversion", "1.0"), ("ce_id", id), ("ce_source", SOURCE), ("ce_type", topic)]
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap().map(Result::unwrap) {
        let to = to.join(entry.file_name());
        match entry.path().is_dir() {
            true => copy(&entry.path(), &to),
            false => drop(fs::copy(entry.path(), to).unwrap()),
        }
    }
}

fn files_below(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap().map(Result::unwrap) {
        match entry.path().is_dir() {
            true => files_below(&entry.path(), found),
            false => found.push(entry.path()),
        }
    }
}

#[test]
fn nothing_planted_is_said_or_stored_in_the_clear_by_any_door_in_any_format() {
    let mut town = Town::new();
    town.publish();
    town.publish_broken();
    town.consume();
    town.ask_about();
    town.crash();
    let seed = town.plants.seed;
    for (what, said) in &town.heard.0 {
        assert_eq!(town.plants.found_in(said), None, "in {what} (seed {seed})");
    }
    let mut files = Vec::new();
    files_below(town.folder.path(), &mut files);
    files.retain(|file| !file.starts_with(town.folder.path().join("governance")));
    let (mut bytes, mut logged) = (0, 0);
    for file in &files {
        let stored = fs::read(file).unwrap();
        bytes += stored.len();
        logged += if file.extension().is_some_and(|kind| kind == "log") { stored.len() } else { 0 };
        assert_eq!(town.plants.found_in(&stored), None, "in {} (seed {seed})", file.display());
    }
    assert!(bytes > 5_000_000 && logged > 10_000, "{bytes} bytes stored, {logged} of them logged");
}
