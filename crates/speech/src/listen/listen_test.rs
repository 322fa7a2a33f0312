use proptest::prelude::*;

use super::voice::{silence, voice};
use super::*;
use crate::engine::mock::CUTS;

const MS: i64 = 1_000_000;

/// Three phrases with pauses, the second one longer than the cap.
fn speech() -> Vec<i16> {
    [
        silence(400),
        voice(900),
        silence(500),
        voice(4_000),
        silence(600),
        voice(500),
        silence(500),
    ]
    .concat()
}

/// Everything heard of `samples` that come from `from_ns` on in blocks of the given sizes.
fn hear(samples: &[i16], from_ns: i64, blocks: &[usize]) -> Vec<Heard> {
    let mut listener = Listener::new(RATE, from_ns, CUTS).unwrap();
    let mut heard = Vec::new();
    let (mut at, mut sizes) = (0, blocks.iter().cycle());
    while at < samples.len() {
        let end = (at + sizes.next().copied().unwrap_or(320)).min(samples.len());
        let pts = from_ns + at as i64 * NS_PER_SAMPLE;
        assert_eq!(
            listener.push(pts, at == 0, &samples[at..end], &mut heard),
            Taken::default()
        );
        at = end;
    }
    listener.finish(&mut heard);
    heard
}

fn utterances(heard: &[Heard]) -> Vec<(Heading, Arc<[i16]>)> {
    heard
        .iter()
        .filter_map(|h| {
            if let Heard::Utterance(u, pcm) = h {
                Some((*u, Arc::clone(pcm)))
            } else {
                None
            }
        })
        .collect()
}

/// Without what depends on when it was decided.
fn places(heard: &[Heard]) -> Vec<(i64, i64, Cut)> {
    utterances(heard)
        .iter()
        .map(|(u, _)| (u.start_ns, u.end_ns, u.cut))
        .collect()
}

#[test]
fn phrases_are_found_and_long_ones_cut_at_the_cap() {
    let found = places(&hear(&speech(), 0, &[320]));
    let cuts: Vec<Cut> = found.iter().map(|u| u.2).collect();
    assert_eq!(
        cuts,
        [Cut::Pause, Cut::Cap, Cut::Cap, Cut::Pause, Cut::Pause],
        "{found:?}"
    );
    assert!(
        (300 * MS..=430 * MS).contains(&found[0].0) && (1_300 * MS..=1_420 * MS).contains(&found[0].1),
        "{found:?}"
    );
    assert_eq!(found[1].1 - found[1].0, 1_700 * MS);
    assert_eq!((found[1].1, found[2].1), (found[2].0, found[3].0));
}

#[test]
fn an_utterance_holds_exactly_the_samples_of_its_interval() {
    let samples = speech();
    for (heading, pcm) in utterances(&hear(&samples, 7_000 * MS, &[1234])) {
        let range = [heading.start_ns, heading.end_ns].map(|ns| ((ns - 7_000 * MS) / NS_PER_SAMPLE) as usize);
        assert_eq!(pcm[..], samples[range[0]..range[1]]);
        assert!(heading.heard_ns >= heading.end_ns);
    }
}

#[test]
fn silence_and_ticks_are_no_speech() {
    let mut samples = silence(5_000);
    for second in 0..5 {
        for n in 0..160 {
            samples[second * 16_000 + n] = (6_000.0 * (n as f64 * std::f64::consts::TAU * 6.0 / 16.0).sin()) as i16;
        }
    }
    assert_eq!(hear(&samples, 0, &[320]), []);
}

#[test]
fn held_music_is_no_speech_and_hides_no_pause() {
    let music = |n: usize| {
        let t = n as f64 * std::f64::consts::TAU / 16_000.0;
        let swell = 0.8 + 0.2 * (t * 0.2).sin();
        2_000.0 * swell * [220.0, 277.18, 329.63].iter().map(|hz| (t * hz).sin()).sum::<f64>()
    };
    let only: Vec<i16> = (0..16_000 * 10).map(|n| music(n) as i16).collect();
    assert_eq!(places(&hear(&only, 0, &[320])), []);
    let speech = [silence(2_000), speech()].concat();
    let under: Vec<i16> = speech
        .iter()
        .enumerate()
        .map(|(n, s)| s.saturating_add(music(n) as i16))
        .collect();
    let (found, clean) = (places(&hear(&under, 0, &[320])), places(&hear(&speech, 0, &[320])));
    for (_, end_ns, _) in clean.iter().filter(|u| u.2 == Cut::Pause) {
        assert!(
            found
                .iter()
                .any(|u| u.2 != Cut::Cap && (u.1 - end_ns).abs() <= 100 * MS),
            "{end_ns} in {found:?}"
        );
    }
}

#[test]
fn a_gap_ends_the_utterance_and_anchors_a_new_run() {
    let mut listener = Listener::new(RATE, 0, CUTS).unwrap();
    let mut heard = Vec::new();
    listener.push(0, true, &[silence(300), voice(800)].concat(), &mut heard);
    let taken = listener.push(60_000 * MS + 7, true, &[silence(300), voice(800)].concat(), &mut heard);
    assert!(taken.gap && taken.skipped == 0);
    listener.finish(&mut heard);
    let found = places(&heard);
    assert_eq!(found.iter().map(|u| u.2).collect::<Vec<_>>(), [Cut::End, Cut::End]);
    assert_eq!((found[0].1, found[1].1), (1_100 * MS, 61_100 * MS + 7));
    assert_eq!(listener.position_ns(), 61_100 * MS + 7);
}

#[test]
fn other_rates_keep_media_time() {
    let samples = crate::resample::resample(&speech(), RATE, 48_000).unwrap();
    let mut listener = Listener::new(48_000, 0, CUTS).unwrap();
    let mut heard = Vec::new();
    for (n, block) in samples.chunks(960).enumerate() {
        listener.push(n as i64 * 20 * MS, n == 0, block, &mut heard);
    }
    listener.finish(&mut heard);
    let (found, expected) = (places(&heard), places(&hear(&speech(), 0, &[320])));
    assert_eq!(found.len(), expected.len());
    for (a, b) in found.iter().zip(&expected) {
        assert!(
            (a.0 - b.0).abs() <= 32 * MS && (a.1 - b.1).abs() <= 32 * MS,
            "{a:?} {b:?}"
        );
    }
    assert_eq!(listener.position_ns(), 7_400 * MS);
}

#[test]
fn nothing_starts_before_the_earliest() {
    let mut listener = Listener::new(RATE, 0, CUTS).unwrap();
    let (mut heard, mut earliest) = (Vec::new(), i64::MIN);
    for (n, block) in speech().chunks(320).enumerate() {
        let seen = heard.len();
        listener.push(n as i64 * 20 * MS, n == 0, block, &mut heard);
        for (heading, _) in utterances(&heard[seen..]) {
            assert!(heading.start_ns >= earliest);
        }
        assert!(listener.earliest_ns() >= earliest && listener.earliest_ns() <= listener.position_ns());
        earliest = listener.earliest_ns();
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(16))]

    #[test]
    fn block_sizes_do_not_matter(blocks in prop::collection::vec(1usize..3_000, 1..12)) {
        let (a, b) = (hear(&speech(), 5, &[320]), hear(&speech(), 5, &blocks));
        prop_assert_eq!(places(&a), places(&b));
    }

    #[test]
    fn audio_sent_again_changes_nothing(cut_ms in 200usize..7_000, again_ms in 0usize..2_000, off_ns in -30_000i64..30_000) {
        let samples = speech();
        let mut listener = Listener::new(RATE, 0, CUTS).unwrap();
        let mut heard = Vec::new();
        let cut = cut_ms * 16;
        listener.push(0, true, &samples[..cut], &mut heard);
        let from = cut.saturating_sub(again_ms * 16);
        // Another connection may round its stamps differently, by less than half a sample.
        let pts = from as i64 * NS_PER_SAMPLE + off_ns;
        let mut skipped = 0;
        for (n, block) in samples[from..].chunks(480).enumerate() {
            let pts = pts + (n * 480) as i64 * NS_PER_SAMPLE;
            skipped += listener.push(pts, n == 0, block, &mut heard).skipped;
        }
        prop_assert_eq!(skipped as usize, cut - from);
        listener.finish(&mut heard);
        prop_assert_eq!(places(&heard), places(&hear(&samples, 0, &[320])));
    }
}
