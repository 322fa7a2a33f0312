//! One session at one host: what it has said, and in the pacer's words.

use dragoman_audio::playout::{self, End, Key};
use dragoman_protocol::{
    AudioFrame, Cancel, CancelReason, ClientMessage, DubEnd, Flags, Have, Kind, Outcome, Pcm, Ready, ServerMessage,
    Status, TargetId, TargetStatus, UtteranceId, limits,
};
use dragoman_timeline::{Pts, Span};
use tokio::time::{Duration, Instant};
use tokio_tungstenite::tungstenite::Message;

use super::backlog::Piece;
use super::connection::{Connection, Incoming};
use crate::worker::pacer::{DubInput, Report};
use crate::worker::programme::ms;

/// A draining host that has not said `done` this long after our `end` is left.
const OVERSTAY: Duration = Duration::from_secs(20);

/// What a message means for the client.
pub(super) enum Heard {
    Nothing,
    /// So many unknown fields, types or faulty frames.
    Ignored(u32),
    Pass(Vec<DubInput>),
    Ready(Box<Ready>),
    Draining,
    Closed(String),
}

/// See the module.
pub(super) struct Session {
    pub(super) connection: Connection,
    /// Index of the host in the list.
    pub(super) host_index: usize,
    opened: Option<Opened>,
    last_heard: Instant,
    seq: u32,
    is_draining: bool,
    ended: std::cell::Cell<Option<Instant>>,
}

struct Opened {
    number: u32,
    token: String,
    settled: Pts,
}

impl Session {
    pub(super) fn begin(connection: Connection, host_index: usize) -> Self {
        Self {
            connection,
            host_index,
            opened: None,
            last_heard: Instant::now(),
            seq: 0,
            is_draining: false,
            ended: std::cell::Cell::new(None),
        }
    }

    /// The host is ready; `before` is the session that it goes on with.
    pub(super) fn open(&mut self, number: u32, ready: &Ready, before: Option<Session>) {
        let settled = before.map_or(Pts::from_ns(ready.audio_from_ns), |s| s.settled());
        self.opened = Some(Opened { number, token: ready.resume.clone(), settled });
    }

    pub(super) fn is_ready(&self) -> bool {
        self.opened.is_some()
    }

    pub(super) fn is_draining(&self) -> bool {
        self.is_draining
    }

    /// The number under which the playouts know its utterances; 0 before it is ready.
    pub(super) fn number(&self) -> u32 {
        self.opened.as_ref().map_or(0, |o| o.number)
    }

    /// The token with which it can be resumed, unless the host has said that it goes away.
    pub(super) fn token(&self) -> Option<String> {
        self.opened.as_ref().filter(|_| !self.is_draining).map(|o| o.token.clone())
    }

    /// Media time before which all is settled.
    pub(super) fn settled(&self) -> Pts {
        self.opened.as_ref().map_or(Pts::ZERO, |o| o.settled)
    }

    pub(super) fn last_heard(&self) -> Instant {
        self.last_heard
    }

    pub(super) fn has_overstayed(&self, now: Instant) -> bool {
        self.ended.get().is_some_and(|at| now - at > OVERSTAY)
    }

    /// The frame for a piece of sound.
    pub(super) fn frame(&mut self, piece: Piece) -> Message {
        let is_first = self.seq == 0;
        let flags = Flags::NONE.with_if(is_first, Flags::FIRST);
        let flags = flags.with_if(piece.is_new_run && !is_first, Flags::DISCONTINUITY);
        let frame = AudioFrame::source(self.seq, piece.at.ns(), flags, Pcm::from_samples(&piece.samples));
        self.seq = self.seq.wrapping_add(1);
        Message::Binary(frame.encode())
    }

    /// No more sound for this one.
    pub(super) fn end(&self, at: Pts) {
        self.ended.set(Some(Instant::now()));
        self.connection.say(&ClientMessage::End(dragoman_protocol::End { at_ns: at.ns() }));
    }

    pub(super) fn cancel(&self, key: Key, target: usize, reason: playout::CancelReason) {
        if self.number() != key.connection {
            return;
        }
        let reason = match reason {
            playout::CancelReason::Shed => CancelReason::Shed,
            playout::CancelReason::Stale => CancelReason::Stale,
            playout::CancelReason::Truncated => CancelReason::Truncated,
            playout::CancelReason::Muted => CancelReason::Muted,
        };
        let target = u8::try_from(target).ok().map(TargetId);
        self.connection.say(&ClientMessage::Cancel(Cancel { utterance: UtteranceId(key.utterance), target, reason }));
    }

    pub(super) fn say_status(&self, report: &Report) {
        let targets = (0_u8..).zip(&report.programmes).filter_map(|(id, p)| {
            let playout = p.playout.as_ref()?;
            let millis = |span: Span| u32::try_from(ms(span)).unwrap_or(u32::MAX);
            Some(TargetStatus {
                id: TargetId(id),
                queued_ms: millis(playout.queued),
                wait_ms: millis(playout.wait),
                rate: playout.rate,
                dubbed_to_ns: playout.dubbed_to.ns().max(-limits::MAX_ABS_NS),
            })
        });
        let status = Status { playhead_ns: report.playhead.ns(), targets: targets.collect() };
        self.connection.say(&ClientMessage::Status(status));
    }

    /// What the playouts have of this session's unfinished dubs.
    pub(super) fn have(&self, report: &Report) -> Vec<Have> {
        let number = self.number();
        let of_target = (0_u8..).zip(&report.programmes).flat_map(|(id, p)| {
            p.held.iter().filter(|(key, _)| key.connection == number).map(move |(key, samples)| Have {
                utterance: UtteranceId(key.utterance),
                target: TargetId(id),
                samples: *samples,
            })
        });
        of_target.take(limits::MAX_HAVE).collect()
    }

    /// Takes a message.
    pub(super) fn hear(&mut self, message: Incoming) -> Heard {
        self.last_heard = Instant::now();
        match message {
            Incoming::Alive => Heard::Nothing,
            Incoming::Closed(reason) => Heard::Closed(reason),
            Incoming::Binary(bytes) => match AudioFrame::decode(bytes) {
                Ok(frame) if frame.kind == Kind::Dub => Heard::Pass(self.pcm(&frame)),
                _ => Heard::Ignored(1),
            },
            Incoming::Text(text) => match ServerMessage::parse(&text) {
                Ok(parsed) if parsed.ignored == 0 => self.control(parsed.message),
                // Fields of a later version do not change the meaning of the ones that we know.
                Ok(parsed) => match self.control(parsed.message) {
                    Heard::Nothing => Heard::Ignored(parsed.ignored),
                    heard => heard,
                },
                Err(_) => Heard::Ignored(1),
            },
        }
    }

    fn key(&self, utterance: UtteranceId) -> Key {
        Key { connection: self.number(), utterance: utterance.0 }
    }

    fn pcm(&self, frame: &AudioFrame) -> Vec<DubInput> {
        if frame.pcm.is_empty() || !self.is_ready() {
            return Vec::new();
        }
        vec![DubInput::Pcm {
            key: self.key(frame.utterance),
            target: usize::from(frame.target.0),
            offset: u64::try_from(frame.pts).unwrap_or(0),
            pcm: frame.pcm.iter().collect(),
        }]
    }

    fn control(&mut self, message: ServerMessage) -> Heard {
        match message {
            ServerMessage::Ready(ready) if !self.is_ready() => Heard::Ready(Box::new(ready)),
            ServerMessage::Utterance(u) => Heard::Pass(vec![DubInput::Utterance {
                key: self.key(u.utterance),
                start: Pts::from_ns(u.start_ns),
                end: Pts::from_ns(u.end_ns),
                text: u.text,
            }]),
            ServerMessage::Dub(d) => Heard::Pass(vec![DubInput::Dub {
                key: self.key(d.utterance),
                target: usize::from(d.target.0),
                text: d.text,
                estimate: Span::from_ms(d.estimate_ms.into()),
            }]),
            ServerMessage::DubEnd(end) => Heard::Pass(vec![self.dub_end(&end)]),
            ServerMessage::Stats(stats) => {
                if let Some(opened) = &mut self.opened {
                    opened.settled = opened.settled.max(Pts::from_ns(stats.settled_ns));
                }
                Heard::Nothing
            }
            ServerMessage::Draining(_) => {
                self.is_draining = true;
                Heard::Draining
            }
            ServerMessage::Error(error) if !self.is_ready() => Heard::Closed(error.message),
            ServerMessage::Done(_) => Heard::Closed("all is settled".to_owned()),
            ServerMessage::Unknown => Heard::Ignored(1),
            ServerMessage::Ready(_) | ServerMessage::Activity(_) | ServerMessage::Error(_) => Heard::Nothing,
        }
    }

    fn dub_end(&self, end: &DubEnd) -> DubInput {
        let how = match end.outcome {
            Outcome::Done => End::Done,
            Outcome::Empty => End::Empty,
            Outcome::Cancelled => End::Cancelled,
            Outcome::Late => End::Late,
            Outcome::Failed | Outcome::Other => End::Failed,
        };
        DubInput::End { key: self.key(end.utterance), target: usize::from(end.target.0), end: how }
    }
}
