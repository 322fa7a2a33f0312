//! The media service is ended while the router hangs: nothing can leave, and it ends in time all the same.

use std::time::Duration;

use anyhow::{Result, ensure};
use dragoman_tests::scene::Scene;
use xtask::stack::{Service, Signal};

const FROZEN: f64 = 4.5;

#[test]
fn a_router_that_hangs_does_not_hold_up_the_end() -> Result<()> {
    let mut scene = Scene::start("media ended while the router is frozen", &[], &[])?;
    scene.begin();
    let worker = scene.worker()?;
    scene.stack.signal(Service::Router, Signal::STOP);
    // Until the worker gives its connections up, and makes others that nobody answers.
    scene.watch(FROZEN)?;
    let took = scene.stack.end(Service::Media);
    scene.note("shutdown_ms", took.as_millis() as u64);
    // Below the limit after which it is killed: its own, which is the drain's.
    ensure!(
        took < Duration::from_millis(7_500),
        "it ends within its grace period, not after {took:?}"
    );
    ensure!(!dragoman_tests::leftovers::is_alive(worker), "the worker is gone too");
    scene.stack.signal(Service::Router, Signal::CONT);
    scene.start_again(Service::Media, &[])?;
    scene.publishers_come_back(3.0)?;
    scene.programme_is_back(
        (FROZEN * 1_000.0) as u64 + u64::try_from(took.as_millis())? + 2_500 + 2_000 + 1_000 + 2_000,
    )?;
    scene.finish_all_hit()
}
