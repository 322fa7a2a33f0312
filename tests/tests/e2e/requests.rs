//! What the HTTP listeners answer to callers that are wrong, and how fast they answer those that are right.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use dragoman_tests::material::{self, PLAIN};
use dragoman_tests::playing::Publisher;
use dragoman_tests::running::{on_air, shared, start};
use reqwest::StatusCode;
use reqwest::blocking::{Client, Response};
use serde_json::{Value, json};
use xtask::stack::Router;

fn post(url: &str, body: String) -> Result<Response> {
    let request = Client::new()
        .post(url)
        .header("content-type", "application/json")
        .body(body);
    request.send().with_context(|| format!("POST {url}"))
}

#[test]
fn a_malformed_hook_is_refused_with_the_reason() -> Result<()> {
    let stack = shared()?;
    let url = format!("{}/v1/mediamtx/events/ready", stack.media_url());
    let bodies = [
        "{".to_owned(),
        "[]".to_owned(),
        json!({ "query": "" }).to_string(),
        json!({ "path": 7, "query": "", "sourceType": "rtmpConn", "sourceId": "x" }).to_string(),
        json!({ "path": "live/a/in", "query": "", "sourceType": "rtmpConn", "sourceId": "" }).to_string(),
    ];
    for body in bodies {
        let answer = post(&url, body.clone())?;
        ensure!(
            answer.status() == StatusCode::BAD_REQUEST,
            "{body} got {}",
            answer.status()
        );
        let answer: Value = answer.json()?;
        ensure!(
            answer["code"].is_string() && answer["message"].as_str().is_some_and(|text| !text.is_empty()),
            "{answer}"
        );
    }
    let large = json!({ "path": "x".repeat(200_000) }).to_string();
    ensure!(
        post(&url, large)?.status() == StatusCode::PAYLOAD_TOO_LARGE,
        "a body over the limit is refused"
    );
    Ok(())
}

#[test]
fn an_invalid_stream_id_starts_nothing() -> Result<()> {
    let stack = shared()?;
    let url = format!("{}/v1/mediamtx/events/ready", stack.media_url());
    for path in [
        "live/no spaces/in",
        "live/../in",
        "live//in",
        &format!("live/{}/in", "x".repeat(65)),
    ] {
        let body = json!({ "path": path, "query": "", "sourceType": "rtmpConn", "sourceId": "1" }).to_string();
        let status = post(&url, body)?.status();
        ensure!(
            status.is_success() || status == StatusCode::BAD_REQUEST,
            "{path} got {status}"
        );
    }
    let streams: Value = Client::new()
        .get(format!("{}/v1/streams", stack.media_url()))
        .send()?
        .json()?;
    let ids: Vec<&str> = streams["streams"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|one| one["id"].as_str())
        .collect();
    ensure!(
        ids.iter()
            .all(|id| id.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_')),
        "{ids:?}"
    );
    Ok(())
}

#[test]
fn an_unknown_stream_is_not_found() -> Result<()> {
    let stack = shared()?;
    let client = Client::new();
    let url = format!("{}/v1/streams/nobody", stack.media_url());
    ensure!(client.get(&url).send()?.status() == StatusCode::NOT_FOUND, "GET");
    ensure!(
        client.delete(format!("{url}/worker")).send()?.status() == StatusCode::NOT_FOUND,
        "DELETE worker"
    );
    let switched = client
        .put(format!("{url}/dub"))
        .json(&json!({ "enabled": false }))
        .send()?;
    ensure!(switched.status() == StatusCode::NOT_FOUND, "PUT dub");
    Ok(())
}

#[test]
fn with_a_key_only_its_holder_is_served() -> Result<()> {
    const KEY: &str = "a-key-for-the-media-service";
    let stack = start(
        Router::Own,
        &[("MEDIA_API_KEY", KEY)],
        &[("SPEECH_KEY", "a-key-for-the-speech-service")],
    )?;
    let client = Client::new();
    let streams = format!("{}/v1/streams", stack.media_url());
    let hook = format!("{}/v1/mediamtx/events/ready", stack.media_url());
    ensure!(
        client.get(&streams).send()?.status() == StatusCode::UNAUTHORIZED,
        "no key"
    );
    ensure!(
        client.get(&streams).bearer_auth("another").send()?.status() == StatusCode::UNAUTHORIZED,
        "a wrong key"
    );
    ensure!(
        client.get(&streams).bearer_auth(KEY).send()?.status() == StatusCode::OK,
        "the key"
    );
    ensure!(
        post(&hook, "{}".to_owned())?.status() == StatusCode::UNAUTHORIZED,
        "a hook without key"
    );
    ensure!(
        client.get(format!("{}/healthz", stack.media_url())).send()?.status() == StatusCode::OK,
        "health needs no key"
    );
    let capacity = client.get(format!("{}/capacity", stack.media_url())).send()?;
    ensure!(capacity.status() == StatusCode::OK, "the capacity needs no key");
    let drain = format!("{}/v1/drain", stack.media_url());
    for request in [client.post(&drain), client.delete(&drain)] {
        ensure!(
            request.send()?.status() == StatusCode::UNAUTHORIZED,
            "drain without key"
        );
    }
    let dub = format!("{}/v1/dub", stack.speech_url());
    ensure!(
        client.post(&dub).body("x").send()?.status() == StatusCode::UNAUTHORIZED,
        "speech without key"
    );

    // The router's hook and the worker's speech client have their keys.
    let _publisher = Publisher::ffmpeg(&material::file(&PLAIN)?, &stack.rtmp_url("live/keyed/in"))?;
    let stream = on_air(&stack, "keyed")?;
    ensure!(
        stream["speech"]["state"] == "ready" || stream["speech"]["state"] == "connecting",
        "{stream}"
    );
    let log = std::fs::read_to_string(stack.dir().join("media.log")).context("media has a log")?;
    ensure!(
        !log.contains(KEY) && !log.contains("a-key-for-the-speech"),
        "a key is in the log"
    );
    Ok(())
}

#[test]
fn health_endpoints_answer_at_once_and_name_the_engine() -> Result<()> {
    let stack = shared()?;
    let client = Client::new();
    for service in [stack.media_url(), stack.speech_url()] {
        let mut times = Vec::new();
        for _ in 0..21 {
            let started = Instant::now();
            let answer = client.get(format!("{service}/healthz")).send()?;
            times.push(started.elapsed());
            ensure!(answer.status() == StatusCode::OK, "{service}: {}", answer.status());
        }
        times.sort_unstable();
        ensure!(
            times[times.len() / 2] < Duration::from_millis(100),
            "{service} answers slowly: {times:?}"
        );
        let health: Value = client.get(format!("{service}/healthz")).send()?.json()?;
        ensure!(
            health["mode"] == "cpu" && health["access"] == "open",
            "{service} does not say how it runs: {health}"
        );
        let metrics = client.get(format!("{service}/metrics")).send()?.text()?;
        ensure!(metrics.contains("dragoman_"), "{service} has no metrics: {metrics}");
    }
    let health: Value = client.get(format!("{}/healthz", stack.speech_url())).send()?.json()?;
    ensure!(
        health.to_string().contains("mock"),
        "the engine that runs is named: {health}"
    );
    for name in ["media", "speech"] {
        let log = std::fs::read_to_string(stack.dir().join(format!("{name}.log"))).context("it has a log")?;
        ensure!(
            log.lines()
                .any(|line| line.contains("mode=\"cpu\"") && line.contains("access=\"open\"")),
            "{name} does not log how it runs:\n{log}"
        );
    }
    Ok(())
}
