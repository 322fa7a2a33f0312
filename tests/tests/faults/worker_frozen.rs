//! A worker hangs: it is noticed, killed and replaced.

use anyhow::Result;
use dragoman_tests::scene::Scene;
use xtask::stack::Signal;

#[test]
fn a_worker_that_hangs_is_replaced() -> Result<()> {
    let mut scene = Scene::start("worker frozen", &[], &[])?;
    scene.begin();
    scene.signal_worker(Signal::STOP)?;
    // Two seconds more than one that dies: nothing else tells a hang from a pause.
    scene.programme_is_back(2_500 + 2_000 + 1_000 + 2_000)?;
    scene.time_goes_on()?;
    scene.finish()
}
