//! `chancery demo`: a town's life on a bus of its own, through public routes only, every figure checked.
//!
//! A chapter is a function: it does something any agency could do, prints it, and fails the demo where what it sees
//! is not what must be. `town` makes the events (pure, seeded), `server` is the bus as a child process, `offices` the
//! agencies' services, `life` their work side by side, `chapters` the story, `forgotten` one
//! of its chapters.

mod chapters;
mod forgotten;
mod life;
mod offices;
mod server;
mod story;
mod town;

use clap::Args;

use crate::output::Failure;

/// A town's life on a bus of its own, in about a minute
#[derive(Args)]
pub struct Demo {
    /// Keep the bus running at the end, and say where
    #[arg(long)]
    stay: bool,
    /// Another seed is another town
    #[arg(long, default_value_t = 2026)]
    seed: u64,
    /// Births in the town's year; everything else follows from them
    #[arg(long, default_value_t = 1200)]
    births: usize,
}

impl Demo {
    /// Runs it; an error is a promise that did not hold.
    pub fn run(self) -> Result<(), Failure> {
        chapters::tell(self.seed, self.births.max(20), self.stay)
    }
}
