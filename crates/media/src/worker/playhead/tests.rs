use proptest::prelude::*;

use super::*;

const BOTH: Option<Tracks> = Some(Tracks {
    video: true,
    audio: true,
});

fn at_ms(ms: i64) -> Clock {
    Clock::from_ns(ms * 1_000_000)
}

fn config(hold_ms: i64, tracks: Option<Tracks>) -> Config {
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
enum Left {
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
struct Sim {
    playhead: Playhead,
    now: i64,
    left: Vec<Left>,
    bed: Box<[Frame; BLOCK]>,
}

impl Sim {
    fn new(config: Config) -> Self {
        Self {
            playhead: Playhead::new(config),
            now: 0,
            left: Vec::new(),
            bed: Box::new([[0.0; 2]; BLOCK]),
        }
    }

    fn picture(&mut self, stamp: i64, is_key: bool, mark: u8) {
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
    fn sound(&mut self, stamp: i64) {
        let first = stamp * 48;
        let frames = (first..first + 960).map(|n| [n as f32, -n as f32]).collect();
        self.playhead.sound(Sound {
            pts: Pts::from_ms(stamp),
            frames,
            arrival: at_ms(self.now),
        });
    }

    fn step_to(&mut self, now: i64) {
        while self.now < now {
            self.settle();
            self.now += 1;
        }
        self.settle();
    }

    fn settle(&mut self) {
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
    fn live(&mut self, from: i64, to: i64, base: i64, delay: impl Fn(i64) -> i64) {
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

    fn pictures(&self) -> impl Iterator<Item = (i64, u8, i64)> {
        self.left.iter().filter_map(|l| match l {
            Left::Picture { dts, mark, now, .. } => Some((*dts, *mark, *now)),
            Left::Sound { .. } => None,
        })
    }

    fn sounds(&self) -> impl Iterator<Item = (i64, usize, f32, i64)> {
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

    fn assert_sound_is_continuous(&self) {
        let places: Vec<i64> = self.sounds().map(|s| s.0).collect();
        assert!(places.windows(2).all(|w| w[1] == w[0] + BLOCK as i64));
    }
}

#[test]
fn the_session_begins_with_the_first_keyframe_after_the_lead() {
    let mut sim = Sim::new(config(2_500, BOTH));
    // The reader joins 120 ms before a keyframe.
    sim.live(280, 6_000, 90_000_000, |_| 0);
    let pictures: Vec<_> = sim.pictures().collect();
    assert_eq!(
        pictures[0],
        (0, 10, 400 + 2_500),
        "media time zero, released after the hold"
    );
    assert!(
        pictures
            .windows(2)
            .all(|w| w[1].0 == w[0].0 + 40 && w[1].2 == w[0].2 + 40)
    );
    assert_eq!(sim.playhead.counts().dropped_units, 3);
    let first = sim.sounds().next().unwrap();
    assert_eq!(
        (first.0, first.3),
        (-120_000, 400),
        "the lead runs while the hold fills"
    );
    sim.assert_sound_is_continuous();
}

#[test]
fn with_the_header_known_the_first_sound_begins_the_session() {
    let mut sim = Sim::new(config(0, BOTH));
    sim.playhead.picture_header(Bytes::from_static(b"header"));
    // The reader joins 300 ms before a keyframe.
    sim.live(100, 3_000, 50_000, |_| 0);
    let first = sim.sounds().next().unwrap();
    assert_eq!((first.0, first.3), (-120_000, 120), "announced at once");
    assert_eq!(
        sim.pictures().next(),
        Some((300, 10, 400)),
        "the picture keeps its distance from the sound"
    );
    assert!(matches!(
        sim.left.iter().find(|l| matches!(l, Left::Picture { .. })),
        Some(Left::Picture { has_header: true, .. })
    ));
    assert!(
        sim.sounds()
            .filter(|s| s.0 > 960)
            .all(|s| s.1 == 0 && s.2 == (s.0 + 50_100 * 48) as f32)
    );
    sim.assert_sound_is_continuous();
}

#[test]
fn a_header_on_a_dropped_picture_goes_out_with_the_first_that_is_kept() {
    let mut sim = Sim::new(config(0, BOTH));
    sim.picture(0, true, 0);
    sim.settle();
    sim.playhead.lost();
    let mut inter = Picture {
        dts: Pts::from_ms(40),
        body: Bytes::from_static(&[1]),
        is_key: false,
        arrival: at_ms(40),
        header: Some(Bytes::from_static(b"new")),
    };
    sim.playhead.picture(inter.clone());
    inter.dts = Pts::from_ms(80);
    inter.is_key = true;
    inter.header = None;
    sim.playhead.picture(inter);
    sim.step_to(200);
    let headers: Vec<bool> = sim
        .left
        .iter()
        .filter_map(|l| match l {
            Left::Picture { has_header, .. } => Some(*has_header),
            Left::Sound { .. } => None,
        })
        .collect();
    assert_eq!(headers, [true, true]);
}

#[test]
fn r1_late_sound_is_passed_on_with_its_own_stamp() {
    let mut sim = Sim::new(config(0, BOTH));
    sim.live(0, 4_000, 0, |t| {
        if (2_000..2_200).contains(&t) {
            250 - (t - 2_000)
        } else {
            0
        }
    });
    assert_eq!(sim.playhead.counts().silence_samples, 0);
    let heard: Vec<_> = sim.sounds().filter(|s| s.0 >= 0).collect();
    assert!(heard.iter().all(|s| s.2 == s.0 as f32), "each sample in its own place");
    sim.assert_sound_is_continuous();
}

#[test]
fn r1_sound_half_a_second_behind_the_picture_is_silence() {
    let mut sim = Sim::new(config(0, BOTH));
    sim.live(0, 2_000, 0, |_| 0);
    for t in (2_000..4_000).step_by(40) {
        sim.step_to(t);
        sim.picture(t, t % 400 == 0, 0);
    }
    let silent = sim
        .sounds()
        .find(|s| s.0 > 0 && s.1 == BLOCK)
        .map(|s| (s.0 / 48, s.3))
        .unwrap();
    assert!((500..=545).contains(&(silent.1 - silent.0)), "{silent:?}");
    sim.assert_sound_is_continuous();
}

#[test]
fn r1_nothing_for_a_second_is_silence() {
    let mut sim = Sim::new(config(0, BOTH));
    sim.live(0, 2_000, 0, |_| 0);
    sim.step_to(5_000);
    let silent = sim.sounds().find(|s| s.1 == BLOCK && s.0 > 0).map(|s| s.3).unwrap();
    assert!((3_000..=3_022).contains(&silent), "{silent}");
}

#[test]
fn a_source_without_sound_gets_silence_on_time() {
    let mut sim = Sim::new(config(0, None));
    for t in (0..5_000).step_by(40) {
        sim.step_to(t);
        sim.picture(t, t % 400 == 0, 0);
    }
    let pictures: Vec<_> = sim.pictures().collect();
    assert_eq!(pictures[0], (0, 0, 2_000), "both tracks are waited for");
    let last = sim.sounds().last().unwrap();
    assert!(last.3 - last.0 / 48 <= 1, "silence keeps up with the clock: {last:?}");
    sim.assert_sound_is_continuous();
    assert_eq!(
        sim.playhead.counts().silence_samples,
        0,
        "silence is what such a source has"
    );
}

#[test]
fn a_source_without_picture_is_served_by_its_sound() {
    let mut sim = Sim::new(config(500, None));
    for t in (0..5_000).step_by(20) {
        sim.step_to(t + 20);
        sim.sound(t);
    }
    sim.assert_sound_is_continuous();
    let heard: Vec<_> = sim.sounds().filter(|s| s.0 >= 0).collect();
    assert!(heard.len() > 100 && heard.iter().all(|s| s.1 == 0 && s.2 == s.0 as f32));
}

#[test]
fn a_publisher_that_comes_back_is_met_by_silence_and_rising_time() {
    let mut sim = Sim::new(config(1_000, BOTH));
    sim.live(0, 4_000, 7_000, |_| 0);
    sim.playhead.lost();
    sim.step_to(9_000);
    sim.live(9_080, 14_000, -9_080, |_| 0);
    sim.assert_sound_is_continuous();
    let pictures: Vec<_> = sim.pictures().collect();
    assert!(pictures.windows(2).all(|w| w[1].0 > w[0].0));
    let back = pictures.iter().find(|p| p.0 > 4_000).unwrap();
    // Sound came first, and a block of it is 20 ms old when it comes.
    assert_eq!(
        (back.0, back.2),
        (9_220, 9_200 + 1_000),
        "at a keyframe, where the clock is"
    );
    let late = sim
        .sounds()
        .filter(|s| s.0 >= 0)
        .map(|s| s.3 - s.0 / 48 - 1_000)
        .max()
        .unwrap();
    assert!(late <= 45, "silence keeps up with the clock: {late}");
    let heard = sim
        .sounds()
        .filter(|s| s.0 > 9_300 * 48)
        .all(|s| s.1 == 0 && s.2 == (s.0 - 9_100 * 48) as f32);
    assert!(heard, "picture and sound keep their distance");
}

#[test]
fn a_stall_within_the_hold_is_not_seen() {
    let mut sim = Sim::new(config(2_500, BOTH));
    sim.live(0, 9_000, 0, |t| if t >= 4_000 { (6_300 - t).max(0) } else { 0 });
    assert_eq!(sim.playhead.discontinuities(), 0);
    assert!(sim.sounds().all(|s| s.0 < 0 || (s.1 == 0 && s.2 == s.0 as f32)));
    assert!(
        sim.pictures()
            .collect::<Vec<_>>()
            .windows(2)
            .all(|w| w[1].2 == w[0].2 + 40),
        "in their rhythm"
    );
}

#[test]
fn a_listed_picture_that_never_comes_is_not_waited_for() {
    let mut sim = Sim::new(config(0, BOTH));
    for t in (0..20_000).step_by(20) {
        sim.step_to(t);
        sim.sound(t);
    }
    assert!(sim.sounds().next().is_some_and(|s| (15_000..15_010).contains(&s.3)));
}

#[test]
fn a_picture_without_keyframes_starts_all_the_same() {
    let mut sim = Sim::new(config(0, BOTH));
    for t in (0..20_000).step_by(40) {
        sim.step_to(t);
        sim.picture(t, false, 0);
        sim.sound(t);
        sim.sound(t + 20);
    }
    assert!(sim.pictures().next().is_some_and(|p| (15_000..15_010).contains(&p.2)));
    assert!(sim.pictures().count() > 300);
}

#[test]
fn an_overfull_line_loses_whole_groups_of_pictures() {
    let mut sim = Sim::new(config(20_000, BOTH));
    for t in (0..16_000).step_by(40) {
        sim.step_to(t);
        sim.playhead.picture(Picture {
            dts: Pts::from_ms(t),
            body: Bytes::from(vec![0; 200_000]),
            is_key: t % 400 == 0,
            arrival: at_ms(t),
            header: None,
        });
        sim.sound(t);
        sim.sound(t + 20);
    }
    sim.step_to(30_000);
    let pictures: Vec<i64> = sim.pictures().map(|p| p.0).collect();
    assert!(sim.playhead.counts().dropped_units > 50);
    assert_eq!(pictures[0] % 400, 0, "what is left begins with a keyframe");
    assert!(pictures.windows(2).all(|w| w[1] == w[0] + 40), "and has no hole");
}

#[test]
fn what_came_by_a_lost_connection_does_not_begin_the_session() {
    let mut sim = Sim::new(config(0, BOTH));
    for t in (0..5_000).step_by(20) {
        sim.step_to(t);
        sim.sound(90_000 + t);
    }
    sim.playhead.lost();
    sim.now = 5_040;
    sim.live(5_040, 8_000, -5_040, |_| 0);
    assert_eq!(sim.pictures().next().map(|p| p.0), Some(0));
    assert!(
        sim.sounds().count() < 320,
        "the lead and 3 s, not the 90 s between the two connections' stamps"
    );
    sim.assert_sound_is_continuous();
}

#[test]
fn a_replacement_goes_on_where_the_lost_worker_was() {
    let mut before = Sim::new(config(1_000, BOTH));
    before.live(0, 5_000, 600_000, |_| 0);
    let shift_ns = before.playhead.shift().unwrap().ns();
    let out = before.pictures().last().unwrap().0 + ORIGIN.ns() / 1_000_000;

    let resume = Resume {
        shift_ns,
        out_ns: out * 1_000_000,
        age_ns: 0,
    };
    let mut after = Sim::new(Config {
        resume: Some(resume),
        started: at_ms(5_000),
        ..config(1_000, BOTH)
    });
    after.now = 5_000;
    after.live(5_320, 9_000, 600_000, |_| 0);
    assert_eq!(
        after.playhead.shift().unwrap().ns(),
        shift_ns,
        "the same stamp, the same programme time"
    );
    let first = after.sounds().next().unwrap();
    assert!(
        first.0 >= before.sounds().last().unwrap().0 - BLOCK as i64,
        "time does not run back"
    );
    assert_eq!(after.pictures().next().unwrap().0, 5_600);
    after.assert_sound_is_continuous();
}

#[test]
fn a_replacement_for_another_publisher_goes_on_by_the_clock() {
    let resume = Resume {
        shift_ns: 5_000_000,
        out_ns: 60_000_000_000,
        age_ns: 2_000_000_000,
    };
    let mut sim = Sim::new(Config {
        resume: Some(resume),
        ..config(1_000, BOTH)
    });
    sim.live(0, 4_000, 3_600_000, |_| 0);
    let first = sim.pictures().next().unwrap().0 + ORIGIN.ns() / 1_000_000;
    assert!((63_000..=63_001).contains(&first), "{first}");
}

proptest! {
    /// Whatever the network does within the hold, each picture and each sample leaves once, in order, on time.
    #[test]
    fn jitter_within_the_hold_is_not_seen(jitter in prop::collection::vec(0_i64..900, 200)) {
        let mut sim = Sim::new(config(1_000, BOTH));
        sim.live(0, 8_000, 5, |t| if t < 40 { 0 } else { jitter[(t / 40) as usize % jitter.len()] });
        sim.assert_sound_is_continuous();
        prop_assert!(sim.pictures().collect::<Vec<_>>().windows(2).all(|w| w[1].0 > w[0].0));
        prop_assert!(sim.sounds().all(|s| s.0 < 0 || s.1 == 0));
        prop_assert!(sim.sounds().filter(|s| s.0 >= 0).all(|s| s.2 == (s.0 + 5 * 48) as f32));
    }

    /// The playhead asks to be woken no later than when something can leave.
    #[test]
    fn wakes_in_time(hold in 0_i64..3_000, gap in 0_i64..2_500) {
        let mut sim = Sim::new(config(hold, BOTH));
        sim.live(0, 2_000, 0, |t| if t > 1_000 { gap } else { 0 });
        for _ in 0..200 {
            let now = at_ms(sim.now);
            let Some(wake) = sim.playhead.wake(now) else { break };
            prop_assert!(sim.playhead.next(now, &mut sim.bed).is_none());
            let before = sim.left.len();
            let wake_ms = wake.ns().div_euclid(1_000_000);
            // Nothing leaves before the wake-up, and something does at it.
            sim.step_to((wake_ms - 1).max(sim.now));
            prop_assert_eq!(sim.left.len(), before);
            sim.step_to(wake_ms + 1);
            prop_assert!(sim.left.len() > before || !sim.playhead.has_begun());
        }
    }
}
