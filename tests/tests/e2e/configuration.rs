//! Configuration: the example file is complete and true, and a bad one is refused with everything that is wrong in it.

use std::collections::BTreeMap;
use std::process::{Command, Output};

use anyhow::{Context, Result, ensure};
use xtask::stack;

const SERVICES: [&str; 2] = ["dragoman-media", "dragoman-speech"];
/// Set by the system, not by an operator.
const OF_THE_SYSTEM: [&str; 3] = ["XDG_RUNTIME_DIR", "XDG_CACHE_HOME", "HOME"];
/// Read by others: MediaMTX and its hook.
const OF_THE_ROUTER: [&str; 2] = ["MTX_", "MEDIA_API_URL"];

/// Runs `--check-config` of a service with these variables and no others.
fn check(service: &str, variables: &BTreeMap<String, String>) -> Result<Output> {
    let mut command = Command::new(stack::binary(service)?);
    command.arg("--check-config").env_clear().envs(variables);
    command.output().with_context(|| format!("cannot run {service}"))
}

/// What a service would run with.
fn shown(service: &str, variables: &BTreeMap<String, String>) -> Result<String> {
    let output = check(service, variables)?;
    ensure!(
        output.status.success(),
        "{service}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// The variables that a file of a crate reads: the fields of the one structure into which the environment is read.
fn read_by(file: &str) -> Result<Vec<String>> {
    let file = stack::repository().join("crates").join(file);
    let source = std::fs::read_to_string(&file).with_context(|| format!("cannot read {}", file.display()))?;
    let fields = source
        .split_once("struct Raw {")
        .and_then(|(_, rest)| rest.split_once('}'))
        .map(|(fields, _)| fields);
    let fields = fields.with_context(|| format!("no `struct Raw` in {}", file.display()))?;
    let names: Vec<String> = fields
        .lines()
        .filter_map(|line| {
            line.trim()
                .trim_start_matches("pub(crate) ")
                .split_once(": Option<String>")
        })
        .map(|(name, _)| name.to_ascii_uppercase())
        .filter(|name| !OF_THE_SYSTEM.contains(&name.as_str()))
        .collect();
    ensure!(!names.is_empty(), "`struct Raw` in {} has no fields", file.display());
    Ok(names)
}

/// `NAME=value` lines, also those that are commented out as `#NAME=value`.
fn pairs(text: &str) -> BTreeMap<String, String> {
    let line = |line: &str| {
        let (name, value) = line.strip_prefix('#').unwrap_or(line).split_once('=')?;
        let is_name = name
            .chars()
            .all(|c| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_');
        (is_name && !name.is_empty()).then(|| (name.to_owned(), value.to_owned()))
    };
    text.lines().filter_map(line).collect()
}

fn example() -> Result<BTreeMap<String, String>> {
    let text = std::fs::read_to_string(stack::repository().join(".env.example")).context("there is no .env.example")?;
    Ok(pairs(&text))
}

#[test]
fn the_example_has_every_variable_and_no_other() -> Result<()> {
    let example = example()?;
    let files = [
        "media/src/config.rs",
        "speech/src/config.rs",
        "speech/src/models_cli.rs",
    ];
    let read: Vec<String> = files.into_iter().map(read_by).collect::<Result<Vec<_>>>()?.concat();
    let missing: Vec<&String> = read.iter().filter(|name| !example.contains_key(*name)).collect();
    ensure!(missing.is_empty(), "not in .env.example: {missing:?}");
    let unknown: Vec<&String> = example
        .keys()
        .filter(|name| !read.contains(name) && !OF_THE_ROUTER.iter().any(|prefix| name.starts_with(prefix)))
        .collect();
    ensure!(unknown.is_empty(), "in .env.example and read by nobody: {unknown:?}");
    Ok(())
}

#[test]
fn the_example_is_good_and_shows_the_defaults() -> Result<()> {
    let example = example()?;
    for service in SERVICES {
        let (with, without) = (shown(service, &example)?, shown(service, &BTreeMap::new())?);
        ensure!(
            with == without,
            "{service} runs otherwise with .env.example than without:\n{with}\n{without}"
        );
    }
    Ok(())
}

#[test]
fn a_bad_configuration_is_refused_with_every_problem() -> Result<()> {
    let bad = |pairs: &[(&str, &str)]| -> BTreeMap<String, String> {
        pairs
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect()
    };
    let cases = [
        (
            "dragoman-media",
            bad(&[
                ("HOLD", "soon"),
                ("TARGETS", "x y"),
                ("ROUTER_URL", "http://nowhere"),
                ("MEDIA_LISTEN", "0.0.0.0:8080"),
            ]),
        ),
        (
            "dragoman-speech",
            bad(&[
                ("SPEECH_ENGINE", "magic"),
                ("SPEECH_MAX_SESSIONS", "0"),
                ("SPEECH_LISTEN", "0.0.0.0:8090"),
            ]),
        ),
    ];
    for (service, variables) in cases {
        let output = check(service, &variables)?;
        let message = String::from_utf8_lossy(&output.stderr);
        ensure!(
            output.status.code() == Some(64),
            "{service} ended with {}",
            output.status
        );
        let asked = variables.keys().filter(|name| !name.ends_with("_LISTEN"));
        let unnamed: Vec<&String> = asked.filter(|name| !message.contains(name.as_str())).collect();
        ensure!(unnamed.is_empty(), "{service} does not name {unnamed:?}: {message}");
        ensure!(
            message.contains("_KEY") && message.contains("ALLOW_OPEN"),
            "{service} listens to all without a key: {message}"
        );
    }
    let both = bad(&[("SPEECH_KEY", "a-secret-value"), ("SPEECH_KEY_FILE", "/nowhere")]);
    for service in SERVICES {
        let output = check(service, &both)?;
        let message = String::from_utf8_lossy(&output.stderr);
        ensure!(
            output.status.code() == Some(64) && message.contains("SPEECH_KEY"),
            "{service}: {message}"
        );
        ensure!(
            !message.contains("a-secret-value"),
            "{service} shows a secret: {message}"
        );
    }
    Ok(())
}
