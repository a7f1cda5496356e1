//! `chancery keys`: epochs, of a bus that runs; and the passphrase of a folder of keys, without it.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::Options;
use crate::config::kms::{Meant, Passphrase, TypedKms};
use crate::config::typed::Typed;
use crate::kms::file::change_passphrase;
use crate::output::{self, Failure, cell, rows};

/// The epochs of keys: when one ends, copies of the data folder from before open no erased person's events any more. And
/// the passphrase of a folder of keys
#[derive(Args)]
pub struct Keys {
    #[command(subcommand)]
    act: Act,
}

#[derive(Subcommand)]
enum Act {
    /// The epoch that runs, those that ended, and agencies whose keys cannot be had
    Status,
    /// Begin another epoch: persons' keys are wrapped anew, then what the old ones were wrapped under is destroyed
    Rotate {
        /// Wait until all keys are wrapped anew
        #[arg(long)]
        wait: bool,
    },
    /// Seal the root key of a folder of keys with another passphrase, without the bus; also one that was plain
    Passphrase(Box<Change>),
}

/// The settings of `serve` that say where the root key is, and what is to open it.
#[derive(Args)]
struct Change {
    /// A TOML file with the settings of serve; environment and flags win over it
    #[arg(long, env = "CHANCERY_CONFIG")]
    config: Option<PathBuf>,
    /// The data folder [default: ./chancery-data]
    #[arg(long, env = "CHANCERY_DATA")]
    data: Option<PathBuf>,
    #[command(flatten)]
    kms: TypedKms,
    /// The file with the new passphrase, its owner's only
    #[arg(long)]
    new_passphrase_file: PathBuf,
}

const LOOK: Duration = Duration::from_millis(500);

impl Keys {
    /// Runs it.
    pub fn run(self, options: &Options) -> Result<(), Failure> {
        let (begin, wait) = match self.act {
            Act::Status => (false, false),
            Act::Rotate { wait } => (true, wait),
            Act::Passphrase(change) => return change.run(),
        };
        let client = options.client();
        let mut stand = match begin {
            false => client.get("/v1/keys")?,
            true => client.post("/v1/keys/rotate", &json!({}))?,
        };
        while wait && stand["stage"] == "rewrapping" {
            std::thread::sleep(LOOK);
            stand = client.get("/v1/keys")?;
        }
        match options.json {
            true => output::json(&stand),
            false => show(&stand),
        }
        Ok(())
    }
}

impl Change {
    fn run(self) -> Result<(), Failure> {
        let file = self.config.as_deref().map(Typed::file).transpose()?.unwrap_or_default();
        let data = self.data.or(file.data).unwrap_or_else(|| PathBuf::from("chancery-data"));
        let Meant::File(settings) = Meant::new(self.kms.over(file.kms), &data)? else {
            return Err(Failure::usage(
                "only a folder of keys (--kms file) has a root key with a passphrase",
            ));
        };
        let new = Passphrase { file: self.new_passphrase_file, is_credential: false };
        change_passphrase(&settings, &new)?;
        output::line(format!(
            "the root key in {} opens with the passphrase in {} only; copies from before open with the one from before",
            settings.folder.display(),
            new.file.display()
        ));
        Ok(())
    }
}

fn show(stand: &Value) {
    let [epoch, since, keys] = ["epoch", "since", "keys"].map(|name| cell(&stand[name]));
    let stage = match stand["stage"].as_str() {
        Some("rewrapping") => "; keys of the one before are being wrapped anew",
        Some("destroying") => "; of the one before all keys are wrapped anew",
        _ => "",
    };
    output::line(format!("epoch {epoch} since {since}, {keys} keys{stage}"));
    if let Some(at) = stand["destroys_at"].as_str() {
        output::line(format!(
            "copies of the data folder from before {since} open nothing any more after {at}"
        ));
    }
    if let Some(since) = stand["not_final_since"].as_str() {
        output::line(format!("copies of the data folder may still open what was erased since {since}"));
    }
    for closed in stand["closed"].as_array().into_iter().flatten() {
        output::line(cell(&closed["why"]));
    }
    let ended = rows(&stand["ended"], ["/epoch", "/followed_at", "/destroyed_at", "/left_behind"]);
    output::table(["EPOCH", "ENDED", "DESTROYED", "ERASED KEYS"], &ended, "no epoch has ended");
}
