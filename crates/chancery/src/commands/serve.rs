//! `chancery serve`.

use std::path::PathBuf;

use clap::Args;

use crate::config::meant::Meant;
use crate::config::typed::Typed;
use crate::output::Failure;
use crate::wiring;

/// Run the bus
#[derive(Args)]
pub struct Serve {
    /// A TOML file with these settings; environment and flags win over it
    #[arg(long, env = "CHANCERY_CONFIG")]
    config: Option<PathBuf>,
    #[command(flatten)]
    typed: Typed,
}

impl Serve {
    /// Serves until it is told to end.
    pub fn run(self) -> Result<(), Failure> {
        let file = self.config.as_deref().map(Typed::file).transpose()?.unwrap_or_default();
        wiring::serve(Meant::try_from(self.typed.over(file))?)
    }
}
