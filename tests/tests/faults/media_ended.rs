//! The media service is ended and started again, as for an update.

use std::time::Duration;

use anyhow::{Result, ensure};
use dragoman_tests::scene::Scene;
use xtask::stack::Service;

#[test]
fn it_says_goodbye_in_time_and_takes_its_streams_up_again() -> Result<()> {
    let mut scene = Scene::start("media ended and started again", &[], &[])?;
    let begun = scene.begin();
    let abandoned = scene.speech_metric("dragoman_speech_abandoned_total")?;
    let took = scene.stack.end(Service::Media);
    scene.note("shutdown_ms", took.as_millis() as u64);
    ensure!(
        took < Duration::from_secs(8),
        "it ends within its grace period, not after {took:?}"
    );
    // What had come when it was told to end is still sent, and dubbed.
    let last = scene.seen().pictures.last().map_or(begun, |picture| picture.at_ns);
    let played_out = (last - begun) / 1_000_000;
    scene.note("played_out_ms", played_out);
    ensure!(
        (2_000..6_000).contains(&played_out),
        "the programme ends after {played_out} ms"
    );
    scene.is_unbroken()?;
    let left = scene.speech_metric("dragoman_speech_abandoned_total")? - abandoned;
    ensure!(left == 0.0, "{left} utterances are neither dubbed nor counted");
    scene.start_again(Service::Media, &[])?;
    scene.programme_is_back(u64::try_from(took.as_millis())? + 2_500 + 2_000 + 1_000 + 1_000)?;
    scene.finish_all_hit()
}
