//! A cut socket loses nothing and doubles nothing.

use dragoman_protocol::*;

use crate::client::{ES, Server, Story, start};
use crate::session::speech;
use crate::voice::{silence, voice};

/// The whole story without a cut.
async fn unbroken(server: &Server) -> Story {
    let mut client = server.client(&start(&["es"])).await;
    client.ready().await;
    client.send(&speech(), 0, 320).await;
    client.end().await;
    client.take_all().await
}

async fn broken(server: &Server, sent_ms: usize, enough: fn(&Story) -> bool, again_ms: usize) -> Story {
    let mut client = server.client(&start(&["es"])).await;
    let token = client.ready().await.resume;
    let samples = speech();
    client.send(&samples[..sent_ms * 16], 0, 320).await;
    let mut story = Story::default();
    client.take(&mut story, enough).await;
    drop(client);

    let have = story.pcm.iter().map(|((target, utterance), pcm)| Have {
        utterance: *utterance,
        target: *target,
        samples: pcm.len() as u64,
    });
    // What is told to have ended is told again: the frames' checks want to see that.
    let again = Start {
        resume: Some(token.clone()),
        have: Some(have.collect()),
        ..start(&["es"])
    };
    story.ends.clear();
    story.resumed();
    let mut client = server.client(&again).await;
    let ready = client.ready().await;
    assert!(ready.resumed && ready.resume == token && ready.audio_from_ns <= sent_ms as i64 * 1_000_000);
    let from = (ready.audio_from_ns / 62_500) as usize - again_ms * 16;
    client.send(&samples[from..], from as i64 * 62_500, 480).await;
    client.end().await;
    client.take(&mut story, |_| false).await;
    story
}

fn assert_same(broken: &Story, whole: &Story) {
    assert_eq!(broken.utterances, whole.utterances);
    assert_eq!(broken.pcm, whole.pcm);
    assert_eq!(broken.ends, whole.ends);
    assert_eq!(broken.done, whole.done);
}

#[tokio::test]
async fn a_socket_cut_in_a_dub_loses_and_doubles_nothing() {
    let server = Server::start(&[]).await;
    let whole = unbroken(&server).await;
    let in_a_dub = |story: &Story| story.pcm.values().map(Vec::len).sum::<usize>() > 20_000;
    assert_same(&broken(&server, 3_900, in_a_dub, 0).await, &whole);
    assert_same(&broken(&server, 3_900, in_a_dub, 700).await, &whole);
}

#[tokio::test]
async fn a_socket_cut_before_any_dub_loses_nothing() {
    let server = Server::start(&[]).await;
    let whole = unbroken(&server).await;
    assert_same(&broken(&server, 1_000, |_| true, 0).await, &whole);
}

#[tokio::test]
async fn a_session_is_taken_over_while_its_old_socket_still_lives() {
    let server = Server::start(&[]).await;
    let mut old = server.client(&start(&["es"])).await;
    let token = old.ready().await.resume;
    let mut new = server
        .client(&Start {
            resume: Some(token),
            ..start(&["es"])
        })
        .await;
    assert!(new.ready().await.resumed);
    assert_eq!(old.take_all().await.closed, Some((4008, "replaced".into())));
}

#[tokio::test]
async fn a_token_is_only_good_for_its_own_session() {
    let server = Server::start(&[]).await;
    let mut first = server.client(&start(&["es"])).await;
    let token = first.ready().await.resume;
    for start in [
        Start {
            session: "s2".into(),
            ..start(&["es"])
        },
        start(&["fr"]),
    ] {
        let mut other = server
            .client(&Start {
                resume: Some(token.clone()),
                ..start
            })
            .await;
        let ready = other.ready().await;
        assert!(!ready.resumed && ready.resume != token);
    }
    let unknown = Start {
        resume: Some("x".into()),
        ..start(&["es"])
    };
    assert!(!server.client(&unknown).await.ready().await.resumed);
}

#[tokio::test]
async fn what_was_played_is_forgotten() {
    let server = Server::start(&[]).await;
    let mut client = server.client(&start(&["es"])).await;
    let token = client.ready().await.resume;
    client
        .send(
            &[silence(400), voice(900), silence(500), voice(900), silence(500)].concat(),
            0,
            320,
        )
        .await;
    let mut story = Story::default();
    client.take(&mut story, |story| story.ends.len() == 2).await;
    client
        .status(&[(ES, 0)], story.utterances[&UtteranceId(1)].end_ns)
        .await;
    // Its answer shows that the status was read.
    client
        .say(&ClientMessage::Cancel(Cancel {
            utterance: UtteranceId(9),
            target: None,
            reason: CancelReason::Stale,
        }))
        .await;
    let stats = story.stats.len() + 2;
    client.take(&mut story, |story| story.stats.len() == stats).await;
    drop(client);
    let mut back = server
        .client(&Start {
            resume: Some(token),
            ..start(&["es"])
        })
        .await;
    assert!(back.ready().await.resumed);
    back.end().await;
    let story = back.take_all().await;
    assert_eq!(
        story.pcm.keys().map(|(_, utterance)| utterance.0).collect::<Vec<_>>(),
        [2]
    );
}
