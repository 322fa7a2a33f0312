//! A publisher that goes away and comes back.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, ensure};
use dragoman_tests::eventually::eventually;
use dragoman_tests::material::{self, PLAIN};
use dragoman_tests::playing::Publisher;
use dragoman_tests::recording::Recording;
use dragoman_tests::running::{logs, on_air, shared, stream_when};

#[test]
fn a_publisher_that_comes_back_within_the_grace_period_continues_its_session() -> Result<()> {
    let stack = shared()?;
    let file = material::file(&PLAIN)?;
    let url = stack.rtmp_url("live/back/in?targets=es");
    let first = Publisher::ffmpeg(&file, &url)?;
    let before = on_air(&stack, "back")?;
    let mut programme = Recording::ffmpeg_stamped(&stack.rtmp_url("live/back/out"))?;
    eventually(
        "the programme has pictures",
        || Ok((programme.seconds() > 2.0).then_some(())),
        || logs(&stack),
    )?;

    drop(first);
    stream_when(&stack, "back", "the stream waits for its publisher", |stream| {
        stream["state"] == "reconnecting"
    })?;
    let _second = Publisher::ffmpeg(&file, &url)?;
    let after = stream_when(&stack, "back", "the stream is live again", |stream| {
        stream["state"] == "live"
    })?;
    ensure!(
        after["session"] == before["session"],
        "the session goes on: {before} {after}"
    );
    ensure!(
        after["worker"]["pid"] == before["worker"]["pid"],
        "the worker goes on: {before} {after}"
    );

    let seen = programme.seconds();
    eventually(
        "the programme goes on",
        || {
            programme.check()?;
            Ok((programme.seconds() > seen + 6.0).then_some(()))
        },
        || logs(&stack),
    )?;
    let stamps = stamps(&programme.stamped())?;
    ensure!(stamps.len() > 100, "only {} packets", stamps.len());
    let back = stamps.windows(2).find(|two| two[1] < two[0]);
    ensure!(back.is_none(), "the programme's time runs backwards: {back:?}");
    Ok(())
}

#[test]
fn a_publisher_that_stays_away_ends_the_session() -> Result<()> {
    let stack = shared()?;
    let file = material::file(&PLAIN)?;
    let publisher = Publisher::ffmpeg(&file, &stack.rtmp_url("live/gone/in"))?;
    on_air(&stack, "gone")?;
    let mut programme = Recording::ffmpeg_sound(&stack.rtmp_url("live/gone/out"))?;
    eventually(
        "the programme is heard",
        || Ok((programme.seconds() > 1.0).then_some(())),
        || logs(&stack),
    )?;
    drop(publisher);

    eventually(
        "the stream is over",
        || {
            let state = stack.stream("gone").map(|stream| stream["state"].clone());
            Ok(state.is_none_or(|state| state == "ended").then_some(()))
        },
        || logs(&stack),
    )?;
    eventually(
        "the viewers are released",
        || Ok(programme.has_ended().then_some(())),
        || logs(&stack),
    )?;
    Ok(())
}

/// The decoding times of the video packets of a file.
fn stamps(file: &Path) -> Result<Vec<f64>> {
    let mut command = Command::new("ffprobe");
    command
        .args([
            "-v",
            "error",
            "-select_streams",
            "v",
            "-show_entries",
            "packet=dts_time",
            "-of",
            "csv=p=0",
        ])
        .arg(file);
    let text = String::from_utf8(material::run(&mut command)?).context("ffprobe wrote no text")?;
    Ok(text
        .lines()
        .filter_map(|line| line.trim_end_matches(',').parse().ok())
        .collect())
}
