//! `chancery doctor`: looks over a data folder, read-only.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
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

/// What is to be known of keys that lie beside what they wrap. Whether that will do is for the operator to say.
fn keys_within(data: &Path) -> io::Result<Option<String>> {
    for entry in fs::read_dir(data)? {
        let folder = entry?.path();
        let keys = folder.join("keys").read_dir().ok();
        if folder.join("root.key").exists() && keys.is_some_and(|mut keys| keys.next().is_some()) {
            return Ok(Some(format!(
                "kms: the keys lie in {}, within the data folder: an old copy of it opens what was erased since; \
                 kms.folder puts them elsewhere",
                folder.display()
            )));
        }
    }
    Ok(None)
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
        let notes: Vec<String> = keys_within(&self.data)?.into_iter().collect();
        match options.json {
            true => output::json(&json!({"sound": lines, "notes": notes, "wrong": wrong})),
            false => {
                lines.iter().for_each(|line| output::line(format_args!("ok     {line}")));
                notes.iter().for_each(|line| output::line(format_args!("note   {line}")));
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
