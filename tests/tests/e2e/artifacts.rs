//! What was said is written down, with what became of it; a disk that takes nothing costs lines and nothing else.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use dragoman_tests::eventually::eventually;
use dragoman_tests::material::{self, PLAIN};
use dragoman_tests::playing::Publisher;
use dragoman_tests::running::{logs, on_air, start, stream_when};
use serde_json::Value;
use xtask::stack::Router;

/// Utterances of `stream` that are settled in its language at `index`, by their outcomes.
fn outcomes(stream: &Value, index: usize) -> BTreeMap<String, u64> {
    let outcomes = stream["programmes"][index]["dub"]["outcomes"].as_object();
    let counts = outcomes.into_iter().flatten();
    counts
        .map(|(name, count)| (name.clone(), count.as_u64().unwrap_or(0)))
        .collect()
}

/// The only file in `dir`, a JSON value a line.
fn only_file(dir: &Path) -> Result<Vec<Value>> {
    let files: Vec<_> = std::fs::read_dir(dir)?.flatten().map(|entry| entry.path()).collect();
    ensure!(files.len() == 1, "one session, one file: {files:?}");
    let text = std::fs::read_to_string(&files[0])?;
    let line = |line: &str| serde_json::from_str(line).with_context(|| format!("no JSON: {line}"));
    text.lines().map(line).collect()
}

#[test]
fn what_was_said_is_written_down_with_what_became_of_it() -> Result<()> {
    let dir = tempfile::tempdir()?;
    let artifacts = dir.path().join("artifacts");
    let place = artifacts.display().to_string();
    let stack = start(Router::Own, &[("ARTIFACTS_DIR", &place)], &[])?;
    let file = material::file(&PLAIN)?;
    let _publisher = Publisher::ffmpeg(&file, &stack.rtmp_url("live/written/in?source=en&targets=es,fr"))?;
    on_air(&stack, "written")?;
    let stream = stream_when(
        &stack,
        "written",
        "two utterances are settled and written in both languages",
        |stream| {
            let settled = |index| outcomes(stream, index).values().sum::<u64>();
            let written = stream["artifacts"]["written"].as_u64().unwrap_or(0);
            settled(0) >= 2 && settled(1) == settled(0) && written == settled(0)
        },
    )?;
    stack.stop();

    let lines = only_file(&artifacts)?;
    let (session, utterances) = lines.split_first().context("the file is empty")?;
    ensure!(
        session["type"] == "session"
            && session["stream"] == "written"
            && session["targets"] == serde_json::json!(["es", "fr"]),
        "{session}"
    );
    ensure!(session["session"] == stream["session"], "{session} is not of {stream}");
    let mut last = 0;
    for line in utterances {
        let (from, to) = (
            line["start_ms"].as_i64().unwrap_or(-1),
            line["end_ms"].as_i64().unwrap_or(-1),
        );
        ensure!(line["type"] == "utterance" && from >= last && to > from, "{line}");
        last = from;
        let dubs = line["dubs"].as_array().map(Vec::as_slice).unwrap_or_default();
        let targets: Vec<&Value> = dubs.iter().map(|dub| &dub["target"]).collect();
        ensure!(targets == ["es", "fr"], "{line}");
        for dub in dubs.iter().filter(|dub| dub["outcome"] == "on_time") {
            ensure!(dub["at_ms"].as_i64() >= Some(from) && dub["lag_ms"].is_u64(), "{line}");
            ensure!(dub["text"].as_str().is_some_and(|text| !text.is_empty()), "{line}");
            ensure!(line["text"].as_str().is_some_and(|text| !text.is_empty()), "{line}");
        }
    }
    for index in [0, 1] {
        for (outcome, count) in outcomes(&stream, index) {
            let written = utterances
                .iter()
                .filter(|line| line["dubs"][index]["outcome"] == *outcome)
                .count();
            ensure!(
                written as u64 >= count,
                "{written} of {count} {outcome} are written: {utterances:?}"
            );
        }
    }
    Ok(())
}

#[test]
fn a_disk_that_takes_nothing_costs_lines_and_no_programme() -> Result<()> {
    let file = tempfile::NamedTempFile::new()?;
    let nowhere = format!("{}/artifacts", file.path().display());
    let stack = start(Router::Own, &[("ARTIFACTS_DIR", &nowhere)], &[])?;
    let material = material::file(&PLAIN)?;
    let _publisher = Publisher::ffmpeg(&material, &stack.rtmp_url("live/unwritten/in"))?;
    on_air(&stack, "unwritten")?;
    stream_when(
        &stack,
        "unwritten",
        "two utterances are dubbed and counted as not written",
        |stream| {
            let counts = &stream["artifacts"];
            outcomes(stream, 0).values().sum::<u64>() >= 2
                && counts["dropped"].as_u64() >= Some(2)
                && counts["written"] == 0
        },
    )?;
    let metrics = || {
        let text = reqwest::blocking::get(format!("{}/metrics", stack.media_url()))?.text()?;
        let line = text
            .lines()
            .find(|line| line.starts_with("dragoman_media_artifacts_dropped"));
        let value = line
            .and_then(|line| line.rsplit_once(' '))
            .and_then(|(_, value)| value.parse::<f64>().ok());
        Ok(value.filter(|dropped| *dropped >= 2.0))
    };
    eventually("the metric counts them", metrics, || logs(&stack))?;
    let log = std::fs::read_to_string(stack.dir().join("media.log"))?;
    let told = log
        .lines()
        .filter(|line| line.contains("artifacts are not written"))
        .count();
    ensure!(told == 1, "it is told of {told} times:\n{log}");
    Ok(())
}
