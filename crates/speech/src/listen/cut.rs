//! Where utterances begin and end: pure, from one voice score per frame to intervals in samples.
//!
//! ```text
//!          onset (voice for ONSET)                pause | clause: silence after the last voice
//!   idle ─────────────────────────────▶ open ─────────────────────────────────────────────▶ idle
//!                                         │  ▲
//!                                         └──┘ cap: the next one starts where this one ends
//! ```
//!
//! An utterance starts `LEAD` before its first voice and ends `TAIL` after its last one, never before the end of the previous
//! one. Nothing here depends on how the audio was cut into messages.

use dragoman_protocol::Cut;

/// Samples per second that positions count.
pub const RATE: u32 = 16_000;
/// Samples in a frame of the voice detector.
pub const FRAME: usize = 256;

const FRAME_LEN: u64 = FRAME as u64;
/// Voice that long begins an utterance; a click or a tick does not last as long.
const ONSET: u64 = 3 * FRAME_LEN;
/// Kept before the first voice: the detector notices soft beginnings late.
const LEAD: u64 = 4 * FRAME_LEN;
/// Kept after the last voice.
const TAIL: u64 = 4 * FRAME_LEN;
/// An utterance with less voice than this was a noise.
const LEAST: u64 = 8 * FRAME_LEN;
/// A score from which on a frame is voice.
const VOICE_ON: f32 = 0.5;
/// A score down to which voice goes on.
const VOICE_OFF: f32 = 0.35;

/// What an engine wants utterances to be like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Silence that ends an utterance.
    pub pause_ms: u32,
    /// A shorter silence that ends an utterance which is long enough already.
    pub clause: Option<Clause>,
    /// Longest utterance.
    pub cap_ms: u32,
    /// Where the cap cuts: at the quietest frame of the last so many milliseconds; 0 cuts at the cap to the sample.
    pub cap_search_ms: u32,
}

/// See [`Settings::clause`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Clause {
    /// From this length on.
    pub after_ms: u32,
    /// Silence that ends it.
    pub pause_ms: u32,
}

/// What the voice detector says of one frame.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Frame {
    /// 0 to 1.
    pub voice: f32,
    /// Mean square of the samples; only compared with other frames.
    pub energy: f32,
}

/// What the cutter noticed; positions are samples since its start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// Voice began or ended.
    Activity {
        /// Which of both.
        speech: bool,
        /// Where.
        at: u64,
    },
    /// An utterance is complete.
    Utterance {
        /// First sample.
        start: u64,
        /// After the last sample.
        end: u64,
        /// Why it ends there.
        cut: Cut,
    },
}

/// Cuts one unbroken run of audio.
#[derive(Clone, Debug)]
pub struct Cutter {
    settings: Settings,
    /// Samples seen.
    position: u64,
    /// End of the last utterance: the next one does not start before.
    floor: u64,
    /// Whether the last frame was voice.
    voiced: bool,
    state: State,
}

#[derive(Clone, Debug)]
enum State {
    Idle {
        /// Voice at the end of what was seen, in samples.
        onset: u64,
    },
    Open(Open),
}

#[derive(Clone, Debug)]
struct Open {
    start: u64,
    /// Samples of voice in it.
    voice: u64,
    /// After its last voice.
    voice_end: u64,
    /// Energy of each frame within `cap_search_ms`, the newest last.
    recent: Vec<f32>,
}

impl Cutter {
    /// A cutter at the beginning of a run.
    pub fn new(settings: Settings) -> Self {
        Self {
            settings,
            position: 0,
            floor: 0,
            voiced: false,
            state: State::Idle { onset: 0 },
        }
    }

    /// Takes the next frame; events come in order of time.
    pub fn push(&mut self, frame: Frame, events: &mut Vec<Event>) {
        self.voiced = frame.voice >= if self.voiced { VOICE_OFF } else { VOICE_ON };
        self.position += FRAME_LEN;
        match &mut self.state {
            State::Idle { onset } => {
                *onset = if self.voiced { *onset + FRAME_LEN } else { 0 };
                if *onset >= ONSET {
                    let (voice, start) = (*onset, (self.position - *onset).saturating_sub(LEAD).max(self.floor));
                    events.push(Event::Activity {
                        speech: true,
                        at: start,
                    });
                    self.open(start, voice);
                }
            }
            State::Open(open) => {
                if self.voiced {
                    open.voice += FRAME_LEN;
                    open.voice_end = self.position;
                }
                let keep = samples(self.settings.cap_search_ms).div_ceil(FRAME_LEN) as usize;
                if keep > 0 {
                    open.recent.drain(..(open.recent.len() + 1).saturating_sub(keep));
                    open.recent.push(frame.energy);
                }
                self.cut(events);
            }
        }
    }

    /// The run ends here, `rest` samples after the last whole frame.
    pub fn finish(mut self, rest: u64, events: &mut Vec<Event>) {
        if let State::Open(open) = &self.state {
            let end = if self.voiced {
                self.position + rest
            } else {
                (open.voice_end + TAIL).min(self.position + rest)
            };
            self.close(end, Cut::End, events);
        }
    }

    /// No later utterance starts before this position, and none that is open.
    pub fn earliest(&self) -> u64 {
        match &self.state {
            State::Idle { onset } => (self.position - onset).saturating_sub(LEAD).max(self.floor),
            State::Open(open) => open.start,
        }
    }

    fn open(&mut self, start: u64, voice: u64) {
        self.state = State::Open(Open {
            start,
            voice,
            voice_end: self.position,
            recent: Vec::new(),
        });
    }

    fn cut(&mut self, events: &mut Vec<Event>) {
        let State::Open(open) = &self.state else { return };
        let silence = self.position - open.voice_end;
        let natural = (open.voice_end + TAIL).min(self.position);
        let cap = open.start + samples(self.settings.cap_ms);
        let clause = self.settings.clause.filter(|clause| {
            open.voice_end - open.start >= samples(clause.after_ms) && silence >= samples(clause.pause_ms)
        });
        if silence >= samples(self.settings.pause_ms) {
            self.close(natural.min(cap), Cut::Pause, events);
        } else if clause.is_some() {
            self.close(natural.min(cap), Cut::Clause, events);
        } else if self.position >= cap && silence > 0 {
            // The speaker is between two words: a better joint than the cap itself, and the wait for a pause is over.
            self.close(natural.min(cap), Cut::Cap, events);
        } else if self.position >= cap {
            let end = quietest(&open.recent, self.position, cap);
            events.push(Event::Utterance {
                start: open.start,
                end,
                cut: Cut::Cap,
            });
            self.floor = end;
            self.open(end, self.position - end);
        }
    }

    fn close(&mut self, end: u64, cut: Cut, events: &mut Vec<Event>) {
        let State::Open(open) = &self.state else { return };
        if open.voice >= LEAST {
            events.push(Event::Utterance {
                start: open.start,
                end,
                cut,
            });
            self.floor = end;
        }
        events.push(Event::Activity { speech: false, at: end });
        self.state = State::Idle { onset: 0 };
    }
}

/// The middle of the quietest frame of `recent`, whose last frame ends at `position`; `cap` where there is none.
fn quietest(recent: &[f32], position: u64, cap: u64) -> u64 {
    let frames = recent.iter().rev().enumerate();
    let best = frames.min_by(|(_, a), (_, b)| a.total_cmp(b));
    best.map_or(cap, |(back, _)| {
        (position - back as u64 * FRAME_LEN - FRAME_LEN / 2).min(cap)
    })
}

fn samples(ms: u32) -> u64 {
    u64::from(ms) * u64::from(RATE) / 1000
}

#[cfg(test)]
#[path = "cut_test.rs"]
mod tests;
