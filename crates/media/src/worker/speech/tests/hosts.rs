//! Several hosts: one is killed, frozen, or drains.

use std::sync::atomic::{AtomicUsize, Ordering};

use dragoman_protocol::{ClientMessage, Done, Draining, ServerError, ServerMessage};
use tokio::net::TcpListener;
use tokio::time::{Duration, Instant};

use super::relay::Relay;
use super::script::{Got, Line, Script};
use super::stage::{Service, Stage, Talk};
use crate::control::SpeechState;

const TARGETS: usize = 2;

/// Two hosts behind relays, and a source that has been talking until the first has dubbed some and has some to dub.
async fn in_the_middle(talk: &Talk) -> (Stage, [Relay; 2], [Service; 2]) {
    let services = [
        Service::start(&[("MOCK_DELAY", "700ms")]).await,
        Service::start(&[]).await,
    ];
    let relays = [
        Relay::start(services[0].address).await,
        Relay::start(services[1].address).await,
    ];
    let mut stage = Stage::open(&[relays[0].url(), relays[1].url()]);
    stage.talk(talk);
    let is_middle = |stage: &Stage| {
        let dubbed = stage.story.whole(TARGETS).len();
        dubbed >= 2 && stage.story.utterances.len() > dubbed
    };
    stage.until("some is dubbed and some is not", is_middle).await;
    (stage, relays, services)
}

#[tokio::test]
async fn a_killed_host_is_followed_by_the_next() {
    let talk = Talk::of(&[900, 4_000, 600, 900]);
    let (mut stage, [first, second], _services) = in_the_middle(&talk).await;
    first.kill();
    let killed = Instant::now();
    stage.until_ready(2).await;
    stage.until("dubs come again", |stage| stage.story.samples(2) > 0).await;
    assert!(killed.elapsed() < Duration::from_secs(3), "{:?}", killed.elapsed());
    assert_eq!(stage.status().host, Some(second.url().replace("ws://", "")));
    stage.end(&talk).await;
    assert_eq!(
        (stage.story.ready.clone(), &stage.story.lost[..]),
        (vec![1, 2], &[(1, 1)][..])
    );
    stage.story.assert_covers(&talk.voices, TARGETS);
    stage.story.assert_nothing_twice(TARGETS);
    assert_eq!((second.accepted(), stage.status().dropped_samples), (1, 0));
}

#[tokio::test]
async fn a_frozen_host_is_left_after_three_seconds() {
    let talk = Talk::of(&[900, 4_000, 600, 900, 2_000, 900, 1_500]);
    let (mut stage, [first, second], _services) = in_the_middle(&talk).await;
    first.freeze();
    let frozen = Instant::now();
    stage.until_ready(2).await;
    let took = frozen.elapsed();
    assert!((2_000..4_000).contains(&took.as_millis()), "{took:?}");
    stage.end(&talk).await;
    assert_eq!(
        (stage.story.ready.clone(), &stage.story.lost[..]),
        (vec![1, 2], &[(1, 1)][..])
    );
    stage.story.assert_covers(&talk.voices, TARGETS);
    stage.story.assert_nothing_twice(TARGETS);
    assert_eq!(
        (first.accepted(), second.accepted()),
        (1, 1),
        "a host that hangs is not asked again"
    );
}

#[tokio::test]
async fn the_only_host_is_asked_to_go_on_after_it_has_said_nothing() {
    let script = Script::start().await;
    let mut stage = Stage::open(&[script.url()]);
    let (mut line, _) = script.accept().await;
    line.ready(0, false).await;
    stage.until_ready(1).await;
    stage
        .until("it is left", |stage| stage.status().state == SpeechState::Connecting)
        .await;
    let status = stage.status();
    assert!(
        status
            .reason
            .is_some_and(|reason| reason.ends_with("the host says nothing"))
    );
    assert_eq!((status.host, status.engine), (None, None));
    let (_line, start) = script.accept().await;
    assert_eq!((start.resume.as_deref(), stage.story.lost.len()), (Some("token"), 0));
}

#[tokio::test]
async fn a_draining_host_finishes_its_dubs_while_the_next_goes_on() {
    let talk = Talk::of(&[900, 4_000, 600, 900]);
    let (mut stage, [first, second], services) = in_the_middle(&talk).await;
    services[0].lifecycle.stop();
    let gaps = AtomicUsize::new(0);
    let watch = |stage: &Stage| {
        gaps.fetch_add(
            usize::from(stage.status().state != SpeechState::Ready),
            Ordering::Relaxed,
        );
        !stage.story.lost.is_empty()
    };
    stage.until("the first has finished", watch).await;
    assert_eq!(
        (stage.story.ready.clone(), &stage.story.lost[..]),
        (vec![1, 2], &[(1, 2)][..]),
        "make before break"
    );
    assert_eq!(gaps.load(Ordering::Relaxed), 0, "served all the time");
    stage.end(&talk).await;
    assert_eq!(
        stage.story.whole(TARGETS).len(),
        stage.story.utterances.len(),
        "all dubs that began have ended"
    );
    stage.story.assert_covers(&talk.voices, TARGETS);
    stage.story.assert_nothing_twice(TARGETS);
    assert_eq!((first.accepted(), second.accepted()), (1, 1));
}

/// A host that has said `draining`, with one utterance cut and 4 s of sound heard.
async fn draining(script: &Script, stage: &mut Stage) -> Line {
    let (mut line, _) = script.accept().await;
    line.ready(0, false).await;
    stage.pieces(0, 100).await;
    while line.sound().await.pts < 3_960_000_000 {}
    line.utterance(1, 1_000, 2_000).await;
    stage
        .until("an utterance is cut", |stage| !stage.story.utterances.is_empty())
        .await;
    line.say(ServerMessage::Draining(Draining { deadline_ms: 8_000 })).await;
    line
}

#[tokio::test]
async fn a_draining_host_is_heard_while_the_next_does_not_answer() {
    let (script, service) = (Script::start().await, Service::start(&[]).await);
    let hole = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let hole_url = format!("ws://{}", hole.local_addr().unwrap());
    let mut stage = Stage::open(&[script.url(), hole_url, service.url()]);
    let mut line = draining(&script, &mut stage).await;
    let _dialled = hole.accept().await.unwrap();
    let begun = Instant::now();
    line.dub(1, 0).await;
    line.pcm(1, 0, 0, 400).await;
    stage.pieces(4_000, 1).await;
    stage
        .until("its dub is passed on", |stage| !stage.story.pcm.is_empty())
        .await;
    assert_eq!(line.sound().await.pts, 4_000_000_000, "it still hears the source");
    assert!(begun.elapsed() < Duration::from_secs(1) && stage.story.ready.len() == 1);
    stage.until_ready(2).await;
    assert!(begun.elapsed() < Duration::from_secs(5), "the one after it");
}

#[tokio::test]
async fn a_draining_host_gets_its_end_at_an_utterances_end_when_the_next_is_ready() {
    let (old, refuses, next) = (Script::start().await, Script::start().await, Script::start().await);
    let mut stage = Stage::open(&[old.url(), refuses.url(), next.url()]);
    let mut line = draining(&old, &mut stage).await;
    let (mut other, start) = refuses.accept().await;
    assert_eq!(start.from_ns, 1_000_000_000, "the oldest utterance that is not settled");
    let (code, message) = ("busy".to_owned(), "all sessions are taken".to_owned());
    other
        .say(ServerMessage::Error(ServerError {
            code,
            message,
            retryable: true,
            utterance: None,
        }))
        .await;
    let (mut other, start) = next.accept().await;
    assert_eq!(
        (stage.status().state, stage.status().connects),
        (SpeechState::Ready, 1),
        "the old one serves"
    );
    stage.pieces(4_000, 1).await;
    assert_eq!(line.sound().await.pts, 4_000_000_000);
    other.ready(start.from_ns, false).await;
    assert_eq!(
        other.sound().await.pts,
        2_000_000_000,
        "after the utterance that the old one has"
    );
    let end = loop {
        match line.next().await {
            Got::Said(ClientMessage::End(end)) => break end,
            Got::Said(_) => {}
            other => panic!("{other:?}"),
        }
    };
    assert_eq!((end.at_ns, stage.status().connects), (2_000_000_000, 2));

    // What it had begun to hear is the next one's; what it has cut it finishes.
    line.utterance(2, 2_500, 4_000).await;
    let cancel = loop {
        match line.next().await {
            Got::Said(ClientMessage::Cancel(cancel)) => break cancel,
            Got::Said(_) => {}
            other => panic!("{other:?}"),
        }
    };
    assert_eq!((cancel.utterance.0, cancel.target), (2, None));
    for target in [0, 1] {
        line.dub_end(2, target, 0).await;
        line.dub(1, target).await;
        line.pcm(1, target, 0, 24_000).await;
        line.dub_end(1, target, 24_000).await;
    }
    line.say(ServerMessage::Done(Done { utterances: 2 })).await;
    stage
        .until("the old one is done", |stage| !stage.story.lost.is_empty())
        .await;
    assert_eq!((stage.story.utterances.len(), stage.story.whole(TARGETS).len()), (1, 1));
    assert_eq!(stage.status().ignored_messages, 0);
}

#[tokio::test]
async fn a_draining_host_that_goes_early_leaves_its_utterances_to_the_next() {
    let (old, next) = (Script::start().await, Script::start().await);
    let mut stage = Stage::open(&[old.url(), next.url()]);
    let line = draining(&old, &mut stage).await;
    let (mut other, start) = next.accept().await;
    drop(line);
    stage.until("it is lost", |stage| !stage.story.lost.is_empty()).await;
    other.ready(start.from_ns, false).await;
    assert_eq!(
        other.sound().await.pts,
        1_000_000_000,
        "the utterance whose dubs did not come"
    );
}
