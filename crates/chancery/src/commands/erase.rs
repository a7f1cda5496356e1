//! `chancery erase`: a person's data made unreadable, for good.

use std::fs::File;
use std::io::{IsTerminal, Read};
use std::path::PathBuf;

use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::Options;
use crate::client::{Client, segment};
use crate::output::{self, Failure, cell, rows};

/// Erase a person: what the bus keeps about them becomes unreadable, for good
#[derive(Args)]
pub struct Erase {
    #[command(subcommand)]
    act: Act,
}

#[derive(Subcommand)]
enum Act {
    /// Ask for it. The person's identifier is read from a file, stdin or a prompt, never from the arguments: those are seen
    /// by everybody on the machine, and stay in the shell's history
    Request {
        #[command(flatten)]
        subject: SubjectFile,
        /// Why, and by which law. It is kept and told to others: do not name the person
        #[arg(long)]
        reason: String,
    },
    /// The erasures that concern you
    List,
    /// One of them: what it waits for, who was told, what they answered
    Show { id: String },
    /// Agree, as another person than who asked; what nothing stands in the way of is erased at once
    Approve { id: String },
    /// Decline it for your agency; as an operator for all
    Decline {
        id: String,
        #[arg(long)]
        reason: String,
    },
    /// Take it back, as who asked
    Withdraw {
        id: String,
        #[arg(long)]
        reason: String,
    },
    /// Say what your agency did with the events that it was handed
    Acknowledge(Acknowledge),
    /// Every event about the person that your agency was handed
    References { id: String },
    /// The signed certificate; `chancery verify FILE --key KEY` checks it offline
    Certificate {
        id: String,
        /// Where to
        #[arg(long, value_name = "FILE")]
        out: PathBuf,
    },
}

/// How many erasures or holds are asked for at once.
const PAGE: usize = 1_000;

/// Where a person's identifier is read from.
#[derive(Args)]
pub struct SubjectFile {
    /// A file that holds the identifier as contracts' subject pointers do; `-` for stdin [default: a prompt on a terminal]
    #[arg(long, value_name = "FILE")]
    subject_file: Option<PathBuf>,
}

impl SubjectFile {
    /// The identifier, without the line's end.
    pub fn read(&self) -> Result<String, Failure> {
        let mut text = String::new();
        match &self.subject_file {
            Some(file) if file.as_os_str() != "-" => {
                let open = File::open(file).and_then(|mut file| file.read_to_string(&mut text));
                open.map_err(|error| Failure::usage(format!("{}: {error}", file.display())))?;
            }
            Some(_) => drop(std::io::stdin().read_to_string(&mut text)?),
            None if std::io::stdin().is_terminal() => {
                output::note("the person's identifier:");
                std::io::stdin().read_line(&mut text)?;
            }
            None => {
                return Err(Failure::usage(
                    "whom? --subject-file FILE names a file with the identifier, - is stdin",
                )
                .hint("the arguments of a command are seen by everybody on the machine"));
            }
        }
        identifier(&text)
    }
}

/// What a file or a prompt gives, without one line's end. Anything else around an identifier would make another one of it.
fn identifier(text: &str) -> Result<String, Failure> {
    let line = text.strip_suffix('\n').map(|line| line.strip_suffix('\r').unwrap_or(line)).unwrap_or(text);
    if line.starts_with('\u{feff}') {
        return Err(Failure::usage(
            "the person's identifier begins with a byte order mark, which is no part of it",
        )
        .hint("save the file as UTF-8 without one"));
    }
    Ok(line.to_owned())
}

#[derive(Args)]
struct Acknowledge {
    id: String,
    /// For which agency [default: yours]
    #[arg(long)]
    agency: Option<String>,
    #[command(flatten)]
    done: Done,
}

#[derive(Args)]
#[group(required = true, multiple = false)]
struct Done {
    /// They are deleted
    #[arg(long)]
    deleted: bool,
    /// They are kept, on this legal ground
    #[arg(long, value_name = "GROUND")]
    kept: Option<String>,
}

impl Erase {
    /// Runs it.
    pub fn run(self, options: &Options) -> Result<(), Failure> {
        let client = options.client();
        let answer = match self.act {
            Act::List => return list(&client, options),
            Act::References { id } => return references(&client, options, &id),
            Act::Certificate { id, out } => return certificate(&client, &id, &out),
            Act::Request { subject, reason } => {
                client.post("/v1/erasures", &json!({"subject": subject.read()?, "reason": reason}))?
            }
            Act::Show { id } => client.get(&path(&id, ""))?,
            Act::Approve { id } => client.post(&path(&id, "/approve"), &json!({}))?,
            Act::Decline { id, reason } => {
                client.post(&path(&id, "/decline"), &json!({ "reason": reason }))?
            }
            Act::Withdraw { id, reason } => {
                client.post(&path(&id, "/withdraw"), &json!({ "reason": reason }))?
            }
            Act::Acknowledge(Acknowledge { id, agency, done }) => {
                let mut body = json!({ "kept": done.kept.filter(|_| !done.deleted) });
                if let Some(agency) = agency {
                    body["agency"] = agency.into();
                }
                client.post(&path(&id, "/acknowledge"), &body)?
            }
        };
        match options.json {
            true => output::json(&answer),
            false => show(&answer),
        }
        Ok(())
    }
}

fn path(id: &str, what: &str) -> String {
    format!("/v1/erasures/{}{what}", segment(id))
}

/// All of a list that comes page by page, the newest first.
pub fn all_of(client: &Client, what: &str) -> Result<Value, Failure> {
    let (mut all, mut before) = (Vec::new(), String::new());
    loop {
        let mut answer = client.get(&format!("/v1/{what}?limit={PAGE}{before}"))?;
        all.extend(answer[what].as_array_mut().into_iter().flat_map(std::mem::take));
        match answer["before"].as_str() {
            Some(name) => before = format!("&before={}", segment(name)),
            None => return Ok(json!({ what: all })),
        }
    }
}

fn list(client: &Client, options: &Options) -> Result<(), Failure> {
    let answer = all_of(client, "erasures")?;
    if options.json {
        output::json(&answer);
        return Ok(());
    }
    let found = rows(&answer["erasures"], ["/erasure", "/status", "/asked/by", "/asked/at", "/reason"]);
    output::table(["ERASURE", "STATUS", "ASKED BY", "AT", "REASON"], &found, "no erasures that concern you");
    Ok(())
}

fn references(client: &Client, options: &Options, id: &str) -> Result<(), Failure> {
    let answer = client.get(&path(id, "/references"))?;
    if options.json {
        output::json(&answer);
        return Ok(());
    }
    let fields = ["/topic", "/partition", "/offset", "/id", "/subscription", "/handed_at"];
    let found = rows(&answer["references"], fields);
    let head = ["TOPIC", "PARTITION", "OFFSET", "ID", "SUBSCRIPTION", "HANDED AT"];
    output::table(head, &found, "your agency was handed none");
    Ok(())
}

fn certificate(client: &Client, id: &str, out: &std::path::Path) -> Result<(), Failure> {
    let answer = client.send("GET", &path(id, "/certificate"), "", None)?.good()?;
    std::fs::write(out, &answer.body).map_err(|error| Failure::new(format!("{}: {error}", out.display())))?;
    output::line(format_args!(
        "{}: chancery verify {0} --key KEY checks it; chancery audit key prints the key",
        out.display()
    ));
    Ok(())
}

fn line(name: &str, text: impl std::fmt::Display) {
    output::line(format_args!("{name:12} {text}"));
}

/// An erasure for people.
fn show(erasure: &Value) {
    line("erasure", cell(&erasure["erasure"]));
    line("status", cell(&erasure["status"]));
    if !erasure["reason"].is_null() {
        line("reason", cell(&erasure["reason"]));
        line("asked by", said(&erasure["asked"]));
        items(&erasure["agreed"]).for_each(|word| line("agreed", said(word)));
    }
    for part in items(&erasure["parts"]) {
        let when = [&part["erased_at"], &part["ended"]["at"]].map(cell).join("");
        line("part", format_args!("{} {} {when}", cell(&part["agency"]), cell(&part["status"])));
        items(&part["waits"]).for_each(|wait| line("", format_args!("waits: {}", cell(wait))));
        if !part["ended"].is_null() {
            line("", format_args!("{}: {}", cell(&part["ended"]["by"]), cell(&part["ended"]["reason"])));
        }
    }
    for told in items(&erasure["told"]) {
        let events: u64 = items(&told["handed"]).filter_map(|one| one["events"].as_u64()).sum();
        let answer = &told["answer"];
        let answered = match (answer.is_null(), answer["kept"].as_str()) {
            (true, _) if told["overdue"] == true => "no answer, overdue".to_owned(),
            (true, _) => format!("no answer yet, due {}", cell(&told["answer_by"])),
            (false, None) => format!("deleted, says {}", cell(&answer["by"])),
            (false, Some(ground)) => format!("kept, says {}: {ground}", cell(&answer["by"])),
        };
        line("told", format_args!("{} of {events} events: {answered}", cell(&told["agency"])));
    }
}

fn items(list: &Value) -> impl Iterator<Item = &Value> {
    list.as_array().into_iter().flatten()
}

fn said(word: &Value) -> String {
    let (by, at, of) = (cell(&word["by"]), cell(&word["at"]), cell(&word["for"]));
    if of.is_empty() { format!("{by} at {at}") } else { format!("{by} for {of} at {at}") }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test that cannot go on says where")]
mod tests {
    use super::*;

    #[test]
    fn one_lines_end_is_left_out_and_a_byte_order_mark_refused() {
        let read = |text: &str| identifier(text).unwrap();
        assert_eq!([read("P1"), read("P1\n"), read("P1\r\n")], ["P1", "P1", "P1"]);
        assert_eq!([read("P1\n\n"), read(" P1 \n")], ["P1\n", " P1 "], "the bus refuses them");
        let refused = identifier("\u{feff}P1\n").unwrap_err();
        assert!(!format!("{refused:?}").contains("P1"), "{refused:?}");
    }
}
