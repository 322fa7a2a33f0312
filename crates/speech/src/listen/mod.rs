//! From source audio to utterances: runs on media time, voice activity, cuts. Pure.
//!
//! Audio comes in frames whose pts anchors a run; within a run samples count, so an utterance's interval is exact to the
//! sample. What was heard already is skipped to the sample: a client may send audio again after a cut socket and nothing
//! is lost, doubled or cut differently.

pub mod cut;
mod vad;

use std::sync::Arc;

use dragoman_protocol::Cut;

use self::cut::{Cutter, Event, RATE, Settings};
use self::vad::Vad;
use crate::resample::{Resampler, Unsupported};

const NS_PER_S: i128 = 1_000_000_000;
/// Nanoseconds of one sample at [`RATE`], without a remainder.
const NS_PER_SAMPLE: i64 = 1_000_000_000 / RATE as i64;
/// A frame without the discontinuity flag whose pts is that far off anchors a run all the same.
const MAX_DRIFT_NS: i64 = 200_000_000;

/// What was noticed; in order of time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Heard {
    /// Voice began or ended.
    Activity {
        /// Which of both.
        speech: bool,
        /// Media time.
        at_ns: i64,
    },
    /// An utterance is complete.
    Utterance(Heading, Arc<[i16]>),
}

/// An utterance's place; its sound is mono at [`RATE`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Heading {
    /// Media time of its first sample.
    pub start_ns: i64,
    /// Media time after its last sample.
    pub end_ns: i64,
    /// Why it ends there.
    pub cut: Cut,
    /// Media time up to which audio was heard when it was cut: what the decision itself took.
    pub heard_ns: i64,
}

/// How a frame was taken.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Taken {
    /// Samples that were heard before.
    pub skipped: u64,
    /// A run was broken off and another begun.
    pub gap: bool,
}

/// Listens to one session's source.
pub struct Listener {
    rate: u32,
    settings: Settings,
    /// None where the source has our rate.
    resampler: Option<Resampler>,
    run: Option<Run>,
    /// Media time after the last sample, where there is no run.
    position_ns: i64,
    /// The pts that anchors what comes in, and the samples that came since; some of them may have been skipped.
    anchor: Option<(i64, u64)>,
}

struct Run {
    anchor_ns: i64,
    /// Source samples.
    received: u64,
    vad: Vad,
    cutter: Cutter,
    /// Sound at [`RATE`] from sample `base` of the run on, as far back as an utterance can begin.
    pcm: Vec<i16>,
    base: u64,
}

impl Listener {
    /// Listens from media time `from_ns` on, to `rate` samples per second.
    pub fn new(rate: u32, from_ns: i64, settings: Settings) -> Result<Self, Unsupported> {
        let resampler = (rate != RATE).then(|| Resampler::new(rate, RATE)).transpose()?;
        Ok(Self {
            rate,
            settings,
            resampler,
            run: None,
            position_ns: from_ns,
            anchor: None,
        })
    }

    /// Takes a frame. `anchored`: its pts begins a run, unless it goes on or overlaps with what was heard.
    pub fn push(&mut self, pts_ns: i64, anchored: bool, samples: &[i16], heard: &mut Vec<Heard>) -> Taken {
        let pts_ns = self.counted(pts_ns, anchored, samples.len() as u64);
        let ahead = self.to_samples(pts_ns.saturating_sub(self.position_ns()));
        let skipped = ahead.min(0).unsigned_abs().min(samples.len() as u64);
        let samples = &samples[skipped as usize..];
        let gap = ahead > 0 && self.run.is_some();
        if gap {
            self.finish(heard);
        }
        if !samples.is_empty() {
            // Without a run the anchor is the frame's own pts, unless part of it was skipped.
            let anchor_ns = if ahead > 0 || (ahead == 0 && skipped == 0) {
                pts_ns
            } else {
                self.position_ns
            };
            let settings = self.settings;
            let run = self.run.get_or_insert_with(|| Run::new(anchor_ns, settings));
            run.push(samples, self.resampler.as_mut(), heard);
            self.position_ns = self.position_ns();
        }
        Taken { skipped, gap }
    }

    /// The run ends here; the next frame anchors another one.
    pub fn finish(&mut self, heard: &mut Vec<Heard>) {
        self.position_ns = self.position_ns();
        if let Some(run) = self.run.take() {
            run.finish(self.resampler.as_mut(), heard);
        }
    }

    /// Media time after the last sample: audio is wanted from here on.
    pub fn position_ns(&self) -> i64 {
        self.run
            .as_ref()
            .map_or(self.position_ns, |run| run.anchor_ns + to_ns(run.received, self.rate))
    }

    /// No utterance that is still to come starts before this media time.
    pub fn earliest_ns(&self) -> i64 {
        self.run
            .as_ref()
            .map_or(self.position_ns, |run| run.at(run.cutter.earliest()))
    }

    /// The pts of a frame by counting from the anchor, or its own where it anchors a run itself.
    fn counted(&mut self, pts_ns: i64, anchored: bool, samples: u64) -> i64 {
        let counted = self
            .anchor
            .map(|(anchor_ns, count)| anchor_ns + to_ns(count, self.rate));
        let kept = counted.filter(|counted| !anchored && pts_ns.saturating_sub(*counted).abs() < MAX_DRIFT_NS);
        let (anchor_ns, count) = kept.and(self.anchor).unwrap_or((pts_ns, 0));
        self.anchor = Some((anchor_ns, count + samples));
        kept.unwrap_or(pts_ns)
    }

    /// Nearest whole number of source samples.
    fn to_samples(&self, ns: i64) -> i64 {
        let scaled = i128::from(ns) * i128::from(self.rate);
        let half = if scaled < 0 { -NS_PER_S / 2 } else { NS_PER_S / 2 };
        i64::try_from((scaled + half) / NS_PER_S).unwrap_or(i64::MAX)
    }
}

impl Run {
    fn new(anchor_ns: i64, settings: Settings) -> Self {
        Self {
            anchor_ns,
            received: 0,
            vad: Vad::new(),
            cutter: Cutter::new(settings),
            pcm: Vec::new(),
            base: 0,
        }
    }

    fn push(&mut self, samples: &[i16], resampler: Option<&mut Resampler>, heard: &mut Vec<Heard>) {
        self.received += samples.len() as u64;
        let from = self.pcm.len();
        match resampler {
            Some(resampler) => resampler.push(samples, &mut self.pcm),
            None => self.pcm.extend_from_slice(samples),
        }
        self.listen(from, heard);
        let done = (self.cutter.earliest() - self.base) as usize;
        // Moving what is left costs more than it saves while little is done.
        if done >= RATE as usize / 2 {
            self.pcm.drain(..done);
            self.base += done as u64;
        }
    }

    fn finish(mut self, resampler: Option<&mut Resampler>, heard: &mut Vec<Heard>) {
        if let Some(resampler) = resampler {
            let from = self.pcm.len();
            resampler.finish(&mut self.pcm);
            self.listen(from, heard);
        }
        let mut events = Vec::new();
        self.cutter.clone().finish(self.vad.rest() as u64, &mut events);
        self.tell(&events, heard);
    }

    fn listen(&mut self, from: usize, heard: &mut Vec<Heard>) {
        let mut events = Vec::new();
        let cutter = &mut self.cutter;
        self.vad
            .push(&self.pcm[from..], |frame| cutter.push(frame, &mut events));
        self.tell(&events, heard);
    }

    fn tell(&self, events: &[Event], heard: &mut Vec<Heard>) {
        let heard_ns = self.at(self.base + self.pcm.len() as u64);
        heard.extend(events.iter().map(|event| match *event {
            Event::Activity { speech, at } => Heard::Activity {
                speech,
                at_ns: self.at(at),
            },
            Event::Utterance { start, end, cut } => {
                let pcm = &self.pcm[(start - self.base) as usize..(end - self.base) as usize];
                Heard::Utterance(
                    Heading {
                        start_ns: self.at(start),
                        end_ns: self.at(end),
                        cut,
                        heard_ns,
                    },
                    pcm.into(),
                )
            }
        }));
    }

    fn at(&self, sample: u64) -> i64 {
        self.anchor_ns + sample as i64 * NS_PER_SAMPLE
    }
}

fn to_ns(samples: u64, rate: u32) -> i64 {
    let scaled = i128::from(samples) * NS_PER_S;
    ((scaled + i128::from(rate) / 2) / i128::from(rate)) as i64
}

#[cfg(test)]
#[path = "listen_test.rs"]
mod tests;
#[cfg(test)]
mod voice;
