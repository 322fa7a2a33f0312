//! The speech service is on another continent: 200 ms each way.

use std::time::Duration;

use anyhow::{Result, ensure};
use dragoman_tests::scene::Scene;

#[test]
fn a_far_host_still_dubs_on_time() -> Result<()> {
    let (mut scene, relay) = Scene::with_relay_to_speech("network to speech 200 ms each way", &[])?;
    let late = |state: &serde_json::Value| state["programmes"][0]["dub"]["outcomes"]["late"].as_u64().unwrap_or(0);
    relay.delay(Duration::from_millis(200));
    let begun = scene.begin();
    scene.is_dubbed_after("over the slow network", begun + 4_000_000_000)?;
    let before = late(&scene.state());
    scene.watch(6.0)?;
    let after = late(&scene.state());
    scene.note("late", after - before);
    ensure!(after == before, "{} dubs were late", after - before);
    scene.is_unbroken()?;
    scene.finish_all_hit()
}
