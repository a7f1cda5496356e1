//! `chancery agency key`: the keys that an agency opens with what producers sealed for it. They are made here, and only
//! their public half goes to the bus.

use std::fs::OpenOptions;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use contract::AgencyName;
use end_to_end::{PrivateKey, PublicKey};
use serde_json::json;

use super::Options;
use crate::client::segment;
use crate::output::{self, Failure, rows};

/// The keys of an agency, for which producers seal what not even the bus may open
#[derive(Args)]
pub struct Key {
    #[command(subcommand)]
    act: Act,
}

#[derive(Subcommand)]
enum Act {
    /// Make a key on this machine: the private half goes to a file, the public one is printed. Asks no bus
    New {
        agency: String,
        /// The private key's file, readable for you alone; it must not be there yet
        #[arg(long, value_name = "FILE")]
        out: PathBuf,
    },
    /// Publish a public key, as the agency's data protection officer or steward
    Publish {
        agency: String,
        /// As it was printed: e2e-public1.…
        public_key: String,
    },
    /// An agency's keys
    List { agency: String },
    /// End a key: nothing is sealed for it any more. Keep its file as long as older events are read
    Retire {
        agency: String,
        /// The key's id
        key: String,
        #[arg(long)]
        reason: String,
    },
}

impl Key {
    /// Runs it.
    pub fn run(self, options: &Options) -> Result<(), Failure> {
        let (command, done) = match self.act {
            Act::New { agency, out } => return new(options, &agency, &out),
            Act::List { agency } => return list(options, &agency),
            Act::Publish { agency, public_key } => {
                let key = public_key.trim().parse::<PublicKey>().map_err(|error| {
                    // What was given may be a private key: it is not repeated, and does not leave this machine.
                    Failure::usage(format!("what is to be published is {error}"))
                })?;
                let done =
                    format!("{agency} published the key {}; producers seal for it from now on", key.id());
                (
                    json!({"command": "publish-sealing-key", "agency": agency, "public_key": key.to_string()}),
                    done,
                )
            }
            Act::Retire { agency, key, reason } => {
                let done = format!("nothing is sealed for the key {key} of {agency} any more");
                (
                    json!({"command": "retire-sealing-key", "agency": agency, "key": key, "reason": reason}),
                    done,
                )
            }
        };
        let answer = options.client().govern(command)?;
        match options.json {
            true => output::json(&answer),
            false => output::line(done),
        }
        Ok(())
    }
}

fn new(options: &Options, agency: &str, out: &Path) -> Result<(), Failure> {
    let agency: AgencyName = agency.parse().map_err(|error| Failure::usage(format!("{error}")))?;
    let key = PrivateKey::generate().map_err(|error| Failure::new(error.to_string()))?;
    let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(out);
    file.and_then(|mut file| {
        file.write_all(key.to_file(agency.as_str()).as_bytes())?;
        file.sync_all()
    })
    .map_err(|error| Failure::usage(format!("{}: {error}", out.display())))?;
    let (id, public) = (key.id(), key.public());
    match options.json {
        true => {
            output::json(
                &json!({"agency": agency.as_str(), "key": id.to_string(), "public_key": public.to_string()}),
            );
        }
        false => {
            output::line(public);
            output::note(format_args!(
                "the private half of the key {id} is in {}: keep a copy, nobody else has it; then: chancery agency \
                 key publish {agency} {public}",
                out.display()
            ));
        }
    }
    Ok(())
}

fn list(options: &Options, agency: &str) -> Result<(), Failure> {
    let answer = options.client().get(&format!("/v1/agencies/{}/sealing-keys", segment(agency)))?;
    if options.json {
        output::json(&answer);
        return Ok(());
    }
    let found = rows(&answer["keys"], ["/key", "/since", "/published_by", "/retired/at", "/retired/reason"]);
    output::table(
        ["KEY", "SINCE", "PUBLISHED BY", "RETIRED", "WHY"],
        &found,
        "no keys yet: chancery agency key new makes one",
    );
    Ok(())
}
