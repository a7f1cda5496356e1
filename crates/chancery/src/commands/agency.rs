//! `chancery agency`.

use std::collections::BTreeMap;

use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::{Options, agency_key};
use crate::client::{Client, segment};
use crate::output::{self, Failure, rows};

/// Agencies on the bus
#[derive(Args)]
pub struct Agency {
    #[command(subcommand)]
    act: Act,
}

#[derive(Subcommand)]
enum Act {
    /// All agencies
    List,
    /// One agency
    Show { agency: String },
    /// Register an agency
    Register {
        agency: String,
        /// Its name for people
        #[arg(long)]
        name: String,
        /// The law that it acts on
        #[arg(long)]
        mandate: String,
        /// Where to reach it
        #[arg(long = "contact", required = true)]
        contacts: Vec<String>,
        /// Where to reach its data protection officer
        #[arg(long)]
        dpo: String,
        /// A prefix that its events' source may have; none: any
        #[arg(long = "source")]
        sources: Vec<String>,
        /// A domain that its mandate covers, for policies that hold its topics to them
        #[arg(long = "domain")]
        domains: Vec<String>,
    },
    /// Keys for which producers seal what not even the bus may open
    Key(agency_key::Key),
    /// Propose who gets all that an agency owns and subscribes to, on a day
    Succeed {
        agency: String,
        /// On which day (YYYY-MM-DD)
        #[arg(long)]
        on: String,
        /// Who gets all that is not given to somebody else
        #[arg(long)]
        rest: Option<String>,
        /// Who gets a topic, TOPIC=AGENCY; may be given more than once
        #[arg(long = "topic", value_name = "TOPIC=AGENCY")]
        topics: Vec<String>,
        /// Who gets a subscription, SUBSCRIPTION=AGENCY; it keeps its name
        #[arg(long = "subscription", value_name = "SUBSCRIPTION=AGENCY")]
        subscriptions: Vec<String>,
        /// Who gets a subject of the registry that is no topic's, SUBJECT=AGENCY
        #[arg(long = "subject", value_name = "SUBJECT=AGENCY")]
        subjects: Vec<String>,
    },
    /// Agree, for a successor, to take over what it gets, and name who will answer for its topics
    Accept {
        /// Who is succeeded
        agency: String,
        /// By which agency
        #[arg(long = "agency")]
        successor: String,
        #[arg(long)]
        steward: String,
        #[arg(long)]
        deputy: String,
    },
    /// Take a succession back, or decline it for a successor
    Withdraw {
        agency: String,
        #[arg(long)]
        reason: String,
    },
}

/// What is given to whom, gathered by whom: `civil.birth.registered=registry`.
fn shares(kinds: [(&str, &[String]); 3]) -> Result<Value, Failure> {
    let mut shares: BTreeMap<String, Value> = BTreeMap::new();
    for (kind, given) in kinds {
        for text in given {
            let (name, agency) = text
                .rsplit_once('=')
                .ok_or_else(|| Failure::usage(format!("{text:?} does not say to whom: NAME=AGENCY")))?;
            let share = shares.entry(agency.to_owned()).or_insert_with(
                || json!({"agency": agency, "topics": [], "subscriptions": [], "subjects": []}),
            );
            if let Some(names) = share[kind].as_array_mut() {
                names.push(name.into());
            }
        }
    }
    Ok(shares.into_values().collect())
}

impl Agency {
    /// Runs it.
    pub fn run(self, options: &Options) -> Result<(), Failure> {
        let client = options.client();
        let (command, done) = match self.act {
            Act::List => return list(&client, options),
            Act::Key(verb) => return verb.run(options),
            Act::Show { agency } => {
                output::json(&client.get(&format!("/v1/agencies/{}", segment(&agency)))?);
                return Ok(());
            }
            Act::Register { agency, name, mandate, contacts, dpo, sources, domains } => (
                json!({
                    "command": "register-agency", "agency": agency, "name": name, "mandate": mandate,
                    "contacts": contacts, "dpo": dpo, "sources": sources, "domains": domains,
                }),
                format!("agency {agency} is registered"),
            ),
            Act::Succeed { agency, on, rest, topics, subscriptions, subjects } => {
                let kinds =
                    [("topics", &*topics), ("subscriptions", &*subscriptions), ("subjects", &*subjects)];
                let shares = shares(kinds)?;
                (
                    json!({
                        "command": "propose-succession", "agency": agency, "on": on, "shares": shares, "rest": rest,
                    }),
                    format!(
                        "{agency} is to be succeeded on {on}, once each successor accepts (agency accept)"
                    ),
                )
            }
            Act::Accept { agency, successor, steward, deputy } => (
                json!({
                    "command": "accept-succession", "agency": agency, "successor": successor,
                    "steward": steward, "deputy": deputy,
                }),
                format!(
                    "{successor} takes over from {agency}; {steward} and {deputy} will answer for its topics"
                ),
            ),
            Act::Withdraw { agency, reason } => (
                json!({"command": "withdraw-succession", "agency": agency, "reason": reason}),
                format!("{agency} is not to be succeeded any more"),
            ),
        };
        let answer = client.govern(command)?;
        match options.json {
            true => output::json(&answer),
            false => output::line(done),
        }
        Ok(())
    }
}

fn list(client: &Client, options: &Options) -> Result<(), Failure> {
    let answer = client.get("/v1/agencies")?;
    if options.json {
        return {
            output::json(&answer);
            Ok(())
        };
    }
    let found = rows(&answer["agencies"], ["/agency", "/name", "/mandate", "/sources"]);
    output::table(["AGENCY", "NAME", "MANDATE", "SOURCES"], &found, "no agencies yet");
    Ok(())
}
