//! Pure: sound that is in the source and not in the programme.
//!
//! Levels of 5 ms blocks are compared at the same media time. A hole is at least 10 ms where the programme is silent and
//! the source is not; a ducked bed is 40 dB away from that. A programme's own start is no hole: its sound may begin a little
//! after its first picture, where the worker has joined the source in the middle of a frame.

/// How long a block is.
pub const BLOCK_MS: f64 = 5.0;
/// Two blocks: the edge of a hole lies inside a block.
const BLOCKS: u32 = 2;
/// 100 ms, a few frames of AAC.
const START: u32 = 20;
const SILENT_DB: f32 = -80.0;
const HEARD_DB: f32 = -50.0;
/// One minute of source levels, far beyond any hold.
const KEEP: usize = 12_000;

/// Cuts sound on the media timeline into blocks and measures their level.
#[derive(Debug, Default)]
pub struct Blocks {
    index: Option<i64>,
    sum: f64,
    count: u32,
}

impl Blocks {
    /// Takes samples in, the first of which is at `media_ms`; gives the index and level (dBFS) of each complete block.
    pub fn push(&mut self, media_ms: f64, rate: u32, samples: &[f32]) -> Vec<(i64, f32)> {
        let mut done = Vec::new();
        let step = 1000.0 / f64::from(rate);
        let whole = (BLOCK_MS / step) as u32 - 1;
        for (n, sample) in samples.iter().enumerate() {
            let index = ((media_ms + n as f64 * step) / BLOCK_MS).floor() as i64;
            if self.index != Some(index) {
                if let Some(last) = self.index.filter(|_| self.count >= whole) {
                    done.push((last, decibels((self.sum / f64::from(self.count)).sqrt())));
                }
                *self = Self {
                    index: Some(index),
                    sum: 0.0,
                    count: 0,
                };
            }
            self.sum += f64::from(*sample) * f64::from(*sample);
            self.count += 1;
        }
        done
    }
}

/// The level of an amplitude in dBFS, not below -120.
#[must_use]
pub fn decibels(amplitude: f64) -> f32 {
    (20.0 * amplitude.max(1e-6).log10()) as f32
}

/// Compares one programme with its source.
#[derive(Debug)]
pub struct Holes {
    source: Vec<(i64, f32)>,
    /// Blocks of the programme that may still be silent.
    start: u32,
    run: Option<(i64, u32)>,
    gaps: u64,
    missing_ms: f64,
}

impl Default for Holes {
    fn default() -> Self {
        Self {
            source: vec![(i64::MIN, 0.0); KEEP],
            start: START,
            run: None,
            gaps: 0,
            missing_ms: 0.0,
        }
    }
}

impl Holes {
    /// A block of the source.
    pub fn source(&mut self, index: i64, level_db: f32) {
        self.source[index.rem_euclid(KEEP as i64) as usize] = (index, level_db);
    }

    /// A block of the programme, from its first picture on.
    pub fn programme(&mut self, index: i64, level_db: f32) {
        if level_db >= SILENT_DB {
            self.start = 0;
        } else if self.start > 0 {
            self.start -= 1;
            return;
        }
        let (at, source_db) = self.source[index.rem_euclid(KEEP as i64) as usize];
        if level_db >= SILENT_DB || at != index || source_db <= HEARD_DB {
            self.run = None;
            return;
        }
        let length = match self.run {
            Some((last, length)) if last + 1 == index => length + 1,
            _ => 1,
        };
        self.run = Some((index, length));
        if length == BLOCKS {
            self.gaps += 1;
            self.missing_ms += BLOCK_MS * f64::from(BLOCKS);
        } else if length > BLOCKS {
            self.missing_ms += BLOCK_MS;
        }
    }

    /// How many holes there were.
    #[must_use]
    pub fn gaps(&self) -> u64 {
        self.gaps
    }

    /// How much sound is missing in them.
    #[must_use]
    pub fn missing_ms(&self) -> f64 {
        self.missing_ms
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sound(change: impl Fn(&mut Vec<f32>)) -> Holes {
        let rate = 48_000;
        let pcm: Vec<f32> = (0..rate * 4)
            .map(|n| 0.1 * (f64::from(n) * 0.02).sin() as f32)
            .collect();
        let mut programme = pcm.clone();
        change(&mut programme);
        let (mut holes, mut source_blocks, mut blocks) = (Holes::default(), Blocks::default(), Blocks::default());
        for (n, (a, b)) in pcm.chunks(1024).zip(programme.chunks(1024)).enumerate() {
            let media_ms = n as f64 * 1024.0 / 48.0;
            source_blocks
                .push(media_ms, rate, a)
                .into_iter()
                .for_each(|(at, db)| holes.source(at, db));
            blocks
                .push(media_ms, rate, b)
                .into_iter()
                .for_each(|(at, db)| holes.programme(at, db));
        }
        holes
    }

    #[test]
    fn a_missing_block_shows() {
        let holes = sound(|pcm| pcm[50_000..51_024].fill(0.0));
        assert_eq!(holes.gaps(), 1);
        assert!((10.0..=21.4).contains(&holes.missing_ms()), "{}", holes.missing_ms());
    }

    #[test]
    fn each_hole_is_counted_once() {
        let holes = sound(|pcm| {
            pcm[50_000..60_000].fill(0.0);
            pcm[90_000..95_000].fill(0.0);
        });
        assert_eq!(holes.gaps(), 2);
    }

    #[test]
    fn a_start_just_after_the_first_picture_is_no_hole_and_a_late_one_is() {
        assert_eq!(sound(|pcm| pcm[..4_000].fill(0.0)).gaps(), 0);
        assert_eq!(sound(|pcm| pcm[..9_600].fill(0.0)).gaps(), 1);
    }

    #[test]
    fn a_ducked_programme_has_no_holes() {
        assert_eq!(sound(|pcm| pcm.iter_mut().for_each(|sample| *sample *= 0.1)).gaps(), 0);
    }

    #[test]
    fn silence_in_the_source_too_is_no_hole() {
        let mut holes = Holes::default();
        for index in 0..1000 {
            holes.source(index, -100.0);
            holes.programme(index, -100.0);
        }
        assert_eq!(holes.gaps(), 0);
    }
}
