//! Records a stream for a test to look into: its sound decoded, its pictures as they came.

use std::ops::Range;
use std::sync::mpsc::{RecvTimeoutError, sync_channel};
use std::time::{Duration, Instant};

use anyhow::{Result, bail};

use crate::axis::JUMP_MS;
use crate::read::{Event, Reader};
use crate::stamp::Unit;
use crate::tick::{Detector, Tick};
use crate::tone;

/// The sample rate of recordings.
pub const RATE: u32 = 48_000;
/// How long a stream may take to appear.
const PATIENCE: Duration = Duration::from_secs(30);
const EVENTS: usize = 16_384;
/// A stamp further ahead than this belongs to another stream: no silence is put in for it.
const LONGEST_GAP_MS: f64 = 60_000.0;

/// A stretch of a stream.
#[derive(Debug, Clone, Default)]
pub struct Recording {
    /// Sound, mixed to one channel at 48 kHz; silence where stamps jump ahead.
    pub pcm: Vec<f32>,
    /// The stream time of the first sample.
    pub first_pts_ms: f64,
    /// Pictures in the order of their arrival.
    pub pictures: Vec<Picture>,
    /// Where stamps of AAC frames jumped: (index of the frame, by how much).
    pub jumps: Vec<(usize, f64)>,
    /// AAC frames.
    pub frames: usize,
    /// How often the connection ended before the recording did.
    pub lost: u64,
}

/// One picture of a recording.
#[derive(Debug, Clone)]
pub struct Picture {
    /// When it came, on the monotonic clock.
    pub arrival_ns: u64,
    /// Its stream time.
    pub pts_ms: f64,
    /// What was in it.
    pub unit: Unit,
}

/// Records a stream for as long, from its first picture or sound on; waits up to 30 s for that.
pub fn record(url: &str, duration: Duration) -> Result<Recording> {
    let (events, incoming) = sync_channel(EVENTS);
    let reader = Reader::start(0, url, Some(RATE), events)?;
    let mut taker = Taker::default();
    let begun = Instant::now();
    let mut first = None;
    let mut reason = String::new();
    loop {
        match first {
            Some(first) if Instant::now().duration_since(first) >= duration => break,
            None if begun.elapsed() > PATIENCE => bail!("nothing to record: {reason}"),
            _ => {}
        }
        match incoming.recv_timeout(Duration::from_millis(20)) {
            Ok((_, Event::Down { reason: why })) => {
                taker.recording.lost += u64::from(first.is_some());
                reason = why;
            }
            Ok((_, event)) => {
                if matches!(event, Event::Picture { .. } | Event::Sound { .. }) {
                    first.get_or_insert_with(Instant::now);
                }
                taker.take(event);
            }
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => break,
        }
    }
    if reader.dropped() > 0 {
        bail!(
            "this machine is too slow to record: {} events dropped",
            reader.dropped()
        );
    }
    Ok(taker.recording)
}

/// Records several streams at the same time.
pub fn record_all(urls: &[&str], duration: Duration) -> Result<Vec<Recording>> {
    std::thread::scope(|scope| {
        let threads: Vec<_> = urls
            .iter()
            .map(|url| scope.spawn(move || record(url, duration)))
            .collect();
        threads
            .into_iter()
            .map(|thread| thread.join().unwrap_or_else(|_| bail!("a recorder has panicked")))
            .collect()
    })
}

impl Recording {
    /// Stream time less media time of the publisher, by the pictures' stamps.
    #[must_use]
    pub fn offset_ms(&self) -> Option<f64> {
        let offsets = self.pictures.iter().filter_map(|picture| {
            picture
                .unit
                .stamp
                .map(|stamp| picture.pts_ms - stamp.media_ns as f64 / 1e6)
        });
        let (sum, count) = offsets.fold((0.0, 0u32), |(sum, count), offset| (sum + offset, count + 1));
        (count > 0).then(|| sum / f64::from(count))
    }

    /// The media time of a sample, in seconds.
    #[must_use]
    pub fn media_at(&self, sample: usize) -> Option<f64> {
        Some((self.first_pts_ms - self.offset_ms()?) / 1000.0 + sample as f64 / f64::from(RATE))
    }

    /// The sample at a media time in seconds, if it was recorded.
    #[must_use]
    pub fn sample_at(&self, media_seconds: f64) -> Option<usize> {
        let sample = ((media_seconds - self.media_at(0)?) * f64::from(RATE)).round();
        (sample >= 0.0 && sample < self.pcm.len() as f64).then_some(sample as usize)
    }

    /// The media time that was recorded, in seconds.
    #[must_use]
    pub fn media(&self) -> Option<Range<f64>> {
        Some(self.media_at(0)?..self.media_at(self.pcm.len())?)
    }

    /// The level of a tone in a stretch of media time, in dBFS; nothing where that was not recorded whole.
    #[must_use]
    pub fn tone_db(&self, hz: f64, media_seconds: Range<f64>) -> Option<f32> {
        let range = self.sample_at(media_seconds.start)?..self.sample_at(media_seconds.end)?;
        Some(tone::level_db(&self.pcm, hz, range))
    }

    /// The ticks in it, placed in samples.
    #[must_use]
    pub fn ticks(&self) -> Vec<Tick> {
        Detector::new(RATE).push(&self.pcm)
    }

    /// How many pictures of `self` are in `source` too, by stamp, with (equal, different) slices and SEI messages.
    #[must_use]
    pub fn compare_pictures(&self, source: &Self) -> (usize, usize) {
        let key = |unit: &Unit| unit.stamp.map(|stamp| (stamp.run, stamp.frame));
        let known: std::collections::HashMap<_, _> = source
            .pictures
            .iter()
            .filter_map(|picture| Some((key(&picture.unit)?, &picture.unit)))
            .collect();
        let pairs = self
            .pictures
            .iter()
            .filter_map(|picture| Some((&picture.unit, *known.get(&key(&picture.unit)?)?)));
        let (same, different): (Vec<_>, Vec<_>) = pairs.partition(|(a, b)| (a.slices, a.sei) == (b.slices, b.sei));
        (same.len(), different.len())
    }
}

#[derive(Default)]
struct Taker {
    recording: Recording,
    continuity: crate::axis::Continuity,
}

impl Taker {
    fn take(&mut self, event: Event) {
        let recording = &mut self.recording;
        match event {
            Event::Picture {
                arrival_ns,
                pts_ms,
                unit,
                ..
            } => recording.pictures.push(Picture {
                arrival_ns,
                pts_ms,
                unit,
            }),
            Event::Frame { pts_ms, lasts_ms } => {
                if let Some(by) = self.continuity.push(pts_ms, lasts_ms) {
                    recording.jumps.push((recording.frames, by));
                }
                recording.frames += 1;
            }
            Event::Sound { pts_ms, pcm, .. } => {
                if recording.pcm.is_empty() {
                    recording.first_pts_ms = pts_ms;
                }
                let ms = f64::from(RATE) / 1000.0;
                let missing = pts_ms - recording.first_pts_ms - recording.pcm.len() as f64 / ms;
                if missing > JUMP_MS && missing < LONGEST_GAP_MS {
                    let length = recording.pcm.len() + (missing * ms) as usize;
                    recording.pcm.resize(length, 0.0);
                }
                recording.pcm.extend(pcm);
            }
            Event::Up | Event::Malformed | Event::Down { .. } => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{nal, stamp::Stamp};

    #[test]
    fn a_jump_ahead_becomes_silence_and_media_time_finds_samples() {
        let mut taker = Taker::default();
        let mark = Stamp {
            run: 1,
            frame: 0,
            captured_ns: 0,
            media_ns: 5_000_000_000,
            first_ns: 0,
            ticks: true,
        };
        let unit = Unit::read(&nal::join(&[mark.nal(), vec![0x65, 1]], 4), 4).unwrap();
        taker.take(Event::Picture {
            arrival_ns: 0,
            pts_ms: 1000.0,
            stamp_ms: 1000.0,
            unit,
        });
        for pts_ms in [1000.0, 1020.0, 1060.0] {
            taker.take(Event::Frame { pts_ms, lasts_ms: 20.0 });
            taker.take(Event::Sound {
                pts_ms,
                stamp_ms: pts_ms,
                rate: RATE,
                pcm: vec![0.5; 960],
            });
        }
        let recording = taker.recording;
        assert_eq!(recording.jumps, [(2, 20.0)]);
        assert_eq!(recording.pcm.len(), 4 * 960);
        assert_eq!(recording.pcm[2 * 960 + 10], 0.0);
        assert_eq!(recording.sample_at(5.010), Some(480));
        assert_eq!(recording.sample_at(4.9), None);
    }
}
