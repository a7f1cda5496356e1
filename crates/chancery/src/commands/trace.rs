//! `chancery trace EVENT-ID`: one affair across agencies, as a tree of causes.

use std::collections::HashSet;

use clap::Args;
use serde_json::Value;

use super::Options;
use crate::client::segment;
use crate::output::{self, Failure, cell};

/// Follow one affair across agencies
#[derive(Args)]
pub struct Trace {
    /// The id of any event of the affair
    event_id: String,
}

impl Trace {
    /// Runs it.
    pub fn run(self, options: &Options) -> Result<(), Failure> {
        let answer = options.client().get(&format!("/v1/trace/{}", segment(&self.event_id)))?;
        if options.json {
            return {
                output::json(&answer);
                Ok(())
            };
        }
        let steps = answer["steps"].as_array().map(Vec::as_slice).unwrap_or_default();
        let ids: HashSet<&str> = steps.iter().filter_map(|step| step["id"].as_str()).collect();
        let is_root = |step: &&Value| step["causation"].as_str().is_none_or(|cause| !ids.contains(cause));
        steps.iter().filter(is_root).for_each(|root| branch(steps, root, 0));
        Ok(())
    }
}

/// Prints one event and what it caused. Depth is bounded, so that events that name each other as cause end too.
fn branch(steps: &[Value], step: &Value, depth: usize) {
    let indent = "   ".repeat(depth);
    let at = |field: &str| cell(&step[field]);
    output::line(format_args!(
        "{indent}{}  {} v{}  by {}",
        at("at"),
        at("topic"),
        at("contract"),
        at("agency")
    ));
    output::line(format_args!(
        "{indent}   id {}  partition {} offset {}  audit leaf {}",
        at("id"),
        at("partition"),
        at("offset"),
        at("leaf")
    ));
    for disclosed in step["disclosed"].as_array().into_iter().flatten() {
        let opened = cell(&disclosed["opened"]);
        let opened = if opened.is_empty() { "nothing beyond public".to_owned() } else { opened };
        let veiled = cell(&disclosed["veiled"]);
        let veiled = if veiled.is_empty() { veiled } else { format!("; shown otherwise: {veiled}") };
        output::line(format_args!(
            "{indent}   → {} at {}: {} (opened: {opened}{veiled})",
            cell(&disclosed["agency"]),
            cell(&disclosed["time"]),
            cell(&disclosed["purpose"])
        ));
    }
    if depth < 16 {
        let caused =
            steps.iter().filter(|other| other["causation"] == step["id"] && other["id"] != step["id"]);
        caused.for_each(|other| branch(steps, other, depth + 1));
    }
}
