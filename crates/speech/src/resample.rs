//! Sample rate conversion of 16-bit mono: [`dragoman_audio::resample`] with our samples.

use dragoman_audio::pcm;
use dragoman_audio::resample;
pub use dragoman_audio::resample::{Unsupported, supported};

/// Converts unbroken runs of mono samples; what comes out does not depend on the blocks that go in.
pub struct Resampler {
    inner: resample::Resampler,
    /// The sound on its way, kept for its capacity.
    taken: Vec<f32>,
    given: Vec<f32>,
}

impl Resampler {
    /// A converter at the beginning of a run.
    pub fn new(from: u32, to: u32) -> Result<Self, Unsupported> {
        Ok(Self {
            inner: resample::Resampler::new(from, to, 1)?,
            taken: Vec::new(),
            given: Vec::new(),
        })
    }

    /// Takes samples and appends what can be said for certain.
    pub fn push(&mut self, samples: &[i16], out: &mut Vec<i16>) {
        self.taken.clear();
        pcm::extend_f32(samples, &mut self.taken);
        self.inner.push(&self.taken, &mut self.given);
        self.give(out);
    }

    /// The run ends: appends the rest, so that all in all as much came out as went in. What comes next is another run.
    pub fn finish(&mut self, out: &mut Vec<i16>) {
        self.inner.flush(&mut self.given);
        self.give(out);
    }

    fn give(&mut self, out: &mut Vec<i16>) {
        pcm::extend_i16(&self.given, out);
        self.given.clear();
    }
}

/// A whole sound at once.
pub fn resample(samples: &[i16], from: u32, to: u32) -> Result<Vec<i16>, Unsupported> {
    let mut resampler = Resampler::new(from, to)?;
    let mut out = Vec::new();
    resampler.push(samples, &mut out);
    resampler.finish(&mut out);
    Ok(out)
}

#[cfg(test)]
mod tests {
    use std::f64::consts::PI;

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
            (11_025, 16_000),
            (8_000, 16_000),
        ] {
            let out = resample(&sine(440.0, from, from as usize), from, to).unwrap();
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
        let out = resample(&sine(11_000.0, 48_000, 48_000), 48_000, 16_000).unwrap();
        assert!(out[400..15_600].iter().all(|s| s.abs() < 40));
    }

    #[test]
    fn what_is_too_loud_in_between_is_clipped_and_not_wrapped() {
        let square: Vec<i16> = (0..4_800)
            .map(|n| if n / 48 % 2 == 0 { i16::MAX } else { i16::MIN })
            .collect();
        let out = resample(&square, 48_000, 16_000).unwrap();
        for (n, sample) in out.iter().enumerate() {
            let in_half = n % 16;
            assert!(
                !(4..12).contains(&in_half) || (*sample > 0) == (n / 16 % 2 == 0),
                "{n}: {sample}"
            );
        }
        assert!(out.contains(&i16::MAX) && out.contains(&i16::MIN));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]
        #[test]
        fn block_size_does_not_matter(
            samples in prop::collection::vec(any::<i16>(), 0..12_000),
            block in 1usize..3000,
            (from, to) in prop_oneof![Just((44_100u32, 16_000u32)), Just((16_000, 24_000)), Just((48_000, 16_000))],
        ) {
            let whole = resample(&samples, from, to).unwrap();
            let mut resampler = Resampler::new(from, to).unwrap();
            // The second run of a converter is like the first one.
            for _ in 0..2 {
                let mut out = Vec::new();
                for part in samples.chunks(block) {
                    resampler.push(part, &mut out);
                }
                resampler.finish(&mut out);
                prop_assert_eq!(&out, &whole);
            }
            let exact = samples.len() as f64 * f64::from(to) / f64::from(from);
            prop_assert_eq!(whole.len(), exact.round() as usize);
        }
    }
}
