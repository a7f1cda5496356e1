//! `chancery doctor`: looks over a data folder, read-only.

use std::path::PathBuf;
use std::sync::Arc;

use clap::Args;
use journal::{Embedded, Options as JournalOptions, RealDisk};
use serde_json::json;

use super::Options;
use crate::output::{self, Failure};

/// Look over a data folder, read-only, while the bus is stopped
#[derive(Args)]
pub struct Doctor {
    /// The data folder
    #[arg(long, env = "CHANCERY_DATA", default_value = "chancery-data")]
    data: PathBuf,
}

impl Doctor {
    /// Runs it.
    pub fn run(self, options: &Options) -> Result<(), Failure> {
        let failed = |error: &dyn std::fmt::Display| Failure::new(error.to_string());
        let folder = self.data.join("journal");
        let (journal, recovered, torn) =
            Embedded::open_read_only(&folder, Arc::new(RealDisk::new()), JournalOptions::default())
                .map_err(|error| failed(&error))?;
        let mut wrong: Vec<String> = torn.iter().chain(&journal.check()).map(ToString::to_string).collect();
        let mut lines = vec![format!("journal: {recovered}")];
        for finding in bus::doctor::examine(&self.data, &journal).map_err(|error| failed(&error))? {
            match finding.sound {
                true => lines.push(finding.what),
                false => wrong.push(finding.what),
            }
        }
        match options.json {
            true => output::json(&json!({"sound": lines, "wrong": wrong})),
            false => {
                lines.iter().for_each(|line| output::line(format_args!("ok     {line}")));
                wrong.iter().for_each(|line| output::line(format_args!("WRONG  {line}")));
            }
        }
        match wrong.len() {
            0 => Ok(()),
            some => Err(Failure::new(format!("{some} findings in {}", self.data.display()))
                .hint("keep a copy of the folder as it is before anything else")),
        }
    }
}
