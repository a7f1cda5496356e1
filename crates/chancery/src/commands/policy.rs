//! `chancery policy`.

use bus::{POLICY_DEFAULTS, POLICY_SCHEMA};
use clap::{Args, Subcommand};
use serde_json::Value;

use super::Options;
use super::folder::each;
use crate::output::{self, Failure, cell, rows};

/// What the standards forbid beyond the bus's own rules
#[derive(Args)]
pub struct Policy {
    #[command(subcommand)]
    act: Act,
}

#[derive(Subcommand)]
enum Act {
    /// The policies in force
    List,
    /// The text of one of them
    Show { policy: String },
    /// Why a decision fell as it did: ask its policies again, and those of today
    Explain {
        /// Its number in the audit (chancery audit decisions)
        decision: u64,
    },
    /// What policies can speak of, in Cedar's schema language
    Schema,
    /// Policies to begin with, for a folder's standards/
    Defaults,
}

impl Policy {
    /// Runs it.
    pub fn run(self, options: &Options) -> Result<(), Failure> {
        match self.act {
            Act::Schema => output::line(POLICY_SCHEMA.trim_end()),
            Act::Defaults => output::line(POLICY_DEFAULTS.trim_end()),
            Act::List => {
                let answer = options.client().get("/v1/policies")?;
                if options.json {
                    output::json(&answer);
                } else {
                    let found = rows(&answer["policies"], ["/policy", "/file", "/effect", "/reason"]);
                    let head = ["POLICY", "FILE", "EFFECT", "REASON"];
                    output::table(head, &found, "no policies: the bus's own rules are all there is");
                }
            }
            Act::Show { policy } => {
                let answer = options.client().get("/v1/policies")?;
                let mut known = answer["policies"].as_array().into_iter().flatten();
                let found = known.find(|one| one["policy"] == policy.as_str()).ok_or_else(|| {
                    Failure::usage(format!("there is no policy {policy}"))
                        .hint("chancery policy list shows them")
                })?;
                match options.json {
                    true => output::json(found),
                    false => output::line(cell(&found["text"])),
                }
            }
            Act::Explain { decision } => {
                let answer = options.client().get(&format!("/v1/audit/decisions/{decision}"))?;
                match options.json {
                    true => output::json(&answer),
                    false => explain(&answer),
                }
            }
        }
        Ok(())
    }
}

fn explain(answer: &Value) {
    let (decision, question) = (&answer["decision"], &answer["decision"]["asked"]["question"]);
    let events = decision["events"].as_array().map_or(0, Vec::len);
    let outcome = if events == 0 { "refused" } else { "allowed" };
    output::line(format_args!(
        "{} {} by {}: {outcome}",
        cell(&decision["time"]),
        cell(&decision["command"]),
        cell(&decision["by"])
    ));
    let steps = answer["steps"].as_array().is_some_and(|steps| !steps.is_empty());
    if question.is_null() && !steps {
        let policies: Vec<String> = decision["policies"].as_array().into_iter().flatten().map(cell).collect();
        output::line(format_args!("determined by {}", policies.join(", ")));
        output::line(
            "what was asked is not kept: there was no policy of the standards, or a release that kept less",
        );
        return;
    }
    each(&answer["steps"], |step| {
        output::line(cell(&step["step"]));
        ask(&step["question"]);
        verdict("the policies of then", &step["then"]);
        verdict("the policies of today", &step["now"]);
    });
    if answer["left_out"] != 0 {
        output::line(format_args!("and {} more steps, of which it is not kept", cell(&answer["left_out"])));
    }
    if !question.is_null() {
        ask(question);
        verdict("the policies of then", &answer["then"]);
    }
    each(&answer["policies"], |policy| output::line(format_args!("\n{}", cell(&policy["text"]))));
    if !answer["policies"].as_array().is_none_or(Vec::is_empty) {
        output::line("");
    }
    if !question.is_null() {
        verdict("the policies of today", &answer["now"]);
    }
}

fn ask(question: &Value) {
    output::line(format_args!(
        "asked: may {} {} {} {}?",
        cell(&question["principal"]),
        cell(&question["action"]),
        cell(&question["resource"]["type"]),
        cell(&question["resource"]["id"])
    ));
}

fn verdict(whose: &str, said: &Value) {
    if said.is_null() {
        return output::line(format_args!("{whose} are not known"));
    }
    let allowed = if said["allowed"] == true { "allow it" } else { "forbid it" };
    let because: Vec<String> = said["because"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|one| match one["reason"].as_str() {
            Some(reason) => format!("{} ({reason})", cell(&one["policy"])),
            None => cell(&one["policy"]),
        })
        .collect();
    output::line(format_args!("{whose} {allowed}: {}", because.join(", ")));
    each(&said["errors"], |error| output::line(format_args!("  could not be evaluated: {}", cell(error))));
}
