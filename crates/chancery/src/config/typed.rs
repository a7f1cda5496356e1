//! What is written: a TOML file, then `CHANCERY_…` environment, then flags; the later wins. A field's doc is its help.

use std::path::{Path, PathBuf};

use clap::Args;
use serde::Deserialize;

use super::keys::TypedKeys;
use super::kms::TypedKms;
use super::notices::TypedNotices;
use crate::output::Failure;

/// The settings of `serve`, as written.
#[derive(Debug, Clone, Default, Args, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Typed {
    /// The data folder [default: ./chancery-data]
    #[arg(long, env = "CHANCERY_DATA")]
    pub data: Option<PathBuf>,
    /// Address of the HTTP door [default: 127.0.0.1:8080]; port 0 takes a free one
    #[arg(long, env = "CHANCERY_HTTP")]
    pub http: Option<String>,
    /// Address of the Kafka door [default: 127.0.0.1:9092]; port 0 takes a free one, off leaves it out
    #[arg(long, env = "CHANCERY_KAFKA")]
    pub kafka: Option<String>,
    /// HOST:PORT that Kafka clients are told to connect to [default: the address that they reached]
    #[arg(long, env = "CHANCERY_KAFKA_ADVERTISED")]
    pub kafka_advertised: Option<String>,
    /// The certificate of both doors and those that lead to its authority, PEM; without it they speak without TLS
    #[arg(long, env = "CHANCERY_TLS_CERT")]
    pub tls_cert: Option<PathBuf>,
    /// The certificate's private key, PEM
    #[arg(long, env = "CHANCERY_TLS_KEY")]
    pub tls_key: Option<PathBuf>,
    /// The authorities whose clients need no token but their certificate, PEM [default: none]
    #[arg(long, env = "CHANCERY_TLS_CLIENT_CA")]
    pub tls_client_ca: Option<PathBuf>,
    /// How long an answer may take to leave, from when it was ready; then its connection is closed [default: 60s]
    #[arg(long, env = "CHANCERY_WRITE_WITHIN")]
    pub write_within: Option<String>,
    /// Where the journal is: embedded [default]
    #[arg(long, env = "CHANCERY_ENGINE")]
    pub engine: Option<String>,
    /// The bus's name, the first part of its checkpoints' origins [default: chancery]
    #[arg(long, env = "CHANCERY_NAME")]
    pub name: Option<String>,
    /// The reverse-DNS prefix that events' types must have where they have one, such as org.example. [default: any]
    #[arg(long, env = "CHANCERY_STATE_PREFIX")]
    pub state_prefix: Option<String>,
    /// Form of the log: text or json [default: text]
    #[arg(long, env = "CHANCERY_LOG_FORMAT")]
    pub log_format: Option<String>,
    /// What to log, such as info or debug or bus=debug,info [default: info]
    #[arg(long, env = "CHANCERY_LOG")]
    pub log: Option<String>,
    /// Where agencies' secrets are kept
    #[command(flatten)]
    pub kms: TypedKms,
    /// How keys are looked after
    #[command(flatten)]
    pub keys: TypedKeys,
    /// How agencies are told beyond the bus
    #[command(flatten)]
    pub notices: TypedNotices,
    /// The process
    #[command(flatten)]
    pub process: TypedProcess,
}

/// `[process]`: what the system lets the process do, as written.
#[derive(Debug, Clone, Default, Args, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct TypedProcess {
    /// Whether a crash may leave a copy of the memory, keys included, on the disk, for debugging: true or false [default: false]
    #[arg(long = "process-core-dumps", env = "CHANCERY_PROCESS_CORE_DUMPS")]
    pub core_dumps: Option<bool>,
}

impl Typed {
    /// Reads a file.
    pub fn file(path: &Path) -> Result<Self, Failure> {
        let text = std::fs::read_to_string(path).map_err(|error| {
            Failure::new(format!("the configuration {} cannot be read: {error}", path.display()))
        })?;
        toml::from_str(&text)
            .map_err(|error| Failure::new(format!("the configuration {}: {error}", path.display())))
    }

    /// These settings where they are set, else those of `other`.
    pub fn over(self, other: Self) -> Self {
        Self {
            data: self.data.or(other.data),
            http: self.http.or(other.http),
            kafka: self.kafka.or(other.kafka),
            kafka_advertised: self.kafka_advertised.or(other.kafka_advertised),
            tls_cert: self.tls_cert.or(other.tls_cert),
            tls_key: self.tls_key.or(other.tls_key),
            tls_client_ca: self.tls_client_ca.or(other.tls_client_ca),
            write_within: self.write_within.or(other.write_within),
            engine: self.engine.or(other.engine),
            name: self.name.or(other.name),
            state_prefix: self.state_prefix.or(other.state_prefix),
            log_format: self.log_format.or(other.log_format),
            log: self.log.or(other.log),
            kms: self.kms.over(other.kms),
            keys: self.keys.over(other.keys),
            notices: self.notices.over(other.notices),
            process: TypedProcess { core_dumps: self.process.core_dumps.or(other.process.core_dumps) },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flag_wins_over_the_file_and_an_unknown_field_is_named() {
        let file: Typed = toml::from_str("http = \"127.0.0.1:1\"\nname = \"from-file\"").unwrap();
        let flags = Typed { http: Some("127.0.0.1:2".to_owned()), ..Typed::default() };
        let both = flags.over(file);
        assert_eq!((both.http.as_deref(), both.name.as_deref()), (Some("127.0.0.1:2"), Some("from-file")));
        let said = toml::from_str::<Typed>("htpp = \"x\"").unwrap_err().to_string();
        assert!(said.contains("htpp"), "{said}");
    }
}
