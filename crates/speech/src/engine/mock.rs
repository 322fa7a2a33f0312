//! The engine without models: each dub is a steady tone as long as its utterance (or
//! `MOCK_STRETCH` percent of it), its pitch given by the target language.
//!
//! | language | Hz | | language | Hz |
//! | --- | --- | --- | --- | --- |
//! | `es` | 540 | | `pl` | 1100 |
//! | `fr` | 620 | | `sv` | 1180 |
//! | `de` | 700 | | `ja` | 1260 |
//! | `it` | 780 | | `zh` | 1340 |
//! | `pt` | 860 | | `ar` | 1420 |
//! | `nl` | 940 | | `ru` | 1500 |
//! | `en` | 1020 | | | |
//!
//! Any other tag gets one of the twelve places halfway between two of these (580, 660, … 1460), by a hash of the whole tag. So
//! every two languages of the table are 80 Hz apart, and any other is 40 Hz from all of them. The level is -20 dBFS (peak 0.1),
//! with fades of 8 ms.

use std::f64::consts::{PI, TAU};
use std::time::Duration;

use dragoman_protocol::LagMs;

use super::pace::{Make, Pace};
use super::{About, Engine, Full, Job, JobTarget, Model, Unsupported};
use crate::listen::cut::{self, Clause};

/// Samples per second of the dubs.
pub const DUB_RATE: u32 = 24_000;
/// Peak of the tone: -20 dBFS.
pub const PEAK: f64 = 3276.8;
/// Samples of the fade at each end (8 ms).
const FADE: usize = 192;

const TONES: [(&str, u32); 13] = [
    ("es", 540),
    ("fr", 620),
    ("de", 700),
    ("it", 780),
    ("pt", 860),
    ("nl", 940),
    ("en", 1020),
    ("pl", 1100),
    ("sv", 1180),
    ("ja", 1260),
    ("zh", 1340),
    ("ar", 1420),
    ("ru", 1500),
];

/// An utterance of at most 1.7 s, 0.3 s of engine and the way to it fit into a hold of 2.5 s.
pub(crate) const CUTS: cut::Settings = cut::Settings {
    pause_ms: 250,
    clause: Some(Clause {
        after_ms: 1_000,
        pause_ms: 128,
    }),
    cap_ms: 1_700,
    cap_search_ms: 0,
};

/// The tone of a target language, in Hz.
pub fn tone_hz(lang: &str) -> f64 {
    let lang = lang.to_ascii_lowercase();
    let known = TONES.iter().find(|(tag, _)| *tag == lang).map(|(_, hz)| *hz);
    // FNV-1a: short, and the same on every machine and in every version.
    let hash = lang.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    f64::from(known.unwrap_or(580 + 80 * (hash % 12) as u32))
}

/// The dub of an utterance of `source_len` samples at [`cut::RATE`].
pub fn tone(lang: &str, source_len: usize) -> Vec<i16> {
    let len = dub_len(source_len);
    let step = TAU * tone_hz(lang) / f64::from(DUB_RATE);
    let fade = FADE.min(len / 2).max(1);
    (0..len)
        .map(|n| {
            let edge = n.min(len - 1 - n).min(fade) as f64 / fade as f64;
            let gain = 0.5 - 0.5 * (PI * edge).cos();
            (PEAK * gain * (step * n as f64).sin()).round() as i16
        })
        .collect()
}

/// Samples of a dub that lasts as long as its utterance.
pub(super) fn dub_len(source_len: usize) -> usize {
    source_len * DUB_RATE as usize / cut::RATE as usize
}

/// See the module.
pub struct Mock {
    about: About,
    pace: Pace,
}

impl Mock {
    /// Starts it; each dub comes `delay` after its utterance and lasts `stretch` hundredths of it.
    pub fn start(delay: Duration, stretch: u32) -> std::io::Result<Self> {
        Ok(Self {
            about: plain_about("mock", "tone"),
            pace: Pace::start("mock", delay, Tones { stretch })?,
        })
    }
}

impl Engine for Mock {
    fn about(&self) -> &About {
        &self.about
    }

    fn cuts(&self) -> cut::Settings {
        CUTS
    }

    fn supports(&self, _source: &str, target: &str, voice: Option<&str>) -> Result<(), Unsupported> {
        plain(target, voice)
    }

    fn submit(&self, job: Job) -> Result<(), Full> {
        self.pace.submit(job)
    }

    fn expected_lag(&self) -> Option<LagMs> {
        Some(lag(self.pace.delay()))
    }
}

/// What an engine of our own without weights says of itself.
pub(super) fn plain_about(name: &'static str, model: &str) -> About {
    About {
        name,
        models: vec![Model::new(model, "Apache-2.0")],
        device: "cpu",
        dub_rate: DUB_RATE,
        languages: vec!["*".into()],
    }
}

/// What holds for engines that know neither languages nor voices.
pub(super) fn plain(target: &str, voice: Option<&str>) -> Result<(), Unsupported> {
    if target.eq_ignore_ascii_case("auto") {
        return Err(Unsupported::Pair("a target is a language, not auto".into()));
    }
    match voice {
        Some(voice) => Err(Unsupported::Voice(format!(
            "no voice {voice:?}: this engine has no voices"
        ))),
        None => Ok(()),
    }
}

/// The wait for a pause and the set delay.
pub(super) fn lag(delay: Duration) -> LagMs {
    let delay = u32::try_from(delay.as_millis()).unwrap_or(u32::MAX);
    LagMs {
        p50: delay,
        p95: delay.saturating_add(CUTS.pause_ms),
    }
}

struct Tones {
    /// Length of a dub in hundredths of its utterance.
    stretch: u32,
}

impl Tones {
    fn samples(&self, lang: &str, source_len: usize) -> Vec<i16> {
        tone(lang, source_len * self.stretch as usize / 100)
    }
}

impl Make for Tones {
    fn recognise(&self, job: &Job) -> (String, String) {
        (
            job.source.clone(),
            format!("[mock {}] utterance {}", job.source, job.utterance),
        )
    }

    fn dub(&self, job: &Job, target: &JobTarget) -> (String, Vec<i16>) {
        (
            format!("[mock {}] utterance {}", target.lang, job.utterance),
            self.samples(&target.lang, job.pcm.len()),
        )
    }

    fn rate(&self) -> u32 {
        DUB_RATE
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tones_are_as_documented_and_apart() {
        let doc = include_str!("mock.rs");
        for (n, (lang, hz)) in TONES.iter().enumerate() {
            assert!(doc.contains(&format!("| `{lang}` | {hz} |")), "{lang}");
            assert!((tone_hz(lang) - f64::from(*hz)).abs() < f64::EPSILON);
            assert!(TONES[..n].iter().all(|(_, other)| other.abs_diff(*hz) >= 80));
        }
        for lang in ["pt-br", "fil", "ko", "tr", "uk", "zh-hant"] {
            let hz = tone_hz(lang);
            assert!((500.0..=1500.0).contains(&hz));
            assert!(
                TONES.iter().all(|(_, other)| (f64::from(*other) - hz).abs() >= 40.0),
                "{lang} {hz}"
            );
        }
        assert!((tone_hz("PT-BR") - tone_hz("pt-br")).abs() < f64::EPSILON);
    }

    #[test]
    fn a_tone_has_the_length_and_level_of_its_description() {
        let tone = tone("es", 16_000);
        assert_eq!(tone.len(), 24_000);
        assert_eq!(tone.iter().map(|s| s.abs()).max(), Some(3277));
        assert!(tone[0] == 0 && tone[tone.len() - 1].abs() < 10);
        assert!(super::tone("es", 1).len() == 1 && super::tone("es", 0).is_empty());
    }

    #[test]
    fn a_stretched_dub_is_longer_than_its_utterance() {
        let lengths = [100, 125].map(|stretch| Tones { stretch }.samples("es", 16_000).len());
        assert_eq!(lengths, [24_000, 30_000]);
    }
}
