//! What the pacer tells the speech client: the source's sound at the service's rate, and what is no longer wanted.

use anyhow::Result;
use dragoman_audio::pcm;
use dragoman_audio::playout::{CancelReason, Key};
use dragoman_audio::resample::Resampler;
use dragoman_timeline::{Pts, Span};
use tokio::sync::mpsc;

use super::playhead::{Frame, RATE};

/// Rate of what the speech service hears.
pub(crate) const SPEECH_RATE: u32 = 16_000;
/// One audio frame of the protocol: 40 ms.
pub(crate) const PIECE: usize = 640;
/// Messages that may wait for the speech client: 1 s of sound and some cancels. When it is full the sound is dropped
/// and counted, and the next piece says that something is missing.
const QUEUE: usize = 40;

/// A message to the speech client.
#[derive(Debug, PartialEq)]
pub(crate) enum ToSpeech {
    /// [`PIECE`] samples or fewer; fewer only before a hole or the end.
    Sound {
        /// Media time of the first sample.
        at: Pts,
        /// Mono at [`SPEECH_RATE`].
        samples: Vec<i16>,
        /// Does not follow from the piece before.
        is_new_run: bool,
    },
    /// A dub is no longer wanted.
    Cancel {
        /// Which utterance.
        key: Key,
        /// Index of the target in the spec.
        target: usize,
        /// Why.
        reason: CancelReason,
    },
    /// The session ends here.
    End {
        /// Media time.
        at: Pts,
    },
}

/// The sending end.
pub(crate) struct Feed {
    queue: Option<mpsc::Sender<ToSpeech>>,
    resampler: Resampler,
    /// At [`SPEECH_RATE`], not yet a whole piece.
    waiting: Vec<f32>,
    run: Option<Run>,
    is_broken: bool,
    dropped_samples: u64,
}

/// Sound without a hole.
struct Run {
    /// Number of the 48 kHz frame with which it began.
    first: i64,
    /// Number of the frame that continues it.
    next: i64,
    /// Samples at [`SPEECH_RATE`] that have been sent.
    sent: i64,
}

impl Feed {
    /// A feed and its other end; without `wanted` nothing is prepared or sent.
    pub(crate) fn new(wanted: bool) -> Result<(Self, mpsc::Receiver<ToSpeech>)> {
        let (queue, other) = mpsc::channel(QUEUE);
        let feed = Self {
            queue: wanted.then_some(queue),
            resampler: Resampler::new(RATE, SPEECH_RATE, 1)?,
            waiting: Vec::new(),
            run: None,
            is_broken: true,
            dropped_samples: 0,
        };
        Ok((feed, other))
    }

    /// Sound of the source; what lies before media time zero is not for the service.
    pub(crate) fn sound(&mut self, at: i64, frames: &[Frame]) {
        if self.queue.is_none() {
            return;
        }
        let known = self.run.as_ref().map_or(0, |r| r.next);
        let skip = usize::try_from((known - at).max(0)).unwrap_or(usize::MAX);
        let Some(frames) = frames.get(skip..).filter(|f| !f.is_empty()) else { return };
        let at = at.max(known);
        if self.run.as_ref().is_none_or(|r| r.next != at) {
            self.end_run();
            self.run = Some(Run { first: at, next: at, sent: 0 });
            self.is_broken = true;
        }
        let Some(run) = &mut self.run else { return };
        run.next += frames.len() as i64;
        let mut mono = Vec::with_capacity(frames.len());
        pcm::extend_mono(frames.as_flattened(), &mut mono);
        self.resampler.push(&mono, &mut self.waiting);
        self.send_waiting(PIECE);
    }

    fn end_run(&mut self) {
        if self.run.is_some() {
            self.resampler.flush(&mut self.waiting);
            self.send_waiting(1);
            self.resampler.reset();
        }
    }

    /// Sends what waits, in pieces, as long as at least `least` samples are left.
    fn send_waiting(&mut self, least: usize) {
        let Some(run) = &mut self.run else { return };
        let mut taken = 0;
        while self.waiting.len() - taken >= least {
            let len = PIECE.min(self.waiting.len() - taken);
            let at = Pts::from_samples(run.first, RATE) + Span::from_samples(run.sent, SPEECH_RATE);
            let mut samples = Vec::with_capacity(len);
            pcm::extend_i16(&self.waiting[taken..taken + len], &mut samples);
            taken += len;
            run.sent += len as i64;
            let sound = ToSpeech::Sound { at, samples, is_new_run: self.is_broken };
            let is_sent = self.queue.as_ref().is_some_and(|q| q.try_send(sound).is_ok());
            self.is_broken = !is_sent;
            if !is_sent {
                self.dropped_samples += len as u64;
            }
        }
        self.waiting.drain(..taken);
    }

    /// A dub is no longer wanted; when the queue is full the service finds out by itself.
    pub(crate) fn cancel(&self, key: Key, target: usize, reason: CancelReason) {
        if let Some(queue) = &self.queue {
            let _ = queue.try_send(ToSpeech::Cancel { key, target, reason });
        }
    }

    /// No more sound comes after frame `at`.
    pub(crate) fn end(&mut self, at: i64) {
        self.end_run();
        let at = self.run.as_ref().map_or(at, |r| r.next);
        if let Some(queue) = &self.queue {
            let _ = queue.try_send(ToSpeech::End { at: Pts::from_samples(at, RATE) });
        }
    }

    /// Samples that the client did not take.
    pub(crate) fn dropped_samples(&self) -> u64 {
        self.dropped_samples
    }
}
