//! The speech service hangs: nothing tells so but that it says nothing.

use anyhow::Result;
use dragoman_tests::scene::Scene;
use xtask::stack::{Service, Signal};

#[test]
fn a_host_that_hangs_costs_no_more_than_one_that_dies() -> Result<()> {
    let mut scene = Scene::start("speech frozen", &[], &[])?;
    scene.begin();
    scene.stack.signal(Service::Speech, Signal::STOP);
    scene.says("media says that speech is away", |state| {
        state["speech"]["state"] != "ready"
    })?;
    scene.falls_back_to_the_original()?;
    scene.stack.signal(Service::Speech, Signal::CONT);
    scene.dub_is_back()?;
    scene.is_unbroken()?;
    scene.finish_all_hit()
}
