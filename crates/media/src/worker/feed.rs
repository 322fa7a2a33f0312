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
/// Messages that may wait for the speech client: 10 s of sound, which a source can bring in one burst after a stall. When
/// it is full the sound is dropped and counted, and the next piece says that something is missing.
const QUEUE: usize = 256;

/// Silence goes out in pieces of 100 ms.
static SILENCE: [Frame; 4_800] = [[0.0; 2]; 4_800];

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
        let Some(frames) = frames.get(skip..).filter(|f| !f.is_empty()) else {
            return;
        };
        let at = at.max(known);
        if self.run.as_ref().is_none_or(|r| r.next != at) {
            self.end_run();
            self.run = Some(Run {
                first: at,
                next: at,
                sent: 0,
            });
            self.is_broken = true;
        }
        let Some(run) = &mut self.run else { return };
        run.next += frames.len() as i64;
        let mut mono = Vec::with_capacity(frames.len());
        pcm::extend_mono(frames.as_flattened(), &mut mono);
        self.resampler.push(&mono, &mut self.waiting);
        self.send_waiting(PIECE);
    }

    /// The source is away: what viewers hear from where it broke off up to frame `to` is silence, and the service must
    /// hear it too, or it would wait for the end of the utterance until the source is back.
    pub(crate) fn silence_to(&mut self, to: i64) {
        let Some(next) = self.run.as_ref().map(|r| r.next) else {
            return;
        };
        let missing = usize::try_from(to - next).unwrap_or(0);
        if missing >= SILENCE.len() {
            self.sound(next, &SILENCE);
        }
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
            let sound = ToSpeech::Sound {
                at,
                samples,
                is_new_run: self.is_broken,
            };
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
            let _ = queue.try_send(ToSpeech::End {
                at: Pts::from_samples(at, RATE),
            });
        }
    }

    /// Samples that the client did not take.
    pub(crate) fn dropped_samples(&self) -> u64 {
        self.dropped_samples
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frames(len: usize) -> Vec<Frame> {
        vec![[0.5, 0.25]; len]
    }

    fn sent(other: &mut mpsc::Receiver<ToSpeech>) -> Vec<(Pts, usize, bool)> {
        std::iter::from_fn(|| other.try_recv().ok())
            .filter_map(|message| match message {
                ToSpeech::Sound {
                    at,
                    samples,
                    is_new_run,
                } => Some((at, samples.len(), is_new_run)),
                ToSpeech::Cancel { .. } | ToSpeech::End { .. } => None,
            })
            .collect()
    }

    #[test]
    fn sound_goes_out_in_pieces_that_follow_each_other() {
        let (mut feed, mut other) = Feed::new(true).unwrap();
        (0..40).for_each(|n| feed.sound(n * 1_024, &frames(1_024)));
        feed.end(0);
        let sent = sent(&mut other);
        assert_eq!(sent[0], (Pts::ZERO, PIECE, true));
        assert!(
            sent.windows(2)
                .all(|w| w[1].0 == w[0].0 + Span::from_samples(w[0].1 as i64, SPEECH_RATE) && !w[1].2)
        );
        let samples: usize = sent.iter().map(|s| s.1).sum();
        assert!(samples.abs_diff(40 * 1_024 / 3) <= 1, "all of it: {samples}");
    }

    #[test]
    fn what_comes_twice_or_before_the_session_is_not_sent() {
        let (mut feed, mut other) = Feed::new(true).unwrap();
        feed.sound(-4_800, &frames(9_600));
        feed.sound(0, &frames(4_800));
        feed.sound(4_800, &frames(4_800));
        feed.end(0);
        let sent = sent(&mut other);
        assert_eq!(sent[0].0, Pts::ZERO);
        assert_eq!(sent.iter().map(|s| s.1).sum::<usize>(), 3_200);
    }

    #[test]
    fn a_hole_begins_a_new_run_at_its_own_place() {
        let (mut feed, mut other) = Feed::new(true).unwrap();
        feed.sound(0, &frames(4_800));
        feed.sound(48_000, &frames(4_800));
        feed.end(0);
        let runs: Vec<_> = sent(&mut other).into_iter().filter(|s| s.2).map(|s| s.0.ms()).collect();
        assert_eq!(runs, [0, 1_000]);
    }

    #[test]
    fn a_client_that_takes_nothing_is_told_of_the_hole() {
        let (mut feed, mut other) = Feed::new(true).unwrap();
        (0..400).for_each(|n| feed.sound(n * 1_920, &frames(1_920)));
        assert_eq!(sent(&mut other).len(), QUEUE);
        assert!(feed.dropped_samples() > 100 * 640);
        (400..404).for_each(|n| feed.sound(n * 1_920, &frames(1_920)));
        assert!(sent(&mut other)[0].2);
    }

    #[test]
    fn a_source_that_is_away_is_heard_as_silence() {
        let (mut feed, mut other) = Feed::new(true).unwrap();
        feed.silence_to(48_000);
        feed.sound(0, &frames(4_800));
        for now in (0..48_000).step_by(1_000) {
            feed.silence_to(now);
        }
        feed.sound(50_000, &frames(4_800));
        feed.end(0);
        let runs: Vec<_> = sent(&mut other).into_iter().filter(|s| s.2).map(|s| s.0).collect();
        assert_eq!(
            runs,
            [Pts::ZERO, Pts::from_samples(50_000, RATE)],
            "no hole before the source is back"
        );
    }

    #[test]
    fn without_a_service_nothing_is_prepared() {
        let (mut feed, mut other) = Feed::new(false).unwrap();
        feed.sound(0, &frames(48_000));
        feed.end(48_000);
        assert!(other.try_recv().is_err());
    }
}
