//! The network to the speech service is gone for a while: connections end, and none can be made.

use anyhow::Result;
use dragoman_tests::scene::Scene;

#[test]
fn a_cut_network_costs_the_dub_alone_and_it_is_back_with_the_network() -> Result<()> {
    let (mut scene, relay) = Scene::with_relay_to_speech("network to speech cut", &[])?;
    scene.begin();
    // Nobody listens there.
    relay.lead_to(1);
    relay.cut();
    scene.says("media says that speech is away", |state| {
        state["speech"]["state"] != "ready"
    })?;
    scene.falls_back_to_the_original()?;
    relay.lead_to(scene.stack.ports().speech);
    scene.dub_is_back()?;
    scene.is_unbroken()?;
    scene.finish_all_hit()
}
