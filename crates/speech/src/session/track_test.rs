use std::collections::BTreeMap;
use std::time::Duration;

use dragoman_protocol::TargetId;
use proptest::prelude::*;

use super::*;

const RATE: u32 = 24_000;

/// What can happen to a target, in any order.
#[derive(Clone, Debug)]
enum Step {
    Open,
    Audio(u32, usize),
    End(u32, Outcome),
    Cancel(u32),
    Send(usize),
    Pause(bool),
    Reconnect,
}

fn step() -> impl Strategy<Value = Step> {
    let outcome = prop_oneof![Just(Outcome::Done), Just(Outcome::Failed), Just(Outcome::Empty)];
    prop_oneof![
        3 => Just(Step::Open),
        6 => (1u32..6, 1usize..5_000).prop_map(|(id, len)| Step::Audio(id, len)),
        3 => (1u32..6, outcome).prop_map(|(id, outcome)| Step::End(id, outcome)),
        1 => (1u32..6).prop_map(Step::Cancel),
        6 => (1usize..8).prop_map(Step::Send),
        1 => any::<bool>().prop_map(Step::Pause),
        1 => Just(Step::Reconnect),
    ]
}

/// A client: it has what arrived, and insists on the contract.
#[derive(Default)]
struct Client {
    pcm: BTreeMap<u32, Vec<i16>>,
    ends: BTreeMap<u32, DubEnd>,
    seq: u32,
}

impl Client {
    fn take(&mut self, output: Output) {
        match output {
            Output::Audio(frame) => {
                let id = frame.utterance.0;
                assert!(!self.ends.contains_key(&id), "audio after its end");
                assert!(self.ends.range(id..).next().is_none(), "audio after a later dub's end");
                let pcm = self.pcm.entry(id).or_default();
                assert_eq!((frame.seq, frame.pts), (self.seq, pcm.len() as i64));
                self.seq += 1;
                pcm.extend(frame.pcm.iter());
            }
            Output::Message(ServerMessage::DubEnd(end)) => {
                assert_eq!(end.samples, self.pcm.get(&end.utterance.0).map_or(0, Vec::len) as u64);
                assert!(self.ends.insert(end.utterance.0, end).is_none(), "two ends");
            }
            Output::Message(other) => panic!("{other:?}"),
        }
    }
}

fn track() -> Track {
    Track::new(
        Target {
            id: TargetId(0),
            lang: "es".into(),
            voice: None,
        },
        RATE,
    )
}

fn later() -> Instant {
    Instant::now() + Duration::from_secs(60)
}

proptest! {
    #[test]
    fn nothing_is_lost_doubled_or_out_of_order(steps in prop::collection::vec(step(), 0..120)) {
        let (mut track, mut client, mut seq) = (track(), Client::default(), 0);
        let (mut last, mut made, mut running) = (0u32, BTreeMap::<u32, Vec<i16>>::new(), BTreeMap::<u32, bool>::new());
        let finish = steps.len();
        let closing = (1..=20).flat_map(|id| [Step::End(id, Outcome::Done)]).chain([Step::Pause(false), Step::Send(10_000)]);
        for (n, step) in steps.into_iter().chain(closing).enumerate() {
            match step {
                Step::Open if last < 5 || n < finish && last < 20 => {
                    last += 1;
                    prop_assert!(track.open(UtteranceId(last), i64::from(last), later()).is_some());
                    running.insert(last, true);
                }
                Step::Open => {}
                Step::Audio(id, len) => {
                    let all = made.entry(id).or_default();
                    let piece: Vec<i16> = (all.len()..all.len() + len).map(|n| (n % 30_000) as i16).collect();
                    let running = running.get(&id) == Some(&true);
                    let first = track.audio(UtteranceId(id), Pcm::from_samples(&piece));
                    prop_assert_eq!(first, running && all.is_empty());
                    if running {
                        all.extend(piece);
                    }
                }
                Step::End(id, outcome) => {
                    let was = running.insert(id, false) == Some(true);
                    prop_assert_eq!(track.end(UtteranceId(id), outcome, None), was);
                }
                Step::Cancel(id) => {
                    track.cancel(UtteranceId(id));
                    running.insert(id, false);
                }
                Step::Pause(paused) => track.paused = paused,
                Step::Send(count) => {
                    for _ in 0..count {
                        let Some(output) = track.output(&mut seq) else { break };
                        client.take(output);
                    }
                }
                Step::Reconnect => {
                    let have: BTreeMap<u32, u64> = client.pcm.iter().map(|(id, pcm)| (*id, pcm.len() as u64)).collect();
                    (seq, client.seq) = (0, 0);
                    client.ends.clear();
                    drop(track.rewind(|id| have.get(&id.0).copied().unwrap_or(0)));
                }
            }
        }
        prop_assert_eq!(client.ends.len(), last as usize);
        for (id, end) in &client.ends {
            let made = made.get(id).map_or(&[][..], Vec::as_slice);
            let got = client.pcm.get(id).map_or(&[][..], Vec::as_slice);
            prop_assert_eq!(got, &made[..got.len()]);
            prop_assert!(end.outcome != Outcome::Done || got.len() == made.len());
        }
        prop_assert!(!track.has_output());
    }
}

#[test]
fn the_last_frame_says_so_even_if_the_end_was_not_known_then() {
    let (mut track, mut seq) = (track(), 0);
    track.open(UtteranceId(1), 0, later());
    track.audio(UtteranceId(1), Pcm::from_samples(&[1; 100]));
    let flags = |output: Option<Output>| match output {
        Some(Output::Audio(frame)) => (frame.flags, frame.pcm.len()),
        _ => panic!("audio"),
    };
    assert_eq!(flags(track.output(&mut seq)), (Flags::FIRST, 100));
    assert!(track.output(&mut seq).is_none());
    track.end(UtteranceId(1), Outcome::Done, None);
    assert_eq!(flags(track.output(&mut seq)), (Flags::LAST, 0));
    assert!(matches!(track.output(&mut seq), Some(Output::Message(ServerMessage::DubEnd(end))) if end.samples == 100));
}

#[test]
fn a_target_that_the_client_leaves_paused_holds_a_bounded_amount() {
    let mut track = track();
    track.paused = true;
    let second = Pcm::from_samples(&[1; RATE as usize]);
    let mut refused = 0;
    for id in 1..=200 {
        match track.open(UtteranceId(id), i64::from(id), later()) {
            Some(_) => drop(track.audio(UtteranceId(id), second.clone())),
            None => refused += 1,
        }
        track.end(UtteranceId(id), Outcome::Done, None);
    }
    assert_eq!(track.held, (HOLD_S + 1) * RATE as usize);
    assert_eq!(refused, 200 - HOLD_S - 1);
}

#[test]
fn an_engine_that_does_not_answer_is_given_up() {
    let mut track = track();
    let now = Instant::now();
    track.open(UtteranceId(1), 0, now);
    track.open(UtteranceId(2), 0, now + Duration::from_secs(1));
    assert_eq!(track.expire(now), [UtteranceId(1)]);
}
