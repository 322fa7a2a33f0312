//! What comes late, twice, not at all, or by another connection.

use bytes::Bytes;
use dragoman_timeline::Pts;
use proptest::prelude::*;

use super::sim::{BOTH, Sim, at_ms, config};
use crate::spec::Resume;
use crate::worker::playhead::{BLOCK, Config, ORIGIN, Picture};

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
    for t in (0..1_000).step_by(20) {
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
