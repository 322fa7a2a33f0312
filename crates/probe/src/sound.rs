//! Pure: the sound of the test stream on its media timeline: soft chords, a pedal tone, the talk, and ticks.

use std::f64::consts::TAU;

use crate::talk::Talk;
use crate::tick;

/// A steady tone under all else: how loud it is says how far the bed is ducked. Nothing else in the stream is so low.
pub const PEDAL_HZ: f64 = 55.0;
/// Its amplitude.
pub const PEDAL: f32 = 0.06;
/// Amplitude of the ticks.
pub const TICK: f32 = 0.2;

/// Four chords of four seconds, all below 500 Hz, where no dubbed tone is.
const CHORDS: [[f64; 4]; 4] = [
    [110.0, 220.0, 261.63, 329.63],
    [87.31, 174.61, 261.63, 440.0],
    [130.81, 196.0, 261.63, 392.0],
    [98.0, 196.0, 246.94, 293.66],
];
const CHORD_SECONDS: f64 = 4.0;
const NOTE: f64 = 0.025;
/// Keeps the music from ever being quite silent.
const HISS: f32 = 0.002;

/// Makes the sound block by block.
pub struct Sound {
    rate: u32,
    channels: usize,
    tick: Vec<f32>,
    talk: Option<Talk>,
    position: u64,
    noise: u32,
}

impl Sound {
    /// Sound at `rate` with one or two channels; without a talk it is music and ticks.
    #[must_use]
    pub fn new(rate: u32, channels: usize, talk: Option<Talk>) -> Self {
        Self {
            rate,
            channels,
            tick: tick::waveform(rate),
            talk,
            position: 0,
            noise: 0x1234_5678,
        }
    }

    /// The next `frames` samples of each channel, interleaved.
    pub fn next(&mut self, frames: usize) -> Vec<f32> {
        let mut out = Vec::with_capacity(frames * self.channels);
        for _ in 0..frames {
            let (left, right) = self.sample();
            if self.channels == 1 {
                out.push((left + right) / 2.0);
            } else {
                out.extend([left, right]);
            }
            self.position += 1;
        }
        out
    }

    fn sample(&mut self) -> (f32, f32) {
        let (left, right) = self.music();
        let talk = self
            .talk
            .as_ref()
            .map_or(0.0, |talk| talk.pcm[(self.position % talk.pcm.len() as u64) as usize]);
        let tick = self
            .tick
            .get((self.position % u64::from(self.rate)) as usize)
            .map_or(0.0, |sample| sample * TICK);
        (left + talk + tick, right + talk + tick)
    }

    fn music(&mut self) -> (f32, f32) {
        let t = self.position as f64 / f64::from(self.rate);
        let place = t / CHORD_SECONDS;
        let chord = &CHORDS[place as usize % CHORDS.len()];
        // Each chord swells and fades; where one ends the next begins, and the pedal goes on.
        let swell = 0.3 + 0.7 * (TAU / 2.0 * place.fract()).sin();
        let (mut left, mut right) = (0.0, 0.0);
        for (n, hz) in chord.iter().enumerate() {
            let pan = 0.2 + 0.6 * (n as f64 / 3.0);
            let voice = NOTE * swell * (TAU * (hz * t).fract()).sin();
            left += voice * (1.0 - pan);
            right += voice * pan;
        }
        let pedal = PEDAL * (TAU * (PEDAL_HZ * t).fract()).sin() as f32;
        self.noise ^= self.noise << 13;
        self.noise ^= self.noise >> 17;
        self.noise ^= self.noise << 5;
        let hiss = HISS * (self.noise as f32 / u32::MAX as f32 - 0.5);
        (left as f32 + pedal + hiss, right as f32 + pedal + hiss)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tone;

    #[test]
    fn ticks_start_on_whole_seconds_and_blocks_do_not_matter() {
        let mut whole = Sound::new(44_100, 1, None);
        let mut parts = Sound::new(44_100, 1, None);
        let pcm = whole.next(44_100 * 3);
        let pieces: Vec<f32> = (0..1323).flat_map(|_| parts.next(100)).collect();
        assert_eq!(pcm, pieces);
        let mut detector = tick::Detector::new(44_100);
        let ticks = detector.push(&pcm);
        assert!(ticks.len() >= 2);
        for tick in ticks {
            let off = (tick.at + 22_050.0) % 44_100.0 - 22_050.0;
            assert!(off.abs() < 3.0, "{tick:?}");
        }
    }

    #[test]
    fn the_pedal_is_steady_and_the_dub_band_is_empty() {
        let pcm = Sound::new(48_000, 1, None).next(48_000 * 16);
        for second in 0..16 {
            let range = second * 48_000 + 2400..(second + 1) * 48_000 - 2400;
            assert!((tone::level_db(&pcm, PEDAL_HZ, range.clone()) + 24.4).abs() < 0.5);
            assert!(
                [500.0, 700.0, 1000.0, 1500.0]
                    .iter()
                    .all(|hz| tone::level_db(&pcm, *hz, range.clone()) < -70.0)
            );
        }
    }
}
