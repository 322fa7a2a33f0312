//! A stream that is published is dubbed, in the time that the README says and in little memory.

use std::process::Stdio;

use anyhow::{Context, Result, ensure};
use dragoman_probe::element::now_ns;
use dragoman_speech::engine::mock::tone_hz;
use dragoman_tests::material;
use dragoman_tests::playing::Publisher;
use dragoman_tests::project::{Project, figure};
use dragoman_tests::scene::send;
use dragoman_tests::viewer::Viewer;
use xtask::stack::Signal;

/// The hold, what MediaMTX takes to look at the publisher and to answer, a GOP.
const DUBBED_WITHIN_MS: f64 = 2_500.0 + 4_000.0 + 1_000.0;
const MEMORY_MB: f64 = 500.0;

#[test]
#[ignore = "wants a Docker engine: cargo xtask test --docker"]
fn a_stream_is_dubbed_soon_and_in_little_memory() -> Result<()> {
    let project = Project::new()?;
    project.up(&[])?;
    let file = material::talk()?;
    let viewer = Viewer::start(&project.rtmp_url("live/first/out"), tone_hz("es"))?;
    let began = now_ns();
    let _publisher = Publisher::ffmpeg_with(
        &["-stream_loop", "-1"],
        &file,
        &[],
        &project.rtmp_url("live/first/in?source=en&targets=es"),
    )?;
    let dubbed = project.until("the programme is dubbed", || Ok(viewer.seen().first_dub_ns()))?;
    let picture = viewer
        .seen()
        .pictures
        .first()
        .context("the programme has no picture")?
        .at_ns;
    let after = |at: u64| at.saturating_sub(began) as f64 / 1e6;
    figure(
        "published to dubbed on out",
        &format!(
            "{:.1} s (first picture {:.1} s)",
            after(dubbed) / 1000.0,
            after(picture) / 1000.0
        ),
        "hold 2.5 s + 4 s + a GOP of 1 s",
    )?;
    let stream = project.stream("first", None);
    ensure!(stream["engine"] == "mock", "the engine that runs is named: {stream}");
    let memory = project.memory_mb()?;
    figure(
        "memory of the whole stack, a stream on air",
        &format!("{memory:.0} MB"),
        "500 MB",
    )?;
    ensure!(memory < MEMORY_MB, "{memory} MB");
    ensure!(
        after(dubbed) <= DUBBED_WITHIN_MS,
        "dubbed {} ms after the publisher began",
        after(dubbed)
    );
    Ok(())
}

/// What a new user without an encoder does.
#[test]
#[ignore = "wants a Docker engine: cargo xtask test --docker"]
fn the_test_stream_of_the_image_is_dubbed() -> Result<()> {
    let project = Project::new()?;
    project.up(&[])?;
    let mut publishing = project
        .compose(&["run", "--rm", "publish"])
        .stdin(Stdio::null())
        .spawn()?;
    let dubbed = project.until("the test stream is dubbed", || {
        let stream = project.stream("test", None);
        let on_time = stream["dub"]["outcomes"]["on_time"].as_u64().unwrap_or_default();
        Ok((stream["state"] == "live" && on_time > 0).then_some(()))
    });
    // As Ctrl-C does: compose ends the container, and removes it.
    send(publishing.id(), Signal::INT)?;
    let ended = publishing.wait()?;
    dubbed?;
    ensure!(
        !project.services()?.contains(&"publish".to_owned()),
        "the publisher's container is left: {ended}"
    );
    project.until("the stream is gone", || {
        Ok((project.stream("test", None)["state"] != "live").then_some(()))
    })
}
