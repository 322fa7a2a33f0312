//! A streaming rate converter: any block size in, sample positions kept.
//!
//! Output frame `n` lies at the media time of input frame `n * from / to`: the filter's delay is cut from the start and
//! made up for at the end. The blocks that sound is pushed in decide only when output appears, never what it is.

use rubato::audioadapter_buffers::direct::InterleavedSlice;
use rubato::{Fft, FixedSync, Resampler as _};

/// About how many frames of the slower side one transform covers: 256 frames keep the delay near 10 ms and the cutoff
/// near 0.95 of half that rate.
const BLOCK: u64 = 256;
/// Pairs of rates with a smaller common divisor need transforms too long for live sound.
const MIN_COMMON: u64 = 25;

/// A pair of rates or a channel count that cannot be converted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unsupported {
    /// Input rate in Hz.
    pub from: u32,
    /// Output rate in Hz.
    pub to: u32,
    /// Interleaved channels.
    pub channels: usize,
}

impl std::fmt::Display for Unsupported {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "cannot convert {} channels from {} Hz to {} Hz",
            self.channels, self.from, self.to
        )
    }
}

impl std::error::Error for Unsupported {}

/// Converts one stream of interleaved sound.
#[derive(Debug)]
pub struct Resampler {
    from: u32,
    to: u32,
    channels: usize,
    /// None where both rates are equal: sound is then copied.
    fft: Option<Fft<f32>>,
    pending: Vec<f32>,
    block: Vec<f32>,
    taken: u64,
    given: u64,
    /// Output frames of the filter's delay that are still to be cut.
    cut: usize,
}

/// Whether [`Resampler::new`] takes this pair of rates.
pub fn supported(from: u32, to: u32) -> bool {
    let range = 8_000..=192_000;
    range.contains(&from) && range.contains(&to) && common(from.into(), to.into()) >= MIN_COMMON
}

fn common(a: u64, b: u64) -> u64 {
    if b == 0 { a } else { common(b, a % b) }
}

impl Resampler {
    /// A converter from `from` Hz to `to` Hz for sound of `channels` interleaved channels.
    pub fn new(from: u32, to: u32, channels: usize) -> Result<Self, Unsupported> {
        let unsupported = Unsupported { from, to, channels };
        if !supported(from, to) || !(1..=8).contains(&channels) {
            return Err(unsupported);
        }
        let fft = if from == to {
            None
        } else {
            // In input frames, a whole number of common periods, and an even one: the filter's middle lies at half a
            // block, which must be a frame.
            let hint = BLOCK * u64::from(from) / u64::from(from.min(to));
            let period = u64::from(from) / common(from.into(), to.into());
            let hint = hint.next_multiple_of(if period.is_multiple_of(2) { period } else { 2 * period });
            Some(
                Fft::new(from as usize, to as usize, hint as usize, channels, FixedSync::Both)
                    .map_err(|_| unsupported)?,
            )
        };
        let mut this = Self {
            from,
            to,
            channels,
            fft,
            pending: Vec::new(),
            block: Vec::new(),
            taken: 0,
            given: 0,
            cut: 0,
        };
        if let Some(fft) = &this.fft {
            this.block = vec![0.0; fft.output_frames_max() * channels];
        }
        this.reset();
        Ok(this)
    }

    /// Forgets what it holds: the next frame pushed is frame 0 of a new stream.
    pub fn reset(&mut self) {
        self.pending.clear();
        (self.taken, self.given, self.cut) = (0, 0, 0);
        if let Some(fft) = &mut self.fft {
            fft.reset();
            self.cut = fft.output_delay();
        }
    }

    /// The rate that goes in, in Hz.
    pub fn from(&self) -> u32 {
        self.from
    }

    /// At most this many input frames are held back before [`Resampler::flush`].
    pub fn held_back(&self) -> usize {
        self.fft.as_ref().map_or(0, |fft| {
            fft.input_frames_next()
                + (fft.output_delay() as u64 * u64::from(self.from)).div_ceil(self.to.into()) as usize
        })
    }

    /// Takes whole frames and appends what became ready to `out`.
    pub fn push(&mut self, input: &[f32], out: &mut Vec<f32>) {
        debug_assert_eq!(input.len() % self.channels, 0, "whole frames only");
        self.taken += (input.len() / self.channels) as u64;
        if self.fft.is_none() {
            self.given = self.taken;
            out.extend_from_slice(input);
            return;
        }
        self.pending.extend_from_slice(input);
        self.convert(u64::MAX, out);
    }

    /// The stream is over: appends what was held back, so that as much came out as went in, and starts anew.
    pub fn flush(&mut self, out: &mut Vec<f32>) {
        let whole = (self.taken * u64::from(self.to) + u64::from(self.from) / 2) / u64::from(self.from);
        while self.fft.is_some() && self.given < whole {
            let block = self.fft.as_ref().map_or(1, Fft::input_frames_next) * self.channels;
            self.pending
                .resize(self.pending.len().div_ceil(block).max(1) * block, 0.0);
            self.convert(whole, out);
        }
        self.reset();
    }

    /// Converts all whole blocks that are pending, giving no frame past number `end`.
    fn convert(&mut self, end: u64, out: &mut Vec<f32>) {
        let Some(fft) = &mut self.fft else { return };
        let (frames_in, frames_out) = (fft.input_frames_next(), fft.output_frames_next());
        let mut used = 0;
        while self.pending.len() - used >= frames_in * self.channels {
            let input = InterleavedSlice::new(&self.pending[used..], self.channels, frames_in);
            let output = InterleavedSlice::new_mut(&mut self.block, self.channels, frames_out);
            let (Ok(input), Ok(mut output)) = (input, output) else {
                unreachable!("both slices hold their frames")
            };
            let done = fft.process_into_buffer(&input, &mut output, None);
            debug_assert!(done.is_ok(), "block sizes are the converter's own");
            used += frames_in * self.channels;
            let cut = self.cut.min(frames_out);
            self.cut -= cut;
            let give = (frames_out - cut).min(usize::try_from(end - self.given).unwrap_or(usize::MAX));
            self.given += give as u64;
            out.extend_from_slice(&self.block[cut * self.channels..(cut + give) * self.channels]);
        }
        self.pending.drain(..used);
    }
}

#[cfg(test)]
mod tests {
    use std::f32::consts::TAU;

    use proptest::prelude::*;

    use super::*;

    fn sine(hz: f32, rate: u32, frames: usize, channels: usize) -> Vec<f32> {
        (0..frames)
            .flat_map(|n| std::iter::repeat_n((TAU * hz * n as f32 / rate as f32).sin() * 0.5, channels))
            .collect()
    }

    fn convert(from: u32, to: u32, channels: usize, input: &[f32], block: usize) -> Vec<f32> {
        let mut resampler = Resampler::new(from, to, channels).unwrap();
        let mut out = Vec::new();
        for block in input.chunks(block * channels) {
            resampler.push(block, &mut out);
        }
        resampler.flush(&mut out);
        out
    }

    #[test]
    fn a_sine_stays_where_it_is() {
        for (from, to, channels) in [
            (48_000, 16_000, 1),
            (24_000, 48_000, 1),
            (22_050, 48_000, 1),
            (22_050, 16_000, 1),
            (44_100, 48_000, 2),
            (48_000, 48_000, 2),
        ] {
            let input = sine(440.0, from, from as usize / 2, channels);
            let out = convert(from, to, channels, &input, 1_000);
            let expected = sine(440.0, to, to as usize / 2, channels);
            assert_eq!(out.len(), expected.len(), "{from} to {to}");
            let edge = to as usize / 50 * channels;
            for n in edge..out.len() - edge {
                assert!(
                    (out[n] - expected[n]).abs() < 2e-3,
                    "{from} to {to}: sample {n}: {} {}",
                    out[n],
                    expected[n]
                );
            }
        }
    }

    #[test]
    fn what_the_slower_rate_cannot_carry_is_gone() {
        let out = convert(48_000, 16_000, 1, &sine(10_000.0, 48_000, 24_000, 1), 480);
        let peak = out[400..out.len() - 400]
            .iter()
            .fold(0.0_f32, |peak, s| peak.max(s.abs()));
        assert!(peak < 1e-3, "alias at {peak}");
    }

    #[test]
    fn odd_rates_are_refused() {
        assert!(Resampler::new(0, 48_000, 1).is_err());
        assert!(Resampler::new(44_101, 48_000, 1).is_err());
        assert!(Resampler::new(24_000, 48_000, 0).is_err());
    }

    proptest! {
        #[test]
        fn block_sizes_change_nothing(frames in 0_usize..6_000, block in 1_usize..700, pair in 0_usize..4) {
            let (from, to) = [(48_000, 16_000), (24_000, 48_000), (22_050, 48_000), (48_000, 44_100)][pair];
            let input = sine(300.0, from, frames, 1);
            let whole = convert(from, to, 1, &input, 6_000);
            prop_assert_eq!(whole.len(), ((frames as f64) * f64::from(to) / f64::from(from)).round() as usize);
            prop_assert_eq!(convert(from, to, 1, &input, block), whole);
        }
    }
}
