//! `chancery topic`.

use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::Options;
use super::quarantine::Quarantine;
use crate::client::segment;
use crate::output::{self, Failure, cell, rows};

/// Topics
#[derive(Args)]
pub struct Topic {
    #[command(subcommand)]
    act: Act,
}

#[derive(Subcommand)]
enum Act {
    /// All topics. New ones come by `chancery apply`, with their contract
    List,
    /// One topic, and who answers for it
    Show {
        topic: String,
    },
    /// Whom events are sealed for end to end: each class with the agencies that may read it, and their keys
    Recipients {
        topic: String,
    },
    Quarantine(Quarantine),
    /// Say that you still answer for a topic, as its steward or deputy
    Confirm {
        topic: String,
    },
    /// Name who answers for a topic from now on; counts as a confirmation
    Name {
        topic: String,
        /// Who answers for it
        #[arg(long)]
        steward: Option<String>,
        /// Who does when the steward cannot
        #[arg(long)]
        deputy: Option<String>,
    },
    /// Offer a topic to another agency, as its steward or deputy
    Offer {
        topic: String,
        /// The agency that shall own it
        #[arg(long)]
        to: String,
        /// From which day on (YYYY-MM-DD)
        #[arg(long)]
        on: String,
    },
    /// Take a topic that is offered to your agency, and name who will answer for it
    Accept {
        topic: String,
        #[arg(long)]
        steward: String,
        #[arg(long)]
        deputy: String,
    },
    /// Take an offer back, or decline it
    Withdraw {
        topic: String,
        #[arg(long)]
        reason: String,
    },
}

impl Topic {
    /// Runs it.
    pub fn run(self, options: &Options) -> Result<(), Failure> {
        let (command, done) = match self.act {
            Act::List => return list(options),
            Act::Show { topic } => return show(options, &topic),
            Act::Recipients { topic } => return recipients(options, &topic),
            Act::Quarantine(quarantine) => return quarantine.run(options),
            Act::Confirm { topic } => {
                (json!({"command": "confirm-topic", "topic": topic}), format!("{topic} is confirmed"))
            }
            Act::Name { topic, steward, deputy } => {
                let mut command = json!({"command": "change-topic", "topic": topic});
                for (field, person) in [("steward", steward), ("deputy", deputy)] {
                    if let Some(person) = person {
                        command[field] = person.into();
                    }
                }
                (command, format!("{topic} has the people that you named; it counts as confirmed"))
            }
            Act::Offer { topic, to, on } => (
                json!({"command": "offer-topic", "topic": topic, "to": to, "on": on}),
                format!(
                    "{topic} is offered to {to}, from {on} on; a steward of {to} accepts it (topic accept)"
                ),
            ),
            Act::Accept { topic, steward, deputy } => (
                json!({"command": "accept-topic", "topic": topic, "steward": steward, "deputy": deputy}),
                format!("{topic} is accepted; {steward} and {deputy} will answer for it"),
            ),
            Act::Withdraw { topic, reason } => (
                json!({"command": "withdraw-offer", "topic": topic, "reason": reason}),
                format!("{topic} is not offered any more"),
            ),
        };
        let answer = options.client().govern(command)?;
        match options.json {
            true => output::json(&answer),
            false => output::line(done),
        }
        Ok(())
    }
}

fn list(options: &Options) -> Result<(), Failure> {
    let answer = options.client().get("/v1/topics")?;
    if options.json {
        return {
            output::json(&answer);
            Ok(())
        };
    }
    let fields = [
        "/topic",
        "/owner",
        "/steward",
        "/latency",
        "/retention",
        "/partitions",
        "/active",
        "/ownership/standing",
        "/ownership/due_at",
    ];
    let found = rows(&answer["topics"], fields);
    let head = [
        "TOPIC",
        "OWNER",
        "STEWARD",
        "LATENCY",
        "KEPT",
        "PARTITIONS",
        "ACTIVE",
        "OWNERSHIP",
        "TO CONFIRM BY",
    ];
    output::table(head, &found, "no topics yet: chancery apply DIR brings the first");
    Ok(())
}

fn show(options: &Options, topic: &str) -> Result<(), Failure> {
    let answer = options.client().get(&format!("/v1/topics/{}", segment(topic)))?;
    if options.json {
        return {
            output::json(&answer);
            Ok(())
        };
    }
    for field in [
        "topic",
        "description",
        "owner",
        "steward",
        "deputy",
        "legal_basis",
        "latency",
        "partitions",
        "retention",
        "keep",
        "key",
        "created_at",
        "active",
    ] {
        line(&field.replace('_', " "), cell(&answer[field]));
    }
    ownership(&answer["ownership"]);
    Ok(())
}

fn recipients(options: &Options, topic: &str) -> Result<(), Failure> {
    let answer = options.client().get(&format!("/v1/topics/{}/recipients", segment(topic)))?;
    if options.json {
        output::json(&answer);
        return Ok(());
    }
    let list = |value: &Value| value.as_array().cloned().unwrap_or_default();
    let mut found = Vec::new();
    for class in list(&answer["classes"]) {
        for reader in list(&class["recipients"]) {
            let keys: Vec<String> = list(&reader["keys"]).iter().map(|key| cell(&key["key"])).collect();
            let keys =
                if keys.is_empty() { "none: nothing is sealed for it".to_owned() } else { keys.join(" ") };
            found.push([cell(&class["class"]), cell(&reader["agency"]), keys]);
        }
    }
    output::table(
        ["CLASS", "AGENCY", "KEYS"],
        &found,
        "nothing of it is sealed end to end, or nobody may read it",
    );
    Ok(())
}

fn line(name: &str, text: impl std::fmt::Display) {
    output::line(format_args!("{name:12} {text}"));
}

/// Who answers for the topic, what comes when nobody does, and who owned it.
fn ownership(held: &Value) {
    line("ownership", cell(&held["standing"]));
    line("confirmed", format_args!("{} by {}", cell(&held["confirmed_at"]), cell(&held["confirmed_by"])));
    line("confirm by", cell(&held["due_at"]));
    for (field, name) in [
        ("steward_left_at", "steward left"),
        ("deputy_left_at", "deputy left"),
        ("freezes_at", "frozen from"),
        ("suspends_at", "no events from"),
        ("remedy", "next"),
    ] {
        if !held[field].is_null() {
            line(name, cell(&held[field]));
        }
    }
    let offered = &held["offered"];
    if !offered.is_null() {
        line("offered to", format_args!("{} from {} on", cell(&offered["to"]), cell(&offered["on"])));
        for wait in offered["waits"].as_array().into_iter().flatten() {
            line("", format_args!("waits: {}", cell(wait)));
        }
    }
    for tenure in held["owners"].as_array().into_iter().flatten() {
        let (agency, since, by) = (cell(&tenure["agency"]), cell(&tenure["since"]), cell(&tenure["by"]));
        line("owned by", format_args!("{agency} since {since} ({by})"));
    }
}
