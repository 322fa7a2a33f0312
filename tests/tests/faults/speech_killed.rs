//! The speech service dies: the original is heard at its full level at once, the dub is back soon after the service is.

use anyhow::Result;
use dragoman_tests::scene::Scene;
use xtask::stack::Service;

#[test]
fn the_original_is_heard_at_once_and_the_dub_is_back_soon() -> Result<()> {
    let mut scene = Scene::start("speech killed", &[], &[])?;
    scene.begin();
    scene.stack.kill(Service::Speech);
    scene.says("media says that speech is away", |state| {
        state["speech"]["state"] != "ready"
    })?;
    scene.falls_back_to_the_original()?;
    scene.start_again(Service::Speech, &[])?;
    scene.dub_is_back()?;
    scene.is_unbroken()?;
    scene.finish_all_hit()
}
