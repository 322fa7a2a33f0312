//! The network to the speech service loses packets: what TCP makes of it is stalls of random length.

use anyhow::{Result, ensure};
use dragoman_tests::scene::Scene;

#[test]
fn dubs_come_whole_over_a_network_that_loses_packets() -> Result<()> {
    let (mut scene, relay) = Scene::with_relay_to_speech("network to speech loses packets", &[])?;
    let before = scene.state();
    scene.begin();
    relay.lose(true);
    scene.watch(8.0)?;
    let after = scene.state();
    ensure!(
        after["speech"]["connects"] == before["speech"]["connects"],
        "the session goes on: {after}"
    );
    let longest = scene.seen().longest_run_ms(|look| !look.is_dubbed());
    scene.note("without_dub_ms", longest.round());
    // The talk itself pauses for 0.6 s, and voice activity ends a little off it.
    ensure!(longest < 1_500.0, "no dub for {longest} ms");
    relay.lose(false);
    scene.is_unbroken()?;
    scene.finish_all_hit()
}
