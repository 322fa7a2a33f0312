//! R12: each utterance is settled once.

use super::entry::Entry;
use super::voice::{Phase, RESERVE, Voice};
use super::{CancelReason, End, Event, Key, Outcome, Playout, ms, span};

/// R4 calls a shorter gap none, so a dub no later than this is in time.
const ON_TIME: i64 = ms(80);
/// R8: after underrun, loss and mute.
pub(super) const FAST_RELEASE: u32 = ms(80) as u32;
/// A caller that does not read its events loses the oldest.
const MOST_EVENTS: usize = 4_096;
/// Keys whose repeats are recognised: more than a connection can have open.
const MOST_SETTLED: usize = 1_024;

impl Playout {
    pub(super) fn tell(&mut self, event: Event) {
        if self.events.len() == MOST_EVENTS {
            self.events.pop_front();
            self.lost_events += 1;
        }
        self.events.push_back(event);
    }

    fn remember(&mut self, key: Key) {
        if self.settled.len() == MOST_SETTLED {
            self.settled.pop_front();
        }
        self.settled.push_back(key);
    }

    pub(super) fn is_known(&self, key: Key) -> bool {
        self.voice.as_ref().is_some_and(|v| v.key == key)
            || self.queue.iter().any(|e| e.key == key)
            || self.settled.contains(&key)
    }

    /// Settles the utterance at `index` of the queue, which never began.
    pub(super) fn drop_at(&mut self, index: usize, outcome: Outcome, reason: Option<CancelReason>) {
        let entry = self.queue.remove(index);
        self.settle_unbegun(&entry, outcome, reason);
    }

    /// Settles an utterance that never began.
    pub(super) fn settle_unbegun(&mut self, entry: &Entry, outcome: Outcome, reason: Option<CancelReason>) {
        let until = self.playhead() + self.voice.as_ref().map_or(0, Voice::left);
        let heard = Some(self.quiet.judge(entry.start, entry.end, until));
        if let (Some(reason), false) = (reason, entry.ended) {
            self.tell(Event::Cancel { key: entry.key, reason });
        }
        self.remember(entry.key);
        self.tell(Event::Ended {
            key: entry.key,
            outcome,
            lag: None,
            wait: None,
            heard,
        });
    }

    /// Settles the voice, which goes on to fade or falls silent by itself.
    pub(super) fn settle_voice(&mut self, outcome: Outcome, reason: Option<CancelReason>) {
        let Some(voice) = self.voice.as_mut().filter(|v| !v.settled) else {
            return;
        };
        voice.settled = true;
        let (key, at, wait, open) = (voice.key, voice.cue.at, voice.cue.wait, voice.ended.is_none());
        let (begun, lag) = (!matches!(voice.phase, Phase::Cued(_)), at - voice.start);
        let (start, end) = (voice.start, voice.end);
        if let (Some(reason), true) = (reason, open) {
            self.tell(Event::Cancel { key, reason });
        }
        self.remember(key);
        let heard = (!begun).then(|| self.quiet.judge(start, end, self.playhead()));
        let (lag, wait) = if begun {
            (Some(span(lag)), Some(span(wait)))
        } else {
            (None, None)
        };
        self.tell(Event::Ended {
            key,
            outcome,
            lag,
            wait,
            heard,
        });
        if begun {
            self.dubbed_to = self.dubbed_to.max(end);
        }
    }

    /// The voice has said all there is.
    pub(super) fn complete(&mut self) {
        let outcome = match self.voice.as_ref() {
            Some(voice) => match voice.ended {
                Some(End::Done) if voice.cue.at - voice.start <= ON_TIME => Outcome::OnTime,
                Some(End::Done) => Outcome::Late,
                Some(End::Cancelled) => Outcome::Cancelled,
                _ => Outcome::Truncated,
            },
            None => return,
        };
        self.settle_voice(outcome, None);
        self.silence_voice();
    }

    /// Ends the voice here and now: fades it if it sounds, and opens the bed.
    pub(super) fn break_off(&mut self, outcome: Outcome, reason: Option<CancelReason>) {
        self.settle_voice(outcome, reason);
        self.duck.hurry(1.0, FAST_RELEASE);
        let Some(voice) = self.voice.as_mut() else { return };
        let fades = match voice.phase {
            Phase::Cued(_) | Phase::Starved(_) => false,
            Phase::Fading { .. } => true,
            Phase::Sounding => {
                voice.make(RESERVE);
                voice.fade()
            }
        };
        if !fades {
            self.silence_voice();
        }
    }

    /// There is no voice any more.
    pub(super) fn silence_voice(&mut self) {
        let Some(voice) = self.voice.take() else { return };
        if !matches!(voice.phase, Phase::Cued(_)) {
            self.previous.end = self.playhead();
            self.previous.source_end = voice.end;
            self.previous.goes_on = voice.goes_on;
        }
        self.spare = Some(voice.into_resampler());
        self.dirty = true;
    }
}
