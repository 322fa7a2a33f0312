//! The operator's switch: the original at full level at once, without a gap, and over a restart of the worker.

use anyhow::{Result, ensure};
use dragoman_speech::engine::mock::tone_hz;
use dragoman_tests::eventually::eventually;
use dragoman_tests::heard::Heard;
use dragoman_tests::material::{self, BED_DB, PLAIN, SPEECH_AT, SPEECH_LENGTH};
use dragoman_tests::playing::Publisher;
use dragoman_tests::recording::Recording;
use dragoman_tests::running::{logs, on_air, set_dub, shared, stream_when};

use crate::dubbing::heard_until;

/// From the switch to the original at full level, plus what encoder, router and reader hold at that moment.
const SWITCHED_WITHIN: f64 = 0.1 + 0.9;

#[test]
fn the_switch_gives_the_original_at_once_and_the_dub_again_later() -> Result<()> {
    let stack = shared()?;
    let file = material::file(&PLAIN)?;
    let hz = tone_hz("es");
    let _publisher = Publisher::ffmpeg(&file, &stack.rtmp_url("live/switch/in?targets=es"))?;
    on_air(&stack, "switch")?;
    let mut programme = Recording::ffmpeg(&stack.rtmp_url("live/switch/out"))?;

    // In the middle of a dub.
    let dubbed = eventually(
        "the first dub is heard",
        || {
            programme.check()?;
            let Some(heard) = Heard::new(programme.sound()) else {
                return Ok(None);
            };
            let until = heard.until();
            Ok((until > SPEECH_AT[0] + 1.0 && heard.between(until - 0.5, until, hz)?.dubbed >= 0.8).then_some(until))
        },
        || logs(&stack),
    )?;
    ensure!(
        dubbed < SPEECH_AT[0] + SPEECH_LENGTH - 1.0,
        "the dub was seen too late to switch in the middle of it: {dubbed}"
    );
    set_dub(&stack, "switch", false)?;
    let switched = Heard::new(programme.sound()).map_or(dubbed, |heard| heard.until());

    let heard = heard_until(&mut programme, &stack, SPEECH_AT[0] + SPEECH_LENGTH + 1.0)?;
    let after = heard.between(switched + SWITCHED_WITHIN, SPEECH_AT[0] + SPEECH_LENGTH, hz)?;
    ensure!(
        (after.bed_db - BED_DB).abs() < 1.5,
        "the original is not at full level after the switch: {after:?}"
    );
    let all = heard.between(SPEECH_AT[0] - 0.5, SPEECH_AT[0] + SPEECH_LENGTH + 1.0, hz)?;
    ensure!(all.bed_low_db > BED_DB - 26.0, "the sound has a gap: {all:?}");

    set_dub(&stack, "switch", true)?;
    let heard = heard_until(&mut programme, &stack, SPEECH_AT[1] + SPEECH_LENGTH)?;
    let again = heard.between(SPEECH_AT[1] + 0.5, SPEECH_AT[1] + SPEECH_LENGTH - 0.5, hz)?;
    ensure!(again.dubbed >= 0.8, "the dub does not come back: {again:?}");
    Ok(())
}

#[test]
fn the_switch_survives_a_new_worker() -> Result<()> {
    let stack = shared()?;
    let file = material::file(&PLAIN)?;
    let _publisher = Publisher::ffmpeg(&file, &stack.rtmp_url("live/renewed/in?targets=es"))?;
    let stream = on_air(&stack, "renewed")?;
    set_dub(&stack, "renewed", false)?;

    let url = format!("{}/v1/streams/renewed/worker", stack.media_url());
    reqwest::blocking::Client::new()
        .delete(url)
        .send()?
        .error_for_status()?;
    let renewed = stream_when(&stack, "renewed", "another worker serves the stream", |now| {
        now["worker"]["pid"].is_u64() && now["worker"]["pid"] != stream["worker"]["pid"] && now["state"] == "live"
    })?;
    ensure!(
        renewed["session"] == stream["session"],
        "a new worker is no new session: {renewed}"
    );

    let mut programme = Recording::ffmpeg(&stack.rtmp_url("live/renewed/out"))?;
    let heard = heard_until(&mut programme, &stack, SPEECH_AT[0] + SPEECH_LENGTH)?;
    heard.is_original(SPEECH_AT[0] + SPEECH_LENGTH, tone_hz("es"))
}
