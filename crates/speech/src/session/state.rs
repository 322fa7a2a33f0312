//! Everything of a session but its socket and its clock: time is an argument, what to send is asked for.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use dragoman_protocol::{
    Activity, AudioFrame, Cancel, ClientMessage, CloseCode, Done, Draining, Dub, Kind, Outcome, Ready, ServerError,
    ServerMessage, Start, Stats, Status, TargetId, Utterance, UtteranceId, code, limits,
};
use tokio::sync::mpsc;

use super::track::{Output, Track};
use crate::engine::{Engine, Event, Job, JobTarget, Sink};
use crate::listen::{Heading, Heard, Listener};
use crate::metrics::Metrics;

/// How long after the last moment at which a dub may begin its engine may take to end it.
const ENGINE_PATIENCE: Duration = Duration::from_secs(20);
/// Audio that may run ahead of real time beyond the protocol's limit: a client that re-sends all it keeps is at the limit.
const AHEAD_GRACE: Duration = Duration::from_secs(1);
/// Audio counts as flowing that long after the last of it.
const FLOWING: Duration = Duration::from_secs(5);
/// Silence from a client that sends no audio, after which it is gone: it has not answered two pings.
const SILENT: Duration = Duration::from_secs(40);

/// Why a connection has to be closed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Closing {
    pub(super) code: CloseCode,
    /// For people.
    pub(super) reason: String,
}

/// One session.
pub(super) struct State {
    start: Start,
    token: String,
    engine: Arc<dyn Engine>,
    metrics: Arc<Metrics>,
    events: mpsc::Sender<(UtteranceId, Event)>,
    listener: Listener,
    /// Messages to send before any audio. Bounded by what is open and by the writer's patience.
    control: VecDeque<ServerMessage>,
    tracks: Vec<Track>,
    /// The track that sends next.
    turn: usize,
    utterances: BTreeMap<UtteranceId, Known>,
    last_id: u32,
    seq: u32,
    ended: bool,
    done_sent: bool,
    playhead: Option<(Instant, i64)>,
    connection: Connection,
}

struct Known {
    message: Utterance,
    cut_at: Instant,
    /// Media time that the cut itself took.
    detection_ns: i64,
    lag_known: bool,
}

/// What is known of the present connection.
struct Connection {
    last_frame: Instant,
    last_audio: Option<Instant>,
    first_audio: Option<Instant>,
    samples: u64,
}

impl Connection {
    fn new(now: Instant) -> Self {
        Self {
            last_frame: now,
            last_audio: None,
            first_audio: None,
            samples: 0,
        }
    }
}

impl State {
    pub(super) fn new(
        start: Start,
        token: String,
        engine: Arc<dyn Engine>,
        metrics: Arc<Metrics>,
        events: mpsc::Sender<(UtteranceId, Event)>,
        now: Instant,
    ) -> Self {
        let rate = engine.about().dub_rate;
        let tracks = start
            .targets
            .iter()
            .map(|target| Track::new(target.clone(), rate))
            .collect();
        let mut state = Self {
            listener: Listener::new(start.rate, start.from_ns, engine.cuts()),
            start,
            token,
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
            connection: Connection::new(now),
        };
        state.say_ready(state.start.from_ns, false);
        state
    }

    /// Whether `start` asks for this very session.
    pub(super) fn is_same(&self, start: &Start) -> bool {
        let (a, b) = (&self.start, start);
        (&a.stream, &a.session, &a.targets, a.rate, &a.source) == (&b.stream, &b.session, &b.targets, b.rate, &b.source)
    }

    /// Goes on with a new connection.
    pub(super) fn resume(&mut self, start: &Start, now: Instant) {
        self.connection = Connection::new(now);
        self.control.clear();
        self.seq = 0;
        self.done_sent = false;
        self.playhead = None;
        self.start.window_ms = start.window_ms;
        self.say_ready(self.listener.position_ns().max(start.from_ns), true);
        self.control.extend(
            self.utterances
                .values()
                .map(|known| ServerMessage::Utterance(known.message.clone())),
        );
        let have = start.have.as_deref().unwrap_or_default();
        for track in &mut self.tracks {
            let target = track.target.id;
            let samples = |utterance| {
                have.iter()
                    .find(|h| h.utterance == utterance && h.target == target)
                    .map_or(0, |h| h.samples)
            };
            self.control
                .extend(track.rewind(samples).map(|dub| ServerMessage::Dub(dub.clone())));
        }
        self.metrics.resumed.inc();
    }

    /// Any frame came.
    pub(super) fn on_frame(&mut self, now: Instant) {
        self.connection.last_frame = now;
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
        self.check_pace(frame.pcm.len() as u64, now)?;
        let samples: Vec<i16> = frame.pcm.iter().collect();
        let anchored = frame.flags.contains(dragoman_protocol::Flags::FIRST)
            || frame.flags.contains(dragoman_protocol::Flags::DISCONTINUITY);
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
        let silent = now.saturating_duration_since(self.connection.last_frame);
        let flows = !self.ended
            && self
                .connection
                .last_audio
                .is_some_and(|at| now.saturating_duration_since(at) < FLOWING);
        if silent >= SILENT || (flows && silent >= limits::LOST_AFTER) {
            let reason = format!("nothing came for {} ms", silent.as_millis());
            return Err(Closing {
                code: CloseCode::Stalled,
                reason,
            });
        }
        Ok(())
    }

    /// `stats`, once a second.
    pub(super) fn say_stats(&mut self) {
        let stats = self.stats();
        self.control.push_back(ServerMessage::Stats(stats));
    }

    /// Tells what went wrong.
    pub(super) fn error(&self, closing: &Closing) -> ServerMessage {
        ServerMessage::Error(ServerError {
            code: error_code(closing.code).to_owned(),
            message: closing.reason.clone(),
            retryable: closing.code.is_retryable(),
            utterance: None,
        })
    }

    /// The next thing to send.
    pub(super) fn output(&mut self) -> Option<Output> {
        if let Some(message) = self.control.pop_front() {
            return Some(Output::Message(message));
        }
        for step in 0..self.tracks.len() {
            let index = (self.turn + step) % self.tracks.len();
            if let Some(output) = self.tracks[index].output(&mut self.seq) {
                self.turn = index + 1;
                if let Output::Audio(frame) = &output {
                    self.metrics
                        .audio("dub", frame.pcm.len() as u64, self.engine.about().dub_rate);
                }
                return Some(output);
            }
        }
        if self.ended && !self.done_sent && self.tracks.iter().all(|track| track.open_utterances().next().is_none()) {
            self.done_sent = true;
            return Some(Output::Message(ServerMessage::Done(Done {
                utterances: self.last_id,
            })));
        }
        None
    }

    /// Whether [`State::output`] has something.
    pub(super) fn has_output(&self) -> bool {
        !self.control.is_empty()
            || self.tracks.iter().any(Track::has_output)
            || (self.ended
                && !self.done_sent
                && self.tracks.iter().all(|track| track.open_utterances().next().is_none()))
    }

    /// `done` was sent: nothing is left to do.
    pub(super) fn is_done(&self) -> bool {
        self.done_sent && self.control.is_empty()
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
        let oldest = self.tracks.iter().filter_map(Track::oldest).min();
        self.utterances
            .retain(|id, _| oldest.is_some_and(|oldest| *id >= oldest));
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
                let dragoman_protocol::Target { id, lang, voice } = track.target.clone();
                Some(JobTarget {
                    id,
                    lang,
                    voice,
                    cancel,
                })
            })
            .collect();
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

    fn check_pace(&mut self, samples: u64, now: Instant) -> Result<(), Closing> {
        let first = *self.connection.first_audio.get_or_insert(now);
        self.connection.last_audio = Some(now);
        self.connection.samples += samples;
        let sent = Duration::from_secs_f64(self.connection.samples as f64 / f64::from(self.start.rate));
        let ahead = sent.saturating_sub(now.saturating_duration_since(first));
        if ahead > limits::MAX_AHEAD + AHEAD_GRACE {
            let reason = format!("audio is {} ms ahead of real time", ahead.as_millis());
            return Err(Closing {
                code: CloseCode::TooFast,
                reason,
            });
        }
        Ok(())
    }

    fn note_lag(&mut self, utterance: UtteranceId, now: Instant) {
        if let Some(known) = self.utterances.get_mut(&utterance)
            && !std::mem::replace(&mut known.lag_known, true)
        {
            let detection_ms = (known.detection_ns / 1_000_000).max(0) as u32;
            self.metrics
                .lag(detection_ms + now.saturating_duration_since(known.cut_at).as_millis() as u32);
        }
    }

    fn say_ready(&mut self, audio_from_ns: i64, resumed: bool) {
        let about = self.engine.about();
        self.control.push_front(ServerMessage::Ready(Ready {
            resume: self.token.clone(),
            resume_ms: limits::RESUME.as_millis() as u32,
            audio_from_ns,
            resumed,
            engine: about.name.to_owned(),
            models: about.models.iter().map(|model| model.name.clone()).collect(),
            dub_rate: about.dub_rate,
            lag_ms: self.metrics.measured_lag().or_else(|| self.engine.expected_lag()),
            features: Vec::new(),
        }));
    }

    fn stats(&self) -> Stats {
        let mut open: Vec<UtteranceId> = self.tracks.iter().flat_map(Track::open_utterances).collect();
        open.sort_unstable();
        open.dedup();
        let known = || {
            open.iter()
                .filter_map(|id| self.utterances.get(id))
                .map(|known| &known.message)
        };
        let settled_ns = known()
            .map(|u| u.start_ns)
            .min()
            .unwrap_or(i64::MAX)
            .min(self.listener.earliest_ns());
        let backlog_ns: i64 = known().map(|u| u.end_ns - u.start_ns).sum();
        Stats {
            settled_ns,
            open: open.len() as u32,
            backlog_ms: (backlog_ns / 1_000_000) as u32,
        }
    }

    fn track(&mut self, target: TargetId) -> Option<&mut Track> {
        self.tracks.iter_mut().find(|track| track.target.id == target)
    }
}

pub(super) fn malformed(reason: impl ToString) -> Closing {
    Closing {
        code: CloseCode::Malformed,
        reason: reason.to_string(),
    }
}

/// The `code` of the `error` that comes before a close.
pub(super) fn error_code(close: CloseCode) -> &'static str {
    match close {
        CloseCode::Malformed => code::MALFORMED,
        CloseCode::Unsupported => code::UNSUPPORTED_FEATURE,
        CloseCode::Window => code::WINDOW,
        CloseCode::TooFast => code::TOO_FAST,
        CloseCode::Busy => code::BUSY,
        CloseCode::Normal | CloseCode::GoingAway | CloseCode::Stalled => code::STALLED,
    }
}
