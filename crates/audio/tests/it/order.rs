//! R3, R4, R7: order, place and what is dropped.

use dragoman_audio::playout::{CancelReason, Config, End, Event, Heard, Key, Outcome};
use dragoman_timeline::Span;
use proptest::prelude::*;

use crate::rig::{Call, Hidden, Script, config, dubbed, key, ms, play, play_with, positive, silence};

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]
    #[test]
    fn r3_dubs_play_in_source_order_and_never_overlap(
        parts in prop::collection::vec((300_i64..1_500, 0_i64..400, 200_i64..1_600, 0_i64..2_000), 1..8),
    ) {
        let (mut script, mut start) = (Script::new(), 0);
        let mut intervals = Vec::new();
        for (n, (length, pause, dub, delay)) in parts.into_iter().enumerate() {
            let interval = (ms(start), ms(start + length));
            script.extend(dubbed(n as u32, interval, ms(start + delay), positive(dub)));
            intervals.push(interval);
            start += length + pause;
        }
        let run = play(&script, &silence(ms(start + 10_000)), 4_800);
        let started = run.started();
        for pair in started.windows(2) {
            prop_assert!(pair[0].0 < pair[1].0, "source order");
        }
        // These dubs are never near zero but at their edges: where one begins, no other sounds.
        let left = run.left();
        for (_, at, ..) in &started {
            prop_assert!(left[(*at as usize).saturating_sub(1)] < 1e-5 && left[*at as usize] < 1e-5, "frame {}", at);
        }
    }

    #[test]
    fn r4_place(
        first in 400_i64..1_500, gap in 0_i64..300, dub in 300_i64..1_500, ready in 0_i64..3_000,
    ) {
        let s2 = ms(1_000 + first + gap);
        let mut script = dubbed(1, (ms(1_000), ms(1_000 + first)), 0, positive(dub));
        script.extend(dubbed(2, (s2, s2 + ms(1_000)), ms(ready), positive(500)));
        let run = play(&script, &silence(ms(9_000)), 480);
        let left = run.left();
        let begun = ms(1_050);
        let end = begun + left[begun as usize..].iter().position(|s| *s < 1e-5).unwrap_or(0) as i64;
        let expected = s2.max(ms(ready)).max(end + ms(gap.min(80)));
        let p2 = run.start_of(2).unwrap();
        // The last frames of a dub are faded below what can be seen.
        prop_assert!((p2 - expected).abs() <= 12, "{} for {}", p2, expected);
        prop_assert_eq!(run.start_of(1), Some(ms(1_000)));
    }

    #[test]
    fn r3_nothing_is_dubbed_twice(overlap in 0_i64..1_000) {
        let mut script = dubbed(1, (ms(100), ms(1_100)), 0, positive(800));
        let again = Key { connection: 1, utterance: 1 };
        let start = ms(1_100 - overlap);
        script.push((ms(500), Call::Utterance(again, start, start + ms(1_000))));
        script.push((ms(500), Call::Dub(again, 0, Hidden(positive(700)))));
        script.push((ms(500), Call::End(again, End::Done)));
        let run = play(&script, &silence(ms(5_000)), 480);
        let outcome = run.ended().iter().find(|(k, ..)| *k == again).map(|e| e.1);
        prop_assert_eq!(outcome == Some(Outcome::Discarded), overlap > 500);
    }
}

/// Utterances of 1 s without pauses, all of whose dubs, 1 s long, are here at once `late` ms after the first began.
fn flood(n: u32, late: i64) -> Script {
    (0..n)
        .flat_map(|n| {
            dubbed(
                n,
                (ms(i64::from(n) * 1_000), ms(i64::from(n) * 1_000 + 1_000)),
                ms(late),
                positive(1_000),
            )
        })
        .collect()
}

#[test]
fn r7_a_wait_over_the_limit_is_shed_as_one_hole() {
    // All here at 4.5 s: the n-th would wait for n seconds, less what 1.25x saves.
    let run = play(&flood(5, 4_500), &silence(ms(15_000)), 480);
    let shed: Vec<u32> = run
        .ended()
        .iter()
        .filter(|e| e.1 == Outcome::Shed)
        .map(|e| e.0.utterance)
        .collect();
    assert!(!shed.is_empty());
    assert!(shed.windows(2).all(|w| w[1] == w[0] + 1), "{shed:?}");
    assert_eq!(run.ended().len(), 5);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn r7_nothing_waits_longer_than_allowed_nor_is_staler(
        n in 3_u32..10, late in 0_i64..9_000, max_wait in 500_i64..4_000, max_stale in 1_000_i64..7_000,
    ) {
        let config = Config { max_wait: Span::from_ms(max_wait), max_stale: Span::from_ms(max_stale), ..config() };
        let run = play_with(config, &flood(n, late), &silence(ms(i64::from(n) * 1_500 + 12_000)), 4_800);
        prop_assert_eq!(run.ended().len(), n as usize);
        for (_, event) in &run.events {
            match *event {
                Event::Ended { wait: Some(wait), lag: Some(lag), outcome, .. } => {
                    prop_assert!(wait.ns() <= Span::from_ms(max_wait + 50).ns(), "{:?} {:?}", wait, outcome);
                    prop_assert!(lag.ns() - 1_000_000_000 <= Span::from_ms(max_stale + 50).ns());
                }
                // All of these dubs were here as a whole: there is nothing to cancel.
                Event::Cancel { .. } => prop_assert!(false, "{:?}", event),
                Event::Ended { .. } | Event::Started { .. } => {}
            }
        }
        for (k, ..) in run.started() {
            let outcome = run.outcome(k.utterance);
            prop_assert!(matches!(outcome, Some(Outcome::OnTime | Outcome::Late)), "{:?} after its start", outcome);
        }
    }
}

#[test]
fn r7_a_dub_that_never_comes_is_stale_and_the_original_was_heard() {
    let script = vec![(0, Call::Utterance(key(1), ms(100), ms(1_100)))];
    let run = play(&script, &silence(ms(8_000)), 480);
    assert_eq!(run.ended(), [(key(1), Outcome::Stale, Some(Heard::Original))]);
    let cancel = Event::Cancel {
        key: key(1),
        reason: CancelReason::Stale,
    };
    assert!(run.events.iter().any(|(_, e)| *e == cancel));
    let at = run.events[0].0;
    assert!((ms(7_100)..ms(7_120)).contains(&at), "{at}");
}

#[test]
fn r7_what_passed_under_another_dub_is_lost() {
    let mut script = dubbed(1, (0, ms(1_000)), ms(1_000), positive(3_000));
    script.push((0, Call::Utterance(key(2), ms(1_200), ms(2_200))));
    let run = play(&script, &silence(ms(10_000)), 480);
    assert!(run.ended().contains(&(key(2), Outcome::Stale, Some(Heard::Lost))));
}

#[test]
fn r7_a_ready_dub_waits_half_a_second_for_one_before_it() {
    let mut script = vec![(0, Call::Utterance(key(1), ms(100), ms(900)))];
    script.extend(dubbed(2, (ms(1_000), ms(1_800)), 0, positive(700)));
    let run = play(&script, &silence(ms(4_000)), 480);
    assert_eq!(run.start_of(2), Some(ms(1_500)));
    assert_eq!(run.outcome(1), Some(Outcome::Shed));

    script.push((ms(1_400), Call::Dub(key(1), 0, Hidden(positive(700)))));
    script.push((ms(1_400), Call::End(key(1), End::Done)));
    let run = play(&script, &silence(ms(5_000)), 480);
    assert_eq!(run.start_of(1), Some(ms(1_400)));
    assert_eq!(run.outcome(2), Some(Outcome::Late));
}

#[test]
fn r7_a_full_buffer_sheds_the_oldest() {
    let config = Config {
        max_buffered: Span::from_ms(2_500),
        ..config()
    };
    let script: Script = (0..4)
        .flat_map(|n| {
            dubbed(
                n,
                (ms(5_000 + i64::from(n) * 1_000), ms(6_000 + i64::from(n) * 1_000)),
                0,
                positive(1_000),
            )
        })
        .collect();
    let run = play_with(config, &script, &silence(ms(12_000)), 480);
    let outcomes: Vec<_> = (0..4).map(|n| run.outcome(n).unwrap()).collect();
    assert_eq!(
        outcomes,
        [Outcome::Shed, Outcome::Shed, Outcome::OnTime, Outcome::OnTime]
    );
}
