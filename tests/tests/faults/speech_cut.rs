//! The socket to the speech service breaks in mid-utterance.

use anyhow::{Result, ensure};
use dragoman_tests::scene::Scene;

#[test]
fn a_cut_socket_is_resumed_without_a_missing_word() -> Result<()> {
    let (mut scene, relay) = Scene::with_relay_to_speech("speech socket cut", &[])?;
    let before = scene.state();
    scene.begin();
    relay.cut();
    scene.says("the session is resumed", |state| {
        state["speech"]["connects"].as_u64() > before["speech"]["connects"].as_u64()
            && state["speech"]["state"] == "ready"
    })?;
    scene.watch(5.0)?;
    let longest = scene.seen().longest_run_ms(|look| !look.is_dubbed());
    scene.note("without_dub_ms", longest.round());
    // The talk itself pauses for 0.6 s, and voice activity ends a little off it.
    ensure!(longest < 1_500.0, "no dub for {longest} ms");
    scene.is_unbroken()?;
    scene.finish_all_hit()
}
