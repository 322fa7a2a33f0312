//! The stream that the scenarios publish: a tone as background, a beep to find one's place, and speech.
//!
//! | seconds | heard |
//! | --- | --- |
//! | 0 to [`LENGTH`] | the bed: a steady tone of [`BED_HZ`] at [`BED_DB`] |
//! | [`BEEP_AT`] | a beep of [`BEEP_HZ`]: later times are counted from it |
//! | [`SPEECH_AT`] | speech, [`SPEECH_LENGTH`] long each |
//!
//! The lead before the beep is longer than any router and worker take to get going.

use std::f64::consts::TAU;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Mutex, PoisonError};

use anyhow::{Context, Result, bail};

/// Samples a second.
pub const RATE: u32 = 48_000;
/// The bed's tone: above speech and the mock's tones.
pub const BED_HZ: f64 = 7_000.0;
/// The bed's level.
pub const BED_DB: f32 = -30.0;
/// The beep's tone.
pub const BEEP_HZ: f64 = 5_000.0;
/// The beep's level.
pub const BEEP_DB: f32 = -12.0;
/// The beep's start in seconds.
pub const BEEP_AT: f64 = 7.0;
/// How long the beep is, in seconds.
pub const BEEP_LENGTH: f64 = 0.25;
/// The starts of the two stretches of speech in seconds.
pub const SPEECH_AT: [f64; 2] = [9.0, 16.0];
/// How long each stretch is, in seconds.
pub const SPEECH_LENGTH: f64 = 4.0;
/// The whole, in seconds.
pub const LENGTH: f64 = 24.0;

const SPEECH_PEAK: f32 = 0.35;
const TEXT: &str = "The committee met again on Monday morning and agreed that every member should bring a written \
                    report about the harbour and the railway and the northern bridge to the meeting next month.";

/// How a file differs from the others: 320x180 at 30 frames a second, 48 kHz stereo where nothing else is said.
#[derive(Clone, Copy, Debug)]
pub struct Variant {
    /// Names the file.
    pub name: &'static str,
    /// Arguments for ffmpeg's video encoder; none is no video.
    pub video: &'static [&'static str],
    /// Arguments for ffmpeg's audio encoder; none is no audio.
    pub audio: &'static [&'static str],
}

/// An IDR each second and no B-frames: what streaming software sends by default.
pub const PLAIN: Variant = Variant {
    name: "plain",
    video: PLAIN_VIDEO,
    audio: PLAIN_AUDIO,
};
/// The video of [`PLAIN`].
pub const PLAIN_VIDEO: &[&str] = &["-c:v", "libx264", "-preset", "ultrafast", "-g", "30", "-bf", "0"];
/// The audio of [`PLAIN`].
pub const PLAIN_AUDIO: &[&str] = &["-c:a", "aac", "-b:a", "128k"];

/// The file of `variant`, made at the first call.
pub fn file(variant: &Variant) -> Result<PathBuf> {
    static MADE: Mutex<Vec<&'static str>> = Mutex::new(Vec::new());
    let mut made = MADE.lock().unwrap_or_else(PoisonError::into_inner);
    let file = dir()?.join(format!("{}.mp4", variant.name));
    if made.contains(&variant.name) {
        return Ok(file);
    }
    let sound = dir()?.join("sound.wav");
    if made.is_empty() {
        write_wav(&sound, &sound_track()?)?;
    }
    encode(&file, &sound, LENGTH, variant.video, variant.audio)?;
    made.push(variant.name);
    Ok(file)
}

/// The length of [`talk`] in seconds.
pub const TALK_LENGTH: f64 = 60.0;
/// From one stretch of its speech to the next.
const TALK_EVERY: f64 = SPEECH_LENGTH + 0.6;

/// Speech nearly all the time over the bed, made at the first call: whatever happens, happens within an utterance.
pub fn talk() -> Result<PathBuf> {
    static MADE: Mutex<bool> = Mutex::new(false);
    let mut made = MADE.lock().unwrap_or_else(PoisonError::into_inner);
    let file = dir()?.join("talk.mp4");
    if !*made {
        let mut track = vec![0.0; samples(TALK_LENGTH)];
        add_tone(&mut track, BED_HZ, BED_DB);
        let speech = without_the_dubs_pitch(&speech()?)?;
        for stretch in track.chunks_mut(samples(TALK_EVERY)) {
            stretch
                .iter_mut()
                .zip(&speech)
                .for_each(|(sample, said)| *sample += said);
        }
        let sound = dir()?.join("talk.wav");
        write_wav(&sound, &track)?;
        encode(&file, &sound, TALK_LENGTH, PLAIN_VIDEO, PLAIN_AUDIO)?;
        *made = true;
    }
    Ok(file)
}

fn encode(file: &Path, sound: &Path, seconds: f64, video: &[&str], audio: &[&str]) -> Result<()> {
    let mut command = Command::new("ffmpeg");
    command
        .args([
            "-v",
            "error",
            "-y",
            "-f",
            "lavfi",
            "-i",
            "testsrc2=size=320x180:rate=30",
            "-i",
        ])
        .arg(sound);
    command.arg("-t").arg(seconds.to_string());
    if !video.is_empty() {
        command.args(["-map", "0:v", "-pix_fmt", "yuv420p"]).args(video);
    }
    if !audio.is_empty() {
        command.args(["-map", "1:a"]).args(audio);
    }
    run(command.arg(file))?;
    Ok(())
}

/// Beside the test binary, overwritten by each run.
pub fn dir() -> Result<PathBuf> {
    let program = std::env::current_exe().context("cannot find this program")?;
    let target = program
        .ancestors()
        .nth(2)
        .context("this program is in no target directory")?;
    let dir = target.join("e2e-material");
    std::fs::create_dir_all(&dir).with_context(|| format!("cannot make {}", dir.display()))?;
    Ok(dir)
}

/// Runs a program to its end; its error output is the reason when it fails.
pub fn run(command: &mut Command) -> Result<Vec<u8>> {
    let output = command.stdin(Stdio::null()).output();
    let output = output.with_context(|| format!("cannot run {}", command.get_program().display()))?;
    if !output.status.success() {
        let reason = String::from_utf8_lossy(&output.stderr);
        bail!(
            "{} ended with {}: {reason}",
            command.get_program().display(),
            output.status
        );
    }
    Ok(output.stdout)
}

/// Mono samples of the whole.
fn sound_track() -> Result<Vec<f32>> {
    let mut track = vec![0.0; samples(LENGTH)];
    add_tone(&mut track, BED_HZ, BED_DB);
    let beep = samples(BEEP_AT)..samples(BEEP_AT + BEEP_LENGTH);
    add_tone(&mut track[beep], BEEP_HZ, BEEP_DB);
    let speech = speech()?;
    for at in SPEECH_AT {
        for (sample, said) in track[samples(at)..].iter_mut().zip(&speech) {
            *sample += said;
        }
    }
    Ok(track)
}

/// Exactly [`SPEECH_LENGTH`] of speech, from its first sound.
fn speech() -> Result<Vec<f32>> {
    let wav = dir()?.join("speech.wav");
    run(Command::new("espeak-ng")
        .args(["-v", "en-us", "-s", "160", "-w"])
        .arg(&wav)
        .arg(TEXT))?;
    let rate = RATE.to_string();
    let raw = run(Command::new("ffmpeg")
        .args(["-v", "error", "-i"])
        .arg(&wav)
        .args(["-ac", "1", "-ar", &rate, "-f", "f32le", "-"]))?;
    let mut pcm = from_bytes(&raw);
    let peak = pcm.iter().fold(0.0f32, |peak, sample| peak.max(sample.abs()));
    let start = pcm.iter().position(|sample| sample.abs() > peak * 0.05).unwrap_or(0);
    pcm.drain(..start);
    if pcm.len() < samples(SPEECH_LENGTH) || peak == 0.0 {
        bail!("espeak-ng said too little: {} samples", pcm.len());
    }
    pcm.truncate(samples(SPEECH_LENGTH));
    pcm.iter_mut().for_each(|sample| *sample *= SPEECH_PEAK / peak);
    Ok(pcm)
}

/// Speech has energy everywhere now and then; a look at the dub's tone must not take it for one.
fn without_the_dubs_pitch(speech: &[f32]) -> Result<Vec<f32>> {
    let pcm = dir()?.join("speech.f32");
    let bytes: Vec<u8> = speech.iter().flat_map(|sample| sample.to_le_bytes()).collect();
    std::fs::write(&pcm, bytes).context("cannot write the speech")?;
    let rate = RATE.to_string();
    let notch = ["bandreject=f=540:width_type=h:w=240"; 4].join(",");
    let raw = run(Command::new("ffmpeg")
        .args(["-v", "error", "-f", "f32le", "-ar", &rate, "-ac", "1", "-i"])
        .arg(&pcm)
        .args(["-af", &notch, "-f", "f32le", "-"]))?;
    Ok(from_bytes(&raw))
}

pub(crate) fn add_tone(samples: &mut [f32], hz: f64, db: f32) {
    let amplitude = 10f32.powf(db / 20.0);
    for (n, sample) in samples.iter_mut().enumerate() {
        let phase = (TAU * hz * n as f64 / f64::from(RATE)) % TAU;
        *sample += amplitude * (phase as f32).sin();
    }
}

/// Seconds as a count of samples.
pub fn samples(seconds: f64) -> usize {
    (seconds.max(0.0) * f64::from(RATE)).round() as usize
}

/// Little-endian 32-bit floats, as ffmpeg's `f32le` and GStreamer's `F32LE` write them.
pub fn from_bytes(bytes: &[u8]) -> Vec<f32> {
    bytes
        .chunks_exact(4)
        .map(|four| f32::from_le_bytes([four[0], four[1], four[2], four[3]]))
        .collect()
}

/// The same sound left and right, 16 bits.
pub(crate) fn write_wav(file: &Path, mono: &[f32]) -> Result<()> {
    let raw: Vec<u8> = mono
        .iter()
        .flat_map(|sample| [sample, sample])
        .flat_map(|sample| sample.to_le_bytes())
        .collect();
    let pcm = file.with_extension("f32");
    std::fs::write(&pcm, raw).context("cannot write the sound track")?;
    let rate = RATE.to_string();
    run(Command::new("ffmpeg")
        .args(["-v", "error", "-y", "-f", "f32le", "-ar", &rate, "-ac", "2", "-i"])
        .arg(&pcm)
        .arg(file))?;
    Ok(())
}
