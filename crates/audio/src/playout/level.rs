//! R5 and R11: how fast and how loud a dub is said.

use super::{Playout, ms};
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
        let speech = self
            .original
            .inside(at - SPEECH_WINDOW, self.speech.iter().copied(), SPEECH_LEAST);
        let gain = gain_db(speech, dub, self.previous.gain_db);
        self.previous.gain_db = Some(gain);
        let under = self.original.inside(at, std::iter::once((at, end)), 1);
        let depth = depth_db(dub + gain, under.or(speech).unwrap_or(DEFAULT_LUFS));
        (from_db(gain as f32), from_db(depth as f32))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn r5_the_rate_is_what_the_room_asks_for_within_its_bounds(
            length in 1_i64..500_000, interval in 1_i64..200_000, pause in -9_i64..90_000, wait in 0_i64..200_000,
            previous in 1.0_f64..1.25,
        ) {
            let rate = rate(length, interval, pause, wait, previous);
            prop_assert!((1.0..=1.25).contains(&rate) && (rate - previous).abs() <= 0.1 + 1e-9);
            let room = interval + pause.clamp(0, 48_000) - wait;
            let asked = if room <= 0 { 1.25 } else { (length as f64 / room as f64).clamp(1.0, 1.25) };
            prop_assert!(rate == asked || (rate - previous).abs() > 0.1 - 1e-9);
        }

        #[test]
        fn r11_gain_is_bounded_and_moves_by_three(speech in -60.0_f64..0.0, dub in -60.0_f64..0.0, previous in -12.0_f64..12.0) {
            let gain = gain_db(Some(speech), dub, Some(previous));
            prop_assert!(gain.abs() <= 12.0 && (gain - previous).abs() <= 3.0 + 1e-9);
            let first = gain_db(Some(speech), dub, None);
            prop_assert!((speech - dub).abs() > 12.0 || (dub + first - speech).abs() < 1e-9);
        }
    }

    #[test]
    fn r11_the_bed_is_ducked_deeper_where_the_dub_would_not_stand_out() {
        assert_eq!(depth_db(-23.0, -23.0), -15.0);
        assert_eq!(depth_db(-23.0, -17.9), -20.0);
    }
}
