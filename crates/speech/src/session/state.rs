//! Everything of a session but its socket and its clock: time is an argument, what to send is asked for.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use dragoman_protocol::{
    Activity, AudioFrame, Cancel, ClientMessage, CloseCode, Draining, Dub, Flags, Kind, Outcome, ServerMessage, Start,
    Status, Target, TargetId, Utterance, UtteranceId, code, limits,
};
use tokio::sync::mpsc;

use super::closing::{Closing, malformed};
use super::pace::Pace;
use super::track::Track;
use crate::engine::{Arrival, Engine, Event, Job, JobTarget, Sink};
use crate::listen::{Heading, Heard, Listener};
use crate::metrics::Metrics;

/// How long after the last moment at which a dub may begin its engine may take to end it.
const ENGINE_PATIENCE: Duration = Duration::from_secs(20);
/// One session.
pub(super) struct State {
    pub(super) start: Start,
    pub(super) token: String,
    pub(super) engine: Arc<dyn Engine>,
    pub(super) metrics: Arc<Metrics>,
    pub(super) events: mpsc::Sender<Arrival>,
    pub(super) listener: Listener,
    /// Messages to send before any audio. Bounded by what is open and by the writer's patience.
    pub(super) control: VecDeque<ServerMessage>,
    pub(super) tracks: Vec<Track>,
    /// The track that sends next.
    pub(super) turn: usize,
    pub(super) utterances: BTreeMap<UtteranceId, Known>,
    pub(super) last_id: u32,
    pub(super) seq: u32,
    pub(super) ended: bool,
    pub(super) done_sent: bool,
    pub(super) playhead: Option<(Instant, i64)>,
    pub(super) connection: Pace,
}

pub(super) struct Known {
    pub(super) message: Utterance,
    cut_at: Instant,
    /// Media time that the cut itself took.
    detection_ns: i64,
    lag_known: bool,
}

impl State {
    pub(super) fn new(
        start: Start,
        token: String,
        listener: Listener,
        engine: Arc<dyn Engine>,
        metrics: Arc<Metrics>,
        events: mpsc::Sender<Arrival>,
        now: Instant,
    ) -> Self {
        let rate = engine.about().dub_rate;
        let tracks = start
            .targets
            .iter()
            .map(|target| Track::new(target.clone(), rate))
            .collect();
        let mut state = Self {
            start,
            token,
            listener,
            engine,
            metrics,
            events,
            control: VecDeque::new(),
            tracks,
            turn: 0,
            utterances: BTreeMap::new(),
            last_id: 0,
            seq: 0,
            ended: false,
            done_sent: false,
            playhead: None,
            connection: Pace::new(now),
        };
        state.say_ready(state.start.from_ns, false);
        state
    }

    /// Whether `start` asks for this very session.
    pub(super) fn is_same(&self, start: &Start) -> bool {
        let (a, b) = (&self.start, start);
        (&a.stream, &a.session, &a.targets, a.rate, &a.source) == (&b.stream, &b.session, &b.targets, b.rate, &b.source)
    }

    /// Any frame came.
    pub(super) fn on_frame(&mut self, now: Instant) {
        self.connection.on_frame(now);
    }

    /// Source audio came.
    pub(super) fn on_audio(&mut self, frame: &AudioFrame, now: Instant) -> Result<(), Closing> {
        if frame.kind != Kind::Source {
            return Err(malformed("a client sends source audio only"));
        }
        if frame.flags.unknown() != 0 {
            self.metrics.ignored.inc();
        }
        if self.ended {
            self.metrics.audio("late", frame.pcm.len() as u64, self.start.rate);
            return Ok(());
        }
        self.connection.on_audio(frame.pcm.len() as u64, self.start.rate, now)?;
        let samples: Vec<i16> = frame.pcm.iter().collect();
        let anchored = frame.flags.contains(Flags::FIRST) || frame.flags.contains(Flags::DISCONTINUITY);
        let mut heard = Vec::new();
        let taken = self.listener.push(frame.pts, anchored, &samples, &mut heard);
        self.metrics
            .audio("source", samples.len() as u64 - taken.skipped, self.start.rate);
        if taken.skipped > 0 {
            self.metrics.audio("skipped", taken.skipped, self.start.rate);
        }
        self.on_heard(heard, now);
        Ok(())
    }

    /// A control message came.
    pub(super) fn on_message(&mut self, message: ClientMessage, now: Instant) -> Result<(), Closing> {
        match message {
            ClientMessage::Start(_) => Err(malformed("start came twice")),
            ClientMessage::Status(status) => self.on_status(&status, now),
            ClientMessage::Cancel(cancel) => {
                self.on_cancel(&cancel);
                Ok(())
            }
            ClientMessage::End(_) => {
                self.end(now);
                Ok(())
            }
            ClientMessage::Unknown => Ok(()),
        }
    }

    /// The engine said something of an utterance.
    pub(super) fn on_event(&mut self, utterance: UtteranceId, event: Event, now: Instant) {
        match event {
            Event::Recognised { lang, text } => {
                if let Some(known) = self.utterances.get_mut(&utterance) {
                    (known.message.lang, known.message.text) = (lang, text);
                    self.control.push_back(ServerMessage::Utterance(known.message.clone()));
                }
            }
            Event::Text {
                target,
                text,
                estimate_ms,
                stage_ms,
            } => {
                let dub = Dub {
                    utterance,
                    target,
                    text,
                    estimate_ms,
                    stage_ms,
                };
                if self.track(target).is_some_and(|track| track.heading(dub.clone())) {
                    self.control.push_back(ServerMessage::Dub(dub));
                }
            }
            Event::Audio { target, pcm } => {
                if self.track(target).is_some_and(|track| track.audio(utterance, pcm)) {
                    self.note_lag(utterance, now);
                }
            }
            Event::End { target, outcome, code } => {
                if self
                    .track(target)
                    .is_some_and(|track| track.end(utterance, outcome, code))
                {
                    self.metrics.dub(outcome);
                }
            }
        }
    }

    /// No more audio will come.
    pub(super) fn end(&mut self, now: Instant) {
        let mut heard = Vec::new();
        self.listener.finish(&mut heard);
        self.on_heard(heard, now);
        self.ended = true;
    }

    /// The server will go away.
    pub(super) fn drain(&mut self, deadline: Duration) {
        let deadline_ms = deadline.as_millis() as u32;
        self.control
            .push_back(ServerMessage::Draining(Draining { deadline_ms }));
    }

    /// Time passed: gives up on an engine that does not answer, and on a client that is gone.
    pub(super) fn tick(&mut self, now: Instant) -> Result<(), Closing> {
        for track in &mut self.tracks {
            for utterance in track.expire(now) {
                track.end(utterance, Outcome::Failed, Some(code::ENGINE_FAILED));
                self.metrics.dub(Outcome::Failed);
                tracing::error!(
                    utterance = utterance.0,
                    target = track.target.lang,
                    "the engine did not end a dub"
                );
            }
        }
        self.connection.check(now, self.ended)
    }

    /// Utterances that are not settled; the engine is told that nobody waits for them.
    pub(super) fn abandon(&self) -> u32 {
        self.tracks.iter().for_each(Track::abandon);
        self.stats().open
    }

    fn on_status(&mut self, status: &Status, now: Instant) -> Result<(), Closing> {
        self.playhead = Some((now, status.playhead_ns));
        let window_ms = self.start.window_ms;
        for report in &status.targets {
            let Some(track) = self.track(report.id) else {
                return Err(malformed("status of a target that start did not name"));
            };
            track.queued_ms = report.queued_ms;
            track.paused = report.queued_ms >= window_ms;
            track.forget(report.dubbed_to_ns);
            if report.queued_ms >= window_ms.saturating_mul(2) {
                let reason = format!(
                    "target {} has {} ms queued, its window is {window_ms} ms",
                    report.id, report.queued_ms
                );
                return Err(Closing {
                    code: CloseCode::Window,
                    reason,
                });
            }
        }
        self.forget();
        Ok(())
    }

    fn on_cancel(&mut self, cancel: &Cancel) {
        for track in &mut self.tracks {
            if cancel.target.is_none_or(|target| target == track.target.id)
                && track.cancel(cancel.utterance) == Some(false)
            {
                self.metrics.dub(Outcome::Cancelled);
            }
        }
    }

    fn on_heard(&mut self, heard: Vec<Heard>, now: Instant) {
        for heard in heard {
            match heard {
                Heard::Activity { speech, at_ns } => {
                    self.control
                        .push_back(ServerMessage::Activity(Activity { speech, at_ns }));
                }
                Heard::Utterance(heading, pcm) => self.on_utterance(heading, pcm, now),
            }
        }
    }

    fn on_utterance(&mut self, heading: Heading, pcm: Arc<[i16]>, now: Instant) {
        self.metrics.utterance(heading.cut);
        self.last_id += 1;
        let (id, source) = (UtteranceId(self.last_id), self.start.source.clone());
        let Heading {
            start_ns,
            end_ns,
            cut,
            heard_ns,
        } = heading;
        let message = Utterance {
            utterance: id,
            start_ns,
            end_ns,
            cut,
            lang: source.clone(),
            text: String::new(),
        };
        self.control.push_back(ServerMessage::Utterance(message.clone()));
        self.utterances.insert(
            id,
            Known {
                message,
                cut_at: now,
                detection_ns: heard_ns - end_ns,
                lag_known: false,
            },
        );
        let start_by = self.start_by(end_ns, now);
        let targets: Vec<JobTarget> = self
            .tracks
            .iter_mut()
            .filter_map(|track| {
                let Some(cancel) = track.open(id, end_ns, start_by + ENGINE_PATIENCE) else {
                    self.metrics.dub(Outcome::Late);
                    return None;
                };
                let Target { id, lang, voice } = track.target.clone();
                Some(JobTarget {
                    id,
                    lang,
                    voice,
                    cancel,
                })
            })
            .collect();
        self.forget();
        if targets.is_empty() {
            return;
        }
        let sink = Sink::new(id, self.events.clone());
        let job = Job {
            stream: self.start.stream.clone(),
            utterance: id,
            pcm,
            source,
            targets,
            start_by,
            sink,
        };
        if let Err(full) = self.engine.submit(job) {
            tracing::warn!(utterance = id.0, error = %full, "utterance not dubbed");
            for track in &mut self.tracks {
                if track.end(id, Outcome::Failed, Some(code::OVERLOADED)) {
                    self.metrics.dub(Outcome::Failed);
                }
            }
        }
    }

    /// Drops what no target keeps any more.
    fn forget(&mut self) {
        let oldest = self.tracks.iter().filter_map(Track::oldest).min();
        self.utterances
            .retain(|id, _| oldest.is_some_and(|oldest| *id >= oldest));
    }

    /// Until when a dub of an utterance that ends at `end_ns` is worth starting.
    fn start_by(&self, end_ns: i64, now: Instant) -> Instant {
        let hold_ns = i64::from(self.start.hold_ms) * 1_000_000;
        let stale_ns = i64::from(self.start.max_stale_ms) * 1_000_000;
        // Before the first status the newest audio is taken for live.
        let playhead_ns = self
            .playhead
            .map_or(self.listener.position_ns() - hold_ns, |(at, playhead_ns)| {
                playhead_ns.saturating_add(now.saturating_duration_since(at).as_nanos() as i64)
            });
        let left_ns = end_ns.saturating_add(stale_ns).saturating_sub(playhead_ns);
        let longest_ns = hold_ns + stale_ns + limits::CLIENT_KEEPS.as_nanos() as i64;
        now + Duration::from_nanos(left_ns.clamp(0, longest_ns).unsigned_abs())
    }

    fn note_lag(&mut self, utterance: UtteranceId, now: Instant) {
        if let Some(known) = self.utterances.get_mut(&utterance)
            && !std::mem::replace(&mut known.lag_known, true)
        {
            let detection_ms = (known.detection_ns / 1_000_000).max(0) as u32;
            let length_ms = ((known.message.end_ns - known.message.start_ns) / 1_000_000) as u32;
            let lag_ms = detection_ms + now.saturating_duration_since(known.cut_at).as_millis() as u32;
            self.metrics.lag(lag_ms, length_ms);
        }
    }

    fn track(&mut self, target: TargetId) -> Option<&mut Track> {
        self.tracks.iter_mut().find(|track| track.target.id == target)
    }
}
