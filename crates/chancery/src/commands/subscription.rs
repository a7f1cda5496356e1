//! `chancery subscription`.

use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::Options;
use crate::client::{Client, segment};
use crate::output::{self, Failure, cell, rows};

/// Who may read which topic, and how far they are
#[derive(Args)]
pub struct Subscription {
    #[command(subcommand)]
    act: Act,
}

#[derive(Subcommand)]
enum Act {
    /// All subscriptions
    List,
    /// One subscription: its terms, and whose approval is missing
    Show { name: String },
    /// Ask for a place in a topic
    Request {
        /// The agency's name, a dot, and more: tax-office.births
        name: String,
        #[arg(long)]
        topic: String,
        /// [default: what stands before the first dot of the name]
        #[arg(long)]
        agency: Option<String>,
        /// What for
        #[arg(long)]
        purpose: String,
        /// The law that allows it
        #[arg(long)]
        legal_basis: String,
        /// Classes to be opened, such as internal,personal; public needs none
        #[arg(long, value_delimiter = ',')]
        clears: Vec<String>,
        /// The first day on which it does not hold any more (YYYY-MM-DD)
        #[arg(long)]
        expires: String,
        /// The purpose to which people must consent, for their data to be handed over
        #[arg(long)]
        consent: Option<String>,
    },
    /// Approve it, for the side that you speak for
    Approve {
        name: String,
        /// What your approval is tied to; may be given more than once
        #[arg(long = "condition")]
        conditions: Vec<String>,
    },
    /// Ask for other terms; what is left out stays. Narrower terms hold at once, wider ones when they are approved
    Change {
        name: String,
        /// What for
        #[arg(long)]
        purpose: Option<String>,
        /// The law that allows it
        #[arg(long)]
        legal_basis: Option<String>,
        /// Classes to be opened, such as internal,personal
        #[arg(long, value_delimiter = ',')]
        clears: Option<Vec<String>>,
        /// The first day on which it does not hold any more (YYYY-MM-DD)
        #[arg(long)]
        expires: Option<String>,
        /// The purpose to which people must consent; an empty one: they need not
        #[arg(long)]
        consent: Option<String>,
    },
    /// Ask for a later day; the subscription goes on meanwhile
    Renew {
        name: String,
        /// The first day on which it does not hold any more (YYYY-MM-DD)
        #[arg(long)]
        expires: String,
    },
    /// Refuse it
    Refuse {
        name: String,
        #[arg(long)]
        reason: String,
    },
    /// End it; takes effect at once, on open connections too
    Revoke {
        name: String,
        #[arg(long)]
        reason: String,
    },
    /// How far it is behind
    Lag { name: String },
    /// Move its committed place: earliest, latest, an RFC 3339 time or a cursor
    Seek {
        name: String,
        #[arg(long)]
        to: String,
    },
}

impl Subscription {
    /// Runs it.
    pub fn run(self, options: &Options) -> Result<(), Failure> {
        let client = options.client();
        let (command, done) = match self.act {
            Act::List => return list(&client, options),
            Act::Show { name } => return show(&client, options, &name),
            Act::Lag { name } => return lag(&client, options, &name),
            Act::Seek { name, to } => {
                client.post(&format!("/v1/subscriptions/{}/seek", segment(&name)), &json!({"to": to}))?;
                return {
                    let _: () = output::line(format_args!("{name} goes on from {to}"));
                    Ok(())
                };
            }
            Act::Request { name, topic, agency, purpose, legal_basis, clears, expires, consent } => {
                let own = name.split('.').next().unwrap_or_default().to_owned();
                let command = json!({
                    "command": "request-subscription", "subscription": name, "topic": topic,
                    "agency": agency.unwrap_or(own), "purpose": purpose, "legal_basis": legal_basis,
                    "clears": clears, "expires": expires, "consent": consent,
                });
                (
                    command,
                    format!("{name} is requested; chancery subscription show {name} says who must approve"),
                )
            }
            Act::Change { name, purpose, legal_basis, clears, expires, consent } => {
                let asked = json!({
                    "command": "change-subscription", "subscription": name, "purpose": purpose,
                    "legal_basis": legal_basis, "clears": clears, "expires": expires, "consent": consent,
                });
                (
                    asked,
                    format!("asked; chancery subscription show {name} says what holds and who must approve"),
                )
            }
            Act::Renew { name, expires } => {
                let command =
                    json!({"command": "change-subscription", "subscription": name, "expires": expires});
                (command, format!("asked; chancery subscription show {name} says who must approve"))
            }
            Act::Approve { name, conditions } => {
                let command = json!({
                    "command": "approve-subscription", "subscription": name, "conditions": conditions,
                });
                (
                    command,
                    format!(
                        "{name} is approved by you; chancery subscription show {name} says what is missing"
                    ),
                )
            }
            Act::Refuse { name, reason } => {
                let command =
                    json!({"command": "refuse-subscription", "subscription": name, "reason": reason});
                (command, format!("{name} is refused"))
            }
            Act::Revoke { name, reason } => {
                let command =
                    json!({"command": "revoke-subscription", "subscription": name, "reason": reason});
                (command, format!("{name} is revoked"))
            }
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
    let answer = client.get("/v1/subscriptions")?;
    if options.json {
        return {
            output::json(&answer);
            Ok(())
        };
    }
    let fields = [
        "/subscription",
        "/topic",
        "/status",
        "/granted/clears",
        "/granted/purpose",
        "/granted/expires",
        "/unused",
    ];
    let found = rows(&answer["subscriptions"], fields);
    let head = ["SUBSCRIPTION", "TOPIC", "STATUS", "CLEARED", "PURPOSE", "EXPIRES", "UNUSED"];
    output::table(head, &found, "no subscriptions yet");
    Ok(())
}

fn show(client: &Client, options: &Options, name: &str) -> Result<(), Failure> {
    let answer = client.get(&format!("/v1/subscriptions/{}", segment(name)))?;
    if options.json {
        return {
            output::json(&answer);
            Ok(())
        };
    }
    output::line(format_args!("{name}  {}  of {}", cell(&answer["status"]), cell(&answer["topic"])));
    let terms = |title: &str, terms: &Value| {
        if terms.is_null() {
            return;
        }
        output::line(format_args!("  {title}"));
        for field in ["purpose", "legal_basis", "clears", "expires"] {
            output::line(format_args!("    {:12} {}", field.replace('_', " "), cell(&terms[field])));
        }
        if !terms["consent"].is_null() {
            output::line(format_args!("    consent to   {}", cell(&terms["consent"])));
        }
    };
    terms("granted", &answer["granted"]);
    terms("requested", &answer["requested"]);
    for condition in answer["granted"]["conditions"].as_array().into_iter().flatten() {
        output::line(format_args!("    on condition {}", cell(condition)));
    }
    if answer["granted"]["expires_soon"] == true {
        output::line(format_args!(
            "  its end is near: chancery subscription renew {name} --expires YYYY-MM-DD"
        ));
    }
    if !answer["carried_on"].is_null() {
        let (on, topic) = (cell(&answer["carried_on"]), cell(&answer["topic"]));
        output::line(format_args!(
            "  carried on v{on} by migration: a steward goes over with chancery contract acknowledge {topic} VERSION --agency {}",
            cell(&answer["agency"])
        ));
    }
    if answer["unused"] == true {
        output::line("  events wait, and nobody has processed any for long: use it or give it up (revoke)");
    }
    for side in answer["requested"]["waits_for"].as_array().into_iter().flatten() {
        let who = match side.as_str() {
            Some("owner") => "the topic's steward or deputy",
            Some("second-owner") => "the other one of the topic's steward and deputy",
            _ => "the data protection officer of its agency",
        };
        output::line(format_args!("  next: {who}: chancery subscription approve {name}"));
    }
    if !answer["ended"].is_null() {
        output::line(format_args!("  ended: {}", cell(&answer["ended"]["reason"])));
    }
    Ok(())
}

fn lag(client: &Client, options: &Options, name: &str) -> Result<(), Failure> {
    let answer = client.get(&format!("/v1/subscriptions/{}/lag", segment(name)))?;
    if options.json {
        return {
            output::json(&answer);
            Ok(())
        };
    }
    let found = rows(&answer["partitions"], ["/partition", "/place", "/end", "/lag"]);
    output::table(["PARTITION", "PLACE", "END", "LAG"], &found, "no partitions");
    output::line(format_args!("behind by {} events", cell(&answer["lag"])));
    Ok(())
}
