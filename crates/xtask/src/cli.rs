//! The command line and its exit codes: 0 done, 1 failed, 2 something is not installed and may not be.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};

use crate::{bench, checks, compile, demo, doctor, flake, images, install, needs::Scope, rehearse, soak, up};

/// Exit code when a native library is missing and `--no-install` forbids installing it.
const NOT_INSTALLED: u8 = 2;

#[derive(Parser)]
#[command(
    name = "cargo xtask",
    bin_name = "cargo xtask",
    about = "Builds, runs and checks Dragoman",
    version
)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Start the whole stack and keep it running until Ctrl-C
    Up(up::Up),
    /// Send the talking test stream, or a file as a live source, to an RTMP URL
    Publish(up::Publish),
    /// Publish a live stream, dub it, measure it like a viewer and report
    Demo(demo::Demo),
    /// Install what the tests need, build once and run every test
    Test(checks::Test),
    /// Time the parts on this machine
    Bench(bench::Bench),
    /// Run two streams for hours and say whether anything grows, drifts or tears
    Soak(soak::Soak),
    /// Say what this machine has, what it lacks and how to get it
    Doctor(doctor::Doctor),
    /// Evaluate the Nix flake for every system, without its inputs and without a network
    Flake(flake::Flake),
    /// Make the container images from this build, for this machine's Docker
    Images(images::Images),
    /// Boot a streaming host in a container, publish to it, replace what it runs, and look for what breaks
    Rehearse(rehearse::Rehearse),
    /// Everything that continuous integration runs, each step timed
    Ci(checks::Ci),
}

/// Shared by the commands that need native libraries.
#[derive(Args, Clone, Copy)]
pub(crate) struct Installing {
    /// Print what has to be installed and stop with exit code 2, instead of installing it
    #[arg(long)]
    pub(crate) no_install: bool,
}

/// Shared by the commands that start the programs.
#[derive(Args, Clone, Copy)]
pub(crate) struct Starting {
    #[command(flatten)]
    installing: Installing,
    /// Build and install nothing: the programs are beside this one, with all that they need
    #[arg(long)]
    built: bool,
}

/// Which media router carries the streams.
#[derive(Args, Clone)]
pub(crate) struct Routing {
    /// Media router: the one in this repository, or a MediaMTX found on the PATH
    #[arg(long, value_enum, default_value_t = crate::stack::Router::Own)]
    pub(crate) router: crate::stack::Router,
}

/// What to send.
#[derive(Args, Clone)]
pub(crate) struct Input {
    /// Send this file, looped as a live source, instead of the talking test stream
    #[arg(long, value_name = "FILE")]
    pub(crate) input: Option<PathBuf>,
}

/// What the process is asked to do, done; the answer is its exit code.
pub fn run() -> ExitCode {
    let outcome = match Cli::parse().command {
        Command::Up(up) => up.run(),
        Command::Publish(publish) => publish.run(),
        Command::Demo(demo) => demo.run(),
        Command::Test(test) => test.run(),
        Command::Bench(bench) => bench.run(),
        Command::Soak(soak) => soak.run(),
        Command::Doctor(doctor) => doctor.run(),
        Command::Flake(flake) => flake.run(),
        Command::Images(images) => images.run(),
        Command::Rehearse(rehearse) => rehearse.run(),
        Command::Ci(ci) => ci.run(),
    };
    match outcome {
        Ok(code) => code,
        Err(error) => {
            eprintln!("error: {error:#}");
            match error.downcast_ref::<install::NotInstalled>() {
                Some(_) => ExitCode::from(NOT_INSTALLED),
                None => ExitCode::FAILURE,
            }
        }
    }
}

impl Starting {
    /// Puts in place what running needs and builds the programs, or fails with the command that would.
    pub(crate) fn ensure_binaries(self, models: bool) -> anyhow::Result<()> {
        if self.built {
            return Ok(());
        }
        install::ensure(Scope::Run, self.installing.no_install)?;
        compile::binaries(models)
    }
}

impl Installing {
    /// Puts in place what the tests need, or fails with the command that would.
    pub(crate) fn ensure_for_tests(self) -> anyhow::Result<()> {
        install::ensure_for_tests(self.no_install)
    }
}
