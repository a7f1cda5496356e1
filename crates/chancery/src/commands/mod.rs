//! The verbs: a module each. All but `serve`, `verify`, `doctor` and `demo` speak HTTP to a bus.

mod agency;
mod agency_key;
mod audit;
mod consent;
mod consume;
mod contract;
mod dead_letters;
mod doctor;
mod environments;
mod erase;
mod export;
mod folder;
mod hold;
mod keys;
mod lint;
mod notices;
mod opening;
mod policy;
mod principal;
mod publish;
mod quarantine;
mod readings;
mod sealing;
mod serve;
mod subscription;
mod topic;
mod trace;
mod verify;

use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};

use crate::client::{Authorities, Client};
use crate::output::Failure;

/// Chancery, a government event bus: contracts before events, personal data under seal, everything provable.
#[derive(Parser)]
#[command(name = "chancery", version, about)]
pub struct Cli {
    #[command(flatten)]
    options: Options,
    #[command(subcommand)]
    verb: Verb,
}

/// What all verbs share.
#[derive(Args)]
pub struct Options {
    /// Where the bus is
    #[arg(long, global = true, env = "CHANCERY_URL", default_value = "http://127.0.0.1:8080")]
    url: String,
    /// Who calls: the token of a principal [default: ./chancery-data/operator.token, if it is there]
    #[arg(long, global = true, env = "CHANCERY_TOKEN", hide_env_values = true)]
    token: Option<String>,
    /// The authorities whose signature the bus's certificate must have, PEM [default: the public ones]
    #[arg(long, global = true, env = "CHANCERY_CA", value_name = "FILE", value_parser = Authorities::read)]
    ca: Option<Authorities>,
    /// JSON for programs instead of tables for people
    #[arg(long, global = true)]
    pub json: bool,
}

impl Options {
    /// A client of the bus.
    pub fn client(&self) -> Client {
        self.client_of(&self.url, None)
    }

    /// A client of the bus at `url`, with the token given or else that of all commands.
    pub fn client_of(&self, url: &str, token: Option<&String>) -> Client {
        let from_folder = || std::fs::read_to_string("chancery-data/operator.token").ok();
        let token = token.or(self.token.as_ref()).cloned().or_else(from_folder);
        let token = token.map(|token| token.trim().to_owned());
        match &self.ca {
            Some(authorities) => Client::trusting(url, token, authorities.clone()),
            None => Client::new(url, token),
        }
    }
}

#[derive(Subcommand)]
enum Verb {
    /// Run the bus
    Serve(Box<serve::Serve>),
    /// Agencies on the bus
    Agency(agency::Agency),
    /// Who may call
    Principal(principal::Principal),
    /// The beginning of a bus, when what the operator applies counts as approved
    Bootstrap(principal::Bootstrap),
    /// Topics
    Topic(topic::Topic),
    /// The versions of a topic's contract and their life
    Contract(contract::Contract),
    /// Who may read which topic, and how far they are
    Subscription(subscription::Subscription),
    /// Publish events from files or stdin
    Publish(publish::Publish),
    /// Print a subscription's next events, one CloudEvent a line
    Consume(consume::Consume),
    /// What was decided and concerns your agency
    Notices(notices::Notices),
    /// Events that a subscription could not process
    DeadLetters(dead_letters::DeadLetters),
    /// Say what a folder of governance files would change; exits 2 when something would
    Plan(folder::PlanFolder),
    /// Make a folder of governance files so, all of it or nothing
    Apply(folder::ApplyFolder),
    /// Say in which topics another bus differs from this one; exits 2 when any does
    Drift(environments::Drift),
    /// Bring topics with their contracts from one bus to another, such as from test to production
    Promote(environments::Promote),
    /// Write the bus down: AsyncAPI, Open Data Contract Standard, a catalogue, its governance folder
    Export(export::Export),
    /// What the standards forbid beyond the bus's own rules
    Policy(policy::Policy),
    /// The epochs of keys
    Keys(keys::Keys),
    /// Follow one affair across agencies, by an event's id
    Trace(trace::Trace),
    /// Erase a person: what the bus keeps about them becomes unreadable, for good
    Erase(erase::Erase),
    /// What people let agencies have
    Consent(consent::Consent),
    /// Legal holds: what must not be erased or deleted for the time being
    Hold(hold::Hold),
    /// Checkpoints, proofs, bundles, disclosures
    Audit(audit::Audit),
    /// Check an exported audit bundle or a certificate of erasure offline
    Verify(verify::Verify),
    /// Look over a data folder, read-only, while the bus is stopped
    Doctor(doctor::Doctor),
    /// A town's life on a bus of its own, in about a minute
    Demo(crate::demo::Demo),
}

/// Runs a parsed command line.
pub fn run(cli: Cli) -> Result<ExitCode, Failure> {
    let Cli { options, verb } = cli;
    let done = |result: Result<(), Failure>| result.map(|()| ExitCode::SUCCESS);
    match verb {
        Verb::Serve(verb) => done(verb.run()),
        Verb::Agency(verb) => done(verb.run(&options)),
        Verb::Principal(verb) => done(verb.run(&options)),
        Verb::Bootstrap(verb) => done(verb.run(&options)),
        Verb::Topic(verb) => done(verb.run(&options)),
        Verb::Contract(verb) => done(verb.run(&options)),
        Verb::Subscription(verb) => done(verb.run(&options)),
        Verb::Publish(verb) => verb.run(&options),
        Verb::Consume(verb) => done(verb.run(&options)),
        Verb::Notices(verb) => done(verb.run(&options)),
        Verb::DeadLetters(verb) => done(verb.run(&options)),
        Verb::Plan(verb) => verb.run(&options),
        Verb::Apply(verb) => done(verb.run(&options)),
        Verb::Drift(verb) => verb.run(&options),
        Verb::Promote(verb) => verb.run(&options),
        Verb::Export(verb) => done(verb.run(&options)),
        Verb::Policy(verb) => done(verb.run(&options)),
        Verb::Keys(verb) => done(verb.run(&options)),
        Verb::Trace(verb) => done(verb.run(&options)),
        Verb::Erase(verb) => done(verb.run(&options)),
        Verb::Consent(verb) => done(verb.run(&options)),
        Verb::Hold(verb) => done(verb.run(&options)),
        Verb::Audit(verb) => done(verb.run(&options)),
        Verb::Verify(verb) => done(verb.run(&options)),
        Verb::Doctor(verb) => done(verb.run(&options)),
        Verb::Demo(verb) => done(verb.run()),
    }
}
