//! `chancery contract lint`: contracts under the event-design profiles.

use std::path::PathBuf;

use clap::Args;
use serde_json::json;

use super::{Options, folder};
use crate::output::{self, Failure, cell};

/// Which contracts, by which profile
#[derive(Args)]
pub struct Lint {
    /// A folder of governance files, as it would be [default: the contracts that stand]
    folder: Option<PathBuf>,
    /// One profile, on or not: cloudevents or nl_gov [default: those that are on]
    #[arg(long)]
    profile: Option<String>,
}

impl Lint {
    /// Runs it.
    pub fn run(self, options: &Options) -> Result<(), Failure> {
        let files = self.folder.as_deref().map(folder::read).transpose()?;
        let answer = options.client().post("/v1/lint", &json!({"files": files, "profile": self.profile}))?;
        let found = answer["findings"].as_array().map(Vec::as_slice).unwrap_or_default();
        if options.json {
            output::json(&answer);
        } else if found.is_empty() {
            output::line("nothing to say");
        } else {
            found.iter().for_each(|one| {
                let [topic, version, level, text] =
                    ["topic", "version", "level", "text"].map(|it| cell(&one[it]));
                output::line(format_args!("{topic} v{version}  {level}  {text}"));
            });
        }
        match found.iter().filter(|one| one["level"] == "MUST").count() {
            0 => Ok(()),
            musts => Err(Failure::new(format!("{musts} of them break what a profile demands"))),
        }
    }
}
