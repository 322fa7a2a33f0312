//! Cancelling, windows, staleness and draining.

use dragoman_protocol::*;

use crate::client::{Client, ES, Server, Story, start};
use crate::voice::{silence, voice};

fn phrases(count: usize) -> Vec<i16> {
    (0..count)
        .flat_map(|_| [silence(400), voice(900), silence(400)].concat())
        .collect()
}

async fn cancel(client: &mut Client, target: Option<TargetId>) {
    let cancel = Cancel {
        utterance: UtteranceId(1),
        target,
        reason: CancelReason::Shed,
    };
    client.say(&ClientMessage::Cancel(cancel)).await;
}

#[tokio::test]
async fn a_cancelled_dub_ends_and_the_others_go_on() {
    let server = Server::start(&[("MOCK_DELAY", "1s")]).await;
    let mut client = server.client(&start(&["es", "fr"])).await;
    client.ready().await;
    client.send(&phrases(2), 0, 320).await;
    let mut story = Story::default();
    client.take(&mut story, |story| !story.utterances.is_empty()).await;
    cancel(&mut client, Some(ES)).await;
    client.end().await;
    client.take(&mut story, |_| false).await;
    let outcomes: Vec<(Outcome, bool)> = story.ends.values().map(|end| (end.outcome, end.samples > 0)).collect();
    let done = (Outcome::Done, true);
    assert_eq!(outcomes, [(Outcome::Cancelled, false), done, done, done]);
    assert!(!story.pcm.contains_key(&(ES, UtteranceId(1))) && story.done.is_some());
}

#[tokio::test]
async fn a_full_window_pauses_its_target_only() {
    let server = Server::start(&[]).await;
    let mut client = server
        .client(&Start {
            window_ms: 2_000,
            ..start(&["es", "fr"])
        })
        .await;
    client.ready().await;
    client.status(&[(ES, 2_000), (TargetId(1), 0)], 0).await;
    client.send(&phrases(2), 0, 320).await;
    let mut story = Story::default();
    client.take(&mut story, |story| story.ends.len() == 2).await;
    assert!(
        story.pcm.keys().all(|(target, _)| *target == TargetId(1)),
        "{:?}",
        story.pcm.keys()
    );
    assert_eq!(story.dubs.len(), 4, "texts come all the same");
    client.status(&[(ES, 1_999), (TargetId(1), 0)], 0).await;
    client.take(&mut story, |story| story.ends.len() == 4).await;
    client.status(&[(ES, 4_000)], 0).await;
    client.take(&mut story, |_| false).await;
    assert_eq!(
        (story.errors[0].code.as_str(), story.closed.unwrap().0),
        ("window", 4009)
    );
}

#[tokio::test]
async fn what_cannot_start_in_time_is_late() {
    let server = Server::start(&[("MOCK_DELAY", "1s")]).await;
    let mut client = server
        .client(&Start {
            max_stale_ms: 0,
            ..start(&["es"])
        })
        .await;
    client.ready().await;
    // Viewers are past all of it already.
    client
        .say(&ClientMessage::Status(Status {
            playhead_ns: 60_000_000_000,
            targets: vec![],
        }))
        .await;
    client.send(&phrases(1), 0, 320).await;
    client.end().await;
    let story = client.take_all().await;
    let ends: Vec<(Outcome, u64)> = story.ends.values().map(|end| (end.outcome, end.samples)).collect();
    assert_eq!(ends, [(Outcome::Late, 0)]);
}

#[tokio::test]
async fn a_drain_finishes_what_is_in_flight() {
    let server = Server::start(&[("MOCK_DELAY", "500ms")]).await;
    let mut client = server.client(&start(&["es"])).await;
    client.ready().await;
    client.send(&phrases(1), 0, 320).await;
    let mut story = Story::default();
    client.take(&mut story, |story| !story.utterances.is_empty()).await;
    server.lifecycle.stop();
    client.take(&mut story, |story| story.draining.is_some()).await;
    assert!(story.ends.is_empty());
    client.send(&phrases(1), 1_700_000_000, 320).await;
    client.end().await;
    client.take(&mut story, |_| false).await;
    assert_eq!(story.done, Some(Done { utterances: 2 }));
    assert!(story.ends.values().all(|end| end.outcome == Outcome::Done) && story.ends.len() == 2);
    assert_eq!(story.closed.unwrap().0, 1000);
}

#[tokio::test]
async fn a_client_that_ignores_the_drain_is_closed_with_1001() {
    let server = Server::start(&[("MOCK_DELAY", "30s")]).await;
    let mut client = server.client(&start(&["es"])).await;
    client.ready().await;
    client.send(&phrases(1), 0, 320).await;
    server.lifecycle.stop();
    let mut story = Story::default();
    while story.closed.is_none() {
        let seen = story.stats.len();
        client.take(&mut story, |story| story.stats.len() > seen).await;
        if story.closed.is_none() {
            client.status(&[], 0).await;
        }
    }
    assert_eq!(story.closed.unwrap().0, 1001);
    assert!(story.draining.is_some() && story.done.is_none());
}
