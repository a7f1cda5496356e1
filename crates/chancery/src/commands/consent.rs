//! `chancery consent`: what people let agencies have.

use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::Options;
use super::erase::SubjectFile;
use crate::output::{self, Failure, cell};

/// What people let agencies have
#[derive(Args)]
pub struct Consent {
    #[command(subcommand)]
    act: Act,
}

#[derive(Subcommand)]
enum Act {
    /// What one person consents to, for a data protection officer of the agency whose topic says it. The identifier is read
    /// from a file, stdin or a prompt, never from the arguments; who asked stands in the audit
    Show {
        #[command(flatten)]
        subject: SubjectFile,
    },
}

impl Consent {
    /// Runs it.
    pub fn run(self, options: &Options) -> Result<(), Failure> {
        let Act::Show { subject } = self.act;
        let answer = options.client().post("/v1/consents/show", &json!({ "subject": subject.read()? }))?;
        if options.json {
            output::json(&answer);
            return Ok(());
        }
        let found: Vec<_> = answer["consents"].as_array().into_iter().flatten().map(row).collect();
        let head = ["PURPOSE", "AGENCY", "STATE", "SINCE", "UNTIL", "BY"];
        output::table(head, &found, "nothing is known of what this person consents to");
        Ok(())
    }
}

fn row(known: &Value) -> [String; 6] {
    let event = &known["event"];
    let by = format!("{}/{}/{}", cell(&event["topic"]), cell(&event["partition"]), cell(&event["offset"]));
    let agency = known["agency"].as_str().unwrap_or("any").to_owned();
    let [purpose, state, since, until] =
        ["purpose", "state", "since", "until"].map(|name| cell(&known[name]));
    [purpose, agency, state, since, until, by]
}
