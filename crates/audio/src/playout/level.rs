//! R5 and R11: how fast and how loud a dub is said.

use super::{Playout, ms};
use crate::loudness::Original;
use crate::pcm::from_db;

const FASTEST: f64 = 1.25;
/// A listener hears a larger step from one dub to the next.
const RATE_STEP: f64 = 0.1;
const LONGEST_PAUSE: i64 = ms(1_000);

/// The original's speech is judged over this long, once this much of it is known.
const SPEECH_WINDOW: i64 = ms(30_000);
const SPEECH_LEAST: i64 = ms(3_000);
/// Until then: what broadcasters aim at.
const DEFAULT_LUFS: f64 = -23.0;
const MOST_GAIN: f64 = 12.0;
const GAIN_STEP: f64 = 3.0;
const DEPTH_DB: f64 = -15.0;
const DEEPER_DB: f64 = -20.0;
/// A dub stands this many LU above the ducked bed, or the bed is ducked deeper.
const STANDS_OUT: f64 = 10.0;

/// R5: the rate of a dub of `length` whose utterance lasts `interval`, with `pause` after it, that has waited for `wait`.
pub(super) fn rate(length: i64, interval: i64, pause: i64, wait: i64, previous: f64) -> f64 {
    let room = interval + pause.clamp(0, LONGEST_PAUSE) - wait;
    let rate = if room <= 0 {
        FASTEST
    } else {
        (length as f64 / room as f64).clamp(1.0, FASTEST)
    };
    rate.clamp((previous - RATE_STEP).max(1.0), (previous + RATE_STEP).min(FASTEST))
}

/// R11: the gain in dB of a dub of `dub` LUFS.
pub(super) fn gain_db(speech: Option<f64>, dub: f64, previous: Option<f64>) -> f64 {
    let wanted = (speech.unwrap_or(DEFAULT_LUFS) - dub).clamp(-MOST_GAIN, MOST_GAIN);
    previous.map_or(wanted, |previous| {
        wanted.clamp(previous - GAIN_STEP, previous + GAIN_STEP)
    })
}

/// R11: how deep a bed of `bed` LUFS is ducked under a dub heard at `dub` LUFS.
pub(super) fn depth_db(dub: f64, bed: f64) -> f64 {
    if dub - (bed + DEPTH_DB) < STANDS_OUT {
        DEEPER_DB
    } else {
        DEPTH_DB
    }
}

impl Playout {
    /// The gain and the bed's depth for a dub of `dub` LUFS heard in `[at, end)`.
    pub(super) fn levels(&mut self, dub: Option<f64>, at: i64, end: i64) -> (f32, f32) {
        let Some(dub) = dub else {
            return (1.0, from_db(DEPTH_DB as f32));
        };
        let Self { original, speech, .. } = self;
        let speech = inside(original, speech.iter().copied(), at - SPEECH_WINDOW, SPEECH_LEAST);
        let gain = gain_db(speech, dub, self.previous.gain_db);
        self.previous.gain_db = Some(gain);
        let under = inside(&self.original, std::iter::once((at, end)), at, 1);
        let depth = depth_db(dub + gain, under.or(speech).unwrap_or(DEFAULT_LUFS));
        (from_db(gain as f32), from_db(depth as f32))
    }
}

fn inside(original: &Original, spans: impl Iterator<Item = (i64, i64)> + Clone, from: i64, least: i64) -> Option<f64> {
    original.inside(from, spans, least)
}
