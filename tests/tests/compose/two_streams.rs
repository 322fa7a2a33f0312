//! Two streams at once: one dies, the other does not notice.

use anyhow::{Context, Result, ensure};
use dragoman_probe::element::now_ns;
use dragoman_speech::engine::mock::tone_hz;
use dragoman_tests::material;
use dragoman_tests::playing::Publisher;
use dragoman_tests::project::{Project, figure};
use dragoman_tests::scene::send;
use dragoman_tests::viewer::Viewer;
use xtask::stack::Signal;

const IDS: [&str; 2] = ["dies", "lives"];
/// How long the other is watched after the death, at least.
const WATCHED_NS: u64 = 6_000_000_000;

#[test]
#[ignore = "wants a Docker engine: cargo xtask test --docker"]
fn one_is_killed_and_the_other_is_clean() -> Result<()> {
    let project = Project::new()?;
    project.up(&[])?;
    let file = material::talk()?;
    let publish = |id: &str| {
        let url = project.rtmp_url(&format!("live/{id}/in?source=en&targets=es"));
        Publisher::ffmpeg_with(&["-stream_loop", "-1"], &file, &[], &url)
    };
    let view = |id: &str| Viewer::start(&project.rtmp_url(&format!("live/{id}/out")), tone_hz("es"));
    let viewers = (view(IDS[0])?, view(IDS[1])?);
    let publishers = (publish(IDS[0])?, publish(IDS[1])?);
    for viewer in [&viewers.0, &viewers.1] {
        project.until("both are dubbed", || Ok(viewer.seen().first_dub_ns()))?;
    }

    // Worker and publisher of the one, at once.
    let worker = project.stream(IDS[0], None)["worker"]["pid"].as_i64();
    let pid = of_container(&project, worker.context("the stream has no worker")?)?;
    let began = now_ns();
    send(pid, Signal::KILL)?;
    drop(publishers.0);
    project.until("the other is watched on", || {
        let (picture, _) = viewers.1.last();
        Ok(picture.filter(|picture| picture.at_ns > began + WATCHED_NS).map(drop))
    })?;
    let seen = viewers.1.seen().between(began, u64::MAX);
    let (picture, sound) = (seen.longest_without_picture_ms(), seen.longest_without_sound_ms());
    figure(
        "another stream killed: no picture, no sound for",
        &format!("{picture:.0} ms, {sound:.0} ms"),
        "a frame and what a busy machine adds (300 ms)",
    )?;
    ensure!(
        picture < 300.0 && sound < 300.0 && seen.ups.is_empty() && seen.jumps.is_empty(),
        "the other noticed"
    );
    ensure!(
        seen.longest_silence_ms() < 10.0 && seen.first_dub_ns().is_some(),
        "the other's dub suffered"
    );
    let stream = project.stream(IDS[1], None);
    let lost = stream["dub"]["lost"].as_u64();
    ensure!(stream["worker"]["restarts"] == 0 && lost == Some(0), "{stream}");
    drop(publishers.1);
    Ok(())
}

/// The number that a process of the media container has on this machine.
fn of_container(project: &Project, inside: i64) -> Result<u32> {
    let own = |pid: &u32| {
        let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
        let line = status.lines().find_map(|line| line.strip_prefix("NSpid:"));
        line.and_then(|line| line.split_whitespace().last()?.parse().ok()) == Some(inside)
    };
    project
        .processes("media")?
        .into_iter()
        .find(own)
        .context("the worker is not in the container")
}
