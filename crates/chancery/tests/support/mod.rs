//! A bus as its users meet it: the binary, started on a folder and a free port, ended when the test is done.

#![allow(dead_code, reason = "each test file uses its own part")]

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Output, Stdio};

use serde_json::{Value, json};

/// The binary with these arguments.
pub fn chancery(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_chancery")).args(arguments).output().unwrap()
}

pub fn stdout(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

pub fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// A running bus.
pub struct Server {
    child: Child,
    pub url: String,
    pub kafka: String,
    pub operator: String,
}

impl Server {
    pub fn start(data: &Path) -> Self {
        Self::start_with(data, &[])
    }

    /// With more settings than the folder and free ports.
    pub fn start_with(data: &Path, settings: &[&str]) -> Self {
        Self::start_logging(data, settings, Stdio::null())
    }

    /// With somewhere to write its log.
    pub fn start_logging(data: &Path, settings: &[&str], log: Stdio) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_chancery"))
            .args(["serve", "--kafka", "127.0.0.1:0", "--http", "127.0.0.1:0", "--data"])
            .arg(data)
            .args(settings)
            .stdout(Stdio::piped())
            .stderr(log)
            .spawn()
            .unwrap();
        let mut ready = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut ready).unwrap();
        let address = |door: &str| ready.split_whitespace().find_map(|word| word.strip_prefix(door));
        let (kafka, address) = (address("kafka=").unwrap(), address("http=").expect("it serves"));
        let operator = std::fs::read_to_string(data.join("operator.token")).unwrap().trim().to_owned();
        Self { child, url: format!("http://{address}"), kafka: kafka.to_owned(), operator }
    }

    /// With the governance of `examples/governance` and bootstrap closed.
    pub fn with_example(data: &Path) -> Self {
        let server = Self::start(data);
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../examples/governance");
        let applied = server.cli(&server.operator, &["apply", folder, "--close-bootstrap"]);
        assert!(applied.status.success(), "{}", stderr(&applied));
        server
    }

    /// A principal's token.
    pub fn principal(&self, name: &str, role: &str) -> String {
        let agency = name.split('@').nth(1).unwrap();
        let made = self.cli(
            &self.operator,
            &["--json", "principal", "create", name, "--agency", agency, "--role", role],
        );
        assert!(made.status.success(), "{}", stderr(&made));
        let made: Value = serde_json::from_slice(&made.stdout).unwrap();
        made["token"].as_str().unwrap().to_owned()
    }

    /// A token for somebody who was named.
    pub fn token_of(&self, name: &str) -> String {
        let made = self.cli(&self.operator, &["principal", "token", name]);
        assert!(made.status.success(), "{}", stderr(&made));
        stdout(&made).trim().to_owned()
    }

    /// The command line, speaking to this bus.
    pub fn cli(&self, token: &str, arguments: &[&str]) -> Output {
        let bin = env!("CARGO_BIN_EXE_chancery");
        Command::new(bin).args(["--url", &self.url, "--token", token]).args(arguments).output().unwrap()
    }

    pub fn get(&self, path: &str, token: &str) -> Answer {
        let request =
            agent().get(format!("{}{path}", self.url)).header("authorization", format!("Bearer {token}"));
        Answer::of(request.call().unwrap())
    }

    pub fn post(&self, path: &str, token: &str, headers: &[(&str, &str)], body: &str) -> Answer {
        let mut request =
            agent().post(format!("{}{path}", self.url)).header("authorization", format!("Bearer {token}"));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        Answer::of(request.send(body).unwrap())
    }

    /// Its process.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Waits until it ended.
    pub fn ended(&mut self) -> ExitStatus {
        self.child.wait().unwrap()
    }

    pub fn end(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.end();
    }
}

fn agent() -> ureq::Agent {
    ureq::Agent::config_builder().http_status_as_error(false).build().into()
}

/// What came back.
pub struct Answer {
    pub status: u16,
    pub content_type: String,
    pub cursor: Option<String>,
    pub text: String,
}

impl Answer {
    fn of(mut response: ureq::http::Response<ureq::Body>) -> Self {
        let header = |name: &str| {
            response.headers().get(name).and_then(|value| value.to_str().ok()).map(str::to_owned)
        };
        let (content_type, cursor) = (header("content-type").unwrap_or_default(), header("chancery-cursor"));
        let text = response.body_mut().read_to_string().unwrap();
        Self { status: response.status().as_u16(), content_type, cursor, text }
    }

    pub fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|_| panic!("not JSON: {}", self.text))
    }
}

/// The data of a birth.
pub fn birth(number: u32) -> Value {
    json!({
        "registrationNumber": format!("B-2026-{number:06}"),
        "registrationOffice": "Old Town",
        "registeredOn": "2026-11-23",
        "child": {
            "personId": format!("2026-1000-{number:04}"),
            "name": format!("Wilhelmina Q{number}"),
            "dateOfBirth": "2026-11-22",
            "sex": "female",
            "placeOfBirth": "Riverside, Xland"
        },
        "parents": [{
            "personId": format!("1990-1000-{number:04}"), "name": "Casimir Q", "role": "father",
            "municipality": "Riverside"
        }]
    })
}

/// A birth as a structured event.
pub fn event(number: u32) -> Value {
    json!({
        "specversion": "1.0",
        "id": format!("birth-{number}"),
        "source": "urn:xx:civil-registry:register",
        "type": "civil.birth.registered",
        "datacontenttype": "application/json",
        "data": birth(number)
    })
}
