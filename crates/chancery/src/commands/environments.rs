//! `chancery drift`, `chancery promote`: one bus beside another, such as test beside production.
//!
//! What is compared and brought over is the folder of a topic: its properties and the contract that its consumers read
//! by. Agencies, subscriptions and principals are each bus's own. The bus that would change says what would, by a plan.

use std::collections::{BTreeMap, BTreeSet};
use std::process::ExitCode;

use clap::Args;
use serde_json::{Value, json};

use super::folder::{WOULD_CHANGE, each};
use super::{Options, export};
use crate::client::Client;
use crate::output::{self, Failure, cell};

// Two buses, and what of them. (A doc comment here would be told as the help of the commands.)
#[derive(Args)]
struct Between {
    /// Topics; none: all
    topics: Vec<String>,
    /// Where the topics are as they should be
    #[arg(long, value_name = "URL")]
    from: String,
    /// The bus that is compared with it
    #[arg(long, value_name = "URL")]
    to: String,
    /// Who calls there [default: as --token]
    #[arg(long, env = "CHANCERY_FROM_TOKEN", hide_env_values = true, value_name = "TOKEN")]
    from_token: Option<String>,
    /// Who calls the other [default: as --token]
    #[arg(long, env = "CHANCERY_TO_TOKEN", hide_env_values = true, value_name = "TOKEN")]
    to_token: Option<String>,
}

/// Say what differs
#[derive(Args)]
pub struct Drift {
    #[command(flatten)]
    between: Between,
}

/// Bring topics over
#[derive(Args)]
pub struct Promote {
    #[command(flatten)]
    between: Between,
    /// Do it; without, only what would be done is shown
    #[arg(long)]
    yes: bool,
}

impl Drift {
    /// Runs it.
    pub fn run(self, options: &Options) -> Result<ExitCode, Failure> {
        let found = self.between.compare(options)?;
        if options.json {
            output::json(&found.told());
        } else {
            found.show();
            output::line(match found.is_none() {
                true => format!("{} topics: the same on both", found.topics.len()),
                false => format!("{} differs from {}", self.between.to, self.between.from),
            });
        }
        Ok(if found.is_none() { ExitCode::SUCCESS } else { ExitCode::from(WOULD_CHANGE) })
    }
}

impl Promote {
    /// Runs it.
    pub fn run(self, options: &Options) -> Result<ExitCode, Failure> {
        if self.between.topics.is_empty() {
            return Err(Failure::usage("which topics?").hint("chancery drift shows which differ"));
        }
        let found = self.between.compare(options)?;
        let steps = found.plan["steps"].as_array().map_or(0, Vec::len);
        if !self.yes || steps == 0 {
            if options.json {
                output::json(&found.told());
            } else {
                found.show();
                output::line(match steps {
                    0 => "nothing would change".to_owned(),
                    steps => format!("{steps} changes; the same with --yes makes them"),
                });
            }
            return Ok(if steps == 0 { ExitCode::SUCCESS } else { ExitCode::from(WOULD_CHANGE) });
        }
        let answer = self.between.target(options).post("/v1/apply", &json!({ "files": found.files }))?;
        if options.json {
            output::json(&answer);
        } else {
            each(&answer["applied"], |what| output::line(cell(what)));
            each(&answer["waits"], |wait| output::line(format_args!("waits: {}", cell(wait))));
            let applied = answer["applied"].as_array().map_or(0, Vec::len);
            output::line(format_args!("{applied} changes applied to {}", self.between.to));
        }
        Ok(ExitCode::SUCCESS)
    }
}

/// What the bus that is compared would have to change, and what it has beyond.
struct Differences {
    /// The topics that were compared.
    topics: BTreeSet<String>,
    /// Their folders, as they should be.
    files: BTreeMap<String, String>,
    /// The plan of these on the other bus.
    plan: Value,
    /// Topics that only the other bus has.
    beyond: Vec<String>,
}

impl Between {
    fn target(&self, options: &Options) -> Client {
        options.client_of(&self.to, self.to_token.as_ref())
    }

    fn compare(&self, options: &Options) -> Result<Differences, Failure> {
        let source = options.client_of(&self.from, self.from_token.as_ref());
        let mut files = export::files(&source)?;
        let known = topics(&files);
        let wanted =
            if self.topics.is_empty() { known.clone() } else { self.topics.iter().cloned().collect() };
        if let Some(unknown) = wanted.iter().find(|topic| !known.contains(*topic)) {
            return Err(Failure::new(format!(
                "{} has no topic {unknown} with a contract in force",
                self.from
            )));
        }
        files.retain(|path, _| topic_of(path).is_some_and(|topic| wanted.contains(topic)));
        let target = self.target(options);
        let beyond = match self.topics.is_empty() {
            true => topics(&export::files(&target)?).difference(&known).cloned().collect(),
            false => Vec::new(),
        };
        let plan = match files.is_empty() {
            true => json!({}),
            false => target.post("/v1/plan", &json!({ "files": files, "part": true }))?,
        };
        Ok(Differences { topics: wanted, files, plan, beyond })
    }
}

impl Differences {
    /// Whether there are none.
    fn is_none(&self) -> bool {
        let none = |list: &str| self.plan[list].as_array().is_none_or(Vec::is_empty);
        self.beyond.is_empty() && ["steps", "waits", "unmanaged"].into_iter().all(none)
    }

    /// Them for programs: a plan, and the topics that only the other bus has.
    fn told(&self) -> Value {
        let list = |name: &str| self.plan[name].as_array().cloned().unwrap_or_default();
        json!({
            "topics": self.topics, "steps": list("steps"), "refused": list("refused"), "waits": list("waits"), "unmanaged": list("unmanaged"),
            "beyond": self.beyond,
        })
    }

    /// Them for people.
    fn show(&self) {
        each(&self.plan["steps"], |step| output::line(cell(&step["what"])));
        each(&self.plan["refused"], |why| output::line(format_args!("would be refused: {}", cell(why))));
        each(&self.plan["waits"], |wait| output::line(format_args!("waits: {}", cell(wait))));
        each(&self.plan["unmanaged"], |what| output::line(format_args!("? only there: {}", cell(what))));
        self.beyond.iter().for_each(|topic| output::line(format_args!("? only there: topic {topic}")));
    }
}

/// The topic whose folder a file is in.
fn topic_of(path: &str) -> Option<&str> {
    path.strip_prefix("topics/")?.split('/').next()
}

fn topics(files: &BTreeMap<String, String>) -> BTreeSet<String> {
    files.keys().filter_map(|path| topic_of(path)).map(str::to_owned).collect()
}
