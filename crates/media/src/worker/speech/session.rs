//! One session at one host: what it has said, and in the pacer's words.

use dragoman_audio::playout::{self, End, Key};
use dragoman_protocol::{
    AudioFrame, Cancel, CancelReason, ClientMessage, Cut, DubEnd, Flags, Kind, Outcome, Pcm, Ready, ServerMessage,
    Status, TargetId, TargetStatus, Utterance, UtteranceId, limits,
};
use dragoman_timeline::{Pts, Span};
use tokio::time::{Duration, Instant};
use tokio_tungstenite::tungstenite::Message;

use super::backlog::Piece;
use super::connection::{Connection, Incoming};
use super::record::Record;
use crate::worker::pacer::{DubInput, Report};
use crate::worker::programme::ms;

/// A host that has not said `ready` this long after the upgrade is left for the next.
const READY: Duration = Duration::from_secs(3);
/// A host that has not said `done` this long after our `end` is left.
const OVERSTAY: Duration = Duration::from_secs(20);

/// What a message means for the client.
pub(super) enum Heard {
    Nothing,
    Pass(DubInput),
    Ready(Box<Ready>),
    Draining,
    Closed(String),
}

/// See the module.
pub(super) struct Session {
    pub(super) connection: Connection,
    pub(super) url: String,
    /// Once it is ready.
    record: Option<Record>,
    since: Instant,
    last_heard: Instant,
    seq: u32,
    is_draining: bool,
    ended: Option<Ended>,
    /// Utterances from here on are another host's.
    until: Option<Until>,
    ignored: u32,
}

struct Ended {
    at: Pts,
    since: Instant,
    is_said: bool,
}

struct Until {
    at: Pts,
    /// The first that is not wanted.
    utterance: Option<u32>,
}

impl Session {
    pub(super) fn begin(connection: Connection, url: String) -> Self {
        let now = Instant::now();
        Self {
            connection,
            url,
            record: None,
            since: now,
            last_heard: now,
            seq: 0,
            is_draining: false,
            ended: None,
            until: None,
            ignored: 0,
        }
    }

    /// The host is ready, and goes on with `record`.
    pub(super) fn open(&mut self, record: Record) {
        self.since = Instant::now();
        self.record = Some(record);
    }

    pub(super) fn is_draining(&self) -> bool {
        self.is_draining
    }

    /// The number under which the playouts know its utterances; 0 before it is ready.
    pub(super) fn number(&self) -> u32 {
        self.record.as_ref().map_or(0, |r| r.number)
    }

    pub(super) fn record(&self) -> Option<&Record> {
        self.record.as_ref()
    }

    /// The socket goes, what was said stays; with that, whether the host may know its token again.
    pub(super) fn close(self) -> Option<(Record, bool)> {
        let is_kept = !self.is_draining;
        self.record.map(|record| (record, is_kept))
    }

    /// Since it became ready.
    pub(super) fn lived(&self) -> Duration {
        self.since.elapsed()
    }

    pub(super) fn is_silent(&self, now: Instant) -> bool {
        now - self.last_heard > limits::LOST_AFTER
    }

    pub(super) fn is_unready(&self, now: Instant) -> bool {
        self.record.is_none() && now - self.since > READY
    }

    pub(super) fn has_overstayed(&self, now: Instant) -> bool {
        self.ended.as_ref().is_some_and(|e| now - e.since > OVERSTAY)
    }

    pub(super) fn has_ended(&self) -> bool {
        self.ended.is_some()
    }

    /// Unknown fields and types and faulty frames since the last time.
    pub(super) fn take_ignored(&mut self) -> u32 {
        std::mem::take(&mut self.ignored)
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

    /// Another host has the sound from `at` on.
    pub(super) fn leave(&mut self, at: Pts) {
        self.until = Some(Until { at, utterance: None });
        self.end(at);
    }

    /// No more sound for this one.
    pub(super) fn end(&mut self, at: Pts) {
        self.ended = Some(Ended {
            at,
            since: Instant::now(),
            is_said: false,
        });
        self.say_end();
    }

    /// Says `end` if that is due and there is room.
    pub(super) fn say_end(&mut self) {
        if let Some(ended) = self.ended.as_mut().filter(|e| !e.is_said) {
            let end = ClientMessage::End(dragoman_protocol::End { at_ns: ended.at.ns() });
            ended.is_said = self.connection.say(&end);
        }
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
        self.connection.say(&ClientMessage::Cancel(Cancel {
            utterance: UtteranceId(key.utterance),
            target,
            reason,
        }));
    }

    pub(super) fn say_status(&mut self, report: &Report) {
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
        let targets: Vec<_> = targets.collect();
        let dubbed_to = targets.iter().map(|t| t.dubbed_to_ns).min();
        let status = Status {
            playhead_ns: report.playhead.ns(),
            targets,
        };
        if self.connection.say(&ClientMessage::Status(status))
            && let (Some(record), Some(dubbed_to)) = (&mut self.record, dubbed_to)
        {
            record.forget(Pts::from_ns(dubbed_to));
        }
    }

    /// Takes a message.
    pub(super) fn hear(&mut self, message: Incoming) -> Heard {
        self.last_heard = Instant::now();
        match message {
            Incoming::Alive => Heard::Nothing,
            Incoming::Closed(reason) => Heard::Closed(reason),
            Incoming::Binary(bytes) => match AudioFrame::decode(bytes) {
                Ok(frame) if frame.kind == Kind::Dub => self.pcm(&frame),
                _ => self.faulty(),
            },
            Incoming::Text(text) => match ServerMessage::parse(&text) {
                Ok(parsed) => {
                    // What a later version adds does not change the meaning of what is known here.
                    self.ignored += parsed.ignored;
                    self.control(parsed.message)
                }
                Err(_) => self.faulty(),
            },
        }
    }

    /// Before it is ready, a host that breaks the contract is no speech host; later that is worth a count.
    fn faulty(&mut self) -> Heard {
        if self.record.is_none() {
            return Heard::Closed("what the host says is not the protocol".to_owned());
        }
        self.ignored += 1;
        Heard::Nothing
    }

    fn key(&self, utterance: UtteranceId) -> Key {
        Key {
            connection: self.number(),
            utterance: utterance.0,
        }
    }

    /// Whether an utterance is another host's.
    fn is_beyond(&self, utterance: UtteranceId) -> bool {
        self.until
            .as_ref()
            .and_then(|u| u.utterance)
            .is_some_and(|first| utterance.0 >= first)
    }

    fn pcm(&mut self, frame: &AudioFrame) -> Heard {
        let offset = u64::try_from(frame.pts).unwrap_or(0);
        let len = frame.pcm.len() as u64;
        let Some(record) = &mut self.record else {
            return self.faulty();
        };
        // The last frame of a dub may be empty; what was sent before a resume may come again.
        if !record.pcm(frame.utterance, frame.target, offset, len) || len == 0 || self.is_beyond(frame.utterance) {
            return Heard::Nothing;
        }
        Heard::Pass(DubInput::Pcm {
            key: self.key(frame.utterance),
            target: usize::from(frame.target.0),
            offset,
            pcm: frame.pcm.iter().collect(),
        })
    }

    fn control(&mut self, message: ServerMessage) -> Heard {
        if self.record.is_none() {
            return self.first(message);
        }
        match message {
            ServerMessage::Utterance(utterance) => self.utterance(utterance),
            ServerMessage::Dub(d) if !self.is_beyond(d.utterance) => Heard::Pass(DubInput::Dub {
                key: self.key(d.utterance),
                target: usize::from(d.target.0),
                text: d.text,
                estimate: Span::from_ms(d.estimate_ms.into()),
            }),
            ServerMessage::DubEnd(end) => {
                let is_new = self.record.as_mut().is_some_and(|r| r.end(end.utterance, end.target));
                if is_new && !self.is_beyond(end.utterance) {
                    Heard::Pass(self.dub_end(&end))
                } else {
                    Heard::Nothing
                }
            }
            ServerMessage::Stats(stats) => {
                if let Some(record) = &mut self.record {
                    record.settle(Pts::from_ns(stats.settled_ns));
                }
                Heard::Nothing
            }
            ServerMessage::Draining(_) => {
                self.is_draining = true;
                Heard::Draining
            }
            ServerMessage::Done(_) => Heard::Closed("all is settled".to_owned()),
            ServerMessage::Unknown
            | ServerMessage::Dub(_)
            | ServerMessage::Ready(_)
            | ServerMessage::Activity(_)
            | ServerMessage::Error(_) => Heard::Nothing,
        }
    }

    /// A message before the session is open.
    fn first(&mut self, message: ServerMessage) -> Heard {
        match message {
            ServerMessage::Ready(ready) => match ready.features.first() {
                Some(feature) => Heard::Closed(format!("the host wants {feature:?}, which is not known here")),
                None => Heard::Ready(Box::new(ready)),
            },
            ServerMessage::Error(error) => Heard::Closed(format!("{}: {}", error.code, error.message)),
            ServerMessage::Draining(_) => Heard::Closed("the host drains".to_owned()),
            ServerMessage::Unknown => Heard::Nothing,
            _ => self.faulty(),
        }
    }

    fn utterance(&mut self, utterance: Utterance) -> Heard {
        let Utterance {
            utterance: id,
            start_ns,
            end_ns,
            cut,
            text,
            ..
        } = utterance;
        let (start, end) = (Pts::from_ns(start_ns), Pts::from_ns(end_ns));
        if let Some(until) = self.until.as_mut().filter(|u| u.utterance.is_none() && start >= u.at) {
            until.utterance = Some(id.0);
        }
        if self.is_beyond(id) {
            let cancel = Cancel {
                utterance: id,
                target: None,
                reason: CancelReason::Stale,
            };
            self.connection.say(&ClientMessage::Cancel(cancel));
            return Heard::Nothing;
        }
        if let Some(record) = &mut self.record {
            record.utterance(id, start, end);
        }
        Heard::Pass(DubInput::Utterance {
            key: self.key(id),
            start,
            end,
            goes_on: matches!(cut, Cut::Clause | Cut::Cap),
            text,
        })
    }

    fn dub_end(&self, end: &DubEnd) -> DubInput {
        let how = match end.outcome {
            Outcome::Done => End::Done,
            Outcome::Empty => End::Empty,
            Outcome::Cancelled => End::Cancelled,
            Outcome::Late => End::Late,
            Outcome::Failed | Outcome::Other => End::Failed,
        };
        DubInput::End {
            key: self.key(end.utterance),
            target: usize::from(end.target.0),
            end: how,
        }
    }
}
