//! Drives a playout through a script of calls at playheads, with blocks of any size between them.

use dragoman_audio::playout::{Config, End, Event, Heard, Key, Outcome, Playout};
use dragoman_timeline::{Pts, Span};

pub(crate) const RATE: u32 = 48_000;
/// Low, so that many dubs are cheap.
pub(crate) const DUB_RATE: u32 = 8_000;

pub(crate) fn key(utterance: u32) -> Key {
    Key {
        connection: 0,
        utterance,
    }
}

/// Frames of programme.
pub(crate) fn ms(ms: i64) -> i64 {
    ms * 48
}

/// Sound that a failing test does not print.
#[derive(Clone)]
pub(crate) struct Hidden<T>(pub(crate) Vec<T>);

impl<T> std::fmt::Debug for Hidden<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} samples", self.0.len())
    }
}

pub(crate) type Pcm = Hidden<i16>;
pub(crate) type Stereo = Hidden<f32>;

#[derive(Clone, Debug)]
pub(crate) enum Call {
    Utterance(Key, i64, i64),
    GoesOn(Key),
    Estimate(Key, i64),
    Dub(Key, u64, Pcm),
    End(Key, End),
    Lost(u32),
    Mute(bool),
    Original(i64, Stereo),
    Finish,
}

/// Calls with the playheads (frames) at which they are made.
pub(crate) type Script = Vec<(i64, Call)>;

/// What came of a script.
#[derive(Debug, Default)]
pub(crate) struct Run {
    pub(crate) out: Vec<f32>,
    /// With the playhead at which each was read.
    pub(crate) events: Vec<(i64, Event)>,
    pub(crate) open: usize,
    pub(crate) refused: u64,
}

pub(crate) fn config() -> Config {
    Config {
        dub_rate: DUB_RATE,
        ..Config::default()
    }
}

/// Plays `script` over `bed` (stereo, from frame 0).
pub(crate) fn play(script: &Script, bed: &[f32], block: usize) -> Run {
    play_with(config(), script, bed, block)
}

pub(crate) fn play_with(config: Config, script: &Script, bed: &[f32], block: usize) -> Run {
    let mut playout = Playout::new(config);
    let mut script = script.clone();
    script.sort_by_key(|(at, _)| *at);
    let mut run = Run {
        out: bed.to_vec(),
        ..Run::default()
    };
    let frames = bed.len() as i64 / 2;
    let (mut pos, mut calls) = (0, script.into_iter().peekable());
    while pos < frames {
        while let Some((_, call)) = calls.next_if(|(at, _)| *at <= pos) {
            make(&mut playout, call);
        }
        let next = calls.peek().map_or(i64::MAX, |(at, _)| *at);
        let end = (pos + block as i64).min(frames).min(next);
        playout.render(
            Pts::from_samples(pos, RATE),
            &mut run.out[pos as usize * 2..end as usize * 2],
        );
        pos = end;
        while let Some(event) = playout.next_event() {
            run.events.push((pos, event));
        }
    }
    calls.for_each(|(_, call)| make(&mut playout, call));
    while let Some(event) = playout.next_event() {
        run.events.push((pos, event));
    }
    run.open = playout.status().open;
    run.refused = playout.status().refused;
    run
}

fn make(playout: &mut Playout, call: Call) {
    let pts = |frame| Pts::from_samples(frame, RATE);
    match call {
        Call::Utterance(key, start, end) => playout.utterance(key, pts(start), pts(end)),
        Call::GoesOn(key) => playout.goes_on(key),
        Call::Estimate(key, frames) => playout.estimate(key, Span::from_samples(frames, RATE)),
        Call::Dub(key, offset, pcm) => playout.dub(key, offset, &pcm.0),
        Call::End(key, end) => playout.end(key, end),
        Call::Lost(connection) => playout.lost(connection),
        Call::Mute(on) => playout.mute(on),
        Call::Original(at, stereo) => playout.original(pts(at), &stereo.0),
        Call::Finish => playout.finish(),
    }
}

/// The calls of an utterance whose dub is here as a whole at playhead `at`.
pub(crate) fn dubbed(n: u32, interval: (i64, i64), at: i64, pcm: Vec<i16>) -> Script {
    vec![
        (at, Call::Utterance(key(n), interval.0, interval.1)),
        (at, Call::Dub(key(n), 0, Hidden(pcm))),
        (at, Call::End(key(n), End::Done)),
    ]
}

/// A bed of so many frames of silence.
pub(crate) fn silence(frames: i64) -> Vec<f32> {
    vec![0.0; frames as usize * 2]
}

/// A smooth, never silent dub that is above zero throughout, so that every sample of it can be seen in the programme.
pub(crate) fn positive(duration_ms: i64) -> Vec<i16> {
    (0..duration_ms * i64::from(DUB_RATE) / 1_000)
        .map(|n| (6_000.0 + 2_000.0 * (n as f64 * 0.31).sin() + 900.0 * (n as f64 * 0.0117).sin()) as i16)
        .collect()
}

/// A voice-like dub.
pub(crate) fn voiced(duration_ms: i64, level: f64) -> Vec<i16> {
    (0..duration_ms * i64::from(DUB_RATE) / 1_000)
        .map(|n| {
            let t = n as f64 / f64::from(DUB_RATE);
            let wave: f64 = (1..5)
                .map(|k| (std::f64::consts::TAU * 170.0 * f64::from(k) * t).sin() / f64::from(k))
                .sum();
            (wave * level * 32_767.0) as i16
        })
        .collect()
}

impl Run {
    pub(crate) fn left(&self) -> Vec<f32> {
        self.out.iter().step_by(2).copied().collect()
    }

    /// `(key, p, lag, rate)` in order.
    pub(crate) fn started(&self) -> Vec<(Key, i64, i64, f64)> {
        let started = self.events.iter().filter_map(|(_, event)| match *event {
            Event::Started { key, at, lag, rate } => Some((key, at.samples(RATE), lag.samples(RATE), rate)),
            Event::Ended { .. } | Event::Cancel { .. } => None,
        });
        started.collect()
    }

    pub(crate) fn ended(&self) -> Vec<(Key, Outcome, Option<Heard>)> {
        let ended = self.events.iter().filter_map(|(_, event)| match *event {
            Event::Ended {
                key, outcome, heard, ..
            } => Some((key, outcome, heard)),
            Event::Started { .. } | Event::Cancel { .. } => None,
        });
        ended.collect()
    }

    pub(crate) fn outcome(&self, n: u32) -> Option<Outcome> {
        self.ended()
            .iter()
            .find(|(k, ..)| *k == key(n))
            .map(|&(_, outcome, _)| outcome)
    }

    pub(crate) fn start_of(&self, n: u32) -> Option<i64> {
        self.started()
            .iter()
            .find(|(k, ..)| *k == key(n))
            .map(|&(_, at, ..)| at)
    }
}

/// Runs of frames in which something sounds over a silent bed, closer ones than `gap` joined.
pub(crate) fn sounding(left: &[f32], gap: usize) -> Vec<(i64, i64)> {
    let mut spans: Vec<(usize, usize)> = Vec::new();
    for (n, _) in left.iter().enumerate().filter(|(_, s)| s.abs() > 1e-7) {
        match spans.last_mut() {
            Some((_, end)) if n - *end <= gap => *end = n + 1,
            _ => spans.push((n, n + 1)),
        }
    }
    spans.into_iter().map(|(a, b)| (a as i64, b as i64)).collect()
}
