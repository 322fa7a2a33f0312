//! The orchestrator dies: programmes do not notice, the next one adopts their workers.

use anyhow::{Result, ensure};
use dragoman_tests::leftovers::orchestrator;
use dragoman_tests::scene::{Scene, send};
use xtask::stack::Signal;

#[test]
fn programmes_go_on_and_their_workers_are_adopted() -> Result<()> {
    let mut scene = Scene::start("orchestrator killed", &[], &[])?;
    goes_on_without_its_orchestrator(&mut scene)?;
    scene.finish()
}

pub(crate) fn goes_on_without_its_orchestrator(scene: &mut Scene) -> Result<()> {
    let worker = scene.worker()?;
    let first = orchestrator(&scene.stack)?;
    scene.begin();
    send(first, Signal::KILL)?;
    scene.until("there is another orchestrator", || {
        Ok(orchestrator(&scene.stack).ok().filter(|pid| *pid != first))
    })?;
    let said = scene.says("it knows the stream", |state| state["state"] == "live")?;
    ensure!(said["worker"]["pid"] == worker, "the worker is the same: {said}");
    scene.watch(4.0)?;
    scene.is_unbroken()
}
