//! `chancery contract`: where each version is in its life, who must do what next, and the acts themselves.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::Options;
use super::lint::Lint;
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
    /// Say, as a data protection officer, that public fields that speak of a person hold nobody's data
    ConfirmPublic {
        topic: String,
        /// Where they stand, such as /office/email
        #[arg(required = true)]
        fields: Vec<String>,
        #[arg(long)]
        reason: String,
    },
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
    /// Answer an agency's objection
    Answer {
        topic: String,
        version: u32,
        #[arg(long)]
        agency: String,
        #[arg(long)]
        text: String,
    },
    /// Let a version go live without waiting; takes two people of different agencies, one of them an operator
    Override {
        topic: String,
        version: u32,
        #[arg(long)]
        reason: String,
    },
    /// May this version go live now? Exits 0 if so, and 1 with who has to do what by when if not
    CanI { topic: String, version: u32 },
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
    /// What contracts do not keep to by the event-design profiles; exits 1 where it is a MUST
    Lint(Lint),
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
            Act::CanI { topic, version } => return can_i(&client, options, &topic, version),
            Act::Lint(lint) => return lint.run(options),
            Act::Diff { topic, from, to } => return diff(&client, options, &topic, from, to),
            Act::Schema { topic, version, cleared, definition } => {
                return schema(&client, &topic, version, cleared.as_deref(), definition);
            }
            Act::Propose { file } => {
                let definition: Value = serde_json::from_str(&std::fs::read_to_string(&file)?)
                    .map_err(|error| Failure::usage(format!("{}: {error}", file.display())))?;
                (json!({"command": "propose-contract", "definition": definition}), "proposed".to_owned())
            }
            Act::ConfirmPublic { topic, fields, reason } => (
                json!({"command": "confirm-public", "topic": topic, "fields": fields, "reason": reason}),
                format!("{topic} may have {} as public", fields.join(", ")),
            ),
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
            Act::Answer { topic, version, agency, text } => {
                let mut command = on("answer-objection", &topic, version);
                command["agency"] = agency.as_str().into();
                command["answer"] = text.into();
                (
                    command,
                    format!(
                        "{agency} was answered; its objection to {topic} v{version} stands until it agrees"
                    ),
                )
            }
            Act::Override { topic, version, reason } => {
                let mut command = on("override-contract", &topic, version);
                command["reason"] = reason.into();
                (command, format!("your part in overriding what {topic} v{version} waits for is recorded"))
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
        "a version is proposed → acknowledged or objected to by those who read the topic → active → deprecated → retired\n",
    );
    for version in list(&answer["versions"]) {
        life(topic, version);
        if version["status"] == "proposed" {
            readers(client, topic, version)?;
        }
        next(topic, version).iter().for_each(|line| output::line(format_args!("    next: {line}")));
    }
    Ok(())
}

fn list(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

/// What has happened to a version.
fn life(topic: &str, version: &Value) {
    let number = cell(&version["version"]);
    let since = match &version["activated_at"] {
        Value::Null => &version["proposed_at"],
        active => active,
    };
    output::line(format_args!("v{number}  {}  since {}", cell(&version["status"]), cell(since)));
    output::line(format_args!("    proposed by {}", cell(&version["proposed_by"])));
    if version["status"] == "proposed" && !version["compared_with"].is_null() {
        let against = cell(&version["compared_with"]);
        output::line(format_args!(
            "    {} with v{against} (contract diff {topic} {against} {number})",
            cell(&version["weight"])
        ));
        list(&version["effects"])
            .for_each(|effect| output::line(format_args!("        {}", effect_line(effect))));
    }
    carrying(version);
    for given in list(&version["acknowledged"]) {
        output::line(format_args!("    acknowledged by {} ({})", cell(&given["agency"]), cell(&given["by"])));
    }
    for raised in list(&version["objections"]) {
        output::line(format_args!("    {} objects: {}", cell(&raised["agency"]), cell(&raised["reason"])));
        if !raised["answer"].is_null() {
            let answer = &raised["answer"];
            output::line(format_args!(
                "        answered by {}: {}",
                cell(&answer["by"]),
                cell(&answer["text"])
            ));
        }
    }
    for one in list(&version["overrides"]) {
        output::line(format_args!(
            "    overridden by {} ({}): {}",
            cell(&one["by"]),
            cell(&one["role"]),
            cell(&one["reason"])
        ));
    }
}

/// Whether it carries those who do not agree, how its migration did on real events, and who is carried on it.
fn carrying(version: &Value) {
    if version["rehearsal"].is_object() && version["status"] == "proposed" {
        output::line("    its migration carries those who do not agree");
        list(&version["rehearsal"]["told"])
            .for_each(|line| output::line(format_args!("        {}", cell(line))));
    }
    for agency in list(&version["carries"]) {
        output::line(format_args!("    {} is carried on it by migration", cell(agency)));
    }
}

/// `/child/name is gone (breaking)`.
fn effect_line(effect: &Value) -> String {
    format!("{} ({})", cell(&effect["what"]), cell(&effect["weight"]))
}

/// What a proposed version means for the subscriptions that the caller may see.
fn readers(client: &Client, topic: &str, version: &Value) -> Result<(), Failure> {
    let number = cell(&version["version"]);
    let answer = client.get(&format!("/v1/contracts/{}/{number}/readers", segment(topic)))?;
    for reader in list(&answer["readers"]) {
        let effects: Vec<&Value> = list(&reader["effects"]).collect();
        let nothing = if effects.is_empty() { ": nothing that it reads changes" } else { "" };
        output::line(format_args!("    for {}{nothing}", cell(&reader["subscription"])));
        for effect in effects {
            output::line(format_args!("        {}: {}", effect_line(effect), cell(&effect["to_you"])));
        }
    }
    Ok(())
}

/// May it go live today, and if not, who has to do what by when?
fn can_i(client: &Client, options: &Options, topic: &str, number: u32) -> Result<(), Failure> {
    let version = client.get(&format!("/v1/contracts/{}/{number}", segment(topic)))?;
    if options.json {
        output::json(&json!({
            "topic": topic, "version": number, "may_go_live": version["may_go_live"], "weight": version["weight"],
            "waits": version["waits"], "rehearsal": version["rehearsal"],
        }));
    }
    let may = version["may_go_live"] == true;
    if may && !options.json {
        let already = version["status"] == "active";
        output::line(format_args!(
            "yes: {topic} v{number} {}",
            if already { "is live" } else { "may go live" }
        ));
        carrying(&version);
    }
    if may {
        return Ok(());
    }
    let line = |wait: &Value| format!("{}\n    {}", cell(&wait["what"]), cell(&wait["remedy"]));
    let lines: Vec<String> = list(&version["waits"]).map(line).collect();
    Err(Failure::new(format!(
        "no: {topic} v{number} is {} and waits\n{}",
        cell(&version["weight"]),
        lines.join("\n")
    )))
}

/// Who must do what, with the command for it.
fn next(topic: &str, version: &Value) -> Vec<String> {
    let number = cell(&version["version"]);
    let steward = cell(&version["steward"]);
    match version["status"].as_str() {
        Some("proposed") if version["may_go_live"] == true => {
            vec![format!("{steward}: chancery contract activate {topic} {number}")]
        }
        Some("proposed") => {
            list(&version["waits"]).map(|wait| wait_line(topic, &number, &steward, wait)).collect()
        }
        Some("active") => vec![format!(
            "to replace it, propose v{} in topics/{topic}/topic.yaml and apply; then {steward}: chancery contract deprecate {topic} {number} --sunset YYYY-MM-DD",
            version["version"].as_u64().unwrap_or(0) + 1
        )],
        Some("deprecated") => {
            vec![format!(
                "from {} on {steward}: chancery contract retire {topic} {number}",
                cell(&version["sunset"])
            )]
        }
        _ => Vec::new(),
    }
}

fn wait_line(topic: &str, number: &str, steward: &str, wait: &Value) -> String {
    let agencies: Vec<String> = list(&wait["agencies"]).map(cell).collect();
    let agency = agencies.first().map_or("AGENCY", String::as_str);
    let what = cell(&wait["what"]);
    match wait["code"].as_str() {
        Some("not-acknowledged") => format!(
            "{what}; a steward of {agency}: chancery contract acknowledge {topic} {number} --agency {agency} (or object, with --reason)"
        ),
        Some("objected") => format!(
            "{what}; {steward}: chancery contract answer {topic} {number} --agency {agency} --text …, or propose other text; a steward of {agency}: chancery contract acknowledge takes it back"
        ),
        _ => format!("{what}; {}", cell(&wait["remedy"])),
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
    if list(&answer["effects"]).next().is_none() {
        output::line("no difference");
    }
    list(&answer["effects"]).for_each(|effect| output::line(effect_line(effect)));
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
