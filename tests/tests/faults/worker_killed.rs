//! A worker dies: its programme is back within the hold, two seconds and a GOP, and time never runs back.

use anyhow::{Result, ensure};
use dragoman_tests::scene::Scene;
use xtask::stack::Signal;

#[test]
fn the_programme_is_back_and_its_time_goes_on() -> Result<()> {
    dies(Scene::start("worker killed", &[], &[])?)
}

pub(crate) fn dies(mut scene: Scene) -> Result<()> {
    scene.begin();
    let first = scene.signal_worker(Signal::KILL)?;
    scene.programme_is_back(2_500 + 2_000 + 1_000)?;
    scene.time_goes_on()?;
    let second = scene.worker()?;
    ensure!(first != second, "another worker serves the stream");
    scene.finish()
}
