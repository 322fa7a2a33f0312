//! Who is let in, and what a client that breaks the contract is told.

use dragoman_protocol::*;
use futures_util::SinkExt;
use tokio_tungstenite::tungstenite::Message;

use crate::client::{DEADLINE, Got, Server, start};
use crate::voice::silence;

async fn refused(server: &Server, key: Option<&str>, offer: &str) -> (u16, Refusal) {
    let response = server.connect(key, offer).await.err().expect("a refusal");
    let body = response.body().clone().unwrap_or_default();
    (response.status().as_u16(), Refusal::parse(&body))
}

#[tokio::test]
async fn a_wrong_or_missing_key_is_401() {
    let server = Server::start(&[("SPEECH_KEY", "old,new")]).await;
    for key in [None, Some("wrong")] {
        assert_eq!(
            refused(&server, key, &negotiate::offer()).await,
            (401, Refusal::unauthorized())
        );
    }
    for key in ["old", "new"] {
        assert!(server.connect(Some(key), &negotiate::offer()).await.is_ok());
    }
}

#[tokio::test]
async fn a_version_that_we_do_not_speak_is_400() {
    let server = Server::start(&[]).await;
    for offer in ["dragoman.dub.v2", "chat"] {
        let (status, refusal) = refused(&server, None, offer).await;
        assert_eq!(status, 400);
        assert!(matches!(refusal, Refusal::UnsupportedVersion { supported, .. } if supported == [1]));
    }
    assert!(server.connect(None, "dragoman.dub.v9, dragoman.dub.v1").await.is_ok());
}

#[tokio::test]
async fn a_full_service_is_429_until_there_is_room() {
    let server = Server::start(&[("SPEECH_MAX_SESSIONS", "1")]).await;
    let mut first = server.client(&start(&["es"])).await;
    first.ready().await;
    let (status, refusal) = refused(&server, None, &negotiate::offer()).await;
    assert_eq!(status, 429);
    assert!(matches!(
        refusal,
        Refusal::Busy {
            retry_after_ms: 2_000,
            ..
        }
    ));
    first.end().await;
    assert!(first.take_all().await.done.is_some());
    let until_room = async {
        while server.connect(None, &negotiate::offer()).await.is_err() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(DEADLINE, until_room)
        .await
        .expect("room after the first session");
}

#[tokio::test]
async fn room_is_kept_for_a_client_that_may_come_back() {
    let server = Server::start(&[("SPEECH_MAX_SESSIONS", "1")]).await;
    let mut first = server.client(&start(&["es"])).await;
    let token = first.ready().await.resume;
    drop(first);
    // Another one is let in as long as it may be the lost client, and then told that there is no room.
    let other = tokio::time::timeout(DEADLINE, async {
        loop {
            if let Ok(client) = server.connect(None, &negotiate::offer()).await {
                break client;
            }
        }
    });
    let mut other = other.await.unwrap();
    other.say(&ClientMessage::Start(start(&["es"]))).await;
    let story = other.take_all().await;
    assert_eq!((story.errors[0].code.as_str(), story.closed.unwrap().0), ("busy", 4029));
    let mut back = server
        .client(&Start {
            resume: Some(token),
            ..start(&["es"])
        })
        .await;
    assert!(back.ready().await.resumed);
}

/// What a session is told after `break_it`.
async fn closed_after(messages: Vec<Message>) -> (String, u16) {
    let server = Server::start(&[]).await;
    let mut client = server.client(&start(&["es"])).await;
    client.ready().await;
    for message in messages {
        client.socket.send(message).await.unwrap();
    }
    let story = client.take_all().await;
    // The process goes on.
    server.client(&start(&["es"])).await.ready().await;
    (story.errors[0].code.clone(), story.closed.expect("a close frame").0)
}

#[tokio::test]
async fn malformed_frames_are_4001() {
    let dub = AudioFrame {
        kind: Kind::Dub,
        target: TargetId(0),
        flags: Flags::NONE,
        utterance: UtteranceId(1),
        seq: 0,
        pts: 0,
        pcm: Pcm::from_samples(&[1]),
    };
    for message in [
        Message::Binary(vec![7; 30].into()),
        Message::Binary(dub.encode()),
        Message::text("{"),
        Message::text(ClientMessage::Start(start(&["es"])).to_json()),
        Message::text(
            r#"{"type":"status","playhead_ns":0,"targets":[{"id":9,"queued_ms":0,"wait_ms":0,"rate":1,"dubbed_to_ns":0}]}"#,
        ),
    ] {
        assert_eq!(closed_after(vec![message]).await, ("malformed".into(), 4001));
    }
}

#[tokio::test]
async fn messages_over_the_limit_are_4001() {
    for len in [limits::MAX_MESSAGE_BYTES + 1, 5 * limits::MAX_MESSAGE_BYTES] {
        assert_eq!(
            closed_after(vec![Message::text(" ".repeat(len))]).await,
            ("malformed".into(), 4001)
        );
    }
}

#[tokio::test]
async fn audio_far_ahead_of_real_time_is_4010() {
    let frame = AudioFrame::source(0, 0, Flags::NONE, Pcm::from_samples(&silence(1_000)));
    let (code, close) = closed_after(vec![Message::Binary(frame.encode()); 18]).await;
    assert_eq!((code.as_str(), close), ("too_fast", 4010));
}

#[tokio::test]
async fn what_is_unknown_is_ignored() {
    let server = Server::start(&[]).await;
    let mut client = server.client(&start(&["es"])).await;
    client.ready().await;
    client
        .socket
        .send(Message::text(r#"{"type":"weather"}"#))
        .await
        .unwrap();
    client
        .socket
        .send(Message::text(r#"{"type":"end","at_ns":0,"why":1}"#))
        .await
        .unwrap();
    assert!(client.take_all().await.done.is_some());
    let metrics = reqwest::get(server.url("/metrics"))
        .await
        .unwrap()
        .text()
        .await
        .unwrap();
    assert!(metrics.contains("dragoman_speech_ignored_total 2"), "{metrics}");
}

#[tokio::test]
async fn a_start_that_cannot_be_served_is_4003_or_4001() {
    let server = Server::start(&[]).await;
    let mut voice = start(&["es"]);
    voice.targets[0].voice = Some("marie".into());
    let feature = Start {
        features: vec!["x".into()],
        ..start(&["es"])
    };
    for (start, code, close) in [
        (voice, "unsupported_voice", 4003),
        (feature, "unsupported_feature", 4003),
        (start(&["auto"]), "unsupported_pair", 4003),
        (start(&[]), "malformed", 4001),
        (
            Start {
                rate: 1,
                ..start(&["es"])
            },
            "malformed",
            4001,
        ),
        (
            Start {
                rate: 44_101,
                ..start(&["es"])
            },
            "malformed",
            4001,
        ),
    ] {
        let story = server.client(&start).await.take_all().await;
        assert_eq!((story.errors[0].code.as_str(), story.closed.unwrap().0), (code, close));
    }
    let mut early = server.connect(None, &negotiate::offer()).await.unwrap();
    early.end().await;
    assert!(matches!(early.next().await, Got::Message(ServerMessage::Error(error)) if error.code == "malformed"));
}
