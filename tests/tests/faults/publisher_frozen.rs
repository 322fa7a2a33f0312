//! A publisher hangs with its connection open, for less and for more than the hold.

use anyhow::{Result, ensure};
use dragoman_tests::scene::Scene;
use xtask::stack::Signal;

#[test]
fn a_pause_within_the_hold_is_not_seen() -> Result<()> {
    let mut scene = Scene::start("publisher frozen for 1.5 s", &[], &[])?;
    scene.begin();
    scene.signal_publisher(Signal::STOP)?;
    scene.watch(1.5)?;
    scene.signal_publisher(Signal::CONT)?;
    scene.watch(5.0)?;
    scene.is_unbroken()?;
    scene.finish()
}

#[test]
fn a_longer_one_is_bridged_by_the_same_worker() -> Result<()> {
    let mut scene = Scene::start("publisher frozen for 6 s", &[], &[])?;
    let before = scene.state();
    scene.begin();
    scene.signal_publisher(Signal::STOP)?;
    scene.watch(6.0)?;
    scene.signal_publisher(Signal::CONT)?;
    scene.programme_is_back(6_000 + 2_500 + 2_000)?;
    scene.time_goes_on()?;
    let after = scene.state();
    ensure!(
        after["worker"]["pid"] == before["worker"]["pid"],
        "the worker goes on: {before} {after}"
    );
    scene.finish()
}
