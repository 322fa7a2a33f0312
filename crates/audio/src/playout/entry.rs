//! An utterance and its dub before it is cued.

use super::{Key, loud};
use crate::RATE;
use crate::loudness::DubMeter;
use crate::silence::{self, KEEP};

/// This much is here when a dub may start before all of it is: 200 ms, as a share of a second.
const STARTABLE_PER_S: usize = 5;

/// The PCM of one dub as it arrives, from sample 0 without holes.
#[derive(Debug)]
pub(super) struct Sound {
    pub(super) rate: u32,
    pub(super) pcm: Vec<i16>,
    pub(super) meter: DubMeter,
    /// Samples looked at for silence.
    scanned: usize,
    /// The loud part so far, in samples, on frame borders.
    loud: Option<(usize, usize)>,
}

impl Sound {
    fn new(rate: u32) -> Self {
        Self {
            rate,
            pcm: Vec::new(),
            meter: DubMeter::new(rate),
            scanned: 0,
            loud: None,
        }
    }

    /// Takes what is new of `pcm` at `offset`; false if there is a hole before it.
    pub(super) fn feed(&mut self, offset: u64, pcm: &[i16]) -> bool {
        let Some(known) = (self.pcm.len() as u64).checked_sub(offset) else {
            return false;
        };
        let new = pcm
            .get(usize::try_from(known).unwrap_or(usize::MAX)..)
            .unwrap_or_default();
        self.pcm.extend_from_slice(new);
        self.meter.push(new);
        self.scan(false);
        true
    }

    pub(super) fn scan(&mut self, all: bool) {
        let frame = silence::frame(self.rate);
        while self.scanned < self.pcm.len() {
            let end = self.scanned + frame;
            if end > self.pcm.len() && !all {
                break;
            }
            let end = end.min(self.pcm.len());
            if loud(&self.pcm[self.scanned..end]) {
                let start = self.loud.map_or(self.scanned, |(start, _)| start);
                self.loud = Some((start, end));
            }
            self.scanned = end;
        }
    }

    /// The part that will be heard if nothing more comes, in samples.
    pub(super) fn trimmed(&self) -> Option<(usize, usize)> {
        let keep = KEEP * silence::frame(self.rate);
        self.loud
            .map(|(start, end)| (start.saturating_sub(keep), (end + keep).min(self.pcm.len())))
    }

    /// How long it will sound unstretched, in frames of programme. `expected` is believed while more may come.
    pub(super) fn length(&self, ended: bool, expected: i64) -> i64 {
        let heard = match (self.trimmed(), ended) {
            (None, _) => 0,
            (Some((start, end)), true) => end - start,
            (Some((start, _)), false) => self.pcm.len() - start,
        };
        let heard = (heard as u64 * u64::from(RATE) / u64::from(self.rate)) as i64;
        if ended { heard } else { heard.max(expected) }
    }
}

/// An utterance that is not cued yet.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) key: Key,
    /// `[s, e)` in frames.
    pub(super) start: i64,
    pub(super) end: i64,
    /// In frames, from the engine.
    pub(super) estimate: Option<i64>,
    pub(super) sound: Sound,
    pub(super) ended: bool,
    /// It was cut in mid-speech.
    pub(super) goes_on: bool,
    /// The playhead at which it became startable.
    pub(super) startable: Option<i64>,
}

impl Entry {
    pub(super) fn new(key: Key, start: i64, end: i64, rate: u32) -> Self {
        Self {
            key,
            start,
            end,
            estimate: None,
            sound: Sound::new(rate),
            ended: false,
            goes_on: false,
            startable: None,
        }
    }

    /// Where it belongs among the others.
    pub(super) fn order(&self) -> (i64, i64, Key) {
        (self.start, self.end, self.key)
    }

    /// Another connection may speak at another rate, but one dub has one.
    pub(super) fn set_rate(&mut self, rate: u32) {
        if self.sound.pcm.is_empty() {
            self.sound = Sound::new(rate);
        }
    }

    /// `a`, once it is startable.
    pub(super) fn ready(&self) -> Option<i64> {
        self.startable.map(|at| at.max(self.start))
    }

    pub(super) fn notice(&mut self, playhead: i64) {
        let enough = self.sound.rate as usize / STARTABLE_PER_S;
        let startable = self
            .sound
            .trimmed()
            .is_some_and(|(start, _)| self.ended || self.sound.pcm.len() - start >= enough);
        if startable && self.startable.is_none() {
            self.startable = Some(playhead);
        }
    }

    /// How long it will sound unstretched, in frames.
    pub(super) fn length(&self) -> i64 {
        self.sound.length(self.ended, self.expected())
    }

    pub(super) fn expected(&self) -> i64 {
        self.estimate.unwrap_or(self.end - self.start)
    }
}
