//! The pages' tours give the output that they show: each command is run by a shell as it stands there, and what it prints
//! is compared, where `…` stands for anything within a line.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking, in its helpers too")]

mod support;

use std::fs;
use std::path::Path;
use std::process::Command;

use support::{Server, stderr, stdout};

const README: &str = include_str!("../../../README.md");
const WALK: &str = include_str!("../../../docs/walkthrough.md");

const STANDARDS: &str = include_str!("../../../docs/standards.md");

/// A command and the lines that must follow.
struct Step {
    command: String,
    shown: Vec<String>,
}

fn tour(page: &str) -> Vec<Step> {
    let mut steps: Vec<Step> = Vec::new();
    for block in page.split("```console\n").skip(1) {
        for line in block.split("```").next().unwrap_or_default().lines() {
            match line.strip_prefix("$ ") {
                Some(command) => steps.push(Step { command: command.to_owned(), shown: Vec::new() }),
                None => steps.last_mut().unwrap().shown.push(line.to_owned()),
            }
        }
    }
    steps
}

/// Whether a line is what the page shows.
fn fits(shown: &str, said: &str) -> bool {
    let mut parts = shown.split('…');
    let Some(mut rest) = said.strip_prefix(parts.next().unwrap_or_default()) else { return false };
    let mut last = "";
    for part in parts {
        let Some(at) = rest.find(part) else { return false };
        (rest, last) = (&rest[at + part.len()..], part);
    }
    rest.is_empty() || (last.is_empty() && shown.contains('…'))
}

/// The examples beside an empty place for the bus's data.
fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap().map(Result::unwrap) {
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &target)
        } else {
            _ = fs::copy(entry.path(), target).unwrap()
        }
    }
}

#[test]
fn the_tour_of_the_readme_gives_the_output_that_it_shows() {
    walk(README);
}

#[test]
fn the_walk_through_the_life_of_a_contract_gives_the_output_that_it_shows() {
    walk(WALK);
}

#[test]
fn the_page_about_standards_gives_the_output_that_it_shows() {
    walk(STANDARDS);
}

/// Walks a page on a bus of its own.
fn walk(page: &str) {
    let folder = tempfile::tempdir().unwrap();
    copy(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples"), &folder.path().join("examples"));
    let server = Server::start(&folder.path().join("chancery-data"));
    let address = server.url.trim_start_matches("http://").to_owned();
    let binaries = Path::new(env!("CARGO_BIN_EXE_chancery")).parent().unwrap();
    // One shell for all, so that its variables last; a mark before each command tells whose output is whose.
    let mut script =
        format!("exec 2>&1; export PATH={}:$PATH CHANCERY_URL={}\n", binaries.display(), server.url);
    let steps = tour(page);
    assert!(steps.len() > 12, "the tour is not found");
    for step in &steps {
        let is_ours = step.command.starts_with("chancery serve") || step.command.starts_with("export PATH");
        let command = if is_ours { "true" } else { &step.command };
        script += &format!("echo '== next'\n{}\n", command.replace("127.0.0.1:8080", &address));
    }
    let ran = Command::new("bash").args(["-c", &script]).current_dir(folder.path()).output().unwrap();
    let said = stdout(&ran);
    let said: Vec<&str> = said.split("== next\n").skip(1).collect();
    assert_eq!(said.len(), steps.len(), "{}{}", stdout(&ran), stderr(&ran));
    for (step, said) in steps.iter().zip(said) {
        if step.command.starts_with("chancery serve") {
            continue;
        }
        let lines: Vec<&str> =
            said.lines().filter(|line| !line.is_empty() || step.shown.contains(&String::new())).collect();
        let same = lines.len() == step.shown.len()
            && step.shown.iter().zip(&lines).all(|(shown, said)| fits(shown, said));
        assert!(same, "$ {}\nshown:\n{}\nsaid:\n{said}", step.command, step.shown.join("\n"));
    }
}

#[test]
fn what_does_not_fit_is_seen() {
    assert!(fits("ready in … ms", "ready in 12 ms") && fits("a …", "a b") && fits("same", "same"));
    assert!(
        !fits("ready in … ms", "ready in 12 s") && !fits("same", "same thing") && !fits("a … b", "a x c")
    );
}
