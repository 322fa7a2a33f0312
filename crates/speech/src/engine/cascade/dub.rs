//! One dub on its way through the stages: it ends exactly once, whatever happens to it.

use std::sync::Arc;
use std::time::{Duration, Instant};

use dragoman_protocol::{Outcome, Pcm, StageMs, TargetId, code};

use super::shared::Seat;
use super::stage::{Failure, Stop};
use crate::engine::{Event, Job, JobTarget, Sink};

/// What all dubs of an utterance share.
pub(super) struct Origin {
    pub(super) stream: String,
    pub(super) utterance: u32,
    /// How long the utterance is.
    pub(super) length: Duration,
    /// A dub whose sound cannot begin by then ends as `late`.
    pub(super) start_by: Instant,
    _seat: Seat,
}

/// See the module. Dropping one that has not ended ends it as failed.
pub(super) struct Dub {
    pub(super) origin: Arc<Origin>,
    target: JobTarget,
    sink: Sink,
    pub(super) stage_ms: StageMs,
    /// Samples handed over.
    samples: usize,
    ended: bool,
}

/// The ends of an utterance's dubs are in its dubs alone: the job is taken apart here.
pub(super) fn take_apart(job: Job, seat: Seat) -> (Arc<Origin>, Arc<[i16]>, String, Sink, Vec<Dub>) {
    let origin = Arc::new(Origin {
        stream: job.stream,
        utterance: job.utterance.0,
        length: Duration::from_secs_f64(job.pcm.len() as f64 / f64::from(crate::listen::cut::RATE)),
        start_by: job.start_by,
        _seat: seat,
    });
    let dubs = job
        .targets
        .into_iter()
        .map(|target| Dub {
            origin: Arc::clone(&origin),
            target,
            sink: job.sink.clone(),
            stage_ms: StageMs::default(),
            samples: 0,
            ended: false,
        })
        .collect();
    (origin, job.pcm, job.source, job.sink, dubs)
}

impl Dub {
    pub(super) fn target(&self) -> TargetId {
        self.target.id
    }

    pub(super) fn lang(&self) -> &str {
        &self.target.lang
    }

    pub(super) fn voice(&self) -> Option<&str> {
        self.target.voice.as_deref()
    }

    /// Whether some of it is with the session already.
    pub(super) fn has_begun(&self) -> bool {
        self.samples > 0
    }

    /// The reason to stop working on it, if there is one. One that has begun is never late.
    pub(super) fn stopped(&self) -> Option<Stop> {
        if self.ended || self.target.cancel.is_cancelled() {
            Some(Stop::Cancelled)
        } else if !self.has_begun() && Instant::now() > self.origin.start_by {
            Some(Stop::Late)
        } else {
            None
        }
    }

    /// Tells what it says, as far as that is known.
    pub(super) fn text(&mut self, text: &str, estimate_ms: u32) {
        let (target, stage_ms) = (self.target.id, self.stage_ms);
        let text = text.to_owned();
        self.send(Event::Text {
            target,
            text,
            estimate_ms,
            stage_ms,
        });
    }

    /// Hands sound over.
    pub(super) fn audio(&mut self, samples: &[i16]) {
        if samples.is_empty() || self.ended {
            return;
        }
        self.samples += samples.len();
        let (target, pcm) = (self.target.id, Pcm::from_samples(samples));
        self.send(Event::Audio { target, pcm });
    }

    /// It is over.
    pub(super) fn end(&mut self, outcome: Outcome, code: Option<&'static str>) {
        if !self.ended {
            let target = self.target.id;
            self.send(Event::End { target, outcome, code });
            self.ended = true;
        }
    }

    /// It is over because a stage gave no result.
    pub(super) fn fail(&mut self, stage: &'static str, failure: &Failure) {
        match failure {
            Failure::Stopped(Stop::Cancelled) => self.end(Outcome::Cancelled, None),
            Failure::Stopped(Stop::Late) => self.end(Outcome::Late, None),
            Failure::Failed { code, message } => {
                let (stream, utterance, target) = (&self.origin.stream, self.origin.utterance, &self.target.lang);
                tracing::error!(stream, utterance, target, stage, code, message, "dub failed");
                self.end(Outcome::Failed, Some(code));
            }
        }
    }

    /// Samples handed over.
    pub(super) fn samples(&self) -> usize {
        self.samples
    }

    fn send(&mut self, event: Event) {
        if !self.ended && self.sink.send(event).is_err() {
            tracing::debug!(utterance = self.origin.utterance, "nobody waits for this utterance");
            self.ended = true;
        }
    }
}

impl Drop for Dub {
    fn drop(&mut self) {
        self.end(Outcome::Failed, Some(code::ENGINE_FAILED));
    }
}
