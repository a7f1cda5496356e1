//! A bus of its own for each measurement, on the disk that the repository stands on.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bus::clock::SystemClock;
use bus::{Bus, Caller, Settings};
use contract::{AgencyName, PrincipalName, TopicName};
use governance::{Role, Roles};
use journal::{Embedded, Options, RealDisk};
use seal::{Kms, KmsError, Secret};

use crate::events::{CLASSIFY, SCHEMA};

/// A KMS that keeps its secrets in the wrapped bytes and destroys none: the real one is asked once per agency and start,
/// never per event, so that it is not what is measured here.
struct OpenKms;

impl Kms for OpenKms {
    fn wrap(&self, _: &str, secret: &Secret) -> Result<Vec<u8>, KmsError> {
        Ok(secret.expose().to_vec())
    }

    fn unwrap(&self, _: &str, wrapped: &[u8]) -> Result<Secret, KmsError> {
        Secret::new(wrapped).map_err(|_| KmsError::Tampered)
    }

    fn destroy(&self, _: &str, _: &[u8]) -> Result<(), KmsError> {
        Ok(())
    }
}

pub struct Bench {
    pub bus: Bus,
    pub operator: Caller,
    pub producer: Caller,
    /// What the producer proves itself with.
    pub token: String,
    pub topics: Vec<TopicName>,
    folder: PathBuf,
    temporary: tempfile::TempDir,
}

impl Bench {
    /// Lets go of the bus and keeps its folder.
    pub fn into_folder(self) -> (PathBuf, tempfile::TempDir) {
        (self.folder, self.temporary)
    }
}

pub fn temporary() -> tempfile::TempDir {
    let place = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../target/bench"));
    std::fs::create_dir_all(place).expect("a folder for measurements");
    tempfile::Builder::new().prefix("data-").tempdir_in(place).expect("a temporary folder")
}

pub async fn open(folder: &Path) -> (Bus, bus::Opened) {
    let disk = Arc::new(RealDisk::new());
    let (journal, _) = Embedded::open(folder.join("journal"), disk, Options::default()).expect("a journal");
    let settings = Settings {
        data: folder.to_owned(),
        name: "bench".to_owned(),
        state_prefix: None,
        keys: Default::default(),
    };
    Bus::open(settings, Arc::new(journal), Arc::new(OpenKms), Arc::new(SystemClock)).await.expect("a bus")
}

/// A bus with `count` topics of each latency class named.
pub async fn bus(topics: &[(&str, usize)], partitions: u32) -> Bench {
    let named = |(latency, count): &(&str, usize)| {
        let latency = (*latency).to_owned();
        (0..*count).map(move |number| {
            let name = format!("bench.{latency}{number}.happened");
            let text = topic(&name, &latency, partitions);
            (name, text)
        })
    };
    bus_of(topics.iter().flat_map(named).collect(), BTreeMap::new()).await
}

/// A bus with these topics, each a name and what its `topic.yaml` says, and with further files.
pub async fn bus_of(topics: Vec<(String, String)>, mut files: BTreeMap<String, String>) -> Bench {
    let temporary = temporary();
    let folder = temporary.path().to_owned();
    let (bus, opened) = open(&folder).await;
    let operator = bus.identify(&opened.operator_token.expect("the first start")).expect("the operator");
    files.insert("agencies/bench.yaml".to_owned(), "agency: bench\nname: Bench\nmandate: Bench Act\ncontacts: [a@bench.example]\ndpo: dpo@bench.example\n".to_owned());
    let mut names = Vec::new();
    for (name, text) in topics {
        files.insert(format!("topics/{name}/topic.yaml"), text);
        files.insert(format!("topics/{name}/v1.schema.json"), SCHEMA.to_owned());
        names.push(TopicName::parse(&name).expect("a topic's name"));
    }
    bus.apply(&operator, &files, false).await.expect("the folder applies");
    let principal = PrincipalName::parse("service@bench").expect("a name");
    let agency = AgencyName::parse("bench").expect("a name");
    let roles: Roles = [Role::Producer, Role::Consumer].into_iter().collect();
    let made = bus.create_principal(&operator, principal, agency, roles).await.expect("a principal");
    let producer = bus.identify(&made.token).expect("the producer");
    let token = made.token;
    Bench { bus, operator, producer, token, topics: names, folder, temporary }
}

pub fn topic(name: &str, latency: &str, partitions: u32) -> String {
    format!(
        "topic: {name}\nowner: bench\nsteward: a.one@bench\ndeputy: b.two@bench\ndescription: Measured.\n\
         legal_basis: Bench Act\nlatency: {latency}\npartitions: {partitions}\nretention: 10y\nkey: subject\n\
         contract:\n  version: 1\n  format: json-schema\n  schema: v1.schema.json\n  compatibility: BACKWARD\n\
         \x20 subject: /child/personId\n  classify:{CLASSIFY}"
    )
}
