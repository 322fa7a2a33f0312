//! Hosts that do not serve us: what the operator reads, who is next, how often they are asked.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use dragoman_protocol::{Refusal, ServerError, ServerMessage};
use tokio::time::{Duration, Instant};

use super::relay::Relay;
use super::script::Script;
use super::stage::{Service, Stage};
use crate::control::SpeechState;
use crate::spec::Speech;

/// How a host fails.
#[derive(Clone)]
enum How {
    /// By an answer that is no upgrade.
    Answers(String),
    /// By its first message.
    Says(String),
    /// By going away once it is ready.
    Leaves,
}

/// A host that fails at every connection, and how often it did.
async fn bad(how: How) -> (String, Arc<AtomicU32>) {
    let script = Script::start().await;
    let (url, count) = (script.url(), Arc::<AtomicU32>::default());
    let counted = count.clone();
    tokio::spawn(async move {
        loop {
            match &how {
                How::Answers(answer) => script.answer(answer).await,
                How::Says(text) => {
                    let (mut line, _) = script.accept().await;
                    line.text(text).await;
                }
                How::Leaves => script.accept().await.0.ready(0, false).await,
            }
            counted.fetch_add(1, Ordering::Relaxed);
        }
    });
    (url, count)
}

fn open(urls: &[String], key: Option<&str>) -> Stage {
    Stage::with(
        &["es"],
        Speech {
            urls: urls.to_vec(),
            urls_file: None,
            key: key.map(str::to_owned),
        },
    )
}

/// The reason is shown, the host is asked again in growing distance, another is taken once there is one.
async fn assert_refused(mut stage: Stage, url: &str, reason: &str, count: impl Fn() -> u32) {
    let begun = Instant::now();
    stage
        .until("the operator is told", |stage| stage.status().reason.is_some())
        .await;
    let status = stage.status();
    assert_eq!(
        (status.state, status.host, status.connects),
        (SpeechState::Connecting, None, 0)
    );
    let shown = status.reason.unwrap();
    assert!(
        shown.starts_with(&url.replace("ws://", "")) && shown.contains(reason),
        "{shown}"
    );
    stage.until("it is asked again", |_| count() >= 3).await;
    assert!(
        begun.elapsed() > Duration::from_millis(700),
        "no busy loop: {:?}",
        begun.elapsed()
    );

    let good = Service::start(&[]).await;
    stage.updates.send(vec![url.to_owned(), good.url()]).await.unwrap();
    stage.until_ready(1).await;
    assert_eq!(
        (stage.status().reason, stage.status().host),
        (None, Some(good.address.to_string()))
    );
    assert!(count() <= 5, "{}", count());
}

#[tokio::test]
async fn a_wrong_key() {
    let service = Service::start(&[("SPEECH_KEY", "right")]).await;
    let relay = Relay::start(service.address).await;
    assert_refused(open(&[relay.url()], Some("wrong")), &relay.url(), "401", || {
        relay.accepted()
    })
    .await;
    let mut stage = open(&[relay.url()], Some("right"));
    stage.until_ready(1).await;
}

#[tokio::test]
async fn a_busy_host() {
    let service = Service::start(&[("SPEECH_MAX_SESSIONS", "1")]).await;
    let mut other = open(&[service.url()], None);
    other.until_ready(1).await;
    let relay = Relay::start(service.address).await;
    assert_refused(open(&[relay.url()], None), &relay.url(), "429", || relay.accepted()).await;
}

async fn assert_bad(how: How, reason: &str) {
    let (url, count) = bad(how).await;
    assert_refused(open(std::slice::from_ref(&url), None), &url, reason, || {
        count.load(Ordering::Relaxed)
    })
    .await;
}

#[tokio::test]
async fn another_version() {
    let body = Refusal::unsupported_version().to_json();
    let length = body.len();
    let answer = format!("HTTP/1.1 400 Bad Request\r\ncontent-length: {length}\r\n\r\n{body}");
    assert_bad(How::Answers(answer), "status 400").await;
    let upgrade = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nhi";
    assert_bad(How::Answers(upgrade.to_owned()), "status 200").await;
}

#[tokio::test]
async fn something_else_than_a_speech_host() {
    assert_bad(How::Answers("220 mail.example ESMTP\r\n".to_owned()), "").await;
    assert_bad(How::Says("{\"type\": 7".to_owned()), "is not the protocol").await;
    assert_bad(
        How::Says("{\"type\":\"done\",\"utterances\":0}".to_owned()),
        "is not the protocol",
    )
    .await;
}

#[tokio::test]
async fn a_host_that_opens_no_session() {
    let (code, message) = ("unsupported_pair".to_owned(), "no such language".to_owned());
    let error = ServerMessage::Error(ServerError {
        code,
        message,
        retryable: false,
        utterance: None,
    });
    assert_bad(How::Says(error.to_json()), "unsupported_pair: no such language").await;
    let ready = r#"{"type":"ready","resume":"t","resume_ms":1,"audio_from_ns":0,"engine":"x","models":[],"dub_rate":1,
        "features":["telepathy"]}"#;
    assert_bad(How::Says(ready.to_owned()), "\"telepathy\"").await;
}

#[tokio::test]
async fn a_host_that_says_nothing_or_only_what_is_not_known() {
    let script = Script::start().await;
    let mut stage = open(&[script.url()], None);
    let begun = Instant::now();
    let (mut line, _) = script.accept().await;
    tokio::spawn(async move {
        loop {
            line.text(r#"{"type":"weather"}"#).await;
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    });
    stage
        .until("the operator is told", |stage| stage.status().reason.is_some())
        .await;
    assert!(
        (2_900..4_000).contains(&begun.elapsed().as_millis()),
        "{:?}",
        begun.elapsed()
    );
    let status = stage.status();
    assert!(
        status
            .reason
            .is_some_and(|reason| reason.ends_with("did not open a session in time"))
    );
    assert!(status.ignored_messages > 10);
}

#[tokio::test]
async fn a_host_that_leaves_again_and_again_is_asked_less_and_less() {
    let (url, count) = bad(How::Leaves).await;
    let mut stage = open(std::slice::from_ref(&url), None);
    let begun = Instant::now();
    stage
        .until("it has left four times", |_| count.load(Ordering::Relaxed) >= 4)
        .await;
    assert!(begun.elapsed() > Duration::from_millis(700), "{:?}", begun.elapsed());
    drop(stage);

    // Where there is another, that one is taken after the second time.
    let (url, count) = bad(How::Leaves).await;
    let good = Service::start(&[]).await;
    let mut stage = open(&[url, good.url()], None);
    let host = Some(good.address.to_string());
    stage
        .until("the other serves", |stage| stage.status().host == host)
        .await;
    assert!(count.load(Ordering::Relaxed) <= 3);
}

#[tokio::test]
async fn the_file_is_read_again_at_each_connect() {
    let services = [Service::start(&[]).await, Service::start(&[]).await];
    let relays = [
        Relay::start(services[0].address).await,
        Relay::start(services[1].address).await,
    ];
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("hosts");
    let dead = "ws://127.0.0.1:9".to_owned();
    let speech = Speech {
        urls: vec![dead],
        urls_file: Some(file.clone()),
        key: None,
    };
    let mut stage = Stage::with(&["es"], speech);
    stage
        .until("the list of the spec is tried", |stage| stage.status().reason.is_some())
        .await;
    std::fs::write(&file, format!("{}\n", relays[0].url())).unwrap();
    stage.until_ready(1).await;
    std::fs::write(&file, format!("{}, ws://127.0.0.1:9", relays[1].url())).unwrap();
    relays[0].kill();
    stage.until_ready(2).await;
    assert_eq!((relays[1].accepted(), stage.story.ready.clone()), (1, vec![1, 2]));
    assert_eq!(stage.story.lost, [(1, 1)], "its host is not listed any more");
}
