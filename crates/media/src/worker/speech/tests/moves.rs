//! Another list of hosts while a session runs.

use std::path::PathBuf;

use tempfile::TempDir;
use tokio::time::{Duration, Instant};

use super::relay::Relay;
use super::stage::{Service, Stage, Talk};
use crate::control::SpeechState;
use crate::spec::Speech;

const TARGETS: usize = 2;

/// The file that lists the hosts.
struct Listed(TempDir);

impl Listed {
    fn new(text: &str) -> Self {
        let listed = Self(tempfile::tempdir().unwrap());
        listed.say(text);
        listed
    }

    fn file(&self) -> PathBuf {
        self.0.path().join("url")
    }

    /// Another content, as a whole.
    fn say(&self, text: &str) {
        let new = self.0.path().join("new");
        std::fs::write(&new, text).unwrap();
        std::fs::rename(new, self.file()).unwrap();
    }

    fn stage(&self) -> Stage {
        let speech = Speech {
            urls: Vec::new(),
            urls_file: Some(self.file()),
            key: None,
        };
        Stage::with(&["es", "fr"], speech)
    }
}

#[tokio::test]
async fn a_session_leaves_a_host_that_is_not_listed_any_more() {
    let services = [
        Service::start(&[("MOCK_DELAY", "700ms")]).await,
        Service::start(&[]).await,
    ];
    let listed = Listed::new(&services[0].url());
    let mut stage = listed.stage();
    let talk = Talk::of(&[900, 4_000, 600, 900, 2_000]);
    stage.talk(&talk);
    let is_middle = |stage: &Stage| {
        let dubbed = stage.story.whole(TARGETS).len();
        dubbed >= 2 && stage.story.utterances.len() > dubbed
    };
    stage.until("some is dubbed and some is not", is_middle).await;
    listed.say(&format!("{}\n", services[1].url()));
    let (changed, mut away) = (Instant::now(), 0);
    stage
        .until("the other serves", |stage| {
            away += usize::from(stage.status().state != SpeechState::Ready);
            stage.story.ready.len() == 2
        })
        .await;
    assert!(changed.elapsed() < Duration::from_secs(2), "{:?}", changed.elapsed());
    assert_eq!(stage.status().host, Some(services[1].address.to_string()));
    stage.end(&talk).await;
    assert_eq!(
        (stage.story.ready.clone(), &stage.story.lost[..]),
        (vec![1, 2], &[(1, 2)][..]),
        "make before break"
    );
    assert_eq!((away, stage.status().dropped_samples), (0, 0), "served all the time");
    assert_eq!(stage.story.whole(TARGETS).len(), stage.story.utterances.len());
    stage.story.assert_covers(&talk.voices, TARGETS);
    stage.story.assert_nothing_twice(TARGETS);
}

#[tokio::test]
async fn a_session_stays_where_there_is_nothing_better() {
    let service = Service::start(&[]).await;
    let other = Service::start(&[]).await;
    let (relay, unasked) = (Relay::start(service.address).await, Relay::start(other.address).await);
    let listed = Listed::new(&relay.url());
    let mut stage = listed.stage();
    stage.until_ready(1).await;
    let host = stage.status().host;
    let stays = |stage: &Stage, reason: &str| {
        let status = stage.status();
        assert_eq!(
            (status.state, &status.host, status.connects),
            (SpeechState::Ready, &host, 1)
        );
        status.reason.is_some_and(|told| told.contains(reason))
    };
    for (list, reason) in [
        ("ws://127.0.0.1:9", "127.0.0.1:9: "),
        (" \n", "SPEECH_URL_FILE: empty"),
        ("ws://127.0.0.1:9\nhttp://me:hunter2@h", "number 2 is not a ws://"),
    ] {
        listed.say(list);
        stage.until(reason, |stage| stays(stage, reason)).await;
    }
    std::fs::remove_file(listed.file()).unwrap();
    stage
        .until("that it is gone", |stage| stays(stage, "No such file"))
        .await;
    assert_eq!(relay.accepted(), 1);

    // Listed again, if not as the first.
    listed.say(&format!("{},{}", unasked.url(), relay.url()));
    stage
        .until("all is well", |stage| {
            stays(stage, "");
            stage.status().reason.is_none()
        })
        .await;
    stage.pieces(0, 10).await;
    stage.cancel.cancel();
    stage.until("the client ends", Stage::is_over).await;
    assert_eq!(
        (relay.accepted(), unasked.accepted(), stage.story.ready.len()),
        (1, 0, 1)
    );
}
