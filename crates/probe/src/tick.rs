//! Pure: the tick that marks each whole second in the sound, and finding it again under speech, tones and ducking.
//!
//! A tick is 10 ms long and sweeps 5.5 to 6.5 kHz. The detector mixes the sound down around 6 kHz, decimates, and runs a
//! matched filter there: the sweep compresses into a peak much narrower than the tick.

use std::collections::VecDeque;
use std::f64::consts::TAU;

/// The middle of the sweep.
pub const HZ: f64 = 6000.0;
/// How long a tick is.
pub const SECONDS: f64 = 0.010;
const SWEEP_HZ: f64 = 1000.0;

const STEP: usize = 8;
/// Four lobes of the low-pass: what is more than 3 kHz from the middle does not reach the matched filter.
const TAPS: usize = 4 * STEP;
/// How alike sound and tick must be (1 = equal up to gain and phase); noise reaches 0.6.
const LIKENESS: f64 = 0.7;
/// Quieter than this (amplitude) is no tick: a ducked one has 0.02.
const FLOOR: f64 = 0.001;
/// A tick is the best match within this time on both sides.
const ALONE_SECONDS: f64 = 0.4;

/// The tick at a sample rate, with amplitude 1.
#[must_use]
pub fn waveform(rate: u32) -> Vec<f32> {
    let length = (f64::from(rate) * SECONDS).round() as usize;
    (0..length)
        .map(|n| {
            let t = n as f64 / f64::from(rate);
            let phase = TAU * ((HZ - SWEEP_HZ / 2.0) * t + SWEEP_HZ / SECONDS * t * t / 2.0);
            let window = (std::f64::consts::PI * (n as f64 + 0.5) / length as f64).sin().powi(2);
            (phase.sin() * window) as f32
        })
        .collect()
}

/// A tick in the sound.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Tick {
    /// Where it starts, in samples since the detector's first one.
    pub at: f64,
    /// Its amplitude.
    pub amplitude: f64,
}

/// Finds ticks in mono sound that comes in blocks of any size.
pub struct Detector {
    baseband: Baseband,
    template: Vec<(f64, f64)>,
    template_energy: f64,
    history: VecDeque<(f64, f64)>,
    /// The index of the decimated sample at the front of `history`.
    front: u64,
    /// The last three matches, for the vertex of the parabola through a peak.
    recent: [f64; 3],
    best: Option<Peak>,
    alone: u64,
}

#[derive(Clone, Copy)]
struct Peak {
    index: u64,
    power: f64,
    likeness: f64,
    shift: Option<f64>,
}

impl Detector {
    /// A detector for sound at `rate`.
    #[must_use]
    pub fn new(rate: u32) -> Self {
        let mut baseband = Baseband::new(rate);
        let mut tick = waveform(rate);
        tick.resize(tick.len() + TAPS, 0.0);
        let mut template = Vec::new();
        tick.iter().for_each(|sample| template.extend(baseband.push(*sample)));
        let template_energy = template.iter().map(energy).sum();
        Self {
            baseband: Baseband::new(rate),
            template,
            template_energy,
            history: VecDeque::new(),
            front: 0,
            recent: [0.0; 3],
            best: None,
            alone: (ALONE_SECONDS * f64::from(rate)) as u64 / STEP as u64,
        }
    }

    /// Takes sound in, gives the ticks that are certain by now (0.4 s after they sounded).
    pub fn push(&mut self, samples: &[f32]) -> Vec<Tick> {
        let mut ticks = Vec::new();
        for sample in samples {
            let Some(point) = self.baseband.push(*sample) else {
                continue;
            };
            self.history.push_back(point);
            if self.history.len() < self.template.len() {
                continue;
            }
            ticks.extend(self.judge());
            self.history.pop_front();
            self.front += 1;
        }
        ticks
    }

    fn judge(&mut self) -> Option<Tick> {
        let (mut re, mut im, mut sound_energy) = (0.0, 0.0, 0.0);
        for ((a, b), (c, d)) in self.history.iter().zip(&self.template) {
            re += a * c + b * d;
            im += b * c - a * d;
            sound_energy += a * a + b * b;
        }
        let power = re * re + im * im;
        self.recent = [self.recent[1], self.recent[2], power];
        if let Some(best) = &mut self.best
            && best.index + 1 == self.front
            && best.index > 0
        {
            let [left, middle, right] = self.recent;
            best.shift = Some(0.5 * (left - right) / (left - 2.0 * middle + right));
        }
        let best_power = self.best.map_or(0.0, |best| best.power);
        if power > best_power {
            let likeness = (power / (self.template_energy * sound_energy).max(f64::MIN_POSITIVE)).sqrt();
            self.best = Some(Peak {
                index: self.front,
                power,
                likeness,
                shift: None,
            });
            return None;
        }
        let best = self.best.filter(|best| self.front - best.index > self.alone)?;
        self.best = None;
        let amplitude = best.power.sqrt() / self.template_energy;
        let shift = best.shift.filter(|shift| shift.abs() <= 1.0).unwrap_or(0.0);
        (best.likeness >= LIKENESS && amplitude >= FLOOR).then_some(Tick {
            at: (best.index as f64 + shift) * STEP as f64,
            amplitude,
        })
    }
}

fn energy((re, im): &(f64, f64)) -> f64 {
    re * re + im * im
}

/// Mixes around [`HZ`] down to zero, low-pass filters and keeps each eighth sample.
struct Baseband {
    turn: f64,
    phase: f64,
    window: Vec<f64>,
    ring: VecDeque<(f64, f64)>,
    count: usize,
}

impl Baseband {
    fn new(rate: u32) -> Self {
        let window: Vec<f64> = (0..TAPS)
            .map(|n| (std::f64::consts::PI * (n as f64 + 0.5) / TAPS as f64).sin().powi(2))
            .collect();
        let sum: f64 = window.iter().sum();
        Self {
            turn: HZ / f64::from(rate),
            phase: 0.0,
            window: window.into_iter().map(|tap| tap / sum).collect(),
            ring: std::iter::repeat_n((0.0, 0.0), TAPS).collect(),
            count: 0,
        }
    }

    fn push(&mut self, sample: f32) -> Option<(f64, f64)> {
        let (sin, cos) = (self.phase * TAU).sin_cos();
        self.phase = (self.phase + self.turn).fract();
        self.ring.pop_front();
        self.ring.push_back((f64::from(sample) * cos, f64::from(-sample) * sin));
        self.count += 1;
        if self.count % STEP != 1 {
            return None;
        }
        let sum = |pick: fn(&(f64, f64)) -> f64| self.ring.iter().zip(&self.window).map(|(z, tap)| pick(z) * tap).sum();
        Some((sum(|z| z.0), sum(|z| z.1)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Seconds of sound: ticks of amplitude `gain` at each whole second plus `offset` samples, and what `other` adds.
    fn sound(rate: u32, seconds: usize, gain: f32, offset: usize, other: impl Fn(f64, u64) -> f64) -> Vec<f32> {
        let tick = waveform(rate);
        let mut pcm: Vec<f32> = (0..seconds * rate as usize)
            .map(|n| other(n as f64 / f64::from(rate), n as u64) as f32)
            .collect();
        for second in 0..seconds {
            for (n, sample) in tick.iter().enumerate() {
                if let Some(place) = pcm.get_mut(second * rate as usize + offset + n) {
                    *place += gain * sample;
                }
            }
        }
        pcm
    }

    fn noise(n: u64) -> f64 {
        let mut x = n.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((x ^ (x >> 31)) >> 11) as f64 / (1u64 << 52) as f64 - 1.0
    }

    fn detect(rate: u32, pcm: &[f32], block: usize) -> Vec<Tick> {
        let mut detector = Detector::new(rate);
        pcm.chunks(block).flat_map(|block| detector.push(block)).collect()
    }

    fn assert_ticks(rate: u32, ticks: &[Tick], count: usize, offset: usize, within_ms: f64) {
        assert_eq!(ticks.len(), count, "{ticks:?}");
        for (second, tick) in ticks.iter().enumerate() {
            let off = tick.at - (second * rate as usize + offset) as f64;
            assert!(
                (off * 1000.0 / f64::from(rate)).abs() < within_ms,
                "tick {second} is {off} samples away"
            );
        }
    }

    #[test]
    fn exact_alone_at_any_offset_rate_and_block() {
        for rate in [44_100, 48_000, 32_000] {
            for offset in [1000, 1003, 1007] {
                let ticks = detect(rate, &sound(rate, 6, 0.2, offset, |_, _| 0.0), 777);
                assert_ticks(rate, &ticks, 6, offset, 0.05);
                assert!((ticks[0].amplitude - 0.2).abs() < 0.01);
            }
        }
    }

    #[test]
    fn found_when_ducked_by_20_db_under_tone_speech_and_noise() {
        // Tone at -20 dBFS, a voice-like sum below 4 kHz at -14 dBFS, noise at -50 dBFS: the tick is at -34 dBFS.
        let rate = 48_000;
        let pcm = sound(rate, 20, 0.02, 4800, |t, n| {
            let voice: f64 = (1..30)
                .map(|k| (TAU * 130.0 * f64::from(k) * t).sin() / f64::from(k))
                .sum();
            0.1 * (TAU * 880.0 * t).sin() + 0.1 * voice * (0.5 + 0.5 * (TAU * 3.0 * t).sin()) + 0.003 * noise(n)
        });
        let ticks = detect(rate, &pcm, 1024);
        assert_ticks(rate, &ticks, 20, 4800, 0.3);
    }

    #[test]
    fn nothing_found_in_noise_tones_and_silence() {
        let rate = 48_000;
        assert_eq!(detect(rate, &sound(rate, 20, 0.0, 0, |_, n| 0.3 * noise(n)), 1024), []);
        assert_eq!(
            detect(
                rate,
                &sound(rate, 5, 0.0, 0, |t, _| 0.3 * (TAU * 1000.0 * t).sin()),
                1024
            ),
            []
        );
        assert_eq!(detect(rate, &sound(rate, 5, 0.0, 0, |_, _| 0.0), 1024), []);
    }

    #[test]
    fn a_missing_tick_is_not_invented() {
        let rate = 48_000;
        let mut pcm = sound(rate, 8, 0.1, 100, |_, n| 0.01 * noise(n));
        pcm[3 * 48_000 + 90..3 * 48_000 + 600].fill(0.0);
        assert_eq!(detect(rate, &pcm, 1024).len(), 7);
    }
}
