//! Both doors of a bus, whether it is a process of its own or one whose clock the test sets.

#![allow(dead_code, reason = "each test file uses its own part")]

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bus::clock::{Clock, SystemClock};
use bus::{Bus, Settings};
use door_http::Reach;
use journal::{Embedded, Options, RealDisk};
use seal::{Kms, KmsError, Secret};
use serde_json::{Value, json};
use tls::{Listener, Protocol};
use tokio::net::TcpListener;
use tokio::runtime::Runtime;

use super::support::Server;

/// When the subscriptions of [`files`] end: 2030-01-01.
pub const ENDS_MS: u64 = 1_893_456_000_000;

/// Where the doors are, and who opened them.
pub struct Doors {
    pub http: String,
    pub kafka: String,
    pub operator: String,
}

impl Doors {
    pub fn of(server: &Server) -> Self {
        let http = server.url.trim_start_matches("http://").to_owned();
        Self { http, kafka: server.kafka.clone(), operator: server.operator.clone() }
    }

    /// The status and the text of an answer.
    pub fn post(&self, path: &str, token: &str, body: &str) -> (u16, String) {
        let agent: ureq::Agent = ureq::Agent::config_builder().http_status_as_error(false).build().into();
        let kind =
            if path.ends_with("/events") { "application/cloudevents+json" } else { "application/json" };
        let request = agent
            .post(format!("http://{}{path}", self.http))
            .header("authorization", format!("Bearer {token}"))
            .header("content-type", kind);
        let mut answer = request.send(body).unwrap();
        (answer.status().as_u16(), answer.body_mut().read_to_string().unwrap())
    }

    fn done(&self, path: &str, body: &Value) -> String {
        let (status, text) = self.post(path, &self.operator, &body.to_string());
        assert!((200..300).contains(&status), "{text}");
        text
    }

    pub fn govern(&self, command: &Value) {
        self.done("/v1/govern", command);
    }

    pub fn apply(&self, files: &BTreeMap<String, String>) {
        self.done("/v1/apply", &json!({"files": files}));
    }

    /// A principal's token.
    pub fn principal(&self, name: &str, role: &str) -> String {
        let agency = name.split('@').nth(1).unwrap();
        let made =
            self.done("/v1/principals", &json!({"principal": name, "agency": agency, "roles": [role]}));
        serde_json::from_str::<Value>(&made).unwrap()["token"].as_str().unwrap().to_owned()
    }
}

/// The example's governance, its subscriptions to births going on for long, and others of the tax office that end in 2030.
pub fn files<const N: usize>(names: [&str; N]) -> BTreeMap<String, String> {
    let mut files = folder("examples/governance");
    for (path, text) in &mut files {
        if path.starts_with("subscriptions/") {
            *text = text.replace("2030-01-01", "2035-01-01");
        }
    }
    for name in names {
        let text = format!(
            "subscription: {name}\ntopic: civil.birth.registered\nagency: tax-office\npurpose: assign tax identifiers\n\
             legal_basis: Tax Administration Act §139b\nclears: [internal, personal]\nexpires: 2030-01-01\n"
        );
        files.insert(format!("subscriptions/{name}.yaml"), text);
    }
    files
}

/// The files of a folder of this house.
pub fn folder(path: &str) -> BTreeMap<String, String> {
    let mut files = BTreeMap::new();
    read(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(path), "", &mut files);
    files
}

fn read(folder: &Path, below: &str, files: &mut BTreeMap<String, String>) {
    for entry in std::fs::read_dir(folder).unwrap().map(Result::unwrap) {
        let name = format!("{below}{}", entry.file_name().to_string_lossy());
        match entry.path().is_dir() {
            true => read(&entry.path(), &format!("{name}/"), files),
            false => drop(files.insert(name, std::fs::read_to_string(entry.path()).unwrap())),
        }
    }
}

/// Keeps no secret and destroys none; good enough to open what it wrapped.
struct OpenKms;

impl Kms for OpenKms {
    fn wrap(&self, _: &str, secret: &Secret) -> Result<Vec<u8>, KmsError> {
        Ok(secret.expose().to_vec())
    }

    fn unwrap(&self, _: &str, wrapped: &[u8]) -> Result<Secret, KmsError> {
        Ok(Secret::new(wrapped).unwrap())
    }

    fn destroy(&self, _: &str, _: &[u8]) -> Result<(), KmsError> {
        Ok(())
    }
}

/// A clock that goes as the machine's does, from another time on, and that a test moves ahead.
pub struct Ahead(AtomicU64);

impl Ahead {
    pub fn advance(&self, by_ms: u64) {
        self.0.fetch_add(by_ms, Ordering::SeqCst);
    }
}

impl Clock for Ahead {
    fn now_ms(&self) -> u64 {
        SystemClock.now_ms() + self.0.load(Ordering::SeqCst)
    }
}

/// A bus with both doors in this process, by a clock that the test moves ahead.
pub struct Served {
    pub doors: Doors,
    pub clock: Arc<Ahead>,
    _runtime: Runtime,
}

impl Served {
    pub fn start(data: &Path, now_ms: u64) -> Self {
        Self::start_writing_within(data, now_ms, tls::WRITE_WITHIN)
    }

    /// One whose answers leave in less time than operators may set.
    pub fn start_writing_within(data: &Path, now_ms: u64, within: Duration) -> Self {
        let clock = Arc::new(Ahead(AtomicU64::new(now_ms - SystemClock.now_ms())));
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
        let doors = runtime.block_on(async {
            let options = Options { log_bytes: 1 << 20, ..Options::default() };
            let (journal, _) =
                Embedded::open(data.join("journal"), Arc::new(RealDisk::new()), options).unwrap();
            let settings = Settings {
                data: data.to_owned(),
                name: "test-bus".to_owned(),
                state_prefix: None,
                keys: Default::default(),
            };
            let (bus, opened) =
                Bus::open(settings, Arc::new(journal), Arc::new(OpenKms), clock.clone()).await.unwrap();
            let http = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let kafka = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let doors = Doors {
                http: http.local_addr().unwrap().to_string(),
                kafka: kafka.local_addr().unwrap().to_string(),
                operator: opened.operator_token.unwrap(),
            };
            let reach = Reach { kafka: None, tls: false };
            let listener = |tcp, protocol| Listener::new(tcp, None, protocol).writing_within(within);
            let http = listener(http, Protocol::Http);
            tokio::spawn(door_http::serve(http, bus.clone(), reach, std::future::pending()));
            let options = door_kafka::Options { cluster: "test-bus".to_owned(), advertised: None };
            let kafka = listener(kafka, Protocol::Kafka);
            tokio::spawn(door_kafka::serve(kafka, bus, options, std::future::pending()));
            doors
        });
        Self { doors, clock, _runtime: runtime }
    }
}
