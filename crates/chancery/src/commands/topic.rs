//! `chancery topic`.

use clap::{Args, Subcommand};

use super::Options;
use crate::client::segment;
use crate::output::{self, Failure, rows};

/// Topics
#[derive(Args)]
pub struct Topic {
    #[command(subcommand)]
    act: Act,
}

#[derive(Subcommand)]
enum Act {
    /// All topics. New ones come by `chancery apply`, with their contract
    List,
    /// One topic
    Show { topic: String },
}

impl Topic {
    /// Runs it.
    pub fn run(self, options: &Options) -> Result<(), Failure> {
        let client = options.client();
        let Act::Show { topic } = self.act else {
            let answer = client.get("/v1/topics")?;
            if options.json {
                return {
                    output::json(&answer);
                    Ok(())
                };
            }
            let fields = ["/topic", "/owner", "/steward", "/latency", "/retention", "/partitions", "/active"];
            let found = rows(&answer["topics"], fields);
            let head = ["TOPIC", "OWNER", "STEWARD", "LATENCY", "KEPT", "PARTITIONS", "ACTIVE"];
            return {
                let _: () = output::table(head, &found, "no topics yet: chancery apply DIR brings the first");
                Ok(())
            };
        };
        let answer = client.get(&format!("/v1/topics/{}", segment(&topic)))?;
        if options.json {
            return {
                output::json(&answer);
                Ok(())
            };
        }
        for field in [
            "topic",
            "description",
            "owner",
            "steward",
            "deputy",
            "legal_basis",
            "latency",
            "partitions",
            "retention",
            "key",
            "created_at",
            "active",
        ] {
            output::line(format_args!("{:12} {}", field.replace('_', " "), output::cell(&answer[field])));
        }
        Ok(())
    }
}
