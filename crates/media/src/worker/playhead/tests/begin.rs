//! What a session begins with.

use bytes::Bytes;
use dragoman_timeline::Pts;

use super::sim::{BOTH, Left, Sim, at_ms, config};
use crate::worker::playhead::Picture;

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
fn a_listed_picture_that_never_comes_is_not_waited_for() {
    let mut sim = Sim::new(config(0, BOTH));
    for t in (0..20_000).step_by(20) {
        sim.step_to(t);
        sim.sound(t);
    }
    assert!(sim.sounds().next().is_some_and(|s| (2_000..2_010).contains(&s.3)));
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
