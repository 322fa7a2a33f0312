//! One stream as its reader sees it, on the publisher's media timeline.

use super::live::{LiveStream, tenth};
use crate::axis::{PictureAxis, SoundAxis};
use crate::hole::{self, Blocks};
use crate::skew;
use crate::tick::Detector;

/// Keeps the seconds of several publishers apart.
const RUN_SECONDS: i64 = 10_000_000;

/// One stream as its reader sees it.
#[derive(Default)]
pub(super) struct Stream {
    pub(super) pictures: PictureAxis,
    pub(super) sound: Option<Ear>,
    pub(super) blocks: Blocks,
    pub(super) run: Option<i64>,
    pub(super) connections: u64,
    pub(super) down: Option<String>,
    pub(super) count: u64,
    pub(super) bytes: u64,
    pub(super) square_sum: f64,
    pub(super) samples: u64,
}

pub(super) struct Ear {
    pub(super) rate: u32,
    pub(super) axis: SoundAxis,
    pub(super) detector: Detector,
}

/// What the sound of one event gave: ticks (second, skew) and blocks (index, level).
#[derive(Default)]
pub(super) struct Heard {
    pub(super) ticks: Vec<(i64, f64)>,
    pub(super) blocks: Vec<(i64, f32)>,
}

impl Stream {
    pub(super) fn up(&mut self) {
        self.connections += 1;
        self.down = None;
        self.pictures = PictureAxis::default();
        self.sound = None;
        self.blocks = Blocks::default();
    }

    pub(super) fn hear(&mut self, pts_ms: f64, rate: u32, pcm: &[f32]) -> Heard {
        self.samples += pcm.len() as u64;
        self.square_sum += pcm
            .iter()
            .map(|sample| f64::from(*sample) * f64::from(*sample))
            .sum::<f64>();
        if self.sound.as_ref().is_none_or(|ear| ear.rate != rate) {
            self.sound = Some(Ear {
                rate,
                axis: SoundAxis::new(rate),
                detector: Detector::new(rate),
            });
        }
        let Some(ear) = &mut self.sound else {
            return Heard::default();
        };
        let position = ear.axis.samples() as f64;
        ear.axis.push(pts_ms, pcm.len());
        let ticks = ear.detector.push(pcm);
        let (Some(offset), Some(run)) = (self.pictures.offset(), self.run) else {
            return Heard::default();
        };
        let media_ms = |at: f64| ear.axis.at(at).map(|pts_ms| pts_ms - offset);
        let ticks = ticks.iter().filter_map(|tick| skew::place(media_ms(tick.at)?));
        let first = run * RUN_SECONDS;
        let blocks_in_run = (1000.0 / hole::BLOCK_MS) as i64 * first;
        let blocks = media_ms(position)
            .map(|at| self.blocks.push(at, rate, pcm))
            .unwrap_or_default();
        Heard {
            ticks: ticks.map(|(second, skew)| (first + second, skew)).collect(),
            blocks: blocks
                .into_iter()
                .map(|(index, db)| (blocks_in_run + index, db))
                .collect(),
        }
    }

    pub(super) fn second(&mut self) -> LiveStream {
        let level = (self.samples > 0).then(|| hole::decibels((self.square_sum / self.samples as f64).sqrt()));
        let live = LiveStream {
            fps: self.count,
            kbit: self.bytes * 8 / 1000,
            level_db: level.map(tenth),
            down: self.down.clone(),
        };
        (self.count, self.bytes, self.square_sum, self.samples) = (0, 0, 0.0, 0);
        live
    }
}
