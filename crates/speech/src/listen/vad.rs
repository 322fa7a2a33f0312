//! Voice activity of one unbroken run at 16 kHz, frame by frame.
//!
//! The detector takes held chords for voice, and broadcasts have music under the speaker: with it alone no pause is ever found.
//! So a frame also has to stand out from the quietest moment of the last seconds. A speaker stands out by far more than that in
//! every syllable; music that is held does not, and between two phrases only the music is left.

use std::collections::VecDeque;

use earshot::Detector;

use super::cut::{FRAME, Frame};

/// How far back the quietest moment is looked for, in frames (1.5 s): longer than a phrase without a breath, short enough to follow
/// music that swells.
const FLOOR_FRAMES: usize = 94;
/// Energy above the quietest moment from which on a frame can be voice (8 dB).
const ABOVE_FLOOR: f32 = 6.3;
/// Energy below which nothing is voice (-65 dBFS), and which the quietest moment is not taken to be under.
const LEAST_ENERGY: f32 = 32_768.0 * 32_768.0 * 3.2e-7;

/// Scores whole frames and keeps the rest for the next call, so that scores do not depend on how audio arrives.
pub(super) struct Vad {
    detector: Box<Detector>,
    /// Less than a frame.
    rest: Vec<i16>,
    /// The last four samples before the frame, the newest last.
    last: [f32; 4],
    /// Energies of the newest frames, each smoothed with its neighbour.
    floor: VecDeque<f32>,
    previous: f32,
}

impl Vad {
    /// A detector at the beginning of a run.
    pub(super) fn new() -> Self {
        Self {
            detector: Box::default(),
            rest: Vec::with_capacity(FRAME),
            last: [0.0; 4],
            floor: VecDeque::with_capacity(FLOOR_FRAMES),
            previous: 0.0,
        }
    }

    /// Scores every frame that `samples` completes.
    pub(super) fn push(&mut self, mut samples: &[i16], mut each: impl FnMut(Frame)) {
        while !samples.is_empty() {
            let (head, tail) = samples.split_at(samples.len().min(FRAME - self.rest.len()));
            self.rest.extend_from_slice(head);
            samples = tail;
            if self.rest.len() == FRAME {
                each(self.score());
                self.rest.clear();
            }
        }
    }

    /// Samples that do not make a frame yet.
    pub(super) fn rest(&self) -> usize {
        self.rest.len()
    }

    fn score(&mut self) -> Frame {
        let voice = self.detector.predict_i16(&self.rest);
        let energy = self.band_energy();
        let smooth = (energy + self.previous) / 2.0;
        self.previous = energy;
        if self.floor.len() == FLOOR_FRAMES {
            self.floor.pop_front();
        }
        self.floor.push_back(smooth);
        let floor = self
            .floor
            .iter()
            .copied()
            .fold(f32::INFINITY, f32::min)
            .max(LEAST_ENERGY / ABOVE_FLOOR);
        let stands_out = smooth >= floor * ABOVE_FLOOR;
        Frame {
            voice: if stands_out { voice } else { 0.0 },
            energy: smooth,
        }
    }

    /// Mean square of the band around 2.7 kHz: speech is rich in it; held chords lie below, ticks and hiss above.
    fn band_energy(&mut self) -> f32 {
        let mut sum = 0.0;
        let [mut d, mut c, mut b, mut a] = self.last;
        for x in self.rest.iter().map(|s| f32::from(*s)) {
            // (1 + z)^3 (1 - z), a zero at each end of the spectrum.
            let y = x + 2.0 * a - 2.0 * c - d;
            sum += y * y;
            (a, b, c, d) = (x, a, b, c);
        }
        self.last = [d, c, b, a];
        sum / FRAME as f32
    }
}
