//! `chancery export`: the bus in files, for other tools and for git.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Component, Path, PathBuf};

use clap::{Args, Subcommand};
use serde_json::Value;

use super::Options;
use crate::client::{Client, segment};
use crate::output::{self, Failure, cell};

/// The bus in files
#[derive(Args)]
pub struct Export {
    #[command(subcommand)]
    act: Act,
}

#[derive(Subcommand)]
enum Act {
    /// Every topic as a channel, every contract in force as a message: one AsyncAPI 3.0 document
    Asyncapi {
        /// The file [default: stdout]
        #[arg(long)]
        out: Option<PathBuf>,
    },
    /// Topics by the Open Data Contract Standard 3.1, a document each
    Odcs {
        /// Which; none: all
        topics: Vec<String>,
        /// The folder, for a file TOPIC.odcs.yaml each [default: stdout]
        #[arg(long)]
        out: Option<PathBuf>,
    },
    /// Agencies, topics, contracts, and the subscriptions that you may see, as one JSON document
    Catalogue {
        /// The file [default: stdout]
        #[arg(long)]
        out: Option<PathBuf>,
    },
    /// The folder that `chancery plan` and `chancery apply` read
    Governance {
        /// The folder; a new or an empty one
        #[arg(long)]
        out: PathBuf,
        /// Take a folder that holds governance already: it is as the bus is then, and what the bus has not is removed
        #[arg(long)]
        replace: bool,
    },
}

impl Export {
    /// Runs it.
    pub fn run(self, options: &Options) -> Result<(), Failure> {
        let client = options.client();
        match self.act {
            Act::Asyncapi { out } => document(&client.get("/asyncapi.json")?, out.as_deref()),
            Act::Catalogue { out } => document(&client.get("/v1/export/catalogue")?, out.as_deref()),
            Act::Odcs { topics, out } => odcs(options, &client, topics, out.as_deref()),
            Act::Governance { out, replace } => governance(&client, &out, replace),
        }
    }
}

/// One JSON document, to a file or to the terminal.
fn document(document: &Value, out: Option<&Path>) -> Result<(), Failure> {
    let Some(out) = out else {
        output::json(document);
        return Ok(());
    };
    let text = serde_json::to_string_pretty(document).unwrap_or_default();
    write(out, &format!("{text}\n"))?;
    output::note(format_args!("written to {}", out.display()));
    Ok(())
}

fn odcs(options: &Options, client: &Client, wanted: Vec<String>, out: Option<&Path>) -> Result<(), Failure> {
    let topics = if wanted.is_empty() { all_topics(client)? } else { wanted };
    if options.json && out.is_none() {
        let one = |topic: &String| client.get(&format!("/v1/export/odcs/{}", segment(topic)));
        output::json(&topics.iter().map(one).collect::<Result<Value, _>>()?);
        return Ok(());
    }
    for topic in &topics {
        let path = format!("/v1/export/odcs/{}?as=yaml", segment(topic));
        let answer = client.send("GET", &path, "", None)?.good()?;
        let text = String::from_utf8_lossy(&answer.body);
        match out {
            Some(out) => write(&inside(out, &format!("{topic}.odcs.yaml"))?, &text)?,
            None => output::line(format_args!("---\n{}", text.trim_end())),
        }
    }
    if let Some(out) = out {
        output::note(format_args!("{} contracts written to {}", topics.len(), out.display()));
    }
    Ok(())
}

fn all_topics(client: &Client) -> Result<Vec<String>, Failure> {
    let answer = client.get("/v1/topics")?;
    let topics = answer["topics"].as_array().map(Vec::as_slice).unwrap_or_default();
    Ok(topics.iter().map(|topic| cell(&topic["topic"])).collect())
}

/// The bus's governance as files, by their paths in the folder.
pub(super) fn files(client: &Client) -> Result<BTreeMap<String, String>, Failure> {
    let mut answer = client.get("/v1/export/governance")?;
    serde_json::from_value(answer["files"].take())
        .map_err(|error| Failure::new(format!("the bus's answer is no folder: {error}")))
}

fn governance(client: &Client, out: &Path, replace: bool) -> Result<(), Failure> {
    let before = if out.is_dir() { governed(out)? } else { BTreeSet::new() };
    if !replace && out.is_dir() && fs::read_dir(out)?.next().is_some() {
        return Err(Failure::usage(format!("{} is not empty", out.display()))
            .hint("--out takes a new folder; --replace makes this one as the bus is"));
    }
    let files = files(client)?;
    let mut written = BTreeSet::new();
    for (path, text) in &files {
        let path = inside(out, path)?;
        write(&path, text)?;
        written.insert(path);
    }
    let gone: Vec<_> = before.difference(&written).collect();
    gone.iter().try_for_each(fs::remove_file)?;
    output::note(format_args!(
        "{} files written to {}, {} removed; chancery plan {} says that nothing would change",
        files.len(),
        out.display(),
        gone.len(),
        out.display()
    ));
    Ok(())
}

/// The files of governance in a folder; whatever else stands there is somebody's own.
fn governed(out: &Path) -> Result<BTreeSet<PathBuf>, Failure> {
    let mut found = BTreeSet::new();
    let mut folders: Vec<PathBuf> =
        ["standards", "agencies", "topics", "subscriptions"].map(|name| out.join(name)).into();
    while let Some(folder) = folders.pop() {
        if !folder.is_dir() {
            continue;
        }
        for entry in fs::read_dir(&folder)? {
            let path = entry?.path();
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            if path.is_dir() {
                folders.push(path);
            } else if !name.starts_with('.') && !name.starts_with("README") {
                found.insert(path);
            }
        }
    }
    Ok(found)
}

/// A file in the folder. The bus names it, and must not name one outside.
fn inside(folder: &Path, name: &str) -> Result<PathBuf, Failure> {
    let stays = Path::new(name).components().all(|part| matches!(part, Component::Normal(_)));
    stays.then(|| folder.join(name)).ok_or_else(|| Failure::new(format!("{name:?} is no file of the folder")))
}

fn write(path: &Path, text: &str) -> Result<(), Failure> {
    let written = match path.parent() {
        Some(folder) => fs::create_dir_all(folder).and_then(|()| fs::write(path, text)),
        None => fs::write(path, text),
    };
    written.map_err(|error| Failure::new(format!("{}: {error}", path.display())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bus_names_no_file_outside_the_folder() {
        let folder = Path::new("out");
        assert_eq!(inside(folder, "agencies/a.yaml").unwrap(), folder.join("agencies/a.yaml"));
        for bad in ["../a", "a/../../b", "/etc/passwd", "./a"] {
            assert!(inside(folder, bad).is_err(), "{bad}");
        }
    }
}
