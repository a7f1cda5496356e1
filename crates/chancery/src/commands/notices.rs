//! `chancery notices`.

use clap::{Args, Subcommand};
use serde_json::Value;

use super::Options;
use crate::client::segment;
use crate::output::{self, Failure, cell};

/// What was decided and concerns your agency
#[derive(Args)]
pub struct Notices {
    #[command(subcommand)]
    act: Option<Act>,
    /// Another agency than yours [default: yours; for operators and regulators, all]
    #[arg(long, global = true)]
    agency: Option<String>,
    /// At most so many, the latest
    #[arg(long, default_value_t = 20)]
    max: usize,
}

#[derive(Subcommand)]
enum Act {
    /// What notices to the agency's webhook are signed with
    Secret,
}

impl Notices {
    /// Runs it.
    pub fn run(self, options: &Options) -> Result<(), Failure> {
        let client = options.client();
        let agency = self.agency.as_deref().map(|agency| format!("agency={}", segment(agency)));
        if let Some(Act::Secret) = self.act {
            let query = agency.map(|agency| format!("?{agency}")).unwrap_or_default();
            let answer = client.get(&format!("/v1/notices/secret{query}"))?;
            match options.json {
                true => output::json(&answer),
                false => output::line(cell(&answer["secret"])),
            }
            return Ok(());
        }
        let query = agency.map(|agency| format!("&{agency}")).unwrap_or_default();
        let answer = client.get(&format!("/v1/notices?max={}{query}", self.max))?;
        if options.json {
            output::json(&answer);
            return Ok(());
        }
        let found: Vec<[String; 3]> = answer["notices"].as_array().into_iter().flatten().map(row).collect();
        output::table(["AT", "NOTICE", "WANTED"], &found, "no notices");
        Ok(())
    }
}

fn row(notice: &Value) -> [String; 3] {
    let asks = notice["asks"].as_array().into_iter().flatten();
    let wanted = asks.map(|ask| {
        let by = ask["by"].as_str().map(|by| format!(" by {by}")).unwrap_or_default();
        format!("{} of {}{by}", cell(&ask["wanted"]), cell(&ask["agency"]))
    });
    [cell(&notice["at"]), cell(&notice["text"]), wanted.collect::<Vec<_>>().join(", ")]
}
