use proptest::prelude::*;

use super::*;

const PLAIN: Settings = Settings {
    pause_ms: 320,
    clause: None,
    cap_ms: 2_000,
    cap_search_ms: 0,
};

fn run(settings: Settings, voices: &[(f32, usize)]) -> Vec<Event> {
    let frames = voices.iter().flat_map(|(voice, count)| {
        std::iter::repeat_n(
            Frame {
                voice: *voice,
                energy: *voice,
            },
            *count,
        )
    });
    cut_all(settings, frames)
}

fn cut_all(settings: Settings, frames: impl Iterator<Item = Frame>) -> Vec<Event> {
    let (mut cutter, mut events) = (Cutter::new(settings), Vec::new());
    for frame in frames {
        cutter.push(frame, &mut events);
    }
    cutter.finish(0, &mut events);
    events
}

fn utterances(events: &[Event]) -> Vec<(u64, u64, Cut)> {
    let utterance = |event: &Event| match *event {
        Event::Utterance { start, end, cut } => Some((start / FRAME_LEN, end / FRAME_LEN, cut)),
        Event::Activity { .. } => None,
    };
    events.iter().filter_map(utterance).collect()
}

#[test]
fn a_pause_ends_an_utterance_with_lead_and_tail() {
    let events = run(PLAIN, &[(0.0, 20), (0.9, 40), (0.0, 30)]);
    assert_eq!(utterances(&events), [(16, 64, Cut::Pause)]);
    assert_eq!(
        events[0],
        Event::Activity {
            speech: true,
            at: 16 * FRAME_LEN
        }
    );
    assert_eq!(
        events[2],
        Event::Activity {
            speech: false,
            at: 64 * FRAME_LEN
        }
    );
}

#[test]
fn clicks_and_short_noises_are_no_utterance() {
    assert_eq!(run(PLAIN, &[(0.0, 9), (0.9, 2), (0.0, 50)]), []);
    assert_eq!(utterances(&run(PLAIN, &[(0.0, 9), (0.9, 6), (0.0, 50)])), []);
}

#[test]
fn voice_goes_on_at_a_lower_score_than_it_begins_with() {
    assert_eq!(utterances(&run(PLAIN, &[(0.0, 9), (0.4, 40)])), []);
    assert_eq!(
        utterances(&run(PLAIN, &[(0.0, 9), (0.9, 3), (0.4, 40)])),
        [(5, 52, Cut::End)]
    );
}

#[test]
fn a_clause_ends_only_what_is_long_enough() {
    let settings = Settings {
        clause: Some(Clause {
            after_ms: 800,
            pause_ms: 160,
        }),
        ..PLAIN
    };
    let short_then_long = [(0.0, 9), (0.9, 20), (0.0, 12), (0.9, 40), (0.0, 12), (0.9, 20)];
    let found = utterances(&run(settings, &short_then_long));
    assert_eq!(found, [(5, 85, Cut::Clause), (89, 113, Cut::End)]);
}

#[test]
fn the_cap_cuts_to_the_sample_and_the_next_one_abuts() {
    let events = run(PLAIN, &[(0.9, 400)]);
    let Event::Utterance { start, end, cut } = events[1] else {
        panic!("{events:?}")
    };
    assert_eq!((start, end, cut), (0, 32_000, Cut::Cap));
    assert!(matches!(
        events[2],
        Event::Utterance {
            start: 32_000,
            end: 64_000,
            cut: Cut::Cap
        }
    ));
}

#[test]
fn the_cap_does_not_wait_for_a_pause_that_has_begun() {
    let found = utterances(&run(PLAIN, &[(0.9, 118), (0.0, 60)]));
    assert_eq!(found, [(0, 122, Cut::Cap)]);
}

#[test]
fn the_cap_cuts_at_the_quietest_moment_it_may_look_for() {
    let settings = Settings {
        cap_search_ms: 320,
        ..PLAIN
    };
    let frames = (0..200).map(|n| Frame {
        voice: 0.9,
        energy: if n == 115 { 1.0 } else { 9.0 },
    });
    let events = cut_all(settings, frames);
    assert!(
        matches!(events[1], Event::Utterance { start: 0, end, cut: Cut::Cap } if end == 115 * FRAME_LEN + FRAME_LEN / 2)
    );
}

proptest! {
    #[test]
    fn utterances_never_overlap_nor_exceed_the_cap(
        scores in prop::collection::vec((0.0f32..1.0, 1usize..60), 0..40),
        cap_search_ms in prop_oneof![Just(0u32), Just(300)],
        with_clause: bool,
    ) {
        let clause = with_clause.then_some(Clause { after_ms: 800, pause_ms: 160 });
        let settings = Settings { clause, cap_search_ms, ..PLAIN };
        let (mut last_end, mut speech) = (0, false);
        for event in run(settings, &scores) {
            match event {
                Event::Utterance { start, end, .. } => {
                    prop_assert!(start >= last_end && end > start && end - start <= samples(settings.cap_ms));
                    last_end = end;
                }
                Event::Activity { speech: now, .. } => {
                    prop_assert_ne!(now, speech);
                    speech = now;
                }
            }
        }
        prop_assert!(!speech);
    }
}
