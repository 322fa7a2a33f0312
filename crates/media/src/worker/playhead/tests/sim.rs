//! A playhead under a clock that is stepped by the millisecond.

use bytes::Bytes;
use dragoman_timeline::{Clock, Pts, Span};

use crate::spec::Tracks;
use crate::worker::playhead::{BLOCK, Config, Frame, Leaving, Picture, Playhead, Sound};

pub(super) const BOTH: Option<Tracks> = Some(Tracks {
    video: true,
    audio: true,
});

pub(super) fn at_ms(ms: i64) -> Clock {
    Clock::from_ns(ms * 1_000_000)
}

pub(super) fn config(hold_ms: i64, tracks: Option<Tracks>) -> Config {
    Config {
        hold: Span::from_ms(hold_ms),
        grace: Span::from_secs(15),
        tracks,
        resume: None,
        started: at_ms(0),
    }
}

/// What left, and when on the clock.
#[derive(Debug, PartialEq)]
pub(super) enum Left {
    Picture {
        dts: i64,
        mark: u8,
        has_header: bool,
        now: i64,
    },
    Sound {
        at: i64,
        missing: usize,
        first: f32,
        now: i64,
    },
}

/// A playhead under a clock that is stepped by the millisecond.
pub(super) struct Sim {
    pub(super) playhead: Playhead,
    pub(super) now: i64,
    pub(super) left: Vec<Left>,
    pub(super) bed: Box<[Frame; BLOCK]>,
}

impl Sim {
    pub(super) fn new(config: Config) -> Self {
        Self {
            playhead: Playhead::new(config),
            now: 0,
            left: Vec::new(),
            bed: Box::new([[0.0; 2]; BLOCK]),
        }
    }

    pub(super) fn picture(&mut self, stamp: i64, is_key: bool, mark: u8) {
        let header = is_key.then(|| Bytes::from_static(b"header"));
        self.playhead.picture(Picture {
            dts: Pts::from_ms(stamp),
            body: Bytes::copy_from_slice(&[mark]),
            is_key,
            arrival: at_ms(self.now),
            header,
        });
    }

    /// 20 ms of sound whose samples say their number on the source's timeline.
    pub(super) fn sound(&mut self, stamp: i64) {
        let first = stamp * 48;
        let frames = (first..first + 960).map(|n| [n as f32, -n as f32]).collect();
        self.playhead.sound(Sound {
            pts: Pts::from_ms(stamp),
            frames,
            arrival: at_ms(self.now),
        });
    }

    pub(super) fn step_to(&mut self, now: i64) {
        while self.now < now {
            self.settle();
            self.now += 1;
        }
        self.settle();
    }

    pub(super) fn settle(&mut self) {
        self.playhead.begin(at_ms(self.now));
        while let Some(leaving) = self.playhead.next(at_ms(self.now), &mut self.bed) {
            self.left.push(match leaving {
                Leaving::Picture(p) => Left::Picture {
                    dts: p.dts.ms(),
                    mark: p.body[0],
                    has_header: p.header.is_some(),
                    now: self.now,
                },
                Leaving::Sound { at, missing } => Left::Sound {
                    at,
                    missing,
                    first: self.bed[0][0],
                    now: self.now,
                },
            });
        }
    }

    /// Live media from `from` to `to`, all of it `delay` ms old; stamps are `base` ahead of the clock.
    pub(super) fn live(&mut self, from: i64, to: i64, base: i64, delay: impl Fn(i64) -> i64) {
        let mut events: Vec<(i64, i64, bool)> = (from..to)
            .flat_map(|t| {
                let picture = (t % 40 == 0).then_some((t + delay(t), t, true));
                let sound = (t % 20 == 0).then_some((t + 20 + delay(t), t, false));
                [picture, sound]
            })
            .flatten()
            .collect();
        // What was sent first arrives first.
        events.sort_by_key(|(_, t, is_picture)| if *is_picture { *t } else { t + 20 });
        for (arrival, t, is_picture) in events {
            self.step_to(arrival.max(self.now));
            match is_picture {
                true => self.picture(base + t, t % 400 == 0, (t / 40 % 256) as u8),
                false => self.sound(base + t),
            }
        }
        self.settle();
    }

    pub(super) fn pictures(&self) -> impl Iterator<Item = (i64, u8, i64)> {
        self.left.iter().filter_map(|l| match l {
            Left::Picture { dts, mark, now, .. } => Some((*dts, *mark, *now)),
            Left::Sound { .. } => None,
        })
    }

    pub(super) fn sounds(&self) -> impl Iterator<Item = (i64, usize, f32, i64)> {
        self.left.iter().filter_map(|l| match l {
            Left::Sound {
                at,
                missing,
                first,
                now,
            } => Some((*at, *missing, *first, *now)),
            Left::Picture { .. } => None,
        })
    }

    pub(super) fn assert_sound_is_continuous(&self) {
        let places: Vec<i64> = self.sounds().map(|s| s.0).collect();
        assert!(places.windows(2).all(|w| w[1] == w[0] + BLOCK as i64));
    }
}
