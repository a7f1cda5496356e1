//! `chancery keys`.

use std::time::Duration;

use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::Options;
use crate::output::{self, Failure, cell, rows};

/// The epochs of keys: when one ends, copies of the data folder from before open no erased person's events any more
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
}

const LOOK: Duration = Duration::from_millis(500);

impl Keys {
    /// Runs it.
    pub fn run(self, options: &Options) -> Result<(), Failure> {
        let client = options.client();
        let mut stand = match self.act {
            Act::Status => client.get("/v1/keys")?,
            Act::Rotate { .. } => client.post("/v1/keys/rotate", &json!({}))?,
        };
        if let Act::Rotate { wait: true } = self.act {
            while stand["stage"] == "rewrapping" {
                std::thread::sleep(LOOK);
                stand = client.get("/v1/keys")?;
            }
        }
        match options.json {
            true => output::json(&stand),
            false => show(&stand),
        }
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
