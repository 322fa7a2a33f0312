//! A second publisher on a path that is taken.

use anyhow::{Result, ensure};
use dragoman_tests::scene::Scene;

#[test]
fn one_worker_serves_the_stream_whoever_publishes() -> Result<()> {
    let mut scene = Scene::start("second publisher on the path", &[], &[])?;
    let before = scene.state();
    scene.begin();
    let second = scene.another_publisher()?;
    scene.watch(6.0)?;
    let after = scene.state();
    ensure!(
        after["worker"]["pid"] == before["worker"]["pid"],
        "the worker goes on: {before} {after}"
    );
    ensure!(scene.workers()? == 2, "one worker for each of the two streams");
    let begun = scene.begin();
    scene.is_dubbed_after("whoever publishes", begun)?;
    drop(second);
    scene.finish()
}
