//! The doctor asks a speech host as the media service will.

use std::process::Command;

use anyhow::{Context, Result, ensure};
use dragoman_tests::running::start;
use serde_json::Value;
use xtask::stack::{self, Router};

const KEY: &str = "the-key-of-the-host";

/// The exit code of the doctor, and what it says.
fn doctor(variables: &[(&str, &str)]) -> Result<(Option<i32>, Value)> {
    let output = Command::new(stack::binary("xtask")?)
        .args(["doctor", "--mode", "split", "--json"])
        .envs(variables.iter().copied())
        .output()
        .context("the doctor does not run")?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    ensure!(!text.contains(KEY), "the key is shown: {text}");
    Ok((
        output.status.code(),
        serde_json::from_str(&text).context("it says no JSON")?,
    ))
}

fn row<'a>(report: &'a Value, name: &str) -> Result<&'a Value> {
    let mut rows = report["rows"].as_array().into_iter().flatten();
    rows.find(|row| row["name"] == name)
        .with_context(|| format!("no row {name} in {report}"))
}

#[test]
fn a_speech_host_is_well_when_it_takes_the_key() -> Result<()> {
    let stack = start(Router::Own, &[], &[("SPEECH_KEY", KEY)])?;
    let url = stack.speech_url().replacen("http", "ws", 1);
    let split = [("MODE", "split"), ("SPEECH_URL", url.as_str())];

    let (_, report) = doctor(&[&split[..], &[("SPEECH_KEY", KEY)]].concat())?;
    let host = row(&report, &url)?;
    ensure!(host["state"] == "ok", "{host}");
    ensure!(
        host["found"]
            .as_str()
            .is_some_and(|found| found.contains("engine mock")),
        "{host}"
    );

    let (code, report) = doctor(&[&split[..], &[("SPEECH_KEY", "another")]].concat())?;
    let host = row(&report, &url)?;
    ensure!(code == Some(1) && report["ok"] == false, "{code:?} {report}");
    ensure!(
        host["state"] == "missing" && host["get"].as_str().is_some_and(|get| get.contains("SPEECH_KEY")),
        "{host}"
    );
    drop(stack);

    let (code, report) = doctor(&[&split[..], &[("SPEECH_KEY", KEY)]].concat())?;
    let host = row(&report, &url)?;
    ensure!(code == Some(1) && host["state"] == "missing", "nobody is there: {host}");
    Ok(())
}
