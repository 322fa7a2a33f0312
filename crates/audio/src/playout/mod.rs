//! What is heard when: one [`Playout`] per target lays dubs over the bed.
//!
//! It is driven by calls between blocks (what became known at this playhead) and by [`Playout::render`]. Every decision
//! falls on a call or on a frame that the calls determine, so that the same calls at the same playheads give the same
//! samples however the time between them is cut into blocks.
//!
//! The rules, as the tests name them. `m` is media time, an utterance the source interval `[s, e)`. A dub is *startable*
//! when all of it or its first 200 ms (after its leading silence) is here; `a` is the later of `s` and the playhead at which
//! it became startable; `p` is where it starts. Its **wait** is `p - a`, its **lag** `p - s`, it is **stale** by `p - e`.
//!
//! * **R2 bed**: out = gain x bed + dub. The bed is never delayed, cut or stretched; with gain 1 and no dub it is untouched.
//! * **R3 one voice**: dubs play in source order and never overlap. A watermark rises to the end of each dub that is cued; an
//!   utterance with more than half of its interval before it is discarded.
//! * **R4 place**: `p = max(a, end of previous + min(80 ms, s - e of previous))`.
//! * **R5 rate**: once a dub, `clamp(d / (e - s + known pause after, at most 1 s - wait), 1, 1.25)`, at most 0.1 from the last.
//! * **R6 silence**: the edges keep 40 ms; pauses over 300 ms become 200 ms when the dub waited more than 0.5 s.
//! * **R7 shed**: a forecast wait above `max_wait` drops unstarted heads until it is below 0.5 s; a dub staler than
//!   `max_stale` is dropped; what is cued is never dropped. A dub that is ready waits at most 0.5 s for one before it in
//!   source order that is not.
//! * **R8 duck**: -15 dB, 60 ms ahead of `p` where `p` is known, else 40 ms from `p`; back in 300 ms, or in 80 ms after
//!   underrun, loss and mute. It stays down over a gap of at most 800 ms to a dub that is startable already.
//! * **R9 underrun**: the last 10 ms held are kept for a fade; 200 ms more, or the end, within 400 ms go on, else the dub is
//!   truncated.
//! * **R10 edges**: 8 ms raised cosine at starts and ends, 10 ms at truncations.
//! * **R11 loudness**: one gain a dub, towards the original's loudness inside speech; -20 dB where the dub would stand less
//!   than 10 LU above the bed. The limiter has no look-ahead ([`crate::limiter`]) and rests while no dub sounds.
//! * **R12 account**: each utterance ends in exactly one [`Outcome`].
//!
//! A connection that is lost takes its unfinished dubs with it; a dub that is here as a whole is still said to its end.

mod account;
mod api;
mod decide;
mod entry;
mod events;
mod level;
mod quiet;
mod render;
mod voice;

use std::collections::VecDeque;

use dragoman_timeline::{Pts, Span};

pub use events::{CancelReason, End, Event, Heard, Key, Outcome, Status};

use crate::duck::Duck;
use crate::limiter::Limiter;
use crate::loudness::Original;
use crate::resample::Resampler;
use crate::{RATE, pcm};
use entry::Entry;
use quiet::Quiet;
use voice::Voice;

/// Frames of programme in so many milliseconds.
const fn ms(ms: i64) -> i64 {
    ms * RATE as i64 / 1_000
}

/// What differs between deployments.
#[derive(Clone, Copy, Debug)]
pub struct Config {
    /// The rate of dub PCM on connections that [`Playout::set_dub_rate`] does not name.
    pub dub_rate: u32,
    /// R7: a forecast wait above this sheds.
    pub max_wait: Span,
    /// R7: a dub staler than this is dropped.
    pub max_stale: Span,
    /// How much unstarted dub is held. When it is full the oldest is shed.
    pub max_buffered: Span,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            dub_rate: 24_000,
            max_wait: Span::from_secs(3),
            max_stale: Span::from_secs(6),
            max_buffered: Span::from_secs(40),
        }
    }
}

/// The playout of one target. Positions inside are frames of the programme since media time 0.
#[derive(Debug)]
pub struct Playout {
    config: Config,
    max_wait: i64,
    max_stale: i64,
    dub_rates: Vec<(u32, u32)>,

    /// The next frame to render; none before the first block.
    pos: Option<i64>,
    /// Something happened since the last decision.
    dirty: bool,
    /// The frame at which time alone changes something.
    timer: i64,

    /// What is not cued yet, in source order.
    queue: Vec<Entry>,
    voice: Option<Voice>,
    /// Kept from the last voice: planning its transforms costs more than a block.
    spare: Option<Resampler>,
    previous: Previous,
    shedding: bool,
    muted: bool,
    finished: bool,
    /// R3: source time before this is not dubbed again.
    watermark: i64,
    /// Source time before this has been dealt with.
    dubbed_to: i64,

    duck: Duck,
    limiter: Limiter,
    quiet: Quiet,
    original: Original,
    speech: VecDeque<(i64, i64)>,
    dub: Vec<f32>,

    events: VecDeque<Event>,
    settled: VecDeque<Key>,
    refused: u64,
    lost_events: u64,
}

/// What the next dub is placed and shaped by.
#[derive(Debug)]
struct Previous {
    /// Where the last voice fell silent.
    end: i64,
    /// Where its utterance ended in the source.
    source_end: i64,
    /// It was cut in mid-speech.
    goes_on: bool,
    rate: f64,
    gain_db: Option<f64>,
}

impl Playout {
    /// A playout that has heard and said nothing.
    pub fn new(config: Config) -> Self {
        Self {
            config,
            max_wait: config.max_wait.samples(RATE),
            max_stale: config.max_stale.samples(RATE),
            dub_rates: Vec::new(),
            pos: None,
            dirty: false,
            timer: i64::MAX,
            queue: Vec::new(),
            voice: None,
            spare: None,
            previous: Previous {
                end: LONG_AGO,
                source_end: LONG_AGO,
                goes_on: false,
                rate: 1.0,
                gain_db: None,
            },
            shedding: false,
            muted: false,
            finished: false,
            watermark: LONG_AGO,
            dubbed_to: LONG_AGO,
            duck: Duck::default(),
            limiter: Limiter::default(),
            quiet: Quiet::default(),
            original: Original::default(),
            speech: VecDeque::new(),
            dub: Vec::new(),
            events: VecDeque::new(),
            settled: VecDeque::new(),
            refused: 0,
            lost_events: 0,
        }
    }

    fn playhead(&self) -> i64 {
        self.pos.unwrap_or(LONG_AGO)
    }
}

/// Before all media time, with room to subtract from.
const LONG_AGO: i64 = i64::MIN / 4;

fn pts(frame: i64) -> Pts {
    Pts::from_samples(frame, RATE)
}

fn span(frames: i64) -> Span {
    Span::from_samples(frames, RATE)
}

fn loud(pcm: &[i16]) -> bool {
    pcm.iter()
        .any(|s| s.unsigned_abs() >= crate::silence::SILENT.unsigned_abs())
}

fn to_f32(samples: &[i16], out: &mut Vec<f32>) {
    out.clear();
    pcm::extend_f32(samples, out);
}
