//! `chancery dead-letters`.

use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::Options;
use crate::client::{Client, segment};
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
    Redrive {
        #[command(flatten)]
        which: Which,
    },
    /// Give it up
    Discard {
        #[command(flatten)]
        which: Which,
        /// Why
        #[arg(long)]
        reason: String,
    },
}

/// One, or all of a subscription.
#[derive(Args)]
#[group(required = true, multiple = false)]
struct Which {
    /// The letter
    id: Option<String>,
    /// All letters of this subscription
    #[arg(long, value_name = "SUBSCRIPTION")]
    all_of: Option<String>,
}

impl Which {
    /// Tells the bus what is to become of them; what came of it, and how many they are in words.
    fn tell(&self, client: &Client, what: &str, mut body: Value) -> Result<(Value, String), Failure> {
        if let Some(id) = &self.id {
            let answer = client.post(&format!("/v1/dead-letters/{}/{what}", segment(id)), &body)?;
            return Ok((answer, format!("{id} is")));
        }
        body["subscription"] = json!(self.all_of);
        let answer = client.post(&format!("/v1/dead-letters/{what}"), &body)?;
        let said = match answer["letters"].as_u64() {
            Some(1) => "1 letter is".to_owned(),
            many => format!("{} letters are", many.unwrap_or_default()),
        };
        Ok((answer, said))
    }
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
            Act::Redrive { which } => {
                let (answer, those) = which.tell(&client, "redrive", json!({}))?;
                (answer, format!("{those} delivered again with the next pull"))
            }
            Act::Discard { which, reason } => {
                let (answer, those) = which.tell(&client, "discard", json!({"reason": reason}))?;
                (answer, format!("{those} given up"))
            }
        };
        match options.json {
            true => output::json(&answer),
            false => output::line(done),
        }
        Ok(())
    }
}
