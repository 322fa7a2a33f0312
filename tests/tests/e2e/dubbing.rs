//! The main job: the programme is the source's pictures, untouched, with the dub over the ducked original.

use anyhow::{Result, ensure};
use dragoman_speech::engine::mock::tone_hz;
use dragoman_tests::eventually::eventually;
use dragoman_tests::heard::Heard;
use dragoman_tests::material::{self, PLAIN};
use dragoman_tests::playing::Publisher;
use dragoman_tests::recording::Recording;
use dragoman_tests::running::{logs, on_air, shared};
use dragoman_tests::slices;
use xtask::stack::Stack;

/// The recording up to the second of the published file at which everything was said.
pub(crate) fn heard_all(recording: &mut Recording, stack: &Stack) -> Result<Heard> {
    heard_until(recording, stack, material::SPEECH_AT[1] + material::SPEECH_LENGTH + 2.5)
}

/// The recording up to a second of the published file.
pub(crate) fn heard_until(recording: &mut Recording, stack: &Stack, second: f64) -> Result<Heard> {
    let explain = || logs(stack);
    eventually(
        &format!("the programme reaches {second} s of its source"),
        || {
            let heard = Heard::new(recording.sound()).filter(|heard| heard.until() >= second);
            if heard.is_none() {
                recording.check()?;
            }
            Ok(heard)
        },
        explain,
    )
}

/// The pictures of the recording are a run of the source's, byte for byte.
pub(crate) fn has_same_pictures(recording: &Recording, source: &std::path::Path) -> Result<()> {
    let programme = slices::of_recording(&recording.picture())?;
    let source = slices::of_file(source)?;
    let identical = slices::run_within(&programme, &source);
    ensure!(
        identical.is_some_and(|count| count > 200),
        "{} slices of the programme are no run of the {} of the source",
        programme.len(),
        source.len()
    );
    Ok(())
}

#[test]
fn ffmpeg_publishes_and_ffmpeg_reads_the_dubbed_programme() -> Result<()> {
    let stack = shared()?;
    let file = material::file(&PLAIN)?;
    let _publisher = Publisher::ffmpeg(&file, &stack.rtmp_url("live/ffmpeg/in?source=en&targets=es"))?;
    let stream = on_air(&stack, "ffmpeg")?;
    ensure!(stream["engine"] == "mock", "the engine that runs is named: {stream}");

    let mut programme = Recording::ffmpeg(&stack.rtmp_url("live/ffmpeg/out"))?;
    let heard = heard_all(&mut programme, &stack)?;
    heard.is_dubbed(tone_hz("es"))?;
    has_same_pictures(&programme, &file)
}

#[test]
fn gstreamer_publishes_and_gstreamer_reads_the_dubbed_programme() -> Result<()> {
    let stack = shared()?;
    let file = material::file(&PLAIN)?;
    let _publisher = Publisher::gstreamer(&file, &stack.rtmp_url("live/gstreamer/in?targets=de"))?;
    on_air(&stack, "gstreamer")?;

    let mut programme = Recording::gstreamer(&stack.rtmp_url("live/gstreamer/out"))?;
    let heard = heard_all(&mut programme, &stack)?;
    heard.is_dubbed(tone_hz("de"))?;
    has_same_pictures(&programme, &file)
}

#[test]
fn two_languages_are_two_programmes_of_one_worker() -> Result<()> {
    let stack = shared()?;
    let file = material::file(&PLAIN)?;
    let _publisher = Publisher::ffmpeg(&file, &stack.rtmp_url("live/two/in?targets=es,fr"))?;
    let stream = on_air(&stack, "two")?;
    ensure!(
        stream["programmes"][0]["path"] == "live/two/out" && stream["programmes"][1]["path"] == "live/two/out/fr",
        "{stream}"
    );

    let mut spanish = Recording::ffmpeg(&stack.rtmp_url("live/two/out"))?;
    let mut french = Recording::ffmpeg(&stack.rtmp_url("live/two/out/fr"))?;
    for (recording, own, other) in [(&mut spanish, "es", "fr"), (&mut french, "fr", "es")] {
        let heard = heard_all(recording, &stack)?;
        heard.is_dubbed(tone_hz(own))?;
        heard.lacks(tone_hz(other))?;
        has_same_pictures(recording, &file)?;
    }
    Ok(())
}

#[test]
fn the_hold_of_the_url_is_the_hold_of_the_stream() -> Result<()> {
    let stack = shared()?;
    let file = material::file(&PLAIN)?;
    let _publisher = Publisher::ffmpeg(&file, &stack.rtmp_url("live/hold/in?hold=1500ms"))?;
    let stream = on_air(&stack, "hold")?;
    ensure!(stream["hold_ms"] == 1500, "{stream}");
    Ok(())
}
