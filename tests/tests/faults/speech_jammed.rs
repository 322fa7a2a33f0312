//! The network to the speech service swallows everything without a word.

use anyhow::Result;
use dragoman_tests::scene::Scene;

#[test]
fn a_jammed_network_is_noticed_and_survived() -> Result<()> {
    let (mut scene, relay) = Scene::with_relay_to_speech("network to speech jammed", &[])?;
    scene.begin();
    relay.jam(true);
    scene.says("media says that speech is away", |state| {
        state["speech"]["state"] != "ready"
    })?;
    scene.falls_back_to_the_original()?;
    relay.jam(false);
    scene.dub_is_back()?;
    scene.is_unbroken()?;
    scene.finish_all_hit()
}
