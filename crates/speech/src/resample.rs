//! Sample rate conversion by a windowed sinc: exact in length and position, and the same whatever the block size.
//!
//! Output sample `n` is the sound at input position `n * from / to`; nothing is delayed, so media time survives.

use std::f64::consts::PI;

/// Zero crossings of the sinc on each side.
const LOBES: f64 = 16.0;

/// Converts one unbroken run of mono samples.
#[derive(Clone, Debug)]
pub struct Resampler {
    /// Input samples per `up` output samples, both reduced.
    down: u64,
    up: u64,
    /// Input samples on each side of an output sample's position.
    reach: u64,
    /// `2 * reach` taps for each of the `up` phases.
    taps: Vec<f32>,
    /// Input from `base` on; what lies before the run is silence.
    input: Vec<f32>,
    base: i64,
    /// Next output sample.
    next: u64,
    received: u64,
}

impl Resampler {
    /// A converter at the beginning of a run. Rates are at least 1.
    pub fn new(from: u32, to: u32) -> Self {
        let (from, to) = (u64::from(from.max(1)), u64::from(to.max(1)));
        let divisor = gcd(from, to);
        let (down, up) = (from / divisor, to / divisor);
        // Going down, the filter must end below the new rate's half: it becomes wider in input samples.
        let scale = (to as f64 / from as f64).min(1.0);
        let reach = (LOBES / scale).ceil() as u64;
        let taps = (0..up)
            .flat_map(|phase| phase_taps(phase as f64 / up as f64, reach, scale))
            .collect();
        let reach_len = reach as usize;
        Self {
            down,
            up,
            reach,
            taps,
            input: vec![0.0; reach_len],
            base: -(reach as i64),
            next: 0,
            received: 0,
        }
    }

    /// Takes samples and appends what can be said for certain.
    pub fn push(&mut self, samples: &[i16], out: &mut Vec<i16>) {
        self.input.extend(samples.iter().map(|s| f32::from(*s)));
        self.received += samples.len() as u64;
        self.run(u64::MAX, out);
    }

    /// The run ends: appends the rest, so that all in all `ceil(received * to / from)` samples came out.
    pub fn finish(mut self, out: &mut Vec<i16>) {
        let total = (self.received * self.up).div_ceil(self.down);
        self.input.resize(self.input.len() + self.reach as usize, 0.0);
        self.run(total, out);
    }

    fn run(&mut self, total: u64, out: &mut Vec<i16>) {
        let width = 2 * self.reach as usize;
        while self.next < total {
            let position = (self.next * self.down / self.up) as i64;
            let first = (position + 1 - self.reach as i64 - self.base) as usize;
            let Some(window) = self.input.get(first..first + width) else {
                break;
            };
            let phase = (self.next * self.down % self.up) as usize;
            // The phases are `k / up` in steps of `down`: index by the remainder itself.
            let taps = &self.taps[phase * width..(phase + 1) * width];
            let sum: f32 = window.iter().zip(taps).map(|(sample, tap)| sample * tap).sum();
            out.push(sum.round().clamp(f32::from(i16::MIN), f32::from(i16::MAX)) as i16);
            self.next += 1;
        }
        let position = (self.next * self.down / self.up) as i64;
        let done = (position + 1 - self.reach as i64 - self.base).max(0) as usize;
        // Moving what is left costs more than it saves while little is done.
        if done >= 4096 {
            self.input.drain(..done.min(self.input.len()));
            self.base += done as i64;
        }
    }
}

/// A whole sound at once.
pub fn resample(samples: &[i16], from: u32, to: u32) -> Vec<i16> {
    if from == to {
        return samples.to_vec();
    }
    let mut out = Vec::with_capacity((samples.len() as u64 * u64::from(to) / u64::from(from.max(1))) as usize + 1);
    let mut resampler = Resampler::new(from, to);
    resampler.push(samples, &mut out);
    resampler.finish(&mut out);
    out
}

/// Taps for an output that lies `fraction` after input sample `reach - 1` of its window; they add up to 1.
fn phase_taps(fraction: f64, reach: u64, scale: f64) -> Vec<f32> {
    // A little below half the lower rate, so that the filter's slope does not reach over it.
    let cutoff = scale * 0.92;
    let taps: Vec<f64> = (0..2 * reach)
        .map(|tap| {
            let x = tap as f64 - (reach as f64 - 1.0) - fraction;
            let window = (PI * x / (2.0 * reach as f64)).cos().powi(2);
            let sinc = if x == 0.0 {
                1.0
            } else {
                (PI * x * cutoff).sin() / (PI * x * cutoff)
            };
            sinc * window
        })
        .collect();
    let sum: f64 = taps.iter().sum();
    taps.into_iter().map(|tap| (tap / sum) as f32).collect()
}

fn gcd(a: u64, b: u64) -> u64 {
    if b == 0 { a } else { gcd(b, a % b) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn sine(hz: f64, rate: u32, len: usize) -> Vec<i16> {
        (0..len)
            .map(|n| (8000.0 * (2.0 * PI * hz * n as f64 / f64::from(rate)).sin()).round() as i16)
            .collect()
    }

    #[test]
    fn a_sine_keeps_its_place_and_level() {
        for (from, to) in [
            (16_000, 24_000),
            (44_100, 16_000),
            (48_000, 16_000),
            (22_050, 16_000),
            (8_000, 16_000),
        ] {
            let out = resample(&sine(440.0, from, from as usize), from, to);
            assert_eq!(out.len(), to as usize);
            let expected = sine(440.0, to, to as usize);
            let edge = to as usize / 50;
            let worst = out[edge..out.len() - edge]
                .iter()
                .zip(&expected[edge..])
                .map(|(a, b)| (a - b).abs())
                .max();
            assert!(worst.unwrap() <= 24, "{from} to {to}: {worst:?}");
        }
    }

    #[test]
    fn what_the_lower_rate_cannot_hold_is_gone() {
        let out = resample(&sine(11_000.0, 48_000, 48_000), 48_000, 16_000);
        assert!(out[400..15_600].iter().all(|s| s.abs() < 40));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]
        #[test]
        fn block_size_does_not_matter(
            samples in prop::collection::vec(any::<i16>(), 0..12_000),
            block in 1usize..3000,
            (from, to) in prop_oneof![Just((44_100u32, 16_000u32)), Just((16_000, 24_000)), Just((48_000, 16_000))],
        ) {
            let whole = resample(&samples, from, to);
            let mut resampler = Resampler::new(from, to);
            let mut out = Vec::new();
            for part in samples.chunks(block) {
                resampler.push(part, &mut out);
            }
            resampler.finish(&mut out);
            prop_assert_eq!(&out, &whole);
            prop_assert_eq!(whole.len() as u64, (samples.len() as u64 * u64::from(to)).div_ceil(u64::from(from)));
        }
    }
}
