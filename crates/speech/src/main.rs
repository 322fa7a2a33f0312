//! `dragoman-speech`; see the library.

use std::process::ExitCode;

use clap::Parser;
use dragoman_service::config::Vars;
use dragoman_speech::{Cli, run};

#[tokio::main]
async fn main() -> anyhow::Result<ExitCode> {
    run(Cli::parse(), Vars::new(std::env::vars_os())).await
}
