//! Pure: where sound and picture of one stream lie on the publisher's media timeline.
//!
//! RTMP stamps are whole milliseconds, so single stamps jitter by one; means over the last second do not.

use std::collections::VecDeque;

/// A stamp that differs from the expected one by more than this is a jump.
pub const JUMP_MS: f64 = 3.0;
const PICTURES: usize = 30;
const BLOCKS: usize = 64;
/// Stream time that differs by more than this from the mean belongs to a new mapping (a restarted stream).
const RESTART_MS: f64 = 20.0;

/// Maps stream time to media time by the pictures' stamps.
#[derive(Debug, Default)]
pub struct PictureAxis {
    offsets: VecDeque<f64>,
}

impl PictureAxis {
    /// A picture of media time `media_ms` carries the stream's stamp `pts_ms`.
    pub fn push(&mut self, pts_ms: f64, media_ms: f64) {
        let offset = pts_ms - media_ms;
        if self.offset().is_some_and(|mean| (mean - offset).abs() > RESTART_MS) {
            self.offsets.clear();
        }
        if self.offsets.len() == PICTURES {
            self.offsets.pop_front();
        }
        self.offsets.push_back(offset);
    }

    /// Stream time less media time.
    #[must_use]
    pub fn offset(&self) -> Option<f64> {
        (!self.offsets.is_empty()).then(|| mean(&self.offsets))
    }
}

/// Maps sample positions of decoded sound to stream time.
#[derive(Debug)]
pub struct SoundAxis {
    rate: f64,
    samples: u64,
    /// Newest last; a jump in the stamps begins a new one.
    pieces: VecDeque<Piece>,
}

#[derive(Debug)]
struct Piece {
    from: u64,
    /// Stamp less position, in milliseconds, of the last blocks.
    anchors: VecDeque<f64>,
}

impl SoundAxis {
    /// An axis for sound at `rate`.
    #[must_use]
    pub fn new(rate: u32) -> Self {
        Self {
            rate: f64::from(rate),
            samples: 0,
            pieces: VecDeque::new(),
        }
    }

    /// The next block has this stamp and so many samples.
    pub fn push(&mut self, pts_ms: f64, samples: usize) {
        let anchor = pts_ms - self.ms(self.samples as f64);
        let goes_on = self
            .pieces
            .back()
            .is_some_and(|piece| (mean(&piece.anchors) - anchor).abs() <= JUMP_MS);
        if !goes_on {
            // Ticks are found 0.4 s late: three pieces are more than enough to look back.
            if self.pieces.len() == 3 {
                self.pieces.pop_front();
            }
            self.pieces.push_back(Piece {
                from: self.samples,
                anchors: VecDeque::new(),
            });
        }
        if let Some(piece) = self.pieces.back_mut() {
            if piece.anchors.len() == BLOCKS {
                piece.anchors.pop_front();
            }
            piece.anchors.push_back(anchor);
        }
        self.samples += samples as u64;
    }

    /// The stream time of a sample position.
    #[must_use]
    pub fn at(&self, position: f64) -> Option<f64> {
        let piece = self.pieces.iter().rev().find(|piece| piece.from as f64 <= position)?;
        Some(mean(&piece.anchors) + self.ms(position))
    }

    /// How many samples there were.
    #[must_use]
    pub fn samples(&self) -> u64 {
        self.samples
    }

    fn ms(&self, samples: f64) -> f64 {
        samples * 1000.0 / self.rate
    }
}

/// Watches the stamps of audio frames.
#[derive(Debug, Default)]
pub struct Continuity {
    /// Stamp of the first frame since the last jump, and the sound since then.
    start_ms: Option<f64>,
    heard_ms: f64,
}

impl Continuity {
    /// The next frame has this stamp and lasts so long. Gives how far its stamp is from where it should be, if that is a
    /// jump: forwards is missing sound.
    pub fn push(&mut self, pts_ms: f64, lasts_ms: f64) -> Option<f64> {
        let off = self.start_ms.map_or(0.0, |start| pts_ms - start - self.heard_ms);
        if self.start_ms.is_none() || off.abs() > JUMP_MS {
            self.start_ms = Some(pts_ms);
            self.heard_ms = 0.0;
        } else if off.abs() > 1.0 {
            // A clock that is slightly off, or a first stamp rounded the other way: follow it slowly.
            self.heard_ms += off * 0.01;
        }
        self.heard_ms += lasts_ms;
        (off.abs() > JUMP_MS).then_some(off)
    }
}

fn mean(values: &VecDeque<f64>) -> f64 {
    values.iter().sum::<f64>() / values.len().max(1) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rounding_is_no_jump_and_a_missing_frame_is() {
        let step = 1024.0 * 1000.0 / 44_100.0;
        let mut continuity = Continuity::default();
        let jumps: Vec<f64> = (0..10_000u32)
            .filter(|n| *n != 5000)
            .filter_map(|n| continuity.push((f64::from(n) * step).floor(), step))
            .collect();
        assert_eq!(jumps.len(), 1);
        assert!((jumps[0] - step).abs() < 1.1, "{jumps:?}");
    }

    #[test]
    fn a_step_back_is_a_jump() {
        let mut continuity = Continuity::default();
        assert_eq!(continuity.push(0.0, 20.0), None);
        assert_eq!(continuity.push(20.0, 20.0), None);
        assert_eq!(continuity.push(30.0, 20.0), Some(-10.0));
        assert_eq!(continuity.push(50.0, 20.0), None);
    }

    #[test]
    fn positions_before_and_after_a_jump_keep_their_times() {
        let mut axis = SoundAxis::new(48_000);
        (0..50).for_each(|n| axis.push(f64::from(n) * 20.0, 960));
        (0..50).for_each(|n| axis.push(1500.0 + f64::from(n) * 20.0, 960));
        assert!((axis.at(48_000.0 - 480.0).unwrap() - 990.0).abs() < 1e-6);
        assert!((axis.at(48_000.0 + 480.0).unwrap() - 1510.0).abs() < 1e-6);
    }

    #[test]
    fn whole_milliseconds_average_out() {
        let mut axis = SoundAxis::new(44_100);
        let step = 1024.0 * 1000.0 / 44_100.0;
        (0..200).for_each(|n| axis.push((f64::from(n) * step).round(), 1024));
        assert!((axis.at(100.0 * 1024.0).unwrap() - 100.0 * step).abs() < 0.1);
    }
}
