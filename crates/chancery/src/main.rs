//! The binary: the bus (`serve`) and the command line that speaks to it over HTTP.

#![allow(
    rustdoc::broken_intra_doc_links,
    reason = "arguments' comments are help texts: [default: …] is no link"
)]

mod client;
mod commands;
mod config;
mod demo;
mod kms;
mod notices;
mod output;
mod wiring;

use std::process::ExitCode;

use clap::Parser;
use clap::error::ErrorKind;

/// Events are allocated by the threads that read them and freed by those that seal them, which glibc's allocator pays
/// with locks: `./dev bench publish` is a tenth faster with this one.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let cli = match commands::Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            // Writing help to a closed terminal fails, and then there is nobody to tell.
            let _ = error.print();
            return match error.kind() {
                ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => ExitCode::SUCCESS,
                _ => ExitCode::from(64),
            };
        }
    };
    match commands::run(cli) {
        Ok(code) => code,
        Err(failure) => {
            output::error(&failure);
            ExitCode::from(failure.code)
        }
    }
}
