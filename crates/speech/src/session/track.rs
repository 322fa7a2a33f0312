//! The dubs of one target: in order of utterance, what was produced of each, how far it was sent, what is kept for a resume.
//! Pure.

use std::collections::VecDeque;
use std::time::Instant;

use dragoman_protocol::{AudioFrame, Dub, DubEnd, Flags, Kind, Outcome, Pcm, ServerMessage, Target, UtteranceId};
use tokio_util::sync::CancellationToken;

/// Seconds of dub that a target holds, sent or not. Beyond it what was sent is forgotten; where nothing was sent (the client
/// paused the target) new utterances are not dubbed.
const HOLD_S: usize = 90;
/// Dubs that a target holds, however short.
const HOLD_DUBS: usize = 256;
/// Milliseconds in an outgoing frame at most.
const FRAME_MS: usize = 80;

/// One target's dubs.
pub(super) struct Track {
    pub(super) target: Target,
    /// What the client last said of its queue.
    pub(super) queued_ms: u32,
    /// The client has enough: audio waits, everything else goes on.
    pub(super) paused: bool,
    rate: usize,
    dubs: VecDeque<Entry>,
    /// Dubs at the front whose end was sent.
    ended: usize,
    /// Samples held.
    held: usize,
}

struct Entry {
    utterance: UtteranceId,
    end_ns: i64,
    /// The engine is cut off then.
    deadline: Instant,
    cancel: CancellationToken,
    heading: Option<Dub>,
    pieces: VecDeque<Pcm>,
    produced: usize,
    sent: usize,
    last_sent: bool,
    end: Option<(Outcome, Option<&'static str>)>,
}

/// Something to send.
pub(super) enum Output {
    Message(ServerMessage),
    Audio(AudioFrame),
}

impl Track {
    pub(super) fn new(target: Target, rate: u32) -> Self {
        let rate = rate as usize;
        Self {
            target,
            queued_ms: 0,
            paused: false,
            rate,
            dubs: VecDeque::new(),
            ended: 0,
            held: 0,
        }
    }

    /// Makes room for another utterance; the token cancels it. `None`: there is none, it has to be given up.
    pub(super) fn open(&mut self, utterance: UtteranceId, end_ns: i64, deadline: Instant) -> Option<CancellationToken> {
        while (self.held > HOLD_S * self.rate || self.dubs.len() >= HOLD_DUBS) && self.ended > 0 {
            self.forget_first();
        }
        let full = self.held > HOLD_S * self.rate || self.dubs.len() >= HOLD_DUBS;
        let cancel = CancellationToken::new();
        self.dubs.push_back(Entry {
            utterance,
            end_ns,
            deadline,
            cancel: cancel.clone(),
            heading: None,
            pieces: VecDeque::new(),
            produced: 0,
            sent: 0,
            last_sent: false,
            end: full.then_some((Outcome::Late, None)),
        });
        (!full).then_some(cancel)
    }

    /// Text and estimate of a dub, if it still goes on.
    pub(super) fn heading(&mut self, heading: Dub) -> bool {
        let Some(entry) = self.running(heading.utterance) else {
            return false;
        };
        entry.heading = Some(heading);
        true
    }

    /// More of a dub; whether it was its first.
    pub(super) fn audio(&mut self, utterance: UtteranceId, pcm: Pcm) -> bool {
        let Some(entry) = self.running(utterance) else {
            return false;
        };
        let first = entry.produced == 0;
        entry.produced += pcm.len();
        let len = pcm.len();
        entry.pieces.push_back(pcm);
        self.held += len;
        first
    }

    /// Ends a dub; what was not sent of one that is not done is dropped. Whether it still went on.
    pub(super) fn end(&mut self, utterance: UtteranceId, outcome: Outcome, code: Option<&'static str>) -> bool {
        let Some(entry) = self.running(utterance) else {
            return false;
        };
        entry.end = Some((outcome, code));
        if outcome != Outcome::Done {
            let before = entry.produced;
            entry.cancel.cancel();
            entry.truncate();
            let after = entry.produced;
            self.held -= before - after;
        }
        true
    }

    /// Stops a dub, even one that is produced but not yet sent; whether there was something to stop, and whether its outcome
    /// had been counted before.
    pub(super) fn cancel(&mut self, utterance: UtteranceId) -> Option<bool> {
        let entry = self
            .dubs
            .iter_mut()
            .skip(self.ended)
            .find(|entry| entry.utterance == utterance)?;
        let counted = entry.end.is_some();
        let before = entry.produced;
        entry.cancel.cancel();
        entry.end = Some((Outcome::Cancelled, None));
        entry.truncate();
        let after = entry.produced;
        self.held -= before - after;
        Some(counted)
    }

    /// Ends every dub that the engine has not ended by its deadline.
    pub(super) fn expire(&mut self, now: Instant) -> Vec<UtteranceId> {
        let late = |entry: &&Entry| entry.end.is_none() && now >= entry.deadline;
        self.dubs.iter().filter(late).map(|entry| entry.utterance).collect()
    }

    /// Whether there is something to send.
    pub(super) fn has_output(&self) -> bool {
        let Some(entry) = self.dubs.get(self.ended) else {
            return false;
        };
        let unsent = entry.sent < entry.produced;
        (unsent && !self.paused) || (!unsent && entry.end.is_some())
    }

    /// The next thing to send.
    pub(super) fn output(&mut self, seq: &mut u32) -> Option<Output> {
        if !self.has_output() {
            return None;
        }
        let (target, rate) = (self.target.id, self.rate);
        let entry = self.dubs.get_mut(self.ended)?;
        let done = matches!(entry.end, Some((Outcome::Done, _)));
        if entry.sent < entry.produced || (done && !entry.last_sent && entry.sent > 0) {
            let pcm = entry.next_piece(rate * FRAME_MS / 1000);
            let pts = entry.sent as i64;
            entry.sent += pcm.len();
            entry.last_sent = done && entry.sent == entry.produced;
            let flags = Flags::NONE
                .with_if(pts == 0, Flags::FIRST)
                .with_if(entry.last_sent, Flags::LAST);
            let frame = AudioFrame {
                kind: Kind::Dub,
                target,
                flags,
                utterance: entry.utterance,
                seq: *seq,
                pts,
                pcm,
            };
            *seq = seq.wrapping_add(1);
            return Some(Output::Audio(frame));
        }
        let (outcome, code) = entry.end?;
        self.ended += 1;
        let (utterance, samples, code) = (entry.utterance, entry.sent as u64, code.map(str::to_owned));
        Some(Output::Message(ServerMessage::DubEnd(DubEnd {
            utterance,
            target,
            outcome,
            samples,
            code,
        })))
    }

    /// The client has played or given up everything up to `dubbed_to_ns`.
    pub(super) fn forget(&mut self, dubbed_to_ns: i64) {
        while self.ended > 0 && self.dubs.front().is_some_and(|entry| entry.end_ns <= dubbed_to_ns) {
            self.forget_first();
        }
    }

    /// Begins again with what is kept; each dub goes on after what the client has of it.
    pub(super) fn rewind(&mut self, have: impl Fn(UtteranceId) -> u64) -> impl Iterator<Item = &Dub> {
        self.ended = 0;
        self.paused = false;
        self.queued_ms = 0;
        for entry in &mut self.dubs {
            entry.sent = entry
                .produced
                .min(usize::try_from(have(entry.utterance)).unwrap_or(usize::MAX));
            entry.last_sent = false;
        }
        self.dubs.iter().filter_map(|entry| entry.heading.as_ref())
    }

    /// Utterances whose end was not sent.
    pub(super) fn open_utterances(&self) -> impl Iterator<Item = UtteranceId> + '_ {
        self.dubs.iter().skip(self.ended).map(|entry| entry.utterance)
    }

    /// The oldest utterance that is kept.
    pub(super) fn oldest(&self) -> Option<UtteranceId> {
        self.dubs.front().map(|entry| entry.utterance)
    }

    /// Nobody waits any more.
    pub(super) fn abandon(&self) {
        self.dubs
            .iter()
            .filter(|entry| entry.end.is_none())
            .for_each(|entry| entry.cancel.cancel());
    }

    fn running(&mut self, utterance: UtteranceId) -> Option<&mut Entry> {
        self.dubs
            .iter_mut()
            .find(|entry| entry.utterance == utterance && entry.end.is_none())
    }

    fn forget_first(&mut self) {
        if let Some(entry) = self.dubs.pop_front() {
            self.held -= entry.produced;
            self.ended = self.ended.saturating_sub(1);
        }
    }
}

impl Entry {
    /// Drops what was not sent.
    fn truncate(&mut self) {
        let mut left = self.sent;
        for piece in &mut self.pieces {
            *piece = piece.take(left);
            left -= piece.len();
        }
        self.pieces.retain(|piece| !piece.is_empty());
        self.produced = self.sent;
    }

    /// At most `most` samples from `sent` on, without crossing a piece.
    fn next_piece(&self, most: usize) -> Pcm {
        let mut skip = self.sent;
        for piece in &self.pieces {
            if skip < piece.len() {
                return piece.skip(skip).take(most);
            }
            skip -= piece.len();
        }
        Pcm::default()
    }
}

#[cfg(test)]
#[path = "track_test.rs"]
mod tests;
