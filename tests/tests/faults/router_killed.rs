//! The router dies and comes back; the publisher connects again, as streaming software does.

use anyhow::Result;
use dragoman_tests::scene::Scene;
use xtask::stack::Service;

#[test]
fn the_session_goes_on_when_the_router_is_back() -> Result<()> {
    dies(Scene::start("router killed", &[], &[])?)
}

pub(crate) fn dies(mut scene: Scene) -> Result<()> {
    scene.begin();
    scene.stack.kill(Service::Router);
    scene.start_again(Service::Router, &[])?;
    scene.publish_all()?;
    scene.programme_is_back(2_500 + 2_000 + 1_000 + 1_000)?;
    scene.time_goes_on()?;
    scene.finish_all_hit()
}
