//! `chancery topic quarantine`.

use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::Options;
use crate::client::segment;
use crate::output::{self, Failure, cell};

/// Events in which personal data was found, and which nobody reads until it is decided about them
#[derive(Args)]
pub struct Quarantine {
    #[command(subcommand)]
    act: Act,
}

#[derive(Subcommand)]
enum Act {
    /// Those of a topic that nobody has decided about, and what was found in them
    List { topic: String },
    /// One of them as its contract has it: what is classified is left out. The audit keeps that you saw it
    Show { topic: String, partition: u32, offset: u64 },
    /// It is nobody's data: everybody who reads the topic gets it from now on
    Release {
        topic: String,
        partition: u32,
        offset: u64,
        /// Why
        #[arg(long)]
        reason: String,
    },
    /// Nobody ever reads it: its key is destroyed
    Discard {
        topic: String,
        partition: u32,
        offset: u64,
        /// Why
        #[arg(long)]
        reason: String,
    },
}

impl Quarantine {
    /// Runs it.
    pub fn run(self, options: &Options) -> Result<(), Failure> {
        let client = options.client();
        let (answer, done) = match self.act {
            Act::List { topic } => return list(options, &topic),
            Act::Show { topic, partition, offset } => {
                output::json(&client.get(&path(&topic, partition, offset))?);
                return Ok(());
            }
            Act::Release { topic, partition, offset, reason } => {
                let to = format!("{}/release", path(&topic, partition, offset));
                let answer = client.post(&to, &json!({ "reason": reason }))?;
                // It may have been sent again, and taken, in another partition.
                let (of, at) = (cell(&answer["partition"]), cell(&answer["offset"]));
                (
                    answer,
                    format!(
                        "{partition}/{offset} is released: it stands at {of}/{at} for everybody who reads {topic}"
                    ),
                )
            }
            Act::Discard { topic, partition, offset, reason } => {
                let to = format!("{}/discard", path(&topic, partition, offset));
                let answer = client.post(&to, &json!({ "reason": reason }))?;
                (answer, format!("{partition}/{offset} is discarded: nobody ever reads it"))
            }
        };
        match options.json {
            true => output::json(&answer),
            false => output::line(done),
        }
        Ok(())
    }
}

fn path(topic: &str, partition: u32, offset: u64) -> String {
    format!("/v1/topics/{}/quarantine/{partition}/{offset}", segment(topic))
}

fn list(options: &Options, topic: &str) -> Result<(), Failure> {
    let answer = options.client().get(&format!("/v1/topics/{}/quarantine", segment(topic)))?;
    if options.json {
        output::json(&answer);
        return Ok(());
    }
    let row = |one: &Value| {
        let place = format!("{}/{}", one["partition"], one["offset"]);
        [place, cell(&one["at"]), cell(&one["by"]), found(&one["found"])]
    };
    let rows: Vec<_> = answer["quarantine"].as_array().into_iter().flatten().map(row).collect();
    output::table(["PLACE", "SINCE", "BY", "FOUND"], &rows, "nothing waits");
    Ok(())
}

/// `/office (iban), attribute dataref (email)`.
pub fn found(found: &Value) -> String {
    let one = |leaked: &Value| format!("{} ({})", cell(&leaked["place"]), cell(&leaked["detector"]));
    found.as_array().into_iter().flatten().map(one).collect::<Vec<_>>().join(", ")
}
