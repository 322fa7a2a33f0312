//! `test` and `ci`.

use std::path::PathBuf;
use std::process::{Command, ExitCode};
use std::time::Instant;

use anyhow::{Context, Result, bail};
use clap::Args;
use serde_json::Value;

use crate::cli::Installing;
use crate::demo::verdict;
use crate::{compile, docker, faults, stack};

/// `cargo xtask test`.
#[derive(Args)]
pub(crate) struct Test {
    #[command(flatten)]
    installing: Installing,
    /// Instead of all other tests, `compose.yaml` in a Docker engine: the one that runs, or as root one of its own
    #[arg(long)]
    docker: bool,
    /// Handed to `cargo test`, for example a test's name
    #[arg(last = true)]
    arguments: Vec<String>,
}

/// `cargo xtask ci`.
#[derive(Args)]
pub(crate) struct Ci {
    /// How long the demo runs, in seconds
    #[arg(long, default_value_t = 20)]
    demo_seconds: u64,
    /// How long the accelerated soak after it runs, in minutes
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u64).range(1..=60))]
    soak_minutes: u64,
}

impl Test {
    pub(crate) fn run(self) -> Result<ExitCode> {
        self.installing.ensure_for_tests()?;
        if self.docker {
            return docker::suite::run(&self.arguments);
        }
        // Binaries and tests in one go: the end-to-end tests run the binaries.
        compile::cargo(&["build", "--workspace", "--bins", "--tests"])?;
        let rows = stack::bin_dir()?.join(faults::ROWS);
        // Rows of an earlier build would pass for this one's.
        let _ = std::fs::remove_dir_all(&rows);
        let mut arguments = vec!["test", "--workspace", "--no-fail-fast"];
        if !self.arguments.is_empty() {
            arguments.push("--");
            arguments.extend(self.arguments.iter().map(String::as_str));
        }
        let outcome = compile::run_and_say_what_was_skipped(&mut compile::command(&arguments));
        let measured = faults::rows(&rows)?;
        if !measured.is_empty() {
            println!("\n{}", faults::table(&measured));
            let file = rows.with_extension("json");
            std::fs::write(&file, Value::from(measured).to_string())
                .with_context(|| format!("cannot write {}", file.display()))?;
        }
        outcome.map(|()| ExitCode::SUCCESS)
    }
}

impl Ci {
    pub(crate) fn run(self) -> Result<ExitCode> {
        let dir = tempfile::tempdir().context("cannot make a directory")?;
        let report = dir.path().join("report.json");
        let seconds = self.demo_seconds.to_string();
        let report_argument = report.display().to_string();
        let soak_minutes = self.soak_minutes.to_string();
        let steps: [(&str, Vec<&str>); 9] = [
            ("tests", vec!["xtask", "test"]),
            ("compose", vec!["xtask", "test", "--docker"]),
            ("rehearsal", vec!["xtask", "rehearse"]),
            ("format", vec!["fmt", "--all", "--check"]),
            (
                "lints",
                vec!["clippy", "--workspace", "--all-targets", "--", "-D", "warnings"],
            ),
            ("flake", vec!["xtask", "flake"]),
            (
                "cuda",
                vec!["check", "--package", "dragoman-models", "--features", "cuda"],
            ),
            (
                "demo",
                vec!["xtask", "demo", "--seconds", &seconds, "--report", &report_argument],
            ),
            (
                "soak",
                vec!["xtask", "soak", "--minutes", &soak_minutes, "--accelerate"],
            ),
        ];
        let mut times = Vec::new();
        let mut failed = Vec::new();
        for (name, arguments) in &steps {
            println!("=== {name}");
            let started = Instant::now();
            let mut command = compile::command(arguments);
            if *name == "cuda" {
                without_cuda(&mut command)?;
            }
            let outcome = step(&mut command, name, &report);
            let seconds = started.elapsed().as_secs_f64();
            if let Err(error) = outcome {
                println!("{name} failed: {error:#}");
                failed.push(*name);
            }
            println!("=== {name}: {seconds:.0} s");
            times.push(format!("{name} {seconds:.0} s"));
        }
        println!("\n{}", times.join(", "));
        match failed.is_empty() {
            true => Ok(ExitCode::SUCCESS),
            false => bail!("failed: {}", failed.join(", ")),
        }
    }
}

/// Lets a build have the feature `cuda` without CUDA. It keeps to itself: what it leaves would be taken for the real thing by a
/// later build with CUDA.
fn without_cuda(command: &mut Command) -> Result<()> {
    let program = std::env::current_exe().context("cannot tell where the build is")?;
    let target = program.ancestors().nth(2).context("cannot tell where the build is")?;
    command
        .env("NVCC", stack::repository().join("crates/models/cuda-check/nvcc"))
        .env("CUDARC_CUDA_VERSION", "13000")
        .env("CUDA_COMPUTE_CAP", "80")
        .env("CARGO_TARGET_DIR", target.join("cuda-check"));
    Ok(())
}

/// The demo may miss a figure on a busy machine without being wrong: its report is judged here, with slack.
fn step(command: &mut Command, name: &str, report: &PathBuf) -> Result<()> {
    let outcome = compile::run(command);
    if name != "demo" {
        return outcome;
    }
    let text = std::fs::read_to_string(report).with_context(|| match &outcome {
        Ok(()) => "the demo wrote no report".to_owned(),
        Err(error) => format!("the demo wrote no report: {error:#}"),
    })?;
    let report: Value = serde_json::from_str(&text).context("the demo's report is no JSON")?;
    let broken = verdict::broken_on_a_busy_machine(&report);
    match broken.is_empty() {
        true => outcome,
        false => bail!("{}", broken.join("; ")),
    }
}
