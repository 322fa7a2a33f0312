//! The session moves to another host in mid-utterance because the first one is shut down.

use anyhow::{Result, ensure};
use dragoman_tests::host::Host;
use dragoman_tests::scene::Scene;
use xtask::stack::Service;

#[test]
fn a_host_that_is_shut_down_hands_over_without_a_missing_dub() -> Result<()> {
    let second = Host::start()?;
    let (mut scene, _relay) = Scene::with_relay_to_speech("speech moved", &[second.address()])?;
    let before = scene.state();
    scene.begin();
    let took = scene.stack.end(Service::Speech);
    scene.note("shutdown_ms", took.as_millis() as u64);
    scene.says("the second host serves", |state| {
        state["speech"]["state"] == "ready" && state["speech"]["host"] == second.address().to_string()
    })?;
    scene.watch(6.0)?;
    let after = scene.state();
    for outcome in ["truncated", "failed", "lost", "stale", "shed"] {
        let count =
            |state: &serde_json::Value| state["programmes"][0]["dub"]["outcomes"][outcome].as_u64().unwrap_or(0);
        ensure!(count(&after) == count(&before), "{outcome} dubs: {after}");
    }
    let longest = scene.seen().longest_run_ms(|look| !look.is_dubbed());
    scene.note("without_dub_ms", longest.round());
    scene.is_unbroken()?;
    scene.finish_all_hit()
}
