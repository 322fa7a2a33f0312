//! Each mode starts its services and no others, and the modes beyond this machine want keys for everything.

use anyhow::{Result, ensure};
use dragoman_speech::engine::mock::tone_hz;
use dragoman_tests::material;
use dragoman_tests::playing::Publisher;
use dragoman_tests::project::{Project, docker, figure};
use dragoman_tests::skipped;
use dragoman_tests::viewer::Viewer;
use xtask::http;

const KEYS: [(&str, &str); 5] = [
    ("MEDIA_API_KEY", "console-word"),
    ("PUBLISHER_PASS", "publishers-word"),
    ("ROUTER_PASS", "worker-word"),
    ("VIEWER_PASS", "viewers-word"),
    ("SPEECH_KEY", "speech-word"),
];

/// A streaming host and a GPU host, as two projects on one engine: nothing but a network between them.
#[test]
#[ignore = "wants a Docker engine: cargo xtask test --docker"]
fn split_is_two_hosts_with_keys() -> Result<()> {
    if stands_in()? {
        skipped::note(
            "compose: split",
            "no `mediamtx` was on the PATH when the images were made: its stand-in has no keys",
        );
        return Ok(());
    }
    let (mut near, mut far) = (Project::new()?, Project::new()?);
    for project in [&mut near, &mut far] {
        project.set("MODE", "split");
        project.set("ALLOW_OPEN", "0");
    }
    for (name, value) in KEYS {
        near.secret(name, value)?;
    }
    far.secret("SPEECH_KEY", "speech-word")?;
    near.set("SPEECH_URL", "ws://gpu.test:8090");

    far.up(&["speech"])?;
    ensure!(far.services()? == ["speech"], "{:?}", far.services()?);
    near.run(&["up", "--no-start", "mediamtx", "media"])?;
    let speech = far.inspect("speech")?["Id"].as_str().unwrap_or_default().to_owned();
    let network = near.network();
    material::run(&mut docker(&[
        "network", "connect", "--alias", "gpu.test", &network, &speech,
    ]))?;
    near.up(&["mediamtx", "media"])?;
    ensure!(near.services()? == ["media", "mediamtx"], "{:?}", near.services()?);

    // Without a key nobody gets in.
    ensure!(
        http::status(&format!("{}/v1/streams", near.media_url()))? == 401,
        "the console is open"
    );
    let mut stranger = Publisher::ffmpeg(&material::talk()?, &near.rtmp_url("live/keyed/in"))?;
    near.until("who has no key is sent away", || Ok(stranger.has_ended().then_some(())))?;

    let publisher = near.rtmp_url("live/keyed/in?source=en&targets=es&user=publisher&pass=publishers-word");
    let viewer = near.rtmp_url("live/keyed/out?user=viewer&pass=viewers-word");
    let viewer = Viewer::start(&viewer, tone_hz("es"))?;
    let _publisher = Publisher::ffmpeg_with(&["-stream_loop", "-1"], &material::talk()?, &[], &publisher)?;
    near.until("the programme is dubbed over there", || {
        Ok(viewer.seen().first_dub_ns())
    })?;
    figure("split: each host its services, keys everywhere", "dubbed", "dubbed")?;

    // The test stream has the publisher's key too.
    let publishing = near.publish()?;
    near.until("the test stream is on air", || {
        let stream = near.stream("test", Some("console-word"));
        Ok((stream["state"] == "live").then_some(()))
    })?;
    publishing.end()?;
    let logs = near.run(&["logs", "--no-color"])? + &far.run(&["logs", "--no-color"])?;
    for (_, value) in KEYS {
        ensure!(!logs.contains(value), "a key is in the logs");
    }
    material::run(&mut docker(&["network", "disconnect", &network, &speech])).map(drop)
}

/// Where a GPU is, the same services run: speech from another image, on NVIDIA's runtime.
#[test]
#[ignore = "wants a Docker engine: cargo xtask test --docker"]
fn gpu_is_the_same_services_on_another_image() -> Result<()> {
    let mut project = Project::new()?;
    let image = concat!("dragoman-speech-cuda-90:", env!("CARGO_PKG_VERSION"));
    let own = concat!("dragoman-speech:", env!("CARGO_PKG_VERSION"));
    material::run(&mut docker(&["tag", own, image]))?;
    for (name, value) in [("MODE", "gpu"), ("SPEECH_IMAGE", image), ("SPEECH_RUNTIME", "nvidia")] {
        project.set(name, value);
    }
    let created = project.run(&["up", "--no-start"]);
    let services = project.services();
    let speech = project.inspect("speech");
    material::run(&mut docker(&["rmi", image]))?;
    created?;
    ensure!(services? == ["media", "mediamtx", "speech"]);
    let speech = speech?;
    ensure!(
        speech["Config"]["Image"] == image && speech["HostConfig"]["Runtime"] == "nvidia",
        "{speech}"
    );
    figure(
        "cpu, gpu, split start",
        "exactly their services",
        "exactly their services",
    )
}

/// Whether our own router is in MediaMTX's image.
pub(crate) fn stands_in() -> Result<bool> {
    let image = concat!("dragoman-mediamtx:", env!("CARGO_PKG_VERSION"));
    let entrypoint = material::run(&mut docker(&[
        "image",
        "inspect",
        "--format",
        "{{.Config.Entrypoint}}",
        image,
    ]))?;
    Ok(String::from_utf8_lossy(&entrypoint).contains("dragoman-router"))
}
