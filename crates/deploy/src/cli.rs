//! The command line and its exit codes: 0 done, 1 failed, 64 the file or the call is not right.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};

use crate::commands;
use crate::secrets::NAMES;

/// As the services say bad configuration.
const USAGE: u8 = 64;
const EXAMPLE: &str = include_str!("../deploy.example.toml");

#[derive(Parser)]
#[command(
    name = "dragoman-deploy",
    about = "Puts Dragoman into production: streams on EC2, speech on a rented GPU",
    long_about = "Puts Dragoman into production: streams on EC2, speech on a rented GPU.\n\nThere is no state file: what \
        exists is found by name at the providers, so that every command can be run again, also after it was killed. AWS \
        credentials are those of the `aws` client; RUNPOD_API_KEY or RUNPOD_API_KEY_FILE is RunPod's key.",
    version
)]
struct Cli {
    /// What the deployment is to be
    #[arg(long, global = true, default_value = "deploy.toml", value_name = "FILE")]
    file: PathBuf,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Write a deployment's file to start from to stdout
    Example,
    /// Say what `up` would change, what it costs an hour and what is missing; changes nothing
    Plan,
    /// Make everything as the file says, and wait until a stream can be dubbed
    Up(Up),
    /// Say what runs, whether it is what was released, and where to publish and to watch
    Status,
    /// Print the last log lines of a host
    Logs(Logs),
    /// Give a key a new value, and every host that uses it
    RotateKey(RotateKey),
    /// Take everything away that costs money, but volumes
    Down(Down),
}

/// `up`.
#[derive(Args)]
pub(crate) struct Up {
    /// Put the release on air at once, and say which streams that cuts
    #[arg(long)]
    pub(crate) now: bool,
    /// Start a new speech host, move all streams to it once it is warm, then delete the old one
    #[arg(long)]
    pub(crate) replace_gpu: bool,
}

/// `logs`.
#[derive(Args)]
pub(crate) struct Logs {
    /// Which host
    #[arg(value_enum, default_value_t = Of::Streams)]
    pub(crate) of: Of,
    /// How many lines
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub(crate) lines: u32,
}

/// A host.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Of {
    Streams,
    Speech,
}

/// `rotate-key`.
#[derive(Args)]
pub(crate) struct RotateKey {
    /// Which key
    #[arg(value_parser = clap::builder::PossibleValuesParser::new(NAMES.iter().map(|(name, _)| *name)))]
    pub(crate) name: String,
    /// Read the new value from this file, `-` is stdin; without it a random one is made
    #[arg(long, value_name = "FILE")]
    pub(crate) from: Option<PathBuf>,
}

/// `down`.
#[derive(Args)]
pub(crate) struct Down {
    /// Delete the volumes too: recordings, what was said, models
    #[arg(long)]
    pub(crate) delete_data: bool,
    /// Do not ask
    #[arg(long)]
    pub(crate) yes: bool,
}

/// What the process is asked to do, done; the answer is its exit code.
#[must_use]
pub fn run() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            // Help and version are no errors. A closed stdout has nobody to be told.
            let _ = error.print();
            return match error.use_stderr() {
                true => ExitCode::from(USAGE),
                false => ExitCode::SUCCESS,
            };
        }
    };
    if matches!(cli.command, Command::Example) {
        print!("{EXAMPLE}");
        return ExitCode::SUCCESS;
    }
    let deployment = match commands::Deploying::read(&cli.file) {
        Ok(deployment) => deployment,
        Err(error) => {
            eprintln!("error: {error:#}");
            return ExitCode::from(USAGE);
        }
    };
    let done = match cli.command {
        Command::Example => Ok(()),
        Command::Plan => deployment.plan(),
        Command::Up(up) => deployment.up(&up),
        Command::Status => deployment.status(),
        Command::Logs(logs) => deployment.logs(&logs),
        Command::RotateKey(rotate) => deployment.rotate_key(&rotate),
        Command::Down(down) => deployment.down(&down),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}
