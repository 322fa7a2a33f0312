//! The original at full level at once and without a gap: when an operator wants it, when there is no speech service.

use anyhow::{Result, ensure};
use dragoman_speech::engine::mock::tone_hz;
use dragoman_tests::eventually::eventually;
use dragoman_tests::heard::Heard;
use dragoman_tests::material::{self, BED_DB, PLAIN, SPEECH_AT, SPEECH_LENGTH};
use dragoman_tests::playing::Publisher;
use dragoman_tests::recording::Recording;
use dragoman_tests::running::{logs, on_air, set_dub, shared, start, stream_when};
use xtask::stack::{Router, Service, Stack};

use crate::dubbing::{has_same_pictures, heard_until};

/// From the switch to the original at full level, plus what encoder, router and reader hold at that moment.
const SWITCHED_WITHIN: f64 = 0.1 + 0.9;

/// The second of the published file at which a dub was last heard, as soon as one is.
fn in_the_first_dub(programme: &mut Recording, stack: &Stack, hz: f64) -> Result<f64> {
    let heard = eventually(
        "the first dub is heard",
        || {
            programme.check()?;
            let Some(heard) = Heard::new(programme.sound()) else {
                return Ok(None);
            };
            let until = heard.until();
            Ok((until > SPEECH_AT[0] + 1.0 && heard.between(until - 0.5, until, hz)?.dubbed >= 0.8).then_some(until))
        },
        || logs(stack),
    )?;
    let end = SPEECH_AT[0] + SPEECH_LENGTH;
    ensure!(
        heard < end - 1.0,
        "the dub was heard too late to be in the middle of it: {heard}"
    );
    Ok(heard)
}

/// The original alone is heard, at full level.
fn is_original(heard: &Heard, from: f64, to: f64, hz: f64) -> Result<()> {
    let stretch = heard.between(from, to, hz)?;
    ensure!(
        (stretch.bed_db - BED_DB).abs() < 1.5,
        "the original is not at full level: {stretch:?}"
    );
    // Speech has energy at the dub's pitch now and then.
    ensure!(stretch.dubbed < 0.3, "the dub is still heard: {stretch:?}");
    Ok(())
}

#[test]
fn the_switch_gives_the_original_at_once_and_the_dub_again_later() -> Result<()> {
    let stack = shared()?;
    let file = material::file(&PLAIN)?;
    let hz = tone_hz("es");
    let _publisher = Publisher::ffmpeg(&file, &stack.rtmp_url("live/switch/in?targets=es"))?;
    on_air(&stack, "switch")?;
    let mut programme = Recording::ffmpeg(&stack.rtmp_url("live/switch/out"))?;

    let dubbed = in_the_first_dub(&mut programme, &stack, hz)?;
    set_dub(&stack, "switch", false)?;
    let switched = Heard::new(programme.sound()).map_or(dubbed, |heard| heard.until());

    let (start, end) = (SPEECH_AT[0], SPEECH_AT[0] + SPEECH_LENGTH);
    let heard = heard_until(&mut programme, &stack, end + 1.0)?;
    is_original(&heard, switched + SWITCHED_WITHIN, end, hz)?;
    let all = heard.between(start - 0.5, end + 1.0, hz)?;
    ensure!(all.bed_low_db > BED_DB - 26.0, "the sound has a gap: {all:?}");

    set_dub(&stack, "switch", true)?;
    let heard = heard_until(&mut programme, &stack, SPEECH_AT[1] + SPEECH_LENGTH)?;
    let again = heard.between(SPEECH_AT[1] + 0.5, SPEECH_AT[1] + SPEECH_LENGTH - 0.5, hz)?;
    ensure!(again.dubbed >= 0.8, "the dub does not come back: {again:?}");
    Ok(())
}

#[test]
fn without_the_speech_service_the_original_goes_on() -> Result<()> {
    let mut stack = start(Router::Own, &[], &[])?;
    let file = material::file(&PLAIN)?;
    let hz = tone_hz("es");
    let _publisher = Publisher::ffmpeg(&file, &stack.rtmp_url("live/lost/in?targets=es"))?;
    on_air(&stack, "lost")?;
    let mut programme = Recording::ffmpeg(&stack.rtmp_url("live/lost/out"))?;
    in_the_first_dub(&mut programme, &stack, hz)?;
    stack.kill(Service::Speech);

    // What was dubbed already is heard to its end; what is said later is heard as it was said.
    let end = SPEECH_AT[1] + SPEECH_LENGTH;
    let heard = heard_until(&mut programme, &stack, end)?;
    is_original(&heard, SPEECH_AT[1] - 1.0, end, hz)?;
    let all = heard.between(SPEECH_AT[0] - 0.5, end, hz)?;
    ensure!(all.bed_low_db > BED_DB - 26.0, "the sound has a gap: {all:?}");
    has_same_pictures(&programme, &file)
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
