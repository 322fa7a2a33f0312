//! The router hangs with all its connections open, and goes on.

use anyhow::Result;
use dragoman_tests::scene::Scene;
use xtask::stack::{Service, Signal};

const FROZEN: f64 = 6.0;

#[test]
fn programmes_are_back_when_the_router_goes_on() -> Result<()> {
    hangs(Scene::start("router frozen for 6 s", &[], &[])?)
}

pub(crate) fn hangs(mut scene: Scene) -> Result<()> {
    scene.begin();
    scene.stack.signal(Service::Router, Signal::STOP);
    scene.watch(FROZEN)?;
    scene.stack.signal(Service::Router, Signal::CONT);
    scene.publishers_come_back(3.0)?;
    scene.programme_is_back((FROZEN * 1_000.0) as u64 + 2_500 + 2_000 + 1_000 + 1_000)?;
    scene.time_goes_on()?;
    scene.finish_all_hit()
}
