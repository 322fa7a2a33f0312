//! R5, R6: how fast a dub is said, and its silences.

use proptest::prelude::*;

use crate::rig::{Script, dubbed, ms, play, positive, silence, sounding};

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]
    #[test]
    fn r5_rates_are_bounded_and_move_by_a_tenth(
        parts in prop::collection::vec((400_i64..1_500, 0_i64..600, 300_i64..2_500), 1..8),
    ) {
        let (mut script, mut start) = (Script::new(), 0);
        for (n, (length, pause, dub)) in parts.into_iter().enumerate() {
            script.extend(dubbed(n as u32, (ms(start), ms(start + length)), ms(start + length), positive(dub)));
            start += length + pause;
        }
        let run = play(&script, &silence(ms(start + 10_000)), 4_800);
        let mut previous = 1.0;
        for (.., rate) in run.started() {
            prop_assert!((1.0..=1.25).contains(&rate));
            prop_assert!((rate - previous).abs() <= 0.1 + 1e-9);
            previous = rate;
        }
    }

    #[test]
    fn r5_a_dub_gets_the_room_it_has(length in 500_i64..2_000, dub in 500_i64..2_500, pause in 0_i64..2_000, lag in 0_i64..3_000) {
        // Lag alone is not chased: the first dub may be as late as it likes.
        let mut script = dubbed(1, (0, ms(length)), ms(lag), positive(dub));
        let next = length + pause;
        script.extend(dubbed(2, (ms(next), ms(next + 1_000)), ms(lag), positive(500)));
        let run = play(&script, &silence(ms(9_000)), 4_800);
        let expected = (dub as f64 / (length + pause.min(1_000)) as f64).clamp(1.0, 1.1);
        let (_, at, _, rate) = run.started()[0];
        prop_assert!((rate - expected).abs() < 0.01, "{} for {}", rate, expected);
        let said = sounding(&run.left(), 0)[0];
        prop_assert_eq!(said.0, at);
        let wanted = dub as f64 / if rate < 1.01 { 1.0 } else { rate };
        prop_assert!(((said.1 - said.0) as f64 / 48.0 - wanted).abs() < 25.0);
    }

    #[test]
    fn r6_edges_are_trimmed_and_pauses_shortened_only_when_waiting(
        lead in 0_i64..80, tail in 0_i64..80, pause in 3_i64..60, waits in any::<bool>(),
    ) {
        let quiet = |ms: i64| vec![0_i16; ms as usize * 8];
        let dub = [quiet(lead * 10), positive(600), quiet(pause * 10), positive(600), quiet(tail * 10)].concat();
        let mut script = Script::new();
        // The one before it lasts 2 s, more than its interval and what is left after stretching.
        script.extend(dubbed(1, (0, ms(1_000)), 0, positive(if waits { 2_400 } else { 500 })));
        script.extend(dubbed(2, (ms(1_000), ms(3_500)), 0, dub));
        let run = play(&script, &silence(ms(9_000)), 480);
        let at = run.start_of(2).unwrap();
        let rate = run.started()[1].3;
        let spans = sounding(&run.left()[at as usize..], 1_500);
        let lead_kept = ((lead * 10).min(40) as f64 / rate * 48.0) as i64;
        // A voice that is stretched, and the filter's ripple, move a border by a few milliseconds.
        prop_assert!((spans[0].0 - lead_kept).abs() < ms(16), "lead {:?} from {}", spans, at);
        if pause >= 6 {
            let heard = (spans[1].0 - spans[0].1) as f64 * rate / 48.0;
            let expected = if waits && pause > 30 { 200.0 } else { pause as f64 * 10.0 };
            prop_assert!((heard - expected).abs() < 45.0, "{} for {}", heard, expected);
        }
    }
}
