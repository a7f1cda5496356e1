//! `chancery verify`: an audit bundle, or a certificate of erasure, checked offline with nothing but the public key.

use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::PathBuf;

use audit::{Certificate, VerifierKey};
use clap::Args;

use super::Options;
use crate::output::{self, Failure};

/// Check an exported audit bundle or a certificate of erasure offline
#[derive(Args)]
pub struct Verify {
    /// What `chancery audit export` or `chancery erase certificate` wrote
    file: PathBuf,
    /// The public key (`chancery audit key`), or a file that holds it
    #[arg(long)]
    key: String,
    /// A file with checkpoints kept from earlier: the bundle must extend them
    #[arg(long)]
    previous: Vec<PathBuf>,
}

/// Findings that are printed; a broken bundle can have one per leaf.
const FINDINGS_SHOWN: usize = 20;

impl Verify {
    /// Runs it.
    pub fn run(self, options: &Options) -> Result<(), Failure> {
        let text = std::fs::read_to_string(&self.key).unwrap_or_else(|_| self.key.clone());
        let key = VerifierKey::parse(text.trim()).map_err(|error| {
            Failure::usage(format!("--key: {error}")).hint("chancery audit key prints it")
        })?;
        let mut kept = Vec::new();
        for path in &self.previous {
            kept.extend(notes(&std::fs::read_to_string(path)?));
        }
        let kept: Vec<&str> = kept.iter().map(String::as_str).collect();
        let file = File::open(&self.file)
            .map_err(|error| Failure::usage(format!("{}: {error}", self.file.display())))?;
        let mut file = BufReader::new(file);
        // A bundle's first line is JSON, a certificate's says what it is.
        if file.fill_buf()?.starts_with(audit::certificate::HEADER.as_bytes()) {
            return self.certificate(file, &key, options);
        }
        match audit::verify(file, &key, &kept) {
            Ok(report) => {
                match options.json {
                    true => {
                        output::json(&serde_json::json!({"verified": true, "report": report.to_string()}))
                    }
                    false => output::line(report),
                }
                Ok(())
            }
            Err(findings) => {
                findings.iter().take(FINDINGS_SHOWN).for_each(output::note);
                Err(Failure::new(format!(
                    "NOT VERIFIED: {} findings in {}",
                    findings.len(),
                    self.file.display()
                )))
            }
        }
    }
}

impl Verify {
    fn certificate(
        &self,
        mut file: BufReader<File>,
        key: &VerifierKey,
        options: &Options,
    ) -> Result<(), Failure> {
        let mut text = String::new();
        file.read_to_string(&mut text)?;
        let found = Certificate::verify(&text, key).map_err(|error| {
            Failure::new(format!("NOT VERIFIED: {}: {error}", self.file.display()))
                .hint("is it the key of the bus that wrote it, and is the file as it was written?")
        })?;
        if options.json {
            output::json(&serde_json::json!({"verified": true, "certificate": found}));
            return Ok(());
        }
        output::line(format_args!(
            "verified: erasure {} of bus {}, {} as of {}; asked by {}, agreed to by {}",
            found.erasure,
            found.bus,
            found.status,
            found.issued,
            found.asked.by,
            found.agreed.iter().map(|word| word.by.as_str()).collect::<Vec<_>>().join(", ")
        ));
        for part in &found.parts {
            let finality = match (&part.erased, &part.unreadable_in_every_copy) {
                (None, _) => String::new(),
                (Some(at), Some(turn)) => {
                    format!(" at {at}, unreadable in every copy since epoch {} at {}", turn.epoch, turn.at)
                }
                (Some(at), None) => {
                    format!(" at {at}; not in every copy yet")
                }
            };
            output::line(format_args!("{}: {}{finality}", part.agency, part.status));
        }
        for told in &found.told {
            let answer = match &told.answer {
                None => format!("no answer yet, due {}", told.answer_by),
                Some(answer) => match &answer.kept {
                    None => "deleted".to_owned(),
                    Some(ground) => format!("kept: {ground}"),
                },
            };
            output::line(format_args!("{} was handed {} events: {answer}", told.agency, told.events));
        }
        Ok(())
    }
}

/// Splits a file of signed notes, one after the other: each is a text, an empty line, and signature lines.
fn notes(text: &str) -> Vec<String> {
    let mut notes: Vec<String> = Vec::new();
    let mut current = String::new();
    let mut signed = false;
    for line in text.lines() {
        let is_signature = line.starts_with('\u{2014}');
        if signed && !is_signature {
            notes.push(std::mem::take(&mut current));
            signed = false;
            if line.is_empty() {
                continue;
            }
        }
        current += line;
        current += "\n";
        signed |= is_signature;
    }
    if signed {
        notes.push(current);
    }
    notes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn notes_that_follow_one_another_are_told_apart() {
        let note = "bus/standard\n1\nroot=\n\n— bus sig\n";
        for text in [format!("{note}{note}"), format!("{note}\n{note}\n")] {
            assert_eq!(notes(&text), [note, note]);
        }
        assert!(notes("nothing signed\n").is_empty());
    }
}
