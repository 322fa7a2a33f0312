//! The log-mel spectrogram that Whisper hears: exactly its own, for a window of any length.
//!
//! 16 kHz mono; frames of 25 ms every 10 ms, centred, the ends mirrored; power; 80 or 128 bands on Slaney's scale up to 8 kHz;
//! log10, at most 8 decades below the loudest value of the window; `(x + 4) / 4`.

use std::f64::consts::TAU;
use std::sync::Arc;

use realfft::num_complex::Complex;
use realfft::{RealFftPlanner, RealToComplex};

/// Samples per second.
pub const RATE: usize = 16_000;
/// Frames per second.
pub(super) const FRAMES_PER_SECOND: usize = RATE / HOP;

const SIZE: usize = 400;
const HOP: usize = 160;
const BINS: usize = SIZE / 2 + 1;
/// What is mirrored at each end.
const EDGE: usize = SIZE / 2;
const LEAST_POWER: f32 = 1e-10;
/// `log10(LEAST_POWER)`.
const FLOOR: f32 = -10.0;
const RANGE: f32 = 8.0;

/// Makes spectrograms; shared, keeps nothing between two calls.
#[derive(Clone)]
pub struct Mel {
    fft: Arc<dyn RealToComplex<f32>>,
    window: Arc<[f32]>,
    bands: Arc<[Band]>,
}

/// A triangle over a few of the spectrum's bins.
#[derive(Debug)]
struct Band {
    first: usize,
    weights: Vec<f32>,
}

/// Values of one window, frame after frame.
#[derive(Clone, Debug, PartialEq)]
pub struct Spectrogram {
    /// `frames * bands` values.
    pub values: Vec<f32>,
    /// How many frames.
    pub frames: usize,
    /// How many bands.
    pub bands: usize,
}

impl std::fmt::Debug for Mel {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Mel").field("bands", &self.bands.len()).finish()
    }
}

impl Mel {
    /// With so many bands.
    pub fn new(bands: usize) -> Self {
        let hann = |n: usize| (0.5 - 0.5 * (TAU * n as f64 / SIZE as f64).cos()) as f32;
        Self {
            fft: RealFftPlanner::new().plan_fft_forward(SIZE),
            window: (0..SIZE).map(hann).collect(),
            bands: filters(bands).into(),
        }
    }

    /// Of `pcm` followed by silence up to `frames` frames. At least 2 frames; what is longer than the window is left out.
    pub fn window(&self, pcm: &[f32], frames: usize) -> Spectrogram {
        let bands = self.bands.len();
        let frames = frames.max(2);
        let length = frames * HOP;
        let pcm = &pcm[..pcm.len().min(length)];
        // Frames from here on see nothing but silence, also by the mirror at the window's end.
        let heard = if pcm.len() + SIZE > length {
            frames
        } else {
            (pcm.len() + EDGE).div_ceil(HOP).min(frames)
        };
        let mut padded = vec![0.0; (heard - 1) * HOP + SIZE];
        for (n, sample) in padded.iter_mut().enumerate() {
            *sample = pcm.get(mirrored(n, length)).copied().unwrap_or(0.0);
        }
        let mut values = vec![FLOOR; frames * bands];
        let mut scratch = Scratch {
            frame: self.fft.make_input_vec(),
            spectrum: self.fft.make_output_vec(),
            work: self.fft.make_scratch_vec(),
            power: vec![0.0; BINS],
        };
        for (n, out) in values.chunks_exact_mut(bands).take(heard).enumerate() {
            self.frame(&padded[n * HOP..n * HOP + SIZE], out, &mut scratch);
        }
        let floor = values.iter().copied().fold(FLOOR, f32::max) - RANGE;
        for value in &mut values {
            *value = (value.max(floor) + 4.0) / 4.0;
        }
        Spectrogram { values, frames, bands }
    }

    fn frame(&self, samples: &[f32], out: &mut [f32], scratch: &mut Scratch) {
        for ((windowed, sample), weight) in scratch.frame.iter_mut().zip(samples).zip(self.window.iter()) {
            *windowed = sample * weight;
        }
        let done = self
            .fft
            .process_with_scratch(&mut scratch.frame, &mut scratch.spectrum, &mut scratch.work);
        debug_assert!(done.is_ok(), "the buffers are the plan's own");
        for (power, bin) in scratch.power.iter_mut().zip(&scratch.spectrum) {
            *power = bin.norm_sqr();
        }
        for (value, band) in out.iter_mut().zip(self.bands.iter()) {
            let energy: f32 = scratch.power[band.first..]
                .iter()
                .zip(&band.weights)
                .map(|(p, w)| p * w)
                .sum();
            *value = energy.max(LEAST_POWER).log10();
        }
    }
}

struct Scratch {
    frame: Vec<f32>,
    spectrum: Vec<Complex<f32>>,
    work: Vec<Complex<f32>>,
    power: Vec<f32>,
}

/// Which sample of the window stands at `n` of the padded one.
fn mirrored(n: usize, length: usize) -> usize {
    if n < EDGE {
        EDGE - n
    } else if n - EDGE < length {
        n - EDGE
    } else {
        (2 * (length - 1)).saturating_sub(n - EDGE)
    }
}

/// Slaney's scale: linear up to 1 kHz, logarithmic above.
fn to_mel(hz: f64) -> f64 {
    if hz < 1000.0 {
        hz * 3.0 / 200.0
    } else {
        15.0 + 27.0 * (hz / 1000.0).ln() / 6.4_f64.ln()
    }
}

fn to_hz(mel: f64) -> f64 {
    if mel < 15.0 {
        mel * 200.0 / 3.0
    } else {
        1000.0 * ((mel - 15.0) * 6.4_f64.ln() / 27.0).exp()
    }
}

/// Triangles of equal area between points that are evenly spaced on the scale.
fn filters(bands: usize) -> Vec<Band> {
    let top = to_mel(RATE as f64 / 2.0);
    let edge = |n: usize| to_hz(top * n as f64 / (bands + 1) as f64);
    let bin_hz = RATE as f64 / SIZE as f64;
    (0..bands)
        .map(|n| {
            let (low, middle, high) = (edge(n), edge(n + 1), edge(n + 2));
            let weight = |bin: usize| {
                let hz = bin as f64 * bin_hz;
                let slope = ((hz - low) / (middle - low)).min((high - hz) / (high - middle));
                (slope.max(0.0) * 2.0 / (high - low)) as f32
            };
            let inside = |bin: &usize| weight(*bin) > 0.0;
            let first = (0..BINS).find(inside).unwrap_or(0);
            Band {
                first,
                weights: (first..BINS).take_while(inside).map(weight).collect(),
            }
        })
        .collect()
}

#[cfg(test)]
#[path = "mel_test.rs"]
mod tests;
