//! `chancery principal`, `chancery bootstrap`.

use clap::{Args, Subcommand};
use serde_json::json;

use super::Options;
use crate::client::segment;
use crate::output::{self, Failure, rows};

/// Who may call
#[derive(Args)]
pub struct Principal {
    #[command(subcommand)]
    act: Act,
}

#[derive(Subcommand)]
enum Act {
    /// All principals
    List,
    /// Create a principal and print its token, once
    Create {
        /// name@agency
        principal: String,
        /// Its agency [default: the one behind the @]
        #[arg(long)]
        agency: Option<String>,
        /// operator, steward, producer, consumer, regulator or dpo; may be given more than once
        #[arg(long = "role", required = true)]
        roles: Vec<String>,
    },
    /// Issue a new token and print it, once; the former one ends
    Token {
        /// name@agency
        principal: String,
    },
    /// Let a colleague speak for a principal that is away, until a day
    Delegate {
        /// Who is away: yourself, unless you are an operator
        principal: String,
        /// Who speaks meanwhile
        #[arg(long)]
        to: String,
        /// The first day on which it does not hold any more (YYYY-MM-DD)
        #[arg(long)]
        until: String,
        /// Why; it is kept
        #[arg(long)]
        reason: String,
    },
    /// End a delegation: the principal is back
    Back {
        /// name@agency
        principal: String,
    },
    /// End a principal and its token
    Disable {
        /// name@agency
        principal: String,
    },
}

impl Principal {
    /// Runs it.
    pub fn run(self, options: &Options) -> Result<(), Failure> {
        let client = options.client();
        let made = match self.act {
            Act::List => {
                let answer = client.get("/v1/principals")?;
                if options.json {
                    return {
                        output::json(&answer);
                        Ok(())
                    };
                }
                let fields = ["/principal", "/roles", "/has_token", "/disabled", "/speaks_for_it"];
                let found = rows(&answer["principals"], fields);
                return {
                    let _: () = output::table(
                        ["PRINCIPAL", "ROLES", "TOKEN", "DISABLED", "AWAY, SPEAKS FOR IT"],
                        &found,
                        "no principals yet",
                    );
                    Ok(())
                };
            }
            Act::Create { principal, agency, roles } => client
                .post("/v1/principals", &json!({"principal": principal, "agency": agency, "roles": roles}))?,
            Act::Token { principal } => {
                client.post(&format!("/v1/principals/{}/token", segment(&principal)), &json!({}))?
            }
            Act::Delegate { principal, to, until, reason } => {
                client.govern(json!({
                    "command": "give-delegation", "principal": principal, "to": to, "until": until, "reason": reason,
                }))?;
                return {
                    let _: () = output::line(format_args!("{to} speaks for {principal} until {until}"));
                    Ok(())
                };
            }
            Act::Back { principal } => {
                client.govern(json!({"command": "end-delegation", "principal": principal}))?;
                return {
                    let _: () = output::line(format_args!("{principal} speaks for itself alone again"));
                    Ok(())
                };
            }
            Act::Disable { principal } => {
                client.govern(json!({"command": "disable-principal", "principal": principal}))?;
                return {
                    let _: () = output::line(format_args!("{principal} is disabled; its token has ended"));
                    Ok(())
                };
            }
        };
        match options.json {
            true => output::json(&made),
            false => {
                output::note(format_args!("token of {}, shown this once:", output::cell(&made["principal"])));
                output::line(output::cell(&made["token"]));
            }
        }
        Ok(())
    }
}

/// The beginning of a bus
#[derive(Args)]
pub struct Bootstrap {
    #[command(subcommand)]
    act: BootstrapAct,
}

#[derive(Subcommand)]
enum BootstrapAct {
    /// From now on the standards' approvals hold for everybody
    Close,
}

impl Bootstrap {
    /// Runs it.
    pub fn run(self, options: &Options) -> Result<(), Failure> {
        let BootstrapAct::Close = self.act;
        options.client().govern(json!({"command": "close-bootstrap"}))?;
        output::line("the bootstrap is closed: from now on owners and data protection officers approve");
        Ok(())
    }
}
