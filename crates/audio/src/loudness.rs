//! How loud original and dub are, in LUFS as ITU-R BS.1770 weighs them.

use std::collections::VecDeque;

use crate::RATE;

/// Loudness is kept in blocks of 100 ms.
pub const BLOCKS_PER_S: u32 = 10;
const BLOCK: i64 = (RATE / BLOCKS_PER_S) as i64;
/// How much of the original is remembered behind and ahead of the playhead.
const KEPT: usize = 120 * BLOCKS_PER_S as usize;
/// Blocks and speech below this are silence to the standard.
const ABSOLUTE_GATE: f64 = -70.0;
const RELATIVE_GATE: f64 = -10.0;

/// The loudness of a mean square (summed over channels), in LUFS.
pub fn lufs(mean_square: f64) -> f64 {
    -0.691 + 10.0 * mean_square.max(1e-20).log10()
}

/// One channel of the K weighting: a shelf for the head, then a high-pass.
#[derive(Clone, Copy, Debug)]
struct Weighting {
    b: [f64; 3],
    a: [f64; 2],
    hp: [f64; 2],
    z: [f64; 4],
}

impl Weighting {
    /// The standard gives coefficients for 48 kHz only; these are its analogue prototypes at any rate.
    fn new(rate: u32) -> Self {
        let k = (std::f64::consts::PI * 1_681.974_450_955_533 / f64::from(rate)).tan();
        let (q, vh) = (0.707_175_236_955_419_6, 10.0_f64.powf(3.999_843_853_973_347 / 20.0));
        let vb = vh.powf(0.499_666_774_154_541_6);
        let a0 = 1.0 + k / q + k * k;
        let b = [
            (vh + vb * k / q + k * k) / a0,
            2.0 * (k * k - vh) / a0,
            (vh - vb * k / q + k * k) / a0,
        ];
        let a = [2.0 * (k * k - 1.0) / a0, (1.0 - k / q + k * k) / a0];
        let k = (std::f64::consts::PI * 38.135_470_876_024_44 / f64::from(rate)).tan();
        let q = 0.500_327_037_323_877_3;
        let a0 = 1.0 + k / q + k * k;
        Self {
            b,
            a,
            hp: [2.0 * (k * k - 1.0) / a0, (1.0 - k / q + k * k) / a0],
            z: [0.0; 4],
        }
    }

    #[inline]
    fn advance(&mut self, x: f64) -> f64 {
        let y = self.b[0] * x + self.z[0];
        self.z[0] = self.b[1] * x - self.a[0] * y + self.z[1];
        self.z[1] = self.b[2] * x - self.a[1] * y;
        let w = y + self.z[2];
        self.z[2] = -2.0 * y - self.hp[0] * w + self.z[3];
        self.z[3] = y - self.hp[1] * w;
        w
    }

    /// What is left of long silence would slow the machine down.
    fn settle(&mut self) {
        for z in &mut self.z {
            if z.abs() < 1e-15 {
                *z = 0.0;
            }
        }
    }
}

/// The loudness of one dub, measured while it arrives, as it will be rendered: the same sound on both channels.
#[derive(Debug)]
pub struct DubMeter {
    weighting: Weighting,
    block: u32,
    n: u32,
    sum: f64,
    blocks: Vec<f32>,
}

impl DubMeter {
    /// For mono sound at `rate`.
    pub fn new(rate: u32) -> Self {
        let block = (rate / BLOCKS_PER_S).max(1);
        Self {
            weighting: Weighting::new(rate),
            block,
            n: 0,
            sum: 0.0,
            blocks: Vec::new(),
        }
    }

    /// Takes the next samples.
    pub fn push(&mut self, pcm: &[i16]) {
        for &sample in pcm {
            let y = self.weighting.advance(f64::from(sample) / 32_768.0);
            self.sum += y * y;
            self.n += 1;
            if self.n == self.block {
                self.blocks.push((2.0 * self.sum / f64::from(self.n)) as f32);
                (self.n, self.sum) = (0, 0.0);
                self.weighting.settle();
            }
        }
    }

    /// Gated loudness so far; none while all of it is silence.
    pub fn lufs(&self) -> Option<f64> {
        let part = (self.n > 0 && self.blocks.is_empty()).then(|| (2.0 * self.sum / f64::from(self.n)) as f32);
        gated(self.blocks.iter().copied().chain(part))
    }
}

/// Mean over the blocks above both gates of the standard.
fn gated(blocks: impl Iterator<Item = f32> + Clone) -> Option<f64> {
    let mean = |gate: f64| {
        let (n, sum) = blocks
            .clone()
            .filter(|&b| lufs(b.into()) > gate)
            .fold((0_u32, 0.0_f64), |(n, sum), b| (n + 1, sum + f64::from(b)));
        (n > 0).then(|| lufs(sum / f64::from(n)))
    };
    mean(mean(ABSOLUTE_GATE)? + RELATIVE_GATE)
}

/// The loudness of the original along the media timeline. Positions are frames at [`RATE`].
#[derive(Debug)]
pub struct Original {
    left: Weighting,
    right: Weighting,
    /// Number of the block that is being summed, and of the next frame in the stream.
    next: Option<i64>,
    n: i64,
    sum: f64,
    blocks: VecDeque<(i64, f32)>,
}

impl Default for Original {
    fn default() -> Self {
        let weighting = Weighting::new(RATE);
        Self {
            left: weighting,
            right: weighting,
            next: None,
            n: 0,
            sum: 0.0,
            blocks: VecDeque::new(),
        }
    }
}

impl Original {
    /// Takes interleaved stereo that begins at frame `at`. What lies before the end of the last call is ignored.
    pub fn push(&mut self, at: i64, stereo: &[f32]) {
        let expected = self.next.unwrap_or(at);
        let known = usize::try_from(expected - at).unwrap_or(0) * 2;
        if at > expected {
            // The block with the gap in it is dropped.
            (self.n, self.sum) = (0, 0.0);
        }
        let mut next = expected.max(at);
        for frame in stereo.get(known..).unwrap_or_default().chunks_exact(2) {
            let (l, r) = (self.left.advance(frame[0].into()), self.right.advance(frame[1].into()));
            self.sum += l * l + r * r;
            self.n += 1;
            next += 1;
            if next % BLOCK == 0 {
                if self.n == BLOCK {
                    self.keep(next / BLOCK - 1, (self.sum / BLOCK as f64) as f32);
                }
                (self.n, self.sum) = (0, 0.0);
                self.left.settle();
                self.right.settle();
            }
        }
        self.next = Some(next);
    }

    fn keep(&mut self, block: i64, mean_square: f32) {
        // Not a number would stay in every later mean.
        if mean_square.is_finite() {
            self.blocks.push_back((block, mean_square));
            if self.blocks.len() > KEPT {
                self.blocks.pop_front();
            }
        } else {
            let weighting = Weighting::new(RATE);
            (self.left, self.right) = (weighting, weighting);
        }
    }

    /// Gated loudness of the blocks from frame `from` on whose middle lies in one of `intervals`, if they last `least`.
    pub fn inside(&self, from: i64, intervals: impl Iterator<Item = (i64, i64)> + Clone, least: i64) -> Option<f64> {
        let inside = self.blocks.iter().filter(|&&(block, _)| {
            let middle = block * BLOCK + BLOCK / 2;
            middle >= from && intervals.clone().any(|(start, end)| (start..end).contains(&middle))
        });
        let heard = inside.clone().count() as i64 * BLOCK;
        if heard < least {
            None
        } else {
            gated(inside.map(|&(_, b)| b))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn noise(samples: usize, level: f32) -> Vec<f32> {
        let mut x = 1_u32;
        (0..samples)
            .map(|_| {
                x = x.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                (x as f32 / u32::MAX as f32 * 2.0 - 1.0) * level
            })
            .collect()
    }

    #[test]
    fn the_original_agrees_with_the_reference() {
        let stereo = noise(48_000 * 6, 0.2);
        let mut reference = ebur128::EbuR128::new(2, 48_000, ebur128::Mode::I).unwrap();
        reference.add_frames_f32(&stereo).unwrap();
        let mut original = Original::default();
        stereo
            .chunks(2_000)
            .scan(0, |at, b| {
                original.push(*at, b);
                *at += b.len() as i64 / 2;
                Some(())
            })
            .count();
        let ours = original.inside(0, std::iter::once((0, i64::MAX)), 48_000).unwrap();
        let theirs = reference.loudness_global().unwrap();
        assert!((ours - theirs).abs() < 0.1, "{ours} {theirs}");
    }

    #[test]
    fn a_dub_is_measured_as_it_is_rendered() {
        let mono: Vec<i16> = noise(24_000 * 3, 0.2).into_iter().map(crate::pcm::to_i16).collect();
        let mut meter = DubMeter::new(24_000);
        meter.push(&mono);
        let mut reference = ebur128::EbuR128::new(2, 24_000, ebur128::Mode::I).unwrap();
        let stereo: Vec<i16> = mono.iter().flat_map(|&s| [s, s]).collect();
        reference.add_frames_i16(&stereo).unwrap();
        let (ours, theirs) = (meter.lufs().unwrap(), reference.loudness_global().unwrap());
        assert!((ours - theirs).abs() < 0.1, "{ours} {theirs}");
        assert_eq!(DubMeter::new(24_000).lufs(), None);
    }

    #[test]
    fn gaps_and_repeats_do_not_count() {
        let mut original = Original::default();
        let stereo = noise(9_600 * 4, 0.1);
        original.push(0, &stereo);
        original.push(9_600, &stereo);
        original.push(96_000, &stereo);
        let everywhere = || std::iter::once((0, i64::MAX));
        assert!(original.inside(0, everywhere(), 10 * BLOCK).is_some());
        assert!(original.inside(0, everywhere(), 11 * BLOCK).is_none());
        assert!(original.inside(96_000, everywhere(), 4 * BLOCK).is_some());
        assert!(original.inside(0, std::iter::once((0, 9_600)), 3 * BLOCK).is_none());
    }
}
