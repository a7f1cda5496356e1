//! `chancery plan`, `chancery apply`: governance as a folder of files.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;
use serde_json::{Value, json};

use super::Options;
use crate::output::{self, Failure, cell};

/// Say what a folder would change
#[derive(Args)]
pub struct PlanFolder {
    /// The folder, such as examples/governance
    folder: PathBuf,
}

/// Make a folder so
#[derive(Args)]
pub struct ApplyFolder {
    /// The folder, such as examples/governance
    folder: PathBuf,
    /// End the bootstrap with it
    #[arg(long)]
    close_bootstrap: bool,
}

/// The exit code of a plan that would change something.
pub(super) const WOULD_CHANGE: u8 = 2;

impl PlanFolder {
    /// Runs it.
    pub fn run(self, options: &Options) -> Result<ExitCode, Failure> {
        let answer = options.client().post("/v1/plan", &json!({"files": read(&self.folder)?}))?;
        let length = |list: &str| answer[list].as_array().map_or(0, Vec::len);
        let (steps, refused) = (length("steps"), length("refused"));
        if options.json {
            output::json(&answer);
        } else {
            each(&answer["steps"], |step| output::line(cell(&step["what"])));
            each(&answer["refused"], |why| {
                output::line(format_args!("would be refused: {}", cell(why)));
            });
            each(&answer["hits"], |hit| output::line(format_args!("hits: {}", cell(hit))));
            each(&answer["waits"], |wait| output::line(format_args!("waits: {}", cell(wait))));
            each(&answer["unmanaged"], |name| {
                output::line(format_args!("not in the folder, left alone: {}", cell(name)))
            });
            each(&answer["advice"], |line| output::line(format_args!("advice: {}", cell(line))));
            output::line(match (steps, refused) {
                (0, _) => "nothing would change".to_owned(),
                (_, 0) => format!("{steps} changes; chancery apply {} makes them", self.folder.display()),
                _ => format!("{steps} changes; applied as they are, none would be made"),
            });
        }
        Ok(match (steps, refused) {
            (0, _) => ExitCode::SUCCESS,
            (_, 0) => ExitCode::from(WOULD_CHANGE),
            _ => ExitCode::FAILURE,
        })
    }
}

impl ApplyFolder {
    /// Runs it.
    pub fn run(self, options: &Options) -> Result<(), Failure> {
        let body = json!({"files": read(&self.folder)?, "close_bootstrap": self.close_bootstrap});
        let answer = options.client().post("/v1/apply", &body)?;
        if options.json {
            return {
                output::json(&answer);
                Ok(())
            };
        }
        each(&answer["applied"], |what| output::line(cell(what)));
        each(&answer["waits"], |wait| output::line(format_args!("waits: {}", cell(wait))));
        output::line(match answer["applied"].as_array().map_or(0, Vec::len) {
            0 => "nothing to change".to_owned(),
            steps => format!("{steps} changes applied"),
        });
        Ok(())
    }
}

pub(super) fn each(list: &Value, show: impl Fn(&Value)) {
    list.as_array().into_iter().flatten().for_each(show);
}

/// The folder's files by their relative paths; hidden ones are left out.
pub(super) fn read(folder: &Path) -> Result<BTreeMap<String, String>, Failure> {
    let mut files = BTreeMap::new();
    collect(folder, folder, &mut files)?;
    if files.is_empty() {
        return Err(Failure::usage(format!("{} holds no files", folder.display()))
            .hint("examples/governance is a folder to copy from"));
    }
    Ok(files)
}

fn collect(root: &Path, folder: &Path, files: &mut BTreeMap<String, String>) -> Result<(), Failure> {
    let unreadable =
        |path: &Path, error: std::io::Error| Failure::usage(format!("{}: {error}", path.display()));
    for entry in std::fs::read_dir(folder).map_err(|error| unreadable(folder, error))? {
        let path = entry?.path();
        if path.file_name().is_some_and(|name| name.to_string_lossy().starts_with('.')) {
            continue;
        }
        if path.is_dir() {
            collect(root, &path, files)?;
        } else {
            let name = path.strip_prefix(root).unwrap_or(&path).to_string_lossy().into_owned();
            files.insert(name, std::fs::read_to_string(&path).map_err(|error| unreadable(&path, error))?);
        }
    }
    Ok(())
}
