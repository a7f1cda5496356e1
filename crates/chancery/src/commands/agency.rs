//! `chancery agency`.

use clap::{Args, Subcommand};
use serde_json::json;

use super::Options;
use crate::client::segment;
use crate::output::{self, Failure, rows};

/// Agencies on the bus
#[derive(Args)]
pub struct Agency {
    #[command(subcommand)]
    act: Act,
}

#[derive(Subcommand)]
enum Act {
    /// All agencies
    List,
    /// One agency
    Show { agency: String },
    /// Register an agency
    Register {
        agency: String,
        /// Its name for people
        #[arg(long)]
        name: String,
        /// The law that it acts on
        #[arg(long)]
        mandate: String,
        /// Where to reach it
        #[arg(long = "contact", required = true)]
        contacts: Vec<String>,
        /// Where to reach its data protection officer
        #[arg(long)]
        dpo: String,
        /// A prefix that its events' source may have; none: any
        #[arg(long = "source")]
        sources: Vec<String>,
    },
}

impl Agency {
    /// Runs it.
    pub fn run(self, options: &Options) -> Result<(), Failure> {
        let client = options.client();
        match self.act {
            Act::List => {
                let answer = client.get("/v1/agencies")?;
                if options.json {
                    return {
                        output::json(&answer);
                        Ok(())
                    };
                }
                let found = rows(&answer["agencies"], ["/agency", "/name", "/mandate", "/sources"]);
                output::table(["AGENCY", "NAME", "MANDATE", "SOURCES"], &found, "no agencies yet");
            }
            Act::Show { agency } => output::json(&client.get(&format!("/v1/agencies/{}", segment(&agency)))?),
            Act::Register { agency, name, mandate, contacts, dpo, sources } => {
                let answer = client.govern(json!({
                    "command": "register-agency", "agency": agency, "name": name, "mandate": mandate,
                    "contacts": contacts, "dpo": dpo, "sources": sources,
                }))?;
                match options.json {
                    true => output::json(&answer),
                    false => output::line(format_args!("agency {agency} is registered")),
                }
            }
        }
        Ok(())
    }
}
