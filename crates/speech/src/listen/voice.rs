//! Sound for tests that the voice detector takes for voice: harmonics with a speaker's ups and downs. Deterministic.

use std::f64::consts::TAU;

/// Mono at 16 kHz.
pub(crate) fn voice(ms: usize) -> Vec<i16> {
    (0..ms * 16)
        .map(|n| {
            let t = n as f64 / 16_000.0;
            let harmonics: f64 = (1..24)
                .map(|h| (TAU * 140.0 * f64::from(h) * t).sin() / f64::from(h))
                .sum();
            // Syllables, four a second; never quite silent, so that they are no pauses.
            let syllable = 0.55 - 0.45 * (TAU * 4.0 * t).cos();
            (5_000.0 * harmonics * syllable) as i16
        })
        .collect()
}

/// Mono at 16 kHz.
pub(crate) fn silence(ms: usize) -> Vec<i16> {
    vec![0; ms * 16]
}
