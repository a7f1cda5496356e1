//! `chancery audit`.

use std::fs::File;
use std::io::BufWriter;
use std::path::PathBuf;

use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::Options;
use crate::client::{Client, segment};
use crate::output::{self, Failure, cell, rows};

/// Checkpoints, proofs, bundles, disclosures
#[derive(Args)]
pub struct Audit {
    #[command(subcommand)]
    act: Act,
}

#[derive(Subcommand)]
enum Act {
    /// The signed heads of the lanes' trees; keep them to compare later
    Checkpoint {
        /// Only this lane's: realtime, standard or batch
        lane: Option<String>,
    },
    /// The public key that verifies them
    Key,
    /// Prove that one event is in the audit
    Prove { topic: String, partition: u32, offset: u64 },
    /// Write everything into one file that `chancery verify` checks offline
    Export {
        /// The file
        #[arg(long)]
        out: PathBuf,
        /// With the hashes of the events themselves
        #[arg(long)]
        hashes: bool,
    },
    /// What was decided and refused, the newest first; `chancery policy explain NUMBER` says why
    Decisions {
        #[arg(long, default_value_t = 50)]
        limit: usize,
        /// Those before this number in the audit: to go on where a list ended
        #[arg(long)]
        before: Option<u64>,
    },
    /// Who was handed what, the newest first
    Disclosures {
        #[arg(long)]
        topic: Option<String>,
        #[arg(long)]
        subscription: Option<String>,
        #[arg(long, default_value_t = 50)]
        limit: usize,
    },
}

impl Audit {
    /// Runs it.
    pub fn run(self, options: &Options) -> Result<(), Failure> {
        let client = options.client();
        match self.act {
            Act::Key => output::line(cell(&client.get("/v1/audit")?["key"])),
            Act::Checkpoint { lane } => {
                let lanes = client.get("/v1/audit")?;
                for name in lanes["lanes"].as_array().into_iter().flatten().map(|one| cell(&one["lane"])) {
                    if lane.as_ref().is_none_or(|wanted| *wanted == name) {
                        let answer =
                            client.send("GET", &format!("/audit/{}/checkpoint", segment(&name)), "", None)?;
                        output::line(String::from_utf8_lossy(&answer.good()?.body));
                    }
                }
            }
            Act::Prove { topic, partition, offset } => {
                let path = format!(
                    "/v1/audit/prove?topic={}&partition={partition}&offset={offset}",
                    segment(&topic)
                );
                output::json(&client.get(&path)?);
            }
            Act::Export { out, hashes } => {
                let mut file = BufWriter::new(File::create(&out)?);
                let bytes = client.download(&format!("/v1/audit/export?hashes={hashes}"), &mut file)?;
                file.into_inner().map_err(|error| Failure::new(error.to_string()))?.sync_all()?;
                output::line(format_args!("{bytes} bytes written to {}", out.display()));
                output::line(format_args!(
                    "check it anywhere: chancery verify {} --key KEY (chancery audit key)",
                    out.display()
                ));
            }
            Act::Decisions { limit, before } => {
                let answer = found(&client, limit, before)?;
                match options.json {
                    true => output::json(&answer),
                    false => decisions(&answer["decisions"]),
                }
            }
            Act::Disclosures { topic, subscription, limit } => {
                let mut path = format!("/v1/audit/disclosures?limit={limit}");
                topic.iter().for_each(|topic| path += &format!("&topic={}", segment(topic)));
                subscription.iter().for_each(|name| path += &format!("&subscription={}", segment(name)));
                let answer = client.get(&path)?;
                if options.json {
                    return {
                        output::json(&answer);
                        Ok(())
                    };
                }
                let fields = ["/time", "/subscription", "/agency", "/topic", "/purpose", "/opened"];
                let found = rows(&answer["disclosures"], fields);
                let head = ["TIME", "SUBSCRIPTION", "AGENCY", "TOPIC", "PURPOSE", "OPENED"];
                output::table(head, &found, "no disclosures");
            }
        }
        Ok(())
    }
}

/// As many decisions as are asked for, or all there are: the bus looks through so much of its audit at once.
fn found(client: &Client, limit: usize, mut before: Option<u64>) -> Result<Value, Failure> {
    let mut decisions = Vec::new();
    loop {
        let mut path = format!("/v1/audit/decisions?limit={}", limit - decisions.len());
        before.iter().for_each(|before| path += &format!("&before={before}"));
        let mut answer = client.get(&path)?;
        decisions.extend(answer["decisions"].as_array_mut().into_iter().flat_map(std::mem::take));
        before = answer["before"].as_u64();
        if decisions.len() >= limit || before.is_none() {
            return Ok(json!({ "decisions": decisions, "before": before }));
        }
    }
}

fn decisions(found: &Value) {
    let row = |decision: &Value| {
        let events = decision["events"].as_array().map_or(0, Vec::len);
        let outcome = if events == 0 { "refused" } else { "allowed" };
        let policies: Vec<String> = decision["policies"].as_array().into_iter().flatten().map(cell).collect();
        [
            cell(&decision["index"]),
            cell(&decision["time"]),
            cell(&decision["command"]),
            cell(&decision["by"]),
            outcome.to_owned(),
            policies.join(", "),
        ]
    };
    let rows: Vec<_> = found.as_array().into_iter().flatten().map(row).collect();
    let head = ["NUMBER", "TIME", "COMMAND", "BY", "OUTCOME", "POLICIES"];
    output::table(head, &rows, "no decisions");
}
