//! A session from start to done.

use dragoman_protocol::*;
use dragoman_speech::engine::mock::tone_hz;

use crate::client::{ES, Server, Story, purity, start};
use crate::voice::{silence, voice};

pub(crate) fn speech() -> Vec<i16> {
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

async fn dub(server: &Server, langs: &[&str], block: usize) -> Story {
    let mut client = server.client(&start(langs)).await;
    let ready = client.ready().await;
    assert_eq!(
        (ready.engine.as_str(), ready.audio_from_ns, ready.resumed),
        ("mock", 0, false)
    );
    client.send(&speech(), 0, block).await;
    client.end().await;
    client.take_all().await
}

fn assert_complete(story: &Story, target: TargetId, lang: &str) {
    for (id, utterance) in &story.utterances {
        let key = (target, *id);
        let end = &story.ends[&key];
        let source_samples = (utterance.end_ns - utterance.start_ns) / 62_500;
        assert_eq!(
            (end.outcome, end.samples),
            (Outcome::Done, source_samples as u64 * 3 / 2)
        );
        let pcm = &story.pcm[&key];
        assert_eq!(end.samples, pcm.len() as u64);
        assert_eq!(story.dubs[&key].text, format!("[mock {lang}] utterance {id}"));
        assert_eq!(u64::from(story.dubs[&key].estimate_ms), end.samples / 24);
        assert!(purity(pcm, tone_hz(lang), 24_000.0) > 0.95, "{lang}");
        let rms = (pcm.iter().map(|s| f64::from(*s).powi(2)).sum::<f64>() / pcm.len() as f64).sqrt();
        assert!(
            (2_200.0..2_330.0).contains(&rms),
            "a sine of -20 dBFS with short fades: {rms}"
        );
    }
}

#[tokio::test]
async fn every_utterance_is_dubbed_with_the_tone_of_its_language() {
    let story = dub(&Server::start(&[]).await, &["es"], 320).await;
    let cuts: Vec<Cut> = story.utterances.values().map(|u| u.cut).collect();
    assert_eq!(cuts, [Cut::Pause, Cut::Cap, Cut::Cap, Cut::Pause, Cut::Pause]);
    assert!(
        story
            .utterances
            .values()
            .all(|u| u.text == format!("[mock en] utterance {}", u.utterance))
    );
    assert_complete(&story, ES, "es");
    assert_eq!(story.activity.len(), 6);
    assert_eq!(story.done, Some(Done { utterances: 5 }));
    assert_eq!(story.closed, Some((1000, "done".into())));
    assert!(purity(&story.pcm[&(ES, UtteranceId(1))], tone_hz("fr"), 24_000.0) < 0.01);
}

#[tokio::test]
async fn the_same_audio_gives_the_same_utterances_whatever_the_frames() {
    let server = Server::start(&[]).await;
    let (a, b) = (dub(&server, &["es"], 320).await, dub(&server, &["es"], 1_111).await);
    assert_eq!(a.utterances, b.utterances);
    assert_eq!(a.pcm, b.pcm);
}

#[tokio::test]
async fn two_targets_share_their_utterances() {
    let story = dub(&Server::start(&[]).await, &["es", "fr"], 800).await;
    assert_eq!(story.ends.len(), 2 * story.utterances.len());
    assert_complete(&story, TargetId(0), "es");
    assert_complete(&story, TargetId(1), "fr");
}

#[tokio::test]
async fn stats_settle_when_all_is_dubbed() {
    let server = Server::start(&[("MOCK_DELAY", "1500ms")]).await;
    let mut client = server.client(&start(&["es"])).await;
    client.ready().await;
    client
        .send(&[silence(400), voice(900), silence(500)].concat(), 0, 320)
        .await;
    let mut story = Story::default();
    client
        .take(&mut story, |story| {
            story.stats.last().is_some_and(|stats| stats.open == 0)
        })
        .await;
    let utterance = &story.utterances[&UtteranceId(1)];
    let busy = story.stats[0];
    assert_eq!((busy.open, busy.settled_ns), (1, utterance.start_ns));
    assert_eq!(
        i64::from(busy.backlog_ms),
        (utterance.end_ns - utterance.start_ns) / 1_000_000
    );
    let settled = story.stats.last().unwrap();
    assert!(settled.settled_ns >= utterance.end_ns && settled.settled_ns <= 1_800_000_000);
}

#[tokio::test]
async fn nothing_said_is_done_at_once() {
    let server = Server::start(&[]).await;
    let mut client = server.client(&start(&["es"])).await;
    client.ready().await;
    client.send(&silence(2_000), 0, 320).await;
    client.end().await;
    let story = client.take_all().await;
    assert_eq!((story.done, story.utterances.len()), (Some(Done { utterances: 0 }), 0));
}

#[tokio::test]
async fn echo_says_again_what_was_said() {
    let server = Server::start(&[("SPEECH_ENGINE", "echo")]).await;
    let mut client = server.client(&start(&["es"])).await;
    assert_eq!(client.ready().await.engine, "echo");
    client
        .send(&[silence(400), voice(900), silence(500)].concat(), 0, 320)
        .await;
    client.end().await;
    let story = client.take_all().await;
    let (utterance, pcm) = (&story.utterances[&UtteranceId(1)], &story.pcm[&(ES, UtteranceId(1))]);
    let range = [utterance.start_ns, utterance.end_ns].map(|ns| (ns / 62_500) as usize);
    let source = &[silence(400), voice(900), silence(500)].concat()[range[0]..range[1]];
    assert_eq!(pcm.len(), source.len() * 3 / 2);
    // Every second source sample lies on every third dub sample.
    let power = |s: &mut dyn Iterator<Item = i16>| s.map(|s| f64::from(s).powi(2)).sum::<f64>();
    let error = power(
        &mut source
            .iter()
            .step_by(2)
            .zip(pcm.iter().step_by(3))
            .map(|(a, b)| a.saturating_sub(*b)),
    );
    assert!(error < 0.02 * power(&mut source.iter().step_by(2).copied()));
}
