//! What the playout is told between blocks.

use dragoman_timeline::{Pts, Span};

use super::entry::Entry;
use super::voice::{Phase, Voice};
use super::{CancelReason, End, Event, Key, Outcome, Playout, Status, ms, pts, span};
use crate::{RATE, resample};

/// An engine that announces more than this ahead of what it says is not dubbing live.
const MOST_OPEN: usize = 256;
/// Connections whose rates are remembered.
const MOST_CONNECTIONS: usize = 64;
/// A longer estimate is a mistake, and believing it would shed whatever follows.
const LONGEST_DUB: i64 = ms(60_000);
/// How long speech is remembered for the loudness of the original.
const SPEECH_KEPT: i64 = ms(120_000);

impl Playout {
    /// Sets the rate of the dubs of `connection`. False if sound at this rate cannot be taken: its dubs are then refused.
    pub fn set_dub_rate(&mut self, connection: u32, rate: u32) -> bool {
        self.dub_rates.retain(|&(c, _)| c != connection);
        if self.dub_rates.len() == MOST_CONNECTIONS {
            self.dub_rates.remove(0);
        }
        self.dub_rates.push((connection, rate));
        for entry in self.queue.iter_mut().filter(|e| e.key.connection == connection) {
            entry.set_rate(rate);
        }
        resample::supported(rate, RATE)
    }

    fn rate_of(&self, connection: u32) -> u32 {
        self.dub_rates
            .iter()
            .find(|&&(c, _)| c == connection)
            .map_or(self.config.dub_rate, |&(_, rate)| rate)
    }

    /// An utterance `[start, end)` of the source was found. Repeats are ignored.
    pub fn utterance(&mut self, key: Key, start: Pts, end: Pts) {
        if self.finished || self.is_known(key) {
            return;
        }
        let (start, end) = (start.samples(RATE), end.samples(RATE).max(start.samples(RATE) + 1));
        self.speech.push_back((start, end));
        while self.speech.front().is_some_and(|&(_, e)| e < end - SPEECH_KEPT) || self.speech.len() > MOST_OPEN {
            self.speech.pop_front();
        }
        let entry = Entry::new(key, start, end, self.rate_of(key.connection));
        if self.muted {
            self.settle_unbegun(&entry, Outcome::Cancelled, Some(CancelReason::Muted));
        } else if self.is_dubbed(start, end) {
            self.settle_unbegun(&entry, Outcome::Discarded, Some(CancelReason::Stale));
        } else {
            let index = self.queue.partition_point(|e| e.order() < entry.order());
            self.queue.insert(index, entry);
            if self.queue.len() > MOST_OPEN {
                self.drop_at(0, Outcome::Shed, Some(CancelReason::Shed));
            }
            self.dirty = true;
        }
    }

    /// R3: whether more than half of `[start, end)` lies before the watermark.
    pub(super) fn is_dubbed(&self, start: i64, end: i64) -> bool {
        (self.watermark - start).saturating_mul(2) > end - start
    }

    /// An utterance was cut in mid-speech: unless the next dub follows its own at once, the original is back within 100 ms.
    pub fn goes_on(&mut self, key: Key) {
        if let Some(entry) = self.queue.iter_mut().find(|e| e.key == key) {
            entry.goes_on = true;
        } else if let Some(voice) = self.voice.as_mut().filter(|v| v.key == key) {
            voice.goes_on = true;
        }
    }

    /// The engine expects the dub to be this long.
    pub fn estimate(&mut self, key: Key, length: Span) {
        let frames = length.samples(RATE).clamp(0, LONGEST_DUB);
        if let Some(entry) = self.queue.iter_mut().find(|e| e.key == key) {
            entry.estimate = Some(frames);
        } else if let Some(voice) = self.voice.as_mut().filter(|v| v.key == key) {
            voice.expected = frames;
        }
        self.dirty = true;
    }

    /// Dub PCM, mono at the connection's dub rate, whose first sample is sample `offset` of the dub. What is known already
    /// is ignored; what would leave a hole, belongs to no open utterance or has no room is refused and counted.
    pub fn dub(&mut self, key: Key, offset: u64, pcm: &[i16]) {
        let playhead = self.playhead();
        let room = self.config.max_buffered;
        if let Some(voice) = self
            .voice
            .as_mut()
            .filter(|v| v.key == key && v.ended.is_none() && !v.settled)
        {
            let held = Span::from_samples((voice.unused() + pcm.len()) as i64, voice.sound.rate);
            let taken = held <= room && voice.sound.feed(offset, pcm);
            self.refused += u64::from(!taken);
        } else if let Some(entry) = self.queue.iter_mut().find(|e| e.key == key && !e.ended) {
            let taken = resample::supported(entry.sound.rate, RATE) && entry.sound.feed(offset, pcm);
            entry.notice(playhead);
            self.refused += u64::from(!taken);
        } else {
            self.refused += u64::from(!self.is_known(key));
            return;
        }
        while self.unstarted() > room {
            let Some(oldest) = self.queue.iter().position(|e| !e.sound.pcm.is_empty()) else {
                break;
            };
            self.drop_at(oldest, Outcome::Shed, Some(CancelReason::Shed));
        }
        self.dirty = true;
    }

    fn unstarted(&self) -> Span {
        self.queue.iter().fold(Span::ZERO, |sum, e| {
            sum + Span::from_samples(e.sound.pcm.len() as i64, e.sound.rate)
        })
    }

    /// The speech service has ended a dub.
    pub fn end(&mut self, key: Key, end: End) {
        let playhead = self.playhead();
        self.dirty = true;
        if let Some(voice) = self.voice.as_mut().filter(|v| v.key == key && v.ended.is_none()) {
            if let (Phase::Cued(_), Some(outcome)) = (voice.phase, without_dub(end)) {
                self.break_off(outcome, None);
                return;
            }
            voice.ended = Some(end);
            voice.sound.scan(true);
            return;
        }
        let Some(index) = self.queue.iter().position(|e| e.key == key && !e.ended) else {
            return;
        };
        let entry = &mut self.queue[index];
        entry.ended = true;
        if let Some(outcome) = without_dub(end) {
            self.drop_at(index, outcome, None);
            return;
        }
        entry.sound.scan(true);
        entry.notice(playhead);
        if entry.startable.is_none() {
            self.drop_at(index, Outcome::Empty, None);
        }
    }

    /// The dubs that the service has not ended, and how many of their samples are here from the first on.
    pub fn held(&self) -> Vec<(Key, u64)> {
        let voice = self.voice.iter().filter(|v| v.ended.is_none() && !v.settled);
        let queue = self.queue.iter().filter(|e| !e.ended);
        let voice = voice.map(|v| (v.key, v.sound.pcm.len() as u64));
        voice.chain(queue.map(|e| (e.key, e.sound.pcm.len() as u64))).collect()
    }

    /// A connection is gone for good: nothing more comes for its unfinished dubs. What it sent as a whole is still said.
    pub fn lost(&mut self, connection: u32) {
        if self
            .voice
            .as_ref()
            .is_some_and(|v| v.key.connection == connection && v.ended.is_none())
        {
            self.break_off(Outcome::Truncated, None);
        }
        while let Some(index) = self
            .queue
            .iter()
            .position(|e| e.key.connection == connection && !e.ended)
        {
            self.drop_at(index, Outcome::Failed, None);
        }
        self.dub_rates.retain(|&(c, _)| c != connection);
        self.dirty = true;
    }

    /// The operator's bypass: the bed is at full level within 100 ms, and what is and comes open ends as cancelled.
    pub fn mute(&mut self, on: bool) {
        if on && !self.muted {
            self.cancel_all(Some(CancelReason::Muted));
        }
        self.muted = on;
        self.dirty = true;
    }

    fn cancel_all(&mut self, reason: Option<CancelReason>) {
        if self.voice.is_some() {
            self.break_off(Outcome::Cancelled, reason);
        }
        while !self.queue.is_empty() {
            self.drop_at(0, Outcome::Cancelled, reason);
        }
        self.dirty = true;
    }

    /// The source's sound as it comes in, ahead of its release, interleaved stereo: R11 listens to it.
    pub fn original(&mut self, at: Pts, stereo: &[f32]) {
        self.original.push(at.samples(RATE), stereo);
    }

    /// The session ends: what is open ends as cancelled, and nothing is taken any more.
    pub fn finish(&mut self) {
        self.cancel_all(None);
        self.finished = true;
    }

    /// The oldest report that was not read yet.
    pub fn next_event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    /// Where it stands.
    pub fn status(&self) -> Status {
        let voice = self.voice.as_ref().filter(|v| !v.settled);
        let begun = voice.filter(|v| !matches!(v.phase, Phase::Cued(_)));
        let forecast = self.forecast().map(|f| f.wait);
        Status {
            playhead: pts(self.pos.unwrap_or(0)),
            queued: self.unstarted() + voice.map_or(Span::ZERO, |v| span(v.left())),
            wait: span(forecast.or(voice.map(|v| v.cue.wait)).unwrap_or(0)),
            rate: self.previous.rate,
            dubbed_to: pts(self.dubbed_to.max(begun.map_or(0, |v: &Voice| v.start)).max(0)),
            open: self.queue.len() + usize::from(voice.is_some()),
            refused: self.refused,
            lost_events: self.lost_events,
        }
    }
}

/// What an end means for a dub that did not begin; none where there is a dub.
fn without_dub(end: End) -> Option<Outcome> {
    match end {
        End::Done => None,
        End::Empty => Some(Outcome::Empty),
        End::Cancelled => Some(Outcome::Cancelled),
        End::Late => Some(Outcome::Stale),
        End::Failed => Some(Outcome::Failed),
    }
}
