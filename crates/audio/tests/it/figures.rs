//! The figures that the rules were chosen by: dubs 30 % longer than the source, utterances of 1.7 s.

use dragoman_audio::playout::{End, Event, Key, Outcome, Playout};
use dragoman_timeline::{Pts, Span};

use crate::rig::{RATE, config, positive};

const UTTERANCE: i64 = 1_700;
/// From an utterance's end to its dub.
const ENGINE: i64 = 1_500;
const BLOCK: i64 = 100;

struct Figures {
    utterances: usize,
    shed: Vec<u32>,
    lags: Vec<Span>,
}

/// An hour in which each utterance is followed by `pause` ms. The bed is silent: only what is said costs time.
fn hour(pause: i64) -> Figures {
    let mut playout = Playout::new(config());
    let pcm = positive(UTTERANCE * 13 / 10);
    let mut block = vec![0.0; (BLOCK * 48 * 2) as usize];
    let mut figures = Figures {
        utterances: 0,
        shed: Vec::new(),
        lags: Vec::new(),
    };
    let (mut announced, mut dubbed) = (0_u32, 0_u32);
    let start_of = |n: u32| i64::from(n) * (UTTERANCE + pause);
    let key = |utterance| Key {
        connection: 0,
        utterance,
    };
    for at in (0..3_600_000).step_by(BLOCK as usize) {
        while start_of(announced) + UTTERANCE + 300 <= at {
            let start = start_of(announced);
            playout.utterance(key(announced), Pts::from_ms(start), Pts::from_ms(start + UTTERANCE));
            announced += 1;
        }
        while start_of(dubbed) + UTTERANCE + ENGINE <= at {
            playout.dub(key(dubbed), 0, &pcm);
            playout.end(key(dubbed), End::Done);
            dubbed += 1;
        }
        playout.render(Pts::from_samples(at * 48, RATE), &mut block);
        block.fill(0.0);
        while let Some(event) = playout.next_event() {
            if let Event::Ended { key, outcome, lag, .. } = event {
                figures.utterances += 1;
                match outcome {
                    Outcome::Shed => figures.shed.push(key.utterance),
                    Outcome::Late | Outcome::OnTime => figures.lags.extend(lag),
                    other => panic!("{other:?}"),
                }
            }
        }
    }
    figures
}

#[test]
fn with_pauses_of_15_percent_nothing_is_shed_and_the_lag_is_constant() {
    let figures = hour(300);
    assert!(figures.utterances > 1_790);
    assert_eq!(figures.shed, [] as [u32; 0]);
    let settled = &figures.lags[20..];
    let (least, most) = (settled.iter().min().unwrap(), settled.iter().max().unwrap());
    println!("lag {:.0}..{:.0} ms", least.as_ms(), most.as_ms());
    assert!((*most - *least).as_ms() < 60.0, "{least:?} {most:?}");
    assert!(most.as_ms() < (UTTERANCE + ENGINE + 500) as f64);
}

#[test]
fn without_pauses_four_percent_are_shed_in_holes_of_two_utterances() {
    let figures = hour(0);
    let share = figures.shed.len() as f64 / figures.utterances as f64;
    let mut holes: Vec<usize> = Vec::new();
    let mut last = None;
    for &n in &figures.shed {
        match (last, holes.last_mut()) {
            (Some(before), Some(hole)) if before + 1 == n => *hole += 1,
            _ => holes.push(1),
        }
        last = Some(n);
    }
    let mean = holes.iter().sum::<usize>() as f64 / holes.len() as f64 * UTTERANCE as f64 / 1_000.0;
    println!("{:.1} % shed in {} holes of {mean:.1} s", share * 100.0, holes.len());
    assert!((0.03..0.055).contains(&share), "{share}");
    assert!((3.0..3.9).contains(&mean), "{mean}");
}
