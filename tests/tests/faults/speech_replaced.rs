//! The list of speech hosts names another one in mid-stream, and the one that served goes away.

use std::path::Path;

use anyhow::{Context, Result, ensure};
use dragoman_probe::element::now_ns;
use dragoman_tests::host::Host;
use dragoman_tests::scene::Scene;
use dragoman_tests::setting::Setting;

/// Each of them is looked at, since the list is for all streams.
const STREAMS: [&str; 2] = ["hit", "bystander"];
/// A pause of the talk and its edges, and an utterance.
const HOLE_MS: f64 = 1_500.0 + 1_700.0;

#[test]
fn both_streams_move_to_the_host_that_is_listed_and_nobody_hears_it() -> Result<()> {
    let dir = tempfile::tempdir()?;
    let list = dir.path().join("url");
    let old = Host::start()?;
    name(&list, &old)?;
    let file = list.to_str().context("a path that is no text")?;
    let setting = Setting::new(&[("SPEECH_URL", ""), ("SPEECH_URL_FILE", file)], &[]);
    let mut scene = Scene::start_in("speech replaced", &setting)?;

    let new = Host::start()?;
    scene.until("the new host is well", || Ok(new.is_well().then_some(())))?;
    let missing = ["truncated", "failed", "lost", "stale", "shed"];
    let count = |scene: &Scene| missing.map(|outcome| scene.outcomes(outcome)).iter().sum::<u64>();
    let before = count(&scene);
    let begun = scene.begin();
    name(&list, &new)?;
    let host = new.address().to_string();
    let moved = scene.until("both sessions have moved", || {
        let serves = |id| {
            let speech = scene.stack.stream(id).unwrap_or_default()["speech"].clone();
            speech["state"] == "ready" && speech["host"] == host
        };
        Ok(STREAMS.iter().all(|id| serves(id)).then(now_ns))
    })?;
    drop(old);
    scene.note("moved_ms", (moved - begun) / 1_000_000);
    let heard = scene.is_dubbed_after("by the new host", moved)?;
    let back = (heard - moved) as f64 / 1e6;
    scene.note("dub_back_ms", back.round());
    ensure!(back <= 2_000.0, "the dub is back after {back} ms");
    scene.watch(8.0)?;

    let longest = scene.seen().longest_run_ms(|look| !look.is_dubbed());
    scene.note("without_dub_ms", longest.round());
    ensure!(longest < HOLE_MS, "no dub for {longest} ms");
    let lost = count(&scene) - before;
    scene.note("missing", lost);
    ensure!(
        lost <= 1,
        "{lost} utterances are not dubbed as a whole: {}",
        scene.state()
    );
    scene.is_unbroken()?;
    scene.finish()
}

/// The list names this host alone, from one moment to the next.
fn name(list: &Path, host: &Host) -> Result<()> {
    let new = list.with_extension("new");
    std::fs::write(&new, format!("ws://{}\n", host.address()))?;
    std::fs::rename(&new, list).context("cannot replace the list")
}
