//! Where the noise comes from that the head turns into latents.

use std::collections::VecDeque;

use crate::{Error, Result};

/// A source of noise for one utterance.
#[derive(Clone, Debug)]
pub struct Noise(Source);

#[derive(Clone, Debug)]
enum Source {
    Seeded(Generator),
    Recorded(VecDeque<Vec<f32>>),
}

impl Noise {
    /// Normal noise; the same seed gives the same speech.
    pub fn seeded(seed: u64) -> Self {
        Self(Source::Seeded(Generator::new(seed)))
    }

    /// Noise that was drawn elsewhere, one vector for each frame, with the variance it shall have.
    pub fn recorded(frames: Vec<Vec<f32>>) -> Self {
        Self(Source::Recorded(frames.into()))
    }

    /// The next frame's.
    pub(super) fn next(&mut self, width: usize, deviation: f32) -> Result<Vec<f32>> {
        match &mut self.0 {
            Source::Seeded(generator) => Ok((0..width).map(|_| generator.normal() * deviation).collect()),
            Source::Recorded(frames) => match frames.pop_front() {
                Some(frame) if frame.len() == width => Ok(frame),
                Some(frame) => Err(Error::Input(format!(
                    "recorded noise has {} values, expected {width}",
                    frame.len()
                ))),
                None => Err(Error::Input("recorded noise ended before the speech".into())),
            },
        }
    }
}

/// xoshiro256++ and the Box-Muller transform. Seeds, not quality of randomness, are the point: speech can be made again.
#[derive(Clone, Debug)]
struct Generator {
    state: [u64; 4],
    spare: Option<f32>,
}

impl Generator {
    fn new(seed: u64) -> Self {
        // SplitMix64, so that near seeds give states that are far apart and never all zero.
        let mut at = seed;
        let state = std::array::from_fn(|_| {
            at = at.wrapping_add(0x9e37_79b9_7f4a_7c15);
            let mut z = at;
            z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            z ^ (z >> 31)
        });
        Self { state, spare: None }
    }

    fn bits(&mut self) -> u64 {
        let s = &mut self.state;
        let out = s[0].wrapping_add(s[3]).rotate_left(23).wrapping_add(s[0]);
        let t = s[1] << 17;
        s[2] ^= s[0];
        s[3] ^= s[1];
        s[1] ^= s[2];
        s[0] ^= s[3];
        s[2] ^= t;
        s[3] = s[3].rotate_left(45);
        out
    }

    /// In (0, 1].
    fn uniform(&mut self) -> f64 {
        ((self.bits() >> 11) + 1) as f64 / (1u64 << 53) as f64
    }

    fn normal(&mut self) -> f32 {
        if let Some(spare) = self.spare.take() {
            return spare;
        }
        let radius = (-2.0 * self.uniform().ln()).sqrt();
        let (sin, cos) = (std::f64::consts::TAU * self.uniform()).sin_cos();
        self.spare = Some((radius * sin) as f32);
        (radius * cos) as f32
    }
}

#[cfg(test)]
#[path = "noise_test.rs"]
mod test;
