//! `POST /v1/dub?source=en&target=es`: a WAV in, a WAV out, to try an engine by hand.
//!
//! The answer is as long as the source or longer: each dub begins where its utterance began, or after the previous dub. What was
//! said stands in the headers `x-dragoman-text` (dubbed) and `x-dragoman-source-text` (recognised): UTF-8, percent-encoded, an
//! utterance a line. `voice` is optional.

use std::collections::BTreeMap;
use std::io::Cursor;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::body::Bytes;
use axum::extract::rejection::{BytesRejection, QueryRejection};
use axum::extract::{FromRequest as _, Query, Request, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use dragoman_protocol::{Outcome, TargetId, UtteranceId, code};
use dragoman_service::http::ApiError;
use serde::Deserialize;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::engine::{Arrival, Engine, Event, Job, JobTarget, Readiness, Sink};
use crate::listen::{Heading, Heard, Listener, cut};
use crate::resample::{Unsupported, resample};
use crate::server::{self, Service};
use crate::wav;

/// Largest body: the longest sound at 48 kHz, stereo, 24 bits, and some more.
pub(crate) const MAX_BYTES: usize = 20 * 1024 * 1024;
/// Longest sound.
const MAX_SECONDS: usize = 60;
/// How long the engine may take for all of it.
const PATIENCE: Duration = Duration::from_secs(120);
/// Silence before the sound, so that voice in its first moment stands out from something.
const LEAD_IN: usize = 4_800;

/// An utterance and its sound.
type Phrase = (Heading, Arc<[i16]>);

/// The query.
#[derive(Debug, Deserialize)]
pub(crate) struct Ask {
    #[serde(default = "auto")]
    source: String,
    target: String,
    voice: Option<String>,
}

fn auto() -> String {
    "auto".into()
}

pub(crate) async fn dub(
    State(service): State<Arc<Service>>,
    ask: Result<Query<Ask>, QueryRejection>,
    request: Request,
) -> Response {
    if service.engine.state() != Readiness::Ready {
        return ApiError::unavailable("not_ready", "the engine is not ready; /readyz says why").into_response();
    }
    let _permit = match service.room() {
        Ok(permit) => permit,
        Err(why) => return server::refuse(&service, server::busy(&why)),
    };
    // Only now: as many bodies are kept as there are sessions.
    let body = Bytes::from_request(request, &()).await;
    match work(&service, ask, body).await {
        Ok(response) => response,
        Err(error) => {
            service.metrics.refused(error.code);
            error.into_response()
        }
    }
}

async fn work(
    service: &Service,
    ask: Result<Query<Ask>, QueryRejection>,
    body: Result<Bytes, BytesRejection>,
) -> Result<Response, ApiError> {
    let Query(ask) = ask.map_err(|rejection| ApiError::bad_request("bad_query", rejection.body_text()))?;
    let body = body.map_err(|rejection| match rejection.status() {
        StatusCode::PAYLOAD_TOO_LARGE => too_large(format!("at most {MAX_BYTES} bytes are taken")),
        status => ApiError::new(status, "bad_body", rejection.body_text()),
    })?;
    let supported = service.engine.supports(&ask.source, &ask.target, ask.voice.as_deref());
    supported.map_err(|error| ApiError::bad_request(error.code(), error.to_string()))?;
    let engine = Arc::clone(&service.engine);
    let utterances = tokio::task::spawn_blocking(move || listen(&body, engine.as_ref()))
        .await
        .map_err(|_panic| ApiError::internal("the sound could not be read"))??;
    let (sender, mut events) = Sink::channel();
    for (n, (_, pcm)) in utterances.iter().enumerate() {
        let job = job(&ask, UtteranceId(n as u32 + 1), Arc::clone(pcm), &sender);
        service
            .engine
            .submit(job)
            .map_err(|full| ApiError::busy(code::OVERLOADED, full.to_string()))?;
    }
    drop(sender);
    let parts = tokio::time::timeout(PATIENCE, collect(&mut events))
        .await
        .map_err(|_elapsed| ApiError::unavailable(code::ENGINE_FAILED, "the engine did not answer"))?;
    if let Some(code) = parts.values().find_map(|part| part.failed) {
        return Err(ApiError::unavailable(code, "the engine failed"));
    }
    answer(service.engine.about().dub_rate, &utterances, &parts)
}

fn job(ask: &Ask, utterance: UtteranceId, pcm: Arc<[i16]>, sender: &mpsc::Sender<Arrival>) -> Job {
    let cancel = CancellationToken::new();
    let target = JobTarget {
        id: TargetId(0),
        lang: ask.target.clone(),
        voice: ask.voice.clone(),
        cancel,
    };
    Job {
        stream: String::new(),
        utterance,
        pcm,
        source: ask.source.clone(),
        targets: vec![target],
        start_by: Instant::now() + PATIENCE,
        sink: Sink::new(utterance, sender.clone()),
    }
}

fn listen(body: &[u8], engine: &dyn Engine) -> Result<Vec<Phrase>, ApiError> {
    let wav = wav::read(body, MAX_SECONDS).map_err(|error| match error {
        wav::WavError::Long => too_large(error.to_string()),
        wav::WavError::Bad(_) => ApiError::bad_request("bad_wav", error.to_string()),
    })?;
    let bad_rate = |error: Unsupported| ApiError::bad_request("bad_wav", error.to_string());
    let samples = resample(&wav.samples, wav.rate, cut::RATE).map_err(bad_rate)?;
    let mut listener = Listener::new(cut::RATE, i64::MIN / 4, engine.cuts()).map_err(bad_rate)?;
    let mut heard = Vec::new();
    listener.push(
        -(LEAD_IN as i64) * 1_000_000_000 / i64::from(cut::RATE),
        true,
        &[0; LEAD_IN],
        &mut heard,
    );
    listener.push(0, false, &samples, &mut heard);
    listener.finish(&mut heard);
    Ok(heard
        .into_iter()
        .filter_map(|heard| match heard {
            Heard::Utterance(heading, pcm) => Some((heading, pcm)),
            Heard::Activity { .. } => None,
        })
        .collect())
}

#[derive(Default)]
struct Part {
    text: String,
    source_text: String,
    samples: Vec<i16>,
    failed: Option<&'static str>,
}

async fn collect(events: &mut mpsc::Receiver<Arrival>) -> BTreeMap<UtteranceId, Part> {
    let mut parts: BTreeMap<UtteranceId, Part> = BTreeMap::new();
    while let Some((utterance, event)) = events.recv().await {
        let part = parts.entry(utterance).or_default();
        match event {
            Event::Recognised { text, .. } => part.source_text = text,
            Event::Text { text, .. } => part.text = text,
            Event::Audio { pcm, .. } => part.samples.extend(pcm.iter()),
            Event::End {
                outcome: Outcome::Failed,
                code,
                ..
            } => part.failed = Some(code.unwrap_or(code::ENGINE_FAILED)),
            Event::End { .. } => {}
        }
    }
    parts
}

fn answer(rate: u32, utterances: &[Phrase], parts: &BTreeMap<UtteranceId, Part>) -> Result<Response, ApiError> {
    let mut out: Vec<i16> = Vec::new();
    for (n, (heading, _)) in utterances.iter().enumerate() {
        let Some(part) = parts.get(&UtteranceId(n as u32 + 1)) else {
            continue;
        };
        let start = i128::from(heading.start_ns.max(0)) * i128::from(rate) / 1_000_000_000;
        out.resize(out.len().max(start as usize), 0);
        out.extend_from_slice(&part.samples);
    }
    let lines = |text: fn(&Part) -> &str| {
        let lines: Vec<&str> = parts.values().map(text).filter(|text| !text.is_empty()).collect();
        HeaderValue::from_str(&percent_encoded(&lines.join("\n"))).unwrap_or(HeaderValue::from_static(""))
    };
    let mut file = Cursor::new(Vec::new());
    wav::write(&mut file, &out, rate).map_err(|_error| ApiError::internal("the answer could not be written"))?;
    let mut response = file.into_inner().into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("audio/wav"));
    headers.insert("x-dragoman-text", lines(|part| &part.text));
    headers.insert("x-dragoman-source-text", lines(|part| &part.source_text));
    Ok(response)
}

fn percent_encoded(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~[] ,;:!?'()".contains(&byte);
    text.bytes()
        .map(|byte| {
            if plain(byte) {
                char::from(byte).to_string()
            } else {
                format!("%{byte:02X}")
            }
        })
        .collect()
}

fn too_large(message: String) -> ApiError {
    ApiError::new(StatusCode::PAYLOAD_TOO_LARGE, code::TOO_LARGE, message)
}
