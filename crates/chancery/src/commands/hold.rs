//! `chancery hold`: legal holds.

use clap::{Args, Subcommand};
use serde_json::json;

use super::Options;
use super::erase::{SubjectFile, all_of};
use crate::client::segment;
use crate::output::{self, Failure, cell, rows};

/// Legal holds: what must not be erased or deleted for the time being
#[derive(Args)]
pub struct Hold {
    #[command(subcommand)]
    act: Act,
}

#[derive(Subcommand)]
enum Act {
    /// Keep a person from being erased, or a topic's events from being deleted. A person's identifier is read from a file,
    /// stdin or a prompt, never from the arguments
    Place {
        #[command(flatten)]
        subject: SubjectFile,
        /// The topic, instead of a person
        #[arg(long, conflicts_with = "subject_file")]
        topic: Option<String>,
        /// Why. It is kept and told to others: do not name the person
        #[arg(long)]
        reason: String,
        /// The case or order that it rests on
        #[arg(long)]
        reference: String,
    },
    /// End a hold
    Lift {
        id: String,
        #[arg(long)]
        reason: String,
    },
    /// The holds that concern you
    List,
}

impl Hold {
    /// Runs it.
    pub fn run(self, options: &Options) -> Result<(), Failure> {
        let client = options.client();
        let (answer, done) = match self.act {
            Act::List => {
                let answer = all_of(&client, "holds")?;
                if options.json {
                    output::json(&answer);
                    return Ok(());
                }
                let fields = [
                    "/hold",
                    "/topic",
                    "/person_at",
                    "/agency",
                    "/reference",
                    "/reason",
                    "/at",
                    "/lifted/at",
                ];
                let head = ["HOLD", "TOPIC", "PERSON AT", "BY", "REFERENCE", "REASON", "SINCE", "LIFTED"];
                output::table(head, &rows(&answer["holds"], fields), "no holds that concern you");
                return Ok(());
            }
            Act::Place { subject, topic, reason, reference } => {
                let mut body = json!({"reason": reason, "reference": reference});
                match topic {
                    Some(topic) => body["topic"] = topic.into(),
                    None => body["subject"] = subject.read()?.into(),
                }
                let answer = client.post("/v1/holds", &body)?;
                let done = format!("{} holds until it is lifted", cell(&answer["hold"]));
                (answer, done)
            }
            Act::Lift { id, reason } => {
                let path = format!("/v1/holds/{}/lift", segment(&id));
                (client.post(&path, &json!({ "reason": reason }))?, format!("{id} is lifted"))
            }
        };
        match options.json {
            true => output::json(&answer),
            false => output::line(done),
        }
        Ok(())
    }
}
