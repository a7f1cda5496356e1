//! `chancery dead-letters`.

use clap::{Args, Subcommand};
use serde_json::json;

use super::Options;
use crate::client::segment;
use crate::output::{self, Failure, rows};

/// Events that a subscription could not process
#[derive(Args)]
pub struct DeadLetters {
    #[command(subcommand)]
    act: Act,
}

#[derive(Subcommand)]
enum Act {
    /// Those you may see
    List {
        /// Only of this subscription
        subscription: Option<String>,
    },
    /// One of them
    Show { id: String },
    /// Deliver it again, before anything else
    Redrive { id: String },
    /// Give it up
    Discard {
        id: String,
        #[arg(long)]
        reason: String,
    },
}

impl DeadLetters {
    /// Runs it.
    pub fn run(self, options: &Options) -> Result<(), Failure> {
        let client = options.client();
        let (answer, done) = match self.act {
            Act::List { subscription } => {
                let query =
                    subscription.map(|name| format!("?subscription={}", segment(&name))).unwrap_or_default();
                let answer = client.get(&format!("/v1/dead-letters{query}"))?;
                if options.json {
                    return {
                        output::json(&answer);
                        Ok(())
                    };
                }
                let found = rows(
                    &answer["dead_letters"],
                    ["/id", "/topic", "/at", "/attempts", "/redriven", "/reason"],
                );
                let head = ["ID", "TOPIC", "SINCE", "ATTEMPTS", "REDRIVEN", "REASON"];
                return {
                    let _: () = output::table(head, &found, "no dead letters");
                    Ok(())
                };
            }
            Act::Show { id } => {
                return {
                    output::json(&client.get(&format!("/v1/dead-letters/{}", segment(&id)))?);
                    Ok(())
                };
            }
            Act::Redrive { id } => {
                let path = format!("/v1/dead-letters/{}/redrive", segment(&id));
                (client.post(&path, &json!({}))?, format!("{id} is delivered again with the next pull"))
            }
            Act::Discard { id, reason } => {
                let path = format!("/v1/dead-letters/{}/discard", segment(&id));
                (client.post(&path, &json!({"reason": reason}))?, format!("{id} is given up"))
            }
        };
        match options.json {
            true => output::json(&answer),
            false => output::line(done),
        }
        Ok(())
    }
}
