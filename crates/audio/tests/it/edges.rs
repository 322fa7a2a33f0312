//! R9, R10: joints, and dubs that come late, twice or never.

use dragoman_audio::playout::{CancelReason, End, Event, Outcome};
use proptest::prelude::*;

use crate::rig::{Call, Hidden, Script, dubbed, key, ms, play, positive, silence, sounding};

/// The steepest that a dub of `level` may rise at an edge of 8 ms, plus its own steps.
fn allowed(left: &[f32], own: f32) -> f32 {
    let peak = left.iter().fold(0.0_f32, |p, s| p.max(s.abs()));
    peak * std::f32::consts::FRAC_PI_2 / ms(8) as f32 + own
}

fn steepest(left: &[f32]) -> f32 {
    left.windows(2).map(|w| (w[1] - w[0]).abs()).fold(0.0, f32::max)
}

/// Deliveries of one dub in pieces at their times, some of them twice.
fn pieces(pcm: &[i16], cuts: &[(usize, i64, bool)]) -> Script {
    let (mut script, mut at, mut from) = (Script::new(), 0, 0);
    for &(size, delay, twice) in cuts {
        at += ms(delay);
        let to = (from + size).min(pcm.len());
        script.push((at, Call::Dub(key(1), from as u64, Hidden(pcm[from..to].to_vec()))));
        if twice {
            let back = from.saturating_sub(size / 2);
            script.push((at, Call::Dub(key(1), back as u64, Hidden(pcm[back..to].to_vec()))));
        }
        from = to;
    }
    script.push((at, Call::Dub(key(1), from as u64, Hidden(pcm[from..].to_vec()))));
    script.push((at, Call::End(key(1), End::Done)));
    script
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn r9_no_sample_is_lost_or_doubled_whatever_comes_late_or_twice(
        cuts in prop::collection::vec((80_usize..4_000, 0_i64..700, any::<bool>()), 0..10),
    ) {
        let pcm = positive(2_000);
        let announced = (0, Call::Utterance(key(1), 0, ms(2_000)));
        let mut script = vec![announced.clone()];
        script.extend(dubbed(1, (0, ms(2_000)), 0, pcm.clone()));
        let whole = play(&script, &silence(ms(3_000)), 480).left();
        let whole: Vec<f32> = whole.into_iter().filter(|s| *s != 0.0).collect();

        let mut script = vec![announced];
        script.extend(pieces(&pcm, &cuts));
        let run = play(&script, &silence(ms(14_000)), 480);
        let left = run.left();
        let heard: Vec<f32> = left.iter().copied().filter(|s| *s != 0.0).collect();
        match run.outcome(1) {
            Some(Outcome::OnTime | Outcome::Late) => prop_assert_eq!(heard.len(), whole.len()),
            Some(Outcome::Truncated) => prop_assert!(heard.len() < whole.len()),
            other => prop_assert!(false, "{:?}", other),
        }
        // One gain a dub, set by what was here when it was cued.
        let gain = heard[600] / whole[600];
        let mut faded = 0;
        for (n, (h, w)) in heard.iter().zip(&whole).enumerate() {
            prop_assert!(*h <= w * gain * 1.001 + 1e-6, "sample {}: {} for {}", n, h, w);
            faded += usize::from((h - w * gain).abs() > 1e-4);
        }
        // Where more came during the fade, the voice rises again without having been silent.
        let joints = left.windows(2).filter(|w| w[0] <= 1e-4 && w[1] > 1e-4).count();
        prop_assert!(faded <= joints * (ms(18) as usize), "{} faded around {} joints", faded, joints);
        prop_assert!(steepest(&left) <= allowed(&left, steepest(&whole)), "{}", steepest(&left));
    }
}

#[test]
fn r9_what_stays_away_is_truncated_and_cancelled() {
    let script = vec![
        (0, Call::Utterance(key(1), ms(100), ms(2_000))),
        (0, Call::Dub(key(1), 0, Hidden(positive(600)))),
    ];
    let run = play(&script, &silence(ms(3_000)), 480);
    assert_eq!(run.outcome(1), Some(Outcome::Truncated));
    let cancel = Event::Cancel {
        key: key(1),
        reason: CancelReason::Truncated,
    };
    let (at, _) = run.events.iter().find(|(_, e)| *e == cancel).unwrap();
    let silent = sounding(&run.left(), 0)[0].1;
    assert!((at - silent - ms(400)).abs() <= ms(11), "{at} {silent}");
    // All but what the converter needs to go on was heard.
    assert!(silent > ms(100 + 600 - 70) && silent <= ms(700), "{silent}");
}

#[test]
fn r9_two_hundred_milliseconds_more_go_on() {
    let pcm = positive(1_500);
    let mut script = vec![
        (0, Call::Utterance(key(1), ms(100), ms(2_000))),
        (0, Call::Dub(key(1), 0, Hidden(pcm[..4_000].to_vec()))),
        (ms(800), Call::Dub(key(1), 4_000, Hidden(pcm[4_000..5_000].to_vec()))),
        (ms(900), Call::Dub(key(1), 5_000, Hidden(pcm[5_000..].to_vec()))),
        (ms(900), Call::End(key(1), End::Done)),
    ];
    let run = play(&script, &silence(ms(4_000)), 480);
    let spans = sounding(&run.left(), 0);
    assert_eq!(spans.len(), 2, "{spans:?}");
    assert_eq!(spans[1].0, ms(900));
    assert_eq!(run.outcome(1), Some(Outcome::OnTime));
    // A hole is refused, and then nothing more came.
    script.retain(|(at, _)| *at != ms(800));
    let run = play(&script, &silence(ms(4_000)), 480);
    assert_eq!((run.outcome(1), run.refused), (Some(Outcome::OnTime), 1));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]
    #[test]
    fn r10_no_end_of_a_dub_is_a_raw_joint(
        start in 0_i64..1_000, dub in 250_i64..2_500, cut in 0_i64..3_000, how in 0..4,
    ) {
        let mut script = vec![(0, Call::Utterance(key(1), ms(start), ms(start + 1_500)))];
        script.push((0, Call::Dub(key(1), 0, Hidden(positive(dub)))));
        if how > 0 {
            script.push((ms(cut), match how {
                1 => Call::Mute(true),
                2 => Call::Lost(0),
                _ => Call::Finish,
            }));
        } else {
            script.push((ms(cut), Call::End(key(1), End::Done)));
        }
        let left = play(&script, &silence(ms(6_000)), 333).left();
        let own = steepest(&play(&dubbed(1, (0, ms(2_500)), 0, positive(dub)), &silence(ms(3_000)), 480).left());
        prop_assert!(steepest(&left) <= allowed(&left, own), "{} {}", steepest(&left), own);
    }
}
