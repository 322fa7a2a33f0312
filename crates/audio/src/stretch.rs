//! Time-stretch: a dub said faster at the same pitch, by waveform similarity overlap-add (WSOLA).
//!
//! Each hop of output cross-fades what would naturally follow into the most similar stretch of input near where the rate
//! wants to be. It runs at the dub's own rate: at 24 kHz that is a quarter of the work at 48 kHz. The search looks at the
//! sound decimated by four first and refines the best place only.

/// Output per hop and length of each cross-fade: 15 ms, longer than the period of the lowest voice.
const HOP_PER_S: usize = 67;
/// How far from the wanted place the search goes, either way: 8 ms.
const SEARCH_PER_S: usize = 125;
const DECIMATE: usize = 4;

/// Shortens one stream of mono sound.
#[derive(Debug)]
pub struct Stretch {
    hop: usize,
    search: usize,
    /// Input samples per output sample.
    rate: f64,
    input: Vec<f32>,
    /// The number of `input[0]` in the stream.
    base: usize,
    /// Where the sound goes on naturally after the last hop.
    natural: usize,
    hops: usize,
    fade: Vec<f32>,
    coarse: Vec<f32>,
    pattern: Vec<f32>,
}

impl Stretch {
    /// For sound at `sample_rate`; `rate` is how many times faster it becomes, 1 or more.
    pub fn new(sample_rate: u32, rate: f64) -> Self {
        let hop = (sample_rate as usize / HOP_PER_S).max(DECIMATE) / DECIMATE * DECIMATE;
        let search = (sample_rate as usize / SEARCH_PER_S).max(DECIMATE) / DECIMATE * DECIMATE;
        let fade = (0..hop)
            .map(|n| 0.5 - 0.5 * (std::f32::consts::PI * (n as f32 + 0.5) / hop as f32).cos())
            .collect();
        Self {
            hop,
            search,
            rate: rate.max(1.0),
            input: Vec::new(),
            base: 0,
            natural: 0,
            hops: 0,
            fade,
            coarse: Vec::new(),
            pattern: Vec::new(),
        }
    }

    /// Takes sound and appends what became ready to `out`.
    pub fn push(&mut self, input: &[f32], out: &mut Vec<f32>) {
        self.input.extend_from_slice(input);
        while self.wanted() + self.search + self.hop <= self.end() {
            self.hop(self.wanted() + self.search, out);
        }
        let keep = self
            .natural
            .min(self.wanted().saturating_sub(self.search))
            .min(self.end());
        if keep - self.base > 4 * (self.hop + self.search) {
            self.input.drain(..keep - self.base);
            self.base = keep;
        }
    }

    /// The stream is over: appends the rest.
    pub fn flush(&mut self, out: &mut Vec<f32>) {
        while self.wanted() + self.hop <= self.end() && self.natural + self.hop <= self.end() {
            self.hop((self.wanted() + self.search).min(self.end() - self.hop), out);
        }
        let rest = self.natural.min(self.end());
        out.extend_from_slice(&self.input[rest - self.base..]);
        self.base = self.end();
        self.natural = self.base;
        self.input.clear();
    }

    fn end(&self) -> usize {
        self.base + self.input.len()
    }

    /// Where the rate wants the next hop to begin.
    fn wanted(&self) -> usize {
        ((self.hops * self.hop) as f64 * self.rate) as usize
    }

    /// One hop of output from the best place up to `last`.
    fn hop(&mut self, last: usize, out: &mut Vec<f32>) {
        let first = self.wanted().saturating_sub(self.search).max(self.base).min(last);
        let place = if self.hops == 0 {
            0
        } else {
            self.most_similar(first, last)
        };
        let (old, new) = (
            &self.input[self.natural - self.base..],
            &self.input[place - self.base..],
        );
        out.extend(self.fade.iter().zip(old).zip(new).map(|((f, o), n)| o + (n - o) * f));
        self.natural = place + self.hop;
        self.hops += 1;
    }

    /// The place in `first..=last` whose sound is most like the natural continuation.
    fn most_similar(&mut self, first: usize, last: usize) -> usize {
        let natural = self.natural - self.base;
        let pattern = &self.input[natural..natural + self.hop];
        decimate(pattern, &mut self.pattern);
        decimate(
            &self.input[first - self.base..last - self.base + self.hop],
            &mut self.coarse,
        );
        let length = self.pattern.len();
        let (mut best, mut best_score) = (0, f32::MIN);
        let mut energy: f32 = self.coarse[..length].iter().map(|s| s * s).sum();
        for at in 0..=self.coarse.len() - length {
            let score = similarity(&self.coarse[at..at + length], &self.pattern, energy);
            if score > best_score {
                (best, best_score) = (at, score);
            }
            if let Some(next) = self.coarse.get(at + length) {
                energy += next * next - self.coarse[at] * self.coarse[at];
            }
        }
        let middle = first + best * DECIMATE;
        let (from, to) = (
            middle.saturating_sub(DECIMATE - 1).max(first),
            (middle + DECIMATE - 1).min(last),
        );
        let (mut place, mut place_score) = (middle, f32::MIN);
        for at in from..=to {
            let sound = &self.input[at - self.base..at - self.base + self.hop];
            let score = similarity(sound, pattern, sum_of_squares(sound));
            if score > place_score {
                (place, place_score) = (at, score);
            }
        }
        place
    }
}

fn decimate(sound: &[f32], out: &mut Vec<f32>) {
    out.clear();
    out.extend(sound.chunks_exact(DECIMATE).map(|c| c.iter().sum::<f32>()));
}

/// Sums in eight lanes: a single running sum cannot use the machine's vectors.
fn dot(a: &[f32], b: &[f32]) -> f32 {
    let mut lanes = [0.0_f32; 8];
    let (a8, b8) = (a.chunks_exact(8), b.chunks_exact(8));
    let rest: f32 = a8.remainder().iter().zip(b8.remainder()).map(|(x, y)| x * y).sum();
    for (x, y) in a8.zip(b8) {
        for n in 0..8 {
            lanes[n] += x[n] * y[n];
        }
    }
    lanes.iter().sum::<f32>() + rest
}

fn sum_of_squares(sound: &[f32]) -> f32 {
    dot(sound, sound)
}

/// Correlation over the candidate's own level; in digital silence all places are alike.
fn similarity(sound: &[f32], pattern: &[f32], energy: f32) -> f32 {
    dot(sound, pattern) / (energy.max(0.0) + 1e-9).sqrt()
}

#[cfg(test)]
mod tests {
    use std::f32::consts::TAU;

    use proptest::prelude::*;

    use super::*;

    const RATE: u32 = 24_000;

    fn voice(hz: f32, samples: usize) -> Vec<f32> {
        (0..samples)
            .map(|n| {
                let t = n as f32 / RATE as f32;
                (1..6).map(|k| (TAU * hz * k as f32 * t).sin() / k as f32).sum::<f32>() * 0.2
            })
            .collect()
    }

    fn stretch(rate: f64, input: &[f32], block: usize) -> Vec<f32> {
        let (mut stretch, mut out) = (Stretch::new(RATE, rate), Vec::new());
        input.chunks(block).for_each(|b| stretch.push(b, &mut out));
        stretch.flush(&mut out);
        out
    }

    fn steepest(sound: &[f32]) -> f32 {
        sound.windows(2).map(|w| (w[1] - w[0]).abs()).fold(0.0, f32::max)
    }

    #[test]
    fn a_voice_becomes_shorter_keeps_its_pitch_and_has_no_clicks() {
        let input = voice(150.0, 48_000);
        for rate in [1.05, 1.1, 1.25] {
            let out = stretch(rate, &input, 240);
            let wanted = input.len() as f64 / rate;
            assert!(
                (out.len() as f64 - wanted).abs() < 0.03 * f64::from(RATE),
                "{rate}: {} for {wanted}",
                out.len()
            );
            assert!(steepest(&out) < steepest(&input) * 1.2, "{rate}");
            let crossings =
                |s: &[f32]| s.windows(2).filter(|w| w[0] < 0.0 && w[1] >= 0.0).count() as f64 / s.len() as f64;
            assert!((crossings(&out) / crossings(&input) - 1.0).abs() < 0.02, "{rate}");
        }
    }

    #[test]
    fn rate_one_changes_nothing_that_is_heard() {
        let input = voice(210.0, 12_000);
        let out = stretch(1.0, &input, 500);
        assert_eq!(out.len(), input.len());
        assert!(out.iter().zip(&input).all(|(a, b)| (a - b).abs() < 1e-3));
    }

    proptest! {
        #[test]
        fn block_sizes_change_nothing(samples in 0_usize..20_000, block in 1_usize..3_000, rate in 1.0_f64..1.25) {
            let input = voice(130.0, samples);
            let whole = stretch(rate, &input, 20_000);
            prop_assert!((whole.len() as f64 - samples as f64 / rate).abs() <= 0.03 * f64::from(RATE));
            prop_assert_eq!(stretch(rate, &input, block), whole);
        }
    }
}
