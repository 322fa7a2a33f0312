//! A publisher loses its connection and is back within the grace period.

use anyhow::{Result, ensure};
use dragoman_tests::scene::Scene;

#[test]
fn the_programme_bridges_it_with_silence_and_goes_on() -> Result<()> {
    comes_back(Scene::start("publisher back within the grace period", &[], &[])?)
}

pub(crate) fn comes_back(mut scene: Scene) -> Result<()> {
    let before = scene.state();
    scene.begin();
    scene.publisher = None;
    scene.says("the stream waits for its publisher", |state| {
        state["state"] == "reconnecting"
    })?;
    scene.publish()?;
    scene.programme_is_back(2_500 + 2_000 + 2_000 + 8_000)?;
    scene.time_goes_on()?;
    let after = scene.state();
    ensure!(
        after["session"] == before["session"],
        "the session goes on: {before} {after}"
    );
    scene.finish()
}
