//! The dub that is cued or being said: silence, stretch and rate are done as it is needed.

use super::entry::{Entry, Sound};
use super::{Key, ms, to_f32};
use crate::RATE;
use crate::resample::Resampler;
use crate::silence::{self, Trim};
use crate::stretch::Stretch;

/// R10: raised cosine at each start and end.
const EDGE: usize = ms(8) as usize;
/// R9: kept for a fade when nothing more is there.
pub(super) const RESERVE: usize = ms(10) as usize;
/// A rate nearer to 1 than this is not worth the joints.
const LEAST_STRETCH: f64 = 1.01;

/// What the voice does.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Phase {
    /// It will start at this frame.
    Cued(i64),
    Sounding,
    /// The last samples it may use for now, faded out.
    Fading {
        left: usize,
        length: usize,
    },
    /// R9: it waits for more until this frame.
    Starved(i64),
}

/// How a dub that is cued will be said.
#[derive(Clone, Copy, Debug)]
pub(super) struct Cue {
    pub(super) at: i64,
    pub(super) wait: i64,
    pub(super) rate: f64,
    pub(super) shorten: bool,
    pub(super) gain: f32,
    /// What the bed is ducked to.
    pub(super) depth: f32,
    /// The duck did not begin before the start and has to begin there.
    pub(super) late_attack: bool,
}

#[derive(Debug)]
pub(super) struct Voice {
    pub(super) key: Key,
    pub(super) start: i64,
    pub(super) end: i64,
    /// Its utterance was cut in mid-speech.
    pub(super) goes_on: bool,
    pub(super) cue: Cue,
    pub(super) phase: Phase,
    pub(super) sound: Sound,
    pub(super) expected: i64,
    /// No more PCM will come.
    pub(super) ended: Option<super::End>,
    /// Its outcome is told; it only fades.
    pub(super) settled: bool,
    /// Samples of `sound` that went into the chain, and frames that came out of it and were said.
    used: usize,
    said: i64,
    trim: Trim,
    stretch: Option<Stretch>,
    resampler: Resampler,
    out: Vec<f32>,
    head: usize,
    /// All of it is in `out`.
    made: bool,
    /// Frames since the last start from silence.
    risen: usize,
    frame: Vec<f32>,
    trimmed: Vec<f32>,
    stretched: Vec<f32>,
}

impl Voice {
    pub(super) fn new(entry: Entry, cue: Cue, mut resampler: Resampler) -> Self {
        resampler.reset();
        let rate = entry.sound.rate;
        let expected = entry.expected();
        Self {
            key: entry.key,
            start: entry.start,
            end: entry.end,
            goes_on: entry.goes_on,
            phase: Phase::Cued(cue.at),
            expected,
            ended: entry.ended.then_some(super::End::Done),
            settled: false,
            used: 0,
            said: 0,
            trim: Trim::new(rate, cue.shorten),
            stretch: (cue.rate >= LEAST_STRETCH).then(|| Stretch::new(rate, cue.rate)),
            resampler,
            out: Vec::new(),
            head: 0,
            made: false,
            risen: 0,
            frame: Vec::new(),
            trimmed: Vec::new(),
            stretched: Vec::new(),
            sound: entry.sound,
            cue,
        }
    }

    pub(super) fn into_resampler(self) -> Resampler {
        self.resampler
    }

    /// Frames that can be said now.
    pub(super) fn ready(&self) -> usize {
        self.out.len() - self.head
    }

    /// All of it is made; what is ready is all that is left.
    pub(super) fn is_made(&self) -> bool {
        self.made
    }

    /// Frames until it falls silent, as far as is known.
    pub(super) fn left(&self) -> i64 {
        if self.made {
            return self.ready() as i64;
        }
        let length = self.sound.length(self.ended.is_some(), self.expected) as f64 / self.cue.rate;
        (length as i64 - self.said).max(self.ready() as i64)
    }

    /// Samples held at the dub's rate that did not go into the chain yet.
    pub(super) fn unused(&self) -> usize {
        self.sound.pcm.len() - self.used
    }

    /// Makes frames until `frames` are ready or nothing more can be made. How far this gets does not depend on how often
    /// it is called.
    pub(super) fn make(&mut self, frames: usize) {
        while self.ready() < frames && self.step() {}
    }

    fn step(&mut self) -> bool {
        let frame = silence::frame(self.sound.rate);
        let rest = &self.sound.pcm[self.used..];
        let whole = rest.len() >= frame;
        if !whole && (self.ended.is_none() || self.made) {
            return false;
        }
        self.trimmed.clear();
        let rest = &rest[..frame.min(rest.len())];
        if !rest.is_empty() {
            to_f32(rest, &mut self.frame);
            self.used += rest.len();
            self.trim.push(&self.frame, &mut self.trimmed);
        }
        let stretched = match &mut self.stretch {
            None => &self.trimmed,
            Some(stretch) => {
                self.stretched.clear();
                stretch.push(&self.trimmed, &mut self.stretched);
                &self.stretched
            }
        };
        self.resampler.push(stretched, &mut self.out);
        if !whole {
            self.trim.finish();
            if let Some(stretch) = &mut self.stretch {
                self.stretched.clear();
                stretch.flush(&mut self.stretched);
                self.resampler.push(&self.stretched, &mut self.out);
            }
            self.resampler.flush(&mut self.out);
            self.made = true;
        }
        true
    }

    /// It starts from silence again: the next frames rise.
    pub(super) fn rise(&mut self) {
        self.risen = 0;
    }

    /// Begins a fade over the last frames that it may use; false if there are none.
    pub(super) fn fade(&mut self) -> bool {
        let length = self.ready().min(RESERVE);
        self.phase = Phase::Fading { left: length, length };
        length > 0
    }

    /// Puts the next `frames` frames, which are ready, into `out`, with gain and edges.
    pub(super) fn say(&mut self, frames: usize, out: &mut Vec<f32>) {
        let ready = self.ready();
        out.clear();
        out.extend(
            self.out[self.head..self.head + frames]
                .iter()
                .map(|s| s * self.cue.gain),
        );
        if self.risen < EDGE {
            for (n, s) in out.iter_mut().enumerate().take(EDGE - self.risen) {
                *s *= rising((self.risen + n) as f32, EDGE as f32);
            }
        }
        self.risen = self.risen.saturating_add(frames);
        if self.made && ready < EDGE + frames {
            for (n, s) in out.iter_mut().enumerate().skip(ready.saturating_sub(EDGE)) {
                *s *= rising((ready - 1 - n) as f32, EDGE as f32);
            }
        }
        if let Phase::Fading { left, length } = &mut self.phase {
            for (n, s) in out.iter_mut().enumerate() {
                *s *= rising((*left - 1 - n) as f32, *length as f32);
            }
            *left -= frames;
        }
        self.said += frames as i64;
        self.head += frames;
        if self.head > RATE as usize / 4 {
            self.out.drain(..self.head);
            self.head = 0;
        }
    }
}

/// Raised cosine: 0 before the first of `length` frames, 1 after the last.
fn rising(n: f32, length: f32) -> f32 {
    0.5 - 0.5 * (std::f32::consts::PI * (n + 0.5) / length).cos()
}
