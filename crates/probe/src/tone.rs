//! Pure: how loud one pitch is.

use std::f64::consts::TAU;
use std::ops::Range;

/// The level of a tone of `hz` in `pcm[range]` at 48 kHz, in dBFS of its amplitude (a full-scale sine is 0 dB).
///
/// A Hann window keeps neighbours out: tones that are `4 / length in seconds` Hz away do not count.
#[must_use]
pub fn level_db(pcm: &[f32], hz: f64, range: Range<usize>) -> f32 {
    level_db_at(pcm, 48_000, hz, range)
}

/// As [`level_db`], at another sample rate.
#[must_use]
pub fn level_db_at(pcm: &[f32], rate: u32, hz: f64, range: Range<usize>) -> f32 {
    let pcm = &pcm[range.start.min(pcm.len())..range.end.min(pcm.len())];
    if pcm.is_empty() {
        return -120.0;
    }
    let turn = TAU * hz / f64::from(rate);
    let (mut s1, mut s2, mut sum) = (0.0, 0.0, 0.0);
    for (n, sample) in pcm.iter().enumerate() {
        let window = (std::f64::consts::PI * (n as f64 + 0.5) / pcm.len() as f64)
            .sin()
            .powi(2);
        let s0 = f64::from(*sample) * window + 2.0 * turn.cos() * s1 - s2;
        s2 = s1;
        s1 = s0;
        sum += window;
    }
    let power = s1 * s1 + s2 * s2 - 2.0 * turn.cos() * s1 * s2;
    crate::hole::decibels(2.0 * power.max(0.0).sqrt() / sum)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn measures_its_tone_and_not_the_neighbour() {
        let pcm: Vec<f32> = (0..48_000)
            .map(|n| 0.1 * (TAU * 700.0 * f64::from(n) / 48_000.0).sin() as f32)
            .collect();
        assert!((level_db(&pcm, 700.0, 0..24_000) + 20.0).abs() < 0.2);
        assert!(level_db(&pcm, 740.0, 0..24_000) < -60.0);
        assert!(level_db(&pcm, 700.0, 90_000..95_000) <= -120.0);
    }
}
