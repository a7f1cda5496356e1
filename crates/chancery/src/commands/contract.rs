//! `chancery contract`: where each version is in its life, who must do what next, and the acts themselves.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::Options;
use crate::client::{Client, segment};
use crate::output::{self, Failure, cell};

/// The versions of a topic's contract and their life
#[derive(Args)]
pub struct Contract {
    #[command(subcommand)]
    act: Act,
}

#[derive(Subcommand)]
enum Act {
    /// Where each version is, and who must do what next
    Status { topic: String },
    /// Propose a version: a JSON file with the definition (see `contract schema --definition`)
    Propose { file: PathBuf },
    /// Agree to a proposed version, for your agency
    Acknowledge {
        topic: String,
        version: u32,
        #[arg(long)]
        agency: String,
    },
    /// Object to a proposed version, for your agency
    Object {
        topic: String,
        version: u32,
        #[arg(long)]
        agency: String,
        #[arg(long)]
        reason: String,
    },
    /// Let events follow a version
    Activate { topic: String, version: u32 },
    /// Announce the end of a version
    Deprecate {
        topic: String,
        version: u32,
        /// From this day on it takes no event (YYYY-MM-DD)
        #[arg(long)]
        sunset: String,
    },
    /// End a deprecated version
    Retire { topic: String, version: u32 },
    /// What differs between two versions
    Diff { topic: String, from: u32, to: u32 },
    /// What an event must look like; with --cleared, what a subscription cleared for those classes gets
    Schema {
        topic: String,
        /// [default: the newest]
        #[arg(long)]
        version: Option<u32>,
        /// Classes, such as internal,personal; empty for none
        #[arg(long)]
        cleared: Option<String>,
        /// The whole definition instead of the schema
        #[arg(long)]
        definition: bool,
    },
}

impl Contract {
    /// Runs it.
    pub fn run(self, options: &Options) -> Result<(), Failure> {
        let client = options.client();
        let on = |command: &str, topic: &str, version: u32| json!({"command": command, "topic": topic, "version": version});
        let (command, done) = match self.act {
            Act::Status { topic } => return status(&client, options, &topic),
            Act::Diff { topic, from, to } => return diff(&client, options, &topic, from, to),
            Act::Schema { topic, version, cleared, definition } => {
                return schema(&client, &topic, version, cleared.as_deref(), definition);
            }
            Act::Propose { file } => {
                let definition: Value = serde_json::from_str(&std::fs::read_to_string(&file)?)
                    .map_err(|error| Failure::usage(format!("{}: {error}", file.display())))?;
                (json!({"command": "propose-contract", "definition": definition}), "proposed".to_owned())
            }
            Act::Acknowledge { topic, version, agency } => {
                let mut command = on("acknowledge-contract", &topic, version);
                command["agency"] = agency.as_str().into();
                (command, format!("{topic} v{version} is acknowledged for {agency}"))
            }
            Act::Object { topic, version, agency, reason } => {
                let mut command = on("object-to-contract", &topic, version);
                command["agency"] = agency.as_str().into();
                command["reason"] = reason.into();
                (
                    command,
                    format!(
                        "{agency} objects to {topic} v{version}; it cannot become active until it agrees"
                    ),
                )
            }
            Act::Activate { topic, version } => {
                (on("activate-contract", &topic, version), format!("{topic} v{version} is active"))
            }
            Act::Deprecate { topic, version, sunset } => {
                let mut command = on("deprecate-contract", &topic, version);
                command["sunset"] = sunset.as_str().into();
                (command, format!("{topic} v{version} is deprecated and ends on {sunset}"))
            }
            Act::Retire { topic, version } => {
                (on("retire-contract", &topic, version), format!("{topic} v{version} is retired"))
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

fn status(client: &Client, options: &Options, topic: &str) -> Result<(), Failure> {
    let answer = client.get(&format!("/v1/contracts/{}", segment(topic)))?;
    if options.json {
        return {
            output::json(&answer);
            Ok(())
        };
    }
    output::line(format_args!("contract of {topic}"));
    output::line(
        "a version is proposed → acknowledged by each subscribed agency → active → deprecated → retired\n",
    );
    for version in answer["versions"].as_array().into_iter().flatten() {
        let number = cell(&version["version"]);
        let since = if version["activated_at"].is_null() {
            &version["proposed_at"]
        } else {
            &version["activated_at"]
        };
        output::line(format_args!("v{number}  {}  since {}", cell(&version["status"]), cell(since)));
        output::line(format_args!("    proposed by {}", cell(&version["proposed_by"])));
        for given in version["acknowledged"].as_array().into_iter().flatten() {
            output::line(format_args!(
                "    acknowledged by {} ({})",
                cell(&given["agency"]),
                cell(&given["by"])
            ));
        }
        for raised in version["objections"].as_array().into_iter().flatten() {
            output::line(format_args!(
                "    {} objects: {}",
                cell(&raised["agency"]),
                cell(&raised["reason"])
            ));
        }
        next(topic, version).iter().for_each(|line| output::line(format_args!("    next: {line}")));
    }
    Ok(())
}

/// Who must do what, with the command for it.
fn next(topic: &str, version: &Value) -> Vec<String> {
    let number = cell(&version["version"]);
    let steward = cell(&version["steward"]);
    let empty = Vec::new();
    let waits = version["waits_for"].as_array().unwrap_or(&empty);
    match version["status"].as_str() {
        Some("proposed") if waits.is_empty() => {
            vec![format!("{steward}: chancery contract activate {topic} {number}")]
        }
        Some("proposed") => waits
            .iter()
            .map(|agency| {
                let agency = cell(agency);
                format!("a steward of {agency}: chancery contract acknowledge {topic} {number} --agency {agency} (or object, with --reason)")
            })
            .collect(),
        Some("active") => vec![format!(
            "to replace it, propose v{} in topics/{topic}/topic.yaml and apply; then {steward}: chancery contract deprecate {topic} {number} --sunset YYYY-MM-DD",
            version["version"].as_u64().unwrap_or(0) + 1
        )],
        Some("deprecated") => {
            vec![format!("from {} on {steward}: chancery contract retire {topic} {number}", cell(&version["sunset"]))]
        }
        _ => Vec::new(),
    }
}

fn diff(client: &Client, options: &Options, topic: &str, from: u32, to: u32) -> Result<(), Failure> {
    let answer = client.get(&format!("/v1/contracts/{}/diff?from={from}&to={to}", segment(topic)))?;
    if options.json {
        return {
            output::json(&answer);
            Ok(())
        };
    }
    let changes = answer["changes"].as_array().map(Vec::as_slice).unwrap_or_default();
    if changes.is_empty() {
        output::line("no difference");
    }
    changes.iter().for_each(|change| output::line(cell(change)));
    Ok(())
}

fn schema(
    client: &Client,
    topic: &str,
    version: Option<u32>,
    cleared: Option<&str>,
    definition: bool,
) -> Result<(), Failure> {
    let versions = client.get(&format!("/v1/contracts/{}", segment(topic)))?;
    let newest =
        versions["versions"].as_array().and_then(|all| all.last()).map(|last| last["version"].as_u64());
    let version = version.map(u64::from).or(newest.flatten());
    let version = version.ok_or_else(|| Failure::new(format!("{topic} has no contract")))?;
    let path = format!("/v1/contracts/{}/{version}", segment(topic));
    if definition {
        output::json(&client.get(&path)?["definition"]);
        return Ok(());
    }
    let cleared = cleared.map_or_else(String::new, |classes| format!("?cleared={}", segment(classes)));
    let schema = client.send("GET", &format!("{path}/schema{cleared}"), "", None)?.good()?;
    match schema.json() {
        Ok(json) => output::json(&json),
        Err(_) => output::line(String::from_utf8_lossy(&schema.body).trim_end()),
    }
    Ok(())
}
