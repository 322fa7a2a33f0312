//! One host: a session from end to end, a cut socket, the end.

use dragoman_protocol::{ClientMessage, Done, Flags, Have, ServerMessage, TargetId, UtteranceId};
use dragoman_timeline::{Pts, Span};
use tokio::time::{Duration, Instant};

use super::relay::Relay;
use super::script::{Got, Script};
use super::stage::{Service, Stage, Talk};
use super::story::Story;
use crate::control::SpeechState;
use crate::worker::feed::ToSpeech;

const TARGETS: usize = 2;

/// The whole session without a fault.
async fn unbroken(talk: &Talk) -> (Stage, Duration) {
    let service = Service::start(&[]).await;
    let mut stage = Stage::open(&[service.url()]);
    stage.speed = 4;
    stage.talk(talk);
    stage.until_fed(talk.end()).await;
    let ended = Instant::now();
    stage.end(talk).await;
    (stage, ended.elapsed())
}

fn assert_whole(story: &Story, talk: &Talk) {
    assert_eq!(story.whole(TARGETS).len(), story.utterances.len());
    story.assert_covers(&talk.voices, TARGETS);
    story.assert_nothing_twice(TARGETS);
}

#[tokio::test]
async fn every_utterance_is_dubbed_once_and_the_end_is_awaited() {
    let talk = Talk::of(&[900, 4_000, 600]);
    let (stage, took) = unbroken(&talk).await;
    assert_whole(&stage.story, &talk);
    assert_eq!((stage.story.ready.clone(), stage.story.lost.len()), (vec![1], 0));
    for heard in stage.story.utterances.values() {
        let texts: Vec<_> = heard.iter().map(|h| h.2.is_empty()).collect();
        assert_eq!(texts, [true, false], "when it is cut, and when its text is known");
    }
    assert!(stage.story.dubs.values().all(|texts| texts.len() == 1));
    assert!(
        took < Duration::from_secs(2),
        "the end waits for `done`, not for more: {took:?}"
    );
    let status = stage.status();
    assert_eq!((status.state, status.connects), (SpeechState::Off, 1));
    assert_eq!(
        (status.dropped_samples, status.ignored_messages, status.reason),
        (0, 0, None)
    );
}

#[tokio::test]
async fn a_socket_cut_in_a_dub_loses_and_doubles_nothing() {
    let talk = Talk::of(&[900, 4_000, 600]);
    let (whole, _) = unbroken(&talk).await;
    let service = Service::start(&[]).await;
    let relay = Relay::start(service.address).await;
    let mut stage = Stage::open(&[relay.url()]);
    stage.until_ready(1).await;
    stage.talk(&talk);
    for (n, bytes) in [(1, 30_000), (2, 150_000)] {
        relay.cut_after(bytes);
        stage.until("the socket is cut", |_| relay.cuts() == n).await;
        let cut = Instant::now();
        assert!(stage.story.is_in_a_dub());
        // What the old socket still held is heard first.
        stage
            .until("it is connected again", |stage| {
                stage.story.ready.len() == n as usize + 1
            })
            .await;
        let before = stage.story.samples(1);
        stage
            .until("its dub goes on", |stage| stage.story.samples(1) > before)
            .await;
        assert!(cut.elapsed() < Duration::from_secs(1), "{:?}", cut.elapsed());
        assert_eq!(stage.status().state, SpeechState::Ready);
    }
    stage.end(&talk).await;

    assert_whole(&stage.story, &talk);
    assert_eq!((stage.story.ready.clone(), stage.story.lost.len()), (vec![1, 1, 1], 0));
    assert_eq!((relay.accepted(), stage.status().connects), (3, 3));
    assert_eq!(
        stage.story.whole(TARGETS),
        whole.story.whole(TARGETS),
        "cut where it would have been"
    );
    assert!(stage.story.pcm == whole.story.pcm);
}

#[tokio::test]
async fn a_resume_says_what_is_there_and_sends_the_rest_again() {
    let script = Script::start().await;
    let mut stage = Stage::open(&[script.url()]);
    let (mut line, start) = script.accept().await;
    assert_eq!((start.resume, start.have, start.targets.len()), (None, None, TARGETS));
    line.ready(0, false).await;
    stage.pieces(0, 10).await;
    for n in 0..10 {
        assert_eq!(line.sound().await.pts, n * 40_000_000);
    }
    line.utterance(1, 0, 200).await;
    for target in [0, 1] {
        line.dub(1, target).await;
        line.pcm(1, target, 0, 400).await;
    }
    line.dub_end(1, 0, 400).await;
    stage.until("a dub ends", |stage| stage.story.ends.len() == 1).await;
    drop(line);

    let (mut line, start) = script.accept().await;
    assert_eq!(start.resume.as_deref(), Some("token"));
    let have = |target| Have {
        utterance: UtteranceId(1),
        target: TargetId(target),
        samples: 400,
    };
    assert_eq!(start.have, Some(vec![have(0), have(1)]));
    assert_eq!(start.from_ns, 0, "the utterance is not settled");
    // A nanosecond before a piece's end: nothing of it is left.
    line.ready(80_000_000 - 1, true).await;
    let first = line.sound().await;
    assert_eq!((first.pts, first.seq, first.flags), (80_000_000, 0, Flags::FIRST));
    for n in 3..10 {
        let frame = line.sound().await;
        assert_eq!(
            (frame.pts, frame.flags, frame.pcm.len()),
            (n * 40_000_000, Flags::NONE, 640)
        );
    }
    line.utterance(1, 0, 200).await;
    for target in [0, 1] {
        line.dub(1, target).await;
    }
    line.pcm(1, 0, 400, 0).await;
    line.dub_end(1, 0, 400).await;
    line.pcm(1, 1, 300, 100).await;
    line.pcm(1, 1, 300, 200).await;
    line.pcm(1, 1, 500, 0).await;
    line.dub_end(1, 1, 500).await;
    stage.until("all dubs end", |stage| stage.story.ends.len() == 2).await;
    let samples: Vec<_> = stage.story.pcm.values().map(Vec::len).collect();
    assert_eq!((samples, stage.story.ready.clone()), (vec![400, 500], vec![1, 1]));
    assert_eq!(
        stage.story.doubled, 100,
        "only what straddles the place where it goes on"
    );
}

#[tokio::test]
async fn a_host_that_has_forgotten_begins_at_the_oldest_open_utterance() {
    let script = Script::start().await;
    let mut stage = Stage::open(&[script.url()]);
    let (mut line, _) = script.accept().await;
    line.ready(0, false).await;
    stage.pieces(0, 100).await;
    line.utterance(1, 200, 1_000).await;
    line.utterance(2, 1_500, 2_500).await;
    line.dub_end(1, 0, 0).await;
    line.dub_end(1, 1, 0).await;
    line.dub_end(2, 0, 0).await;
    stage.until("dubs end", |stage| stage.story.ends.len() == 3).await;
    drop(line);
    let (mut line, start) = script.accept().await;
    assert_eq!(start.from_ns, 1_500_000_000);
    line.ready(start.from_ns, false).await;
    assert_eq!(line.sound().await.pts, 1_500_000_000);
    stage.until_ready(2).await;
    assert_eq!(
        (stage.story.ready.clone(), &stage.story.lost[..]),
        (vec![1, 2], &[(1, 1)][..])
    );
}

#[tokio::test]
async fn the_end_comes_after_the_last_sound_and_waits_for_done() {
    let script = Script::start().await;
    let mut stage = Stage::open(&[script.url()]);
    let (mut line, _) = script.accept().await;
    // All of it waits when the host is ready, and is sent at most four times as fast as it was said.
    stage.pieces(0, 50).await;
    stage
        .feed
        .send(ToSpeech::End {
            at: Pts::from_ms(2_000),
        })
        .await
        .unwrap();
    let begun = Instant::now();
    line.ready(0, false).await;
    for n in 0..50 {
        assert_eq!(line.sound().await.pts, n * 40_000_000);
    }
    let took = begun.elapsed();
    assert!((450..1_500).contains(&took.as_millis()), "{took:?}");
    let at_ns = loop {
        match line.next().await {
            Got::Said(ClientMessage::End(end)) => break end.at_ns,
            Got::Said(_) => {}
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(at_ns, 2_000_000_000);
    line.utterance(1, 0, 1_000).await;
    stage
        .until("what comes after the end is heard", |stage| {
            !stage.story.utterances.is_empty()
        })
        .await;
    assert!(!stage.is_over());
    line.say(ServerMessage::Done(Done { utterances: 1 })).await;
    stage.until("the client ends", Stage::is_over).await;
    assert_eq!(stage.status().state, SpeechState::Off);
}

#[tokio::test(start_paused = true)]
async fn without_a_host_the_end_does_not_wait_long() {
    let mut stage = Stage::open(&[]);
    let talk = Talk::of(&[]);
    stage.talk(&talk);
    stage
        .until("the operator is told", |stage| stage.status().reason.is_some())
        .await;
    assert_eq!(stage.status().reason.as_deref(), Some("no speech host is named"));
    let begun = Instant::now();
    stage.end(&talk).await;
    assert!(begun.elapsed() < Duration::from_secs(5));
}

#[tokio::test]
async fn a_session_that_is_given_up_ends_at_once() {
    let script = Script::start().await;
    let mut stage = Stage::open(&[script.url()]);
    let (mut line, _) = script.accept().await;
    line.ready(0, false).await;
    stage.until_ready(1).await;
    stage.cancel.cancel();
    stage.until("the client ends", Stage::is_over).await;
    while !matches!(line.next().await, Got::Gone) {}
}

#[tokio::test]
async fn a_feed_that_breaks_off_is_an_end() {
    let script = Script::start().await;
    let mut stage = Stage::open(&[script.url()]);
    let (mut line, _) = script.accept().await;
    line.ready(0, false).await;
    stage.pieces(0, 2).await;
    stage.feed = tokio::sync::mpsc::channel(1).0;
    let end = loop {
        if let Got::Said(ClientMessage::End(end)) = line.next().await {
            break end;
        }
    };
    assert_eq!(Pts::from_ns(end.at_ns), Pts::ZERO + Span::from_ms(80));
}
