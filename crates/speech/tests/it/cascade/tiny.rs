//! The built-in models through the whole service: the fixtures' tiny ones, whose weights are random. What they say is babble, but
//! it goes the whole way.

use std::fs;
use std::path::{Path, PathBuf};

use dragoman_protocol::*;
use serde_json::Value;

use super::service::{get, ready, speech};
use crate::client::{Server, Story, start};

fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../models/fixtures")
}

/// A directory as a site without a hub would have it.
fn voices(dir: &Path) -> PathBuf {
    let dir = dir.join("pocket");
    fs::create_dir_all(dir.join("embeddings")).unwrap();
    let from = fixtures().join("pocket");
    for (file, to) in [
        ("a/model.safetensors", "model.safetensors"),
        ("a/config.json", "config.json"),
        ("tokenizer.json", "tokenizer.json"),
        ("a/voices/new.safetensors", "embeddings/ana.safetensors"),
        ("a/voices/old.safetensors", "embeddings/eva.safetensors"),
    ] {
        fs::copy(from.join(file), dir.join(to)).unwrap();
    }
    dir
}

/// The service with these recogniser and voices.
async fn serve(asr: &str, tts: &Path) -> Server {
    let marian = fixtures().join("marian/base");
    Server::start(&[
        ("SPEECH_ENGINE", "cascade"),
        ("SPEECH_DEVICE", "cpu"),
        ("SPEECH_ASR", asr),
        ("SPEECH_MT", marian.to_str().unwrap()),
        ("SPEECH_TTS", tts.to_str().unwrap()),
        ("HF_HOME", "/nowhere"),
    ])
    .await
}

async fn session(server: &Server, voice: Option<&str>) -> Story {
    let mut start = start(&["es"]);
    start.targets[0].voice = voice.map(str::to_owned);
    let mut client = server.client(&start).await;
    client.ready().await;
    client.send(&speech(), 0, 320).await;
    client.end().await;
    client.take_all().await
}

#[tokio::test]
async fn every_stage_is_a_model() {
    let dir = tempfile::tempdir().unwrap();
    let whisper = fixtures().join("whisper");
    let server = serve(whisper.to_str().unwrap(), &voices(dir.path())).await;
    ready(&server).await;
    let (_, about) = get(&server, "/v1/engine").await;
    let about: Value = serde_json::from_str(&about).unwrap();
    let stages: Vec<&str> = about["models"]
        .as_array()
        .unwrap()
        .iter()
        .map(|m| m["stage"].as_str().unwrap())
        .collect();
    assert_eq!((stages, &about["device"]), (vec!["asr", "mt", "tts"], &"cpu".into()));
    assert_eq!(about["models"][2]["voices"][0]["name"], "ana");

    let story = session(&server, None).await;
    assert_eq!(story.closed.as_ref().map(|closed| closed.0), Some(1000), "{story:?}");
    assert_eq!((story.utterances.len(), story.ends.len()), (3, 3));
    for end in story.ends.values() {
        // Random weights may write nothing that a filter believes.
        assert!(matches!(end.outcome, Outcome::Done | Outcome::Empty), "{end:?}");
    }
}

#[tokio::test]
async fn words_become_speech_by_models() {
    let dir = tempfile::tempdir().unwrap();
    let script = dir.path().join("hear.sh");
    fs::write(&script, "cat >/dev/null; echo the harbour and the railway").unwrap();
    let server = serve(&format!("command:sh {}", script.display()), &voices(dir.path())).await;
    ready(&server).await;
    let story = session(&server, Some("eva")).await;
    assert_eq!(story.closed.as_ref().map(|closed| closed.0), Some(1000), "{story:?}");
    assert_eq!(story.ends.len(), 3);
    for (dub, end) in &story.ends {
        assert_eq!(end.outcome, Outcome::Done, "{end:?}");
        assert!(!story.dubs[dub].text.is_empty() && story.dubs[dub].estimate_ms > 0);
        let pcm = &story.pcm[dub];
        // Whole pieces of 80 ms, of a voice that is not silent.
        assert!(pcm.len() >= 1_920 && pcm.len().is_multiple_of(1_920), "{}", pcm.len());
        assert!(pcm.iter().any(|sample| sample.abs() > 8));
    }
    let other = server
        .client(&Start {
            targets: vec![Target {
                id: TargetId(0),
                lang: "es".into(),
                voice: Some("nobody".into()),
            }],
            ..start(&["es"])
        })
        .await
        .take_all()
        .await;
    assert_eq!(other.errors[0].code, "unsupported_voice");
    assert!(other.errors[0].message.contains("ana, eva"), "{:?}", other.errors);
}

#[tokio::test]
async fn a_missing_model_is_named_with_the_command_that_gets_it() {
    let dir = tempfile::tempdir().unwrap();
    let home = dir.path().join("hub-home");
    let server = Server::start(&[
        ("SPEECH_ENGINE", "cascade"),
        ("SPEECH_DEVICE", "cpu"),
        ("SPEECH_PAIRS", "en-es,en-fr"),
        ("HF_HOME", home.to_str().unwrap()),
    ])
    .await;
    let problem = tokio::time::timeout(crate::client::DEADLINE, async {
        loop {
            let (status, body) = get(&server, "/readyz").await;
            let body: Value = serde_json::from_str(&body).unwrap();
            if body["status"] == "failed" {
                assert_eq!(status, 503);
                break body["problem"].as_str().unwrap().to_owned();
            }
        }
    });
    let problem = problem.await.expect("the problem is said");
    for model in [
        "whisper-base",
        "opus-mt-en-es",
        "opus-mt-en-fr",
        "pocket-spanish",
        "pocket-french",
    ] {
        assert!(
            problem.contains(&format!("dragoman-speech models fetch {model}")),
            "{model}: {problem}"
        );
    }
    assert_eq!(get(&server, "/healthz").await.0, 200, "the process is well");
    assert!(!home.exists(), "nothing was fetched");
}

#[tokio::test]
async fn a_model_of_another_kind_is_refused_by_name() {
    let dir = tempfile::tempdir().unwrap();
    let wrong = fixtures().join("t5");
    let server = serve(wrong.to_str().unwrap(), &voices(dir.path())).await;
    let (mut status, mut body) = (0, String::new());
    while !body.contains("failed") {
        (status, body) = get(&server, "/readyz").await;
    }
    assert_eq!(status, 503);
    assert!(body.contains("asr:") && body.contains("fixtures/t5"), "{body}");
}
