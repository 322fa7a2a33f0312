//! R2, R8, R11: the bed and how loud things are.

use dragoman_audio::playout::{CancelReason, Event, Outcome};
use proptest::prelude::*;

use crate::rig::{self, Call, Hidden, dubbed, key, ms, play, positive, voiced};

/// Its left and right differ by a constant, so that the programme shows the bed's gain whatever dub lies over it.
fn ruler(frames: i64) -> Vec<f32> {
    (0..frames * 2).map(|n| if n % 2 == 0 { 0.1 } else { 0.0 }).collect()
}

fn gains(out: &[f32]) -> Vec<f32> {
    out.chunks_exact(2).map(|f| (f[0] - f[1]) * 10.0).collect()
}

fn db(gain: f32) -> f32 {
    20.0 * gain.log10()
}

proptest! {
    #[test]
    fn r2_without_a_dub_the_bed_is_bit_identical(
        bed in prop::collection::vec(-1.5_f32..1.5, 2..4_000),
        block in 1_usize..700,
    ) {
        let bed = &bed[..bed.len() / 2 * 2];
        let script = vec![(0, Call::Utterance(key(1), 100, 800)), (900, Call::Mute(true))];
        prop_assert_eq!(play(&script, bed, block).out, bed);
    }

    #[test]
    fn r2_the_programme_is_gain_times_bed_plus_dub(seed in any::<u32>(), at in 0_i64..20_000) {
        let mut x = seed;
        let bed: Vec<f32> = (0..ms(1_500) * 2).map(|_| {
            x = x.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (x >> 8) as f32 / 16_777_216.0 * 0.2 - 0.1
        }).collect();
        let script = dubbed(1, (at, at + ms(500)), at, positive(400));
        let (run, ruled) = (play(&script, &bed, 480), play(&script, &ruler(ms(1_500)), 480));
        let bare = play(&script, &rig::silence(ms(1_500)), 480);
        for (n, gain) in gains(&ruled.out).into_iter().enumerate() {
            for side in 0..2 {
                let expected = bed[2 * n + side] * gain + bare.out[2 * n + side];
                prop_assert!((run.out[2 * n + side] - expected).abs() < 1e-5, "frame {}", n);
            }
        }
    }
}

#[test]
fn r2_the_bed_is_itself_again_after_a_dub() {
    let bed: Vec<f32> = (0..ms(3_000) * 2)
        .map(|n| ((n * 37 % 1_000) as f32 - 500.0) / 500.0)
        .collect();
    let run = play(&dubbed(1, (ms(500), ms(1_200)), 0, positive(600)), &bed, 480);
    let open = ms(500 + 600 + 310) as usize * 2;
    assert_eq!(
        run.out[open + ms(500) as usize * 2..],
        bed[open + ms(500) as usize * 2..]
    );
    assert_eq!(run.out[..ms(440) as usize * 2], bed[..ms(440) as usize * 2]);
}

#[test]
fn r8_known_ahead_the_bed_is_down_when_the_dub_begins() {
    let gains = gains(
        &play(
            &dubbed(1, (ms(500), ms(1_200)), 0, positive(600)),
            &ruler(ms(2_000)),
            480,
        )
        .out,
    );
    let at = |t: i64| gains[ms(t) as usize];
    assert_eq!(at(439), 1.0);
    assert!(at(450) < 1.0);
    assert!((db(at(500)) + 15.0).abs() < 0.1, "{}", db(at(500)));
    assert!((db(at(1_100)) + 15.0).abs() < 0.1);
    assert!(at(1_250) > 0.3 && at(1_250) < 0.9);
    assert!((at(1_401) - 1.0).abs() < 1e-6);
}

#[test]
fn r8_a_late_dub_pulls_the_bed_down_from_its_start() {
    let gains = gains(&play(&dubbed(1, (0, ms(700)), ms(900), positive(600)), &ruler(ms(2_000)), 480).out);
    let at = |t: i64| gains[ms(t) as usize];
    assert_eq!(at(899), 1.0);
    assert!((db(at(941)) + 15.0).abs() < 0.1, "{}", db(at(941)));
}

#[test]
fn r8_it_stays_down_only_before_a_dub_that_is_near_and_ready() {
    let two = |gap: i64, ready: i64| {
        let mut script = dubbed(1, (ms(500), ms(1_100)), 0, positive(600));
        script.extend(dubbed(2, (ms(1_100 + gap), ms(2_000 + gap)), ms(ready), positive(600)));
        let gains = gains(&play(&script, &ruler(ms(4_000)), 480).out);
        gains[ms(1_100) as usize..ms(1_100 + gap) as usize]
            .iter()
            .copied()
            .fold(0.0, f32::max)
    };
    assert!(db(two(700, 0)) < -14.9);
    assert_eq!(two(1_000, 0), 1.0);
    assert!(two(700, 1_500) > 0.9);
}

#[test]
fn r8_a_missing_dub_in_mid_speech_opens_the_bed_within_100_ms() {
    let bed = ruler(ms(3_000));
    let gain_after = |goes_on: bool| {
        let mut script = dubbed(1, (ms(500), ms(1_500)), 0, positive(1_000));
        if goes_on {
            script.insert(1, (0, Call::GoesOn(key(1))));
        }
        let run = play(&script, &bed, 480);
        assert_eq!(run.outcome(1), Some(Outcome::OnTime));
        gains(&run.out)[ms(1_600) as usize]
    };
    assert_eq!(gain_after(true), 1.0);
    assert!(gain_after(false) < 0.8, "after the end of a phrase it opens slowly");
}

#[test]
fn r8_mute_and_loss_open_the_bed_within_100_ms() {
    let bed = ruler(ms(3_000));
    for end in [Call::Mute(true), Call::Lost(0)] {
        let script = vec![
            (0, Call::Utterance(key(1), ms(500), ms(2_500))),
            (0, Call::Dub(key(1), 0, Hidden(positive(2_000)))),
            (ms(1_000), end.clone()),
        ];
        let run = play(&script, &bed, 480);
        assert_eq!(
            run.out[ms(1_100) as usize * 2..],
            bed[ms(1_100) as usize * 2..],
            "{end:?}"
        );
        let muted = matches!(end, Call::Mute(_));
        assert_eq!(
            run.outcome(1),
            Some(if muted { Outcome::Cancelled } else { Outcome::Truncated })
        );
        let cancels = run.events.iter().filter(|(_, e)| {
            matches!(
                e,
                Event::Cancel {
                    reason: CancelReason::Muted,
                    ..
                }
            )
        });
        assert_eq!(cancels.count(), usize::from(muted));
    }
}

#[test]
fn r8_unmuted_dubs_are_heard_again() {
    let mut script = vec![(0, Call::Mute(true)), (ms(900), Call::Mute(false))];
    script.extend(dubbed(1, (ms(200), ms(800)), 0, positive(500)));
    script.extend(dubbed(2, (ms(1_000), ms(1_800)), ms(950), positive(500)));
    let run = play(&script, &rig::silence(ms(3_000)), 480);
    assert_eq!(
        run.ended().iter().map(|e| e.1).collect::<Vec<_>>(),
        [Outcome::Cancelled, Outcome::OnTime]
    );
}

#[test]
fn r8_a_complete_dub_is_said_to_its_end_when_its_connection_is_lost() {
    let mut script = dubbed(1, (ms(500), ms(1_500)), 0, positive(900));
    script.push((ms(600), Call::Lost(0)));
    assert_eq!(
        play(&script, &rig::silence(ms(3_000)), 480).outcome(1),
        Some(Outcome::OnTime)
    );
}

/// Speech at a level, fed ahead of its release for `seconds`, and utterances that cover it.
fn heard_speech(level: f32, seconds: i64) -> rig::Script {
    let mut script = Vec::new();
    for s in 0..seconds {
        let stereo = (0..48_000_u32 * 2)
            .map(|n| level * (f64::from(n / 2) * 0.09).sin() as f32)
            .collect();
        script.push((ms(s * 1_000), Call::Original(ms(s * 1_000), Hidden(stereo))));
    }
    script
}

fn loudness(out: &[f32]) -> f64 {
    let measured = ebur128::EbuR128::new(2, 48_000, ebur128::Mode::I)
        .and_then(|mut meter| meter.add_frames_f32(out).and_then(|()| meter.loudness_global()));
    measured.unwrap_or_else(|error| panic!("the reference measures 48 kHz stereo: {error}"))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]
    #[test]
    fn r11_the_dub_is_as_loud_as_the_original_speech(original_db in -30.0_f32..-15.0, offset_db in -10.0_f64..10.0) {
        let level = 10_f32.powf(original_db / 20.0);
        let mut script = heard_speech(level, 6);
        script.push((0, Call::Utterance(key(0), 0, ms(5_500))));
        let bed: Vec<f32> = (0..ms(1_000) * 2).map(|n| level * (f64::from(n as u32 / 2) * 0.09).sin() as f32).collect();
        let reference = loudness(&bed);
        let plain = loudness(&play(&dubbed(1, (0, ms(3_000)), 0, voiced(3_000, 0.05)), &rig::silence(ms(3_000)), 480).out);
        // The default aim, until 3 s of speech were heard.
        prop_assert!((plain + 23.0).abs() < 0.7, "{}", plain);
        let dub_level = 0.05 * 10_f64.powf((reference - plain + offset_db) / 20.0);
        prop_assume!(dub_level < 0.3);
        script.extend(dubbed(1, (ms(6_000), ms(9_000)), ms(5_900), voiced(3_000, dub_level)));
        let run = play(&script, &rig::silence(ms(9_500)), 480);
        let heard = loudness(&run.out[ms(6_000) as usize * 2..ms(9_000) as usize * 2]);
        prop_assert!((heard - reference).abs() < 1.0, "heard {} for {}", heard, reference);
    }
}

#[test]
fn r11_the_gain_moves_by_at_most_three_decibels_a_dub() {
    let mut script = rig::Script::new();
    for n in 0..5_u32 {
        let start = ms(i64::from(n) * 2_000 + 500);
        let level = if n < 2 { 0.05 } else { 0.01 };
        script.extend(dubbed(n + 1, (start, start + ms(1_500)), 0, voiced(1_400, level)));
    }
    let run = play(&script, &rig::silence(ms(14_000)), 480);
    let heard: Vec<f64> = (0..5)
        .map(|n| loudness(&run.out[ms(n * 2_000 + 500) as usize * 2..ms(n * 2_000 + 1_900) as usize * 2]))
        .collect();
    assert!((heard[1] - heard[2] - 10.98).abs() < 0.3, "{heard:?}");
    for n in 3..5 {
        assert!((heard[n] - heard[n - 1] - 3.0).abs() < 0.3, "{heard:?}");
    }
}

#[test]
fn r11_under_a_loud_bed_the_bed_is_ducked_deeper() {
    let mut script = heard_speech(0.9, 4);
    script.extend(dubbed(1, (ms(3_000), ms(5_000)), ms(2_900), voiced(1_500, 0.002)));
    let gains = gains(&play(&script, &ruler(ms(5_000)), 480).out);
    assert!(
        (db(gains[ms(3_500) as usize]) + 20.0).abs() < 0.1,
        "{}",
        db(gains[ms(3_500) as usize])
    );
}

#[test]
fn r11_bed_and_dub_together_stay_below_the_ceiling() {
    let bed: Vec<f32> = (0..ms(3_000) * 2)
        .map(|n| if n / 200 % 2 == 0 { 1.0 } else { -1.0 })
        .collect();
    let run = play(&dubbed(1, (0, ms(1_500)), ms(500), positive(1_400)), &bed, 480);
    let peak = |from: i64, to: i64| {
        run.out[ms(from) as usize * 2..ms(to) as usize * 2]
            .iter()
            .fold(0.0_f32, |p, s| p.max(s.abs()))
    };
    assert!(peak(500, 1_850) <= dragoman_audio::limiter::CEILING);
    assert_eq!(peak(2_600, 3_000), 1.0);
}
