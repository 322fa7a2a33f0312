//! Keeps bed plus dub below -1 dBTP without delaying either.
//!
//! A look-ahead limiter would delay the bed against the picture, so this one has none: a frame that exceeds the ceiling is
//! brought to the ceiling at once, and the gain then returns smoothly. Such an attack bends the wave at its tip only; it is
//! heard less than a late bed, and it is rare, because the bed is ducked while a dub sounds. Peaks are measured on samples:
//! the ceiling is 1 dB lower than the aim, which is what speech and music put between two samples.

/// Samples stay at or below this: -2 dBFS, for -1 dBTP.
pub const CEILING: f32 = 0.794_328_2;
/// Share of the way back to 1 per frame: 80 ms to lose 63 % of a reduction at 48 kHz.
const RELEASE: f32 = 1.0 / (0.08 * 48_000.0);
/// Nearer to 1 than this is 1: -100 dB.
const DONE: f32 = 1e-5;

/// A stereo limiter without delay; both channels get the same gain.
#[derive(Clone, Debug)]
pub struct Limiter {
    /// 1 - gain: near a gain of 1 a float has no room for steps this small.
    reduction: f32,
}

impl Default for Limiter {
    fn default() -> Self {
        Self { reduction: 0.0 }
    }
}

impl Limiter {
    /// True while it would return a frame as it is, unless it holds a peak down.
    pub fn is_idle(&self) -> bool {
        self.reduction == 0.0
    }

    /// The next frame; with `hold` its peak is held down, else an earlier reduction only fades.
    #[inline]
    pub fn frame(&mut self, left: f32, right: f32, hold: bool) -> (f32, f32) {
        if self.reduction != 0.0 {
            self.reduction -= self.reduction * RELEASE;
            if self.reduction < DONE {
                self.reduction = 0.0;
            }
        }
        let peak = left.abs().max(right.abs());
        if hold && peak * (1.0 - self.reduction) > CEILING {
            self.reduction = 1.0 - CEILING / peak;
        }
        if self.reduction == 0.0 {
            return (left, right);
        }
        let gain = 1.0 - self.reduction;
        let (left, right) = (left * gain, right * gain);
        // The product may round to one step above.
        if hold {
            (left.clamp(-CEILING, CEILING), right.clamp(-CEILING, CEILING))
        } else {
            (left, right)
        }
    }
}

#[cfg(test)]
mod tests {
    use std::f32::consts::TAU;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn nothing_held_is_above_the_ceiling(frames in prop::collection::vec((-4.0_f32..4.0, -4.0_f32..4.0), 1..500)) {
            let mut limiter = Limiter::default();
            for (left, right) in frames {
                let (l, r) = limiter.frame(left, right, true);
                prop_assert!(l.abs() <= CEILING && r.abs() <= CEILING);
            }
        }

        #[test]
        fn what_never_exceeds_is_bit_identical(frames in prop::collection::vec((-0.79_f32..0.79, -0.79_f32..0.79), 1..500)) {
            let mut limiter = Limiter::default();
            for (left, right) in frames {
                prop_assert_eq!(limiter.frame(left, right, true), (left, right));
            }
        }
    }

    #[test]
    fn loud_speech_like_sound_stays_below_the_true_peak() {
        let mut limiter = Limiter::default();
        let mut meter = ebur128::EbuR128::new(2, 48_000, ebur128::Mode::TRUE_PEAK).unwrap();
        for n in 0..48_000 {
            let t = n as f32 / 48_000.0;
            let x = 0.9 * (TAU * 180.0 * t).sin() + 0.5 * (TAU * 1_130.0 * t).sin() + 0.3 * (TAU * 3_410.0 * t).sin();
            let (l, r) = limiter.frame(x, 0.7 * x, true);
            meter.add_frames_f32(&[l, r]).unwrap();
        }
        let peak = 20.0 * meter.true_peak(0).unwrap().log10();
        assert!(peak <= -1.0, "{peak} dBTP");
    }

    #[test]
    fn a_reduction_fades_to_exactly_nothing() {
        let mut limiter = Limiter::default();
        limiter.frame(2.0, 0.0, true);
        let mut last = limiter.frame(0.5, 0.5, false).0;
        for _ in 0..60_000 {
            let (l, _) = limiter.frame(0.5, 0.5, false);
            assert!(l >= last && l - last < 1e-3);
            last = l;
        }
        assert!(limiter.is_idle());
        assert_eq!(limiter.frame(1.0, -1.0, false), (1.0, -1.0));
    }
}
