//! What the playout costs, in per cent of one core: `cargo run -p dragoman-audio --example cost [SECONDS]`.

use std::time::Instant;

use dragoman_audio::playout::{Config, End, Key, Playout};
use dragoman_audio::resample::Resampler;
use dragoman_audio::stretch::Stretch;
use dragoman_audio::{RATE, pcm};
use dragoman_timeline::Pts;

const DUB_RATE: u32 = 24_000;
const BLOCK: usize = 1_024;

fn main() {
    let seconds: f64 = std::env::args().nth(1).and_then(|s| s.parse().ok()).unwrap_or(60.0);
    let report = |what: &str, work: &mut dyn FnMut(f64)| {
        let start = Instant::now();
        work(seconds);
        println!("{what:<42} {:.3} %", start.elapsed().as_secs_f64() / seconds * 100.0);
    };
    report("playout, no dub", &mut |s| playout(s, None, false));
    report("playout, no dub, original measured", &mut |s| playout(s, None, true));
    report("playout, always dubbed at rate 1", &mut |s| {
        playout(s, Some(0.97), true)
    });
    report("playout, always dubbed and stretched", &mut |s| {
        playout(s, Some(1.15), true)
    });
    report("stretch alone, 24 kHz, 1.25x", &mut |s| {
        let (mut stretch, mut out) = (Stretch::new(DUB_RATE, 1.25), Vec::new());
        let sound: Vec<f32> = voice(1.0).into_iter().map(pcm::to_f32).collect();
        for _ in 0..s as usize {
            out.clear();
            stretch.push(&sound, &mut out);
        }
    });
    report("resample 24 kHz mono to 48 kHz", &mut |s| resample(DUB_RATE, RATE, s));
    report("48 kHz stereo to 16 kHz mono", &mut |s| {
        let (mut mono, mut out) = (Vec::new(), Vec::new());
        let Ok(mut resampler) = Resampler::new(RATE, 16_000, 1) else {
            return;
        };
        let stereo = vec![0.1; BLOCK * 2];
        for _ in 0..(s * f64::from(RATE)) as usize / BLOCK {
            mono.clear();
            out.clear();
            pcm::extend_mono(&stereo, &mut mono);
            resampler.push(&mono, &mut out);
        }
    });
}

fn resample(from: u32, to: u32, seconds: f64) {
    let Ok(mut resampler) = Resampler::new(from, to, 1) else {
        return;
    };
    let (input, mut out) = (vec![0.1; from as usize / 50], Vec::new());
    for _ in 0..(seconds * 50.0) as usize {
        out.clear();
        resampler.push(&input, &mut out);
    }
}

/// Utterances of 2 s without pauses; `dub` is a dub's length in shares of its utterance.
fn playout(seconds: f64, dub: Option<f64>, original: bool) {
    let mut playout = Playout::new(Config {
        dub_rate: DUB_RATE,
        ..Config::default()
    });
    let sound = voice(2.0 * dub.unwrap_or(0.0));
    let bed: Vec<f32> = (0..BLOCK * 2).map(|n| 0.2 * (n as f32 * 0.05).sin()).collect();
    let mut block = bed.clone();
    let mut next = 0_u32;
    for n in 0..(seconds * f64::from(RATE)) as usize / BLOCK {
        let at = Pts::from_samples((n * BLOCK) as i64, RATE);
        if original {
            playout.original(at, &bed);
        }
        if dub.is_some() && at.ms() >= i64::from(next) * 2_000 - 500 {
            let key = Key {
                connection: 0,
                utterance: next,
            };
            let start = i64::from(next) * 2_000;
            playout.utterance(key, Pts::from_ms(start), Pts::from_ms(start + 2_000));
            playout.dub(key, 0, &sound);
            playout.end(key, End::Done);
            next += 1;
        }
        block.copy_from_slice(&bed);
        playout.render(at, &mut block);
        while playout.next_event().is_some() {}
    }
    std::hint::black_box(&block);
}

fn voice(seconds: f64) -> Vec<i16> {
    (0..(seconds * f64::from(DUB_RATE)) as usize)
        .map(|n| {
            let t = n as f64 / f64::from(DUB_RATE);
            let wave: f64 = (1..6).map(|k| (880.0 * f64::from(k) * t).sin() / f64::from(k)).sum();
            (wave * 3_000.0 * (0.6 + 0.4 * (12.0 * t).sin())) as i16
        })
        .collect()
}
