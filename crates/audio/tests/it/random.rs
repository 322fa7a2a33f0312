//! R12: the accounts, and the same samples at any block size.

use std::collections::BTreeMap;

use dragoman_audio::playout::{End, Event, Key, Outcome, Playout};
use dragoman_timeline::Pts;
use proptest::prelude::*;

use crate::rig::{self, Call, Hidden, RATE, Script, config, ms, play, positive, voiced};

const LENGTH: i64 = 16_000;

fn any_key() -> impl Strategy<Value = Key> {
    (0_u32..2, 0_u32..8).prop_map(|(connection, utterance)| Key { connection, utterance })
}

fn any_end() -> impl Strategy<Value = End> {
    prop::sample::select(vec![
        End::Done,
        End::Done,
        End::Done,
        End::Empty,
        End::Cancelled,
        End::Late,
        End::Failed,
    ])
}

fn any_call() -> impl Strategy<Value = Call> {
    prop_oneof![
        4 => (any_key(), 0..LENGTH, 50_i64..2_500).prop_map(|(k, s, d)| Call::Utterance(k, ms(s), ms(s + d))),
        1 => (any_key(), 0_i64..4_000).prop_map(|(k, d)| Call::Estimate(k, ms(d))),
        6 => (any_key(), 0_u64..2, 0_i64..2_000).prop_map(|(k, o, d)| Call::Dub(k, o * 800, Hidden(voiced(d, 0.1)))),
        4 => (any_key(), any_end()).prop_map(|(k, e)| Call::End(k, e)),
        1 => (0_u32..2).prop_map(Call::Lost),
        1 => any::<bool>().prop_map(Call::Mute),
        2 => (0..LENGTH, 0_i64..400).prop_map(|(s, d)| Call::Original(ms(s), Hidden(vec![0.1; ms(d) as usize * 2]))),
    ]
}

/// Calls that make no sense, and among them whole dubs that do.
fn any_script() -> impl Strategy<Value = Script> {
    let noise = prop::collection::vec((0..ms(LENGTH), any_call()), 0..40);
    let sense = prop::collection::vec(
        (100_i64..1_500, 0_i64..500, 100_i64..2_000, 0_i64..3_000, 1_usize..5),
        0..8,
    );
    (noise, sense).prop_map(|(mut script, sense)| {
        let mut start = 0;
        for (n, (length, pause, dub, delay, pieces)) in sense.into_iter().enumerate() {
            let key = Key {
                connection: 2,
                utterance: n as u32,
            };
            let (pcm, ready) = (positive(dub), start + length + delay);
            script.push((ms(start + length), Call::Utterance(key, ms(start), ms(start + length))));
            let size = pcm.len().div_ceil(pieces);
            for (i, piece) in pcm.chunks(size).enumerate() {
                script.push((
                    ms(ready + i as i64 * 150),
                    Call::Dub(key, (i * size) as u64, Hidden(piece.to_vec())),
                ));
            }
            script.push((ms(ready + pieces as i64 * 150), Call::End(key, End::Done)));
            start += length + pause;
        }
        // The script is played in the order of time.
        script.sort_by_key(|(at, _)| *at);
        script
    })
}

fn bed(frames: i64) -> Vec<f32> {
    (0..frames * 2).map(|n| 0.4 * (n as f32 * 0.013).sin()).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]
    #[test]
    fn r12_the_same_calls_give_the_same_samples_at_any_block_size(script in any_script(), block in 1_usize..3_000) {
        let bed = bed(ms(LENGTH));
        let (one, other) = (play(&script, &bed, 48_000), play(&script, &bed, block));
        let events = |run: &rig::Run| run.events.iter().map(|(_, e)| *e).collect::<Vec<Event>>();
        prop_assert_eq!(events(&one), events(&other));
        let differ = one.out.iter().zip(&other.out).position(|(a, b)| a != b);
        prop_assert_eq!(differ, None);
    }

    /// Only the lead of a joint may show: the dubs are cut from one smooth sound, and the bed is silent.
    #[test]
    fn r10_the_programme_has_no_raw_joints_whatever_happens(script in any_script()) {
        let sound = positive(6_000);
        let script: Script = script.into_iter().map(|(at, call)| match call {
            Call::Dub(k, offset, pcm) => {
                let (from, to) = (offset as usize, (offset as usize + pcm.0.len()).min(sound.len()));
                (at, Call::Dub(k, offset, Hidden(sound[from.min(to)..to].to_vec())))
            }
            other => (at, other),
        }).collect();
        let left = play(&script, &rig::silence(ms(LENGTH)), 1_024).left();
        // The sound's own steps with 12 dB of gain, and an edge of 8 ms over its peak.
        let own = 4.0 * 2_600.0 / 32_768.0 * 0.31 / 6.0;
        let edge = left.iter().fold(0.0_f32, |p, s| p.max(s.abs())) * std::f32::consts::FRAC_PI_2 / 384.0;
        for (n, pair) in left.windows(2).enumerate() {
            prop_assert!((pair[1] - pair[0]).abs() <= own + edge, "a step of {} at {}", pair[1] - pair[0], n);
        }
    }

    #[test]
    fn r12_the_accounts_add_up(mut script in any_script(), finish in any::<bool>()) {
        let length = if finish { LENGTH } else { LENGTH + 12_000 };
        if finish {
            script.push((ms(LENGTH), Call::Finish));
        }
        let announced: std::collections::BTreeSet<Key> = script.iter().filter_map(|(_, call)| match call {
            Call::Utterance(key, ..) => Some(*key),
            _ => None,
        }).collect();
        let run = play(&script, &bed(ms(length)), 1_024);
        prop_assert_eq!(run.open, 0);
        let mut accounts: BTreeMap<Key, usize> = announced.iter().map(|&k| (k, 0)).collect();
        let mut begun = std::collections::BTreeSet::new();
        for (_, event) in &run.events {
            match *event {
                Event::Started { key, .. } => {
                    prop_assert!(begun.insert(key));
                    prop_assert_eq!(accounts[&key], 0);
                }
                Event::Ended { key, outcome, lag, wait, heard } => {
                    *accounts.get_mut(&key).expect("announced") += 1;
                    let began = begun.contains(&key);
                    prop_assert_eq!((lag.is_some(), wait.is_some(), heard.is_none()), (began, began, began));
                    let said = matches!(outcome, Outcome::OnTime | Outcome::Late | Outcome::Truncated);
                    prop_assert!(began || !said, "{:?}", outcome);
                }
                Event::Cancel { key, .. } => prop_assert_eq!(accounts[&key], 0, "cancelled before it ends"),
            }
        }
        prop_assert!(accounts.values().all(|&n| n == 1), "{:?}", accounts);
    }

    #[test]
    fn r12_jumps_of_the_timeline_lose_no_account(
        script in any_script(), jumps in prop::collection::vec(-ms(3_000)..ms(20_000), 1..6),
    ) {
        let mut playout = Playout::new(config());
        let (mut at, mut block) = (0, vec![0.0; 960]);
        let mut open = std::collections::BTreeSet::new();
        let mut jumps = jumps.into_iter();
        for (n, (_, call)) in script.into_iter().enumerate() {
            match call {
                Call::Utterance(key, s, e) => {
                    open.insert(key);
                    playout.utterance(key, Pts::from_samples(s, RATE), Pts::from_samples(e, RATE));
                }
                Call::Dub(key, offset, pcm) => playout.dub(key, offset, &pcm.0),
                Call::End(key, end) => playout.end(key, end),
                _ => {}
            }
            if n % 5 == 4 {
                at += jumps.next().unwrap_or(0);
            }
            for _ in 0..20 {
                block.fill(0.0);
                playout.render(Pts::from_samples(at, RATE), &mut block);
                at += 480;
            }
            prop_assert_eq!(playout.status().playhead, Pts::from_samples(at, RATE));
        }
        playout.finish();
        while let Some(event) = playout.next_event() {
            if let Event::Ended { key, .. } = event {
                prop_assert!(open.remove(&key));
            }
        }
        prop_assert!(open.is_empty());
    }
}

#[test]
fn a_playout_may_move_between_threads() {
    fn sendable<T: Send>() {}
    sendable::<Playout>();
}

#[test]
fn r12_what_is_settled_stays_settled() {
    let again = |at: i64| rig::dubbed(1, (ms(100), ms(900)), ms(at), positive(700));
    let mut script = again(0);
    script.extend(again(500));
    script.extend(again(2_000));
    let run = play(&script, &rig::silence(ms(4_000)), 480);
    assert_eq!(run.ended().iter().map(|e| e.1).collect::<Vec<_>>(), [Outcome::OnTime]);
    assert_eq!((run.started().len(), run.refused), (1, 0));
}

#[test]
fn r12_after_a_gap_the_next_dub_is_heard() {
    let mut playout = Playout::new(config());
    let mut block = vec![0.0; 960];
    playout.render(Pts::ZERO, &mut block);
    let day = Pts::from_ms(86_400_000);
    playout.render(day, &mut block);
    let key = Key {
        connection: 0,
        utterance: 0,
    };
    playout.utterance(
        key,
        day + dragoman_timeline::Span::from_ms(100),
        day + dragoman_timeline::Span::from_ms(900),
    );
    playout.dub(key, 0, &positive(700));
    playout.end(key, End::Done);
    let mut block = vec![0.0; ms(1_000) as usize * 2];
    playout.render(day + dragoman_timeline::Span::from_ms(10), &mut block);
    assert!(block.iter().any(|s| *s > 0.01));
}
