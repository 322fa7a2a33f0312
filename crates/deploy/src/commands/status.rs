//! `status`: what runs, whether it is what was released, where to publish and to watch.

use std::io::Read;
use std::time::Duration;

use anyhow::{Context, Result};
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::{Deploying, Stored};
use crate::aws::{self, Aws, HostState, Release, Stack};
use crate::registry::hex;
use crate::secrets::NAMES;

const TIMEOUT: Duration = Duration::from_secs(5);
/// Of an answer of ours.
const MAX_BODY: u64 = 4 << 20;

impl Deploying {
    /// `status`.
    pub(crate) fn status(&self) -> Result<()> {
        let aws = self.aws()?;
        let stack = aws.stack(self.name())?;
        self.show(&aws, stack.as_ref())
    }

    /// The same, after another command.
    pub(super) fn show(&self, aws: &Aws, stack: Option<&Stack>) -> Result<()> {
        let stored = self.stored(aws)?;
        match stack {
            None => println!("streams: there is no stack {} in {}", self.name(), aws.region()),
            Some(stack) => self.show_streams(stack, &stored)?,
        }
        for state in self.gpu_states()? {
            let host = &state.host;
            println!(
                "speech: {} {} in {}, {}",
                state.name, host.gpu, host.data_center, state.status
            );
            println!("  image {}", host.image);
            match (&state.health, &state.problem) {
                (_, Some(problem)) => println!("  {problem}"),
                (Some(health), None) => println!(
                    "  engine {} on {}, {} of {} sessions",
                    health.engine, health.device, health.sessions, health.max_sessions
                ),
                (None, None) => println!("  it does not answer"),
            }
        }
        for url in stored.get("speech").map(String::as_str).unwrap_or_default().lines() {
            println!("speech host in use: {url}{}", engine_at(url));
        }
        Ok(())
    }

    fn show_streams(&self, stack: &Stack, stored: &Stored) -> Result<()> {
        let output = |name: &str| stack.outputs.get(name).map(String::as_str).unwrap_or("?");
        println!(
            "streams: {} at {}, stack {}",
            output("Instance"),
            output("Address"),
            stack.status
        );
        let release = stored.get("release").map(|json| Release::parse(json)).transpose()?;
        let state = stored.get("state").map(|json| HostState::parse(json)).transpose()?;
        match (&release, &state) {
            (Some(release), Some(state)) => differences(release, state, stored)
                .iter()
                .for_each(|line| println!("  {line}")),
            _ => println!("  the host has not said anything yet"),
        }
        let (rtmp, watch) = match &self.wanted.streams.domain {
            Some(domain) => (format!("rtmps://{domain}:1936"), format!("https://{domain}")),
            None => (
                format!("rtmp://{}:1935", output("Address")),
                format!("http://{}:8888", output("Address")),
            ),
        };
        println!("  publish {rtmp}/live/<id>/in?user=publisher&pass=<publisher_pass>");
        println!("  watch   {watch}/live/<id>/out/ (user viewer, pass <viewer_pass>)");
        println!(
            "  keys    aws ssm get-parameter --region {} --with-decryption --query Parameter.Value --output text --name {}/secrets/\
             publisher_pass",
            self.wanted.streams.region,
            aws::prefix(self.name())
        );
        match self.streams(stored) {
            Ok(streams) => streams.iter().for_each(|stream| println!("  {}", stream_line(stream))),
            Err(why) => println!("  streams one by one: {why:#}"),
        }
        Ok(())
    }

    /// The ids of what is on air.
    pub(super) fn on_air(&self, stored: &Stored) -> Result<Vec<String>> {
        let ids = self.streams(stored)?;
        let is_on = |stream: &&Value| !matches!(stream["state"].as_str(), Some("ended" | "refused") | None);
        Ok(ids
            .iter()
            .filter(is_on)
            .filter_map(|stream| stream["id"].as_str().map(str::to_owned))
            .collect())
    }

    fn streams(&self, stored: &Stored) -> Result<Vec<Value>> {
        let domain = self
            .wanted
            .streams
            .domain
            .as_deref()
            .context("only with a domain, since the API is not open without TLS")?;
        let key = stored
            .get("secrets/media_api_key")
            .context("there is no media_api_key")?;
        let answer = get(&format!("https://{domain}/v1/streams"), Some(key))?;
        Ok(answer["streams"].as_array().cloned().unwrap_or_default())
    }
}

/// How the host differs from what was released.
fn differences(release: &Release, state: &HostState, stored: &Stored) -> Vec<String> {
    let mut lines = Vec::new();
    let health = if state.healthy { "healthy" } else { "NOT healthy" };
    match state.release.as_deref() {
        Some(id) if id == release.id => lines.push(format!("release {id} runs, {health}, said at {}", state.at)),
        other => lines.push(format!(
            "release {} is wanted, {} runs, {health}, said at {}",
            release.id,
            other.unwrap_or("none"),
            state.at
        )),
    }
    for (service, image) in &release.images {
        match state.images.get(service).filter(|running| !running.is_empty()) {
            Some(running) if running == image => lines.push(format!("{service} {}", digest(image))),
            Some(running) => lines.push(format!(
                "{service} {} runs, {} is wanted",
                digest(running),
                digest(image)
            )),
            None => lines.push(format!("{service} does not run")),
        }
    }
    let waits = |(name, _): &&(&str, &str)| {
        let wanted = stored
            .get(&format!("secrets/{name}"))
            .map(|key| hex(&Sha256::digest(key))[..12].to_owned());
        wanted.is_some() && state.secrets.get(*name) != wanted.as_ref()
    };
    for (name, _) in NAMES.iter().filter(waits) {
        lines.push(format!("the new {name} is not in use yet"));
    }
    if let Some(capacity) = &state.capacity {
        lines.push(format!("places: {} of {} in use", capacity["used"], capacity["slots"]));
    }
    lines.extend(state.waiting.iter().map(|what| format!("waits {what}")));
    lines.extend(state.problem.iter().map(|what| format!("problem: {what}")));
    lines
}

fn digest(image: &str) -> &str {
    image.split_once('@').map_or(image, |(_, digest)| digest)
}

fn stream_line(stream: &Value) -> String {
    let text = |pointer: &str| {
        stream
            .pointer(pointer)
            .and_then(Value::as_str)
            .unwrap_or("?")
            .to_owned()
    };
    let lag = stream
        .pointer("/dub/lag_ms/p95")
        .map_or(String::new(), |lag| format!(", dub lag p95 {lag} ms"));
    format!(
        "stream {}: {}, engine {}{lag}",
        text("/id"),
        text("/state"),
        text("/engine")
    )
}

/// What a speech host says of itself, for anybody.
fn engine_at(url: &str) -> String {
    let url = format!("{}/healthz", url.trim_end_matches('/').replacen("ws", "http", 1));
    match get(&url, None) {
        Ok(answer) => format!(
            ", engine {}, {}",
            answer["engine"].as_str().unwrap_or("?"),
            answer["status"].as_str().unwrap_or("?")
        ),
        Err(error) => format!(", which does not answer ({error:#})"),
    }
}

fn get(url: &str, key: Option<&str>) -> Result<Value> {
    let agent = ureq::Agent::config_builder()
        .timeout_global(Some(TIMEOUT))
        .build()
        .new_agent();
    let mut request = agent.get(url);
    if let Some(key) = key {
        request = request.header("authorization", format!("Bearer {key}"));
    }
    let mut text = String::new();
    request
        .call()?
        .into_body()
        .into_reader()
        .take(MAX_BODY)
        .read_to_string(&mut text)?;
    serde_json::from_str(&text).context("the answer is no JSON")
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[test]
    fn what_differs_is_said() {
        let image = |digit: &str| format!("r/media@sha256:{}", digit.repeat(64));
        let images = [("media".to_owned(), image("a")), ("mediamtx".to_owned(), image("b"))];
        let release = Release::new(images.into(), BTreeMap::new(), None, false).unwrap();
        let state = format!(
            r#"{{"release": "old", "images": {{"media": "{}", "mediamtx": "{}"}}, "healthy": true, "waiting": "for 2",
                "capacity": {{"slots": 8, "used": 1.5}}, "secrets": {{"speech_key": "no"}}, "at": "now"}}"#,
            image("a"),
            image("c")
        );
        let stored = [("secrets/speech_key".to_owned(), "key".to_owned())].into();
        let text = differences(&release, &HostState::parse(&state).unwrap(), &stored).join("\n");
        for says in [
            &format!("release {} is wanted, old runs, healthy", release.id),
            &format!("media sha256:{}", "a".repeat(64)),
            &format!(
                "mediamtx sha256:{} runs, sha256:{} is wanted",
                "c".repeat(64),
                "b".repeat(64)
            ),
            "the new speech_key is not in use yet",
            "places: 1.5 of 8 in use",
            "waits for 2",
        ] {
            assert!(text.contains(says), "{says}\n{text}");
        }
    }
}
