//! `bench`: how fast the parts are on this machine, as tables and as JSON.

mod figures;
mod goals;
mod machine;
mod speech;
mod streams;

use std::process::ExitCode;

use anyhow::Result;
use clap::{Args, Subcommand};

/// `cargo xtask bench`.
#[derive(Args)]
pub(crate) struct Bench {
    #[command(subcommand)]
    kind: Kind,
}

#[derive(Subcommand)]
enum Kind {
    /// The models of real speech with full-size random weights, against candle's own and the original Python
    Speech(speech::Speech),
    /// How many streams one core and this machine hold, what each costs, and what plain copies of them cost
    Streams(streams::Streams),
}

impl Bench {
    pub(crate) fn run(self) -> Result<ExitCode> {
        match self.kind {
            Kind::Speech(speech) => speech.run(),
            Kind::Streams(streams) => streams.run(),
        }
    }
}
