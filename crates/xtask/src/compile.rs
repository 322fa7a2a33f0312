//! Building the product's binaries.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Instant;

use anyhow::{Context, Result, bail};

use crate::stack;

/// Builds every binary, the speech service with its built-in models only where they are needed or built already: they take
/// longer than all the rest. The whole workspace is named, not the packages that are needed: so the features of the shared
/// dependencies are the same as for `cargo test --workspace`, and as little as possible is compiled twice.
pub(crate) fn binaries(models: bool) -> Result<()> {
    let started = Instant::now();
    if models || has_models() {
        cargo(&["build", "--workspace", "--bins"])?;
    } else {
        let without = ["--exclude", "dragoman-models", "--no-default-features"];
        cargo(&[&["build", "--workspace", "--bins"][..], &without].concat())?;
    }
    eprintln!("built in {:.1} s", started.elapsed().as_secs_f64());
    Ok(())
}

/// Whether what the models are made with lies in our target directory.
fn has_models() -> bool {
    let dir = std::env::current_exe().ok();
    let deps = dir
        .as_ref()
        .and_then(|program| program.parent())
        .map(|dir| dir.join("deps"));
    let files = deps
        .and_then(|deps| std::fs::read_dir(deps).ok())
        .into_iter()
        .flatten()
        .flatten();
    let name = |entry: std::fs::DirEntry| entry.file_name().to_string_lossy().starts_with("libcandle_core-");
    files.into_iter().any(name)
}

/// Runs cargo in the repository and fails when it does.
pub(crate) fn cargo(arguments: &[&str]) -> Result<()> {
    run(&mut command(arguments))
}

/// A cargo command in the repository. Its target directory is the one that this program was built into.
pub(crate) fn command(arguments: &[&str]) -> Command {
    let program = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(program);
    command
        .args(arguments)
        .current_dir(stack::repository())
        .stdin(Stdio::null());
    command
}

/// Tests append a line here for each thing that they did not do, and why.
const SKIPPED: &str = "DRAGOMAN_SKIPPED";

/// As [`run`], for tests: what they skipped is said at the end.
pub(crate) fn run_and_say_what_was_skipped(command: &mut Command) -> Result<()> {
    let dir = tempfile::tempdir().context("cannot make a directory")?;
    let skipped = dir.path().join("skipped");
    let outcome = run(command.env(SKIPPED, &skipped));
    for line in std::fs::read_to_string(&skipped).unwrap_or_default().lines() {
        println!("skipped: {line}");
    }
    outcome
}

/// Says the command, runs it, fails when it fails.
pub(crate) fn run(command: &mut Command) -> Result<()> {
    let program = Path::new(command.get_program())
        .file_name()
        .unwrap_or_default()
        .to_string_lossy()
        .into_owned();
    let arguments: Vec<_> = command.get_args().map(|argument| argument.to_string_lossy()).collect();
    let shown = format!("{program} {}", arguments.join(" "));
    eprintln!("$ {shown}");
    let status = command.status().with_context(|| format!("cannot run `{shown}`"))?;
    if !status.success() {
        bail!("`{shown}` ended with {status}");
    }
    Ok(())
}
