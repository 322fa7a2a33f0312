//! The talk in the test stream: sentences with pauses between them, spoken by espeak-ng.

use std::ops::Range;
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, bail};

const SENTENCES: [&str; 8] = [
    "Good evening, and welcome to the harbour.",
    "The ferry from the islands is late tonight.",
    "Strong winds have kept the smaller boats at home.",
    "Two visitors are waiting on the pier with their dog.",
    "They say the lighthouse has been dark since Monday.",
    "Later this hour we talk to the keeper himself.",
    "First, the news from the fish market.",
    "Prices are up, and so are the seagulls.",
];
/// Silence before the first sentence of each round.
const LEAD_MS: u64 = 1000;
/// Silence after each sentence, taken in turn.
const PAUSES_MS: [u64; 4] = [900, 700, 1300, 800];
/// The loudest sample.
const PEAK: f32 = 0.4;
/// Nothing of the voice reaches the ticks (5.5 kHz) or the pedal tone (55 Hz) of the music.
const BAND_HZ: (f64, f64) = (110.0, 3800.0);

/// A round of sentences, to be repeated without a seam.
#[derive(Debug, Clone)]
pub struct Talk {
    /// Mono sound of one round.
    pub pcm: Vec<f32>,
    /// Its sample rate.
    pub rate: u32,
    /// Where each sentence is, in samples.
    pub sentences: Vec<Range<usize>>,
}

impl Talk {
    /// Has the round spoken.
    pub fn speak(rate: u32) -> Result<Self> {
        let samples = |ms: u64| (ms * u64::from(rate) / 1000) as usize;
        let mut pcm = vec![0.0; samples(LEAD_MS)];
        let mut sentences = Vec::new();
        for (text, pause) in SENTENCES.iter().zip(PAUSES_MS.iter().cycle()) {
            let spoken = say(text, rate)?;
            sentences.push(pcm.len()..pcm.len() + spoken.len());
            pcm.extend(spoken);
            pcm.extend(std::iter::repeat_n(0.0, samples(*pause)));
        }
        band_pass(&mut pcm, f64::from(rate));
        let peak = pcm.iter().fold(f32::EPSILON, |peak, sample| peak.max(sample.abs()));
        pcm.iter_mut().for_each(|sample| *sample *= PEAK / peak);
        Ok(Self { pcm, rate, sentences })
    }

    /// The sentences spoken up to `until_seconds` of the media timeline, in seconds.
    pub fn spoken(&self, until_seconds: f64) -> impl Iterator<Item = Range<f64>> + '_ {
        let rate = f64::from(self.rate);
        let round = self.pcm.len() as f64 / rate;
        (0u32..)
            .map(move |n| f64::from(n) * round)
            .take_while(move |start| *start < until_seconds)
            .flat_map(move |start| {
                self.sentences
                    .iter()
                    .map(move |range| start + range.start as f64 / rate..start + range.end as f64 / rate)
            })
            .take_while(move |range| range.start < until_seconds)
    }
}

/// One sentence at `rate`, without the silence that the synthesiser puts around it.
fn say(text: &str, rate: u32) -> Result<Vec<f32>> {
    let output = Command::new("espeak-ng")
        .args(["-v", "en-us", "-s", "155", "--stdout", text])
        .stdin(Stdio::null())
        .output()
        .context("cannot run espeak-ng, which speaks the test stream: install the package espeak-ng")?;
    if !output.status.success() {
        bail!("espeak-ng failed: {}", String::from_utf8_lossy(&output.stderr).trim());
    }
    let (from, pcm) = parse_wav(&output.stdout).context("espeak-ng gave no WAV")?;
    let pcm = resample(trim(&pcm), from, rate);
    Ok(pcm)
}

/// The rate and samples of 16-bit mono PCM. The size in the header of a streamed WAV means nothing, so all that follows is data.
fn parse_wav(wav: &[u8]) -> Option<(u32, Vec<f32>)> {
    let rate = u32::from_le_bytes(wav.get(24..28)?.try_into().ok()?);
    let data = wav.windows(4).position(|four| four == b"data")? + 8;
    let samples = wav
        .get(data..)?
        .chunks_exact(2)
        .map(|two| f32::from(i16::from_le_bytes([two[0], two[1]])) / 32_768.0);
    Some((rate, samples.collect()))
}

fn trim(pcm: &[f32]) -> &[f32] {
    let loud = |sample: &f32| sample.abs() > 0.01;
    let start = pcm.iter().position(loud).unwrap_or(0);
    let end = pcm.iter().rposition(loud).map_or(pcm.len(), |last| last + 1);
    &pcm[start..end]
}

/// Linear: its images lie above the band that is kept afterwards.
fn resample(pcm: &[f32], from: u32, to: u32) -> Vec<f32> {
    let length = pcm.len() as u64 * u64::from(to) / u64::from(from.max(1));
    (0..length)
        .map(|n| {
            let place = n as f64 * f64::from(from) / f64::from(to);
            let (index, part) = (place as usize, place.fract() as f32);
            let at = |index: usize| pcm.get(index).copied().unwrap_or(0.0);
            at(index) * (1.0 - part) + at(index + 1) * part
        })
        .collect()
}

fn band_pass(pcm: &mut [f32], rate: f64) {
    // Two sections of fourth-order Butterworth filters.
    for q in [0.541, 1.307] {
        biquad(pcm, BAND_HZ.0 / rate, q, true);
        biquad(pcm, BAND_HZ.1 / rate, q, false);
    }
    biquad(pcm, BAND_HZ.1 / rate, 0.707, false);
}

fn biquad(pcm: &mut [f32], frequency: f64, q: f64, high_pass: bool) {
    let w = std::f64::consts::TAU * frequency;
    let (alpha, cos) = (w.sin() / (2.0 * q), w.cos());
    let (b0, b1) = if high_pass {
        ((1.0 + cos) / 2.0, -1.0 - cos)
    } else {
        ((1.0 - cos) / 2.0, 1.0 - cos)
    };
    let a0 = 1.0 + alpha;
    let (mut x1, mut x2, mut y1, mut y2) = (0.0, 0.0, 0.0, 0.0);
    for sample in pcm {
        let x = f64::from(*sample);
        let y = (b0 * x + b1 * x1 + b0 * x2 + 2.0 * cos * y1 - (1.0 - alpha) * y2) / a0;
        (x2, x1, y2, y1) = (x1, x, y1, y);
        *sample = y as f32;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tone;

    #[test]
    fn the_band_is_kept_and_the_rest_is_gone() {
        let level = |hz: f64| {
            let mut pcm: Vec<f32> = (0..48_000)
                .map(|n| (std::f64::consts::TAU * hz * f64::from(n) / 48_000.0).sin() as f32)
                .collect();
            band_pass(&mut pcm, 48_000.0);
            tone::level_db(&pcm, hz, 0..48_000)
        };
        assert!(level(1000.0).abs() < 1.0, "{}", level(1000.0));
        assert!(
            level(55.0) < -20.0 && level(6000.0) < -20.0,
            "{} {}",
            level(55.0),
            level(6000.0)
        );
    }

    #[test]
    fn sentences_repeat_with_the_round() {
        let talk = Talk {
            pcm: vec![0.0; 10_000],
            rate: 1000,
            sentences: vec![1000..3000, 5000..8000],
        };
        let spoken: Vec<_> = talk.spoken(16.0).collect();
        assert_eq!(spoken, [1.0..3.0, 5.0..8.0, 11.0..13.0, 15.0..18.0]);
    }

    #[test]
    fn a_streamed_wav_is_read_to_its_end() {
        let mut wav =
            b"RIFF\x24\xf0\xff\x7fWAVEfmt \x10\0\0\0\x01\0\x01\0\x22\x56\0\0\x44\xac\0\0\x02\0\x10\0data\0\xf0\xff\x7f"
                .to_vec();
        wav.extend([0, 0x40, 0, 0xc0]);
        assert_eq!(parse_wav(&wav), Some((22_050, vec![0.5, -0.5])));
    }
}
