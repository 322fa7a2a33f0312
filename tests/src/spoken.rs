//! A stream in which English sentences are spoken, and what is heard of them in its programme.
//!
//! | seconds | heard |
//! | --- | --- |
//! | 0 to [`LENGTH`] | the bed: a steady tone of [`BED_HZ`] at [`BED_DB`], above everything that speech has |
//! | [`BEEP_AT`] | a beep: later times are counted from it |
//! | [`SENTENCES`] | a sentence each |

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result, bail};
use dragoman_probe::tone::level_db;

use crate::material::{
    self, BEEP_AT, BEEP_DB, BEEP_HZ, BEEP_LENGTH, RATE, add_tone, from_bytes, run, samples, write_wav,
};

/// The bed's tone: a recogniser does not hear it, since it listens to 16 kHz.
pub const BED_HZ: f64 = 10_000.0;
/// The bed's level.
pub const BED_DB: f32 = -30.0;
/// The whole, in seconds.
pub const LENGTH: f64 = 34.0;

/// A sentence of the stream.
#[derive(Debug)]
pub struct Sentence {
    /// Its start in seconds.
    pub at: f64,
    /// What is said.
    pub english: &'static str,
    /// Words of which a translation has at least one, whatever a recogniser makes of the rest.
    pub spanish: &'static [&'static str],
}

/// What is said and when.
pub const SENTENCES: [Sentence; 4] = [
    Sentence {
        at: 9.0,
        english: "The president will speak to the press this afternoon.",
        spanish: &["presidente", "prensa", "tarde", "hablará"],
    },
    Sentence {
        at: 14.5,
        english: "Good evening and welcome to the late news.",
        spanish: &["buena", "bienvenido", "noticioso", "tarde"],
    },
    Sentence {
        at: 20.0,
        english: "The museum opened its doors to the public.",
        spanish: &["museo", "puertas", "público", "abrió", "abre"],
    },
    Sentence {
        at: 25.5,
        english: "There was a strong earthquake in the south.",
        spanish: &["terremoto", "fuerte", "sur", "había"],
    },
];

const SPEECH_PEAK: f32 = 0.35;
/// One look at the sound.
const WINDOW: f64 = 0.1;

/// Makes the file; `None` where ffmpeg was built without the voices.
pub fn file() -> Result<Option<PathBuf>> {
    let filters = run(Command::new("ffmpeg").args(["-v", "error", "-filters"]))?;
    if !String::from_utf8_lossy(&filters).contains(" flite ") {
        return Ok(None);
    }
    let mut track = vec![0.0; samples(LENGTH)];
    add_tone(&mut track, BED_HZ, BED_DB);
    let beep = samples(BEEP_AT)..samples(BEEP_AT + BEEP_LENGTH);
    add_tone(&mut track[beep], BEEP_HZ, BEEP_DB);
    for sentence in &SENTENCES {
        let speech = speak(sentence.english)?;
        for (sample, said) in track[samples(sentence.at)..].iter_mut().zip(&speech) {
            *sample += said;
        }
    }
    let sound = material::dir()?.join("spoken.wav");
    write_wav(&sound, &track)?;
    let file = material::dir()?.join("spoken.mp4");
    let mut command = Command::new("ffmpeg");
    command.args([
        "-v",
        "error",
        "-y",
        "-f",
        "lavfi",
        "-i",
        "testsrc2=size=320x180:rate=30",
        "-i",
    ]);
    command
        .arg(&sound)
        .args(["-t", &LENGTH.to_string(), "-map", "0:v"])
        .args(material::PLAIN_VIDEO);
    command.args(["-map", "1:a"]).args(material::PLAIN_AUDIO);
    run(command.arg(&file))?;
    Ok(Some(file))
}

/// A sentence by a voice of ffmpeg's, from its first sound.
fn speak(text: &str) -> Result<Vec<f32>> {
    let (source, rate) = (format!("flite=text='{text}':voice=slt"), RATE.to_string());
    let raw = run(Command::new("ffmpeg")
        .args(["-v", "error", "-f", "lavfi", "-i", &source])
        .args(["-ac", "1", "-ar", &rate, "-f", "f32le", "-"]))?;
    let mut pcm = from_bytes(&raw);
    let peak = pcm.iter().fold(0.0f32, |peak, sample| peak.max(sample.abs()));
    let start = pcm.iter().position(|sample| sample.abs() > peak * 0.05);
    pcm.drain(..start.with_context(|| format!("nothing was said for {text:?}"))?);
    pcm.iter_mut().for_each(|sample| *sample *= SPEECH_PEAK / peak);
    Ok(pcm)
}

/// A recording of the programme whose beep was found.
#[derive(Debug)]
pub struct Programme {
    sound: Vec<f32>,
    /// Seconds of the published file minus seconds of the recording.
    shift: f64,
}

/// What is heard in a stretch.
#[derive(Clone, Copy, Debug)]
pub struct Stretch {
    /// Share of windows in which the bed is ducked by at least 9 dB: a dub is over it.
    pub ducked: f64,
    /// Share of the ducked windows in which something is as loud as speech.
    pub loud: f64,
    /// The bed's lowest level: a hole in the sound is a hole in the bed.
    pub bed_low_db: f32,
}

impl Programme {
    /// Nothing before the beep is in the recording.
    pub fn new(sound: Vec<f32>) -> Option<Self> {
        let step = samples(BEEP_LENGTH / 5.0);
        let at = (0..sound.len().saturating_sub(step) / step)
            .map(|index| index * step)
            .find(|at| level_db(&sound, BEEP_HZ, *at..at + step) > -24.0)?;
        let shift = BEEP_AT - at as f64 / f64::from(RATE);
        Some(Self { sound, shift })
    }

    /// The second of the published file at which the recording ends.
    pub fn until(&self) -> f64 {
        self.sound.len() as f64 / f64::from(RATE) + self.shift
    }

    /// What is between two seconds of the published file.
    pub fn between(&self, from: f64, to: f64) -> Result<Stretch> {
        let windows: Vec<_> = (0..((to - from) / WINDOW).floor() as usize)
            .map(|index| samples(from + index as f64 * WINDOW - self.shift))
            .map(|start| start..start + samples(WINDOW))
            .filter(|window| window.end <= self.sound.len())
            .collect();
        if windows.is_empty() {
            bail!("the recording ends at {:.1} s, before {from:.1} s", self.until());
        }
        let bed: Vec<f32> = windows
            .iter()
            .map(|window| level_db(&self.sound, BED_HZ, window.clone()))
            .collect();
        let ducked: Vec<_> = windows.iter().zip(&bed).filter(|(_, db)| **db < BED_DB - 9.0).collect();
        // The original is ducked with the bed, to less than this: what is louder is the dub.
        let loud = ducked
            .iter()
            .filter(|(window, _)| rms_db(&self.sound[(*window).clone()]) > -34.0)
            .count();
        Ok(Stretch {
            ducked: ducked.len() as f64 / windows.len() as f64,
            loud: loud as f64 / ducked.len().max(1) as f64,
            bed_low_db: bed.iter().copied().fold(f32::INFINITY, f32::min),
        })
    }
}

fn rms_db(samples: &[f32]) -> f32 {
    let power = samples.iter().map(|sample| sample * sample).sum::<f32>() / samples.len().max(1) as f32;
    10.0 * power.max(1e-12).log10()
}
