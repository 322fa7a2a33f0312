//! The orchestrator of the media container dies: its guardian is PID 1 there, so worker and container live on.

use anyhow::{Context, Result, ensure};
use dragoman_probe::element::now_ns;
use dragoman_speech::engine::mock::tone_hz;
use dragoman_tests::material;
use dragoman_tests::playing::Publisher;
use dragoman_tests::project::{Project, figure};
use dragoman_tests::scene::send;
use dragoman_tests::viewer::Viewer;
use xtask::stack::Signal;

/// How long the programme is watched after the death, at least.
const WATCHED_NS: u64 = 6_000_000_000;

#[test]
#[ignore = "wants a Docker engine: cargo xtask test --docker"]
fn its_death_is_not_noticed_on_air() -> Result<()> {
    let project = Project::new()?;
    project.up(&[])?;
    let viewer = Viewer::start(&project.rtmp_url("live/held/out"), tone_hz("es"))?;
    let url = project.rtmp_url("live/held/in?source=en&targets=es");
    let publisher = Publisher::ffmpeg_with(&["-stream_loop", "-1"], &material::talk()?, &[], &url)?;
    project.until("the programme is dubbed", || Ok(viewer.seen().first_dub_ns()))?;

    let (life, before) = (project.life("media")?, project.stream("held", None));
    let orchestrator = orchestrator(&project)?.context("there is no orchestrator")?;
    let began = now_ns();
    send(orchestrator, Signal::KILL)?;
    project.until("there is another orchestrator, which knows the worker", || {
        let is_new = self::orchestrator(&project)?.is_some_and(|pid| pid != orchestrator);
        let worker = &project.stream("held", None)["worker"];
        Ok((is_new && worker["pid"].is_number()).then_some(()))
    })?;
    project.until("the programme is watched on", || {
        let (picture, _) = viewer.last();
        Ok(picture.filter(|picture| picture.at_ns > began + WATCHED_NS).map(drop))
    })?;
    let seen = viewer.seen().between(began, u64::MAX);
    let (picture, sound) = (seen.longest_without_picture_ms(), seen.longest_without_sound_ms());
    figure(
        "orchestrator killed in its container: no picture, no sound for",
        &format!("{picture:.0} ms, {sound:.0} ms"),
        "a frame and what a busy machine adds (300 ms)",
    )?;
    ensure!(
        picture < 300.0 && sound < 300.0 && seen.ups.is_empty() && seen.jumps.is_empty(),
        "viewers noticed"
    );
    ensure!(seen.first_dub_ns().is_some(), "it is not dubbed any more");
    let after = project.stream("held", None);
    ensure!(after["worker"]["pid"] == before["worker"]["pid"], "{before} {after}");
    ensure!(project.life("media")? == life, "the container was restarted");
    drop(publisher);
    Ok(())
}

/// Its number on this machine.
fn orchestrator(project: &Project) -> Result<Option<u32>> {
    let is_one = |pid: &u32| {
        let words = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        words.split(|byte| *byte == 0).any(|word| word == b"orchestrator")
    };
    Ok(project.processes("media")?.into_iter().find(is_one))
}
