//! `test --docker`: images of this build and `compose.yaml` in a real engine.

use std::fmt::Write as _;
use std::process::ExitCode;

use anyhow::{Context, Result};
use serde_json::Value;

use super::Docker;
use crate::{compile, faults, images, stack};

/// Where the scenarios leave their figures, beside the binaries.
const ROWS: &str = "compose";

/// Runs the suite; `arguments` go to its scenarios. Where there can be no engine it is skipped, and says so.
pub(crate) fn run(arguments: &[String]) -> Result<ExitCode> {
    let docker = match Docker::for_tests() {
        Ok(docker) => docker,
        Err(reason) => {
            println!("skipped: compose.yaml in a Docker engine: {reason:#}");
            return Ok(ExitCode::SUCCESS);
        }
    };
    compile::cargo(&["build", "--workspace", "--bins", "--tests"])?;
    images::make(&docker)?;
    if wants_tls(arguments)
        && let Err(reason) = images::make_caddy(&docker)
    {
        println!("skipped: the image of the profile tls: {reason:#}");
    }
    let rows = stack::bin_dir()?.join(ROWS);
    // Those of an earlier build would pass for this one's.
    let _ = std::fs::remove_dir_all(&rows);
    let mut command = vec!["test", "--workspace", "--test", "compose", "--no-fail-fast", "--"];
    command.extend(["--ignored", "--test-threads=1"]);
    command.extend(arguments.iter().map(String::as_str));
    let outcome = compile::run_and_say_what_was_skipped(compile::command(&command).envs(docker.variables()));
    let measured = faults::rows(&rows)?;
    if !measured.is_empty() {
        println!("\n{}", table("compose", &measured));
        let file = rows.with_extension("json");
        std::fs::write(&file, Value::from(measured).to_string())
            .with_context(|| format!("cannot write {}", file.display()))?;
    }
    outcome.map(|()| ExitCode::SUCCESS)
}

/// Whether the scenarios of the profile `tls` are among those that run.
fn wants_tls(arguments: &[String]) -> bool {
    let mut filters = arguments
        .iter()
        .filter(|argument| !argument.starts_with('-'))
        .peekable();
    filters.peek().is_none() || filters.any(|filter| filter.contains("tls"))
}

/// The figures as a table in Markdown.
pub(crate) fn table(title: &str, rows: &[Value]) -> String {
    let mut text = format!("| {title} | here | promised |\n|---|---|---|\n");
    for row in rows {
        let [figure, seen, promised] = ["figure", "seen", "promised"].map(|name| row[name].as_str().unwrap_or("?"));
        _ = writeln!(text, "| {figure} | {seen} | {promised} |");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn caddy_is_made_only_for_whom_it_is_for() {
        let wants = |words: &[&str]| wants_tls(&words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>());
        assert!(wants(&[]) && wants(&["--nocapture"]) && wants(&["dubbing", "tls::"]));
        assert!(!wants(&["dubbing"]));
    }

    #[test]
    fn a_figure_is_a_line() {
        let row = serde_json::json!({"figure": "stop", "seen": "2.1 s", "promised": "20 s"});
        assert_eq!(table("compose", &[row]).lines().last(), Some("| stop | 2.1 s | 20 s |"));
    }
}
