//! What can be asked by plain HTTP.

use std::io::Cursor;

use dragoman_speech::engine::mock::tone_hz;
use reqwest::StatusCode;
use serde_json::Value;

use crate::client::{Server, purity};
use crate::voice::{silence, voice};

fn wav(samples: &[i16], rate: u32, channels: u16) -> Vec<u8> {
    let spec = hound::WavSpec {
        channels,
        sample_rate: rate,
        bits_per_sample: 16,
        sample_format: hound::SampleFormat::Int,
    };
    let mut file = Cursor::new(Vec::new());
    let mut writer = hound::WavWriter::new(&mut file, spec).unwrap();
    for sample in samples {
        for _ in 0..channels {
            writer.write_sample(*sample).unwrap();
        }
    }
    writer.finalize().unwrap();
    file.into_inner()
}

async fn post(server: &Server, query: &str, body: Vec<u8>) -> reqwest::Response {
    let client = reqwest::Client::new();
    client
        .post(server.url(&format!("/v1/dub{query}")))
        .bearer_auth("k")
        .body(body)
        .send()
        .await
        .unwrap()
}

#[tokio::test]
async fn a_wav_is_dubbed() {
    let server = Server::start(&[("SPEECH_KEY", "k")]).await;
    let speech = [voice(900), silence(600), voice(600)].concat();
    let resampled = dragoman_speech::resample::resample(&speech, 16_000, 44_100).unwrap();
    let stereo = wav(&resampled, 44_100, 2);
    for body in [wav(&speech, 16_000, 1), stereo] {
        let response = post(&server, "?source=en&target=fr", body).await;
        assert_eq!(response.status(), StatusCode::OK);
        assert_eq!(
            response.headers()["x-dragoman-text"],
            "[mock fr] utterance 1%0A[mock fr] utterance 2"
        );
        assert_eq!(
            response.headers()["x-dragoman-source-text"],
            "[mock en] utterance 1%0A[mock en] utterance 2"
        );
        let mut reader = hound::WavReader::new(Cursor::new(response.bytes().await.unwrap())).unwrap();
        assert_eq!((reader.spec().sample_rate, reader.spec().channels), (24_000, 1));
        let samples: Vec<i16> = reader.samples().map(Result::unwrap).collect();
        assert!((2_000..=2_110).contains(&(samples.len() / 24)), "{}", samples.len());
        // The dubs are where the words were, and nothing is between them.
        assert!(purity(&samples[2_400..19_200], tone_hz("fr"), 24_000.0) > 0.95);
        assert!(samples[26_400..33_600].iter().all(|s| *s == 0));
        assert!(purity(&samples[38_400..48_000], tone_hz("fr"), 24_000.0) > 0.95);
    }
}

#[tokio::test]
async fn bad_posts_get_a_code() {
    let server = Server::start(&[("SPEECH_KEY", "k")]).await;
    let good = || wav(&silence(300), 16_000, 1);
    for (query, body, status, code) in [
        ("", good(), 400, "bad_query"),
        ("?target=es", b"not a wav".to_vec(), 400, "bad_wav"),
        ("?target=es", wav(&silence(300), 44_101, 1), 400, "bad_wav"),
        ("?target=auto", good(), 400, "unsupported_pair"),
        ("?target=es&voice=x", good(), 400, "unsupported_voice"),
        ("?target=es", wav(&silence(61_000), 16_000, 1), 413, "too_large"),
        ("?target=es", vec![0; 21 * 1024 * 1024], 413, "too_large"),
    ] {
        let response = post(&server, query, body).await;
        assert_eq!(response.status().as_u16(), status, "{code}");
        assert_eq!(response.json::<Value>().await.unwrap()["code"], code);
    }
    assert_eq!(
        post(&server, "?target=es", good()).await.status(),
        200,
        "silence is dubbed with silence"
    );
    let bare = reqwest::Client::new()
        .post(server.url("/v1/dub?target=es"))
        .body(good())
        .send()
        .await
        .unwrap();
    assert_eq!(bare.status(), 401);
}

#[tokio::test]
async fn a_get_without_websocket_says_what_is_spoken() {
    let server = Server::start(&[]).await;
    let response = reqwest::get(server.url("/v1/dub")).await.unwrap();
    assert!(response.status().is_client_error());
    assert_eq!(response.json::<Value>().await.unwrap()["code"], "not_websocket");
}

#[tokio::test]
async fn the_service_says_what_it_is() {
    let server = Server::start(&[]).await;
    let get = async |path: &str| reqwest::get(server.url(path)).await.unwrap();
    let health: Value = get("/healthz").await.json().await.unwrap();
    assert_eq!(
        (&health["status"], &health["engine"], &health["access"]),
        (&"ok".into(), &"mock".into(), &"open".into())
    );
    let engine: Value = get("/v1/engine").await.json().await.unwrap();
    assert_eq!((&engine["name"], &engine["dub_rate"]), (&"mock".into(), &24_000.into()));
    assert_eq!(engine["models"][0]["licence"], "Apache-2.0");
    assert_eq!(get("/readyz").await.status(), 200);
    let metrics = get("/metrics").await.text().await.unwrap();
    for name in [
        "sessions 0",
        "engine_info{name=\"mock\",device=\"cpu\"} 1",
        "open{listener=\"speech\"} 1",
    ] {
        assert!(metrics.contains(&format!("dragoman_speech_{name}")), "{metrics}");
    }
}

#[tokio::test]
async fn a_key_is_asked_for_everything_but_probes() {
    let server = Server::start(&[("SPEECH_KEY", "k")]).await;
    let get = async |path: &str| reqwest::get(server.url(path)).await.unwrap().status().as_u16();
    assert_eq!((get("/v1/engine").await, get("/v1/dub").await), (401, 401));
    assert_eq!(
        (get("/healthz").await, get("/readyz").await, get("/metrics").await),
        (200, 200, 200)
    );
}
