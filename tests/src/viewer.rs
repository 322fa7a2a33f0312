//! A viewer who never leaves: reads a programme, connects again whenever it has to, and remembers what came when.

use std::sync::mpsc::{Receiver, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::Result;
use dragoman_probe::element::now_ns;
use dragoman_probe::hole::decibels;
use dragoman_probe::read::{Event, Reader};
use dragoman_probe::tone::level_db;

use crate::material::{BED_DB, BED_HZ, RATE, samples};

/// One look at the sound, and from one look to the next, in seconds.
const WINDOW: f64 = 0.05;
const STEP: f64 = 0.01;
/// A dub this loud is heard; the mock's tone is 15 dB louder.
const DUB_DB: f32 = -35.0;
/// The bed at its full level; ducked it is 12 dB below.
const FULL_DB: f32 = BED_DB - 1.5;
/// The bed is never silent, so whoever hears less than this hears nothing.
const SILENT_DB: f32 = -60.0;
/// Events that wait; a reader that finds it full drops and counts.
const QUEUE: usize = 4_096;

/// A viewer at work; dropping it ends it.
pub struct Viewer {
    reader: Reader,
    seen: Arc<Mutex<Seen>>,
}

/// What a viewer got.
#[derive(Clone, Debug, Default)]
pub struct Seen {
    /// When the reader had a connection.
    pub ups: Vec<u64>,
    /// Pictures.
    pub pictures: Vec<Picture>,
    /// Looks at the sound, each [`WINDOW`] long, one each [`STEP`].
    pub sound: Vec<Look>,
    /// Jumps of the sound's stamps within a connection, in milliseconds; negative: back.
    pub jumps: Vec<(u64, f64)>,
}

/// A picture.
#[derive(Clone, Copy, Debug)]
pub struct Picture {
    /// When it came, on the monotonic clock.
    pub at_ns: u64,
    /// Its stamp.
    pub pts_ms: f64,
}

/// A look at the sound.
#[derive(Clone, Copy, Debug)]
pub struct Look {
    /// When its sound came, on the monotonic clock.
    pub at_ns: u64,
    /// The stamp of its start.
    pub pts_ms: f64,
    /// How loud all of it is.
    pub level_db: f32,
    /// How loud the bed is.
    pub bed_db: f32,
    /// How loud the dub is.
    pub dub_db: f32,
}

impl Look {
    /// The dub is heard.
    pub fn is_dubbed(&self) -> bool {
        self.dub_db > DUB_DB
    }

    /// The original is heard at its full level and no dub.
    pub fn is_original(&self) -> bool {
        self.bed_db > FULL_DB && !self.is_dubbed()
    }
}

impl Viewer {
    /// Watches `url`, whose dub is a tone of `dub_hz`.
    pub fn start(url: &str, dub_hz: f64) -> Result<Self> {
        let (events, incoming) = sync_channel(QUEUE);
        let seen = Arc::<Mutex<Seen>>::default();
        let reader = Reader::start(0, url, Some(RATE), events)?;
        let shared = seen.clone();
        std::thread::Builder::new()
            .name("viewer".to_owned())
            .spawn(move || watch(&incoming, &shared, dub_hz))?;
        Ok(Self { reader, seen })
    }

    /// What it got so far.
    pub fn seen(&self) -> Seen {
        assert_eq!(
            self.reader.dropped(),
            0,
            "the viewer could not keep up: this measurement is void"
        );
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The last picture and the last look at the sound.
    pub fn last(&self) -> (Option<Picture>, Option<Look>) {
        let seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        (seen.pictures.last().copied(), seen.sound.last().copied())
    }
}

fn watch(incoming: &Receiver<(usize, Event)>, seen: &Mutex<Seen>, dub_hz: f64) {
    let mut pcm: Vec<f32> = Vec::new();
    let mut start_ms = 0.0;
    for (_, event) in incoming {
        let at_ns = now_ns();
        let mut seen = seen.lock().unwrap_or_else(PoisonError::into_inner);
        match event {
            Event::Up => {
                seen.ups.push(at_ns);
                pcm.clear();
            }
            Event::Picture {
                arrival_ns, stamp_ms, ..
            } => seen.pictures.push(Picture {
                at_ns: arrival_ns,
                pts_ms: stamp_ms,
            }),
            Event::Sound {
                stamp_ms: pts_ms,
                pcm: more,
                ..
            } => {
                let expected = start_ms + pcm.len() as f64 * 1000.0 / f64::from(RATE);
                if pcm.is_empty() {
                    start_ms = pts_ms;
                } else if (pts_ms - expected).abs() > 2.0 {
                    seen.jumps.push((at_ns, pts_ms - expected));
                    pcm.clear();
                    start_ms = pts_ms;
                }
                pcm.extend(more);
                while pcm.len() >= samples(WINDOW) {
                    seen.sound.push(look(&pcm[..samples(WINDOW)], at_ns, start_ms, dub_hz));
                    pcm.drain(..samples(STEP));
                    start_ms += STEP * 1000.0;
                }
            }
            Event::Frame { .. } | Event::Malformed | Event::Down { .. } => {}
        }
    }
}

fn look(pcm: &[f32], at_ns: u64, pts_ms: f64, dub_hz: f64) -> Look {
    let power = pcm.iter().map(|sample| f64::from(*sample).powi(2)).sum::<f64>() / pcm.len() as f64;
    Look {
        at_ns,
        pts_ms,
        level_db: decibels(power.sqrt()),
        bed_db: level_db(pcm, BED_HZ, 0..pcm.len()),
        dub_db: level_db(pcm, dub_hz, 0..pcm.len()),
    }
}

impl Seen {
    /// What came between two times.
    pub fn between(&self, from_ns: u64, to_ns: u64) -> Self {
        let is_within = |at: u64| (from_ns..=to_ns).contains(&at);
        Self {
            ups: self.ups.iter().copied().filter(|at| is_within(*at)).collect(),
            pictures: self
                .pictures
                .iter()
                .copied()
                .filter(|one| is_within(one.at_ns))
                .collect(),
            sound: self.sound.iter().copied().filter(|one| is_within(one.at_ns)).collect(),
            jumps: self.jumps.iter().copied().filter(|(at, _)| is_within(*at)).collect(),
        }
    }

    /// The longest time without a picture, in milliseconds.
    pub fn longest_without_picture_ms(&self) -> f64 {
        longest(self.pictures.iter().map(|one| one.at_ns))
    }

    /// The longest time without sound, in milliseconds.
    pub fn longest_without_sound_ms(&self) -> f64 {
        longest(self.sound.iter().map(|one| one.at_ns))
    }

    /// The longest stretch of sound in which nothing is heard, in milliseconds.
    pub fn longest_silence_ms(&self) -> f64 {
        self.longest_run_ms(|one| one.level_db < SILENT_DB)
    }

    /// The longest stretch of sound of which something holds, in milliseconds.
    pub fn longest_run_ms(&self, holds: impl Fn(&Look) -> bool) -> f64 {
        let runs = self.sound.chunk_by(|a, b| holds(a) && holds(b));
        let longest = runs.filter(|run| holds(&run[0])).map(<[Look]>::len).max().unwrap_or(0);
        longest as f64 * STEP * 1000.0
    }

    /// Whether stamps never go back, over all connections.
    pub fn is_monotonic(&self) -> bool {
        self.jumps.iter().all(|(_, by)| *by > 0.0)
            && self.sound.is_sorted_by(|a, b| a.pts_ms <= b.pts_ms)
            && self.pictures.is_sorted_by(|a, b| a.pts_ms <= b.pts_ms)
    }

    /// The first stamp that is before the one before it, in milliseconds.
    pub fn first_step_back(&self) -> Option<(f64, f64)> {
        let sound = self.sound.windows(2).map(|two| (two[0].pts_ms, two[1].pts_ms));
        let pictures = self.pictures.windows(2).map(|two| (two[0].pts_ms, two[1].pts_ms));
        sound.chain(pictures).find(|(before, after)| after < before)
    }

    /// From the end of the dub that broke off to the original at full level, in milliseconds of sound.
    pub fn dub_to_original_ms(&self) -> Option<f64> {
        let last = self.sound.iter().rposition(Look::is_dubbed)?;
        let after = self.sound[last..].iter().find(|one| one.is_original())?;
        Some(after.pts_ms - self.sound[last].pts_ms)
    }

    /// When a dub is heard first.
    pub fn first_dub_ns(&self) -> Option<u64> {
        self.sound.iter().find(|one| one.is_dubbed()).map(|one| one.at_ns)
    }
}

fn longest(times: impl Iterator<Item = u64> + Clone) -> f64 {
    let gaps = times.clone().zip(times.skip(1)).map(|(a, b)| b.saturating_sub(a));
    gaps.max().unwrap_or(0) as f64 / 1e6
}
