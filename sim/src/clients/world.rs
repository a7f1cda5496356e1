//! The bus that the clients meet: the example's agencies, and a subscription for each client.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use super::programs::{self, Program};
use crate::api::Api;
use crate::server::Server;
use crate::violation::Halt;

const EXAMPLE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../examples/governance");
/// Topics in the languages of serializers, beside the example's.
const MORE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../compat/governance");

/// The languages that they are in.
const FORMATS: [&str; 3] = ["avro", "json", "protobuf"];

const EVENT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../examples/birth.json");

/// The topic that the clients publish to and read.
const TOPIC: &str = "civil.birth.registered";

const PRODUCER: &str = "desk@civil-registry";
const CONSUMER: &str = "reader@tax-office";

/// The steward of the topics that the clients publish to.
const STEWARD: &str = "m.okafor@civil-registry";

/// Decides about quarantined events of the topics that the clients publish to.
const OFFICER: &str = "officer@civil-registry";

/// What is quarantined: accounts in what is nobody's. All else is as by default.
const STANDARDS: &str =
    "[leaks]\notherwise = \"refuse\"\nemail = \"flag\"\ntelephone = \"flag\"\niban = \"quarantine\"\n";

/// Reads the one topic and writes the other.
const WORKER: &str = "worker@tax-office";

/// Where a worker's program reads what it wrote.
const WORKED: &str = "tax.id.assigned";

/// A bus with its folder and the tokens of those who call.
pub struct World {
    binary: PathBuf,
    folder: TempDir,
    server: Server,
    producer_token: String,
    consumer_token: String,
    worker_token: String,
    steward_token: String,
    officer_token: String,
}

impl World {
    /// Starts a bus and gives it its governance.
    pub fn make(binary: &Path) -> Result<Self, Halt> {
        let folder =
            tempfile::tempdir().map_err(|error| Halt::setup("making a folder for the data", error))?;
        let data = folder.path().join("data");
        let server = Server::start(binary, &data)?;
        let operator = fs::read_to_string(data.join("operator.token"))
            .map_err(|error| Halt::setup("reading the operator's token", error))?;
        let api = Api::new(&server.url, operator.trim());
        let refused = |failure: crate::api::Failure| Halt::setup("giving the bus its governance", failure);
        api.apply(&files()?).map_err(refused)?;
        let producer_token = api.create_principal(PRODUCER, &["producer"]).map_err(refused)?;
        let consumer_token = api.create_principal(CONSUMER, &["consumer"]).map_err(refused)?;
        let worker_token = api.create_principal(WORKER, &["consumer", "producer"]).map_err(refused)?;
        let steward_token = api.issue_token(STEWARD).map_err(refused)?;
        let officer_token = api.create_principal(OFFICER, &["dpo"]).map_err(refused)?;
        let binary = binary.to_owned();
        Ok(Self {
            binary,
            folder,
            server,
            producer_token,
            consumer_token,
            worker_token,
            steward_token,
            officer_token,
        })
    }

    /// What a client needs to know.
    pub fn environment(&self, program: &Program) -> Vec<(&'static str, String)> {
        let client = program.name;
        vec![
            ("BOOTSTRAP", self.server.kafka.clone()),
            ("TOPIC", TOPIC.to_owned()),
            ("GROUP", format!("tax-office.{client}")),
            ("CLIENT", client.to_owned()),
            ("PRODUCER", PRODUCER.to_owned()),
            ("PRODUCER_TOKEN", self.producer_token.clone()),
            ("CONSUMER", CONSUMER.to_owned()),
            ("CONSUMER_TOKEN", self.consumer_token.clone()),
            ("STEWARD", STEWARD.to_owned()),
            ("STEWARD_TOKEN", self.steward_token.clone()),
            ("OFFICER_TOKEN", self.officer_token.clone()),
            ("WORKER", WORKER.to_owned()),
            ("WORKER_TOKEN", self.worker_token.clone()),
            ("EVENT", EVENT.to_owned()),
            ("PROTOCOL", program.protocol.name().to_owned()),
            ("REGISTRY", self.server.url.clone()),
        ]
    }

    /// kill -9 and a new start on the same folder and address.
    pub fn restart(&mut self) -> Result<(), Halt> {
        self.server.kill()?;
        let (http, kafka) = (self.server.url.clone(), self.server.kafka.clone());
        let at = [http.trim_start_matches("http://"), &kafka];
        self.server = Server::start_at(&self.binary, &self.folder.path().join("data"), at)?;
        Ok(())
    }

    /// The bus ends in order.
    pub fn end(self) -> Result<(), Halt> {
        self.server.end().map(|_| ())
    }
}

/// The example's files, with a subscription for each client.
fn files() -> Result<BTreeMap<String, String>, Halt> {
    let mut files = BTreeMap::new();
    for folder in [EXAMPLE, MORE] {
        read(Path::new(folder), "", &mut files).map_err(|error| Halt::setup("reading governance", error))?;
    }
    files.insert("standards/standards.toml".to_owned(), STANDARDS.to_owned());
    for format in FORMATS {
        for (what, clears) in [("opened", "internal, personal, special"), ("redacted", "")] {
            let (name, text) =
                subscription(&format!("{what}-{format}"), &format!("permit.holder-{format}.changed"), clears);
            files.insert(name, text);
        }
    }
    for program in programs::ALL {
        for (suffix, topic) in [("", TOPIC), ("-assigned", WORKED)] {
            let (name, text) =
                subscription(&format!("{}{suffix}", program.name), topic, "internal, personal, special");
            files.insert(name, text);
        }
    }
    Ok(files)
}

/// The file of a subscription of the tax office, with its name in the folder.
fn subscription(name: &str, topic: &str, clears: &str) -> (String, String) {
    let text = format!(
        "subscription: tax-office.{name}\ntopic: {topic}\nagency: tax-office\npurpose: assign tax identifiers\n\
         legal_basis: Tax Administration Act §139b\nclears: [{clears}]\nexpires: 2030-01-01\n"
    );
    (format!("subscriptions/tax-office.{name}.yaml"), text)
}

fn read(folder: &Path, prefix: &str, files: &mut BTreeMap<String, String>) -> std::io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let name = format!("{prefix}{}", entry.file_name().to_string_lossy());
        if entry.path().is_dir() {
            read(&entry.path(), &format!("{name}/"), files)?;
        } else if !name.ends_with(".md") {
            files.insert(name, fs::read_to_string(entry.path())?);
        }
    }
    Ok(())
}
