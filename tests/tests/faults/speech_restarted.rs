//! The only speech service is ended in mid-utterance, as for an update, and started again.

use std::time::Duration;

use anyhow::{Result, ensure};
use dragoman_tests::scene::Scene;
use serde_json::Value;
use xtask::stack::Service;

#[test]
fn what_was_said_is_still_dubbed_and_the_dub_is_back_soon() -> Result<()> {
    let mut scene = Scene::start("speech ended and started again", &[], &[])?;
    let before = scene.state();
    scene.begin();
    let took = scene.stack.end(Service::Speech);
    scene.note("shutdown_ms", took.as_millis() as u64);
    // Its client has no other host to go to, so that it serves until its own deadline.
    ensure!(
        took < Duration::from_millis(7_500),
        "it ends within its grace period, not after {took:?}"
    );
    scene.start_again(Service::Speech, &[])?;
    scene.watch(8.0)?;
    let longest = scene.seen().longest_run_ms(|look| !look.is_dubbed());
    scene.note("without_dub_ms", longest.round());
    ensure!(longest < 3_700.0, "no dub for {longest} ms");
    let after = scene.state();
    for outcome in ["truncated", "failed"] {
        let count = |state: &Value| state["programmes"][0]["dub"]["outcomes"][outcome].as_u64().unwrap_or(0);
        ensure!(count(&after) == count(&before), "{outcome} dubs: {after}");
    }
    scene.is_unbroken()?;
    scene.finish_all_hit()
}
