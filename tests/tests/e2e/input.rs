//! Streams that are not as one would like them: a clear state, a programme where there can be one, never a crash.

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result, ensure};
use dragoman_speech::engine::mock::tone_hz;
use dragoman_tests::eventually::eventually;
use dragoman_tests::material::{self, PLAIN, PLAIN_AUDIO, PLAIN_VIDEO, Variant};
use dragoman_tests::playing::Publisher;
use dragoman_tests::raw::{self, RawPublisher};
use dragoman_tests::recording::Recording;
use dragoman_tests::running::{logs, on_air, shared, stream_when};

use crate::dubbing::{has_same_pictures, heard_all};

#[test]
fn pictures_without_sound_get_a_silent_track_and_no_dub() -> Result<()> {
    let stack = shared()?;
    let file = material::file(&Variant {
        name: "pictures",
        video: PLAIN_VIDEO,
        audio: &[],
    })?;
    let _publisher = Publisher::ffmpeg(&file, &stack.rtmp_url("live/pictures/in"))?;
    on_air(&stack, "pictures")?;
    let mut programme = Recording::ffmpeg(&stack.rtmp_url("live/pictures/out"))?;
    eventually(
        "silence is heard under the pictures",
        || {
            programme.check()?;
            Ok((programme.seconds() > 6.0).then_some(()))
        },
        || logs(&stack),
    )?;
    let loudest = programme
        .sound()
        .iter()
        .fold(0.0f32, |loudest, sample| loudest.max(sample.abs()));
    ensure!(loudest < 0.001, "the silent track is not silent: {loudest}");
    let stream = stack.stream("pictures").context("the stream is known")?;
    ensure!(
        stream["dub"]["utterances"] == 0 && stream["speech"]["state"] == "off",
        "{stream}"
    );
    has_pictures(&programme, &file)
}

#[test]
fn sound_without_pictures_is_dubbed() -> Result<()> {
    let stack = shared()?;
    let file = material::file(&Variant {
        name: "sound-only",
        video: &[],
        audio: PLAIN_AUDIO,
    })?;
    let _publisher = Publisher::ffmpeg(&file, &stack.rtmp_url("live/sound/in"))?;
    on_air(&stack, "sound")?;
    let mut programme = Recording::ffmpeg_sound(&stack.rtmp_url("live/sound/out"))?;
    heard_all(&mut programme, &stack)?.is_dubbed(tone_hz("es"))
}

#[test]
fn mono_sound_at_another_rate_is_dubbed() -> Result<()> {
    let stack = shared()?;
    let file = material::file(&Variant {
        name: "mono",
        video: PLAIN_VIDEO,
        audio: &["-af", "pan=mono|c0=c0", "-ar", "44100", "-c:a", "aac", "-b:a", "96k"],
    })?;
    let _publisher = Publisher::ffmpeg(&file, &stack.rtmp_url("live/mono/in"))?;
    on_air(&stack, "mono")?;
    let mut programme = Recording::ffmpeg(&stack.rtmp_url("live/mono/out"))?;
    heard_all(&mut programme, &stack)?.is_dubbed(tone_hz("es"))
}

#[test]
fn b_frames_pass_in_their_order() -> Result<()> {
    let stack = shared()?;
    let file = material::file(&Variant {
        name: "b-frames",
        video: &[
            "-c:v",
            "libx264",
            "-preset",
            "veryfast",
            "-g",
            "30",
            "-bf",
            "2",
            "-b_strategy",
            "0",
        ],
        audio: PLAIN_AUDIO,
    })?;
    let _publisher = Publisher::ffmpeg(&file, &stack.rtmp_url("live/b-frames/in"))?;
    on_air(&stack, "b-frames")?;
    let mut programme = Recording::ffmpeg(&stack.rtmp_url("live/b-frames/out"))?;
    heard_all(&mut programme, &stack)?.is_dubbed(tone_hz("es"))?;
    has_same_pictures(&programme, &file)
}

#[test]
fn a_change_of_size_passes() -> Result<()> {
    let stack = shared()?;
    let file = two_sizes()?;
    let _publisher = Publisher::ffmpeg_with(
        &["-r", "30", "-f", "h264"],
        &file,
        &[],
        &stack.rtmp_url("live/sizes/in"),
    )?;
    on_air(&stack, "sizes")?;
    let programme = Recording::ffmpeg(&stack.rtmp_url("live/sizes/out"))?;
    eventually(
        "pictures of both sizes are in the programme",
        || Ok((sizes(&programme).unwrap_or_default() == ["320,180", "480,270"]).then_some(())),
        || format!("{:?}\n{}", sizes(&programme), logs(&stack)),
    )?;
    has_pictures(&programme, &file)
}

#[test]
fn a_stream_with_one_keyframe_says_what_it_lacks() -> Result<()> {
    let stack = shared()?;
    let file = material::file(&Variant {
        name: "refresh",
        video: &[
            "-c:v",
            "libx264",
            "-preset",
            "ultrafast",
            "-g",
            "600",
            "-bf",
            "0",
            "-x264-params",
            "intra-refresh=1",
        ],
        audio: PLAIN_AUDIO,
    })?;
    let _publisher = Publisher::ffmpeg(&file, &stack.rtmp_url("live/refresh/in"))?;
    // Over RTMP a reader's pictures begin with a keyframe, and there is none; the sound is dubbed all the same.
    let lacks = |stream: &serde_json::Value| {
        stream["reason"]
            .as_str()
            .is_some_and(|reason| reason.contains("keyframe") || reason.contains("no picture"))
    };
    stream_when(&stack, "refresh", "the stream says what it lacks", |stream| {
        stream["state"] == "live" && lacks(stream)
    })?;
    stream_when(&stack, "refresh", "the sound is dubbed", |stream| {
        stream["programmes"][0]["dub"]["outcomes"]["on_time"].as_u64() >= Some(1)
    })?;
    Ok(())
}

/// Beep and first speech come before the step, the second speech after it.
const STEP_AT_MS: u32 = 14_500;

#[test]
fn time_stamps_that_jump_ahead_are_mended() -> Result<()> {
    steps("ahead", |stamp_ms| stamp_ms + 20_000)
}

#[test]
fn time_stamps_that_run_backwards_are_mended() -> Result<()> {
    steps("backwards", |stamp_ms| stamp_ms - 5_000)
}

/// The programme does not show where its source's time stamps make a step.
fn steps(id: &str, step: impl Fn(u32) -> u32) -> Result<()> {
    let stack = shared()?;
    let file = material::file(&PLAIN)?;
    let mut messages = raw::messages(&file)?;
    for message in messages.iter_mut().filter(|message| message.stamp_ms >= STEP_AT_MS) {
        message.stamp_ms = step(message.stamp_ms);
    }
    let _publisher = RawPublisher::start(&stack.rtmp_url(&format!("live/{id}/in")), messages)?;
    on_air(&stack, id)?;
    let mut programme = Recording::ffmpeg(&stack.rtmp_url(&format!("live/{id}/out")))?;
    heard_all(&mut programme, &stack)?.is_dubbed(tone_hz("es"))?;
    has_same_pictures(&programme, &file)
}

#[test]
fn a_codec_that_cannot_be_carried_is_refused_by_its_name() -> Result<()> {
    let stack = shared()?;
    let messages = raw::as_hevc(raw::messages(&material::file(&PLAIN)?)?);
    let _publisher = RawPublisher::start(&stack.rtmp_url("live/hevc/in"), messages)?;
    let stream = stream_when(&stack, "hevc", "the stream is refused", |stream| {
        stream["state"] == "refused"
    })?;
    let reason = stream["reason"].as_str().unwrap_or_default();
    ensure!(
        reason.contains("H265") || reason.contains("HEVC"),
        "the reason names the codec: {stream}"
    );
    ensure!(
        stream["worker"].is_null() && stream["session"].is_null(),
        "no worker was started: {stream}"
    );
    Ok(())
}

#[test]
fn a_stream_that_asks_for_nonsense_is_refused_with_the_reason() -> Result<()> {
    let stack = shared()?;
    let file = material::file(&PLAIN)?;
    for (id, query, named) in [
        ("bad-hold", "hold=soon", "hold"),
        ("bad-targets", "targets=a,b,c,d,e,f", "target"),
        ("bad-source", "source=%00", "source"),
    ] {
        let _publisher = Publisher::ffmpeg(&file, &stack.rtmp_url(&format!("live/{id}/in?{query}")))?;
        let stream = stream_when(&stack, id, "the stream is refused", |stream| {
            stream["state"] == "refused"
        })?;
        let reason = stream["reason"].as_str().unwrap_or_default();
        ensure!(reason.contains(named), "the reason names what is wrong: {stream}");
        ensure!(stream["worker"].is_null(), "no worker runs: {stream}");
    }
    Ok(())
}

/// The recording's pictures are a run of the source's, however short.
fn has_pictures(programme: &Recording, source: &std::path::Path) -> Result<()> {
    use dragoman_tests::slices;
    let part = slices::of_recording(&programme.picture())?;
    ensure!(
        slices::run_within(&part, &slices::of_file(source)?) > Some(30),
        "the pictures are not the source's"
    );
    Ok(())
}

/// Eight seconds of one size, then another, as one byte stream.
fn two_sizes() -> Result<PathBuf> {
    let file = material::dir()?.join("sizes.h264");
    let mut whole = Vec::new();
    for size in ["320x180", "480x270"] {
        let source = format!("testsrc2=size={size}:rate=30");
        let mut command = Command::new("ffmpeg");
        command.args([
            "-v", "error", "-f", "lavfi", "-i", &source, "-t", "10", "-pix_fmt", "yuv420p",
        ]);
        whole.extend(material::run(command.args(PLAIN_VIDEO).args(["-f", "h264", "-"]))?);
    }
    std::fs::write(&file, whole).context("cannot write the pictures of two sizes")?;
    Ok(file)
}

/// The sizes of the pictures of a recording, each once, in order.
fn sizes(programme: &Recording) -> Result<Vec<String>> {
    let mut command = Command::new("ffprobe");
    command.args([
        "-v",
        "quiet",
        "-f",
        "h264",
        "-show_entries",
        "frame=width,height",
        "-of",
        "csv=p=0",
    ]);
    let text = String::from_utf8(material::run(command.arg(programme.picture()))?).context("ffprobe wrote no text")?;
    let mut sizes: Vec<String> = text.lines().map(|line| line.trim_end_matches(',').to_owned()).collect();
    sizes.retain(|size| !size.is_empty());
    sizes.dedup();
    Ok(sizes)
}
