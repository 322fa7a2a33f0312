//! What is dropped and what is said next. It runs only when something happened: see the module's first paragraph.

use super::account::FAST_RELEASE;
use super::entry::Entry;
use super::voice::{Cue, Phase, Voice};
use super::{CancelReason, Event, Outcome, Playout, level, ms, pts, span};
use crate::RATE;
use crate::resample::Resampler;

/// R8: the bed is down when the dub begins, if that is known this long before.
const LEAD: i64 = ms(60);
const LATE_ATTACK: u32 = ms(40) as u32;
const RELEASE: u32 = ms(300) as u32;
const STAY_DOWN: i64 = ms(800);
/// R4: a longer pause between two utterances need not be kept.
const LONGEST_GAP: i64 = ms(80);
/// R6, R7: a wait up to this is no fault; shedding ends there, and pauses are left alone.
const SETTLED: i64 = ms(500);
/// R9: so much more lets a starved voice go on, if it comes in time.
const RESUME: usize = ms(200) as usize;
pub(super) const PATIENCE: i64 = ms(400);

/// Where the first startable dub would begin.
#[derive(Clone, Copy, Debug)]
pub(super) struct Forecast {
    pub(super) index: usize,
    pub(super) at: i64,
    pub(super) wait: i64,
}

impl Playout {
    /// R4, after what is being said.
    pub(super) fn forecast(&self) -> Option<Forecast> {
        let (index, ready) = self.queue.iter().enumerate().find_map(|(n, e)| Some((n, e.ready()?)))?;
        let (end, source_end) = match self.voice.as_ref() {
            Some(voice) => {
                let from = if let Phase::Cued(at) = voice.phase {
                    at
                } else {
                    self.playhead()
                };
                (from + voice.left(), voice.end)
            }
            None => (self.previous.end, self.previous.source_end),
        };
        let gap = self.queue[index].start.saturating_sub(source_end).clamp(0, LONGEST_GAP);
        let at = ready.max(end + gap).max(self.playhead());
        Some(Forecast {
            index,
            at,
            wait: at - ready,
        })
    }

    /// Looks at everything that may change at frame `pos` and sets the timer for what time alone will change next.
    pub(super) fn decide(&mut self, pos: i64) {
        self.dirty = false;
        self.timer = i64::MAX;
        self.feed_starved(pos);
        self.drop_unsaid(pos);
        while let Some(next) = self.forecast() {
            let entry = &self.queue[next.index];
            if next.at - entry.end > self.max_stale {
                self.drop_at(next.index, Outcome::Stale, Some(CancelReason::Stale));
                continue;
            }
            if next.wait > self.max_wait || (self.shedding && next.wait > SETTLED) {
                self.shedding = true;
                (0..=next.index).for_each(|_| self.drop_at(0, Outcome::Shed, Some(CancelReason::Shed)));
                continue;
            }
            self.shedding = false;
            if self.voice.is_some() {
                break;
            }
            // One that is ready waits a little for those before it, then they have missed their turn.
            let mut due = next.at - LEAD;
            if next.index > 0 {
                due = due.max(next.at - next.wait + SETTLED);
            }
            if pos < due {
                self.timer = self.timer.min(due);
                break;
            }
            (0..next.index).for_each(|_| self.drop_at(0, Outcome::Shed, Some(CancelReason::Shed)));
            self.cue(pos, Forecast { index: 0, ..next });
        }
        self.open_bed(pos);
    }

    /// R9: a starved voice goes on, is over, or waits.
    fn feed_starved(&mut self, pos: i64) {
        let Some(voice) = self.voice.as_mut() else { return };
        let Phase::Starved(until) = voice.phase else { return };
        voice.make(RESUME);
        if voice.is_made() && voice.ready() == 0 {
            self.complete();
        } else if voice.is_made() || voice.ready() >= RESUME {
            voice.phase = Phase::Sounding;
            voice.rise();
            let depth = voice.cue.depth;
            self.duck.head_for(depth, LATE_ATTACK);
        } else if pos >= until {
            self.break_off(Outcome::Truncated, Some(CancelReason::Truncated));
        } else {
            self.timer = self.timer.min(until);
        }
    }

    /// R7: drops what never became startable and is stale by now.
    fn drop_unsaid(&mut self, pos: i64) {
        let stale = |e: &Entry, max: i64| e.startable.is_none() && pos - e.end > max;
        while let Some(index) = self.queue.iter().position(|e| stale(e, self.max_stale)) {
            self.drop_at(index, Outcome::Stale, Some(CancelReason::Stale));
        }
        let next = self
            .queue
            .iter()
            .filter(|e| e.startable.is_none())
            .map(|e| e.end + self.max_stale + 1)
            .min();
        self.timer = self.timer.min(next.unwrap_or(i64::MAX));
    }

    /// Makes the head of the queue the voice. From here on it is not dropped.
    fn cue(&mut self, pos: i64, forecast: Forecast) {
        let Forecast { at, wait, .. } = forecast;
        let entry = self.queue.remove(0);
        let pause = self.queue.first().map_or(0, |next| next.start - entry.end);
        let rate = level::rate(entry.length(), entry.end - entry.start, pause, wait, self.previous.rate);
        let length = (entry.length() as f64 / rate) as i64;
        let (gain, depth) = self.levels(entry.sound.meter.lufs(), at, at + length);
        let spare = self.spare.take().filter(|r| r.from() == entry.sound.rate);
        let Some(resampler) = spare.or_else(|| Resampler::new(entry.sound.rate, RATE, 1).ok()) else {
            // Sound at such a rate is refused, so that no such dub becomes startable.
            self.settle_unbegun(&entry, Outcome::Failed, Some(CancelReason::Shed));
            return;
        };
        self.previous.rate = rate;
        let late_attack = at - pos < LEAD;
        if !late_attack {
            self.duck.head_for(depth, LEAD as u32);
        }
        let cue = Cue {
            at,
            wait,
            rate,
            shorten: wait > SETTLED,
            gain,
            depth,
            late_attack,
        };
        self.watermark = self.watermark.max(entry.end);
        self.voice = Some(Voice::new(entry, cue, resampler));
        while let Some(index) = self.queue.iter().position(|e| self.is_dubbed(e.start, e.end)) {
            self.drop_at(index, Outcome::Discarded, Some(CancelReason::Stale));
        }
    }

    /// The cued voice begins at this frame.
    pub(super) fn begin(&mut self) {
        let Some(voice) = self.voice.as_mut() else { return };
        voice.phase = Phase::Sounding;
        let (key, lag, cue) = (voice.key, voice.cue.at - voice.start, voice.cue);
        if cue.late_attack {
            self.duck.head_for(cue.depth, LATE_ATTACK);
        }
        self.tell(Event::Started {
            key,
            at: pts(cue.at),
            lag: span(lag),
            rate: cue.rate,
        });
    }

    /// The voice has too little left to go on (R9).
    pub(super) fn starve(&mut self) {
        self.duck.hurry(1.0, FAST_RELEASE);
    }

    /// R8: without a voice the bed is open, unless the next dub is near and sure.
    fn open_bed(&mut self, pos: i64) {
        if self.voice.is_some() || self.duck.target() == 1.0 {
            return;
        }
        let near = self
            .forecast()
            .is_some_and(|next| next.index == 0 && next.at - pos <= STAY_DOWN);
        if !near {
            // Where the speech goes on, the dub that should follow is missing, and its listeners are owed the original.
            let release = if self.previous.goes_on { FAST_RELEASE } else { RELEASE };
            self.duck.head_for(1.0, release);
        }
    }
}
