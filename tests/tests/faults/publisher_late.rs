//! A publisher is back after the grace period: its session is over, and another one begins.

use anyhow::{Result, ensure};
use dragoman_tests::scene::Scene;

#[test]
fn the_session_ends_and_another_one_begins() -> Result<()> {
    let mut scene = Scene::start("publisher back after the grace period", &[("GRACE", "2s")], &[])?;
    let before = scene.state();
    scene.begin();
    scene.publisher = None;
    scene.says("the session ends", |state| state["state"] == "ended")?;
    ensure!(scene.workers()? == 1, "the bystander's worker alone is left");
    let back = scene.begin();
    scene.publish()?;
    let heard = scene.is_dubbed_after("again", back)?;
    let after = (heard - back) / 1_000_000;
    scene.note("programme_back_ms", after);
    ensure!(after < 2_500 + 2_000 + 2_000 + 2_000, "it is on air after {after} ms");
    let now = scene.state();
    ensure!(now["session"] != before["session"], "another session: {before} {now}");
    scene.begin();
    scene.watch(3.0)?;
    scene.is_unbroken()?;
    scene.finish()
}
