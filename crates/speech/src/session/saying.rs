//! What a session says, and in which order: control first, then the targets' audio in turn, `done` when nothing is left.

use std::time::Instant;

use dragoman_protocol::{Done, Ready, ServerMessage, Start, Stats, UtteranceId, limits};

use super::pace::Pace;
use super::state::State;
use super::track::{Output, Track};

impl State {
    /// Goes on with a new connection.
    pub(super) fn resume(&mut self, start: &Start, now: Instant) {
        self.connection = Pace::new(now);
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

    /// `stats`, once a second.
    pub(super) fn say_stats(&mut self) {
        let stats = self.stats();
        self.control.push_back(ServerMessage::Stats(stats));
    }

    pub(super) fn say_ready(&mut self, audio_from_ns: i64, resumed: bool) {
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

    pub(super) fn stats(&self) -> Stats {
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
}
